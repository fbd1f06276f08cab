"""Stacks in one and two directions, against the tensors of real layers and published counts."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_sym import Cell, Layer, catalogue, cell, effective_count
from gru_sym.codegen.stacked import Stack

PUBLISHED = Path(__file__).parent.parent / "book" / "data" / "published_counts.csv"
size = st.integers(1, 12)
LIBRARY = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}


def numbers_in(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(LIBRARY)), size, size, st.integers(1, 4), st.booleans())
def test_a_stack_has_as_many_parameters_as_pytorch_allocates(family, m, n, layers, both):
    module = LIBRARY[family](m, n, num_layers=layers, bidirectional=both)
    layer = Layer(cell(f"{family}.pytorch"), layers, both)
    assert layer.count(m=m, n=n) == numbers_in(module)
    biases = sum(p.numel() for name, p in module.named_parameters() if name.startswith("bias"))
    assert layer.biases(m=m, n=n) == biases
    assert layer.weights(m=m, n=n) == numbers_in(module) - biases


def test_the_listed_parameters_add_up():
    for options in (
        {},
        {"learn_initial_state": True},
        {"share_directions": True},
        {"share_layers": True},
    ):
        layer = Layer(cell("lstm.projected"), 3, True, **options)
        assert sp.expand(sum(p.count for p in layer.parameters) - layer.count()) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["gru.pytorch", "lstm.projected", "rnn.elman"]),
    st.one_of(st.integers(1, 10**30), st.just("L")),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_the_groups_are_the_whole(name, layers, both, initial, shared):
    options = {"learn_initial_state": initial, "share_layers": shared}
    layer = Layer(cell(name), layers, both, **options)
    if shared and layers == "L":
        return  # its count is no one formula
    found = sum(group.count * group.levels for group in layer.groups())
    assert sp.expand(found - layer.count()) == 0
    biases = [g.count * g.levels for g in layer.groups() if g.role == "bias"]
    assert sp.expand(sum(biases) - layer.biases()) == 0


def test_a_formula_in_the_number_of_layers():
    symbolic = Layer(cell("gru.pytorch"), "L", bidirectional=True)
    for layers in range(1, 5):
        expected = Layer(cell("gru.pytorch"), layers, True).count(m=3, n=4)
        assert symbolic.count(m=3, n=4, L=layers) == expected


def test_a_trained_initial_state_is_one_vector_a_state():
    base, trained = (
        Layer(cell("lstm.pytorch"), 2, True, learn_initial_state=t) for t in (False, True)
    )
    assert sp.expand(trained.count() - base.count() - 8 * sp.Symbol("n")) == 0


def test_initial_states_are_weights():
    layer = Layer(cell("lstm.pytorch"), 1, learn_initial_state=True)
    n = sp.Symbol("n")
    assert sp.expand(layer.weights() - Layer(cell("lstm.pytorch")).weights() - 2 * n) == 0
    assert layer.biases() == Layer(cell("lstm.pytorch")).biases()


def test_a_cell_of_fixed_sizes_stacks_if_they_fit():
    assert Layer(Cell("x: 4\nh: 4\nh' = tanh(W @ x)"), 3).count() == 48
    with pytest.raises(ValueError, match="would read 3 numbers and can only read 4"):
        Layer(Cell("x: 4\nh: 3\nh' = tanh(W @ x)"), 2)


def test_sharing():
    gru = cell("gru.dey_salem")
    one_way = Layer(gru).count()
    assert Layer(gru, 1, True, share_directions=True).count() == one_way
    upper = sp.expand(Layer(gru, 2).count() - one_way)
    assert sp.expand(Layer(gru, 9, share_layers=True).count() - one_way - upper) == 0
    square = Cell("x: n\nh' = tanh(W @ x + U @ h)")
    assert Layer(square, 9, share_layers=True).count() == square.count()


def test_a_cell_whose_input_is_tied_to_its_state_stacks_one_way_only():
    square = Cell("x: n\nh' = tanh(W @ x + U @ h)", name="square")
    assert Layer(square, 3).count(n=4) == 3 * 32
    with pytest.raises(
        ValueError,
        match=r"square cannot be stacked in both directions: .* 2\*n numbers and can only read n, "
        "since x and h have one size, n",
    ):
        Layer(square, 2, bidirectional=True)


KEEPS = Cell("p: m\nh' = tanh(W @ x + V @ p + U @ h)\np' = x", "keeps the input")


@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, False), (3, False), (2, True)])
def test_a_state_that_keeps_the_input_has_the_size_of_its_layers_input(layers: int, both: bool):
    m, n, D = 3, 4, 1 + both
    layer = Layer(KEEPS, layers, both, learn_initial_state=True)
    assert Layer(KEEPS, layers, both).count(m=m, n=n) == D * (
        2 * m * n + n * n + (layers - 1) * (2 * D * n * n + n * n)
    )
    assert layer.count(m=m, n=n) - Layer(KEEPS, layers, both).count(m=m, n=n) == D * (
        n + m + (layers - 1) * (n + D * n)
    )
    listed = sum(p.count for p in layer.parameters)
    assert sp.expand(listed - layer.count()) == 0


def test_such_a_stack_is_two_cells_one_on_the_other():
    """The second layer is the same text, with the input as long as the first one's output."""
    second = Layer(KEEPS, 2).sizes_at(1, {"m": 3, "n": 5})
    assert second == {"m": 5, "n": 5}
    assert KEEPS.count(m=3, n=5) + KEEPS.count(**second) == Layer(KEEPS, 2).count(m=3, n=5)
    assert effective_count(Layer(KEEPS, 2), m=1, n=2).effective == Layer(KEEPS, 2).count(m=1, n=2)


def test_a_state_that_is_the_output_cannot_grow():
    wide = Cell("h: m\nh' = tanh(W @ x + U @ h)", "wide")
    assert Layer(wide, 2).count(m=3) == 36
    with pytest.raises(ValueError, match=r"wide cannot be stacked .* x and h have one size, m"):
        Layer(wide, 2, True)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("both", [False, True])
def test_such_a_stack_runs_as_two_cells_one_on_the_other(library: str, both: bool):
    """Its last states have two sizes, so they come as a tuple of arrays."""
    convert = importlib.import_module(library).asarray
    layer, m, n, T, B = Layer(KEEPS, 2, both), 3, 4, 5, 2
    draw = np.random.default_rng(0)
    given = {
        p.name: draw.normal(size=[int(s.subs({"m": m, "n": n})) for s in p.shape])
        for p in layer.parameters
    }
    ours = {name: convert(array) for name, array in given.items()}
    x = draw.normal(size=(T, B, m))
    stack, first = Stack(layer, library), convert(x[:1])
    outputs, (h, p) = stack.sequence(ours, convert(x))

    def direction(x, level: int, suffix: str):
        W, V, U = (given[f"{k}_l{level}{suffix}"] for k in "WVU")
        h, before, found = np.zeros((B, n)), np.zeros_like(x[0]), []
        for now in x[:: -1 if suffix else 1]:
            h, before = np.tanh(now @ W.T + before @ V.T + h @ U.T), now
            found.append(h)
        return np.stack(found[:: -1 if suffix else 1])

    suffixes = ("", "_reverse")[: 1 + both]
    for level in (0, 1):
        x = np.concatenate([direction(x, level, suffix) for suffix in suffixes], -1)
    np.testing.assert_allclose(np.asarray(outputs), x, atol=1e-12)
    assert tuple(h.shape) == (2 * (1 + both), B, n)
    wide = n * (1 + both)
    assert [array.shape[-1] for array in p] == [m] * (1 + both) + [wide] * (1 + both)
    again = stack.sequence(ours, first, h, p)
    assert again[0].shape == (1, B, wide)
    with pytest.raises(ValueError, match="p must be a tuple of"):
        stack.sequence(ours, first, h, h)


def test_every_parameter_knows_where_it_is():
    """A name of the cell may look like one of a layer."""
    odd = Cell("h' = tanh(W_l1 @ x + U_l0_reverse @ h)")
    found = [(p.name, p.in_cell, p.level, p.direction) for p in Layer(odd, 2, True).parameters]
    assert len(found) == 8
    assert found[3] == ("U_l0_reverse_l0_reverse", "U_l0_reverse", 0, 1)
    assert found[4] == ("W_l1_l1", "W_l1", 1, 0)
    assert odd.parameters[0].in_cell == "W_l1"
    with pytest.raises(ValueError, match="h0 is a parameter of cell; a trained initial state"):
        Layer(Cell("h' = tanh(W @ x + h0)"), learn_initial_state=True)


def test_a_number_of_layers_may_be_given_late():
    shared = Layer(cell("gru.dey_salem"), "L", share_layers=True)
    assert shared.count(m=3, n=4, L=1) == Layer(cell("gru.dey_salem")).count(m=3, n=4)
    assert Layer(cell("gru.dey_salem"), np.int64(2)) == Layer(cell("gru.dey_salem"), 2)


def test_a_symbol_with_assumptions_is_the_same_symbol():
    symbol = sp.Symbol("L", positive=True)
    assert Layer(cell("rnn.elman"), symbol).count(L=2, m=3, n=4) == Layer(
        cell("rnn.elman"), 2
    ).count(m=3, n=4)


def test_options_are_true_or_false():
    with pytest.raises(ValueError, match="True or False"):
        Layer(cell("rnn.elman"), 1, "yes")


def test_a_layer_is_made_of_a_cell():
    with pytest.raises(TypeError, match="made of a Cell, not 'gru"):
        Layer("gru.pytorch")


@pytest.mark.parametrize("layers", [0, -1, 1.5, True, "2", "S", "if", None])
def test_a_wrong_number_of_layers_is_refused(layers):
    with pytest.raises(ValueError, match="num_layers must be a positive integer"):
        Layer(cell("rnn.elman"), layers)


def test_a_symbol_is_used_once():
    with pytest.raises(ValueError, match="n already names a size"):
        Layer(cell("rnn.elman"), "n")


def published() -> list[dict[str, str]]:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", published(), ids=lambda row: row["id"])
def test_published_count(row):
    """A number that somebody else printed, from equations alone."""
    layer = Layer(
        catalogue[row["catalogue_id"]],
        int(row["num_layers"]),
        bidirectional=row["bidirectional"] == "1",
        learn_initial_state=row["learn_initial_state"] == "1",
    )
    assert layer.count(m=int(row["m"]), n=int(row["n"])) == int(row["count"])


def test_the_same_notebook_before_and_after_tensorflow_2():
    """1200 under TensorFlow 1.5 and 1248 under 2.1: 3n apart, n = 16."""
    counts = {
        r["framework"]: int(r["count"]) for r in published() if (r["m"], r["n"]) == ("8", "16")
    }
    assert sorted(counts.values()) == [1200, 1248]
