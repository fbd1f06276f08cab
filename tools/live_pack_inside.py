"""Run by `live_pack.mjs` in Pyodide: the exercise, then every module that it used, as byte code.

The byte code must be that of the browser's Python, so it is compiled here, whatever Python builds
the book. Docstrings and line tables of SymPy are left out: they are half of its size.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import marshal
import sys
import types
import zipfile
from pathlib import Path

STANDARD = "/lib/python313.zip"
DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def exercise(cells: list[str]) -> list[str]:
    """Every cell asked for everything that the page asks, so that every module needed is loaded."""
    from gru_sym.web.answer import reply

    sizes = {"m": 8, "n": 16}
    asked = [{"ask": ask, "text": c, "sizes": sizes} for c in cells for ask in ("answer", "effective")]
    return [reply(json.dumps(request)) for request in asked]


def without_docstrings(tree: ast.Module) -> ast.Module:
    """The module without its docstrings; where one is all there is, `pass`."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    return tree


def without_lines(code: types.CodeType) -> types.CodeType:
    """The code without line tables, and all code in it."""
    inner = (without_lines(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_linetable=b"", co_consts=tuple(inner))


def byte_code(path: Path, name: str, slim: bool) -> bytes:
    """The file of byte code of a module."""
    tree = ast.parse(path.read_bytes())
    code = compile(without_docstrings(tree) if slim else tree, name, "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + bytes(12)
    return header + marshal.dumps(without_lines(code) if slim else code)


def stripped(file: bytes) -> bytes:
    """A file of byte code without line tables; a source file as it is."""
    if not file.startswith(importlib.util.MAGIC_NUMBER):
        return file
    return file[:16] + marshal.dumps(without_lines(marshal.loads(file[16:])))  # noqa: S302


def packed(folders: list[str]) -> bytes:
    """A zip, stored, with the byte code of the modules that are loaded, and gru_sym's texts.

    folders : where SymPy, mpmath and gru_sym lie, each under its own name.
    """
    standard, out = zipfile.ZipFile(STANDARD), io.BytesIO()
    files: dict[str, bytes] = {}
    known = set(standard.namelist())
    for name, module in sorted(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        home = next((folder for folder in folders if file.is_relative_to(folder)), None)
        if home:
            inner = file.relative_to(home).as_posix()
            files[f"{inner}c"] = byte_code(file, inner, not name.startswith("gru_sym"))
        elif file.is_relative_to(STANDARD):
            inner = file.relative_to(STANDARD).with_suffix(".pyc").as_posix()
            inner = inner if inner in known else inner.removesuffix("c")
            files[inner] = stripped(standard.read(inner))
    for folder in map(Path, folders):
        for text in sorted(folder.glob("gru_sym/texts/*.cell")):
            files[text.relative_to(folder).as_posix()] = text.read_bytes()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for inner in sorted(files):
            archive.writestr(zipfile.ZipInfo(inner), files[inner])
    return out.getvalue()
