"""Cells for the tests, and an oracle that owes nothing to the package: Python's own `eval`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import strategies as st

from gru_sym import Cell, CellError
from gru_sym.language.unification import number_of, symbols


def sigma(u: np.ndarray) -> np.ndarray:
    """The logistic sigmoid, as it is defined."""
    return 1 / (1 + np.exp(-u))


NUMPY = {
    "sigmoid": sigma,
    "tanh": np.tanh,
    "relu": lambda u: np.maximum(u, 0),
    "exp": np.exp,
    "softplus": lambda u: np.log1p(np.exp(u)),
    "silu": lambda u: u / (1 + np.exp(-u)),
    "hard_sigmoid": lambda u: np.clip(u / 6 + 0.5, 0, 1),
    "identity": lambda u: u,
    "sqrt": np.sqrt,
    "abs": lambda u: np.where(u < 0, -u, u),
    "sin": np.sin,
    "cos": np.cos,
    "reciprocal": lambda u: 1 / u,
    "max": lambda a, b: np.where(a > b, a, b),
    "min": lambda a, b: np.where(a < b, a, b),
    "mean": lambda a: a.sum(0, keepdims=True) / len(a),
}


FREE = 4
"""What a size that no equation fixes is in the tests."""


def assert_refused_at(text: str, line: int, column: int, message: str) -> None:
    """A cell text is refused at this place, with a sentence in which this stands."""
    with pytest.raises(CellError) as caught:
        Cell(text)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)


def sizes_at(cell: Cell, sizes: dict[str, int]) -> dict[str, int]:
    """A number for every size of a cell, those with blocks multiplied by how many there are."""
    known = {size for shape in cell.sizes.shapes.values() for size in shape}
    names = sorted(
        {name for size in {*known, *cell.sizes.blocks.values()} for name in symbols(size)}
    )
    return cell.sizes.multiplied({name: sizes.get(name, FREE) for name in names})


def shapes_at(cell: Cell, sizes: dict[str, int]) -> dict[str, tuple[int, int]]:
    """The inferred shape of every name, in numbers; vectors are columns."""
    at = sizes_at(cell, sizes)
    return {
        name: tuple(number_of(size, at) for size in shape)
        for name, shape in cell.sizes.shapes.items()
    }


def random_arrays(cell: Cell, sizes: dict[str, int], seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs, states, parameters and constants, drawn at random in their inferred shapes."""
    draw = np.random.default_rng(seed)
    given = ("x", *cell.states, *cell.program.parameters, *cell.inputs[1:], *cell.constants)
    shapes = shapes_at(cell, sizes)
    arrays = {name: draw.normal(size=shapes[name]) for name in given}
    for name, blocks in cell.sizes.blocks.items():
        number = blocks if isinstance(blocks, int) else sizes_at(cell, sizes)[blocks]
        arrays[name] *= np.kron(np.eye(number), np.ones([size // number for size in shapes[name]]))
    return arrays


def held(cell: Cell, name: str, array: np.ndarray) -> np.ndarray:
    """An array as the package's users hold it; of a kernel of blocks the blocks alone.

    Data keep their axis, also where it has one entry.
    """
    if name in cell.program.data:
        return array[:, 0]
    if name not in cell.sizes.blocks:
        return np.asarray(column_free(array))
    wide = np.count_nonzero(array[0])  # as far as the first block goes
    number = array.shape[1] // wide
    return np.stack([np.hsplit(rows, number)[k] for k, rows in enumerate(np.vsplit(array, number))])


def groups(cell: Cell, arrays: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """What generated code takes before the inputs: the parameters, and the constants if any."""
    names = [cell.program.parameters, *([cell.constants] if cell.constants else [])]
    return [{name: held(cell, name, arrays[name]) for name in each} for each in names]


def column_free(array: np.ndarray) -> np.ndarray:
    """An array as the package's users hold it: a vector has one axis, a scalar none."""
    rows, columns = array.shape
    if columns != 1:
        return array
    return array[:, 0] if rows != 1 else array[0, 0]


def run_text(cell: Cell, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every equation, evaluated by Python itself from the lines of the text."""
    known = dict(arrays)
    for line in cell.text.replace("'", "_next").splitlines():
        code = line.split("#")[0]
        if "=" in code:
            name, expression = code.split("=")
            known[name.strip()] = eval(expression.strip(), {"__builtins__": {}}, NUMPY | known)  # noqa: S307
    return known


MORE = ["quotient", "extremum", "mean", "angle"]
"""Kinds of expressions that not every room treats."""

POSITIVE = ["2 + sin({})", "sqrt(1 + ({0}) * ({0}))", "1 + abs({})", "exp(cos({}))", "max({}, 0.5)",
            "1 + mean(({0}) * ({0}))"]  # fmt: skip


@st.composite
def cell_texts(draw: st.DrawFn, more: Sequence[str] = ()) -> str:
    """A random cell that is right by construction: every expression is built to a wanted size."""
    counter = iter(range(10_000))
    values: list[tuple[str, str]] = []  # name, size

    def vector(size: str, depth: int) -> str:
        here = [name for name, s in (*values, ("x", "m"), ("h", "n")) if s == size]
        leaves = [*here, f"b{next(counter)}"]
        if depth == 0:
            return draw(st.sampled_from(leaves))
        kinds = ["leaf", "sum", "times", "kernel", "function", "complement", *more]
        kind = draw(st.sampled_from(kinds))
        if kind == "leaf":
            return draw(st.sampled_from(leaves))
        if kind == "kernel":
            inner = draw(st.sampled_from(["m", "n"]))
            return f"W{next(counter)} @ ({vector(inner, depth - 1)})"
        if kind == "function":
            name = draw(st.sampled_from(["sigmoid", "tanh", "softplus"]))
            return f"{name}({vector(size, depth - 1)})"
        if kind == "quotient":
            return f"({vector(size, depth - 1)}) / ({draw(st.sampled_from(POSITIVE))})".format(
                vector(size, depth - 1)
            )
        if kind == "extremum":
            name, other = draw(st.sampled_from(["max", "min"])), draw(st.sampled_from(["{}", "-2"]))
            return f"{name}({vector(size, depth - 1)}, {other})".format(vector(size, depth - 1))
        if kind == "mean":
            inner = draw(st.sampled_from(["m", "n"]))
            return f"(mean({vector(inner, depth - 1)}) * ({vector(size, depth - 1)}))"
        if kind == "angle":
            return f"{draw(st.sampled_from(['sin', 'cos', 'abs']))}({vector(size, depth - 1)})"
        if kind == "complement":
            return f"(1 - {vector(size, 0)})"
        sign = draw(st.sampled_from([" + ", " - "])) if kind == "sum" else " * "
        return f"(({vector(size, depth - 1)}){sign}({vector(size, depth - 1)}))"

    lines = []
    for index in range(draw(st.integers(0, 3))):
        expression = f"W{next(counter)} @ x + {vector('n', 2)}"
        lines.append(f"v{index} = {expression}")
        values.append((f"v{index}", "n"))
    used = "".join(f" + {name}" for name, _ in values)
    lines.append(f"h' = W{next(counter)} @ h + {vector('n', 3)}{used}")
    return "\n".join(lines)


@st.composite
def tangled_texts(draw: st.DrawFn) -> str:
    """A random cell that uses few names over and over: tied kernels, shared biases, two states."""
    states = draw(st.sampled_from([["h"], ["c", "h"], ["h", "c"]]))
    known = [*states, "b1", "b2"]

    def kernel() -> str:
        pool = ["U1", "U2", "(U1 + U2)", "(-U1)", "(a * U2)", "(U1 @ U2)"]
        return draw(st.sampled_from(pool))

    def term(depth: int) -> str:
        kind = draw(st.integers(0, 6 if depth else 2))
        if kind == 0:
            return draw(st.sampled_from(known))
        if kind == 1:
            return f"{kernel()} @ {draw(st.sampled_from([k for k in known if k[0] != 'b']))}"
        if kind == 2:
            return (
                f"{draw(st.sampled_from(['W1', 'W2']))} @ {draw(st.sampled_from(['x', 'tanh(x)']))}"
            )
        if kind == 3:
            return f"tanh({term(depth - 1)})"
        if kind == 4:
            return f"(1 - a) * ({term(depth - 1)} + b1)"
        sign = draw(st.sampled_from([" + ", " - ", " * "]))
        return f"({term(depth - 1)}){sign}({term(depth - 1)})"

    lines = ["a: 1"]
    values = []
    for index in range(draw(st.integers(0, 3))):
        lines.append(f"v{index} = {term(2)} + a * h")
        known.append(f"v{index}")
        values.append(f"v{index}")
    for state in states:
        # Every value is used, and both states are bounded.
        used = "".join(f" + {value}" for value in values)
        lines.append(f"{state}' = tanh({term(2)} + {term(1)} + W1 @ x + a * {state}{used})")
        known.append(f"{state}'")
    return "\n".join(lines)


@st.composite
def declared_texts(draw: st.DrawFn) -> tuple[str, str, dict[str, str]]:
    """A random cell, the same with some of its parameters declared otherwise, and as what."""
    text = draw(cell_texts())
    kinds = {}
    for name in Cell(text).program.parameters:
        # A vector may be an input as well, and x need not be the only one.
        pool = ["", "constant"] + ["input"] * (name[0] == "b")
        kinds[name] = draw(st.sampled_from(pool))
    lines = [f"{name}: {kind}" for name, kind in kinds.items() if kind]
    return text, "\n".join([*lines, text]), kinds
