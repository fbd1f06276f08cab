"""Generated code against Python's own evaluation of the text, and against SymPy at 50 digits."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import sympy as sp
import torch
from cells import (
    MORE,
    cell_texts,
    column_free,
    groups,
    random_arrays,
    run_text,
    shapes_at,
    sizes_at,
    tangled_texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_sym import Cell, CellError, catalogue, cell
from gru_sym.codegen import generate, schedule, source
from gru_sym.codegen.fusion import Split, Stack
from gru_sym.codegen.names import Names
from gru_sym.codegen.source import output_first
from gru_sym.functions import FUNCTIONS

SIZES = {"m": 3, "n": 5, "k": 4, "k2": 2, "p": 2}
LIBRARIES = ("numpy", "torch")


def close(found, expected) -> None:
    """Within 10^-12 of the largest number: a few dozen operations in double precision."""
    scale = max(1.0, float(np.abs(np.asarray(expected)).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


def as_library(library: str, array: np.ndarray) -> np.ndarray | torch.Tensor:
    return torch.from_numpy(np.array(array)) if library == "torch" else array


def as_tuple(states):
    return states if isinstance(states, tuple) else (states,)


def check_against_text(
    c: Cell, library: str, batch: tuple[int, ...] = (2, 3), steps: int = 3, spread: float = 1.0
):
    """Step, sequence and batch axes, against the text evaluated column by column."""
    routine = generate(c, library)
    arrays = {k: spread * array for k, array in random_arrays(c, SIZES, seed=5).items()}
    shapes = shapes_at(c, SIZES)
    given = [{k: as_library(library, a) for k, a in each.items()} for each in groups(c, arrays)]
    draw = np.random.default_rng(6)
    xs = [spread * draw.normal(size=(steps, *batch, shapes[name][0])) for name in c.inputs]
    first = [spread * draw.normal(size=(*batch, shapes[state][0])) for state in routine.states]
    expected, all_states, states = [], [], first
    for t in range(steps):
        columns = {name: x[t] for name, x in zip(c.inputs, xs, strict=True)}
        columns |= dict(zip(routine.states, states, strict=True))
        states = by_columns(c, arrays, columns, routine.states, batch)
        all_states.append(states)
        expected.append(states[0])

    given_xs, given_states = ([as_library(library, a) for a in each] for each in (xs, first))
    one = as_tuple(routine.step(*given, *(x[0] for x in given_xs), *given_states))
    for ours, theirs in zip(one, all_states[0], strict=True):
        close(ours, theirs)
    outputs, last = routine.sequence(*given, *given_xs, *given_states)
    close(outputs, np.stack(expected))
    for ours, theirs in zip(as_tuple(last), states, strict=True):
        close(ours, theirs)
    swapped = [as_library(library, np.moveaxis(x, 0, -2)) for x in xs]
    turned, turned_last = routine.sequence(*given, *swapped, *given_states, batch_first=True)
    for ours, theirs in zip(as_tuple(turned_last), states, strict=True):
        close(ours, theirs)
    close(np.moveaxis(np.asarray(turned), -2, 0), outputs)


def by_columns(c, arrays, columns, states, batch):
    """The text, evaluated for each member of the batch on its own."""
    out = [np.empty(columns[state].shape) for state in states]
    for at in np.ndindex(*batch):
        own = {name: array[at][:, None] for name, array in columns.items()}
        known = run_text(c, arrays | own)
        for target, state in zip(out, states, strict=True):
            target[at] = np.broadcast_to(known[f"{state}_next"], (target.shape[-1], 1))[:, 0]
    return out


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", list(catalogue))
def test_every_cell_of_the_catalogue(name, library):
    divides = "/ s'" in catalogue[name].text  # by a memory that has to stay away from 0
    check_against_text(catalogue[name], library, spread=0.3 if divides else 1)


ODD_CELLS = {
    "a factor known before the loop": "h' = tanh(W @ x) * h * (V @ x) * b",
    "a state of one number": "c: 1\nc' = tanh(v @ h + b)\nh' = tanh(U @ c' + W @ x)",
    "a scalar": "a: 1\nh' = 2 * a * h + (1 - a) * tanh(W @ x) + a",
    "a scalar value": "s: 1\ns = sigmoid(v @ h + u @ x)\nh' = s * h + (1 - s) * tanh(W @ x)",
    "a low-rank kernel": "h' = tanh(A @ (B @ h) + C @ (D @ x) + b)",
    "a product of kernels": "h' = tanh((A @ B) @ h + (V + U) @ h + W @ (E @ b) + F @ x)",
    "a matrix made of the input": "h' = tanh(((W @ x) @ r) @ h) - ((V @ x) @ q - (U @ x) @ r) @ h",
    "a named matrix of the state": "M = (U @ h) @ r\nh' = tanh(M @ h) + W @ x",
    "a scaled matrix of the input": "s: 1\ns = v @ x\nh' = (s * U) @ h",
    "one step back and forth": "c' = tanh(U @ h + W @ x)\nh' = c + c' * h",
    "states that swap": "a' = b\nb' = a + W @ x",
    "a state that is a parameter": "c' = b\nh' = tanh(U @ c + W @ x)",
    "a state from the input alone": "h' = tanh(W @ x)",
    "a state that fades": "h' = 0.5 * h",
    "unequal blocks": "c: p\nc' = tanh(A @ h + V @ x)\nh' = tanh(B @ h + U @ h + D @ c' + W @ x)",
    "one product twice": "r = sigmoid(U @ h)\nz = tanh(U @ h) + W @ x\nh' = r * z + U @ h",
    "one kernel, two biases": "r = sigmoid(U @ h + a)\nh' = tanh(U @ h + b) * r + W @ x",
    "the same line twice": "r = U @ h\nz = U @ h\nh' = tanh(r * z + W @ x)",
    "names of Python and NumPy": "np = U @ h\nrange = t @ x\nh' = tanh(np + range + outputs)",
    "names of the generator": "h_x = W @ x\nr_h = U @ h\nh' = h_x + r_h * kernels_h + biases_x",
    "every function": "h' = relu(W @ x) + exp(-silu(U @ h)) + softplus(hard_sigmoid(identity(h)))",
    "a mask and a gap": "mask: input m\ngap: input 1\nA: constant\ns: constant 1\n"
    "h' = exp(-gap * s) * (A @ h) + W @ (mask * x) + v * gap + b",
    "blocks": "U: blocks 2\nV: blocks H\nW: blocks 2\nx: n\nv = V @ h\n"
    "h' = tanh((-U) @ x + (2 * W) @ (V @ v) + U @ b + v)",
    "a transpose": "h' = h + tanh((W - W.T) @ h + V.T @ x + W.T @ b)",
    "the input before": "p' = x\nq' = p\nh' = tanh(W @ x + V @ p + U @ q + R @ h)",
    "a sum of kernels": "h' = ((u @ v) + U) @ h + W @ x",
    "an outer product of parameters": "c: 1\nc' = v @ h\nh' = ((u @ v) + U) @ h + W @ x",
    "biases of one number": "c: 1\nd: 1\nc' = v @ x + b\nd' = d * tanh(w @ x + a)\nh' = U @ h",
    "a line with a bias and the same without": "a = V @ h + b\nz = V @ h\nh' = a * z + W @ x",
    "a tied kernel": "r = tanh(b + W @ x + U @ h)\nh' = tanh(d + W @ x) * r",
    "a state whose size nothing tells": "c: p\nc' = 0.5 * c\nh' = tanh(W @ x + U @ h)",
    "a negative kernel": "h' = W @ x + (-U) @ h + (-V) @ h",
    "a whole line and a bias": "a = U @ h + b\nz = V @ h\nh' = tanh(a * z + W @ x)",
    "numbers": "h' = h / 3 - 0.1 * h + 1e-3 * tanh(W @ x) - 2",
    "quotients": "a = W @ x + b\nh' = a / (1 + h * h) / (g / 3 * exp(-a)) - 1 / (2 + cos(h)) / -4",
    "a number over vectors": "b: n\nc = 1 / (2 + sin(b))\n"
    "h' = 3 / (2 + c * c) - 2 / exp(W @ x) + c / 2",
    "max and min": "h' = max(-2, W @ x) - min(0.5, U @ h) * max(b, min(h, -b)) + max(1, 2) * d",
    "max and min by name": "a: 1\nb = -2\nh' = max(W @ x, b) + min(a, h) - max(b, a) * max(d, 0)",
    "means": "s = mean(W @ x) * mean(g)\n"
    "h' = (h - mean(h)) / sqrt(mean(h * h) + 1e-5) + s - mean(x) * g",
    "layer norm": "a = W @ x + U @ h + b\nmu = mean(a)\ns = mean((a - mu) * (a - mu))\n"
    "h' = tanh(g * (a - mu) / sqrt(s + 1e-5) + d)",
    "a mean of a next state": "c' = tanh(W @ x + U @ h) + c\n"
    "h' = c' / (1 + mean(c') * mean(c')) + h",
    "roots and angles": "h' = sqrt(abs(W @ x)) * sin(U @ h) - cos(b) * abs(-h) + sqrt(2) * h",
    "minus signs": "h' = -(-(W @ x)) - (U @ h - b) - -h",
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("what", list(ODD_CELLS))
def test_odd_cells(what, library):
    check_against_text(Cell(ODD_CELLS[what]), library)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_of_a_number(function, library):
    """PyTorch has functions of tensors alone; here of a number, a value that is one, and both."""
    if function in ("sqrt", "reciprocal"):  # not defined at every number
        text = (
            f"a = {function}(2) * {function}(1.5)\nb = {function}(a + 3)\nh' = -{function}(4) * h"
        )
        check_against_text(Cell(f"{text} + b * W @ x - {function}(a)"), library)
        return
    text = f"a = {function}(2) * {function}(-1.5)\nb = {function}(a - 3)\nh' = -{function}(0) * h"
    check_against_text(Cell(f"{text} + {function}(b * W @ x) - {function}(-a)"), library)


def test_a_function_of_a_number_that_is_too_large():
    for text in ("h' = exp(1e300) * h", "h' = exp(exp(exp(5))) * h"):
        with pytest.raises(ValueError, match="too large for floating point"):
            source(Cell(text), "torch")
    assert "h = 0 * h" in source(Cell("h' = exp(-1e10) * h"), "torch")


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_the_checks_it_is_the_same_and_shorter(library):
    for name in ("gru.pytorch", "lstm.projected"):
        text, short = (source(cell(name), library, checked=checked) for checked in (True, False))
        assert "raise" in text and "raise" not in short and "check" not in short
        assert text.function("sequence").loop() == short.function("sequence").loop()
    module: dict = {}
    exec(short, module)  # noqa: S102
    c = cell("lstm.projected")
    arrays = random_arrays(c, SIZES)
    parameters = {p: as_library(library, column_free(arrays[p])) for p in c.program.parameters}
    x = as_library(library, np.random.default_rng(1).normal(size=(3, 2, 3)))
    close(module["sequence"](parameters, x)[0], generate(c, library).sequence(parameters, x)[0])
    exec(source(Cell("h' = 0.5 * h"), library, checked=False), module)  # noqa: S102
    assert module["step"]({}, x[0], x[0])[0, 0] == 0.5 * x[0][0, 0]
    assert "for name in SHAPES" not in source(Cell("h' = 0.5 * h"), library, checked=False)


@pytest.mark.parametrize("text", [*(c.text for c in catalogue.values()), *ODD_CELLS.values()])
def test_a_schedule_knows_the_shape_of_every_name(text):
    """Each line's array, as it stands when the sequence returns, has the shape that is told."""
    c = Cell(text)
    plan, names = schedule(c), Names(c)
    module: dict = {}
    code = re.sub(r"return (outputs\d*), ", "return locals(), ", source(c, checked=False))
    exec(code, module)  # noqa: S102
    arrays, shapes = random_arrays(c, SIZES), shapes_at(c, SIZES)
    first = [np.zeros((2, shapes[state][0])) for state in output_first(c)]
    inputs = [np.ones((4, 2, shapes[name][0])) for name in c.inputs]
    found = module["sequence"](*groups(c, arrays), *inputs, *first)[0]
    at = {sp.Symbol(size): number for size, number in sizes_at(c, SIZES).items()}
    kinds = [((2,), plan.step), ((4, 2), plan.sequence), ((), plan.once)]
    for lead, lines in kinds:
        for line in lines:
            own = [line.target] if isinstance(line, Stack) else line.names
            whole = [line.whole] if isinstance(line, Split) else []
            for name in (*own, *whole):
                rows, columns = (int(sp.sympify(s).subs(at)) for s in plan.shapes[name])
                if name in whole and name not in found:
                    continue  # cut in the same line, without a name
                given = np.shape(found[names[name]])
                wanted = (rows, columns) if columns != 1 else (rows,)
                # One number spreads over whatever it meets; a number has no batch axes.
                assert given in ((*lead, *wanted), wanted) or (rows == 1 and given == ()), name


@settings(max_examples=60, deadline=None)
@given(cell_texts(MORE), st.sampled_from(LIBRARIES))
def test_any_cell(text, library):
    # Small numbers: a state that is squared twice a step must not outgrow the oracle's exp.
    check_against_text(Cell(text), library, batch=(2,), steps=2, spread=0.25)


@settings(max_examples=80, deadline=None)
@given(tangled_texts(), st.sampled_from(LIBRARIES))
def test_any_cell_that_uses_its_parameters_again(text, library):
    check_against_text(Cell(text), library, batch=(2,), steps=2, spread=0.25)


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_batch_axis_at_all(library):
    check_against_text(cell("gru.pytorch"), library, batch=())


RATIONAL = ["gru.pytorch", "gru.dey_salem", "lstm.peephole"]
OWN = "s: 1\nz = softplus(A @ (B @ x) + b)\nh' = z * tanh(U @ h) - s * silu(h) + exp(-z)"


@pytest.mark.parametrize("text", [*(cell(name).text for name in RATIONAL), OWN])
@pytest.mark.parametrize("library", LIBRARIES)
def test_against_sympy_at_50_digits(text, library):
    """Rational points: SymPy composes the step and evaluates it with 50 digits."""
    c = Cell(text)
    sizes = {"m": 2, "n": 3, "k": 2}
    shapes = shapes_at(c, sizes)
    draw = np.random.default_rng(2)
    names = ("x", *c.states, *c.program.parameters)
    eighths = {name: draw.integers(-12, 13, size=shapes[name]) for name in names}
    symbols = {sp.Symbol(size): sizes[size] for size in c.size_names}
    values = {
        c.symbol(name).subs(symbols): (
            sp.Rational(int(array[0, 0]), 8)
            if name in c.sizes.scalars
            else sp.Matrix(array.tolist()) / 8
        )
        for name, array in eighths.items()
    }
    routine = generate(c, library)
    floats = {k: as_library(library, column_free(a / 8)) for k, a in eighths.items()}
    parameters = {k: floats[k] for k in c.program.parameters}
    ours = routine.step(parameters, floats["x"], *(floats[state] for state in routine.states))
    for state, found in zip(routine.states, as_tuple(ours), strict=True):
        exact = sp.Matrix(c.next_state(state).subs(symbols).subs(values).doit())
        digits = [sp.N(entry.doit(), 50) for entry in exact]
        # A dozen operations on numbers of order one: a few units in the last place of 1.
        np.testing.assert_allclose(found, np.array(digits, dtype=float), rtol=1e-14, atol=4e-15)


# What the general pass finds


@pytest.mark.parametrize(
    ("name", "products"),
    [
        ("gru.pytorch", 1),
        ("gru.merged", 1),
        ("gru.flux", 1),
        ("gru.keras", 1),
        ("gru.dey_salem", 2),
        ("gru.answer", 2),
        ("gru.keras_reset_before", 2),
        ("lstm.pytorch", 1),
        ("lstm.projected", 2),
        ("rnn.elman", 1),
        ("minimal.mgu_flax", 1),
    ],
)
def test_products_that_wait_for_the_step_before(name, products):
    """Reset after the product: one. Before it: the candidate's product has to wait for r."""
    assert schedule(cell(name)).products_per_step == products


def test_the_pass_is_not_written_for_the_gru():
    c = Cell("a = tanh(P @ h + Q @ x)\nb = tanh(R @ (a * h) + S @ (a * h) + T @ h)\nh' = a + b")
    assert schedule(c).products_per_step == 2
    chain = Cell("h' = tanh(A @ (B @ (C @ h)))")
    assert schedule(chain).products_per_step == 3


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_subtracted_is_written_so(library):
    text = source(Cell("h' = tanh(W @ x - b + r * (U @ h))"), library)
    assert "- b" in text and "-b" not in text and "r * (h @ U.T)" in text


def test_a_kernel_that_stands_there_twice_is_stacked_once():
    text = source(Cell(ODD_CELLS["one kernel, two biases"]))
    assert "concatenate" not in text and text.function("sequence").count("@ U.T") == 1


def test_the_biases_that_meet_are_added_once():
    """The sum of PyTorch's two biases is formed before the loop, but for the candidate's."""
    text = source(cell("gru.pytorch"))
    assert "biases_x = np.concatenate([b_ir + b_hr, b_iz + b_hz, b_in])" in text
    loop = text[text.index("for t in") : text.index("outputs.append")]
    assert "b_hn" in loop and "b_hr" not in loop and "b_hz" not in loop
    answer = source(cell("gru.answer"))
    loop = answer[answer.index("for t in") : answer.index("outputs.append")]
    assert "b_" not in loop


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", list(catalogue))
def test_the_text_stands_alone(name, library):
    """It imports its library only, and no line is too wide to read."""
    text = source(cell(name), library)
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {library}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(text)))
    assert max(map(len, text.splitlines())) <= 100


def test_the_pasted_text_runs_without_the_package(tmp_path):
    (tmp_path / "gru.py").write_text(source(cell("gru.pytorch")), encoding="utf-8")
    code = (
        "import sys, numpy as np, gru\n"
        "size = {'m': 2, 'n': 3}\n"
        "p = {k: np.ones([size[s] for s in shape]) for k, shape in gru.SHAPES.items()}\n"
        "print(gru.sequence(p, np.ones((4, 2)))[0].shape, 'gru_sym' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[0] == "(4, 3) False"


def test_a_name_cannot_end_the_docstring():
    hostile = Cell("h' = tanh(W @ x)", name='"""\nimport os\n\\')
    assert "import os" not in [line.strip() for line in source(hostile).splitlines()]
    generate(hostile)


def test_a_matrix_that_changes_from_step_to_step_is_refused():
    with pytest.raises(CellError, match="another one at each step") as error:
        source(Cell("h' = ((W @ x) @ r * U) @ h"))
    assert (error.value.line, error.value.column) == (1, 7)


def test_another_library_is_refused():
    with pytest.raises(ValueError, match="numpy or torch"):
        generate(cell("gru.pytorch"), "jax")


# Bad input: which array, its shape, the expected one


def good(library: str = "numpy"):
    shape = {"m": 3, "n": 5}
    parameters = {
        p.name: np.ones([shape[str(size)] for size in p.shape])
        for p in cell("gru.pytorch").parameters
    }
    given = {"x": np.zeros((4, 2, 3)), "h": np.zeros((2, 5)), **parameters}
    return {name: as_library(library, array) for name, array in given.items()}


BAD = {
    "feature size": ("x", lambda a: a[..., :2], r"x has shape \(4, 2, 2\); expected \(4, 2, 3\)"),
    "no steps": ("x", lambda a: a[:0], r"x has shape \(0, 2, 3\); expected one step or more"),
    "no time axis": ("x", lambda a: a[0, 0], r"x has shape \(3,\); expected one step or more"),
    "batch": ("h", lambda a: a[:1], r"h has shape \(1, 5\); expected \(2, 5\)"),
    "state size": ("h", lambda a: a[:, :4], r"h has shape \(2, 4\); expected \(2, 5\)"),
    "bias": ("b_hz", lambda a: a[:4], r"b_hz has shape \(4,\); expected \(5,\), as n is 5 in W_ir"),
    "first kernel": ("W_ir", lambda a: a[:4], r"b_ir .*\(5,\); expected \(4,\), as n is 4 in W_ir"),
    "an axis too many": ("W_ir", lambda a: a[None], r"W_ir has shape \(1, 5, 3\); expected"),
    "kernel": ("W_hz", lambda a: a[:, :3], r"W_hz has shape \(5, 3\); expected \(5, 5\)"),
    "missing": ("W_hz", lambda a: None, r"parameter W_hz is missing; its shape is \('n', 'n'\)"),
    "no array": ("b_hz", lambda a: [1.0] * 5, r"b_hz must be .*, not list"),
    "input no array": ("x", lambda a: a.tolist(), r"x must be .*, not list"),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("what", list(BAD))
def test_bad_input_is_named(what, library):
    name, spoil, message = BAD[what]
    given = good(library)
    given[name] = spoil(given[name])
    x, h = given.pop("x"), given.pop("h")
    parameters = {name: array for name, array in given.items() if array is not None}
    with pytest.raises((ValueError, TypeError), match=message):
        generate(cell("gru.pytorch"), library).sequence(parameters, x, h)


@pytest.mark.parametrize(
    ("library", "narrow", "whole"),
    [
        ("numpy", lambda a: a.astype(np.float32), lambda a: a.astype(int)),
        ("torch", torch.Tensor.float, torch.Tensor.long),
    ],
)
def test_another_dtype_is_named(library, narrow, whole):
    given = good(library)
    x = given.pop("x")
    given.pop("h")
    routine = generate(cell("gru.pytorch"), library)
    with pytest.raises(
        ValueError, match=r"b_hr has dtype .*float32; expected that of x, .*float64"
    ):
        routine.sequence(given | {"b_hr": narrow(given["b_hr"])}, x)
    with pytest.raises(ValueError, match=r"x has dtype .*int64; expected a floating-point one"):
        routine.sequence(given, whole(x))


def test_an_unknown_parameter_is_named():
    given = good()
    x = given.pop("x")
    with pytest.raises(ValueError, match="h is not a parameter; they are W_ir, b_ir"):
        generate(cell("gru.pytorch")).sequence(given, x)


def test_a_state_whose_size_nothing_tells_must_be_given():
    routine = generate(Cell("h' = 0.5 * h"))
    with pytest.raises(ValueError, match=r"h must be given; nothing else tells its size"):
        routine.sequence({}, np.ones((2, 3)))
    assert routine.sequence({}, np.ones((2, 3)), np.ones(4))[1].shape == (4,)


def test_matrices_are_not_put_in_without_end():
    """Each line doubles: 20 of them would be a million products."""
    lines = ["M0 = (W @ x) @ r", *(f"M{i + 1} = M{i} + M{i}" for i in range(20)), "h' = M20 @ h"]
    with pytest.raises(CellError, match="more than 100 times"):
        source(Cell("\n".join(lines)))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_step_wants_its_state(library):
    given = good(library)
    x, _ = given.pop("x"), given.pop("h")
    with pytest.raises(TypeError, match=r"h must be .*, not NoneType"):
        generate(cell("gru.pytorch"), library).step(given, x[0], None)


def test_an_option_is_not_taken_for_a_state():
    given = good()
    x, h = given.pop("x"), given.pop("h")
    with pytest.raises(TypeError, match="positional"):
        generate(cell("gru.pytorch")).sequence(given, x, h, h)


def test_the_same_cell_is_the_same_function():
    """torch.compile keeps what it compiled by the identity of a function."""
    assert (
        generate(cell("gru.pytorch")).step
        is generate(Cell(cell("gru.pytorch").text, "gru.pytorch")).step
    )


def test_what_is_imported_is_used():
    assert "functional" not in source(Cell("h' = tanh(W @ x + U @ h)"), "torch")


# Types, and the tools that PyTorch users build on


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["gru.pytorch", "lstm.peephole"])
def test_the_dtype_is_kept(name, dtype):
    routine = generate(cell(name), "torch")
    arrays = random_arrays(cell(name), SIZES)
    parameters = {
        p: torch.from_numpy(column_free(arrays[p])).to(dtype) for p in cell(name).program.parameters
    }
    outputs, last = routine.sequence(parameters, torch.ones(4, 2, 3, dtype=dtype))
    assert {outputs.dtype, *(state.dtype for state in as_tuple(last))} == {dtype}


@pytest.mark.parametrize("function", ["sigmoid", "softplus", "silu", "hard_sigmoid", "relu"])
def test_float32_stays_and_nothing_overflows(function):
    routine = generate(Cell(f"h' = {function}(W @ x)"))
    parameters = {"W": np.array([[1.0], [-1.0]], dtype=np.float32)}
    outputs, _ = routine.sequence(parameters, np.full((1, 1), 1e4, dtype=np.float32))
    assert outputs.dtype == np.float32 and np.isfinite(outputs).all()


def test_softplus_of_torch_is_exact_beyond_20():
    """torch.nn.functional.softplus becomes the identity there, 2e-9 off."""
    routine = generate(Cell("h' = softplus(b) + 0 * h"), "torch")
    found = routine.step(
        {"b": torch.tensor([20.5], dtype=torch.float64)},
        torch.ones(1).double(),
        torch.zeros(1).double(),
    )
    assert found.item() == pytest.approx(float(sp.log(1 + sp.exp(sp.Rational(41, 2)))), rel=1e-15)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_torch_func_sees_through():
    routine = generate(cell("gru.pytorch"), "torch")
    given = good("torch")
    x, h = given.pop("x"), given.pop("h")

    def total(parameters):
        return routine.sequence(parameters, x, h)[0].sum()

    gradient = torch.func.grad(total)(given)
    slope = torch.func.jvp(total, (given,), ({k: torch.ones_like(v) for k, v in given.items()},))[1]
    assert slope.item() == pytest.approx(sum(g.sum().item() for g in gradient.values()), rel=1e-12)
    each = torch.func.vmap(lambda one: routine.sequence(given, one)[0], in_dims=1, out_dims=1)(x)
    torch.testing.assert_close(each, routine.sequence(given, x)[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["gru.pytorch", "lstm.projected"])
def test_torch_compile_makes_one_graph_of_it(name):
    """fullgraph=True refuses whatever the compiler cannot see through."""
    c = cell(name)
    routine = generate(c, "torch")
    arrays = random_arrays(c, SIZES)
    parameters = {p: torch.from_numpy(column_free(arrays[p])) for p in c.program.parameters}
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 2, 3)))
    expected = routine.sequence(parameters, x)[0]

    def outputs(parameters, x):
        return routine.sequence(parameters, x)[0]

    for function in (outputs, lambda p, x: routine.sequence(p, x)[0]):
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(parameters, x), expected, rtol=0, atol=1e-14)


# Memory, by allocation and not by time


@pytest.mark.parametrize("name", ["gru.pytorch", "lstm.pytorch", "rnn.elman"])
def test_memory_grows_with_the_steps_as_stated(name):
    """Peak: T B times what is hoisted + 2 n; or twice the hoisted, while the bias is added."""
    c = cell(name)
    routine, plan = generate(c), schedule(c)
    size = {"m": 16, "n": 16}
    parameters = {
        p.name: np.zeros([size[str(s)] for s in p.shape], np.float32) for p in c.parameters
    }
    batch, peaks = 64, []
    for steps in (200, 400):
        x = np.zeros((steps, batch, 16), np.float32)
        tracemalloc.start()
        routine.sequence(parameters, x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    hoisted = int(plan.numbers_per_step.subs({sp.Symbol("n"): 16}))
    stated = 200 * batch * 4 * max(2 * hoisted, hoisted + 2 * 16)
    # The Python objects of an array take a few hundred bytes a step, here below 4 %.
    assert peaks[1] - peaks[0] == pytest.approx(stated, rel=0.04)
