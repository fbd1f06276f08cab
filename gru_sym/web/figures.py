"""Sphinx: `{cell-flow}` and `{null-directions}` draw cells of the catalogue while a page is built.

    ```{cell-flow}
    :colours: gru.pytorch
    gru.pytorch: PyTorch
    gru.dey_salem h_tilde: the candidate of Dey and Salem
    ```

One drawing a line, side by side where there is room: a cell, the equations of it that are drawn (if
not all), and after the colon what stands below.
"""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive, directives

from gru_sym.figures import flow, null_directions
from gru_sym.lookup import cell
from gru_sym.render import Drawing


def figure(drawing: Drawing, caption: str = "") -> str:
    """A drawing with what stands below it."""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{drawing.svg}{words}</figure>"


def beside(figures: list[str]) -> nodes.raw:
    """Figures side by side."""
    return nodes.raw("", f'<div class="gru-figures">{"".join(figures)}</div>', format="html")


class CellFlow(Directive):  # type: ignore[misc]
    """The data flow of one cell or several."""

    has_content = True
    option_spec = {"colours": directives.unchanged}  # noqa: RUF012 - docutils' way

    def run(self) -> list[nodes.Node]:
        """The drawings."""
        like = self.options.get("colours")
        figures = []
        for line in self.content:
            what, _, caption = line.partition(":")
            name, *only = what.split()
            try:
                drawn = flow(cell(name), only, like=cell(like) if like else None)
            except (KeyError, ValueError) as error:
                raise self.error(str(error)) from error
            figures.append(figure(drawn, caption.strip()))
        return [beside(figures)]


class NullDirections(Directive):  # type: ignore[misc]
    """The redundant directions of a cell's biases, with two units."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The drawing."""
        return [beside([figure(null_directions(cell(self.arguments[0])))])]


def setup(app: Any) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("cell-flow", CellFlow)
    app.add_directive("null-directions", NullDirections)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
