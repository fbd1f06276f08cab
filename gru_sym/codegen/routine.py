"""Generated code, ready to run."""

from __future__ import annotations

import itertools
import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from gru_sym.cells import Cell
from gru_sym.codegen.dialects import LIBRARIES
from gru_sym.codegen.listing import Listing
from gru_sym.codegen.source import output_first, source

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Routine:
    """The functions that a cell became.

    Attributes
    ----------
    cell : what they compute.
    library : "numpy" or "torch".
    source : their text.
    step : step(parameters, x, h, ...) -> the next state, or a tuple of the next states.
    sequence : sequence(parameters, x, h=None, ..., batch_first=False) -> (outputs, last state), or
        (outputs, tuple of the last states).
    states : the names of the states in the order in which the functions take and return them.
    """

    cell: Cell
    library: str
    source: Listing
    step: Callable[..., Any]
    sequence: Callable[..., Any]
    states: tuple[str, ...]


def generate(cell: Cell, library: str = "numpy") -> Routine:
    r"""Turn the equations of a cell into functions of NumPy or PyTorch.

    >>> import numpy as np
    >>> from gru_sym import Cell
    >>> routine = generate(Cell("h' = tanh(W @ x + U @ h)"))
    >>> parameters = {"W": np.ones((2, 3)), "U": np.eye(2)}
    >>> outputs, h = routine.sequence(parameters, np.zeros((5, 4, 3)))  # 5 steps, 4 in the batch
    >>> outputs.shape, h.shape
    ((5, 4, 2), (4, 2))
    >>> routine.step(parameters, np.zeros(3), np.ones(2)).round(4)
    array([0.7616, 0.7616])
    >>> generate(Cell("c' = tanh(W @ x) + c\nh' = tanh(c')")).states  # as the step takes them
    ('h', 'c')

    The same in PyTorch, with gradients; and what does not fit is refused:

    >>> import torch
    >>> kernels = {"W": torch.ones(2, 3, requires_grad=True), "U": torch.eye(2)}
    >>> generate(Cell("h' = tanh(W @ x + U @ h)"), "torch").step(
    ...     kernels, torch.ones(3), torch.zeros(2)).sum().backward()
    >>> kernels["W"].grad.shape
    torch.Size([2, 3])
    >>> routine.step({"W": np.ones((2, 4)), "U": np.eye(2)}, np.zeros(3), np.ones(2))
    Traceback (most recent call last):
    ValueError: x has shape (3,); expected (4,), as m is 4 in W

    Parameters and vectors are arrays of one floating-point dtype, with any batch axes in front of
    the features. A matrix of the equations is an array (rows, columns), a vector an array (size,).
    The text stands in `Routine.source`; it imports the library and nothing else.

    Raises
    ------
    ValueError : for another library.
    CellError : for a matrix that is another one at each step.

    The functions themselves raise `ValueError` (`TypeError` for what is no array) and name the
    array, its shape or dtype, and the expected one.
    """
    if library not in LIBRARIES:
        raise ValueError(f"code runs here in {' or '.join(LIBRARIES)}, not in {library!r}")
    return _generate(cell, cell.name, library)


@cache
def _generate(cell: Cell, _name: str, library: str) -> Routine:
    """Once for each cell and name: torch.compile knows a function by its identity."""
    text = source(cell, library)
    name = f"gru_sym_generated_{next(_numbers)}"
    file = f"<{name}: {cell.name} in {library}>"
    # Kept where Python looks for source lines, so that a traceback shows them, and where it looks
    # for modules, so that torch.compile can go into a function that calls one of these.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module = ModuleType(name)
    exec(compile(text, file, "exec"), module.__dict__)  # noqa: S102
    sys.modules[name] = module
    return Routine(cell, library, text, module.step, module.sequence, output_first(cell))
