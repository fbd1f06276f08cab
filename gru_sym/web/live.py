"""Sphinx: `{live-cell}` puts the live cell on a page, its script and style on that page alone.

The pack that the page loads when it is asked for, Python and gru_sym, is in `_build/live`, made by
`tools/live_pack.py`. Without it the page says that this copy of the book has no live cell.
"""

from __future__ import annotations

import html
import json
import os
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util.logging import getLogger

from gru_sym.lookup import cell

STATIC = Path(__file__).parent / "static"
PACK = Path("_build", "live")
"""Where the pack is, from the folder in which the book is built."""
FOLDER = "gru-live"
FILES = ("live.js", "live_worker.js", "live.css")
EXAMPLES = {
    "PyTorch's GRU": "gru.pytorch",
    "GRU, reset before the product": "gru.dey_salem",
    "LSTM": "lstm.textbook",
    "LSTM with peepholes": "lstm.peephole",
    "PyTorch's LSTM with a projection": "lstm.projected",
    "Elman's network": "rnn.elman",
}
OWN = {
    "A low-rank kernel": "h' = tanh(A @ (B @ x) + U @ h + b)",
    "A leak and two states": """rho: 1
f  = sigmoid(W_f @ x + U_f @ h + p_f * c + b_f)
g  = tanh(W_g @ x + f * (U_g @ h + b_h) + b_g)
c' = f * c + (1 - f) * g
h' = rho * tanh(c') + (1 - rho) * h""",
    "Tied kernels": """r  = sigmoid(W @ x + U @ h)
h' = tanh(W @ x + U @ (r * h))""",
    "A mistake: sizes that clash": """r  = sigmoid(W @ x)
h' = (1 - r) * h + r * tanh(W @ h)""",
}
ABSENT = "This copy of the book was built without its live cell. All else on this page is whole."


class LiveCell(Directive):  # type: ignore[misc]
    """The directive; its content is the cell that stands in the field at first."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The field, or the sentence that there is none."""
        text = html.escape("\n".join(self.content))
        if (PACK / "manifest.json").is_file():
            made = cell_html(text)
        elif os.environ.get("CI") == "true":
            raise self.error(f"there is no {PACK}, so no live cell: run tools/live_pack.py")
        else:
            getLogger(__name__).info("THE BOOK HAS NO LIVE CELL: there is no %s", PACK)
            made = f'<div class="gru-live"><p>{ABSENT}</p><pre>{text}</pre></div>'
        return [nodes.raw("", made, format="html")]


def cell_html(text: str) -> str:
    """The field with a cell in it, escaped, and all that its script must know."""
    about = json.loads((PACK / "manifest.json").read_text(encoding="utf-8"))
    about["examples"] = {name: cell(known).text for name, known in EXAMPLES.items()} | OWN
    page = (STATIC / "live.html").read_text(encoding="utf-8")
    return page.replace("PACK", html.escape(json.dumps(about))).replace("CELL", text)


def setup(app: Any) -> dict[str, Any]:
    """Register the directive, and what its page needs."""
    app.add_directive("live-cell", LiveCell)
    app.connect("builder-inited", _copy)
    app.connect("html-page-context", _load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _copy(app: Any) -> None:
    """The pack and the scripts, into the pages."""
    if app.builder.format != "html" or not PACK.is_dir():
        return
    folder = Path(app.outdir) / "_static" / FOLDER
    shutil.copytree(PACK, folder, dirs_exist_ok=True)
    for name in FILES:
        shutil.copyfile(STATIC / name, folder / name)


def _load(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Only a page with the live cell loads its script and its style."""
    if 'id="gru-live-text"' in context.get("body", ""):
        app.add_js_file(f"{FOLDER}/live.js", loading_method="defer")
        app.add_css_file(f"{FOLDER}/Temml-Local.css")
        app.add_css_file(f"{FOLDER}/live.css")
