r"""The functions of the cell language, each one record.

A function is written once: by a formula in exponentials and logarithms, by its linear pieces, or
through the other functions. Its value in SymPy, on arrays, in intervals and at rational numbers
follows. What else a room must know of it stands beside: how f(-a) follows from f(a), how a paper
prints it, how each language that code is generated for calls it. Adding a function is adding a
record; a room that cannot treat one says so.

Source of the pieces: `hard_sigmoid` is clip(x/6 + 1/2, 0, 1), as in PyTorch
(`torch.nn.Hardsigmoid`) and Keras 3 (`keras.ops.hard_sigmoid`); Keras 2 had clip(x/5 + 1/2, 0, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy as sp

from gru_sym.arithmetic import EXACT, PLAIN, SYMPY, Arithmetic, NotWithin

ZERO, ONE = Fraction(0), Fraction(1)

Apply = Callable[[str, Any], Any]
"""Another function of the language, by name, at an argument."""


@dataclass(frozen=True, kw_only=True)
class Elementwise:
    """One function of one real argument.

    >>> f = FUNCTIONS["hard_sigmoid"]
    >>> f.value(Fraction(1)), f.value(Fraction(4)), f.breaks
    (Fraction(2, 3), Fraction(1, 1), (Fraction(-3, 1), Fraction(3, 1)))
    >>> f.symbolic(sp.Symbol("u")), FUNCTIONS["sigmoid"].value(Fraction(1)) is None
    (hard_sigmoid(u), True)

    Attributes
    ----------
    formula : u, an `Arithmetic` -> the value.
    pieces, breaks : slope and intercept of every linear piece from the left, and where they meet.
    written : u, the other functions -> the value: how the normal form of a cell writes it.
    reflection : f(a), a -> f(-a), by + - * and powers alone; None if nothing simple is known.
    nonnegative : no value is negative.
    undefined : whether there is no value at a number.
    on_the_way : it is arithmetic on the way to something, and makes no gate of its own.
    derivative : u -> the derivative in SymPy, where that of the formula is not the wanted form.
    symbolic : the SymPy function; one of this name is made where SymPy has none.
    latex : what a paper prints in front of the bracket, or around an argument `%s`.
    numpy, torch, javascript : the name of what is called, or an expression in `u`; without one,
        what has the same name there.
    """

    name: str
    latex: str
    numpy: str = ""
    torch: str = ""
    javascript: str = ""
    formula: Callable[[Any, Arithmetic], Any] | None = None
    pieces: tuple[tuple[Fraction, Fraction], ...] = ()
    breaks: tuple[Fraction, ...] = ()
    written: Callable[[Any, Apply], Any] | None = None
    reflection: Callable[[Any, Any], Any] | None = None
    nonnegative: bool = False
    undefined: Callable[[Fraction], bool] = lambda number: False
    on_the_way: bool = False
    derivative: Callable[[Any], Any] | None = None
    symbolic: Any = None

    def __post_init__(self) -> None:
        if self.symbolic is None:
            named = type(self.name, (_Named,), {"record": self, "__module__": __name__})
            object.__setattr__(self, "symbolic", named)
        for language, module in (("numpy", "np"), ("torch", "torch"), ("javascript", "Math")):
            if not getattr(self, language):
                object.__setattr__(self, language, f"{module}.{self.name}")

    def at(self, u: Any, on: Arithmetic) -> Any:
        """The value in an arithmetic. `ValueError` for a function that has no formula here."""
        if self.written is not None:
            return self.written(u, lambda name, v: FUNCTIONS[name].at(v, on))
        if self.formula is not None:
            return self.formula(u, on)
        if not self.pieces:
            raise ValueError(f"{self.name} is not written in exponentials and logarithms")
        (slope, intercept), *_ = self.pieces
        value = on.number(slope) * u + on.number(intercept)
        for at, (left, _), (right, _) in zip(
            self.breaks, self.pieces, self.pieces[1:], strict=False
        ):
            value = value + on.number(right - left) * on.ramp(u - on.number(at))
        return value

    def value(self, number: Fraction) -> Fraction | None:
        """The value at a rational number, where it is rational."""
        if self.undefined(number):
            return None
        try:
            return Fraction(self.at(number, EXACT))
        except (NotWithin, ValueError):
            return None

    @cached_property
    def plain(self) -> Callable[[Any], Any] | None:
        """The function on NumPy arrays and on tensors; None where plain arithmetic has none."""
        try:
            self.at(1.0, PLAIN)
        except (NotWithin, ValueError):
            return None
        return lambda u: self.at(u, PLAIN)

    @property
    def homogeneous(self) -> bool:
        """Whether f(t u) = t f(u) for every positive t, and f is no line."""
        return self.breaks == (ZERO,) and not any(intercept for _, intercept in self.pieces)

    @property
    def spelling(self) -> Mapping[str, str]:
        """Library or language -> what is called there, or an expression in `u`."""
        return {"numpy": self.numpy, "torch": self.torch, "javascript": self.javascript}


class _Named(sp.Function):  # type: ignore[misc]  # SymPy ships no types
    """A function in SymPy that keeps its name until `doit` or `evalf` is asked for."""

    nargs = 1
    record: Elementwise

    def doit(self, **hints: Any) -> sp.Expr:
        """Replace the name by its definition."""
        return self.record.at(self.args[0].doit(**hints), SYMPY)

    def _numpycode(self, printer: Any) -> str:
        return str(printer._print(self.doit()))

    _pythoncode = _torchcode = _mpmathcode = _numpycode

    def _eval_rewrite_as_exp(self, u: sp.Expr, **hints: Any) -> sp.Expr:
        return self.record.at(u, SYMPY)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.record.at(self.args[0], SYMPY)._eval_evalf(prec)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative."""
        if self.record.derivative is not None:
            return self.record.derivative(self.args[0])
        u = sp.Dummy("u", real=True)
        return sp.diff(self.record.at(u, SYMPY), u).subs(u, self.args[0])


def __getattr__(name: str) -> Any:
    """The SymPy function of a name, `gru_sym.functions.sigmoid`: where pickle looks for it."""
    if name.startswith("_") or name not in FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return FUNCTIONS[name].symbolic


def _sigma(u: Any) -> Any:
    return FUNCTIONS["sigmoid"].symbolic(u)


def _double(u: Any) -> Any:
    return u + u


RECORDS = (
    Elementwise(
        name="sigmoid",
        latex=r"\sigma",
        formula=lambda u, on: 1 / (1 + on.exp(-u)),
        reflection=lambda f, a: -f + 1,
        nonnegative=True,
        derivative=lambda u: _sigma(u) * (1 - _sigma(u)),
        numpy="0.5 * np.tanh(0.5 * u) + 0.5",  # no exponential, so no overflow
        torch="torch.sigmoid",
        javascript="1 / (1 + Math.exp(-u))",
    ),
    Elementwise(
        name="tanh",
        latex=r"\tanh",
        written=lambda u, apply: _double(apply("sigmoid", _double(u))) - 1,
        reflection=lambda f, a: -f,
        symbolic=sp.tanh,
    ),
    Elementwise(
        name="relu",
        latex=r"\operatorname{relu}",
        pieces=((ZERO, ZERO), (ONE, ZERO)),
        breaks=(ZERO,),
        nonnegative=True,
        reflection=lambda f, a: f - a,
        numpy="np.maximum(u, 0)",
        torch="torch.relu",
        javascript="Math.max(u, 0)",
    ),
    Elementwise(
        name="exp",
        latex=r"\exp",
        formula=lambda u, on: on.exp(u),
        reflection=lambda f, a: f**-1,
        nonnegative=True,
        symbolic=sp.exp,
    ),
    Elementwise(
        name="softplus",
        latex=r"\operatorname{softplus}",
        formula=lambda u, on: on.log(1 + on.exp(u)),
        nonnegative=True,
        reflection=lambda f, a: f - a,
        derivative=_sigma,
        numpy="np.logaddexp(0, u)",
        # F.softplus is u from u = 20 on, which is not the function in float64.
        torch="torch.logaddexp(u, torch.zeros_like(u))",
        javascript="Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)))",
    ),
    Elementwise(
        name="silu",
        latex=r"\operatorname{silu}",
        written=lambda u, apply: u * apply("sigmoid", u),
        reflection=lambda f, a: f - a,
        numpy="u * (0.5 * np.tanh(0.5 * u) + 0.5)",
        torch="F.silu",
        javascript="u / (1 + Math.exp(-u))",
    ),
    Elementwise(
        name="hard_sigmoid",
        latex=r"\operatorname{hard\_sigmoid}",
        pieces=((ZERO, ZERO), (Fraction(1, 6), Fraction(1, 2)), (ZERO, ONE)),
        breaks=(Fraction(-3), Fraction(3)),
        nonnegative=True,
        reflection=lambda f, a: -f + 1,
        numpy="np.clip(u / 6 + 0.5, 0, 1)",
        # The gradient of F.hardsigmoid has its 1/6 in single precision, for float64 too.
        torch="torch.clamp(u / 6 + 0.5, 0, 1)",
        javascript="Math.min(1, Math.max(0, u / 6 + 0.5))",
    ),
    Elementwise(
        name="identity",
        latex=r"\operatorname{id}",
        written=lambda u, apply: u,
        reflection=lambda f, a: -f,
        symbolic=lambda u: u,
        numpy="u",
        torch="u",
        javascript="u",
    ),
    Elementwise(
        name="sqrt",
        latex=r"\sqrt{%s}",
        formula=lambda u, on: on.sqrt(u),
        nonnegative=True,
        undefined=lambda number: number < 0,
        on_the_way=True,
        symbolic=sp.sqrt,
    ),
    Elementwise(
        name="abs",
        latex=r"\lvert %s \rvert",
        written=lambda u, apply: apply("relu", u) + apply("relu", -u),
        reflection=lambda f, a: f,
        nonnegative=True,
        on_the_way=True,
        symbolic=sp.Abs,
    ),
    Elementwise(
        name="sin",
        latex=r"\sin",
        formula=lambda u, on: on.sin(u),
        reflection=lambda f, a: -f,
        symbolic=sp.sin,
    ),
    Elementwise(
        name="cos",
        latex=r"\cos",
        formula=lambda u, on: on.cos(u),
        reflection=lambda f, a: f,
        symbolic=sp.cos,
    ),
    Elementwise(
        name="reciprocal",  # `a / b` is `a * reciprocal(b)`
        latex=r"\frac{1}{%s}",
        formula=lambda u, on: 1 / u,
        reflection=lambda f, a: -f,
        undefined=lambda number: number == 0,
        on_the_way=True,
        symbolic=lambda u: 1 / u,
        numpy="1 / u",
        torch="1 / u",
        javascript="1 / u",
    ),
)

FUNCTIONS: dict[str, Elementwise] = {record.name: record for record in RECORDS}
"""Name in the cell language -> the function of one argument, applied to every entry."""


@dataclass(frozen=True, kw_only=True)
class Pairwise:
    """The larger or the smaller of two numbers, entry by entry.

    Attributes
    ----------
    latex : what a paper prints in front of the bracket.
    spelling : library or language -> what is called there.
    bound : the name of the bound that `torch.clamp` has for a number in the place of an array.
    """

    latex: str
    spelling: Mapping[str, str]
    bound: str


PAIRWISE = {
    "max": Pairwise(
        latex=r"\max",
        spelling={"numpy": "np.maximum", "torch": "torch.maximum", "javascript": "Math.max"},
        bound="min",
    ),
    "min": Pairwise(
        latex=r"\min",
        spelling={"numpy": "np.minimum", "torch": "torch.minimum", "javascript": "Math.min"},
        bound="max",
    ),
}
"""Name in the cell language -> the function of two arguments."""

MEAN = "mean"
"""The function that is not elementwise: the mean over the entries of a vector."""


def called() -> list[str]:
    """Every name that is called in the cell language, and so is the name of nothing else."""
    return [*FUNCTIONS, *PAIRWISE, MEAN]
