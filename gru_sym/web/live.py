"""Sphinx: `{live-cell}` and `{live-model}` put a field for a cell, or for a file, on a page.

The pack that the page loads when it is asked for, Python and gru_sym, is in `_build/live`, made by
`tools/live_pack.py`. Without it the page says that this copy of the book has no such field.
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
from gru_sym.web.live_chapter import add_button

STATIC = Path(__file__).parent / "static"
PACK = Path("_build", "live")
"""Where the pack is, from the folder in which the book is built."""
FOLDER = "gru-live"
SCRIPTS = {
    "gru-live": "live_cell.js",
    "gru-model": "live_model.js",
    "gru-chapter": "live_chapter.js",
}
"""By the name of a field on a page its script."""
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
ABSENT = "This copy of the book was built without its live {}. All else on this page is whole."


class LiveCell(Directive):  # type: ignore[misc]
    """The directive; its content is the cell that stands in the field at first."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The field, or the sentence that there is none."""
        text = html.escape("\n".join(self.content))
        if not _is_packed(self):
            made = f'<div class="gru-live"><p>{ABSENT.format("cell")}</p><pre>{text}</pre></div>'
        else:
            made = cell_html(text)
        return [nodes.raw("", made, format="html")]


class LiveModel(Directive):  # type: ignore[misc]
    """The directive, without arguments or content."""

    def run(self) -> list[nodes.Node]:
        """The field for a file, or the sentence that there is none."""
        made = f'<div class="gru-live"><p>{ABSENT.format("field for a file")}</p></div>'
        if _is_packed(self):
            made = (STATIC / "live_model.html").read_text(encoding="utf-8")
        return [nodes.raw("", made, format="html")]


def _is_packed(directive: Any) -> bool:
    """Whether there is a pack: without one CI refuses to build."""
    if (PACK / "manifest.json").is_file():
        return True
    if os.environ.get("CI") == "true":
        raise directive.error(f"there is no {PACK}, so no {directive.name}: run tools/live_pack.py")
    getLogger(__name__).info("THE BOOK HAS NO %s: there is no %s", directive.name.upper(), PACK)
    return False


def cell_html(text: str) -> str:
    """The field with a cell in it, escaped, and all that its script must know."""
    examples = {name: cell(known).text for name, known in EXAMPLES.items()} | OWN
    page = (STATIC / "live_cell.html").read_text(encoding="utf-8")
    return page.replace("EXAMPLES", html.escape(json.dumps(examples))).replace("CELL", text)


def setup(app: Any) -> dict[str, Any]:
    """Register the directive, and what its page needs."""
    app.add_directive("live-cell", LiveCell)
    app.add_directive("live-model", LiveModel)
    app.connect("builder-inited", _copy)
    if (PACK / "manifest.json").is_file():
        app.connect("doctree-read", add_button)
    app.connect("html-page-context", _load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _copy(app: Any) -> None:
    """The pack and the scripts, into the pages."""
    if app.builder.format != "html" or not PACK.is_dir():
        return
    folder = Path(app.outdir) / "_static" / FOLDER
    shutil.copytree(PACK, folder, dirs_exist_ok=True)
    for name in (*SCRIPTS.values(), "live_worker.js", "live_offline.js", "live.css"):
        shutil.copyfile(STATIC / name, folder / name)
    pack = (PACK / "manifest.json").read_text(encoding="utf-8")
    script = (STATIC / "live_python.js").read_text(encoding="utf-8")
    (folder / "live_python.js").write_text(f"globalThis.gruPack = {pack};\n{script}", "utf-8")


def _load(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Only a page with a live field loads its scripts and its style."""
    body = context.get("body", "")
    scripts = [script for name, script in SCRIPTS.items() if f'id="{name}"' in body]
    for script in ["live_python.js", *scripts] * bool(scripts):
        app.add_js_file(f"{FOLDER}/{script}", loading_method="defer")
    for style in ("Temml-Local.css", "live.css") * bool(scripts):
        app.add_css_file(f"{FOLDER}/{style}")
