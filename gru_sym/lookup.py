"""The catalogue: one text file a cell, found by its id `family.variant`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from gru_sym.cells import Cell

FOLDER = Path(__file__).parent / "texts"


class UnknownCell(KeyError):
    """An id that is not in the catalogue."""

    def __str__(self) -> str:
        return str(self.args[0])


class Catalogue(Mapping[str, Cell]):
    """Every cell of the catalogue, by id; read when it is first asked for.

    >>> "gru.pytorch" in catalogue
    True
    >>> catalogue["gru.dey_salem"].count()
    3*m*n + 3*n**2 + 3*n
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read = lru_cache(maxsize=None)(self._cell)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self.folder.glob("*.cell")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Cell:
        return self._read(name)

    def _cell(self, name: str) -> Cell:
        names = list(self)
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise UnknownCell(f"there is no cell {name} in the catalogue; {advice}")
        return Cell((self.folder / f"{name}.cell").read_text(encoding="utf-8"), name)


catalogue = Catalogue(FOLDER)


def cell(name: str) -> Cell:
    """The cell of the catalogue with this id, such as "gru.pytorch".

    >>> cell("gru.pytorch").count(m=8, n=16)
    1248

    Raises `UnknownCell`, a `KeyError`, with the nearest id.
    """
    return catalogue[name]
