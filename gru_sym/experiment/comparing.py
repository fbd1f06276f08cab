"""Cells at equal budgets: what is run, and the rows of scores that come of it.

A unit is one cell at one size on one task. First a learning rate is sought, on some seeds and the
validation part; at that rate the cell is then trained anew, from other seeds, and scored on the
test part. What a budget makes of it is seen afterwards: two budgets that allow the same size share
a unit. torch is imported when something is run.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import sympy as sp

from gru_sym.budgets import By
from gru_sym.cells import Cell
from gru_sym.certificates import effective_count
from gru_sym.costs import cost
from gru_sym.experiment.tasks import TASKS
from gru_sym.experiment.threads import one_thread
from gru_sym.lookup import cell
from gru_sym.records import Row

Units = dict[str, Callable[[], list[Row]]]
"""What there is to do: a name, and what makes the rows."""

CELLS = {
    "gru.dey_salem": "GRU, 3n biases",
    "gru.merged": "GRU, 4n biases",
    "gru.pytorch": "GRU, 6n biases",
    "gru.dey_salem_1": "GRU1",
    "gru.dey_salem_2": "GRU2",
    "gru.dey_salem_3": "GRU3",
    "lstm.textbook": "LSTM",
    "lstm.textbook, b_f + 1": "LSTM, forget bias 1",
    "minimal.mgu": "MGU",
    "minimal.mingru": "minGRU",
    "rnn.elman": "Elman",
}
"""The cells by their ids, with their names for a reader. What follows the comma is where a cell
starts: one more in each entry of that bias than the others do."""

SEARCHED_FROM = 1000
"""The first seed of the search for a rate; the scores are of the seeds 0, 1, 2, ..."""


def equations(name: str) -> Cell:
    """The cell of a key of `CELLS`, wherever it starts."""
    return cell(name.partition(",")[0])


def raised(name: str) -> dict[str, float]:
    """What is added to parameters at the start.

    >>> raised("lstm.textbook, b_f + 1"), raised("lstm.textbook")
    ({'b_f': 1.0}, {})
    """
    parameter, _, by = name.partition(",")[2].partition("+")
    return {parameter.strip(): float(by)} if by else {}


@dataclass(frozen=True)
class TaskPlan:
    """How long a task is trained on, and the budgets of each way of counting."""

    updates: int
    budgets: Mapping[By, tuple[int, ...]]


@dataclass(frozen=True)
class Comparison:
    """Which cells are compared, on what, and how.

    Attributes
    ----------
    tasks : names of `TASKS`, with their plans.
    cells : keys of `CELLS`.
    seeds : from how many a cell is scored: 0, 1, 2, ...
    search_seeds : from how many others each learning rate of Adam is tried.
    rates : those that each cell may choose from, each a constant factor above the one before.
    further : how often the search goes one factor further, while the best lies at its edge.
    batch : sequences in an update.
    """

    tasks: Mapping[str, TaskPlan]
    cells: tuple[str, ...] = tuple(CELLS)
    seeds: int = 25
    search_seeds: int = 6
    rates: tuple[float, ...] = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
    further: int = 2
    batch: int = 32
    device: str = field(default="cpu", compare=False)

    def sizes(self) -> Iterator[Row]:
        """The largest hidden size within each budget, by each way of counting, and its counts."""
        for task, plan in self.tasks.items():
            about = asked_of(task)
            for by, budgets in plan.budgets.items():
                for parameters in budgets:
                    for name in self.cells:
                        n = largest(name, parameters, by, *about)
                        row = {"task": task, "budget": parameters, "by": by, "cell": name}
                        yield {**row, "n": n, **counts(name, n, *about)}

    def units(self) -> Units:
        """Everything that is to be trained, once.

        >>> list(MINIATURE.units())
        ['rows, gru.pytorch, n = 5', 'rows, lstm.textbook, n = 4', 'rows, rnn.elman, n = 10']
        """
        wanted = {(row["task"], row["cell"], row["n"]): None for row in self.sizes()}
        return {
            f"{task}, {name}, n = {n}": partial(self.scores, task, name, n)
            for task, name, n in wanted
        }

    def scores(self, task: str, name: str, n: int) -> list[Row]:
        """Seek a rate, train at it: a row for each rate tried, and one of scores by seed."""
        about = {"task": task, "cell": name, "n": n}

        def tried(rates: Sequence[float]) -> dict[float, list[float]]:
            seeds = range(SEARCHED_FROM, SEARCHED_FROM + self.search_seeds)
            (found,) = self.trained(task, name, n, seeds, rates, ("validation",)).values()
            each = [found[k * len(seeds) : (k + 1) * len(seeds)] for k in range(len(rates))]
            return dict(zip(rates, each, strict=True))

        search, best = searched(tried, self.rates, self.further)
        found = self.trained(task, name, n, range(self.seeds), [best], ("halfway", "test"))
        return [
            *(
                {"table": "search", **about, "rate": rate, "validation": values}
                for rate, values in search.items()
            ),
            {"table": "scores", **about, **counts(name, n, *asked_of(task)), "rate": best, **found},
        ]

    def trained(
        self,
        task: str,
        name: str,
        n: int,
        seeds: Iterable[int],
        rates: Sequence[float],
        wanted: tuple[str, ...],
    ) -> dict[str, list[float]]:
        """The scores from every seed at every rate, a rate's seeds together.

        `wanted` are "validation" and "test", after the last update, and "halfway", on the test
        part after half of them.
        """
        import torch

        from gru_sym.experiment.batched import answering, descent, initial, repeated

        what, updates, seeds = TASKS[task], self.tasks[task].updates, list(seeds)
        parts = [what.parts(seed, updates * self.batch) for seed in seeds]
        train, validation, test = (
            tuple(torch.stack(arrays).to(self.device) for arrays in zip(*part, strict=True))
            for part in zip(*parts, strict=True)
        )
        start = initial(equations(name), {"m": what.m, "n": n}, what.outputs, seeds)
        for parameter, more in raised(name).items():
            start[parameter] += more
        copies = len(rates)
        stacked = {
            key: repeated(layers.to(self.device, torch.float32), copies)
            for key, layers in start.items()
        }
        answers = answering(equations(name), what.asked)

        def losses(layers: dict[str, torch.Tensor], update: int) -> torch.Tensor:
            now = slice(update * self.batch, (update + 1) * self.batch)
            x, y = (repeated(part[:, :, now], copies) for part in train)
            return what.losses(answers(layers, x), y)

        def scored(layers: dict[str, torch.Tensor], part: tuple[torch.Tensor, ...]) -> list[float]:
            x, y = (repeated(array, copies) for array in part)
            few = torch.split(x, 128, 2)  # no more of them in memory at once
            with torch.no_grad():
                said = torch.cat([answers(layers, some) for some in few], 2)
            return [round(score, 6) for score in what.scores(said, y).tolist()]

        each = torch.tensor(rates, device=self.device).repeat_interleave(len(seeds))
        found = {}
        with one_thread():
            for update, layers in enumerate(descent(losses, stacked, each, updates), 1):
                stacked = layers
                if "halfway" in wanted and update == updates // 2:
                    found["halfway"] = scored(layers, test)
            for key, part in (("validation", validation), ("test", test)):
                if key in wanted:
                    found[key] = scored(stacked, part)
        return found


def searched(
    tried: Callable[[Sequence[float]], dict[float, list[float]]],
    rates: Sequence[float],
    further: int,
) -> tuple[dict[float, list[float]], float]:
    """The scores at every rate that was tried, least first, and the rate whose mean is best.

    >>> def peak(rates):
    ...     return {rate: [-abs(rate - 0.7)] for rate in rates}
    >>> found, best = searched(peak, [0.1, 0.2], further=3)
    >>> list(found), best
    ([0.1, 0.2, 0.4, 0.8, 1.6], 0.8)

    `tried` trains at some rates. While the best is the least or the largest, the search goes one
    factor further there, at most `further` times: the same rule for every cell.
    """
    found = tried(rates)
    for step in range(further + 1):
        ordered = sorted(found)
        best = max(ordered, key=lambda rate: statistics.fmean(found[rate]))
        if step == further or len(ordered) < 2 or best not in (ordered[0], ordered[-1]):
            break
        beside = ordered[1] if best == ordered[0] else ordered[-2]
        found |= tried([float(f"{best * best / beside:.6g}")])
    return dict(sorted(found.items())), best


def asked_of(task: str) -> tuple[int, int, sp.Rational]:
    """Input size, outputs, and at what share of the steps they are asked for."""
    what = TASKS[task]
    return what.m, what.outputs, sp.Rational(what.asked, what.steps)


@cache
def formulas(name: str, m: int, outputs: int, share: sp.Rational) -> dict[By, sp.Poly]:
    """Polynomials in n: how many numbers a layer and its readout have, and multiply-adds a step.

    The readout has outputs (n + 1) numbers. A step's multiply-adds are the mean over a sequence, as
    the readout works at a share of the steps only.
    """
    of, n = equations(name), sp.Symbol("n")
    work = cost(of, m=m, T=1, B=1)
    found: dict[By, sp.Expr] = {
        "stored": of.count(m=m) + outputs * (n + 1),
        "effective": sp.sympify(effective_count(of).effective).subs("m", m) + outputs * (n + 1),
        "multiply-adds": work.sequence.multiply_adds
        + work.loop.multiply_adds
        + share * outputs * n,
    }
    return {by: sp.Poly(formula, n) for by, formula in found.items()}


def counts(name: str, n: int, m: int, outputs: int, share: sp.Rational) -> Row:
    """A layer's numbers and multiply-adds a step, its readout's among them; rounded up.

    >>> counts("gru.merged", 5, m=4, outputs=1, share=1)
    {'stored': 161, 'effective': 161, 'multiply-adds': 140}
    """
    return {
        by: int(math.ceil(formula.eval(n)))
        for by, formula in formulas(name, m, outputs, share).items()
    }


def largest(name: str, within: int, by: By, m: int, outputs: int, share: sp.Rational) -> int:
    """The largest n whose count is within a budget.

    >>> largest("gru.merged", 200, "stored", m=4, outputs=1, share=1)
    5
    """
    formula = formulas(name, m, outputs, share)[by]
    n = bisect_right(range(1, within + 1), within, key=formula.eval)  # none has less than n
    if not n:
        raise ValueError(f"{name} with its readout has more than {within} at n = 1 already")
    return n


BUDGETS: dict[By, tuple[int, ...]] = {
    "stored": (300, 1000),
    "effective": (300, 1000),
    "multiply-adds": (300,),
}
FULL = Comparison(
    {
        "rows": TaskPlan(160, BUDGETS),
        "adding": TaskPlan(200, BUDGETS),
        "copy": TaskPlan(200, BUDGETS),
        "pixels": TaskPlan(120, {"stored": (300,), "effective": (300,)}),
    }
)
"""What `python -m gru_sym experiment` compares."""

MINIATURE = Comparison(
    {"rows": TaskPlan(60, {"stored": (300,)})},
    cells=("gru.pytorch", "lstm.textbook", "rnn.elman"),
    seeds=6,
    search_seeds=2,
    rates=(0.02, 0.04),
    further=0,
)
"""Seconds instead of minutes: it shows that all runs, and tells little."""
