"""The exact rank of a layer: from the input sequence to the output sequence, the first state 0.

The theorem of `exact_rank` holds for this map word for word: it, too, is computed from the
parameters and the data by sums, products and functions. A sample is now a whole sequence, and
parameters that no output depends on, such as the recurrent kernels in the only step of a sequence
of length 1, are seen to be idle by their never occurring in a product with something that is not 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Literal, get_args

from gru_sym.certificates.independence import dependence, mixed_constants
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import number_of
from gru_sym.layers import Layer
from gru_sym.normal.exponents import Exponents
from gru_sym.normal.field_values import ZERO, Draws, Dual, FieldValues, Key
from gru_sym.normal.form import normal_form
from gru_sym.normal.prime_field import Echelon

Observed = Literal["sequence", "last"]
"""What is seen of a layer: every output, or that of the last step alone."""

SURE = 2
"""So many random sequences that add nothing to a rank end the search."""

Place = tuple[int, int, str]
"""A level, a direction and the name of a state."""

Vector = list[Dual]

ParameterEntry = tuple[tuple[int, int], str, int, int]
"""The set of parameters, as level and direction, then name, row and column."""


class UnrolledLayer:
    """A layer at given sizes, along sequences of a given length.

    >>> from gru_sym import Layer, cell
    >>> sizes = {"m": 1, "n": 2}
    >>> layer = UnrolledLayer(Layer(cell("gru.pytorch")), 3, "sequence", sizes)
    >>> layer.rank(), layer.dependence(), len(layer.touched)
    (26, '', 30)

    Attributes
    ----------
    reached : the states, as residues, that were met by level, direction and name.

    Raises
    ------
    ValueError : for options that make no sense, and for functions that are linear on pieces.
    """

    def __init__(
        self, layer: Layer, steps: int, observed: Observed, sizes: Mapping[str, int]
    ) -> None:
        if not isinstance(layer.num_layers, int):
            raise ValueError("the rank of a layer needs the number of layers")
        check_options(steps, observed)
        self.layer, self.steps, self.observed = layer, steps, observed
        self.levels = layer.num_layers
        self.shapes = layer.cell.sizes.shapes
        self.states = normal_form(layer.cell.program, layer.cell.sizes).states
        self.exponents = Exponents.of_functions(
            self.states.values(), frozenset(layer.cell.program.data)
        )
        self.draws = Draws(seed=1)
        self.reached: dict[Place, list[list[int]]] = {}
        self.columns: dict[ParameterEntry, int] = {}
        self.sizes = [layer.sizes_at(level, sizes) for level in range(self.levels)]

    @cached_property
    def touched(self) -> frozenset[ParameterEntry]:
        """The entries of parameters that some observed output is computed from."""
        used = {column for row in self.rows("structure") for column in row}
        return frozenset(entry for entry, column in self.columns.items() if column in used)

    def size(self, level: int, size: str | int) -> int:
        """A size at a level of the stack, as a number."""
        return number_of(size, self.sizes[level], 1)

    def rows(self, sample: object, parameters: object = 0) -> Iterator[Mapping[int, int]]:
        """The gradient of every output that is seen."""
        outputs, _ = self.run(sample, parameters)
        seen = outputs if self.observed == "sequence" else outputs[-1:]
        return (entry.gradient for output in seen for entry in output)

    def rank(self) -> int:
        """The rank over random sequences, until so many of them add nothing.

        No bound from elsewhere ends the search: a false one is found out.
        """
        space, idle, number = Echelon(), 0, 0
        while idle < SURE:
            before = space.rank
            for row in self.rows(number):
                space.add(row)
            idle = idle + 1 if space.rank == before else 0
            number += 1
        return space.rank

    def dependence(self) -> str:
        """Why the rank is no proved lower bound; empty if it is one."""
        mixed = mixed_constants(self.states.values(), self.exponents)
        return mixed or dependence(self.arguments)

    def arguments(self, parameters: int, sample: int) -> Mapping[Hashable, Dual]:
        """The arguments of all functions, by cell copy, step and argument."""
        return self.run((parameters, sample), ("check", parameters), derivatives=False)[1]

    def run(
        self, sample: object, parameters: object, derivatives: bool = True
    ) -> tuple[list[Vector], dict[Hashable, Dual]]:
        """The outputs of the layer at one random sequence."""
        sequence = self._drawn(sample, INPUT)
        further = {name: self._drawn(sample, name) for name in self.layer.cell.inputs[1:]}
        arguments: dict[Hashable, Dual] = {}
        for level in range(self.levels):
            passes = []
            for direction in range(self.layer.directions):
                walk = _Walk(self, level, direction, sample, parameters, arguments, derivatives)
                way = 1 if direction == 0 else -1
                read = {INPUT: sequence, **further}
                outputs = walk.along({name: steps[::way] for name, steps in read.items()})
                passes.append(outputs[::way])
            sequence = [
                [e for output in outputs for e in output] for outputs in zip(*passes, strict=True)
            ]
        return sequence, arguments

    def _drawn(self, sample: object, name: str) -> list[Vector]:
        """A random sequence for an input."""
        key = () if name == INPUT else (name,)
        width = range(self.size(0, self.shapes[name][0]))
        return [
            [Dual(self.draws((sample, t, i, *key)), varies=True) for i in width]
            for t in range(self.steps)
        ]


class _Walk:
    """One cell on its way along a sequence."""

    def __init__(
        self,
        map_: UnrolledLayer,
        level: int,
        direction: int,
        sample: object,
        parameters: object,
        arguments: dict[Hashable, Dual],
        derivatives: bool,
    ) -> None:
        self.derivatives = derivatives
        self.map, self.level, self.direction = map_, level, direction
        self.copy = parameter_copy(map_.layer, level, direction)
        self.sample, self.parameters, self.arguments = sample, parameters, arguments

    def along(self, sequences: Mapping[str, list[Vector]]) -> list[Vector]:
        """The outputs, one for every step of the inputs."""
        cell, outputs = self.map.layer.cell, []
        data = {state: self._first_state(state) for state in cell.states}
        for step in range(self.map.steps):
            inputs = {name: sequence[step] for name, sequence in sequences.items()}
            data = self._step(step, {**inputs, **data})
            outputs.append(data[cell.output])
            # Only states at common parameters say what is reached.
            for state, vector in data.items() if self.derivatives else ():
                met = self.map.reached.setdefault((self.level, self.direction, state), [])
                met.append([entry.value for entry in vector])
        return outputs

    def _first_state(self, state: str) -> Vector:
        rows = range(self.map.size(self.level, self.map.shapes[state][0]))
        if not self.map.layer.learn_initial_state:
            return [ZERO for _ in rows]
        return [self._parameter((self.level, self.direction), f"{state}0", row, 0) for row in rows]

    def _parameter(self, copy: tuple[int, int], name: str, row: int, column: int) -> Dual:
        sizes = self.map.layer.cell.sizes
        if name in sizes.blocks:
            number = self.map.size(self.level, sizes.blocks[name])
            shares = (self.map.size(self.level, each) // number for each in sizes.shapes[name])
            if row // next(shares) != column // next(shares):
                return ZERO
        if name in self.map.layer.cell.constants:  # one for all levels and directions
            return Dual(self.map.draws((self.parameters, "constant", name, row, column)))
        value = self.map.draws((self.parameters, copy, name, row, column))
        if not self.derivatives:
            return Dual(value)
        columns = self.map.columns
        return Dual(value, {columns.setdefault((copy, name, row, column), len(columns)): 1})

    def _step(self, step: int, data: Mapping[str, Vector]) -> dict[str, Vector]:
        names = frozenset(data)

        def entry(name: str, row: int, column: int) -> Dual:
            return (
                data[name][row] if name in data else self._parameter(self.copy, name, row, column)
            )

        def named(key: Key) -> Hashable:
            # A function of parameters alone is the same one at every step.
            return (
                (self.copy, key)
                if not key[0].names & names
                else (self.level, self.direction, step, key)
            )

        def draw(kind: str, key: Key, varies: bool) -> int:
            return self.map.draws(
                (self.parameters, self.sample if varies else None, kind, named(key))
            )

        def size(size: str | int) -> int:
            return self.map.size(self.level, size)

        values = FieldValues(entry, size, draw, _no_piece, self.map.exponents)
        states = {
            state: [
                values.polynomial(form, row)
                for row in range(self.map.size(self.level, self.map.shapes[state][0]))
            ]
            for state, form in self.map.states.items()
        }
        self.arguments.update(
            ((kind, named(key)), value) for (kind, key), value in values.independents.items()
        )
        return states


def _no_piece(function: str, key: Key) -> int:
    raise ValueError(f"the effective count of a layer with {function} is not settled")


def check_options(steps: object, observed: object) -> None:
    """Refuse options that make no sense, with a sentence."""
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"steps is the length of a sequence, a positive integer, not {steps!r}")
    if observed not in get_args(Observed):
        raise ValueError(
            f'observed is "sequence", all outputs, or "last", the last one, not {observed!r}'
        )


@lru_cache(maxsize=1024)
def parameter_copy(layer: Layer, level: int, direction: int) -> tuple[int, int]:
    """Which set of parameters a cell of a layer uses."""
    distinct = len({p.level for p in layer.parameters if p.role != "initial state"})
    return min(level, distinct - 1), 0 if layer.share_directions else direction
