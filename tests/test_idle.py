"""The table of conditions under which a bias is idle, against exact certificates.

A rank in float64 sees the inputs that it draws. Where what decides a gate is seen only at inputs
that it is unlikely to draw, it counts too little; an exact certificate does not.
"""

from __future__ import annotations

import pytest
import sympy as sp

from gru_sym import effective_count
from gru_sym.experiment.idle import CONDITIONS, Condition

EVERY_INPUT = [condition for condition in CONDITIONS if not condition.seen]
STEEP = "hard_sigmoid(1000000 * (W_ir @ x + W_hr @ h + b_r))"


def is_certified(condition: Condition, m: int, n: int) -> bool:
    """Is the number of redundant parameters that the row states the exact one?"""
    found = effective_count(condition.cell, m=m, n=n)
    said = sp.sympify(condition.redundant).subs({"m": m, "n": n})
    return bool(found.certified and found.stored - found.effective == said)


@pytest.mark.parametrize("condition", EVERY_INPUT, ids=lambda c: c.when)
def test_a_row_agrees_with_an_exact_certificate(condition: Condition):
    assert is_certified(condition, 1, 2) and is_certified(condition, 2, 2)


def test_a_row_that_only_float64_agrees_with_is_refused():
    """A ramp so steep that no random input is on it: nothing that decides r is seen by a rank."""
    steep = Condition("r jumps", False, "n**2 + m*n + n", "", r=STEEP)
    assert steep.check([(1, 2)]) > 1e8
    assert not is_certified(steep, 1, 2)
