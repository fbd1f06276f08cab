"""Generated code in layers and both directions, as `Layer` counts them and libraries build them."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from gru_sym.codegen.routine import Routine, generate
from gru_sym.layers import Layer


@dataclass(frozen=True)
class Stack:
    """A layer that runs: each cell of the stack is the generated code of one cell.

    >>> import torch
    >>> from gru_sym.libraries.pytorch import cell_of, named_parameters
    >>> module = torch.nn.GRU(8, 16, num_layers=2, bidirectional=True)
    >>> stack = Stack(cell_of(module)[1], "torch")
    >>> outputs, h = stack.sequence(named_parameters(module), torch.zeros(5, 3, 8))
    >>> outputs.shape, h.shape
    (torch.Size([5, 3, 32]), torch.Size([4, 3, 16]))

    Raises `ValueError` for a layer with a symbolic height, shared cells or trained initial states,
    and for a stack with a state that keeps the input.
    """

    layer: Layer
    library: str = "numpy"

    def __post_init__(self) -> None:
        layer = self.layer
        if not isinstance(layer.num_layers, int):
            raise ValueError(f"a stack that runs has a number of layers, not {layer.num_layers}")
        if layer.learn_initial_state or layer.share_directions or layer.share_layers:
            raise ValueError("a stack that runs has cells of its own and no trained initial states")
        grown = layer.input_above() if layer.num_layers > 1 else {}
        for state in layer.cell.states:
            if layer.cell.symbol(state).shape[0] in grown:
                raise ValueError(
                    f"{state} has the size of its own layer's input, so that the last states of "
                    f"this stack fit into no array; run its layers one by one"
                )

    @cached_property
    def routine(self) -> Routine:
        """The generated code of the cell."""
        return generate(self.layer.cell, self.library)

    def sequence(
        self,
        parameters: Mapping[str, Any],
        x: Any,
        *states: Any,
        batch_first: bool = False,
        lengths: Sequence[int] | None = None,
    ) -> tuple[Any, Any]:
        """The outputs of the top layer, and the last state of every cell.

        Parameters
        ----------
        parameters : by the names of `Layer.parameters`.
        x : (T, ..., m), or (..., T, m) if batch_first.
        states : in the order of `Routine.states`, each (L D, ..., n); none for zeros.
        lengths : for x of shape (T, B, m): how many steps of each of the B sequences count. Each
            runs on its own steps, backwards from its own last one; outputs after it are 0.

        Returns
        -------
        outputs (T, ..., D n), or (..., T, D n) if batch_first; the last state (L D, ..., n), or a
        tuple of them.

        Raises
        ------
        ValueError : naming a parameter that is missing or unknown, an array of another shape, or
            lengths that do not fit.
        """
        arrays = importlib.import_module(self.library)
        if batch_first:
            x = arrays.moveaxis(x, -2, 0)
        self._check(parameters, x, states)
        if lengths is None or not len(lengths):
            outputs, last = self._run(parameters, x, states, arrays)
        else:
            outputs, last = self._run_ragged(parameters, x, states, lengths, arrays)
        if batch_first:
            outputs = arrays.moveaxis(outputs, 0, -2)
        return outputs, last[0] if len(last) == 1 else last

    def _check(self, parameters: Mapping[str, Any], x: Any, states: Sequence[Any]) -> None:
        """That names, and the number and leading axes of the states, are those of the layer."""
        wanted = {parameter.name for parameter in self.layer.parameters}
        for name in sorted(wanted ^ parameters.keys()):
            problem = "is missing" if name in wanted else "is not a parameter of this layer"
            raise ValueError(f"the parameter {name} {problem}")
        names = self.routine.states
        if states and len(states) != len(names):
            raise ValueError(
                f"{len(states)} states are given; expected {', '.join(names)}, or none"
            )
        lead = (int(self.layer.num_layers) * self.layer.directions, *x.shape[1:-1])
        for name, state in zip(names, states, strict=False):
            given = tuple(getattr(state, "shape", ()))
            if given[:-1] != lead:
                expected = (*lead, self.layer.cell.sizes.shapes[name][0])
                raise ValueError(f"{name} has shape {given}; expected {expected}")

    def _run(
        self, parameters: Mapping[str, Any], x: Any, states: Sequence[Any], arrays: ModuleType
    ) -> tuple[Any, tuple[Any, ...]]:
        last: list[tuple[Any, ...]] = []
        for level in range(int(self.layer.num_layers)):
            outputs = []
            for suffix in ("", "_reverse")[: self.layer.directions]:
                own = {
                    p.name: parameters[f"{p.name}_l{level}{suffix}"]
                    for p in self.layer.cell.parameters
                }
                first = [state[len(last)] for state in states]
                ordered = arrays.flip(x, (0,)) if suffix else x
                try:
                    output, final = self.routine.sequence(own, ordered, *first)
                except ValueError as error:
                    raise ValueError(f"in _l{level}{suffix}: {error}") from error
                outputs.append(arrays.flip(output, (0,)) if suffix else output)
                last.append(final if isinstance(final, tuple) else (final,))
            x = arrays.concatenate(outputs, -1)
        return x, tuple(arrays.stack(each) for each in zip(*last, strict=True))

    def _run_ragged(
        self,
        parameters: Mapping[str, Any],
        x: Any,
        states: Sequence[Any],
        lengths: Sequence[int],
        arrays: ModuleType,
    ) -> tuple[Any, tuple[Any, ...]]:
        """Sequences of equal length run together; the results are put back in their order."""
        given = [operator.index(length) for length in lengths]
        steps, batch = x.shape[:2] if x.ndim == 3 else (0, 0)
        if len(given) != batch or not all(1 <= length <= steps for length in given):
            raise ValueError(
                f"lengths {given} do not fit x of shape {tuple(x.shape)}; expected one for each "
                f"sequence of the second axis, from 1 to the number of steps"
            )
        order: list[int] = []
        outputs, last = [], []
        for length in sorted(set(given)):
            rows = [i for i, own in enumerate(given) if own == length]
            order += rows
            some = [state[:, rows] for state in states]
            output, final = self._run(parameters, x[:length, rows], some, arrays)
            nothing = [arrays.zeros_like(output[:1])] * (steps - length)
            outputs.append(arrays.concatenate([output, *nothing], 0))
            last.append(final)
        back = [order.index(i) for i in range(batch)]
        states_back = (arrays.concatenate(each, 1)[:, back] for each in zip(*last, strict=True))
        return arrays.concatenate(outputs, 1)[:, back], tuple(states_back)
