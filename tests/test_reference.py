"""Every cell of the catalogue against a step written by hand, in NumPy, from its source.

The functions say where the reset gate acts, what z keeps, what a peephole sees. So a catalogue text
that is changed, and keeps its count, fails here and not only in a stored output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from cells import random_arrays, run_text

from gru_sym import catalogue, cell

Arrays = dict[str, np.ndarray]
tanh = np.tanh


def sigma(u: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-u))


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


def lstm(i: np.ndarray, f: np.ndarray, g: np.ndarray, o: np.ndarray, a: Arrays) -> np.ndarray:
    return sigma(o) * tanh(sigma(f) * a["c"] + sigma(i) * tanh(g))


def peephole(a: Arrays) -> np.ndarray:
    i, f, g, o = (affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifgo")
    old = a["c"]
    new = sigma(f + a["p_f"] * old) * old + sigma(i + a["p_i"] * old) * tanh(g)
    return sigma(o + a["p_o"] * new) * tanh(new)


def coupled(a: Arrays) -> np.ndarray:
    f, o, g = (affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "foc")
    return sigma(o) * tanh(tanh(g) + sigma(f) * (a["c"] - tanh(g)))


def pytorch_lstm(a: Arrays) -> np.ndarray:
    return lstm(*(affine(a, f"W_i{k}", f"W_h{k}", f"b_i{k}", f"b_h{k}") for k in "ifgo"), a)


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
    "minimal.mgu_flax": mgu,
    "lstm.textbook": lambda a: lstm(*(affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifco"), a),
    "lstm.keras": lambda a: lstm(*(affine(a, f"W_{k}", f"U_{k}", f"b_{k}") for k in "ifco"), a),
    "lstm.cifg": coupled,
    "lstm.pytorch": pytorch_lstm,
    "lstm.projected": lambda a: a["W_hr"] @ pytorch_lstm(a),
    "lstm.peephole": peephole,
    "rnn.elman": lambda a: tanh(affine(a, "W", "U", "b")),
    "rnn.pytorch": lambda a: tanh(affine(a, "W_ih", "W_hh", "b_ih", "b_hh")),
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
