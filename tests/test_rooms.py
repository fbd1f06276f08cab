"""The rooms of the package: arrows only downwards, none too large, no name for two things."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import gru_sym

PACKAGE = Path(gru_sym.__file__).parent
ORDER = """
    arithmetic formulas functions language roles latex algebra cells layers tables render lookup
    normal rewriting proved biases transform models certificates figures correspondence
    equivalence codegen operations costs budgets intervals writing records provenance timing
    cudnn experiment libraries explanation conversion measure web cli __main__
""".split()
"""From the ground up: a room imports from rooms before it alone."""


def imports() -> dict[str, set[str]]:
    """What every module imports of the package when it is imported itself."""
    files = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
        for path in PACKAGE.rglob("*.py")
    }
    names = {name.removesuffix(".__init__"): path for name, path in files.items()}
    found = {}
    for name, path in names.items():
        nodes = [
            n for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.ImportFrom)
        ]
        targets = {(n.module or "", alias.name) for n in nodes for alias in n.names}
        found[name] = {f"{m}.{a}" if f"{m}.{a}" in names else m for m, a in targets} & names.keys()
    return found


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def test_arrows_lead_downwards():
    upward = [
        (module, target)
        for module, targets in imports().items()
        for target in targets
        if "gru_sym" not in (module, target)
        and room(module) != room(target)
        and ORDER.index(room(target)) >= ORDER.index(room(module))
    ]
    assert not upward


def test_no_module_imports_itself_by_a_detour():
    assert len(list(TopologicalSorter(imports()).static_order())) >= 100


def test_no_file_is_longer_than_one_sitting():
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert not {path.name: count for path, count in lines.items() if count > 350}


def test_no_room_and_no_function_share_a_name():
    rooms = {path.stem for path in PACKAGE.iterdir()}
    assert not rooms & set(gru_sym.__all__)
