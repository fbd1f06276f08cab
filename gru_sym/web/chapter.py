"""A chapter's cells, run one after the other in the reader's browser, edited or not.

What a browser's Python does not have, PyTorch above all, is named before a cell is run: the cell is
left out, and so are those that use what it would have made.
"""

from __future__ import annotations

import ast
import io
import re
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from gru_sym.web.markdown import as_html

Record = dict[str, Any]
Missing = Callable[[str], str]
"""What is missing to import a module; "" if nothing is."""


class Shown:
    """A text that a chapter displays as something else."""

    def __init__(self, data: str) -> None:
        self.data = data


class Markdown(Shown):
    """A text with Markdown in it."""

    def _repr_markdown_(self) -> str:
        return self.data


class Html(Shown):
    """A text that is HTML."""

    def _repr_html_(self) -> str:
        return self.data


class Formula(Shown):
    """A formula in LaTeX."""

    def _repr_latex_(self) -> str:
        return self.data


def missing_here(module: str) -> str:
    """What is missing in this Python to import a module, found by importing it.

    >>> missing_here("sympy"), missing_here("no_such_module.inside")
    ('', 'no_such_module')
    """
    try:
        import_module(module)
    except ImportError as error:
        return (error.name or module).partition(".")[0]
    return ""


class Chapter:
    r"""The cells of one chapter: what the ones before have left, and what they could not make.

    >>> chapter = Chapter()
    >>> chapter.run("import sympy as sp, no_such_module\nn = sp.Symbol('n')\nprint(3); n + 1")
    {'outputs': [{'text': '3\n'}, {'latex': '\\displaystyle n + 1'}]}
    >>> chapter.run("model = no_such_module.make(n)"), chapter.run("model")
    ({'needs': 'no_such_module'}, {'needs': 'no_such_module'})
    >>> chapter.run("1 / 0")
    {'outputs': [], 'error': 'ZeroDivisionError: division by zero'}

    Parameters
    ----------
    missing : what is missing to import a module.
    beside : a folder; a cell that names what lies in it is taken to need it, and not run.
    """

    def __init__(self, missing: Missing = missing_here, beside: Path | None = None) -> None:
        self.missing, self.beside = missing, beside
        self.space: dict[str, Any] = {"__name__": "__main__"}
        self._absent: dict[str, str] = {}
        self._shown: list[Record] = []
        self._printed = io.StringIO()
        self._stand_ins: dict[str, dict[str, Any]] = {
            "IPython.display": {
                "display": self.display, "Markdown": Markdown, "HTML": Html, "SVG": Html,
                "Math": Formula, "Latex": Formula,
            },
            "myst_nb": {"glue": self._glue},
        }  # fmt: skip

    def needs(self, tree: ast.Module, file: str = "") -> str:
        """What a cell needs and is not here; what it would have made is absent from now on."""
        imports = {name: self._lacking(module) for name, module in _imported(tree).items()}
        absent = {name: lacks for name, lacks in imports.items() if lacks}
        self._absent |= absent
        read = {node.id for node in _names(tree) if isinstance(node.ctx, ast.Load)}
        made = _made(tree) - absent.keys()
        lacks = next((self._absent[n] for n in sorted(read - made) if n in self._absent), "")
        lacks = lacks or file or self._file(tree)
        for name in made:
            self._absent.pop(name, None)
        self._absent |= dict.fromkeys(made if lacks else (), lacks)
        return lacks

    def run(self, source: str, file: str = "") -> Record:
        """What a cell shows; or what it needs, and then it has not been run; or what went wrong.

        A `file` that it is known to need is not here.
        """
        self._shown, self._printed = [], io.StringIO()
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            return {"outputs": [], "error": _told(error)}
        if lacks := self.needs(tree, file):
            return {"needs": lacks}
        made = _made(tree)
        try:
            with redirect_stdout(self._printed), redirect_stderr(self._printed):
                self._execute(tree)
        except ImportError as error:
            lacks = error.name or "a module"
        except FileNotFoundError as error:
            lacks = f"the file {error.filename}"
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            self._flush()
            return {"outputs": self._shown, "error": _told(error)}
        if lacks:
            self._absent |= dict.fromkeys(made, lacks)
            return {"needs": lacks}
        self._flush()
        return {"outputs": self._shown}

    def display(self, *values: object, **_: object) -> None:
        """Show values, as IPython's `display` does."""
        self._flush()
        self._shown += map(_shown_as, values)

    def _glue(self, name: str, value: object, display: bool = True) -> None:
        if display:
            self.display(value)

    def _flush(self) -> None:
        if text := self._printed.getvalue():
            self._shown.append({"text": text})
            self._printed.seek(0)
            self._printed.truncate()

    def _execute(self, tree: ast.Module) -> None:
        body = [node for node in map(self._without_absent, tree.body) if node is not None]
        last = body[-1] if body and isinstance(body[-1], ast.Expr) else None
        body = body[: len(body) - (last is not None)]
        made = compile(ast.Module(body, tree.type_ignores), "cell", "exec")
        exec(made, self.space)  # noqa: S102 - the reader's own, in the reader's browser
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), self.space)  # noqa: S307
            if value is not None:
                self.display(value)

    def _without_absent(self, node: ast.stmt) -> ast.stmt | None:
        """A line without what it imports in vain; what has a stand-in is there already."""
        if not isinstance(node, ast.Import | ast.ImportFrom):
            return node
        own = self._stand_ins.get(getattr(node, "module", "") or "", {})
        self.space |= {a.asname or a.name: own[a.name] for a in node.names if a.name in own}
        node.names = [
            alias
            for alias in node.names
            if alias.name not in own and _bound(alias) not in self._absent
        ]
        return node if node.names else None

    def _file(self, tree: ast.Module) -> str:
        """The file or folder that a cell names, of those beside the notebook; "" if none."""
        if self.beside is None:
            return ""
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        words = (t for t in texts if isinstance(t, str) and re.fullmatch(r"\w[\w./-]*", t))
        return next((f"the file {word}" for word in words if (self.beside / word).exists()), "")

    def _lacking(self, module: str) -> str:
        return "" if module in self._stand_ins else self.missing(module)


def _imported(tree: ast.Module) -> dict[str, str]:
    """By the names that imports bind the modules that they come from."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {_bound(alias): alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {_bound(alias): node.module or "" for alias in node.names}
    return found


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _names(tree: ast.Module) -> list[ast.Name]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _made(tree: ast.Module) -> set[str]:
    """The names that a cell gives a value."""
    defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    stored = {node.id for node in _names(tree) if isinstance(node.ctx, ast.Store)}
    return stored | defined | _imported(tree).keys()


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _shown_as(value: object) -> Record:
    """A value in the richest form that it has."""
    for form in ("latex", "html", "markdown"):
        method = None if isinstance(value, type) else getattr(value, f"_repr_{form}_", None)
        text = method() if method else None
        if isinstance(text, str):
            if form == "latex":
                return {"latex": text.strip("$ \n")}
            return {"html": text if form == "html" else as_html(text)}
    return {"text": repr(value)}
