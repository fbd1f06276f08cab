"""Recorded times as tables, for a chapter.

A time is a median with its quartiles; a ratio is that of `gru_sym.evidence.times`, a median with an
interval. Where a section has no rows, the table says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from gru_sym.evidence.conclusions import PAIRS, by_cell
from gru_sym.evidence.plan import REFERENCE, Row, Shape
from gru_sym.evidence.tables import AT, Evidence, groups, rows_of, table
from gru_sym.evidence.times import Blocks, quartiles, ratio
from gru_sym.render import Table

FORMS = {"eager": "generated", "graph": "generated, CUDA graph"}


def bias_speed_table(evidence: Evidence, math: str = "fma") -> Table:
    """The forward pass of each bias mode in float32: the time of DOUBLE, and ratios to it.

    `math` is "fma", without TF32, or "default", with it.
    """
    return _by_shape(
        evidence,
        "bias_speed",
        ("layer", f"bias mode, {AT}"),
        lambda row: (row["kind"], row["mode"]),
        lambda row: row["math"] == math,
        lambda row: (row["kind"], "DOUBLE"),
    )


def design_table(evidence: Evidence, section: str = "designs", work: str = "forward") -> Table:
    """The time of gru.pytorch at each shape, and the controls and questions as ratios.

    `section` is "designs" or "graphs"; `work` is "forward" or, in designs, "forward and backward".
    """
    measured = [row for row in rows_of(evidence, section) if row["work"] == work]
    by_shape = groups(measured, "T", "B", "m", "n")
    columns = {str(Shape(*sizes)): by_cell(group) for sizes, group in by_shape}
    return table(evidence, section, ("question", f"of, {AT}", *columns), _answers(columns))


def compiled_table(evidence: Evidence) -> Table:
    """The same of the forward pass at one shape, eager and by torch.compile."""
    measured = rows_of(evidence, "compiled")
    columns = {form: by_cell(group) for (form,), group in groups(measured, "form")}
    shapes = dict.fromkeys(map(str, map(_shape, measured)))
    headers = ("question", f"of, {AT} {', '.join(shapes)}", *columns)
    return table(evidence, "compiled", headers, _answers(columns))


def compilation_table(evidence: Evidence) -> Table:
    """What compiling a cell takes, and what it gives."""
    rows = []
    for (name,), group in groups(rows_of(evidence, "compiled"), "cell"):
        by_form = {row["form"]: row for row in group}
        compiled = by_form.get("compiled")
        told = ["not measured"] * 2
        if compiled is not None:
            told = [_quotient(compiled["times_us"], by_form["eager"]["times_us"])]
            told.append(f"{compiled['compile_seconds']:.1f}")
        rows.append((name, *told))
    return table(evidence, "compiled", ("cell", "compiled / eager", "seconds to compile"), rows)


def library_table(evidence: Evidence, section: str = "library", work: str = "forward") -> Table:
    """Generated code beside the library at each shape: the library's time, and ratios to it.

    `section` is "library" or "library_graphs".
    """
    return _by_shape(
        evidence,
        section,
        ("layer", f"code, {AT}"),
        lambda row: (row["kind"], FORMS[row["form"]] if row["form"] in FORMS else row["library"]),
        lambda row: bool(row["work"] == work),
        lambda row: (row["kind"], row["library"]),
    )


def duration(times: Blocks) -> str:
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


def _answers(columns: Mapping[str, Mapping[str, Blocks]]) -> list[tuple[str, ...]]:
    """The time of the reference, and every question of which one column has both cells."""
    if not columns:
        return []
    found = list(columns.values())
    rows = [("its time", REFERENCE, *(_time(times.get(REFERENCE)) for times in found))]
    for question, (name, base) in PAIRS.items():
        if any({name, base} <= times.keys() for times in found):
            ratios = [_quotient(times.get(name), times.get(base)) for times in found]
            rows.append((question, f"{name} / {base}", *ratios))
    return rows


def _time(times: Blocks | None) -> str:
    return "not measured" if times is None else duration(times)


def _quotient(times: Blocks | None, reference: Blocks | None) -> str:
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
    return table(evidence, section, (*headers, *map(str, shapes)), rows)


def _shape(row: Row) -> Shape:
    return Shape(row["T"], row["B"], row["m"], row["n"])
