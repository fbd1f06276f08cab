"""NumPy's .npy and .npz: the headers alone.

The format: NumPy Enhancement Proposal 1, and numpy/lib/_format_impl.py.
"""

from __future__ import annotations

import ast
import re
from typing import BinaryIO

from gru_sym.explanation.archives import beginning, names_once, opened
from gru_sym.explanation.contents import (
    MAX_TENSORS,
    Contents,
    FileError,
    Tensor,
    check_depth,
    checked_shape,
)

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000
"""The longest header of an array, in bytes; NumPy reads no longer one."""

LENGTHS = {1: 2, 2: 4, 3: 4}
"""How many bytes the header's length has, by the format's version."""

TYPE = re.compile(r"[<>|=]?([biufcSUVmM])(\d{1,9})(?:\[\w{1,9}\])?")


def read_npy(file: BinaryIO, size: int) -> Contents:
    """The one array of a .npy file, called "array".

    Raises `FileError`.
    """
    return Contents("NumPy array", [_array("array", file.read(MAX_HEADER + 12), size)])


def read_npz(file: BinaryIO, size: int) -> Contents:
    """The arrays of a .npz archive, by the names that `numpy.load` gives them.

    >>> import io, numpy
    >>> file = io.BytesIO()
    >>> numpy.savez(file, kernel=numpy.zeros((5, 9)))
    >>> read_npz(file, file.tell()).tensors[0].shape
    (5, 9)

    Raises `FileError`.
    """
    contents = Contents("NumPy archive")
    with opened(file, size) as archive:
        members = names_once(archive)
        if len(members) > MAX_TENSORS:
            raise FileError(f"the archive has {len(members)} members; at most {MAX_TENSORS}")
        for name, member in members.items():
            if name.endswith(".npy"):
                head = beginning(archive, member, MAX_HEADER + 12)
                contents.tensors.append(_array(name[:-4], head, member.file_size))
    if not contents.tensors:
        raise FileError("the archive holds no array, NAME.npy")
    return contents


def _array(name: str, head: bytes, size: int) -> Tensor:
    """What the header of an array says, checked against the bytes that there are."""
    what = repr(name[:80])
    width = LENGTHS.get(head[6]) if len(head) > 6 and head.startswith(MAGIC) else None
    if width is None:
        raise FileError(f"{what} is not an array in NumPy's format")
    start = 8 + width
    length = int.from_bytes(head[8:start], "little")
    if length > MAX_HEADER or len(head) < start + length:
        raise FileError(f"the header of {what} would have {length} bytes")
    check_depth(head[start : start + length], f"the header of {what}")
    try:
        header = ast.literal_eval(head[start : start + length].decode("utf-8").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise FileError(f"the header of {what} cannot be read") from error
    if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
        raise FileError(f"the header of {what} does not have descr, fortran_order and shape")
    shape, kind = checked_shape(header["shape"], what), header["descr"]
    if kind in ("|O", "O"):
        raise FileError(f"{what} holds Python objects, which are not read; store arrays of numbers")
    known = TYPE.fullmatch(kind) if isinstance(kind, str) else None
    if known is None:
        raise FileError(f"{what} is an array of {str(kind)[:60]}, not of numbers")
    tensor = Tensor(name, shape, kind)
    stored = tensor.count * int(known[2]) * (4 if known[1] == "U" else 1)
    if stored != size - start - length:
        raise FileError(
            f"{what} announces {stored} bytes, shape {shape} of {kind}, and has "
            f"{size - start - length}"
        )
    return tensor
