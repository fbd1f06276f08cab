"""Cells at equal budgets: what is run, and the rows of scores that come of it.

A unit is one cell at one size on one task, trained from every seed at every learning rate at once.
What a budget makes of it is seen afterwards: two budgets that allow the same size share a unit.
torch is imported when something is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import sympy as sp

from gru_sym.budgets import By, budget
from gru_sym.certificates import effective_count
from gru_sym.experiment.tasks import TASKS
from gru_sym.experiment.threads import one_thread
from gru_sym.lookup import cell
from gru_sym.records import Row

Units = dict[str, Callable[[], list[Row]]]
"""What there is to do: a name, and what makes the rows."""

BY: tuple[By, ...] = ("stored", "effective", "multiply-adds")

CELLS = {
    "gru.dey_salem": "GRU, 3n biases",
    "gru.merged": "GRU, 4n biases",
    "gru.pytorch": "GRU, 6n biases",
    "gru.dey_salem_1": "GRU1",
    "gru.dey_salem_2": "GRU2",
    "gru.dey_salem_3": "GRU3",
    "lstm.textbook": "LSTM",
    "minimal.mgu": "MGU",
    "minimal.mingru": "minGRU",
    "rnn.elman": "Elman",
}
"""The cells by their ids, with their names for a reader."""


@dataclass(frozen=True)
class TaskPlan:
    """How long a task is trained on, and the budgets at which cells are compared on it."""

    updates: int
    budgets: tuple[int, ...]


@dataclass(frozen=True)
class Comparison:
    """Which cells are compared, on what, and how.

    Attributes
    ----------
    tasks : names of `TASKS`, with their plans.
    cells : catalogue ids.
    seeds : how many; the seeds are 0, 1, 2, ...
    rates : the learning rates of Adam that each cell may choose from.
    batch : sequences in an update.
    """

    tasks: Mapping[str, TaskPlan]
    cells: tuple[str, ...] = tuple(CELLS)
    seeds: int = 14
    rates: tuple[float, ...] = (0.01, 0.03, 0.1)
    batch: int = 32
    device: str = field(default="cpu", compare=False)

    def sizes(self) -> Iterator[Row]:
        """The largest hidden size within each budget, by each way of counting, and its counts."""
        for task, plan in self.tasks.items():
            for parameters in plan.budgets:
                for by in BY:
                    for name in self.cells:
                        n = budget(cell(name), parameters, by, m=TASKS[task].m).n
                        row = {"task": task, "budget": parameters, "by": by, "cell": name}
                        yield {**row, "n": n, **counts(name, TASKS[task].m, n)}

    def units(self) -> Units:
        """Everything that is to be trained, once.

        >>> list(MINIATURE.units())
        ['rows, gru.pytorch, n = 6', 'rows, lstm.textbook, n = 5', 'rows, rnn.elman, n = 13']
        """
        wanted = {(row["task"], row["cell"], row["n"]): None for row in self.sizes()}
        return {
            f"{task}, {name}, n = {n}": partial(self.scores, task, name, n)
            for task, name, n in wanted
        }

    def scores(self, task: str, name: str, n: int) -> list[Row]:
        """Train a cell from every seed at every rate: a row for each rate, its scores by seed."""
        import torch

        from gru_sym.experiment.batched import answering, descent, initial, repeated

        what, updates, seeds = TASKS[task], self.tasks[task].updates, range(self.seeds)
        parts = [what.parts(seed, updates * self.batch) for seed in seeds]
        train, validation, test = (
            tuple(torch.stack(arrays).to(self.device) for arrays in zip(*part, strict=True))
            for part in zip(*parts, strict=True)
        )
        start = initial(cell(name), {"m": what.m, "n": n}, what.outputs, seeds)
        copies = len(self.rates)
        stacked = {
            key: repeated(layers.to(self.device, torch.float32), copies)
            for key, layers in start.items()
        }
        answers = answering(cell(name), what.asked)

        def losses(layers: dict[str, torch.Tensor], update: int) -> torch.Tensor:
            now = slice(update * self.batch, (update + 1) * self.batch)
            x, y = (repeated(part[:, :, now], copies) for part in train)
            return what.losses(answers(layers, x), y)

        def scored(layers: dict[str, torch.Tensor], part: tuple[torch.Tensor, ...]) -> list[float]:
            x, y = (repeated(array, copies) for array in part)
            few = torch.split(x, self.batch, 2)  # no more at once than in training
            said = [answers(layers, some) for some in few]
            return [round(score, 6) for score in what.scores(torch.cat(said, 2), y).tolist()]

        rates = torch.tensor(self.rates, device=self.device).repeat_interleave(self.seeds)
        with one_thread():
            for layers in descent(losses, stacked, rates, updates):
                stacked = layers
            with torch.no_grad():
                found = {"validation": scored(stacked, validation), "test": scored(stacked, test)}
        about = {"task": task, "cell": name, "n": n, **counts(name, what.m, n)}
        return [
            {"table": "scores", **about, "rate": rate}
            | {part: every[k * self.seeds : (k + 1) * self.seeds] for part, every in found.items()}
            for k, rate in enumerate(self.rates)
        ]


def counts(name: str, m: int, n: int) -> Row:
    """How many parameters a layer stores, and how many of them count."""
    of = cell(name)
    effective = sp.sympify(effective_count(of).effective).subs({"m": m, "n": n})
    return {"stored": int(of.count(m=m, n=n)), "effective": int(effective)}


SMALL_AND_LARGE = (300, 1000)
FULL = Comparison(
    {
        "rows": TaskPlan(160, SMALL_AND_LARGE),
        "adding": TaskPlan(200, SMALL_AND_LARGE),
        "copy": TaskPlan(200, SMALL_AND_LARGE),
        "pixels": TaskPlan(120, SMALL_AND_LARGE[:1]),
    }
)
"""What `python -m gru_sym experiment` compares."""

MINIATURE = Comparison(
    {"rows": TaskPlan(60, SMALL_AND_LARGE[:1])},
    cells=("gru.pytorch", "lstm.textbook", "rnn.elman"),
    seeds=6,
    rates=(0.03,),
)
"""Seconds instead of minutes: it shows that all runs, and tells little."""
