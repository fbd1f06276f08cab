"""A changed program read back as a cell, and the proof that it is the cell that was meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gru_sym.cells import Cell
from gru_sym.language.errors import NOWHERE, CellError
from gru_sym.language.printer import print_program
from gru_sym.language.shapes import Shape, axes
from gru_sym.language.syntax import Declaration, Equation, Expression, Name
from gru_sym.language.unification import Size
from gru_sym.normal.form import FormWriter, normal_form


def read_back(
    title: str, name: str, equations: Iterable[Equation], sizes: Iterable[Declaration]
) -> Cell:
    r"""The cell of a changed program, from its printed text, under a title.

    >>> program = Cell("h' = W @ x").program
    >>> read_back("a line", "", program.equations, program.declarations).text
    "# a line\nh' = W @ x"

    Raises `ValueError` with what is wrong, should it be no cell any more.
    """
    heading = " ".join(title.split())
    try:
        return Cell(f"# {heading}\n{print_program(equations, sizes)}", name or heading)
    except CellError as error:
        raise ValueError(f"{heading} is no cell: {error.message}") from error


def check_shapes(old: Cell, new: Cell, names_after: Mapping[str, str]) -> None:
    """That what stays keeps its shape; sizes that nothing fixes may be called otherwise."""
    free: dict[Size, Size] = {}
    for before, after in names_after.items():
        shapes = old.sizes.shapes[before], new.sizes.shapes[after]
        for one, other in zip(*shapes, strict=True):
            both_free = one in old.sizes.free and other in new.sizes.free
            if other != (free.setdefault(one, other) if both_free else one):
                raise ValueError(
                    f"{after} would have shape {shown(shapes[1])} in {new.name}, but {before} has "
                    f"shape {shown(shapes[0])} in {old.name}"
                )


def shown(shape: Shape) -> str:
    """A shape as it is printed: (n, m)."""
    return f"({', '.join(map(str, axes(shape)))})"


def prove(
    old: Cell,
    put: Mapping[str, Expression],
    new: Cell,
    states: Mapping[str, str] | None = None,
) -> None:
    """That the old cell, with expressions in the new one's names put in, is the new one."""
    writer = FormWriter(new.program, new.sizes)
    own = old.program.given
    known = {name: writer.polynomial(put.get(name, named(name))) for name in own}
    form = normal_form(old.program, old.sizes, known).states
    before = {(states or {}).get(state, state): value for state, value in form.items()}
    agree(before, normal_form(new.program, new.sizes).states, new.name)


def agree(before: Mapping[str, object], after: Mapping[str, object], title: str) -> None:
    """That the next states are the same, in normal form."""
    if dict(before) != dict(after):
        raise ValueError(f"{title} could not be proved to be the cell that was meant")


def named(name: str) -> Name:
    """A name, in a tree that is not read from a text."""
    return Name(name, False, NOWHERE)
