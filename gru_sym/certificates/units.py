"""One unit of a cell: what it computes when all kernels between units are diagonal.

A cell of n units is then n cells of one unit, with parameters of their own, common ones, and one
input for all of them (or one each, where the input has as many entries as the state). See
`reached`, which draws conclusions for all sizes from this.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

from gru_sym.cells import Cell
from gru_sym.certificates.independence import mixed_constants
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import Size
from gru_sym.normal.exponents import SMOOTH, Exponents, functions_of
from gru_sym.normal.field_values import PIECES, ZERO, Draw, Draws, Dual, FieldValues, Key
from gru_sym.normal.polynomials import Function, Polynomial, Product, Symbol, Term, is_scalar
from gru_sym.normal.prime_field import PRIME

Inputs = tuple[Hashable, Hashable]
"""Names of an input sequence: of all inputs but the last one, and of the last."""

Own = tuple[Hashable, ...]
"""Names of parameters: of those in common to all units, and of one unit's own."""

Argument = tuple[int, str, Key]
"""What must be independent: a step, the kind, and the argument with its row and column."""


class Unsettled(Exception):
    """A hypothesis that does not hold, in words."""


def beyond_full_kernels(cell: Cell) -> str:
    """What of a cell the theorems on layers do not know; empty if nothing."""
    kinds = {
        "further inputs": cell.inputs[1:],
        "constants": cell.constants,
        "kernels of blocks": cell.sizes.blocks,
        "transposes": cell.program.transposed,
        "windows, of which those of two steps overlap": cell.sizes.has_windows and (INPUT,),
    }
    found = " and ".join(kind for kind, members in kinds.items() if members)
    return f"the theorem for all sizes does not know {found}" if found else ""


class OneUnit:
    """A cell at diagonal kernels: one of its units.

    Parameters
    ----------
    forms : the next states in normal form, those that matter.
    trained : whether the first states are parameters of the units; else they are 0.

    Attributes
    ----------
    units : the sizes of the states.
    present : those of them that the unit has; where two sizes differ, some units have only one.
    """

    def __init__(self, cell: Cell, forms: Mapping[str, Polynomial], trained: bool) -> None:
        self.cell, self.forms, self.trained = cell, forms, trained
        self.shapes = cell.sizes.shapes
        self.units = tuple(dict.fromkeys(self.shapes[state][0] for state in forms))
        self.present: frozenset[Size] = frozenset(self.units)
        self.data = frozenset(cell.program.data)
        self.exponents = Exponents.of_functions(forms.values(), self.data)
        self.own_input = self.shapes[INPUT][0] in self.units
        self.draws = Draws(seed=2)
        self.columns: dict[Hashable, int] = {}

    def check(self) -> None:
        """Raise `Unsettled` for a cell that does not fall into units."""
        forms = self.forms.values()
        if reason := beyond_full_kernels(self.cell):
            raise Unsettled(reason)
        used = {f.function for f in functions_of(*forms)} - {*SMOOTH}
        if used & PIECES.keys():
            raise Unsettled("which pieces of a piecewise linear function are reached is not known")
        if used:
            raise Unsettled(f"the states that are reached are not known for {min(used)}")
        if reason := mixed_constants(forms, self.exponents):
            raise Unsettled(reason)
        if len(self.units) > 2 or not all(isinstance(size, str) for size in self.units):
            raise Unsettled("its states have sizes for which this theorem has no proof")
        others = frozenset(self.cell.states) - self.forms.keys()
        if any(form.names & others for form in forms):
            raise Unsettled("its states read other states")
        for state, form in self.forms.items():
            for kernel, rows in inside(form, self.shapes[state][0]):
                if isinstance(kernel, Function):
                    if rows not in (*self.units, 1):
                        raise Unsettled("it has functions in an inner space")
                elif not any(isinstance(f, Symbol) and e > 0 for f, e in kernel.left):
                    raise Unsettled("it has a kernel that cannot be made diagonal")

    def size(self, size: str | int) -> int:
        """One place of every size, and none of one that the unit does not have."""
        absent = size in self.units and size not in self.present
        return size if isinstance(size, int) else int(not absent)

    def parameter(self, name: str, row: int, column: int, own: Own) -> Dual:
        """An entry of a parameter: of the unit's own, of one in common, or 0 between units."""
        rows, columns = self.shapes[name]
        if columns in self.units and rows not in self.units:
            return ZERO
        return Dual(self.draws((own if rows in self.units else own[:1], name, row, column)))

    def first(self, state: str, own: Own) -> Dual:
        """The state before the first step."""
        there = self.trained and self.shapes[state][0] in self.present
        return Dual(self.draws((own, "first", state))) if there else ZERO

    def run(
        self, own: Own, inputs: Inputs, steps: int
    ) -> tuple[dict[Argument, Dual], dict[str, Dual]]:
        """What must be independent in so many steps, and the states before the last of them."""
        states = {state: self.first(state, own) for state in self.forms}
        before, arguments = states, dict[Argument, Dual]()
        for step in range(steps):
            values = self._values(own, step, inputs if step == steps - 1 else inputs[:1], states)
            before, states = (
                states,
                {
                    state: values.polynomial(form, 0)
                    if self.shapes[state][0] in self.present
                    else ZERO
                    for state, form in self.forms.items()
                },
            )
            arguments.update(
                ((step, kind, key), value) for (kind, key), value in values.independents.items()
            )
        return arguments, before

    def _values(
        self, own: Own, step: int, inputs: tuple[Hashable, ...], states: Mapping[str, Dual]
    ) -> FieldValues:
        def entry(name: str, row: int, column: int) -> Dual:
            if name == INPUT:
                key = ("x", own if self.own_input else own[:1], step, inputs, row)
                gradient = {self.column(key): 1} if self.own_input else {}
                return Dual(self.draws(key), gradient, varies=True)
            return states[name] if name in states else self.parameter(name, row, column, own)

        def draw(kind: str, key: Key, varies: bool) -> int:
            owner = own[:1] if is_common(key[0]) else own
            if not varies:
                return self.draws((owner, kind, key))
            return self.draws((owner, step, inputs[: 1 + (INPUT in key[0].names)], kind, key))

        def column(kind: str, key: Key) -> int | None:
            return None if is_common(key[0]) else self.column((step, kind, key))

        return FreeValues(entry, self.size, draw, self.exponents, column)

    def column(self, key: Hashable) -> int:
        """The number of an independent variable."""
        return self.columns.setdefault(key, len(self.columns))

    def transition(self, number: int) -> Iterator[Mapping[int, int]]:
        """The derivatives of the next states by the states, at one random state and an input."""
        own = (0, "p")

        def entry(name: str, row: int, column: int) -> Dual:
            if name == INPUT:
                return Dual(self.draws(("x", number, row)), varies=True)
            if name in self.forms:
                return Dual(self.draws(("state", name)), {self.column(name): 1}, varies=True)
            return self.parameter(name, row, column, own)

        def draw(kind: str, key: Key, varies: bool) -> int:
            return self.draws((kind, key, number if INPUT in key[0].names else None))

        values = FieldValues(entry, self.size, draw, lambda *_: 1, self.exponents)
        for state, form in self.forms.items():
            if self.shapes[state][0] in self.present:
                yield values.polynomial(form, 0).gradient

    def linear(self, form: Polynomial, own: Own, data: Mapping[str, int]) -> int:
        """A linear form at given data."""

        def entry(name: str, row: int, column: int) -> Dual:
            return Dual(data[name]) if name in data else self.parameter(name, row, column, own)

        def draw(kind: str, key: Key, varies: bool) -> int:
            return self.draws((own[:1] if is_common(key[0]) else own, kind, key))

        return (
            FieldValues(entry, self.size, draw, lambda *_: 1, self.exponents)
            .polynomial(form, 0)
            .value
        )


class FreeValues(FieldValues):
    """Exponentials as independent variables: derivatives are taken by their logarithms."""

    def __init__(
        self,
        entries: Callable[[str, int, int], Dual],
        size: Callable[[str | int], int],
        draw: Draw,
        exponents: Exponents,
        column: Callable[[str, Key], int | None],
    ) -> None:
        super().__init__(entries, size, draw, lambda *_: 1, exponents)
        self.column = column

    def _function(self, factor: Function, row: int, column: int) -> Dual:
        value = super()._function(factor, row, column)
        gradient = {}
        for key, slope in self._slopes(factor, value.value, row, column):
            if key in self.independents and self.independents[key].varies:
                number = self.column(*key)
                if number is not None:
                    gradient[number] = slope % PRIME
        return Dual(value.value, gradient, value.varies)

    def _slopes(
        self, factor: Function, value: int, row: int, column: int
    ) -> Iterator[tuple[tuple[str, Key], int]]:
        if factor.function == "softplus":
            yield ("softplus", (factor.argument, row, column)), 1
            return
        slope = value * (1 - value) if factor.function == "sigmoid" else value
        for k, power in self.exponents.combinations[factor.argument].powers:
            base = self.exponents.basis[k]
            yield ("exp", (base, *((0, 0) if is_common(base) else (row, column)))), slope * power


def is_common(polynomial: Polynomial) -> bool:
    """Whether it is one number, in common to all units."""
    return all(is_scalar(term) for term, _ in polynomial.terms)


def inside(polynomial: Polynomial, rows: Size) -> Iterator[tuple[Function | Product, Size]]:
    """Every function and every matrix product, with the size that its entries are numbered by."""
    for term, _ in polynomial.ordered:
        yield from _in_term(term, rows)


def _in_term(term: Term, rows: Size) -> Iterator[tuple[Function | Product, Size]]:
    for factor, _ in term:
        here = 1 if factor.scalar else rows
        match factor:
            case Function(argument=argument):
                yield factor, here
                yield from inside(argument, here)
            case Product(left=left, right=right, inner=inner):
                yield factor, here
                yield from _in_term(left, here)
                yield from _in_term(right, inner)
