"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

from gru_sym import catalogue
from gru_sym.__main__ import main

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def test_the_python_examples():
    result = doctest.testfile(str(README), module_relative=False)
    assert result.attempted >= 5 and result.failed == 0


def test_the_commands(capsys, tmp_path, monkeypatch):
    (tmp_path / "my.cell").write_text("h' = tanh(A @ (B @ x))\n")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ python -m gru_sym (.*)$", README.read_text(encoding="utf-8"), re.M)
    assert len(commands) >= 4
    for command in commands:
        assert main(shlex.split(command)) == 0, command
    assert "296448" in capsys.readouterr().out


def test_the_cell_of_the_readme_is_the_one_of_the_catalogue():
    equations = [line for line in catalogue["gru.pytorch"].text.splitlines() if "=" in line]
    assert "\n".join(equations) in README.read_text(encoding="utf-8")


def test_what_it_links_to_exists():
    targets = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert targets and all((ROOT / target).exists() for target in targets)
