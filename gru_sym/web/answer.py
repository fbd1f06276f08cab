"""What the live cell of the book shows: a text of equations in, a record for the page out.

The page asks twice. `answer` gives everything that is read off the equations; `effective` proves
how many of the parameters count, which takes longer. Both records are what `json.dumps` can write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gru_sym.cells import Cell, Parameter
from gru_sym.codegen import source
from gru_sym.codegen.source import TARGETS
from gru_sym.language.errors import CellError
from gru_sym.latex import LatexWriter
from gru_sym.render import factored, formula_latex

Record = dict[str, Any]


def answer(text: str, sizes: Mapping[str, int] | None = None) -> Record:
    r"""Shapes with their reasons, formula and counts, roles, LaTeX and code of a cell.

    >>> found = answer("h' = tanh(W @ x + U @ h + b)", {"m": 8, "n": 16})
    >>> found["formula"], found["count"], found["size_names"]
    ('m*n + n**2 + n', '400', ['m', 'n'])
    >>> found["parameters"][0]["shape"], found["parameters"][0]["reasons"][1]
    (['n', 'm'], {'side': 'columns', 'size': 'm', 'steps': ['W @ x'], 'origin': 'x is the input'})

    A text that cannot be read is answered with the place and the sentence of its `CellError`:

    >>> answer("h' = tahn(W @ x)")["error"]["place"]
    {'line': 1, 'column': 6, 'end': 10}

    Parameters
    ----------
    text : the cell.
    sizes : a number for each size, by name. Those the cell does not have are not used; while one
        that it has is missing there is a formula and no number.

    Every count is a string of digits: JavaScript's numbers are exact only up to 2**53.
    """
    return _told(lambda: _answer(Cell(text), sizes or {}))


def effective(text: str, sizes: Mapping[str, int] | None = None) -> Record:
    r"""How many of the parameters count, how far that is proved, and what is redundant.

    >>> found = effective("h' = tanh(W @ x + b_i + U @ h + b_h)")
    >>> found["formula"], found["redundant"], found["certified"]
    ('m*n + n**2 + n', 'n', True)
    >>> found["families"][0]["parameters"]
    ['b_i', 'b_h']

    The sentence is the command line's own, at the sizes where all are given.
    """
    return _told(lambda: _effective(Cell(text), sizes or {}))


def _told(find: Callable[[], Record]) -> Record:
    """The record, or what is wrong with the text."""
    try:
        return find()
    except CellError as error:
        place = error.place
        where = {"line": place.line, "column": place.column, "end": place.end}
        return {"error": {"place": where, "message": error.message, "text": str(error)}}


def _answer(cell: Cell, sizes: Mapping[str, int]) -> Record:
    formula, given = cell.count(), _given(cell, sizes)
    counts = {
        name: None if given is None else str(getattr(cell, name)(**given))
        for name in ("count", "weights", "biases")
    }
    writer = LatexWriter(cell.program, cell.sizes)
    return {
        "latex": cell.latex(),
        "states": list(cell.states),
        "notes": [*cell.notes, *_unfit(cell, sizes)],
        "size_names": list(cell.size_names),
        "formula": str(formula),
        "formula_latex": formula_latex(formula),
        "factored": factored(formula),
        "parameters": [_parameter(cell, writer, p, given) for p in cell.parameters],
        "code": {library: _code(cell, library) for library in TARGETS},
    } | counts


def _parameter(
    cell: Cell, writer: LatexWriter, parameter: Parameter, given: dict[str, int] | None
) -> Record:
    sides = zip(("rows", "columns"), cell.why(parameter.name), strict=True)
    return {
        "name": parameter.name,
        "latex": writer.name(parameter.name),
        "shape": [str(size) for size in parameter.shape],
        "role": parameter.role,
        "gate": parameter.gate,
        "formula": str(parameter.count),
        "formula_latex": formula_latex(parameter.count),
        "count": None if given is None else str(cell.evaluate(parameter.count, given)),
        "reasons": [
            {
                "side": side,
                "size": str(reason.size),
                "steps": list(reason.steps),
                "origin": reason.origin,
            }
            for side, reason in sides
            if side == "rows" or reason.size != 1
        ],
    }


def _code(cell: Cell, library: str) -> Record:
    """The module, or why there is none: a matrix that is another one at each step."""
    try:
        return {"text": str(source(cell, library))}
    except CellError as error:
        return {"refused": error.summary}


def _unfit(cell: Cell, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Why these sizes do not suit the blocks of a kernel, if they do not."""
    try:
        cell.check_blocks(sizes)
    except ValueError as error:
        return (str(error),)
    return ()


def _given(cell: Cell, sizes: Mapping[str, int]) -> dict[str, int] | None:
    """The numbers for the sizes of this cell, if there is one for each."""
    if not all(name in sizes for name in cell.size_names) or _unfit(cell, sizes):
        return None
    return {name: sizes[name] for name in cell.size_names}


def _effective(cell: Cell, sizes: Mapping[str, int]) -> Record:
    from gru_sym.certificates.effective import effective_count

    found, given = effective_count(cell), _given(cell, sizes)
    at = effective_count(cell, **given) if given else found
    return {
        "formula": str(found.effective),
        "formula_latex": formula_latex(found.effective),
        "redundant": str(found.redundant),
        "certified": at.certified,
        "sentence": str(at),
        "families": [
            {"parameters": list(f.parameters), "count": str(f.count), "sentence": f.sentence}
            for f in at.redundancy.families
        ],
    }
