"""Sphinx: a button that runs a chapter's cells in the page, on each chapter where that pays.

Which these are is read off the cells: at least half of them need nothing but SymPy and gru_sym, and
no file of the book.
"""

from __future__ import annotations

import ast
import html
import json
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes

from gru_sym.web.chapter import Chapter

PACKED = ("sympy", "mpmath")
PAGE = Path(__file__).parent / "static" / "live_chapter.html"


@cache
def lacking(module: str) -> str:
    """What a browser's Python lacks of what a module imports, read off its source.

    >>> lacking("sympy"), lacking("torch.nn"), lacking("gru_sym.libraries.pytorch")
    ('', 'torch', 'torch')
    """
    top = module.partition(".")[0]
    if top != "gru_sym":
        return "" if top in PACKED or top in sys.stdlib_module_names else top
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return module
    imported: list[str] = []
    for node in ast.parse(Path(spec.origin).read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported.append(node.module or "")
    return next(filter(None, map(lacking, imported)), "")


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    """The code of a notebook: each cell's place and source, and what it needs that is not here.

    Of the landing page none, which stays light.
    """
    chapter, found = Chapter(lacking, notebook.parent), []
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    if any("```{calculator}" in "".join(cell["source"]) for cell in cells):
        return []
    for index, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and source.strip():
            needs = chapter.needs(ast.parse(source))
            found.append({"index": index, "source": source, "needs": needs})
    return found


def runs_here(cells: list[dict[str, Any]]) -> bool:
    """Whether at least half of a chapter's cells can be run in the page."""
    return bool(cells) and 2 * sum(not cell["needs"] for cell in cells) >= len(cells)


def add_button(app: Any, doctree: nodes.document) -> None:
    """Under the chapter's title, with what the page's script must know."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = cells_of(path)
    shown = [n for n in doctree.findall(nodes.container) if n.get("nb_element") == "cell_code"]
    if not shown or not runs_here(cells):
        return
    for node in shown:
        node["classes"].append(f"gru-cell-{node['cell_index']}")
    page = PAGE.read_text(encoding="utf-8").replace("CELLS", html.escape(json.dumps(cells)))
    title = next(doctree.findall(nodes.title))
    title.parent.insert(title.parent.index(title) + 1, nodes.raw("", page, format="html"))
