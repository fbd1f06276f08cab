"""Kernels of a form of their own: with blocks on the diagonal, and transposed."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch
from cells import assert_refused_at, cell_texts, groups, random_arrays, run_text, sigma, sizes_at
from hypothesis import given, settings
from hypothesis import strategies as st
from test_javascript import plain, run

from gru_sym import Cell, Layer, budget, cost, effective_count, equivalent
from gru_sym.__main__ import main
from gru_sym.codegen import generate, source
from gru_sym.codegen.stacked import Stack
from gru_sym.experiment.jacobian import numerical_rank
from gru_sym.transform import rename, substitute
from gru_sym.transform import text as printed

m, n, k, H, T, B = sp.symbols("m n k H T B")
SHARES = {"m": 4, "n": 3, "H": 2}
"""Sizes, of one block where there are some."""

SIZES = {"m": 4, "n": 6, "H": 2}

ANTISYMMETRIC = Cell("h' = h + 0.1 * tanh((W - W.T) @ h + V @ x + b)", "AntisymmetricRNN")
HEADS = Cell(
    """
    U_r: blocks H
    U_z: blocks H
    U_n: blocks H
    r  = sigmoid(W_r @ x + U_r @ h + b_r)
    z  = sigmoid(W_z @ x + U_z @ h + b_z)
    n  = tanh(W_n @ x + r * (U_n @ h) + b_n)
    h' = (1 - z) * n + z * h
    """,
    "GRU with heads",
)
RG_LRU = Cell(
    """
    x: n
    W_a: blocks H
    W_x: blocks H
    r  = sigmoid(W_a @ x + b_a)
    i  = sigmoid(W_x @ x + b_x)
    a  = exp(-8 * softplus(L) * r)
    h' = a * h + (1 - a) * (i * x)
    """,
    "RG-LRU without its root",
)
S_LSTM = Cell(
    "\n".join(f"R_{gate}: blocks H" for gate in "ifzo")
    + """
    i  = exp(W_i @ x + R_i @ h + b_i)
    f  = sigmoid(W_f @ x + R_f @ h + b_f)
    z  = tanh(W_z @ x + R_z @ h + b_z)
    o  = sigmoid(W_o @ x + R_o @ h + b_o)
    c' = f * c + i * z
    h' = o * tanh(c')
    """,
    "sLSTM without its normaliser",
)


def arrays_of(cell: Cell, seed: int = 0) -> tuple[dict, dict]:
    """What the code is given, and what Python's eval is: full matrices, vectors as columns."""
    full = random_arrays(cell, SHARES, seed)
    return groups(cell, full)[0], full


def test_antisymmetric_by_hand():
    """Chang et al. (2019), with a step of 0.1 and without diffusion."""
    p, full = arrays_of(ANTISYMMETRIC)
    x, h = full["x"][:, 0], full["h"][:, 0]
    expected = h + 0.1 * np.tanh((p["W"] - p["W"].transpose()) @ h + p["V"] @ x + p["b"])
    np.testing.assert_allclose(generate(ANTISYMMETRIC).step(p, x, h), expected, atol=1e-14)
    outputs, _ = generate(ANTISYMMETRIC, "torch").sequence(
        {name: torch.tensor(a) for name, a in p.items()}, torch.tensor(x)[None], torch.tensor(h)
    )
    np.testing.assert_allclose(outputs[0], expected, atol=1e-14)


def test_a_gru_with_heads_by_hand():
    p, full = arrays_of(HEADS)
    W, U, b = ({g: p[f"{kind}_{g}"] for g in "rzn"} for kind in ("W", "U", "b"))
    x, h = full["x"][:, 0], full["h"][:, 0]
    expected = []
    for head in range(2):  # each head sees its own part of the state alone
        own = slice(3 * head, 3 * head + 3)
        r, z = (sigma(W[g][own] @ x + U[g][head] @ h[own] + b[g][own]) for g in "rz")
        new = np.tanh(W["n"][own] @ x + r * (U["n"][head] @ h[own]) + b["n"][own])
        expected.append((1 - z) * new + z * h[own])
    expected = np.concatenate(expected)
    np.testing.assert_allclose(generate(HEADS).step(p, x, h), expected, atol=1e-14)
    outputs, _ = generate(HEADS).sequence(p, x[None], h)
    np.testing.assert_allclose(outputs[0], expected, atol=1e-14)


@pytest.mark.parametrize(
    ("cell", "formula"),
    [
        (HEADS, 3 * m * n + 3 * n**2 / H + 3 * n),
        (RG_LRU, 2 * n**2 / H + 3 * n),
        (S_LSTM, 4 * m * n + 4 * n**2 / H + 4 * n),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_counts_of_papers_and_their_certificates(cell, formula):
    assert sp.expand(cell.count() - formula) == 0
    count = effective_count(cell)
    assert count.certified
    assert sp.expand(count.effective - formula) == 0
    sizes = {name: SIZES[name] for name in cell.size_names}
    assert numerical_rank(cell, sizes).rank == cell.count(**sizes) == formula.subs(sizes)


@pytest.mark.parametrize(
    ("text", "redundant", "certified"),
    [
        (ANTISYMMETRIC.text, n * (n + 1) / 2, True),
        ("h' = tanh((W + W.T) @ h + V @ x + b)", n * (n - 1) / 2, True),
        ("h' = tanh((W - W.T) @ h + V @ x + b + d)", n * (n + 1) / 2 + n, True),
        ("h' = tanh((2 * W - 2 * W.T) @ h + V @ x)", n * (n + 1) / 2, True),
        ("h' = tanh((W - 2 * W.T) @ h + V @ x)", 0, True),
        ("h' = tanh(W.T @ tanh(W @ h) + V @ x)", 0, True),
        ("h' = tanh((W - W.T + U) @ h + V @ x)", n**2, True),
        ("U: blocks 2\nh' = tanh(W @ x + U @ h + b + d)", n, True),
        ("U: blocks 2\nV: blocks 2\nh' = tanh((U + V) @ h + W @ x)", 0, False),
        ("U: blocks 2\nV: blocks 3\nh' = tanh(U @ tanh(V @ h) + W @ x)", 0, False),
        ("U: blocks H\nh' = tanh(P @ (U @ tanh(Q @ x)) + R @ h)\nx: n", 0, False),
    ],
)
def test_what_is_redundant(text, redundant, certified):
    """A certificate is right by the float64 rank; where none is found, no wrong one is given."""
    cell = Cell(text)
    found = effective_count(cell)
    assert found.certified == certified
    assert sp.expand(found.redundant - redundant) == 0
    sizes = sizes_at(cell, SHARES)
    rank = numerical_rank(cell, sizes).rank
    upper = found.upper.subs(sizes)
    assert rank == upper if certified else rank <= upper
    at = effective_count(cell, **sizes)
    assert at.lower <= rank <= at.upper


def test_moving_along_a_reflection_changes_nothing():
    (family,) = effective_count(ANTISYMMETRIC).redundancy.families
    p, full = arrays_of(ANTISYMMETRIC)
    moved = {**p, **family.apply(p, np.random.default_rng(1).normal(size=(3, 3)))}
    assert not np.allclose(moved["W"], p["W"])
    step, (x, h) = generate(ANTISYMMETRIC).step, (full[v][:, 0] for v in "xh")
    np.testing.assert_allclose(step(moved, x, h), step(p, x, h), atol=1e-14)


@st.composite
def kernel_texts(draw: st.DrawFn) -> str:
    """A random cell, some of its kernels with blocks or transposed."""
    text = draw(cell_texts())
    lines = []
    for name in (p for p in Cell(text).program.parameters if p[0] == "W"):
        kind = draw(st.sampled_from(["", "blocks 2", "blocks H", "transposed", "negative"]))
        if kind.startswith("blocks"):
            lines.append(f"{name}: {kind}")
        elif kind == "transposed":
            text = text.replace(f"{name} @", f"{name}.T @")
        elif kind == "negative":
            text = text.replace(f"{name} @", f"(2 * {name} - {name}) @")
    return "\n".join([*lines, text])


@settings(max_examples=12, deadline=None)
@given(kernel_texts())
def test_any_kernels(tmp_path_factory, text):
    """The dialects agree with Python's eval on full matrices; the count is what they ask for."""
    cell = Cell(text)
    assert Cell(printed(cell)).sizes == cell.sizes
    stored, full = arrays_of(cell)
    sizes = sizes_at(cell, SHARES)
    assert cell.count(**{name: sizes[name] for name in cell.size_names}) == sum(
        np.size(a) for a in stored.values()
    )
    expected = run_text(cell, full)["h_next"][:, 0]
    close = {"rtol": 1e-10, "atol": 1e-10}
    x, h = full["x"][:, 0], full["h"][:, 0]
    np.testing.assert_allclose(generate(cell).step(stored, x, h), expected, **close)
    outputs, _ = generate(cell).sequence(stored, np.stack([x, x])[:, None], np.stack([h]))
    np.testing.assert_allclose(outputs[0, 0], expected, **close)
    in_torch = {name: torch.as_tensor(a) for name, a in stored.items()}
    outputs, _ = generate(cell, "torch").sequence(
        in_torch, torch.as_tensor(x)[None], torch.as_tensor(h)
    )
    np.testing.assert_allclose(outputs[0], expected, **close)
    script, in_script = source(cell, "javascript"), {p: plain(a) for p, a in stored.items()}
    (answer,) = run(tmp_path_factory.mktemp("js"), [(script, in_script, [plain(x), plain(h)])])
    np.testing.assert_allclose(answer, expected, **close)


def test_stacks_and_directions_with_blocks():
    layer = Layer(HEADS, 2, bidirectional=True)
    assert layer.count(m=4, n=6, H=2) == sum(p.count for p in layer.parameters).subs(SIZES)
    draw = np.random.default_rng(0)
    own = {
        p.name: draw.normal(size=[int(s.subs(SIZES)) for s in p.shape]) for p in layer.parameters
    }
    outputs, h = Stack(layer).sequence(own, draw.normal(size=(3, 2, 4)))
    assert (outputs.shape, h.shape) == ((3, 2, 12), (4, 2, 6))
    small = effective_count(Layer(HEADS), m=1, n=2, H=2, steps=3)
    assert small.certified
    assert small.effective == HEADS.count(m=1, n=2, H=2)
    assert not effective_count(Layer(HEADS)).certified


MISTAKES = [
    ("b: blocks 2\nh' = W @ x + b", 1, 4, "b is a vector, and blocks are those of a kernel"),
    ("x: blocks 2\nh' = W @ x", 1, 4, "x is a vector, and blocks are those of a kernel"),
    ("U: blocks 2\nh' = W @ x", 1, 4, "U is declared as a kernel of blocks, but no equation uses"),
    ("U: blocks\nh' = U @ h", 1, 4, "say how many blocks: U: blocks 4"),
    ("U: blocks 0\nh' = U @ h", 1, 4, "a size is one name, such as k, or one positive whole"),
    ("U: blocks sqrt\nh' = U @ h", 1, 4, "sqrt has a meaning of its own in SymPy"),
    ("c: 6\nU: blocks 4\nc' = U @ c + W @ x", 2, 4, "U has 4 equal blocks, but 6 is no multiple"),
    ("U: blocks 2\nh' = tanh(U) @ h", 2, 6, "a kernel of blocks has a sign, a number or a sum"),
    ("U: blocks 2\nh' = (U + V) @ h", 2, 7, "a kernel of blocks has a sign, a number or a sum"),
    ("U: blocks 2\nh' = W @ (U @ V @ h)", 2, 11, "a kernel of blocks has a sign, a number or a"),
    ("U: blocks 2\nh' = (V @ U) @ h", 2, 7, "a kernel of blocks has a sign, a number or a sum"),
    ("U: blocks 2\nV = U\nh' = V @ h", 2, 5, "U is a kernel of blocks, and such a one stands in"),
    ("U: blocks 2\nh' = U.T @ h", 2, 6, "U has blocks; the transpose is of a kernel without"),
    ("h' = tanh(h.T @ W)", 1, 11, "h is another one at each step; only a parameter or a constant"),
    ("v = W @ x\nh' = v.T @ W", 2, 6, "v is another one at each step; only a parameter"),
    ("h' = (W @ V).T @ x", 1, 6, "a dot is that of W.T, a transpose"),
    ("h' = W.H @ x", 1, 6, "a dot is that of W.T, a transpose"),
    ("s: 1\ns = b.T @ h\nh' = s * x\nx: n", 2, 5, "b is a vector; the transpose is of a matrix"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), MISTAKES)
def test_a_mistake_is_one_sentence_at_its_place(text, line, column, message):
    assert_refused_at(text, line, column, message)


UNEQUAL = "U_r has 4 equal blocks on its diagonal, and n = 10 is no multiple of 4"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: HEADS.count(n=10, H=4),
        lambda: Layer(HEADS, 2).count(m=3, n=10, H=4),
        lambda: effective_count(HEADS, m=3, n=10, H=4),
        lambda: cost(HEADS, m=3, n=10, H=4),
    ],
)
def test_blocks_that_cannot_be_equal(ask):
    with pytest.raises(ValueError, match=UNEQUAL):
        ask()


def test_the_command_line_and_the_code_refuse_them(tmp_path, capsys):
    file = tmp_path / "heads.cell"
    file.write_text(HEADS.text, encoding="utf-8")
    assert main(["count", str(file), "-m", "3", "-n", "10", "--set", "H=4"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"gru_sym: {UNEQUAL}\n")
    assert main(["count", str(file)]) == 0
    assert capsys.readouterr().out == "3*m*n + 3*n + 3*n**2/H\n= 3(n²/H + nm + n)\n"
    p, full = arrays_of(HEADS)
    x, h = full["x"][:, 0], full["h"][:, 0]
    wrong = p | {f"U_{gate}": np.zeros((3, 3, 3)) for gate in "rzn"}
    with pytest.raises(ValueError, match="n is 6 in W_r, but the blocks have 9"):
        generate(HEADS).step(wrong, x, h)
    given = {name: plain(array) for name, array in wrong.items()}
    (answer,) = run(tmp_path, [(source(HEADS, "javascript"), given, [plain(x), plain(h)])])
    assert answer == "n is 6; the blocks have 9"


def test_a_budget_is_spent_in_multiples_of_the_blocks():
    found = budget(HEADS, parameters=10_000, m=28, H=8)
    assert (found.n % 8, found.next_n) == (0, found.n + 8)
    assert found.count == HEADS.count(m=28, n=found.n, H=8) <= 10_000
    assert found.next_count == HEADS.count(m=28, n=found.next_n, H=8) > 10_000
    with pytest.raises(ValueError, match="does not grow with H"):
        budget(HEADS, parameters=10_000, m=28, n=64)


def test_what_the_blocks_save():
    """Checked against PyTorch's own counts in test_costs."""
    assert cost(HEADS).loop.multiply_adds == sp.expand(3 * T * B * n**2 / H)
    assert cost(HEADS).read_per_step == 3 * n**2 / H


def test_what_stands_for_a_kernel_of_blocks_has_blocks():
    full = Cell("\n".join(line for line in HEADS.text.splitlines() if "blocks" not in line), "full")
    assert equivalent(HEADS, full)  # the blocks are some full kernels
    with pytest.raises(ValueError, match=r"is a kernel of H blocks, and .* is none"):
        equivalent(full, HEADS)
    other = rename(HEADS, {"U_r": "R_r"})
    assert other.sizes.blocks == {"R_r": "H", "U_z": "H", "U_n": "H"}
    assert equivalent(HEADS, other, {"R_r": "U_r"})
    assert not equivalent(HEADS, other, {"R_r": "U_z"})  # at a point with blocks
    with pytest.raises(ValueError, match="no full kernel can stand for it"):
        substitute(HEADS, {"U_r": "V"})
    assert equivalent(
        ANTISYMMETRIC, Cell("h' = h + 0.1 * tanh(K @ h + V @ x + b)"), {"K": "W - W.T"}
    )
    assert not equivalent(ANTISYMMETRIC, Cell("h' = h + 0.1 * tanh((W + W.T) @ h + V @ x + b)"))
    turned = Cell("h' = h + 0.1 * tanh((K.T - K) @ h + V @ x + b)")
    assert equivalent(ANTISYMMETRIC, turned, {"K": "-W"})
    with pytest.raises(ValueError, match=r"would|is no cell|transposed"):
        substitute(ANTISYMMETRIC, {"W": "A @ B"})


def test_how_they_are_shown():
    assert r"(W - W^{\top}) h_{t-1}" in ANTISYMMETRIC.latex()
    assert r"U_{r}, U_{z}, U_{n} \in \mathbb{R}^{n \times n}\ \text{in } H \text{ blocks}" in (
        HEADS.latex()
    )
    assert HEADS.parameters[1].shape == (H, n / H, n / H)
    assert ANTISYMMETRIC.next_state().atoms(sp.Transpose)
