"""The elementwise functions of the cell language, as SymPy functions that differentiate.

Sources of the piecewise ones: `hard_sigmoid` is clip(x/6 + 1/2, 0, 1), as in PyTorch
(`torch.nn.Hardsigmoid`) and Keras 3 (`keras.ops.hard_sigmoid`); Keras 2 had clip(x/5 + 1/2, 0, 1).
"""

from __future__ import annotations

from typing import Any

import sympy as sp


class _Elementwise(sp.Function):  # type: ignore[misc]  # SymPy ships no types
    """A function of one real argument that keeps its name until `doit` or `evalf` is asked for."""

    nargs = 1

    @staticmethod
    def formula(u: sp.Expr) -> sp.Expr:
        """The definition, in functions SymPy itself knows."""
        raise NotImplementedError

    def doit(self, **hints: Any) -> sp.Expr:
        """Replace the name by its definition."""
        return self.formula(self.args[0].doit(**hints))

    def _numpycode(self, printer: Any) -> str:
        return str(printer._print(self.doit()))

    _pythoncode = _torchcode = _mpmathcode = _numpycode

    def _eval_rewrite_as_exp(self, u: sp.Expr, **hints: Any) -> sp.Expr:
        return self.formula(u)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.formula(self.args[0])._eval_evalf(prec)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative, from the definition."""
        u = sp.Dummy("u", real=True)
        return sp.diff(self.formula(u), u).subs(u, self.args[0])


class sigmoid(_Elementwise):
    """The logistic function 1 / (1 + exp(-u)).

    >>> u = sp.Symbol("u")
    >>> sp.diff(sigmoid(u), u)
    (1 - sigmoid(u))*sigmoid(u)
    >>> sigmoid(0).doit()
    1/2
    """

    @staticmethod
    def formula(u: sp.Expr) -> sp.Expr:
        """The definition."""
        return 1 / (1 + sp.exp(-u))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """σ' = σ (1 - σ)."""
        return self * (1 - self)


class relu(_Elementwise):
    """max(u, 0)."""

    @staticmethod
    def formula(u: sp.Expr) -> sp.Expr:
        """The definition."""
        return sp.Max(u, 0)


class softplus(_Elementwise):
    """log(1 + exp(u))."""

    @staticmethod
    def formula(u: sp.Expr) -> sp.Expr:
        """The definition."""
        return sp.log(1 + sp.exp(u))


class silu(_Elementwise):
    """u sigmoid(u)."""

    @staticmethod
    def formula(u: sp.Expr) -> sp.Expr:
        """The definition."""
        return u / (1 + sp.exp(-u))


class hard_sigmoid(_Elementwise):
    """clip(u/6 + 1/2, 0, 1), PyTorch's and Keras 3's."""

    @staticmethod
    def formula(u: sp.Expr) -> sp.Expr:
        """The definition."""
        return sp.Min(1, sp.Max(0, u / 6 + sp.Rational(1, 2)))


def identity(u: sp.Expr) -> sp.Expr:
    """The argument itself."""
    return u


FUNCTIONS: dict[str, Any] = {
    "sigmoid": sigmoid,
    "tanh": sp.tanh,
    "relu": relu,
    "exp": sp.exp,
    "softplus": softplus,
    "silu": silu,
    "hard_sigmoid": hard_sigmoid,
    "identity": identity,
}
"""Name in the cell language -> SymPy function."""

LATEX: dict[str, str] = {
    "sigmoid": r"\sigma",
    "tanh": r"\tanh",
    "relu": r"\operatorname{relu}",
    "exp": r"\exp",
    "softplus": r"\operatorname{softplus}",
    "silu": r"\operatorname{silu}",
    "hard_sigmoid": r"\operatorname{hard\_sigmoid}",
    "identity": r"\operatorname{id}",
}
"""Name in the cell language -> LaTeX."""
