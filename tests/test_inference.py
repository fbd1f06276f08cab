"""Sizes follow from the equations alone."""

from __future__ import annotations

import numpy as np
import pytest
from cells import MORE, cell_texts, random_arrays, run_text, shapes_at
from hypothesis import given, settings

from gru_sym import Cell, CellError, catalogue
from gru_sym.language.inference import infer
from gru_sym.language.scope import read

SIZES = {"m": 3, "n": 5, "p": 2}


SHAPES = {
    "as wide as its operand and as tall as its sum": (
        "h' = tanh(W @ x + U @ h + b)", {"W": ("n", "m"), "U": ("n", "n"), "b": ("n", 1)}),
    "what nothing fixes has a size of its own": (
        "h' = tanh(A @ (B @ x) + C @ (D @ h))",
        {"A": ("n", "k"), "B": ("k", "m"), "C": ("n", "k2"), "D": ("k2", "n")}),
    "a declared size names a free one": (
        "u: rank\nu = B @ x\nh' = tanh(A @ u + U @ h)", {"A": ("n", "rank"), "B": ("rank", "m")}),
    "a projected state": (
        "h: p\nc: n\nc' = tanh(W @ x + U @ h + c)\nh' = P @ c'",
        {"U": ("n", "p"), "P": ("p", "n")}),
    "an attention score is a declared scalar": (
        "s: 1\ns = sigmoid(v @ h)\nh' = s * h + W @ x", {"v": (1, "n")}),
    "several matrices in a row": ("h' = A @ B @ x", {"B": ("k", "m")}),
    "a whole number is a size": ("h: 4\nh' = tanh(W @ x + U @ h)", {"U": (4, 4)}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SHAPES.values(), ids=SHAPES)
def test_shapes_follow_from_the_equations(text, expected):
    found = infer(read(text)).shapes
    assert {name: found[name] for name in expected} == expected


def test_a_declared_k_is_not_taken_again():
    assert infer(read("c: k\nc' = tanh(W @ x + U @ c)\nh' = A @ (B @ c')")).free == ("k2",)


def test_a_scalar_spreads_over_vectors():
    sizes = infer(read("a: 1\ng = sigmoid(a)\nh' = g * h + (1 - g) * tanh(W @ x)"))
    assert sizes.scalars == {"a", "g"} and sizes.shapes["g"] == (1, 1)


INFERRED_SCALARS = [
    ("z = w @ x + b\nh' = z * h\nz: 1", {"z", "b"}),
    ("x: 1\nz = w * x + v @ x\nh' = z * h\nz: 1", {"z", "w", "v"}),
    ("h: 1\ny = U @ h\nh' = tanh(y + W @ x + b)", {"y", "U", "b"}),
    ("h' = tanh(u * (v @ x) + U @ h)\nu: n\nx: 1", set()),
    ("h: p\nh' = tanh(U @ h + b)", set()),
]


@pytest.mark.parametrize(("text", "scalars"), INFERRED_SCALARS)
def test_what_is_inferred_to_be_one_number_is_a_scalar(text, scalars):
    assert infer(read(text)).scalars == scalars


def test_an_inferred_scalar_is_not_named_as_a_size():
    with pytest.raises(CellError, match="n is the name of a size"):
        Cell("z = w @ x + n\nh' = z * h\nz: 1")


CLASHES = [
    (
        "r = sigmoid(W @ x)\nh' = r * tanh(W @ h)",
        2,
        ["`W` has m columns", "line 1", "x is the input", "`h` has size n", "h is a state"],
    ),
    ("h' = x", 1, ["`h'` has size n", "`x` has size m"]),
    ("u: k\nu = W @ x\nh' = u", 3, ["h is a state", "u is declared so in line 1"]),
    ("r = sigmoid(U @ h)\nh' = r * W @ h", 2, ["group from the left", "r * (W @ h)"]),
    ("c: p\nc' = tanh(W @ x + U @ h)\nh' = c' * h", 3, ["declared so in line 1", "h is a state"]),
]


@pytest.mark.parametrize(("text", "line", "words"), CLASHES)
def test_a_clash_names_both_sides_and_where_they_came_from(text, line, words):
    with pytest.raises(CellError, match="sizes clash") as caught:
        Cell(text)
    assert caught.value.line == line
    for word in words:
        assert word in caught.value.message


@pytest.mark.parametrize("name", ["m", "n", "p"])
def test_a_scalar_is_not_named_like_a_size(name):
    with pytest.raises(CellError, match="is the name of a size"):
        Cell(f"c: p\n{name}: 1\nc' = tanh(W @ x)\nh' = {name} * h")


def test_a_free_size_is_not_named_like_a_scalar():
    c = Cell("k: 1\nh' = k * h + A @ (B @ x)")
    assert c.size_names == ("m", "n", "k2")


def test_a_clash_that_is_no_grouping_mistake_gets_no_advice_on_grouping():
    with pytest.raises(CellError) as caught:
        Cell("h' = tanh(W @ x + W @ h)")
    assert "group" not in caught.value.message


def test_why_follows_the_shortest_chain():
    rows, columns = Cell("c: n\nz = sigmoid(W @ x)\nc' = z * c\nh' = z * h").why("W")
    assert str(rows) == "z = sigmoid(W @ x) -> c' = z * c -> c is declared so in line 1"
    assert (rows.size, columns.size) == ("n", "m")


@pytest.mark.parametrize("name", list(catalogue))
def test_numpy_accepts_the_inferred_shapes_of_the_catalogue(name):
    check_with_numpy(catalogue[name])


@settings(max_examples=80, deadline=None)
@given(cell_texts(MORE))
def test_numpy_accepts_the_inferred_shapes_of_any_cell(text):
    check_with_numpy(Cell(text))


def check_with_numpy(cell: Cell) -> None:
    """Arrays of the inferred shapes run through Python's own evaluation, to the inferred shapes.

    m, n and the other sizes are distinct, so a wrong size cannot fit by accident; broadcasting of
    a column against a matrix would show as a wrong shape of the result.
    """
    expected = shapes_at(cell, SIZES)
    with np.errstate(over="ignore"):
        known = run_text(cell, random_arrays(cell, SIZES))
    for equation in cell.program.equations:
        label = equation.target.name + ("_next" if equation.target.primed else "")
        assert known[label].shape == expected[equation.target.name]
