"""What the records of a machine say together: which differences are believed.

Two pairs of cells are controls: their loops are the same code, and their times should be the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from gru_sym.evidence.plan import Row, Shape
from gru_sym.evidence.tables import (
    AT,
    NO_RECORD,
    Evidence,
    groups,
    not_measured,
    rows_of,
    span,
    table,
)
from gru_sym.evidence.times import Blocks, Ratio, ratio
from gru_sym.render import Table

CONTROLS = {
    "pairs that can be merged, reset after": ("gru.pytorch", "gru.merged"),
    "pairs that can be merged, reset before": ("gru.answer", "gru.dey_salem"),
}

QUESTIONS = {
    "the bias inside the reset": ("gru.merged", "gru.flux"),
    "all second biases of PyTorch": ("gru.pytorch", "gru.flux"),
    "reset before, not after": ("gru.dey_salem", "gru.flux"),
}
"""What a design costs: the time of one cell divided by that of another, which differs in it."""

PAIRS = CONTROLS | QUESTIONS

Case: TypeAlias = tuple[str, str, Shape]
"""A question or a control, the work, and the sizes."""


def ratios(evidence: Evidence, section: str = "designs") -> dict[Case, Ratio]:
    """Every question and control of "designs" or "graphs" whose cells were timed."""
    found: dict[Case, Ratio] = {}
    for (work, *sizes), group in groups(rows_of(evidence, section), "work", "T", "B", "m", "n"):
        times = by_cell(group)
        for question, (name, base) in PAIRS.items():
            if {name, base} <= times.keys():
                found[question, work, Shape(*sizes)] = ratio(times[name], times[base])
    return found


def by_cell(rows: Sequence[Row]) -> dict[str, Blocks]:
    """The times of each cell."""
    return {row["cell"]: row["times_us"] for row in rows}


def believed(every: Sequence[Mapping[Case, Ratio]]) -> set[Case]:
    """The cases in which all records show a difference, to the same side, that is no noise.

    >>> size, control = Shape(1, 1, 1, 1), next(iter(CONTROLS))
    >>> one = {(control, "forward", size): Ratio(1.01, 0.99, 1.02)}
    >>> one |= {("a", "forward", size): Ratio(1.1, 1.05, 1.2)}
    >>> one |= {("b", "forward", size): Ratio(1.005, 1.001, 1.009)}
    >>> believed([one]) == {("a", "forward", size)}
    True

    A record shows a difference if the interval of the ratio leaves out 1. Noise is what is no
    further from 1 than a control of any size and work, or than any ratio moves between records.
    """
    logs = _logs(every)
    controls = (abs(log) for case in logs if case[0] in CONTROLS for log in logs[case])
    noise = max(math.log(largest_move(every)), *controls)
    return {
        case
        for case in logs
        if all(found[case].differs for found in every)
        and (min(logs[case]) > noise or max(logs[case]) < -noise)
    }


def largest_move(every: Sequence[Mapping[Case, Ratio]]) -> float:
    """How many times as large a median is in one record as in another, at most.

    >>> size = Shape(1, 1, 1, 1)
    >>> one, other = ({("a", "forward", size): Ratio(r, 0.5, 2.0)} for r in (1.0, 1.25))
    >>> largest_move([one, other]), largest_move([one])
    (1.25, 1.0)
    """
    return math.exp(max((max(logs) - min(logs) for logs in _logs(every).values()), default=0.0))


def _logs(every: Sequence[Mapping[Case, Ratio]]) -> dict[Case, list[float]]:
    """The logarithms of the medians of each case that all records have."""
    common = [case for case in every[0] if all(case in found for found in every)]
    return {case: [math.log(found[case].median) for found in every] for case in common}


def conclusion_table(records: Sequence[Evidence], section: str = "designs") -> Table:
    """Each question: the least and the greatest median of the records, where they are believed."""
    if not records:
        return not_measured(NO_RECORD)
    every = [found for found in (ratios(evidence, section) for evidence in records) if found]
    if not every:
        return table(records[-1], section, (), [])
    sure = believed(every)
    cases = [case for case in every[-1] if case[0] in QUESTIONS]
    shapes = list(dict.fromkeys(shape for _, _, shape in cases))
    rows = []
    for question, work in dict.fromkeys((question, work) for question, work, _ in cases):
        pair = " / ".join(QUESTIONS[question])
        told = [_told((question, work, shape), every, sure) for shape in shapes]
        rows.append((question, pair, work, *told))
    return table(records[-1], section, ("question", "of", f"work, {AT}", *map(str, shapes)), rows)


def longer_by(records: Sequence[Evidence], question: str) -> int:
    """By how many per cent at most a question's first cell takes longer, where that is believed."""
    every = [ratios(evidence) for evidence in records]
    sure = believed(every) if every else set()
    medians = [found[case].median for found in every for case in sure if case[0] == question]
    return round(100 * (max([1.0, *medians]) - 1))


def _told(case: Case, every: Sequence[Mapping[Case, Ratio]], sure: set[Case]) -> str:
    if case not in sure:
        return "not told apart"
    return span([found[case].median for found in every], ".2f")
