"""Times of generated code: one design of the GRU beside another, and beside the library.

All in float32, without TF32. Each section of rows stands alone, so that one that fails takes no
other with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn

from gru_sym.codegen import generate
from gru_sym.evidence.plan import BOTH, DESIGNS, LAYERS, WORKS, Absent, Plan, Row, Shape
from gru_sym.gpu.accuracy import seeded_layer
from gru_sym.gpu.dispatch import maker
from gru_sym.gpu.precision import arithmetic
from gru_sym.gpu.runs import Run, design, generated, inputs
from gru_sym.gpu.timing import Function, captured, take_turns
from gru_sym.libraries.pytorch import cell_names, named_parameters
from gru_sym.lookup import cell


def design_rows(plan: Plan, form: str = "eager") -> Iterator[Row]:
    """Cells in one style: reset before or after the product, one bias or two.

    `form` is "eager" or, forward on a GPU, "graph": a CUDA graph, without the Python between the
    kernels.
    """
    _require_cuda(form, plan)
    for work, shape in itertools.product(WORKS[form], plan.speed):
        about = {"form": form, "work": work, "tf32": False, **shape.row()}
        with arithmetic(tf32=False):
            times = take_turns(partial(_designs, form, work, shape, plan), plan)
        yield from ({"cell": name, **about, "times_us": times[name]} for name in DESIGNS)


def library_rows(plan: Plan, form: str = "eager") -> Iterator[Row]:
    """Generated code in such a form beside the library's layer, whose forward is for inference."""
    _require_cuda(form, plan)
    for work, shape, kind in itertools.product(WORKS[form], plan.speed, LAYERS):
        about: Row = {"kind": kind, "library": _maker(kind, shape, plan)}
        about |= {"work": work, "tf32": False, **shape.row()}
        with arithmetic(tf32=False):
            times = take_turns(partial(_beside_library, kind, form, work, shape, plan), plan)
        yield from ({**about, "form": name, "times_us": times[name]} for name in times)


def _require_cuda(form: str, plan: Plan) -> None:
    if form == "graph" and plan.device != "cuda":
        raise Absent("CUDA graphs need a CUDA device, and there is none")


@contextmanager
def _designs(form: str, work: str, shape: Shape, plan: Plan) -> Iterator[dict[str, Function]]:
    """Every design, in one form and work."""
    yield {name: _timed(design(name, shape, plan), form, work) for name in DESIGNS}


@contextmanager
def _beside_library(
    kind: str, form: str, work: str, shape: Shape, plan: Plan
) -> Iterator[dict[str, Function]]:
    """The library, and the generated code in one form, with the same parameters."""
    x, cotangent = inputs(plan, shape)
    module = seeded_layer(kind, shape, plan.device).train(work == BOTH)
    parameters = {
        name: tensor.clone().requires_grad_()
        for name, tensor in cell_names(named_parameters(module)).items()
    }
    library = Run(partial(_outputs, module), tuple(module.parameters()), x, cotangent)
    sequence = generate(cell(LAYERS[kind]), "torch").sequence
    code = generated(sequence, parameters, x, cotangent)
    yield {"library": _timed(library, "eager", work), form: _timed(code, form, work)}


def _timed(run: Run, form: str, work: str) -> Function:
    """What is timed of a run."""
    if work == BOTH:
        if form != "eager":
            raise ValueError(f"the backward pass is timed eager, not as {form}")
        return run.both
    return captured(run.forward) if form == "graph" else run.forward


def _maker(kind: str, shape: Shape, plan: Plan) -> str:
    x, _ = inputs(plan, shape)
    return maker(seeded_layer(kind, shape, plan.device), x)


def _outputs(module: nn.Module, x: Tensor) -> Tensor:
    outputs: Tensor = module(x)[0]
    return outputs
