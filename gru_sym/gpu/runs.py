"""Generated code with random parameters and input, ready to be run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gru_sym.codegen import generate
from gru_sym.evidence.plan import SEEDS, Plan, Shape
from gru_sym.lookup import cell


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


def design(name: str, shape: Shape, plan: Plan, sequence: Callable[..., Any] | None = None) -> Run:
    """The code generated for a cell of the catalogue; `sequence` is that code, if compiled.

    >>> from gru_sym.evidence.plan import dry_plan
    >>> design("gru.pytorch", Shape(3, 2, 4, 5), dry_plan("cpu")).forward().shape
    torch.Size([3, 2, 5])
    """
    function = sequence or generate(cell(name), "torch").sequence
    return generated(function, random_parameters(name, shape, plan), *inputs(plan, shape))


def generated(
    sequence: Callable[..., Any], parameters: dict[str, Tensor], x: Tensor, cotangent: Tensor
) -> Run:
    """A sequence of generated code with its parameters."""

    def outputs(x: Tensor) -> Tensor:
        found: Tensor = sequence(parameters, x)[0]
        return found

    return Run(outputs, tuple(parameters.values()), x, cotangent)


def random_parameters(name: str, shape: Shape, plan: Plan) -> dict[str, Tensor]:
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


def inputs(plan: Plan, shape: Shape) -> tuple[Tensor, Tensor]:
    """An input, and a cotangent of the outputs."""
    random = torch.Generator(plan.device).manual_seed(SEEDS["inputs"])
    sizes = (shape.T, shape.B, shape.m), (shape.T, shape.B, shape.n)
    x, cotangent = (torch.randn(s, generator=random, device=plan.device) for s in sizes)
    return x, cotangent
