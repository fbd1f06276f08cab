"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import numpy as np

from gru_sym import catalogue
from gru_sym.__main__ import main
from gru_sym.conversion.files import Tensors, write
from gru_sym.libraries.layout import layout

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def test_the_python_examples():
    result = doctest.testfile(str(README), module_relative=False)
    assert result.attempted >= 5 and result.failed == 0


def test_the_commands(capsys, tmp_path, monkeypatch):
    (tmp_path / "my.cell").write_text("h' = tanh(A @ (B @ x))\n")
    shapes = layout("pytorch").tensors("GRU", m=3, n=4)
    model = {f"encoder.gru.{name}": np.ones(shape) for name, shape in shapes.items()}
    write(tmp_path / "model.safetensors", Tensors(model))
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ python -m gru_sym (.*)$", README.read_text(encoding="utf-8"), re.M)
    assert len(commands) >= 4
    for command in commands:
        assert main(shlex.split(command, comments=True)) == 0, command
    assert "296448" in capsys.readouterr().out


def test_the_cell_of_the_readme_is_the_one_of_the_catalogue():
    equations = [line for line in catalogue["gru.pytorch"].text.splitlines() if "=" in line]
    assert "\n".join(equations) in README.read_text(encoding="utf-8")


def test_what_it_links_to_exists():
    targets = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert targets and all((ROOT / target).exists() for target in targets)


def test_how_to_add_something_names_what_there_is():
    """Files, tables in them, make's targets; and its own commands run."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = re.findall(r"(?:gru_sym|tests|book)/[\w./]+\.(?!ipynb)[a-z]+", text)
    files = [name for name in files if "NAME" not in name and "FAMILY" not in name]
    assert len(files) > 10 and all((ROOT / name).is_file() for name in files)
    tables = re.findall(r"`([A-Z]+)`\s+(?:of|in)\s+`([\w./]+)`", text)
    assert len(tables) >= 6
    for table, name in tables:
        found = re.search(rf"^{table}(:.*)? = ", (ROOT / name).read_text(encoding="utf-8"), re.M)
        assert found, f"{name} has no {table}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:\$ |`)make ([\w-]+)", text))
    assert len(targets) >= 6 and all(f"\n{target}:" in makefile for target in targets)


def test_its_commands(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands = re.findall(r"^ *\$ python -m gru_sym (.*)$", text, re.M)
    assert len(commands) >= 2
    for command in commands:
        assert main(shlex.split(command)) == 0, command
    (code,) = re.findall(r"^ *\$ python -c '(.*)'$", text, re.M)
    exec(compile(code, "CONTRIBUTING.md", "exec"), {})  # noqa: S102
    assert "'kernel': (5, 9)" in capsys.readouterr().out
