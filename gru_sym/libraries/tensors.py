"""Parameters in tensors: where each block lies, taken out as a view and put together again."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from gru_sym.libraries.fitting import axis_of, solve
from gru_sym.libraries.layout_text import Block, TensorLine

Shape = tuple[Any, ...]
"""The axes of an array: integers or SymPy expressions."""


@dataclass(frozen=True)
class Arrangement:
    """The shape of a tensor, and where each of its blocks lies."""

    shape: Shape
    places: tuple[tuple[Block, tuple[Any, ...]], ...]


def arrange(line: TensorLine, shapes: Mapping[str, Shape]) -> Arrangement:
    """Lay out the blocks of a tensor, given the shapes of its parameters.

    >>> line = TensorLine(1, "bias", ((Block("b"), Block("c")), (Block("d"), Block("e"))))
    >>> arrange(line, dict.fromkeys("bcde", (3,))).shape
    (2, 6)

    Raises `ValueError` for blocks that do not fit together.
    """
    axes = {len(shapes[name]) for name in line.parameters}
    if len(axes) > 1 or (0 in axes and len(line.parameters) > 1):
        raise ValueError(
            f"{line.name} would hold {_listed(line, shapes)}; all must be kernels, or all vectors"
        )
    count = axes.pop()
    last = line.units_last or count == 1
    if line.units_last and count != 2:
        how = "transposed" if line.transposed else "reshaped"
        raise ValueError(f"{line.name} holds {_listed(line, shapes)}; only a kernel is {how}")
    if count == 0:
        return Arrangement((), ((Block(line.parameters[0]), (...,)),))
    places: list[tuple[Block, tuple[Any, ...]]] = []
    totals, others = [], 0
    for row, blocks in enumerate(line.rows):
        units, (first, *across) = 0, shapes[blocks[0].parameter]
        for position, block in enumerate(blocks):
            size, *other = shapes[block.parameter]
            if other != across or (line.interleaved and size != first):
                raise ValueError(
                    f"{line.name} would hold {_listed(line, shapes)}; blocks with | between them "
                    f"must be equally long on the other axis"
                    + ", and here on both"
                    * line.interleaved
                )
            along = (
                slice(position, None, len(blocks))
                if line.interleaved
                else slice(units, units + size)
            )
            index: tuple[Any, ...] = (along,)
            if count == 2:
                index = (along, slice(others, others + other[0]))
            elif len(line.rows) > 1:
                index = (along, row)
            places.append((block, index[::-1] if last else index))
            units += size
        totals.append(units)
        others += across[0] if across else 1
    if len(set(totals)) > 1:
        raise ValueError(
            f"{line.name} would hold {_listed(line, shapes)}; rows with / between them must have "
            f"equally many units"
        )
    shape = (totals[0],) if count == 1 and len(line.rows) == 1 else (totals[0], others)
    return Arrangement(shape[::-1] if last else shape, tuple(places))


def take(tensor: Any, line: TensorLine, arrangement: Arrangement) -> dict[str, Any]:
    """The parameters of a tensor, as views where nothing is to be computed."""
    return {
        block.parameter: _stored_in(_turned(tensor[index], line), block)
        for block, index in arrangement.places
    }


def _turned(part: Any, line: TensorLine) -> Any:
    """A kernel, from what a tensor has of it or the other way round."""
    if line.reshaped:
        return part.reshape(tuple(part.shape)[::-1])
    return part.T if line.transposed else part


def _stored_in(part: Any, block: Block) -> Any:
    if block.constant:
        part = part - float(block.constant)
    return part if block.factor == 1 else part / float(block.factor)


def assemble(line: TensorLine, arrays: Mapping[str, Any]) -> Any:
    """The tensor, from its parameters."""
    library = array_library(arrays[line.parameters[0]])
    units = 1 if line.units_last else 0
    rows = []
    for blocks in line.rows:
        parts = [_turned(_to_store(arrays[block.parameter], block), line) for block in blocks]
        if line.interleaved:
            shape = list(parts[0].shape)
            shape[units] *= len(parts)
            rows.append(library.stack(parts, units + 1).reshape(tuple(shape)))
        else:
            rows.append(parts[0] if len(parts) == 1 else library.concatenate(parts, units))
    if len(rows) == 1:
        return rows[0]
    return library.stack(rows) if rows[0].ndim == 1 else library.concatenate(rows, 1 - units)


def _to_store(array: Any, block: Block) -> Any:
    if block.factor != 1:
        array = array * float(block.factor)
    return array + float(block.constant) if block.constant else array


def array_library(array: Any) -> Any:
    """The module that an array is of: numpy, torch, jax.numpy."""
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return importlib.import_module(type(array).__module__.partition(".")[0])


def solve_sizes(
    wanted: Mapping[str, Shape], given: Mapping[str, tuple[int, ...]], known: Mapping[str, int]
) -> dict[str, int]:
    """The sizes at which arrays have the shapes that they have.

    >>> m, n = sp.symbols("m n")
    >>> wanted = {"kernel": (m, 3 * n), "bias": (3 * n,)}
    >>> solve_sizes(wanted, {"kernel": (5, 12), "bias": (12,)}, {})
    {'m': 5, 'n': 4}

    Raises `ValueError` for a name or a shape that is wrong.
    """
    for name in sorted(wanted.keys() ^ given.keys()):
        problem = "is missing" if name in wanted else f"is not one of {', '.join(wanted)}"
        raise ValueError(f"{name} {problem}")
    sizes = dict(known)
    axes = [
        (axis_of(str(sp.expand(axis))), number)
        for name, shape in wanted.items()
        if len(shape) == len(given[name])
        for axis, number in zip(shape, given[name], strict=True)
    ]
    solve(axes, sizes)
    for name, shape in wanted.items():
        right = tuple(sp.sympify(axis).subs(sizes) for axis in shape)
        if right != tuple(given[name]):
            at = ", ".join(f"{size} = {value}" for size, value in sizes.items())
            raise ValueError(
                f"{name} has shape {tuple(given[name])}; it must have {right}"
                + f", with {at}" * bool(at)
            )
    return sizes


def _listed(line: TensorLine, shapes: Mapping[str, Shape]) -> str:
    names: Iterable[str] = dict.fromkeys(line.parameters)
    return ", ".join(f"{name} {shapes[name]}" for name in names)
