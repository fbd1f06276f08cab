"""SVG: names, from the LaTeX of the equations, with a rough width; and the frame of a drawing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from gru_sym.latex import GREEK
from gru_sym.render import Drawing

ACCENTS = {"tilde": "\u0303", "hat": "\u0302", "bar": "\u0304"}
COMMAND = re.compile(r"\\(?P<name>[A-Za-z]+)\{(?P<inside>[^{}]*)\}")
WORD = re.compile(r"\\(?P<name>[A-Za-z]+)\s?")


@dataclass(frozen=True)
class Label:
    r"""A name, and what stands lower behind it.

    >>> label(r"\tilde{h}_{t}").plain, label("W_{ir}").plain, label(r"\sigma").plain
    ('h̃_t', 'W_ir', 'σ')
    """

    head: str
    below: str = ""

    @property
    def plain(self) -> str:
        """The label in one line."""
        return self.head + ("_" + self.below if self.below else "")

    @property
    def width(self) -> float:
        """In units of the font's size: a little more than a sans-serif font needs."""
        letters = sum(not unicodedata.combining(letter) for letter in self.head)
        return 0.62 * letters + 0.45 * len(self.below)

    def tspans(self, size: float) -> str:
        """The inside of a `<text>`."""
        head = escape(self.head)
        if not self.below:
            return head
        low = f'<tspan dy="{0.22 * size:.1f}" font-size="{0.74 * size:.1f}">{escape(self.below)}'
        return f"{head}{low}</tspan>"


def label(latex: str) -> Label:
    """What a small piece of LaTeX, a name or a function, looks like."""
    head, found, below = latex.rpartition("_{") if latex.endswith("}") else ("", "", "")
    if not found or head.endswith("\\"):
        return Label(_letters(latex))
    return Label(_letters(head), _letters(below[:-1]).replace(" ", "").replace("t-1", "t−1"))


def _letters(latex: str) -> str:
    def inside(found: re.Match[str]) -> str:
        return found["inside"] + ACCENTS.get(found["name"], "")

    text = latex.replace(r"\_", "\0")
    while COMMAND.search(text):
        text = COMMAND.sub(inside, text)
    return WORD.sub(lambda found: _word(found["name"]), text).replace("\0", "_")


def _word(name: str) -> str:
    if name not in GREEK:
        return name
    case = "CAPITAL" if name[0].isupper() else "SMALL"
    return unicodedata.lookup(f"GREEK {case} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")


def framed(parts: Iterable[str], alt: str, width: float, height: float) -> Drawing:
    """A drawing in the colours of the page, with room for lines at its edges."""
    wide, high = f"{width + 2:.0f}", f"{height + 2:.0f}"
    style = "max-width: 100%; height: auto; font-family: sans-serif"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="theme-aware" role="img" '
        f'aria-label="{escape(alt)}" viewBox="-1 -1 {wide} {high}" width="{wide}" '
        f'height="{high}" style="{style}" fill="currentColor">'
    )
    return Drawing(f"{head}{''.join(parts)}</svg>", alt)
