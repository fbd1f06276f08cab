"""`explain_count`: nothing but what has the number, and all of it, against a plain search."""

from __future__ import annotations

import json

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_sym import catalogue, explain_count
from gru_sym.cli.main import main
from gru_sym.explanation.counts import SIZES, _kinds, rough
from gru_sym.layers import Layer


@pytest.mark.parametrize("count", [1, 36, 90, 297, 1260, 2880])
def test_every_answer_has_the_number_and_none_is_left_out(count):
    found = {
        (fit.formula, fit.sizes["m"], fit.sizes["n"], fit.num_layers, fit.bidirectional)
        for fit in explain_count(count).fits
        if fit.sizes.keys() == {"m", "n"}
    }
    expected = set()
    for kind in (k for k in _kinds() if k.size_names == ("m", "n")):
        for levels, both in ((1, False), (1, True), (2, False), (3, True)):
            formula = kind.stacked(levels, both)
            if formula is None:
                continue
            polynomial = sp.Poly(sp.sympify(str(formula)), *sp.symbols("m n"))
            c = {p: int(k) for p, k in polynomial.as_dict().items()}
            for n in range(1, count + 1):
                if c.get((0, 2), 0) * n * n > count:
                    break
                here = sum(k * n**j for (i, j), k in c.items() if i == 0)
                slope = sum(k * n**j for (i, j), k in c.items() if i == 1)
                m, left = divmod(count - here, slope)
                if left == 0 and m >= 1:
                    expected.add((str(formula), m, n, levels, both))
    assert expected <= found
    assert all(fit[3:] not in {(1, False), (1, True)} for fit in found - expected)


SEARCHED = sorted(name for name, cell in catalogue.items() if SIZES.issuperset(cell.size_names))


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(SEARCHED), st.integers(1, 400), st.integers(2, 400))
def test_layer_is_found_from_its_count(name, m, n):
    cell = catalogue[name]
    sizes = {"m": m, "n": n if "m" in cell.size_names else m, "p": n - 1}
    sizes = {size: sizes[size] for size in cell.size_names}
    layer = Layer(cell)
    found = explain_count(layer.count(**sizes), m=m)
    assert any(name in fit.cells and fit.sizes == sizes for fit in found.fits)
    for fit in found.fits:
        if fit.cells:
            own = Layer(catalogue[fit.cells[0]], fit.num_layers, fit.bidirectional)
            assert own.count(**fit.sizes) == found.count


def test_a_cell_whose_input_is_as_wide_as_its_state_is_found_by_either_size():
    count = catalogue["minimal.sru"].count(n=7)
    for known in ({}, {"m": 7}, {"n": 7}, {"m": 7, "n": 7}):
        assert any("minimal.sru" in fit.cells for fit in explain_count(count, **known).fits)
    assert not any(fit.sizes == {"n": 7} for fit in explain_count(count, m=7, n=8).fits)
    assert not any(fit.sizes == {"n": 7} for fit in explain_count(count, m=8).fits)


def test_what_is_said_to_be_searched_is_searched():
    searched = {name for kind in _kinds() for name in kind.cells if {*kind.size_names} <= SIZES}
    assert searched == {*SEARCHED} and f" {len(SEARCHED)} cells" in explain_count(36).searched


def test_number_of_a_summary_asks_for_its_cell():
    """keras issue 9426: only "Bidirectional" and 4,960; 10 inputs, 20 units."""
    first = explain_count(4960, m=10, n=20).fits[0]
    assert (first.family, first.bidirectional) == ("lstm", True)
    assert "Keras LSTM" in first.layers
    assert explain_count(3720, m=10, n=20).fits[0].layers[0] == "Keras GRU(reset_after=False)"
    assert explain_count(3840, m=10, n=20).fits[0].family == "gru"


@pytest.mark.parametrize(
    ("count", "family", "m", "n"),
    [(296_448, "gru", 128, 256), (395_264, "lstm", 128, 256), (132_096, "lstm", 128, 128)],
)
def test_the_plausible_comes_first(count, family, m, n):
    first = explain_count(count).fits[0]
    assert (first.family, dict(first.sizes)) == (family, {"m": m, "n": n})


def test_round_is_a_power_of_two_or_few_digits():
    assert rough(1024) == rough(100) == 0
    assert rough(96) < rough(97)


def test_command_line(capsys):
    assert main(["explain", "--count", "197,120", "-m", "256"]) == 0
    out = capsys.readouterr().out
    assert "LSTM, m = 256, n = 128" in out.splitlines()[1]
    assert "searched: " in out
    assert main(["explain", "--count", "197120", "-m", "256", "-n", "128", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fits"][0]["sizes"] == {"m": 256, "n": 128}
    wrong = (
        [], ["x.pt", "--count", "3"], ["--count", "0"], ["--count", "1e5"], ["x.pt", "-m", "3"],
        ["--count", str(10**30)],
    )  # fmt: skip
    for words in wrong:
        assert main(["explain", *words]) == 2
        told = capsys.readouterr()
        assert not told.out
        assert told.err.count("\n") == 1


def test_number_that_nothing_has():
    assert explain_count(1).text().startswith("1 parameters: 0 layers have so many")
    for wrong in (0, -3, True, 2.5):
        with pytest.raises(ValueError, match="positive integer"):
            explain_count(wrong)
