"""What `explain` knows beforehand: as it is derived, right at every height, and without SymPy."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from gru_sym import catalogue, cell, effective_count, explain, explain_count
from gru_sym.explanation import counts, known
from gru_sym.explanation.deriving import changed
from gru_sym.libraries import texts
from gru_sym.libraries.stored import stored_layer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import write_known  # noqa: E402

NOW = "write it anew: python tools/write_known.py"


def test_what_is_written_is_what_is_derived():
    assert known.KNOWN.read_text("utf-8") == write_known.text(), NOW


PAIRS = [
    pytest.param(form, own, id=f"{library}-{form.layer}-{number}")
    for library in texts.names()
    for number, (form, own) in enumerate(
        zip(texts.forms(library), known.known_forms(library), strict=True)
    )
]


def symbolic(axis):
    constant, terms = axis
    return sp.Add(constant, *(times * sp.Symbol(size) for size, times in terms))


@pytest.mark.parametrize(("form", "own"), PAIRS)
def test_formula_shapes_gates_and_effective_are_those_of_the_layer(form, own):
    assert own.cell == changed(form)
    assert (own.has_levels, own.has_directions) == (form.has_levels, form.has_directions)
    for levels, both in {(1, False), (1, own.has_directions), (3, own.has_directions)}:
        if levels > 1 and not own.has_levels:
            continue
        stored = stored_layer(form, levels, both, ())
        layer = stored.layer
        sizes = dict(zip(layer.cell.size_names, (5, 7, 3), strict=False))
        found = known.KnownLayer(own, levels, both, sizes)
        assert str(found.formula) == str(layer.count())
        assert found.formula.at(sizes) == layer.count(**sizes)
        shapes = {name: tuple(map(sp.sympify, shape)) for name, shape in stored.tensors.items()}
        axes = own.axes(levels, both)
        assert list(axes) == list(shapes)
        assert {name: tuple(map(symbolic, shape)) for name, shape in axes.items()} == shapes
        gates: dict[str, dict[str, int]] = {}
        for p in layer.parameters:
            gate = gates.setdefault(p.gate, {})
            gate[p.role] = gate.get(p.role, 0) + p.count.subs(sizes)
        assert found.gates == gates
        assert list(found.gates) == list(gates)
        if found.redundant is not None:
            at = [layer.sizes_at(level, sizes) for level in range(levels)]
            spare = sum(effective_count(layer.cell, **own_sizes).redundant for own_sizes in at)
            assert found.redundant.at(sizes) == layer.directions * spare


def says_enough(own):
    """One kernel and a vector, or two arrays with three axes, may be anything."""
    kernels = [line for line in own.lines if len(line.shapes[0]) == 2 and not line.by_direction]
    return len(own.lines) > 2 or len(kernels) > 1


@pytest.mark.parametrize(("form", "own"), [p for p in PAIRS if says_enough(p.values[1])])
def test_a_layer_is_found_by_its_own_names(form, own):
    sizes = zip(known.KnownLayer(own).size_names, (6, 8, 3), strict=False)
    stored = stored_layer(form, 1, False, tuple(sizes))
    arrays = {f"model.{name}": np.empty(shape) for name, shape in stored.tensors.items()}
    (layer,) = explain(arrays | {"head": np.empty(3)}).layers
    assert layer.count == stored.count
    assert own in [fit.form for fit in layer.found.fits]


def test_what_is_not_certified_or_has_a_condition_is_not_known():
    for name in catalogue:
        count = effective_count(cell(name))
        assert (known.known_cell(name)["redundant"] is None) == bool(
            not count.certified or count.condition
        )


@pytest.fixture
def afresh():
    """What was found of the libraries and the catalogue is forgotten, before and afterwards."""
    tables = (known.known, known.known_cell, known.known_forms, counts._kinds)
    caches = (*tables, texts.text_of, texts.names)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_a_layout_of_ones_own_is_derived(afresh, tmp_path, monkeypatch):
    for path in texts.FOLDER.glob("*.txt"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "mine.txt").write_text(
        "# Mine 1.0\ngru.merged  Gated(units=n)\nto_gates = W_ir | W_iz | W_in\n"
        "from_state = W_hr | W_hz | W_hn\nadded = b_r | b_z | b_in | b_hn\n"
    )
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    monkeypatch.setattr(known, "FOLDER", tmp_path)
    shapes = {"a.to_gates": (9, 5), "a.from_state": (9, 3), "a.added": (12,)}
    (layer,) = explain({name: np.ones(shape) for name, shape in shapes.items()}).layers
    assert (layer.library, layer.layer, layer.count, layer.effective) == ("Mine", "Gated()", 84, 84)


BLOCKS = "A: blocks 4\nh' = tanh(W @ x + A @ h + b)"
"""m n + n²/4 + n numbers, where 4 divides n."""


def test_a_number_that_is_no_whole_multiple_is_not_cut(afresh, tmp_path, monkeypatch):
    for path in catalogue.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "rnn.own_blocks.cell").write_text(f"# Own\n# source: none\n\n{BLOCKS}\n")
    monkeypatch.setattr(catalogue, "folder", tmp_path)
    own = catalogue["rnn.own_blocks"]
    for count in (own.count(m=5, n=8), 36, 37, 300):
        for given in ({}, {"m": 5}, {"n": 8}, {"m": 5, "n": 8}):
            fits = explain_count(count, **given).fits
            found = {(f.sizes["m"], f.sizes["n"]) for f in fits if "rnn.own_blocks" in f.cells}
            grid = ((m, n) for m in range(1, count) for n in range(4, count, 4) if m * n < count)
            right = ({"m": m, "n": n} for m, n in grid if own.count(m=m, n=n) == count)
            right = [sizes for sizes in right if given.items() <= sizes.items()]
            assert found == {(sizes["m"], sizes["n"]) for sizes in right}


MODULES = """
import sys, torch
models = [torch.nn.GRU(5, 3), torch.nn.LSTM(5, 3, 2, bidirectional=True, proj_size=2)]
before = {*sys.modules}
from gru_sym import explain
for model in models:
    print(explain(model))
    explain(model).json()
new = {name.partition(".")[0] for name in {*sys.modules} - before}
assert "sympy" not in new, new
"""
ALONE = "import sys; heavy = {'sympy', 'gru_sym.cells'} & {*sys.modules}; assert not heavy, heavy"


def test_the_report_of_a_module_takes_no_sympy():
    run = subprocess.run([sys.executable, "-c", MODULES], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("effective (cell by cell)") == 2


def safetensors(path):
    shapes = {"gru.weight_ih_l0": [9, 5], "gru.weight_hh_l0": [9, 3], "head": [3]}
    header, at = {}, 0
    for name, shape in shapes.items():
        end = at + 4 * int(np.prod(shape))
        header[name], at = {"dtype": "F32", "shape": shape, "data_offsets": [at, end]}, end
    raw = json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(at))


def npz(path):
    np.savez(path, np.ones((5, 9)), np.ones((3, 9)), np.ones((2, 9)))


def keras(path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: make atlas")
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for number, shape in enumerate([(5, 9), (3, 9), (2, 9)]):
            file[f"layers/gru/cell/vars/{number}"] = np.ones(shape)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", out.getvalue())


@pytest.mark.parametrize("write", [safetensors, npz, keras], ids=lambda write: write.__name__)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_the_command_takes_no_sympy(write, more, tmp_path):
    file = tmp_path / f"model.{write.__name__}"
    write(file)
    script = "import sys; from gru_sym.cli.main import main; status = main(sys.argv[1:])\n"
    script += f"assert status == 0\n{ALONE}"
    run = subprocess.run(
        [sys.executable, "-c", script, "explain", file, *more], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "GRU" in run.stdout and "effective" in run.stdout
