"""The layer that tensors are, or the layers on top of each other: parameters by their places."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gru_sym.explanation.recognition import Recognised, recognise
from gru_sym.language.syntax import INPUT
from gru_sym.libraries.atlas import written
from gru_sym.libraries.layout import Layout, allowed
from gru_sym.libraries.stored import StoredLayer

Place = tuple[int, int]
"""Level and direction."""

DIRECTIONS = ("forward", "backward")
PART = re.compile(r"(?:(\d{1,4})/)?(?:(forward|backward)/)?")


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
    def both(self) -> bool:
        """Whether there are two directions."""
        return (0, 1) in self.places

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
    found = recognise(tensors, library, allowed(library, name, options))
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
        starts = _one_on_the_other(found)
    elif (own := _told(found)) is not None:
        starts = own
    elif len(found) > 1:
        raise ValueError(
            f"there are {len(found)} recurrent layers of {library.title}, "
            f"{', '.join(one.place for one in found)}; say which one is meant"
        )
    else:
        starts = [(0, 0)]
    return _piled(found, starts, library)


def _one_on_the_other(found: Sequence[Recognised]) -> list[Place]:
    heights = [int(str(one.stored.layer.num_layers)) for one in found]
    return [(sum(heights[:index]), 0) for index in range(len(found))]


def _told(found: Sequence[Recognised]) -> list[Place] | None:
    """The places that the prefixes tell, as `part_of` writes them; None if they tell none."""
    matches = [match for one in found if (match := PART.fullmatch(one.prefix))]
    if not len(matches) == len(found) > 1:
        return None
    places = [(int(m[1] or 0), DIRECTIONS.index(m[2] or DIRECTIONS[0])) for m in matches]
    levels, directions = (range(1 + max(column)) for column in zip(*places, strict=True))
    whole = [(level, direction) for level in levels for direction in directions]
    return places if sorted(places) == whole else None


def part_of(level: int | None, direction: int | None) -> str:
    """What stands before the names of one level or direction that is a layer of its own.

    >>> part_of(1, None), part_of(0, 1), part_of(None, None)
    ('1/', '0/backward/', '')
    """
    start = "" if level is None else f"{level}/"
    return start if direction is None else f"{start}{DIRECTIONS[direction]}/"


def _piled(found: Sequence[Recognised], starts: Sequence[Place], library: Layout) -> Stack:
    """Layers that are parts of one stack, each with the place of its first parameters."""
    places: dict[Place, dict[str, Any]] = {}
    states: dict[Place, dict[str, Any]] = {}
    first = found[0].stored
    directions = max(first.layer.directions, 1 + max(direction for _, direction in starts))
    reads = str(first.layer.cell.sizes.shapes[INPUT][0])
    handed = int(first.layer.output_size.subs(first.sizes)) // first.layer.directions * directions
    for one, (level, direction) in zip(found, starts, strict=True):
        stored = one.stored
        if stored.form is not first.form or stored.layer.directions != first.layer.directions:
            raise ValueError(
                f"{one.place} is {written(stored.form)} and {found[0].place} is "
                f"{written(first.form)}; only layers of one kind, in as many directions, are one "
                f"stack"
            )
        sizes = {**first.sizes} | ({reads: handed} if level and reads in first.sizes else {})
        if stored.sizes != sizes:
            raise ValueError(
                f"{one.place} has {_shown(stored.sizes)}; in one stack with {found[0].place} it "
                f"must have {_shown(sizes)}"
            )
        arrays = stored.unpack(one.tensors)
        for p in stored.layer.parameters:
            _check_numbers(arrays[p.name], f"{p.name} of {library.title}")
            kind = states if p.role == "initial state" else places
            kind.setdefault((level + p.level, direction + p.direction), {})[p.in_cell] = arrays[
                p.name
            ]
    return Stack(found, places, states)


def _shown(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def _check_numbers(array: Any, name: str) -> None:
    kind = str(array.dtype)
    if "float" not in kind or "float8" in kind:
        raise ValueError(f"{name} holds {kind}; weights are converted as float16 to float64")
