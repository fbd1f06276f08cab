"""How many small mistakes in the package the tests notice.

    python tools/mutate.py --per-room 20 --seed 1
    python tools/mutate.py --rooms language codegen --per-room 60
    python tools/mutate.py --only gru_sym/language/scope.py:31:7:and

A mutant is the package with one small mistake: a comparison, a sign, a constant or a condition
that is another, a statement that is gone. It is noticed if a test of its room fails, or if they
take five times as long. Nothing is written: a process of its own imports the changed module.
A mutant that is the same program is named, with the reason, in `equivalent_mutants.txt`.
"""

from __future__ import annotations

import argparse
import ast
import importlib.machinery
import importlib.util
import io
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "gru_sym"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")
HEAVY = ("numpy", "pytest", "sympy", "torch")
"""Loaded once; what is forked has them."""

TESTS = {
    "language": "language inference cells",
    "normal": "normal functions redundancy certificate hypotheses",
    "certificates": "redundancy certificate hypotheses certified_layers stress",
    "codegen": "codegen javascript generated_pytorch",
    "libraries": "layouts pytorch_library merging",
    "cli": "cli",
    "experiment": "training idle merging claims",
    "the rest": (
        "cells layers render transform equivalence budgets merging catalogue records measure"
    ),
}
"""The tests of a room, those of its doctests aside."""

COMPARED = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
COMPUTED = {ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.FloorDiv: "*", ast.Div: "*"}


@dataclass(frozen=True)
class Mutant:
    """One mistake: the text that stands in the place of other text."""

    path: str
    line: int
    column: int
    start: int
    end: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """How it is called on the command line and in the list of equivalent ones."""
        return f"{self.path}:{self.line}:{self.column}:{self.after}"

    def put_into(self, source: bytes) -> bytes:
        """The file with the mistake."""
        return source[: self.start] + self.after.encode() + source[self.end :]


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mistake that can be made in a file."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(line: int, column: int) -> int:
        return starts[line - 1] + column

    def mutant(first: int, last: int, after: str) -> Mutant:
        line = source.count(b"\n", 0, first) + 1
        name = str(path.relative_to(ROOT))
        before = source[first:last].decode()
        return Mutant(name, line, first - starts[line - 1], first, last, before, after)

    def span(node: ast.expr | ast.stmt) -> tuple[int, int]:
        last = at(node.end_lineno or 0, node.end_col_offset or 0)
        return at(node.lineno, node.col_offset), last

    tree = ast.parse(source)
    silent = {id(n) for node in ast.walk(tree) for n in _without_effect(node)}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                text = f" {COMPARED[type(operator)]} "
                yield mutant(span(left)[1], span(right)[0], text)
            case ast.BoolOp(op=operator, values=[first, *others]):
                text = " or " if isinstance(operator, ast.And) else " and "
                yield mutant(span(first)[1], span(others[0])[0], text)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in COMPUTED:
                between = source[span(left)[1] : span(right)[0]]
                if between.strip().decode() in {"+", "-", "*", "/", "//"}:
                    text = f" {COMPUTED[type(operator)]} "
                    yield mutant(span(left)[1], span(right)[0], text)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield mutant(span(node)[0], span(operand)[0], "")
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                yield mutant(*span(node), str(value + 1))
            case ast.Constant(value=bool(value)):
                yield mutant(*span(node), str(not value))
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
                    first, last = span(test)
                    yield mutant(first, last, f"not ({source[first:last].decode()})")
            case ast.Continue():
                yield mutant(*span(node), "break")
            case ast.Break():
                yield mutant(*span(node), "continue")
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
                yield mutant(*span(node), "pass")


def _without_effect(node: ast.AST) -> Iterator[ast.AST]:
    """What no test could notice: annotations, `if TYPE_CHECKING`, and what an assert says."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Assert():
            yield from ast.walk(node)
        case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=annotation) if annotation:
            yield from ast.walk(annotation)
        case ast.FunctionDef(returns=returns) if returns:
            yield from ast.walk(returns)


def room_of(path: Path) -> str:
    """The room of a file, as TESTS calls it."""
    first = path.relative_to(PACKAGE).parts[0]
    return first if first in TESTS else "the rest"


class _Loader(importlib.machinery.SourceFileLoader):
    """Imports a module with the mistake in it."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.file = ROOT / mutant.path
        parts = Path(mutant.path).with_suffix("").parts
        super().__init__(".".join(parts).removesuffix(".__init__"), str(self.file))

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """As a finder: the one module."""
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.file, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        """The module, compiled with the mistake."""
        source = self.mutant.put_into(self.file.read_bytes())
        return self.source_to_code(source, str(self.file))


def run(room: str, mutant: Mutant | None, limit: float) -> tuple[bool, float]:
    """Whether the tests of a room pass, and their seconds; too long is not passed."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        if mutant:
            sys.meta_path.insert(0, _Loader(mutant))
        signal.alarm(int(limit) + 1)
        os._exit(_pytest(room, mutant))
    _, status = os.waitpid(child, 0)
    return status == 0, time.monotonic() - began


def _pytest(room: str, mutant: Mutant | None) -> int:
    import pytest

    own = [mutant.path] if mutant else [str(PACKAGE)] if room == "the rest" else [f"gru_sym/{room}"]
    files = [f"tests/test_{name}.py" for name in TESTS[room].split()]
    quiet = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--assert=plain"]
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            status = int(pytest.main([*quiet, *own, *files]))
        except BaseException as error:  # the package does not even import
            print(repr(error), file=said)
            status = 1
    if status and mutant is None:
        print(said.getvalue(), file=sys.stderr, flush=True)
    return status


def main() -> int:
    """Sample, run, and print the table; 1 if a rate is below what is promised."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rooms", nargs="+", choices=TESTS, default=list(TESTS))
    parser.add_argument("--per-room", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], help="names of mutants")
    options = parser.parse_args()
    for module in HEAVY:
        __import__(module)
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    lines = EQUIVALENT.read_text("utf-8").splitlines()
    same = {line.split("  ")[0] for line in lines if not line.startswith("#")}
    found = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        found[room_of(path)] += mutants(path)
    noticed, total = 0, 0
    for room in options.rooms:
        chosen = [m for m in found[room] if m.name not in same]
        random.Random(options.seed).shuffle(chosen)  # noqa: S311
        chosen = [m for m in found[room] if m.name in options.only] or chosen[: options.per_room]
        if options.only and not {m.name for m in chosen} & {*options.only}:
            continue
        passed, seconds = run(room, None, 3600)
        if not passed:
            print(f"{room}: its tests fail as they are", file=sys.stderr)
            return 2
        survived = [m for m in chosen if run(room, m, 5 * seconds + 10)[0]]
        noticed, total = noticed + len(chosen) - len(survived), total + len(chosen)
        rate = 1 - len(survived) / len(chosen)
        print(f"{room:14} {len(chosen):4} mutants, {rate:4.0%} noticed", flush=True)
        for m in survived:
            print(f"    {m.name}    {m.before.strip()!r} -> {m.after.strip()!r}", flush=True)
    if total:
        print(f"{'all':14} {total:4} mutants, {noticed / total:4.0%} noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
