"""Icons: inline SVG drawn from the theme's own icon font, and that font cut to what styles use."""

from __future__ import annotations

import logging
import re
from functools import cache
from io import BytesIO
from pathlib import Path

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

PLACE = re.compile(
    r'<(?P<tag>i|span) class="(?P<classes>[^"]*\bfas?(?:-solid)? [^"]*)"(?P<rest>[^>]*)></(?P=tag)>'
)
CODE_POINT = re.compile(r'content:\s*"?\\([ef][0-9a-f]{3})\b', re.IGNORECASE)


logging.getLogger("fontTools").setLevel(logging.ERROR)


class NoIcon(Exception):
    """The icon font has no such icon."""


class Icons:
    """Icons of one font file, `fa-solid-900.ttf` of Font Awesome (CC BY 4.0)."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.font = TTFont(file)
        self.svg = cache(self._svg)

    def _svg(self, name: str) -> str:
        glyphs = self.font.getGlyphSet()
        if name not in glyphs:
            raise NoIcon(f"no icon {name!r} in {self.file.name}")
        pen = SVGPathPen(glyphs, ntos=lambda value: f"{value:.0f}")
        glyphs[name].draw(pen)
        ascent, height = self.font["hhea"].ascent, self.font["head"].unitsPerEm
        return (
            f'viewBox="0 {-ascent} {glyphs[name].width} {height}" aria-hidden="true">'
            f'<path transform="scale(1 -1)" fill="currentColor" d="{pen.getCommands()}"/></svg>'
        )

    def inline(self, html: str) -> str:
        """A page whose `<i class="fas fa-NAME">` are drawings."""

        def draw(found: re.Match[str]) -> str:
            words = found["classes"].split()
            name = next(w[3:] for w in words if w.startswith("fa-") and w not in ("fa-solid",))
            rest = re.sub(r'\s*title="[^"]*"', "", found["rest"])
            return f'<svg class="icon {" ".join(words)}"{rest} {self.svg(name)}'

        return PLACE.sub(draw, html)


def subset(file: Path, characters: set[int]) -> bytes:
    """A WOFF file with these characters of a font only."""
    options = Options()
    options.flavor = "woff"
    options.hinting = False  # a third of a small font, for screens that are coarse
    cut = Subsetter(options)
    cut.populate(unicodes=characters)
    font = TTFont(file)
    cut.subset(font)
    font.flavor = "woff"
    written = BytesIO()
    font.save(written)
    return written.getvalue()
