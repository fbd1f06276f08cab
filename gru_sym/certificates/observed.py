"""Next states that others read, as data of their own: a system with the same rank and fewer sums.

**Theorem.** Let the next state s' be f(x, s, ...), and let the other next states read s through s'
alone, as g(x, s', ...). Let f be a s + b or A @ s + b, elementwise or with a square kernel, where
neither a nor b reads s (constants may be in both: what is said of a cell with constants is said of
almost all of them). Then the cell has the null vectors of the system that observes f at
(x, s, ...) and g at (x, y, ...), with y as independent data in the place of s'.

*Proof.* Along a null vector of the cell, the derivative of s' is 0 for all data. So by the chain
rule that of the others is the partial derivative of g, taken at y = s'. It is 0 for all data, hence
on an open set of (x, y, ...), since a and A are invertible for generic parameters and data: s may
be chosen so that s' is any y. All functions are analytic, so it is 0 for all y. The other way
round, put y = s'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gru_sym.cells import Cell
from gru_sym.certificates.system import System
from gru_sym.normal.form import FormWriter
from gru_sym.normal.polynomials import Polynomial, Product, Symbol, term_names


def systems_with_observed(cell: Cell) -> Iterator[System]:
    r"""For each next state that fulfils the theorem, the system where the others read it as data.

    >>> cell = Cell("s' = A @ s + B @ x\nh' = C @ s'")
    >>> [system.data for system in systems_with_observed(cell)]
    [('x', 's', 'h', "s'")]
    >>> list(systems_with_observed(Cell("s' = A @ s * s + B @ x\nh' = C @ s'")))
    []
    """
    whole = System.of(cell)
    for state in cell.states:
        system = _with_observed(cell, whole, state)
        if system is not None:
            yield system


def _with_observed(cell: Cell, whole: System, state: str) -> System | None:
    if whole.kinks or not _takes_all_values(whole, state):
        return None
    primed = f"{state}'"
    writer, forms = FormWriter(cell.program, cell.sizes), dict[str, Polynomial]()
    for equation in cell.program.equations:
        target = str(equation.target)
        form = writer.polynomial(equation.expression)
        if equation.target.primed:
            forms[equation.target.name] = form
        scalar = cell.sizes.shapes[state] == (1, 1)
        writer.known[target] = Polynomial.symbol(primed, scalar) if target == primed else form
    others = [form for name, form in forms.items() if name != state]
    read = frozenset().union(*(form.names for form in others))
    if primed in forms[state].names or primed not in read or state in read:
        return None
    shapes = dict(whole.shapes) | {primed: whole.shapes[state]}
    return replace(whole, states=forms, shapes=shapes, data=(*whole.data, primed))


def _takes_all_values(whole: System, state: str) -> bool:
    """Whether a next state is affine in its old value, elementwise or by one square kernel."""
    terms = [term for term, _ in whole.states[state].terms if state in term_names(term)]
    if len(terms) != 1:
        return False
    (factor, exponent), *more = [(f, e) for f, e in terms[0] if state in f.names]
    if more or exponent != 1:
        return False
    match factor:
        case Product(left=left, right=right) if right == {(Symbol(state, factor.scalar), 1)}:
            square = (whole.shapes[state][0],) * 2
            return any(
                left == {(Symbol(name, square == (1, 1)), 1)} and whole.shapes[name] == square
                for name in (*whole.parameters, *whole.constants)
            )
    return isinstance(factor, Symbol)
