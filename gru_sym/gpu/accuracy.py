"""Generated code beside the library's layers, both measured against the same code in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gru_sym.codegen import generate
from gru_sym.evidence.plan import ARITHMETICS, LAYERS, SEEDS, WHATS, Plan, Row, Shape
from gru_sym.gpu.dispatch import maker
from gru_sym.gpu.precision import arithmetic
from gru_sym.libraries.pytorch import cell_names, named_gradients, named_parameters
from gru_sym.lookup import cell

MODULES: dict[str, Callable[..., nn.RNNBase]] = {"GRU": nn.GRU, "LSTM": nn.LSTM}


@dataclass(frozen=True)
class Problem:
    """A first state, an input, and the cotangent of the outputs, for parameters by name."""

    parameters: Mapping[str, Tensor]
    x: Tensor
    states: tuple[Tensor, ...]
    cotangent: Tensor

    def to(self, dtype: torch.dtype) -> Problem:
        """The same numbers, rounded to a dtype."""
        parameters = {name: tensor.to(dtype) for name, tensor in self.parameters.items()}
        states = tuple(state.to(dtype) for state in self.states)
        return Problem(parameters, self.x.to(dtype), states, self.cotangent.to(dtype))


@dataclass(frozen=True)
class Result:
    """Outputs, and gradients by the parameter's name; that of the input is "x"."""

    outputs: Tensor
    gradients: Mapping[str, Tensor]

    def part(self, what: str) -> Mapping[str, Tensor]:
        """One of "outputs" and "gradients"."""
        return {"outputs": self.outputs} if what == "outputs" else self.gradients


def rows(plan: Plan) -> Iterator[Row]:
    """Each dtype, layer and shape: the largest relative errors of outputs and of gradients.

    >>> from gru_sym.evidence.plan import dry_plan
    >>> row = next(rows(dry_plan("cpu")))
    >>> row["kind"], row["dtype"], row["what"], row["difference"] < 1e-12
    ('GRU', 'float64', 'outputs', True)

    An error is the largest one of a tensor over the largest number of that tensor; of the gradients
    it is that of the worst tensor. `library_error` and `generated_error` are against the generated
    code in float64 for the same parameters and input, which were rounded first; `difference` is
    that of generated code and library. TF32 is an arithmetic of GPUs.
    """
    for name, tf32 in ARITHMETICS:
        for kind in LAYERS if plan.device == "cuda" or not tf32 else ():
            for shape in plan.accuracy:
                with arithmetic(tf32=tf32):
                    yield from _rows(kind, name, tf32, shape, plan.device)


def _rows(kind: str, name: str, tf32: bool, shape: Shape, device: str) -> Iterator[Row]:
    dtype: torch.dtype = getattr(torch, name)
    module, problem = _problem(kind, shape, device)
    rounded = problem.to(dtype)
    layer = MODULES[kind](shape.m, shape.n, device=device, dtype=dtype)
    layer.load_state_dict(module.state_dict())
    library, generated = _by_library(layer, rounded), _by_code(kind, rounded)
    exact = _by_code(kind, rounded.to(torch.float64))
    about = {"kind": kind, "dtype": name, "tf32": tf32, **shape.row()}
    about["library"] = maker(layer, rounded.x)
    for what in WHATS:
        reference = exact.part(what)
        yield {
            **about,
            "what": what,
            "library_error": largest_error(library.part(what), reference),
            "generated_error": largest_error(generated.part(what), reference),
            "difference": largest_error(generated.part(what), library.part(what)),
        }


def largest_error(found: Mapping[str, Tensor], reference: Mapping[str, Tensor]) -> float:
    """The largest error of a tensor over its largest number, of the worst tensor.

    >>> largest_error({"b": torch.tensor([1.0, 3.0])}, {"b": torch.tensor([2.0, 4.0])})
    0.25

    NaN wherever it stands makes the whole NaN.
    """
    errors = [
        (found[name].double() - tensor.double()).abs().max() / tensor.double().abs().max()
        for name, tensor in reference.items()
    ]
    return torch.stack(errors).max().item()  # unlike Python's max, it never loses a NaN


def seeded_layer(
    kind: str, shape: Shape, device: str, dtype: torch.dtype = torch.float32
) -> nn.RNNBase:
    """A layer with the same parameters at every call; torch's own generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(SEEDS["parameters"])
        return MODULES[kind](shape.m, shape.n, dtype=dtype, device=device)


def _problem(kind: str, shape: Shape, device: str) -> tuple[nn.RNNBase, Problem]:
    """A layer in float64 and a random problem with its parameters; the same at every call."""
    random = torch.Generator(device).manual_seed(SEEDS["inputs"])

    def normal(*sizes: int) -> Tensor:
        return torch.randn(*sizes, generator=random, dtype=torch.float64, device=device)

    module = seeded_layer(kind, shape, device, torch.float64)
    x, cotangent = normal(shape.T, shape.B, shape.m), normal(shape.T, shape.B, shape.n)
    states = tuple(normal(shape.B, shape.n) for _ in cell(LAYERS[kind]).states)
    return module, Problem(cell_names(named_parameters(module)), x, states, cotangent)


def _by_code(kind: str, problem: Problem) -> Result:
    """What the generated code computes."""
    parameters = {name: _leaf(tensor) for name, tensor in problem.parameters.items()}
    x = _leaf(problem.x)
    outputs, _ = generate(cell(LAYERS[kind]), "torch").sequence(parameters, x, *problem.states)
    wanted = {**parameters, "x": x}
    gradients = torch.autograd.grad(outputs, list(wanted.values()), problem.cotangent)
    return Result(outputs.detach(), dict(zip(wanted, gradients, strict=True)))


def _by_library(layer: nn.RNNBase, problem: Problem) -> Result:
    """What PyTorch's layer computes."""
    x = _leaf(problem.x)
    states = tuple(state[None] for state in problem.states)
    outputs, _ = layer(x, states if len(states) > 1 else states[0])
    outputs.backward(problem.cotangent)
    assert x.grad is not None
    return Result(outputs.detach(), {**cell_names(named_gradients(layer)), "x": x.grad})


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_()
