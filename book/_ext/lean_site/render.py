"""What the pages borrow from npm, through the node that pip brings: KaTeX and PurgeCSS."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

from gru_sym.web.node import NoNode, node

HERE = Path(__file__).parent
FORMULA = re.compile(r"\\\((?P<inline>.*?)\\\)|\\\[(?P<display>.*?)\\\]", re.DOTALL)
MATHEMATICS = re.compile(
    r'(?P<open><(?P<tag>span|div) class="[^"]*\bmath notranslate nohighlight\b[^"]*"[^>]*>)'
    r"(?P<body>.*?)(?P<close></(?P=tag)>)(?!\\)",
    re.DOTALL,
)
SOURCE = re.compile(r"<annotation .*?</annotation>", re.DOTALL)
# From a formula's drawing to the next formula, or to the end of what holds it.
DRAWN = re.compile(
    r'<span class="katex-html".*?(?=<span class="katex"|</(?:div|p|td|li)>)', re.DOTALL
)
TAG = re.compile(r"<[^>]*>")
AMS = re.compile(r'<span class="[^"]*\b(?:mathbb|textbb|amsrm)\b[^"]*"[^>]*>([^<]*)')

# What scripts add to a page while it is read.
KEPT = (
    "^(show|showing|hide|hiding|active|collaps(e|ed|ing)|fade|disabled|scrolled|noprint|open)$",
    "^pst-(sidebar-hidden|.*modal.*|.*dialog.*)$",
    "tooltip",
    "^(copybtn|success|o-tooltip--left)$",
    "^(toggle|tb-)",
    "^(search|highlighted|context|kind-.*)$",
    "^katex",
)
ATTRIBUTES = (
    "data-theme data-mode data-bs-theme data-bs-popper data-popper-placement data-bs-toggle "
    "aria-expanded aria-current open popover disabled hidden"
).split()


def packages(start: Path) -> Path:
    """The nearest folder above that holds `.venv/npm/node_modules`."""
    for folder in (start, *start.parents):
        found = folder / ".venv" / "npm"
        if (found / "node_modules" / "katex").is_dir():
            return found
    raise NoNode("KaTeX is not installed in .venv/npm: run `make book`, which does it")


def run_node(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """One run of render.mjs."""
    done = subprocess.run(
        [node(), HERE / "render.mjs"],
        cwd=folder,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoNode(done.stderr.strip())
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def typeset(pages: dict[str, str], folder: Path) -> tuple[dict[str, str], list[str]]:
    """Pages with every formula as HTML and MathML, and one sentence for each that has a fault."""
    wanted: dict[tuple[str, bool], str] = {}

    def key(found: re.Match[str]) -> tuple[str, bool]:
        display = found["display"] is not None
        return unescape(found["display"] if display else found["inline"]).strip(), display

    for html in pages.values():
        for place in MATHEMATICS.finditer(html):
            wanted.update((key(found), "") for found in FORMULA.finditer(place["body"]))
    asked = [{"tex": tex, "display": display} for tex, display in wanted]
    answer = run_node(
        folder, {"formulas": asked, "css": [], "pages": [], "kept": [], "attributes": []}
    )
    done = dict(zip(wanted, answer["formulas"], strict=True))

    faults = list(answer["faults"])

    def place(found: re.Match[str]) -> str:
        if not FORMULA.search(found["body"]):
            faults.append(unescape(found["body"]))
        body = FORMULA.sub(lambda formula: SOURCE.sub("", done[key(formula)]), found["body"])
        return found["open"] + body + found["close"]

    return {name: MATHEMATICS.sub(place, html) for name, html in pages.items()}, faults


def purge(css: list[str], pages: list[str], folder: Path) -> list[str]:
    """The rules of each stylesheet that at least one page can use."""
    asked = {"formulas": [], "css": css, "pages": pages, "kept": KEPT, "attributes": ATTRIBUTES}
    purged: list[str] = run_node(folder, asked)["css"]
    return purged


def characters(pages: list[str]) -> set[int]:
    """What the pages' formulas are written with."""
    drawn = (TAG.sub("", part) for html in pages for part in DRAWN.findall(html))
    return {ord(character) for text in drawn for character in unescape(text)}


def double_struck(pages: list[str]) -> set[int]:
    """What is written in the AMS font, where R is a double-struck R."""
    drawn = (text for html in pages for text in AMS.findall(html))
    return {ord(character) for text in drawn for character in unescape(text)}
