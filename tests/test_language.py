"""The cell language: what it reads, and what it says of everything else."""

from __future__ import annotations

import ast
import contextlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from cells import cell_texts
from hypothesis import given, settings
from hypothesis import strategies as st

import gru_sym
from gru_sym import Cell, CellError
from gru_sym.language.inference import NO_SIZES
from gru_sym.language.parser import parse
from gru_sym.language.syntax import Apply, MatrixProduct, Minus, Number, Plus, Times


def test_expression_tree_keeps_the_order_of_the_text():
    (equation,), _ = parse("h' = sigmoid(W @ x - b) * h / 4")
    apply, state, quarter = equation.expression.factors
    assert isinstance(apply, Apply) and apply.function == "sigmoid"
    product, minus = apply.argument.terms
    assert isinstance(product, MatrixProduct) and isinstance(minus, Minus)
    assert str(state) == "h" and isinstance(quarter, Number) and quarter.value * 4 == 1


def test_operators_group_as_in_python():
    (equation,), _ = parse("h' = a + U @ h * r")
    _, times = equation.expression.terms
    assert isinstance(equation.expression, Plus) and isinstance(times, Times)
    assert isinstance(times.factors[0], MatrixProduct)


def test_comments_blank_lines_and_line_endings_are_free():
    text = "# a title\r\n\r\nc: n   # declared\r\n  h' = tanh(c')  # why\rc' = tanh(W @ x)\n"
    with pytest.raises(CellError, match="used before line 5"):
        Cell(text)
    equations, declarations = parse(text)
    assert [str(e.target) for e in equations] == ["h'", "c'"]
    assert declarations[0].size == "n"


@pytest.mark.parametrize("prime", ["'", "′", "’"])
def test_every_prime_is_a_prime(prime):
    assert Cell(f"h{prime} = tanh(U @ h)").states == ("h",)


def test_numbers_are_exact():
    (equation,), _ = parse("h' = 0.1 * h")
    assert equation.expression.factors[0].value.as_integer_ratio() == (1, 10)


# (text, line, column, words of the sentence): what a beginner gets wrong.
MISTAKES = [
    ("", 1, 1, "no equation"),
    ("# only a comment", 1, 1, "no equation"),
    ("tanh(W @ x)", 1, 1, "not an equation"),
    ("h' = ", 1, 1, "nothing stands on the right of h'"),
    ("h' == x", 1, 5, "one = sign"),
    ("h' = tahn(W @ x)", 1, 6, "no function tahn; did you mean tanh?"),
    ("h' = Sigmoid(W @ x)", 1, 6, "did you mean sigmoid?"),
    ("h' = f(x)", 1, 6, "the known ones: sigmoid"),
    ("h' = elu(x)", 1, 6, "the known ones: sigmoid"),
    ("h' = gelu(x)", 1, 6, "the known ones: sigmoid"),
    ("h' = hardtanh(x)", 1, 6, "the known ones: sigmoid"),
    ("h' = swish(x)", 1, 6, "there is no function swish; swish is called silu here"),
    ("h' = tanh(x, x)", 1, 6, "tanh takes one argument, not 2"),
    ("h' = tanh()", 1, 6, "tanh takes one argument, not 0"),
    ("h' = tanh", 1, 6, "tanh is a function; apply it"),
    ("h' = (W @ x", 1, 6, "never closed"),
    ("h' = W @ x)", 1, 11, "closes nothing"),
    ("h' = W @ x +", 1, 12, "something is missing"),
    ("h' = W x", 1, 8, "cannot be read here"),
    ("h' = 2h", 1, 6, "does not begin with a digit"),
    ("h' = r ⊙ h", 1, 8, "write * for the elementwise product"),
    ("h' = h^2", 1, 7, "powers are not part"),
    ("h' = h**2", 1, 6, "not part of the language"),
    ("h' = h[0]", 1, 7, "there is no indexing"),
    ("h' = tanh(*h)", 1, 6, "a plain argument"),
    ("h' = os.system", 1, 6, "not part of the language"),
    ("h' = h if h else x", 1, 8, "if is a reserved word"),
    ("lambda = W @ x", 1, 1, "lambda is a reserved word"),
    ("h' = h / x", 1, 6, "sizes clash in `h / x`"),
    ("h' = h / 0", 1, 10, "this divides by zero"),
    ("h' = layer_norm(W @ x + h)", 1, 6, "there is no function layer_norm; write it out, as"),
    ("h' = conv(W, x) + h", 1, 6, "a convolution is not part of the language"),
    ("h' = cumsum(h)", 1, 6, "as in a cumulative softmax, is not part of the language"),
    ("h' = outer(x, h)", 1, 6, "a state that is a matrix is not part of the language"),
    ("h' = softmax(h)", 1, 6, "a softmax over a vector is not part of the language"),
    ("h' = maximum(h, b)", 1, 6, "maximum is called max here"),
    ("h' = max(h)", 1, 6, "max takes two arguments, not 1"),
    ("h' = min(h, b, d)", 1, 6, "min takes two arguments, not 3"),
    ("h' = max(*h, b)", 1, 6, "max takes two plain arguments, without"),
    ("h' = max(h, x)", 1, 6, "sizes clash in `max(h, x)`"),
    ("h' = h * mean(2)", 1, 10, "`2` is a single number; a mean is that of a vector"),
    ("h' = h * mean(mean(x))", 1, 10, "`mean(x)` is a single number"),
    ("h' = h * mean(W) + W @ x", 1, 20, "sizes clash in `W @ x`"),
    ("h' = mean(x)", 1, 6, "h' is a vector, but its right side is a single number"),
    ("h' = mean * h", 1, 6, "mean is a function; apply it to something: mean(...), or declare"),
    ("mean = W @ x\nh' = mean * h", 1, 1, "mean is a function; choose another name"),
    ("sqrt = W @ x\nh' = h", 1, 1, "sqrt is a function; choose another name"),
    ("h' = sqr(h)", 1, 6, "did you mean sqrt?"),
    ("h' = h / 0", 1, 10, "divides by zero"),
    ("h' = 1e999 * h", 1, 6, "a number is written like"),
    ("h'' = x", 1, 1, "the left side is one name"),
    ("h' = h''", 1, 6, "at most one prime"),
    ("h' + 1 = x", 1, 1, "the left side is one name"),
    ("x = W @ h", 1, 1, "x is the input"),
    ("tanh = W @ x\nh' = h", 1, 1, "tanh is a function; choose another name"),
    ("h = tanh(W @ x)", 1, 1, "mark one with a prime, such as h' ="),
    ("h = W @ x\nh' = h", 2, 1, "h is a state because of h'"),
    ("h' = x\nh = W @ x", 2, 1, "h is a state because of h'"),
    ("h' = W @ x\nh' = U @ h", 2, 1, "already computed in line 1"),
    ("z = sigmoid(W @ x)\nh' = U @ h", 1, 1, "z is computed but never used"),
    ("h' = z * h\nz = sigmoid(W @ x)", 1, 6, "z is used before line 2 computes it"),
    ("z = z * h\nh' = z", 1, 5, "in the equation that computes it; if it is a state"),
    ("h' = o * tanh(c')\no: n", 1, 15, "c' is read, but no equation computes it"),
    ("h' = f * c + W @ x", 1, 10, "c is read but never updated"),
    ("y' = h * (W @ x)", 1, 6, "h is read but never updated"),
    (
        "h' = tanh(U @ h_prev)",
        1,
        15,
        "h_prev would be a parameter; the state of the step before is",
    ),
    ("h' = tanh(W @ x_t)", 1, 15, "x_t would be a parameter; the input is written x"),
    ("h': n\nh' = W @ x", 1, 1, "declare the state itself: h: n"),
    ("h: -1\nh' = W @ x", 1, 4, "one positive whole number"),
    ("h: 0\nh' = W @ x", 1, 4, "one positive whole number"),
    ("h: S\nh' = W @ x", 1, 4, "S has a meaning of its own"),
    ("h: len\nh' = W @ x", 1, 4, "len has a meaning of its own"),
    ("h: steps\nh' = W @ x", 1, 4, "steps has a meaning of its own"),
    ("h: 1\nh' = 2", 2, 6, "its right side is a single number"),
    ("h' = h @ h", 1, 6, "sizes clash in `h @ h`: `h` has 1 column"),
    ("q: n\nh' = W @ x", 1, 4, "no equation uses q"),
    ("h: n\nh: p\nh' = W @ x", 2, 4, "already declared in line 1"),
    ("h' = W @ x\x00", 1, 11, "U+0000 does not belong here"),
    ("a: 1\nh' = a @ h", 2, 6, "is a single number; write *"),
    ("h' = 1 - 2", 1, 6, "its right side is a single number"),
    (
        "h' = tanh(x @ W + h @ U)",
        1,
        11,
        "vectors are columns, and stand on the right of @: write W @ x",
    ),
    ("h' = h @ U", 1, 6, "write U @ h"),
]


@pytest.mark.parametrize(("text", "line", "column", "words"), MISTAKES)
def test_mistake_is_named_at_its_place(text, line, column, words):
    with pytest.raises(CellError) as caught:
        Cell(text)
    error = caught.value
    assert words in error.message
    assert (error.line, error.column) == (line, column)
    assert error.summary.startswith(f"line {line}, column {column}: ")
    assert "\n" not in error.summary


NOTES = [
    ("h' = tanh(W @ u + U @ h + b)", "x never occurs, so this cell has no input; u was taken for"),
    ("h' = W @ u + V @ (g * w) + U @ v", "no input; u and v were taken for parameters"),
    ("h' = tanh(A @ B @ h + b)", "x never occurs, so this cell has no input"),
    ("h' = tanh(W @ x + U @ h + V @ b)", ""),
]


@pytest.mark.parametrize(("text", "words"), NOTES)
def test_a_cell_without_an_input_says_so(text, words):
    notes = Cell(text).notes
    assert len(notes) == bool(words) and all(words in note for note in notes)
    assert ("taken" in words) == any("taken" in note for note in notes)


def test_whether_a_text_is_a_cell_does_not_depend_on_what_was_imported():
    """sympy.physics is an attribute of sympy once it is imported, and no name that SymPy reads."""
    code = "import sympy.physics; from gru_sym import Cell; print(Cell('h: physics\\nh\\' = h'))"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_no_size_is_named_like_another_argument():
    """A function that takes sizes by name has no argument of its own that a size may be called."""
    found = set()
    for path in Path(gru_sym.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            own = getattr(node, "args", None)
            if isinstance(own, ast.arguments) and own.kwarg and own.kwarg.arg == "sizes":
                found |= {argument.arg for argument in (*own.args, *own.kwonlyargs)}
    assert "self" in found and found <= NO_SIZES


def test_the_caret_stands_under_the_mistake():
    with pytest.raises(CellError) as caught:
        Cell("r = sigmoid(W @ x)\nh' = (1 - r) * tahn(U @ h)")
    first, text, carets = str(caught.value).split("\n")
    assert text[carets.index("^") : carets.rindex("^") + 1] == "tahn"
    assert first == caught.value.summary


def test_the_caret_of_a_long_line_is_in_view():
    with pytest.raises(CellError) as caught:
        Cell("h' = " + "+".join(["W @ x"] * 300) + " + tahn(x)")
    _, text, carets = str(caught.value).split("\n")
    assert len(text) < 100
    assert text[carets.index("^") : carets.rindex("^") + 1] == "tahn"


def test_columns_count_characters_not_bytes():
    with pytest.raises(CellError) as caught:
        Cell("h' = Wäöü @ x + tahn(x)")
    assert caught.value.column == 17


LIMITS = [
    ("h' = " + "(" * 61 + "x" + ")" * 61, "brackets nest deeper than 60 levels"),
    ("h' = " + "-" * 61 + "x", "nests deeper than 60 levels"),
    ("h' = " + "+".join(["h"] * 2_500), "a line has at most 4000 characters, not 5004"),
    ("h' = " + "1" * 41 + " * h", "a number is written like"),
    ("#" * 200_001, "a cell has at most 200000 characters, not 200001"),
]


@pytest.mark.parametrize(("text", "words"), LIMITS, ids=range(len(LIMITS)))
def test_limits_are_named(text, words):
    with pytest.raises(CellError) as caught:
        Cell(text)
    assert words in caught.value.message


def test_just_below_the_limits():
    for inner in ("(" * 59 + "h" + ")" * 59, "-" * 59 + "h", "+".join(["h"] * 1_990)):
        assert Cell("h' = " + inner).count() == 0


def test_names_are_normalised_on_both_sides():
    """Python reads the ligature as two letters; so does the left side."""
    assert Cell("ﬁ = W @ x\nh' = fi + ﬁ").program.values == ("fi",)


def test_an_error_survives_pickling():
    with pytest.raises(CellError) as caught:
        Cell("h' = tahn(x)")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert str(again) == str(caught.value)


HOSTILE = [
    "(" * 100_000,
    "h' = " + "(" * 3_990,
    "h' = " + "-" * 3_990 + "h",
    "h' = " + "tanh(" * 500 + "h" + ")" * 500,
    "h' = " + "W @ " * 900 + "h",
    "h' = " + "+".join(["h"] * 1_900),
    "h' = " + "9" * 3_900,
    "h' = 1e" + "9" * 30,
    "h' = " + "A@(" * 1_000 + "x" + ")" * 1_000,
    "=" * 100_000,
    "\n" * 100_000,
    "#" * 100_000,
    "x" * 100_000,
    "h" + "'" * 100_000,
    "h' = " + "é" * 2_000,
    "\ufeff" * 1_000,
    "h: " + "9" * 10_000,
    "h' = \ud800",
    "h' = ﬁ @ x",
    "h' = __import__('os').system('true')",
    "h' = (lambda: 1)()",
    "h' = [h for h in x]",
    'h\' = f"{h}"',
    "h' = h if True else x",
    "h' = (y := 1)",
    "\n".join(f"a{i} = W{i} @ x" for i in range(5_000)),
    "\n".join(f"q{i} = " + "*".join(["p"] * 1_900) for i in range(25))
    + "\nh' = h * "
    + " * ".join(f"q{i}" for i in range(25)),
    "\n".join(f"b{i}: s{i}\nb{i} = B{i} @ x" for i in range(2_000)) + "\nh' = h",
]


def test_a_function_is_not_named_by_another_alphabet():
    with pytest.raises(CellError, match="reserved word"):
        Cell("𝐢𝐟 = W @ x\nh' = 𝐢𝐟")


@pytest.mark.parametrize("text", [None, 3, b"h' = x"])
def test_a_cell_is_text(text):
    with pytest.raises(TypeError, match="a cell is given as text, not as"):
        Cell(text)


def read_or_refuse(text: str) -> None:
    """`Cell(text)`, where nothing but a `CellError` may come out."""
    try:
        Cell(text).count()
    except CellError as error:
        refused = error
    else:
        return
    assert "\n" not in refused.summary
    assert all(line.isprintable() for line in str(refused).split("\n"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_or_read(text):
    read_or_refuse(text)


noise = st.one_of(
    st.text(max_size=300),
    st.binary(max_size=300).map(lambda raw: raw.decode("utf-8", errors="replace")),
    st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")),
    st.lists(
        st.sampled_from(
            [
                *"h h' x W c' = : @ * + - / ( ) tanh 1 0.5 n # , . ' é exp( 1e9 if ⊙".split(),
                *("\n", " ", "\t"),
            ]
        ),
        max_size=80,
    ).map(" ".join),
)


@settings(max_examples=400, deadline=None)
@given(noise)
def test_noise_is_refused_or_read(text):
    read_or_refuse(text)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_cell_is_refused_or_read(data):
    text = data.draw(cell_texts())
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 5)))
    read_or_refuse(text[:start] + data.draw(st.text(max_size=5)) + text[end:])


def test_nothing_is_evaluated():
    """No code object runs and nothing is imported while a text is read."""
    read_or_refuse("h' = tanh(W @ x)")  # loads what the package itself needs
    seen: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("exec", "import", "os.system", "open"):
            seen.append(event)

    sys.addaudithook(watch)
    eval("1")  # noqa: S307  the hook works
    assert seen == ["exec"]
    seen.clear()
    for text in ("h' = __import__('os')", "h' = exec(x)", "h' = print(x)", "h' = tanh(W @ x)"):
        with contextlib.suppress(CellError):
            Cell(text)
    watching = False
    assert seen == []


def test_a_declared_name_may_be_that_of_a_mean():
    c = Cell("mean: n\nmax: 1\nh' = max * mean * mean(W @ x) + max(mean, h)")
    assert c.program.parameters == ("max", "mean", "W")
