"""cuDNN's four bias modes: what each stores, what it computes, and how fast."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gru_sym.cells import Cell
from gru_sym.codegen import generate
from gru_sym.evidence.bias_modes import MATHS, RESULT_MATHS, BiasMode
from gru_sym.evidence.mode_cells import KINDS, cells_of, region_of
from gru_sym.evidence.plan import SEEDS, Absent, Plan, Row, Shape
from gru_sym.gpu.accuracy import largest_error
from gru_sym.gpu.cudnn import CudnnRnn
from gru_sym.gpu.timing import Function, take_turns


def parameter_rows(plan: Plan) -> Iterator[Row]:
    """Each mode and size: the matrices and biases that cuDNN says there are, and its bytes."""
    _require_cudnn(plan)
    for kind, (m, n), mode in itertools.product(KINDS, plan.layers, BiasMode):
        cell, shape = cells_of(kind, mode)[0], Shape(1, 1, m, n)
        with _layer(plan, kind, mode, shape, torch.float32, "default") as layer:
            regions, space = layer.regions(), layer.weight_space_bytes
        biases = sum(region.elements for region in regions if region.what == "bias")
        count = sum(region.elements for region in regions)
        row: Row = {"kind": kind, "mode": mode.name, "m": m, "n": n}
        row |= {"formula": str(cell.biases()), "derived": cell.biases(m=m, n=n), "biases": biases}
        row |= {"count_formula": str(cell.count()), "count": count, "itemsize": 4}
        yield {**row, "weight_space_bytes": space, "padding_bytes": space - 4 * count}


def result_rows(plan: Plan) -> Iterator[Row]:
    """Each mode beside the cells that it may be: the error relative to the code in float64."""
    _require_cudnn(plan)
    every = itertools.product(KINDS, RESULT_MATHS, plan.bias_results, BiasMode)
    for kind, arithmetic, shape, mode in every:
        dtype = getattr(torch, arithmetic)
        x, h = _inputs(plan, shape, dtype)
        with _layer(plan, kind, mode, shape, dtype, RESULT_MATHS[arithmetic]) as layer:
            weights = _random_weights(layer, plan, dtype)
            layer.fill(weights)
            found = layer.forward(x, h[None])[0].clone()
        for cell in cells_of(kind, mode):
            expected = _expected(cell, kind, mode, weights, x, h)
            row: Row = {"kind": kind, "mode": mode.name, "cell": cell.name}
            row |= {"dtype": arithmetic, **shape.row()}
            yield {**row, "error": largest_error({"": found}, {"": expected})}


def speed_rows(plan: Plan) -> Iterator[Row]:
    """The forward pass of each mode in float32, with TF32 ("default") and without it ("fma")."""
    _require_cudnn(plan)
    for kind, shape, math in itertools.product(KINDS, plan.speed, MATHS):
        times = take_turns(partial(_modes, kind, shape, math, plan), plan)
        for name, measured in times.items():
            yield {"kind": kind, "mode": name, "math": math, **shape.row(), "times_us": measured}


@contextmanager
def _modes(kind: str, shape: Shape, math: str, plan: Plan) -> Iterator[dict[str, Function]]:
    """The forward pass of each mode, with random parameters."""
    x, h = _inputs(plan, shape, torch.float32)
    functions: dict[str, Function] = {}
    with ExitStack() as opened:
        for mode in BiasMode:
            layer = opened.enter_context(_layer(plan, kind, mode, shape, torch.float32, math))
            layer.fill(_random_weights(layer, plan, torch.float32))
            functions[mode.name] = partial(layer.forward, x, h[None])
        yield functions


def _require_cudnn(plan: Plan) -> None:
    if plan.device != "cuda":
        raise Absent("cuDNN runs on a CUDA device, and there is none")


def _layer(
    plan: Plan, kind: str, mode: BiasMode, shape: Shape, dtype: torch.dtype, math: str
) -> CudnnRnn:
    sizes: dict[str, Any] = {"input_size": shape.m, "hidden_size": shape.n}
    sizes |= {"batch": shape.B, "steps": shape.T}
    return CudnnRnn(kind, bias=mode, dtype=dtype, math=math, device=plan.device, **sizes)


def _inputs(plan: Plan, shape: Shape, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """An input and a first state, normal."""
    random = torch.Generator(plan.device).manual_seed(SEEDS["inputs"])
    sizes = (shape.T, shape.B, shape.m), (shape.B, shape.n)
    x, h = (torch.randn(s, generator=random, dtype=dtype, device=plan.device) for s in sizes)
    return x, h


def _random_weights(layer: CudnnRnn, plan: Plan, dtype: torch.dtype) -> dict[Any, Tensor]:
    """For every region, uniform within 1 / sqrt(n) of 0, as PyTorch begins."""
    random = torch.Generator(plan.device).manual_seed(SEEDS["parameters"])
    limit = layer.hidden_size**-0.5
    return {
        region.key: (2 * torch.rand(region.shape, generator=random, device=plan.device) - 1)
        .mul(limit)
        .to(dtype)
        for region in layer.regions()
    }


def _expected(
    cell: Cell, kind: str, mode: BiasMode, weights: dict[Any, Tensor], x: Tensor, h: Tensor
) -> Tensor:
    """What the cell gives in float64 for what lies in the regions; an LSTM's c begins with 0."""
    names = cell.program.parameters
    parameters = {name: weights[region_of(kind, mode, name)].double() for name in names}
    outputs: Tensor = generate(cell, "torch").sequence(parameters, x.double(), h.double())[0]
    return outputs
