"""Cells that people publish and use, read from `published.cells`: the truth about each.

The catalogue's cells by their ids, cells of libraries and papers, and the variants of both that a
review found hardest to certify. No formula comes from gru_sym: each effective one was found by
reasoning and is compared in `test_stress` with the rank of the oracle at three sizes.
`python -m stress.published` prints what gru_sym says of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Published:
    """A cell with the truth about it.

    Attributes
    ----------
    name, text, source : the cell; a source "recalled" was not read again.
    stored : the formula of its parameters.
    effective : the formula of those that count.
    condition : the sizes for which that formula holds, as comparisons with commas; "" for all.
    group : "catalogue", "field" or "variant".
    """

    name: str
    text: str
    source: str
    stored: str
    effective: str
    condition: str
    group: str


def _published(block: str) -> Published:
    lines = block.strip().splitlines()
    notes = [line.removeprefix("# ") for line in lines if line.startswith("#")]
    said = dict(note.split(": ", 1) for note in notes[1:])
    name, group = notes[0].removesuffix(")").split(" (")
    text = "\n".join(line for line in lines if not line.startswith("#"))
    if group == "catalogue":
        text = (files("gru_sym") / "texts" / f"{name}.cell").read_text(encoding="utf-8")
    stored = said["stored"]
    return Published(
        name,
        text,
        said.get("source", "named in the catalogue's text"),
        stored,
        said.get("effective", stored),
        said.get("for", ""),
        group,
    )


def _blocks() -> list[str]:
    text = Path(__file__).with_name("published.cells").read_text(encoding="utf-8")
    return [block for block in text.split("\n\n") if not block.startswith("##")]


PUBLISHED = tuple(map(_published, _blocks()))
"""All of them, in the order in which users meet them."""
