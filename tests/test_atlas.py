"""libraries/live and libraries/atlas: what libraries compute, again and as it was written down."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from gru_sym import catalogue, cell, effective_count
from gru_sym.libraries.atlas import FAMILIES, atlas_table, entries
from gru_sym.libraries.layout import layout, libraries
from gru_sym.libraries.live import RUNNERS, Question
from gru_sym.libraries.live.record import read
from gru_sym.libraries.live.running import (
    GRID,
    SIZES,
    absent,
    answered,
    ask,
    cases,
    counted,
    difference,
    misread,
    module,
    run,
)
from gru_sym.libraries.structure import gate_letters, reset_moved, reset_side, update_keeps
from gru_sym.transform import rename

ROOT = Path(__file__).parent.parent
M, N = sp.symbols("m n")
RECORD = read(ROOT / "book" / "data" / "atlas.json")
LEFT_OUT = f"left out, not installed here: {', '.join(absent())}; make atlas installs and runs them"


def needs(*runners: str) -> None:
    """Leave a test out where one of these libraries is not installed."""
    if {*runners} & {*absent()}:
        if os.environ.get("GRU_SYM_REQUIRE_ATLAS"):
            pytest.fail(LEFT_OUT)
        pytest.skip(LEFT_OUT)


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> str:
    needs(request.param)
    return str(request.param)


# The libraries, run again


@pytest.mark.atlas
def test_a_library_does_what_is_written_down(runner):
    rows = [run(case) for case in cases(runner)]
    assert [row.key for row in rows] == [row.key for row in RECORD.rows if row.library == runner]
    for row in rows:
        assert row.error < row.bound, row
        assert row.next_best > 1e-2, row


@pytest.mark.atlas
def test_a_library_counts_what_the_formula_does(runner):
    for case in cases(runner):
        for m, n in GRID:
            theirs, ours = counted(case, m, n)
            assert theirs == ours, (case, m, n)


@pytest.mark.atlas
def test_float32_is_told_from_float64():
    """A library that is said to compute in float32 would fail the bound of float64."""
    coarse = [row for row in RECORD.rows if row.bound > 1e-9]
    assert coarse and all(row.reason for row in coarse)
    assert all(row.error > 1e-12 for row in coarse)


# What documentation says of them, run


def asked(runner: str, layer: str, **options: object) -> Question:
    """A question about the first form of a layer that has these options."""
    case = next(
        case
        for case in cases(runner)
        if case.form.layer == layer and options.items() <= dict(case.form.options).items()
    )
    return ask(case, SIZES)[0]


PASSED_OVER = [
    ("GRU", "clip", 0.05),
    ("GRU", "activations", ["HardSigmoid", "Tanh"]),
    ("LSTM", "input_forget", 1),
]


@pytest.mark.atlas
@pytest.mark.parametrize(("layer", "attribute", "value"), PASSED_OVER)
def test_onnx_own_evaluator_passes_over_what_onnxruntime_obeys(layer, attribute, value):
    needs("onnx_evaluator", "onnxruntime")
    import onnxruntime
    from onnx.helper import make_attribute
    from onnx.reference import ReferenceEvaluator

    question = asked("onnxruntime", layer)
    plain, changed = (module("onnx_evaluator").model(question) for _ in range(2))
    changed.graph.node[0].attribute.append(make_attribute(attribute, value))
    given = module("onnx_evaluator").feeds(question)
    own = [ReferenceEvaluator(made).run(None, given)[0] for made in (plain, changed)]
    assert np.array_equal(*own)
    obeyed = [
        onnxruntime.InferenceSession(made.SerializeToString()).run(None, given)[0]
        for made in (plain, changed)
    ]
    assert abs(obeyed[0] - own[0]).max() < 1e-6 < 1e-2 < abs(obeyed[1] - own[1]).max()


@pytest.mark.atlas
@pytest.mark.parametrize("biases", [3, 4])
def test_onnx_checker_accepts_a_bias_that_is_refused_when_it_is_run(biases):
    needs("onnx_evaluator", "onnxruntime")
    import onnx
    import onnxruntime
    from onnx.reference import ReferenceEvaluator
    from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

    question = asked("onnxruntime", "GRU", B=True)
    question.tensors["B"] = question.tensors["B"][:, : biases * SIZES["n"]]
    made = module("onnx_evaluator").model(question)
    onnx.checker.check_model(made, full_check=True)
    given = module("onnx_evaluator").feeds(question)
    with pytest.raises(ValueError, match=r"equal division|broadcast"):
        ReferenceEvaluator(made).run(None, given)
    with pytest.raises(InvalidArgument, match="B must have shape"):
        onnxruntime.InferenceSession(made.SerializeToString()).run(None, given)


@pytest.mark.atlas
def test_openvino_refuses_the_bias_of_its_own_example():
    """Six vectors where it has four: 768 numbers for 128 units, in the page of GRUCell-3."""
    needs("openvino")
    question = asked("openvino", "GRUSequence", linear_before_reset=True)
    question.tensors["B"] = np.zeros((1, 6 * SIZES["n"]), question.x.dtype)
    with pytest.raises(RuntimeError, match=str(6 * SIZES["n"])):
        module("openvino").run(question)


@pytest.mark.atlas
def test_without_a_state_the_gru_of_mlx_starts_from_zeros():
    needs("mlx")
    import mlx.core as mx
    from mlx.nn import GRU

    layer, x = GRU(5, 3), mx.random.normal((2, 4, 5))
    layer.bhn = mx.ones(3)
    assert mx.array_equal(layer(x), layer(x, mx.zeros((2, 3))))


# The record


def test_the_record_has_every_form_of_every_layout_that_is_run():
    asked = {
        (case.runner, case.stored.layer.cell.name, case.num_layers, case.bidirectional)
        for runner in RUNNERS
        for case in cases(runner)
    }
    found = {(row.library, row.cell, row.num_layers, row.bidirectional) for row in RECORD.rows}
    assert found == asked


def test_every_row_is_below_its_bound_and_nothing_else_comes_near():
    for row in RECORD.rows:
        assert row.error < row.bound <= 1e-6, row
        assert row.next_best > 1e-2, row


def test_versions_are_those_of_the_requirements():
    pins = dict(
        re.findall(
            r"^([\w-]+)(?:\[\w+\])?==([\w.]+)",
            (ROOT / "requirements-atlas.txt").read_text() + (ROOT / "requirements.txt").read_text(),
            re.MULTILINE,
        )
    )
    for row in RECORD.rows:
        assert row.version == pins[module(row.library).DISTRIBUTION], row


def test_the_layouts_say_the_version_that_ran():
    for row in RECORD.rows:
        if row.layout == row.library:
            assert row.version in layout(row.layout).title, row


# The table


def test_every_library_has_its_heading_and_its_table_in_the_chapter():
    text = (ROOT / "book" / "libraries.ipynb").read_text(encoding="utf-8")
    for library in libraries():
        assert f'"({library})=\\n"' in text, library
        assert f'"show(\\"{library}\\")"' in text, library


STRUCTURE = {
    "gru.pytorch": ("after", "old", "r z n"),
    "gru.keras": ("after", "old", "z r n"),
    "gru.keras_reset_before": ("before", "old", "z r n"),
    "lstm.pytorch": ("", "", "i f g o"),
    "rnn.pytorch": ("", "", ""),
}


@pytest.mark.parametrize("library", ["thinc", "nam"])
def test_trained_first_states_are_stored_and_count(library):
    """thinc and Neural Amp Modeler train both of the LSTM's."""
    (entry,) = entries("lstm", [library])
    stored = entry.stored.count - entry.cell.count()
    assert stored == entry.effective - effective_count(entry.cell).effective == 2 * N
    shown = atlas_table("lstm", RECORD, m=7, n=5)
    number = shown.rows[[f"(#{library})" in row[0] for row in shown.rows].index(True)]
    assert entry.stored.count.subs({M: 7, N: 5}) in [getattr(x, "value", None) for x in number]


def test_structure_is_read_off_the_equations_whatever_things_are_called():
    seen = set()
    for family in FAMILIES:
        for entry in entries(family, ["pytorch", "keras"]):
            if found := STRUCTURE.get(entry.cell.name):
                assert (entry.reset, entry.keeps, entry.order) == found
                seen.add(entry.cell.name)
    assert seen == STRUCTURE.keys()
    renamed = rename(cell("gru.keras"), {"z": "q", "r": "s", "h_tilde": "k"})
    assert (reset_side(renamed), update_keeps(renamed)) == ("after", "old")
    assert list(gate_letters(renamed).values()) == ["z", "r", "n"]


@pytest.mark.parametrize("name", [i for i in catalogue if reset_side(catalogue[i])])
def test_moving_the_reset_twice_gives_the_first_side_again(name):
    moved = reset_moved(cell(name))
    assert {reset_side(moved), reset_side(cell(name))} == {"before", "after"}
    assert reset_side(reset_moved(moved)) == reset_side(cell(name))
    assert update_keeps(moved) == update_keeps(cell(name))


def test_misreadings_are_no_readings():
    """Each of them is another function: none agrees with the layer itself."""
    case = next(cases("pytorch"))
    question, parameters = ask(case, SIZES)
    answer = answered(case, question)
    layer = case.stored.layer
    assert difference(layer, parameters, question, answer) < 1e-12
    gaps = [difference(other, p, question, answer) for other, p in misread(layer, parameters)]
    assert len(gaps) == 8  # kernels transposed, three exchanges, three signs, the reset moved
    assert min(gaps) > 0.1
