"""libraries/live and libraries/atlas: what libraries compute, again and as it was written down."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gru_sym import catalogue, cell
from gru_sym.libraries.atlas import FAMILIES, entries
from gru_sym.libraries.layout import layout, libraries
from gru_sym.libraries.live import RUNNERS
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
RECORD = read(ROOT / "book" / "data" / "atlas.json")
LEFT_OUT = f"left out, not installed here: {', '.join(absent())}; make atlas installs and runs them"


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> str:
    if request.param in absent():
        if os.environ.get("GRU_SYM_REQUIRE_ATLAS"):
            pytest.fail(LEFT_OUT)
        pytest.skip(LEFT_OUT)
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
