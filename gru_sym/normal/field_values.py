"""The entries of a normal form over a prime field, with their derivatives by the parameters.

An exponential is not computed but drawn: `exp(b)` gets a random residue e for every member b of a
basis of the arguments (`exponents`), and `exp(a)` is the product of powers that its argument asks
for. `sigmoid(a)` is `e / (1 + e)` with the derivative `s (1 - s) a'`, and `softplus(a)` is a draw
of its own whose derivative is `s a'`. `sin(a)` and `cos(a)` are a point on the circle, drawn for
every member of a basis of the angles; `sqrt(a)` is a root of a residue, where it has one. Why the
draws may be random is the theorem in `independence`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

from gru_sym.functions import FUNCTIONS
from gru_sym.normal.exponents import ANGLES, SMOOTH, Exponents
from gru_sym.normal.polynomials import (
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    is_scalar,
)
from gru_sym.normal.prime_field import (
    PRIME,
    ZERO_ANGLE,
    Point,
    inverse,
    multiple,
    on_the_circle,
    residue,
    turned,
)
from gru_sym.normal.transposes import entry_of

Gradient = dict[int, int]
"""Derivatives by the parameters, by the parameter's number; what is missing is 0."""


@dataclass(frozen=True)
class Dual:
    """A residue and its derivatives; `varies` tells whether it depends on the sample."""

    value: int
    gradient: Gradient = field(default_factory=dict)
    varies: bool = False


ZERO = Dual(0)
"""What is 0 by its formula, and not by its numbers: recognised by identity."""

UNIT = Dual(1)


class DividedByZero(ArithmeticError):
    """A sample at which a divisor is 0: nothing is said of it."""


class NoRoot(DividedByZero):
    """A sample at which a square root is of a residue that is no square."""


class Untreated(ValueError):
    """A function whose values over a prime field are not known here."""


Key = tuple[Polynomial, int, int]
"""The argument of a function, with the row and column of an entry."""

Draw = Callable[[str, Key, bool], int]
"""The residue drawn for a kind of function at a key, which varies with the sample or does not."""

E = "exp(1)", (Polynomial.number(1), 0, 0)
"""The key of the number that exponentials of numbers are powers of."""

ANGLE = "angle(1)", E[1]
"""The key of the angle that angles of numbers are multiples of."""

Piece = Callable[[str, Key], int]
"""Which of its pieces, counted from the left, a piecewise linear function is on at a key."""

PIECES = {name: f.pieces for name, f in FUNCTIONS.items() if f.pieces}
"""Slope and intercept of every piece."""


class Draws:
    """Random residues by key: a residue depends on the seed and its key, and on nothing else.

    >>> draws = Draws(seed=1)
    >>> draws("a") == Draws(seed=1)("a") != draws("b")
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = str(seed)
        self._drawn: dict[object, int] = {}

    def __call__(self, key: object) -> int:
        """The residue of a key, from 2 on."""
        if key not in self._drawn:
            digest = blake2b(f"{self._seed} {_spelled(key)}".encode(), digest_size=16).digest()
            self._drawn[key] = 2 + int.from_bytes(digest) % (PRIME - 2)
        return self._drawn[key]


def _spelled(key: object) -> str:
    """A key in words that are the same in every process."""
    match key:
        case Polynomial():
            return key.key
        case tuple():
            return f"({','.join(map(_spelled, key))})"
        case frozenset():
            return f"{{{','.join(sorted(map(_spelled, key)))}}}"
    return repr(key)


class FieldValues:
    """One evaluation of a cell: the entries of its polynomials at one sample.

    Parameters
    ----------
    entries : the value of a name at a row and column, with derivatives.
    size : the number that a size stands for.
    draw : the values of functions.
    piece : the pieces of piecewise linear functions.
    exponents : the arguments of the other functions in a basis.
    angles : the arguments of sin and cos in a basis; None where these are not treated.
    loose : of a residue that is no square the root of its negative is taken: then the values are
        of no use, but it is seen which parameters and which arguments of roots there are.

    Attributes
    ----------
    independents : what must be independent for the draws to be allowed, by kind and key.
    kinked : the arguments of piecewise linear functions, by function and key.
    roots : the arguments of square roots, by key.
    """

    def __init__(
        self,
        entries: Callable[[str, int, int], Dual],
        size: Callable[[str | int], int],
        draw: Draw,
        piece: Piece,
        exponents: Exponents,
        angles: Exponents | None = None,
        loose: bool = False,
    ) -> None:
        self.entries = entries
        self.size = size
        self.draw = draw
        self.piece = piece
        self.exponents = exponents
        self.independents: dict[tuple[str, Key], Dual] = {}
        self.angles = angles
        self.loose = loose
        self.kinked: dict[tuple[str, Key], Dual] = {}
        self.roots: dict[Key, Dual] = {}
        self._points: dict[tuple[int, int, int], Point] = {}
        self._known: dict[tuple[Factor, int, int], Dual] = {}
        self._exponentials: dict[tuple[int, int, int], int] = {}
        self._sums: dict[Key, Dual] = {}

    def polynomial(self, polynomial: Polynomial, row: int, column: int = 0) -> Dual:
        """One entry of a polynomial."""
        key = (polynomial, row, column)
        if key not in self._sums:
            terms = _scaled_terms(polynomial)
            self._sums[key] = _sum((scale, self.term(term, row, column)) for scale, term in terms)
        return self._sums[key]

    def term(self, term: Term, row: int, column: int) -> Dual:
        """One entry of a term: the product rule."""
        product = None
        for factor, exponent in _in_order(term):  # which factors are met is no chance
            entry = self.factor(factor, row, column)
            if entry is ZERO and exponent > 0:
                return ZERO
            power = _power(entry, exponent)
            product = power if product is None else _sum([(product, power)])
        return UNIT if product is None else product

    def factor(self, factor: Factor, row: int, column: int) -> Dual:
        """One entry of a factor; a scalar is the same at every row."""
        if factor.scalar:
            row = column = 0
        key = (factor, row, column)
        if key not in self._known:
            self._known[key] = (
                entry_of(factor, self.entries, row, column)
                if isinstance(factor, Symbol)
                else self._compute(factor, row, column)
            )
        return self._known[key]

    def _compute(self, factor: Function | Product, row: int, column: int) -> Dual:
        if isinstance(factor, Function):
            return self._function(factor, row, column)
        total = _sum(self._products(factor, row, column))
        if factor.left or total is ZERO:
            return total
        return _sum([(Dual(inverse(self.size(factor.inner))), total)])  # a mean

    def _products(self, factor: Product, row: int, column: int) -> Iterator[tuple[Dual, Dual]]:
        for index in range(self.size(factor.inner)):
            right = self.term(factor.right, index, column)
            if right is not ZERO:
                yield self.term(factor.left, row, index), right

    def _function(self, factor: Function, row: int, column: int) -> Dual:
        """The field formula of a function: a drawn value, and its derivative."""
        argument = self.polynomial(factor.argument, row, column)
        key = (factor.argument, row, column)
        if factor.function in PIECES:
            self.kinked[factor.function, key] = argument
            slope, intercept = PIECES[factor.function][self.piece(factor.function, key)]
            if slope:
                return _chain(
                    argument, residue(slope) * argument.value + residue(intercept), residue(slope)
                )
            return Dual(residue(intercept)) if intercept else ZERO
        if factor.function == "reciprocal":
            return _power(argument, -1)
        if factor.function == "sqrt" and self.angles is not None:
            return self._root(argument, key)
        if factor.function in ANGLES and self.angles is not None:
            cosine, sine = self._point(self.angles, *key)
            if factor.function == "sin":
                return _chain(argument, sine, cosine)
            return _chain(argument, cosine, -sine)
        if factor.function not in SMOOTH:
            raise Untreated(f"no exact rank is known for {factor.function}")
        exponential = self._exponential(factor.argument, row, column)
        s = exponential * inverse(1 + exponential) % PRIME
        if factor.function == "sigmoid":
            return _chain(argument, s, s * (1 - s))
        if factor.function == "exp":
            return _chain(argument, exponential, exponential)
        logarithm = _chain(argument, self.draw("softplus", key, argument.varies), s)
        self.independents["softplus", key] = logarithm
        return logarithm

    def _exponential(self, argument: Polynomial, row: int, column: int) -> int:
        """exp(argument), as a product of powers of the exponentials of the basis."""
        combination = self.exponents.combinations[argument]
        value = 1
        if combination.number:
            value = pow(self.draw(*E, False), combination.number, PRIME)
        for k, power in combination.powers:
            base = self.exponents.basis[k]
            at = (k, 0, 0) if all(is_scalar(term) for term, _ in base.terms) else (k, row, column)
            if at not in self._exponentials:
                self._exponentials[at] = self._drawn_exponential(base, at[1], at[2])
            value = value * pow(self._exponentials[at], power, PRIME) % PRIME
        return value

    def _root(self, argument: Dual, key: Key) -> Dual:
        """A square root: the prime is 3 modulo 4, so that of a and -a one has a root."""
        self.roots[key] = argument
        root = pow(argument.value, (PRIME + 1) // 4, PRIME)
        if not root or (root * root % PRIME != argument.value and not self.loose):
            raise NoRoot("at all samples tried a square root has no value")
        return _chain(argument, root, inverse(2 * root))

    def _point(self, angles: Exponents, argument: Polynomial, row: int, column: int) -> Point:
        """Cosine and sine: the sum of multiples of the angles of the basis."""
        combination = angles.combinations[argument]
        value = multiple(on_the_circle(self.draw(*ANGLE, False)), combination.number)
        for k, power in combination.powers:
            base = angles.basis[k]
            at = (k, 0, 0) if all(is_scalar(term) for term, _ in base.terms) else (k, row, column)
            if at not in self._points:
                angle, key = self.polynomial(base, *at[1:]), (base, *at[1:])
                drawn = ZERO_ANGLE
                if angle is not ZERO:
                    self.independents["angle", key] = angle
                    drawn = on_the_circle(self.draw("angle", key, angle.varies))
                self._points[at] = drawn
            value = turned(value, multiple(self._points[at], power))
        return value

    def _drawn_exponential(self, base: Polynomial, row: int, column: int) -> int:
        value = self.polynomial(base, row, column)
        if value is ZERO:
            return 1
        key = (base, row, column)
        self.independents["exp", key] = value
        return self.draw("exp", key, value.varies)


@lru_cache(maxsize=4096)
def _in_order(term: Term) -> list[tuple[Factor, int]]:
    """Names first: where one is 0, nothing else is computed."""
    return sorted(term, key=lambda pair: (not isinstance(pair[0], Symbol), pair[0].key))


@lru_cache(maxsize=4096)
def _scaled_terms(polynomial: Polynomial) -> list[tuple[Dual, Term]]:
    return [(Dual(residue(number)), term) for term, number in polynomial.terms]


def _chain(argument: Dual, value: int, slope: int) -> Dual:
    """A function of an argument, by the chain rule."""
    gradient = Gradient()
    _accumulate(gradient, slope % PRIME, argument.gradient)
    return Dual(value % PRIME, gradient, argument.varies)


def _accumulate(total: Gradient, scale: int, gradient: Mapping[int, int]) -> None:
    for column, entry in gradient.items():
        total[column] = (total.get(column, 0) + scale * entry) % PRIME


def _sum(products: Iterable[tuple[Dual, Dual]]) -> Dual:
    """A sum of products of two."""
    value, gradient, varies, empty = 0, Gradient(), False, True
    for a, b in products:
        if a is not ZERO and b is not ZERO:
            empty = False
            value += a.value * b.value
            _accumulate(gradient, b.value, a.gradient)
            _accumulate(gradient, a.value, b.gradient)
            varies = varies or a.varies or b.varies
    return ZERO if empty else Dual(value % PRIME, gradient, varies)


def _power(base: Dual, exponent: int) -> Dual:
    if exponent == 1:
        return base
    if exponent < 0 and base.value == 0:
        raise DividedByZero("at all samples tried a divisor is 0")
    value = base.value if exponent > 0 else inverse(base.value)
    slope = exponent * pow(value, exponent - 1 if exponent > 0 else -exponent + 1, PRIME)
    gradient = Gradient()
    _accumulate(gradient, slope % PRIME, base.gradient)
    return Dual(pow(value, abs(exponent), PRIME), gradient, base.varies)
