"""The libraries' texts in the one order in which they are shown; not yet checked with the cells.

SymPy is loaded with the first text that is read.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_sym.libraries.layout_text import Form, Reader

FOLDER = Path(__file__).parent / "layouts"

FIRST = (
    "pytorch",
    "keras",
    "flax_linen",
    "flax_nnx",
    "equinox",
    "haiku",
    "mlx",
    "onnx",
    "openvino",
)
"""The libraries that most readers look for; the others follow, those that were run before them."""


@lru_cache
def text_of(library: str) -> Reader:
    """A layout as it is read: that it fits the cells is for `layout` to check, and for the tests.

    Raises `ValueError` for a library that has none.
    """
    known = sorted(path.stem for path in FOLDER.glob("*.txt"))
    if library not in known:
        raise ValueError(f"there is no layout of {library!r}; there are {', '.join(known)}")
    from gru_sym.libraries.layout_text import Reader

    path = FOLDER / f"{library}.txt"
    return Reader(path.read_text(encoding="utf-8"), path.name)


@lru_cache
def names() -> tuple[str, ...]:
    """Every library that has a layout, in the order in which a reader looks for them.

    >>> names()[:3]
    ('pytorch', 'keras', 'flax_linen')
    """
    from gru_sym.libraries.layout_text import EVIDENCE

    def place(name: str) -> tuple[int, int, str]:
        first = FIRST.index(name) if name in FIRST else len(FIRST)
        return first, EVIDENCE.index(forms(name)[0].evidence), title(name).lower()

    return tuple(sorted((path.stem for path in FOLDER.glob("*.txt")), key=place))


def forms(library: str) -> tuple[Form, ...]:
    """The forms of a library's layers."""
    return tuple(text_of(library).forms)


def title(library: str) -> str:
    """The library's name, without its version.

    >>> title("flax_nnx"), title("tensorflow1")
    ('Flax nnx', "TensorFlow 1's cells")
    """
    return without_version(text_of(library).title)


def without_version(title: str) -> str:
    """The first line of a layout without the version at its end.

    >>> without_version("Flax nnx 0.12.8"), without_version("TensorFlow 1's cells 2.21.0")
    ('Flax nnx', "TensorFlow 1's cells")
    """
    return re.sub(r"\s+v?\d[\w.]*$", "", title)
