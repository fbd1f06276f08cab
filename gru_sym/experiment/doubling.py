"""Two biases or their sum: one GRU of one function, trained in both forms, and how they part.

PyTorch's GRU starts from two draws for each bias, the merged one from their sums, so both compute
the same. From then on everything is equal but the number of biases. Under any optimiser that steps
along each coordinate by itself the sum of two moves twice as fast (`gru_sym.experiment.merging`),
so the merged layer with that rate doubled must not part at all: it is the control.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from gru_sym.experiment.comparing import Units
from gru_sym.experiment.merging import bias_sums, merge
from gru_sym.experiment.tasks import TASKS
from gru_sym.experiment.threads import one_thread
from gru_sym.lookup import cell
from gru_sym.records import Row

if TYPE_CHECKING:
    import torch

Answers = Callable[..., Any]

PAIR, MERGED = "gru.pytorch", "gru.merged"
LAYERS = "two biases", "one bias", "one bias, rate doubled"


@dataclass(frozen=True)
class Doubling:
    """How the layers are trained.

    Attributes
    ----------
    rates : the learning rate of each optimiser of `gru_sym.experiment.batched`.
    task, n : what is learnt, and by how many units.
    seeds, updates, batch : how many; the loss is recorded after every `every` updates.
    """

    rates: dict[str, float]
    task: str = "rows"
    n: int = 16
    seeds: int = 25
    updates: int = 240
    every: int = 20
    batch: int = 32
    device: str = field(default="cpu", compare=False)

    def units(self) -> Units:
        """One for each optimiser.

        >>> list(FULL.units())
        ['two biases or one, sgd', 'two biases or one, momentum', 'two biases or one, adam']
        """
        return {f"two biases or one, {name}": partial(self.losses, name) for name in self.rates}

    def losses(self, optimiser: str) -> list[Row]:
        """The held-out losses of the three layers by update and seed, in float64."""
        import torch

        from gru_sym.experiment import batched

        what, seeds = TASKS[self.task], range(self.seeds)
        parts = [what.parts(seed, self.updates * self.batch) for seed in seeds]
        train, held_out = (
            (
                torch.stack([getattr(p, part).x for p in parts]).to(self.device, torch.float64),
                torch.stack([getattr(p, part).y for p in parts]).to(self.device),
            )
            for part in ("train", "validation")
        )
        drawn = batched.initial(cell(PAIR), {"m": what.m, "n": self.n}, what.outputs, seeds)
        drawn = {name: layers.to(self.device) for name, layers in drawn.items()}
        readout = {name: drawn[name] for name in batched.READOUT}
        own = {name: layers for name, layers in drawn.items() if name not in readout}
        summed = merge(cell(PAIR), own) | readout
        double = dict.fromkeys(bias_sums(cell(PAIR)), 2.0)
        rates = torch.full((self.seeds,), self.rates[optimiser], device=self.device).double()

        def losses(answers: Answers, layers: dict[str, torch.Tensor], update: int) -> torch.Tensor:
            now = slice(update * self.batch, (update + 1) * self.batch)
            x, y = (part[:, :, now] for part in train)
            return what.losses(answers(layers, x), y)

        rows = []
        for layer, name, start, factors in zip(
            LAYERS, (PAIR, MERGED, MERGED), (drawn, summed, summed), ({}, {}, double), strict=True
        ):
            answers = batched.answering(cell(name), what.asked)

            run = batched.descent(
                partial(losses, answers),
                start,
                rates,
                self.updates,
                along=getattr(batched, optimiser),
                factors=factors,
                clip=None,
            )
            with one_thread():
                for update, layers in enumerate(run, 1):
                    if update % self.every == 0:
                        with torch.no_grad():
                            found = what.losses(answers(layers, held_out[0]), held_out[1])
                        rows.append(
                            {"table": "two biases", "optimiser": optimiser, "layer": layer}
                            | {"update": update, "loss": [round(v, 12) for v in found.tolist()]}
                        )
        return rows


FULL = Doubling({"sgd": 0.5, "momentum": 0.05, "adam": 0.01})
MINIATURE = Doubling({"sgd": 0.5, "adam": 0.01}, seeds=3, updates=20)
