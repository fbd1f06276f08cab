"""The one error a cell text can raise: what is wrong, where, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """A stretch of one line of a cell text; `line`, `column` and `end` count from 1.

    >>> Place(line=2, column=5, end=9)
    Place(line=2, column=5, end=9)
    """

    line: int
    column: int
    end: int


NOWHERE = Place(0, 0, 0)
"""The place of what stands in no text; one for all, so that equal means equal."""


class CellError(ValueError):
    """A cell text that cannot be read, with the place and one sentence.

    >>> from gru_sym import Cell
    >>> try:
    ...     Cell("h' = tanh(W @ h + x)")
    ... except CellError as error:
    ...     print(error)
    line 1, column 6: sizes clash in `tanh(W @ h + x)`: `h'` has size n (h is a state), but
    `tanh(W @ h + x)` has size m (from `W @ h + x` in line 1, and x is the input)
        h' = tanh(W @ h + x)
             ^^^^^^^^^^^^^^^

    Attributes
    ----------
    message : one sentence, without the place.
    line, column : where, counted from 1.
    summary : place and sentence on one line, as the command line prints it.
    """

    def __init__(self, message: str, place: Place, source_line: str) -> None:
        self.message = message
        self.place = place
        self.source_line = source_line
        super().__init__(message)

    def __reduce__(self) -> tuple[type[CellError], tuple[str, Place, str]]:
        return CellError, (self.message, self.place, self.source_line)

    @property
    def line(self) -> int:
        """The line of the cell text, from 1."""
        return self.place.line

    @property
    def column(self) -> int:
        """The column in that line, from 1."""
        return self.place.column

    @property
    def summary(self) -> str:
        """Place and sentence on one line."""
        return f"line {self.line}, column {self.column}: {_printable(self.message)}"

    def __str__(self) -> str:
        text, caret = _window(self.source_line, self.place)
        return f"{self.summary}\n    {text}\n    {caret}"


def _printable(text: str) -> str:
    """The text on one line: what it quotes may hold tabs and form feeds."""
    return "".join(c if c.isprintable() else " " for c in text)


def _window(line: str, place: Place, width: int = 76) -> tuple[str, str]:
    """The part of a line around the place, and the carets under it."""
    printable = _printable(line)
    start = max(0, place.column - 1 - width // 2) if len(line) > width else 0
    text = printable[start : start + width]
    left = place.column - 1 - start
    length = max(1, min(place.end - place.column, len(text) - left))
    return text, " " * left + "^" * length
