"""Same function, not the same training: each factor of the chapter, on real runs in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from gru_sym.experiment.merging import bias_sums
from gru_sym.experiment.runs import (
    CASES,
    Case,
    Task,
    drift,
    gradients,
    optimizer_table,
    seeded,
    train,
)
from gru_sym.libraries.pytorch import cell_of, named_gradients, named_parameters
from gru_sym.libraries.pytorch_merging import MergedLayer, merge_biases

ALIKE, APART = 1e-10, 1e-3
LAYERS = [
    (nn.GRU, {}),
    (nn.LSTM, {}),
    (nn.RNN, {}),
    (nn.GRU, {"num_layers": 2, "bidirectional": True}),
]
IDS = ["GRU", "LSTM", "RNN", "GRU-stacked"]


@pytest.fixture(params=LAYERS, ids=IDS)
def pair(request: pytest.FixtureRequest) -> nn.Module:
    kind, options = request.param
    return seeded(kind, 3, 4, **options)


def task_for(pair: nn.Module) -> Task:
    return Task.random(3, 8 if pair.bidirectional else 4)


def terms(pair: nn.Module) -> list[tuple[str, str]]:
    sums = bias_sums(cell_of(pair)[1].cell)
    layers = [p.removeprefix("weight_ih") for p in pair.state_dict() if p.startswith("weight_ih")]
    return [(a + layer, b + layer) for a, b in sums.values() for layer in layers]


def balanced(pair: nn.Module) -> nn.Module:
    """The same function, each sum split into two equal halves."""
    pair = copy.deepcopy(pair)
    named = named_parameters(pair)
    for a, b in terms(pair):
        half = (named[a] + named[b]) / 2
        named[a].copy_(half)
        named[b].copy_(half)
    return pair


def test_summed_biases_have_equal_gradients_at_every_step(pair: nn.Module):
    task, optimizer = task_for(pair), torch.optim.SGD(pair.parameters(), lr=0.05)
    for _ in range(20):
        gradients(pair, task)
        found = named_gradients(pair)
        for a, b in terms(pair):
            torch.testing.assert_close(found[a], found[b], rtol=0, atol=1e-13)
        optimizer.step()


def test_the_candidates_biases_have_different_gradients():
    pair = seeded(nn.GRU, 3, 4)
    gradients(pair, Task.random(3, 4))
    found = named_gradients(pair)
    assert (found["b_in_l0"] - found["b_hn_l0"]).abs().min() > 1e-3


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_factor_is_needed_and_enough(case: Case):
    pair = seeded(nn.LSTM, 3, 4)
    optimizer_table(pair, MergedLayer(pair), merge_biases, Task.random(3, 4), [case])


def test_sgd_on_every_kind_of_layer(pair: nn.Module):
    twins = pair, MergedLayer(pair), merge_biases, task_for(pair), torch.optim.SGD
    assert drift(*twins, lr=0.02) < ALIKE
    assert drift(*twins, lr=0.02, rate=1.0) > APART


def test_a_case_that_is_not_so_is_refused():
    pair = seeded(nn.RNN, 3, 4)
    rows = [Case("SGD", torch.optim.SGD, {"lr": 0.05, "rate": 1.9})]
    with pytest.raises(ValueError, match=r"SGD: .* apart with the factor"):
        optimizer_table(pair, MergedLayer(pair), merge_biases, Task.random(3, 4), rows)


def test_adam_with_l2_in_its_gradient_matches_only_from_equal_halves():
    pair, task = seeded(nn.GRU, 3, 4), Task.random(3, 4)
    for start, alike in [(pair, False), (balanced(pair), True)]:
        twins = start, MergedLayer(start), merge_biases, task, torch.optim.Adam
        apart = drift(*twins, lr=0.02, weight_decay=0.3)
        assert apart < ALIKE if alike else apart > APART


def test_clipping_by_value_keeps_the_factor_two():
    pair, task = seeded(nn.GRU, 3, 4), Task.random(3, 4)
    merged = MergedLayer(pair)
    traces = []
    for layer, groups in [(pair, pair.parameters()), (merged, merged.parameter_groups(0.05))]:
        optimizer = torch.optim.SGD(groups, lr=0.05)
        parameters = list(layer.parameters())
        clip = lambda p=parameters: nn.utils.clip_grad_value_(p, 0.05)  # noqa: E731
        traces.append(train(layer, task, optimizer, merge_biases, clip=clip))
    assert all((a[k] - b[k]).abs().max() < ALIKE for a, b in zip(*traces, strict=True) for k in a)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_difference_is_conserved_or_decays(decay: float):
    pair, lr, steps = seeded(nn.GRU, 3, 4), 0.05, 50
    named = named_parameters(pair)
    before = [named[a] - named[b] for a, b in terms(pair)]
    sgd = torch.optim.SGD(pair.parameters(), lr=lr, weight_decay=decay)
    train(pair, Task.random(3, 4), sgd, merge_biases, steps=steps)
    after = [named[a] - named[b] for a, b in terms(pair)]
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, (1 - lr * decay) ** steps * one, rtol=0, atol=1e-12)


def test_the_global_norm_counts_the_summed_gradient_twice(pair: nn.Module):
    task, merged = task_for(pair), MergedLayer(pair)
    for layer in (pair, merged):
        gradients(layer, task)
    norm = nn.utils.get_total_norm([p.grad for p in pair.parameters()])
    torch.testing.assert_close(merged.clip_gradients(1e9, count=2.0), norm)
    once = nn.utils.get_total_norm([p.grad for p in merged.parameters()])
    torch.testing.assert_close(merged.clip_gradients(1e9, count=1.0), once)
    assert 1 < norm / once < 2**0.5


def test_clip_gradients_is_pytorchs_clipping_when_it_counts_once():
    merged = MergedLayer(seeded(nn.GRU, 3, 4))
    gradients(merged, Task.random(3, 4))
    other = copy.deepcopy(merged)
    for ours, theirs in zip(merged.parameters(), other.parameters(), strict=True):
        theirs.grad = ours.grad.clone()
    merged.clip_gradients(0.1, count=1.0)
    nn.utils.clip_grad_norm_(other.parameters(), 0.1)
    for ours, theirs in zip(merged.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_default_sum_has_twice_the_variance_of_one_bias():
    n = 1024
    named = named_parameters(seeded(nn.LSTMCell, 1, n))
    one = torch.cat([named[f"b_i{gate}_l0"] for gate in "ifgo"])
    both = one + torch.cat([named[f"b_h{gate}_l0"] for gate in "ifgo"])
    # Of 4096 numbers; the standard errors of these two variances are 1.4 % and 1.8 %.
    assert abs(one.var() * 3 * n - 1) < 0.07
    assert abs(both.var() * 3 * n / 2 - 1) < 0.09


def test_a_layer_without_biases_has_no_group_of_its_own_for_them():
    groups = MergedLayer(nn.GRU(3, 4, bias=False)).parameter_groups(0.1)
    assert [group["lr"] for group in groups] == [0.1]


def test_a_seeded_layer_leaves_the_random_state_alone():
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    seeded(nn.GRU, 3, 4)
    assert torch.equal(torch.rand(1), first)
