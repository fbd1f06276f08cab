"""Generated code beside PyTorch's own layers: outputs, states and gradients, on CPU and CUDA."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gru_sym import Cell, cell
from gru_sym.codegen import generate
from gru_sym.codegen.stacked import Stack
from gru_sym.layers import Layer
from gru_sym.libraries.pytorch import cell_names, cell_of, named_parameters
from gru_sym.libraries.pytorch_comparison import Comparison, compare, worst

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.cuda),
]
RELATIVE = 1e-12
"""Of the largest number of a result, in float64."""


def close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    scale = max(1.0, theirs.abs().max().item())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=RELATIVE * scale)


@st.composite
def modules(draw: st.DrawFn) -> nn.Module:
    """A recurrent layer of PyTorch in float64, of random kind, sizes and options."""
    kind = draw(st.sampled_from([nn.GRU, nn.LSTM, nn.RNN]))
    size_in, hidden = draw(st.integers(1, 7)), draw(st.integers(2, 7))
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
    }
    if kind is nn.LSTM and draw(st.booleans()):
        options["proj_size"] = draw(st.integers(1, hidden - 1))
    if kind is nn.RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    return kind(size_in, hidden, dtype=torch.float64, **options)


def first_states(module: nn.Module, batch: int) -> list[Tensor]:
    """Random first states, h and for an LSTM c."""
    cells = module.num_layers * (2 if module.bidirectional else 1)
    sizes = [module.proj_size or module.hidden_size]
    if isinstance(module, nn.LSTM):
        sizes.append(module.hidden_size)
    return [torch.randn(cells, batch, size, dtype=torch.float64) for size in sizes]


def as_tuple(states):
    return states if isinstance(states, tuple) else (states,)


@settings(max_examples=40, deadline=None)
@given(modules(), st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_outputs_states_and_gradients_are_those_of_the_layer(module, steps, batch, given_state):
    shape = (batch, steps) if module.batch_first else (steps, batch)
    x = torch.randn(*shape, module.input_size, dtype=torch.float64)
    states = first_states(module, batch) if given_state else []
    found = compare(module, x, states)
    assert found.largest <= RELATIVE
    # Every parameter, x and the states have a gradient; outputs and last states are on top.
    assert found.numbers > sum(p.numel() for p in module.parameters()) + x.numel()


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
def test_a_change_of_any_parameter_is_noticed(kind):
    """A millionth more in one entry of any tensor is seen, forward and backward."""
    torch.manual_seed(7)
    module = kind(3, 4, num_layers=2, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    own = {name: tensor.clone() for name, tensor in named_parameters(module).items()}
    for name in own:
        changed = {**own, name: own[name].clone()}
        changed[name].view(-1)[0] += 1e-6
        found = compare(module, x, parameters=changed)
        assert min(found.outputs, found.gradients) > RELATIVE


@settings(max_examples=15, deadline=None)
@given(modules(), st.data())
def test_packed_sequences(module, data):
    """Each sequence has a length of its own; its backward pass begins at its own last step."""
    batch, steps = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    lengths = data.draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch))
    shape = (batch, steps) if module.batch_first else (steps, batch)
    x = torch.randn(*shape, module.input_size, dtype=torch.float64, requires_grad=True)
    states = first_states(module, batch)
    packed = nn.utils.rnn.pack_padded_sequence(
        x, torch.tensor(lengths), batch_first=module.batch_first, enforce_sorted=False
    )
    out, last = module(packed, tuple(states) if len(states) > 1 else states[0])
    theirs, _ = nn.utils.rnn.pad_packed_sequence(
        out, batch_first=module.batch_first, total_length=steps
    )
    ours, our_last = Stack(cell_of(module)[1], "torch").sequence(
        named_parameters(module), x, *states, batch_first=module.batch_first, lengths=lengths
    )
    close(ours, theirs)
    weights = torch.randn_like(theirs)
    close(*(torch.autograd.grad(y, x, weights, retain_graph=True)[0] for y in (ours, theirs)))
    for own, other in zip(as_tuple(our_last), as_tuple(last), strict=True):
        close(own, other)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell, nn.RNNCell])
def test_every_state_on_the_way(kind, device):
    """The single cells, step after step: all states, c of an LSTM as well."""
    torch.manual_seed(3)
    module = kind(5, 7, device=device, dtype=torch.float64)
    _, layer = cell_of(module)
    routine = generate(layer.cell, "torch")
    parameters = cell_names(named_parameters(module))
    ours = tuple(torch.randn(2, 7, device=device, dtype=torch.float64) for _ in routine.states)
    theirs = ours if len(ours) > 1 else ours[0]
    for x in torch.randn(6, 2, 5, device=device, dtype=torch.float64):
        ours = as_tuple(routine.step(parameters, x, *ours))
        with torch.no_grad():
            theirs = module(x, theirs)
        for own, other in zip(ours, as_tuple(theirs), strict=True):
            close(own, other)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_generated_code_is_as_exact_as_the_library(kind, dtype, device):
    """Both against the same code in float64: at most four times the library's error, and 4 u."""
    torch.manual_seed(4)
    module = kind(32, 48, device=device, dtype=dtype)
    x = torch.randn(20, 8, 32, device=device, dtype=dtype)
    stack = Stack(cell_of(module)[1], "torch")
    parameters = named_parameters(module)
    double = {name: tensor.double() for name, tensor in parameters.items()}
    exact = stack.sequence(double, x.double())[0]
    with torch.no_grad():
        library = (module(x)[0].double() - exact).abs().max().item()
    generated = (stack.sequence(parameters, x)[0].double() - exact).abs().max().item()
    assert generated <= 4 * library + 4 * torch.finfo(dtype).eps / 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": "L"}, "a number of layers, not L"),
        ({"share_layers": True, "num_layers": 2}, "cells of its own"),
        ({"learn_initial_state": True}, "no trained initial states"),
    ],
)
def test_a_stack_that_cannot_run_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Stack(Layer(cell("gru.pytorch"), **options))


@pytest.mark.parametrize("lengths", [[3], [3, 9], [0, 3]])
def test_lengths_that_do_not_fit_are_refused(lengths):
    module = nn.GRU(3, 4)
    stack = Stack(cell_of(module)[1], "torch")
    with pytest.raises(ValueError, match=r"do not fit x of shape \(5, 2, 3\)"):
        stack.sequence(named_parameters(module), torch.zeros(5, 2, 3), lengths=lengths)


def test_what_is_no_number_is_noticed_wherever_it_stands():
    assert math.isnan(worst(0.0, math.nan, 1.0)) and math.isnan(worst(math.nan, 0.0))
    assert math.isnan(Comparison(0.0, math.nan, 0.0, 1).largest)
    module = nn.LSTM(3, 4, dtype=torch.float64)
    own = {name: tensor.clone() for name, tensor in named_parameters(module).items()}
    own["W_ho_l0"][0, 0] = math.nan
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    assert not compare(module, x, parameters=own).largest <= 1e300


def test_comparing_leaves_the_layer_as_it_was():
    module = nn.GRU(3, 4)
    module(torch.ones(5, 3))[0].sum().backward()
    before = {name: p.grad.clone() for name, p in module.named_parameters()}
    state = torch.random.get_rng_state()
    compare(module, torch.ones(5, 2, 3))
    assert all(torch.equal(p.grad, before[name]) for name, p in module.named_parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_dropout_and_nothing_are_not_compared():
    with pytest.raises(ValueError, match=r"dropout is random; compare the layer in eval\(\)"):
        compare(nn.GRU(3, 4, num_layers=2, dropout=0.5), torch.ones(5, 2, 3))
    with pytest.raises(ValueError, match=r"x has shape \(5, 0, 3\); there is nothing"):
        compare(nn.GRU(3, 4), torch.ones(5, 0, 3))


STATE = torch.zeros(2, 2, 4)
BAD_STACK = {
    "missing": ({"W_hn_l1": None}, (), {}, "the parameter W_hn_l1 is missing"),
    "unknown": ({"W_hn_l7": torch.ones(4, 4)}, (), {}, "the parameter W_hn_l7 is not a parameter"),
    "in a layer": ({"W_hn_l1": torch.ones(3, 4)}, (), {}, r"in _l1: W_hn has shape \(3, 4\)"),
    "too many rows": ({}, (torch.zeros(7, 2, 4),), {}, r"\(7, 2, 4\); expected \(2, 2, 'n'\)"),
    "too few rows": ({}, (torch.zeros(1, 2, 4),), {}, r"h has shape \(1, 2, 4\); expected"),
    "another batch": ({}, (torch.zeros(2, 9, 4),), {"lengths": [5, 3]}, r"h has shape \(2, 9, 4\)"),
    "another size": ({}, (torch.zeros(2, 2, 3),), {}, r"in _l0: h has shape \(2, 3\)"),
    "two states": ({}, (STATE, STATE), {}, "2 states are given; expected h, or none"),
    "no state": ({}, (None,), {}, r"h has shape \(\); expected"),
}


@pytest.mark.parametrize("what", list(BAD_STACK))
def test_bad_input_of_a_stack_is_named(what):
    changed, states, options, message = BAD_STACK[what]
    module = nn.GRU(3, 4, num_layers=2)
    given = {k: v for k, v in {**named_parameters(module), **changed}.items() if v is not None}
    with pytest.raises(ValueError, match=message):
        Stack(cell_of(module)[1], "torch").sequence(given, torch.zeros(5, 2, 3), *states, **options)


def test_a_length_is_a_whole_number():
    module = nn.GRU(3, 4)
    with pytest.raises(TypeError, match="integer"):
        Stack(cell_of(module)[1], "torch").sequence(
            named_parameters(module), torch.zeros(5, 2, 3), lengths=[2.9, 5]
        )


X_IN_THE_LOOP = Cell("x: n\nz = sigmoid(U @ h + b)\nh' = z * h + (1 - z) * x", "x in the loop")


@pytest.mark.parametrize(
    "c", [*map(cell, ("gru.pytorch", "gru.dey_salem", "lstm.pytorch")), X_IN_THE_LOOP], ids=repr
)
def test_the_gradient_of_a_step_is_not_a_tensor_of_all_steps(c):
    """`a[t]` would make the backward pass quadratic in the number of steps."""
    size = {"m": 2, "n": 3}
    parameters = {
        p.name: torch.randn([size[str(s)] for s in p.shape], requires_grad=True)
        for p in c.parameters
    }
    x = torch.randn(4, 2, size[str(c.sizes.shapes["x"][0])], requires_grad=True)
    outputs, _ = generate(c, "torch").sequence(parameters, x)
    seen, waiting = set(), [outputs.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    names = {node.name() for node in seen}
    assert "UnbindBackward0" in names and "SelectBackward0" not in names
