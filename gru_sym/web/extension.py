"""Sphinx: `{calculator}` puts the calculator on a page, its script and style on that page alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from gru_sym.figures.flow import COLOURS
from gru_sym.web.node import NoNode
from gru_sym.web.page import STATIC, calculator_html, script

SCRIPT, STYLE = "gru-calculator.js", "gru-calculator.css"


class Calculator(Directive):  # type: ignore[misc]
    """The directive, without arguments or content."""

    def run(self) -> list[nodes.Node]:
        """The calculator's HTML."""
        return [nodes.raw("", calculator_html(), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive, and what its page needs."""
    app.add_directive("calculator", Calculator)
    app.connect("builder-inited", _generate)
    app.connect("html-page-context", _load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _generate(app: Sphinx) -> None:
    """Write the script with the data of this build."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    try:
        calculator_html()
    except NoNode as error:
        raise ExtensionError(str(error)) from error
    (static / SCRIPT).write_text(script(), encoding="utf-8")
    gates = (f".gru-gate-{k} {{ --gru-gate: {colour}; }}\n" for k, colour in enumerate(COLOURS))
    style = (STATIC / "calculator.css").read_text(encoding="utf-8")
    (static / STYLE).write_text("".join([style, *gates]), encoding="utf-8")


def _load(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Only a page with the calculator loads its script and its style."""
    if 'id="gru-calculator"' in context.get("body", ""):
        app.add_js_file(SCRIPT, loading_method="defer")
        app.add_css_file(STYLE)
