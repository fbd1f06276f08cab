"""An explanation as HTML: in a notebook, and in the page where a reader's own file is explained."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from gru_sym.explanation.contents import distinct
from gru_sym.explanation.explained import NO_LAYER, Explanation
from gru_sym.explanation.explained_layer import BY_SHAPES, ExplainedLayer
from gru_sym.tables import Table, table_html


def as_html(explanation: Explanation) -> str:
    """What `text` says, as paragraphs and tables that fold and that a narrow screen can show.

    >>> from gru_sym.explanation.contents import Contents, Tensor
    >>> print(as_html(Explanation(Contents("file", [Tensor("<b>", (2, 3))]))))
    <div class="gru-explained">
    <p>file: 6 parameters, 6 effective</p>
    <p>no recurrent layer was found</p>
    <details><summary>the rest: 6</summary>
    <div class="gru-explained-wide">
    <table><thead><tr><th>tensor</th><th>shape</th><th>count</th></tr></thead><tbody>
    <tr><td>&lt;b&gt;</td><td>2 × 3</td><td>6</td></tr>
    </tbody></table>
    </div>
    </details>
    </div>
    """
    lines = [_paragraph(f"{explanation.kind}: {explanation.counts}")]
    lines += [part for layer in explanation.layers for part in _layer(layer)]
    if not explanation.layers:
        lines.append(_paragraph(NO_LAYER))
    if explanation.rest:
        rest = [_table(explanation.listed), *map(_paragraph, filter(None, [explanation.unlisted]))]
        lines += _fold(f"the rest: {distinct(explanation.rest):,}", rest)
    lines += map(_paragraph, explanation.remarks)
    return "\n".join(['<div class="gru-explained">', *lines, "</div>"])


def _layer(layer: ExplainedLayer) -> Iterable[str]:
    yield f'<p class="gru-explained-layer">{escape(layer.called)}</p>'
    by_shapes = [BY_SHAPES] if layer.found.evidence == "shapes" else []
    yield from map(_paragraph, [layer.size, *by_shapes])
    yield _table(layer.by_gate)
    formula = f"{layer.found.fits[0].formula.spelled()} = {layer.count:,}"
    yield from map(_paragraph, filter(None, [formula, layer.counts, layer.difference]))
    if layer.also:
        yield from _fold(f"fits as well: {len(layer.also)} more", map(_paragraph, layer.also))


def _fold(summary: str, inside: Iterable[str]) -> list[str]:
    return [f"<details><summary>{escape(summary)}</summary>", *inside, "</details>"]


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(table: Table) -> str:
    rows = (map(_entry, row) for row in table.rows)
    inside = table_html(map(escape, table.headers), rows)
    return f'<div class="gru-explained-wide">\n{inside}\n</div>'


def _entry(entry: object) -> str:
    """A shape as 2 × 3; all else as it is."""
    if isinstance(entry, tuple):
        return " × ".join(map(str, entry)) or "scalar"
    return escape(str(entry))
