"""Every formula of sizes and every larger number in the prose is derived again, page by page.

A formula of the text that nothing derives fails: glue it, or declare it in `DECLARED`, as a piece
of the text that says of what it is the formula, with one derivation for each formula in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nbformat
import prose
import pytest
import sympy as sp

from gru_sym import Cell, Layer, cell, effective_count
from gru_sym.certificates import EffectiveCount

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
m, n, D = sp.symbols("m n D")
WORDS = "book/_ext/lean_site/pages.yml"  # titles and descriptions, for search engines
FILES = [
    ROOT / "README.md",
    *sorted(BOOK.glob("*.ipynb")),
    *sorted(BOOK.glob("*.md")),
    ROOT / WORDS,
]
PAGES = [path.relative_to(ROOT).as_posix() for path in FILES]
SOURCES = "\n".join(
    (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "book/references.bib",
        "book/data/published_counts.csv",
        "pyproject.toml",
        "LICENSE",
    )
)
"""Where the years and versions that the text names are written down."""

# ---------------------------------------------------------------------------------- derivations


@cache
def certificate(name: str) -> EffectiveCount:
    found = effective_count(cell(name))
    assert found.certified
    return found


def shape(name: str, parameter: str) -> tuple[sp.Expr, ...]:
    return next(p.shape for p in cell(name).parameters if p.name == parameter)


def second_layer_input() -> sp.Expr:
    """Columns of a second layer's input kernel, in one direction and in both."""
    for directions in (1, 2):
        one, two = (Layer(cell("gru.pytorch"), depth, directions == 2).count() for depth in (1, 2))
        # The second layer counts as the first one does, with its own m.
        assert sp.expand(two - one - one.subs(m, directions * n)) == 0
    return D * n


DERIVATIONS: dict[str, Callable[..., prose.Formula]] = {
    "count": lambda name: cell(name).count(),
    "weights": lambda name: cell(name).count() - cell(name).biases(),
    "biases": lambda name: cell(name).biases(),
    "redundant": lambda name: certificate(name).redundant,
    "effective": lambda name: certificate(name).effective,
    "shape": shape,
    "entries": lambda name, parameter: sp.prod(shape(name, parameter)),
    "gate": lambda name, gate: cell(name).breakdown("gate")[gate],
    "terms": lambda name, gate: cell(name).breakdown("gate")[gate] / n,  # in the sum of one unit
    "rows": lambda name: cell(name).breakdown("role")["input kernel"] / m,
    "recurrent": lambda name: cell(name).breakdown("role")["recurrent kernel"],
    "second-layer-input": second_layer_input,
    "two-factors": lambda: Cell("h' = tanh(A @ (B @ x))").count(),
}


def derive(text: str) -> list[prose.Formula]:
    """The formulas of "count gru.keras - count gru.flux, shape rnn.elman W", and the like."""

    def term(words: str) -> prose.Formula:
        name, *arguments = words.split()
        return DERIVATIONS[name](*arguments)

    found = []
    for derivation in text.split(", ") if text else ():
        first, *less = map(term, derivation.split(" - "))
        found.append(first - sum(less) if less else first)
    return found


LIBRARIES = "biases gru.flux, biases gru.merged, biases gru.pytorch"
# cuDNN's format: Keras' default is compatible with it, says Keras' own docstring.
CUDNN = "biases gru.keras"
# In these cells every redundant parameter is a bias.
COUNT_IN_ANSWER = "biases gru.answer - redundant gru.answer"
COUNT_IN_PYTORCH = "biases gru.pytorch - redundant gru.pytorch"

DECLARED: dict[str, prose.Declared] = {
    "README.md": {
        "an ordinary GRU has 3(n² + nm) weights": "weights gru.pytorch",
        "biases are 0, 3n, 4n or 6n": LIBRARIES,
        "Nobody declares that `W_ir` is n×m": "shape gru.pytorch W_ir",
    },
    "book/index.ipynb": {
        "An ordinary GRU layer has $3n(m + n)$ weights": "weights gru.pytorch",
        "Its biases number **0, 3n, 4n or 6n**": LIBRARIES,
        "added to something of size $n$ is an $n \\times m$ matrix": "shape gru.pytorch W_ir",
        "one that multiplies the state is $n \\times n$": "shape gru.pytorch W_hr",
        "PyTorch stores $6n$ biases, and $4n$ of them": f"biases gru.pytorch, {COUNT_IN_PYTORCH}",
        "Dey and Salem's $3(n^2 + nm + n)$": "count gru.dey_salem",
        "It reports $3(n^2 + nm + 2n)$ for PyTorch and Keras": "count gru.pytorch",
    },
    "book/gru_against_lstm.ipynb": {
        "Flax keeps as many biases for both layers, $4n$": "biases gru.merged",
    },
    "book/experiment.ipynb": {
        "**6n, 4n or 3n biases.**": "biases gru.pytorch, biases gru.merged, biases gru.dey_salem",
        "a gate against one with $4n$": "biases gru.merged",
        "With $3n$ and the reset gate before": "biases gru.dey_salem",
        "before the product, against $4n$": "biases gru.merged",
        "the one with $6n$ biases stores": "biases gru.pytorch",
    },
    WORDS: {
        "3(n² + nm) weights plus 0, 3n, 4n or 6n biases": f"weights gru.pytorch, {LIBRARIES}",
        "GRU and LSTM parameter count, derived: 3(n² + nm + n)": "count gru.dey_salem",
        "GRU stores 6n biases, of which 4n count": f"biases gru.pytorch, {COUNT_IN_PYTORCH}",
    },
    "book/libraries.ipynb": {
        "how many biases they keep (0, 3n, 4n or 6n)": LIBRARIES,
    },
    "book/notation.ipynb": {
        "input kernel: multiplies $x_t$ | $n \\times m$": "shape gru.dey_salem W_z",
        "multiplies the state | $n \\times n$": "shape gru.dey_salem U_z",
    },
    "book/equations.ipynb": {
        "$W$ is $n \\times m$": "shape gru.dey_salem W_z",
        "$U$ is $n \\times n$": "shape gru.dey_salem U_z",
    },
    "book/counting.ipynb": {
        "With one bias each that makes $3(n^2 + nm + n)$": "count gru.dey_salem",
        "keep two, which makes $3(n^2 + nm + 2n)$": "count gru.pytorch",
        "three input kernels one above the other: $3n$ rows": "rows gru.pytorch",
        "its input has $Dn$ entries": "second-layer-input",
        "each layer grew by $3n$": "count gru.keras - count gru.keras_reset_before",
        "with the $6n$ biases of cuDNN": CUDNN,
        "`CuDNNLSTM`, $8n$ biases where `LSTM` has $4n$": "biases lstm.pytorch, biases lstm.keras",
        "four gates of $n^2 + nm + n$ each": "gate lstm.textbook f",
    },
    "book/your_own_cell.ipynb": {
        "The two factors together have $k(n + m)$ entries": "two-factors",
    },
    "book/equations_to_code.ipynb": {
        "the answer's GRU has $6n$ biases": "biases gru.answer",
        "Flux's has $3n$ biases": "biases gru.flux",
        "Both loops multiply $3n^2$ numbers": "recurrent gru.pytorch",
    },
    "book/numpy_against_pytorch.ipynb": {
        "$6n$ biases fall out of the default": "biases gru.pytorch",
    },
    "book/gpu.ipynb": {
        "cuDNN has modes with 0, $3n$ and $6n$ biases": f"biases gru.flux, {CUDNN}",
        "With $6n$ some are redundant": CUDNN,
        "with $3n$ some functions are missing": "biases gru.flux",
    },
    "book/redundancy.ipynb": {
        "PyTorch's GRU stores $6n$ biases; $4n$ of": f"biases gru.pytorch, {COUNT_IN_PYTORCH}",
        "The other $2n$ change no function": "redundant gru.pytorch",
        "of their $6n$ biases $3n$ are redundant": "biases gru.answer, redundant gru.answer",
        "there $2n$ are redundant and $4n$ count": f"redundant gru.pytorch, {COUNT_IN_PYTORCH}",
        "none of the $3(n^2 + nm) + 4n$ parameters is redundant": "effective gru.merged",
        "`GRUv3` stores $n^2$ numbers that nothing reads": "entries gru.flux W_hn",
        "store the $4n$ of a GRU": "biases gru.merged",
        "one bias of each pair, $4n$ in all": "redundant lstm.pytorch",
        "both have $3(n^2 + nm + n)$ parameters": "count gru.flux",
    },
    "book/training.ipynb": {
        "a layer of $6n$ biases": "biases gru.pytorch",
        "with one of $4n$ or $3n$": "biases gru.merged, biases gru.flux",
        "parameters fewer: $2n$ with $n = 4$": "redundant gru.pytorch",
        "both layers add the same $k = m + n + 2$ terms": "terms gru.pytorch r",
        "From PyTorch's $6n$ to $4n$ they are": f"biases gru.pytorch, {COUNT_IN_PYTORCH}",
        "From the answer's $6n$ to $3n$": f"biases gru.answer, {COUNT_IN_ANSWER}",
        "Between PyTorch's $6n$": "biases gru.pytorch",
        "a reset-before layer of $3n$": "biases gru.dey_salem",
    },
    "book/claims.ipynb": {
        'paper the number "equals $3 \\times (n^2 + nm + n)$"': "count gru.dey_salem",
        "$W$ is an $n \\times m$ matrix, $U$": "shape gru.dey_salem W_z",
        "$U$ is an $n \\times n$ matrix": "shape gru.dey_salem U_z",
        'in PyTorch and Keras it "is given as $3 (n^2 + nm + 2n)$"': "count gru.pytorch",
        "`reset_after=False`, which has $3(n^2 + nm + n)$": "count gru.keras_reset_before",
        "`CuDNNGRU`, has $6n$ biases": CUDNN,
        "$3n$ of the $6n$ biases are redundant": "redundant gru.answer, biases gru.answer",
        "of their $6n$ biases $2n$ are redundant": "biases gru.pytorch, redundant gru.pytorch",
        "are redundant and $4n$ count": COUNT_IN_PYTORCH,
        "so are $2n$ of PyTorch's": "redundant gru.pytorch",
        "and $4n$ of its LSTM's": "redundant lstm.pytorch",
    },
}

GIVEN = {
    "README.md": {"65536 is as quick as 8": "sizes, not results; bench/bench_count.py times them"},
    "book/equations_to_code.ipynb": {"about 10 % of a speed-up": "quotes.json, svail_reset_after"},
    "book/redundancy.ipynb": {"Since version 0.15 Flux's": "read in the history of Flux.jl"},
}
"""Numbers that are settings or another's words: the piece of text, and where it is from."""

# ---------------------------------------------------------------------------------------- pages


@cache
def parts(name: str) -> list[tuple[str, str]]:
    """The texts of a page, each with the code beside it."""
    if not name.endswith(".ipynb"):
        markdown = (ROOT / name).read_text(encoding="utf-8")
        return [(markdown, prose.split_blocks(markdown)[1])]
    return prose.parts_of(nbformat.read(ROOT / name, as_version=4))


def markdown_of(name: str) -> str:
    return "\n\n".join(markdown for markdown, _ in parts(name))


def faults(name: str, change: Callable[[str], str] = str) -> list[str]:
    """What is wrong with the formulas and numbers of a page, or of a page changed."""
    texts = [(prose.prose(change(markdown)), code) for markdown, code in parts(name)]
    whole, given = " ".join(text for text, _ in texts), GIVEN.get(name, ())
    found = prose.undeclared(whole, DECLARED.get(name, {}), derive)
    found += [f"the text no longer says {piece!r}" for piece in given if piece not in whole]
    for text, code in texts:
        found += prose.unknown_numbers(text, code, SOURCES, given)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_every_formula_and_number_is_derived(name: str):
    found = faults(name)
    assert not found, "\n".join(f"{name}: {fault}" for fault in found)


@pytest.mark.parametrize("name", PAGES)
def test_mathematics_and_references_are_sound(name: str):
    markdown = markdown_of(name)
    found = prose.bad_mathematics(markdown) + prose.dead_references(markdown)
    assert not found, "\n".join(f"{name}: {fault}" for fault in found)


def misquoted(markdown: str) -> list[str]:
    """Block quotations that are neither a part of a quote in the data nor some of them in a row."""
    quotes = json.loads((BOOK / "data" / "quotes.json").read_text(encoding="utf-8"))
    texts = [" ".join(quote["text"].split()) for quote in quotes.values()]
    found = []
    for quotation in prose.quotations(markdown):
        rest = quotation
        for text in texts:
            rest = rest.replace(text, "")
        if rest.strip() and not any(quotation in text for text in texts):
            found.append(quotation)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_every_block_quotation_is_word_for_word(name: str):
    assert not misquoted(markdown_of(name))


def test_every_declaration_belongs_to_a_page():
    assert set(DECLARED) | set(GIVEN) <= set(PAGES)


# --------------------------------------------------------------------------- each rule can refuse

CHANGES = [
    ("book/index.ipynb", "has $3n(m + n)$", "has $5n(m + n)$"),
    ("book/index.ipynb", "0, 3n, 4n or 6n", "0, 3n, 5n or 6n"),
    ("book/index.ipynb", "and $4n$ of them", "and $3n$ of them"),
    ("book/index.ipynb", "$n \\times m$ matrix", "$m \\times n$ matrix"),
    ("book/index.ipynb", "GRU(128, 256)", "GRU(128, 265)"),
    (WORDS, "of which 4n count", "of which 3n count"),
    (WORDS, "3(n² + nm) weights", "4(n² + nm) weights"),
    ("README.md", "has 3(n² + nm) weights", "has 5(n² + nm) weights"),
    ("README.md", "Sizes have any length", "The 6 n sizes have any length"),
    ("README.md", "Python 3.11", "Python 3.10"),
    ("book/counting.ipynb", "$m = 8$ and", "$m = 9$ and"),
    ("book/counting.ipynb", "TensorFlow 1.5", "TensorFlow 1.7"),
    ("book/counting.ipynb", "$Dn$ entries", "$2Dn$ entries"),
    ("book/claims.ipynb", "$3n$ of the $6n$ biases", "$6n$ of the $3n$ biases"),
    ("book/training.ipynb", "$\\sigma(40)$", "$\\sigma(50)$"),
    ("book/training.ipynb", "at least $10^8$ times", "at least $10^9$ times"),
    ("book/training.ipynb", "Three rows deserve", "Of 1,248 parameters `4*n` count. Three rows"),
    ("book/numpy_against_pytorch.ipynb", "The bound of $10^{-12}$", "The bound of $10^{-13}$"),
]


@pytest.mark.parametrize(("name", "old", "new"), CHANGES)
def test_a_wrong_formula_or_number_is_seen(name: str, old: str, new: str):
    assert old in markdown_of(name)
    assert faults(name, lambda markdown: markdown.replace(old, new, 1))


@pytest.mark.parametrize(
    ("piece", "derivations", "fault"),
    [
        ("a GRU has $5(n^2 + nm)$ weights", "weights gru.pytorch", "is derived as"),
        ("its kernel is $m \\times n$", "shape rnn.elman W", "is derived as"),
        ("a GRU has $3(n^2 + nm)$ weights", "", "0 derived"),
        ("$3(n^2 + nm)$", "weights gru.pytorch", "does not say of what"),
        ("an LSTM has $3n$ biases", "biases gru.flux", "no longer says"),
        ("a GRU has $3(n^2 + nm)$ weights", "weights gru.pytorch", "nothing derives '5(n^2"),
    ],
)
def test_a_declaration_cannot_lie(piece: str, derivations: str, fault: str):
    text = "a GRU has $5(n^2 + nm)$ weights, a GRU has $3(n^2 + nm)$ weights"
    found = prose.undeclared(text, {piece: derivations}, derive)
    assert any(fault in sentence for sentence in found)


@pytest.mark.parametrize(
    "bad",
    [
        "one over $\\frac{1}{$ is",
        "a $ alone",
        "$\\sgima(a)$",
        "$\\begin{aligned} a \\end{array}$",
        "$$ \\left( a $$",
    ],
)
def test_mathematics_that_cannot_be_typeset_is_refused(bad: str):
    assert prose.bad_mathematics(bad)
    assert prose.bad_mathematics(f"```{{admonition}} A\n{bad}\n```")
    assert not prose.bad_mathematics(f"```console\n{bad}\n```\nand `{bad}`")


@pytest.mark.parametrize(
    "bad", ["as noted[^a]", "see [the][b]", "see [b][]", '<a href="no.html">x</a>']
)
def test_a_dead_reference_is_refused(bad: str):
    assert prose.dead_references(bad)
    assert not prose.dead_references(f"`{bad}`, in the chapter on {{doc}}`counting`")


def test_a_quotation_that_was_changed_is_seen():
    name, old, new = "book/counting.ipynb", "3 \\times (n^2 + nm + n)", "5 \\times (n^2 + nm + n)"
    assert old in markdown_of(name) and misquoted(markdown_of(name).replace(old, new))


def test_what_is_defined_is_not_refused():
    text = "noted[^a], [the][b], [c](d.md) and $x[i][j]$\n\n[^a]: there\n[b]: there.md\n"
    assert not prose.dead_references(text)
    assert not prose.bad_mathematics(
        "$\\tfrac12 \\sqrt n$ and $$ \\begin{aligned} a &= b \\\\ c \\end{aligned} $$"
    )


def test_polynomials_are_read_as_they_are_written():
    for text in (
        "3(n² + nm + 2n)",
        "3 (n^2 + nm + 2n)",
        "3 \\times (n^{2} + m n + 2n)",
        "3*n**2 + 3*m*n + 6*n",
    ):
        assert prose.polynomial(text) == 3 * n**2 + 3 * m * n + 6 * n, text
    assert prose.polynomial("n \\times m") == prose.polynomial("n×m") == (n, m)
    assert prose.polynomial("\\sigma(n)") is None and prose.polynomial("2.5") is None
