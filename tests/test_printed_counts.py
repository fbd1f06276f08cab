"""Counts that papers, threads and programs print and that no other test repeats.

Others are in `test_models` (totals with other layers), `test_catalogue` (formulas of every cell),
`test_field_cases` (files and questions) and `test_stress` (cells of `published.cells`).
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from gru_sym import Cell, Layer, Model, cell, explain

H, m, n = sp.symbols("H m n")

PRINTED = [
    ("gru.pytorch", 256, 1024, 3_938_304, "a book's chapter: 3 (n² + mn + 2n)"),
    ("gru.pytorch", 128, 128, 99_072, "Collins et al.'s sizes, 6n biases"),
    ("gru.merged", 128, 128, 99_072 - 256, "the same, what counts"),
    ("gru.flux", 3, 4, 96, "Flax nnx before issue 5594: 3n biases"),
    ("gru.merged", 3, 4, 100, "and after it: 4n"),
    ("gru.keras", 3, 128, 3 * 128 * (3 + 128) + 768, "Keras issue 10080: 768 biases"),
    ("lstm.keras", 5, 4, 160, "Keras issue 3088"),
    ("lstm.keras", 256, 256, 525_312, "a cell of Flax, once instead of twice"),
]


@pytest.mark.parametrize(
    ("name", "m", "n", "count", "source"), PRINTED, ids=lambda value: str(value)
)
def test_a_layer_alone(name, m, n, count, source):
    assert cell(name).count(m=m, n=n) == count, source


@pytest.mark.parametrize(
    ("name", "count"),
    [("lstm.keras", 4_960), ("gru.keras_reset_before", 3_720), ("gru.keras", 3_840)],
)
def test_keras_issue_9426_both_directions(name, count):
    assert Layer(cell(name), bidirectional=True).count(m=10, n=20) == count


def test_three_layers_in_rtneurals_file():
    assert Layer(cell("lstm.pytorch"), 3).count(m=8, n=8) == 1_728


def test_a_thesis_that_prints_two_totals():
    """With one bias a gate and with two; a dense layer of one unit is in both."""
    printed = {"gru.keras_reset_before": 3_721, "gru.keras": 3_811}
    for name, total in printed.items():
        assert Model(f"input 10; {name} 30; last; dense 1").count() == total


def test_fastgrnn_in_kilobytes():
    assert Model("input 16; minimal.fastgrnn 32; dense 10").count() * 4 / 1024 == 7.546875


def test_elmo_stores_one_bias_a_gate_where_pytorch_stores_two():
    assert cell("lstm.projected").count(m=512, n=4096, p=512) == 18_907_136
    assert cell("lstm.projected_single").count(m=512, n=4096, p=512) == 18_907_136 - 4 * 4096


def test_weights_of_the_minimal_cells_without_biases():
    """As lucidrains/minGRU-pytorch stores them: Linear(dim, 2 n, bias=False)."""
    assert sp.expand(cell("minimal.mingru").weights() - 2 * n * m) == 0
    assert sp.expand(cell("minimal.minlstm").weights() - 3 * n * m) == 0


BLOCKS = {
    "sLSTM of H heads": (
        """
        U_i: blocks H
        U_f: blocks H
        U_z: blocks H
        U_o: blocks H
        i = exp(W_i @ x + U_i @ h + b_i)
        f = sigmoid(W_f @ x + U_f @ h + b_f)
        z = tanh(W_z @ x + U_z @ h + b_z)
        o = sigmoid(W_o @ x + U_o @ h + b_o)
        c' = f * c + i * z
        s' = f * s + i
        h' = o * (c' / s')
        """,
        4 * m * n + 4 * n**2 / H + 4 * n,
    ),
    "RG-LRU of H blocks": (
        """
        x: n
        W_a: blocks H
        W_x: blocks H
        r = sigmoid(W_a @ x + b_a)
        i = sigmoid(W_x @ x + b_x)
        a = exp(-8 * softplus(L) * r)
        h' = a * h + sqrt(1 - a * a) * (i * x)
        """,
        2 * n**2 / H + 3 * n,
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_kernels_in_blocks(name):
    text, formula = BLOCKS[name]
    assert sp.expand(Cell(text).count() - formula) == 0


CONVOLVED = [
    (256, 64, 737_536),
    (64, 64, 295_168),
    (3, 4, 1_024),
    (8, 14, 11_144),
    (14, 16, 17_344),
]


@pytest.mark.parametrize(("m", "n", "count"), CONVOLVED)
def test_convlstm_is_no_layer_here_and_its_numbers_are_counted(m, n, count):
    shapes = {"kernel": (3, 3, m, 4 * n), "recurrent_kernel": (3, 3, n, 4 * n), "bias": (4 * n,)}
    found = explain({name: np.zeros(shape, bool) for name, shape in shapes.items()})
    assert not found.layers
    assert found.total == count == 4 * (9 * (m + n) * n + n)
