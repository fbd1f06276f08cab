"""The catalogue: one text file a cell, found by its id `family.variant`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_sym.cells import Cell

SUFFIX = ".cell"
FOLDER = files("gru_sym") / "texts"
"""A folder, or a place in a zip from which Python runs."""


class UnknownCell(KeyError):
    """An id that is not in the catalogue."""

    def __str__(self) -> str:
        return str(self.args[0])


class Catalogue(Mapping[str, "Cell"]):
    """Every cell of the catalogue, by id; read when it is first asked for.

    >>> "gru.pytorch" in catalogue
    True
    >>> catalogue["gru.dey_salem"].count()
    3*m*n + 3*n**2 + 3*n
    >>> [name for name in catalogue if name.startswith("gru.dey")]
    ['gru.dey_salem', 'gru.dey_salem_1', 'gru.dey_salem_2', 'gru.dey_salem_3']
    >>> {name: found.biases() for name, found in catalogue.items() if name.startswith("gru.k")}
    {'gru.keras': 6*n, 'gru.keras_hard_sigmoid': 3*n, 'gru.keras_reset_before': 3*n}
    """

    def __init__(self, folder: Traversable) -> None:
        self.folder = folder
        self._read = lru_cache(maxsize=None)(self._cell)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(n.removesuffix(SUFFIX) for n in self._names() if n.endswith(SUFFIX)))

    def _names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Cell:
        return self._read(name)

    def _cell(self, name: str) -> Cell:
        names = list(self)
        if name not in names:
            advice = _advice(str(name), names)
            raise UnknownCell(f"there is no cell {name} in the catalogue; {advice}")
        from gru_sym.cells import Cell

        return Cell((self.folder / f"{name}.cell").read_text(encoding="utf-8"), name)


catalogue = Catalogue(FOLDER)


def cell(name: str) -> Cell:
    """The cell of the catalogue with this id, such as "gru.pytorch".

    >>> cell("gru.pytorch").count(m=8, n=16)
    1248
    >>> print(cell("rnn.elman").text)
    # The simple recurrent network, one bias
    # source: named after Elman 1990, Finding Structure in Time, not read here; Keras' SimpleRNN
    stores the same
    <BLANKLINE>
    h' = tanh(W @ x + U @ h + b)
    <BLANKLINE>
    >>> cell("gru.keras").title
    "Keras' GRU with its default reset_after=True: reset after the product, two biases a gate"
    >>> cell("gru.torch")
    Traceback (most recent call last):
    gru_sym.lookup.UnknownCell: there is no cell gru.torch in the catalogue; did you mean
    gru.pytorch?

    Raises `UnknownCell`, a `KeyError`, with the id that was meant or with what there is of its
    family and its library: never with the cell of another one as if it were the same.
    """
    return catalogue[name]


def _advice(name: str, names: Sequence[str]) -> str:
    """Which cell was meant, if only the spelling is wrong; else what there is of its kind."""
    words = {other: _words(other) for other in names}
    given = _words(name)
    family = [other for other in names if words[other][:1] == given[:1]]
    variants = {"_".join(words[other][1:]): other for other in family}
    meant = [other for other in names if sorted(words[other]) == sorted(given)]
    meant += [variants[near] for near in _misspelt("_".join(given[1:]), variants)]
    if meant:
        return f"did you mean {meant[0]}?"
    kinds = {word: [n for n in names if word in words[n] and n not in family] for word in given}
    others = {word: ", ".join(found) for word, found in kinds.items() if found}
    if others and not family:
        return "; ".join(f"of {word} there are {found}" for word, found in others.items())
    if not family:  # the whole catalogue is no answer
        families = dict.fromkeys(words[other][0] for other in names)
        return f"its {len(names)} cells have ids such as {names[0]}, in {', '.join(families)}"
    also = "".join(f", and of {word} {found}" for word, found in others.items())
    return f"there are {', '.join(family)}{also}"


def _words(name: str) -> list[str]:
    """The family, then the words of the variant, its library first."""
    return re.findall(r"[^\W_]+", name.casefold())


def _misspelt(word: str, known: Iterable[str]) -> list[str]:
    """Of the known words those that this one is with a slip of the pen, and not another word.

    Short words are close to each other as they stand: flax, flux and lux are three libraries.

    >>> _misspelt("torch", ["pytorch", "keras"]), _misspelt("kreas", ["keras"])
    (['pytorch'], ['keras'])
    >>> _misspelt("flax", ["flux"]), _misspelt("dey_salem_4", ["dey_salem_3"])
    ([], [])
    """
    found = [k for k in known if sorted(k) == sorted(word) or _once(k) == _once(word)]
    if len(word) >= 5:
        long = [k for k in known if len(k) >= 5 and re.findall(r"\d", k) == re.findall(r"\d", word)]
        found += difflib.get_close_matches(word, long, n=1, cutoff=0.8)
    return list(dict.fromkeys(found))


def _once(word: str) -> str:
    """A word without its doubled letters."""
    return "".join(letter for letter, _ in groupby(word))
