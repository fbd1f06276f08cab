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


def base_sizes(system: System, rule: Rule = (), tensors: Iterable[Tensor] = ()) -> dict[str, int]:
    """B: how often each size symbol occurs in the shape of one parameter, and at least once.

    A tensor counts as one parameter with three indices, in the place of its kernels.

    >>> from gru_sym import cell
    >>> base_sizes(System.of(cell("gru.pytorch")))
    {'m': 1, 'n': 2}
    """
    kernels = frozenset().union(*(tensor.kernels for tensor in tensors))
    own = [name for name in system.parameters if name not in kernels]
    indices: list[tuple[Size, ...]] = [system.shapes[name] for name in own]
    indices += [sides for tensor in tensors for sides in tensor.sides(system)]
    alone = [(size,) for name in (*system.data, *system.constants) for size in system.shapes[name]]
    most: dict[str, int] = {}
    for each in (*indices, *alone):
        for size, times in Counter(each).items():
            if isinstance(size, str):
                most[size] = max(most.get(size, 1), times)
    for fixed in rule:
        for size in fixed.anchors(system.shapes):
            most[size] += 1
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
