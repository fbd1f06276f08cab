"""The cell language read a second time, with Python's `ast` and nothing of gru_sym.

Only well-formed texts reach this reader: what a text may be is the business of gru_sym, which
has accepted it before. What a text means is read here anew.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

NEXT = "__next"
"""What a prime becomes, so that Python can read the name."""


@dataclass(frozen=True)
class Line:
    """One equation: the name on the left, whether it is primed, and the tree on the right."""

    name: str
    primed: bool
    tree: ast.expr


@dataclass(frozen=True)
class Text:
    """A cell text: its equations in order, and the declared sizes as they are written."""

    lines: tuple[Line, ...]
    declared: dict[str, str]

    @property
    def states(self) -> tuple[str, ...]:
        """The names with a primed equation."""
        return tuple(line.name for line in self.lines if line.primed)

    @property
    def functions(self) -> set[str]:
        """The names of the functions that are called."""
        calls = (n for line in self.lines for n in ast.walk(line.tree) if isinstance(n, ast.Call))
        return {call.func.id for call in calls if isinstance(call.func, ast.Name)}

    @property
    def given(self) -> tuple[str, ...]:
        """What is read but never computed: parameters and the input, in order of appearance."""
        computed = {line.name for line in self.lines}
        names: dict[str, None] = {}
        for line in self.lines:
            called = {id(n.func) for n in ast.walk(line.tree) if isinstance(n, ast.Call)}
            for node in ast.walk(line.tree):
                if isinstance(node, ast.Name) and id(node) not in called:
                    names[node.id.removesuffix(NEXT)] = None
        return tuple(name for name in names if name not in computed)


def read(text: str) -> Text:
    r"""Read a cell text.

    >>> read("h' = tanh(W @ x + s * h)  # one\ns: 1").given
    ('s', 'W', 'x')
    """
    lines, declared = [], {}
    for raw in text.splitlines():
        code = raw.split("#")[0].strip()
        if "=" in code:
            left, right = code.split("=")
            name = left.strip()
            tree = ast.parse(right.strip().replace("'", NEXT), mode="eval").body
            lines.append(Line(name.removesuffix("'"), name.endswith("'"), tree))
        elif code:
            name, size = code.split(":")
            declared[name.strip()] = size.strip()
    return Text(tuple(lines), declared)
