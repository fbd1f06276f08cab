"""The normal form's identities, proved or refuted, and its values in intervals, against mpmath."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from cells import FREE, NUMPY, random_arrays
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_functions import DEFINITIONS

from gru_sym import Cell
from gru_sym.equivalence import Proof, Refutation, Undecided, equivalent
from gru_sym.functions import FUNCTIONS, called
from gru_sym.normal.application import apply
from gru_sym.normal.form import normal_form, substitute
from gru_sym.normal.identities import vanish
from gru_sym.normal.polynomials import MAX_DEPTH, Polynomial, TooDeep
from gru_sym.normal.ratios import can_be_positive, combination
from gru_sym.normal.real_values import DIGITS, RealPieces, RealValues

SIZES = {"m": 2, "n": 3, "k": FREE}

NORMAL = [
    ("sigmoid({a})", "1 - sigmoid(-({a}))"),
    ("tanh({a})", "2 * sigmoid(2 * ({a})) - 1"),
    ("tanh({a})", "-tanh(-({a}))"),
    ("silu({a})", "({a}) * sigmoid({a})"),
    ("silu({a})", "({a}) + silu(-({a}))"),
    ("identity({a})", "({a})"),
    ("relu(3 * ({a}))", "3 * relu({a})"),
    ("relu(0.25 * ({a}))", "0.25 * relu({a})"),
    ("relu(relu({a}))", "relu({a})"),
    ("relu(-exp({a}))", "0 * h"),
    ("relu({a})", "({a}) + relu(-({a}))"),
    ("hard_sigmoid({a})", "1 - hard_sigmoid(-({a}))"),
    ("exp(({a}) + ({b}))", "exp({a}) * exp({b})"),
    ("exp(2 * ({a}))", "exp({a}) * exp({a})"),
    ("exp(-({a})) * exp({a})", "1 + 0 * h"),
    ("exp(({a}) + 2)", "exp(1) * exp({a}) * exp(1)"),
    ("exp(softplus({a}))", "1 + exp({a})"),
    ("exp(-softplus({a}))", "sigmoid(-({a}))"),
    ("softplus(-({a}))", "softplus({a}) - ({a})"),
    ("abs({a})", "abs(-({a}))"),
    ("abs(-3 * ({a}))", "3 * relu({a}) + 3 * relu(-({a}))"),
    ("max({a}, {b})", "({a}) + relu(({b}) - ({a}))"),
    ("max({a}, {b})", "-min(-({b}), -({a}))"),
    ("max({a}, {b}) + min({a}, {b})", "({a}) + ({b})"),
    ("max({a}, {b}) - min({a}, {b})", "abs(({a}) - ({b}))"),
    ("sin(({a}) - ({b}))", "-sin(({b}) - ({a}))"),
    ("cos(({a}) - ({b}))", "cos(({b}) - ({a}))"),
    ("sin({a}) / exp({b})", "sin({a}) * exp(-({b}))"),
    ("({b}) / (2 + exp({a}))", "0.5 * ({b}) * reciprocal(1 + 0.5 * exp({a}))"),
    ("sigmoid({b}) / (exp({a}) + exp(2 * ({a})))", "sigmoid({b}) * exp(-({a})) / (1 + exp({a}))"),
    ("1 / (1 / (3 + cos({a})))", "3 + cos({a})"),
    ("({a}) / sqrt(1 + exp({a})) - ({b})", "-({b}) + ({a}) / sqrt(exp({a}) + 1)"),
    ("({a}) - mean(g + ({b}) - ({b}))", "({a}) - mean(g)"),
    ("mean(g - mean(g)) * ({a})", "0 * h"),
    ("mean((g - mean(g)) * (g - mean(g))) * ({a})", "(mean(g * g) - mean(g) * mean(g)) * ({a})"),
    ("mean(({a}) + g) - mean(({a}) - g) + ({b})", "2 * mean(g) + ({b})"),
]
"""Identities that the normal form alone shows."""

DECIDED = [
    ("sigmoid({a}) * exp(-({a}))", "sigmoid(-({a}))"),
    ("sigmoid({a}) * (1 + exp({a}))", "exp({a})"),
    ("tanh(2 * ({a})) * (1 + tanh({a}) * tanh({a}))", "2 * tanh({a})"),
    ("sigmoid(softplus({a})) * (2 + exp({a}))", "1 + exp({a})"),
    ("6 * hard_sigmoid({a})", "relu(({a}) + 3) - relu(({a}) - 3)"),
    ("relu(3 - relu(3 - ({a})))", "relu({a}) - relu(({a}) - 3)"),
    ("relu({a}) * relu({a})", "({a}) * relu({a})"),
    ("relu({a}) * sigmoid({a})", "relu({a}) * sigmoid(relu({a}))"),
    ("relu(sigmoid({b}) * ({a}))", "sigmoid({b}) * relu({a})"),
    ("relu(exp({b}) * ({a}))", "exp({b}) * relu({a})"),
    ("relu(relu({b}) * ({a}))", "relu({b}) * relu({a})"),
    ("relu(1 - sigmoid({a}))", "sigmoid(-({a}))"),
    ("relu(relu({a}) - ({a}))", "relu(-({a}))"),
    ("softplus(({a}) * sigmoid({a}) * exp(-({a})))", "softplus(({a}) * sigmoid(-({a})))"),
    ("silu({a}) * (1 + exp(-({a})))", "identity({a})"),
    ("sigmoid({a})", "1 / (1 + exp(-({a})))"),
    ("tanh({a})", "(1 - exp(-2 * ({a}))) / (1 + exp(-2 * ({a})))"),
    ("1 / sigmoid({a})", "1 + exp(-({a}))"),
    ("(exp({a}) - exp({b}) * exp({b})) / (exp(0.5 * ({a})) + exp({b}))",
     "exp(0.5 * ({a})) - exp({b})"),
    ("1 / (2 + sin({a})) + 1 / (2 - sin({a}))", "4 / (4 - sin({a}) * sin({a}))"),
    ("max({a}, max({b}, g))", "max(max({a}, {b}), g)"),
    ("min({a}, max({a}, {b}))", "identity({a})"),
    ("abs({a}) * abs({a})", "({a}) * ({a})"),
    ("abs({a}) / (1 + abs({a}))", "1 - 1 / (1 + relu({a}) + relu(-({a})))"),
]  # fmt: skip
"""Identities that hold, and take fractions of exponentials, or cases, to see."""

PLACES = ["{}", "W @ ({})", "tanh(W @ ({}) + b)", "g * ({}) + h", "exp({})", "relu({})",
          "U @ tanh(W @ ({}))", "softplus({} - g)", "sigmoid(g + 2 * ({}))"]  # fmt: skip

ATOMS = ["h", "b", "g", "b + g", "U @ h", "V @ x", "b * h", "tanh(g)", "1 - h", "2 * b - g"]

NOTHING = "0 * (U @ h + V @ x + W @ h + b + g)"
"""What gives every cell here the same parameters."""


def with_next_state(expression: str) -> Cell:
    return Cell(f"h' = {expression} + {NOTHING}")


def decided(one: str, other: str) -> Proof | Refutation:
    return equivalent(with_next_state(one), with_next_state(other))


def value(expression: str, seed: int) -> np.ndarray:
    """The expression by Python's own evaluation, at a random point."""
    arrays = random_arrays(with_next_state("h"), SIZES, seed)
    with np.errstate(over="ignore", invalid="ignore"):
        found = eval(expression, {"__builtins__": {}}, arrays | NUMPY)  # noqa: S307
    return np.broadcast_to(found, (SIZES["n"], 1))


@pytest.mark.parametrize(("one", "other"), NORMAL)
def test_the_normal_form_shows_an_identity(one, other):
    cells = [with_next_state(side.format(a="U @ h - b", b="g")) for side in (one, other)]
    first, second = (normal_form(c.program, c.sizes).states for c in cells)
    assert first == second


def test_every_function_stands_in_an_identity():
    used = re.findall(r"(\w+)\(", " ".join(side for pair in NORMAL + DECIDED for side in pair))
    assert set(used) == set(called())


@pytest.mark.parametrize(("one", "other"), NORMAL + DECIDED)
@pytest.mark.parametrize("place", PLACES[:4])
def test_an_identity_is_proved_wherever_it_stands(one, other, place):
    sides = [place.format(side.format(a="b - U @ h", b="g")) for side in (one, other)]
    np.testing.assert_allclose(value(sides[0], 1), value(sides[1], 1), rtol=1e-9, atol=1e-9)
    assert isinstance(decided(*sides), Proof)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("atom", ["1 - h", "tanh(g)", "U @ h"])
def test_an_identity_is_proved_with_e_in_its_exponentials(atom, place):
    """exp(1 - h) is e exp(-h), and e is a coefficient: W @ (e v) is e (W @ v)."""
    for pair in NORMAL + DECIDED:
        sides = [place.format(side.format(a=atom, b="1 - g")) for side in pair]
        assert decided(*sides), sides[0]


def test_a_value_that_is_0_up_to_rounding_refutes():
    one, other = "relu(softplus(-(U @ h)))", "relu((U @ h) - softplus(U @ h))"
    refutation = decided(one, other)
    assert isinstance(refutation, Refutation)
    assert "0.0" in str(refutation)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_identities_are_proved_and_their_perturbations_refuted(data):
    one, other = data.draw(st.sampled_from(NORMAL + DECIDED))
    inner = {name: data.draw(st.sampled_from(ATOMS)) for name in "ab"}
    place = data.draw(st.sampled_from(PLACES))
    sides = [place.format(side.format(**inner)) for side in (one, other)]
    assert isinstance(decided(*sides), Proof)
    change = data.draw(st.sampled_from(["({}) + g", "1.5 * ({})", "({}) * sigmoid(b)", "-({})"]))
    changed = place.format(change.format(other.format(**inner)))
    differences = [value(sides[0], seed) - value(changed, seed) for seed in range(5)]
    assume(any(np.isfinite(d).all() and np.abs(d).max() > 1e-3 for d in differences))
    assert isinstance(decided(sides[0], changed), Refutation)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_what_differs_is_never_proved(data):
    """Any two sides: where Python sees a difference there is no proof."""
    sides = [
        data.draw(st.sampled_from(NORMAL + DECIDED))[data.draw(st.integers(0, 1))].format(
            **{name: data.draw(st.sampled_from(ATOMS[:4])) for name in "ab"}
        )
        for _ in range(2)
    ]
    differences = [np.abs(value(sides[0], seed) - value(sides[1], seed)).max() for seed in range(5)]
    assume(max(differences) > 1e-6)
    forms = [normal_form(c.program, c.sizes).states["h"] for c in map(with_next_state, sides)]
    assert not vanish([forms[0] - forms[1]])


@pytest.mark.parametrize("name", ["relu", "hard_sigmoid"])
def test_no_piece_is_passed_over(name):
    """Each differs from the function on one piece alone."""
    a = Polynomial.symbol("a")
    f = FUNCTIONS[name]
    for slope, intercept in f.pieces:
        line = a.scaled(slope) + Polynomial.number(intercept)
        assert not vanish([apply(name, a) - line])
    for kink in f.breaks:
        one = Polynomial.number(kink)
        assert not vanish([apply("relu", a - one)]) and not vanish([apply("relu", one - a)])
    assert not vanish([apply("relu", a * Polynomial.symbol("b")) - a * Polynomial.symbol("b")])
    assert not vanish([apply("relu", a) * apply("relu", Polynomial.symbol("b"))])


def test_a_power_of_an_exponential_that_becomes_a_sum():
    b, c = Polynomial.symbol("b"), Polynomial.symbol("c")
    for one in (b, -b, b + b):
        put = substitute(apply("exp", one), {"b": apply("softplus", c)})
        assert put == apply("exp", substitute(one, {"b": apply("softplus", c)}))


def test_what_is_not_seen_is_undecided_with_a_reason():
    """The square of a difference is never negative, which is not looked for."""
    with pytest.raises(Undecided, match=r"h' agree .* is not seen to be 0 in exponentials"):
        decided("relu(b * b - 2 * b * g + g * g)", "b * b - 2 * b * g + g * g")


def test_too_many_cases_are_undecided_with_a_reason():
    kinks = " + ".join(f"relu({k} * b + {k * k} * g - h)" for k in range(1, 13))
    with pytest.raises(Undecided, match="too large to compare: more than"):
        decided(f"sigmoid({kinks}) * exp(-({kinks}))", f"sigmoid(-({kinks}))")


# Deep chains


@pytest.mark.parametrize("link", ["{}", "tanh({})", "relu({})", "exp({})"])
def test_a_deep_chain_is_compared_or_refused_in_a_sentence(link):
    def chain(length: int) -> Cell:
        lines = [f"v{i} = " + link.format(f"W{i} @ v{i - 1}") for i in range(1, length)]
        return Cell("\n".join(["v0 = W0 @ x", *lines, f"h' = v{length - 1} + b"]))

    short, long = chain(MAX_DEPTH // 2), chain(200)
    assert equivalent(short, short)
    assert not equivalent(short, Cell(short.text.replace("+ b", "- b")))
    with pytest.raises(TooDeep, match=f"nested more than {MAX_DEPTH} deep"):
        equivalent(long, long)


# Linear algebra below the identities


@given(st.lists(st.tuples(*[st.integers(-1, 1)] * 2), min_size=1, max_size=5))
def test_which_linear_forms_can_be_positive_at_once(rows):
    """In the plane with these slopes, the directions of small integers decide."""
    grid = itertools.product(range(-3, 4), repeat=2)
    expected = any(all(p * x + q * y > 0 for p, q in rows) for x, y in grid)
    forms = [{k: Fraction(v) for k, v in zip("xy", row, strict=True) if v} for row in rows]
    assert can_be_positive(forms) == expected


@given(
    st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=1, max_size=4),
    st.tuples(*[st.integers(-2, 2)] * 3),
)
def test_a_combination_is_found_exactly_if_there_is_one(rows, target):
    forms = [
        {k: Fraction(v) for k, v in zip("xyz", row, strict=True) if v} for row in (*rows, target)
    ]
    found = combination(forms[-1], forms[:-1], Fraction(1))
    rank = np.linalg.matrix_rank
    assert (found is not None) == (rank(np.array([*rows, target])) == rank(np.array(rows)))
    if found is not None:
        made = [sum(q * row[k] for q, row in zip(found, rows, strict=True)) for k in range(3)]
        assert tuple(made) == target


# Values in intervals


def interval(expression: str, at: Fraction):
    """The interval of an expression in b, at a number."""
    cell = Cell(f"h: 1\nh' = {expression} + 0 * (h + b)")
    form = normal_form(cell.program, cell.sizes).states["h"]
    return RealValues(lambda name, row, column: at, lambda size: 1).polynomial(form, 0)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(at=st.fractions(-40, 40, max_denominator=1000))
@settings(max_examples=40, deadline=None)
def test_an_interval_holds_the_value_and_is_narrow(name, at):
    for inner, outer in (("b", lambda u: u), ("(b * b - 3) * 0.5", lambda u: (u * u - 3) / 2)):
        if FUNCTIONS[name].undefined(outer(at)):
            with pytest.raises(ArithmeticError):
                interval(f"{name}({inner})", at)
            continue
        ball = interval(f"{name}({inner})", at)
        with mpmath.workdps(DIGITS + 60):
            truth = DEFINITIONS[name](outer(mpmath.mpf(at.numerator) / at.denominator))
            low, high = (mpmath.mpf(end._mpi_[0]) for end in (ball.a, ball.b))
            assert low <= truth <= high
            # 800 is the largest argument; far left of 0 these are digits after the point.
            assert high - low <= mpmath.mpf(10) ** (6 - DIGITS) * max(1, abs(truth))


@pytest.mark.parametrize("at", [Fraction(10) ** 40, -(Fraction(10) ** 40), Fraction(70000)])
def test_an_exponential_out_of_reach_is_still_enclosed(at):
    for name, (right, left) in {"sigmoid": (1, 0), "tanh": (1, -1), "exp": (mpmath.inf, 0)}.items():
        ball, limit = interval(f"{name}(b)", at), right if at > 0 else left
        assert ball.a <= limit <= ball.b


def test_the_piece_is_known_only_away_from_a_break():
    pieces = RealPieces(lambda name, row, column: Fraction(3), lambda size: 1)
    b = Polynomial.symbol("b")
    assert pieces("hard_sigmoid", (b.scaled(Fraction(99, 100)), 0, 0)) == 1
    assert pieces("hard_sigmoid", (b.scaled(Fraction(-2)), 0, 0)) == 0
    for kink in (b, -b, b.scaled(Fraction(1, 3)) + b.scaled(Fraction(2, 3))):
        with pytest.raises(ArithmeticError, match="too near to one of its breaks"):
            pieces("hard_sigmoid", (kink, 0, 0))
