"""One cell from another, on the syntax tree: every change is proved, or refused with a sentence.

What is proved is that the new cell has the normal form of the old one after the same change there:
both compute the same next states, at all sizes.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from dataclasses import replace as with_fields
from fractions import Fraction

from gru_sym.biases import bias_combinations, common_name
from gru_sym.cells import Cell
from gru_sym.functions import FUNCTIONS, called
from gru_sym.language.errors import NOWHERE, CellError
from gru_sym.language.parser import parse
from gru_sym.language.printer import print_expression, print_program
from gru_sym.language.scope import USUAL_STATES, WITH_TIME
from gru_sym.language.source import is_name
from gru_sym.language.syntax import (
    INPUT,
    Apply,
    Declaration,
    Equation,
    Expression,
    Minus,
    Name,
    Number,
    Plus,
    Times,
    names,
)
from gru_sym.normal.form import normal_form
from gru_sym.proved import agree, check_shapes, named, prove, read_back, shown
from gru_sym.rewriting import mapped, put_in
from gru_sym.roles import BIAS

ZERO = Number(Fraction(0), NOWHERE)


def text(cell: Cell) -> str:
    r"""The equations and declared sizes of a cell, printed anew from its tree.

    >>> print(text(Cell("h'=tanh(W@x+(U@h))*2")))
    h' = tanh(W @ x + U @ h) * 2

    `Cell(text(cell))` has the tree of `cell`. Comments are left out.
    """
    return print_program(cell.program.equations, cell.program.declarations)


def rename(cell: Cell, to: Mapping[str, str], *, name: str = "") -> Cell:
    """The cell with other names for some of its parameters, values or states.

    >>> print(text(rename(Cell("h' = tanh(W @ x + U @ h)"), {"W": "W_ih", "h": "s"})))
    s' = tanh(W_ih @ x + U @ s)

    Raises `ValueError` for a name that the cell does not have, one that is taken or is no name, and
    where a layer would hand on another state, since `h` is the output wherever there is one.
    """
    program = cell.program
    further = (*program.inputs[1:], *program.constants)
    own = (*program.states, *program.values, *program.parameters, *further)
    for old in to:
        if old not in own:
            raise ValueError(f"{cell.name} has no {old} to rename; it has {', '.join(own)}")
    after = [to.get(each, each) for each in own]
    for old, new in to.items():
        _check_name(new, cell, as_state=old in program.states)
        if after.count(new) > 1:
            raise ValueError(f"{old} cannot become {new} in {cell.name}: {new} is there already")

    def renamed(expression: Expression) -> Expression:
        if isinstance(expression, Name):
            return with_fields(expression, name=to.get(expression.name, expression.name))
        return expression

    equations = [
        Equation(
            with_fields(e.target, name=to.get(e.target.name, e.target.name)),
            mapped(e.expression, renamed),
        )
        for e in program.equations
    ]
    sizes = [with_fields(d, name=to.get(d.name, d.name)) for d in program.declarations]
    found = read_back(f"{cell.name} in other names", name, equations, sizes)
    if found.output != to.get(cell.output, cell.output):
        raise ValueError(
            f"{cell.output} cannot be renamed in {cell.name}: a layer would hand on {found.output}"
        )
    put = {old: named(new) for old, new in to.items()}
    check_shapes(cell, found, dict(zip(own, after, strict=True)))
    prove(cell, put, found, {s: to.get(s, s) for s in cell.states})
    return found


def substitute(cell: Cell, put: Mapping[str, str], *, name: str = "") -> Cell:
    """The cell with expressions for some of its parameters, for x or for states that it reads.

    >>> print(text(substitute(Cell("h' = z * h + W @ x"), {"z": "sigmoid(b)", "W": "-V"})))
    h' = sigmoid(b) * h + (-V) @ x

    Expressions are in x, states, parameters and new parameters. One that replaces a single number
    (`z: 1`) has new parameters that are single numbers.

    Raises `ValueError` for an expression of another shape or that is none, and for what the cell
    does not have.
    """
    program = cell.program
    trees: dict[str, Expression] = {}
    sizes = list(program.declarations)
    for old, expression in put.items():
        _check_known(cell, old, program.given)
        trees[old] = _tree(cell, old, expression)
        if old in cell.sizes.scalars:
            known = {*program.given, *(d.name for d in sizes)}
            new = dict.fromkeys(n.name for n in names(trees[old]) if n.name not in known)
            sizes += [Declaration(each, 1, NOWHERE) for each in new]
    what = ", ".join(f"{expression} for {old}" for old, expression in put.items())
    return _put(cell, trees, f"{cell.name} with {what}", name, sizes)


def drop(cell: Cell, parameters: Iterable[str], *, name: str = "") -> Cell:
    """The cell without some of its parameters, as if they were zero.

    >>> print(text(drop(Cell("h' = tanh(W @ x - b + U @ h) + 2 * b"), ["b"])))
    h' = tanh(W @ x + U @ h)

    A sum loses the term, a product vanishes, a function of nothing else is its value at zero.

    Raises `ValueError` for a name that is no parameter, and where another parameter would go, or a
    whole state.
    """
    wanted = list(dict.fromkeys(parameters))
    for each in wanted:
        _check_known(cell, each, cell.program.parameters)
    title = f"{cell.name} without {', '.join(wanted)}"
    return _put(cell, dict.fromkeys(wanted, ZERO), title, name, cell.program.declarations)


def without_biases(cell: Cell, *, name: str = "") -> Cell:
    """The cell with every bias left out, as libraries build it for `bias=False`.

    >>> from gru_sym import cell
    >>> without_biases(cell("gru.pytorch")).count()
    3*m*n + 3*n**2

    Raises `ValueError` for a parameter that is a bias and something else.
    """
    for parameter in cell.parameters:
        if parameter.role != BIAS and BIAS in parameter.role.split(" and "):
            raise ValueError(
                f"{parameter.name} of {cell.name} is {parameter.role}, and no bias to leave out"
            )
    biases = [p.name for p in cell.parameters if p.role == BIAS]
    return drop(cell, biases, name=name or f"{cell.name} without biases")


def replace(cell: Cell, function: str, by: str, *, name: str = "") -> Cell:
    """The cell with one function in the place of another, wherever it stands.

    >>> print(text(replace(Cell("h' = tanh(W @ x + U @ h)"), "tanh", "relu")))
    h' = relu(W @ x + U @ h)

    Raises `ValueError` for a function that is unknown or that the cell does not have.
    """
    for each in (function, by):
        if each not in FUNCTIONS:
            raise ValueError(f"there is no function {each}; the known ones: {', '.join(FUNCTIONS)}")

    def replaced(expression: Expression) -> Expression:
        if isinstance(expression, Apply) and expression.function == function:
            return with_fields(expression, function=by)
        return expression

    program = cell.program
    equations = [Equation(e.target, mapped(e.expression, replaced)) for e in program.equations]
    if equations == list(program.equations) and by != function:
        raise ValueError(f"there is no {function} in {cell.name}")
    title = f"{cell.name} with {by} for {function}"
    found = read_back(title, name, equations, program.declarations)
    intended = normal_form(with_fields(program, equations=tuple(equations)), cell.sizes)
    check_shapes(cell, found, {n: n for n in cell.sizes.shapes})
    agree(intended.states, normal_form(found.program, found.sizes).states, title)
    return found


def merge(cell: Cell, *biases: str, name: str = "") -> Cell:
    """The cell with one bias for each sum of biases that it only ever sees as that sum.

    >>> print(text(merge(Cell("h' = tanh(b_1 + W @ x - 2 * b_2)"))))
    h' = tanh(W @ x + b)

    The bias is that sum with the first term's number made 1, here `b_1 - 2 * b_2`, as
    `bias_combinations` says. Given names, only these biases are merged.

    Raises `ValueError` where the biases named are not seen as one sum alone.
    """
    sums = bias_combinations(cell)
    if biases:
        sums = _chosen(cell, sums, biases)
    put: dict[str, Expression] = {}
    sizes: list[Declaration] = []
    declared = {d.name: d.size for d in cell.program.declarations}
    for merged, terms in sums.items():
        *others, last = terms
        put |= dict.fromkeys(others, ZERO)
        put[last] = _times(1 / terms[last], merged)
        sizes += [Declaration(merged, declared[t], NOWHERE) for t in terms if t in declared][:1]
    title = f"{cell.name} with each sum of biases as one bias"
    sizes += [d for d in cell.program.declarations if d.name not in put]
    equations, kept = _rewritten(cell, put, sizes)
    found = read_back(title, name or f"{cell.name}, merged", equations, kept)
    stay = {n: n for n in cell.sizes.shapes if n in found.sizes.shapes and n not in put}
    check_shapes(cell, found, stay | {next(iter(terms)): merged for merged, terms in sums.items()})
    whole = {s: Plus(tuple(_times(c, n) for n, c in t.items()), NOWHERE) for s, t in sums.items()}
    prove(found, whole, cell)
    return found


def _chosen(
    cell: Cell, sums: Mapping[str, Mapping[str, Fraction]], biases: tuple[str, ...]
) -> dict[str, dict[str, Fraction]]:
    """The sum of these biases alone."""
    for each in biases:
        _check_known(cell, each, cell.program.parameters)
    for terms in sums.values():
        if len(set(biases)) > 1 and set(biases) <= terms.keys():
            part = {each: c for each, c in terms.items() if each in biases}
            first = next(iter(part.values()))
            taken = {*cell.sizes.shapes}
            return {common_name(list(part), taken): {n: c / first for n, c in part.items()}}
    raise ValueError(f"{' and '.join(biases)} are not seen only as one sum in {cell.name}")


def _put(
    cell: Cell, put: Mapping[str, Expression], title: str, name: str, sizes: Iterable[Declaration]
) -> Cell:
    """The cell with expressions put in, proved."""
    equations, kept = _rewritten(cell, put, sizes)
    found = read_back(title, name, equations, kept)
    for each in cell.program.parameters:
        if each not in put and each not in found.program.parameters:
            raise ValueError(f"{title} would lose {each}, too")
    for old, tree in put.items():
        blocks = cell.sizes.blocks.get(old)
        if found.sizes.blocks_of(tree) != blocks is not None and tree != ZERO:
            raise ValueError(f"{old} has blocks in {cell.name}; no full kernel can stand for it")
        if not found.sizes.is_scalar(tree) and found.sizes.shape(tree) != cell.sizes.shapes[old]:
            raise ValueError(
                f"{old} has shape {shown(cell.sizes.shapes[old])} in {cell.name}, but "
                f"{print_expression(tree)} has shape {shown(found.sizes.shape(tree))}"
            )
    check_shapes(cell, found, {n: n for n in cell.sizes.shapes if n in found.sizes.shapes})
    prove(cell, put, found)
    return found


def _rewritten(
    cell: Cell, put: Mapping[str, Expression], sizes: Iterable[Declaration]
) -> tuple[list[Equation], list[Declaration]]:
    """The equations with expressions put in, and values that became numbers where they are used."""
    known = dict(put)
    equations = []
    for equation in cell.program.equations:
        target, expression = equation.target, put_in(equation.expression, known)
        gone = isinstance(expression, Number) and expression is not equation.expression
        if gone and target.primed:
            raise ValueError(f"nothing but a number would be left of {target} in {cell.name}")
        if gone:
            known[target.name] = expression
        else:
            equations.append(Equation(target, expression))
    used = {n.name for e in equations for n in (e.target, *names(e.expression))}
    return equations, [d for d in sizes if d.name in used or d.name == INPUT]


def _check_known(cell: Cell, name: str, known: tuple[str, ...]) -> None:
    if name in cell.program.values:
        raise ValueError(f"{name} of {cell.name} is computed by an equation; it is no parameter")
    if name not in known:
        parameters = ", ".join(cell.program.parameters)
        raise ValueError(f"{cell.name} has no parameter {name}; its parameters are {parameters}")


def _check_name(name: str, cell: Cell, *, as_state: bool) -> None:
    """That the language lets something be called so."""
    reserved = name == INPUT or name in called() or keyword.iskeyword(name)
    state = name in USUAL_STATES or WITH_TIME.fullmatch(name)
    if not is_name(name) or reserved or (state and not as_state):
        raise ValueError(f"{name!r} is no name for what is in {cell.name}; choose another")


def _tree(cell: Cell, old: str, expression: str) -> Expression:
    """An expression in x, the states, the parameters and new names."""
    try:
        equations, sizes = parse(f"{old} = {expression}")
    except CellError as error:
        raise ValueError(f"{expression!r} cannot stand for {old}: {error.message}") from error
    if len(equations) > 1 or sizes:
        raise ValueError(f"{expression!r} cannot stand for {old}: it is more than one expression")
    for used in names(equations[0].expression):
        if used.primed or used.name in cell.program.values:
            raise ValueError(
                f"{expression!r} cannot stand for {old}: {used} is computed in {cell.name}; write "
                "it in x, states and parameters"
            )
    return equations[0].expression


def _times(number: Fraction, name: str) -> Expression:
    """A number times a name, as one would write it."""
    if number < 0:
        return Minus(_times(-number, name), NOWHERE)
    return named(name) if number == 1 else Times((Number(number, NOWHERE), named(name)), NOWHERE)
