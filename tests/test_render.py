"""Tables in a terminal and in a notebook."""

from __future__ import annotations

import pytest
import sympy as sp
from sympy.parsing.sympy_parser import (
    implicit_multiplication,
    parse_expr,
    split_symbols,
    standard_transformations,
)

from gru_sym import Cell, Layer, catalogue, cell
from gru_sym.render import (
    Math,
    Table,
    breakdown_table,
    cell_text,
    equation_table,
    factored,
    parameter_table,
    reason_table,
)

n = sp.Symbol("n")
TABLE = Table(("what", "count"), [("a | b", n**2), (Math(r"\sigma", "sigma"), 12)])


def test_a_terminal_sees_aligned_columns():
    assert str(TABLE).splitlines() == ["what   count", "a | b  n**2", "sigma  12"]
    assert repr(TABLE) == str(TABLE)


def test_a_notebook_sees_markdown_with_mathematics():
    assert TABLE._repr_markdown_().splitlines() == [
        "| what | count |",
        "| --- | --- |",
        r"| a \| b | $n^{2}$ |",
        r"| $\sigma$ | 12 |",
    ]


def test_the_last_row_of_the_parameters_is_their_sum():
    gru = cell("gru.pytorch")
    *rows, total = parameter_table(gru).rows
    assert sp.expand(sum(row[-1] for row in rows) - gru.count()) == 0
    assert total[0] == "total" and total[-1] == gru.count()


def test_the_last_row_of_a_breakdown_is_the_sum():
    gru = cell("gru.pytorch")
    for sizes in ({}, {"m": 3, "n": 4}):
        *rows, total = breakdown_table(gru, "gate", **sizes).rows
        assert sp.expand(sum(row[-1] for row in rows) - gru.count(**sizes)) == 0
        assert total == ("total", gru.count(**sizes))


def test_one_equation_of_several_cells():
    table = equation_table([cell("gru.answer"), cell("gru.pytorch")], ["h_tilde", "n"])
    assert [str(row[1]).split()[0] for row in table.rows] == ["h_tilde", "n"]
    assert r"r_{t} \odot (W_{hn} h_{t-1} + b_{hn})" in table.rows[1][1].latex


def test_reasons_name_equations_and_origins():
    table = reason_table(Cell("alpha: 1\nz = sigmoid(W @ x)\nh' = alpha * z * h"))
    reasons = {(str(row[0]), row[1]): row[3] for row in table.rows}
    assert reasons["W", "columns"] == "`W @ x` → x is the input"
    assert reasons["W", "rows"].endswith("`h' = alpha * z * h` → h is a state")
    assert reasons["alpha", "rows"] == "alpha is declared so in line 1"
    assert reasons.keys() == {("W", "rows"), ("W", "columns"), ("alpha", "rows")}


def test_a_terminal_shows_equations_parameters_and_count():
    shown = cell_text(cell("gru.dey_salem"))
    assert "h'      = (1 - z) * h + z * h_tilde" in shown
    assert "U_h        (n, n)  recurrent kernel  h_tilde  n**2" in shown
    expanded, short = shown.splitlines()[-2:]
    assert expanded.endswith("  3*m*n + 3*n**2 + 3*n") and short.endswith(" = 3(n² + nm + n)")
    assert expanded.index("3*m") == short.index("3(")


def test_a_scalar_has_no_shape_to_show():
    assert parameter_table(Cell("a: 1\nh' = a * h")).rows[0][1] == "scalar"


@pytest.mark.parametrize(
    ("formula", "written"),
    [
        ("3*m*n + 3*n**2 + 6*n", "3(n² + nm + 2n)"),
        ("8*m*n + 36*n*p + 32*n", "4(2nm + 9np + 8n)"),
        ("2*m**12 + 4", "2(m¹² + 2)"),
        ("6*L*n**2 + 3*m*n - 3*n**2", "3(2n²L - n² + nm)"),
        ("2*k*m - 2*n**2", "2(-n² + mk)"),
        ("2*n*hidden + 4*n", "2(n·hidden + 2·n)"),
        ("2*k2*n + 4*k2", "2(n·k2 + 2·k2)"),
        ("m*n + n**2 + 2*n", None),  # nothing in common
        ("6*m*n", None),  # no sum
        ("12", None),
        ("0", None),
    ],
)
def test_a_count_as_people_write_it(formula, written):
    expression = sp.sympify(formula, locals={name: sp.Symbol(name) for name in ("L", "hidden")})
    assert factored(expression) == written


@pytest.mark.parametrize("layers", [1, 2])
def test_what_is_written_is_the_count(layers):
    """Read back by SymPy's own parser of what people write."""
    rules = (*standard_transformations, split_symbols, implicit_multiplication)
    alone = {"gru.gru_d"} if layers > 1 else set()  # all layers would be given one mask
    counts = [Layer(c, layers).count() for name, c in catalogue.items() if name not in alone]
    written = {count: text for count in counts if (text := factored(count))}
    for count, text in written.items():
        assert sp.expand(parse_expr(text.replace("²", "**2"), transformations=rules) - count) == 0
    assert len(written) >= 5
