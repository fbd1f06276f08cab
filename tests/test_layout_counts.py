"""libraries/layouts: the counts are those of layers that were built, or of accepted files."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from gru_sym.libraries.layout import libraries

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
LAYERS = {"SLSTM": "LSTMCell"}
STACKS = {"stacked RNN([GRUCell]*2) reset_after=True": "reset_after=True", "DeepRNN of 2": ""}
IGNORED = {"default", "default (learned initial state)", "B=True", "reset_gate=True"}

NOT_COVERED = """\
keras[torch] ConvLSTM2D kernel_size=3,use_bias=True
keras[torch] ConvLSTM1D kernel_size=3,use_bias=True
keras[jax] ConvLSTM2D kernel_size=3,use_bias=True
keras[jax] ConvLSTM1D kernel_size=3,use_bias=True
flax.linen MGUCell reset_gate=False
flax.linen ConvLSTMCell kernel_size=3x3
haiku LSTM deep_rnn_with_skip_connections of 2
haiku Conv2DLSTM kernel_shape=3
onnx GRU linear_before_reset=0,B=False
onnx GRU linear_before_reset=1,B=False
onnx LSTM B=False
onnx RNN B=False
onnx LSTM B=True,P=True
onnx LSTM B=False,P=True
keras[tensorflow] ConvLSTM2D kernel_size=3,use_bias=True
keras[tensorflow] ConvLSTM1D kernel_size=3,use_bias=True
tf_keras CuDNNGRU default
tf_keras CuDNNLSTM default
tf_keras legacy_cells LSTMCell num_proj=2
sonnet VanillaRNN default
sonnet GRU TrainableState
paddle GRU bias_*_attr=False (total)
paddle GRU bias_*_attr=False (trainable)
paddle LSTM bias_*_attr=False (total)
paddle LSTM bias_*_attr=False (trainable)
paddle SimpleRNN bias_*_attr=False (total)
paddle SimpleRNN bias_*_attr=False (trainable)
chainer StatefulPeepholeLSTM default
chainer StatelessMGU default
chainer NStepBiGRU default
dynet38 CoupledLSTMBuilder default
thinc LSTM default (learned initial state)
thinc LSTM bi=True: n is the width of both directions together
thinc LSTM depth=2
minGRU-pytorch minGRU expansion_factor=1 (dim=m=n)
minGRU-pytorch minGRU expansion_factor=2 (dim=m=n)
sru SRU default
sru SRU has_skip_term=False
sru SRU bidirectional=True
sru SRU layer_norm=True
brevitas QuantLSTM default (incl. quantiser scales)
brevitas QuantLSTM bias=False (incl. quantiser scales)
brevitas QuantLSTM coupled_input_forget_gates=True (incl. quantiser scales)
brevitas QuantRNN default (incl. quantiser scales)
ncps CfC mode=default,backbone 1x128
ncps CfC mode=pure,backbone 1x128
ncps CfC mode=no_gate,backbone 1x128
ncps LTC all parameters (incl. frozen masks)
ncps LTC trainable
xlstm sLSTMLayer num_heads=2,conv1d_kernel_size=0 (m=n)
speechbrain LiGRU default (batchnorm)
speechbrain SLiGRU default (batchnorm)
"""


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
    layer = re.sub(r"Bidirectional\((?:RNN\()?|\)", "", row["layer"])
    layer = LAYERS.get(layer, layer)
    chosen, found = options(row["options"]), []
    levels, both = int(row["layers"]), row["bidirectional"] == "1"
    forms = [form for form in own.forms if form.layer == layer]
    for entry in row["counts"].split():
        sizes, _, count = entry.partition(":")
        m, n = map(int, sizes.split("x"))
        stack, directions = 1, 1
        inside: dict[str, object] = {}
        if forms and forms[0].has_levels:
            inside["num_layers"] = levels
        else:
            stack = levels
        if forms and forms[0].has_directions:
            inside["bidirectional"] = both
        else:
            directions += both
        wide = [m, *[n * directions] * (stack - 1)]
        total = sum(directions * int(own.count(layer, m=w, n=n, **inside, **chosen)) for w in wide)
        found.append((total, int(count)))
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


def test_what_no_layout_says_is_listed():
    """A row that becomes covered leaves the list; none may enter it."""
    missing = dict.fromkeys(name(row) for row in ROWS if not covered(row))
    assert list(missing) == NOT_COVERED.splitlines()
