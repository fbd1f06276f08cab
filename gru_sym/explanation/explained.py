"""What was found in a model: its recurrent layers, the rest, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap
from typing import Any

from gru_sym.explanation.contents import Shown, Tensor, distinct
from gru_sym.explanation.recognition import Found
from gru_sym.libraries.stored import StoredLayer
from gru_sym.libraries.texts import title
from gru_sym.render import Table

MAX_LINES = 40
"""The most tensors outside recurrent layers that the text lists; `rest` has them all."""

BY_SHAPES = "found by its shapes alone: its names say nothing"
NO_LAYER = "no recurrent layer was found"


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
        return _trainable(self.tensors)

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


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """A model explained; `print` shows it.

    Attributes
    ----------
    kind : what was explained.
    layers : the recurrent layers.
    rest : the other tensors that count.
    left_out : tensors that do not count, each with what it is instead.
    notes : what a reader should know.
    """

    kind: str
    layers: tuple[ExplainedLayer, ...]
    rest: tuple[Tensor, ...]
    left_out: tuple[tuple[Tensor, str], ...]
    notes: tuple[str, ...]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor that counts."""
        return (*(t for layer in self.layers for t in layer.tensors), *self.rest)

    @property
    def total(self) -> int:
        """How many numbers the model has, tied tensors counted once."""
        return distinct(self.tensors)

    @property
    def trainable(self) -> int | None:
        """How many of them are trained; None where that is not said."""
        return _trainable(self.tensors)

    @property
    def effective(self) -> int | None:
        """The total without what is redundant in each cell; None if that is not known."""
        each = [layer.effective for layer in self.layers]
        shared = sum(layer.stored for layer in self.layers) != distinct(
            [t for layer in self.layers for t in layer.tensors]
        )
        if shared or None in each or any(layer.stored != layer.count for layer in self.layers):
            return None
        return self.total - sum(
            layer.count - int(effective or 0)
            for layer, effective in zip(self.layers, each, strict=True)
        )

    @property
    def tied(self) -> tuple[tuple[str, ...], ...]:
        """The names of tensors that are one."""
        by: dict[Any, list[str]] = {}
        for tensor in self.tensors:
            by.setdefault(tensor.identity, []).append(tensor.name)
        return tuple(tuple(names) for names in by.values() if len(names) > 1)

    @property
    def counts(self) -> str:
        """How many, trained and effective where that is known."""
        trained = "" if self.trainable is None else f", {self.trainable:,} trainable"
        counts = "" if self.effective is None else f", {self.effective:,} effective"
        return f"{self.total:,} parameters{trained}{counts}"

    @property
    def remarks(self) -> list[str]:
        """What is counted once, what not, and the notes; one sentence each."""
        tied = [f"counted once: {' = '.join(names)}" for names in self.tied]
        left = [f"not counted: {count:,} ({what})" for what, count in self._not_counted().items()]
        return [*tied, *left, *self.notes]

    @property
    def listed(self) -> Table:
        """The first of the tensors outside recurrent layers."""
        rows = [(t.name, t.shape, f"{t.count:,}") for t in self.rest[:MAX_LINES]]
        return Table(("tensor", "shape", "count"), rows)

    @property
    def unlisted(self) -> str:
        """That there are more of them."""
        more = len(self.rest) - MAX_LINES
        return f"and {more:,} tensors more" * (more > 0)

    def text(self) -> str:
        """The explanation in a terminal."""
        lines = [f"{self.kind}: {self.counts}"]
        for layer in self.layers:
            lines += ["", *layer.lines()]
        if not self.layers:
            lines.append(NO_LAYER)
        if self.rest:
            lines += ["", f"the rest: {distinct(self.rest):,}"]
            rest = [*str(self.listed).splitlines(), *[self.unlisted] * bool(self.unlisted)]
            lines += [f"    {line}" for line in rest]
        told = len(self.remarks) - len(self.notes)
        lines += self.remarks[:told]
        return "\n".join([*lines, *(line for note in self.notes for line in wrap(note, 80))])

    def _repr_html_(self) -> str:
        from gru_sym.explanation.page import as_html

        return as_html(self)

    def _not_counted(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for tensor, what in self.left_out:
            found[what] = found.get(what, 0) + tensor.count
        return found

    def json(self) -> str:
        """The explanation for programs: one object on one line."""
        about: Mapping[str, Any] = {
            "kind": self.kind,
            "total": self.total,
            "trainable": self.trainable,
            "effective": self.effective,
            "layers": [layer.as_json() for layer in self.layers],
            "rest": {tensor.name: list(tensor.shape) for tensor in self.rest},
            "tied": self.tied,
            "not_counted": self._not_counted(),
            "notes": self.notes,
        }
        return json.dumps(about)


def _trainable(tensors: tuple[Tensor, ...]) -> int | None:
    if any(tensor.trainable is None for tensor in tensors):
        return None
    return distinct([tensor for tensor in tensors if tensor.trainable])
