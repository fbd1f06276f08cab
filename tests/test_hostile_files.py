"""Files made to deceive: one sentence, soon, in little memory, and nothing executed."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from probing import explained_in_a_process

from gru_sym.explanation.contents import FileError
from gru_sym.explanation.explaining import read

MEMORY = 300 * 2**20
SECONDS = 2


def header(raw: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(raw) if length is None else length) + raw + body


def entries(**tensors: dict) -> bytes:
    return json.dumps(tensors).encode()


def f32(shape: list, begin: int, end: int) -> dict:
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in members.items():
            archive.writestr(name.replace("__", "/").replace("_npy", ".npy"), raw)
    return file.getvalue()


def pt(raw: bytes) -> bytes:
    return zipped(**{"m/data.pkl": raw})


class Code:
    def __reduce__(self):
        return os.system, ("touch executed",)


def nested(depth: int) -> object:
    item: object = 0
    for _ in range(depth):
        item = [item, item]
    return item


def npy(text: str, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + body


HOSTILE = {
    "empty.safetensors": b"",
    "short.safetensors": b"\x10",
    "garbage.safetensors": b"garbage" * 99,
    "long_header.safetensors": header(b"{}", length=2**60),
    "trailing.safetensors": header(b"{}", b"12"),
    "truncated.safetensors": header(entries(a=f32([3], 0, 12)), bytes(8)),
    "hole.safetensors": header(entries(a=f32([1], 0, 4), b=f32([1], 8, 12)), bytes(12)),
    "overlap.safetensors": header(entries(a=f32([2], 0, 8), b=f32([2], 4, 12)), bytes(12)),
    "negative.safetensors": header(entries(a=f32([-1, -1], 0, 4)), bytes(4)),
    "fraction.safetensors": header(entries(a=f32([1.0], 0, 4)), bytes(4)),
    "overflow.safetensors": header(entries(a=f32([2**62, 4], 0, 0))),
    "million.safetensors": header(
        b"{"
        + b",".join(
            b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(300_000)
        )
        + b"}"
    ),
    "nested.safetensors": header(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "twice.safetensors": header(b'{"a":1,"a":2}'),
    "digits.safetensors": header(b'{"a":' + b"9" * 5_000_000 + b"}"),
    "not_a_number.safetensors": header(b'{"a":NaN}'),
    "garbage.npz": b"garbage" * 99,
    "bomb.npz": zipped(
        a_npy=npy("{'descr':'<f4','fortran_order':False,'shape':(9,)}") + bytes(200_000_000)
    ),
    "objects.npz": zipped(a_npy=npy("{'descr':'|O','fortran_order':False,'shape':(1,)}")),
    "negative.npy": npy("{'descr':'<f4','fortran_order':False,'shape':(-4,)}"),
    "overflow.npy": npy("{'descr':'<f4','fortran_order':False,'shape':(4611686018427387904,)}"),
    "nested.npy": npy("(" * 9_000),
    "code.npy": npy("__import__('os').system('touch executed')"),
    "garbage.pt": b"garbage" * 99,
    "code.pt": pt(pickle.dumps(Code())),
    "memo.pt": pt(b"\x80\x02]r\xff\xff\xff\x0f."),
    "leaves.pt": pt(pickle.dumps(nested(40))),
    "lists.pt": pt(b"\x80\x02" + b"]" * 3_000_000 + b"."),
    "index_bomb.pt": pt(bytes(200_000_000)),
    "digits.pt": pt(b"I" + b"9" * 2_000_000 + b"\n."),
    "truncated.pt": pt(pickle.dumps([1, 2, 3])[:-4]),
    "legacy.pt": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
    "no_index.pt": zipped(other=b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(name, tmp_path):
    (tmp_path / name).write_bytes(HOSTILE[name])
    run = explained_in_a_process(tmp_path / name)
    assert run.status == 2
    assert run.said.count("\n") == 1
    assert len(run.said) < 300
    assert "Traceback" not in run.said
    assert run.seconds < SECONDS
    assert run.memory < MEMORY
    assert not (tmp_path / "executed").exists()


def valid(kind: str) -> bytes:
    file = io.BytesIO()
    layer = torch.nn.GRU(5, 3).state_dict()
    if kind == "m.pt":
        torch.save(layer, file)
    elif kind == "m.npz":
        np.savez(file, **{name: array.numpy() for name, array in layer.items()})
    else:
        return header(entries(a=f32([2, 3], 0, 24), b=f32([3], 24, 36)), bytes(36))
    return file.getvalue()


VALID = {kind: valid(kind) for kind in ("m.pt", "m.npz", "m.safetensors")}


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(sorted(VALID)),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 10**6),
)
def test_only_one_kind_of_error_escapes(kind, changes, cut):
    raw = bytearray(VALID[kind])
    for at, byte in changes:
        raw[at % len(raw)] = byte
    raw = raw[: len(raw) - cut % len(raw)] if cut % 3 == 0 else raw
    with suppress(FileError):
        read(io.BytesIO(bytes(raw)), kind)


def test_hundred_gigabytes_are_read_by_their_header(tmp_path):
    n = 65536
    size = 4 * (6 * n * n + 6 * n)
    raw = entries(
        weight_ih_l0=f32([3 * n, n], 0, 12 * n * n),
        weight_hh_l0=f32([3 * n, n], 12 * n * n, 24 * n * n),
        bias_ih_l0=f32([3 * n], 24 * n * n, 24 * n * n + 12 * n),
        bias_hh_l0=f32([3 * n], 24 * n * n + 12 * n, size),
    )
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.write(header(raw))
        file.truncate(8 + len(raw) + size)
    from gru_sym import explain

    assert explain(path).total == 25_770_196_992
