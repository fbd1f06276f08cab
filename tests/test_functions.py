"""The elementwise functions: their definitions, against PyTorch's, and their derivatives."""

from __future__ import annotations

import pytest
import sympy as sp
import torch

from gru_sym.functions import FUNCTIONS

PYTORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "exp": torch.exp,
    "softplus": torch.nn.functional.softplus,
    "silu": torch.nn.functional.silu,
    "hard_sigmoid": torch.nn.functional.hardsigmoid,
    "identity": lambda u: u,
}
POINTS = [-7.5, -2.5, -0.3, 0.4, 2.9, 3.5]
"""On every piece of the piecewise ones, and at no kink."""


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_value_and_derivative_are_pytorchs(name, point):
    u = sp.Symbol("u", real=True)
    ours = FUNCTIONS[name](u)
    theirs = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    value = PYTORCH[name](theirs)
    value.backward()
    at = {u: sp.Float(point, 30)}
    # Both are correctly rounded to a few units of 2^-53.
    assert float(ours.subs(at).doit().evalf(20)) == pytest.approx(value.item(), rel=1e-14)
    slope = sp.diff(ours, u).subs(at).doit().evalf(20)
    # PyTorch's derivative of hard_sigmoid has its 1/6 in single precision, also for double.
    rel = 2.0**-24 if name == "hard_sigmoid" else 1e-13
    assert float(slope) == pytest.approx(theirs.grad.item(), rel=rel, abs=1e-15)


@pytest.mark.parametrize("name", ["sigmoid", "relu", "softplus", "silu", "hard_sigmoid"])
def test_a_function_keeps_its_name_until_it_is_asked(name):
    u = sp.Symbol("u")
    assert str(FUNCTIONS[name](u)) == f"{name}(u)"
    assert FUNCTIONS[name](u).rewrite(sp.exp) == FUNCTIONS[name](u).doit()
