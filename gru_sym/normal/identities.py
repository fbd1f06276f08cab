"""Identities that the normal form does not show, decided exactly.

`sigmoid(a) * exp(-a) - sigmoid(-a)` is 0, and so is `relu(3 - relu(3 - a)) - relu(a) + relu(a - 3)`
for every a. To see it, a polynomial is written in *generators*, between which no relation is known:

* A function that is linear on pieces is replaced by its pieces, case by case, in every combination
  of signs that linear inequalities do not exclude. All functions are continuous: what is 0 inside
  of every case is 0.
* exp(a), and with it sigmoid(a), is a product of powers of the exponentials of a few arguments, no
  one of which is a rational combination of the others; exp(softplus(a)) is 1 + exp(a).
* A softplus of a known argument is the known one, and one of its negative is `softplus(a) - a`.
* The matrix products `W @ v` of one W are generators for those vectors v that are no combinations
  of others, with coefficients that are single numbers, such as e.

What is left is a fraction of polynomials, which is 0 if its numerator is: equal means equal where
both sides are defined, as fractions are. Every step is an identity of formulas, so the answer holds
for all sizes; where it is no, nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, combinations_with_replacement
from math import lcm, prod

from gru_sym.functions import FUNCTIONS
from gru_sym.normal.nesting import level, products
from gru_sym.normal.pieces import innermost, replaced
from gru_sym.normal.polynomials import (
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    is_scalar,
    reciprocal,
)
from gru_sym.normal.ratios import (
    NUMBER_0,
    NUMBER_1,
    Ratio,
    Row,
    as_row,
    can_be_positive,
    combination,
    monomial_content,
    over_one_denominator,
    over_scalars,
)

MAX_CASES = 200

MAX_FACTORS = 5
"""Of how many inequalities all products of two are looked at, too."""


class Unsettled(ValueError):
    """There are too many cases to compare."""


class _Again(Exception):
    """An exponential has to be divided into smaller shares: everything is written anew."""


def vanish(polynomials: Iterable[Polynomial]) -> bool:
    """Whether polynomials are all seen to be 0, whatever their names stand for.

    >>> from gru_sym.normal.application import apply
    >>> a = Polynomial.symbol("a")
    >>> vanish([apply("sigmoid", a) * apply("exp", -a) - apply("sigmoid", -a)])
    True
    >>> vanish([apply("relu", a) - a])
    False

    Raises `Unsettled` or `TooManyTerms` where that is too much to write out.
    """
    given = list(polynomials)
    shares: dict[int, int] = {}
    while True:
        try:
            return _Writer(given, shares).all_vanish(given)
        except _Again:
            continue
        except ZeroDivisionError:
            raise Unsettled("one of its divisors is 0 on some linear pieces") from None


class _Writer:
    """Writes polynomials as ratios in generators."""

    def __init__(self, given: list[Polynomial], shares: dict[int, int]) -> None:
        self.shares = shares
        self.exponents: list[Ratio] = []
        self.opaque: dict[Function, Ratio] = {}
        self.products: dict[Product, Polynomial] = {}
        self.siblings: dict[tuple[object, ...], set[Product]] = {}
        self.signs: dict[Polynomial, tuple[Ratio, Polynomial]] = {}
        self.cases_tried = 0
        for polynomial in given:
            for product in products(polynomial):
                self.siblings.setdefault(_kind(product), set()).add(product)

    def all_vanish(self, given: list[Polynomial]) -> bool:
        """Whether all are 0 in every case."""
        return all(map(self._vanishes, given))

    def _vanishes(self, polynomial: Polynomial) -> bool:
        """Whether it is 0 in every case in which it is defined, and there is one."""
        defined = False
        for (each,) in self.cases([polynomial], []):
            try:
                if not self.ratio(each).is_zero:
                    return False
                defined = True
            except ZeroDivisionError:
                continue
        return defined

    # Functions that are linear on pieces

    def cases(
        self, polynomials: list[Polynomial], positive: list[Polynomial]
    ) -> Iterator[list[Polynomial]]:
        """The polynomials in each combination of pieces; `positive` is what is known to be so."""
        kinked = next((f for p in polynomials if (f := innermost(p)) is not None), None)
        if kinked is None:
            yield polynomials
            return
        record, a = FUNCTIONS[kinked.function], kinked.argument
        for number, (slope, intercept) in enumerate(record.pieces):
            above = [a - Polynomial.number(at) for at in record.breaks[:number][-1:]]
            below = [Polynomial.number(at) - a for at in record.breaks[number:][:1]]
            here = [*positive, *above, *below]
            self.cases_tried += 1
            if self.cases_tried > MAX_CASES:
                raise Unsettled(f"more than {MAX_CASES} combinations of linear pieces")
            if not can_be_positive(self._signs(here)):
                continue
            value = a.scaled(slope) + Polynomial.number(intercept)
            yield from self.cases([replaced(p, kinked, value) for p in polynomials], here)

    def _signs(self, positive: list[Polynomial]) -> Iterator[Row]:
        """The inequalities, and products of two, as linear ones in products of generators."""
        bare = [self.sign(p) for p in positive]
        generators = {f for p in bare for term, _ in p.terms for f, _ in term if _is_positive(f)}
        factors = [*bare, *(Polynomial.term(f) for f in sorted(generators, key=lambda f: f.key))]
        pairs = combinations_with_replacement(factors if len(factors) <= MAX_FACTORS else [], 2)
        together = [*bare, *(p * q for p, q in pairs)]
        yield from map(as_row, together)
        certain = {
            term
            for p in together
            for term, _ in p.terms
            if all(exponent % 2 == 0 or _is_positive(f) for f, exponent in term)
        }
        for term in certain:
            yield as_row(Polynomial.of(term))

    def sign(self, polynomial: Polynomial) -> Polynomial:
        """What has the sign of a polynomial, in generators."""
        if polynomial not in self.signs:
            ratio = self.ratio(polynomial)
            # Two that are equal may be written with denominators that are not.
            positive = ((self.ratio(p), NUMBER_1) for p in self.positive())
            for known, sign in chain(self.signs.values(), positive):
                if (ratio - known).is_zero:
                    self.signs[polynomial] = ratio, sign
                    break
                if (ratio + known).is_zero:
                    self.signs[polynomial] = ratio, -sign
                    break
            else:
                self.signs[polynomial] = ratio, _without_positive_content(_same_sign(ratio))
        return self.signs[polynomial][1]

    def positive(self) -> Iterator[Polynomial]:
        """Known functions that are positive, and those of the negative argument."""
        for function in [*self.opaque]:
            reflection = FUNCTIONS[function.function].reflection
            if _is_positive(function) and reflection is not None:
                value = Polynomial.term(function)
                yield value
                yield reflection(value, function.argument)

    # Everything else

    def ratio(self, polynomial: Polynomial) -> Ratio:
        """A polynomial without pieces, in generators."""
        total = Ratio(Polynomial.number(0))
        for term, number in polynomial.ordered:
            total = total + self.term(term) * Ratio(Polynomial.number(number))
        return total

    def term(self, term: Term) -> Ratio:
        """One term."""
        result = Ratio(NUMBER_1)
        for factor, exponent in sorted(term, key=lambda pair: pair[0].key):
            match factor:
                case Function(function="exp", argument=argument):
                    whole = argument.scaled(Fraction(exponent))
                    result = result * self.exponential(whole)
                case _ if exponent > 0:
                    result = result * self.factor(factor) ** exponent
                case _:
                    result = result * self.factor(factor).inverse ** -exponent
        return result

    def factor(self, factor: Factor) -> Ratio:
        """One factor but an exponential."""
        match factor:
            case Symbol():
                return Ratio(Polynomial.term(factor))
            case Product():
                return Ratio(self.product(factor))
            case Function(function="sigmoid", argument=argument):
                return _sigmoid(self.exponential(argument))
            case Function(function="reciprocal", argument=argument):
                return self.ratio(argument).inverse
        return self.known_function(factor)

    def known_function(self, function: Function) -> Ratio:
        """A function that is a generator, unless the same of this argument or its negative is."""
        argument = self.ratio(function.argument)
        reflection = FUNCTIONS[function.function].reflection
        for known, a in self.opaque.items():
            if known.function == function.function:
                value = Ratio(Polynomial.term(known))
                if (argument - a).is_zero:
                    return value
                if reflection is not None and (argument + a).is_zero:
                    reflected: Ratio = reflection(value, a)
                    return reflected
        self.opaque[function] = argument
        return Ratio(Polynomial.term(function))

    def exponential(self, argument: Polynomial) -> Ratio:
        """The exponential of a polynomial without pieces."""
        result, scalars, rest = Ratio(NUMBER_1), NUMBER_0, NUMBER_0
        for term, number in argument.ordered:
            match tuple(term):
                case ((Function(function="softplus", argument=inside), 1),) if (
                    number.denominator == 1
                ):
                    base = self.exponential(inside) + 1
                    result = result * (base if number > 0 else base.inverse) ** abs(int(number))
                case _ if is_scalar(term):
                    scalars = scalars + Polynomial.of(term, number)
                case _:
                    rest = rest + Polynomial.of(term, number)
        parts = (self.ratio(part) for part in (scalars, rest))
        return prod((self._power_product(p) for p in parts if not p.is_zero), start=result)

    def _power_product(self, argument: Ratio) -> Ratio:
        """The same, in powers of the exponentials of a basis, of which it may be a new one."""
        numerators, _ = over_one_denominator([*self.exponents, argument])
        *known, new = (as_row(numerator) for numerator in numerators)
        found = combination(new, known, Fraction(1))
        if found is None:
            self.exponents.append(argument)
            found = [Fraction(0)] * len(known) + [Fraction(1)]
        for k, q in enumerate(found):
            share = self.shares.get(k, 1)
            if (q * share).denominator != 1:
                self.shares[k] = lcm(share, q.denominator)
                raise _Again
        powers = [
            (self.generator(k), int(q * self.shares.get(k, 1))) for k, q in enumerate(found) if q
        ]
        return Ratio(Polynomial.of(frozenset(powers)))

    def generator(self, k: int) -> Symbol:
        """The share of an exponential of the basis."""
        terms = self.exponents[k].numerator.terms | self.exponents[k].denominator.terms
        return Symbol(f"exp {k}", all(is_scalar(term) for term, _ in terms))

    def product(self, product: Product) -> Polynomial:
        """A matrix product as a combination of those that are generators."""
        if product not in self.products:
            # Only those that are nested no deeper: what lies within them is nested less deep.
            deepest = level(product)
            family = self.siblings.get(_kind(product), set()) | {product}
            levels = {each: depth for each in family if (depth := level(each)) <= deepest}
            ordered = sorted(levels, key=lambda each: (levels[each], each.key))
            vectors = [Polynomial.of(each.right) for each in ordered]
            rows: list[dict[object, Polynomial]] = [{} for _ in ordered]
            for place, polynomials in enumerate(self.cases(vectors, [])):
                numerators, _ = over_one_denominator([self.ratio(p) for p in polynomials])
                for row, numerator in zip(rows, numerators, strict=True):
                    row.update(over_scalars(numerator, place))
            basis: list[int] = []
            for k, each in enumerate(ordered):
                found = combination(rows[k], [rows[i] for i in basis], NUMBER_1, _is_unit)
                if found is None:
                    basis.append(k)
                    found = [NUMBER_0] * (len(basis) - 1) + [NUMBER_1]
                own = (q * Polynomial.term(ordered[i]) for i, q in zip(basis, found, strict=True))
                self.products[each] = sum(own, NUMBER_0)
        return self.products[product]


def _is_positive(factor: Factor) -> bool:
    """Whether a generator is positive: an exponential, or a softplus."""
    match factor:
        case Symbol(name=name):
            return name.startswith("exp ")
        case Function(function=function):
            return function == "softplus"
    return False


def _is_unit(polynomial: Polynomial) -> bool:
    """Whether one term is all, and positive."""
    return len(polynomial.terms) == 1 and all(
        _is_positive(f) for term, _ in polynomial.terms for f, _ in term
    )


def _same_sign(ratio: Ratio) -> Polynomial:
    """A polynomial with the sign of a ratio: where a denominator may be negative, it multiplies."""
    odd = (d for d, power in ratio.denominators if power % 2 and not _is_sum_of_positive(d))
    return prod(odd, start=ratio.numerator)


def _is_sum_of_positive(polynomial: Polynomial) -> bool:
    return all(q > 0 and all(_is_positive(f) for f, _ in t) for t, q in polynomial.terms)


def _without_positive_content(polynomial: Polynomial) -> Polynomial:
    """The polynomial over a positive one that divides it."""
    factors = {f for term, _ in polynomial.terms for f, _ in term if _is_positive(f)}
    common = monomial_content(polynomial, factors)
    return Polynomial.of(reciprocal(common)) * polynomial


def _sigmoid(exponential: Ratio) -> Ratio:
    """The ratio e / (1 + e), with a denominator that is the same for e and 1 / e."""
    below = exponential.numerator + exponential.denominator
    factors = {factor for term, _ in below.terms for factor, _ in term}
    by = Polynomial.of(reciprocal(monomial_content(below, factors)))
    return Ratio(exponential.numerator * by).over(below * by)


def _kind(product: Product) -> tuple[object, ...]:
    """What products have in common that are compared."""
    return product.left, product.inner, product.scalar
