"""Tables, in a terminal, in a notebook and in HTML; nothing here reads SymPy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Math:
    """A table entry with a LaTeX form, and a plain one for a terminal."""

    latex: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Evaluated:
    """A formula's value; a page keeps the formula with it, to be evaluated at other sizes.

    >>> print(Evaluated("3*m*n", 98304))
    98,304
    """

    formula: str
    value: int

    def __str__(self) -> str:
        return f"{self.value:,}"


@dataclass(frozen=True)
class Table:
    """Headers and rows. An entry is text, a number, a SymPy expression, a `Math` or an `Evaluated`.

    >>> print(Table(("cell", "count"), [("rnn.elman", 3)]))
    cell       count
    rnn.elman  3
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[object]]

    def __str__(self) -> str:
        lines = [[str(entry) for entry in row] for row in (self.headers, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = (zip(line, widths, strict=True) for line in lines)
        return "\n".join(
            "  ".join(f"{entry:<{w}}" for entry, w in line).rstrip() for line in padded
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        lines = [self.headers, ["---"] * len(self.headers)]
        lines.extend([_markdown(entry) for entry in row] for row in self.rows)
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def table_html(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in HTML, of entries that are HTML.

    >>> print(table_html(["a", "b"], [["1", "<b>2</b>"]]))
    <table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>
    <tr><td>1</td><td><b>2</b></td></tr>
    </tbody></table>
    """

    def row(tag: str, entries: Iterable[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{entry}</{tag}>' for entry in entries)}</tr>"

    head = f"<table><thead>{row('th', headers)}</thead><tbody>"
    return "\n".join([head, *(row("td", entries) for entries in rows), "</tbody></table>"])


def _markdown(entry: object) -> str:
    if isinstance(entry, Math):
        return f"${entry.latex}$"
    if isinstance(entry, Evaluated):
        return f'<data value="{entry.formula}">{entry}</data>'
    if hasattr(entry, "free_symbols"):  # SymPy is loaded where there is one of its formulas
        from gru_sym.render import formula_latex

        return f"${formula_latex(entry)}$"
    return str(entry).replace("|", r"\|")
