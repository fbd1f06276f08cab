"""Run by `live_pack.mjs` in Pyodide: the exercise, then every module that it used, as byte code.

The byte code must be that of the browser's Python, so it is compiled here, whatever Python builds
the book. Docstrings and line tables are left out: they are half of the size.
"""

from __future__ import annotations

import ast
import base64
import importlib
import importlib.util
import io
import json
import marshal
import sys
import types
import zipfile
from contextlib import suppress
from pathlib import Path

STANDARD = "/lib/python313.zip"
DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def exercise(cells: list[str], models: dict[str, str], modules: list[str]) -> list[str]:
    """Every cell and model asked for everything that the pages ask: every module needed is loaded.

    models : the bytes of a file by its name, in base 64.
    modules : what else is imported, where that is possible.
    """
    for name in modules:
        with suppress(ImportError):
            importlib.import_module(name)
    from gru_sym.web.replies import reply

    reply(json.dumps({"ask": "run", "source": "print('in a chapter')", "afresh": True}))
    sizes = {"m": 8, "n": 16}
    asked = [
        {"ask": ask, "text": c, "sizes": sizes} for c in cells for ask in ("answer", "effective")
    ]
    answers = [reply(json.dumps(request)) for request in asked]
    for name, encoded in models.items():
        raw = base64.b64decode(encoded)
        request = json.dumps({"ask": "explain", "name": name, "size": len(raw)})
        answers.append(reply(request, lambda start, end, raw=raw: raw[start:end]))
    return answers


def without_docstrings(tree: ast.Module) -> ast.Module:
    """The module without its docstrings; where one is all there is, `pass`."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    return tree


def without_plots(tree: ast.Module) -> ast.Module:
    """SymPy without what draws, which takes matplotlib: `sympy.plot` and its like."""
    plots = {"plotting"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in ("plotting", "textplot"):
            plots |= {alias.name for alias in node.names}
    tree.body = [n for n in tree.body if getattr(n, "module", "") not in ("plotting", "textplot")]
    for node in ast.walk(tree):
        if isinstance(node, ast.List):
            node.elts = [e for e in node.elts if getattr(e, "value", None) not in plots]
    return tree


def without_types(tree: ast.Module) -> ast.Module:
    """The module's functions without the types of their arguments and values."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return tree


def without_texts(tree: ast.Module) -> ast.Module:
    """A module of texts to be read at a prompt, each of them empty."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return tree


def without_lines(code: types.CodeType) -> types.CodeType:
    """The code without line tables, and all code in it."""
    inner = (without_lines(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_linetable=b"", co_consts=tuple(inner))


def byte_code(source: bytes, file: str, name: str) -> bytes:
    """The file of byte code of a module."""
    tree, top = ast.parse(source), name.partition(".")[0]
    if name == "mpmath.function_docs":
        tree = without_texts(tree)
    elif "pyodide" not in top:  # Pyodide reads docstrings of its own when it starts
        tree = without_docstrings(tree)
    if name == "sympy":
        tree = without_plots(tree)
    if top in ("sympy", "mpmath", "gru_sym"):  # the standard library reads some of its types
        tree = without_types(tree)
    code = without_lines(compile(tree, file, "exec", dont_inherit=True))
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


def packed(folders: list[str]) -> dict[str, bytes]:
    """Two zips, stored: the modules that are loaded, as byte code; and gru_sym, with its texts.

    folders : where SymPy, mpmath and gru_sym lie, each under its own name.
    """
    standard = zipfile.ZipFile(STANDARD)
    files: dict[str, bytes] = {}
    for name, module in sorted(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        home = next(
            (folder for folder in (*folders, STANDARD) if file.is_relative_to(folder)), None
        )
        if home and not name.startswith("sympy.plotting"):
            inner = file.relative_to(home).as_posix()
            source = standard.read(inner) if home == STANDARD else file.read_bytes()
            files[f"{inner}c"] = byte_code(source, inner, name)
    for folder in map(Path, folders):
        for pattern in ("texts/*.cell", "libraries/layouts/*.txt", "explanation/*.json"):
            for text in sorted(folder.glob(f"gru_sym/{pattern}")):
                files[text.relative_to(folder).as_posix()] = text.read_bytes()
    own = {inner for inner in files if inner.startswith("gru_sym/")}
    return {"python.zip": zipped(files, files.keys() - own), "gru_sym.zip": zipped(files, own)}


def zipped(files: dict[str, bytes], names: set[str]) -> bytes:
    """Some of the files as an archive, not compressed: what is around it is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for inner in sorted(names):
            archive.writestr(zipfile.ZipInfo(inner), files[inner])
    return out.getvalue()
