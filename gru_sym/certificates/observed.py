"""Systems to prove a rank of in the place of a cell: next states as data, constants at 0.

**Theorem.** Let next states s' be f(x, s, ...), and let the other next states read s through s'
alone, as g(x, s', ...). Let f be a s + b or A @ s + b, elementwise or with a square kernel, where
neither a nor b reads s (constants may be in both: what is said of a cell with constants is said of
almost all of them). Of several states that turn into each other, unit by unit, a is a small matrix,
whose determinant is not 0. Then the cell has the null vectors of the system that observes f at
(x, s, ...) and g at (x, y, ...), with y as independent data in the place of s'.

*Proof.* Along a null vector of the cell, the derivative of s' is 0 for all data. So by the chain
rule that of the others is the partial derivative of g, taken at y = s'. It is 0 for all data, hence
on an open set of (x, y, ...), since a and A are invertible for generic parameters and data: s may
be chosen so that s' is any y. All functions are analytic, so it is 0 for all y. The other way
round, put y = s'.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from gru_sym.cells import Cell
from gru_sym.certificates.evaluation import Evaluation
from gru_sym.certificates.system import System, at_work
from gru_sym.language.syntax import names
from gru_sym.normal.exponents import functions_of
from gru_sym.normal.form import FormWriter, substitute
from gru_sym.normal.polynomials import Polynomial, Product, Symbol, term_names


def systems_with_observed(cell: Cell) -> Iterator[System]:
    r"""For next states that fulfil the theorem, the system where the others read them as data.

    >>> cell = Cell("s' = A @ s + B @ x\nh' = C @ s'")
    >>> [system.data for system in systems_with_observed(cell)]
    [('x', 's', 'h', "s'")]
    >>> list(systems_with_observed(Cell("s' = A @ s * s + B @ x\nh' = C @ s'")))
    []
    """
    whole = System.of(cell)
    for state in cell.states:
        system = _with_observed(cell, whole, (state,))
        if system is not None and _takes_all_values(whole, state):
            yield system
    yield from systems_with_several(cell)


def systems_with_several(cell: Cell) -> Iterator[System]:
    r"""The one with several next states that turn into each other, if the theorem holds.

    >>> cell = Cell("p' = a * p - b * q\nq' = b * p + a * q + W @ x\nh' = C @ p' + D @ q'")
    >>> [system.data for system in systems_with_several(cell)]
    [('x', 'p', 'q', 'h', "p'", "q'")]
    """
    equations = cell.program.equations
    primed = {n.name for e in equations for n in names(e.expression) if n.primed}
    group = tuple(state for state in cell.states if state in primed)
    whole = System.of(cell)
    if len(group) in (2, 3) and _take_all_values(whole, group):
        system = _with_observed(cell, whole, group)
        if system is not None:
            yield system


def without_constants(whole: System) -> Iterator[System]:
    """The system with its constant vectors at 0, if no piecewise linear function reads them.

    Its rank is at most that of the cell for almost all values of the constants, since minors are
    analytic in these, on each choice of pieces.
    """
    vectors = {name for name in whole.constants if whole.shapes[name][1] == 1}
    states = whole.states.values()
    in_kinks = (f.argument for f in functions_of(*states) if f.function in whole.kinks)
    if not vectors or any(vectors & argument.names for argument in in_kinks):
        return
    with suppress(ArithmeticError, ValueError):  # what is divided by one
        put = dict.fromkeys(vectors, Polynomial.number(0))
        at_zero = {name: substitute(form, put) for name, form in whole.states.items()}
        kept = tuple(name for name in whole.constants if name not in vectors)
        yield replace(whole, states=at_zero, constants=kept)


def _with_observed(cell: Cell, whole: System, group: tuple[str, ...]) -> System | None:
    """The system where others read these next states as data; None if they read more of them."""
    if whole.kinks:
        return None
    primed = {f"{state}'": state for state in group}
    writer, forms = FormWriter(cell.program, cell.sizes), dict[str, Polynomial]()
    for equation in cell.program.equations:
        target = str(equation.target)
        form = writer.polynomial(equation.expression)
        if equation.target.primed:
            forms[equation.target.name] = form
        scalar = cell.sizes.shapes[equation.target.name] == (1, 1)
        writer.known[target] = Polynomial.symbol(target, scalar) if target in primed else form
    others = [form for name, form in forms.items() if name not in group]
    read = frozenset[str]().union(*(form.names for form in others))
    own = frozenset[str]().union(*(forms[state].names for state in group))
    if own & primed.keys() or not read & primed.keys() or read & {*group}:
        return None
    shapes = dict(whole.shapes) | {name: whole.shapes[state] for name, state in primed.items()}
    return replace(whole, states=forms, shapes=shapes, data=(*whole.data, *primed))


def _take_all_values(whole: System, group: tuple[str, ...]) -> bool:
    """Whether next states are affine in their old values, unit by unit, and one to one."""
    matrix: list[list[Polynomial]] = []
    for state in group:
        row = dict.fromkeys(group, Polynomial.number(0))
        for term, number in whole.states[state].terms:
            if not (old := term_names(term) & {*group}):
                continue
            read = [(f, e) for f, e in term if f.names & {*group}]
            if len(read) != 1 or not isinstance(read[0][0], Symbol) or read[0][1] != 1:
                return False
            (name,) = old
            row[name] = row[name] + Polynomial.of(term - {read[0]}, number)
        matrix.append(list(row.values()))
    shapes = {whole.shapes[state] for state in group}
    if len(shapes) != 1 or shapes == {(1, 1)} or whole.has_roots:
        return False
    sizes = dict.fromkeys((str(size) for shape in whole.shapes.values() for size in shape), 1)
    with suppress(ArithmeticError):  # no value here
        values = Evaluation(whole, sizes).values("determinant", at_work)
        return bool(values.polynomial(_determinant(matrix), 0).value)
    return False


def _determinant(matrix: list[list[Polynomial]]) -> Polynomial:
    """By the first row."""
    if len(matrix) == 1:
        return matrix[0][0]
    total = Polynomial.number(0)
    for column, entry in enumerate(matrix[0]):
        smaller = [row[:column] + row[column + 1 :] for row in matrix[1:]]
        part = entry * _determinant(smaller)
        total = total - part if column % 2 else total + part
    return total


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
