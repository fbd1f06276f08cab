"""Families of redundant directions: found, counted, and walked along without a change."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch
from cells import MORE, cell_texts, random_arrays, run_text
from hypothesis import given, settings

from gru_sym import Cell, catalogue, cell, effective_count
from gru_sym.certificates import redundancy
from gru_sym.certificates.moves import (
    Absorption,
    LevelFamily,
    MixingFamily,
    ReflectionFamily,
    ScalingFamily,
    ShiftFamily,
)
from gru_sym.libraries.pytorch import cell_names, cell_of, named_parameters, with_parameters

d, m, n, k, r = sp.symbols("d m n k r")
SIZES = {"m": 3, "n": 5, "p": 2, "k": 2}

CATALOGUE = {
    "gru.answer": 3 * n,
    "gru.onnx": 3 * n,
    "gru.pytorch": 2 * n,
    "gru.keras": 2 * n,
    "gru.dey_salem_3": n,
    "lstm.pytorch": 4 * n,
    "lstm.projected": 4 * n,
    "lstm.multiplicative": 2 * n,
    "minimal.fastgrnn_low_rank": k**2 + r**2,
    "minimal.ligru_batch_norm": 2 * n,
    "minimal.lru": d,
    "lstm.onnx": 4 * n,
    "rnn.antisymmetric": n * (n + 1) / 2,
    "rnn.multiplicative": 2 * n,
    "rnn.pytorch": n,
}
"""Worked out by hand; the others have none."""

CONDITIONS = {
    "lstm.multiplicative": "m is at least 2",
    "minimal.fastgrnn_low_rank": "k is at most Min(m, n), r is at most n",
    "rnn.multiplicative": "m is at least 2",
}
"""The sizes at which that holds, where it does not hold for all."""


@pytest.mark.parametrize("name", list(catalogue))
def test_the_catalogue(name):
    assert sp.expand(redundancy(cell(name)).count() - CATALOGUE.get(name, 0)) == 0
    count = effective_count(cell(name))
    assert count.certified and count.scope.startswith("all sizes")
    assert count.condition == CONDITIONS.get(name, "")
    assert sp.expand(count.effective + CATALOGUE.get(name, 0) - count.stored) == 0


OWN = [
    ("h' = tanh(W @ x + b1 - b2 + b3)", 2 * n, "b1, b2 and b3 occur only in the combination"),
    ("h' = tanh(W @ x + V @ x)", n * m, "W and V occur only as their sum in front of"),
    ("h' = tanh(A @ (B @ x) + U @ h)", k**2, "any invertible k×k matrix"),
    ("u = B @ x\nh' = tanh(A @ u + U @ h)", k**2, "any invertible k×k matrix"),
    ("a: 1\nb: 1\nh' = tanh(a * b * (W @ x))", sp.Integer(2), "make up for it"),
    ("a: 1\nh' = a * h + U @ h + W @ x", sp.Integer(1), "whatever a is, U can make up for it"),
    ("h' = U @ h + mean(V @ x) + W @ x", m * sp.Symbol("k"), "whatever V is, W can make up for it"),
    ("h' = tanh(s * (W @ x) + b)", n, "whatever s is, W can make up for it"),
    ("h' = tanh(W @ x + 0 * (D @ h))", n**2, "D changes nothing that is computed"),
    ("h' = tanh(P @ (W @ x + b) + d)", n, "whatever"),
    ("r = sigmoid(W @ x)\nh' = r * (U @ h + b) + d * r", n, "b and d occur only as their sum"),
    ("r = sigmoid(W @ x)\nh' = r * (U @ h + b) + d", sp.Integer(0), ""),
    ("z = sigmoid(W @ x + b)\nh' = z * (W @ x) + z * b", sp.Integer(0), ""),
]


@pytest.mark.parametrize(("text", "count", "sentence"), OWN, ids=range(len(OWN)))
def test_own_cells(text, count, sentence):
    found = redundancy(Cell(text))
    if "P @ (W @ x + b)" in text:  # and the mixing of the inner space, and b made up for by c
        assert any(isinstance(family, MixingFamily) for family in found.families)
        return
    assert sp.expand(found.count() - count) == 0
    assert sentence in str(found)


def walk(family, flat, seed=3):
    """Parameters moved along a family by random amounts."""
    draw = np.random.default_rng(seed)
    if isinstance(family, Absorption):
        shifts = [draw.normal(size=flat[name].shape) for name in family.free]
        return family.apply(flat, *shifts)
    if isinstance(family, ShiftFamily):
        return family.apply(flat, draw.normal(size=flat[family.parameters[0]].shape))
    if isinstance(family, ScalingFamily):
        side = family.scaling.powers[0][0]
        if side.side == "whole":
            return family.apply(flat, draw.uniform(0.5, 2))
        size = flat[side.parameter].shape[0 if side.side == "rows" else -1]
        return family.apply(flat, draw.uniform(0.5, 2, size=size))
    if isinstance(family, ReflectionFamily):
        return family.apply(flat, draw.normal(size=flat[family.parameters[0]].shape))
    if isinstance(family, LevelFamily):
        (name,) = family.parameters
        return family.apply(flat, draw.normal(size=flat[name].shape[1:]))
    inner = flat[family.mixing.left[0]].shape[1]
    mix = np.eye(inner) + 0.3 * draw.normal(size=(inner, inner))
    return family.apply(flat, mix, np.linalg.inv(mix))


def check_families(c: Cell, sizes: dict[str, int] = SIZES) -> None:
    """Every family, walked along, leaves what Python itself computes from the text."""
    arrays = random_arrays(c, sizes, seed=2)
    before = run_text(c, arrays)
    # As the package's users hold them: a vector has one axis and a scalar none, at every size.
    axes = {q.name: len(q.shape) for q in c.parameters}
    flat = {name: arrays[name].reshape(arrays[name].shape[:k]) for name, k in axes.items()}
    for family in redundancy(c).families:
        walked = walk(family, flat)
        assert {name: np.shape(a) for name, a in walked.items()} == {
            name: a.shape for name, a in flat.items()
        }
        moved = {name: np.reshape(a, arrays[name].shape) for name, a in walked.items()}
        assert any(not np.allclose(moved[p], arrays[p]) for p in family.parameters)
        after = run_text(c, arrays | moved)
        for state in c.states:
            # A few dozen sums and products of numbers of order one, and one 2x2 inverse.
            np.testing.assert_allclose(
                after[f"{state}_next"], before[f"{state}_next"], rtol=1e-9, atol=1e-11
            )


@pytest.mark.parametrize("name", CATALOGUE)
def test_walking_along_a_family_of_the_catalogue(name):
    check_families(cell(name))


@pytest.mark.parametrize("text", [text for text, _, _ in OWN], ids=range(len(OWN)))
def test_walking_along_a_family_of_an_own_cell(text):
    check_families(Cell(text))


@settings(max_examples=40, deadline=None)
@given(cell_texts(MORE))
def test_walking_along_a_family_of_any_cell(text):
    # A move may need a function of a parameter; plain arithmetic has no softplus and no angles.
    for function in ("softplus", "sin", "cos"):
        text = text.replace(function, "sigmoid")
    c = Cell(text)
    with np.errstate(over="ignore"):
        check_families(c)


@pytest.mark.parametrize("kind", [torch.nn.GRU, torch.nn.LSTM, torch.nn.RNN])
def test_walking_along_a_family_of_a_real_layer(kind):
    module = kind(3, 4, dtype=torch.float64)
    identifier, layer = cell_of(module)
    assert identifier == layer.cell.name
    names = cell_names(named_parameters(module))
    x = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = with_parameters(module, {f"{name}_l0": a for name, a in names.items()})(x)[0]
    families = redundancy(layer.cell).families
    assert families
    for family in families:
        moved = family.apply(names, torch.linspace(-2, 2, 4, dtype=torch.float64))
        after = with_parameters(module, {f"{name}_l0": a for name, a in moved.items()})(x)[0]
        # Four terms of order one are added in another order.
        torch.testing.assert_close(after, before, rtol=0, atol=1e-14)


def test_a_formula_holds_where_each_family_has_its_directions():
    """One mixing more and another one less: the sum alone would look right."""
    c = Cell("v = W1 @ x + (W2 @ b) * (h * h)\nh' = W7 @ h + W8 @ (W9 @ v + (x - x)) + v")
    found = redundancy(c)
    assert not found.holds(k=2, n=3, m=4) and found.holds(k=1, n=3, m=3)


def test_a_wrong_family_would_not_be_proved():
    """The check before a family is returned can refuse: PyTorch's families on other equations."""
    family = redundancy(cell("gru.pytorch")).families[0]
    from gru_sym.normal.form import normal_form

    changed = cell("gru.pytorch").text.replace("W_hr @ h + b_hr", "W_hr @ h + z0 * b_hr")
    other = Cell(changed)
    assert not family.proves(normal_form(other.program, other.sizes).states)


def test_a_move_that_plain_arithmetic_cannot_make_says_so():
    c = Cell("h' = tanh(W @ x + b + softplus(d))")
    (family,) = redundancy(c).families
    arrays = {name: np.ones(3) for name in ("b", "d")}
    with pytest.raises(ValueError, match="softplus of parameters cannot be computed"):
        family.apply(arrays, np.ones(3))
