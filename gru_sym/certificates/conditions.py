"""What sizes must fulfil for a theorem on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp


@dataclass(frozen=True)
class Condition:
    """Of some comparisons, each a larger and a smaller expression in the sizes, one must hold.

    >>> m, n = sp.symbols("m n")
    >>> condition = Condition(((m, sp.Integer(2)), (n, m)))
    >>> print(condition)
    m is at least 2 or m is at most n
    >>> condition.holds({"m": 1, "n": 1}), Condition(((m, sp.Integer(2)),)).holds({"m": 1})
    (True, False)
    """

    comparisons: tuple[tuple[sp.Expr, sp.Expr], ...]

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it holds at these sizes."""
        return any(
            bool(large.subs(sizes) >= small.subs(sizes)) for large, small in self.comparisons
        )

    def __str__(self) -> str:
        return " or ".join(
            f"{large} is at least {small}" if small.is_number else f"{small} is at most {large}"
            for large, small in self.comparisons
        )


def always(difference: sp.Expr) -> bool:
    """Whether a polynomial is seen to be at least 0 at all positive sizes: around 1 no minus.

    >>> m, n = sp.symbols("m n")
    >>> always(4 * m * n - n), always(m - 2)
    (True, False)
    """
    moved = sp.expand(difference.subs({s: s + 1 for s in difference.free_symbols}))
    return all(c >= 0 for c in moved.as_coefficients_dict().values())
