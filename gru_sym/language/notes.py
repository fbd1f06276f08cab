"""What a reader of a cell should know although it is no mistake: that there is no input."""

from __future__ import annotations

from gru_sym.language.scope import Program
from gru_sym.language.shapes import Sizes
from gru_sym.language.syntax import INPUT, MatrixProduct, Name, walk


def notes(program: Program, sizes: Sizes) -> tuple[str, ...]:
    """Sentences on a cell without an input; none on any other.

    A vector that a matrix multiplies is how an input is read, so it may have been meant as one.

    >>> from gru_sym.language.scope import read
    >>> from gru_sym.language.inference import infer
    >>> program = read("h' = tanh(W @ u + U @ h + b)")
    >>> notes(program, infer(program))
    ('x never occurs, so this cell has no input; u was taken for a parameter',)
    """
    read = {name.name for _, name in program.occurrences()}
    if not read.isdisjoint(program.inputs):
        return ()
    products = (p for e in program.equations for p in walk(e.expression))
    multiplied = {p.right.name for p in products
                  if isinstance(p, MatrixProduct) and isinstance(p.right, Name)}  # fmt: skip
    taken = [p for p in program.parameters if p in multiplied and sizes.shapes[p][1] == 1]
    if not taken:
        return (f"{INPUT} never occurs, so this cell has no input",)
    were = "was taken for a parameter" if len(taken) == 1 else "were taken for parameters"
    return (f"{INPUT} never occurs, so this cell has no input; {' and '.join(taken)} {were}",)
