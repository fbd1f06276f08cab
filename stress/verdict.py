"""One cell, two answers: what gru_sym certifies, and the rank that the oracle finds."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import sympy as sp

from gru_sym import Cell, CellError, effective_count, redundancy
from stress.oracle import Rank, oracle_rank

SLOW = 2.0
"""CPU seconds; slower answers are listed."""

ALL, HERE, NOT, REFUSED, LATE = (
    "certified for all sizes",
    "certified at sizes",
    "not certified",
    "refused with a sentence",
    "no answer in time",
)

LARGEST = 90
"""The most parameters of a cell at the sizes that are tried."""


@dataclass
class Verdict:
    """What came of one cell.

    Attributes
    ----------
    text, kind : the cell.
    verdict : one of `ALL`, `HERE`, `NOT`, `REFUSED`, `LATE`.
    wrong : every contradiction, as a sentence.
    seconds : how many CPU seconds the answer in symbols took, and the slowest one at sizes.
    compared : how many answers of gru_sym were laid beside a rank.
    unsettled : how many ranks the oracle left open.
    scope : what the answer in symbols says of its scope.
    """

    text: str
    kind: str
    verdict: str = NOT
    wrong: list[str] = field(default_factory=list)
    seconds: tuple[float, float] = (0.0, 0.0)
    compared: int = 0
    unsettled: int = 0
    scope: str = ""


class TooLate(BaseException):
    """The time limit of a cell has passed."""


@contextmanager
def time_limit(seconds: float) -> Iterator[list[bool]]:
    """Raise `TooLate` in the block after so many CPU seconds, where the system has such alarms.

    The list that it gives is not empty once the alarm has rung: what is raised in the middle of
    some built-in functions comes out as another exception.
    """
    rung: list[bool] = []

    def ring(*_: Any) -> None:
        rung.append(True)
        raise TooLate

    if not hasattr(signal, "setitimer"):
        yield rung
        return
    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield rung
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def judge(text: str, kind: str, *, limit: float = 20.0, points: int = 4) -> Verdict:
    """Ask gru_sym and the oracle about a cell, in symbols and at up to `points` sizes.

    Every exception but `CellError` and `ValueError` with a sentence is wrong, too.
    """
    result = Verdict(text, kind)
    rung: list[bool] = []
    try:
        with time_limit(limit) as rung:
            _judge(result, points)
    except (TooLate, Exception) as error:
        if not rung:
            _failed(result, error)
    if rung:
        result.verdict = LATE
    return result


def _failed(result: Verdict, error: BaseException) -> None:
    """A refusal with a sentence is an answer; anything else is wrong."""
    if not isinstance(error, CellError | ValueError):
        result.wrong.append(f"crash: {_last_lines(error)}")
        return
    result.verdict = REFUSED
    result.scope = str(error).splitlines()[0] if str(error) else ""
    if len(str(error).split()) < 4 or not _raised_on_purpose(error):
        result.wrong.append(f"refused without a sentence: {_last_lines(error)}")


def _raised_on_purpose(error: BaseException) -> bool:
    """Whether the error was raised by a line of gru_sym, and not by what it called."""
    frames = traceback.extract_tb(error.__traceback__)
    return "gru_sym" in frames[-1].filename


def _last_lines(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
    return f"{type(error).__name__}: {error} ({where})"


def _judge(result: Verdict, points: int) -> None:
    cell = Cell(result.text)
    ranks: dict[tuple[int, ...], Rank] = {}

    def rank(sizes: dict[str, int], effort: int = 1, digits: int = 0) -> Rank:
        key = (*sizes.values(), effort, digits)
        if key not in ranks:
            shapes = shapes_at(cell, sizes)
            ranks[key] = oracle_rank(result.text, shapes, effort=effort, digits=digits)
        return ranks[key]

    start = time.process_time()
    answer = effective_count(cell)
    symbolic = time.process_time() - start
    result.scope = answer.scope
    at_sizes, slowest = [], 0.0
    for sizes in sizes_to_try(cell, points):
        where = ", ".join(f"{name}={size}" for name, size in sizes.items())
        for claim in _symbolic_claims(answer, sizes):
            _compare(result, rank, sizes, claim, f"in symbols, {where}")
        start = time.process_time()
        number = effective_count(cell, **sizes)
        slowest = max(slowest, time.process_time() - start)
        at_sizes.append(number.certified)
        for claim in _claims(number, {}):
            _compare(result, rank, sizes, claim, f"at {where}")
        known = rank(sizes)
        directions = int(redundancy(cell).count(**sizes))
        if known.rank is not None and directions > known.parameters - known.rank:
            result.wrong.append(
                f"at {where}: families claim {directions} redundant directions, "
                f"the Jacobian has {known.parameters - known.rank} ({known.parameters} stored)"
            )
    result.seconds = (symbolic, slowest)
    if answer.certified:
        result.verdict = ALL
    elif at_sizes and all(at_sizes):
        result.verdict = HERE


@dataclass(frozen=True)
class _Claim:
    """What an answer says at given sizes; None where it says nothing."""

    stored: int
    lower: int | None
    upper: int | None
    exact: int | None


def _symbolic_claims(answer: Any, sizes: dict[str, int]) -> list[_Claim]:
    """What the answer in symbols says at these sizes: nothing where its own condition fails."""
    holds = getattr(answer, "holds", None) or answer.redundancy.holds
    if not holds(**sizes):
        condition = str(getattr(answer, "condition", "") or answer.redundancy.condition)
        if not condition or condition not in str(answer):
            # The reader of the answer is not told: it is taken at its word.
            return _claims(answer, sizes)
        return []
    return _claims(answer, sizes)


def _claims(answer: Any, sizes: dict[str, int]) -> list[_Claim]:
    stored, lower, upper, effective, redundant = (
        None if value is None else int(at(value, sizes))
        for value in (
            answer.stored,
            answer.lower,
            answer.upper,
            answer.effective if answer.certified else None,
            answer.redundant if answer.certified else None,
        )
    )
    assert stored is not None
    claims = [_Claim(stored, lower, upper, effective)]
    if redundant is not None:
        claims.append(_Claim(stored, None, None, stored - redundant))
    return claims


def at(formula: Any, sizes: dict[str, int]) -> Any:
    """A formula at given sizes."""
    return sp.sympify(formula).subs({sp.Symbol(name): size for name, size in sizes.items()})


def _compare(result: Verdict, rank: Any, sizes: dict[str, int], claim: _Claim, where: str) -> None:
    """Lay a claim beside the rank; before a contradiction is told, the rank is asked again."""
    known = rank(sizes)
    if known.parameters != claim.stored:
        result.wrong.append(f"{where}: stored {claim.stored}, the arrays hold {known.parameters}")
        return
    if known.rank is None:
        result.unsettled += 1
        return
    result.compared += 1
    if not _contradictions(claim, known.rank):
        return
    again = rank(sizes, effort=3)
    if claim.upper is not None and again.rank is not None and again.rank > claim.upper:
        again = rank(sizes, digits=60)  # more than is possible: no longer a question of samples
    best = max(r.rank for r in (known, again) if r.rank is not None)
    for sentence in _contradictions(claim, best):
        note = ", which varies with the signs of the parameters" if known.varies else ""
        found = f"{where}: {sentence} (stored {claim.stored}{note})"
        if found not in result.wrong:
            result.wrong.append(found)


def _contradictions(claim: _Claim, rank: int) -> list[str]:
    found = []
    if claim.exact is not None and claim.exact != rank:
        found.append(f"certified {claim.exact}, the rank is {rank}")
    if claim.lower is not None and claim.lower > rank:
        found.append(f"at least {claim.lower} claimed, the rank is {rank}")
    if claim.upper is not None and claim.upper < rank:
        found.append(f"at most {claim.upper} claimed, the rank is {rank}")
    if claim.lower is not None and claim.upper is not None and claim.lower > claim.upper:
        found.append(f"between {claim.lower} and {claim.upper}, the rank is {rank}")
    if claim.upper is not None and claim.upper > claim.stored:
        found.append(f"at most {claim.upper} of {claim.stored} claimed, the rank is {rank}")
    return found[:1]


def shapes_at(cell: Cell, sizes: dict[str, int]) -> dict[str, tuple[int, int]]:
    """The shapes of all that is given, as (rows, columns)."""
    shapes = {}
    for parameter in cell.parameters:
        numbers = [int(at(size, sizes)) for size in parameter.shape]
        shapes[parameter.name] = (*numbers, 1, 1)[:2] if len(numbers) < 2 else tuple(numbers)
    for name in ("x", *cell.states):
        rows, columns = cell.symbol(name).shape
        known = {"m": 1} | sizes
        shapes[name] = (int(at(rows, known)), int(at(columns, known)))
    return shapes


ROUND = (
    {"m": 2, "n": 3, "other": 2},
    {"m": 1, "n": 1, "other": 1},
    {"m": 3, "n": 2, "other": 1},
    {"m": 1, "n": 3, "other": 3},
    {"m": 3, "n": 1, "other": 2},
    {"m": 2, "n": 2, "other": 3},
    {"m": 4, "n": 3, "other": 5},
    {"m": 1, "n": 2, "other": 2},
    {"m": 5, "n": 2, "other": 4},
)
"""Sizes in the order in which they are tried: m, n and all others."""


def sizes_to_try(cell: Cell, points: int) -> list[dict[str, int]]:
    """Small sizes: unequal ones, those of one, and other ones larger than m and n."""
    chosen: list[dict[str, int]] = []
    others = [name for name in cell.size_names if name not in ("m", "n")]
    shifts = list(product((0, 1), repeat=min(len(others), 2)))
    for index, point in enumerate(ROUND):
        sizes = {}
        for name in cell.size_names:
            size = point.get(name, point["other"])
            if name in others:  # two free sizes are not always equal
                at_other = others.index(name)
                size += shifts[index % len(shifts)][at_other] if at_other < 2 else at_other % 2
            sizes[name] = size
        small = int(cell.count(**sizes)) <= LARGEST
        if sizes not in chosen and small:
            chosen.append(sizes)
        if len(chosen) == points:
            break
    return chosen or [dict.fromkeys(cell.size_names, 1)]
