"""What the cells are compared on: two readings of handwritten digits, and two tasks with answers.

A task gives sequences and what is to be said at their last steps; everything it draws is drawn from
a seed, so two cells of one seed see the same numbers in the same order. torch is imported when it
is needed, scikit-learn by the digits alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Generator, Tensor

DIGITS = {"train": 1200, "validation": 297, "test": 300}
"""How many of the 1,797 images each part has. The test part is one and the same for every seed, so
that no choice has seen it; which of the others are trained on, the seed decides."""

HELD_OUT = 512
"""Sequences of the other tasks for validation, and as many for the test."""


class Part(NamedTuple):
    """Sequences x (T, N, m), and y: a class (steps, N), or a number (steps, N)."""

    x: Tensor
    y: Tensor


class Parts(NamedTuple):
    """One seed's numbers: what is trained on, in order, and what is kept back."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True)
class Task:
    """A task, with what someone scores on it who has learnt nothing.

    Attributes
    ----------
    name : in words.
    m, steps : entries of the input at a step, and steps of a sequence.
    outputs : numbers that a readout gives at a step: one for each class, or 1.
    asked : at how many of the last steps an answer is asked for.
    draw : draw(generator, count) -> the parts, with `count` sequences to train on.
    score_of : "accuracy", the share of answers that are right; or "variance explained", which is
        1 - MSE / Var y.
    chance : the best score without looking at the input.
    """

    name: str
    m: int
    steps: int
    outputs: int
    asked: int
    draw: Callable[[Generator, int], Parts]
    score_of: str
    chance: float

    def parts(self, seed: int, count: int) -> Parts:
        """The numbers of a seed.

        >>> parts = TASKS["adding"].parts(seed=0, count=96)
        >>> parts.train.x.shape, parts.train.y.shape, parts.test.x.shape
        (torch.Size([10, 96, 2]), torch.Size([1, 96]), torch.Size([10, 512, 2]))
        """
        import torch

        return self.draw(torch.Generator().manual_seed(seed), count)

    def losses(self, answers: Tensor, y: Tensor) -> Tensor:
        """The mean loss of answers (..., asked, N, outputs) where y (..., asked, N) is right.

        It has one number for each of the first axes: cross entropy in nats for classes, the
        mean square for numbers.
        """
        import torch

        if self.score_of == "accuracy":
            right = answers.log_softmax(-1).gather(-1, y[..., None])
            return -right.flatten(-3).mean(-1)
        return torch.square(answers[..., 0] - y).flatten(-2).mean(-1)

    def scores(self, answers: Tensor, y: Tensor) -> Tensor:
        """The score of answers, as `losses` takes them; more is better, 1 is all right."""
        if self.score_of == "accuracy":
            return (answers.argmax(-1) == y).double().flatten(-2).mean(-1)
        return 1 - self.losses(answers, y).double() / VARIANCE


# Handwritten digits

ROWS, PIXELS = (8, 8), (64, 1)


@cache
def _images() -> tuple[Tensor, Tensor]:
    """The images (1797, 64) between 0 and 1, and what they show; shuffled, once for all seeds."""
    import torch
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return torch.from_numpy(images)[order].float() / 16, torch.from_numpy(labels)[order].long()


def digits(shape: tuple[int, int], generator: Generator, count: int) -> Parts:
    """Images as sequences of rows or of pixels; to train on, `count` of them, epoch after epoch."""
    import torch

    images, labels = _images()
    kept_back = DIGITS["test"]
    test = torch.arange(kept_back)
    order = kept_back + torch.randperm(len(images) - kept_back, generator=generator)
    train, validation = torch.split(order, [DIGITS["train"], DIGITS["validation"]])
    epochs = math.ceil(count / len(train))
    again = [train[torch.randperm(len(train), generator=generator)] for _ in range(epochs)]

    def part(chosen: Tensor) -> Part:
        return Part(images[chosen].view(-1, *shape).transpose(0, 1), labels[chosen][None])

    return Parts(part(torch.cat(again)[:count]), part(validation), part(test))


# Copy memory: some symbols, a silence, a signal for each symbol to be said

SYMBOLS, KEPT, SILENCE = 4, 3, 4


def copy_memory(generator: Generator, count: int) -> Parts:
    """Say again, at the last steps, what was shown at the first ones."""

    def part(number: int) -> Part:
        import torch

        shown = torch.randint(SYMBOLS, (KEPT, number), generator=generator)
        silence, signal = torch.tensor([SYMBOLS, SYMBOLS + 1])
        rest = [silence.expand(SILENCE, number), signal.expand(KEPT, number)]
        x = torch.nn.functional.one_hot(torch.cat([shown, *rest]), SYMBOLS + 2).float()
        return Part(x, shown)

    return Parts(part(count), part(HELD_OUT), part(HELD_OUT))


# Adding: two numbers of many are marked, and their sum is asked for

ADDED_OVER = 10
VARIANCE = 1 / 6
"""Of the sum of two independent numbers, uniform between 0 and 1: 1/12 + 1/12. It is the mean
square of an answer that is always 1."""


def adding(generator: Generator, count: int) -> Parts:
    """One of the marked numbers is in the first half, the other in the second."""

    def part(number: int) -> Part:
        import torch

        half = ADDED_OVER // 2
        values = torch.rand((ADDED_OVER, number), generator=generator)
        places = torch.randint(half, (2, number), generator=generator)
        marks = torch.zeros(ADDED_OVER, number)
        marks.scatter_(0, places + torch.tensor([[0], [half]]), 1.0)
        return Part(torch.stack([values, marks], -1), (values * marks).sum(0)[None])

    return Parts(part(count), part(HELD_OUT), part(HELD_OUT))


_COPY = KEPT + SILENCE + KEPT
TASKS = {
    "rows": Task("rows", 8, 8, 10, 1, partial(digits, ROWS), "accuracy", 1 / 10),
    "pixels": Task("pixels", 1, 64, 10, 1, partial(digits, PIXELS), "accuracy", 1 / 10),
    "copy": Task("copy", SYMBOLS + 2, _COPY, SYMBOLS, KEPT, copy_memory, "accuracy", 1 / SYMBOLS),
    "adding": Task("adding", 2, ADDED_OVER, 1, 1, adding, "variance explained", 0.0),
}
"""The tasks by name."""
