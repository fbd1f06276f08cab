"""libraries/live and libraries/atlas: what libraries compute, again and as it was written down."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gru_sym.libraries.layout import layout
from gru_sym.libraries.live import RUNNERS
from gru_sym.libraries.live.record import read
from gru_sym.libraries.live.running import GRID, absent, cases, counted, module, run

ROOT = Path(__file__).parent.parent
RECORD = read(ROOT / "book" / "evidence" / "atlas.json")
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
