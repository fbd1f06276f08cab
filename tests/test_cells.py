"""Parameters, roles, gates, counts, and the equations as SymPy and as LaTeX."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sympy as sp
from cells import FREE, MORE, cell_texts, random_arrays, run_text
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gru_sym import Cell, catalogue, cell
from gru_sym.latex import LatexWriter
from gru_sym.render import formula_latex

m, n, k, p = sp.symbols("m n k p")


def role_of(text: str, name: str) -> str:
    return next(q.role for q in Cell(text).parameters if q.name == name)


def gate_of(text: str, name: str) -> str:
    return next(q.gate for q in Cell(text).parameters if q.name == name)


def test_the_count_of_the_readme():
    c = cell("gru.pytorch")
    assert c.count() == 3 * m * n + 3 * n**2 + 6 * n
    assert c.count(m=8, n=16) == 1248 and isinstance(c.count(m=8, n=16), int)


def test_sizes_may_stay_symbols_or_be_expressions():
    c = cell("gru.dey_salem")
    assert c.count(n=16) == 48 * m + 816
    assert sp.expand(c.count(m=n, n=n) - 6 * n**2 - 3 * n) == 0


def test_huge_sizes_are_exact():
    size = 10**1000
    assert cell("gru.pytorch").count(m=size, n=size) == 6 * size**2 + 6 * size


@pytest.mark.parametrize("bad", [0, -3, 1.5, "8", True, None, sp.Integer(0), sp.Rational(1, 2)])
def test_a_size_is_a_positive_integer(bad):
    with pytest.raises(ValueError, match="must be a positive integer"):
        cell("gru.pytorch").count(m=bad, n=1)


def test_an_unknown_size_is_named():
    with pytest.raises(ValueError, match=r"gru\.pytorch has no size q; its sizes are m, n"):
        cell("gru.pytorch").count(q=1)


def test_a_low_rank_kernel_has_its_rank_in_the_count():
    c = Cell("h' = tanh(A @ (B @ x))")
    assert sp.expand(c.count() - k * (n + m)) == 0
    assert c.size_names == ("m", "n", "k")


def test_a_tied_parameter_counts_once():
    c = Cell("r = sigmoid(W @ x + U @ h)\nh' = r * tanh(W @ x + U @ (r * h))")
    assert c.count() == m * n + n**2
    assert [(q.name, q.gate) for q in c.parameters] == [("W", "r, h"), ("U", "r, h")]


def test_a_cell_may_read_no_input():
    assert Cell("h' = tanh(U @ h)").size_names == ("n",)


ROLES = [
    ("h' = tanh(W @ x + U @ h + b)", {"W": "input kernel", "U": "recurrent kernel", "b": "bias"}),
    ("h' = tanh(A @ (B @ x) + U @ h)", {"A": "input kernel", "B": "input kernel"}),
    ("u = B @ x\nh' = tanh(A @ u)", {"A": "input kernel", "B": "input kernel"}),
    ("h' = tanh(w * x + u * h)\nx: n", {"w": "input kernel", "u": "recurrent kernel"}),
    ("h' = sigmoid(b)", {"b": "bias"}),
    ("c' = tanh(W @ x + p * c)\nh' = c' * (q * c)", {"p": "peephole", "q": "peephole"}),
    ("c' = tanh(W @ x + c)\nh' = sigmoid(p * c' + b)", {"p": "peephole", "b": "bias"}),
    ("c' = tanh(W @ x + c)\nh' = sigmoid(P @ c')", {"P": "projection"}),
    ("c' = tanh(W @ x + P @ c)\nh' = c' * h", {"P": "recurrent kernel"}),
    ("h' = tanh((W + A @ B) @ x)", {"W": "input kernel", "A": "input kernel", "B": "input kernel"}),
    ("h' = tanh((V - Y) @ h)", {"V": "recurrent kernel", "Y": "recurrent kernel"}),
    ("w = 2 * W\nh' = tanh(w @ x)", {"W": "input kernel"}),
    ("d = exp(l)\nh' = d * h + W @ x", {"l": "recurrent kernel"}),
    # FastGRNN's zeta and nu: its authors count two vectors of biases, and these two numbers.
    (
        "a: 1\nb: 1\nh' = (sigmoid(a) * (1 - h) + sigmoid(b)) * (W @ x)",
        {"a": "scale", "b": "scale"},
    ),
    ("a: 1\nh' = h * -(W @ x - a)", {"a": "scale"}),
    ("a: 1\nh' = h * tanh(W @ x + a)", {"a": "bias"}),
    ("a: 1\nh' = g * (W @ x + a)", {"a": "bias"}),
    ("h' = sigmoid(W @ x) * (U @ h + b)", {"b": "bias"}),
    ("h' = (g + d) * tanh(W @ x)", {"g": "scale", "d": "scale"}),
    ("c' = tanh(W @ x + c)\nh' = P @ tanh(c')", {"P": "projection"}),
    ("v = tanh(W @ x + U @ h)\nh' = P @ v", {"P": "projection"}),
    ("h' = tanh(g * (W @ x) + b)", {"g": "scale", "b": "bias"}),
    ("a: 1\nh' = a * h + (1 - a) * tanh(W @ x)", {"a": "scale"}),
    ("a: 1\nh' = tanh(W @ x + a)", {"a": "bias"}),
    ("h' = tanh(W @ x + W @ (h * 1))\nx: n", {"W": "input kernel and recurrent kernel"}),
    ("h' = tanh(A @ B @ x)", {"A": "input kernel", "B": "input kernel"}),
]


@pytest.mark.parametrize(("text", "expected"), ROLES)
def test_roles_are_read_off_the_equations(text, expected):
    assert {name: role_of(text, name) for name in expected} == expected


def test_the_output_is_h_or_the_last_state():
    assert Cell("h' = W @ x\nc' = tanh(c + h')").output == "h"
    assert Cell("s' = W @ x\nc' = tanh(c + s')").output == "c"


@settings(max_examples=40, deadline=None)
@given(cell_texts())
def test_a_bias_is_no_matrix_between_sizes(text):
    """A matrix multiplies something; where only parameters are multiplied, it may be anything."""
    for q in Cell(text).parameters:
        if q.role == "bias" and len(q.shape) == 2:
            assert "k" in str(q.shape)


def test_numpy_code_of_the_step():
    c = Cell("h' = sigmoid(W @ x) + hard_sigmoid(h)")
    one = {m: 1, n: 1}
    scalar = c.next_state().subs(one)[0, 0]
    free = [c.symbol(name).subs(one)[0, 0] for name in ("W", "x", "h")]
    assert sp.lambdify(free, scalar, "numpy")(1.0, 0.0, 0.0) == 1.0


def test_a_sum_of_very_many_is_quick_in_sympy():
    """One SymPy sum and one product of all parts, not one of two after the other."""
    start = time.process_time()
    for text, sign in (("h' = tanh(W @ x + {})", "+"), ("h' = W @ x * {}", "*")):
        c = Cell(text.format(sign.join(f"b{i}" for i in range(700))))
        assert len(c.next_state().atoms(sp.MatrixSymbol)) == 702
    scalars = [f"b{i}" for i in range(700)]
    declared = "".join(f"{b}: 1\n" for b in scalars)
    for sign in "+*":
        assert len(Cell(f"{declared}h' = W @ x * ({sign.join(scalars)})").equations) == 1
    # Half a second of one core; it was 30 for the first sum alone.
    assert time.process_time() - start < 10


def test_a_long_chain_is_quick_in_sympy():
    start = time.process_time()
    lines = [f"v{i} = tanh(W{i} @ v{i - 1})" for i in range(1, 100)]
    c = Cell("\n".join(["v0 = W0 @ x", *lines, "h' = v99"]))
    assert c.next_state().has(c.symbol("x"))
    assert time.process_time() - start < 5  # 0.1 of one core; it was 15


def test_gates_are_read_off_the_equations():
    text = "a = W @ x + b\nz = sigmoid(a + U @ h)\nh' = z * h + (1 - z) * tanh(a)"
    assert gate_of(text, "U") == "z"
    assert gate_of(text, "W") == "z, h"
    # A function further inside makes a gate, too.
    assert gate_of("z = 1 - sigmoid(U @ h)\nh' = z * h + W @ x", "U") == "z"


@pytest.mark.parametrize("name", list(catalogue))
@pytest.mark.parametrize("by", ["role", "gate", "tensor"])
def test_every_breakdown_adds_up(name, by):
    c = catalogue[name]
    assert sp.expand(sum(c.breakdown(by).values()) - c.count()) == 0
    assert sp.expand(c.weights() + c.biases() - c.count()) == 0


def test_an_unknown_breakdown_is_refused():
    with pytest.raises(ValueError, match='by "role", "gate" or "tensor"'):
        cell("gru.pytorch").breakdown("colour")


@settings(max_examples=60, deadline=None)
@given(cell_texts(MORE))
def test_the_count_is_the_number_of_entries_of_the_arrays(text):
    c = Cell(text)
    arrays = random_arrays(c, {"m": 3, "n": 5})
    expected = sum(arrays[name].size for name in c.program.parameters)
    given_sizes = {size: {"m": 3, "n": 5}.get(size, FREE) for size in c.size_names}
    assert c.count(**given_sizes) == expected


# SymPy

EXPLICIT = {"m": 2, "n": 2, "p": 3}


@pytest.mark.parametrize("name", list(catalogue))
def test_sympy_equations_compute_what_the_text_computes(name):
    check_sympy(catalogue[name])


@settings(max_examples=15, deadline=None)
@given(cell_texts(MORE))
def test_sympy_equations_of_any_cell_compute_what_the_text_computes(text):
    check_sympy(Cell(text))


def check_sympy(c: Cell) -> None:
    """The composed SymPy step, at explicit sizes and numbers, against Python's own evaluation."""
    arrays = random_arrays(c, EXPLICIT, seed=1)
    expected = run_text(c, arrays)[f"{c.output}_next"]
    sizes = {sp.Symbol(size): EXPLICIT.get(size, FREE) for size in c.size_names}
    step = c.next_state().subs(sizes)
    symbols = {name: c.symbol(name).subs(sizes) for name in arrays}
    values = {
        symbol: arrays[name].item() if symbol.is_Symbol else sp.Matrix(arrays[name])
        for name, symbol in symbols.items()
    }
    explicit = step.subs(values).doit()
    found = np.array(sp.Matrix(explicit).applyfunc(lambda u: u.doit().evalf()), dtype=float)
    # Both sides are double precision sums of at most a few dozen terms of order one.
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_reader_can_go_on_in_sympy():
    step = Cell("h' = tanh(W @ x)").equations[0]
    assert isinstance(step, sp.Eq) and step.rhs.shape == (n, 1)
    W = sp.MatrixSymbol("W", n, m)  # symbols without assumptions match the reader's own
    assert step.rhs.has(W)


def test_names_and_states_are_checked():
    c = cell("lstm.pytorch")
    assert c.states == ("c", "h") and c.output == "h"
    with pytest.raises(ValueError, match="no state 'q'"):
        c.next_state("q")
    with pytest.raises(ValueError, match="has no name 'q'"):
        c.symbol("q")


# LaTeX

LATEX = [
    ("h' = sigmoid(W_ir @ x)", r"h_{t} &= \sigma(W_{ir} x_{t})"),
    (
        "h_tilde = tanh(U @ (h * h))\nh' = h_tilde",
        r"\tilde{h}_{t} &= \tanh\bigl(U (h_{t-1} \odot h_{t-1})\bigr)",
    ),
    ("h' = h - (h - W @ x)", r"h_{t} &= h_{t-1} - (h_{t-1} - W x_{t})"),
    ("alpha: 1\nh' = alpha * h / 2", r"h_{t} &= \tfrac{1}{2}\, \alpha\, h_{t-1}"),
    ("h' = 2 * 3 * h", r"h_{t} &= 6\, h_{t-1}"),
    ("h' = 0.9 * h - 0.1 * x\nx: n", r"h_{t} &= 0.9\, h_{t-1} - 0.1\, x_{t}"),
    ("h' = h + -2 * h", r"h_{t} &= h_{t-1} - 2\, h_{t-1}"),
    ("h' = h - -2 * h", r"h_{t} &= h_{t-1} - (-2\, h_{t-1})"),
    ("h' = -(-2 * h)", r"h_{t} &= -(-2\, h_{t-1})"),
    ("h' = h / 3", r"h_{t} &= \tfrac{1}{3}\, h_{t-1}"),
    ("i_t = sigmoid(W @ x)\nh' = i_t * h", r"i_{t} &= \sigma(W x_{t})"),
    ("v_new = W @ x\nh' = v_new", r"v_{\mathrm{new}, t} &= W x_{t}"),
    ("h: d_h\nh' = W @ x", r"W \in \mathbb{R}^{d_{h} \times m}"),
    ("h' = h * (W @ x)", r"h_{t} &= h_{t-1} \odot (W x_{t})"),
    ("h' = A @ (B @ x)", r"h_{t} &= A (B x_{t})"),
    ("h' = -(h + W @ x)", r"h_{t} &= -(h_{t-1} + W x_{t})"),
    ("h' = h - -h", r"h_{t} &= h_{t-1} - (-h_{t-1})"),
    ("h' = (A @ B) @ x", r"h_{t} &= A B x_{t}"),
    ("h' = (W + V) @ x", r"h_{t} &= (W + V) x_{t}"),
    ("h_hat = A @ x\nh' = h_hat", r"\hat{h}_{t} &= A x_{t}"),
    ("h_bar = A @ x\nh' = h_bar", r"\bar{h}_{t} &= A x_{t}"),
    ("u: k2\nu = A @ x\nh' = B @ u", r"A \in \mathbb{R}^{k_{2} \times m}"),
    ("W1_a = A @ x\nh' = W1_a", r"W_{1, a, t} &= A x_{t}"),
    ("gate = W @ x\nh' = gate", r"\mathit{gate}_{t} &= W x_{t}"),
    ("c' = W @ x\nh' = c' + c", r"h_{t} &= c_{t} + c_{t-1}"),
    ("h' = W_a1b @ x", r"W_{a1b} x_{t}"),
    ("h' = _2 * h", r"h_{t} &= \mathit{\_2} \odot h_{t-1}"),
    ("h' = tanh(W2 @ x + W_2 @ h)", r"\tanh(W_{2} x_{t} + \mathit{W\_2} h_{t-1})"),
    ("z_t = W @ x\nz = U @ z_t\nh' = z", r"z_{t} &= U \mathit{z\_t}_{t}"),
    ("h' = sigma * sigmoid(h)", r"\mathit{sigma} \odot \sigma(h_{t-1})"),
    ("u: k2\nv: k_2\nu = A @ x\nv = B @ x\nh' = C @ u + D @ v", r"\mathit{k\_2} \times m"),
]


@pytest.mark.parametrize(("text", "expected"), LATEX)
def test_latex_is_what_a_paper_prints(text, expected):
    assert expected in Cell(text).latex()


@given(st.sets(st.text("aWz_2t", min_size=1, max_size=4).filter(str.isidentifier), min_size=2))
@example({"W2", "W_2", "z", "z_t", "_2"})
def test_distinct_names_stay_distinct_in_latex(names):
    """With and without a time index, among parameters and values, and among sizes."""
    names = sorted(names)
    half = len(names) // 2
    lines = [f"{name} = tanh(W_x @ x + {p})" for name, p in zip(names, names[half:], strict=False)]
    c = Cell("\n".join([*lines[:half], "h' = " + " + ".join(names[: max(half, 1)])]))
    writer = LatexWriter(c.program, c.sizes)
    printed = [{writer.name(name, time) for time in ("", "t", "t-1")} for name in c.sizes.shapes]
    assert len(set.union(*printed)) == sum(map(len, printed))
    declared = "".join(f"v{i}: {name}\nv{i} = W{i} @ x\n" for i, name in enumerate(names))
    c = Cell(declared + "h' = " + " + ".join(f"U{i} @ v{i}" for i in range(len(names))))
    writer = LatexWriter(c.program, c.sizes)
    assert len(set(map(writer.size, names))) == len(names)
    printed_sum = formula_latex(sp.Add(*map(sp.Symbol, names)))
    assert len(set(printed_sum.split(" + "))) == len(names)


@pytest.mark.parametrize("name", list(catalogue))
def test_latex_has_every_parameter_and_no_raw_sympy(name):
    c = catalogue[name]
    latex = c.latex()
    assert latex.count("{") == latex.count("}") and latex.count(r"\bigl") == latex.count(r"\bigr")
    assert "Lambda" not in latex and "mapsto" not in latex and "_d" not in latex
    writer = LatexWriter(c.program, c.sizes)
    assert all(writer.name(q.name) in latex for q in c.parameters)
    assert c._repr_latex_() == f"$\\displaystyle {latex}$"


def test_latex_lists_every_shape():
    latex = cell("lstm.projected").latex()
    assert r"x_{t} \in \mathbb{R}^{m}" in latex and r"h_{t} \in \mathbb{R}^{p}" in latex
    assert r"W_{hr} \in \mathbb{R}^{p \times n}" in latex
    assert r"a \in \mathbb{R}" in Cell("a: 1\nh' = a * h").latex()


def test_printed_it_is_its_title_its_source_and_its_equations():
    shown = str(cell("gru.dey_salem"))
    assert shown.startswith("gru.dey_salem: ") and "\nsource: " in shown
    assert shown.endswith("\n    h'      = (1 - z) * h + z * h_tilde")
    assert repr(cell("rnn.elman")) == "<Cell rnn.elman: m*n + n**2 + n parameters>"


def test_equal_texts_are_equal_cells():
    assert Cell("h' = x\nx: n") == Cell("h' = x\nx: n", name="other")
    assert Cell("h' = tanh(h)") != Cell("h' = h")
    assert Cell("h' = h") != "h' = h"
    assert len({Cell("h' = x\nx: n"), Cell("h' = x\nx: n")}) == 1


@settings(max_examples=30, deadline=None)
@given(cell_texts(), st.integers(1, 9), st.integers(1, 9))
def test_the_formula_reads_back(text, m_value, n_value):
    c = Cell(text)
    sizes = {size: {"m": m_value, "n": n_value}.get(size, 3) for size in c.size_names}
    formula = sp.sympify(str(c.count()))
    assert formula.subs(sizes) == c.count(**sizes)
