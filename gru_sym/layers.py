"""`Layer`: a cell stacked, in one direction or both, as libraries build it."""

from __future__ import annotations

import keyword
import operator
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell, Parameter, SizeValue, evaluate
from gru_sym.language.syntax import INPUT


@dataclass(frozen=True)
class Layer:
    """A stack of cells: each layer reads the output of the one below, in one direction or both.

    >>> from gru_sym import cell
    >>> Layer(cell("gru.pytorch"), num_layers=2, bidirectional=True).count(m=8, n=16)
    7296
    >>> Layer(cell("gru.merged"), num_layers="L").count()
    6*L*n**2 + 4*L*n + 3*m*n - 3*n**2

    Parameters
    ----------
    cell : the cell of every layer.
    num_layers : a positive integer, or the name of a symbol for a formula in it.
    bidirectional : a second set of cells reads the sequence backwards; the layers above the first
        then read both outputs, D n numbers with D = 2.
    learn_initial_state : the state before the first step is trained, for each layer and direction.
    share_directions : both directions use one set of parameters.
    share_layers : all layers with the same shapes use one set: the second to the last, and the
        first too where its input has the size of theirs.

    Raises
    ------
    ValueError : for a number of layers that is not positive, or for more than one layer of a cell
        whose input cannot have the size of its output.
    """

    cell: Cell
    num_layers: int | str | sp.Symbol = 1
    bidirectional: bool = False
    learn_initial_state: bool = False
    share_directions: bool = False
    share_layers: bool = False

    def __post_init__(self) -> None:
        layers = self.num_layers
        if not isinstance(self.cell, Cell):
            raise TypeError(f"a layer is made of a Cell, not {self.cell!r}")
        if not all(isinstance(flag, bool) for flag in self._flags()):
            raise ValueError("bidirectional and the other options of a layer are True or False")
        if isinstance(layers, sp.Symbol):
            object.__setattr__(self, "num_layers", sp.Symbol(layers.name))
        if hasattr(layers, "__index__") and not isinstance(layers, int):
            layers = operator.index(layers)
            object.__setattr__(self, "num_layers", layers)
        if isinstance(layers, str):
            if not layers.isidentifier() or keyword.iskeyword(layers) or hasattr(sp, layers):
                raise ValueError(
                    f"num_layers must be a positive integer or a symbol's name, not {layers!r}"
                )
            object.__setattr__(self, "num_layers", sp.Symbol(layers))
        elif not isinstance(layers, sp.Symbol) and (
            isinstance(layers, bool) or not isinstance(layers, int) or layers < 1
        ):
            raise ValueError(
                f"num_layers must be a positive integer or a symbol's name, not {layers!r}"
            )
        if str(self.num_layers) in self.cell.size_names:
            raise ValueError(
                f"{self.num_layers} already names a size of {self.cell.name}; name the number "
                f"of layers otherwise"
            )
        if self.num_layers != 1:
            self._input_above()

    def _flags(self) -> tuple[bool, ...]:
        sharing = (self.share_directions, self.share_layers)
        return (self.bidirectional, self.learn_initial_state, *sharing)

    @property
    def directions(self) -> int:
        """D: 2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> sp.Expr:
        """The size of what a layer hands on: D times the size of the output state."""
        return self.directions * size_expression(self.cell.sizes.shapes[self.cell.output][0])

    @property
    def size_names(self) -> tuple[str, ...]:
        """The symbols of the count: the cell's sizes, and the number of layers if symbolic."""
        symbolic = isinstance(self.num_layers, sp.Symbol)
        return (*self.cell.size_names, *([str(self.num_layers)] if symbolic else []))

    def count(self, **sizes: SizeValue) -> SizeValue:
        """The number of parameters: a SymPy expression, or an int once every size is given."""
        return self._evaluate("count", sizes)

    def weights(self, **sizes: SizeValue) -> SizeValue:
        """How many of them are not biases (initial states are weights)."""
        return self._evaluate("weights", sizes)

    def biases(self, **sizes: SizeValue) -> SizeValue:
        """How many of them are biases."""
        return self._evaluate("biases", sizes)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every array of a stack of known height, named `W_ir_l0`, `W_ir_l0_reverse`, ...

        >>> from gru_sym import cell
        >>> [(p.name, p.shape) for p in Layer(cell("rnn.elman"), num_layers=2).parameters][3]
        ('W_l1', (n, n))
        """
        if not isinstance(self.num_layers, int):
            raise ValueError(
                f"the parameters of {self.num_layers} layers cannot be listed; give a number"
            )
        suffixes = ("", "_reverse")[: 1 if self.share_directions else self.directions]
        found = []
        for level in range(self._distinct_layers()):
            for suffix in suffixes:
                for parameter in self.cell.parameters:
                    shape = parameter.shape if level == 0 else self._above(parameter.shape)
                    name = f"{parameter.name}_l{level}{suffix}"
                    found.append(replace(parameter, name=name, shape=shape))
        if self.learn_initial_state:
            found.extend(self._initial_state_parameters(self.num_layers))
        return tuple(found)

    def _initial_state_parameters(self, num_layers: int) -> list[Parameter]:
        return [
            Parameter(
                f"{state}0_l{level}{suffix}",
                (size_expression(self.cell.sizes.shapes[state][0]),),
                "initial state",
                state,
            )
            for level in range(num_layers)
            for suffix in ("", "_reverse")[: self.directions]
            for state in self.cell.states
        ]

    def _evaluate(self, what: str, sizes: dict[str, SizeValue]) -> SizeValue:
        """The count, weights or biases; the number of layers may be given only now."""
        layers = sizes.get(str(self.num_layers))
        if isinstance(self.num_layers, sp.Symbol) and isinstance(layers, int) and layers >= 1:
            rest = {name: size for name, size in sizes.items() if name != str(self.num_layers)}
            return replace(self, num_layers=layers)._evaluate(what, rest)
        extra = sp.Integer(0) if what == "biases" else self._initial_states()
        total = self._total(getattr(self.cell, what)(), extra)
        return evaluate(total, sizes, self.size_names, self.cell.name)

    def _total(self, formula: SizeValue, extra: sp.Expr) -> sp.Expr:
        """The first layer, the others, and what does not depend on the input."""
        first = sp.sympify(formula)
        sets = 1 if self.share_directions else self.directions
        above = self._distinct_layers() - 1
        upper = first if above == 0 else first.subs(self._input_above(), simultaneous=True)
        return sp.expand(sets * (first + above * upper) + extra)

    def _initial_states(self) -> sp.Expr:
        if not self.learn_initial_state:
            return sp.Integer(0)
        sizes = [size_expression(self.cell.sizes.shapes[state][0]) for state in self.cell.states]
        return self.num_layers * self.directions * sp.Add(*sizes)

    def _distinct_layers(self) -> Any:
        """How many layers hold parameters of their own."""
        if not self.share_layers or self.num_layers == 1:
            return self.num_layers
        first = [parameter.shape for parameter in self.cell.parameters]
        return 1 if first == [self._above(shape) for shape in first] else 2

    def _above(self, shape: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
        """A shape in the layers above the first."""
        return tuple(size.subs(self._input_above(), simultaneous=True) for size in shape)

    def _input_above(self) -> dict[sp.Expr, sp.Expr]:
        """What the input size becomes above the first layer."""
        shapes = self.cell.sizes.shapes
        size = size_expression(shapes[INPUT][0])
        tied = {shapes[state][0] for state in self.cell.states}
        if shapes[INPUT][0] in tied or size.is_Integer:
            if size != self.output_size:
                raise ValueError(
                    f"{self.cell.name} cannot be stacked: its input has size {size}, but the "
                    f"layer below hands on {self.output_size} numbers"
                )
            return {}
        return {size: self.output_size}
