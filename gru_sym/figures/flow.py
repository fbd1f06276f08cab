"""A cell's data flow as a drawing: kernels with their shapes, biases, a size on every edge."""

from __future__ import annotations

from collections.abc import Collection
from itertools import cycle, pairwise

from gru_sym.cells import Cell
from gru_sym.figures.graph import GIVEN, KERNEL, OPERATION, RESULT, Graph, Node, read
from gru_sym.figures.placing import Box, Places, place
from gru_sym.figures.svg import Label, framed, label
from gru_sym.functions import FUNCTIONS
from gru_sym.language.shapes import axes
from gru_sym.latex import LatexWriter
from gru_sym.render import Drawing

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#0072b2")
"""Okabe and Ito's, which colour-blind eyes can tell apart: the gates' in order of appearance."""

NAME, SIZE = 13.0, 11.0
"""Sizes of the letters of names and of sizes, in pixels."""

NOT_IN_FRONT = {"sqrt": "√", "abs": "|·|", "reciprocal": "1 ÷"}
"""Functions that a paper does not print in front of a bracket."""

TRUNK = 16.0
"""The piece of an edge that has its name and size beside it, before it branches."""

SIGN, HIGH, PILL = 19.0, 20.0, 20.0  # a sign's circle, a function's box, a parameter's
INSIDE = 6.0
"""Between what stands in one node."""


def flow(
    cell: Cell, only: Collection[str] = (), title: str = "", like: Cell | None = None
) -> Drawing:
    """The data flow of a cell from top to bottom, or that of some of its equations.

    >>> from gru_sym import cell
    >>> flow(cell("rnn.elman"))
    Data flow of rnn.elman. x: m. h: n. h' = tanh(W @ x + U @ h + b). W: n by m. U: n by n. b: n.

    Kernels stand in boxes with their shapes. A bias, or another parameter that is taken as it is,
    hangs on the sign that takes it. Beside the beginning of each edge stand the name of what flows,
    if it has one, and its size.

    Parameters
    ----------
    only : the names of equations; all others are left out, and what they compute is given.
    title : what the text alternative calls the cell; by default its name.
    like : a cell whose gates' colours are taken for gates of the same names.

    Raises `ValueError` for a name that no equation computes.
    """
    graph = read(cell, only)
    drawn = _Drawing(cell, graph, like or cell)
    text = _spoken(cell, graph, only, title or cell.name)
    return framed(drawn.parts, text, drawn.places.width, drawn.places.height)


def _spoken(cell: Cell, graph: Graph, only: Collection[str], title: str) -> str:
    """What the drawing shows, in words: sizes of what is given, equations, shapes."""
    shapes, prime = cell.sizes.shapes, "'"
    given = [node.texts[0] for node in graph.nodes if node.kind == GIVEN]
    chosen = [e for e in cell.program.equations if not only or e.target.name in only]
    lines = [cell.program.code(e.target.place.line) for e in chosen]
    used = {name for node in graph.nodes for name in (*node.texts, *node.taken)}
    arrays = [n for n in (*cell.program.parameters, *cell.program.constants) if n in used]
    parts = [
        f"Data flow of {title}",
        *(f"{name}: {shapes[name.removesuffix(prime)][0]}" for name in given),
        *(" ".join(line.split()) for line in lines),
        *(f"{a}: {' by '.join(map(str, axes(shapes[a]))) or 'a number'}" for a in arrays),
    ]
    return ". ".join(parts) + "."


def _colours(cell: Cell, like: Cell) -> dict[str, str]:
    """A colour for each gate: that of its name in the other cell, else the first that is free."""
    known = dict(zip(dict.fromkeys(p.gate for p in like.parameters), cycle(COLOURS), strict=False))
    gates = dict.fromkeys(p.gate for p in cell.parameters)
    kept = {gate: known[gate] for gate in gates if gate in known}
    free = cycle([c for c in COLOURS if c not in kept.values()] or COLOURS)
    return {gate: kept.get(gate) or next(free) for gate in gates}


class _Drawing:
    def __init__(self, cell: Cell, graph: Graph, like: Cell) -> None:
        self.cell, self.graph = cell, graph
        self.writer = LatexWriter(cell.program, cell.sizes)
        self.colours = _colours(cell, like)
        self.gates = {p.name: p.gate for p in cell.parameters}
        self.parts: list[str] = []
        kinds = [node.kind for node in graph.nodes]

        def those(kind: str) -> frozenset[int]:
            return frozenset(i for i, found in enumerate(kinds) if found == kind)

        ends = [end for _, end in graph.edges]
        several = frozenset(end for end in ends if ends.count(end) > 1)
        boxes = [self._box(node) for node in graph.nodes]
        self.places: Places = place(
            boxes, graph.edges, those(GIVEN), those(RESULT), those(OPERATION) - several
        )
        for path, (start, _) in zip(self.places.paths, graph.edges, strict=True):
            self._edge(path, graph.nodes[start])
        for node, x, y in zip(graph.nodes, self.places.x, self.places.y, strict=True):
            self._node(node, x, y)

    # What is written

    def _name(self, name: str) -> Label:
        """A parameter, a value, or an input or state at its time; a number as it is."""
        bare = name.removesuffix("'")
        if bare not in self.cell.sizes.shapes:
            return Label(name)
        if bare in (*self.cell.program.parameters, *self.cell.program.constants):
            return label(self.writer.name(bare))
        before = bare in self.cell.program.states and bare == name
        return label(self.writer.name(bare, "t-1" if before else "t"))

    def _function(self, text: str) -> Label:
        if text in NOT_IN_FRONT or text not in FUNCTIONS:
            return Label(NOT_IN_FRONT.get(text, text))
        return label(FUNCTIONS[text].latex)

    def _shape(self, name: str) -> Label:
        return Label("×".join(self.writer.size(s) for s in self.cell.sizes.shapes[name]))

    def _value(self, node: Node) -> tuple[Label, Label]:
        """What stands left and right of the beginning of the edges: a name and a size."""
        value = Label("") if node.kind == GIVEN else self._name(node.value)
        rows, columns = (label(self.writer.size(s)).plain for s in node.shape)
        return value, Label(rows if columns == "1" else f"{rows}×{columns}")

    def _colour(self, node: Node) -> str:
        """That of the gate to which its parameters count; without one, of its equation's."""
        gates = [self.gates[name] for name in (*node.texts, *node.taken) if name in self.gates]
        return self.colours.get((gates or [node.gate])[0], "currentColor")

    # How large it is

    def _box(self, node: Node) -> Box:
        left = right = self._core(node) / 2
        for i, name in enumerate(node.taken):
            if i % 2 == 0:
                left += INSIDE + self._pill(name)
            else:
                right += INSIDE + self._pill(name)
        height = self._height(node)
        if node.kind != RESULT:
            value, size = self._value(node)
            left = max(left, value.width * NAME + 5)
            right = max(right, size.width * SIZE + 7)
            height += TRUNK
        return Box(left, right, height)

    def _core(self, node: Node) -> float:
        """The width of a node without what hangs on it."""
        if node.kind == KERNEL:
            name = self._name(node.texts[0]).width * NAME
            return max(name, self._shape(node.texts[0]).width * SIZE) + 8
        if node.kind in (GIVEN, RESULT):
            return self._name(node.texts[0]).width * NAME + 14
        return max(self._wide(text) for text in node.texts)

    def _wide(self, text: str) -> float:
        return max(SIGN, self._function(text).width * NAME + 10)

    def _height(self, node: Node) -> float:
        if node.kind == KERNEL:
            return 33.0
        if node.kind in (GIVEN, RESULT):
            return 23.0
        return len(node.texts) * HIGH + (len(node.texts) - 1) * INSIDE

    def _pill(self, name: str) -> float:
        return self._name(name).width * NAME + 8

    # How it is drawn

    def _text(self, x: float, y: float, written: Label, size: float, more: str = "") -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"{more}>'
            f"{written.tspans(size)}</text>"
        )

    def _rect(self, x: float, y: float, w: float, h: float, r: float, colour: str) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{r:g}" '
            f'fill="{colour}" fill-opacity=".25" stroke="{colour}"/>'
        )

    def _node(self, node: Node, x: float, y: float) -> None:
        colour = self._colour(node)
        middle, italic = ' text-anchor="middle"', ' text-anchor="middle" font-style="italic"'
        wide, high = self._core(node), self._height(node)
        if node.kind == KERNEL:
            self._rect(x - wide / 2, y, wide, high, 2, colour)
            self._text(x, y + 14, self._name(node.texts[0]), NAME, italic)
            self._text(x, y + 28, self._shape(node.texts[0]), SIZE, middle)
        elif node.kind in (GIVEN, RESULT):
            self._rect(x - wide / 2, y, wide, high, 11, "currentColor")
            self._text(x, y + 16, self._name(node.texts[0]), NAME, italic)
        else:
            for i, text in enumerate(node.texts):
                top = y + i * (HIGH + INSIDE)
                if i:
                    self._line([(x, top - INSIDE), (x, top)], colour)
                w = self._wide(text)
                self._rect(x - w / 2, top, w, HIGH, HIGH / 2 if w == SIGN else 4, colour)
                self._text(x, top + 14.5, self._function(text), NAME, middle)
        sides = {-1: x - wide / 2, 1: x + wide / 2}
        if node.kind == OPERATION:
            first = self._wide(node.texts[0]) / 2
            sides = {-1: x - first, 1: x + first}
        for i, name in enumerate(node.taken):
            side = -1 if i % 2 == 0 else 1
            start, w = sides[side], self._pill(name)
            self._line([(start, y + HIGH / 2), (start + side * INSIDE, y + HIGH / 2)], colour)
            left = start + side * INSIDE - (w if side < 0 else 0)
            if name in self.gates:
                self._rect(left, y + (HIGH - PILL) / 2, w, PILL, 2, colour)
            slanted = italic if name in self.gates else middle
            self._text(left + w / 2, y + 14.5, self._name(name), NAME, slanted)
            sides[side] = start + side * (INSIDE + w)
        if node.kind != RESULT:
            value, size = self._value(node)
            bottom = y + high + 12
            if value.head:
                end = ' text-anchor="end" font-style="italic"'
                self._text(x - 4, bottom, value, NAME, end)
            self._text(x + 5, bottom, size, SIZE, ' opacity=".75"')

    def _line(self, points: list[tuple[float, float]], colour: str) -> None:
        (x0, y0), *rest = points
        path = f"M{x0:.1f} {y0:.1f}" + "".join(f"L{x:.1f} {y:.1f}" for x, y in rest)
        self.parts.append(f'<path d="{path}" fill="none" stroke="{colour}"/>')

    def _edge(self, points: list[tuple[float, float]], start: Node) -> None:
        """From the bottom of a node, down its trunk, through the bends, to the next one's top."""
        colour = self._colour(start)
        (x, y), *_ = points
        path = [f"M{x:.1f} {y - TRUNK:.1f}V{y:.1f}"]
        for i, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            if i % 2:
                path.append(f"V{y1:.1f}")
            else:
                half = (y0 + y1) / 2
                path.append(f"C{x0:.1f} {half:.1f} {x1:.1f} {half:.1f} {x1:.1f} {y1:.1f}")
        self.parts.append(f'<path d="{"".join(path)}" fill="none" stroke="{colour}"/>')
