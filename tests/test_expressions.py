"""Quotients, roots, angles, max, min and means: steps by hand, gradients, ranks by an oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cells import column_free, random_arrays, run_text, shapes_at, sigma

from gru_sym import Cell, Layer, cell, effective_count, equivalent
from gru_sym.codegen import generate
from gru_sym.equivalence import Undecided
from stress.oracle import oracle_rank

SIZES = {"m": 3, "n": 4}


def normed(given: str, expression: str, out: str, eps: str = " + 1e-5") -> str:
    """Layer norm (Ba et al. 2016, equation 4) of an expression, with a gain and a bias."""
    return f"""{given} = {expression}
mu_{given} = mean({given})
s_{given} = mean(({given} - mu_{given}) * ({given} - mu_{given}))
{out} = g_{given} * ({given} - mu_{given}) / sqrt(s_{given}{eps}) + d_{given}
"""


SLSTM = """i_t = W_i @ x + R_i @ h + b_i
f_t = W_f @ x + R_f @ h + b_f
log_f = -softplus(-f_t)
m' = max(log_f + m, i_t)
i = exp(i_t - m')
f = exp(log_f + m - m')
z = tanh(W_z @ x + R_z @ h + b_z)
o = sigmoid(W_o @ x + R_o @ h + b_o)
c' = f * c + i * z
n' = f * n + i
h' = o * c' / n'"""

RG_LRU = cell("minimal.rg_lru").text

LAYER_NORM_GRU = (
    normed("a", "W_z @ x + U_z @ h", "p")
    + normed("b", "W_r @ x + U_r @ h", "q")
    + "r = sigmoid(q)\n"
    + normed("e", "W_n @ x + r * (U_n @ h)", "o")
    + "h' = (1 - sigmoid(p)) * tanh(o) + sigmoid(p) * h"
)

LAYER_NORM_LSTM = (
    normed("a", "W_i @ x + U_i @ h + b_i", "p")
    + normed("b", "W_f @ x + U_f @ h + b_f", "q")
    + "c' = sigmoid(q) * c + sigmoid(p) * tanh(W_g @ x + U_g @ h)\n"
    + normed("e", "c'", "o")
    + "h' = sigmoid(W_o @ x + U_o @ h) * tanh(o)"
)

RMS_NORM = "a = W @ x + U @ h\nh' = tanh(g * a / sqrt(mean(a * a) + 1e-6) + b)"

LRU = """gamma = sqrt(1 - exp(-2 * exp(nu)))
r = exp(-exp(nu))
re' = r * (cos(theta) * re - sin(theta) * im) + gamma * (B @ x)
im' = r * (sin(theta) * re + cos(theta) * im) + gamma * (C @ x)"""


def norm(a, p, name, eps=1e-5):
    return p[f"g_{name}"] * (a - a.mean()) / np.sqrt(a.var() + eps) + p[f"d_{name}"]


def slstm(p):
    """Beck et al. 2024, equations 8 to 17, with the stabiliser m and an exponential input gate."""
    i, f, z, o = (p[f"W_{k}"] @ p["x"] + p[f"R_{k}"] @ p["h"] + p[f"b_{k}"] for k in "ifzo")
    stabiliser = np.maximum(np.log(sigma(f)) + p["m"], i)
    i, f = np.exp(i - stabiliser), np.exp(np.log(sigma(f)) + p["m"] - stabiliser)
    c, n = f * p["c"] + i * np.tanh(z), f * p["n"] + i
    return {"m": stabiliser, "c": c, "n": n, "h": sigma(o) * (c / n)}


def layer_norm_gru(p):
    z, r = (sigma(norm(p[f"W_{k}"] @ p["x"] + p[f"U_{k}"] @ p["h"], p, g)) for k, g in ("za", "rb"))
    n = np.tanh(norm(p["W_n"] @ p["x"] + r * (p["U_n"] @ p["h"]), p, "e"))
    return {"h": (1 - z) * n + z * p["h"]}


def layer_norm_lstm(p):
    i, f, g, o = (p[f"W_{k}"] @ p["x"] + p[f"U_{k}"] @ p["h"] for k in "ifgo")
    c = sigma(norm(f + p["b_f"], p, "b")) * p["c"] + sigma(norm(i + p["b_i"], p, "a")) * np.tanh(g)
    return {"c": c, "h": sigma(o) * np.tanh(norm(c, p, "e"))}


def rms_norm(p):
    a = p["W"] @ p["x"] + p["U"] @ p["h"]
    return {"h": np.tanh(p["g"] * a / np.sqrt((a**2).mean() + 1e-6) + p["b"])}


def lru(p):
    """Orvieto et al. 2023, in complex numbers."""
    modulus = np.exp(-np.exp(p["nu"]))
    state = modulus * np.exp(1j * p["theta"]) * (p["re"] + 1j * p["im"])
    state = state + np.sqrt(1 - modulus**2) * ((p["B"] + 1j * p["C"]) @ p["x"])
    return {"re": state.real, "im": state.imag}


STEPS = {
    "sLSTM": (SLSTM, slstm),
    "layer-norm GRU": (LAYER_NORM_GRU, layer_norm_gru),
    "layer-norm LSTM": (LAYER_NORM_LSTM, layer_norm_lstm),
    "RMS norm": (RMS_NORM, rms_norm),
    "LRU": (LRU, lru),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_by_hand(name):
    """The text, and the code of NumPy and PyTorch, against the paper's equations in NumPy."""
    text, by_hand = STEPS[name]
    c = Cell(text)
    arrays = random_arrays(c, SIZES, seed=3)
    if "n" in c.states:  # a sum of exponentials
        arrays["n"] = np.abs(arrays["n"])
    expected = by_hand(arrays)
    known = run_text(c, arrays)
    flat = {name: column_free(array) for name, array in arrays.items()}
    for library in ("numpy", "torch"):
        as_one = torch.from_numpy if library == "torch" else np.asarray
        routine = generate(c, library)
        parameters = {q: as_one(np.array(flat[q])) for q in c.program.parameters}
        states = routine.step(
            parameters, as_one(flat["x"]), *(as_one(flat[s]) for s in routine.states)
        )
        states = states if isinstance(states, tuple) else (states,)
        for state, found in zip(routine.states, states, strict=True):
            for value in (np.asarray(found), known[f"{state}_next"][:, 0]):
                # A few dozen operations in double precision.
                np.testing.assert_allclose(value, expected[state][:, 0], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", STEPS)
def test_gradients_of_a_sequence(name):
    """Autograd through the generated code against differences."""
    c = Cell(STEPS[name][0])
    routine = generate(c, "torch")
    arrays = random_arrays(c, {"m": 2, "n": 2}, seed=4)
    names = c.program.parameters
    own = [torch.tensor(0.5 * np.array(column_free(arrays[q])), requires_grad=True) for q in names]
    x = torch.tensor(np.random.default_rng(5).normal(size=(3, len(arrays["x"]))))
    first = [torch.ones(len(arrays[state]), dtype=torch.float64) for state in routine.states]

    def outputs(*parameters):
        return routine.sequence(dict(zip(names, parameters, strict=True)), x, *first)[0]

    assert torch.autograd.gradcheck(outputs, own)


def test_the_stabiliser_changes_nothing_that_is_seen():
    """Two cells, one with m subtracted from all exponents: c' / n' is the same, in one step."""
    rest = "h' = (f * c + i * z) / (f * n + i)\nc' = c\nn' = n\nz' = z"
    plain = Cell("i = exp(W_i @ x)\nf = exp(W_f @ x)\n" + rest)
    shifted = Cell("m = max(W_i @ x, W_f @ x)\ni = exp(W_i @ x - m)\nf = exp(W_f @ x - m)\n" + rest)
    assert equivalent(plain, shifted)


def test_equal_means_where_both_are_defined():
    given = " + 0 * (W @ x + h)"
    assert equivalent(Cell("h' = (a * a) / a" + given), Cell("h' = a" + given))
    assert equivalent(Cell("h' = (a * a - d * d) / (a - d)" + given), Cell("h' = a + d" + given))
    assert not equivalent(Cell("h' = a / d" + given), Cell("h' = d / a" + given))
    assert not equivalent(Cell("h' = sqrt(a * a)" + given), Cell("h' = a" + given))
    with pytest.raises(Undecided):  # no value on either side, or no rule for it
        equivalent(Cell("h' = sqrt(a) * sqrt(a)" + given), Cell("h' = a" + given))
    for nowhere in ("h' = W @ x / (h - h)", "h' = W @ x + h * sqrt(1 - 2)"):
        with pytest.raises(ValueError, match="is not defined"):
            effective_count(Cell(nowhere))


def rank_by_numbers(c: Cell, sizes: dict[str, int]) -> int | None:
    shapes = shapes_at(c, sizes)
    return oracle_rank(c.text, {n: shapes[n] for n in ("x", *c.states, *c.program.parameters)}).rank


# With 1e-5 the oracle would take a slope that saturates for none.
LAYER_NORM = normed("a", "W @ x + U @ h + b + e", "o", eps=" + 0.5") + "h' = tanh(o)"
RANKS = {
    "h' = (U @ h) / (W @ x)": True,
    "h' = (a * (W @ x)) / (b * (U @ h))": True,
    "h' = tanh(W @ x + b) / (1 + exp(U @ h))": True,
    "h' = (W @ x + b) / (V @ x + d)": False,
    "h' = a * (W @ x + b) / (1 + d * h * h)": True,
    "h' = a / b + W @ x": True,
    "h' = W @ x / mean(U @ h)": False,
    "h' = sin(W @ x + b + d) * cos(U @ h)": True,
    "h' = sin(W @ x + b) + sin(W @ x - b) + h": True,
    "h' = a * sin(W @ x) + b * cos(W @ x) + d * sin(W @ x + e)": False,
    "h' = a * sin(2 * (W @ x)) + b * sin(W @ x) * cos(W @ x)": False,
    "h' = a * sqrt(1 + exp(W @ x)) + b * h": True,
    "h' = sqrt(1 + exp(W @ x + b) * exp(d))": False,
    "h' = sqrt(exp(a) * exp(W @ x)) + exp(U @ h)": True,
    "h' = max(W @ x + b, U @ h + d)": True,
    "h' = abs(W @ x) - abs(a * h) + min(U @ h, 2)": False,
    "h' = mean(W @ x) * a + U @ h": False,
    "h' = U @ h + (V @ x - mean(V @ x))": False,
    RG_LRU: True,
    LRU: True,
    RMS_NORM: False,
    LAYER_NORM: False,
}
"""Cells, and whether their count is certified as a formula."""


@pytest.mark.parametrize("text", RANKS)
def test_what_is_certified_is_the_rank_by_numbers(text):
    """Never more than the oracle's, which shares no arithmetic; and certified where it is said."""
    c = Cell(text)
    assert effective_count(c).certified == RANKS[text]
    for m, n in ((1, 1), (2, 3)):
        sizes = {"m": m, "n": n, "k": 2}
        own = {name: size for name, size in sizes.items() if name in c.size_names}
        found, rank = effective_count(c, **own), rank_by_numbers(c, sizes)
        if rank is not None:
            assert found.lower <= rank <= found.upper, (own, str(found))


def test_layer_norm_hides_a_level():
    """One number in each bias, one row in each kernel: 1 + m + n, and the second bias."""
    c = Cell(LAYER_NORM)
    for sizes in ({"m": 2, "n": 2}, {"m": 2, "n": 3}, {"m": 3, "n": 5}):
        found = effective_count(c, **sizes)
        assert found.certified
        assert found.redundant == 1 + sizes["m"] + 2 * sizes["n"]
    gru = effective_count(Cell(LAYER_NORM_GRU), m=2, n=2)
    assert gru.certified and gru.redundant == 3 * 2 + 2 * 2  # the reset gate is in front of U_n


@pytest.mark.parametrize("text", [*RANKS, SLSTM], ids=range(len(RANKS) + 1))
def test_a_layer_is_counted_or_refused_in_words(text):
    c = Cell(text)
    sizes = dict.fromkeys(c.size_names, 2)
    found = effective_count(Layer(c), steps=2, **sizes)
    assert found.certified or found.scope


NO_RANK = {
    "h' = sqrt(1 + sqrt(1 + exp(W @ x))) + h": "a square root within a square root",
    "h' = sqrt(1 + relu(W @ x)) + h": "which pieces of relu occur where",
    "h' = a * sqrt(exp(W @ x)) + sqrt(1 + exp(W @ x)) * sqrt(exp(-(W @ x)) + 1) * h":
        "square roots are not known to be independent",
    "h' = sqrt(-1 - exp(W @ x)) + h": "no point was found at which its square roots have values",
    "h' = sin(W @ x) * sin(sin(W @ x) * sin(W @ x)) + cos(cos(W @ x) * cos(W @ x)) * h":
        "not known to be independent",
}  # fmt: skip


@pytest.mark.parametrize("text", NO_RANK)
def test_where_no_rank_is_known_the_reason_is_said(text):
    found = effective_count(Cell(text), **dict.fromkeys(Cell(text).size_names, 2))
    assert not found.certified and NO_RANK[text] in found.scope
