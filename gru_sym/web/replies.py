"""What the worker of the live pages is asked and what it answers: JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from gru_sym.explanation.archives import Window
from gru_sym.explanation.contents import FileError
from gru_sym.web.answer import Record, answer, effective

Stretch = Callable[[int, int], bytes]
"""The bytes of a file from one place to another."""

AT_ONCE = 200_000_000
"""The most bytes of a file that are read at once: the page has no memory for more."""


def reply(request: str, stretch: Stretch | None = None) -> str:
    r"""The record that answers a request.

    >>> reply('{"ask": "effective", "text": "h = x", "sizes": {}}')[:10]
    '{"error": '
    >>> file = b"\x10" + bytes(7) + b"{}"
    >>> reply('{"ask": "explain", "name": "a.safetensors", "size": 10}', lambda a, b: file[a:b])
    '{"error": {"text": "a.safetensors: the header would be 16 bytes long, and the file has 10"}}'

    Parameters
    ----------
    request : "ask" is "answer" or "effective", of a cell with "text" and "sizes"; "explain", of a
        file with "name" and "size"; or "run", of a chapter's cell with "source", "afresh" for the
        first one, and perhaps "file", one of the book's that it needs.
    stretch : what reads in that file.
    """
    asked = json.loads(request)
    if asked["ask"] == "explain" and stretch is not None:
        return json.dumps(explain_chosen(asked["name"], asked["size"], stretch))
    if asked["ask"] == "run":
        return json.dumps(run(asked["source"], asked["afresh"], asked.get("file", "")))
    ask = {"answer": answer, "effective": effective}[asked["ask"]]
    return json.dumps(ask(asked["text"], {k: int(v) for k, v in asked["sizes"].items()}))


def explain_chosen(name: str, size: int, stretch: Stretch) -> Record:
    """The explanation of a file, as `explain` prints it, for programs and for a page.

    Where the file cannot be explained, the command line's sentence.
    """
    from gru_sym.explanation.explained import Explanation
    from gru_sym.explanation.explaining import read

    file = Window(cast(BinaryIO, _Stretches(stretch)), 0, size, AT_ONCE)
    try:
        found = Explanation(read(cast(BinaryIO, file), name))
    except FileError as error:
        return {"error": {"text": str(error)}}
    except OSError as error:
        return {"error": {"text": f"{name} cannot be read: {error.strerror or error}"}}
    return {"text": found.text(), "html": found._repr_html_(), "found": json.loads(found.json())}


def run(source: str, afresh: bool, file: str) -> Record:
    """What a cell of the chapter shows that this Python runs; `file`: what is known to lack."""
    from gru_sym.web.chapter import Chapter

    if afresh:
        _RUNNING["chapter"] = Chapter()
    return cast(Record, _RUNNING["chapter"].run(source, file))


_RUNNING: dict[str, Any] = {}
"""The one chapter of a page."""


class _Stretches:
    """What a window needs of a file."""

    def __init__(self, stretch: Stretch) -> None:
        self._stretch, self._at = stretch, 0

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, count: int) -> bytes:
        return self._stretch(self._at, self._at + count)
