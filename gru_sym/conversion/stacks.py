"""The layer that tensors are, or the layers on top of each other: parameters by their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gru_sym.conversion.recognition import Recognised, recognise
from gru_sym.language.syntax import INPUT
from gru_sym.libraries.atlas import written
from gru_sym.libraries.layout import Layout
from gru_sym.libraries.stored import StoredLayer

Place = tuple[int, int]
"""Level and direction."""


@dataclass(frozen=True)
class Stack:
    """The parameters of a stack of cells by level and direction, and the trained first states."""

    whole: Sequence[Recognised]
    places: Mapping[Place, Mapping[str, Any]]
    states: Mapping[Place, Mapping[str, Any]]

    @property
    def stored(self) -> StoredLayer:
        """The lowest layer.

        >>> import numpy as np
        >>> from gru_sym.libraries.layout import layout
        >>> named = {"kernel": np.ones((5, 3)), "recurrent_kernel": np.eye(3), "bias": np.ones(3)}
        >>> found = stack_of(named, layout("keras"), None, None, {})
        >>> found.stored.cell_id, found.height, list(found.places[0, 0])
        ('rnn.elman', 1, ['W', 'U', 'b'])
        """
        return self.whole[0].stored

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes of the lowest layer."""
        return self.stored.sizes

    @property
    def height(self) -> int:
        """How many levels there are."""
        return 1 + max(level for level, _ in self.places)


def stack_of(
    tensors: Mapping[str, Any],
    library: Layout,
    layer: str | Sequence[str] | None,
    name: str | None,
    options: Mapping[str, Any],
) -> Stack:
    """The layer, or the layers on top of each other, that are meant."""
    if not tensors:
        raise ValueError("there are no tensors")
    found = recognise(tensors, library, name, options)
    if layer is not None:
        known = {one.prefix.strip("/"): one for one in found}
        wanted = [layer] if isinstance(layer, str) else list(layer)
        asked = [each.replace(".", "/").strip("/") for each in wanted]
        for each, at in zip(wanted, asked, strict=True):
            if at not in known:
                raise ValueError(
                    f"there is no recurrent layer of {library.title} at {each!r}; there are "
                    f"{', '.join(one.place for one in found)}"
                )
        found = [known[at] for at in asked]
    elif len(found) > 1 and [one.prefix for one in found] != [f"{k}/" for k in range(len(found))]:
        raise ValueError(
            f"there are {len(found)} recurrent layers of {library.title}, "
            f"{', '.join(one.place for one in found)}; say which one is meant"
        )
    return _piled(found, library)


def _piled(found: Sequence[Recognised], library: Layout) -> Stack:
    places: dict[Place, dict[str, Any]] = {}
    states: dict[Place, dict[str, Any]] = {}
    height = 0
    for one in found:
        stored, first = one.stored, found[0].stored
        if stored.layer.cell is not first.layer.cell or stored.form is not first.form:
            raise ValueError(
                f"{one.place} is {written(stored.form)} and {found[0].place} is "
                f"{written(first.form)}; only equal layers are one stack"
            )
        if stored.layer.directions != first.layer.directions:
            raise ValueError(f"{one.place} and {found[0].place} have not equally many directions")
        if height:
            handed = int(first.layer.output_size.subs(first.sizes))
            reads = stored.layer.cell.sizes.shapes[INPUT][0]
            if stored.sizes.get(str(reads)) != handed:
                raise ValueError(
                    f"{one.place} reads {stored.sizes.get(str(reads))} numbers, and the layer "
                    f"below hands on {handed}"
                )
        arrays = stored.unpack(one.tensors)
        for p in stored.layer.parameters:
            _check_numbers(arrays[p.name], f"{p.name} of {library.title}")
            kind = states if p.role == "initial state" else places
            kind.setdefault((height + p.level, p.direction), {})[p.in_cell] = arrays[p.name]
        height += int(str(stored.layer.num_layers))
    return Stack(found, places, states)


def _check_numbers(array: Any, name: str) -> None:
    kind = str(array.dtype)
    if "float" not in kind or "float8" in kind:
        raise ValueError(f"{name} holds {kind}; weights are converted as float16 to float64")
