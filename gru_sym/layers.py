"""`Layer`: a cell stacked, in one direction or both, as libraries build it."""

from __future__ import annotations

import keyword
import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell, Parameter, SizeValue, evaluate
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import symbols

Merge = Literal["concat", "sum", "ave", "mul"]
MERGES: dict[Merge, str] = {
    "concat": "put side by side",
    "sum": "added",
    "ave": "averaged",
    "mul": "multiplied",
}
"""What becomes of the outputs of both directions, by Keras' names: only the first widens them."""


INITIAL_STATE = "initial state"
"""The role of a first state that is trained."""


@dataclass(frozen=True)
class Group:
    """Parameters of a layer of one level, direction and role: their names and their count.

    `levels` is how many levels, from this one on, have as many of their own.
    """

    level: int
    levels: sp.Expr
    direction: int
    role: str
    parameters: tuple[str, ...]
    count: sp.Expr


@dataclass(frozen=True)
class Layer:
    """A stack of cells: each layer reads the output of the one below, in one direction or both.

    >>> from gru_sym import cell
    >>> Layer(cell("gru.pytorch"), num_layers=2, bidirectional=True).count(m=8, n=16)
    7296
    >>> Layer(cell("gru.merged"), num_layers="L").count()
    6*L*n**2 + 4*L*n + 3*m*n - 3*n**2
    >>> Layer(cell("gru.keras"), bidirectional=True).count(m=128, n=256)
    592896
    >>> Layer(cell("lstm.keras"), learn_initial_state=True).count()
    4*m*n + 4*n**2 + 6*n
    >>> Layer(cell("rnn.elman"), num_layers=3, share_layers=True).count()
    m*n + 3*n**2 + 2*n
    >>> deep_speech = Layer(cell("gru.pytorch"), 7, bidirectional=True, merge="sum")
    >>> deep_speech.count(m=1312, n=768)
    52116480

    Parameters
    ----------
    cell : the cell of every layer. Each layer is given the further inputs and the constants of the
        cell; above the first, x is the output of the layer below.
    num_layers : a positive integer, or the name of a symbol for a formula in it.
    bidirectional : a second set of cells reads the sequence backwards; the layers above the first
        then read both outputs, D n numbers with D = 2, or n if they are merged otherwise.
    learn_initial_state : the state before the first step is trained, for each layer and direction.
    share_directions : both directions use one set of parameters.
    share_layers : all layers with the same shapes use one set: the second to the last, and the
        first too where its input has the size of theirs whatever m and n are.
    merge : what becomes of the outputs of both directions, after each layer: "concat" (side by
        side, as in PyTorch), "sum", "ave" or "mul" (Keras' `merge_mode`).

    Raises
    ------
    ValueError : for a number of layers that is not positive, for one direction that is merged, or
        for more than one layer of a cell whose input cannot have the size of its output, or whose
        further inputs or constants have the size of x.
    """

    cell: Cell
    num_layers: int | str | sp.Symbol = 1
    bidirectional: bool = False
    learn_initial_state: bool = False
    share_directions: bool = False
    share_layers: bool = False
    merge: Merge = "concat"

    def __post_init__(self) -> None:
        layers = self.num_layers
        if not isinstance(self.cell, Cell):
            raise TypeError(f"a layer is made of a Cell, not {self.cell!r}")
        if not all(isinstance(flag, bool) for flag in self._flags()):
            raise ValueError("bidirectional and the other options of a layer are True or False")
        if self.merge not in MERGES:
            raise ValueError(f"merge is one of {', '.join(MERGES)}, not {self.merge!r}")
        for given, what in (
            (self.merge != "concat", f"is {MERGES[self.merge]} with no other"),
            (self.share_directions, "shares its parameters with no other"),
        ):
            if given and not self.bidirectional:
                raise ValueError(f"a layer of one direction {what}: make it bidirectional")
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
        taken = {state.name for state in self._initial_states()} & {*self.cell.program.given}
        if self.learn_initial_state and taken:
            name = min(taken)
            kind = "a parameter" if name in self.cell.program.parameters else "another name"
            raise ValueError(
                f"{name} is {kind} of {self.cell.name}; a trained initial state of that name would "
                f"be a second one"
            )
        if self.num_layers != 1:
            self.input_above()

    def _flags(self) -> tuple[bool, ...]:
        sharing = (self.share_directions, self.share_layers)
        return (self.bidirectional, self.learn_initial_state, *sharing)

    @property
    def name(self) -> str:
        """The name of the cell."""
        return self.cell.name

    @property
    def directions(self) -> int:
        """D: 2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> sp.Expr:
        """The size of what a layer hands on: D times the size of the output state, or once."""
        times = self.directions if self.merge == "concat" else 1
        return times * size_expression(self.cell.sizes.shapes[self.cell.output][0])

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

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every array of a stack of known height, named `W_ir_l0`, `W_ir_l0_reverse`, ...

        >>> from gru_sym import cell
        >>> parameter = Layer(cell("rnn.elman"), num_layers=2).parameters[3]
        >>> parameter.name, parameter.shape, parameter.in_cell, parameter.level
        ('W_l1', (n, n), 'W', 1)
        """
        if not isinstance(self.num_layers, int):
            raise ValueError(
                f"the parameters of {self.num_layers} layers cannot be listed; give a number"
            )
        found = [
            self._placed(parameter, level, direction)
            for level in range(self._distinct_layers())
            for direction in range(1 if self.share_directions else self.directions)
            for parameter in self.cell.parameters
        ]
        if self.learn_initial_state:
            found += [
                self._placed(state, level, direction)
                for level in range(self.num_layers)
                for direction in range(self.directions)
                for state in self._initial_states()
            ]
        return tuple(found)

    def groups(self) -> tuple[Group, ...]:
        """The parameters of each direction by their role, on the first level and on those above.

        >>> from gru_sym import cell
        >>> for group in Layer(cell("rnn.elman"), "L").groups()[2:4]:
        ...     print(group)
        Group(level=0, levels=1, direction=0, role='bias', parameters=('b_l0',), count=n)
        Group(level=1, levels=L - 1, direction=0, role='input kernel', parameters=('W_l1',),
        count=n**2)
        """
        two = self if self.num_layers == 1 else replace(self, num_layers=2)
        above: Any = sp.sympify(self.num_layers) - 1
        found: dict[tuple[int, int, str], list[Parameter]] = {}
        for p in two.parameters:
            found.setdefault((p.level, p.direction, p.role), []).append(p)

        def group(level: int, direction: int, role: str, own: list[Parameter]) -> Group:
            alike = 1 if self.share_layers and role != INITIAL_STATE else above
            alike = sp.sympify(alike if level else 1)
            names, count = tuple(p.name for p in own), sp.Add(*(p.count for p in own))
            return Group(level, alike, direction, role, names, sp.expand(count))

        return tuple(group(*where, own) for where, own in found.items())

    def _placed(self, parameter: Parameter, level: int, direction: int) -> Parameter:
        """A parameter of the cell at its place in the layer."""
        return replace(
            parameter,
            name=parameter.name + suffix(level, direction),
            shape=parameter.shape if level == 0 else self._above(parameter.shape),
            level=level,
            direction=direction,
        )

    def _initial_states(self) -> list[Parameter]:
        """The states before the first step, of one cell."""
        shapes = self.cell.sizes.shapes
        return [
            Parameter(f"{state}0", (size_expression(shapes[state][0]),), INITIAL_STATE, state)
            for state in self.cell.states
        ]

    def with_height(self, sizes: Mapping[str, Any]) -> tuple[Layer, dict[str, Any]]:
        """The layer with its symbolic number of layers, if the sizes have it; the other sizes.

        >>> from gru_sym import cell
        >>> layer, sizes = Layer(cell("rnn.elman"), "L").with_height({"L": 3, "m": 8})
        >>> layer.num_layers, sizes
        (3, {'m': 8})
        """
        name = str(self.num_layers)
        height = sizes.get(name) if isinstance(self.num_layers, sp.Symbol) else None
        if not isinstance(height, int) or height < 1:
            return self, dict(sizes)
        rest = {other: size for other, size in sizes.items() if other != name}
        return replace(self, num_layers=height), rest

    def sizes_at(self, level: int, sizes: Mapping[str, int]) -> dict[str, int]:
        """The sizes of the cell at a level, in numbers: above the first the input is another.

        >>> from gru_sym import cell
        >>> Layer(cell("rnn.elman"), 2, bidirectional=True).sizes_at(1, {"m": 8, "n": 16})
        {'m': 32, 'n': 16}
        """
        above = self.input_above() if level else {}
        return {**sizes, **{str(size): int(put.subs(sizes)) for size, put in above.items()}}

    def _evaluate(self, what: str, sizes: dict[str, SizeValue]) -> SizeValue:
        """The count, weights or biases; the number of layers may be given only now."""
        self.cell.check_blocks(sizes)
        fixed, rest = self.with_height(sizes)
        if fixed is not self:
            return fixed._evaluate(what, rest)
        total = self._total(sp.sympify(getattr(self.cell, what)()), self._distinct_layers())
        if self.share_directions:
            total = total / self.directions
        if self.learn_initial_state and what != "biases":
            initial = sp.Add(*(state.count for state in self._initial_states()))
            total += self._total(initial, self.num_layers)
        return evaluate(sp.expand(total), sizes, self.size_names, self.cell.name)

    def _total(self, formula: sp.Expr, layers: Any) -> sp.Expr:
        """What a cell has, over so many layers in all directions."""
        upper = formula.subs(self.input_above(), simultaneous=True) if layers != 1 else formula
        return self.directions * (formula + (layers - 1) * upper)

    def _distinct_layers(self) -> Any:
        """How many layers hold parameters of their own."""
        if not self.share_layers or self.num_layers == 1:
            return self.num_layers
        first = [parameter.shape for parameter in self.cell.parameters]
        return 1 if first == [self._above(shape) for shape in first] else 2

    def _above(self, shape: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
        """A shape in the layers above the first."""
        return tuple(size.subs(self.input_above(), simultaneous=True) for size in shape)

    def input_above(self) -> dict[sp.Expr, sp.Expr]:
        """What the input size becomes above the first layer, for the input and what has its size.

        A state that keeps the input (`p' = x`, `p: m`) thus has the size of its own layer's input.
        Only the output state cannot grow so: a layer would hand on ever more numbers. Nor can
        further inputs and constants: every layer is given the same ones.
        """
        shapes = self.cell.sizes.shapes
        size, output = shapes[INPUT][0], shapes[self.cell.output][0]
        if size != output and symbols(size):
            # Of a window of k inputs it is the size of one that changes.
            window, size = size, symbols(size)[-1]
            for name in (*self.cell.inputs[1:], *self.cell.constants):
                if {window, size} & {*shapes[name]}:
                    raise ValueError(
                        f"{self.cell.name} cannot be stacked: every layer is given the same "
                        f"{name}, which has the size of {INPUT}, {size}, and above the first layer "
                        f"{INPUT} has {self.output_size} numbers; declare a size of its own for "
                        f"{name} where it has one"
                    )
            return {size_expression(size): self.output_size}
        if size_expression(size) == self.output_size:
            return {}
        because = (
            f"since {INPUT} and {self.cell.output} have one size, {size}, in the cell"
            if size == output
            else f"since the cell declares {INPUT} to have size {size}"
        )
        raise ValueError(
            f"{self.cell.name} cannot be stacked{' in both directions' * self.bidirectional}: the "
            f"layers above the first would read {self.output_size} numbers and can only read "
            f"{size}, {because}"
        )


def suffix(level: int, direction: int) -> str:
    """What a layer adds to the names of its cell: `suffix(0, 1)` is "_l0_reverse"."""
    return f"_l{level}{'_reverse' * direction}"
