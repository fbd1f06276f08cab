"""The layers that a reader may choose: of every library and, without one, of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.layers import Layer
from gru_sym.libraries.layout import Layout, libraries
from gru_sym.libraries.layout_text import Form
from gru_sym.libraries.naming import Option, SizeOf
from gru_sym.libraries.stored import StoredLayer, stored_layer
from gru_sym.libraries.structure import reset_side
from gru_sym.lookup import catalogue

EQUATIONS = "equations"
"""In the place of a library: cells of the catalogue that no library stores."""

FIELDS = frozenset("mnp")
"""The sizes that the page asks for."""


@dataclass(frozen=True, eq=False)
class Choice:
    """One layer with one choice of options that is another cell.

    Attributes
    ----------
    library : the name of its layout, or `EQUATIONS`.
    title : the library without its version.
    layer : its name in the library.
    options : those that are no sizes, by the library's names; of these only `told` are worth
        telling, because they are not the defaults.
    bias_option : the name of the option that leaves the biases out, if there is one.
    cell : what it computes.
    form : where it stands in the layout.
    """

    library: str
    title: str
    layer: str
    options: Mapping[str, Option]
    told: Mapping[str, Option]
    bias_option: str
    cell: Cell
    biases: bool
    form: Form | None = None

    @property
    def key(self) -> str:
        """What stands for it, with or without biases and projection, in an address."""
        name = self.layer if self.form else self.cell.name
        return "/".join([self.library, name, *map(_assignment, self.told.items())])

    @property
    def label(self) -> str:
        """What a reader calls it: "Keras GRU(reset_after=False)"."""
        if self.form is None:
            return self.layer
        options = ", ".join(map(_assignment, self.told.items()))
        return f"{self.title} {self.layer}" + f"({options})" * bool(options)

    @property
    def catalogue_id(self) -> str:
        """The cell of the catalogue that has these parameters; empty if biases are left out."""
        if self.form is None:
            return self.cell.name
        same = self.form.biases and not self.form.trained_states
        return self.form.cell_id if same else ""

    @property
    def family(self) -> str:
        """The kind of cell: GRU, LSTM, RNN and others."""
        name = (self.form.cell_id if self.form else self.cell.name).partition(".")[0]
        return name.upper() if len(name) <= 4 else name.capitalize()

    @property
    def reset(self) -> str:
        """Whether the reset gate of a GRU acts before the recurrent product or after it."""
        return reset_side(self.cell) if self.family == "GRU" else ""

    @cached_property
    def size_options(self) -> dict[str, str]:
        """What the library calls the sizes: `{"m": "input_size", "n": "hidden_size"}`."""
        options = self.form.options.items() if self.form else ()
        return {value.size: name for name, value in options if isinstance(value, SizeOf)}

    def stored(self, both: bool, levels: int = 1) -> StoredLayer | None:
        """The layer as the library stores it; None for bare equations, or where it has no such."""
        if self.form is None or (both and not self.form.has_directions):
            return None
        if levels > 1 and not self.form.has_levels:
            return None
        return stored_layer(self.form, levels, both, ())

    def stack(self, levels: int | str, both: bool) -> Layer:
        """So many of these layers, one on the other: a `ValueError` where that is impossible."""
        trained = self.form is not None and self.form.trained_states
        return Layer(self.cell, levels, both, learn_initial_state=trained)


def choices() -> list[Choice]:
    """Every layer whose sizes the page asks for, PyTorch's and Keras' first.

    >>> [choice.label for choice in choices() if choice.key.startswith("keras/GRU")]
    ['Keras GRU', 'Keras GRU', 'Keras GRU(reset_after=False)', 'Keras GRU(reset_after=False)']
    """
    found = [c for name, library in libraries().items() for c in _of_library(name, library)]
    stored = {choice.form.cell_id for choice in found if choice.form}
    others = [catalogue[name] for name in catalogue if name not in stored]
    # Of kernels that are not full some counts are fractions of polynomials.
    told = (c for c in others if FIELDS.issuperset(c.size_names) and not c.program.rigid)
    return [*found, *map(_of_equations, told)]


def _of_library(name: str, library: Layout) -> Iterator[Choice]:
    title = library.label
    for layer in library.layers:
        forms = [form for form in library.forms if form.layer == layer]
        sizes = {
            option
            for form in forms
            for option, value in form.options.items()
            if isinstance(value, SizeOf)
        }
        bias = next((o for o in forms[0].options if o not in sizes and _leaves_out(o, forms)), "")
        for form in forms:
            rest = {o: v for o, v in form.options.items() if o not in sizes and o != bias}
            told = {o: v for o, v in rest.items() if v != forms[0].options.get(o)}
            cell = stored_layer(form, 1, False, ()).layer.cell
            yield Choice(name, title, layer, rest, told, bias, cell, form.biases, form)


def _leaves_out(option: str, forms: list[Form]) -> bool:
    """Whether this option alone makes of a form one without biases, and nothing else."""
    if len({str(form.options.get(option)) for form in forms if form.biases}) != 1:
        return False
    without = [form for form in forms if not form.biases]
    return any(
        {o for o in form.options if form.options[o] != other.options[o]} == {option}
        for form in without
        for other in forms
        if other.biases
    )


def _of_equations(cell: Cell) -> Choice:
    title = cell.title.split(":")[0].removeprefix("The ")
    has_biases = bool(sp.sympify(cell.biases()) != 0)
    return Choice(EQUATIONS, "Equations", title, {}, {}, "", cell, has_biases)


def _assignment(option: tuple[str, Option]) -> str:
    return f"{option[0]}={option[1]!r}"
