"""What a cell costs, beside what PyTorch counts, runs and keeps when it runs the generated code."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from gru_sym import Cell, Layer, catalogue, cell, cost
from gru_sym.__main__ import main
from gru_sym.algebra import size_expression
from gru_sym.codegen import generate
from gru_sym.codegen.stacked import Stack
from gru_sym.costs import KEEP_RESULT, ON_THE_WAY
from gru_sym.functions import FUNCTIONS, called
from gru_sym.layers import MERGES, suffix

T, B, m, n = sp.symbols("T B m n")
few = st.integers(2, 5)
ELEMENTWISE = {"add", "sub", "rsub", "mul", "neg", "div", "mean"}
CALLS = {name: name for name in ("sigmoid", "tanh", "relu", "exp", "sqrt", "abs", "sin", "cos",
                                 "reciprocal")}  # fmt: skip
CALLS |= {"maximum": "max", "minimum": "min", "logaddexp": "softplus"}
OWN = {
    "every_function": Cell(
        "a = hard_sigmoid(W @ x) * softplus(U @ h)\nb = silu(V @ h + p) - exp(q * h)\n"
        "h' = relu(a + b) * tanh(-a)"
    ),
    "quotients": Cell(
        "a = sqrt(1 + abs(W @ x)) / (2 + cos(U @ h + p)) / 3\nb = 2 / (1 + a * a) + 1 / mean(g)\n"
        "h' = max(a, b) * min(a, 0.5) - max(q, sin(a)) / mean(a * b) + 1 / (1 + exp(d))"
    ),
    "layer_norm": Cell(
        "a = W @ x + U @ h + b\nmu = mean(a)\ns = mean((a - mu) * (a - mu))\n"
        "h' = tanh(g * (a - mu) / sqrt(s + 1e-5) + d)"
    ),
    "low_rank": Cell("h' = tanh(A @ (C @ x) + D @ (E @ h) + b)"),
    "keeps_input": Cell("p: m\np' = x\nh' = tanh(W @ x + V @ p + U @ h)"),
    "fixed": Cell(
        "mask: input m\ngap: input 1\nA: constant n x n\n"
        "h' = tanh(W @ (mask * x) + U @ (exp(-gap) * h) + A @ h)"
    ),
    "transposed": Cell("h' = h + 0.1 * tanh((W - W.T) @ h + V @ x + b)"),
    "blocks": Cell("U: blocks H\nV: blocks 2\nh' = tanh(W @ x + U @ h) * (V @ h)"),
    "scalars": Cell("alpha: 1\nbeta: 1\nh' = alpha * beta * tanh(W @ x + h) + sigmoid(beta) * h"),
}
CELLS = {**catalogue, **OWN}


class Counted(TorchDispatchMode):
    """The results of every elementwise operation and function that PyTorch runs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        result = operation(*arguments, **(options or {}))
        name = operation.overloadpacket.__name__
        if name == "addmm":
            self.found["add"] += result.numel()
        elif name == "mean":
            self.found[name] += arguments[0].numel()
        elif name == "clamp":
            self.found["max" if arguments[1] is not None else "min"] += result.numel()
        elif name in ELEMENTWISE | CALLS.keys():
            self.found[CALLS.get(name, name)] += result.numel()
        return result


def arrays(whole: Cell | Layer, sizes: dict[str, int], device: str) -> dict[str, torch.Tensor]:
    """Parameters of the shapes that are inferred."""
    put = {sp.Symbol(name): size for name, size in sizes.items()}
    return {
        p.name: torch.zeros([int(sp.sympify(a).subs(put)) for a in p.shape], device=device)
        for p in whole.parameters
    }


def sizes_of(whole: Cell | Layer, data: st.DataObject) -> dict[str, int]:
    found = {name: data.draw(few, label=name) for name in (*whole.size_names, "T", "B")}
    return whole.sizes.multiplied(found) if isinstance(whole, Cell) else found


def inputs_of(whole: Cell, sizes: dict[str, int], device: str) -> list[torch.Tensor]:
    """The inputs; after the constants, if there are any, as generated code takes them."""
    put = {sp.Symbol(name): size for name, size in sizes.items()}
    stored = {name: whole.sizes.stored(name) for name in whole.sizes.shapes}
    shapes = {k: [int(size_expression(s).subs(put)) for s in stored[k]] for k in stored}
    lead = (sizes["T"], sizes["B"])
    xs = [torch.zeros(*lead, *(shapes[k] or [1]), device=device) for k in whole.inputs]
    constants = {k: torch.zeros(shapes[k], device=device) for k in whole.constants}
    return [*([constants] if constants else []), *xs]


def kept_by_autograd(run, given: list[torch.Tensor]) -> int:
    """The numbers in the storages that wait for the backward pass and were not given."""
    storages = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dtype == torch.float32:  # a plain number times a tensor is kept as float64
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = run()
    assert result is not None
    ours = {tensor.untyped_storage().data_ptr() for tensor in given}
    return sum(s.nbytes() // 4 for place, s in storages.items() if place not in ours)


@pytest.mark.parametrize("name", list(CELLS))
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_work_to_the_unit(name, data):
    whole = CELLS[name]
    sizes = sizes_of(whole, data)
    found = cost(whole, **sizes)
    parameters, xs = arrays(whole, sizes, "meta"), inputs_of(whole, sizes, "meta")
    routine = generate(whole, "torch")
    with FlopCounterMode(display=False) as flops:
        routine.sequence(parameters, *xs)
    assert found.flops == flops.get_total_flops() == 2 * found.total.multiply_adds
    if "hard_sigmoid" in whole.text:
        return  # made of elementwise operations
    with Counted() as counted:
        routine.sequence(parameters, *xs)
    assert found.total.elementwise == sum(counted.found[f] for f in ELEMENTWISE)
    functions = {f: v for f, v in counted.found.items() if f not in ELEMENTWISE}
    assert found.total.functions == functions


class Reads(TorchDispatchMode):
    """Which storages made of parameters alone each operation reads, in the order of operations."""

    def __init__(self, parameters: list[torch.Tensor]) -> None:
        super().__init__()
        self.made = {p.untyped_storage().data_ptr(): p.untyped_storage() for p in parameters}
        self.read: list[set[int]] = []
        self.alive: list[torch.Tensor] = []  # or a place would be used again

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        result = operation(*arguments, **(options or {}))
        given = [a for a in tree_leaves((arguments, options)) if isinstance(a, torch.Tensor)]
        places = [a.untyped_storage().data_ptr() for a in given]
        results = [r for r in tree_leaves(result) if isinstance(r, torch.Tensor)]
        self.alive += results
        if places and all(place in self.made for place in places):
            self.made |= {r.untyped_storage().data_ptr(): r.untyped_storage() for r in results}
        self.read.append({place for place in places if place in self.made})
        return result


@pytest.mark.parametrize("name", list(CELLS))
def test_what_each_step_reads(name):
    """What a further step repeats reads so many parameters and constants."""
    whole = CELLS[name]
    sizes = {size: 3 + k for k, size in enumerate(whole.size_names)} | {"B": 2}
    sizes = whole.sizes.multiplied(sizes)
    parameters = arrays(whole, sizes, "cpu")

    def reads(steps: int) -> Reads:
        xs = inputs_of(whole, {**sizes, "T": steps}, "cpu")
        constants = [a for each in xs if isinstance(each, dict) for a in each.values()]
        with Reads([*parameters.values(), *constants]) as seen:
            generate(whole, "torch").sequence(parameters, *xs)
        return seen

    five, six = reads(5), reads(6)
    period = len(six.read) - len(five.read)
    window = six.read[-3 * period : -2 * period]
    found = sum(six.made[place].nbytes() // 4 for place in set().union(*window))
    assert found == cost(whole, T=6, **sizes).read_per_step


@pytest.mark.parametrize("name", list(CELLS))
@settings(max_examples=2, deadline=None)
@given(data=st.data(), steps=st.integers(1, 4))
def test_memory_kept_to_the_number_and_the_backward_products(name, data, steps):
    whole = CELLS[name]
    sizes = {**sizes_of(whole, data), "T": steps}
    found = cost(whole, **sizes)
    parameters, xs = arrays(whole, sizes, "cpu"), inputs_of(whole, sizes, "cpu")
    own = [p.requires_grad_() for p in parameters.values()]
    sequence = generate(whole, "torch").sequence
    fixed = [a for each in xs if isinstance(each, dict) for a in each.values()]
    given = [*own, *fixed, *(each for each in xs if not isinstance(each, dict))]
    assert found.kept == kept_by_autograd(lambda: sequence(parameters, *xs), given)
    with FlopCounterMode(display=False) as flops:
        outputs, last = sequence(parameters, *xs)
        states = last if isinstance(last, tuple) else (last,)
        sum(a.sum() for a in (outputs, *states)).backward()
    assert flops.get_total_flops() == 2 * (found.total.multiply_adds + found.backward)


@pytest.mark.parametrize("merge", [None, *MERGES])
@settings(max_examples=4, deadline=None)
@given(
    name=st.sampled_from(["gru.pytorch", "gru.dey_salem", "lstm.pytorch", "lstm.projected"]),
    layers=st.integers(1, 3),
    trained=st.booleans(),
    shared=st.tuples(st.booleans(), st.booleans()),
    data=st.data(),
)
def test_layers_and_directions(merge, name, layers, trained, shared, data):
    """Also merged, from trained first states, and with tensors that several cells share."""
    options = {"bidirectional": merge is not None, "merge": merge or "concat"}
    sharing = {"share_directions": shared[0] and merge is not None, "share_layers": shared[1]}
    layer = Layer(cell(name), layers, **options, **sharing, learn_initial_state=trained)
    sizes = sizes_of(layer, data)
    found = cost(layer, **sizes)
    alone = Layer(cell(name), layers, **options)
    parameters, (x,) = arrays(alone, sizes, "cpu"), inputs_of(layer.cell, sizes, "cpu")
    for p in alone.parameters:
        level = min(p.level, 1) if shared[1] else p.level
        direction = 0 if sharing["share_directions"] else p.direction
        parameters[p.name] = parameters[p.in_cell + suffix(level, direction)]
    own = [p.requires_grad_() for p in {id(p): p for p in parameters.values()}.values()]
    stack = Stack(alone, "torch")
    put = {sp.Symbol(size): number for size, number in sizes.items()}
    states = [
        torch.zeros(
            layers * layer.directions, sizes["B"], int(layer.cell.symbol(s).shape[0].subs(put))
        ).requires_grad_()
        for s in stack.routine.states * trained
    ]
    with FlopCounterMode(display=False) as flops:
        outputs, _ = stack.sequence(parameters, x, *states)
    assert found.flops == flops.get_total_flops()
    assert outputs.shape[-1] == layer.output_size.subs(put)
    given = [*own, *states, x]
    assert found.kept == kept_by_autograd(lambda: stack.sequence(parameters, x, *states), given)
    with FlopCounterMode(display=False) as flops:
        outputs, last = stack.sequence(parameters, x, *states)
        (outputs.sum() + sum(a.sum() for a in (last if type(last) is tuple else [last]))).backward()
    assert flops.get_total_flops() == 2 * (found.total.multiply_adds + found.backward)
    firsts = sum(state[:, 0].numel() for state in states)
    assert found.parameters == sum(p.numel() for p in own) + firsts
    if not layer.share_layers:
        assert cost(replace(layer, num_layers="L"), L=layers, **sizes) == found


@pytest.mark.parametrize("merge", MERGES)
@settings(max_examples=3, deadline=None)
@given(layers=st.integers(1, 2), data=st.data())
def test_elementwise_work_of_merged_directions(merge, layers, data):
    layer = Layer(cell("lstm.pytorch"), layers, True, merge=merge)
    sizes = sizes_of(layer, data)
    parameters, (x,) = arrays(layer, sizes, "meta"), inputs_of(layer.cell, sizes, "meta")
    with Counted() as counted:
        Stack(layer, "torch").sequence(parameters, x)
    assert cost(layer, **sizes).total.elementwise == sum(counted.found[f] for f in ELEMENTWISE)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("SGD", lambda own: torch.optim.SGD(own, 0.1)),
        ("SGD with momentum", lambda own: torch.optim.SGD(own, 0.1, momentum=0.9)),
        ("Adam", torch.optim.Adam),
    ],
)
def test_what_an_optimiser_keeps(name, make):
    """Arrays like the parameters; Adam's number of steps, one a tensor, is not one of them."""
    module = torch.nn.LSTM(3, 4, 2, bidirectional=True)
    optimiser = make(module.parameters())
    module(torch.zeros(2, 1, 3))[0].sum().backward()
    optimiser.step()
    kept = tree_leaves([list(state.values()) for state in optimiser.state.values()])
    arrays_kept = sum(a.numel() for a in kept if isinstance(a, torch.Tensor) and a.dim())
    assert cost(Layer(cell("lstm.pytorch"), 2, True), m=3, n=4).optimiser[name] == arrays_kept


@pytest.mark.parametrize(
    ("name", "gates", "biases"),
    [("gru.pytorch", 3, 6), ("lstm.pytorch", 4, 8), ("rnn.pytorch", 1, 2)],
)
def test_closed_forms(name, gates, biases):
    found = cost(cell(name))
    assert sp.expand(found.total.multiply_adds - gates * (m * n + n**2) * T * B) == 0
    assert found.optimiser["Adam"] == sp.expand(2 * gates * (m * n + n**2) + 2 * biases * n)
    at = cost(cell(name), m=128, n=256, T=20, B=2)
    assert at.flops == {3: 23_592_960, 4: 31_457_280, 1: 7_864_320}[gates]
    forward_and_backward = 2 * (at.total.multiply_adds + at.backward)
    assert forward_and_backward == {3: 62_128_128, 4: 82_837_504, 1: 20_709_376}[gates]


def test_pytorch_counts_its_own_lstm_only_without_onednn():
    """The number that FlopCounterMode gives is ours, or 0."""

    def counted(module: torch.nn.Module) -> int:
        with FlopCounterMode(display=False) as flops:
            module(torch.zeros(20, 2, 128))
        return flops.get_total_flops()

    gru, lstm = torch.nn.GRU(128, 256), torch.nn.LSTM(128, 256)
    sizes = {"m": 128, "n": 256, "T": 20, "B": 2}
    assert counted(gru) == cost(cell("gru.pytorch"), **sizes).flops
    assert counted(lstm) in (0, cost(cell("lstm.pytorch"), **sizes).flops)
    with torch.device("meta"):  # where there is no oneDNN
        assert counted(torch.nn.LSTM(128, 256)) == cost(cell("lstm.pytorch"), **sizes).flops


def test_every_function_is_known_to_be_kept_somehow():
    from gru_sym.operations import trace

    assert {*KEEP_RESULT, *ON_THE_WAY, "silu", "identity", "abs", "sin", "cos"} == {*FUNCTIONS}
    runs = [trace(OWN[name], 1, T, B) for name in ("every_function", "quotients")]
    kinds = {done.kind for r in runs for done in r.steps[0] + r.sequence + r.once}
    assert kinds >= {*called()} - {"sigmoid", "identity"}


def test_what_is_refused():
    with pytest.raises(ValueError, match="T names a size of cell"):
        cost(Cell("c: T\nc' = tanh(W @ x + U @ c)"))
    with pytest.raises(ValueError, match=r"gru\.pytorch has no size k"):
        cost(cell("gru.pytorch"), k=3)
    with pytest.raises(ValueError, match="T must be a positive integer, not 0"):
        cost(cell("gru.pytorch"), T=0)


def test_the_command(capsys):
    words = "cost gru.pytorch -m 128 -n 256 --steps 20 --batch 2".split()
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "11796480 multiply-adds" in text and "23592960 FLOPs" in text
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["multiply_adds"], found["flops"], found["parameters"]) == (
        11_796_480,
        23_592_960,
        296_448,
    )
    assert found["optimiser"] == {"SGD": 0, "SGD with momentum": 296_448, "Adam": 592_896}
    assert main(["cost", "gru.pytorch", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    formula = sp.sympify(found["multiply_adds"])
    assert sp.expand(formula - 3 * T * B * (m * n + n**2)) == 0
    assert main(["cost", "gru.pytorch", "-m", "8", "--steps", "0"]) == 2
    assert main(["cost", "gru.pytorch", "-m", "8"]) == 2
    out, error = capsys.readouterr()
    assert out == "" and "also needs -n SIZE" in error
