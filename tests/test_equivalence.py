"""Proofs that one cell is another, and refutations, both checked by Python's own evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from cells import NUMPY, random_arrays, run_text

from gru_sym import Cell, cell
from gru_sym.equivalence import Proof, Refutation, equivalent

SIZES = {"m": 3, "n": 4}
SIGNS = {"W_z": "-W_z", "U_z": "-U_z", "b_z": "-b_z"}
AS_ANSWER = {
    "W_z": "-W_iz", "U_z": "-W_hz", "b_zW": "-b_iz", "b_zU": "-b_hz",
    "W_r": "W_ir", "U_r": "W_hr", "b_rW": "b_ir", "b_rU": "b_hr",
    "W_h": "W_in", "U_h": "W_hn", "b_hW": "b_in", "b_hU": "b_hn",
}  # fmt: skip

TRUE = [
    ("gru.answer", "gru.dey_salem", {f"b_{g}": f"b_{g}W + b_{g}U" for g in "zrh"}),
    ("gru.pytorch", "gru.merged", {"b_r": "b_ir + b_hr", "b_z": "b_iz + b_hz"}),
    ("gru.keras_reset_before", "gru.dey_salem", SIGNS),
    ("rnn.pytorch", "rnn.elman", {"W": "W_ih", "U": "W_hh", "b": "b_ih + b_hh"}),
]
FALSE = [
    ("gru.pytorch", "gru.answer", AS_ANSWER),
    ("gru.keras_reset_before", "gru.dey_salem", {}),
    ("gru.cho2014", "gru.cho2014_v1", {}),
]


def names_for(a: Cell, b: Cell, substitution: dict[str, str]) -> dict[str, str]:
    return {p: substitution.get(p, p) for p in b.program.parameters}


@pytest.mark.parametrize(("one", "other", "substitution"), TRUE)
def test_a_proof_holds_where_python_evaluates_both(one, other, substitution):
    a, b = cell(one), cell(other)
    proof = equivalent(a, b, substitution)
    assert isinstance(proof, Proof) and proof
    assert len(proof.steps) == len(b.program.equations) == len(proof.table.rows)
    assert proof.latex().count(r"\Longrightarrow") == len(proof.steps)
    arrays = random_arrays(a, SIZES)
    put = {
        name: eval(text, {"__builtins__": {}}, arrays)  # noqa: S307
        for name, text in names_for(a, b, substitution).items()
    }
    theirs = run_text(b, put | {"x": arrays["x"], "h": arrays["h"]})["h_next"]
    np.testing.assert_allclose(run_text(a, arrays)["h_next"], theirs, rtol=0, atol=1e-13)


def test_two_texts_of_one_cell():
    a, b = cell("lstm.keras"), cell("lstm.textbook")
    assert equivalent(a, b)


@pytest.mark.parametrize(("one", "other", "substitution"), FALSE)
def test_a_refutation_is_a_point_where_python_sees_the_difference(one, other, substitution):
    a, b = cell(one), cell(other)
    refutation = equivalent(a, b, substitution)
    assert isinstance(refutation, Refutation) and not refutation
    arrays = {name: np.array(rows, dtype=float) for name, rows in refutation.point.items()}
    assert all(abs(entry) <= 2 for array in arrays.values() for entry in array.flat)
    put = {
        name: eval(text, {"__builtins__": {}}, arrays | NUMPY)  # noqa: S307
        for name, text in names_for(a, b, substitution).items()
    }
    ours = run_text(a, arrays)["h_next"][0, 0]
    theirs = run_text(b, put | {"x": arrays["x"], "h": arrays["h"]})["h_next"][0, 0]
    # The values shown have 20 digits; Python's own are double precision.
    assert float(refutation.value_a) == pytest.approx(ours, rel=1e-13)
    assert float(refutation.value_b) == pytest.approx(theirs, rel=1e-13)
    assert abs(ours - theirs) > 1e-6
    assert refutation.value_a in str(refutation.table)


BAD = [
    ({"q": "b_z"}, "no parameter or state q"),
    ({"b_z": "W_z"}, "b_z has shape n×1 in gru.dey_salem, but W_z has shape n×m"),
    ({"b_z": "nothing"}, "nothing in the substitution for b_z is no parameter"),
    ({"b_z": "U_z @ h"}, "h in the substitution for b_z is data"),
    ({"b_z": "W_z @ x"}, "x in the substitution for b_z is data"),
    ({"b_z": "b_z + h'"}, "h' in the substitution for b_z is data"),
    ({"b_z": "r"}, "r in the substitution for b_z is no parameter"),
    ({"b_z": "b_r\nq = b_z"}, "what stands for b_z is one expression"),
    ({"b_z": ""}, "nothing stands on the right"),
    ({"W_z": "2"}, "W_z has shape n×m"),
    ({"h": "h + h"}, "the state h can only be renamed"),
    ({"h": "b_z"}, "the state h can only be renamed"),
    ({"h": "h'"}, "the state h can only be renamed"),
    ({"x": "2 * x"}, "x is the input of both cells"),
]


@pytest.mark.parametrize(("substitution", "words"), BAD)
def test_a_substitution_that_does_not_fit_is_refused(substitution, words):
    with pytest.raises(ValueError, match=words):
        equivalent(cell("gru.dey_salem"), cell("gru.dey_salem"), substitution)


ONE = Cell("h' = tanh(W @ x + U @ h)", "one")
TWO = Cell("h' = tanh(W @ x + U @ c)\nc' = tanh(W @ x + U @ h)", "two")
STATES = [
    (ONE, TWO, {"c": "h"}, "h and c of two cannot both be h of one"),
    (ONE, TWO, {}, "one has no state c; say which of these the state c of two is: h"),
    (TWO, ONE, {}, "no state of one is c of two"),
    (ONE, Cell("h' = tanh(W @ x + U @ h + b)", "biased"), {}, "b of biased is no parameter of one"),
]


@pytest.mark.parametrize(("a", "b", "substitution", "words"), STATES)
def test_states_correspond_one_to_one(a, b, substitution, words):
    with pytest.raises(ValueError, match=words):
        equivalent(a, b, substitution)


def test_states_may_change_places():
    other = Cell("c' = tanh(W @ x + U @ h)\nh' = tanh(W @ x + U @ c)")
    assert equivalent(TWO, other, {"h": "c", "c": "h"})
    assert equivalent(TWO, other)


def test_a_number_may_stand_for_a_vector():
    biased = Cell("h' = tanh(W @ x + U @ h + b)")
    assert equivalent(ONE, biased, {"b": "0"})
    assert not equivalent(ONE, biased, {"b": "1"})


def test_a_column_times_one_number_however_it_is_grouped():
    texts = [
        "u: n\nh' = tanh((u @ v) @ x)",
        "u: n\nh' = tanh(u @ (v @ x))",
        "M = u @ v\nu: n\nh' = tanh(M @ x)",
        "y = v @ x\ny: 1\nh' = tanh(y * u)",
    ]
    assert all(equivalent(Cell(one), Cell(other)) for one in texts for other in texts)
    assert not equivalent(Cell(texts[0]), Cell(texts[3].replace("y * u", "y * u * u")))


def test_a_state_may_be_renamed():
    a = Cell("s' = tanh(W @ x + U @ s)")
    assert equivalent(a, Cell("h' = tanh(W @ x + U @ h)"), {"h": "s"})


def test_other_ways_to_write_the_same():
    a = Cell("z = sigmoid(W @ x + b)\nh' = z * h + (1 - z) * tanh(V @ x)")
    b = Cell("h' = (h - tanh(V @ x)) * sigmoid(b + W @ x) + tanh(V @ x)")
    assert equivalent(a, b)
    assert equivalent(b, a)


def test_a_bias_inferred_to_be_one_number_is_one_number():
    a = Cell("z = w @ x + b\nh' = U @ (z * h)\nz: 1")
    b = Cell("z = w @ x + b\nh' = z * (U @ h)\nz: 1")
    assert isinstance(equivalent(a, b), Proof) and isinstance(equivalent(b, a), Proof)
    assert isinstance(equivalent(a, Cell(b.text.replace("+ b", "- b"))), Refutation)
