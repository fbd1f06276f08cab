"""What the prose of the book and of the README must satisfy, as small pure functions.

`undeclared` compares every formula of sizes in a text, `3(n² + nm)` or `$4n$`, with what a table
says it is derived from; `unknown_numbers` looks for larger numbers in the code beside the text. The
other rules refuse what Sphinx lets through: bad mathematics, dead footnotes and links.
test_prose.py has the table, applies all this to every page, and shows that each rule can refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import nbformat
import sympy as sp
from matplotlib.mathtext import MathTextParser

Formula = sp.Expr | tuple[sp.Expr, ...]
Declared = Mapping[str, str]
"""A piece of a text, with the formulas in it, and how to derive each."""

SIZES = "mnkpLD"

FENCE = re.compile(r"[ \t]*(?P<ticks>`{3,})(?P<what>[^`]*)$")
ROLE = re.compile(r"\{[\w:-]+\}`[^`]*`")
# Headers and options of directives, targets, and the two ends of an image or a link.
MARKUP = re.compile(
    r"^[ \t]*(?:[`:]{3,}.*|:[\w-]+:.*|\([\w-]+\)=)$|\]\([^)\s]*\)|!\[|https?://\S+", re.MULTILINE
)
QUOTATION = re.compile(r"(?:^[ \t]*>.*\n?)+", re.MULTILINE)
CODE = re.compile(r"(?P<ticks>`+)(?P<code>[^`]+)(?P=ticks)")
MATHEMATICS = re.compile(r"\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$]+?)\$", re.DOTALL)

# A formula of sizes in plain text: `6n`, `n²`, `n×m`, `3(n² + nm)`.
INNER = rf"[\d{SIZES}²³^+\-\s]*"
PLAIN = re.compile(
    rf"(?<![\w.\\-])(?:\d+ ?\({INNER}[{SIZES}]{INNER}\)|\d+ ?[{SIZES}]{{1,2}}(?:[²³]|\^\d)?(?!\w)"
    rf"|[{SIZES}]{{1,2}}(?:[²³]|\^\d)|[{SIZES}]×[{SIZES}](?!\w))"
)
NUMBER = re.compile(r"(?<![\w.^])(?<!\w-)\d+(?:,\d{3})*(?:\.\d+)?(?![\w²³]|\.\d)")
POWER = re.compile(r"(?<![\w.])(10|2)\^(?:\{(-?\d+)\}|(\d))")
INDEX = re.compile(r"[_^](?:\{[^}]*\}|\d)|\\[td]?frac\s?\d\s?\d")


@dataclass(frozen=True)
class Token:
    """A formula of sizes that a text states, where it stands, and what it says."""

    start: int
    end: int
    text: str
    value: Formula


# ------------------------------------------------------------------------------ reading Markdown


def split_blocks(markdown: str) -> tuple[str, str]:
    """A text without its blocks of code, and these. A directive, ```{note}, is no code."""
    text, code, opened = [], [], []
    for line in markdown.splitlines(keepends=True):
        if fence := FENCE.match(line.rstrip("\n")):
            if opened and not fence["what"].strip():
                (code if opened.pop() == "code" else text).append(line)
                continue
            if "code" not in opened:
                opened.append("directive" if fence["what"].startswith("{") else "code")
        (code if "code" in opened else text).append(line)
    return "".join(text), "".join(code)


def prose(markdown: str) -> str:
    """What a reader reads of a page: no blocks of code, quotations, roles or markup; one space."""
    text, _ = split_blocks(markdown)
    for pattern in (QUOTATION, ROLE, MARKUP):
        text = pattern.sub(" ", text)
    return " ".join(text.split())


def quotations(markdown: str) -> list[str]:
    """Paragraphs of the block quotations of a page, each on one line."""
    blocks = QUOTATION.findall(split_blocks(markdown)[0])
    paragraphs = [
        paragraph
        for block in blocks
        for paragraph in re.sub(r"^[ \t]*> ?", "", block, flags=re.MULTILINE).split("\n\n")
    ]
    return [" ".join(paragraph.split()) for paragraph in paragraphs]


def polynomial(text: str) -> Formula | None:
    """The polynomial in sizes that a text is, or a shape such as n × m; None for anything else."""
    plain = text.replace("²", "^2").replace("³", "^3").replace("**", "^")
    plain = re.sub(r"\\[,;! ]|\s", "", re.sub(r"\\(?:times|cdot)(?![a-z])|×", "*", plain))
    plain = re.sub(r"\^\{(\d+)\}", r"^\1", plain)
    if shape := re.fullmatch(rf"([{SIZES}])\*([{SIZES}])", plain):
        return sp.Symbol(shape[1]), sp.Symbol(shape[2])
    words = re.findall(rf"\d+|[{SIZES}]|[-+*^()/]", plain)
    if "".join(words) != plain or not re.search(rf"[{SIZES}]", plain):
        return None
    implied = [words[0]]
    for before, word in pairwise(words):
        joined = (before.isalnum() or before == ")") and (word in SIZES or word == "(")
        implied += ["*", word] if joined else [word]
    try:
        names = {letter: sp.Symbol(letter) for letter in SIZES}
        return sp.expand(sp.sympify("".join(implied).replace("^", "**"), locals=names))
    except (sp.SympifyError, TypeError):
        return None


def is_name(value: Formula) -> bool:
    """One size by itself, or its negative: a name, and no statement."""
    return not isinstance(value, tuple) and (value.is_Symbol or (-value).is_Symbol)


def formulas(text: str) -> list[Token]:
    """Every formula of sizes in a text, in mathematics, in code spans and between them."""
    found = [*_in_mathematics(text)]
    hidden = MATHEMATICS.sub(lambda match: " " * len(match[0]), text)
    for match in CODE.finditer(hidden):
        found += _token(match["code"], match.start("code"))
    hidden = CODE.sub(lambda match: " " * len(match[0]), hidden)
    for match in PLAIN.finditer(hidden):
        found += _token(match[0], match.start())
    return sorted(found, key=lambda token: token.start)


def _in_mathematics(text: str) -> Iterator[Token]:
    for match in MATHEMATICS.finditer(text):
        group = "display" if match["display"] else "inline"
        # The sides of an equation, and the members of a list.
        for side in re.finditer(r"[^=<>,]+", match[group]):
            yield from _token(side[0], match.start(group) + side.start())


def _token(text: str, start: int) -> Iterator[Token]:
    value = polynomial(text.strip(" ."))
    if value is not None and not is_name(value):
        yield Token(start, start + len(text), text.strip(), value)


# ---------------------------------------------------------------- formulas and numbers of a page


def undeclared(text: str, declared: Declared, derive: Callable[[str], list[Formula]]) -> list[str]:
    """Formulas of a prose that no declaration covers, or that are not what it derives.

    A declaration is a piece of the text with its formulas, and what `derive` reads: one derivation
    for each of them.
    """
    faults, covered = [], []
    for piece, derivations in declared.items():
        tokens, values = formulas(piece), derive(derivations)
        if piece not in text:
            faults.append(f"the text no longer says {piece!r}")
        if len(tokens) != len(values):
            faults.append(f"{piece!r} has {len(tokens)} formulas, and {len(values)} derived")
        if not re.search(r"[a-z]{2}", _without(piece, tokens)):
            faults.append(f"{piece!r} does not say of what it is the formula")
        for token, value in zip(tokens, values, strict=False):
            if not _equal(token.value, value):
                faults.append(f"{piece!r}: {token.text} is derived as {value}")
        covered += [match.span() for match in re.finditer(re.escape(piece), text)]
    for token in formulas(text):
        if not any(start <= token.start and token.end <= end for start, end in covered):
            around = text[max(0, token.start - 40) : token.end + 25]
            faults.append(f"nothing derives {token.text!r} in {around!r}")
    return faults


def _without(text: str, tokens: Iterable[Token]) -> str:
    for token in tokens:
        text = text.replace(token.text, " ")
    return text


def _equal(one: Formula, other: Formula) -> bool:
    if isinstance(one, tuple) or isinstance(other, tuple):
        return one == other
    return sp.expand(one - other) == 0


def numbers(text: str) -> Iterator[tuple[str, float]]:
    """Numbers that a prose states: of two digits and more, decimals, powers of ten and of two.

    Smaller whole numbers count only as the value of a size, `$m = 8$`.
    """
    for match in POWER.finditer(text):
        yield match[0], float(match[1]) ** int(match[2] or match[3])
    text = INDEX.sub(" ", POWER.sub(" ", text))
    for match in re.finditer(rf"(?<![\w}}])[{SIZES}TB] = (\d+)", text):
        if int(match[1]) > 1:
            yield match[1], float(match[1])
    for match in NUMBER.finditer(text):
        value = float(match[0].replace(",", ""))
        if value >= 10 or not value.is_integer() or "." in match[0]:
            yield match[0], value


def literals(code: str) -> set[float]:
    """The numbers in a piece of code, and the powers that it writes out."""
    powers = re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)\s?\*\*\s?(-?\d+)", code)
    plain = re.findall(r"(?<![\w.])\d[\d_]*\.?\d*(?:e[+-]?\d+)?", code)
    return {float(a) ** int(b) for a, b in powers} | {float(p.replace("_", "")) for p in plain}


def unknown_numbers(text: str, code: str, sources: str, given: Iterable[str] = ()) -> list[str]:
    """Numbers of a prose that neither the code beside it has nor, for years and versions, a source.

    `given` are pieces of the text whose numbers are settings, or another's words.
    """
    for piece in given:
        text = text.replace(piece, " ")
    # A command and its arguments are an input.
    text = CODE.sub(lambda m: " " if m["code"].startswith(("python -m", "make")) else m[0], text)
    known = literals(code)
    years_and_versions = set(re.findall(r"(?<![\d.])(?:(?:19|20)\d\d|\d+\.\d+)", sources))
    return [
        f"{number!r} is in no code beside it, nor a year or version of a source"
        for number, value in numbers(text)
        if value not in known and number not in years_and_versions
    ]


# ---------------------------------------------------------------------------- rules on Markdown

UNKNOWN_TO_MATHTEXT = (
    (r"\\([td]?)frac\s*(\d)\s*(\d)", r"\\frac{\2}{\3}"),
    (r"\\[td]frac", r"\\frac"),
    (r"\\sqrt\s+(\w)", r"\\sqrt{\1}"),
    (r"\\[bB]igg?[lrm]?(?![a-z])", ""),
    (r"\\(?:begin|end)\{[a-z*]+\}(?:\{[lcr|]+\})?|&|\\\\", " "),
)
"""MathJax knows these, matplotlib's parser does not: how to write them for it."""


def _outside_code(markdown: str) -> str:
    text = ROLE.sub(" ", split_blocks(markdown)[0])
    return CODE.sub(" ", re.sub(r"^[ \t]*[`:]{3,}.*$", " ", text, flags=re.MULTILINE))


def bad_mathematics(markdown: str) -> list[str]:
    """Mathematics that cannot be typeset: open braces, unknown commands, a `$` alone."""
    text = _outside_code(markdown).replace(r"\$", " ")
    faults = []
    for match in MATHEMATICS.finditer(text):
        written = " ".join((match["display"] or match["inline"]).split())
        opened, closed = (re.findall(rf"\\{end}\{{(.*?)\}}", written) for end in ("begin", "end"))
        if sorted(opened) != sorted(closed):
            faults.append(f"{written!r}: \\begin and \\end do not match")
        plain = written
        for pattern, replacement in UNKNOWN_TO_MATHTEXT:
            plain = re.sub(pattern, replacement, plain)
        try:
            MathTextParser("path").parse(f"${plain}$")
        except (ValueError, RuntimeError) as error:
            faults.append(f"{written!r}: {str(error).splitlines()[-1]}")
    if "$" in MATHEMATICS.sub(" ", text):
        faults.append("a $ has no partner")
    return faults


def dead_references(markdown: str) -> list[str]:
    """Footnotes, reference links and chapters that are nowhere, and links written as HTML.

    Sphinx prints the first as they are typed, and looks at the target of a raw link in no way.
    """
    named = re.sub(r"`[^`]*`", "``", " ".join(split_blocks(markdown)[0].split()))
    text = MATHEMATICS.sub(" ", _outside_code(markdown))
    defined = {label.lower() for label in re.findall(r"^[ \t]*\[([^\]]+)\]:", text, re.MULTILINE)}
    faults = [
        f"footnote {label} is defined nowhere"
        for label in re.findall(r"\[(\^[^\]\s]+)\](?!:)", text)
        if label.lower() not in defined
    ]
    for shown, label in re.findall(r"\[([^\]\[^]+)\]\[([^\]]*)\]", text):
        if (label or shown).lower() not in defined:
            faults.append(f"link [{shown}][{label}] is defined nowhere")
    faults += [
        f"{found!r} is checked by no build: name it with {{doc}}"
        for found in re.findall(r"[Cc]hapter (?:on|about) (?!\{)[\w ]{1,20}", named)
    ]
    return faults + [
        f"{tag} is checked by no build: write [text](target) or a role"
        for tag in re.findall(r"<a\b[^>]*\bhref\b[^>]*>", text)
    ]


# --------------------------------------------------------------------------------------- a page

NEAR = 2
"""So many cells before and after a text are the code beside it."""


def parts_of(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """The Markdown cells of a notebook, each with the code beside it; all code, for the first."""
    cells = notebook.cells

    def code(first: int, last: int) -> str:
        return "\n\n".join(c.source for c in cells[first:last] if c.cell_type == "code")

    return [
        (cell.source, code(max(0, i - NEAR), i + NEAR + 1) if i else code(0, len(cells)))
        for i, cell in enumerate(cells)
        if cell.cell_type == "markdown"
    ]
