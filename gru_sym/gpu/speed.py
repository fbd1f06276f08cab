"""Times of generated code: one design of the GRU beside another, and beside the library."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from gru_sym.codegen import Routine, generate
from gru_sym.gpu.accuracy import LAYERS
from gru_sym.gpu.plan import SEEDS, Absent, Plan, Row, Shape
from gru_sym.gpu.precision import arithmetic
from gru_sym.gpu.timing import Function, captured, compare
from gru_sym.libraries.pytorch import cell_names, named_parameters
from gru_sym.lookup import cell

DESIGNS = ("gru.pytorch", "gru.merged", "gru.flux", "gru.answer", "gru.keras_reset_before")
COMPILED = ("gru.pytorch", "gru.merged", "gru.keras_reset_before")

FORWARD, BOTH = "forward", "forward and backward"


@dataclass(frozen=True)
class Run:
    """Something to time: a function of x, and the tensors that it has gradients for."""

    function: Callable[[Tensor], Tensor]
    leaves: tuple[Tensor, ...]
    x: Tensor

    def forward(self) -> Tensor:
        """The outputs, for inference."""
        with torch.no_grad():
            return self.function(self.x)

    def both(self, cotangent: Tensor) -> tuple[Tensor, ...]:
        """The gradients of every parameter and of x."""
        x = self.x.detach().requires_grad_()
        return torch.autograd.grad(self.function(x), (*self.leaves, x), cotangent)


def design_rows(plan: Plan) -> Iterator[Row]:
    """Cells in one style: reset before or after the product, one bias or two; in float32.

    The forms are "eager" code and, on a GPU, its forward pass as a CUDA "graph".
    """
    for tf32, shape in ((tf32, shape) for tf32 in _tf32(plan) for shape in plan.speed):
        with arithmetic(tf32=tf32):
            x, cotangent = _inputs(plan, shape)
            runs = {
                name: _generated(_routine(name).sequence, _random(name, shape, plan), x)
                for name in DESIGNS
            }
            for (form, work), functions in _forms(runs, cotangent, plan).items():
                times = compare(functions, "gru.pytorch", plan)
                about = {"form": form, "work": work, "tf32": tf32, **shape.row()}
                yield from ({"cell": name, **about, **times[name]} for name in DESIGNS)


def library_rows(plan: Plan) -> Iterator[Row]:
    """Generated code, eager and as a CUDA graph, beside the library's layer; in float32.

    The library's forward pass is that for inference.
    """
    for tf32, shape in ((tf32, shape) for tf32 in _tf32(plan) for shape in plan.speed):
        for kind in LAYERS:
            with arithmetic(tf32=tf32):
                for work, functions in _beside_library(kind, shape, plan).items():
                    times = compare(functions, "library", plan)
                    about = {"work": work, "tf32": tf32, **shape.row()}
                    for form, measured in times.items():
                        yield {"kind": kind, "form": form, **about, **measured}


def compiled_rows(plan: Plan) -> Iterator[Row]:
    """The forward pass by torch.compile, and the same eager: few steps, since each is compiled.

    `compile_seconds` is the first call. On the CPU torch.compile only traces ("eager" backend).
    """
    shape = plan.compiled
    backend = "inductor" if plan.device == "cuda" else "eager"
    x, _ = _inputs(plan, shape)
    eager: dict[str, Run] = {}
    compiled: dict[str, Run] = {}
    seconds: dict[str, float | None] = {}
    with arithmetic(tf32=False):
        for name in COMPILED:
            if time.monotonic() + plan.compile_seconds > plan.deadline:
                break
            sequence, parameters = _routine(name).sequence, _random(name, shape, plan)
            eager[name] = _generated(sequence, parameters, x)
            # The function itself and not one that calls it, which torch.compile could not inline.
            function: Any = torch.compile(sequence, fullgraph=True, backend=backend)
            compiled[name] = _generated(function, parameters, x)
            begin = time.perf_counter()
            compiled[name].forward()
            _synchronize(plan)
            seconds[name] = time.perf_counter() - begin
        for form, runs in (("compiled", compiled), ("eager", eager)):
            if runs:
                times = compare({k: run.forward for k, run in runs.items()}, "gru.pytorch", plan)
                about = {"form": form, "work": FORWARD, "tf32": False, **shape.row()}
                for name, row in times.items():
                    taken = seconds[name] if form == "compiled" else None
                    yield {"cell": name, **about, "compile_seconds": taken, **row}
    if missing := [name for name in COMPILED if name not in compiled]:
        raise Absent(f"no time was left to compile {', '.join(missing)}")


def _forms(
    runs: Mapping[str, Run], cotangent: Tensor, plan: Plan
) -> dict[tuple[str, str], dict[str, Function]]:
    """What is timed of each run, by form and work."""
    forms: dict[tuple[str, str], dict[str, Function]] = {
        ("eager", FORWARD): {name: run.forward for name, run in runs.items()},
        ("eager", BOTH): {name: partial(run.both, cotangent) for name, run in runs.items()},
    }
    if plan.device == "cuda":
        graphs = {name: captured(run.forward) for name, run in runs.items()}
        forms["graph", FORWARD] = graphs
    return forms


def _beside_library(kind: str, shape: Shape, plan: Plan) -> dict[str, dict[str, Function]]:
    """The library and the generated code with its parameters, by work and form."""
    x, cotangent = _inputs(plan, shape)
    layer, name = LAYERS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(SEEDS["parameters"])
        module = layer(shape.m, shape.n, device=plan.device)
    inference = layer(shape.m, shape.n, device=plan.device).eval()
    inference.load_state_dict(module.state_dict())
    parameters = {
        name: tensor.clone().requires_grad_()
        for name, tensor in cell_names(named_parameters(module)).items()
    }
    generated = _generated(_routine(name).sequence, parameters, x)
    forward: dict[str, Function] = {
        "library": Run(partial(_outputs, inference), (), x).forward,
        "eager": generated.forward,
    }
    if plan.device == "cuda":
        forward["graph"] = captured(generated.forward)
    trained = Run(partial(_outputs, module), tuple(module.parameters()), x)
    runs = {"library": trained, "eager": generated}
    both: dict[str, Function] = {form: partial(run.both, cotangent) for form, run in runs.items()}
    return {FORWARD: forward, BOTH: both}


def _outputs(module: nn.Module, x: Tensor) -> Tensor:
    outputs: Tensor = module(x)[0]
    return outputs


def _generated(sequence: Callable[..., Any], parameters: dict[str, Tensor], x: Tensor) -> Run:
    def outputs(x: Tensor) -> Tensor:
        found: Tensor = sequence(parameters, x)[0]
        return found

    return Run(outputs, tuple(parameters.values()), x)


def _random(name: str, shape: Shape, plan: Plan) -> dict[str, Tensor]:
    """Parameters of a cell, uniform within 1 / sqrt(n) of 0, that want gradients."""
    random = torch.Generator(plan.device).manual_seed(SEEDS["parameters"])
    sizes = {"m": shape.m, "n": shape.n}
    limit = shape.n**-0.5
    parameters = {}
    for parameter in cell(name).parameters:
        lengths = [sizes[str(size)] for size in parameter.shape]
        uniform = torch.rand(lengths, generator=random, device=plan.device)
        parameters[parameter.name] = ((2 * uniform - 1) * limit).requires_grad_()
    return parameters


def _inputs(plan: Plan, shape: Shape) -> tuple[Tensor, Tensor]:
    """An input, and a cotangent of the outputs."""
    random = torch.Generator(plan.device).manual_seed(SEEDS["inputs"])
    sizes = (shape.T, shape.B, shape.m), (shape.T, shape.B, shape.n)
    x, cotangent = (torch.randn(s, generator=random, device=plan.device) for s in sizes)
    return x, cotangent


@lru_cache
def _routine(name: str) -> Routine:
    return generate(cell(name), "torch")


def _tf32(plan: Plan) -> tuple[bool, ...]:
    return (False, True) if plan.device == "cuda" else (False,)


def _synchronize(plan: Plan) -> None:
    if plan.device == "cuda":
        torch.cuda.synchronize()
