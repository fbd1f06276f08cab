"""When the candidate's second bias is idle: conditions on a GRU, each with what it leaves to learn.

The GRU is gru.merged, reset after the product: n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.experiment.jacobian import numerical_rank
from gru_sym.render import Table

RESET = "sigmoid(W_ir @ x + W_hr @ h + b_r)"
AFTER = "W_in @ x + b_in + r * (W_hn @ h + b_hn)"
SIZES = ((1, 2), (2, 1), (2, 3), (3, 4))
"""Sizes (m, n) at which each condition is checked."""


@dataclass(frozen=True)
class Condition:
    """A GRU under a condition, and what we say of it.

    Attributes
    ----------
    when : the condition, in words.
    idle : whether b_hn is idle: fixing it takes nothing away from what the layer can do.
    redundant : how many parameters are redundant in all, a formula in m and n.
    why : one sentence.
    r, candidate : the reset gate and the argument of the candidate's tanh.
    seen : options of `numerical_rank`: the inputs and states the layer is shown.
    """

    when: str
    idle: bool
    redundant: str
    why: str
    r: str = RESET
    candidate: str = AFTER
    seen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cell(self) -> Cell:
        """The GRU under this condition, as equations."""
        equations = [
            f"r = {self.r}",
            "z = sigmoid(W_iz @ x + W_hz @ h + b_z)",
            f"n = tanh({self.candidate})",
            "h' = (1 - z) * n + z * h",
        ]
        used = equations if "r *" in self.candidate or "(r" in self.candidate else equations[1:]
        return Cell("\n".join(used), self.when)

    def check(self, sizes: Sequence[tuple[int, int]] = SIZES) -> float:
        """The smallest gap of the ranks that agree with this condition.

        >>> CONDITIONS[0].check([(2, 3)]) > 1e8
        True

        Raises `ValueError` if a rank does not agree, or has no gap in float64.
        """
        gaps = []
        for m, n in sizes:
            values = {"m": m, "n": n}
            full = numerical_rank(self.cell, values, **self.seen)
            without = numerical_rank(self.cell, values, frozen=["b_hn"], **self.seen)
            found = (full.columns - full.rank, full.rank - without.rank)
            said = (int(sp.sympify(self.redundant).subs(values)), 0 if self.idle else n)
            if found != said:
                raise ValueError(
                    f"{self.when}, m={m}, n={n}: {found[0]} redundant parameters and {found[1]} "
                    f"lost without b_hn, not {said[0]} and {said[1]}"
                )
            gaps += [full.gap, without.gap]
        return min(gaps)


FIRST_STEP = {"start_at_zero": True}

CONDITIONS = (
    Condition("nothing in particular", False, "0", "r varies, and with it the weight of b_hn"),
    Condition(
        "r is 1 at every input", True, "n", "only b_in + b_hn is seen",
        candidate="W_in @ x + b_in + W_hn @ h + b_hn",
    ),
    Condition(
        "r is 0 at every input", True, "n**2 + n", "neither W_hn nor b_hn is seen",
        candidate="W_in @ x + b_in + 0 * (W_hn @ h + b_hn)",
    ),
    Condition(
        "r is a fixed number, here 1/3", True, "n", "only b_in + b_hn/3 is seen",
        candidate="W_in @ x + b_in + 1/3 * (W_hn @ h + b_hn)",
    ),
    Condition(
        "r is learnt, but sees neither x nor h", True, "2*n",
        "r scales the rows of W_hn and b_hn, and only b_in + r b_hn is seen", r="sigmoid(b_r)",
    ),
    Condition(
        "r is a ramp from 0 to 1", False, "0",
        "b_in is seen below the ramp, the sum above it, and what decides r is seen on it",
        r="hard_sigmoid(W_ir @ x + W_hr @ h + b_r)",
    ),
    Condition(
        "W_hn is 0", False, "0", "r still varies", candidate="W_in @ x + b_in + r * b_hn",
    ),
    Condition(
        "W_hn is 0 and r is a fixed number", True, "n", "only b_in + b_hn/3 is seen",
        candidate="W_in @ x + b_in + 1/3 * b_hn",
    ),
    Condition(
        "one step from h = 0", False, "3*n**2",
        "every recurrent kernel is idle, but r varies with x", seen=FIRST_STEP,
    ),
    Condition(
        "one step from h = 0, and r does not see x", True, "3*n**2 + 2*n",
        "r is one number, and only b_in + r b_hn is seen",
        r="sigmoid(W_hr @ h + b_r)", seen=FIRST_STEP,
    ),
    Condition(
        "two steps from h = 0", False, "0", "the second step sees an h that is not 0",
        seen={"start_at_zero": True, "steps": 2},
    ),
    Condition(
        "x is 0 at every step", False, "3*m*n", "the input kernels are idle, but r varies with h",
        seen={"inputs": "zero"},
    ),
    Condition(
        "x is one-hot", False, "3*n",
        "the other three biases are idle: each adds to every column of its input kernel",
        seen={"inputs": "one-hot"},
    ),
    Condition(
        "reset before the product", True, "n", "only b_in + b_hn is seen, whatever r does",
        candidate="W_in @ x + b_in + W_hn @ (r * h) + b_hn",
    ),
)  # fmt: skip
"""The rows of the table."""


def idle_table(conditions: Sequence[Condition] = CONDITIONS) -> Table:
    """The conditions as a table, each checked first.

    >>> print(idle_table(CONDITIONS[:2]))
    when                   b_hn is  redundant in all  why
    nothing in particular  needed   0                 r varies, and with it the weight of b_hn
    r is 1 at every input  idle     n                 only b_in + b_hn is seen

    Raises `ValueError` for a row that is not so.
    """
    for condition in conditions:
        condition.check()
    rows = [
        (c.when, "idle" if c.idle else "needed", sp.sympify(c.redundant), c.why) for c in conditions
    ]
    return Table(("when", "b_hn is", "redundant in all", "why"), rows)
