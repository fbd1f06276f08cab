"""The first cell of a notebook that is run elsewhere, such as on Colab: it fetches the book.

Usage: python tools/first_cell.py book/*.ipynb

Puts the cell into the notebooks, brings it up to date, or takes it out: `repository.url` in
_config.yml decides. The build and the tests skip it, so nothing is executed anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
ID = "elsewhere"
TAGS = ["remove-cell", "skip-execution", "nbval-skip"]
CELL = """\
# Elsewhere than in the book's own environment, such as on Colab: the book and its package.
try:
    import gru_sym
except ImportError:
    !git -c advice.detachedHead=false clone --quiet --depth 1 --branch {tag} {repository} gru_book
    %pip install --quiet "./gru_book[book]"
    %cd gru_book/book
"""


def settings() -> tuple[str, str]:
    """The address of the repository, which may be empty, and the tag of this version."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return config["repository"]["url"].rstrip("/"), f"v{citation['version']}"


def with_first_cell(nb: NotebookNode, repository: str, tag: str) -> NotebookNode:
    """The notebook with the cell before its first of code; without it if there is no address."""
    nb = nbformat.from_dict(nb)
    nb.cells = [cell for cell in nb.cells if cell.get("id") != ID]
    if repository:
        source = CELL.format(tag=tag, repository=repository).rstrip("\n")
        cell = nbformat.v4.new_code_cell(source, id=ID, metadata={"tags": TAGS})
        places = (i for i, other in enumerate(nb.cells) if other.cell_type == "code")
        nb.cells.insert(next(places, len(nb.cells)), cell)
    return nb


def main(names: list[str]) -> int:
    """Rewrite the notebooks that are not as they should be."""
    for path in map(Path, names):
        old = nbformat.read(path, as_version=4)
        new = with_first_cell(old, *settings())
        if new != old:
            path.write_text(nbformat.writes(new) + "\n", encoding="utf-8", newline="\n")
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
