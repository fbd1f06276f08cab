"""Dimensions that become equal, and the chain of equalities behind each."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from math import prod

from gru_sym.language.errors import Place

Size = str | int
"""A symbol's name, or a positive whole number; of a window of inputs a product, "k*m"."""


def symbols(size: Size) -> tuple[str, ...]:
    """The symbols that a size is written in: none of a number, two of a product.

    >>> symbols("n"), symbols("k*m"), symbols("2*m"), symbols(3)
    (('n',), ('k', 'm'), ('m',), ())
    """
    return tuple(each for each in str(size).split("*") if not each.isdigit())


def number_of(size: Size, sizes: Mapping[str, int], default: int | None = None) -> int:
    """A size as a number; raises `KeyError` for a symbol that has none, unless there is a default.

    >>> number_of("k*m", {"k": 3, "m": 8}), number_of(5, {}), number_of("n", {}, 1)
    (24, 5, 1)
    """
    if isinstance(size, int):
        return size
    if size in sizes:
        return sizes[size]
    parts = size.split("*")
    if len(parts) > 1:
        return prod(number_of(int(e) if e.isdigit() else e, sizes, default) for e in parts)
    if default is None:
        raise KeyError(size)
    return default


class Dimension:
    """A number of rows or columns on its way to being known.

    `origin` says in words what brought the size; a dimension without one is fixed by others.
    """

    __slots__ = ("origin", "parent", "size")

    def __init__(self, size: Size | None = None, origin: str = "") -> None:
        self.parent: Dimension | None = None
        self.size = size
        self.origin = origin

    def root(self) -> Dimension:
        """The one dimension that stands for all that are equal to this one."""
        node = self
        while node.parent is not None:
            if node.parent.parent is not None:
                node.parent = node.parent.parent
            node = node.parent
        return node


class Equalities:
    """All equalities between dimensions, each with the place in the text that demands it.

    >>> m, rows, here = Dimension("m", "x is the input"), Dimension(), Place(1, 1, 2)
    >>> equal = Equalities()
    >>> equal.join(rows, m, here), rows.root().size, equal.join(rows, Dimension("n"), here)
    (True, 'm', False)
    >>> equal.path(rows)
    ([Place(line=1, column=1, end=2)], 'x is the input')
    """

    def __init__(self) -> None:
        self._links: dict[Dimension, list[tuple[Dimension, Place]]] = defaultdict(list)

    def join(self, a: Dimension, b: Dimension, place: Place) -> bool:
        """Make two dimensions equal; False, and nothing done, if they have different sizes."""
        known, open_ = a.root(), b.root()
        if known.size is None:
            known, open_ = open_, known
        if open_.size is not None and open_.size != known.size:
            return False
        self._links[a].append((b, place))
        self._links[b].append((a, place))
        if known is not open_:
            open_.parent = known
        return True

    def path(self, dimension: Dimension) -> tuple[list[Place], str]:
        """The shortest chain of equalities from a dimension to what brought its size."""
        came_from: dict[Dimension, tuple[Dimension, Place] | None] = {dimension: None}
        queue = deque([dimension])
        while queue:
            node = queue.popleft()
            if node.origin:
                places: list[Place] = []
                step = came_from[node]
                while step is not None:
                    places.append(step[1])
                    step = came_from[step[0]]
                return places[::-1], node.origin
            for neighbour, place in self._links[node]:
                if neighbour not in came_from:
                    came_from[neighbour] = (node, place)
                    queue.append(neighbour)
        return [], "nothing fixes it"
