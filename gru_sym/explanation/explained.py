"""What was found in a model: its recurrent layers, the rest, and what they come to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gru_sym.explanation.contents import Contents, Shown, Tensor, distinct, trainable

if TYPE_CHECKING:
    from gru_sym.explanation.explained_layer import ExplainedLayer
    from gru_sym.tables import Table

MAX_LINES = 40
"""The most tensors outside recurrent layers that the text lists; `rest` has them all."""

NO_LAYER = "no recurrent layer was found"

STATISTICS = re.compile(r"(?:.*[./])?(?:running_mean|running_var|num_batches_tracked)")
"""What batch normalisation in PyTorch keeps beside its parameters, as a state dict names it."""


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """A model explained; `print` shows it.

    The total and what is trained are there at once; the layers are found when they are first asked
    for, since to know them takes SymPy.

    Attributes
    ----------
    contents : the tensors and what else the model says.
    """

    contents: Contents

    @property
    def kind(self) -> str:
        """What was explained."""
        return self.contents.kind

    @property
    def layers(self) -> tuple[ExplainedLayer, ...]:
        """The recurrent layers."""
        return self._found[0]

    @property
    def rest(self) -> tuple[Tensor, ...]:
        """The other tensors that count."""
        return self._found[1]

    @cached_property
    def left_out(self) -> tuple[tuple[Tensor, str], ...]:
        """Tensors that do not count, each with what it is instead."""
        own = [t for t in self.contents.tensors if STATISTICS.fullmatch(t.name)]
        statistics = ((tensor, "statistics of batch normalisation") for tensor in own)
        return (*self.contents.left_out, *statistics)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        convolving = (
            f"{tensor.name[:80]} {tensor.shape} belongs to a layer that convolves its state, such "
            "as ConvLSTM: no equation here says that, and its numbers are counted with the rest"
            for tensor in self.tensors
            if tensor.name.endswith("recurrent_kernel") and len(tensor.shape) > 2
        )
        return (*self.contents.notes, *convolving)

    @cached_property
    def _found(self) -> tuple[tuple[ExplainedLayer, ...], tuple[Tensor, ...]]:
        from gru_sym.explanation.explained_layer import ExplainedLayer
        from gru_sym.explanation.recognition import find

        layers, rest = find(self.contents, self.tensors)
        return tuple(map(ExplainedLayer, layers)), tuple(rest)

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor that counts."""
        return tuple(t for t in self.contents.tensors if not STATISTICS.fullmatch(t.name))

    @property
    def total(self) -> int:
        """How many numbers the model has, tied tensors counted once."""
        return distinct(self.tensors)

    @property
    def trainable(self) -> int | None:
        """How many of them are trained; None where that is not said."""
        return trainable(self.tensors)

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
        from gru_sym.tables import Table

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
