"""Whether the states that a cell reaches from 0 are generic, at all sizes, seen on one unit.

The states after t steps are *generic* if no polynomial relation holds between their entries, the
next input and the exponentials in the next step, for almost all parameters and as functions of the
inputs. Then what holds at the states that are reached holds at all states.

**Theorem.** Let a cell of one unit have parameters of its own (a row of theirs belongs to a unit)
and parameters in common. Let A be the arguments, in steps 1 to t + 1, of the exponentials that
depend on inputs, and let A(p, x) be their values at own parameters p and inputs x. If the numbers
A(p, x) - A(p', x) - A(p, x') + A(p', x') satisfy no linear relation with rational coefficients for
generic p, p', x, x', and if the states after t steps are independent as functions of the
exponentials in them, then the states after t steps are generic at all sizes.

*Proof.* Let all kernels between units be diagonal, and let a kernel that reads the input, or an inner
space, read its first entry alone. The cell of n units then is n cells of one unit with parameters
p_1, ..., p_n and one input in common. Suppose sum q_ik A_i(p_k, x) does not depend on x, q rational.
Take it at p_k and at p_k', for one k, and subtract: sum_i q_ik (A_i(p_k, x) - A_i(p_k', x)) does not
depend on x, so all q_ik are 0. The relations that fail at these parameters fail at almost all, and
there are only countably many of them. So for almost all parameters the A are linearly independent
over the rational numbers modulo constants, and by Ax (1971, Theorem 3; see `independence`) their
exponentials and the inputs are algebraically independent over the complex numbers. The states are
rational functions of these; their Jacobian consists of one block for each unit, each of full rank
by hypothesis, and a minor that is not 0 at diagonal kernels is not 0 in general. In the step after,
inputs and exponentials are new ones, so they have no relation with the states.

The same holds for several last inputs after the same first t steps, since the arguments that read
the last input are compared at two last inputs, all else equal.

*Linear cells* have no exponentials. If h' = U h + W x + b, where one unit has the factor a(p) for its
state and b(p) for its input, then n units that read one input reach, in T steps, the span of the n
vectors b(p_k) a(p_k)^t: a Vandermonde matrix. So all states are reached after n/m steps, with an input
for each n/m units, if b is not 0 and a is not constant. This is Kalman's condition.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from gru_sym.cells import Cell
from gru_sym.certificates.independence import mixed_constants
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import Size
from gru_sym.normal.exponents import SMOOTH, Exponents, functions_of
from gru_sym.normal.field_values import ZERO, Draw, Draws, Dual, FieldValues, Key
from gru_sym.normal.form import normal_form, substitute
from gru_sym.normal.polynomials import (
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    is_scalar,
)
from gru_sym.normal.prime_field import PRIME, Echelon

MOST_STEPS = 3
"""The longest way to generic states that is tried."""

UNKNOWN = "the states that are reached from 0 are not known to be generic"


@dataclass(frozen=True)
class Reached:
    """Whether the states that are reached from 0 are generic at all sizes.

    Attributes
    ----------
    steps : after how many steps; 0 if it is not known.
    linear : for a linear cell `steps` is 1, and that many steps are needed for every m states.
    condition : sizes (p, n) such that it holds where p is at most n; None where it always holds.
    reason : why it is not known.
    """

    steps: int = 0
    linear: bool = False
    condition: tuple[Size, Size] | None = None
    reason: str = ""


@lru_cache(maxsize=256)
def reached(cell: Cell, states: tuple[str, ...] = ()) -> Reached:
    """After how many steps from 0 the states are generic, at all sizes.

    >>> from gru_sym import cell
    >>> reached(cell("gru.pytorch")).steps, reached(cell("lstm.projected")).condition
    (1, ('p', 'n'))
    >>> from gru_sym import Cell
    >>> reached(Cell("h' = h * sigmoid(W @ x + b)")).reason
    'the states that are reached from 0 are not known to be generic'

    Parameters
    ----------
    states : those that matter, which read no other ones; all by default.
    """
    try:
        forms = normal_form(cell.program, cell.sizes).states
        return _Unit(cell, {state: forms[state] for state in states or cell.states}).reached()
    except (_Unsettled, ValueError) as error:
        return Reached(reason=str(error))


class _Unsettled(Exception):
    pass


Inputs = tuple[Hashable, Hashable]
"""Names of an input sequence: of all inputs but the last one, and of the last."""

Own = tuple[Hashable, ...]
"""Names of parameters: of those in common to all units, and of one unit's own."""

Argument = tuple[int, str, Key]
"""What must be independent: a step, the kind, and the argument with its row and column."""


class _Unit:
    """A cell at diagonal kernels: one of its units."""

    def __init__(self, cell: Cell, forms: Mapping[str, Polynomial]) -> None:
        self.cell, self.forms = cell, forms
        self.shapes = cell.sizes.shapes
        self.units = tuple(dict.fromkeys(self.shapes[state][0] for state in forms))
        self.present: frozenset[Size] = frozenset(self.units)
        self.exponents = Exponents.of_functions(forms.values())
        self.data = frozenset([INPUT, *cell.states])
        self.own_input = self.shapes[INPUT][0] in self.units
        self.draws = Draws(seed=2)
        self.columns: dict[Hashable, int] = {}

    def reached(self) -> Reached:
        """The answer, from all kinds of units."""
        self._check_structure()
        if not any(base.names & self.data for base in self.exponents.basis):
            return self._linear()
        found = {size: self._generic_after(frozenset([size])) for size in self.units}
        together = self._generic_after(frozenset(self.units))
        good = [size for size, steps in found.items() if steps]
        if not together or not good:
            raise _Unsettled(UNKNOWN)
        steps = max(together, *found.values())
        bad = [size for size in self.units if size not in good]
        return Reached(steps, condition=(bad[0], good[0]) if bad else None)

    # The structure

    def _check_structure(self) -> None:
        forms = self.forms.values()
        if any(f.function not in SMOOTH for form in forms for f in functions_of(form)):
            raise _Unsettled("which pieces of a piecewise linear function are reached is not known")
        if reason := mixed_constants(forms, self.exponents):
            raise _Unsettled(reason)
        if len(self.units) > 2 or not all(isinstance(size, str) for size in self.units):
            raise _Unsettled("its states have sizes for which this theorem has no proof")
        others = frozenset(self.cell.states) - self.forms.keys()
        if any(form.names & others for form in forms):
            raise _Unsettled("its states read other states")
        for state, form in self.forms.items():
            for kernel, rows in _inside(form, self.shapes[state][0]):
                if isinstance(kernel, Function):
                    if rows not in (*self.units, 1):
                        raise _Unsettled("it has functions in an inner space")
                elif not any(isinstance(f, Symbol) and e > 0 for f, e in kernel.left):
                    raise _Unsettled("it has a kernel that cannot be made diagonal")

    # One unit

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

    def run(
        self, own: Own, inputs: Inputs, steps: int
    ) -> tuple[dict[Argument, Dual], dict[str, Dual]]:
        """What must be independent in so many steps, and the states before the last of them."""
        states: dict[str, Dual] = dict.fromkeys(self.forms, ZERO)
        before, arguments = states, dict[Argument, Dual]()
        for step in range(steps):
            values = self._values(own, step, inputs if step == steps - 1 else inputs[:1], states)
            before, states = states, {
                state: values.polynomial(form, 0)
                if self.shapes[state][0] in self.present
                else ZERO
                for state, form in self.forms.items()
            }
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
            owner = own[:1] if _is_common(key[0]) else own
            if not varies:
                return self.draws((owner, kind, key))
            return self.draws((owner, step, inputs[: 1 + (INPUT in key[0].names)], kind, key))

        def column(kind: str, key: Key) -> int | None:
            return None if _is_common(key[0]) else self.column((step, kind, key))

        return _FreeValues(entry, self.size, draw, self.exponents, column)

    def column(self, key: Hashable) -> int:
        """The number of an independent variable."""
        return self.columns.setdefault(key, len(self.columns))

    # The hypotheses

    def _generic_after(self, present: frozenset[Size]) -> int:
        """After how many steps the states of a unit are generic; 0 if that is not seen."""
        self.present = present
        wanted = [state for state in self.forms if self.shapes[state][0] in present]
        for steps in range(1, MOST_STEPS + 1):
            space = Echelon()
            arguments, states = self.run((0, "p"), ("a", "u"), steps + 1)
            for state in wanted:
                space.add(states[state].gradient)
            if space.rank == len(wanted):
                return steps if self._independent(arguments, steps + 1) else 0
        return 0

    def _independent(self, arguments: Mapping[Argument, Dual], steps: int) -> bool:
        """Whether the arguments in so many steps have no relation."""
        if not self._all_vary(arguments, steps):
            return False
        varying = [key for key, value in arguments.items() if value.varies]
        last = [key for key in varying if key[0] == steps - 1 and INPUT in key[2][0].names]
        rest = [key for key in varying if key not in last]
        return (
            self._no_relation(last, steps, (("a", "u"), ("a", "v")))
            and self._no_relation(rest, steps, (("a", "u"), ("b", "u")))
            and self._no_constant_relation(
                {key[1:]: key for key in arguments if key not in varying}.values(), steps
            )
        )

    def _all_vary(self, arguments: Mapping[Argument, Dual], steps: int) -> bool:
        """Whether every argument that reads data is met, and varies, at diagonal kernels too.

        In the first step the states are 0, and fewer functions are left.
        """
        start = {state: Polynomial.number(0) for state in self.forms}
        left = {
            argument
            for form in self.forms.values()
            for f in functions_of(substitute(form, start))
            for argument in (f.argument, -f.argument)
        }
        for step in range(steps):
            met = {key[2] for key, v in arguments.items() if key[0] == step and v.varies}
            for state, form in self.forms.items():
                if self.shapes[state][0] not in self.present:
                    continue
                for f, rows in _inside(form, self.shapes[state][0]):
                    if not isinstance(f, Function) or rows not in (*self.present, 1):
                        continue
                    at_start = substitute(f.argument, start)
                    if step == 0 and at_start not in left:
                        continue
                    for k, _ in self.exponents.combinations[f.argument].powers:
                        base = self.exponents.basis[k]
                        reads = substitute(base, start).names & {INPUT} if step == 0 else base.names & self.data
                        if reads and (base, 0, 0) not in met:
                            return False
        return True

    def _no_relation(
        self, keys: Sequence[Argument], steps: int, samples: tuple[Inputs, Inputs]
    ) -> bool:
        """Whether the differences between samples, and between units, are independent."""
        common = [key for key in keys if _is_common(key[2][0])]
        own = [key for key in keys if key not in common]
        return self._full(own, steps, samples, "pq") and self._full(common, steps, samples, "p")

    def _full(
        self, keys: Sequence[Argument], steps: int, samples: tuple[Inputs, Inputs], units: str
    ) -> bool:
        space = Echelon()
        for number in range(len(keys) + 2):
            row = dict.fromkeys(range(len(keys)), 0)
            for (i, unit), (j, (first, last)) in product(enumerate(units), enumerate(samples)):
                values, _ = self.run((number, unit), ((number, first), (number, last)), steps)
                for k, key in enumerate(keys):
                    row[k] += (-1) ** (i + j) * values[key].value
            space.add(row)
        return space.rank == len(keys)

    def _no_constant_relation(self, keys: Iterable[Argument], steps: int) -> bool:
        """Whether the arguments without data are independent of each other, modulo constants."""
        chosen = list(keys)
        space = Echelon()
        for number in range(len(chosen) + 3):
            values, _ = self.run((number, "p"), ("a", "u"), steps)
            space.add({k: values[key].value for k, key in enumerate(chosen)} | {len(chosen): 1})
        return space.rank == len(chosen) + 1

    def _linear(self) -> Reached:
        """Kalman's condition for a linear cell of one state."""
        (state, form), *others = self.forms.items()
        if others or any(_degree(term, self.data) > 1 for term, _ in form.terms):
            raise _Unsettled(UNKNOWN)
        nothing = dict.fromkeys(self.data, 0)
        a, b, other = (
            self._at(form, own, nothing | {name: 1}) - self._at(form, own, nothing)
            for own, name in (((0, "p"), state), ((0, "p"), INPUT), ((0, "q"), state))
        )
        if b % PRIME == 0 or (not self.own_input and (a - other) % PRIME == 0):
            raise _Unsettled(UNKNOWN)
        return Reached(1, linear=not self.own_input)

    def _at(self, form: Polynomial, own: Own, data: Mapping[str, int]) -> int:
        """A linear form at given data."""

        def entry(name: str, row: int, column: int) -> Dual:
            return Dual(data[name]) if name in data else self.parameter(name, row, column, own)

        def draw(kind: str, key: Key, varies: bool) -> int:
            return self.draws((own[:1] if _is_common(key[0]) else own, kind, key))

        return FieldValues(entry, self.size, draw, lambda *_: 1, self.exponents).polynomial(form, 0).value


class _FreeValues(FieldValues):
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
            yield ("exp", (base, *((0, 0) if _is_common(base) else (row, column)))), slope * power


def _is_common(polynomial: Polynomial) -> bool:
    """Whether it is one number, in common to all units."""
    return all(is_scalar(term) for term, _ in polynomial.terms)


def _inside(polynomial: Polynomial, rows: Size) -> Iterator[tuple[Function | Product, Size]]:
    """Every function and every matrix product, with the size that its entries are numbered by."""
    for term, _ in polynomial.ordered:
        yield from _inside_term(term, rows)


def _inside_term(term: Term, rows: Size) -> Iterator[tuple[Function | Product, Size]]:
    for factor, _ in term:
        here = 1 if factor.scalar else rows
        match factor:
            case Function(argument=argument):
                yield factor, here
                yield from _inside(argument, here)
            case Product(left=left, right=right, inner=inner):
                yield factor, here
                yield from _inside_term(left, here)
                yield from _inside_term(right, inner)


def _degree(term: Term, data: frozenset[str]) -> int:
    """How many data are multiplied in a term."""
    degree = 0
    for factor, exponent in term:
        if factor.names & data:
            if isinstance(factor, Product) and exponent == 1:
                degree += _degree(factor.left, data) + _degree(factor.right, data)
            else:
                degree += exponent if exponent > 0 else 2
    return degree
