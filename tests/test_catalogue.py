"""The catalogue: every cell has its text, its source and its formula; adding one adds a file."""

from __future__ import annotations

import shutil
import tomllib

import pytest
import sympy as sp

from gru_sym import Cell, UnknownCell, catalogue, cell
from gru_sym.lookup import FOLDER, Catalogue
from gru_sym.web.catalogue_pages import (
    FAMILIES,
    anchor,
    catalogue_table,
    family,
    family_of,
    in_order,
)

d, k, m, n, p, r = sp.symbols("d k m n p r")
block = n**2 + n * m + n  # one gate: a recurrent kernel, an input kernel, a bias

FORMULAS = {
    "gru.dey_salem": 3 * block,
    "gru.dey_salem_1": 3 * block - 2 * n * m,
    "gru.dey_salem_2": 3 * block - 2 * (n * m + n),
    "gru.dey_salem_3": 3 * block - 2 * (n * m + n**2),
    "gru.cho2014": 3 * block - 3 * n,
    "gru.cho2014_v1": 3 * block - 3 * n,
    "gru.answer": 3 * (n**2 + n * m + 2 * n),
    "gru.pytorch": 3 * (n**2 + n * m + 2 * n),
    "gru.keras": 3 * (n**2 + n * m + 2 * n),
    "gru.keras_reset_before": 3 * block,
    "gru.keras_hard_sigmoid": 3 * block,
    "gru.onnx": 3 * block + 3 * n,
    "gru.merged": 3 * (n**2 + n * m) + 4 * n,
    "gru.flux": 3 * block,
    "gru.lasagne": 3 * block,
    "gru.mut1": 4 * n**2 + 3 * n,  # m = n
    "gru.mut2": 5 * n**2 + 3 * n,  # m = n
    "gru.mut3": 3 * block,
    "gru.gru_d": 3 * (block + n * m) + n * m + n + 2 * m,  # the gates see a mask; two decays
    "minimal.mgu_flax": 2 * block + n,
    "minimal.mgu": 2 * block,
    "minimal.mingru": 2 * (n * m + n),
    "minimal.ugrnn": 2 * block,
    "minimal.ligru": 2 * block,
    "minimal.ligru_batch_norm": 2 * block + 2 * n,
    "minimal.janet": 2 * block,
    "minimal.ran": 2 * block + n * m + n,
    "minimal.sru": 3 * n**2 + 4 * n,  # m = n
    "minimal.sru_wide": 4 * n * m + 4 * n,
    "minimal.sru_no_skip": 3 * n * m + 4 * n,
    "minimal.cfn": 2 * block + n * m,
    "minimal.atr": n**2 + n * m,
    "minimal.brc": 3 * n * m + 4 * n,
    "minimal.nbrc": 2 * block + n * m,
    "minimal.fastgrnn": block + n + 2,
    "minimal.fastgrnn_low_rank": k * (m + n) + 2 * r * n + 2 * n + 2,
    "minimal.lightru": block + n * m,
    "minimal.minlstm": 3 * (n * m + n),
    "minimal.mgu_1": 2 * block - n * m,
    "minimal.mgu_2": 2 * block - (n * m + n),
    "minimal.mgu_3": 2 * block - (n * m + n**2),
    "minimal.qrnn": 3 * n * k * m + 3 * n,  # windows of k inputs
    "minimal.rg_lru": 2 * n**2 + 3 * n,
    "minimal.lru": 3 * d + 4 * d * n + n,  # three vectors, two complex kernels, a skip
    "minimal.trnn": 2 * n * m + n,
    "lstm.textbook": 4 * block,
    "lstm.pytorch": 4 * block + 4 * n,
    "lstm.keras": 4 * block,
    "lstm.cifg": 3 * block,
    "lstm.peephole": 4 * block + 3 * n,
    "lstm.onnx": 4 * block + 4 * n + 3 * n,
    "lstm.chainer_peephole": 4 * block + 3 * n**2,
    "lstm.dynet_coupled": 3 * block + 2 * n**2,
    "lstm.projected_single": 4 * n * m + 4 * n * p + 4 * n + p * n,
    "lstm.projected": 4 * n * m + 4 * n * p + 8 * n + p * n,
    "lstm.nig": 3 * block + 2 * n,
    "lstm.nfg": 3 * block + 2 * n,
    "lstm.nog": 3 * block + 2 * n,
    "lstm.niaf": 4 * block + 3 * n,
    "lstm.noaf": 4 * block + 3 * n,
    "lstm.cifg_peephole": 3 * block + 2 * n,
    "lstm.fgr": 4 * block + 3 * n + 9 * n**2,
    "lstm.mogrifier": 4 * block + 2 * n * m,
    "lstm.multiplicative": 5 * (n**2 + n * m) + 4 * n,
    "lstm.no_biases": 4 * block - 4 * n,
    "lstm.slstm": 4 * block,
    "lstm.slim_1": 4 * block - 3 * n * m,
    "lstm.slim_2": 4 * block - 3 * (n * m + n),
    "lstm.slim_3": 4 * block - 3 * (n * m + n**2),
    "lstm.slim_4": block + 3 * n,
    "lstm.slim_5": block + 6 * n,
    "rnn.antisymmetric": block,
    "rnn.elman": block,
    "rnn.pytorch": block + n,
    "rnn.indrnn": n * m + 2 * n,
    "rnn.cornn": block + n**2,
    "rnn.fastrnn": block + 2,
    "rnn.lem": 4 * block,
    "rnn.lmu": block + n * d + m,
    "rnn.multiplicative": 2 * (n**2 + n * m) + n,
    "rnn.scrn": n**2 + n * m + k * m + n * k,
    "rnn.rhn": 2 * block + 2 * (n**2 + n),  # the second layer does not see the input
    "rnn.unicornn": n * m + 3 * n,
}
"""Written by hand from the papers and sources, independently of the texts."""


def test_every_cell_has_a_formula_here():
    assert set(FORMULAS) == set(catalogue)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    assert sp.expand(cell(name).count() - FORMULAS[name]) == 0


PRINTED = [
    # What papers and programs print, with the sizes at which they do: no figure of ours.
    ("minimal.fastgrnn", {"m": 16, "n": 32}, 1_932 - 330),  # EdgeML on USPS, less 32 -> 10 linear
    ("lstm.multiplicative", {"m": 64, "n": 4096}, 85_213_184),  # the sentiment neuron's arrays
    ("rnn.lmu", {"m": 1, "n": 212, "d": 256}, 99_641),  # keras-lmu on psMNIST
    ("gru.dey_salem", {"m": 1, "n": 1}, 9),  # EXAMM's nodes are cells of one unit
    ("minimal.mgu", {"m": 1, "n": 1}, 6),
    ("minimal.ugrnn", {"m": 1, "n": 1}, 6),
]


@pytest.mark.parametrize(("name", "sizes", "count"), PRINTED)
def test_a_printed_count(name, sizes, count):
    assert cell(name).count(**sizes) == count


def test_the_lstm_without_peepholes_is_the_textbook_s():
    """Greff et al.'s NP: the vanilla LSTM without its three peepholes."""
    vanilla, textbook = cell("lstm.peephole"), cell("lstm.textbook")
    assert vanilla.count() - textbook.count() == 3 * n
    kept = [p.count for p in vanilla.parameters if p.role != "peephole"]
    assert sorted(map(str, kept)) == sorted(str(p.count) for p in textbook.parameters)


@pytest.mark.parametrize("name", list(catalogue))
def test_every_cell_has_a_title_and_a_source(name):
    c = catalogue[name]
    assert c.name == name and c.title != name and not c.title.startswith("source:")
    assert c.sources


# Where the reset gate acts, and which share of the old state z keeps, as printed by each source.
RESET_BEFORE = [
    "gru.dey_salem",
    "gru.cho2014",
    "gru.answer",
    "gru.onnx",
    "gru.keras_reset_before",
    "gru.keras_hard_sigmoid",
    "gru.mut1",
    "gru.mut2",
    "gru.mut3",
    "gru.gru_d",
]
RESET_AFTER = [
    "gru.pytorch",
    "gru.keras",
    "gru.merged",
    "gru.flux",
    "gru.lasagne",
    "gru.cho2014_v1",
]


@pytest.mark.parametrize("name", RESET_BEFORE + RESET_AFTER)
def test_where_the_reset_gate_acts(name):
    before = "@ (r * h)" in cell(name).text or "@ (r * d)" in cell(name).text  # d: h after decay
    assert before == (name in RESET_BEFORE)


def test_unknown_ids_suggest_the_nearest():
    with pytest.raises(
        UnknownCell, match=r"no cell gru\.torch in the catalogue; did you mean gru\.pytorch"
    ):
        cell("gru.torch")
    assert catalogue.get("gru.torch") is None and "gru.torch" not in catalogue


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("gru.kreas", "did you mean gru.keras?"),
        ("GRU.PyTorch", "did you mean gru.pytorch?"),
        ("pytorch.gru", "did you mean gru.pytorch?"),
        ("rnn.elmann", "did you mean rnn.elman?"),
        # Another library or family is no misspelling of this one.
        ("gru.mlx", "there are gru.answer, gru.cho2014, "),
        ("gru.lux", "there are gru.answer, "),
        ("gru.flax", "gru.pytorch, and of flax minimal.mgu_flax"),
        ("gru.dey_salem_4", "there are gru.answer, "),
        (
            "rnn.keras",
            "rnn.rhn, rnn.scrn, rnn.unicornn, and of keras gru.keras",
        ),
        ("crnn.pytorch", "of pytorch there are gru.pytorch, lstm.pytorch, rnn.pytorch"),
        ("keras", "of keras there are gru.keras, gru.keras_"),
        ("nope", "cells have ids such as gru.answer, in gru, lstm, minimal, rnn"),
    ],
)
def test_an_unknown_id_is_never_taken_for_another_library_s_or_family_s(name, advice):
    with pytest.raises(UnknownCell) as caught:
        cell(name)
    assert advice in str(caught.value)
    assert "did you mean" in advice or "did you mean" not in str(caught.value)


def test_adding_a_cell_is_adding_a_file(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "own.tiny.cell").write_text("# Mine\n# source: me\n\nh' = tanh(W @ x)\n")
    own = Catalogue(tmp_path)
    assert len(own) == len(catalogue) + 1
    assert own["own.tiny"] == Cell("# Mine\n# source: me\n\nh' = tanh(W @ x)\n")
    assert own["own.tiny"].title == "Mine" and own["own.tiny"].sources == ("me",)


def test_every_cell_has_one_page_and_a_new_family_has_one():
    on_pages = [card.cell.name for page in FAMILIES for card in family(page)]
    assert on_pages == in_order(catalogue) and sorted(on_pages) == list(catalogue)
    assert family_of("own.tiny") == "other"
    assert len(catalogue_table().rows) == len({anchor(name) for name in catalogue})


def test_the_package_ships_every_cell():
    package = FOLDER.parent
    settings = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["gru_sym"]
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    assert set(FOLDER.glob("*.cell")) | {package / "py.typed"} <= shipped
