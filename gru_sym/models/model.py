"""`Model`: layers one on the other, from a description, and what they have in all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import sympy as sp

from gru_sym.cells import Cell, SizeValue, evaluate
from gru_sym.models.reading import Part, read
from gru_sym.render import Math, Table, formula_latex, spelled


class Model:
    """Layers one on the other, as a description: one a line, or with semicolons between them.

    >>> print(Model("embedding 10000 x 128; gru.keras 256 both; dense 10"))
    layer                  reads  hands on  parameters  formula
    embedding 10000 x 128         128       1,280,000
    gru.keras 256 both     128    512       592,896     6(n² + nm + 2n)
    dense 10               512    10        5,130       nm + n
    total                                   1,878,026
    >>> Model("input m; lstm.keras n n; dense k").count()
    k*n + k + 4*m*n + 12*n**2 + 8*n
    >>> Model("input m; gru.keras 256 128 64").count(m=100)
    460416
    >>> cells = {"mine": Cell("h' = tanh(W @ x + U @ h)")}
    >>> Model("input 28; mine 64 layers=2; last; dense 10 no-bias", cells).count()
    14720

    A line is one of

    * `input 28`: what the next layer reads. It may stand again: where another branch begins, or
      where the outputs of several layers are put side by side.
    * `embedding 10000 x 128`: so many words, each of so many numbers.
    * `CELL 256`: a catalogue id and the hidden size; with several sizes, as many layers. After them
      `both` (or `bidirectional`), `merge=sum` (`ave`, `mul`), `layers=3`, `no-bias`,
      `learn-initial-state`, `share-directions`, `share-layers`, and the cell's other sizes, `p=64`.
    * `dense 10` (or `linear 10`), with `no-bias`, or `tied` if its matrix is the embedding's.
    * `layernorm`: a gain and an offset for each number.
    * `last`: what follows reads the last step alone. It changes what is to be computed, no count.
    * `other 1290`: parameters of what cannot be said here, such as a convolution.

    A size is a whole number, or a letter for a formula in it. Activations have no parameters and no
    line.

    Parameters
    ----------
    text : the description; `#` starts a comment.
    cells : cells of your own by their names, beside those of the catalogue.

    Raises
    ------
    ValueError : naming the line, and what would be right.
    """

    name = "the model"

    def __init__(self, text: str, cells: Mapping[str, Cell] | None = None) -> None:
        self.text = text
        self.parts: tuple[Part, ...] = read(text, cells or {})

    @cached_property
    def size_names(self) -> tuple[str, ...]:
        """The letters that are left open and change the count, in order of appearance."""
        each = [size for part in self.parts for size in part.sizes.values()]
        each += [sp.sympify(part.count) for part in self.parts]  # a number of layers that is open
        names = (sorted(symbol.name for symbol in size.free_symbols) for size in each)
        return tuple(dict.fromkeys(name for own in names for name in own))

    def count(self, **sizes: SizeValue) -> SizeValue:
        """The number of parameters: a SymPy expression, or an int once every size is given."""
        return self.evaluate(sp.Add(*(part.count for part in self.parts)), sizes)

    def weights(self, **sizes: SizeValue) -> SizeValue:
        """How many of them are not biases; not known, a `ValueError`, with a line of `other`."""
        biases = self.biases(**sizes)
        difference = sp.expand(sp.sympify(self.count(**sizes)) - biases)
        return int(difference) if difference.is_Integer else difference

    def biases(self, **sizes: SizeValue) -> SizeValue:
        """How many of them are biases; not known, a `ValueError`, with a line of `other`."""
        return self.evaluate(sp.Add(*(part.biases for part in self.parts)), sizes)

    def evaluate(self, formula: sp.Expr, sizes: Mapping[str, SizeValue]) -> SizeValue:
        """Put sizes into a formula in the open letters; an int if none is left."""
        return evaluate(sp.expand(formula), sizes, self.size_names, self.name)

    def table(self, **sizes: SizeValue) -> Table:
        """A row for each layer: what it reads, hands on and has, and its count's formula."""
        given = {sp.Symbol(name): sp.sympify(size) for name, size in sizes.items()}

        def shown(size: SizeValue | None) -> str:
            number = sp.expand(sp.sympify(0 if size is None else size).xreplace(given))
            return "" if size is None else f"{int(number):,}" if number.is_Integer else str(number)

        rows = [
            (
                part.text,
                shown(part.reads),
                shown(part.hands_on),
                shown(part.count),
                self._formula(part),
            )
            for part in self.parts
        ]
        total = ("total", "", "", shown(sp.sympify(self.count(**sizes))), "")
        return Table(("layer", "reads", "hands on", "parameters", "formula"), [*rows, total])

    @staticmethod
    def _formula(part: Part) -> Math | str:
        """What is counted of a layer, in its own symbols, where that is a sum."""
        formula = part.formula
        return Math(formula_latex(formula), spelled(formula)) if formula.is_Add else ""

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"<Model of {len(self.parts)} layers: {self.count()} parameters>"

    def _repr_markdown_(self) -> str:
        return self.table()._repr_markdown_()
