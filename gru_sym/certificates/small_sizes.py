"""The small sizes whose exact ranks a theorem carries to all: how often indices must occur."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, product
from math import prod

from gru_sym.certificates.fixing import Rule
from gru_sym.certificates.system import System
from gru_sym.certificates.tensors import Tensor
from gru_sym.language.unification import Size


def base_sizes(
    system: System,
    rule: Rule = (),
    tensors: Iterable[Tensor] = (),
    divided: Mapping[str, Size] | None = None,
) -> dict[str, int]:
    """B: how often each size symbol occurs in the shape of one parameter, and at least once.

    A tensor counts as one parameter with three indices, in the place of its kernels. Of a size that
    is `divided` into blocks it is the share of one, and beside it how many blocks there are.

    >>> from gru_sym import cell
    >>> base_sizes(System.of(cell("gru.pytorch")))
    {'m': 1, 'n': 2}
    """
    kernels = frozenset().union(*(tensor.kernels for tensor in tensors))
    own = [name for name in system.parameters if name not in kernels]
    full: list[tuple[Size, ...]] = [system.shapes[k] for k in own if k not in system.blocks]
    full += [sides for tensor in tensors for sides in tensor.sides(system)]
    indices = [*full, *(system.shapes[name] for name in own if name in system.blocks)]
    alone = [(size,) for name in (*system.data, *system.constants) for size in system.shapes[name]]
    most: dict[str, int] = {}
    for each in (*indices, *alone):
        for size, times in Counter(each).items():
            if isinstance(size, str):
                most[size] = max(most.get(size, 1), times)
    divided = divided or {}
    for number in {each for each in divided.values() if isinstance(each, str)}:
        # Both indices of a kernel of blocks lie in the same one.
        axes = (sum(divided.get(str(size)) == number for size in shape) for shape in full)
        most[number] = max((1, *axes))
    for fixed in rule:
        for size in fixed.anchors(system.shapes):
            most[size] += 1
            if isinstance(blocks := divided.get(size), str):
                most[blocks] += 1
    inner = {f.inner for f in system.factors.values() if isinstance(f.inner, str)}
    return dict(sorted((most | {size: _generic(system, size, most) for size in inner}).items()))


def _generic(system: System, inner: str, most: Mapping[str, int]) -> int:
    """The inner size from which on all small parts of products of kernels are any matrices."""
    rows: dict[str, int] = {}
    columns: dict[str, int] = {}
    for name, factors in system.factors.items():
        if factors.inner == inner:
            above, below = (_at(size, most) for size in system.shapes[name])
            rows[factors.left], columns[factors.right] = above, below
    return min(sum(rows.values()), sum(columns.values()))


def divided_sizes(system: System) -> dict[str, Size] | None:
    """How many blocks each size is divided into; None where that is not one number for each."""
    found: dict[str, Size] = {}
    plain = {size for shape in system.shapes.values() for size in shape}
    for name, number in system.blocks.items():
        for size in system.shapes[name]:
            if number in plain - {1} or (isinstance(size, int) and isinstance(number, str)):
                return None
            if isinstance(size, str) and found.setdefault(size, number) != number:
                return None
    return found


def multiplied(shares: Mapping[str, int], divided: Mapping[str, Size]) -> dict[str, int]:
    """The sizes, where some are given as the share of one block."""
    return {size: each * _at(divided.get(size, 1), shares) for size, each in shares.items()}


def inner_sizes(
    system: System, tensors: Iterable[Tensor], base: Mapping[str, int]
) -> dict[str, int]:
    """Inner sizes of tensors that nothing else has: from these on all small tensors occur."""
    found: dict[str, int] = {}
    for tensor in tensors:
        sides = [[_at(size, base) for size in each] for each in tensor.sides(system)]
        three = sum(each[0] for each in sides), *sides[0][1:]
        if isinstance(tensor.inner, str) and tensor.inner not in base:
            most = min(map(prod, combinations(three, 2)))
            found[tensor.inner] = max(found.get(tensor.inner, 1), most)
    return found


def _at(size: Size, sizes: Mapping[str, int]) -> int:
    return sizes.get(size, 1) if isinstance(size, str) else size


def grid(base: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    """All sizes up to these."""
    return product(*(range(1, most + 1) for most in base.values()))
