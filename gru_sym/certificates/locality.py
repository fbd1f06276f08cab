"""Whether a cell at large sizes holds the cell at small sizes within it.

Keep a few units of every size, the set S, and switch all others off: data there are 0, and so may
be the exponentials there, which are independent variables. A cell is *local* if what is left at
the units in S is the small cell, and so are its derivatives by the parameters. What could be in the
way are the matrix products, whose sums run over all units. A product is harmless if what it
multiplies is 0 where the unit is off:

* because data are a factor of it: `U @ h`, `U @ (r * h)`;
* because a sigmoid or an exponential is: `P @ (o * tanh(c'))`, with the exponential in o at 0;
* because a tanh is: at 1 and -1, where the exponential is infinite or 0, its derivative is 0, and
  the mean of these two values is 0, too. So it may not be multiplied with itself.

The last two take the exponentials at the large size for independent variables, which `all_sizes`
has to prove. A mean is never harmless, since it divides by the number of all units, and neither is
a product over what has no value at 0: a quotient or a square root of data.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from gru_sym.certificates.system import System
from gru_sym.language.unification import Size
from gru_sym.normal.exponents import functions_of
from gru_sym.normal.polynomials import (
    ONE,
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    is_scalar,
    times,
)

MAX_AVERAGED = 4
"""The most functions of which every choice is tried: which to average, which to set to 0."""


@dataclass(frozen=True)
class Locality:
    """How a system is local.

    Attributes
    ----------
    local : whether it is.
    functions : whether functions were switched off, and not only data.
    """

    local: bool
    functions: bool = False


def locality(system: System) -> Locality:
    """How a system is local, if it is.

    >>> from gru_sym import Cell, cell
    >>> locality(System.of(cell("gru.pytorch")))
    Locality(local=True, functions=False)
    >>> locality(System.of(Cell("h' = A @ tanh(B @ x + C @ h)")))
    Locality(local=True, functions=True)
    >>> locality(System.of(Cell("h' = A @ (B @ x)")))
    Locality(local=False, functions=False)
    """
    forms = _forms(system)
    sizes = {name: system.shapes[name][0] for name in system.data}
    if all(_Switch(sizes, (), {}).is_local(form) for form in forms):
        return Locality(True)
    if system.kinks:
        return Locality(False)
    candidates = _candidates(system)
    for averaged in _choices([f for f, once in candidates.items() if once]):
        switch = _Switch(sizes, averaged, candidates)
        if all(switch.is_local(form) for form in forms):
            return Locality(True, True)
    return Locality(False)


def _forms(system: System) -> list[Polynomial]:
    """The next states, and the arguments of all functions in them."""
    states = system.states.values()
    return [*states, *dict.fromkeys(f.argument for f in functions_of(*states))]


def sums_poles(system: System) -> bool:
    """Whether a sum over units is a mean, or over what may have no value at a unit that is off."""
    terms = (term for form in _forms(system) for term, _ in form.terms)
    products = (f for term in terms for f, _ in term if isinstance(f, Product))
    return any(not p.left or _has_pole(p.left) or _has_pole(p.right) for p in products)


def _has_pole(term: Term) -> bool:
    for factor, exponent in term:
        match factor:
            case Function(function=function, argument=argument):
                inverted = exponent < 0 and function not in ("exp", "sigmoid")
                if inverted or function in ("reciprocal", "sqrt"):
                    return True
                if any(_has_pole(inside) for inside, _ in argument.terms):
                    return True
            case Product(left=left, right=right):
                if exponent < 0 or not left or _has_pole(left) or _has_pole(right):
                    return True
            case Symbol():
                if exponent < 0:
                    return True
    return False


def _candidates(system: System) -> dict[Function, bool]:
    """The functions that can be switched off, and whether one has its exponential for itself.

    The exponentials of some members of the basis go to 0: of those that occur with positive powers
    alone. A function is then 0 if its argument is a sum of such members.
    """
    data, known = frozenset(system.data), system.exponents.combinations
    functions = set(functions_of(*system.states.values()))
    smooth = {f: known[f.argument].powers for f in functions if f.argument in known}
    kinds: dict[int, set[str]] = {}
    spoilt = {k for powers in smooth.values() for k, power in powers if power < 0}
    for form in _forms(system):
        spoilt |= {k for f in _in_denominators(form) for k, _ in smooth.get(f, ())}
    for f, powers in smooth.items():
        for k, _ in powers:
            kinds.setdefault(k, set()).add(f.key)
    return {
        f: f.function == "sigmoid" and all(len(kinds[k]) == 1 for k, _ in powers)
        for f, powers in sorted(smooth.items(), key=lambda pair: pair[0].key)
        if powers
        and not spoilt & {k for k, _ in powers}
        and not f.scalar
        and f.names & data
        and f.function != "softplus"
    }


def _in_denominators(form: Polynomial) -> Iterator[Function]:
    """The functions of a form that occur with a negative power."""
    pending = [term for term, _ in form.terms]
    while pending:
        for factor, exponent in pending.pop():
            match factor:
                case Function() if exponent < 0:
                    yield factor
                case Product(left=left, right=right):
                    pending += [left, right]


def _choices(functions: list[Function]) -> Iterator[tuple[Function, ...]]:
    if len(functions) > MAX_AVERAGED:
        yield from ((), tuple(functions))
        return
    for count in range(len(functions) + 1):
        yield from combinations(functions, count)


class _Switch:
    """One way to switch units off: which functions are averaged, and which are set to 0."""

    def __init__(
        self,
        sizes: Mapping[str, Size],
        averaged: tuple[Function, ...],
        candidates: Iterable[Function],
    ) -> None:
        self.sizes = sizes
        self.averaged = frozenset(averaged)
        self.off = frozenset(candidates) - self.averaged

    def is_local(self, polynomial: Polynomial) -> bool:
        """Whether nothing is left of the sums over units that are off."""
        totals: defaultdict[object, Fraction] = defaultdict(Fraction)
        for term, number in polynomial.terms:
            if not self._averages_once(term):
                return False
            for factor, exponent in term:
                if isinstance(factor, Product):
                    rest = times(term, frozenset([(factor, -exponent)]))
                    remains = self.remains(factor)
                    if remains is not None:
                        if exponent != 1:
                            return False
                        totals[rest, remains[0]] += number * remains[1]
        return not any(totals.values())

    def remains(self, product: Product) -> tuple[Product, Fraction] | None:
        """What a product sums up over the units that are off; None if that is 0."""
        inside, share = self._at_a_unit_off(product.right, product.inner)
        # Of a number of units none is ever off.
        if inside is not None and not isinstance(product.inner, int):
            return Product(product.left, inside, product.inner, product.scalar), share
        return (product, Fraction(1)) if self._sums_inside(product) else None

    def _sums_inside(self, product: Product) -> bool:
        """Whether a product within a product leaves something, at the units that are kept."""
        return any(
            isinstance(factor, Product) and self.remains(factor) is not None
            for side in (product.left, product.right)
            for factor, _ in side
        )

    def _at_a_unit_off(self, term: Term, size: Size) -> tuple[Term | None, Fraction]:
        """A term at a unit that is off: None if it is 0, else what is left of it, and a number."""
        share, kept = Fraction(1), []
        for factor, exponent in term:
            match factor:
                case Symbol(name=name) if self.sizes.get(name) == size and exponent > 0:
                    if not factor.scalar:
                        return None, share
                case Function() if factor in self.off and exponent > 0:
                    return None, share
                case Function() if factor in self.averaged and exponent == 1:
                    share /= 2
                    continue
            kept.append((factor, exponent))
        return frozenset(kept), share

    def _averages_once(self, term: Term) -> bool:
        """Whether no averaged function is multiplied with itself, or with its derivative."""
        return not self.averaged or all(count <= 1 for count in self._times(term).values())

    def _times(self, term: Term) -> Counter[Function]:
        """How often each averaged function is multiplied in a term or in its derivatives."""
        found: Counter[Function] = Counter()
        for factor, exponent in term:
            inside: Counter[Function] = Counter()
            match factor:
                case Function(argument=argument):
                    for part, _ in argument.terms:
                        inside |= self._times(part)
                    inside[factor] += factor in self.averaged
                case Product(left=left, right=right):
                    inside = self._times(left) + self._times(right)
            for function, count in inside.items():
                found[function] += abs(exponent) * count
        return found


def rows_vanish(system: System) -> bool:
    """Whether every argument is constant at a unit whose parameters, data and exponentials are 0.

    Then a relation between arguments at large sizes restricts to one at small sizes.
    """
    off = _candidates(system).keys()
    return all(
        term == ONE
        or (
            not _has_pole(term)
            and any(_vanishes(f, e, off) for f, e in term)
            and all(_sums_vanish(f) for f, _ in term if isinstance(f, Product))
        )
        for base in (*system.exponents.basis, *system.angles.basis)
        if not all(is_scalar(term) for term, _ in base.terms)
        for term, _ in base.terms
    )


def _vanishes(factor: Factor, exponent: int, off: Collection[Function]) -> bool:
    match factor:
        case Symbol(scalar=False):
            return exponent > 0
        case Product(left=left, scalar=False):
            return exponent > 0 and _has_symbol(left)
        case Function():
            return exponent > 0 and factor in off
    return False


def _sums_vanish(product: Product) -> bool:
    """Whether the sum of a product is 0 over units whose parameters and data are 0."""
    inside = (f for f, _ in (*product.left, *product.right) if isinstance(f, Product))
    return all(map(_sums_vanish, inside)) and (
        _has_symbol(product.left) or _has_symbol(product.right)
    )


def _has_symbol(term: Term) -> bool:
    return any(isinstance(f, Symbol) and not f.scalar and e > 0 for f, e in term)
