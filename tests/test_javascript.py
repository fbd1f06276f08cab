"""The JavaScript module, run by node, against the NumPy one; and what it says of bad arguments."""

from __future__ import annotations

import json
import keyword
import subprocess
from pathlib import Path

import mpmath
import numpy as np
import pytest
from cells import MORE, cell_texts, groups, held, random_arrays, tangled_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from test_codegen import ODD_CELLS, SIZES
from test_functions import DEFINITIONS, points_of

from gru_sym import Cell, CellError, catalogue, cell
from gru_sym.__main__ import main
from gru_sym.codegen import generate, source
from gru_sym.functions import FUNCTIONS
from gru_sym.web.node import NoNode
from gru_sym.web.node import node as find_node

DRIVER = """
import { readFileSync } from "node:fs";
const answers = [];
for (const { file, parameters, vectors } of JSON.parse(readFileSync(0))) {
  const { step } = await import(file);
  try {
    answers.push(step(parameters, ...vectors));
  } catch (error) {
    answers.push(error.message);
  }
}
console.log(JSON.stringify(answers));
"""


def node() -> str:
    """The node of the environment; without one there is nothing to run."""
    try:
        return find_node()
    except NoNode as error:
        pytest.skip(str(error))


def run(folder: Path, cases: list[tuple[str, dict, list]]) -> list:
    """What the step of each module answers, or the message of its error; in one process."""
    folder.mkdir(exist_ok=True)
    (folder / "driver.mjs").write_text(DRIVER, encoding="utf-8")
    given = []
    for text, parameters, vectors in cases:
        file = folder / f"{abs(hash(text))}.mjs"
        file.write_text(text, encoding="utf-8")
        given.append({"file": str(file), "parameters": parameters, "vectors": vectors})
    done = subprocess.run(
        [node(), str(folder / "driver.mjs")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def plain(array) -> list | float:
    return np.asarray(array).tolist()


def compare(folder: Path, cells: list[Cell], spread: float = 1.0) -> None:
    """Every state of one step, within 10^-12 of the largest number; checked, and unchecked."""
    cases, expected = [], []
    for c in cells:
        arrays = {k: spread * a for k, a in random_arrays(c, SIZES, seed=5).items()}
        routine = generate(c)
        parameters, *constants = groups(c, arrays)
        vectors = [held(c, v, arrays[v]) for v in (*c.inputs, *routine.states)]
        expected += [routine.step(parameters, *constants, *vectors)] * 2
        fixed = [{k: plain(a) for k, a in each.items()} for each in constants]
        given = {p: plain(a) for p, a in parameters.items()}, [*fixed, *map(plain, vectors)]
        cases += [(source(c, "javascript", checked=checked), *given) for checked in (True, False)]
    for (text, _, _), answer, wanted in zip(cases, run(folder, cases), expected, strict=True):
        ours = answer if isinstance(wanted, tuple) else [answer]
        theirs = wanted if isinstance(wanted, tuple) else (wanted,)
        scale = max(1.0, *(float(np.abs(each).max()) for each in theirs))
        for one, other in zip(ours, theirs, strict=True):
            assert np.shape(one) == other.shape, text
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * scale, err_msg=text)


def test_every_cell_of_the_catalogue(tmp_path):
    compare(tmp_path, list(catalogue.values()))


RESERVED = """await break case catch class const continue debugger default delete do else enum
export extends false finally for function if import in instanceof new null return super switch this
throw true try typeof var void while with yield let static implements interface package private
protected public arguments eval undefined NaN Infinity Object Array Number Error"""
"""ECMA-262, 12.7.2, the names that strict code may not bind, and the globals that are used."""

WORDS = [
    "new = U @ h\nfunction = new * i\nh' = tanh(function + dot + eval + each * total + W @ x)",
    "i = W @ x\nj = U @ h\nk = i * j\nl = k\np = l + l\nq = p\ns = q\nt = s\nh' = t + u * step",
    "Math = tanh(check @ x)\nh' = Math * Array + h_next + h_in",
    "h' = U @ (r * h) + V @ (r * h) + constructor * toString",
    "c: 1\nc' = c + c * (v @ h) + w @ x\nh' = h * (U @ h) + (a @ c')",
    "h' = -(-(W @ x)) - -h * -2 + -tanh(-2) * h + sigmoid(3) * b",
    "h: constructor\nh' = tanh(U @ h + b)",
    "h' = " + " + ".join(word for word in RESERVED.split() if not keyword.iskeyword(word)),
]


def test_odd_cells(tmp_path):
    compare(tmp_path, [Cell(text) for text in (*ODD_CELLS.values(), *WORDS)])


@settings(max_examples=4, deadline=None)
@given(st.lists(st.one_of(cell_texts(MORE), tangled_texts()), min_size=15, max_size=15))
def test_any_cell(tmp_path_factory, texts):
    compare(tmp_path_factory.mktemp("any"), list(map(Cell, texts)), spread=0.25)


def test_every_function(tmp_path):
    cases = [
        (source(Cell(f"h' = {name}(W @ x)"), "javascript"), {"W": [[1.0]]}, [[point], [0.0]])
        for name in FUNCTIONS
        for point in (*points_of(name), 700.0, *([] if name == "sqrt" else [-800.0]))
    ]
    for (text, _, ((point,), _)), answer in zip(cases, run(tmp_path, cases), strict=True):
        name = text.split("h' = ")[1].split("(")[0]
        true = float(DEFINITIONS[name](mpmath.mpf(point)))
        assert answer[0] == pytest.approx(true, rel=2e-15, abs=0), (name, point)


BAD = [
    ({"U": [[1.0, 2.0], [3.0, 4.0]]}, "U has shape [2,2]; expected [3,3], that is [n,n]"),
    ({"W": [[1.0, 2.0], [3.0], [4.0, 5.0]]}, "W has shape [rows of several lengths]; expected "),
    ({"b": "three"}, "b has shape [no array]; expected [3], that is [n]"),
    ({"b": None}, "the parameter b is missing"),
    ({"extra": [1.0]}, "extra is not a parameter"),
    ({"toString": [1.0]}, "toString is not a parameter"),
    ({"x": [1.0, 2.0, 3.0]}, "x has shape [3]; expected [2], that is [m]"),
    ({"h": [[1.0, 2.0, 3.0]]}, "h has shape [1,3]; expected [3], that is [n]"),
    ({}, ""),
]


def test_arguments_that_do_not_fit_are_named(tmp_path):
    text = source(Cell("h' = tanh(W @ x + U @ h + b)"), "javascript")
    good = {"W": [[1.0] * 2] * 3, "U": [[1.0] * 3] * 3, "b": [0.0] * 3, "x": [1.0] * 2}
    cases = []
    for change, _ in BAD:
        given = {"h": [0.0] * 3, **good, **change}
        vectors = [given.pop("x"), given.pop("h")]
        cases.append((text, {k: v for k, v in given.items() if v is not None}, vectors))
    no_vector = source(Cell("h' = b * h"), "javascript"), {"b": 3.0}, [[1.0], [1.0]]
    assert run(tmp_path, [no_vector]) == ["b has shape []; expected [n], that is [n]"]
    for (change, words), answer in zip(BAD, run(tmp_path, cases), strict=True):
        if words:
            assert isinstance(answer, str) and words in answer, change
        else:
            assert np.shape(answer) == (3,)


def test_what_no_javascript_can_be_written_for_is_refused():
    with pytest.raises(CellError, match="matrix is another one at each step"):
        source(Cell("h' = tanh((U @ h) @ r) @ h"), "javascript")
    with pytest.raises(ValueError, match="__proto__ is no name in JavaScript"):
        source(Cell("h' = __proto__ * h"), "javascript")
    with pytest.raises(ValueError, match="code runs here in numpy or torch"):
        generate(cell("gru.pytorch"), "javascript")


def test_a_comment_ends_at_its_line():
    """To JavaScript a line separator ends a comment, to a cell text it is a blank."""
    text = source(Cell("h'\u2028= tanh(h)", "a\u2028name"), "javascript")
    assert "\u2028" not in text and "//     h' = tanh(h)" in text


def test_it_is_what_one_would_write():
    lstm = source(cell("lstm.projected"), "javascript")
    assert "const i = each(c.length, (j) =>\n    sigmoid(dot(W_ii[j], x) + b_ii[j]" in lstm
    assert "  const h_in = each(c.length, (j) => o[j] * Math.tanh(c_next[j]));\n" in lstm
    twice = source(Cell("h' = U @ (r * h) + V @ (r * h)"), "javascript")
    assert "each(h.length, (i) => dot(U[i], h_in) + dot(V[i], h_in))" in twice


def test_it_shows_as_javascript():
    text = source(cell("gru.pytorch"), "javascript")
    assert text._repr_markdown_().startswith("```javascript\n")
    assert text.function("step").startswith("export function step(parameters, x, h) {")
    assert text.function("step").endswith("return h_next;\n}")
    with pytest.raises(ValueError, match="no function 'sequence'"):
        text.function("sequence")
    assert max(map(len, text.splitlines())) <= 100


def test_the_command_line_prints_it(capsys):
    assert main(["code", "gru.pytorch", "--library", "javascript"]) == 0
    assert capsys.readouterr().out == source(cell("gru.pytorch"), "javascript")
