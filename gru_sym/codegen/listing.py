"""Source text that a notebook shows as code."""

from __future__ import annotations

import ast
import textwrap
from typing import ClassVar


class Listing(str):
    r"""Python source: a string that displays with its syntax highlighted.

    >>> text = Listing("def f(x):\n    for t in x:\n        print(t)\n\n    return x\n")
    >>> print(text.function("f").loop())
    for t in x:
        print(t)
    """

    __slots__ = ()
    language: ClassVar[str] = "python"

    def function(self, name: str) -> Listing:
        """One function of a module, as written."""
        for node in ast.parse(self).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return self._lines(node)
        raise ValueError(f"this source has no function {name!r}")

    def loop(self) -> Listing:
        """The first loop over time, as written."""
        loops = (node for node in ast.walk(ast.parse(self)) if isinstance(node, ast.For))
        return self._lines(next(loops))

    def _lines(self, node: ast.stmt) -> Listing:
        lines = self.splitlines()[node.lineno - 1 : node.end_lineno]
        return Listing(textwrap.dedent("\n".join(lines)))

    def _repr_markdown_(self) -> str:
        return f"```{self.language}\n{self.rstrip()}\n```"


class Script(Listing):
    """JavaScript source, one function at the end of it."""

    __slots__ = ()
    language: ClassVar[str] = "javascript"

    def function(self, name: str) -> Listing:
        """One function of a module, as written."""
        head = f"export function {name}("
        if head not in self:
            raise ValueError(f"this source has no function {name!r}")
        return Script(head + self.split(head, 1)[1].split("\n}", 1)[0] + "\n}")
