"""What users asked and what files held, case by case: what the package says now.

The cases are public questions and published files; the ids are those of our notes, T for questions
and F for files. Expected numbers are the libraries' own, or those that the files really hold.
"""

from __future__ import annotations

import numpy as np
import pytest

from gru_sym import Cell, Layer, cell, cost, effective_count, equivalent, explain
from gru_sym import explain_count as of_count
from gru_sym.conversion.passages import Obstacle, passage
from gru_sym.libraries.layout import layout

NOT_YET = {
    "T25": "convolutions in a cell",
    "F01": "weights in the source of a C program",
    "F05": "a flat list of weights with a trained initial state (.nam)",
    "F06": "weights in RTNeural's JSON",
    "F09": "matrices that are fixed, declared in the text of a cell",
}
"""What still cannot be said, or no such file read: a list that may only become shorter."""


def shapes(**tensors):
    return {name: np.zeros(shape, dtype=bool) for name, shape in tensors.items()}


def test_the_list_of_what_cannot_be_said_does_not_grow():
    assert len(NOT_YET) <= 5


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


@pytest.mark.parametrize(
    ("tensors", "layer", "count"),
    [
        # T33 and F08: one array a gate is no layout of today's Keras; the packed forms are.
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


def test_f05_trained_initial_state():
    assert Layer(cell("lstm.keras"), learn_initial_state=True).count(m=1, n=3) + 4 == 70


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
