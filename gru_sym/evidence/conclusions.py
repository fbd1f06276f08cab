"""What the records of a machine say together: which differences are believed.

Two pairs of cells are controls: their loops are the same code, and their times should be the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from gru_sym.evidence.plan import Shape
from gru_sym.evidence.tables import AT, NO_RECORD, Evidence, groups, rows_of, table
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

Case: TypeAlias = tuple[str, str, Shape]
"""A question or a control, the work, and the sizes."""


def ratios(evidence: Evidence, section: str = "designs") -> dict[Case, Ratio]:
    """Every question and control of "designs" or "graphs", in float32 without TF32."""
    measured = [row for row in rows_of(evidence, section) if not row["tf32"]]
    found: dict[Case, Ratio] = {}
    for (work, *sizes), group in groups(measured, "work", "T", "B", "m", "n"):
        times: dict[str, Blocks] = {row["cell"]: row["times_us"] for row in group}
        for question, (name, base) in (CONTROLS | QUESTIONS).items():
            found[question, work, Shape(*sizes)] = ratio(times[name], times[base])
    return found


def believed(found: Mapping[Case, Ratio]) -> set[Case]:
    """Where the interval leaves out 1, and the median is further from 1 than in every control.

    >>> small, large = Shape(1, 1, 1, 1), Shape(1, 1, 9, 9)
    >>> control = next(iter(CONTROLS))
    >>> found = {(control, "forward", small): Ratio(1.01, 0.99, 1.02)}
    >>> found["a", "forward", small] = Ratio(1.1, 1.05, 1.2)
    >>> found["a", "forward", large] = Ratio(1.005, 1.001, 1.009)
    >>> believed(found) == {("a", "forward", small)}
    True

    Of 1.1 and 1 / 1.1 neither is further from 1.
    """
    noise = max((_distance(found[case]) for case in found if case[0] in CONTROLS), default=0.0)
    return {case for case in found if found[case].differs and _distance(found[case]) > noise}


def conclusion_table(records: Sequence[Evidence], section: str = "designs") -> Table:
    """Each question: the least and the greatest median of the records, where all are believed."""
    if not records:
        return Table(("not measured yet",), [(NO_RECORD,)])
    every = [ratios(evidence, section) for evidence in records]
    sure = set.intersection(*map(believed, every))
    common = [case for case in every[-1] if all(case in found for found in every)]
    shapes = list(dict.fromkeys(shape for _, _, shape in common))
    rows = []
    for question, (name, base) in QUESTIONS.items():
        for work in dict.fromkeys(work for _, work, _ in common):
            cases = [(question, work, shape) for shape in shapes]
            told = [_told(case, every) if case in sure else "not told apart" for case in cases]
            rows.append((question, f"{name} / {base}", work, *told))
    headers = ("question", "of", f"work, {AT}", *map(str, shapes))
    return table(records[-1], section, headers, rows)


def longer_by(records: Sequence[Evidence], question: str) -> int:
    """By how many per cent at most a question's first cell takes longer, where that is believed."""
    every = [ratios(evidence) for evidence in records]
    sure = set.intersection(*map(believed, every)) if every else set()
    medians = [found[case].median for found in every for case in sure if case[0] == question]
    return round(100 * (max(medians, default=1.0) - 1))


def _distance(found: Ratio) -> float:
    return abs(math.log(found.median))


def _told(case: Case, every: Sequence[Mapping[Case, Ratio]]) -> str:
    medians = [found[case].median for found in every]
    least, most = f"{min(medians):.2f}", f"{max(medians):.2f}"
    return least if least == most else f"{least} to {most}"
