"""libraries/layouts: the counts are those of layers that were built, or of accepted files."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from gru_sym.layers import Layer
from gru_sym.libraries.layout import Layout, libraries
from gru_sym.libraries.layout_text import SizeOf

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
}

NO_LAYOUT = {
    "a convolution, which no equation here can say": """\
keras[torch] ConvLSTM2D kernel_size=3,use_bias=True
keras[torch] ConvLSTM1D kernel_size=3,use_bias=True
keras[jax] ConvLSTM2D kernel_size=3,use_bias=True
keras[jax] ConvLSTM1D kernel_size=3,use_bias=True
flax.linen ConvLSTMCell kernel_size=3x3
haiku Conv2DLSTM kernel_shape=3
keras[tensorflow] ConvLSTM2D kernel_size=3,use_bias=True
keras[tensorflow] ConvLSTM1D kernel_size=3,use_bias=True
""",
    "kernels whose memory is the matrix's, and whose shape is its transpose's": """\
tf_keras CuDNNGRU default
tf_keras CuDNNLSTM default
""",
    "both directions in one tensor, or a cell without its skip": """\
sru SRU has_skip_term=False
sru SRU bidirectional=True
""",
    "layers around the cell, or normalisation in it": """\
minGRU-pytorch minGRU expansion_factor=2 (dim=m=n)
sru SRU layer_norm=True
ncps CfC mode=default,backbone 1x128
ncps CfC mode=pure,backbone 1x128
ncps CfC mode=no_gate,backbone 1x128
speechbrain LiGRU default (batchnorm)
speechbrain SLiGRU default (batchnorm)
""",
    "numbers that belong to no equation: scales of quantisers, masks of wirings": """\
brevitas QuantLSTM default (incl. quantiser scales)
brevitas QuantLSTM bias=False (incl. quantiser scales)
brevitas QuantLSTM coupled_input_forget_gates=True (incl. quantiser scales)
brevitas QuantRNN default (incl. quantiser scales)
ncps LTC all parameters (incl. frozen masks)
ncps LTC trainable
""",
    "equations whose effective count is not certified, and whose text is not here": """\
minGRU-pytorch minGRU expansion_factor=1 (dim=m=n)
xlstm sLSTMLayer num_heads=2,conv1d_kernel_size=0 (m=n)
""",
}
"""What no layout says, by the reason."""


def name(row: dict[str, str]) -> str:
    """A layer with its options, as the list below says it."""
    return f"{row['library']} {row['layer']} {row['options']}"


def options(text: str) -> dict[str, object]:
    """The options of a row, by the library's names."""
    found: dict[str, object] = {}
    for word in STACKS.get(text, text).split(","):
        if word == "use_peepholes":
            found[word] = True
        elif word and word not in IGNORED:
            key, _, value = word.partition("=")
            found[key] = value == "True" if value in ("True", "False") else int(value)
    return found


def counts(row: dict[str, str]) -> list[tuple[int, int]]:
    """Of the layout and of the library, over a row's sizes; `ValueError` if there is no layer."""
    library = LIBRARIES.get(row["library"], row["library"])
    own = libraries().get(library)
    if own is None:
        raise ValueError(f"there is no layout of {library}")
    name = re.sub(r"Bidirectional\((?:RNN\()?|\)", "", row["layer"])
    name = LAYERS.get(name, name)
    entries = re.findall(r"(\d+)x(\d+):(\d+)", row["counts"])
    return [(total(row, own, name, int(m), int(n)), int(count)) for m, n, count in entries]


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
        given |= {"num_matrices": 3 if m == n else 4} if name == "SRUCell" else {}
        stored = own.layer(name, bidirectional=both, **given)
        layer = Layer(
            stored.layer.cell,
            stored.layer.num_layers,
            both,
            learn_initial_state=stored.form.trained_states or row["options"] == "TrainableState",
        )
        count = layer.weights if "(trainable)" in row["options"] else layer.count
        found += int(count(**stored.sizes)) * (1 if both else directions)
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
    assert missing == set(listed) and len(listed) == len(missing) <= 27
