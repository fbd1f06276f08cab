"""Finding a substitution: what to put for the parameters of one cell to make it another.

Both cells are laid side by side in normal form. A parameter stands in a term beside something, such
as `@ x` in a gate: what stands beside the same thing in the other cell is what it becomes, with its
sign; several parameters become one sum, and what stands beside nothing becomes 0. What is found
here is a guess, to be proved by `gru_sym.equivalence`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, combinations, permutations

from gru_sym.cells import Cell
from gru_sym.normal.form import NormalForm, normal_form
from gru_sym.normal.polynomials import (
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    functions_in,
    times,
)

Linear = Mapping[str, Fraction]
"""A sum of parameters, each with a number; 0 if it is empty."""

Bound = Mapping[str, Linear]
"""What has been found for some parameters of b."""

HOLE = Symbol("□")
"""Where a parameter stands; no name of a cell is like it."""

ZERO = "0"
"""Under this name a match keeps the parameters of a for which b has no place."""

MAX_FLIPPED = 6
"""Of at most so many gates both signs are tried."""


@dataclass(frozen=True)
class Guess:
    """For every parameter of b a sum of those of a, and for every state one of a."""

    parameters: Mapping[str, Linear]
    states: Mapping[str, str]

    @property
    def texts(self) -> dict[str, str]:
        """As `equivalent` takes it."""
        return {name: linear_text(sum_) for name, sum_ in self.parameters.items()} | {**self.states}


def linear_text(terms: Linear) -> str:
    """A sum of parameters as one writes it.

    >>> linear_text({"b_i": Fraction(1), "b_h": Fraction(-1, 2)}), linear_text({})
    ('b_i - b_h / 2', '0')
    """
    text = ""
    for name, number in terms.items():
        times_, over = abs(number.numerator), number.denominator
        part = f"{times_} * {name}" if times_ != 1 else name
        part += f" / {over}" if over != 1 else ""
        text += (" - " if number < 0 else " + ") + part if text else "-" * (number < 0) + part
    return text or "0"


def guess(a: Cell, b: Cell, zero: Collection[str] = ()) -> Guess | None:
    """What to put into b to make it a; None if nothing is found.

    >>> from gru_sym import cell
    >>> found = guess(cell("rnn.pytorch"), cell("rnn.elman"))
    >>> found.texts["b"], guess(cell("rnn.elman"), cell("rnn.pytorch")).texts["b_hh"]
    ('b_ih + b_hh', '0')

    `zero` are parameters of a that are taken to be 0.
    """
    for states, flipped, bound in _matches(a, b, frozenset(zero)):
        found = {
            name: {
                part: -number if name in flipped else number
                for part, number in bound.get(name, {}).items()
            }
            for name in b.program.parameters
        }
        return Guess(found, states)
    return None


def zeros_needed(a: Cell, b: Cell) -> tuple[str, ...] | None:
    """Parameters of a with which 0 there is a guess, and with no part of them; None if unknown.

    >>> from gru_sym import cell
    >>> zeros_needed(cell("gru.pytorch"), cell("gru.flux"))
    ('b_hn',)
    """
    tried = {frozenset(bound.get(ZERO, {})) for *_, bound in _matches(a, b, relaxed=True)}
    for zero in sorted(tried, key=lambda names: (len(names), sorted(names))):
        if guess(a, b, zero) and not any(guess(a, b, zero - {name}) for name in zero):
            return tuple(name for name in a.program.parameters if name in zero)
    return None


def unseen(cell: Cell, zero: Collection[str]) -> tuple[str, ...]:
    """The parameters on which nothing depends any more where some are 0, with those."""
    form = _form(cell, frozenset(), frozenset(zero))
    seen = frozenset().union(*(state.names for state in form.states.values()))
    return tuple(name for name in cell.program.parameters if name not in seen)


def _matches(
    a: Cell, b: Cell, zero: frozenset[str] = frozenset(), relaxed: bool = False
) -> Iterator[tuple[dict[str, str], frozenset[str], Bound]]:
    """The states renamed, the parameters of b negated, and what is found for them."""
    form = _form(a, frozenset(), zero)
    for states in _state_maps(a, b):
        matcher = _Matcher(a, b, states, relaxed)
        for flipped in _flips(b):
            pairs = [(form.states[states[s]], own) for s, own in _form(b, flipped).states.items()]
            for bound in matcher.all_of(pairs, {}):
                yield states, flipped, bound


@lru_cache(maxsize=4096)
def _form(cell: Cell, negative: frozenset[str], zero: frozenset[str] = frozenset()) -> NormalForm:
    known = {}
    for name in cell.program.given:
        symbol = Polynomial.symbol(name, cell.sizes.shapes[name] == (1, 1))
        known[name] = -symbol if name in negative else symbol
        if name in zero:
            known[name] = Polynomial.number(0)
    return normal_form(cell.program, cell.sizes, known)


def _state_maps(a: Cell, b: Cell) -> Iterator[dict[str, str]]:
    """The ways to rename the states of b to those of a, the output to the output."""
    if len(a.states) != len(b.states):
        return
    for order in permutations(a.states):
        states = dict(zip(b.states, order, strict=True))
        same = all(b.sizes.shapes[s] == a.sizes.shapes[t] for s, t in states.items())
        if same and states[b.output] == a.output:
            yield states


@lru_cache(maxsize=256)
def _flips(b: Cell) -> tuple[frozenset[str], ...]:
    """The parameters of b to negate: those of no gate, of one, of two, ...

    Where one cell keeps z of the old state the other may keep 1 - z: its arguments are negated.
    """
    parameters = frozenset(b.program.parameters)
    form = _form(b, frozenset())
    gates: dict[frozenset[str], None] = {}
    pending = [*form.states.values()]
    seen: set[Polynomial] = set()
    while pending:
        for term, _ in pending.pop().ordered:
            for function in functions_in(term):
                if function.argument not in seen:
                    seen.add(function.argument)
                    pending.append(function.argument)
                    own = chain.from_iterable(_outside(t) for t, _ in function.argument.terms)
                    if gate := parameters.intersection(own):
                        gates[gate] = None
    subsets = chain.from_iterable(
        combinations(list(gates)[:MAX_FLIPPED], size)
        for size in range(min(len(gates), MAX_FLIPPED) + 1)
    )
    return tuple(frozenset(chain.from_iterable(subset)) for subset in subsets)


def _outside(term: Term) -> Iterator[str]:
    """The names of a term that stand in no function."""
    for factor, _ in term:
        match factor:
            case Symbol(name=name):
                yield name
            case Product(left=left, right=right):
                yield from _outside(left)
                yield from _outside(right)


class _Matcher:
    """Matches polynomials of b with those of a, going back where a choice turns out wrong."""

    def __init__(self, a: Cell, b: Cell, states: Mapping[str, str], relaxed: bool) -> None:
        self.a, self.b, self.relaxed = a, b, relaxed
        given = (*b.inputs, *b.constants, HOLE.name)
        self.data = {**dict(zip(given, given, strict=True)), **states}

    def all_of(self, pairs: list[tuple[Polynomial, Polynomial]], bound: Bound) -> Iterator[Bound]:
        """What makes every pair equal."""
        if not pairs:
            yield bound
            return
        for found in self.polynomials(*pairs[0], bound):
            yield from self.all_of(pairs[1:], found)

    def polynomials(self, a: Polynomial, b: Polynomial, bound: Bound) -> Iterator[Bound]:
        """What makes a polynomial of b that of a."""
        rest_a, beside_a = self._sorted(a, self.a)
        rest_b, beside_b = self._sorted(b, self.b)
        if len(rest_a) != len(rest_b) or (len(beside_a) > len(beside_b) and not self.relaxed):
            return
        for found in self._rests(rest_a, rest_b, bound):
            yield from self._companies(list(beside_a.items()), list(beside_b.items()), found)

    def _sorted(
        self, polynomial: Polynomial, cell: Cell
    ) -> tuple[list[tuple[Term, Fraction]], dict[Term, dict[str, Fraction]]]:
        """The terms without a parameter, and by what stands beside them the parameters."""
        rest: list[tuple[Term, Fraction]] = []
        beside: dict[Term, dict[str, Fraction]] = {}
        for term, number in polynomial.ordered:
            if (found := _take_out(term, frozenset(cell.program.parameters))) is None:
                rest.append((term, number))
            else:
                beside.setdefault(found[1], {})[found[0]] = number
        return rest, beside

    def _rests(
        self, a: list[tuple[Term, Fraction]], b: list[tuple[Term, Fraction]], bound: Bound
    ) -> Iterator[Bound]:
        """Terms without parameters: one for one, with the same numbers."""
        if not b:
            yield bound
            return
        (term, number), *others = b
        for place, (other, same) in enumerate(a):
            if number == same:
                for found in self.terms(other, term, bound):
                    yield from self._rests(a[:place] + a[place + 1 :], others, found)

    def _companies(
        self,
        a: list[tuple[Term, dict[str, Fraction]]],
        b: list[tuple[Term, dict[str, Fraction]]],
        bound: Bound,
    ) -> Iterator[Bound]:
        """Parameters beside the same thing are the same sum; beside nothing of a they are 0."""
        if not a:
            zeros: Bound | None = bound
            for _, own in b:
                zeros = zeros and self._shared({}, own, zeros)
            if zeros is not None:
                yield zeros
            return
        (beside, sum_), *others = a
        met = False
        for place, (other, own) in enumerate(b):
            for found in self.terms(beside, other, bound):
                met = True
                if (shared := self._shared(sum_, own, found)) is not None:
                    yield from self._companies(others, b[:place] + b[place + 1 :], shared)
        if self.relaxed and not met:
            without = {**bound.get(ZERO, {}), **sum_}
            yield from self._companies(others, b, {**bound, ZERO: without})

    def _shared(self, sum_: Linear, own: Linear, bound: Bound) -> Bound | None:
        """Distribute a sum over parameters of b, in the order of the equations."""
        rest = dict(sum_)
        free = []
        for name in self.b.program.parameters:
            if name in own and name not in bound:
                free.append(name)
            elif name in own:
                for part, number in bound[name].items():
                    rest[part] = rest.get(part, Fraction(0)) - own[name] * number
        order = [p for p in self.a.program.parameters if rest.get(p)]
        if order and not free:
            return None
        found: dict[str, dict[str, Fraction]] = {name: {} for name in free}
        for place, part in enumerate(order):
            name = free[min(place, len(free) - 1)]
            if self.a.sizes.shapes[part] != self.b.sizes.shapes[name]:
                return None
            found[name][part] = rest[part] / own[name]
        return {**bound, **found}

    def terms(self, a: Term, b: Term, bound: Bound) -> Iterator[Bound]:
        """What makes a term of b that of a: factor for factor."""
        if len(a) != len(b):
            return
        key = sorted(b, key=lambda pair: pair[0].key)
        yield from self._factors(list(a), key, bound)

    def _factors(
        self, a: list[tuple[Factor, int]], b: list[tuple[Factor, int]], bound: Bound
    ) -> Iterator[Bound]:
        if not b:
            yield bound
            return
        (factor, exponent), *others = b
        for place, (other, same) in enumerate(a):
            if exponent == same:
                for found in self._factor(other, factor, bound):
                    yield from self._factors(a[:place] + a[place + 1 :], others, found)

    def _factor(self, a: Factor, b: Factor, bound: Bound) -> Iterator[Bound]:
        match a, b:
            case Symbol(name=one), Symbol(name=other) if other in self.data:
                if one == self.data[other]:
                    yield bound
            case Symbol(name=one), Symbol(name=other) if one in self.a.program.parameters:
                shared = self._shared({one: Fraction(1)}, {other: Fraction(1)}, bound)
                if shared is not None:
                    yield shared
            case Function(), Function() if a.function == b.function:
                yield from self.polynomials(a.argument, b.argument, bound)
            case Product(), Product() if a.inner == b.inner:
                for found in self.terms(a.left, b.left, bound):
                    yield from self.terms(a.right, b.right, found)


def _take_out(term: Term, parameters: frozenset[str]) -> tuple[str, Term] | None:
    """A parameter of a term that stands in no function, and the term with a hole in its place."""
    for factor, exponent in sorted(term, key=lambda pair: pair[0].key):
        rest = term - {(factor, exponent)}
        if exponent != 1:
            continue
        match factor:
            case Symbol(name=name) if name in parameters:
                return name, times(rest, frozenset([(HOLE, 1)]))
            case Product(left=left, right=right):
                if found := _take_out(left, parameters):
                    hole = Product(found[1], right, factor.inner, factor.scalar)
                    return found[0], times(rest, frozenset([(hole, 1)]))
                if found := _take_out(right, parameters):
                    hole = Product(left, found[1], factor.inner, factor.scalar)
                    return found[0], times(rest, frozenset([(hole, 1)]))
    return None
