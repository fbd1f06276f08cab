"""Times of generated code: one design of the GRU beside another, and beside the library."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._inductor import config as inductor

from gru_sym.codegen import Routine, generate
from gru_sym.gpu.accuracy import MODULES, largest_error
from gru_sym.gpu.dispatch import maker
from gru_sym.gpu.plan import COMPILED, DESIGNS, LAYERS, REFERENCE, SEEDS, Absent, Plan, Row, Shape
from gru_sym.gpu.precision import arithmetic
from gru_sym.gpu.timing import Function, captured, take_turns
from gru_sym.libraries.pytorch import cell_names, named_parameters
from gru_sym.lookup import cell

FORWARD, BOTH = "forward", "forward and backward"


@dataclass(frozen=True)
class Run:
    """Something to time: a function of x, the tensors that it has gradients for, a cotangent."""

    function: Callable[[Tensor], Tensor]
    leaves: tuple[Tensor, ...]
    x: Tensor
    cotangent: Tensor

    def forward(self) -> Tensor:
        """The outputs, for inference."""
        with torch.no_grad():
            return self.function(self.x)

    def both(self) -> tuple[Tensor, ...]:
        """The gradients of every parameter and of x."""
        x = self.x.detach().requires_grad_()
        return torch.autograd.grad(self.function(x), (*self.leaves, x), self.cotangent)


def design_rows(plan: Plan) -> Iterator[Row]:
    """Cells in one style: reset before or after the product, one bias or two; in float32.

    The forms are "eager" code and, on a GPU, its forward pass as a CUDA "graph".
    """
    for tf32, shape in ((tf32, shape) for tf32 in _tf32(plan) for shape in plan.speed):
        with arithmetic(tf32=tf32):
            runs = {name: design(name, shape, plan) for name in DESIGNS}
            for (form, work), functions in _forms(runs, plan).items():
                about = {"form": form, "work": work, "tf32": tf32, **shape.row()}
                for name, times in take_turns(functions, plan).items():
                    yield {"cell": name, **about, "times_us": times}


def design(name: str, shape: Shape, plan: Plan, *, compiled: bool = False) -> Run:
    """The code generated for a cell of the catalogue, with random parameters and input."""
    sequence, parameters = _routine(name).sequence, _random(name, shape, plan)
    # The function itself and not one that calls it, which torch.compile could not inline.
    function = _compile(sequence, plan) if compiled else sequence
    return _generated(function, parameters, *_inputs(plan, shape))


def library_rows(plan: Plan) -> Iterator[Row]:
    """Generated code, eager and as a CUDA graph, beside the library's layer; in float32.

    The library's forward pass is that for inference.
    """
    for tf32, shape in ((tf32, shape) for tf32 in _tf32(plan) for shape in plan.speed):
        for kind in LAYERS:
            about: Row = {"kind": kind, "library": _maker(kind, shape, plan), "tf32": tf32}
            with arithmetic(tf32=tf32):
                for work, functions in _beside_library(kind, shape, plan).items():
                    about |= {"work": work, **shape.row()}
                    for form, times in take_turns(functions, plan).items():
                        yield {**about, "form": form, "times_us": times}


def compiled_rows(plan: Plan) -> Iterator[Row]:
    """The forward pass by torch.compile, and the same eager: few steps, since each is compiled.

    `compile_seconds` is the first call, after the compiler itself has started; `difference` is how
    far the outputs are from the eager ones, relative to the largest. A dry run on the CPU
    only traces (backend "eager"). A cell that does not compile is told at the end.
    """
    runs: dict[tuple[str, str], Run] = {}
    compiled: dict[str, tuple[float, float]] = {}
    late: list[str] = []
    broken: list[str] = []
    with arithmetic(tf32=False), _without_caches():
        _compile(torch.sin, plan)(torch.ones(1, device=plan.device))
        for name in COMPILED:
            runs[name, "eager"] = design(name, plan.compiled, plan)
            if time.monotonic() + plan.compile_seconds > plan.deadline:
                late.append(name)
                continue
            try:
                run = design(name, plan.compiled, plan, compiled=True)
                compiled[name] = _first_call(run, runs[name, "eager"], plan)
                runs[name, "compiled"] = run
            except Exception as error:  # of the compiler, whatever it is: the others go on
                broken.append(f"{name}: {type(error).__name__}: {error}")
        if (REFERENCE, "compiled") not in runs:
            runs = {key: run for key, run in runs.items() if key[1] == "eager"}
        times = take_turns({key: run.forward for key, run in runs.items()}, plan)
    for (name, form), measured in times.items():
        about: Row = {"cell": name, "form": form, "work": FORWARD, "tf32": False}
        seconds, difference = compiled[name] if form == "compiled" else (None, None)
        about |= {"compile_seconds": seconds, "difference": difference}
        yield {**about, **plan.compiled.row(), "times_us": measured}
    if broken:
        raise RuntimeError("; ".join(broken))
    if late:
        raise Absent(f"no time was left to compile {', '.join(late)}")


@contextmanager
def _without_caches() -> Iterator[None]:
    """Compile anew, whatever an earlier run has left."""
    with inductor.patch(force_disable_caches=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "dynamo_pgo force disabled")
        yield


def _compile(function: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    backend = "eager" if plan.dry and plan.device == "cpu" else "inductor"
    compiled: Callable[..., Any] = torch.compile(function, fullgraph=True, backend=backend)
    return compiled


def _first_call(run: Run, eager: Run, plan: Plan) -> tuple[float, float]:
    """Its seconds, and the largest difference of its outputs to the eager ones."""
    begin = time.perf_counter()
    outputs = run.forward()
    _synchronize(plan)
    seconds = time.perf_counter() - begin
    return round(seconds, 3), largest_error({"": outputs}, {"": eager.forward()})


def _forms(runs: Mapping[str, Run], plan: Plan) -> dict[tuple[str, str], dict[str, Function]]:
    """What is timed of each run, by form and work."""
    forms: dict[tuple[str, str], dict[str, Function]] = {
        ("eager", FORWARD): {name: run.forward for name, run in runs.items()},
        ("eager", BOTH): {name: run.both for name, run in runs.items()},
    }
    if plan.device == "cuda":
        graphs = {name: captured(run.forward) for name, run in runs.items()}
        forms["graph", FORWARD] = graphs
    return forms


def _beside_library(kind: str, shape: Shape, plan: Plan) -> dict[str, dict[str, Function]]:
    """The library and the generated code with its parameters, by work and form."""
    x, cotangent = _inputs(plan, shape)
    layer = MODULES[kind]
    with torch.random.fork_rng():
        torch.manual_seed(SEEDS["parameters"])
        module = layer(shape.m, shape.n, device=plan.device)
    inference = layer(shape.m, shape.n, device=plan.device).eval()
    inference.load_state_dict(module.state_dict())
    parameters = {
        name: tensor.clone().requires_grad_()
        for name, tensor in cell_names(named_parameters(module)).items()
    }
    generated = _generated(_routine(LAYERS[kind]).sequence, parameters, x, cotangent)
    forward: dict[str, Function] = {
        "library": Run(partial(_outputs, inference), (), x, cotangent).forward,
        "eager": generated.forward,
    }
    if plan.device == "cuda":
        forward["graph"] = captured(generated.forward)
    trained = Run(partial(_outputs, module), tuple(module.parameters()), x, cotangent)
    runs = {"library": trained, "eager": generated}
    both: dict[str, Function] = {form: run.both for form, run in runs.items()}
    return {FORWARD: forward, BOTH: both}


def _maker(kind: str, shape: Shape, plan: Plan) -> str:
    x, _ = _inputs(plan, shape)
    return maker(MODULES[kind](shape.m, shape.n, device=plan.device), x)


def _outputs(module: nn.Module, x: Tensor) -> Tensor:
    outputs: Tensor = module(x)[0]
    return outputs


def _generated(
    sequence: Callable[..., Any], parameters: dict[str, Tensor], x: Tensor, cotangent: Tensor
) -> Run:
    def outputs(x: Tensor) -> Tensor:
        found: Tensor = sequence(parameters, x)[0]
        return found

    return Run(outputs, tuple(parameters.values()), x, cotangent)


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
