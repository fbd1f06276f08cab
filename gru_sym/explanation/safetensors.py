"""Safetensors files: the header alone, however long the file.

The format: eight bytes with the header's length, little-endian; the header, JSON; the body. See
https://github.com/huggingface/safetensors, safetensors/src/tensor.rs.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from gru_sym.explanation.contents import (
    MAX_JSON,
    MAX_TENSORS,
    Contents,
    FileError,
    Tensor,
    checked_shape,
    strict_json,
)

BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""How long a number of each type is."""


def read(file: BinaryIO, size: int) -> Contents:
    """The tensors of a safetensors file.

    >>> import io, json
    >>> header = json.dumps({"b": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
    >>> file = len(header).to_bytes(8, "little") + header + bytes(12)
    >>> read(io.BytesIO(file), len(file)).tensors
    [Tensor(name='b', shape=(3,), dtype='F32', storage=None, trainable=None, called='')]

    Raises `FileError` for whatever is not a safetensors file from end to end.
    """
    places, metadata = header(file, size)
    contents = Contents("safetensors file", [tensor for tensor, _, _ in places])
    _add_ties(contents, metadata)
    return contents


def header(file: BinaryIO, size: int) -> tuple[list[tuple[Tensor, int, int]], dict[str, Any]]:
    """The tensors in the header's order, where each begins and ends in the body; the metadata.

    The file stands at the beginning of the body then.

    Raises `FileError` for whatever is not a safetensors file from end to end.
    """
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise FileError(f"the header would be {length} bytes long, and the file has {size}")
    if length > MAX_JSON:
        raise FileError(f"the header has {length} bytes; at most {MAX_JSON} are read")
    entries = strict_json(file.read(length), "the header")
    if not isinstance(entries, dict):
        raise FileError("the header is not a JSON object")
    metadata = entries.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise FileError("__metadata__ is not a JSON object")
    if len(entries) > MAX_TENSORS:
        raise FileError(f"the file has {len(entries)} tensors; at most {MAX_TENSORS} are read")
    places = [_tensor(name, entry) for name, entry in entries.items()]
    _check_covered([(begin, end, t.name) for t, begin, end in places], size - 8 - length)
    return places, metadata


def _tensor(name: str, entry: Any) -> tuple[Tensor, int, int]:
    what = repr(name[:80])
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise FileError(f"{what} does not have a dtype, a shape and data_offsets, and only these")
    shape, offsets = checked_shape(entry["shape"], what), entry["data_offsets"]
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in BITS:
        raise FileError(f"{what} has a type that is not known: {str(entry['dtype'])[:40]}")
    if (
        not isinstance(offsets, list)
        or [type(offset) for offset in offsets] != [int, int]
        or not 0 <= offsets[0] <= offsets[1]
    ):
        raise FileError(f"{what} has data_offsets that are none: {str(offsets)[:60]}")
    tensor, (begin, end) = Tensor(name, shape, entry["dtype"]), offsets
    if tensor.count * BITS[tensor.dtype] != 8 * (end - begin):
        raise FileError(
            f"{what} has {end - begin} bytes, which is not shape {shape} of {tensor.dtype}"
        )
    return tensor, begin, end


def _check_covered(places: list[tuple[int, int, str]], body: int) -> None:
    """That the tensors lie in the body without an overlap or a hole."""
    reached = 0
    for begin, end, name in sorted(places):
        if begin != reached:
            what = "overlaps another tensor" if begin < reached else "leaves a hole before it"
            raise FileError(f"{name[:80]!r} {what}, at byte {min(begin, reached)} of the body")
        reached = end
    if reached != body:
        raise FileError(f"the tensors have {reached} bytes, and the file has {body} for them")


def _add_ties(contents: Contents, metadata: dict[str, Any]) -> None:
    """Names of a tensor that is stored once: `save_model` writes them beside it."""
    stored = {tensor.name: tensor for tensor in contents.tensors}
    for name, other in metadata.items():
        if name not in stored and isinstance(other, str) and other in stored:
            one = stored[other]
            tied = Tensor(one.name, one.shape, one.dtype, ("tied", other))
            if one in contents.tensors:
                contents.tensors[contents.tensors.index(one)] = tied
                stored[other] = tied
            contents.tensors.append(Tensor(name, one.shape, one.dtype, ("tied", other)))
