"""One recurrent layer that was found in a model: what it is, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from gru_sym.explanation.contents import Tensor, distinct, trainable
from gru_sym.explanation.known import KnownLayer
from gru_sym.explanation.recognition import Found
from gru_sym.tables import Table

BY_SHAPES = "found by its shapes alone: its names say nothing"


@dataclass(frozen=True)
class ExplainedLayer:
    """One recurrent layer of a model.

    Attributes
    ----------
    found : its tensors, and every layer of a library that has them.
    """

    found: Found

    @property
    def name(self) -> str:
        """Where it is in the model; "" for the model itself."""
        return self.found.prefix

    @property
    def library(self) -> str:
        """The library whose layer it is, the most usual one where several fit."""
        return self._known.form.title

    @property
    def layer(self) -> str:
        """The layer as that library writes it."""
        return self._known.form.call

    @property
    def cell_id(self) -> str:
        """The cell of the catalogue that it computes."""
        return self._known.form.cell.partition(" ")[0]

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes by the cell's symbols."""
        return dict(self._known.sizes)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Its tensors."""
        return self.found.tensors

    @property
    def stored(self) -> int:
        """How many numbers its tensors hold, each counted once."""
        return distinct(self.tensors)

    @property
    def trainable(self) -> int | None:
        """How many of them are trained; None where that is not said."""
        return trainable(self.tensors)

    @property
    def formula(self) -> str:
        """The count in symbols."""
        return str(self._known.formula)

    @property
    def count(self) -> int:
        """The count by the formula."""
        return self._known.formula.at(self.sizes)

    @property
    def effective(self) -> int | None:
        """How many count, each cell for itself; None where that is not certified for all sizes."""
        redundant = self._known.redundant
        return None if redundant is None else self.count - redundant.at(self.sizes)

    @property
    def gates(self) -> dict[str, dict[str, int]]:
        """The count of every gate, by role, over all levels and directions."""
        return self._known.gates

    @property
    def also(self) -> list[str]:
        """What else its tensors may be."""
        return [fit.name for fit in self.found.fits[1:]]

    @property
    def _known(self) -> KnownLayer:
        return self.found.fits[0]

    @property
    def called(self) -> str:
        """Where it is and what it is: "encoder: PyTorch GRU(bias=True)"."""
        return f"{self.name}: " * bool(self.name) + self._known.name

    @property
    def size(self) -> str:
        """How it is stacked, and its sizes: "2 layers, both directions, m = 64, n = 128"."""
        shape = f"{self._known.levels} layers, " * (self._known.levels != 1)
        shape += "both directions, " * self._known.both
        return shape + ", ".join(f"{name} = {size}" for name, size in self.sizes.items())

    @property
    def by_gate(self) -> Table:
        """The count of every gate, by role."""
        gates = self.gates
        roles = list(dict.fromkeys(role for gate in gates.values() for role in gate))
        rows = [
            (gate, *(f"{own.get(role, 0):,}" for role in roles), f"{sum(own.values()):,}")
            for gate, own in gates.items()
        ]
        return Table(("gate", *roles, "all"), rows)

    @property
    def counts(self) -> str:
        """What is stored, trained and effective."""
        trained = "" if self.trainable is None else f", {self.trainable:,} trainable"
        counts = "" if self.effective is None else f", {self.effective:,} effective (cell by cell)"
        return f"{self.stored:,} stored{trained}{counts}"

    @property
    def difference(self) -> str:
        """Why it stores more or fewer numbers than the formula says; "" where it does not."""
        if self.stored > self.count:
            why = "weight normalisation or pruning keeps a kernel in two tensors"
            return f"more than the formula: {why}"
        return "fewer than the formula: some of its tensors are one" * (self.stored < self.count)

    def lines(self) -> list[str]:
        """The layer in a terminal."""
        lines = [self.size]
        if self.found.evidence == "shapes":
            lines.append(BY_SHAPES)
        lines += str(self.by_gate).splitlines()
        lines += [f"{self.formula} = {self.count:,}", self.counts, *wrap(self.difference, 76)]
        lines += [f"fits as well: {other}" for other in self.also[:6]]
        if len(self.also) > 6:
            lines.append(f"and {len(self.also) - 6} more")
        return [self.called, *(f"    {line}" for line in lines)]

    def as_json(self) -> dict[str, Any]:
        """The layer for programs."""
        own = ("name", "library", "layer", "cell_id", "sizes", "formula", "count", "stored")
        return {name: getattr(self, name) for name in own} | {
            "num_layers": self._known.levels,
            "bidirectional": self._known.both,
            "trainable": self.trainable,
            "effective": self.effective,
            "gates": self.gates,
            "evidence": self.found.evidence,
            "also": self.also,
            "tensors": {tensor.name: list(tensor.shape) for tensor in self.tensors},
        }
