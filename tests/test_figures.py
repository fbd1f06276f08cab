"""Drawings of cells: names, sizes and edges are the equations', and no text hides another."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import combinations

import pytest
from cells import cell_texts
from hypothesis import given, settings

from gru_sym import Cell, catalogue, cell
from gru_sym.__main__ import main
from gru_sym.figures import flow, null_directions
from gru_sym.figures.graph import GIVEN, RESULT, read
from gru_sym.figures.placing import Box, place
from gru_sym.figures.svg import label
from gru_sym.language.syntax import names
from gru_sym.latex import LatexWriter

SVG = "{http://www.w3.org/2000/svg}"
ODD = {
    "low rank": "h' = tanh(A @ (B @ x) + U @ h)",
    "products of parameters": "h' = tanh((A * B) @ x - p) + 2 * (A @ b)",
    "twice the same": "z = sigmoid(W @ x)\nh' = z * z + z * h",
    "a constant state": "c' = b\nh' = tanh(W @ x + c')",
    "another name": "a = x\nr = a\nh' = tanh(W @ r + U @ h)",
    "a scalar": "rho: 1\nh' = rho * tanh(W @ x) + (1 - rho) * h",
    "numbers": "h' = 0.5 * h + 3 - tanh(2 * (W @ x)) / 4 - h",
    "functions of functions": "h' = exp(tanh(sigmoid(W @ x + b))) - softplus(h)",
    "layer norm": "a = U @ h\nd = a - mean(a)\nh' = tanh(d / sqrt(mean(d * d) + 1e-5) + W @ x)",
    "constants, inputs": "A: constant\ny: input\nd: constant\nh' = tanh(A @ h + W @ x + y - d)",
    "largest": "h' = max(W @ x, abs(U @ h)) + min(h, 0.1) + max(b, p)",
    "names that look alike": "W2 = tanh(W_2 @ x)\nh' = W2 + alpha * h + h_tilde",
}
CELLS = {name: catalogue[name] for name in catalogue} | {k: Cell(v, k) for k, v in ODD.items()}


def named(graph, place: int) -> str:
    """The name of what flows from a node, if it has one."""
    node = graph.nodes[place]
    return node.texts[0] if node.kind == GIVEN else node.value


def aliases(cell: Cell) -> dict[str, str]:
    """Names that are another name and nothing else, such as `a = x`."""
    parameters = (*cell.program.parameters, *cell.program.constants)
    found: dict[str, str] = {}
    for e in cell.program.equations:
        right = str(e.expression)
        if right in {str(name) for name in names(e.expression)} - set(parameters):
            found[str(e.target)] = found.get(right, right)
    return found


def check_edges(cell: Cell) -> None:
    """What each equation reads, by the parser, and by the drawing: the same, as often."""
    graph, same = read(cell), aliases(cell)
    for equation in cell.program.equations:
        if str(equation.target) in same:
            continue
        gate = equation.target.name
        inside = [i for i, n in enumerate(graph.nodes) if n.gate == gate and n.kind != RESULT]
        inside = [i for i in inside if graph.nodes[i].kind != GIVEN]
        drawn = Counter(
            name
            for i in inside
            for name in (*graph.nodes[i].texts, *graph.nodes[i].taken)
            if name in (*cell.program.parameters, *cell.program.constants)
        )
        outside = [a for a, b in graph.edges if b in inside and a not in inside]
        drawn += Counter(named(graph, a) for a in outside)
        read_by = (same.get(str(name), str(name)) for name in names(equation.expression))
        assert drawn == Counter(read_by), equation
    ends = {graph.nodes[b].texts[0] for a, b in graph.edges if graph.nodes[b].kind == RESULT}
    assert {f"{state}'" for state in cell.states} <= ends
    assert {start for start, _ in graph.edges} >= {
        i for i, node in enumerate(graph.nodes) if node.kind != RESULT
    }, "something that is computed flows nowhere"


@pytest.mark.parametrize("name", CELLS)
def test_every_edge_of_the_equations_is_there(name):
    check_edges(CELLS[name])


@settings(max_examples=60, deadline=None)
@given(cell_texts())
def test_any_cell_can_be_drawn(text):
    drawn = flow(Cell(text))
    ET.fromstring(drawn.svg)  # noqa: S314 - our own
    assert not overlaps(drawn.svg)


# ------------------------------------------------------------------------------------- the picture


def texts(svg: str) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Every text and the box that it needs, by a rough width of its letters."""
    found = []
    for e in ET.fromstring(svg).iter(f"{SVG}text"):  # noqa: S314 - our own
        size = float(e.get("font-size", "0"))
        head, below = e.text or "", "".join(t.text or "" for t in e)
        letters = len(re.sub("[\u0302-\u0304]", "", head))
        width = size * (0.58 * letters + 0.42 * len(below))
        x, y = float(e.get("x", "0")), float(e.get("y", "0"))
        left = x - width * {"middle": 0.5, "end": 1}.get(e.get("text-anchor", ""), 0)
        found.append(
            (head + ("_" + below if below else ""), (left, y - 0.8 * size, left + width, y))
        )
    return found


def overlaps(svg: str) -> list[tuple[str, str]]:
    def meet(a, b) -> bool:
        return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

    return [(a, b) for (a, box), (b, other) in combinations(texts(svg), 2) if meet(box, other)]


@pytest.mark.parametrize("name", CELLS)
def test_no_text_hides_another(name):
    svg = flow(CELLS[name]).svg
    assert not overlaps(svg)
    *_, wide, high = map(float, re.search('viewBox="(.*?)"', svg)[1].split())
    for text, (left, top, right, bottom) in texts(svg):
        assert left >= -1 and right <= wide and top >= -1 and bottom <= high, text


def test_texts_that_meet_are_found():
    one = '<text x="10" y="20" font-size="10">abc</text>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg">{one}{one.replace("10", "14", 1)}</svg>'
    assert overlaps(svg) == [("abc", "abc")]


@pytest.mark.parametrize("name", CELLS)
def test_names_and_sizes_are_those_of_the_cell(name):
    """Each parameter stands there as often as it is read, each kernel with its shape."""
    cell = CELLS[name]
    writer = LatexWriter(cell.program, cell.sizes)
    written = Counter(text for text, _ in texts(flow(cell).svg))
    uses = Counter(str(n) for _, n in cell.program.occurrences())
    for parameter in cell.program.parameters:
        assert written[label(writer.name(parameter)).plain] >= uses[parameter]
    shapes = Counter(
        "×".join(label(writer.size(s)).plain for s in cell.sizes.shapes[node.texts[0]])
        for node in read(cell).nodes
        if node.kind == "kernel"
    )
    assert not shapes - written


def test_sizes_of_what_flows():
    """In a projected LSTM the memory has n entries and the state p."""
    graph = read(cell("lstm.projected"))
    found = {named(graph, i): n.shape for i, n in enumerate(graph.nodes) if named(graph, i)}
    assert found["c'"] == ("n", 1) and found["h"] == ("p", 1) and found["x"] == ("m", 1)


def test_kernels_stand_above_what_reads_them():
    graph = read(cell("gru.pytorch"))
    boxes = [Box(20, 20, 30) for _ in graph.nodes]
    ends = frozenset(i for i, n in enumerate(graph.nodes) if n.kind == RESULT)
    given = frozenset(i for i, n in enumerate(graph.nodes) if n.kind == GIVEN)
    places = place(boxes, graph.edges, given, ends, frozenset())
    for start, end in graph.edges:
        assert places.y[start] + 30 < places.y[end]
    for (ax, ay), (bx, by) in combinations(zip(places.x, places.y, strict=True), 2):
        assert ay != by or abs(ax - bx) >= 40


def test_some_equations_alone():
    drawn = flow(cell("gru.pytorch"), ["n"])
    assert "b_hn: n" in drawn.alt and "r: n" in drawn.alt and "W_ir" not in drawn.alt
    with pytest.raises(ValueError, match="no equation of 'q'; it computes r, z, n, h"):
        flow(cell("gru.pytorch"), ["q"])


def test_a_gate_keeps_its_colour_beside_another_cell():
    pytorch, keras = cell("gru.pytorch"), cell("gru.keras")
    colour = {
        gru: re.search(rf'stroke="(#\w+)"/><text[^>]*>W<tspan[^>]*>{kernel}', svg)[1]
        for gru, kernel, svg in (
            ("pytorch", "ir", flow(pytorch).svg),
            ("keras", "r", flow(keras, like=pytorch).svg),
        )
    }
    assert colour["pytorch"] == colour["keras"]


def test_redundant_directions():
    assert "b_ir up, b_hr down; b_iz up, b_hz down" in null_directions(cell("gru.pytorch")).alt
    svg = null_directions(cell("gru.pytorch"), units=3).svg
    signs = Counter(e.text for e in ET.fromstring(svg).iter(f"{SVG}text"))  # noqa: S314
    assert signs["+"] == signs["−"] == 6
    assert null_directions(cell("gru.dey_salem")).alt.startswith("0 redundant directions")


def test_from_the_command_line(capsys):
    assert main(["draw", "gru.pytorch", "--only", "r"]) == 0
    svg = capsys.readouterr().out
    assert ET.fromstring(svg).get("aria-label") == flow(cell("gru.pytorch"), ["r"]).alt  # noqa: S314
    assert main(["draw", "gru.pytorch", "--only", "q"]) == 2
    assert capsys.readouterr().out == ""
