"""One recurrent layer that was found in a model: what it is, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap
from typing import Any

from gru_sym.explanation.contents import Tensor, distinct, trainable
from gru_sym.explanation.recognition import Found
from gru_sym.libraries.stored import StoredLayer
from gru_sym.libraries.texts import title
from gru_sym.render import Table

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
        return title(self.found.fits[0].library)

    @property
    def layer(self) -> str:
        """The layer as that library writes it."""
        return self.found.fits[0].call

    @property
    def cell_id(self) -> str:
        """The cell of the catalogue that it computes."""
        return self._stored.cell_id

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes by the cell's symbols."""
        return dict(self._stored.sizes)

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
        return str(self._stored.layer.count())

    @property
    def count(self) -> int:
        """The count by the formula."""
        return int(self._stored.count)

    @cached_property
    def effective(self) -> int | None:
        """How many count, each cell for itself; None where that is not certified for all sizes."""
        from gru_sym.certificates.effective import effective_count

        layer = self._stored.layer
        certified = effective_count(layer.cell)
        if not certified.certified or certified.condition:
            return None
        redundant = certified.redundancy
        levels = range(int(layer.num_layers))
        each = [int(redundant.count(**layer.sizes_at(level, self.sizes))) for level in levels]
        return self.count - layer.directions * sum(each)

    @property
    def gates(self) -> dict[str, dict[str, int]]:
        """The count of every gate, by role, over all levels and directions."""
        found: dict[str, dict[str, int]] = {}
        for parameter in self._stored.layer.parameters:
            gate = found.setdefault(parameter.gate, {})
            count = int(parameter.count.subs(self.sizes))
            gate[parameter.role] = gate.get(parameter.role, 0) + count
        return found

    @property
    def also(self) -> list[str]:
        """What else its tensors may be."""
        return [f"{title(fit.library)} {fit.call}" for fit in self.found.fits[1:]]

    @property
    def _stored(self) -> StoredLayer:
        return self.found.fits[0].stored

    @property
    def called(self) -> str:
        """Where it is and what it is: "encoder: PyTorch GRU(bias=True)"."""
        return f"{self.name}: " * bool(self.name) + f"{self.library} {self.layer}"

    @property
    def size(self) -> str:
        """How it is stacked, and its sizes: "2 layers, both directions, m = 64, n = 128"."""
        layer = self._stored.layer
        shape = f"{layer.num_layers} layers, " * (layer.num_layers != 1)
        shape += "both directions, " * layer.bidirectional
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
        layer = self._stored.layer
        return {name: getattr(self, name) for name in own} | {
            "num_layers": layer.num_layers,
            "bidirectional": layer.bidirectional,
            "trainable": self.trainable,
            "effective": self.effective,
            "gates": self.gates,
            "evidence": self.found.evidence,
            "also": self.also,
            "tensors": {tensor.name: list(tensor.shape) for tensor in self.tensors},
        }
