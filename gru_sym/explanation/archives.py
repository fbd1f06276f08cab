"""Zip archives from anywhere: nothing is read that was not asked for, and never without a bound."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from typing import BinaryIO

from gru_sym.explanation.contents import FileError

MAX_DIRECTORY = 4_000_000
"""The longest directory of an archive, in bytes."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def opened(file: BinaryIO, size: int) -> Iterator[zipfile.ZipFile]:
    """The archive; what is wrong in it is a `FileError`. Raises `OSError` if it cannot be read."""
    try:
        with zipfile.ZipFile(Window(file, 0, size, MAX_DIRECTORY)) as archive:
            yield archive
    except FileError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
    ) as e:
        cause = e.__context__ if isinstance(e, zipfile.BadZipFile) else e
        # The one that is no failure to read is the search for a place before the file.
        if isinstance(cause, OSError) and cause.errno != EINVAL:
            raise cause from None
        raise FileError("it is not a zip archive that can be read") from e


def names_once(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by name; a name that is there twice is refused."""
    members = archive.infolist()
    found = {member.filename: member for member in members}
    if len(found) < len(members):
        raise FileError("two members of the archive have one name")
    return found


def beginning(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """The first bytes of a member, at most `limit`; no more is unpacked than that."""
    if member.compress_type not in METHODS or member.flag_bits & 1:
        raise FileError(f"{member.filename[:80]!r} is encrypted or packed in an unusual way")
    with archive.open(member) as stream:
        return stream.read(limit)


def whole(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """A member of at most `limit` bytes."""
    raw = beginning(archive, member, limit + 1)
    if len(raw) > limit:
        raise FileError(f"{member.filename[:80]!r} has more than {limit} bytes")
    return raw


def stored_at(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Where the bytes of a member begin that is not compressed."""
    file.seek(member.header_offset)
    head = file.read(30)
    if head[:4] != b"PK\3\4":
        raise FileError(f"{member.filename[:80]!r} is not where the archive's directory says")
    lengths = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    return member.header_offset + 30 + lengths


class Window(io.RawIOBase):
    """A stretch of a file as a file; one read of more than `most` bytes is refused."""

    def __init__(self, file: BinaryIO, start: int, size: int, most: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._most, self._at = file, start, size, most, 0

    def seekable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        at = offset + (0, self._at, self._size)[whence]
        if at < 0:
            raise OSError("a place before the beginning")
        self._at = at
        return at

    def tell(self) -> int:
        """The place."""
        return self._at

    def read(self, count: int | None = -1) -> bytes:
        """The next bytes."""
        left = max(0, self._size - self._at)
        count = left if count is None or count < 0 else min(count, left)
        if count > self._most:
            raise FileError(f"{count} bytes would be read at once; at most {self._most} are")
        self._file.seek(self._start + self._at)
        raw = self._file.read(count)
        self._at += len(raw)
        return raw

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """The same, into a buffer."""
        raw = self.read(len(buffer))
        buffer[: len(raw)] = raw
        return len(raw)
