"""What users asked and what files held, case by case: what the package says now.

The cases are public questions and published files; the ids are those of our notes, T for questions
and F for files. Expected numbers are the libraries' own, or those that the files really hold.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import sympy as sp
from published import PUBLISHED
from torch import nn

from gru_sym import Cell, Layer, cell, cost, effective_count, equivalent, explain
from gru_sym import explain_count as of_count
from gru_sym.cli.main import main
from gru_sym.conversion.passages import Obstacle, passage
from gru_sym.explanation.contents import FileError
from gru_sym.language.errors import CellError
from gru_sym.libraries.layout import layout


def shapes(**tensors):
    return {name: np.zeros(shape, dtype=bool) for name, shape in tensors.items()}


def test_t01_which_cell_is_inside():
    assert "Keras LSTM" in of_count(4960, m=10, n=20).fits[0].layers


def test_t03_t04_layouts_of_biases_and_which_can_be_loaded():
    keras = layout("keras")
    assert keras.tensors("GRU", m=3, n=16)["bias"] == (2, 48)
    assert keras.tensors("GRU", m=3, n=16, reset_after=False)["bias"] == (48,)
    assert keras.tensors("GRU", m=3, n=128)["bias"] == (2, 384)
    refused = passage(cell("gru.keras_reset_before"), cell("gru.keras"))
    assert isinstance(refused, Obstacle)


def test_t05_t06_bidirectional_lstm_of_pytorch_and_tensorflow():
    assert cell("lstm.pytorch").count(m=512, n=256) == 788_480
    assert cell("lstm.keras").count(m=512, n=256) == 787_456
    assert layout("tensorflow1").tensors("LSTMCell", m=512, n=256)["kernel"] == (768, 1024)


def test_t08_biases_of_a_new_exporter():
    for n in (24, 48, 96):
        assert cell("gru.keras").biases(m=n, n=n) == 6 * n
        assert cell("gru.keras_reset_before").biases(m=n, n=n) == 3 * n


def test_t09_t21_weights_of_an_lstm_by_role_whatever_the_number_of_steps():
    own = cell("lstm.textbook")
    kernel = sum(p.count for p in own.parameters if p.role == "input kernel")
    assert str(kernel) == "4*m*n"
    assert "T" not in {str(symbol) for symbol in own.count().free_symbols}


def test_t11_t13_which_bias_may_be_added():
    assert str(effective_count(cell("gru.onnx")).effective) == "3*m*n + 3*n**2 + 3*n"
    assert str(effective_count(cell("gru.keras")).effective) == "3*m*n + 3*n**2 + 4*n"


def test_t14_projected_lstm_with_one_bias():
    one = Cell("""
    h: p
    i = sigmoid(W_i @ x + U_i @ h + b_i)
    j = tanh(W_j @ x + U_j @ h + b_j)
    f = sigmoid(W_f @ x + U_f @ h + b_f)
    o = sigmoid(W_o @ x + U_o @ h + b_o)
    c' = f * c + i * j
    h' = P @ (o * tanh(c'))
    """)
    assert one.count(m=512, n=4096, p=512) == 18_890_752


def test_t15_projection_in_the_layers_above():
    found = layout("pytorch").layer(
        "LSTM", input_size=5, hidden_size=7, proj_size=3, num_layers=2, bidirectional=True
    )
    assert found.count == 1260


def test_t17_t18_flat_vector_and_stack():
    assert Layer(cell("lstm.pytorch"), bidirectional=True).count(m=1, n=1) // 2 == 16
    assert Layer(cell("lstm.pytorch"), 2, bidirectional=True).count(m=1, n=1) == 72
    assert Layer(cell("lstm.pytorch"), 2).count(m=65, n=128) == 231_936


def test_t19_directions_that_are_added():
    summed = Layer(cell("gru.pytorch"), 7, bidirectional=True, merge="sum")
    assert summed.count(m=1312, n=768) == 52_116_480


def test_t22_operations_of_an_lstm_cell():
    found = cost(cell("lstm.textbook"), m=3, n=5, T=1, B=1)
    assert found.total.multiply_adds == 4 * (3 * 5 + 5 * 5)


def test_t24_arrays_of_a_multiplicative_lstm():
    assert cell("lstm.multiplicative").count(m=64, n=4096) == 85_213_184


CONVOLVING = [
    *[(3, 256, 3, 2_387_968), (256, 64, 3, 737_536), (64, 64, 3, 295_168), (3, 4, 3, 1_024)],
    *[(4, 8, 3, 3_488), (8, 14, 3, 11_144), (14, 16, 3, 17_344)],
]


@pytest.mark.parametrize(("m", "n", "k", "count"), CONVOLVING)
def test_t25_a_layer_that_convolves_is_told_and_counted(m, n, k, count):
    """Its equations cannot be written here, and it is taken for no other layer."""
    found = explain(
        shapes(kernel=(k, k, m, 4 * n), recurrent_kernel=(k, k, n, 4 * n), bias=(4 * n,))
    )
    assert not found.layers and found.total == count
    assert any("convolves its state, such as ConvLSTM" in note for note in found.notes)


GRU_D = """
mask: input m
gap: input m
last: input m
average: input m
d = exp(-relu(w * gap + v))
y = mask * x + (1 - mask) * (d * last + (1 - d) * average)
k = exp(-relu(W_d @ gap + b_d)) * h
z = sigmoid(W_z @ y + U_z @ k + V_z @ mask + b_z)
r = sigmoid(W_r @ y + U_r @ k + V_r @ mask + b_r)
g = tanh(W_h @ y + U_h @ (r * k) + V_h @ mask + b_h)
h' = (1 - z) * k + z * g
"""


def test_t31_what_is_given_with_each_step_is_no_parameter():
    """Mask, time gap, last value and average, which were counted in silence."""
    assert Cell(GRU_D).count(m=33, n=49) == 18_784
    undeclared = "\n".join(line for line in GRU_D.splitlines() if "input" not in line)
    assert Cell(undeclared).count(m=33, n=49) == 18_784 + 4 * 33


def test_t33_an_array_for_each_gate_is_no_layout_and_is_counted():
    """Keras 1 had twelve of them; no library that is known here has them side by side like that."""
    shape = {"W": (5, 4), "U": (4, 4), "b": (4,)}
    found = explain(shapes(**{f"lstm_1_{w}_{g}": shape[w] for g in "icfo" for w in "WUb"}))
    assert (found.total, found.layers) == (160, ())
    assert cell("lstm.keras").count(m=5, n=4) == 160


@pytest.mark.parametrize(
    ("tensors", "layer", "count"),
    [
        # F08: one array a gate is no layout of today's Keras; the packed forms are.
        # F02 is the next two, a Keras model.
        (shapes(kernel=(13, 60), recurrent_kernel=(20, 60), bias=(60,)), "Keras GRU", 2040),
        (shapes(kernel=(257, 512), recurrent_kernel=(128, 512), bias=(512,)), "LSTM", 197_632),
        (shapes(kernel=(256, 512), recurrent_kernel=(128, 512), bias=(512,)), "LSTM", 197_120),
        (shapes(kernel=(8, 24), recurrent_kernel=(8, 24), bias=(2, 24)), "GRU", 432),  # F06
        (
            shapes(
                weight_ih=(512, 128), weight_hh=(512, 128), bias_ih=(512,), bias_hh=(512,)
            ),
            "PyTorch LSTMCell",
            132_096,
        ),  # F04
        (shapes(W=(1, 512, 257), R=(1, 512, 128), B=(1, 1024)), "LSTM", 198_144),  # F03
    ],
)  # fmt: skip
def test_tensors_of_published_files(tensors, layer, count):
    found = explain(tensors)
    (own,) = found.layers
    assert layer in f"{own.library} {own.layer}"
    assert found.total == own.count == count


@pytest.mark.parametrize(
    ("cell_id", "sizes", "count"),
    [
        ("gru.keras_reset_before", {"m": 24, "n": 24}, 3_528),  # F01
        ("gru.keras_reset_before", {"m": 90, "n": 48}, 20_016),
        ("gru.keras_reset_before", {"m": 114, "n": 96}, 60_768),
        ("gru.pytorch", {"m": 1, "n": 8}, 264),  # F06
        ("lstm.pytorch", {"m": 1, "n": 8}, 352),
        ("gru.pytorch", {"m": 2, "n": 2}, 36),  # F12
        ("gru.pytorch", {"m": 2, "n": 8}, 288),
        ("rnn.pytorch", {"m": 2, "n": 2}, 12),  # F13
        ("lstm.keras", {"m": 256, "n": 256}, 525_312),  # F15
    ],
)
def test_counts_of_published_models(cell_id, sizes, count):
    assert cell(cell_id).count(**sizes) == count


def lstm_of_keras(m, n):
    return {"kernel": (m, 4 * n), "recurrent_kernel": (n, 4 * n), "bias": (4 * n,)}


def dtln():
    """Four LSTMs of Keras between dense, convolutional and normalising layers."""
    sizes = {"a": (257, 128), "b": (128, 128), "c": (256, 128), "d": (128, 128)}
    own = {f"{k}/{name}": s for k, v in sizes.items() for name, s in lstm_of_keras(*v).items()}
    own |= {"e/kernel": (128, 257), "e/bias": (257,), "f/kernel": (128, 256), "f/bias": (256,)}
    own |= {"g/kernel": (1, 512, 256), "h/kernel": (1, 256, 512), "i/gamma": (256,)}
    return {name: np.zeros(s, bool) for name, s in (own | {"i/beta": (256,)}).items()}


def precise():
    """A GRU and a dense layer of Keras 2."""
    own = {"gru/kernel": (13, 60), "gru/recurrent_kernel": (20, 60), "gru/bias": (60,)}
    own |= {"dense/kernel": (20, 1), "dense/bias": (1,)}
    return {name: np.zeros(shape, bool) for name, shape in own.items()}


def parts(*modules):
    return nn.ModuleList(modules)


def deep_speech():
    """Seven layers whose directions are added: each above the first reads 768 numbers."""
    widths = [1312, *[768] * 6]
    return parts(*(nn.GRU(m, 768, bidirectional=True, device="meta") for m in widths))


PRINTED = {
    "T18 char-rnn": (lambda: parts(nn.LSTM(65, 128, 2), nn.Linear(128, 65)), 240_321, 1),
    "T19 Deep Speech 2": (deep_speech, 52_116_480, 7),
    "F02 DTLN": (dtln, 986_753, 4),
    "F08 Precise": (precise, 2_061, 1),
    "F12 GRU": (lambda: parts(nn.GRU(2, 2), nn.Linear(2, 1)), 39, 1),
    "F12 GRU-P": (lambda: parts(nn.GRU(2, 8), nn.Linear(8, 1)), 297, 1),
    "F13 RNN": (lambda: parts(nn.RNN(2, 2), nn.Linear(2, 1)), 15, 1),
    "F14 GRU": (lambda: parts(nn.GRU(1, 256), nn.Linear(256, 10)), 201_482, 1),
    "F14 LSTM": (lambda: parts(nn.LSTM(1, 256), nn.Linear(256, 10)), 267_786, 1),
}


@pytest.mark.parametrize("name", PRINTED)
def test_explained_architectures_give_the_printed_total(name):
    made, total, layers = PRINTED[name]
    found = explain(made())
    assert (found.total, len(found.layers)) == (total, layers)
    assert sum(layer.count for layer in found.layers) + sum(t.count for t in found.rest) == total


def test_f01_source_of_a_c_program(tmp_path):
    """It is not read, and that is said; each of its layers is found by its number of weights."""
    (tmp_path / "rnn_data.c").write_text("static const rnn_weight weights[1728] = {0};")
    with pytest.raises(FileError, match=r"rnn_data.c cannot be read: the files that can end in \."):
        explain(tmp_path / "rnn_data.c")
    layers = {3_528: (24, 24), 20_016: (90, 48), 60_768: (114, 96)}
    for count, (m, n) in layers.items():
        (first, *_) = of_count(count, m=m, n=n).fits
        assert "Keras GRU(reset_after=False)" in first.layers
    assert sum(layers) + 1_032 + 2_134 + 25 == 87_503


def nam(weights, **config):
    config = {"input_size": 1, "hidden_size": 3, "num_layers": 1} | config
    return json.dumps({"architecture": "LSTM", "config": config, "weights": [0.5] * weights})


def test_f05_flat_list_of_weights_with_a_trained_initial_state(tmp_path):
    (tmp_path / "lstm.nam").write_text(nam(70))
    found = explain(tmp_path / "lstm.nam")
    assert (found.total, found.layers[0].count) == (70, 66)
    assert found.layers[0].gates["h"] == found.layers[0].gates["c"] == {"initial state": 3}
    (tmp_path / "stack.nam").write_text(nam(70 + 90, num_layers=2))
    assert explain(tmp_path / "stack.nam").layers[0].count == 156
    (tmp_path / "lying.nam").write_text(nam(71))
    with pytest.raises(FileError, match="its config asks for 70 weights, and it has 71"):
        explain(tmp_path / "lying.nam")


def zeros(*shape):
    return np.zeros(shape).tolist()


def test_f06_weights_in_rtneurals_json(tmp_path):
    layers = [
        {"type": "dense", "weights": [zeros(1, 8), zeros(8)]},
        {"type": "gru", "weights": [zeros(8, 24), zeros(8, 24), zeros(2, 24)]},
    ]
    (tmp_path / "gru.json").write_text(json.dumps({"in_shape": [None, 1], "layers": layers}))
    found = explain(tmp_path / "gru.json")
    assert [(layer.library, layer.count) for layer in found.layers] == [("Keras", 432)]
    assert found.total == 448
    torch_ = {
        f"gru2.{name}_l{level}": zeros(24, 8) if "weight" in name else zeros(24)
        for level in range(3)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    (tmp_path / "torch.json").write_text(json.dumps(torch_))
    (layer,) = explain(tmp_path / "torch.json").layers
    assert (layer.library, layer.count) == ("PyTorch", 1_296)
    (tmp_path / "bad.json").write_text('{"w": [[1, 2], [3]]}')
    with pytest.raises(FileError, match="'w' has rows of different lengths"):
        explain(tmp_path / "bad.json")


def test_f09_matrices_that_are_fixed():
    """The memory of an LMU is declared, and not counted."""
    own = Cell("""
    u: 1
    mem: k
    A: constant k x k
    B: constant k
    u = e_x @ x
    mem' = A @ mem + B * u
    h' = tanh(W_x @ x + W_h @ h + W_m @ mem' + b)
    """)
    assert own.count(m=1, n=212, k=256) == 99_641


@pytest.mark.parametrize(("count", "n"), [(36, 2), (288, 8)])
def test_f12_sizes_of_a_table_of_counts(count, n):
    fits = of_count(count, m=2).fits
    assert any(f.sizes == {"m": 2, "n": n} and "PyTorch GRU" in f.layers for f in fits)


def test_f14_three_n_between_two_libraries():
    both, one = (cell(name).count(m=1, n=256) for name in ("gru.pytorch", "gru.dey_salem"))
    assert both - one == 768
    assert both + 2570 == 201_482


def test_f16_fast_grnn():
    own = Cell("""
    zeta: 1
    nu: 1
    a = W @ x + U @ h
    z = sigmoid(a + b_z)
    g = tanh(a + b_h)
    h' = (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * g + z * h
    """)
    assert own.count(m=16, n=32) + 330 == 1932


def test_f21_a_new_name_for_a_known_cell():
    own = Cell("""
    r = sigmoid(W_r @ x + U_r @ h + b_r)
    z = sigmoid(W_z @ x + U_z @ h + b_z)
    g = tanh(W_h @ x + U_h @ (r * h) + b_h)
    h' = (1 - z) * h + z * g
    """)
    assert equivalent(own, cell("gru.dey_salem"))


# Section 3: cells as they are published

FIELD = [own for own in PUBLISHED if own.group == "field"]


def test_every_published_cell_is_here():
    """Their effective counts are compared with an independent rank in test_stress."""
    names = {own.name for own in FIELD}
    assert names >= {
        *("minGRU", "MGU", "SRU", "IndRNN", "LiGRU", "LiGRU_bn_affine", "FastRNN", "FastGRNN"),
        *("CFN", "coRNN", "UnICORNN", "ATR", "Mogrifier_r2", "TRNN", "NAS", "BRC", "LightRU"),
        *("UGRNN", "ELMo_lstmp_one_bias", "LayerNormLSTM_affine", "RTGU", "RGLRU_no_sqrt"),
    }


@pytest.mark.parametrize("own", FIELD, ids=lambda own: own.name)
def test_a_published_cell_is_counted_and_its_effective_count_proved(own):
    made = Cell(own.text)
    assert sp.expand(made.count() - _formula(own.stored, made)) == 0
    found = effective_count(made)
    assert found.certified and sp.expand(found.effective - _formula(own.effective, made)) == 0


def _formula(text, made):
    return sp.sympify(text, {name: sp.Symbol(name) for name in made.size_names})


TRANSPOSE = """
I: constant n x n
h' = h + 0.1 * tanh((W - W.T - 0.01 * I) @ h + V @ x + b)
"""
BLOCKS_AND_ROOT = """
x: n
W_a: blocks 2
W_x: blocks 2
r = sigmoid(W_a @ x + b_a)
i = sigmoid(W_x @ x + b_x)
a = exp(-8 * softplus(L) * r)
h' = a * h + sqrt(1 - a * a) * (i * x)
"""
ROTATION = """
u: k
v: k
u' = exp(-exp(nu)) * (cos(theta) * u - sin(theta) * v) + B @ x
v' = exp(-exp(nu)) * (sin(theta) * u + cos(theta) * v) + C @ x
h' = P @ u'
"""
LAYER_NORM = """
a = W @ x + U @ h
d = a - mean(a)
h' = tanh(g * (d / sqrt(mean(d * d) + 0.00001)) + b)
"""
SAYABLE = {
    "antisymmetric": (TRANSPOSE, {"m": 3, "n": 5}, 3 * 5 + 5 * 5 + 5),
    "RG-LRU with two blocks": (BLOCKS_AND_ROOT, {"n": 4}, 2 * 4 * 4 // 2 + 3 * 4),
    "LRU": (ROTATION, {"m": 3, "n": 5, "k": 4}, 2 * 4 + 2 * 4 * 3 + 5 * 4),
    "layer norm": (LAYER_NORM, {"m": 3, "n": 5}, 5 * 3 + 5 * 5 + 2 * 5),
}
"""What the language could not say once, with its count by hand; the sLSTM is in the catalogue."""


@pytest.mark.parametrize("name", SAYABLE)
def test_what_could_not_be_said_is_counted(name):
    text, sizes, count = SAYABLE[name]
    assert Cell(text).count(**sizes) == count


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("h' = conv(W, x)", "conv"),
        ("h' = cumsum(W @ x)", "cumsum"),
        ("h' = W @ x @ h", "h' = W @ x @ h"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(text, what):
    with pytest.raises(CellError, match=re.escape(what)):
        Cell(text)


# Section 4: what was silent


def test_a_cell_without_input_and_names_that_became_parameters_are_told(tmp_path, capsys):
    (tmp_path / "own.cell").write_text("h' = tanh(W @ u + U @ h + b)\n")
    assert main(["count", str(tmp_path / "own.cell")]) == 0
    assert "x never occurs, so this cell has no input; u was taken for a parameter" in (
        capsys.readouterr().err
    )


def test_a_cell_that_keeps_the_last_input_can_be_stacked():
    own = Cell("p: m\nh' = tanh(W @ x + V @ p + U @ h)\np' = x")
    assert Layer(own, 3).count(m=3, n=4) == 2 * 3 * 4 + 16 + 2 * 3 * 16


def test_two_layers_of_mingru_in_both_directions():
    found = effective_count(Layer(cell("minimal.mingru"), 2, bidirectional=True), m=3, n=4)
    assert (found.stored, found.effective, found.certified) == (208, 200, True)


def test_numbers_that_scale_a_gate_are_no_biases():
    assert cell("minimal.fastgrnn").biases(m=16, n=32) == 2 * 32
