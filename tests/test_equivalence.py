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
    ("lstm.textbook", "lstm.keras", {}),
]
FALSE = [
    ("gru.pytorch", "gru.answer", AS_ANSWER),
    ("gru.keras_reset_before", "gru.dey_salem", {}),
    ("gru.cho2014", "gru.cho2014_v1", {}),
    ("lstm.pytorch", "lstm.textbook", {}),
]


def names_for(a: Cell, b: Cell, substitution: dict[str, str]) -> dict[str, str]:
    return {p: substitution.get(p, p) for p in b.program.parameters}


LSTM = {f"{k}_{t}": f"{k}_{g}" for k in "WUb" for t, g in (("f", "f"), ("i", "i"), ("o", "o"))}


@pytest.mark.parametrize(("one", "other", "substitution"), TRUE[:4])
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


@pytest.mark.parametrize(("one", "other", "substitution"), FALSE[:3])
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
    ({"b_z": "W_z"}, "b_z has shape"),
    ({"b_z": "nothing"}, "nothing in the substitution for b_z is no parameter"),
    ({"h": "h + h"}, "the state h can only be renamed"),
]


@pytest.mark.parametrize(("substitution", "words"), BAD)
def test_a_substitution_that_does_not_fit_is_refused(substitution, words):
    with pytest.raises(ValueError, match=words):
        equivalent(cell("gru.dey_salem"), cell("gru.dey_salem"), substitution)


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
