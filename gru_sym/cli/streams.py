"""Writing to the standard streams: whole, or an error that the caller can tell."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TextIO


def write(stream: TextIO | None, text: str) -> None:
    """Write a text and a line's end, now.

    A reader that has gone away is no error; whatever else keeps the text from being written is an
    `OSError`. The stream is as good as closed then: the interpreter, which flushes it once more at
    its end, would otherwise have the last word, and the exit status.
    """
    if stream is None:  # closed before this process began
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        stream.write(_as_it_can(stream, printable(text)) + "\n")
        stream.flush()
    except BrokenPipeError:
        _discard(stream)
    except OSError:
        _discard(stream)
        raise
    except ValueError as error:  # closed by this process
        raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from error


def tell(stream: TextIO | None, text: str) -> None:
    """Write a text if that can be done; for what is said beside the answer."""
    with suppress(OSError):
        write(stream, text)


def printable(text: str) -> str:
    r"""A text whose control characters are spelled out: a file's name cannot steer a terminal.

    >>> print(printable("red \x1b[31m.cell"))
    red \x1b[31m.cell
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def _as_it_can(stream: TextIO, text: str) -> str:
    """The text in characters that the stream's encoding has."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _discard(stream: TextIO) -> None:
    """Let what the stream still holds go nowhere."""
    with suppress(OSError, ValueError):  # a stream in memory has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
