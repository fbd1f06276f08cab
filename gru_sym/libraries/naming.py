"""What the tensors of a layer are called, by level and direction; nothing here reads SymPy.

A naming is `*` for a tensor's own name, with holes: `{level}` or `{level+1}`, `{_reverse}` for the
second direction alone, `{one|forward|backward}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

HOLES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class SizeOf:
    """The value of an option that is a size of the cell."""

    size: str

    def __str__(self) -> str:
        return self.size


Option = bool | int | str | None | SizeOf


class Line(Protocol):
    """A tensor of a layer."""

    @property
    def name(self) -> str:
        """Without what the naming adds."""

    @property
    def by_direction(self) -> bool:
        """Whether there is one for both directions."""


class Named:
    """A layer with its tensors, of which a naming says what they are called."""

    naming: str
    lines: Sequence[Line]

    def tensor_name(self, name: str, level: int, direction: int, both: bool) -> str:
        """What the library calls a tensor of one level and direction."""

        def fill(hole: re.Match[str]) -> str:
            if hole[1] in ("level", "level+1"):
                return str(level + (hole[1] == "level+1"))
            return by_direction(hole[1])[direction + both if both else 0]

        return HOLES.sub(fill, self.naming).replace("*", name)

    def ends(self, name: str) -> set[str]:
        """The last parts of what a tensor may be called, each number in them as 0."""
        places = ((0, False), (0, True), (1, True))
        names = {self.tensor_name(name, 0, direction, both) for direction, both in places}
        return {end_of(plain(name)) for name in names}

    @property
    def has_levels(self) -> bool:
        """Whether one layer of the library may be a stack."""
        return any(hole.startswith("level") for hole in HOLES.findall(self.naming))

    @property
    def has_directions(self) -> bool:
        """Whether one layer of the library may have both directions."""
        return self.names_directions or any(line.by_direction for line in self.lines)

    @property
    def names_directions(self) -> bool:
        """Whether a tensor's name tells its direction."""
        return any(not hole.startswith("level") for hole in HOLES.findall(self.naming))


def end_of(path: str) -> str:
    """The last part of a path, each number in it as 0.

    >>> end_of("encoder/weight_ih_l12_reverse")
    'weight_ih_l0_reverse'
    """
    return re.sub(r"\d+", "0", path.rpartition("/")[2])


def by_direction(hole: str) -> tuple[str, ...]:
    """A hole's text for the one direction there is, for the first of two, for the second.

    >>> by_direction("_reverse"), by_direction("|forward/|backward/")
    (('', '', '_reverse'), ('', 'forward/', 'backward/'))
    """
    parts = tuple(hole.split("|"))
    return ("", "", *parts) if len(parts) == 1 else parts


def plain(name: str) -> str:
    """A name as it is compared: parts of a path are parted by one sign, TensorFlow's :0 is gone.

    >>> plain("cell.ir.kernel"), plain("gru/kernel:0")
    ('cell/ir/kernel', 'gru/kernel')
    """
    return re.sub(r"[.:]", "/", name.removesuffix(":0"))


@dataclass(frozen=True)
class Place:
    """What one name may be: a tensor of a form's naming, at a level, in a direction."""

    name: str
    level: int
    direction: int


@lru_cache
def _pattern(naming: str, line: str) -> re.Pattern[str]:
    """What a tensor of a layer is called, wherever the layer is."""
    pattern, end = "", 0
    text = plain(naming.replace("*", line))
    for hole in HOLES.finditer(text):
        pattern += re.escape(text[end : hole.start()])
        if hole[1].startswith("level"):
            pattern += r"(?P<level>\d{1,3})"
        else:
            parts = hole[1].split("|")
            one, two = ("", parts[0]) if len(parts) == 1 else (parts[1], parts[2])
            alone = "" if len(parts) == 1 else re.escape(parts[0])
            pattern += f"(?:(?P<second>{re.escape(two)})|(?P<first>{re.escape(one)})|{alone})"
        end = hole.end()
    pattern += re.escape(text[end:])
    return re.compile(f"(?P<prefix>(?:.*?/)??){pattern}")


class Paths:
    """The paths of tensors, found by how they end."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.by_end: dict[str, list[str]] = {}
        for path in paths:
            self.by_end.setdefault(end_of(path), []).append(path)
        self._placed: dict[tuple[str, str], dict[str, dict[Place, str]]] = {}

    def places(self, form: Named, names: Iterable[str]) -> dict[str, dict[Place, str]]:
        """By prefix the places that there are of tensors of a form's naming, with their paths."""
        found: dict[str, dict[Place, str]] = {}
        for name in names:
            if (key := (form.naming, name)) not in self._placed:
                ends = form.ends(name) & self.by_end.keys()
                self._placed[key] = _placed(*key, [p for e in ends for p in self.by_end[e]])
            for prefix, own in self._placed[key].items():
                found.setdefault(prefix, {}).update(own)
        return found


def _placed(naming: str, line: str, paths: Sequence[str]) -> dict[str, dict[Place, str]]:
    found: dict[str, dict[Place, str]] = {}
    for path in paths:
        if match := _pattern(naming, line).fullmatch(path):
            have = match.groupdict()
            level = int(have.get("level") or 0) - ("{level+1}" in naming)
            place = Place(line, level, int(bool(have.get("second"))))
            found.setdefault(match["prefix"], {})[place] = path
    return found
