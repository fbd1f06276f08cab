"""The catalogue: every cell has its text, its source and its formula; adding one adds a file."""

from __future__ import annotations

import shutil
import tomllib

import pytest
import sympy as sp

from gru_sym import Cell, UnknownCell, catalogue, cell
from gru_sym.lookup import FOLDER, Catalogue

m, n, p = sp.symbols("m n p")
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
    "gru.mut1": 4 * n**2 + 3 * n,  # m = n
    "gru.mut2": 5 * n**2 + 3 * n,  # m = n
    "gru.mut3": 3 * block,
    "minimal.mgu_flax": 2 * block + n,
    "minimal.mgu": 2 * block,
    "minimal.mingru": 2 * (n * m + n),
    "minimal.ugrnn": 2 * block,
    "minimal.ligru": 2 * block,
    "minimal.janet": 2 * block,
    "minimal.ran": 2 * block + n * m + n,
    "minimal.sru": 3 * n**2 + 4 * n,  # m = n
    "minimal.cfn": 2 * block + n * m,
    "lstm.textbook": 4 * block,
    "lstm.pytorch": 4 * block + 4 * n,
    "lstm.keras": 4 * block,
    "lstm.cifg": 3 * block,
    "lstm.peephole": 4 * block + 3 * n,
    "lstm.projected": 4 * n * m + 4 * n * p + 8 * n + p * n,
    "lstm.nig": 3 * block + 2 * n,
    "lstm.nfg": 3 * block + 2 * n,
    "lstm.nog": 3 * block + 2 * n,
    "lstm.niaf": 4 * block + 3 * n,
    "lstm.noaf": 4 * block + 3 * n,
    "rnn.elman": block,
    "rnn.pytorch": block + n,
    "rnn.indrnn": n * m + 2 * n,
    "rnn.cornn": block + n**2,
}
"""Written by hand from the papers and sources, independently of the texts."""


def test_every_cell_has_a_formula_here():
    assert set(FORMULAS) == set(catalogue)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    assert sp.expand(cell(name).count() - FORMULAS[name]) == 0


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
]
RESET_AFTER = ["gru.pytorch", "gru.keras", "gru.merged", "gru.flux", "gru.cho2014_v1"]


@pytest.mark.parametrize("name", RESET_BEFORE + RESET_AFTER)
def test_where_the_reset_gate_acts(name):
    assert ("@ (r * h)" in cell(name).text) == (name in RESET_BEFORE)


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
            "there are rnn.cornn, rnn.elman, rnn.indrnn, rnn.pytorch, and of keras gru.keras",
        ),
        ("crnn.pytorch", "of pytorch there are gru.pytorch, lstm.pytorch, rnn.pytorch"),
        ("keras", "of keras there are gru.keras, gru.keras_"),
        ("nope", "there are gru.answer, "),
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


def test_the_package_ships_every_cell():
    package = FOLDER.parent
    settings = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["gru_sym"]
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    assert set(FOLDER.glob("*.cell")) | {package / "py.typed"} <= shipped
