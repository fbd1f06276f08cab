"""What a record of the experiment allows to be said, by rules that were written before the numbers.

Two cells of one seed see the same numbers in the same order, so they are compared seed by seed.
**A difference is told** if an interval for its median leaves out zero; all intervals of one kind
together miss with a chance of at most 5 per cent. Everything else is *not told apart*, which is no
proof that two cells are alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gru_sym.experiment.capacity import CELLS as KEEPERS
from gru_sym.experiment.comparing import CELLS
from gru_sym.experiment.doubling import LAYERS
from gru_sym.intervals import sign_test
from gru_sym.records import Record, Row
from gru_sym.render import Table

LSTM, FORGET_ONE = "lstm.textbook", "lstm.textbook, b_f + 1"
GRU, MERGED = "gru.pytorch", "gru.merged"
PAIRS = (
    *((name, LSTM) for name in CELLS if name != LSTM),
    (GRU, FORGET_ONE),
    (GRU, MERGED),
    ("gru.dey_salem", MERGED),
)
"""Which cells are compared: each with the LSTM, and GRUs with each other and with the LSTM that
starts with a forget bias of 1."""


class Interval(NamedTuple):
    """A median of differences, and the ends of an interval around the true one."""

    median: float
    lower: float
    upper: float

    @property
    def side(self) -> int:
        """1 or -1 if the interval lies above or below zero, else 0."""
        return (self.lower > 0) - (self.upper < 0)


def interval(values: Sequence[float], comparisons: int = 1) -> Interval:
    """The median of independent values, with the interval of the sign test.

    >>> interval([3, 1, 2, 4, 6, 5])
    Interval(median=3.5, lower=1, upper=6)
    >>> interval([3, 1, 2, 4, 6, 5], comparisons=2).lower
    -inf

    All intervals of so many comparisons together miss with a chance of at most 5 per cent.
    """
    return Interval(statistics.median(values), *sign_test(values, comparisons))


# Cells at equal budgets


class Compared(NamedTuple):
    """One cell against another within one budget: the difference of their scores, seed by seed."""

    task: str
    budget: int
    by: str
    cell: str
    other: str
    difference: Interval


def trained(record: Record, task: str, name: str, n: int) -> Row | None:
    """The scores of a cell at its rate; None if it was not trained."""
    rows = record.table("scores", task=task, cell=name, n=n)
    return rows[0] if rows else None


def compared(record: Record, when: str = "test") -> list[Compared]:
    """Every pair of `PAIRS` within every budget that was run, on the test part.

    `when` is "test", after the last update, or "halfway".
    """
    sizes = {
        (row["task"], row["budget"], row["by"], row["cell"]): row["n"]
        for row in record.table("sizes")
    }
    found = []
    for task, budget, by in dict.fromkeys(key[:3] for key in sizes):
        for pair in PAIRS:
            at = [sizes.get((task, budget, by, name)) for name in pair]
            runs = [trained(record, task, name, n) for name, n in zip(pair, at, strict=True) if n]
            if len(runs) == 2 and all(runs):
                scores = zip(*(run[when] for run in runs if run), strict=True)
                differences = tuple(one - other for one, other in scores)
                found.append(((task, budget, by, *pair), (task, *pair, *at), differences))
    family = len({runs for _, runs, _ in found})  # two trainings, one comparison
    return [Compared(*key, interval(values, family)) for key, _, values in found]


def outcomes(every: Iterable[Compared], name: str, other: str = LSTM) -> dict[int, int]:
    """How often a cell was told to be better (1), worse (-1), and not told apart (0)."""
    sides = [c.difference.side for c in every if (c.cell, c.other) == (name, other)]
    return {side: sides.count(side) for side in (1, -1, 0)}


def comparison_table(record: Record, task: str, budget: int, by: str = "stored") -> Table:
    """The cells within a budget: size, counts, the median score, and the LSTM's part in it."""
    every = {
        c.cell: c.difference
        for c in compared(record)
        if (c.task, c.budget, c.by, c.other) == (task, budget, by, LSTM)
    }
    rows = []
    for size in record.table("sizes", task=task, budget=budget, by=by):
        run = trained(record, task, size["cell"], size["n"])
        if run is None:
            continue
        told = "is compared with" if size["cell"] == LSTM else "not recorded"
        if size["cell"] in every:
            told = in_words(every[size["cell"]])
        score = f"{statistics.median(run['test']):.3f}"
        rows.append(
            (CELLS[size["cell"]], size["n"], size["stored"], size["effective"], score, told)
        )
    return Table(("cell", "n", "stored", "effective", "median score", "minus the LSTM's"), rows)


def outcome_table(record: Record, by: str = "stored") -> Table:
    """For every cell and budget that was run, whether it was told to be better than the LSTM."""
    every = [c for c in compared(record) if c.other == LSTM and c.by == by]
    columns = list(dict.fromkeys((c.task, c.budget) for c in every))
    words = {1: "better", -1: "worse", 0: "·"}
    found = {(c.cell, c.task, c.budget): words[c.difference.side] for c in every}
    rows = [
        (CELLS[name], *(found.get((name, *column), "not recorded") for column in columns))
        for name in CELLS
        if name != LSTM and any(c.cell == name for c in every)
    ]
    return Table(("", *(f"{task}, {budget}" for task, budget in columns)), rows)


def in_words(difference: Interval) -> str:
    """The interval if it is told, and else that it is not."""
    if not difference.side:
        return "not told apart"
    return f"{difference.lower:+.3f} to {difference.upper:+.3f}"


def which_count_matters(record: Record) -> tuple[int, int]:
    """Comparisons whose outcome is another by another way of counting, and how many there are."""
    by_case: dict[tuple[object, ...], set[int]] = {}
    for c in compared(record):
        by_case.setdefault((c.task, c.budget, c.cell, c.other), set()).add(c.difference.side)
    return [len(sides) > 1 for sides in by_case.values()].count(True), len(by_case)


def changed_since_halfway(record: Record) -> tuple[int, int]:
    """Comparisons of which another outcome was told after half of the updates, and all."""
    pairs = zip(compared(record, "halfway"), compared(record), strict=True)
    changed = [half.difference.side != end.difference.side for half, end in pairs]
    return sum(changed), len(changed)


def at_the_edge(record: Record) -> tuple[int, int]:
    """Trainings whose rate is the least or the largest that the search tried, and all of them."""
    tried: dict[tuple[object, ...], list[float]] = {}
    for row in record.table("search"):
        tried.setdefault((row["task"], row["cell"], row["n"]), []).append(row["rate"])
    edge = []
    for run in record.table("scores"):
        rates = tried[run["task"], run["cell"], run["n"]]
        edge.append(run["rate"] in (min(rates), max(rates)))
    return sum(edge), len(edge)


def c11(record: Record) -> str:
    """Claim C11 by this rule, of PyTorch's GRU and either start of the LSTM at equal budgets:

    *false* if the GRU is told to be better in one comparison and worse in another: then a
    comparison at equal counts has no one answer. Else *open*: one side only, or none, is told.
    """
    every = compared(record)
    found = [outcomes(every, GRU, other) for other in (LSTM, FORGET_ONE)]
    better, worse = (sum(one[side] for one in found) for side in (1, -1))
    return "false" if better and worse else "open"


# Two biases or one


def partings(record: Record, optimiser: str, layer: str = LAYERS[1]) -> dict[int, Interval]:
    """By update: the loss with two biases minus that of another layer, over the latter."""
    pair, other = (
        {r["update"]: r["loss"] for r in record.table("two biases", optimiser=optimiser, layer=of)}
        for of in (LAYERS[0], layer)
    )
    family = {(row["optimiser"], row["update"]) for row in record.table("two biases")}
    return {
        update: interval(
            [a / b - 1 for a, b in zip(losses, other[update], strict=True)], len(family)
        )
        for update, losses in pair.items()
    }


# Capacity


def kept(record: Record, name: str, budget: int) -> list[float]:
    """The most bits that each seed kept, over loads and learning rates."""
    rows = record.table("capacity", cell=name, budget=budget)
    return [max(values) for values in zip(*(row["bits"] for row in rows), strict=True)]


def capacity_table(record: Record) -> Table:
    """The median of the bits kept by each cell, and what that is for each parameter."""
    rows = []
    for name, budget in dict.fromkeys((r["cell"], r["budget"]) for r in record.table("capacity")):
        row = record.table("capacity", cell=name, budget=budget)[0]
        median = statistics.median(kept(record, name, budget))
        per = (f"{median / row[by]:.2f}" for by in ("stored", "effective"))
        counts = row["n"], row["stored"], row["effective"]
        rows.append((KEEPERS[name], *counts, f"{median:.0f}", *per))
    return Table(
        ("cell", "n", "stored", "effective", "bits", "a stored one", "an effective one"), rows
    )


def budgets(record: Record) -> list[int]:
    """The budgets at which capacity was measured."""
    return sorted({row["budget"] for row in record.table("capacity")})


def growth(record: Record) -> dict[str, Interval]:
    """How many bits more each cell kept at the largest budget than at the smallest."""
    ends = [*budgets(record)[:1], *budgets(record)[-1:]]
    found = {}
    for name in KEEPERS:
        if ends and all(record.table("capacity", cell=name, budget=end) for end in ends):
            less, more = (kept(record, name, end) for end in ends)
            found[name] = [after - before for before, after in zip(less, more, strict=True)]
    return {name: interval(values, len(found)) for name, values in found.items() if values}


def c10(record: Record) -> str:
    """Claim C10, of parameters that are not redundant, by this rule:

    *true* of what was measured if every cell is told to keep more bits at the larger budget;
    *false* if one is told to keep fewer; else *open*.
    """
    sides = [more.side for more in growth(record).values()]
    if sides and min(sides) > 0:
        return "true"
    return "false" if min(sides, default=0) < 0 else "open"


class Divisor(NamedTuple):
    """Two GRUs of one effective count: bits with 6n biases over those with 4n, and what to expect.

    If bits go with stored parameters, the ratio is `stored`; if with effective ones, 1.
    """

    ratio: Interval
    stored: float

    @property
    def told(self) -> str:
        """What the interval leaves out: "stored", "effective", "both" or "neither"."""
        out = [
            name
            for name, expected in (("stored", self.stored), ("effective", 1.0))
            if not self.ratio.lower <= expected <= self.ratio.upper
        ]
        return {0: "neither", 1: "".join(out), 2: "both"}[len(out)]


def divisors(record: Record) -> dict[int, Divisor]:
    """By budget, whether the bits kept can tell which count to divide by."""
    found = {}
    for budget in budgets(record):
        runs = [record.table("capacity", cell=name, budget=budget) for name in (GRU, MERGED)]
        if all(runs) and runs[0][0]["n"] == runs[1][0]["n"]:
            pairs = zip(*(kept(record, name, budget) for name in (GRU, MERGED)), strict=True)
            ratio = interval([one / other for one, other in pairs], len(budgets(record)))
            found[budget] = Divisor(ratio, runs[0][0]["stored"] / runs[1][0]["stored"])
    return found


# In short


def summary(record: Record) -> str:
    """A few lines that say what the record allows."""
    every = compared(record)
    lines = [str(record)]
    for name in CELLS:
        found = outcomes(every, name)
        total = sum(found.values())
        if total:
            lines.append(
                f"{CELLS[name]} against the LSTM, of {total} comparisons at equal "
                f"budgets: better in {found[1]}, worse in {found[-1]}, not told apart in {found[0]}"
            )
    for optimiser in dict.fromkeys(row["optimiser"] for row in record.table("two biases")):
        last = list(partings(record, optimiser).values())[-1]
        side = {1: "higher", -1: "lower", 0: "not told apart"}[last.side]
        lines.append(f"two biases against their sum, {optimiser}: the loss at the end is {side}")
    for name, more in growth(record).items():
        lines.append(f"{KEEPERS[name]} kept {more.median:.0f} bits more at the larger budget")
    return "\n".join(lines)
