"""Merging biases: the function stays, there and back; and one pair more would change it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gru_sym import Cell, Layer, catalogue, cell
from gru_sym.experiment.idle import CONDITIONS, Condition
from gru_sym.experiment.jacobian import GAP, numerical_rank
from gru_sym.experiment.merging import (
    bias_sums,
    merge,
    merged_cell,
    rounding_bound,
    unmerge,
)
from gru_sym.libraries.pytorch import cell_of, named_parameters, sizes_of, with_parameters
from gru_sym.libraries.pytorch_merging import MergedLayer, merge_biases, unmerge_biases

LAYERS = [
    (nn.GRU, {}),
    (nn.GRU, {"num_layers": 3, "bidirectional": True}),
    (nn.LSTM, {"num_layers": 2, "bidirectional": True}),
    (nn.LSTM, {"num_layers": 2, "bidirectional": True, "proj_size": 2}),
    (nn.RNN, {"num_layers": 2, "bidirectional": True}),
    (nn.RNN, {"nonlinearity": "relu"}),
    (nn.GRU, {"bias": False}),
]
IDS = [f"{kind.__name__}-{'-'.join(map(str, options.values()))}" for kind, options in LAYERS]
SAVED = {"GRU": 2, "LSTM": 4, "RNN": 1}
UNIT = 2.0**-53
MEASURED = 64 * UNIT
"""Eight units are the most that an output below moved under 30 seeds."""


@pytest.fixture(params=LAYERS, ids=IDS)
def module(request: pytest.FixtureRequest) -> nn.Module:
    kind, options = request.param
    torch.manual_seed(0)
    return kind(3, 4, dtype=torch.float64, **options)


def outputs(module: nn.Module, steps: int = 20) -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    x = torch.randn(steps, 5, 3, generator=random, dtype=torch.float64)
    with torch.no_grad():
        y, last = module(x)
    last = torch.cat([part.flatten() for part in (last if isinstance(last, tuple) else (last,))])
    return torch.cat([y.flatten(), last])


# Real layers


def test_there_and_back_is_the_same_function(module: nn.Module):
    back = unmerge_biases(module, merge_biases(module))
    assert type(back) is type(module)
    assert (outputs(back) - outputs(module)).abs().max() <= MEASURED


def test_merging_twice_is_merging_once_to_the_last_bit(module: nn.Module):
    merged = merge_biases(module)
    again = merge_biases(unmerge_biases(module, merged))
    assert list(again) == list(merged)
    assert all(torch.equal(again[name], merged[name]) for name in merged)


def test_the_merged_layer_computes_what_the_unmerged_one_does(module: nn.Module):
    merged = MergedLayer(module)
    assert torch.equal(outputs(merged), outputs(unmerge_biases(module, merge_biases(module))))


def test_the_merged_cell_counts_what_merging_leaves(module: nn.Module):
    name, layer = cell_of(module)
    sizes, sets = sizes_of(module), layer.num_layers * layer.directions
    kept = sum(tensor.numel() for tensor in merge_biases(module).values())
    stored = sum(tensor.numel() for tensor in module.parameters())
    assert stored - kept == SAVED[type(module).__name__] * 4 * sets * module.bias
    merged = Layer(merged_cell(layer.cell), layer.num_layers, layer.bidirectional)
    assert merged.count(**sizes) == kept
    assert [p.name for p in merged.parameters] == list(merge_biases(module)), name


def test_a_gru_has_the_names_and_the_equations_of_gru_merged():
    stack = Layer(cell("gru.merged"), num_layers=2, bidirectional=True)
    module = nn.GRU(3, 4, num_layers=2, bidirectional=True)
    assert list(merge_biases(module)) == [p.name for p in stack.parameters]
    assert merged_cell(cell("gru.pytorch")).latex() == cell("gru.merged").latex()


def test_the_layer_is_not_touched_by_merging(module: nn.Module):
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    unmerge_biases(module, {name: 2 * t for name, t in merge_biases(module).items()})
    MergedLayer(module).zero_grad()
    assert all(torch.equal(before[name], t) for name, t in module.state_dict().items())


def test_merging_the_candidates_pair_too_changes_the_function():
    torch.manual_seed(0)
    module = nn.GRU(3, 4, dtype=torch.float64)
    named = named_parameters(module)
    both = named["b_in_l0"] + named["b_hn_l0"]
    wrong = {**named, "b_in_l0": both, "b_hn_l0": torch.zeros_like(both)}
    assert (outputs(with_parameters(module, wrong)) - outputs(module)).abs().max() > 1e-2


@pytest.mark.parametrize(("bias", "most"), [(40.0, MEASURED), (-40.0, MEASURED)])
def test_the_candidates_pair_merges_where_the_reset_gate_is_saturated(bias: float, most: float):
    torch.manual_seed(0)
    module = nn.GRU(3, 4, dtype=torch.float64)
    named = {name: tensor.clone() for name, tensor in named_parameters(module).items()}
    named["b_ir_l0"] += bias
    saturated = with_parameters(module, named)
    both = named["b_in_l0"] + (named["b_hn_l0"] if bias > 0 else 0)
    merged = {**named, "b_in_l0": both, "b_hn_l0": torch.zeros_like(both)}
    assert (outputs(with_parameters(module, merged)) - outputs(saturated)).abs().max() <= most


# Rounding


@pytest.mark.parametrize(("dtype", "unit"), [(torch.float64, 2.0**-53), (torch.float32, 2.0**-24)])
def test_no_preactivation_moves_further_than_the_bound(dtype: torch.dtype, unit: float):
    random = torch.Generator().manual_seed(2)
    moved = []
    for m, n in [(1, 1), (3, 4), (64, 32)]:
        W, U, x, h, b_i, b_h = (
            10 * torch.randn(shape, generator=random, dtype=dtype)
            for shape in [(n, m), (n, n), (m, 500), (n, 500), (n, 1), (n, 1)]
        )
        two = torch.addmm(b_i, W, x) + torch.addmm(b_h, U, h)
        one = torch.addmm(b_i + b_h, W, x) + torch.addmm(torch.zeros_like(b_h), U, h)
        wide = [t.double() for t in (W, x, U, h, b_i, b_h)]
        ratio = (two - one).abs().double() / rounding_bound(*wide, unit=unit)
        assert ratio.max() <= 1
        moved.append(ratio.max().item())
    assert max(moved) > 0.02  # the bound is not idle: something did move


def test_a_real_layer_keeps_to_the_bound():
    """relu hands the pre-activation on as it is."""
    torch.manual_seed(4)
    module = nn.RNN(3, 4, nonlinearity="relu", dtype=torch.float64)
    x, h = torch.randn(1, 500, 3).double(), torch.randn(1, 500, 4).double()
    moved = unmerge_biases(module, merge_biases(module))(x, h)[0] - module(x, h)[0]
    p = {name: t if t.ndim == 2 else t[:, None] for name, t in named_parameters(module).items()}
    bound = rounding_bound(
        p["W_ih_l0"], x[0].T, p["W_hh_l0"], h[0].T, p["b_ih_l0"], p["b_hh_l0"], UNIT
    )
    assert 0 < (moved[0].T.abs() / bound).max() <= 1


def test_where_nothing_rounds_not_one_bit_changes():
    """Multiples of 1/16 below 16: every product and every sum is a float64."""
    torch.manual_seed(3)
    module = nn.GRU(3, 4, bidirectional=True, dtype=torch.float64)
    coarse = {name: torch.randint_like(t, -32, 33) / 16 for name, t in
              named_parameters(module).items()}  # fmt: skip
    module = with_parameters(module, coarse)
    x = torch.randint(-32, 33, (1, 7, 3)).double() / 16
    h = torch.randint(-16, 17, (2, 7, 4)).double() / 16
    back = unmerge_biases(module, merge_biases(module))
    assert torch.equal(back(x, h)[0], module(x, h)[0])


# Cells


def test_which_biases_are_only_seen_as_a_sum_in_every_cell_of_the_catalogue():
    found = {name: len(bias_sums(cell)) for name, cell in catalogue.items() if bias_sums(cell)}
    assert found == {
        "gru.answer": 3,
        "gru.keras": 2,
        "gru.onnx": 3,
        "gru.pytorch": 2,
        "lstm.onnx": 4,
        "lstm.projected": 4,
        "lstm.pytorch": 4,
        "rnn.pytorch": 1,
    }


@pytest.mark.parametrize("name", ["gru.answer", "gru.keras", "gru.pytorch", "lstm.pytorch"])
def test_merging_a_cell_takes_n_for_each_sum(name: str):
    saved = cell(name).count(m=5, n=3) - merged_cell(cell(name)).count(m=5, n=3)
    assert saved == 3 * len(bias_sums(cell(name)))
    assert not bias_sums(merged_cell(cell(name)))


def test_three_biases_merge_into_one():
    cell = Cell("h' = tanh(b_1 + W @ x + b_2 + b_3)")
    arrays = {
        "b_1": np.array([1.0]),
        "W": np.eye(1),
        "b_2": np.array([2.0]),
        "b_3": np.array([4.0]),
    }
    merged = merge(cell, arrays)
    assert merged["b"] == 7
    back = unmerge(cell, merged)
    assert (back["b_1"], back["b_2"], back["b_3"]) == (7, 0, 0)


def test_signs_and_numbers_are_in_the_sum():
    cell = Cell("h' = tanh(b_1 + W @ x - 2 * b_2)")
    layer = Layer(cell, 2, bidirectional=True)
    rng = np.random.default_rng(0)
    arrays = {p.name: rng.normal(size=2) for p in layer.parameters}
    merged = merge(layer, arrays)
    assert list(merged) == [p.name for p in Layer(merged_cell(cell), 2, True).parameters]
    assert np.array_equal(
        merged["b_l1_reverse"], arrays["b_1_l1_reverse"] - 2 * arrays["b_2_l1_reverse"]
    )
    back = unmerge(layer, merged)
    assert back.keys() == arrays.keys()
    assert np.array_equal(back["b_1_l0"], merged["b_l0"]) and not back["b_2_l0"].any()
    halves = Cell("h' = tanh(2 * a + W @ x - d)")
    assert merge(halves, {"a": 3.0, "W": 1.0, "d": 4.0}) == {"W": 1.0, "a": 1.0}


def test_arrays_of_another_layer_are_refused_by_name():
    cell = Cell("h' = tanh(b_1 + W @ x + b_2)")
    with pytest.raises(ValueError, match="b_2 is missing"):
        merge(cell, {"b_1": 1, "W": 2})
    with pytest.raises(ValueError, match="b_1 is not one of W, b"):
        unmerge(cell, {"b": 1, "W": 2, "b_1": 3})


# When the candidate's second bias is idle


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c.when)
def test_a_condition_leaves_what_its_row_says(condition: Condition):
    assert condition.check() > GAP


def test_a_wrong_row_is_refused():
    generic = CONDITIONS[0]
    with pytest.raises(ValueError, match="0 redundant parameters and 2 lost without b_hn, not 2"):
        Condition(generic.when, True, "n", "").check([(1, 2)])


def test_the_rank_is_that_of_pytorchs_own_jacobian():
    """Autograd through the real kernels, over a sequence, agrees with the equations' Jacobian."""
    torch.manual_seed(0)
    module = nn.GRU(2, 3, dtype=torch.float64)
    x = torch.randn(4, 12, 2, dtype=torch.float64)
    packed = {name: tensor.detach() for name, tensor in module.named_parameters()}

    def sequence(*tensors: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(module, dict(zip(packed, tensors, strict=True)), x)[0]

    jacobian = torch.autograd.functional.jacobian(sequence, tuple(packed.values()))
    matrix = torch.cat([part.reshape(4 * 12 * 3, -1) for part in jacobian], dim=1)
    singular = torch.linalg.svdvals(matrix)
    found = numerical_rank(cell("gru.pytorch"), {"m": 2, "n": 3}, start_at_zero=True, steps=4)
    assert found.rank == cell("gru.merged").count(m=2, n=3)
    assert singular[found.rank - 1] > GAP * singular[found.rank]
