"""Where the nodes of a graph stand: in layers from above, with few crossings and straight edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 12


@dataclass(frozen=True)
class Box:
    """The room of a node: to the left and to the right of its axis, and its height."""

    left: float
    right: float
    height: float


@dataclass
class Places:
    """Where everything is.

    Attributes
    ----------
    x, y : of the axis and of the top of each node.
    paths : for each edge, the points that it goes through: its start, pairs of points where it
        passes a layer, its end.
    width, height : of the whole.
    """

    x: list[float]
    y: list[float]
    paths: list[list[tuple[float, float]]]
    width: float
    height: float


@dataclass
class _Layered:
    """Nodes and the bends of long edges, layer by layer."""

    layers: list[list[int]]
    above: dict[int, list[int]] = field(default_factory=dict)
    below: dict[int, list[int]] = field(default_factory=dict)


def place(
    boxes: Sequence[Box],
    edges: Sequence[tuple[int, int]],
    first: frozenset[int],
    last: frozenset[int],
    low: frozenset[int],
    gap: tuple[float, float] = (8, 24),
) -> Places:
    """Places of nodes that are given by their boxes.

    Parameters
    ----------
    edges : from one box to another; without a cycle.
    first, last : those that stand in the first and in the last layer.
    low : those that stand as near to their readers as they can.
    gap : the least room between two nodes of a layer, and between two layers.
    """
    layer = _layers(len(boxes), edges, first, last, low)
    rows = [*boxes]
    graph = _Layered([[] for _ in range(max(layer) + 1)])
    for node in range(len(boxes)):
        graph.layers[layer[node]].append(node)
    chains = []
    for start, end in edges:
        chain = [start]
        for level in range(layer[start] + 1, layer[end]):
            rows.append(Box(3, 3, 0))
            chain.append(len(rows) - 1)
            graph.layers[level].append(chain[-1])
        chain.append(end)
        chains.append(chain)
        for a, b in pairwise(chain):
            graph.below.setdefault(a, []).append(b)
            graph.above.setdefault(b, []).append(a)
    _order(graph)
    x = _across(graph, rows, gap[0], len(boxes))
    for _, *bends, _ in chains:
        _straighten(bends, graph, rows, gap[0], x)
    y: dict[int, tuple[float, float]] = {}
    height = 0.0
    for row in graph.layers:
        deep = max(rows[node].height for node in row)
        y |= dict.fromkeys(row, (height, deep))
        height += deep + gap[1]
    left = min(x[n] - rows[n].left for n in range(len(rows)))
    right = max(x[n] + rows[n].right for n in range(len(rows)))
    paths = []
    for chain in chains:
        start, *bends, end = chain
        points = [(x[start] - left, y[start][0] + rows[start].height)]
        for node in bends:
            points += [(x[node] - left, y[node][0]), (x[node] - left, sum(y[node]))]
        paths.append([*points, (x[end] - left, y[end][0])])
    count = range(len(boxes))
    return Places(
        [x[n] - left for n in count],
        [y[n][0] for n in count],
        paths,
        right - left,
        height - gap[1],
    )


def _layers(
    count: int,
    edges: Sequence[tuple[int, int]],
    first: frozenset[int],
    last: frozenset[int],
    low: frozenset[int],
) -> list[int]:
    """The layer of each node: below all that it reads."""
    layer = [0 if node in first else 1 for node in range(count)]
    for _ in range(count):
        for start, end in edges:
            layer[end] = max(layer[end], layer[start] + 1)
    bottom = max(layer)
    for node in last:
        layer[node] = bottom
    for _ in range(count):
        for node in low:
            readers = [layer[end] for start, end in edges if start == node]
            layer[node] = max(layer[node], min(readers, default=layer[node] + 1) - 1)
    used = sorted(set(layer))
    return [used.index(level) for level in layer]


def _crossings(upper: Sequence[int], lower: Sequence[int], graph: _Layered) -> int:
    """How many edges between two layers cross."""
    at = {node: i for i, node in enumerate(lower)}
    ends = [sorted(at[b] for b in graph.below.get(a, ())) for a in upper]
    return sum(
        one > other
        for i, mine in enumerate(ends)
        for later in ends[i + 1 :]
        for one in mine
        for other in later
    )


def _order(graph: _Layered) -> None:
    """Sort the layers so that few edges cross: by the mean of neighbours, then by exchanges."""

    def total() -> int:
        return sum(_crossings(a, b, graph) for a, b in pairwise(graph.layers))

    best, kept = total(), [list(level) for level in graph.layers]
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        levels = range(1, len(graph.layers)) if down else range(len(graph.layers) - 2, -1, -1)
        for i in levels:
            beside = graph.layers[i - 1 if down else i + 1]
            at = {node: place for place, node in enumerate(beside)}
            near = graph.above if down else graph.below
            own = {node: place for place, node in enumerate(graph.layers[i])}

            def mean(node: int, at: dict[int, int] = at, own: dict[int, int] = own) -> float:
                found = [at[other] for other in near.get(node, ())]  # noqa: B023
                return sum(found) / len(found) if found else own[node]

            graph.layers[i].sort(key=mean)
        found = total()
        if found < best:
            best, kept = found, [list(level) for level in graph.layers]
    graph.layers = kept
    _exchange(graph)


def _exchange(graph: _Layered) -> None:
    """Exchange neighbours as long as that takes a crossing away."""
    better = True
    while better:
        better = False
        for i, level in enumerate(graph.layers):

            def near(row: list[int], i: int = i) -> int:
                above = _crossings(graph.layers[i - 1], row, graph) if i else 0
                below = i + 1 < len(graph.layers)
                return above + (_crossings(row, graph.layers[i + 1], graph) if below else 0)

            for j in range(len(level) - 1):
                swapped = [*level]
                swapped[j], swapped[j + 1] = swapped[j + 1], swapped[j]
                if near(swapped) < near(level):
                    level[:] = swapped
                    better = True


def _across(graph: _Layered, rows: Sequence[Box], gap: float, nodes: int) -> dict[int, float]:
    """Where the axes stand: near those of the neighbours, and apart by the boxes' room."""
    x: dict[int, float] = {}
    for level in graph.layers:
        end = 0.0
        for node in level:
            x[node] = end + rows[node].left
            end = x[node] + rows[node].right + gap
    for sweep in range(20 * SWEEPS):
        order = graph.layers if sweep % 2 == 0 else graph.layers[::-1]
        for level in order:
            wanted, weights = [], []
            for node in level:
                near = [*graph.above.get(node, ()), *graph.below.get(node, ())]
                pulls = [16 if node >= nodes and other >= nodes else 1 for other in near]
                total = sum(p * x[o] for p, o in zip(pulls, near, strict=True))
                wanted.append(total / sum(pulls) if near else x[node])
                weights.append(float(sum(pulls) or 1))
            apart = [rows[a].right + gap + rows[b].left for a, b in pairwise(level)]
            x |= dict(zip(level, _spread(wanted, weights, apart), strict=True))
    return x


def _straighten(
    bends: list[int], graph: _Layered, rows: Sequence[Box], gap: float, x: dict[int, float]
) -> None:
    """One place across for all bends of an edge, where their neighbours leave room for it."""
    least, most = -float("inf"), float("inf")
    for node in bends:
        level = next(level for level in graph.layers if node in level)
        at = level.index(node)
        if at:
            other = level[at - 1]
            least = max(least, x[other] + rows[other].right + gap + rows[node].left)
        if at + 1 < len(level):
            other = level[at + 1]
            most = min(most, x[other] - rows[other].left - gap - rows[node].right)
    if bends and least <= most:
        middle = sum(x[node] for node in bends) / len(bends)
        x.update(dict.fromkeys(bends, min(max(middle, least), most)))


def _spread(wanted: list[float], weights: list[float], apart: list[float]) -> list[float]:
    """The numbers nearest to those wanted that are so far apart: isotonic regression.

    >>> _spread([0, 0, 9], [1, 1, 1], [4, 2])
    [-2.0, 2.0, 9.0]
    """
    shifts = [0.0]
    for distance in apart:
        shifts.append(shifts[-1] + distance)
    pools: list[list[float]] = []  # mean, weight, how many
    for want, weight, shift in zip(wanted, weights, shifts, strict=True):
        pools.append([want - shift, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, heavy, many = pools.pop()
            other, light, few = pools.pop()
            both = heavy + light
            pools.append([(mean * heavy + other * light) / both, both, many + few])
    level = [mean for mean, _, many in pools for _ in range(int(many))]
    return [value + shift for value, shift in zip(level, shifts, strict=True)]
