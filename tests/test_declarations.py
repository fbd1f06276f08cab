"""What a declaration makes of a name: a further input, a constant, a delayed input."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy as sp
import torch
from cells import (
    FREE,
    assert_refused_at,
    declared_texts,
    groups,
    held,
    random_arrays,
    run_text,
    shapes_at,
    sigma,
)
from hypothesis import given, settings
from test_javascript import plain, run

from gru_sym import Cell, CellError, Layer, Model, cell, cost, effective_count, equivalent
from gru_sym.__main__ import main
from gru_sym.codegen import generate, source
from gru_sym.codegen.stacked import Stack
from gru_sym.experiment.jacobian import numerical_rank
from gru_sym.transform import rename, substitute
from gru_sym.transform import text as printed

m, n, d, T, B = sp.symbols("m n d T B")
SIZES = {"m": 3, "n": 4, "d": 5}

GRU_D = Cell(
    """
    mask: input m
    delta: input m
    mean: constant m
    last: m
    gamma_x = exp(-relu(w_x * delta + b_x))
    gamma_h = exp(-relu(W_g @ delta + b_g))
    last'   = mask * x + (1 - mask) * last
    x_hat   = mask * x + (1 - mask) * (gamma_x * last + (1 - gamma_x) * mean)
    d  = gamma_h * h
    z  = sigmoid(W_z @ x_hat + U_z @ d + V_z @ mask + b_z)
    r  = sigmoid(W_r @ x_hat + U_r @ d + V_r @ mask + b_r)
    g  = tanh(W_h @ x_hat + U_h @ (r * d) + V_h @ mask + b_h)
    h' = (1 - z) * d + z * g
    """,
    "GRU-D",
)
LMU = Cell(
    """
    A: constant d x d
    B: constant d
    c: d
    u: 1
    u  = e @ x
    c' = A @ c + B * u
    h' = tanh(W_x @ x + W_h @ h + W_m @ c' + b)
    """,
    "LMU",
)
QRNN = Cell(
    """
    p' = x
    z  = tanh(W_z @ x + V_z @ p + b_z)
    f  = sigmoid(W_f @ x + V_f @ p + b_f)
    o  = sigmoid(W_o @ x + V_o @ p + b_o)
    c' = f * c + (1 - f) * z
    h' = o * c'
    """,
    "QRNN-2",
)


def gru_d(p, x, mask, delta, mean, h, last):
    """Che et al. (2018), equations 3 to 6 and 12 to 17, with a diagonal input decay."""
    decay_x = np.exp(-np.maximum(0, p["w_x"] * delta + p["b_x"]))
    decay_h = np.exp(-np.maximum(0, p["W_g"] @ delta + p["b_g"]))
    seen = np.where(mask == 1, x, decay_x * last + (1 - decay_x) * mean)
    h = decay_h * h
    z = sigma(p["W_z"] @ seen + p["U_z"] @ h + p["V_z"] @ mask + p["b_z"])
    r = sigma(p["W_r"] @ seen + p["U_r"] @ h + p["V_r"] @ mask + p["b_r"])
    g = np.tanh(p["W_h"] @ seen + p["U_h"] @ (r * h) + p["V_h"] @ mask + p["b_h"])
    return (1 - z) * h + z * g, np.where(mask == 1, x, last)


def lmu(p, x, A, B, h, c):
    """Voelker et al. (2019), with an encoder of the input alone: a vector writes one number."""
    c = A @ c + B * float(p["e"][0] @ x)
    return np.tanh(p["W_x"] @ x + p["W_h"] @ h + p["W_m"] @ c + p["b"]), c


def qrnn(p, x, h, c, before):
    """Bradbury et al. (2016), fo-pooling after a convolution over two steps."""
    window = np.concatenate([before, x])

    def convolved(gate):
        return np.hstack([p[f"V_{gate}"], p[f"W_{gate}"]]) @ window + p[f"b_{gate}"]

    f = sigma(convolved("f"))
    c = f * c + (1 - f) * np.tanh(convolved("z"))
    return sigma(convolved("o")) * c, c, x


def drawn(cell: Cell, names, seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays for some names, as users hold them; a vector of one entry stays a vector."""
    arrays = random_arrays(cell, SIZES, seed)
    return {name: held(cell, name, arrays[name]) for name in names}


def test_gru_d_by_hand():
    arrays = drawn(GRU_D, GRU_D.program.given)
    arrays["mask"] = np.array([1.0, 0.0, 1.0])
    parameters = {name: arrays[name] for name in GRU_D.program.parameters}
    vectors = [arrays[name] for name in ("x", "mask", "delta", "h", "last")]
    found = generate(GRU_D).step(parameters, {"mean": arrays["mean"]}, *vectors)
    x, mask, delta, h, last = vectors
    expected = gru_d(parameters, x, mask, delta, arrays["mean"], h, last)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)
    assert sp.expand(GRU_D.count() - (7 * m * n + 3 * n**2 + 4 * n + 2 * m)) == 0
    assert GRU_D.count(m=33, n=49) == 18_784


def test_lmu_by_hand():
    arrays = drawn(LMU, LMU.program.given)
    parameters = {name: arrays[name] for name in LMU.program.parameters}
    constants = {name: arrays[name] for name in LMU.constants}
    found = generate(LMU).step(parameters, constants, *(arrays[v] for v in ("x", "h", "c")))
    expected = lmu(parameters, *(arrays[v] for v in ("x", "A", "B", "h", "c")))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)
    assert sp.expand(LMU.count() - (m * n + n**2 + n * d + n + m)) == 0


def test_qrnn_by_hand_over_a_sequence():
    arrays = drawn(QRNN, QRNN.program.given)
    parameters = {name: arrays[name] for name in QRNN.program.parameters}
    xs = np.random.default_rng(1).normal(size=(6, 3))
    outputs, (h, p, c) = generate(QRNN).sequence(parameters, xs)
    state = np.zeros(4), np.zeros(4), np.zeros(3)
    for x, output in zip(xs, outputs, strict=True):
        state = qrnn(parameters, x, *state)
        np.testing.assert_allclose(output, state[0], atol=1e-14)
    for one, other in zip((h, c, p), state, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)
    assert QRNN.sizes.shapes["p"] == ("m", 1)
    assert QRNN.output == "h"
    assert {p.role for p in QRNN.parameters} == {"input kernel", "bias"}
    assert QRNN.count() == 6 * m * n + 3 * n
    assert effective_count(QRNN).certified
    # One level above, x and so p have n numbers.
    assert Layer(QRNN, 2).count() == sp.expand(QRNN.count() + 6 * n * n + 3 * n)


def test_an_output_is_never_a_delayed_input():
    assert Cell("c' = tanh(W @ x + V @ q + U @ c)\np' = x\nq' = p").output == "c"
    with pytest.raises(CellError, match="sizes clash"):
        Cell("h' = x")
    with pytest.raises(CellError, match="a state p with the equation p' = x"):
        Cell("h' = tanh(W @ x + V @ x_prev)")


def test_nothing_of_a_reservoir_is_trained():
    reservoir = Cell("W: constant\nU: constant\nh' = tanh(W @ x + U @ h)")
    assert reservoir.count() == 0
    count = effective_count(reservoir)
    assert (count.effective, count.certified) == (0, True)
    assert count.scope.endswith("for almost all values of the constants W, U")
    outputs, _ = generate(reservoir).sequence(
        {}, {"W": np.eye(4, 3), "U": np.eye(4)}, np.ones((2, 3))
    )
    assert outputs.shape == (2, 4)


def test_a_constant_never_makes_a_certificate_wrong():
    """What is redundant whatever the constant is, and what is so for special ones only."""
    tied = effective_count(Cell("A: constant\nh' = tanh(W @ x + A * b + d + U @ h)"))
    assert (tied.redundant, tied.certified) == (n, True)
    read = effective_count(Cell("A: constant n x n\nh' = tanh(W @ (A @ h) + b)"), n=2)
    assert (read.redundant, read.certified) == (0, True)  # and not if A is 0
    assert "almost all values of the constant A" in read.scope


def count(cell: Cell) -> int:
    return int(sp.sympify(cell.count(**{s: SIZES.get(s, FREE) for s in cell.size_names})))


@settings(max_examples=12, deadline=None)
@given(declared_texts())
def test_any_declarations(tmp_path_factory, texts):
    """The dialects agree with Python's own eval, and what is declared is not counted."""
    plain_text, text, kinds = texts
    cell, before = Cell(text), Cell(plain_text)
    assert Cell(printed(cell)).sizes == cell.sizes
    declared = [name for name, kind in kinds.items() if kind]
    left = count(before) - sum(int(np.prod(shapes_at(before, SIZES)[p])) for p in declared)
    assert count(cell) == left
    arrays = random_arrays(cell, SIZES)
    expected = run_text(cell, arrays)["h_next"][:, 0]
    before_inputs = groups(cell, arrays)
    vectors = [held(cell, v, arrays[v]) for v in (*cell.inputs, "h")]
    assert sum(np.size(a) for a in before_inputs[0].values()) == left
    found = generate(cell).step(*before_inputs, *vectors)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    in_torch = [{k: torch.as_tensor(a) for k, a in each.items()} for each in before_inputs]
    steps = [torch.as_tensor(v)[None] for v in vectors[:-1]]
    outputs, _ = generate(cell, "torch").sequence(*in_torch, *steps, torch.as_tensor(vectors[-1]))
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-10, atol=1e-10)
    parameters, *constants = ({k: plain(a) for k, a in each.items()} for each in before_inputs)
    case = source(cell, "javascript"), parameters, [*constants, *map(plain, vectors)]
    (answer,) = run(tmp_path_factory.mktemp("js"), [case])
    np.testing.assert_allclose(answer, expected, rtol=1e-10, atol=1e-10)


MISTAKES = [
    ("A: constant\nh' = tanh(W @ x)", 1, 4, "A is declared as a constant, but no equation uses A"),
    ("gap: input 1\nh' = W @ x", 1, 6, "gap is declared as an input, but no equation uses gap"),
    ("A: constant\nA = W @ x\nh' = A", 2, 1, "A is declared as a constant in line 1; it is given"),
    ("g: input m\ng' = x\nh' = W @ g", 2, 1, "g is declared as an input in line 1; it is given"),
    ("g: input m\nh' = W @ g'", 2, 10, "g is given and has no next value"),
    (
        "A: fixed n\nh' = A * h + W @ x",
        1,
        4,
        "a declaration is written name: size, x: k * m, name: input",
    ),
    ("A: constant n m\nh' = A @ x", 1, 4, "a declaration is written"),
    ("A: constant n x -1\nh' = A @ x", 1, 4, "a size is one name, such as k"),
    ("g: input n x m\nh' = W @ g", 1, 4, "g is a vector, whose size is one number or name"),
    ("x: constant\nh' = W @ x", 1, 4, "x is the input, another one at each step"),
    ("A: constant\nA: constant\nh' = A @ x", 2, 4, "A is already declared in line 1"),
    ("tanh: input m\nh' = tanh(W @ x)", 1, 7, "tanh is a function"),
    ("A: constant n x p\nh' = A @ x", 2, 6, "sizes clash in `A @ x`: `A` has p columns (A is"),
    ("g: input 1\nh' = W @ g + x", 2, 6, "`g` is a single number; write *"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), MISTAKES)
def test_a_mistake_is_one_sentence_at_its_place(text, line, column, message):
    assert_refused_at(text, line, column, message)


def test_show_and_count_tell_inputs_and_constants_apart(tmp_path, capsys):
    file = tmp_path / "gru_d.cell"
    file.write_text(GRU_D.text, encoding="utf-8")
    assert main(["show", str(file)]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("further inputs: mask (m), delta (m)\nconstants, not trained: mean (m)\n")
    assert main(["count", str(file), "-m", "33", "-n", "49", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["count"] == 18_784
    assert answer["inputs"] == {"x": ["m"], "mask": ["m"], "delta": ["m"]}
    assert answer["constants"] == {"mean": ["m"]}
    assert r"\mathit{mean} \in \mathbb{R}^{m}\ \text{fixed}" in GRU_D.latex()


TIMED = Cell(
    "gap: input 1\nA: constant n x n\nh' = tanh(W @ x + U @ (exp(-gap) * h) + v * gap + A @ h)",
    "timed",
)


def test_every_layer_is_given_the_same_further_inputs_and_constants():
    layer, draw = Layer(TIMED, 2, bidirectional=True), np.random.default_rng(0)
    own = {
        p.name: draw.normal(size=[int(s.subs({"m": 3, "n": 4})) for s in p.shape])
        for p in layer.parameters
    }
    x, gap, A = draw.normal(size=(5, 2, 3)), draw.uniform(size=(5, 2, 1)), draw.normal(size=(4, 4))
    stack = Stack(layer)
    outputs, h = stack.sequence(own, x, inputs=[gap], constants={"A": A})
    level = x
    for number in (0, 1):
        both = []
        for way, ending in ((1, ""), (-1, "_reverse")):
            W, U, v = (own[f"{k}_l{number}{ending}"] for k in "WUv")
            state, found = np.zeros((2, 4)), []
            for now, time in zip(level[::way], gap[::way], strict=True):
                state = np.tanh(now @ W.T + (np.exp(-time) * state) @ U.T + v * time + state @ A.T)
                found.append(state)
            both.append(np.stack(found[::way]))
        level = np.concatenate(both, -1)
    np.testing.assert_allclose(outputs, level, atol=1e-13)
    assert h.shape == (4, 2, 4)
    ragged, _ = stack.sequence(own, x, inputs=[gap], constants={"A": A}, lengths=[5, 3])
    np.testing.assert_allclose(ragged[:, 0], outputs[:, 0], atol=1e-13)
    assert not ragged[3:, 1].any()
    with pytest.raises(ValueError, match="0 further inputs are given; expected gap"):
        stack.sequence(own, x)
    with pytest.raises(ValueError, match="the constant A is missing"):
        stack.sequence(own, x, inputs=[gap])


def test_what_has_the_size_of_x_cannot_go_to_every_layer():
    with pytest.raises(ValueError, match="is given the same mask, which has the size of x"):
        Layer(GRU_D, 2)
    assert Layer(GRU_D, 1, bidirectional=True).count() == sp.expand(2 * GRU_D.count())


def test_a_layer_with_them_is_counted_at_given_sizes():
    count = effective_count(Layer(TIMED), m=1, n=2, steps=3)
    assert (count.effective, count.certified) == (1 * 2 + 4 + 2, True)
    assert not effective_count(Layer(TIMED)).certified


def test_no_gradient_flows_to_what_is_fixed():
    """The work of its products is counted, a gradient by it is not; and nothing is kept for one."""
    found = cost(TIMED)
    assert found.total.multiply_adds == sp.expand(T * B * (m * n + 2 * n**2))
    assert sp.expand(found.backward - (T * B * m * n + 3 * T * B * n**2 - 2 * B * n**2)) == 0


def test_cells_with_them_are_compared_and_renamed():
    """Inputs and constants stand for themselves alone."""
    other = rename(TIMED, {"U": "R", "gap": "delta", "A": "memory"})
    assert (other.inputs, other.constants) == (("x", "delta"), ("memory",))
    proof = equivalent(TIMED, other, {"R": "U", "delta": "gap", "memory": "A"})
    assert proof
    with pytest.raises(ValueError, match="delta is one of the inputs of"):
        equivalent(TIMED, other, {"R": "U", "delta": "v", "memory": "A"})
    with pytest.raises(ValueError, match="memory is one of the constants"):
        equivalent(TIMED, other, {"R": "U", "delta": "gap", "memory": "U"})
    trained = Cell(TIMED.text.replace("A: constant n x n\n", ""))
    assert equivalent(TIMED, trained, {"A": "A"})  # trained or not, it computes the same
    gone = substitute(TIMED, {"A": "V"})
    assert (gone.constants, gone.count()) == ((), trained.count())


def test_the_numerical_rank_agrees():
    found = numerical_rank(TIMED, {"m": 2, "n": 3})
    assert found.rank == TIMED.count(m=2, n=3)


WINDOWS = {"m": 3, "n": 4, "k": 2}


def test_a_window_is_k_inputs_below_each_other():
    """The QRNN over windows is the one that keeps its last input, and counts 3 n k m + 3 n."""
    windows = cell("minimal.qrnn")
    k = sp.symbols("k")
    assert windows.size_names == ("m", "n", "k")
    assert sp.expand(windows.count() - (3 * n * k * m + 3 * n)) == 0
    assert windows.count(m=3, n=4, k=2) == QRNN.count(m=3, n=4) == 84
    assert r"\mathbb{R}^{n \times k m}" in windows.latex()
    found = effective_count(windows)
    assert found.certified and found.redundant == 0
    kept = drawn(QRNN, QRNN.program.parameters)
    wide = {f"W_{gate}": np.hstack([kept[f"V_{gate}"], kept[f"W_{gate}"]]) for gate in "zfo"} | {
        name: kept[name] for name in ("b_z", "b_f", "b_o")
    }
    x = np.random.default_rng(3).normal(size=(5, SIZES["m"]))
    with_zeros = np.vstack([np.zeros(SIZES["m"]), x])
    for library in ("numpy", "torch"):
        of = np.asarray if library == "numpy" else torch.from_numpy
        one = generate(windows, library).sequence(
            {name: of(array) for name, array in wide.items()},
            of(np.hstack([with_zeros[:-1], with_zeros[1:]])),
        )[0]
        other = generate(QRNN, library).sequence({q: of(a) for q, a in kept.items()}, of(x))[0]
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=1e-14)


def test_a_stack_of_windows():
    """Above the first layer each window holds k outputs; it is counted, and not run as a stack."""
    k = sp.symbols("k")
    stack = Layer(cell("minimal.qrnn"), 2, bidirectional=True)
    assert sp.expand(stack.count() - 2 * (3 * n * k * (m + 2 * n) + 6 * n)) == 0
    with pytest.raises(ValueError, match="make windows of the outputs"):
        Stack(stack)
    for layers in (1, 2):
        bound = effective_count(Layer(cell("minimal.qrnn"), layers), **WINDOWS)
        assert not bound.certified and "those of two steps overlap" in bound.scope
    layers = Model("input 3; minimal.qrnn 4 k=2 layers=2; dense 10")
    assert layers.count() == 84 + (3 * 4 * 2 * 4 + 12) + 50
    assert cost(cell("minimal.qrnn"), **WINDOWS, T=1, B=1).total.multiply_adds == 3 * 2 * 3 * 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x: k *", "a declaration is written name: size, x: k * m"),
        ("x: k * m * n", "a declaration is written name: size, x: k * m"),
        ("x: 0 * m", "a size is one name"),
        ("x: k * E", "E has a meaning of its own"),
        ("W: k * m", "W is no input; a size such as k*m is that of an input"),
        ("h: 2 * n", "h is no input; a size such as 2*n is that of an input"),
    ],
)
def test_a_window_that_is_none_is_refused(line, message):
    assert_refused_at(f"{line}\nh' = tanh(W @ x + U @ h)", 1, 4, message)
