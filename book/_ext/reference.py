"""Sphinx: docstrings and signatures of gru_sym as the reference page shows them.

`name : text` in a section of a docstring is a name and what it is, where numpydoc has a type. Types
stand in the signatures, as they are written in the source.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from docutils.nodes import Element
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature
from sphinx.util.nodes import make_refnode

import gru_sym

SECTIONS = {"Parameters", "Attributes", "Returns", "Raises"}
HELD: list[str] = []
"""The docstring of a property, while napoleon looks at another."""
ENTRY = re.compile(r"(?P<names>[`\w*, ]+) : (?P<text>.*)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Listen to autodoc, before napoleon does."""
    app.connect("autodoc-process-docstring", _docstring, priority=400)
    app.connect("autodoc-process-docstring", _property, priority=600)
    app.connect("autodoc-process-signature", _signature)
    app.connect("missing-reference", _short_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _docstring(
    _app: Sphinx, what: str, _name: str, _of: Any, _options: Any, lines: list[str]
) -> None:
    """Entries of a section for napoleon, and the end of the section where a paragraph follows."""
    if what == "property":
        HELD[:], lines[:] = lines, ["-"]
        return
    found: list[str] = []
    section = ""
    for at, line in enumerate(lines):
        if line in SECTIONS and lines[at + 1 : at + 2] == ["-" * len(line)]:
            section = line
            if line == "Returns":  # whose first line napoleon takes for a type
                found += ["", "", ":returns:"]
                continue
        elif section == "Returns" and line and line[0] not in " -":
            line = f"    {line}"
        elif section and line and line[0] not in " -":
            entry = ENTRY.fullmatch(line)
            section = section if entry else ""
            found += [entry["names"], f"    {entry['text']}"] if entry else ["", "", line]
            continue
        if not (section == "Returns" and line == "-" * len(section)):
            found.append(line)
    lines[:] = found


def _property(
    _app: Sphinx, what: str, _name: str, _of: Any, _options: Any, lines: list[str]
) -> None:
    """After napoleon, which takes a first line with a colon in it for a type."""
    if what == "property":
        lines[:] = HELD


def _signature(
    _app: Sphinx, what: str, name: str, of: Any, _options: Any, _args: Any, _returns: Any
) -> tuple[str, str] | None:
    """The signature as the source has it; none for a class that only functions make."""
    if what == "class":
        if name.removeprefix("gru_sym.") not in gru_sym.__all__ or issubclass(of, Exception):
            return "", ""
    elif what not in ("function", "method"):
        return None
    signature = inspect.signature(of)
    if what == "method":
        signature = signature.replace(parameters=[*signature.parameters.values()][1:])
    whole = stringify_signature(signature, unqualified_typehints=True)
    arguments, arrow, returns = whole.rpartition(" -> ")
    return (arguments, returns if what != "class" else "") if arrow else (whole, "")


def _short_name(app: Sphinx, env: Any, node: Element, content: Element) -> Element | None:
    """A type that is named as in the source, wherever it is documented."""
    if node.get("refdomain") != "py":
        return None
    domain, target = env.get_domain("py"), node["reftarget"]
    full = [name for name in domain.objects if name.rpartition(".")[2] == target]
    if len(full) != 1:
        return None
    found = domain.objects[full[0]]
    return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, content)
