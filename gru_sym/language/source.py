"""One line of a cell text: its code without the comment, and errors that point into it."""

from __future__ import annotations

import keyword
import unicodedata
from typing import NoReturn

from gru_sym.language.errors import CellError, Place

MAX_LINE = 4_000

PRIME = "\N{MODIFIER LETTER PRIME}"
"""Stands for every prime inside the code: a letter to Python, so that `ast` reads h' as a name."""

PRIMES = str.maketrans(dict.fromkeys("'\N{PRIME}\N{RIGHT SINGLE QUOTATION MARK}", PRIME))


class SourceLine:
    """A numbered line. Columns here count from 0, in a `Place` from 1.

    >>> SourceLine(3, "h' = x  # the input").code.rstrip() == f"h{PRIME} = x"
    True
    """

    def __init__(self, number: int, source: str) -> None:
        self.number = number
        self.source = source
        self.code = source.split("#", 1)[0].translate(PRIMES)
        if len(self.code) > MAX_LINE:
            self.fail(f"a line has at most {MAX_LINE} characters, not {len(self.code)}", 0, 1)

    def place(self, start: int, end: int) -> Place:
        """The place of the characters from start up to end."""
        return Place(self.number, start + 1, max(end, start + 1) + 1)

    def fail(self, message: str, start: int | None = None, end: int | None = None) -> NoReturn:
        """Raise a `CellError`, under the whole line unless told a narrower place."""
        if start is None:
            start = len(self.code) - len(self.code.lstrip())
        if end is None:
            end = len(self.code.rstrip())
        raise CellError(message, self.place(start, end), self.source)

    def refuse_reserved(self, word: str, start: int) -> None:
        """Raise if a word is one of Python's own."""
        if keyword.iskeyword(normal(word)):
            message = f"{word} is a reserved word of Python; choose another name"
            self.fail(message, start, start + len(word))


def is_name(text: str) -> bool:
    """Whether a text is one unprimed name, also after Python's normalisation of Unicode."""
    return PRIME not in text and text.isidentifier() and normal(text).isidentifier()


def normal(name: str) -> str:
    """A name as `ast` spells it."""
    return unicodedata.normalize("NFKC", name)
