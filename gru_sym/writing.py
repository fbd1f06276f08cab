"""A file written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file in the same folder, which takes the name when the block is left, or goes.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder, "a")) as file:
    ...         written = file.write(b"whole"), os.listdir(folder) == ["a"]
    ...     written, os.listdir(folder)
    ((5, False), ['a'])

    Raises `OSError` where it cannot be written.
    """
    other = path.with_name(f".{secrets.token_hex(8)}.part")  # a long name would not take more
    try:
        with other.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(other, path)
    except BaseException:
        with suppress(OSError):
            other.unlink()
        raise
