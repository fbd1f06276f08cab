"""Every cell of the catalogue against a step written by hand, in NumPy, from its source.

The functions say where the reset gate acts, what z keeps, what a peephole sees. So a catalogue text
that is changed, and keeps its count, fails here and not only in a stored output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from cells import random_arrays, run_text, sigma

from gru_sym import catalogue, cell

Arrays = dict[str, np.ndarray]
tanh = np.tanh


def hard(u: np.ndarray) -> np.ndarray:
    """Keras 3's hard sigmoid."""
    return np.clip((u + 3) / 6, 0, 1)


def affine(a: Arrays, kernel: str, recurrent: str, *biases: str) -> np.ndarray:
    return a[kernel] @ a["x"] + a[recurrent] @ a["h"] + sum(a[b] for b in biases)


def before(a: Arrays, r: np.ndarray, kernel: str, recurrent: str, *biases: str) -> np.ndarray:
    """The candidate with the reset before the product."""
    return tanh(a[kernel] @ a["x"] + a[recurrent] @ (r * a["h"]) + sum(a[b] for b in biases))


def after(
    a: Arrays, r: np.ndarray, kernel: str, recurrent: str, outside: str = "", inside: str = ""
) -> np.ndarray:
    """The candidate with the reset after the product, and a bias outside or inside of it."""
    product = a[recurrent] @ a["h"] + (a[inside] if inside else 0)
    return tanh(a[kernel] @ a["x"] + (a[outside] if outside else 0) + r * product)


def keep(a: Arrays, z: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """z is the share of the old state."""
    return z * a["h"] + (1 - z) * candidate


def let_in(a: Arrays, z: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """z is the share of the candidate."""
    return (1 - z) * a["h"] + z * candidate


def cho(a: Arrays, candidate: Callable[..., np.ndarray]) -> np.ndarray:
    r, z = sigma(affine(a, "W_r", "U_r")), sigma(affine(a, "W_z", "U_z"))
    return keep(a, z, candidate(a, r, "W", "U"))


def dey_salem(a: Arrays, z: np.ndarray, r: np.ndarray) -> np.ndarray:
    return let_in(a, sigma(z), before(a, sigma(r), "W_h", "U_h", "b_h"))


def doubled(a: Arrays) -> np.ndarray:
    z, r = (sigma(affine(a, f"W_{g}", f"U_{g}", f"b_{g}W", f"b_{g}U")) for g in "zr")
    return let_in(a, z, before(a, r, "W_h", "U_h", "b_hW", "b_hU"))


def onnx(a: Arrays) -> np.ndarray:
    z, r = (sigma(affine(a, f"W_{g}", f"R_{g}", f"Wb_{g}", f"Rb_{g}")) for g in "zr")
    return keep(a, z, before(a, r, "W_h", "R_h", "Wb_h", "Rb_h"))


def keras(a: Arrays) -> np.ndarray:
    z, r = (sigma(affine(a, f"W_{g}", f"U_{g}", f"b_i{g}", f"b_r{g}")) for g in "zr")
    return keep(a, z, after(a, r, "W_h", "U_h", "b_ih", "b_rh"))


def pytorch(a: Arrays) -> np.ndarray:
    r, z = (sigma(affine(a, f"W_i{g}", f"W_h{g}", f"b_i{g}", f"b_h{g}")) for g in "rz")
    return keep(a, z, after(a, r, "W_in", "W_hn", "b_in", "b_hn"))


def merged(a: Arrays, outside: str, inside: str) -> np.ndarray:
    r, z = (sigma(affine(a, f"W_i{g}", f"W_h{g}", f"b_{g}")) for g in "rz")
    return keep(a, z, after(a, r, "W_in", "W_hn", outside, inside))


def mgu(a: Arrays) -> np.ndarray:
    f = sigma(affine(a, "W_if", "W_hf", "b_f"))
    return keep(a, f, after(a, f, "W_in", "W_hn", "b_in", "b_hn"))


def mutated(a: Arrays, z: np.ndarray, r: np.ndarray, of_x: np.ndarray) -> np.ndarray:
    """Jozefowicz et al.'s: gates by their arguments, and what the candidate has of the input."""
    candidate = tanh(of_x + a["U_h"] @ (sigma(r) * a["h"]) + a["b_h"])
    return let_in(a, sigma(z), candidate)


def minimal_mgu(a: Arrays, gate: np.ndarray) -> np.ndarray:
    f = sigma(gate)
    return let_in(a, f, before(a, f, "W_h", "U_h", "b_h"))


def janet(a: Arrays) -> np.ndarray:
    s, candidate = affine(a, "W_f", "U_f", "b_f"), tanh(affine(a, "W_h", "U_h", "b_h"))
    return a["h"] / (1 + np.exp(-s)) + candidate / (1 + np.exp(s - 1))


def additive(a: Arrays) -> np.ndarray:
    i, f = (sigma(affine(a, f"W_{k}", f"U_{k}", f"b_{k}")) for k in "if")
    return tanh(f * a["c"] + i * (a["W_c"] @ a["x"] + a["b_c"]))


def simple(a: Arrays, skipped: np.ndarray) -> np.ndarray:
    f, r = (sigma(a[f"W_{k}"] @ a["x"] + a[f"v_{k}"] * a["c"] + a[f"b_{k}"]) for k in "fr")
    memory = f * a["c"] + (1 - f) * (a["W"] @ a["x"])
    return r * memory + (1 - r) * skipped


def batch_normalised(a: Arrays, gate: str) -> np.ndarray:
    return (
        a[f"gamma_{gate}"] * (a[f"W_{gate}"] @ a["x"]) + a[f"beta_{gate}"] + a[f"U_{gate}"] @ a["h"]
    )


def chaos_free(a: Arrays) -> np.ndarray:
    theta, eta = (sigma(affine(a, f"W_{k}", f"U_{k}", f"b_{k}")) for k in "te")
    return theta * tanh(a["h"]) + eta * tanh(a["W"] @ a["x"])


def oscillators(a: Arrays) -> np.ndarray:
    force = tanh(affine(a, "W", "U", "b") + a["V"] @ a["v"])
    return a["h"] + 0.042 * (a["v"] + 0.042 * (force - 2.7 * a["h"] - 4.7 * a["v"]))


def greff(a: Arrays, without: str = "") -> np.ndarray:
    """The vanilla LSTM with one part left out or coupled, by Greff et al.'s letters."""
    old, one = a["c"], np.ones_like(a["c"])
    u = {k: affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifgo" if f"W_{k}" in a}
    i = one if without == "NIG" else sigma(u["i"] + a["p_i"] * old)
    if without == "CIFG":
        f = one - i
    else:
        f = one if without == "NFG" else sigma(u["f"] + a["p_f"] * old)
    new = f * old + i * (u["g"] if without == "NIAF" else tanh(u["g"]))
    o = one if without == "NOG" else sigma(u["o"] + a["p_o"] * new)
    return o * (new if without == "NOAF" else tanh(new))


def shared(a: Arrays, total: np.ndarray) -> np.ndarray:
    """FastGRNN's step from the sum that its gate and its candidate share."""
    z, candidate = sigma(total + a["b_z"]), tanh(total + a["b_h"])
    return z * a["h"] + (sigma(a["zeta"]) * (1 - z) + sigma(a["nu"])) * candidate


def twin_gated(a: Arrays) -> np.ndarray:
    p, q = a["W"] @ a["x"], a["U"] @ a["h"]
    return p * sigma(p + q) + a["h"] * sigma(p - q)


def bistable(a: Arrays, arguments: dict[str, np.ndarray]) -> np.ndarray:
    z, gain = sigma(arguments["z"]), 1 + tanh(arguments["a"])
    return keep(a, z, tanh(a["W_h"] @ a["x"] + gain * a["h"]))


def highway(a: Arrays) -> np.ndarray:
    """Two layers, coupled: what one does not carry on, it transforms."""
    share = sigma(a["W_t"] @ a["x"] + a["R_t1"] @ a["h"] + a["b_t1"])
    inner = tanh(a["W_h"] @ a["x"] + a["R_h1"] @ a["h"] + a["b_h1"])
    s = a["h"] + share * (inner - a["h"])
    return s + sigma(a["R_t2"] @ s + a["b_t2"]) * (tanh(a["R_h2"] @ s + a["b_h2"]) - s)


def expressive(a: Arrays) -> np.ndarray:
    u = {k: a[f"V_{k}"] @ a["x"] + a[f"b_{k}"] for k in "12zy"}
    memory = tanh(u["z"] + a["W_z"] @ a["h"])
    new = a["z"] + sigma(u["1"] + a["W_1"] @ a["h"]) * (memory - a["z"])
    return a["h"] + sigma(u["2"] + a["W_2"] @ a["h"]) * (tanh(u["y"] + a["W_y"] @ new) - a["h"])


def multiplied(a: Arrays, kernel: str, recurrent: str) -> Arrays:
    """The same with the product of input and state in the place of the state."""
    return a | {"h": (a[kernel] @ a["x"]) * (a[recurrent] @ a["h"])}


def constrained(a: Arrays) -> np.ndarray:
    slow = a["s"] + 0.05 * (a["B"] @ a["x"] - a["s"])
    return sigma(affine(a, "A", "R") + a["P"] @ slow)


def quasi(a: Arrays) -> np.ndarray:
    """A convolution of two inputs of two numbers, and pooling with an output gate."""
    z, f, o = (
        a[f"W_{k}"][:, :2] @ a["x"][:2] + a[f"W_{k}"][:, 2:] @ a["x"][2:] + a[f"b_{k}"]
        for k in "zfo"
    )
    return sigma(o) * (tanh(z) + sigma(f) * (a["c"] - tanh(z)))


def legendre(a: Arrays) -> np.ndarray:
    memory = a["A"] @ a["s"] + a["B"] * (a["e"] @ a["x"])
    return tanh(affine(a, "W_x", "U", "b") + a["W_m"] @ memory)


def normalised(a: Arrays) -> np.ndarray:
    f, i = (sigma(a[f"W_{k}"] @ a["x"] + a[f"b_{k}"]) for k in "fi")
    return (f * a["h"] + i * (a["W_h"] @ a["x"] + a["b_h"])) / (f + i)


def scalar_lstm(a: Arrays) -> np.ndarray:
    """With the stabiliser that the text leaves out, at its first value: it cancels."""
    u = {k: affine(a, f"W_{k}", f"R_{k}", f"b_{k}") for k in "ifzo"}
    largest = np.maximum(np.log(sigma(u["f"])), u["i"])
    i, f = np.exp(u["i"] - largest), sigma(u["f"]) * np.exp(-largest)
    return sigma(u["o"]) * (f * a["c"] + i * tanh(u["z"])) / (f * a["s"] + i)


def gated_decay(a: Arrays) -> np.ndarray:
    r, i = (sigma(a[f"W_{k}"] @ a["x"] + a[f"b_{k}"]) for k in "ax")
    decay = (1 / (1 + np.exp(a["L"]))) ** (8 * r)
    return decay * a["h"] + np.sqrt(1 - decay**2) * i * a["x"]


def undamped(a: Arrays) -> np.ndarray:
    d = 0.1 * sigma(a["a"])
    force = tanh(a["V"] @ a["x"] + a["u"] * a["h"] + a["b"])
    return a["h"] + d * (a["v"] - d * (force + 0.5 * a["h"]))


def fully_recurrent(a: Arrays) -> np.ndarray:
    old = np.concatenate([a["i"], a["f"], a["o"]])
    u = {k: affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifgo"}
    for k in "ifo":
        u[k] = u[k] + np.hstack([a[f"R_{g}{k}"] for g in "ifo"]) @ old
    new = sigma(u["f"] + a["p_f"] * a["c"]) * a["c"]
    new = new + sigma(u["i"] + a["p_i"] * a["c"]) * tanh(u["g"])
    return sigma(u["o"] + a["p_o"] * new) * tanh(new)


def slim(a: Arrays, gate: Callable[[str], np.ndarray]) -> np.ndarray:
    return lstm(gate("i"), gate("f"), affine(a, "W_c", "U_c", "b_c"), gate("o"), a)


def mogrified(a: Arrays) -> np.ndarray:
    x = a["x"] * 2 * sigma(a["Q"] @ a["h"])
    other = a | {"x": x, "h": a["h"] * 2 * sigma(a["R"] @ x)}
    return lstm(*(affine(other, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifgo"), other)


def lstm(i: np.ndarray, f: np.ndarray, g: np.ndarray, o: np.ndarray, a: Arrays) -> np.ndarray:
    return sigma(o) * tanh(sigma(f) * a["c"] + sigma(i) * tanh(g))


def peephole(a: Arrays) -> np.ndarray:
    i, f, g, o = (affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifgo")
    old = a["c"]
    new = sigma(f + a["p_f"] * old) * old + sigma(i + a["p_i"] * old) * tanh(g)
    return sigma(o + a["p_o"] * new) * tanh(new)


def onnx_lstm(a: Arrays) -> np.ndarray:
    i, o, f, c = (affine(a, f"W_{k}", f"R_{k}", f"Wb_{k}", f"Rb_{k}") for k in "iofc")
    old = a["c"]
    new = sigma(f + a["P_f"] * old) * old + sigma(i + a["P_i"] * old) * tanh(c)
    return sigma(o + a["P_o"] * new) * tanh(new)


def matrix_peepholes(a: Arrays) -> np.ndarray:
    u, i, f, o = (affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "aifo")
    old = a["c"]
    new = tanh(u) * sigma(i + a["P_i"] @ old) + sigma(f + a["P_f"] @ old) * old
    return sigma(o + a["P_o"] @ new) * tanh(new)


def dynet(a: Arrays) -> np.ndarray:
    i, c, o = (affine(a, f"W_x{k}", f"W_h{k}", f"b_{k}") for k in "ico")
    share = sigma(i + a["W_ci"] @ a["c"])
    new = (1 - share) * a["c"] + share * tanh(c)
    return sigma(o + a["W_co"] @ new) * tanh(new)


def coupled(a: Arrays) -> np.ndarray:
    f, o, g = (affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "foc")
    return sigma(o) * tanh(tanh(g) + sigma(f) * (a["c"] - tanh(g)))


def pytorch_lstm(a: Arrays) -> np.ndarray:
    return lstm(*(affine(a, f"W_i{k}", f"W_h{k}", f"b_i{k}", f"b_h{k}") for k in "ifgo"), a)


def with_gaps(a: Arrays) -> np.ndarray:
    """Che et al.: two decays, the missing input between its last value and its mean."""
    decay_x = np.exp(-np.maximum(0, a["w_x"] * a["delta"] + a["b_x"]))
    decay_h = np.exp(-np.maximum(0, a["W_g"] @ a["delta"] + a["b_g"]))
    missing = decay_x * a["last"] + (1 - decay_x) * a["mean"]
    seen = missing + a["mask"] * (a["x"] - missing)
    h = decay_h * a["h"]
    z, r, g = (a[f"W_{k}"] @ seen + a[f"V_{k}"] @ a["mask"] + a[f"b_{k}"] for k in "zrh")
    z = sigma(z + a["U_z"] @ h)
    g = tanh(g + a["U_h"] @ (sigma(r + a["U_r"] @ h) * h))
    return h + z * (g - h)


def turning(a: Arrays) -> np.ndarray:
    """Orvieto et al., in complex numbers."""
    eigenvalue = np.exp(-np.exp(a["nu"]) + 1j * np.exp(a["theta"]))
    driven = np.exp(a["gamma"]) * ((a["B_re"] + 1j * a["B_im"]) @ a["x"])
    state = eigenvalue * (a["p"] + 1j * a["q"]) + driven
    return ((a["C_re"] + 1j * a["C_im"]) @ state).real + a["D"] * a["x"]


STEPS: dict[str, Callable[[Arrays], np.ndarray]] = {
    "gru.cho2014": lambda a: cho(a, before),
    "gru.cho2014_v1": lambda a: cho(a, after),
    "gru.dey_salem": lambda a: dey_salem(
        a, *(affine(a, f"W_{g}", f"U_{g}", f"b_{g}") for g in "zr")
    ),
    "gru.dey_salem_1": lambda a: dey_salem(a, *(a[f"U_{g}"] @ a["h"] + a[f"b_{g}"] for g in "zr")),
    "gru.dey_salem_2": lambda a: dey_salem(a, *(a[f"U_{g}"] @ a["h"] for g in "zr")),
    "gru.dey_salem_3": lambda a: dey_salem(a, a["b_z"], a["b_r"]),
    "gru.answer": doubled,
    "gru.onnx": onnx,
    "gru.keras": keras,
    "gru.keras_reset_before": lambda a: keep(
        a,
        sigma(affine(a, "W_z", "U_z", "b_z")),
        before(a, sigma(affine(a, "W_r", "U_r", "b_r")), "W_h", "U_h", "b_h"),
    ),
    "gru.keras_hard_sigmoid": lambda a: keep(
        a,
        hard(affine(a, "W_z", "U_z", "b_z")),
        before(a, hard(affine(a, "W_r", "U_r", "b_r")), "W_h", "U_h", "b_h"),
    ),
    "gru.pytorch": pytorch,
    "gru.merged": lambda a: merged(a, "b_in", "b_hn"),
    "gru.flux": lambda a: merged(a, "b_n", ""),
    "gru.lasagne": lambda a: let_in(
        a,
        sigma(affine(a, "W_xu", "W_hu", "b_u")),
        after(a, sigma(affine(a, "W_xr", "W_hr", "b_r")), "W_xc", "W_hc", "b_c"),
    ),
    "gru.mut1": lambda a: mutated(
        a, a["W_z"] @ a["x"] + a["b_z"], affine(a, "W_r", "U_r", "b_r"), tanh(a["x"])
    ),
    "gru.mut2": lambda a: mutated(
        a,
        affine(a, "W_z", "U_z", "b_z"),
        a["x"] + a["U_r"] @ a["h"] + a["b_r"],
        a["W_h"] @ a["x"],
    ),
    "gru.mut3": lambda a: mutated(
        a,
        a["W_z"] @ a["x"] + a["U_z"] @ tanh(a["h"]) + a["b_z"],
        affine(a, "W_r", "U_r", "b_r"),
        a["W_h"] @ a["x"],
    ),
    "gru.gru_d": with_gaps,
    "minimal.mgu_flax": mgu,
    "minimal.mgu": lambda a: minimal_mgu(a, affine(a, "W_f", "U_f", "b_f")),
    "minimal.mingru": lambda a: let_in(
        a, sigma(a["W_z"] @ a["x"] + a["b_z"]), a["W_h"] @ a["x"] + a["b_h"]
    ),
    "minimal.ugrnn": lambda a: keep(
        a, sigma(affine(a, "W_g", "U_g", "b_g")), tanh(affine(a, "W_c", "U_c", "b_c"))
    ),
    "minimal.ligru": lambda a: keep(
        a,
        sigma(affine(a, "W_z", "U_z", "b_z")),
        np.maximum(affine(a, "W_h", "U_h", "b_h"), 0),
    ),
    "minimal.ligru_batch_norm": lambda a: keep(
        a, sigma(batch_normalised(a, "z")), np.maximum(batch_normalised(a, "h"), 0)
    ),
    "minimal.janet": janet,
    "minimal.ran": additive,
    "minimal.sru": lambda a: simple(a, a["x"]),
    "minimal.sru_wide": lambda a: simple(a, a["W_x"] @ a["x"]),
    "minimal.sru_no_skip": lambda a: simple(a, 0 * a["h"]),
    "minimal.cfn": chaos_free,
    "minimal.atr": twin_gated,
    "minimal.brc": lambda a: bistable(
        a, {k: a[f"W_{k}"] @ a["x"] + a[f"u_{k}"] * a["h"] + a[f"b_{k}"] for k in "az"}
    ),
    "minimal.nbrc": lambda a: bistable(
        a, {k: affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "az"}
    ),
    "minimal.fastgrnn": lambda a: shared(a, affine(a, "W", "U")),
    "minimal.fastgrnn_low_rank": lambda a: shared(
        a, a["W_2"] @ a["W_1"] @ a["x"] + a["U_2"] @ a["U_1"] @ a["h"]
    ),
    "minimal.lightru": lambda a: let_in(
        a, sigma(affine(a, "W_f", "U_f", "b_f")), tanh(a["W_h"] @ a["x"])
    ),
    "minimal.minlstm": normalised,
    "minimal.mgu_1": lambda a: minimal_mgu(a, a["U_f"] @ a["h"] + a["b_f"]),
    "minimal.mgu_2": lambda a: minimal_mgu(a, a["U_f"] @ a["h"]),
    "minimal.mgu_3": lambda a: minimal_mgu(a, a["b_f"]),
    "minimal.qrnn": quasi,
    "minimal.rg_lru": gated_decay,
    "minimal.lru": turning,
    "minimal.trnn": lambda a: keep(a, sigma(a["V"] @ a["x"] + a["b"]), a["W"] @ a["x"]),
    "lstm.textbook": lambda a: lstm(*(affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifco"), a),
    "lstm.keras": lambda a: lstm(*(affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifco"), a),
    "lstm.cifg": coupled,
    "lstm.pytorch": pytorch_lstm,
    "lstm.projected": lambda a: a["W_hr"] @ pytorch_lstm(a),
    "lstm.peephole": peephole,
    "lstm.onnx": onnx_lstm,
    "lstm.chainer_peephole": matrix_peepholes,
    "lstm.dynet_coupled": dynet,
    "lstm.projected_single": lambda a: (
        a["P"] @ lstm(*(affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifgo"), a)
    ),
    "lstm.nig": lambda a: greff(a, "NIG"),
    "lstm.nfg": lambda a: greff(a, "NFG"),
    "lstm.nog": lambda a: greff(a, "NOG"),
    "lstm.niaf": lambda a: greff(a, "NIAF"),
    "lstm.noaf": lambda a: greff(a, "NOAF"),
    "lstm.cifg_peephole": lambda a: greff(a, "CIFG"),
    "lstm.fgr": fully_recurrent,
    "lstm.mogrifier": mogrified,
    "lstm.multiplicative": lambda a: lstm(
        *(affine(multiplied(a, "W_mx", "W_mh"), f"W_{k}x", f"W_{k}m", f"b_{k}") for k in "ifuo"),
        a,
    ),
    "lstm.no_biases": lambda a: lstm(*(affine(a, f"W_i{k}", f"W_h{k}") for k in "ifgo"), a),
    "lstm.slstm": scalar_lstm,
    "lstm.slim_1": lambda a: slim(a, lambda k: a[f"U_{k}"] @ a["h"] + a[f"b_{k}"]),
    "lstm.slim_2": lambda a: slim(a, lambda k: a[f"U_{k}"] @ a["h"]),
    "lstm.slim_3": lambda a: slim(a, lambda k: a[f"b_{k}"]),
    "lstm.slim_4": lambda a: slim(a, lambda k: a[f"u_{k}"] * a["h"]),
    "lstm.slim_5": lambda a: slim(a, lambda k: a[f"u_{k}"] * a["h"] + a[f"b_{k}"]),
    "rnn.antisymmetric": lambda a: (
        a["h"]
        + 0.1
        * tanh(a["V"] @ a["x"] + (a["W"] - a["W"].T - 0.01 * np.eye(len(a["h"]))) @ a["h"] + a["b"])
    ),
    "rnn.elman": lambda a: tanh(affine(a, "W", "U", "b")),
    "rnn.pytorch": lambda a: tanh(affine(a, "W_ih", "W_hh", "b_ih", "b_hh")),
    "rnn.indrnn": lambda a: np.maximum(a["W"] @ a["x"] + a["u"] * a["h"] + a["b"], 0),
    "rnn.cornn": oscillators,
    "rnn.fastrnn": lambda a: (
        sigma(a["alpha"]) * tanh(affine(a, "W", "U", "b")) + sigma(a["beta"]) * a["h"]
    ),
    "rnn.lem": expressive,
    "rnn.lmu": legendre,
    "rnn.multiplicative": lambda a: tanh(
        affine(multiplied(a, "W_wx", "W_wh"), "W_hx", "W_hw", "b")
    ),
    "rnn.scrn": constrained,
    "rnn.rhn": highway,
    "rnn.unicornn": undamped,
}


def test_every_cell_has_a_step_here():
    assert set(STEPS) == set(catalogue)


@pytest.mark.parametrize("name", STEPS)
def test_the_text_computes_the_step(name):
    c = cell(name)
    arrays = random_arrays(c, {"m": 3, "n": 5, "p": 2}, seed=11)
    # A few dozen double precision operations on numbers of order one.
    np.testing.assert_allclose(
        run_text(c, arrays)["h_next"], STEPS[name](arrays), rtol=0, atol=1e-13
    )
