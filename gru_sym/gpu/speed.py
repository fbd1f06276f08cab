"""Times of generated code: one design of the GRU beside another, and beside the library."""

from __future__ import annotations

import itertools
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
    forms = [("eager", FORWARD), ("eager", BOTH)]
    forms += [("graph", FORWARD)] if plan.device == "cuda" else []
    for tf32, shape, (form, work) in itertools.product(_tf32(plan), plan.speed, forms):
        about = {"form": form, "work": work, "tf32": tf32, **shape.row()}
        with arithmetic(tf32=tf32):
            times = take_turns(partial(_designs, form, work, shape, plan), plan)
        yield from ({"cell": name, **about, "times_us": times[name]} for name in DESIGNS)


def design(name: str, shape: Shape, plan: Plan, sequence: Callable[..., Any] | None = None) -> Run:
    """The code generated for a cell of the catalogue, with random parameters and input.

    `sequence` is that code where it has been compiled.
    """
    function = sequence or _routine(name).sequence
    return _generated(function, _random(name, shape, plan), *_inputs(plan, shape))


def library_rows(plan: Plan) -> Iterator[Row]:
    """Generated code, eager and as a CUDA graph, beside the library's layer; in float32.

    The library's forward pass is that for inference.
    """
    works = (FORWARD, BOTH)
    for tf32, shape, kind, work in itertools.product(_tf32(plan), plan.speed, LAYERS, works):
        about: Row = {"kind": kind, "library": _maker(kind, shape, plan), "tf32": tf32}
        with arithmetic(tf32=tf32):
            times = take_turns(partial(_beside_library, kind, work, shape, plan), plan)
        for form, measured in times.items():
            yield {**about, "form": form, "work": work, **shape.row(), "times_us": measured}


def compiled_rows(plan: Plan) -> Iterator[Row]:
    """The forward pass by torch.compile, and the same eager: few steps, since each is compiled.

    `compile_seconds` is the first call, after the compiler itself has started; `difference` is how
    far the outputs are from the eager ones, relative to the largest. A dry run on the CPU only
    traces (backend "eager"). A cell that does not compile is told at the end.
    """
    functions: dict[str, Callable[..., Any]] = {}
    first: dict[str, tuple[float, float]] = {}
    late: list[str] = []
    broken: list[str] = []
    with arithmetic(tf32=False), _without_caches():
        _compile(torch.sin, plan)(torch.ones(1, device=plan.device))
        for name in COMPILED:
            if time.monotonic() + plan.compile_seconds > plan.deadline:
                late.append(name)
                continue
            try:
                # The function itself and not one that calls it, which could not be inlined.
                functions[name] = _compile(_routine(name).sequence, plan)
                first[name] = _first_call(name, functions[name], plan)
            except Exception as error:  # of the compiler, whatever it is: the others go on
                broken.append(f"{name}: {type(error).__name__}: {error}")
        ready = {name: functions[name] for name in first if REFERENCE in first}
        times = take_turns(partial(_eager_and_compiled, ready, plan), plan)
    for (name, form), measured in times.items():
        seconds, difference = first[name] if form == "compiled" else (None, None)
        row: Row = {"cell": name, "form": form, "work": FORWARD, "tf32": False}
        row |= {"compile_seconds": seconds, "difference": difference}
        yield {**row, **plan.compiled.row(), "times_us": measured}
    if broken:
        raise RuntimeError("; ".join(broken))
    if late:
        raise Absent(f"no time was left to compile {', '.join(late)}")


@contextmanager
def _eager_and_compiled(
    compiled: Mapping[str, Callable[..., Any]], plan: Plan
) -> Iterator[dict[tuple[str, str], Function]]:
    """Each cell eager, and those that are compiled so."""
    functions: dict[tuple[str, str], Function] = {}
    for name in COMPILED:
        functions[name, "eager"] = design(name, plan.compiled, plan).forward
        if name in compiled:
            run = design(name, plan.compiled, plan, compiled[name])
            functions[name, "compiled"] = run.forward
    yield functions


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


def _first_call(name: str, function: Callable[..., Any], plan: Plan) -> tuple[float, float]:
    """The seconds that it takes, and the largest difference of its outputs to the eager ones."""
    run, eager = design(name, plan.compiled, plan, function), design(name, plan.compiled, plan)
    begin = time.perf_counter()
    outputs = run.forward()
    _synchronize(plan)
    seconds = time.perf_counter() - begin
    return round(seconds, 3), largest_error({"": outputs}, {"": eager.forward()})


@contextmanager
def _designs(form: str, work: str, shape: Shape, plan: Plan) -> Iterator[dict[str, Function]]:
    """Every design, in one form and work."""
    runs = {name: design(name, shape, plan) for name in DESIGNS}
    yield {name: _timed(run, form, work) for name, run in runs.items()}


@contextmanager
def _beside_library(
    kind: str, work: str, shape: Shape, plan: Plan
) -> Iterator[dict[str, Function]]:
    """The library and the generated code with its parameters, by form."""
    x, cotangent = _inputs(plan, shape)
    with torch.random.fork_rng():
        torch.manual_seed(SEEDS["parameters"])
        module = MODULES[kind](shape.m, shape.n, device=plan.device).train(work == BOTH)
    parameters = {
        name: tensor.clone().requires_grad_()
        for name, tensor in cell_names(named_parameters(module)).items()
    }
    library = Run(partial(_outputs, module), tuple(module.parameters()), x, cotangent)
    generated = _generated(_routine(LAYERS[kind]).sequence, parameters, x, cotangent)
    functions = {"library": _timed(library, "eager", work)}
    functions["eager"] = _timed(generated, "eager", work)
    if plan.device == "cuda" and work == FORWARD:
        functions["graph"] = _timed(generated, "graph", work)
    yield functions


def _timed(run: Run, form: str, work: str) -> Function:
    """What is timed of a run."""
    if work == BOTH:
        return run.both
    return captured(run.forward) if form == "graph" else run.forward


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
