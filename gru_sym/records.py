"""What machines have said: records read, checked, and what they say together. No torch in it.

A record is a flat table: each row names its table and holds what was measured, every single time
included. `gru_sym.measure` makes one.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeAlias

from gru_sym.intervals import sign_test
from gru_sym.layers import Layer
from gru_sym.lookup import cell
from gru_sym.render import Table

Row: TypeAlias = dict[str, Any]
Blocks: TypeAlias = list[list[float]]
"""Times in microseconds: a list for each block, and in it one for each round."""

Case: TypeAlias = tuple[str, str, str]
"""A question or a control, the work, and the sizes."""

SIZES = "T, B, m, n"
"""A key: steps, batch, input size and hidden size of what was run, as in "64, 1, 256, 256"."""


class BiasMode(IntEnum):
    """cudnnRNNBiasMode_t; `sides` has i for biases beside W @ x, and h for those beside U @ h.

    >>> {mode.name: 3 * len(mode.sides) for mode in BiasMode}
    {'NONE': 0, 'SINGLE_INP': 3, 'DOUBLE': 6, 'SINGLE_REC': 3}
    """

    NONE = 0
    SINGLE_INP = 1
    DOUBLE = 2
    SINGLE_REC = 3

    @property
    def sides(self) -> str:
        """The sides that have a bias for each gate."""
        return ("", "i", "ih", "h")[self]


class Kind(NamedTuple):
    """A kind of layer: its cudnnRNNMode_t, its catalogue cell, its gates in cuDNN's order."""

    number: int
    cell: str
    gates: str


KINDS = {"GRU": Kind(3, "gru.pytorch", "rzn"), "LSTM": Kind(2, "lstm.pytorch", "ifgo")}

CONTROLS = {
    "pairs that can be merged, reset after": ("gru.pytorch", "gru.merged"),
    "pairs that can be merged, reset before": ("gru.answer", "gru.dey_salem"),
}
"""Two cells whose loops are the same code: their times should be the same."""

QUESTIONS = {
    "the bias inside the reset": ("gru.merged", "gru.flux"),
    "all second biases": ("gru.pytorch", "gru.flux"),
    "reset before, not after": ("gru.dey_salem", "gru.flux"),
}
"""What a design costs: the time of one cell divided by that of another, which differs in it."""

UNITS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
UNITS["float32, TF32"] = 2.0**-10
"""Unit roundoffs: half the distance from 1 to the next number. TF32 may truncate: a whole one."""

LIBRARY_UNITS, GENERATED_UNITS, FACTOR = 128, 32, 4
"""How many units the library may be off; the generated code, or `FACTOR` times the library's."""

CANDIDATE = "candidate's bias"


@dataclass(frozen=True)
class Record:
    """What one machine said; `absent` tells why a table has no rows, or not all of them."""

    date: str
    device: str
    machine: str
    versions: dict[str, str]
    commit: str | None
    dry: bool = False
    absent: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def table(self, name: str, **where: object) -> list[Row]:
        """The rows of a table, of those in which these keys have these values."""
        wanted = {"table": name, **where}.items()
        return [row for row in self.rows if all(row[key] == value for key, value in wanted)]

    def __str__(self) -> str:
        where = self.machine if self.device == "cuda" else f"the CPU ({self.machine})"
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        dry = "as a dry run, whose times mean nothing, " if self.dry else ""
        commit, _, changes = (self.commit or "not known").partition("+")
        code = f"commit {commit[:12]}" + ", from which the sources differ" * bool(changes)
        return f"Recorded {self.date[:10]} {dry}on {where}, with {versions}, {code}."


# Files


def read(path: str | Path) -> Record:
    """Read a record. Raises `ValueError`, one sentence, for a file that is none."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no number")

    try:
        return Record(**json.loads(Path(path).read_text("utf-8"), parse_constant=refuse))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{Path(path).name} is no record: {error}") from error


def full_records(folder: str | Path, device: str) -> list[Record]:
    """The records of "cuda" or "cpu" in a folder that can be compared with the newest, by date.

    They are of the same machine and the same PyTorch. A dry run is none.
    """
    every = sorted(map(read, Path(folder).glob("*.json")), key=lambda record: record.date)
    full = [record for record in every if record.device == device and not record.dry]
    subjects = [(record.machine, record.versions["PyTorch"]) for record in full]
    return [record for record, own in zip(full, subjects, strict=True) if own == subjects[-1]]


# What would mislead a reader


def problems(record: Record) -> Iterator[str]:
    """Each count that differs from the derived one, and each error above its bound."""
    for row in record.table("counts"):
        layer = Layer(cell(row["cell"]), row["layers"], row["directions"] == 2)
        sizes = {name: row[name] for name in layer.size_names}
        derived = (layer.count if row["bias"] else layer.weights)(**sizes)
        if row["count"] != derived:
            yield f"the count is {row['count']}; derived is {derived}: {row}"
    for row in record.table("mode counts"):
        whole, sizes = cell(KINDS[row["kind"]].cell), {"m": row["m"], "n": row["n"]}
        biases = len(BiasMode[row["mode"]].sides) * whole.biases(**sizes) // 2
        if (row["biases"], row["count"]) != (biases, whole.weights(**sizes) + biases):
            yield f"derived are {biases} biases, and otherwise weights alone: {row}"
    for row in record.table("errors"):
        unit = UNITS[row["arithmetic"]]
        bounds = {"library": LIBRARY_UNITS * unit}
        bounds["generated"] = max(FACTOR * (row["library"] + unit), GENERATED_UNITS * unit)
        for key, bound in bounds.items():
            if not row[key] <= bound:
                yield f"the error {key} is {row[key]:.2e}, above {bound:.2e}: {row}"
    for (kind, mode), rows in _groups(record.table("mode results"), "kind", "mode"):
        meant = [found for _, found in _groups(rows, CANDIDATE)]
        if not any(
            all(r["error"] <= LIBRARY_UNITS * UNITS[r["arithmetic"]] for r in found)
            for found in meant
        ):
            yield f"{kind}, {mode}: cuDNN computes none of the functions that it may be"


# Times


class Ratio(NamedTuple):
    """A median of quotients, and the ends of an interval around it."""

    median: float
    lower: float
    upper: float

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out 1."""
        return not self.lower <= 1 <= self.upper

    def __str__(self) -> str:
        ends = f"{self.lower:.3f} to {self.upper:.3f}"
        return f"{self.median:.3f} ({'too few blocks' if math.isinf(self.upper) else ends})"


def ratio(times: Blocks, reference: Blocks) -> Ratio:
    """The median over the blocks, with an interval of at least 95 per cent.

    >>> times = [[2.0, 3.0, 2.0], [2.2], [1.9], [2.0], [2.1], [2.0]]
    >>> print(ratio(times, [[1.0, 1.5, 1.0], [1.0], [1.0], [1.0], [1.0], [1.0]]))
    2.000 (1.900 to 2.200)

    In a block it is the median of the quotients, round by round: what slows both times of a round
    alike leaves the quotient. The interval is that of the sign test over the blocks. These are
    taken as independent, which those of one run are not quite: another run may lie outside. With
    fewer than six blocks the interval says nothing: from 0 to infinity.
    """
    medians = [
        statistics.median(time / base for time, base in zip(block, against, strict=True))
        for block, against in zip(times, reference, strict=True)
    ]
    lower, upper = sign_test(medians)
    return Ratio(statistics.median(medians), max(lower, 0.0), upper)


def duration(times: Blocks) -> str:
    """The median of all, with its quartiles.

    >>> duration([[31.2, 31.4159, 32.0], [31.3, 31.6]]), duration([[3100.0, 3141.59, 3200.0]])
    ('31.4 µs (31.3 to 31.6)', '3.14 ms (3.12 to 3.17)')
    """
    every = [time for block in times for time in block]
    lower, median, upper = statistics.quantiles(every, n=4, method="inclusive")
    unit, factor, digits = ("µs", 1.0, 1) if median < 1000 else ("ms", 1e-3, 2)
    told = [f"{factor * time:.{digits}f}" for time in (median, lower, upper)]
    return f"{told[0]} {unit} ({told[1]} to {told[2]})"


def ratios(record: Record, of: str = "designs") -> dict[Case, Ratio]:
    """Every control and question of "designs", or of "designs as CUDA graphs"."""
    found: dict[Case, Ratio] = {}
    for (work, sizes), rows in _groups(record.table("times", of=of), "work", SIZES):
        times = {row["name"]: row["times_us"] for row in rows}
        for question, (name, base) in (CONTROLS | QUESTIONS).items():
            found[question, work, sizes] = ratio(times[name], times[base])
    return found


def believed(every: Sequence[dict[Case, Ratio]]) -> set[Case]:
    """The cases in which all records show a difference, to the same side, that is no noise.

    >>> a, control = ("a", "forward", "1, 1, 1, 1"), (next(iter(CONTROLS)), "forward", "1, 1, 1, 1")
    >>> one = {a: Ratio(1.1, 1.05, 1.2), control: Ratio(1.01, 0.99, 1.02)}
    >>> believed([one]) == {a}, believed([one, {**one, control: Ratio(1.15, 0.99, 1.2)}])
    (True, set())

    A record shows a difference if the interval of the ratio leaves out 1. Noise is what is no
    further from 1 than a control of any size and work, or than any ratio moves between records.
    """
    common = [case for case in every[0] if all(case in found for found in every)] if every else []
    logs = {case: [math.log(found[case].median) for found in every] for case in common}
    noise = max((max(own) - min(own) for own in logs.values()), default=0.0)
    noise = max([noise, *(abs(log) for case in logs if case[0] in CONTROLS for log in logs[case])])
    return {
        case
        for case, own in logs.items()
        if all(found[case].differs for found in every) and (min(own) > noise or max(own) < -noise)
    }


def longer_by(records: Sequence[Record], question: str) -> int:
    """By how many per cent at most a question's first cell takes longer, where that is believed."""
    every = [ratios(record) for record in records]
    cases = [case for case in believed(every) if case[0] == question]
    longest = max((found[case].median for found in every for case in cases), default=1.0)
    return round(100 * (max(1.0, longest) - 1))


# Tables


def _groups(rows: Sequence[Row], *keys: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Rows with the same values under these keys, in the order in which they first appear."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(found.items())


def pivot(
    rows: Sequence[Row], down: Sequence[str], across: str, entry: Callable[[list[Row]], object]
) -> Table:
    """A line for each value under the keys `down`, a column for each under `across`.

    >>> rows = [{"cell": "a", "n": 1, "us": 7}, {"cell": "a", "n": 2, "us": 8}]
    >>> rows.append({"cell": "b", "n": 1, "us": 9})
    >>> print(pivot(rows, ("cell",), "n", lambda place: place[0]["us"]))
    cell; n:  1  2
    a         7  8
    b         9  not recorded

    `entry` says what stands in a place, from its rows.
    """
    columns = list(dict.fromkeys(row[across] for row in rows))
    lines = []
    for key, line in _groups(rows, *down):
        told = {column: entry(place) for (column,), place in _groups(line, across)}
        lines.append((*key, *(told.get(column, "not recorded") for column in columns)))
    return Table((*down[:-1], f"{down[-1]}; {across}:", *map(str, columns)), lines)


def conclusion_table(records: Sequence[Record], of: str = "designs") -> Table:
    """Each question: the least and the greatest median of the records, where they are believed."""
    every = [found for found in (ratios(record, of) for record in records) if found]
    sure, rows = believed(every), []
    for case in every[-1] if every else ():
        question, work, sizes = case
        if question in QUESTIONS:
            medians = sorted(found[case].median for found in every if case in sure)
            ends = dict.fromkeys(f"{end:.2f}" for end in (medians[:1] + medians[-1:]))
            row = {"question": question, "of": " / ".join(QUESTIONS[question]), "work": work}
            rows.append({**row, SIZES: sizes, "told": " to ".join(ends) or "not told apart"})
    return pivot(rows, ("question", "of", "work"), SIZES, _told)


def tables(record: Record) -> dict[str, Table]:
    """What a record holds, as tables by their captions; of what it does not hold there is none."""
    timed = []
    for _, (first, *others) in _groups(record.table("times"), "of", "work", SIZES):
        base = first["times_us"]
        timed.append({**first, "told": duration(base)})
        timed += [{**row, "told": ratio(row["times_us"], base)} for row in others]
    wrong = [
        {**row, "error of": f"{row['what']}, {by}", "error": row[by]}
        for row in record.table("errors")
        for by in ("library", "generated")
    ]
    told = "{biases} of {count} numbers, in {bytes} bytes".format_map
    stored = [{**row, "told": told(row)} for row in record.table("mode counts")]
    found = {
        "Times, and ratios to the first": pivot(timed, ("of", "work", "name"), SIZES, _told),
        "Largest errors": pivot(wrong, ("kind", "arithmetic", "computed by"), "error of", _largest),
        "Biases in each mode of cuDNN": pivot(stored, ("kind", "mode"), "n", _told),
        "Errors of cuDNN's results": pivot(
            record.table("mode results"), ("kind", "mode", CANDIDATE), "arithmetic", _largest
        ),
    }
    return {caption: table for caption, table in found.items() if table.rows}


def _told(place: list[Row]) -> object:
    return place[0]["told"]


def _largest(place: list[Row]) -> str:
    return f"{max(row['error'] for row in place):.1e}"
