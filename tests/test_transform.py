"""transform.py: what is changed is changed everywhere; the function is the one that was meant."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from cells import MORE, cell_texts, random_arrays, run_text, tangled_texts
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gru_sym import Cell, catalogue, cell
from gru_sym.language.errors import Place
from gru_sym.normal.form import normal_form
from gru_sym.transform import drop, merge, rename, replace, substitute, text, without_biases

SIZES = {"m": 3, "n": 4}
texts = st.one_of(cell_texts(MORE), tangled_texts())


def tree(node: object) -> object:
    """A syntax tree without its places."""
    if isinstance(node, tuple):
        return tuple(map(tree, node))
    if is_dataclass(node):
        parts = [getattr(node, f.name) for f in fields(node)]
        return type(node), *(tree(p) for p in parts if not isinstance(p, Place))
    return node


def next_states(cell: Cell, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What Python itself computes from the lines of the text, on the arrays that the cell has."""
    known = run_text(cell, {k: v for k, v in arrays.items() if k in cell.sizes.shapes})
    return {state: known[f"{state}_next"] for state in cell.states}


def assert_same_function(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for state, value in one.items():
        np.testing.assert_allclose(value + 0 * other[state], other[state], rtol=1e-9, atol=1e-9)


# Back to the language


@pytest.mark.parametrize("name", sorted(catalogue))
def test_a_catalogue_text_is_printed_as_it_is_written(name: str):
    lines = [line for line in cell(name).text.splitlines() if line and not line.startswith("#")]
    assert text(cell(name)).splitlines() == lines


@given(texts)
def test_what_is_printed_is_read_as_the_same_tree(source: str):
    before = Cell(source)
    after = Cell(text(before))
    assert tree(after.program.equations) == tree(before.program.equations)
    assert after.sizes.shapes == before.sizes.shapes
    assert normal_form(after.program, after.sizes) == normal_form(before.program, before.sizes)


numbers = st.sampled_from(
    ["2", "0.5", "1e-3", "12.5e20", "1e308", "0.001e-308", "3e-7", "100000", "7"]
)
ops = st.sampled_from([" + ", " - ", " * ", " / "])


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Whatever the language can say of vectors, with as many or as few brackets as may be."""

    def part(depth: int) -> str:
        kind = draw(st.integers(0, 6 if depth else 0))
        if kind <= 1:
            return draw(st.sampled_from(["h", "b", "d"]))
        if kind == 2:
            return f"-{part(depth - 1)}"
        if kind == 3:
            return f"({part(depth - 1)})"
        if kind == 4:
            return f"U @ {part(depth - 1)}" if draw(st.booleans()) else f"tanh({part(depth - 1)})"
        if kind == 5:
            return f"{part(depth - 1)}{draw(ops)}{draw(numbers)}"
        return f"{part(depth - 1)}{draw(ops).replace('/', '*')}{part(depth - 1)}"

    return part(4)


@settings(max_examples=200)
@given(expressions(), st.booleans())
def test_every_way_to_write_brackets_signs_and_numbers(source: str, tight: bool):
    try:
        before = Cell(f"h' = {source.replace(' ', '') if tight else source} + W @ x + U @ h")
    except ValueError:
        assume(False)
    assert tree(Cell(text(before)).program.equations) == tree(before.program.equations)


def test_a_line_that_just_fits_is_printed_as_one_that_fits():
    long = "h'=" + "+".join(["W@x*b", *(f"b{i}" for i in range(800))])
    assert tree(Cell(text(Cell(long))).program.equations) == tree(Cell(long).program.equations)


# Without biases: every use is gone, and the function is that of biases that are zero

BIASED = [
    "h' = tanh(W @ x - b)",
    "h' = tanh(W @ x + 2 * b + U @ h - b / 3)",
    "h' = tanh(W @ x + b) + sigmoid(U @ h - b)",
    "h' = tanh(b_1 + b_2 - U @ h) + 0 * (W @ x)",
    "z = b_1 + b_2\nh' = tanh(W @ x + z) + sigmoid(U @ h + z)",
    "z = sigmoid(b)\nh' = z * h + (1 - z) * (W @ x)",
    "z = softplus(b) + 1\nh' = W @ x + h * z",
    "h' = W @ x + U @ (V @ h + b)",
    "h' = tanh(W @ x + sigmoid(b) - softplus(-2 * d))",
    "z: n\nb: n\nz = exp(-b)\nh' = W @ x + U @ (z * h)",
    "h' = (W @ x + b) * (1 + tanh(U @ h + d))",
]


@pytest.mark.parametrize("source", [*BIASED, *(cell(name).text for name in sorted(catalogue))])
def test_without_biases(source: str):
    before = Cell(source)
    biases = [p.name for p in before.parameters if p.role == "bias"]
    after = without_biases(before)
    assert after.program.parameters == tuple(
        name for name in before.program.parameters if name not in biases
    )
    arrays = random_arrays(before, SIZES)
    zero = {name: 0 * a if name in biases else a for name, a in arrays.items()}
    assert_same_function(next_states(after, arrays), next_states(before, zero))


def test_a_gate_of_biases_alone_becomes_its_number():
    lines = text(drop(cell("gru.dey_salem_3"), ["b_z", "b_r"])).splitlines()
    assert lines[0] == "h_tilde = tanh(W_h @ x + U_h @ (0.5 * h) + b_h)"
    assert lines[1] == "h'      = 0.5 * h + 0.5 * h_tilde"


@given(texts, st.data())
def test_any_parameter_is_dropped_as_if_it_were_zero(source: str, data: st.DataObject):
    before = Cell(source)
    name = data.draw(st.sampled_from(before.program.parameters))
    arrays = random_arrays(before, SIZES)
    try:
        after = drop(before, [name])
    except ValueError:
        assume(False)
    assert name not in after.sizes.shapes
    with np.errstate(all="ignore"):
        zero = next_states(before, {**arrays, name: 0 * arrays[name]})
        assert_same_function(next_states(after, arrays), zero)


# Merging: the same function of the sum

SUMS = {
    "h' = tanh(a - W @ x + e)": {"a": 1, "e": 1},
    "h' = tanh(W @ x + b_1 - b_2)": {"b_1": 1, "b_2": -1},
    "h' = tanh(a + W @ x - (g + d) + e)": {"a": 1, "g": -1, "d": -1, "e": 1},
    "h' = tanh(W @ x - b_1 - b_2)": {"b_1": 1, "b_2": 1},
    "h' = tanh(W @ x + 2 * b - 3 * d / 4)": {"b": 1, "d": -3 / 8},
    "z = b_1 + b_2\nh' = tanh(W @ x + z) + sigmoid(U @ h - 2 * z)": {"b_1": 1, "b_2": 1},
    "v = W @ x - b_1\nh' = tanh(v + b_2 + U @ h)": {"b_1": 1, "b_2": -1},
    "h' = U @ (h + b_1 - b_2) + W @ x": {"b_1": 1, "b_2": -1},
    "b: 1\nd: 1\nh' = tanh(W @ x + b - d)": {"b": 1, "d": -1},
    "h' = (b + d + W @ x) * sigmoid(b + d + U @ h)": {"b": 1, "d": 1},
    "h' = (b - d) * (U @ (b - d)) + W @ x": {"b": 1, "d": -1},
}


@pytest.mark.parametrize("source", SUMS)
def test_a_sum_of_biases_becomes_one_bias(source: str):
    before = Cell(source)
    after = merge(before)
    (merged,) = set(after.program.parameters) - set(before.program.parameters) or {
        next(iter(SUMS[source]))
    }
    gone = set(before.program.parameters) - set(after.program.parameters)
    assert gone | {merged} >= SUMS[source].keys()
    arrays = random_arrays(before, SIZES)
    whole = sum(number * arrays[name] for name, number in SUMS[source].items())
    assert_same_function(next_states(after, {**arrays, merged: whole}), next_states(before, arrays))
    assert text(merge(after)) == text(after)


APART = [
    "r = sigmoid(e)\nh' = tanh(W @ x + b + r * d)",
    "h' = tanh(W @ x + b + d) + b",
    "h' = tanh(W @ x + b) + tanh(d + W @ x)",
    "h' = tanh(W @ x + b - d) + sigmoid(U @ h + b + d)",
    "h' = tanh(W @ x + b + r * (U @ h + d)) + r",
    "a: 1\nh' = tanh(W @ x + a + b)",
    "h' = (W @ x + b) * (U @ h + d)",
    "h' = b * (U @ d) + d * (U @ b) + W @ x",
    "h' = tanh(W @ x + b * b + d * d)",
    "h' = (U @ b) * (U @ b) + (U @ d) * (U @ d) + W @ x",
]


@pytest.mark.parametrize("source", APART)
def test_biases_that_are_seen_apart_stay_apart(source: str):
    assert merge(Cell(source)).program.parameters == Cell(source).program.parameters
    biases = [p.name for p in Cell(source).parameters if p.name in "abde"]
    with pytest.raises(ValueError, match="are not seen only as one sum"):
        merge(Cell(source), *biases[:2])


def test_only_what_is_named_is_merged():
    three = Cell("h' = tanh(b_1 + W @ x - 2 * b_2 + b_3)")
    assert text(merge(three, "b_1", "b_3")) == "h' = tanh(W @ x - 2 * b_2 + b)"
    assert text(merge(three, "b_2", "b_3")) == "h' = tanh(b_1 + W @ x - 2 * b)"
    with pytest.raises(ValueError, match="b_ir and b_hn are not seen only as one sum in gru"):
        merge(cell("gru.pytorch"), "b_ir", "b_hn")


# Other names, other expressions, other functions


@given(texts, st.data())
def test_other_names_change_nothing_else(source: str, data: st.DataObject):
    before = Cell(source)
    own = [*before.program.parameters, *before.program.values]
    to = {old: f"q{i}" for i, old in enumerate(data.draw(st.sets(st.sampled_from(own))))}
    after = rename(before, to)
    arrays = random_arrays(before, SIZES)
    with np.errstate(all="ignore"):
        assert_same_function(
            next_states(after, {to.get(name, name): a for name, a in arrays.items()}),
            next_states(before, arrays),
        )
    assert text(rename(after, {new: old for old, new in to.items()})) == text(before)


def test_states_and_swapped_names():
    peephole = Cell("c' = f * c + W @ x\nh' = tanh(c' + U @ h)\nf: n", "two")
    assert text(rename(peephole, {"c": "memory", "W": "U", "U": "W"})).splitlines()[1:] == [
        "memory' = f * memory + U @ x",
        "h'      = tanh(memory' + W @ h)",
    ]
    with pytest.raises(ValueError, match="a layer would hand on h2"):
        rename(Cell("h' = W @ x + c\nc' = h'"), {"h": "h1", "c": "h2"})


def test_the_gate_keeps_the_other_half_if_its_sign_is_turned():
    keep, new = cell("gru.keras_reset_before"), cell("gru.dey_salem")
    signs = {name: f"-{name}" for name in ("W_z", "U_z", "b_z")}
    turned = substitute(keep, signs)
    known = normal_form(turned.program, turned.sizes).states
    assert known == normal_form(new.program, new.sizes).states


def test_a_single_number_stays_a_single_number():
    fast = Cell("a: 1\nh' = a * tanh(W @ x) + h")
    assert text(substitute(fast, {"a": "sigmoid(s)"})) == "s: 1\nh' = sigmoid(s) * tanh(W @ x) + h"


def test_another_function():
    relu = replace(cell("rnn.pytorch"), "tanh", "relu", name="with relu")
    assert text(relu) == "h' = relu(W_ih @ x + b_ih + W_hh @ h + b_hh)"
    assert (relu.name, relu.title) == ("with relu", "rnn.pytorch with relu for tanh")


FREE = Cell("h' = tanh(A @ (B @ x + b) + U @ h)", "low rank")
TIED = Cell("h' = b * tanh(W @ x + b)", "tied")
REFUSED = {
    "low rank has no parameter q; its parameters are A, B, b, U": lambda: drop(FREE, ["q"]),
    "z of gru.keras is computed by an equation": lambda: drop(cell("gru.keras"), ["z"]),
    "low rank without A would lose B, too": lambda: drop(FREE, ["A"]),
    "nothing but a number would be left of h' in tied": lambda: drop(TIED, ["b"]),
    "b of tied is recurrent kernel and bias": lambda: without_biases(
        Cell("h' = b * h + tanh(W @ x + b)", "tied")
    ),
    "low rank has no z to rename; it has h, A, B, b, U": lambda: rename(FREE, {"z": "y"}),
    "A cannot become B in low rank: B is there already": lambda: rename(FREE, {"A": "B"}),
    "'tanh' is no name": lambda: rename(FREE, {"A": "tanh"}),
    "'c' is no name": lambda: rename(FREE, {"A": "c"}),
    "'x_t' is no name": lambda: rename(FREE, {"A": "x_t"}),
    "'a b' is no name": lambda: rename(FREE, {"A": "a b"}),
    "there is no function selu; the known ones: sigmoid": lambda: replace(FREE, "tanh", "selu"),
    "there is no relu in low rank": lambda: replace(FREE, "relu", "tanh"),
    "'W @' cannot stand for U: ": lambda: substitute(FREE, {"U": "W @"}),
    "cannot stand for U: it is more than one": lambda: substitute(FREE, {"U": "V\nq = 2"}),
    "r is computed in gru.keras; write it in x": lambda: substitute(
        cell("gru.keras"), {"b_iz": "r"}
    ),
    "low rank with x for b is no cell: sizes clash": lambda: substitute(
        Cell("h' = tanh(W @ x + b)", "low rank"), {"b": "x"}
    ),
    r"A has shape \(n, k\) in low rank, but U has shape \(n, n\)": lambda: substitute(
        Cell("h' = tanh(A @ (B @ x)) + U @ h", "low rank"), {"A": "U"}
    ),
    r"A would have shape \(n, k\) in fixed without b, but A has shape \(n, 5\)": lambda: drop(
        Cell("b: 5\nh' = tanh(A @ (B @ x + b) + U @ h)", "fixed"), ["b"]
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_done_is_said_in_one_sentence(sentence: str):
    with pytest.raises(ValueError, match=sentence) as refusal:
        REFUSED[sentence]()
    assert "\n" not in str(refusal.value)


def test_a_change_that_goes_wrong_is_not_handed_out(monkeypatch: pytest.MonkeyPatch):
    """The proof reads the printed text: a sign lost on the way is seen."""
    from gru_sym import proved

    right = proved.print_program
    monkeypatch.setattr(proved, "print_program", lambda *a: right(*a).replace(" - ", " + "))
    source = Cell("h' = tanh(W @ x - U @ h + b - d)")
    for change in (
        lambda: drop(source, ["b"]),
        lambda: rename(source, {"b": "e"}),
        lambda: replace(source, "tanh", "relu"),
        lambda: substitute(source, {"b": "2 * e"}),
        lambda: merge(source, "b", "d"),
    ):
        with pytest.raises(ValueError, match="could not be proved"):
            change()
