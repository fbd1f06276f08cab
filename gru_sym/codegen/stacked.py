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

    Raises `ValueError` for a layer with a symbolic height, shared cells or trained initial states.
    """

    layer: Layer
    library: str = "numpy"

    def __post_init__(self) -> None:
        layer = self.layer
        if not isinstance(layer.num_layers, int):
            raise ValueError(f"a stack that runs has a number of layers, not {layer.num_layers}")
        if layer.learn_initial_state or layer.share_directions or layer.share_layers:
            raise ValueError("a stack that runs has cells of its own and no trained initial states")
        if layer.cell.sizes.has_windows and layer.num_layers != 1:
            raise ValueError(
                f"{layer.name} reads windows, and a layer hands on one output at a step; run its "
                "layers one by one, and make windows of the outputs of each"
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
        inputs: Sequence[Any] = (),
        constants: Mapping[str, Any] | None = None,
        batch_first: bool = False,
        lengths: Sequence[int] | None = None,
    ) -> tuple[Any, Any]:
        """The outputs of the top layer, and the last state of every cell.

        Parameters
        ----------
        parameters : by the names of `Layer.parameters`.
        x : (T, ..., m), or (..., T, m) if batch_first.
        states : in the order of `Routine.states`, each (L D, ..., n); none for zeros. A state of
            the size of its own layer's input, such as p in `p' = x`, is L D arrays in a tuple.
        inputs : the further inputs of the cell, in their order, with the axes of x; every layer
            reads them.
        constants : by name, the same for every layer.
        lengths : for x of shape (T, B, m): how many steps of each of the B sequences count. Each
            runs on its own steps, backwards from its own last one; outputs after it are 0.

        Returns
        -------
        outputs (T, ..., D n), or (..., T, D n) if batch_first, n where the directions are merged;
        the last state (L D, ..., n), or a tuple of them, each as it is given.

        Raises
        ------
        ValueError : naming a parameter that is missing or unknown, an array of another shape, or
            lengths that do not fit.
        """
        arrays = importlib.import_module(self.library)
        read = [arrays.moveaxis(each, -2, 0) if batch_first else each for each in (x, *inputs)]
        self._check(parameters, constants, read, states)
        run = _Run(self, parameters, constants, arrays)
        cells = [list(state) for state in states]
        if lengths is None or not len(lengths):
            outputs, last = run.together(read, cells)
        else:
            outputs, last = run.ragged(read, cells, lengths)
        if batch_first:
            outputs = arrays.moveaxis(outputs, 0, -2)
        whole = [
            tuple(cells) if name in self._grown else arrays.stack(cells)
            for name, cells in zip(self.routine.states, last, strict=True)
        ]
        return outputs, whole[0] if len(whole) == 1 else tuple(whole)

    @cached_property
    def _grown(self) -> frozenset[str]:
        """The states that have another size above the first layer."""
        above = self.layer.input_above() if self.layer.num_layers != 1 else {}
        cell = self.layer.cell
        return frozenset(state for state in cell.states if cell.symbol(state).shape[0] in above)

    def _check(
        self,
        parameters: Mapping[str, Any],
        constants: Mapping[str, Any] | None,
        read: Sequence[Any],
        states: Sequence[Any],
    ) -> None:
        """That names, and the number and leading axes of the states, are those of the layer."""
        wanted = {parameter.name for parameter in self.layer.parameters}
        for name in sorted(wanted ^ parameters.keys()):
            problem = "is missing" if name in wanted else "is not a parameter of this layer"
            raise ValueError(f"the parameter {name} {problem}")
        further, given = self.layer.cell.inputs[1:], len(read) - 1
        if given != len(further):
            raise ValueError(
                f"{given} further inputs are given; expected {', '.join(further) or 'none'}"
            )
        if constants and not self.layer.cell.constants:
            raise ValueError(f"{self.layer.cell.name} has no constants")
        names = self.routine.states
        if states and len(states) != len(names):
            raise ValueError(
                f"{len(states)} states are given; expected {', '.join(names)}, or none"
            )
        lead = (int(self.layer.num_layers) * self.layer.directions, *read[0].shape[1:-1])
        for name, state in zip(names, states, strict=False):
            if name in self._grown:
                if not isinstance(state, (tuple, list)) or len(state) != lead[0]:
                    raise ValueError(f"{name} must be a tuple of {lead[0]} arrays, one a cell")
                continue
            shape = tuple(getattr(state, "shape", ()))
            if shape[:-1] != lead:
                expected = (*lead, self.layer.cell.sizes.shapes[name][0])
                raise ValueError(f"{name} has shape {shape}; expected {expected}")


@dataclass(frozen=True)
class _Run:
    """One call of a stack: what all of its cells have in common."""

    stack: Stack
    parameters: Mapping[str, Any]
    constants: Mapping[str, Any] | None
    arrays: ModuleType

    def together(
        self, read: Sequence[Any], states: Sequence[Sequence[Any]]
    ) -> tuple[Any, list[list[Any]]]:
        """The outputs, and for every state the last ones of all cells."""
        layer, arrays = self.stack.layer, self.arrays
        x, *further = read
        last: list[tuple[Any, ...]] = []
        for level in range(int(layer.num_layers)):
            outputs = []
            for suffix in ("", "_reverse")[: layer.directions]:
                own = {
                    p.name: self.parameters[f"{p.name}_l{level}{suffix}"]
                    for p in layer.cell.parameters
                }
                first = [state[len(last)] for state in states]
                ordered = [arrays.flip(each, (0,)) if suffix else each for each in (x, *further)]
                try:
                    output, final = self.stack.routine.sequence(
                        own, *self._constants, *ordered, *first
                    )
                except ValueError as error:
                    raise ValueError(f"in _l{level}{suffix}: {error}") from error
                outputs.append(arrays.flip(output, (0,)) if suffix else output)
                last.append(final if isinstance(final, tuple) else (final,))
            x = self._merged(outputs)
        return x, [list(each) for each in zip(*last, strict=True)]

    @property
    def _constants(self) -> list[Mapping[str, Any]]:
        return [self.constants or {}] if self.stack.layer.cell.constants else []

    def _merged(self, outputs: list[Any]) -> Any:
        """What the layer hands on, of the outputs of one direction or both."""
        merge = self.stack.layer.merge
        if merge == "concat":
            return self.arrays.concatenate(outputs, -1)
        forward, backward = outputs
        if merge == "mul":
            return forward * backward
        both = forward + backward
        return both if merge == "sum" else both * 0.5

    def ragged(
        self, read: Sequence[Any], states: Sequence[Sequence[Any]], lengths: Sequence[int]
    ) -> tuple[Any, list[list[Any]]]:
        """Sequences of equal length run together; the results are put back in their order."""
        arrays, x = self.arrays, read[0]
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
            some = [[each[rows] for each in state] for state in states]
            output, final = self.together([each[:length, rows] for each in read], some)
            nothing = [arrays.zeros_like(output[:1])] * (steps - length)
            outputs.append(arrays.concatenate([output, *nothing], 0))
            last.append(final)
        back = [order.index(i) for i in range(batch)]
        states_back = [
            [arrays.concatenate(parts, 0)[back] for parts in zip(*state, strict=True)]
            for state in zip(*last, strict=True)
        ]
        return arrays.concatenate(outputs, 1)[:, back], states_back
