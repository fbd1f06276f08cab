"""All the cells: the random ones of every kind, and those of the review."""

from __future__ import annotations

from dataclasses import dataclass

import stress.gated
import stress.odd  # noqa: F401  # both enter their kinds
from stress.making import KINDS, cell_text
from stress.reviewed import REVIEWED

FIXED = "reviewed"
"""The kind of the cells that are a list."""


@dataclass(frozen=True)
class Numbered:
    """A cell and how to make it again."""

    kind: str
    seed: int
    number: int
    text: str

    @property
    def label(self) -> str:
        """What `--seed` and `--only` want."""
        return f"SEED={self.seed} ONLY={self.kind}:{self.number}"


def kinds() -> tuple[str, ...]:
    """The names of all kinds."""
    return (*KINDS, FIXED)


def numbered(cells: int, seed: int, chosen: list[str]) -> list[Numbered]:
    """So many cells, the kinds in turn; the reviewed ones first, each once."""
    names = chosen or list(kinds())
    fixed = min(cells, len(REVIEWED)) if FIXED in names else 0
    names = [name for name in names if name != FIXED]
    made = range(cells - fixed if names else 0)
    return [
        *(one(FIXED, seed, number) for number in range(fixed)),
        *(one(names[index % len(names)], seed, index // len(names)) for index in made),
    ]


def one(name: str, seed: int, number: int) -> Numbered:
    """The cell of a kind, a seed and a number; of the reviewed ones there are only so many."""
    text = REVIEWED[number][0] if name == FIXED else cell_text(name, seed, number)
    return Numbered(name, seed, number, text)
