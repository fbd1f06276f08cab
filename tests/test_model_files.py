"""Keras' and ONNX' files: what is in them, told; hostile ones refused with one sentence, soon.

The ONNX files are written here, field by field, from the format's description; those in HDF5 take
h5py, which `make atlas` installs.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probing import explained_in_a_process

from gru_sym import explain
from gru_sym.explanation.contents import FileError
from gru_sym.explanation.explaining import read

GRU = {"kernel": (5, 9), "recurrent_kernel": (3, 9), "bias": (2, 9)}


def varint(number: int) -> bytes:
    number %= 2**64
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def message(*fields: tuple[int, object]) -> bytes:
    """A protobuf message: numbers as varints, texts and messages with their length."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(raw)) + raw
    return out


def tensor(name, *dims, raw=None, more=()):
    raw = np.ones(dims, "<f4").tobytes() if raw is None else raw
    return message(*((1, d) for d in dims), (2, 1), (8, name), (9, raw), *more)


def node(kind, *inputs, name="", **attributes):
    about = []
    for key, value in attributes.items():
        at = 3 if isinstance(value, int) else 4 if isinstance(value, str) else 6
        at = 5 if kind == "Constant" else at
        about.append((5, message((1, key), (at, value))))
    output = (2, name if kind == "Constant" else "y")
    return message(*((1, i) for i in inputs), output, (3, name), (4, kind), *about)


def graph(*nodes, weights=()):
    return message(*((1, n) for n in nodes), *((5, w) for w in weights))


def model(inside: bytes) -> bytes:
    return message((1, 10), (7, inside))


def lstm() -> bytes:
    half = np.concatenate([np.ones((1, 12)), np.zeros((1, 12))], 1).astype("<f4").tobytes()
    weights = (tensor("W", 1, 12, 5), tensor("R", 1, 12, 3), tensor("B", 1, 24, raw=half))
    weights += (tensor("h0", 1, 2, 3), tensor("D", 3, 2))
    own = node("LSTM", "x", "W", "R", "B", "", "h0", name="lstm", hidden_size=3)
    return model(graph(own, weights=weights))


def test_zero_half_of_a_bias_and_constant_states_are_told(tmp_path):
    (tmp_path / "m.onnx").write_bytes(lstm())
    found = explain(tmp_path / "m.onnx")
    assert (found.total, found.layers[0].count, found.layers[0].effective) == (126, 120, 108)
    assert "12 of 24 numbers, are all 0" in found.text()
    assert "not counted: 6 (an initial state, held as a constant)" in found.text()


def test_layer_in_a_branch_with_its_weights_as_constants(tmp_path):
    kernels = {"w": (2, 9, 5), "r": (2, 9, 3)}
    parts = [node("Constant", name=n, value=tensor(n, *s)) for n, s in kernels.items()]
    options = {"hidden_size": 3, "linear_before_reset": 1, "direction": "bidirectional"}
    own = node("GRU", "x", "w", "r", name="gru", **options)
    inside = node("If", "c", then_branch=graph(*parts, own), else_branch=graph())
    (tmp_path / "m.onnx").write_bytes(model(graph(inside)))
    (layer,) = explain(tmp_path / "m.onnx").layers
    assert (layer.layer, layer.count, layer.sizes) == (
        "GRU(linear_before_reset=1, B=False)", 144, {"m": 5, "n": 3},
    )  # fmt: skip


def test_what_the_reference_evaluator_passes_over_is_told(tmp_path):
    """And what is only said, since it is so anyway, is not."""
    weights = (tensor("W", 1, 12, 5), tensor("R", 1, 12, 3))
    plain = node("LSTM", "x", "W", "R", name="a", hidden_size=3, input_forget=0)
    (tmp_path / "m.onnx").write_bytes(model(graph(plain, weights=weights)))
    assert "evaluator" not in explain(tmp_path / "m.onnx").text()
    strings = [(5, message((1, "activations"), *((9, f) for f in ("HardSigmoid", "Tanh", "Tanh"))))]
    clip = [(5, message((1, "clip")) + b"\x15" + struct.pack("<f", 3.0))]
    for own, word in (
        (node("LSTM", "x", "W", "R", name="a", hidden_size=3, input_forget=1), "input_forget=1"),
        (plain + message(*strings), "activations HardSigmoid, Tanh, Tanh"),
        (plain + message(*clip), "clip"),
        (node("LSTM", "x", "W", "R", "", "l", name="a", hidden_size=3), "sequence_lens"),
    ):
        (tmp_path / "m.onnx").write_bytes(model(graph(own, weights=weights)))
        found = explain(tmp_path / "m.onnx")
        assert found.total == found.layers[0].count == 96
        (note,) = found.notes
        assert word in note and "ONNX's reference evaluator ignores it without a word" in note


def test_layer_that_was_exported_as_single_operators_is_told(tmp_path):
    parts = [node("MatMul", "x", "W"), node("Sigmoid", "y"), node("Tanh", "y")]
    (tmp_path / "m.onnx").write_bytes(model(graph(*parts, weights=[tensor("W", 5, 12)])))
    assert "no GRU, LSTM or RNN node" in explain(tmp_path / "m.onnx").text()


def test_onnx_own_writer_gives_the_same(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: make atlas")
    (tmp_path / "m.onnx").write_bytes(lstm())
    again = onnx.load(tmp_path / "m.onnx")
    sizes = [int(np.prod(t.dims)) for t in again.graph.initializer if t.name != "h0"]
    onnx.save(again, tmp_path / "again.onnx")
    assert explain(tmp_path / "again.onnx").total == sum(sizes)


def nested(depth: int) -> bytes:
    inside = graph()
    for _ in range(depth):
        inside = graph(node("If", "c", then_branch=inside))
    return model(inside)


HOSTILE = {
    "empty": b"",
    "garbage": b"garbage" * 99,
    "no_graph": message((1, 10)),
    "truncated": lstm()[:-9],
    "negative": model(graph(weights=[tensor("a", -4, raw=b"")])),
    "huge": model(graph(weights=[message((1, 2**62), (2, 1), (8, "a"))])),
    "short": model(graph(weights=[tensor("a", 9, raw=bytes(8))])),
    "nested": nested(300),
    "length": varint(7 << 3 | 2) + varint(2**60),
    "many": model(bytes([5 << 3 | 2, 0]) * 2_000_000),
    "name": model(graph(weights=[message((8, "n" * 100_000))])),
}


def refused(path, executed=None) -> str:
    """The sentence with which a process refuses a file, soon and in little memory."""
    run = explained_in_a_process(path)
    assert run.status == 2
    assert run.said.count("\n") == 1
    assert run.seconds < 3
    assert run.memory < 300 * 2**20
    return run.said


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_onnx(name, tmp_path):
    (tmp_path / f"{name}.onnx").write_bytes(HOSTILE[name])
    assert len(refused(tmp_path / f"{name}.onnx")) < 300


def test_numbers_in_another_file_are_told_and_not_opened(tmp_path):
    outside = (13, message((1, "location"), (2, "../secret")))
    own = message((1, 3), (1, 2), (2, 1), (8, "D"), outside, (14, 1))
    (tmp_path / "m.onnx").write_bytes(model(graph(weights=[own])))
    found = explain(tmp_path / "m.onnx")
    assert found.total == 6
    assert "lie in another file, which is not opened" in found.text()


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 10**6),
)
def test_only_one_kind_of_error_escapes(changes, cut):
    raw = bytearray(lstm())
    for at, byte in changes:
        raw[at % len(raw)] = byte
    raw = raw[: len(raw) - cut % len(raw)] if cut % 3 == 0 else raw
    with suppress(FileError):
        read(io.BytesIO(bytes(raw)), "m.onnx")


# ----------------------------------------------------------------------------------------- in HDF5


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py", reason="h5py is not installed: make atlas")


def weights(h5py, path):
    with h5py.File(path, "w") as file:
        for at, shape in enumerate(GRU.values()):
            file[f"layers/gru/cell/vars/{at}"] = np.ones(shape)
            file[f"optimizer/vars/{at}"] = np.ones(shape)
        file["layers/gru/seed_generator/vars/0"] = np.ones(2)
        file["layers/dense/vars/0"] = np.ones((3, 2))


def test_weights_of_keras(h5py, tmp_path):
    weights(h5py, tmp_path / "m.weights.h5")
    found = explain(tmp_path / "m.weights.h5")
    assert (found.total, found.layers[0].count) == (96, 90)
    assert "not counted: 90 (a copy that the optimiser keeps)" in found.text()


def test_archive_of_keras_and_its_options(h5py, tmp_path):
    weights(h5py, tmp_path / "m.weights.h5")
    options = {"name": "g", "reset_after": True, "activation": "relu", "units": 3}
    config = {"config": {"layers": [{"class_name": "GRU", "config": options}]}}
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.write(tmp_path / "m.weights.h5", "model.weights.h5")
    found = explain(tmp_path / "m.keras")
    assert found.total == 96
    assert "'g' is GRU(reset_after=True, activation='relu')" in found.text()


def test_whole_model_of_keras_two(h5py, tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for name, shape in GRU.items():
            file[f"model_weights/g/g/gru_cell/{name}:0"] = np.ones(shape)
            file[f"optimizer_weights/training/Adam/{name}"] = np.ones(shape)
    assert explain(tmp_path / "m.h5").total == explain(tmp_path / "m.h5").layers[0].count == 90


def test_links_are_not_followed(h5py, tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["a/kernel"] = np.ones((2, 3))
        file["a/loop"] = h5py.SoftLink("/a")
        file["a/again"] = file["a"]
        file["b"] = h5py.ExternalLink("/etc/passwd", "/x")
    found = explain(tmp_path / "m.h5")
    assert found.total == 6
    assert found.text().count("is a link and was not followed") == 2


def test_hostile_hdf5(h5py, tmp_path):
    (tmp_path / "garbage.h5").write_bytes(b"garbage" * 99)
    (tmp_path / "empty.h5").write_bytes(b"")
    weights(h5py, tmp_path / "cut.h5")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "cut.h5").read_bytes()[:-2000])
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        group = file
        for _ in range(2000):
            group = group.create_group("g")
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        external = [("secret", 0, 24)]
        file.create_dataset("kernel", (3, 2), "<f4", external=external)
    (tmp_path / "secret").write_bytes(bytes(24))
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 50_000_000)
        archive.writestr("model.weights.h5", b"")
    with zipfile.ZipFile(tmp_path / "none.keras", "w") as archive:
        archive.writestr("config.json", b"{}")
    for name in ("garbage.h5", "empty.h5", "cut.h5", "deep.h5", "outside.h5"):
        assert len(refused(tmp_path / name)) < 300
    for name in ("bomb.keras", "none.keras"):
        assert len(refused(tmp_path / name)) < 300


def test_missing_h5py_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "m.h5").write_bytes(struct.pack("<Q", 3))
    with pytest.raises(FileError, match="pip install h5py"):
        explain(tmp_path / "m.h5")
