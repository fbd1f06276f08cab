"""The oracle of `make stress` on ranks known by hand, and the stress command in its short form."""

from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import sympy as sp
from published import PUBLISHED

import stress
from gru_sym import Cell
from gru_sym.functions import FUNCTIONS
from stress import rank, verdict
from stress.cells import Numbered, kinds, numbered
from stress.dual import FLOAT, MANY
from stress.hashing import differing
from stress.oracle import oracle_rank
from stress.published import fulfils
from stress.reviewed import REVIEWED
from stress.run import run

# --------------------------------------------------------------------------------------- the oracle

ORACLE = ("text.py", "dual.py", "rank.py", "oracle.py")


@pytest.mark.parametrize("name", ORACLE)
def test_the_oracle_knows_nothing_of_the_package(name):
    """Neither gru_sym nor any part of the stress that knows it is imported."""
    tree = ast.parse((Path(stress.__file__).parent / name).read_text(encoding="utf-8"))
    allowed = {f"stress.{each.removesuffix('.py')}" for each in ORACLE}
    for node in ast.walk(tree):
        found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        found += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in found:
            assert module.split(".")[0] not in ("gru_sym", "sympy")
            assert not module.startswith("stress") or module in allowed


@dataclasses.dataclass
class Hand:
    """A cell at sizes, and its rank by hand."""

    text: str
    m: int
    n: int
    rank: int
    shapes: dict[str, tuple[int, int]]


BY_HAND = [
    # n m numbers, nothing lost; and a bias that two names share.
    Hand("h' = tanh(W @ x)", 3, 2, 6, {"W": (2, 3)}),
    Hand("h' = tanh(W @ x + a + b)", 3, 2, 8, {"W": (2, 3), "a": (2, 1), "b": (2, 1)}),
    # Columns that cancel exactly, alone and behind a function.
    Hand("h' = tanh(W @ x) + b - b", 3, 2, 6, {"W": (2, 3), "b": (2, 1)}),
    Hand("h' = tanh(a + W @ x - a)", 2, 2, 4, {"W": (2, 2), "a": (2, 1)}),
    Hand("h' = 1000000 * tanh(W @ x) + 0.000001 * b", 2, 2, 6, {"W": (2, 2), "b": (2, 1)}),
    # Rank one: m + n - 1. Rank k: k (m + n - k), and m n where k is too large.
    Hand("y = v @ x\nh' = u * y\ny: 1", 4, 3, 6, {"v": (1, 4), "u": (3, 1)}),
    Hand("h' = A @ (B @ x)", 4, 3, 10, {"A": (3, 2), "B": (2, 4)}),
    Hand("h' = A @ (B @ x)", 2, 3, 6, {"A": (3, 5), "B": (5, 2)}),
    # Scalars: one number each, however they were declared; z y is a product of two affine forms.
    Hand("s: 1\nh' = s * (W @ x)", 3, 2, 6, {"s": (1, 1), "W": (2, 3)}),
    Hand("z = w @ x + b\nh' = z * h + s * h\nz: 1", 2, 3, 5,
         {"w": (1, 2), "b": (1, 1), "s": (3, 1)}),
    Hand("z = w @ x + b\ny = v @ x + d\nh' = z * y * h\nz: 1\ny: 1", 3, 2, 7,
         {"w": (1, 3), "b": (1, 1), "v": (1, 3), "d": (1, 1)}),
    # relu's homogeneity, the three pieces of hard_sigmoid, a relu that is always met on both sides.
    Hand("h' = a * relu(W @ x + b)", 3, 2, 8, {"a": (2, 1), "W": (2, 3), "b": (2, 1)}),
    Hand("h' = hard_sigmoid(W @ x + b)", 2, 2, 6, {"W": (2, 2), "b": (2, 1)}),
    Hand("h' = relu(2 * (W @ x)) - 2 * relu(W @ x) + b", 2, 2, 2, {"W": (2, 2), "b": (2, 1)}),
    Hand("h' = hard_sigmoid(W @ x) - relu(W @ x / 6 + 0.5) + relu(W @ x / 6 - 0.5) + b", 2, 2, 2,
         {"W": (2, 2), "b": (2, 1)}),
    # exp(a + b) = exp(a) exp(b); silu and softplus have no such law.
    Hand("h' = exp(a) * exp(W @ x + b)", 3, 2, 8, {"a": (2, 1), "W": (2, 3), "b": (2, 1)}),
    Hand("h' = a * silu(W @ x) + softplus(b)", 3, 2, 10,
         {"a": (2, 1), "W": (2, 3), "b": (2, 1)}),
    # A constant in disguise: sigmoid(softplus(a)) (2 - sigmoid(a)) = 1.
    Hand("h' = v * sigmoid(softplus(W @ x)) * (2 - sigmoid(W @ x))", 2, 2, 2,
         {"v": (2, 1), "W": (2, 2)}),
    # x tied to the state's size; a next state that is read; a number that divides.
    Hand("x: n\nh' = W @ x + W @ h", 2, 2, 4, {"W": (2, 2)}),
    Hand("c' = a * c + W @ x\nh' = d * c' / 4 + identity(b)", 2, 3, 15,
         {"a": (3, 1), "W": (3, 2), "d": (3, 1), "b": (3, 1)}),
]  # fmt: skip


@pytest.mark.parametrize("digits", [0, 60])
@pytest.mark.parametrize("hand", BY_HAND, ids=lambda hand: hand.text.replace("\n", "; "))
def test_ranks_known_by_hand(hand, digits):
    """In float64 with a clear gap, and in 60 digits."""
    shapes = hand.shapes | {"x": (hand.m, 1), "h": (hand.n, 1), "c": (hand.n, 1)}
    found = oracle_rank(hand.text, shapes, digits=digits)
    assert found.rank == hand.rank and found.digits == digits
    assert found.parameters == sum(r * c for r, c in hand.shapes.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes_of_the_functions(name):
    """Both sets of functions agree, and each derivative is that of its function, on every piece."""
    (function, slope), (many, many_slope) = FLOAT[name], MANY[name]
    points = np.array([-20.0, -4.0, -2.5, -0.3, 0.2, 1.0, 2.9, 3.5, 15.0])
    if name == "sqrt":
        points = np.abs(points)
    with mpmath.workdps(40):
        for u, value, by in zip(points, function(points), slope(points), strict=True):
            exact = [float(f(mpmath.mpf(u))) for f in (many, many_slope)]
            assert [value, by] == pytest.approx(exact, rel=1e-14, abs=1e-300)
            assert exact[1] == pytest.approx(float(mpmath.diff(many, u)), rel=1e-9, abs=1e-20)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        oracle_rank("h' = b + h", {"b": (2, 1), "h": (3, 1), "x": (1, 1)})


def test_no_gap_no_rank():
    """Singular values that fall without a gap are no rank; rounding behind a gap is none either."""
    falling = np.diag(10.0 ** -np.arange(16.0)) @ np.linalg.qr(np.ones((16, 16)) + np.eye(16))[0]
    assert rank.float_rank(falling @ falling.T, np.ones((16, 16))) is None
    random = np.random.default_rng(0)
    low = random.normal(size=(9, 3)) @ random.normal(size=(3, 7))
    assert rank.float_rank(low, np.abs(low)) == 3


def test_what_float64_leaves_open_many_digits_settle():
    """Two slopes that nearly agree, and two that do."""
    near = "h' = a * tanh(x) + b * tanh(x + 0.0000000000001 * h)"
    shapes = {"a": (1, 1), "b": (1, 1), "x": (1, 1), "h": (1, 1)}
    found = oracle_rank(near, shapes)
    assert found.rank == 2 and found.digits in (60, 120)
    assert oracle_rank(near.replace("0.0000000000001", "0"), shapes).rank == 1


# --------------------------------------------------------------------------------- published cells


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.name)
def test_the_truth_about_published_cells(published):
    """The stored formula is the count; the effective one is the oracle's rank at three sizes."""
    cell = Cell(published.text)
    assert sp.expand(cell.count() - sp.sympify(published.stored)) == 0
    names = cell.size_names
    grid = [dict(zip(names, sizes, strict=True)) for sizes in product((2, 3, 1), repeat=len(names))]
    grid = [at for at in grid if fulfils(published, at)]
    unequal = [at for at in grid if 1 not in at.values() and len(set(at.values())) > 1] or grid
    smallest = min(unequal, key=lambda at: cell.count(**at))
    for at in [smallest, *[at for at in grid if at != smallest and 1 in at.values()][-2:]]:
        found = oracle_rank(published.text, verdict.shapes_at(cell, at))
        assert found.rank == verdict.at(published.effective, at), at


def test_published_cells_have_names_of_their_own():
    assert len({p.name for p in PUBLISHED}) == len({p.text for p in PUBLISHED}) == len(PUBLISHED)


@pytest.mark.parametrize(("text", "truth"), [r for r in REVIEWED if r[1]])
def test_the_truth_that_the_review_tells(text, truth):
    cell = Cell(text)
    for at in verdict.sizes_to_try(cell, 3)[1:]:
        assert oracle_rank(text, verdict.shapes_at(cell, at)).rank == verdict.at(truth, at), at


# ------------------------------------------------------------------------------- the stress command


def test_the_same_seed_gives_the_same_cells():
    one, other = numbered(300, 5, []), numbered(300, 5, [])
    assert one == other != numbered(300, 6, [])
    assert {cell.kind for cell in one} == set(kinds())


def _lying(change):
    """An `effective_count` whose answers are changed."""

    def count(cell, **sizes):
        return change(TRUE_COUNT(cell, **sizes))

    return count


TRUE_COUNT = verdict.effective_count
RNN = "h' = tanh(W @ x + U @ h + a + b)"


def _changed(answer, **by):
    """The answer with other numbers, past whatever its class would check."""
    names = ("stored", "lower", "upper", "effective", "redundant", "certified", "scope")
    honest = {name: getattr(answer, name) for name in (*names, "redundancy")}
    return SimpleNamespace(**honest | by)


LIES = {
    "one too many": lambda a: _changed(a, effective=a.effective + 1, redundant=a.redundant - 1),
    "one too few": lambda a: _changed(a, effective=a.effective - 1, redundant=a.redundant + 1),
    "a lower bound too high": lambda a: _changed(a, lower=a.upper + 1, certified=False),
    "an upper bound too low": lambda a: _changed(a, upper=a.upper - 1, certified=False),
    "stored more": lambda a: _changed(a, stored=a.stored + 1),
    "a sum that does not fit": lambda a: _changed(a, redundant=a.redundant + 1),
}


@pytest.mark.parametrize("lie", LIES)
def test_every_lie_is_seen(lie, monkeypatch):
    assert not verdict.judge(RNN, "honest").wrong
    monkeypatch.setattr(verdict, "effective_count", _lying(LIES[lie]))
    assert verdict.judge(RNN, "lie").wrong


def test_families_that_claim_too_much_and_crashes_are_seen(monkeypatch):
    class Eager:
        def count(self, **_):
            return 10**6

    monkeypatch.setattr(verdict, "redundancy", lambda _: Eager())
    assert "families claim" in verdict.judge(RNN, "eager").wrong[0]

    def crash(cell, **sizes):
        raise IndexError("list index out of range")

    monkeypatch.setattr(verdict, "effective_count", crash)
    assert verdict.judge(RNN, "crash").wrong[0].startswith("crash: IndexError")
    refused = verdict.judge("h' = tanh(W @ h + x)", "refused")
    assert refused.verdict == verdict.REFUSED and not refused.wrong


def test_an_answer_that_takes_too_long_is_late(monkeypatch):
    def endless(cell, **sizes):
        while True:
            pass

    monkeypatch.setattr(verdict, "effective_count", endless)
    assert verdict.judge(RNN, "endless", limit=0.2).verdict == verdict.LATE


def test_a_wrong_answer_is_printed_and_is_exit_status_one(monkeypatch, capsys):
    cells = [(Numbered("gru_like", 1, 0, RNN), 20, 2)]
    assert run(cells, jobs=1, hashed=0) == 0
    assert "WRONG: 0 of 1 cells" in capsys.readouterr().out
    monkeypatch.setattr(verdict, "effective_count", _lying(LIES["one too many"]))
    assert run(cells, jobs=1, hashed=0) == 1
    printed = capsys.readouterr().out
    assert RNN in printed and "ONLY=gru_like:0" in printed


def test_the_short_form():
    """Some cells of every kind, in a process of their own, where an alarm reaches no test."""
    words = "-m stress --cells 300 --seed 2 --jobs 1 --points 2 --limit 3 --hashed 0".split()
    done = subprocess.run(
        [sys.executable, *words],
        cwd=Path(stress.__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_answer_depends_on_the_hash_seed():
    texts = [cell.text for cell in numbered(12, 4, ["tied", "piecewise", "rank_one"])]
    assert differing(texts) == []
