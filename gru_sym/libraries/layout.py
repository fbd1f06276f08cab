"""What a library stores: the tensors of its layers, and the cell's parameters in them.

One text a library, `layouts/NAME.txt`, in the language of `gru_sym.libraries.layout_text`.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from gru_sym.cells import SizeValue
from gru_sym.layers import Layer
from gru_sym.libraries.layout_text import Form, Reader
from gru_sym.libraries.naming import Option, SizeOf
from gru_sym.libraries.stored import StoredLayer, stored_layer
from gru_sym.libraries.tensors import arrange
from gru_sym.libraries.texts import names, text_of, without_version
from gru_sym.lookup import UnknownCell, catalogue
from gru_sym.roles import BIAS


@lru_cache
def layout(library: str) -> Layout:
    """The layout of a library: "keras", "pytorch".

    >>> keras = layout("keras")
    >>> keras.tensors("GRU", m=5, n=3)
    {'kernel': (5, 9), 'recurrent_kernel': (3, 9), 'bias': (2, 9)}
    >>> keras.count("GRU", reset_after=False), keras.count("GRU", m=5, n=3, reset_after=False)
    (3*m*n + 3*n**2 + 3*n, 81)

    Raises `ValueError` for a library that has none.
    """
    return Layout(text_of(library))


@lru_cache
def libraries() -> dict[str, Layout]:
    """Every layout by its name, in the order in which a reader looks for them.

    >>> list(libraries())[:3], libraries()["mlx"].label
    (['pytorch', 'keras', 'flax_linen'], 'MLX')
    """
    return {name: layout(name) for name in names()}


class Layout:
    """The layers of a library, and what each of them stores.

    Parameters
    ----------
    reader : a text in the language of `gru_sym.libraries.layout_text`.

    Attributes
    ----------
    title : the library, with its version.
    evidence : how its first form is known: "run", "run once" or "read"; every form has its own.
    sources : where the layout was read.
    forms : every layer with every choice of options that is another cell.

    Raises
    ------
    LayoutError : naming the file, the line and what would be right.
    """

    def __init__(self, reader: Reader) -> None:
        self.forms: tuple[Form, ...] = tuple(reader.forms)
        self.title = reader.title
        self.evidence = self.forms[0].evidence
        marked = [note for note in reader.notes if note.startswith("source:")]
        self.sources = tuple(note.removeprefix("source:").strip() for note in marked)
        for form in self.forms:
            _check(form, reader)

    @property
    def label(self) -> str:
        """The library without its version."""
        return without_version(self.title)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers."""
        return tuple(dict.fromkeys(form.layer for form in self.forms))

    def options(self, layer: str) -> Mapping[str, Option]:
        """The options of a layer with their defaults; a `SizeOf` is a size that must be given."""
        return self._forms(layer)[0].options

    def layer(
        self, name: str, *, num_layers: int | str = 1, bidirectional: bool = False, **options: Any
    ) -> StoredLayer:
        """A layer of the library with some options, by the names that it gives them.

        >>> layout("pytorch").layer("LSTM", input_size=8, hidden_size=16, proj_size=4).sizes
        {'m': 8, 'n': 16, 'p': 4}

        Sizes may be given by the cell's symbols, too (`m=8`), or not at all.

        Raises `ValueError` for what the library does not have.
        """
        forms = self._forms(name)
        given = dict(forms[0].options) | options
        if num_layers != 1 and not forms[0].has_levels:
            raise ValueError(f"one {name} of {self.title} is one layer; stack several of them")
        if bidirectional and not forms[0].has_directions:
            raise ValueError(f"a {name} of {self.title} has one direction")
        symbols = {size for form in forms for size in catalogue[form.cell_id].size_names}
        if unknown := sorted(given.keys() - forms[0].options.keys() - symbols):
            raise ValueError(
                f"{name} of {self.title} has no option {unknown[0]}; it has "
                f"{', '.join([*forms[0].options, *sorted(symbols)])}"
            )
        for form in forms:
            sizes = _sizes(form, given)
            if sizes is not None:
                return stored_layer(form, num_layers, bidirectional, tuple(sizes.items()))
        for option, value in options.items():
            owns = [form.options.get(option, SizeOf(option)) for form in forms]
            if all(isinstance(own, SizeOf) for own in owns) and _positive(value) is None:
                raise ValueError(f"{option} must be a positive integer, not {value!r}")
        wrong = ", ".join(f"{option}={value!r}" for option, value in options.items())
        known = "; ".join(_written(form) for form in forms)
        raise ValueError(f"{self.title} has no {name}({wrong}) that is known; there are {known}")

    def tensors(self, layer: str, **options: Any) -> dict[str, tuple[SizeValue, ...]]:
        """The tensors of a layer with their shapes, in the library's order.

        >>> list(layout("keras").tensors("LSTM", bidirectional=True))[2:4]
        ['forward_lstm/lstm_cell/bias', 'backward_lstm/lstm_cell/kernel']
        """
        return self.layer(layer, **options).tensors

    def count(self, layer: str, **options: Any) -> SizeValue:
        """How many numbers a layer stores."""
        return self.layer(layer, **options).count

    def unpack(self, layer: str, tensors: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """The parameters of the cell, as views of a layer's tensors: see `StoredLayer.unpack`."""
        return self.layer(layer, **options).unpack(tensors)

    def pack(self, layer: str, parameters: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """The tensors of a layer, from the parameters of the cell: see `StoredLayer.pack`."""
        return self.layer(layer, **options).pack(parameters)

    def _forms(self, layer: str) -> list[Form]:
        forms = [form for form in self.forms if form.layer == layer]
        if not forms:
            known = ", ".join(self.layers)
            raise ValueError(f"{self.title} has no layer {layer} that is known; there are {known}")
        return forms


def allowed(library: Layout, layer: str | None, options: Mapping[str, Any]) -> Iterator[Form]:
    """The forms of a library with this name and these options.

    Raises `ValueError` where there is none.
    """
    if layer is not None:
        library.layer(layer, **options)
    known = {name for form in library.forms for name in form.options}
    if unknown := sorted(options.keys() - known):
        raise ValueError(
            f"no layer of {library.title} has an option {unknown[0]}; there are "
            f"{', '.join(sorted(known))}"
        )
    found = [
        form
        for form in library.forms
        if layer in (None, form.layer)
        and all(name in form.options and _fits(form, name, v) for name, v in options.items())
    ]
    if not found:
        wanted = ", ".join(f"{name}={value!r}" for name, value in options.items())
        raise ValueError(f"no layer of {library.title} is known with {wanted}")
    yield from found


def _fits(form: Form, option: str, value: object) -> bool:
    """Whether an option of a form may have a value; a size may have any."""
    own = form.options[option]
    return isinstance(own, SizeOf) or own == value


def _sizes(form: Form, given: Mapping[str, Any]) -> dict[str, int] | None:
    """The sizes that the options give; None if they are not those of this form."""
    found: dict[str, int] = {}
    for option, value in given.items():
        own = form.options.get(option, SizeOf(option))
        if not isinstance(own, SizeOf):
            if isinstance(value, SizeOf) or own != value:
                return None
        elif not isinstance(value, SizeOf) and value != own.size:  # its own name leaves it open
            size = _positive(value)
            if size is None or own.size not in catalogue[form.cell_id].size_names:
                return None
            if found.setdefault(own.size, size) != size:
                if option != own.size:  # two options of one size: those of another form may differ
                    return None
                raise ValueError(f"{option}={value} is {own.size}, given as {found[own.size]}, too")
    return found


def _positive(value: object) -> int | None:
    """A size; None if it cannot be one."""
    try:
        size = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
    return size if size > 0 and not isinstance(value, bool) else None


def _written(form: Form) -> str:
    """A form as the library writes it."""
    options = ", ".join(
        f"{name}={value if isinstance(value, SizeOf) else repr(value)}"
        for name, value in form.options.items()
    )
    return f"{form.layer}({options})"


def _check(form: Form, reader: Reader) -> None:
    """That a form and its lines fit the cell; every parameter is stored once."""
    try:
        cell = catalogue[form.cell_id]
    except UnknownCell as error:
        reader.fail(str(error), form.number)
    for option, value in form.options.items():
        if isinstance(value, SizeOf) and value.size not in cell.size_names:
            sizes = ", ".join(cell.size_names)
            reader.fail(
                f"{option} is {value}, but the sizes of {form.cell_id} are {sizes}", form.number
            )
    layer = Layer(cell, learn_initial_state=form.trained_states)
    shapes = {p.in_cell: p.shape for p in layer.parameters}
    biases = {p.in_cell for p in layer.parameters if p.role == BIAS}
    seen: dict[str, int] = {}
    for line in form.lines:
        for name in line.parameters:
            if name not in shapes:
                near = difflib.get_close_matches(name, shapes, n=1)
                advice = f"did you mean {near[0]}?" if near else f"it has {', '.join(shapes)}"
                reader.fail(f"there is no {name} in {form.cell_id}; {advice}", line.number)
            if name in seen:
                reader.fail(f"{name} is already stored in line {seen[name]}", line.number)
            seen[name] = line.number
        alone = {name in biases for name in line.parameters}
        if not form.biases and len(alone) > 1:
            reader.fail(
                f"{line.name} holds biases and kernels, so that {form.layer} in line {form.number} "
                f"cannot be without biases",
                line.number,
            )
        if line.by_direction and form.names_directions:
            reader.fail(
                f"{line.name} has the direction on its first axis and in its name; one is enough",
                line.number,
            )
        try:
            arrange(line, shapes)
        except ValueError as error:
            reader.fail(str(error), line.number)
    if missing := [name for name in shapes if name not in seen]:
        reader.fail(
            f"{missing[0]} of {form.cell_id} is stored in no tensor of {form.layer}",
            form.number,
        )
