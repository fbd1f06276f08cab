"""One layer as a library stores it: tensors by its names, parameters by the cell's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import sympy as sp

from gru_sym.cells import Cell, SizeValue, evaluate
from gru_sym.layers import Layer
from gru_sym.libraries.layout_text import Form, TensorLine
from gru_sym.libraries.tensors import (
    Arrangement,
    arrange,
    array_library,
    assemble,
    solve_sizes,
    take,
)
from gru_sym.lookup import catalogue
from gru_sym.transform import replace, without_biases


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """A layer of a library.

    >>> from gru_sym.libraries.layout import layout
    >>> stored = layout("keras").layer("LSTM")
    >>> stored.cell_id, stored.layer.count(), stored.tensors["bias"]
    ('lstm.keras', 4*m*n + 4*n**2 + 4*n, (4*n,))

    Attributes
    ----------
    form : the lines of the layout.
    layer : what it computes; its parameters have the names that are unpacked.
    sizes : those that are given.
    """

    form: Form
    layer: Layer
    sizes: Mapping[str, int]

    @property
    def cell_id(self) -> str:
        """The id in the catalogue of the cell; where biases are left out, of the one with them."""
        return self.form.cell_id

    @property
    def count(self) -> SizeValue:
        """How many numbers are stored; a formula in the sizes that are not given."""
        return self.layer.count(**self.sizes)

    @cached_property
    def tensors(self) -> dict[str, tuple[SizeValue, ...]]:
        """Every tensor with its shape, in the library's order."""
        known, owner = self.layer.size_names, self.layer.cell.name
        return {
            name: tuple(evaluate(sp.sympify(size), self.sizes, known, owner) for size in shape)
            for name, shape in self._shapes.items()
        }

    def unpack(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters by the names of `layer.parameters`: views, where nothing is computed.

        >>> import numpy as np
        >>> from gru_sym.libraries.layout import layout
        >>> arrays = {"kernel": np.eye(9), "recurrent_kernel": np.ones((3, 9)),
        ...     "bias": np.ones((2, 9))}
        >>> named = layout("keras").layer("GRU").unpack(arrays)
        >>> named["W_r_l0"].shape, np.shares_memory(named["W_r_l0"], arrays["kernel"])
        ((3, 9), True)

        Tensors are NumPy arrays, torch tensors or whatever is sliced as they are.

        Raises `ValueError` for a name or a shape that is not the layer's.
        """
        arrangements = _arranged(self, tuple(self.sizes_of(tensors).items()))
        found: dict[str, Any] = {}
        for name, parts in self._parts.items():
            for part in parts:
                tensor = tensors[name] if part.direction is None else tensors[name][part.direction]
                own = take(tensor, part.line, arrangements[part])
                found |= {part.names[block]: array for block, array in own.items()}
        return {parameter.name: found[parameter.name] for parameter in self.layer.parameters}

    def pack(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The library's tensors, from the parameters by the names of `layer.parameters`.

        >>> import numpy as np
        >>> from gru_sym.libraries.layout import layout
        >>> named = {"W_l0": np.ones((3, 5)), "U_l0": np.eye(3), "b_l0": np.zeros(3)}
        >>> layout("keras").pack("SimpleRNN", named)["kernel"].shape
        (5, 3)

        Gradients flow through. Raises `ValueError` for a name or a shape that is not the layer's.
        """
        _solved(self, False, _shapes_of(parameters))
        packed: dict[str, Any] = {}
        for name, parts in self._parts.items():
            arrays = [
                assemble(part.line, {own: parameters[full] for own, full in part.names.items()})
                for part in parts
            ]
            alone = parts[0].direction is None
            packed[name] = arrays[0] if alone else array_library(arrays[0]).stack(arrays)
        return packed

    def sizes_of(self, tensors: Mapping[str, Any]) -> dict[str, int]:
        """The sizes of the layer that holds these tensors, read off their shapes.

        >>> import numpy as np
        >>> from gru_sym.libraries.layout import layout
        >>> arrays = {"kernel": np.ones((5, 3)), "recurrent_kernel": np.eye(3), "bias": np.ones(3)}
        >>> layout("keras").layer("SimpleRNN").sizes_of(arrays)
        {'m': 5, 'n': 3}

        Raises `ValueError` for a name or a shape that is not the layer's.
        """
        return dict(_solved(self, True, _shapes_of(tensors)))

    @cached_property
    def _parts(self) -> dict[str, list[_Part]]:
        """What is in every tensor: one line, or one for each direction."""
        parts: dict[str, list[_Part]] = {}
        names: dict[tuple[int, int], dict[str, str]] = {}
        for p in self.layer.parameters:
            names.setdefault((p.level, p.direction), {})[p.in_cell] = p.name
        both = self.layer.bidirectional
        for (level, direction), own in names.items():
            for line in self.form.lines:
                if own.keys() >= {*line.parameters}:
                    tensor = self.form.tensor_name(line.name, level, direction, both)
                    part = _Part(line, own, direction if line.by_direction else None)
                    parts.setdefault(tensor, []).append(part)
        return parts

    @cached_property
    def _shapes(self) -> dict[str, tuple[Any, ...]]:
        """The shape of every tensor, in symbols."""
        arrangements = _arranged(self, ())
        return {
            name: (() if parts[0].direction is None else (len(parts),))
            + arrangements[parts[0]].shape
            for name, parts in self._parts.items()
        }


@dataclass(frozen=True, eq=False)
class _Part:
    """One line of the layout, at one place of a layer."""

    line: TensorLine
    names: Mapping[str, str]
    direction: int | None


@lru_cache(maxsize=1024)
def _arranged(stored: StoredLayer, sizes: tuple[tuple[str, int], ...]) -> dict[_Part, Arrangement]:
    """Where everything lies, at these sizes."""
    at, shapes = dict(sizes), {}
    for p in stored.layer.parameters:
        axes = tuple(axis.subs(at) for axis in p.shape)
        shapes[p.name] = tuple(map(int, axes)) if at else axes
    return {
        part: arrange(part.line, {own: shapes[full] for own, full in part.names.items()})
        for parts in stored._parts.values()
        for part in parts
    }


@lru_cache(maxsize=1024)
def _solved(
    stored: StoredLayer, packed: bool, given: tuple[tuple[str, tuple[int, ...]], ...]
) -> tuple[tuple[str, int], ...]:
    """The sizes at which the tensors, or else the parameters, have these shapes."""
    wanted = stored._shapes if packed else {p.name: p.shape for p in stored.layer.parameters}
    sizes = solve_sizes(wanted, dict(given), stored.sizes)
    return tuple((name, sizes[name]) for name in stored.layer.size_names)


def _shapes_of(arrays: Mapping[str, Any]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((name, tuple(array.shape)) for name, array in arrays.items())


@lru_cache(maxsize=1024)
def stored_layer(
    form: Form, num_layers: int | str, bidirectional: bool, sizes: tuple[tuple[str, int], ...]
) -> StoredLayer:
    """The layer of a form of a layout; the same object for the same choice."""
    layer = Layer(
        _cell(form.cell_id, form.functions, form.biases),
        num_layers,
        bidirectional,
        learn_initial_state=form.trained_states,
    )
    return StoredLayer(form, layer, dict(sizes))


@lru_cache
def _cell(cell_id: str, functions: tuple[tuple[str, str], ...], biases: bool) -> Cell:
    """A cell of the catalogue, with the changes that a form says."""
    cell = catalogue[cell_id]
    for function, by in functions:
        cell = replace(cell, function, by)
    return cell if biases else without_biases(cell)
