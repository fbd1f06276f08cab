"""A system of equations at random samples and given sizes: over a prime field, at real points."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from functools import cached_property, partial

from gru_sym.certificates.roots import NESTED, PIECES, TRIES, UNDEFINED, nested
from gru_sym.certificates.system import Entry, System, at_work
from gru_sym.language.unification import number_of
from gru_sym.normal.field_values import (
    ZERO,
    Draws,
    Dual,
    FieldValues,
    Key,
    NoRoot,
    Piece,
    Untreated,
)
from gru_sym.normal.prime_field import PRIME, is_square
from gru_sym.normal.real_values import RealValues

Support = frozenset[tuple[str, int]]
"""Where data are not 0: names with rows."""


class Evaluation:
    """The values of a system at samples that are drawn by name."""

    def __init__(self, system: System, sizes: Mapping[str, int], seed: int = 1) -> None:
        self.system = system
        self.sizes = sizes
        self.draws = Draws(seed)
        self.data = frozenset(system.data)
        self.parameters: object = 0

    def size(self, size: str | int) -> int:
        """A size as a number."""
        # A cell that does not read its input has no size m.
        return number_of(size, self.sizes, 1)

    def stored(self, name: str, row: int, column: int) -> bool:
        """Whether an entry is not 0 by the form of its kernel, which may have blocks."""
        if name not in self.system.blocks:
            return True
        number = self.size(self.system.blocks[name])
        rows, columns = (self.size(size) // number for size in self.system.shapes[name])
        return row // rows == column // columns

    @cached_property
    def columns(self) -> dict[Entry, int]:
        """The number of every parameter entry."""
        entries = (
            (name, i, j)
            for name in self.system.parameters
            for i in range(self.size(self.system.shapes[name][0]))
            for j in range(self.size(self.system.shapes[name][1]))
            if self.stored(name, i, j)
        )
        return {entry: number for number, entry in enumerate(entries)}

    def values(
        self,
        sample: object,
        piece: Piece,
        support: Support | None = None,
        parameters: object = None,
        differentiated: bool = True,
        loose: bool = False,
    ) -> FieldValues:
        """The system at a random sample; data outside the support are 0."""
        parameters = self.parameters if parameters is None else parameters
        draws, columns, factors = self.draws, self.columns, self.system.factors

        def entry(name: str, row: int, column: int) -> Dual:
            if name in self.data:
                if support is not None and (name, row) not in support:
                    return ZERO
                return Dual(draws((sample, name, row)), varies=True)
            if not self.stored(name, row, column):
                return ZERO
            if name in factors:
                made = factors[name]
                value = sum(
                    draws((parameters, made.left, row, k))
                    * draws((parameters, made.right, k, column))
                    for k in range(self.size(made.inner))
                )
            else:
                value = draws((parameters, name, row, column))
            place = columns.get((name, row, column)) if differentiated else None
            return Dual(value % PRIME, {} if place is None else {place: 1})

        def draw(kind: str, key: Key, varies: bool) -> int:
            return draws((parameters, sample if varies else None, kind, key))

        system = self.system
        return FieldValues(entry, self.size, draw, piece, system.exponents, system.angles, loose)

    def evaluate(self, values: FieldValues, outputs: list[tuple[str, int]]) -> FieldValues:
        """The values, after they were asked for the outputs."""
        for state, unit in outputs:
            values.polynomial(self.system.states[state], unit)
        return values

    def root_arguments(
        self, outputs: list[tuple[str, int]], parameters: object, sample: int
    ) -> dict[Key, Dual]:
        """The arguments of all square roots, whether they have values or not."""
        values = self.values(("root", sample), at_work, None, ("root", parameters), False, True)
        return self.evaluate(values, outputs).roots

    def with_roots(self, outputs: list[tuple[str, int]], name: object) -> object:
        """The name of such parameters."""
        for attempt in range(TRIES if self.system.has_roots else 0):
            found = self.root_arguments(outputs, (name, attempt), 0).values()
            if all(is_square(argument.value) for argument in found if not argument.varies):
                return ("root", (name, attempt))
        if self.system.has_roots:
            raise NoRoot(UNDEFINED)
        return name

    def is_real_somewhere(self, outputs: list[tuple[str, int]]) -> bool:
        """Whether all square roots are seen to be real at some point."""
        for sample in range(TRIES // 10):
            values = RealValues(partial(self.real_entry, sample), self.size)
            with suppress(ArithmeticError):
                for state, unit in outputs:
                    values.polynomial(self.system.states[state], unit)
                return True
        return False

    def settle(self, outputs: list[tuple[str, int]]) -> None:
        """Choose parameters at which the square roots of parameters have values."""
        if self.system.has_roots:
            if self.system.kinks:
                raise Untreated(PIECES)
            if nested(self.system.states.values()):
                raise Untreated(NESTED)
            self.parameters = self.with_roots(outputs, "settled")

    def real_entry(self, sample: object, name: str, row: int, column: int) -> Fraction:
        """The real number that stands for an entry."""
        if name in self.data:
            # Larger than the parameters, and now and then much larger, so that no bias keeps a
            # relu at 0 for all samples.
            drawn = _between_minus_one_and_one(self.draws(("real", sample, name, row)))
            return 8 * drawn / (1 + Fraction(1, 256) - drawn * drawn)
        if not self.stored(name, row, column):
            return Fraction(0)
        return _between_minus_one_and_one(self.draws(("real", name, row, column)))


def _between_minus_one_and_one(drawn: int) -> Fraction:
    return Fraction(2 * drawn, PRIME) - 1
