"""Recorded times as tables, for a chapter. Imports no torch.

A time is a median with its quartiles; a ratio is that of `gru_sym.gpu.times`, a median with its
interval. Where a section has no rows, the table says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from gru_sym.gpu.plan import REFERENCE, Row
from gru_sym.gpu.tables import Evidence, groups, rows_of, table
from gru_sym.gpu.times import Times, quartiles, ratio
from gru_sym.render import Table

QUESTIONS = {
    "a second bias, reset after": ("gru.pytorch", "gru.merged"),
    "a second bias, reset before": ("gru.answer", "gru.dey_salem"),
    "a bias inside the reset": ("gru.merged", "gru.flux"),
    "reset before, not after": ("gru.answer", "gru.pytorch"),
}
"""What a design costs: the time of one cell divided by that of another, which differs in it."""

FORMS = {"eager": "generated", "graph": "generated, CUDA graph"}


def bias_speed_table(evidence: Evidence, math: str = "fma") -> Table:
    """The forward pass of each bias mode in float32: the time of DOUBLE, and ratios to it.

    `math` is "fma", without TF32, or "default", with it.
    """
    return _by_shape(
        evidence,
        "bias_speed",
        ("layer", "bias mode"),
        lambda row: (row["kind"], row["mode"]),
        lambda row: row["math"] == math,
        lambda row: (row["kind"], "DOUBLE"),
    )


def design_table(
    evidence: Evidence, form: str = "eager", work: str = "forward", *, tf32: bool = False
) -> Table:
    """The time of gru.pytorch at each shape, and the answers to `QUESTIONS` as ratios.

    `form` is "eager" or "graph"; `work` is "forward" or "forward and backward".
    """
    wanted = {"form": form, "work": work, "tf32": tf32}
    measured = [row for row in rows_of(evidence, "designs") if wanted.items() <= row.items()]
    by_shape = groups(measured, "T", "B", "m", "n")
    times = [{row["cell"]: row["times_us"] for row in group} for _, group in by_shape]
    rows = [("its time", REFERENCE, *(duration(found[REFERENCE]) for found in times))]
    for question, (name, base) in QUESTIONS.items():
        ratios = [_quotient(found.get(name), found.get(base)) for found in times]
        rows.append((question, f"{name} / {base}", *ratios))
    headers = ("question", "of", *(_sizes(shape) for shape, _ in by_shape))
    return table(evidence, "designs", headers, rows if times else [])


def span_table(records: Sequence[Evidence]) -> Table:
    """Each question in each record: the least and the greatest median over all sizes."""
    about = [evidence["provenance"] for evidence in records]
    machines = [
        f"{(found['gpu'] or 'CPU')}, {found['date'][:16].replace('T', ' ')}" for found in about
    ]
    rows = [(question, *(span(e, question) for e in records)) for question in QUESTIONS]
    return Table(("question", *machines), rows)


def span(evidence: Evidence, question: str) -> str:
    """The least and the greatest ratio of a question, eager, over all shapes, forward and both.

    "not measured yet" where there is none.
    """
    name, base = QUESTIONS[question]
    measured = [r for r in rows_of(evidence, "designs") if r["form"] == "eager" and not r["tf32"]]
    medians = []
    for _, group in groups(measured, "work", "T", "B", "m", "n"):
        times = {row["cell"]: row["times_us"] for row in group}
        medians.append(ratio(times[name], times[base]).median)
    if not medians:
        return "not measured yet"
    return f"{min(medians):.3f} to {max(medians):.3f}"


def library_table(evidence: Evidence, work: str = "forward", *, tf32: bool = False) -> Table:
    """Generated code beside the library at each shape: the library's time, and ratios to it."""
    return _by_shape(
        evidence,
        "library",
        ("layer", "code"),
        lambda row: (row["kind"], FORMS[row["form"]] if row["form"] in FORMS else row["library"]),
        lambda row: (row["work"], row["tf32"]) == (work, tf32),
        lambda row: (row["kind"], row["library"]),
    )


def compiled_table(evidence: Evidence) -> Table:
    """Cells by torch.compile: their ratios to gru.pytorch and to the same cell eager, seconds."""
    headers = ("cell", "eager", "compiled", "compiled to eager", "seconds to compile")
    times = {(row["cell"], row["form"]): row for row in rows_of(evidence, "compiled")}
    rows = []
    for name in dict.fromkeys(name for name, _ in times):
        eager, compiled = times[name, "eager"], times.get((name, "compiled"))
        told = [
            _against(row, times.get((REFERENCE, row["form"]))) for row in (eager, compiled) if row
        ]
        if compiled is not None:
            told += [_against(compiled, eager), f"{compiled['compile_seconds']:.1f}"]
        rows.append((name, *told, *["not measured"] * (len(headers) - 1 - len(told))))
    return table(evidence, "compiled", headers, rows)


def duration(times: Times) -> str:
    """A median with its quartiles.

    >>> duration([[31.2, 31.4159, 32.0], [31.3, 31.6]])
    '31.4 µs (31.3 to 31.6)'
    >>> duration([[3100.0, 3141.59, 3200.0]])
    '3.14 ms (3.12 to 3.17)'
    """
    found = quartiles(times)
    unit, factor, digits = ("µs", 1.0, 1) if found[1] < 1000 else ("ms", 1e-3, 2)
    lower, median, upper = (f"{factor * time:.{digits}f}" for time in found)
    return f"{median} {unit} ({lower} to {upper})"


def _quotient(times: Times | None, reference: Times | None) -> str:
    if times is None or reference is None:
        return "not measured"
    found = ratio(times, reference)
    if math.isinf(found.upper):
        return f"{found.median:.3f} (too few blocks)"
    return f"{found.median:.3f} ({found.lower:.3f} to {found.upper:.3f})"


def _against(row: Row, reference: Row | None) -> str:
    """The time of the reference itself; of another its ratio to it."""
    if row is reference:
        return duration(row["times_us"])
    return _quotient(row["times_us"], None if reference is None else reference["times_us"])


def _by_shape(
    evidence: Evidence,
    section: str,
    headers: Sequence[str],
    label: Callable[[Row], tuple[str, str]],
    wanted: Callable[[Row], bool],
    reference: Callable[[Row], tuple[str, str]],
) -> Table:
    """One line a label, one column a shape; `reference` labels what a row is compared with."""
    measured = [row for row in rows_of(evidence, section) if wanted(row)]
    shapes = list(dict.fromkeys(map(_shape, measured)))
    entries = {(label(row), _shape(row)): row for row in measured}
    rows = []
    for name in dict.fromkeys(map(label, measured)):
        found = [entries.get((name, shape)) for shape in shapes]
        told = [
            _against(row, entries.get((reference(row), _shape(row)))) if row else "not measured"
            for row in found
        ]
        rows.append((*name, *told))
    return table(evidence, section, (*headers, *map(_sizes, shapes)), rows)


def _sizes(shape: Sequence[int]) -> str:
    return "T, B, m, n = " + ", ".join(map(str, shape))


def _shape(row: Row) -> tuple[int, ...]:
    return row["T"], row["B"], row["m"], row["n"]
