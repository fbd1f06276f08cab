"""Square roots over a prime field: where they have values, and that no relation joins them.

Let K be the field of rational functions of the independent variables of `independence`: parameters,
data, exponentials, points on the circle. Let a_1, ..., a_r in K be the arguments of all square
roots at finitely many samples; no a_i contains a root itself, unless in the argument of an
exponential or of an angle.

**Theorem.** If no product of some of the a_i is a square in K, then what is 0 as a function is 0 at
every point modulo the prime at which all a_i are squares other than 0. So a rank found at such
points bounds the generic rank from below.

*Proof.* Then the roots generate an extension of K of degree 2^r (Kummer). With b for a_1 ... a_r
and Z_p for the integers localised at the prime, the ring Z_p[variables, 1/b][roots] is free over
Z_p[variables, 1/b] and lies within that extension. The actual functions generate the same field, by
an isomorphism that keeps the variables. A minor that is 0 as a function is 0 in the ring, and so at
each of its points modulo p.

**The hypothesis, checked.** If a product of the a_i were a square c^2 in K, then it would be one at
every point modulo p where it is defined and not 0, since the ring is integrally closed. So it is
enough that for every product there is a point where the symbol (a/p) of it is -1: that the symbols,
as vectors over the field of two elements, have full rank. Those roots that read parameters alone
are compared at random parameters. Of those that read data, the product of each at two samples with
common parameters is compared: if prod a_i(t, u) were c(t) times a square, so that relations between
different samples were possible, then prod a_i(t, u) a_i(t, u') would be a square.

A root is real only where its argument is not negative. That there are such points is shown by one,
in ball arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from gru_sym.normal.exponents import ANGLES, SMOOTH, functions_of
from gru_sym.normal.field_values import Dual, Key
from gru_sym.normal.polynomials import Function, Polynomial, functions_in
from gru_sym.normal.prime_field import is_square

TRIES = 400
"""How many samples, or parameters, are tried until all roots have values: half of them have one."""

NESTED = "no exact rank is known for a square root within a square root"
PIECES = "which pieces of relu occur where a square root has a value is not known"
DEPENDENT = "its square roots are not known to be independent"
UNDEFINED = "no point was found at which its square roots have values"

Arguments = Callable[[int, int], Mapping[Key, Dual]]
"""The arguments of all square roots at the k-th parameters and the u-th sample."""


def nested(polynomials: Iterable[Polynomial]) -> bool:
    """Whether a square root stands in the argument of one, outside of exponentials and angles."""
    found = (f for f in functions_of(*polynomials) if f.function == "sqrt")
    return any(f.function == "sqrt" for root in found for f in _algebraic(root.argument))


def _algebraic(polynomial: Polynomial) -> Iterator[Function]:
    """The functions that a polynomial depends on other than through what is drawn."""
    for term, _ in polynomial.terms:
        for function in functions_in(term):
            yield function
            if function.function not in (*SMOOTH, *ANGLES):
                yield from _algebraic(function.argument)


def independent(arguments: Arguments) -> bool:
    """Whether no product of the arguments of square roots is a square, by the theorem's check."""
    first = arguments(0, 0)
    varying = [key for key, argument in first.items() if argument.varies]
    fixed = [key for key, argument in first.items() if not argument.varies]
    pairs, alone = _Signs(), _Signs()
    for number in range(len(first) + 40):
        one, other = arguments(number, 0), arguments(number, 1)
        if one.keys() != first.keys() or other.keys() != first.keys():
            return False  # a root that is not met at every sample
        if all(argument.value for argument in (*one.values(), *other.values())):
            alone.add(is_square(one[key].value) for key in fixed)
            pairs.add(is_square(one[k].value) == is_square(other[k].value) for k in varying)
    return pairs.rank == len(varying) and alone.rank == len(fixed)


class _Signs:
    """Vectors over the field of two elements, and their rank."""

    def __init__(self) -> None:
        self._rows: list[int] = []

    @property
    def rank(self) -> int:
        return len(self._rows)

    def add(self, squares: Iterable[bool]) -> None:
        """A vector with a 1 for each that is no square."""
        row = sum((not square) << place for place, square in enumerate(squares))
        for other in self._rows:
            row = min(row, row ^ other)
        if row:
            self._rows.append(row)
