"""The calculator's numbers and words, run by node, against the package and against PyTorch."""

from __future__ import annotations

import gzip
import html
import json
import re
import sys
from contextlib import nullcontext
from typing import Any

import pytest
import sympy as sp
from calculator import COUNTED, counted, every_choice, settings
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import integers

from gru_sym import Layer, budget, cell, effective_count
from gru_sym.libraries.layout import layout
from gru_sym.libraries.texts import names
from gru_sym.web.choices import Choice
from gru_sym.web.code_lines import CODE_LINES
from gru_sym.web.data import Polynomials
from gru_sym.web.node import NoNode
from gru_sym.web.page import calculator_html, evaluate, script

try:
    START: dict[str, Any] = evaluate("START")
except NoNode as error:
    pytest.skip(str(error), allow_module_level=True)


def answers(*states: dict[str, Any]) -> list[dict[str, str]]:
    given = json.dumps([START | state for state in states])
    return evaluate(f"{given}.map((state) => answer(read(state)))")


def words(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", markup))


def table(markup: str) -> list[list[str]]:
    """The rows of the body of the first table, without markup."""
    body = re.search(r"<tbody>(.*?)</tbody>", markup, re.DOTALL)[1]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [[words(c).strip() for c in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


# ---------------------------------------------------------------------------------------- numbers


def test_every_layer_of_every_library_is_there():
    keys = {choice.key for choice in every_choice()}
    assert len(every_choice()) == len(
        {(c.key, c.biases, c.cell.size_names) for c in every_choice()}
    )
    for library in names():
        for form in layout(library).forms:
            assert any(key.split("/")[:2] == [library, form.layer] for key in keys)


def test_random_settings_are_counted_as_python_counts_them():
    given = settings(2_000, seed=1)
    found = evaluate(f"((states) => {COUNTED})({json.dumps([state for _, state in given])})")
    assert len(found) == 2_000
    for (choice, state), answer in zip(given, found, strict=True):
        assert answer == counted(choice, state), (choice.label, state)


def test_large_layers_are_exact():
    state = {"m": "65536", "n": "65536", "L": "1000", "both": True}
    (found,) = answers(state)
    layer = Layer(cell("gru.pytorch"), 1_000, bidirectional=True)
    assert found["number"] == f"{layer.count(m=65_536, n=65_536):,}"


@given(st.dictionaries(st.tuples(*[integers(0, 3)] * 2), integers(-99, 10**30), max_size=5))
def test_a_polynomial_keeps_its_terms(terms: dict[tuple[int, int], int]):
    m, n = sp.symbols("m n")
    polynomial = sp.Add(*(c * m**i * n**j for (i, j), c in terms.items()))
    polynomials = Polynomials()
    (found,) = [polynomials.terms[polynomials(polynomial)]]
    assert {(i, j): int(c) for c, i, j, *_ in found} == {k: c for k, c in terms.items() if c}


def small(choice: Choice, levels: int = 1, both: bool = False) -> dict[str, Any]:
    """The settings of the fields for a small layer."""
    fields = {"m": "5", "n": "7", "p": "3" if "p" in choice.cell.size_names else ""}
    return {"key": choice.key, "biases": choice.biases, "L": str(levels), "both": both} | fields


def test_the_data_are_those_of_the_layouts():
    """Names and shapes of a stack, as the layout itself gives them."""
    cases = [(c, *how) for c in every_choice() for how in ((1, False), (3, True))]
    cases = [(case, case[0].stored(case[2], case[1])) for case in cases]
    cases = [(case, stored) for case, stored in cases if stored]
    assert len(cases) >= 20
    found = answers(*(small(*case) for case, _ in cases))
    for (case, stored), answer in zip(cases, found, strict=True):
        sizes = {"m": 5, "n": 7, "p": 3}
        expected = {
            name: str(tuple(int(sp.sympify(axis).subs(sizes)) for axis in shape))
            for name, shape in stored.tensors.items()
        }
        rows = table(answer["tensors"])
        assert {(n.split(" to ")[0], s) for n, s, _ in rows} <= set(expected.items()), case


def test_the_parts_add_up():
    given = [case for case in settings(200, seed=2) if counted(*case)]
    assert len(given) > 100
    found = answers(*(state for _, state in given))
    for (choice, _), answer in zip(given, found, strict=True):
        for part in ("tensors", "gates"):
            total = sum(int(row[-1].replace(",", "")) for row in table(answer[part]))
            assert f"{total:,}" == answer["number"], (choice.label, part)


# ------------------------------------------------------------------------------- what is said of it


def test_the_effective_count_is_the_certified_one():
    found = answers(*map(small, every_choice()))
    for choice, answer in zip(every_choice(), found, strict=True):
        count, said = effective_count(choice.stack(1, False)), words(answer["effective"])
        sizes = {"m": 5, "n": 7, "p": 3}
        number = f"{int(sp.sympify(count.effective).subs(sizes)):,}"
        if not count.certified:
            assert "is not proved" in said
        elif count.redundant == 0:
            assert said.startswith(" All  of them count") and "Proved for all sizes" in said
        else:
            assert said.strip().startswith(f"{number}  of them count (effective)"), said


def test_a_stack_is_told_to_be_a_bound():
    (found,) = answers({"L": "2"})
    loss = 2 * 2 * 256
    count = int(found["number"].replace(",", ""))
    assert words(found["effective"]).strip().startswith(f"At most  {count - loss:,}  of them count")
    assert "of a stack it is a bound" in found["effective"]


def test_the_other_libraries_and_their_differences():
    (found,) = answers({})
    rows = {row[0]: row[1:] for row in table(found["elsewhere"])}
    own = next(name for name in rows if name.startswith("PyTorch"))
    assert "Keras" in own and rows[own] == ["after", "6n", "296,448", "this one"]
    before = next(name for name in rows if "Keras reset_after=False" in name)
    assert rows[before] == ["before", "3n", "295,680", "−768"]
    assert not any("Dey" in name for name in rows), "papers store nothing"
    assert "Dey &#38; Salem" in found["elsewhere"].split("<details")[1]
    bare = next(name for name in rows if name.startswith("without biases"))
    assert rows[bare][1:] == ["0", "294,912", "−1,536"]


def test_lstm_beside_gru_and_as_many_parameters():
    (found,) = answers({})
    said = words(found["beside"])
    gru, lstm = cell("gru.pytorch"), cell("lstm.pytorch")
    one, other = gru.count(m=128, n=256), lstm.count(m=128, n=256)
    assert f"PyTorch LSTM  at the same sizes:  {other:,}" in said and "exactly 3/4" in said
    for whole, parameters in ((lstm, one), (gru, other)):
        fitted = budget(whole, parameters, m=128)
        assert f"with n = {fitted.n} ({fitted.count:,})" in said


def test_exactly_as_many_parameters_are_found():
    """At sizes at which both have the same count."""
    gru, lstm = cell("gru.pytorch"), cell("lstm.pytorch")
    grus = {gru.count(m=m, n=n): (m, n) for m in range(1, 30) for n in range(1, 60)}
    m, n, other = next(
        (m, n, grus[lstm.count(m=m, n=n)][1])
        for m in range(1, 30)
        for n in range(1, 30)
        if grus.get(lstm.count(m=m, n=n), (0, 0))[0] == m
    )
    (found,) = answers({"m": str(m), "n": str(other)})
    same = gru.count(m=m, n=other)
    assert f"an LSTM with n = {n} ({same:,})" in words(found["beside"])


LINES = {
    "keras": "keras",
    "flax_linen": "jax flax.linen",
    "flax_nnx": "jax flax.nnx",
    "equinox": "jax equinox",
    "haiku": "jax haiku",
    "mlx": "mlx.nn mlx.utils",
}
"""What the line of a library, other than PyTorch, imports."""


def lines(answer: dict[str, str], start: str) -> list[str]:
    """The lines to copy that start so."""
    code = re.findall(r"<code>(.*?)</code>", answer["code"])
    return [html.unescape(line) for line in code if line.startswith(start)]


def test_the_line_counts_in_pytorch():
    torch = pytest.importorskip("torch")
    cases = [c for c in every_choice() if c.library == "pytorch"]
    found = answers(*(small(c, *how) for c in cases for how in ((1, False), (3, True))))
    ran = [(line, answer) for answer in found for line in lines(answer, "sum(")]
    assert len(ran) >= 12
    for line, answer in ran:
        assert f"{eval(line, {'torch': torch}):,}" == answer["number"], line  # noqa: S307


@pytest.mark.atlas
@pytest.mark.parametrize(("library", "modules"), LINES.items())
def test_the_line_counts_in_every_other_library(library: str, modules: str, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    found = {name: pytest.importorskip(name) for name in modules.split()}
    names = {name.partition(".")[0]: sys.modules[name.partition(".")[0]] for name in found}
    cases = [c for c in every_choice() if c.library == library]
    ways = ((1, False), (3, True)) if "several" in CODE_LINES[library] else ((1, False),)
    # JAX as a reader has it, whatever other tests have set.
    with names["jax"].enable_x64(False) if "jax" in names else nullcontext():
        for answer in answers(*(small(c, *how) for c in cases for how in ways)):
            [line] = [line for line in lines(answer, "") if not line.startswith("python -m")]
            assert f"{eval(line, names):,}" == answer["number"], line  # noqa: S307


def test_every_library_with_a_line_is_run():
    assert {*LINES, "pytorch"} == CODE_LINES.keys()


def test_multiply_adds_are_those_of_the_command(capsys: pytest.CaptureFixture[str]):
    from gru_sym.__main__ import main

    for choice in every_choice():
        [answer] = answers(small(choice, 2, True)) if choice.stored(True, 2) else [None]
        if answer is None or not choice.catalogue_id or choice.stack(1, False).learn_initial_state:
            continue
        command = re.findall(r"<code>(python -m gru_sym count .*?)</code>", answer["code"])[0]
        words = command.removeprefix("python -m gru_sym count ").split()
        assert main(["cost", *words, "--steps", "1", "--batch", "1", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        shown = re.search(r"([\d,]+) multiply-adds a step", answer["split"])
        assert shown and int(shown[1].replace(",", "")) == (
            told["multiply_adds"] - told["once"]["multiply_adds"]
        ), choice.label


def test_the_command_counts_the_same(capsys: pytest.CaptureFixture[str]):
    from gru_sym.__main__ import main

    given = [case for case in settings(100, seed=3) if counted(*case)]
    found = answers(*(state for _, state in given))
    for (choice, _), answer in zip(given, found, strict=True):
        commands = lines(answer, "python -m gru_sym ")
        assert bool(commands) == bool(choice.catalogue_id)
        for command in commands:
            assert main([*command.split()[3:], "--json"]) == 0
            told = json.loads(capsys.readouterr().out)["count"]
            assert f"{told:,}" == answer["number"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "Type a whole number"),
        ("0", "1 or more"),
        ("-3", "not -3"),
        ("1e5", "Write it out: 100000."),
        ("2.5", "a whole number, not 2.5"),
        ("a novel " * 10_000, "is not a whole number"),
        ("9" * 400, "At most 100 digits"),
        ("<b>", "is not a whole number"),
        ("٣", "is not a whole number"),
        ("0x10", "is not a whole number"),
    ],
)
def test_bad_input_is_told_in_one_short_sentence(typed: str, told: str):
    found = evaluate(f"readSize({json.dumps(typed)})")
    assert told in found["fault"] and len(found["fault"]) < 90
    assert list(evaluate(f"read({json.dumps(START | {'n': typed})}).faults")) == ["n"]


@pytest.mark.parametrize("typed", ["65,536", "65_536", " 65536 ", "65 536"])
def test_grouped_digits_are_read(typed: str):
    assert evaluate(f"String(readSize({json.dumps(typed)}).value)") == "65536"


def test_a_projection_is_smaller_than_the_state():
    state = START | {"key": "pytorch/LSTM", "n": "8", "p": "8"}
    assert list(evaluate(f"read({json.dumps(state)}).faults")) == ["p"]


# ---------------------------------------------------------------------------------------- the page


def test_the_served_page_is_complete_without_a_script():
    served = words(re.sub(r"<option.*?</option>", "", calculator_html()))
    for said in ("296,448", "PyTorch", "Keras", "LSTM", "395,264", "295,936", "weight_ih_l0"):
        assert said in served


def test_a_drawing_says_what_it_shows():
    (found,) = answers({})
    drawings = re.findall(r"<svg .*?</svg>", found["drawing"], re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        label = html.unescape(re.search(r'aria-label="(.*?)"', drawing)[1])
        assert 'role="img"' in drawing and label.endswith(".") and "b_hr 256, redundant" in label
        assert len(re.findall("<title>", drawing)) == len(cell("gru.pytorch").parameters)
        assert drawing.count('class="gru-spare"') == 2


def test_a_drawing_is_to_scale():
    (found,) = answers({"m": "100", "n": "300"})
    wide = found["drawing"].split("</svg>")[0]
    sizes = {
        name: (float(w), float(h))
        for name, w, h in re.findall(
            r"<title>(\w+):[^<]*</title><rect [^>]*width=\"([\d.]+)\" height=\"([\d.]+)\"", wide
        )
    }
    assert len(sizes) == 6
    for name, (width, height) in sizes.items():
        columns = 100 if name.startswith("W_i") else 300
        assert width / height == pytest.approx(
            columns / 300, abs=0.01
        )  # drawn to a tenth of a pixel


def test_the_script_asks_for_nothing():
    """It runs from a folder: no module, no request, no address."""
    assert not re.search(r"\bimport\b|\bexport\b|fetch\(|XMLHttp|https?://|\beval\b", script())
    assert all("</" not in part for part in re.findall(r"const DATA = (.*);", script()))


def test_the_script_is_small():
    """With the page's other files it must be sent to a telephone."""
    assert len(gzip.compress(script().encode())) < 40_000


def test_a_fraction_of_a_polynomial_is_never_cut():
    """The count of W - W.T has halves; such a cell is not offered."""
    n = sp.Symbol("n")
    with pytest.raises(ValueError, match="no integers"):
        Polynomials()(n**2 / 2 - n / 2)
