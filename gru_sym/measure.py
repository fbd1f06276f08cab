"""Measure on a device, and record what it says: counts, errors, times, cuDNN's bias modes.

Times are in float32, without TF32 but where a row says otherwise.
"""

from __future__ import annotations

import itertools
import json
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gru_sym.cudnn import mode_counts, mode_results, mode_times
from gru_sym.libraries.pytorch import cell_names, cell_of, named_parameters, stored
from gru_sym.lookup import cell
from gru_sym.provenance import provenance
from gru_sym.records import KINDS, SIZES, Record, Row
from gru_sym.timing import (
    BOTH,
    FORWARD,
    Function,
    Plan,
    Run,
    Shape,
    arithmetic,
    captured,
    generated,
    in_turn,
    inputs_of,
    largest_error,
    maker,
    sizes_text,
    started,
)

DESIGNS = ("gru.pytorch", "gru.merged", "gru.flux", "gru.answer", "gru.dey_salem")
"""Reset after the product with 6n, 4n and 3n biases; reset before it with 6n and 3n."""

MODULES: dict[str, Callable[..., nn.RNNBase]] = {"GRU": nn.GRU, "LSTM": nn.LSTM, "RNN": nn.RNN}
ARITHMETICS = ("float64", "float32", "float32, TF32", "float16", "bfloat16")
STACKS = ((1, 1), (1, 2), (2, 1), (3, 2))
"""Layers and directions of which parameters are counted."""


def full_plan(device: str) -> Plan:
    """What takes minutes, where `Plan(device)` takes seconds. A GPU is asked for larger sizes."""
    counted = ((1, 1), (5, 7), (8, 16), (100, 50), (1024, 1024))
    compared = ((5, 3, 4, 7), (32, 16, 64, 64), (16, 8, 100, 300), (64, 32, 256, 256))
    if device == "cpu":
        timed = ((64, 1, 64, 64), (64, 16, 256, 256), (32, 16, 1024, 1024))
        return Plan(device, counted, compared, timed, blocks=9, rounds=5)
    large = ((16, 16, 1024, 1024), (4, 8, 4096, 4096))
    timed = ((64, 64, 256, 256), (64, 64, 1024, 1024), (32, 16, 2048, 2048))
    return Plan(device, counted, (*compared, *large), timed, blocks=9, rounds=12)


# What runs


def design(name: str, shape: Shape, device: str = "cpu") -> Run:
    """Generated code with parameters that are uniform within 1 / sqrt(n) of 0, as in PyTorch."""
    draw, (m, n) = torch.Generator(device).manual_seed(0), shape[2:]
    parameters = {}
    for parameter in cell(name).parameters:
        lengths = [{"m": m, "n": n}[str(size)] for size in parameter.shape]
        uniform = 2 * torch.rand(lengths, generator=draw, device=device) - 1
        parameters[parameter.name] = uniform * n**-0.5
    return generated(name, parameters, inputs_of("GRU", shape, device, torch.float32))


def library(kind: str, shape: Shape, device: str, dtype: torch.dtype) -> tuple[Any, Run, Run]:
    """PyTorch's layer, what it runs, and the generated code with the same parameters."""
    with torch.random.fork_rng():  # torch's own generator is left as it was
        torch.manual_seed(0)
        layer = MODULES[kind](*shape[2:], device=device, dtype=dtype)

    def outputs(x: Tensor, *states: Tensor) -> Tensor:
        first = tuple(state[None] for state in states)
        found: Tensor = layer(x, first if len(first) > 1 else first[0])[0]
        return found

    inputs = inputs_of(kind, shape, device, dtype)
    code = generated(KINDS[kind].cell, cell_names(named_parameters(layer)), inputs)
    return layer, Run(outputs, dict(layer.named_parameters()), inputs), code


def operations(name: str, *, backward: bool = False) -> tuple[int, int]:
    """Of generated code: the operations started in each step, and those once a sequence.

    >>> operations("gru.merged")
    (13, 5)
    """
    runs = [design(name, (steps, 2, 4, 5)) for steps in (3, 4)]
    few, more = (started(run.both if backward else run.forward).total() for run in runs)
    return more - few, few - 3 * (more - few)


# Counts and errors


def counts(plan: Plan) -> Iterator[Row]:
    """How many numbers PyTorch's layers hold on the device."""
    every = itertools.product(MODULES, plan.counted, STACKS, (True, False), (False, True))
    for kind, (m, n), (layers, directions), bias, projected in every:
        if projected and not (kind == "LSTM" and bias and n > 1):
            continue
        options: dict[str, Any] = {"proj_size": n // 2} if projected else {}
        options |= {"num_layers": layers, "bidirectional": directions == 2, "bias": bias}
        module = MODULES[kind](m, n, device=plan.device, **options)
        row = {"kind": kind, "cell": cell_of(module)[0], "m": m, "n": n, "bias": bias}
        row |= {"p": options.get("proj_size"), "layers": layers, "directions": directions}
        yield {**row, "count": sum(p.numel() for p in module.parameters())}


def errors(plan: Plan) -> Iterator[Row]:
    """The library and generated code, each against the generated code in float64.

    Parameters and input are rounded first. An error is the largest one of a tensor over the largest
    number of that tensor; of the gradients it is that of the worst tensor.
    """
    for name, kind, shape in itertools.product(ARITHMETICS, KINDS, plan.compared):
        dtype, _, tf32 = name.partition(", ")
        if tf32 and plan.device == "cpu":
            continue  # an arithmetic of GPUs
        layer, run, code = library(kind, shape, plan.device, getattr(torch, dtype))
        double = ({key: t.double() for key, t in part.items()} for part in code[1:])
        exact = generated(KINDS[kind].cell, *double).both()
        with arithmetic(tf32=bool(tf32)):
            about = {"kind": kind, "arithmetic": name, "computed by": maker(run.both)}
            packed, own = run.both(), code.both()
        weights = {key: packed.pop(key) for key, _ in layer.named_parameters()}
        found = {**packed, **cell_names(stored(layer).unpack(weights))}
        for what, names in (("outputs", ["outputs"]), ("gradients", [*code.leaves, "x"])):
            each = {"library": found, "generated": own}
            row = {key: largest_error(one, exact, names) for key, one in each.items()}
            yield {**about, SIZES: sizes_text(shape), "what": what, **row}


# Times


def designs(plan: Plan, form: str = "") -> Iterator[Row]:
    """The five cells; `form` is `GRAPHS` for CUDA graphs, without the Python between kernels."""

    def make(shape: Shape, work: str) -> dict[str, Function]:
        return {name: _timed(design(name, shape, plan.device), work, form) for name in DESIGNS}

    yield from in_turn(plan, f"designs{form}", make, [FORWARD] if form else [FORWARD, BOTH])


def layers(plan: Plan, form: str = "") -> Iterator[Row]:
    """The library's layers, and generated code with the same parameters, in such a form."""

    def make(kind: str, shape: Shape, work: str) -> dict[str, Function]:
        _, run, code = library(kind, shape, plan.device, torch.float32)
        whole = _timed(run, work)
        return {maker(whole): whole, "generated": _timed(code, work, form)}

    for kind in KINDS:
        works = [FORWARD] if form else [FORWARD, BOTH]
        yield from in_turn(plan, f"{kind}{form}", partial(make, kind), works)


def _timed(run: Run, work: str, form: str = "") -> Function:
    if work == BOTH:
        return run.both
    return captured(run.forward) if form else run.forward


# The record

GRAPHS = " as CUDA graphs"
Measure = Callable[[Plan], Iterator[Row]]
ANYWHERE: dict[str, Measure] = {
    "errors": errors,
    "times of the designs": designs,
    "times of the library": layers,
    "counts": counts,
}
ON_CUDA: dict[str, Measure] = {
    "mode counts": mode_counts,
    "mode results": mode_results,
    "times of the modes": mode_times,
    f"times of the designs{GRAPHS}": partial(designs, form=GRAPHS),
    f"times of the library{GRAPHS}": partial(layers, form=GRAPHS),
}
"""What may fail stands last: an error in cuDNN, asked through C, may take the process with it."""


def record(
    device: str = "cuda",
    *,
    dry: bool = False,
    commit: str | None = None,
    save: Callable[[Record], object] = lambda record: None,
    progress: Callable[[str], object] = lambda line: None,
) -> Record:
    """Everything that is measured on "cuda" or "cpu"; `dry`: in small, its times mean nothing.

    `save` is given the record after each part, `progress` a line. A part that fails loses no other:
    the record says so. Raises `ValueError` where there is no such device, or if git knows the
    commit and it is another one.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("PyTorch sees no CUDA device here; --device cpu measures all but cuDNN")
    made = provenance(device, dry, commit)
    plan = Plan(device) if dry else full_plan(device)
    if device == "cpu":
        made.absent.update(dict.fromkeys(ON_CUDA, "it needs a CUDA device, and there is none"))
    for name, measure in (ANYWHERE if device == "cpu" else ANYWHERE | ON_CUDA).items():
        rows = len(made.rows)
        try:
            for row in measure(plan):
                json.dumps(row, allow_nan=False)  # what cannot be written fails here
                made.rows.append({"table": name.split(" of ")[0], **row})
        except Exception as error:  # whatever it is: the other parts are still worth having
            progress(traceback.format_exc())  # and not into the record: it may name a path
            made.absent[name] = f"it failed: {type(error).__name__}"
        save(made)
        progress(f"{name}: {made.absent.get(name, f'{len(made.rows) - rows} rows')}")
    return made
