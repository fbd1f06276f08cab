"""libraries/layouts: the counts are those of layers that were built, or of accepted files."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gru_sym import Cell, cell
from gru_sym.layers import Layer
from gru_sym.libraries.layout import Layout, libraries
from gru_sym.libraries.naming import SizeOf

DATA = Path(__file__).parent / "data" / "atlas_counts.csv"
ROWS = list(csv.DictReader(DATA.read_text(encoding="utf-8").splitlines()))
"""One row a layer of a library with its options; `counts` holds m x n:count, over some sizes."""

LIBRARIES = {
    "torch": "pytorch",
    "snntorch": "pytorch",  # SLSTM holds a torch LSTMCell
    "pytorch-forecasting": "pytorch",  # subclasses
    "keras[torch]": "keras",
    "keras[jax]": "keras",
    "keras[tensorflow]": "keras",
    "tf_keras": "keras",
    "flax.linen": "flax_linen",
    "flax.nnx": "flax_nnx",
    "tf_keras legacy_cells": "tensorflow1",
    "dynet38": "dynet",
}
LAYERS = {"SLSTM": "LSTMCell", "NStepBiGRU": "NStepGRU", "SRU": "SRUCell"}
OTHER = {"CuDNNGRU": "keras2", "CuDNNLSTM": "keras2"}
"""Layers of tf_keras that are not those of Keras 3."""
SHARED = {"LiGRU"}
"""Layers whose two directions are one set of weights."""
STACKS = {
    "stacked RNN([GRUCell]*2) reset_after=True": "reset_after=True",
    "DeepRNN of 2": "",
    "deep_rnn_with_skip_connections of 2": "",  # where the second layer reads the input, too
    "bi=True: n is the width of both directions together": "",
}
IGNORED = {
    "default",
    "default (learned initial state)",
    "depth=2",
    "B=True",
    "B=True,P=True",
    "TrainableState",
    "bias_*_attr=False (total)",  # Paddle keeps the biases that are turned off, frozen at 0 ...
    "bias_*_attr=False (trainable)",  # ... and trains the rest
    "default (incl. quantiser scales)",
    "default (batchnorm)",
    "bidirectional=True",
    "layer_norm=True",
}

NO_LAYOUT = {
    "kernels slide over a state that is an image or a signal: no matrix and no vector": """\
keras[torch] ConvLSTM2D kernel_size=3,use_bias=True
keras[torch] ConvLSTM1D kernel_size=3,use_bias=True
keras[jax] ConvLSTM2D kernel_size=3,use_bias=True
keras[jax] ConvLSTM1D kernel_size=3,use_bias=True
flax.linen ConvLSTMCell kernel_size=3x3
haiku Conv2DLSTM kernel_shape=3
keras[tensorflow] ConvLSTM2D kernel_size=3,use_bias=True
keras[tensorflow] ConvLSTM1D kernel_size=3,use_bias=True
""",
    "an equation solved between the steps, with a sigmoid for each pair of units": """\
ncps LTC all parameters (incl. frozen masks)
ncps LTC trainable
""",
    "a network of k units inside the step: its effective count is not proved": """\
ncps CfC mode=default,backbone 1x128
ncps CfC mode=pure,backbone 1x128
ncps CfC mode=no_gate,backbone 1x128
""",
    "a candidate in two pieces: its effective count is not proved": """\
minGRU-pytorch minGRU expansion_factor=1 (dim=m=n)
minGRU-pytorch minGRU expansion_factor=2 (dim=m=n)
""",
    "a mean over all units of both gates: its effective count is not proved": """\
speechbrain SLiGRU default (batchnorm)
""",
    "kernels with a block for each head, in tensors of three and four axes": """\
xlstm sLSTMLayer num_heads=2,conv1d_kernel_size=0 (m=n)
""",
}
"""What no layout says, by the reason; its number is compared all the same, see EQUATIONS."""

BACKBONE = """
ts: input 1
q   = 1.7159 * tanh(0.666 * (W_b @ x + U_b @ h + b_b))
f_1 = V_1 @ q + b_1
"""
BETWEEN = """
f_2 = tanh(V_2 @ q + b_2)
t   = sigmoid(ts * (V_a @ q + b_a) + V_t @ q + b_t)
"""
POSITIVE = """
z  = sigmoid(W_z @ x)
a  = W_h @ x
g  = max(a + 0.5, sigmoid(a))
"""
SLIGRU = """
p = U_z @ h
q = U_h @ h
a = (mean(p) + mean(q)) / 2
v = (mean((p - a) * (p - a)) + mean((q - a) * (q - a))) / 2
z       = sigmoid(gamma_z * (W_z @ x) + beta_z + (p - a) / sqrt(v + 0.00001))
h_tilde = relu(gamma_h * (W_h @ x) + beta_h + (q - a) / sqrt(v + 0.00001))
h'      = z * h + (1 - z) * h_tilde
"""
SLSTM = "".join(f"{w}_{gate}: blocks H\n" for w in "WR" for gate in "ifzo")
SLSTM += "x: n\n" + cell("lstm.slstm").text


def convolving(biases: int, axes: int) -> Callable[[int, int], int]:
    """Four gates whose kernels are 3 wide on each axis, with so many biases a unit."""
    return lambda m, n: 4 * 3**axes * (m + n) * n + biases * n


def written(text: str, **sizes: int) -> Callable[[int, int], int]:
    """What equations count, at sizes that do not depend on those of the row."""
    own = Cell(text)
    return lambda m, n: int(own.count(**{k: {"m": m, "n": n, **sizes}[k] for k in own.size_names}))


EQUATIONS: dict[str, Callable[[int, int], int]] = {
    "ConvLSTM2D": convolving(4, 2),
    "ConvLSTM1D": convolving(4, 1),
    "ConvLSTMCell": convolving(8, 2),
    "Conv2DLSTM": convolving(8, 2),
    # Four numbers for each pair of units and each pair of an input and a unit, and masks of both.
    "LTC trainable": lambda m, n: 4 * (n + m) * n + 3 * n + 2 * m + 2 * n,
    "LTC all": lambda m, n: 5 * (n + m) * n + 3 * n + 2 * m + 2 * n,
    "CfC mode=default": written(
        BACKBONE + "g = tanh(f_1)" + BETWEEN + "h' = (1 - t) * g + t * f_2", k=128
    ),
    "CfC mode=no_gate": written(BACKBONE + "g = tanh(f_1)" + BETWEEN + "h' = g + t * f_2", k=128),
    "CfC mode=pure": written(
        BACKBONE + "h' = A - A * exp(-ts * (abs(w_tau) + abs(f_1))) * f_1", k=128
    ),
    "minGRU expansion_factor=1": written("x: n" + POSITIVE + "h' = (1 - z) * h + z * g"),
    "minGRU expansion_factor=2": lambda m, n: written(
        "x: n\nh: n\ns: k" + POSITIVE + "s' = (1 - z) * s + z * g\nh' = P @ s'", k=2 * n
    )(m, n),
    "SLiGRU": written(SLIGRU),
    # The gain of the normalisation that stands behind the cell.
    "sLSTMLayer": lambda m, n: written(SLSTM, H=2)(m, n) + n,
}
"""The layers of NO_LAYOUT by the start of their names: how many numbers, from equations."""

BESIDE: dict[str, Callable[[int, int], int]] = {
    # A normalisation in front of the cell, with a gain and a bias for each input.
    "sru SRU layer_norm=True": lambda m, n: 2 * m,
    # The trained scales of quantisers, one each: of gates, their functions, and both states.
    "brevitas QuantLSTM default (incl. quantiser scales)": lambda m, n: 11,
    "brevitas QuantLSTM bias=False (incl. quantiser scales)": lambda m, n: 11,
    "brevitas QuantLSTM coupled_input_forget_gates=True (incl. quantiser scales)": lambda m, n: 9,
    "brevitas QuantRNN default (incl. quantiser scales)": lambda m, n: 2,
}
"""What a row counts beside the layer of its layout."""


def name(row: dict[str, str]) -> str:
    """A layer with its options, as the list below says it."""
    return f"{row['library']} {row['layer']} {row['options']}"


def options(text: str) -> dict[str, object]:
    """The options of a row, by the library's names."""
    found: dict[str, object] = {}
    for word in STACKS.get(text, text).replace(" (incl. quantiser scales)", "").split(","):
        if word == "use_peepholes":
            found[word] = True
        elif word and word not in IGNORED:
            key, _, value = word.partition("=")
            found[key] = value == "True" if value in ("True", "False") else int(value)
    return found


def counts(row: dict[str, str]) -> list[tuple[int, int]]:
    """Of the layout and of the library, over a row's sizes; `ValueError` if there is no layer."""
    library = OTHER.get(row["layer"], LIBRARIES.get(row["library"], row["library"]))
    own = libraries().get(library)
    if own is None:
        raise ValueError(f"there is no layout of {library}")
    layer = re.sub(r"Bidirectional\((?:RNN\()?|\)", "", row["layer"])
    layer = LAYERS.get(layer, layer)
    beside = BESIDE.get(name(row), lambda m, n: 0)
    return [(total(row, own, layer, m, n) + beside(m, n), count) for m, n, count in measured(row)]


def measured(row: dict[str, str]) -> list[tuple[int, int, int]]:
    """An input size, a hidden size, and what was counted there."""
    found = re.findall(r"(\d+)x(\d+):(\d+)", row["counts"])
    return [(int(m), int(n), int(count)) for m, n, count in found]


def total(row: dict[str, str], own: Layout, name: str, m: int, n: int) -> int:
    """What a layout says: of one layer, or of one for each level and direction that it has not."""
    levels, directions = int(row["layers"]), 1 + int(row["bidirectional"])
    n //= 2 if "n is the width of both" in row["options"] else 1
    own.options(name)  # `ValueError` if there is no such layer
    forms = [form for form in own.forms if form.layer == name]
    both = directions == 2 and forms[0].has_directions
    whole = forms[0].has_levels and both == (directions == 2)
    sizes = {o: v.size for form in forms for o, v in form.options.items() if isinstance(v, SizeOf)}
    found = 0
    for level in range(1 if whole else levels):
        wide = n * directions + m * ("skip" in row["options"]) if level else m
        given = {o: {"m": wide, "n": n}[size] for o, size in sizes.items() if size in "mn"}
        given |= {} if "m" in sizes.values() else {"m": wide}
        given |= options(row["options"])
        given |= {"num_layers": levels} if whole else {}
        if name == "SRUCell" and given.get("has_skip_term", True):
            given |= {"num_matrices": 3 if m == n * directions else 4}
        stored = own.layer(name, bidirectional=both, **given)
        layer = Layer(
            stored.layer.cell,
            stored.layer.num_layers,
            both,
            learn_initial_state=stored.form.trained_states or row["options"] == "TrainableState",
        )
        count = layer.weights if "(trainable)" in row["options"] else layer.count
        found += int(count(**stored.sizes)) * (1 if both or name in SHARED else directions)
    return found


def covered(row: dict[str, str]) -> bool:
    """Whether a layout has the layer."""
    try:
        counts(row)
    except (ValueError, TypeError):
        return False
    return True


@pytest.mark.parametrize("row", [row for row in ROWS if covered(row)], ids=name)
def test_counts_are_those_of_built_layers(row):
    for ours, theirs in counts(row):
        assert ours == theirs


def test_what_no_layout_says_is_listed_with_the_reason():
    """A row that becomes covered leaves the list; none may enter it."""
    missing = {name(row) for row in ROWS if not covered(row)}
    listed = [row for rows in NO_LAYOUT.values() for row in rows.splitlines()]
    assert missing == set(listed) and len(listed) == len(missing) <= 17
    assert len(ROWS) - sum(not covered(row) for row in ROWS) == 244


@pytest.mark.parametrize("row", [row for row in ROWS if not covered(row)], ids=name)
def test_what_no_layout_says_is_counted_all_the_same(row):
    own = f"{row['layer']} {row['options']}"
    (start,) = [start for start in EQUATIONS if own.startswith(start)]
    for m, n, count in measured(row):
        assert EQUATIONS[start](m, n) == count
