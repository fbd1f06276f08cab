"""The record of a function: one formula, and everything else that is said of it, against mpmath."""

from __future__ import annotations

import pickle
import subprocess
import sys
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

from gru_sym import Cell, effective_count, source
from gru_sym.certificates.exact_rank import exact_rank
from gru_sym.codegen import generate
from gru_sym.functions import FUNCTIONS
from gru_sym.normal.application import apply
from gru_sym.normal.form import normal_form
from gru_sym.normal.polynomials import Polynomial
from gru_sym.normal.real_values import RealValues

DEFINITIONS = {
    "sigmoid": lambda u: 1 / (1 + mpmath.exp(-u)),
    "tanh": mpmath.tanh,
    "relu": lambda u: max(u, mpmath.mpf(0)),
    "exp": mpmath.exp,
    "softplus": lambda u: mpmath.log1p(mpmath.exp(u)),
    "silu": lambda u: u / (1 + mpmath.exp(-u)),
    "hard_sigmoid": lambda u: min(max(u / 6 + mpmath.mpf(1) / 2, mpmath.mpf(0)), mpmath.mpf(1)),
    "identity": lambda u: u,
    "sqrt": mpmath.sqrt,
    "abs": lambda u: max(u, -u),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "reciprocal": lambda u: mpmath.mpf(1) / u,
}
"""As the papers and libraries define them, written once more."""

POINTS = [-25.0, -7.5, -2.5, -0.3, 0.4, 2.9, 3.5, 25.0]
"""On every piece of the piecewise ones, at no kink, and where sums of exponentials cancel."""

every = pytest.mark.parametrize("name", FUNCTIONS)


def points_of(name: str) -> list[float]:
    """The points at which a function has a value."""
    return [point for point in POINTS if not FUNCTIONS[name].undefined(Fraction(point))]


def slope(name: str, point: float) -> mpmath.mpf:
    """The derivative by differences, at 60 digits."""
    with mpmath.workdps(60):
        return mpmath.diff(DEFINITIONS[name], mpmath.mpf(point), h=mpmath.mpf(10) ** -20)


def test_every_function_has_a_definition_here():
    assert DEFINITIONS.keys() == FUNCTIONS.keys()


@every
def test_value_and_derivative_in_sympy(name):
    u = sp.Symbol("u", real=True)
    ours = FUNCTIONS[name].symbolic(u)
    for point in points_of(name):
        at = {u: sp.Float(point, 50)}
        with mpmath.workdps(30):
            # Differences of step 1e-20 leave about 20 digits of a slope.
            for found, true in (
                (ours, DEFINITIONS[name](mpmath.mpf(point))),
                (sp.diff(ours, u), slope(name, point)),
            ):
                value = mpmath.mpf(str(sp.N(found.subs(at).doit(), 30)))
                assert mpmath.almosteq(value, true, 1e-15, 1e-20), point


@every
def test_value_at_rational_numbers(name):
    def of_number(number: Fraction) -> str:
        return source(Cell(f"h' = {name}({number}) * h"))

    for number in (Fraction(0), Fraction(1, 3), Fraction(-7, 2), Fraction(3), Fraction(5)):
        value = FUNCTIONS[name].value(number)
        if FUNCTIONS[name].undefined(number):
            assert value is None
            for ask in (lambda: apply(name, Polynomial.number(number)), lambda: of_number(number)):  # noqa: B023
                with pytest.raises(ValueError, match="is not defined"):
                    ask()
            continue
        with mpmath.workdps(30):
            true = DEFINITIONS[name](mpmath.mpf(number.numerator) / number.denominator)
            near = Fraction(mpmath.nstr(true, 28)).limit_denominator(1000)
            gap = abs(mpmath.mpf(near.numerator) / near.denominator - true)
        if value is not None:
            assert float(value) == pytest.approx(float(true), rel=1e-15, abs=1e-15)
            assert apply(name, Polynomial.number(number)) == Polynomial.number(value)
        else:
            assert gap > 1e-15, "rational, and not known to be"


@every
def test_reflection_and_the_way_it_is_written(name):
    record = FUNCTIONS[name]
    assert (record.reflection is None) == (name == "sqrt")
    for point in map(mpmath.mpf, POINTS if name != "sqrt" else ()):
        f = DEFINITIONS[name]
        assert mpmath.almosteq(record.reflection(f(point), point), f(-point), 1e-12, 1e-12)
        if record.written is not None:
            written = record.written(point, lambda other, v: DEFINITIONS[other](v))
            assert mpmath.almosteq(written, f(point), 1e-12, 1e-12)


@every
def test_signs_and_scales(name):
    """What the normal form and the symmetries ask for, at points."""
    record, f = FUNCTIONS[name], DEFINITIONS[name]
    points = [mpmath.mpf(point) for point in points_of(name)]
    assert record.nonnegative == all(f(point) >= 0 for point in points)
    scaled = all(mpmath.almosteq(f(3 * point), 3 * f(point)) for point in points)
    assert record.homogeneous == (scaled and record.written is None)


@every
def test_pieces_meet_at_the_breaks(name):
    record = FUNCTIONS[name]
    assert len(record.pieces) == (len(record.breaks) + 1 if record.breaks else 0)
    for point in map(Fraction, POINTS):
        if record.pieces:
            a, b = record.pieces[sum(at < point for at in record.breaks)]
            assert a * point + b == record.value(point)
            true = DEFINITIONS[name](mpmath.mpf(float(point)))
            assert float(record.value(point)) == pytest.approx(float(true), rel=1e-15)


@every
def test_intervals_hold_the_value(name):
    """Narrow ones are narrow, and wide ones hold the values at their ends and between."""
    values = RealValues(lambda entry, row, column: Fraction(0), lambda size: 1)
    for point in points_of(name):
        narrow = values.polynomial(apply(name, Polynomial.number(Fraction(point))), 0)
        by = min(4, abs(point) / 2) if FUNCTIONS[name].undefined(Fraction(0)) else 4
        by = min(by, point) if name == "sqrt" else by
        wide = values._function(name, values.balls.mpf([point - by, point + by]))
        with mpmath.workdps(70):
            for ball, at in [(narrow, 0), (wide, -by), (wide, 0), (wide, by)]:
                low, high = (mpmath.mpf(end) for end in ball._mpi_)
                true = DEFINITIONS[name](mpmath.mpf(point + at))
                assert low <= true <= high
                assert ball is wide or high - low <= 1e-40 * max(1, abs(true))


@every
def test_plain_arithmetic_is_the_same_on_arrays_and_tensors(name):
    plain = FUNCTIONS[name].plain
    if plain is None:
        assert name in ("softplus", "sin", "cos")  # a logarithm, and angles
        return
    given = points_of(name)
    true = [float(DEFINITIONS[name](mpmath.mpf(point))) for point in given]
    for points in (np.array(given), torch.tensor(given, dtype=torch.float64)):
        np.testing.assert_allclose(np.asarray(plain(points)), true, rtol=1e-14, atol=1e-15)


@every
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_generated_code_computes_it(name, library):
    """Values in both libraries and gradients in PyTorch, in float64."""
    routine = generate(Cell(f"h' = {name}(W @ x) + 0 * h"), library)
    for point in points_of(name):
        true = float(DEFINITIONS[name](mpmath.mpf(point)))
        bound = 2e-15 * max(1.0, abs(true))  # nine units in the last place of 1
        if library == "numpy":
            found = routine.step({"W": np.ones((1, 1))}, np.array([point]), np.zeros(1))
            assert abs(found.item() - true) <= bound
            continue
        x = torch.tensor([point], dtype=torch.float64, requires_grad=True)
        one, zero = torch.ones(1, 1).double(), torch.zeros(1).double()
        value = routine.step({"W": one}, x, zero)
        value.backward()
        assert abs(value.item() - true) <= bound
        gradient = float(slope(name, point))
        assert abs(x.grad.item() - gradient) <= 2e-15 * max(1.0, abs(gradient))


@pytest.mark.parametrize("name", ["sigmoid", "relu", "softplus", "silu", "hard_sigmoid"])
def test_a_function_keeps_its_name_until_it_is_asked(name):
    u = sp.Symbol("u")
    named = FUNCTIONS[name].symbolic(u)
    assert str(named) == f"{name}(u)"
    assert named.rewrite(sp.exp) == named.doit() != named
    assert pickle.loads(pickle.dumps(named)) == named  # noqa: S301 - our own bytes


NEWCOMERS = """
from fractions import Fraction as Q
import sympy as sp
from gru_sym import functions

class arcus(sp.Function):
    pass

spelled = dict(numpy="np.arctan", torch="torch.atan", javascript="Math.atan")
for new in (
    functions.Elementwise(
        name="keras2", latex="k", pieces=((Q(0), Q(0)), (Q(1, 5), Q(1, 2)), (Q(0), Q(1))),
        breaks=(Q(-5, 2), Q(5, 2)), numpy="np.clip(u / 5 + 0.5, 0, 1)",
        torch="torch.clamp(u / 5 + 0.5, 0, 1)", javascript="0",
    ),
    functions.Elementwise(name="arcus", latex="a", symbolic=arcus, **spelled),
):
    functions.FUNCTIONS[new.name] = new

import numpy as np
from gru_sym import Cell, effective_count, generate
from gru_sym.normal.form import normal_form
from gru_sym.normal.application import apply
from gru_sym.normal.polynomials import Polynomial
from gru_sym.normal.real_values import RealValues

assert apply("keras2", Polynomial.number(Q(1))) == Polynomial.number(Q(7, 10))
text = "h' = {0}(W @ x + U @ h + b_1 + b_2)"
cell = Cell(text.format("keras2"))
print(cell.latex().split("&= ")[1][:3], effective_count(cell, m=2, n=3))
ones = {name: np.ones(s) for name, s in dict(W=(1, 1), U=(1, 1), b_1=1, b_2=1).items()}
print(generate(cell).step(ones, np.array([-1.5]), np.zeros(1)))
other = Cell(text.format("arcus"))
print(generate(other).step(ones, np.array([-1.0]), np.zeros(1)))
for ask in (
    lambda: RealValues(lambda *at: Q(1), lambda size: 1).polynomial(
        apply("arcus", Polynomial.symbol("b")), 0
    ),
    lambda: effective_count(other, m=2, n=3),
):
    try:
        print(ask())
    except ValueError as error:
        print(error)
"""


def test_a_new_function_is_one_record_and_is_never_taken_for_another():
    """One in pieces works in every room; one without a formula is refused by those that need it."""
    run = subprocess.run(
        [sys.executable, "-c", NEWCOMERS], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    latex, step, other, intervals, rank = run.stdout.splitlines()
    assert latex.startswith("k(W 18 of 21")
    assert step == "[0.6]"  # -3/2 + 1 + 1 = 1/2; 1/2 / 5 + 1/2
    assert float(other.strip("[]")) == pytest.approx(np.pi / 4)
    assert intervals == "arcus is not written in exponentials and logarithms"
    assert rank.startswith("at most 18 of 21 ") and "no exact rank is known for arcus" in rank


@pytest.mark.parametrize(("line", "lines"), [("W{} @ v{}", 80), ("tanh(W{} @ v{})", 40)])
def test_a_normal_form_is_as_deep_as_it_may_be_and_no_deeper(line, lines):
    """At the limit every recursion fits into Python's stack; beyond it one sentence is raised."""

    def chain(length: int) -> Cell:
        rows = [f"v{i + 1} = {line.format(i, i)}" for i in range(length)]
        return Cell("\n".join(["v0 = x + x", *rows, f"h' = v{length}\nx: n"]))

    c = chain(lines)
    (form,) = normal_form(c.program, c.sizes).states.values()
    again = normal_form(c.program, c.sizes).states["h"]
    assert (form, hash(form), form.key) == (again, hash(again), again.key)
    assert len(form.names) == lines + 1
    ones = dict.fromkeys(c.size_names, 1)
    assert exact_rank(c, 1, **ones).proved
    for length in (lines + 1, 1_500):
        with pytest.raises(ValueError, match="nested more than 80 deep"):
            effective_count(chain(length))
