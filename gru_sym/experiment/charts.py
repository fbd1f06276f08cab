"""The two figures of the experiment, for a page of 390 pixels and more; matplotlib when drawn."""

from __future__ import annotations

from typing import Any

from gru_sym.experiment.comparing import CELLS
from gru_sym.experiment.doubling import LAYERS
from gru_sym.experiment.verdicts import LSTM, Compared, compared, partings
from gru_sym.records import Record
from gru_sym.render import Drawing, drawing

ORANGE, BLUE = "#d55e00", "#3f8fd2"
"""Told apart by colour-blind eyes, and seen on a light and on a dark page."""

WIDTH = 4.6
"""Inches of a figure."""

OPTIMISERS = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam"}


def differences(record: Record, by: str = "stored") -> Drawing:
    """Each cell's scores minus the LSTM's within every budget, a panel for each task."""
    import matplotlib.pyplot as plt

    every = [c for c in compared(record) if c.by == by and c.other == LSTM]
    tasks = list(dict.fromkeys(c.task for c in every))
    budgets = sorted({c.budget for c in every})
    marks = dict(zip(budgets, ((ORANGE, "o", 0.16), (BLUE, "s", -0.16)), strict=False))
    figure, panels = plt.subplots(
        len(tasks), figsize=(WIDTH, 2.6 * len(tasks)), layout="constrained", squeeze=False
    )
    for axes, task in zip(panels[:, 0], tasks, strict=True):
        _points(axes, [c for c in every if c.task == task], marks)
    panels[-1, 0].set_xlabel("score minus the LSTM's")
    for budget, (colour, mark, _) in marks.items():
        panels[0, 0].plot([], [], color=colour, marker=mark, label=f"{budget} parameters")
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return drawing(
        figure,
        "For each task and budget the difference of every cell's score to the LSTM's, with its"
        " interval. Filled marks are told from zero, and are those named better or worse in the"
        " table.",
    )


def _points(axes: Any, every: list[Compared], marks: dict[int, tuple[str, str, float]]) -> None:
    names = [name for name in CELLS if name != LSTM]
    axes.axvline(0, color="#000000", linewidth=0.8)
    for c in every:
        colour, mark, up = marks[c.budget]
        place = len(names) - names.index(c.cell) + up
        axes.plot(c.difference[1:], [place, place], color=colour, linewidth=1.5)
        style = {"color": colour, "marker": mark, "markersize": 5, "linestyle": ""}
        face = colour if c.difference.side else "none"
        axes.plot(c.difference.median, place, markerfacecolor=face, **style)
    axes.set_yticks(range(len(names), 0, -1), [CELLS[name] for name in names])
    axes.set_title(every[0].task, loc="left", fontsize=10)
    axes.locator_params(axis="x", nbins=5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def parting(record: Record) -> Drawing:
    """The loss with two biases over that with their sum, update by update, and the control."""
    import matplotlib.pyplot as plt

    told = dict.fromkeys(row["optimiser"] for row in record.table("two biases"))
    figure, panels = plt.subplots(
        len(told), figsize=(WIDTH, 1.9 * len(told)), layout="constrained", sharex=True
    )
    for axes, optimiser in zip(panels, told, strict=True):
        found = partings(record, optimiser)
        median, lower, upper = (
            [100 * one for one in column] for column in zip(*found.values(), strict=True)
        )
        control = [100 * one.median for one in partings(record, optimiser, LAYERS[2]).values()]
        axes.fill_between(list(found), lower, upper, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(list(found), median, color=BLUE, linewidth=2, label="same rate")
        style = {"color": ORANGE, "linestyle": "--", "linewidth": 2}
        axes.plot(list(found), control, **style, label="one bias at twice the rate")
        axes.set_ylim(-10, 10)
        axes.set_title(OPTIMISERS[optimiser], loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[len(told) // 2].set_ylabel("loss with two biases,\nper cent above one bias")
    panels[-1].set_xlabel("update")
    panels[0].legend(frameon=False, fontsize=9, loc="upper left", ncols=2)
    return drawing(
        figure,
        "The held-out loss of the GRU with two biases relative to the one with their sum, under"
        " three optimisers. In the first updates it is lower under each; under Adam the seeds"
        " scatter later. With the rate of the sum doubled, the two losses are the same.",
    )
