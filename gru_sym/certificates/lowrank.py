"""Kernels that are products of two matrices, as one kernel of limited rank.

Where A and B occur only in products `A @ (B @ v)`, the cell depends on them through the kernel
M = A B alone. The pairs (A, B) with one product form the fibre of M, whose dimension at a generic
pair is known for all sizes. So if a cell with M in place of A and B has no redundancy in M, at a
generic M of rank k, then what is redundant in A and B is the fibre, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gru_sym.certificates.symmetry import Mixing
from gru_sym.certificates.system import Factors, System
from gru_sym.language.shapes import Shape
from gru_sym.normal.application import apply
from gru_sym.normal.polynomials import (
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    matrix_product,
)


def multiplied_out(system: System, mixings: Iterable[Mixing]) -> System | None:
    """The system in the products of mixed matrices; None if these occur in any other way.

    >>> from gru_sym import Cell
    >>> from gru_sym.certificates.finding import redundancy
    >>> cell = Cell("h' = tanh(A @ (B @ x) + U @ h)")
    >>> mixings = [family.mixing for family in redundancy(cell).families]
    >>> multiplied_out(System.of(cell), mixings).parameters
    ('U', 'A B')
    """
    rewriter = _Rewriter(system, list(mixings))
    states = {state: rewriter.polynomial(form) for state, form in system.states.items()}
    names = frozenset().union(*(form.names for form in states.values()))
    if names & rewriter.mixed or rewriter.made.keys() != rewriter.wanted:
        return None
    kept = tuple(name for name in system.parameters if name not in rewriter.mixed)
    inner = {factors.inner for factors in rewriter.made.values()}
    if any(
        size in inner
        for name in (*kept, *system.data, *system.constants)
        for size in system.shapes[name]
    ):
        return None
    shapes = dict(system.shapes) | rewriter.shapes
    made = dict(rewriter.made)
    return System(
        states, shapes, system.data, (*kept, *made), made, system.constants, system.blocks
    )


def exchanged_products(
    polynomial: Polynomial,
    names: frozenset[str],
    put: Callable[[Product], Polynomial | None],
) -> Polynomial:
    """A polynomial in which something else stands for matrix products with any of these names.

    `put` says what; where it says None, the product stays, and what is inside of it is looked at.
    """
    if not polynomial.names & names:
        return polynomial
    return Polynomial.collect(
        pair
        for term, number in polynomial.terms
        for pair in _exchanged(term, names, put).scaled(number).terms
    )


def _exchanged(
    term: Term, names: frozenset[str], put: Callable[[Product], Polynomial | None]
) -> Polynomial:
    result = Polynomial.number(1)
    for factor, exponent in term:
        match factor:
            case Function(function=function, argument=argument) if factor.names & names:
                new = apply(function, exchanged_products(argument, names, put))
            case Product(left=left, right=right, inner=inner, scalar=scalar) if (
                factor.names & names
            ):
                sides = _exchanged(left, names, put), _exchanged(right, names, put)
                new = put(factor) or matrix_product(*sides, inner, scalar)
            case _:
                new = Polynomial.term(factor)
        result = result * new**exponent
    return result


class _Rewriter:
    """Puts one symbol for each product of two mixed matrices."""

    def __init__(self, system: System, mixings: list[Mixing]) -> None:
        self.system = system
        self.mixed = frozenset(name for m in mixings for name in (*m.left, *m.right))
        self.wanted = {f"{a} {b}" for m in mixings for a in m.left for b in m.right}
        self.made: dict[str, Factors] = {}
        self.shapes: dict[str, Shape] = {}

    def polynomial(self, polynomial: Polynomial) -> Polynomial:
        """A polynomial in the products."""
        return exchanged_products(polynomial, self.mixed, self._product)

    def _product(self, whole: Product) -> Polynomial | None:
        """`A @ (B @ v)` as one product, or `A @ b` as one vector."""
        match tuple(whole.left), tuple(whole.right):
            case ((Symbol(a), 1),), ((Product(second, vector, inner), 1),):
                match tuple(second):
                    case ((Symbol(b), 1),) if f"{a} {b}" in self.wanted:
                        kernel, inside = self._made(a, b), Polynomial.of(vector)
                        inside = self.polynomial(inside)
                        return matrix_product(kernel, inside, inner, whole.scalar)
            case ((Symbol(a), 1),), ((Symbol(b), 1),) if f"{a} {b}" in self.wanted:
                return self._made(a, b)
        return None

    def _made(self, a: str, b: str) -> Polynomial:
        rows, inner = self.system.shapes[a]
        columns = self.system.shapes[b][1]
        name = f"{a} {b}"
        self.made[name] = Factors(a, b, inner)
        self.shapes[name] = (rows, columns)
        return Polynomial.symbol(name, (rows, columns) == (1, 1))
