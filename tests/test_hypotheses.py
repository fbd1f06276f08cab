"""Every hypothesis of the theorems, by a cell whose answer or proof is wrong without its check.

`judge` lays each answer beside ranks in floating point, computed by code that shares nothing with
the package; the verdict, and in it the hypothesis that fails, is pinned.
"""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from itertools import product

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_redundancy import check_families

from gru_sym import Cell, Layer, cell, effective_count, redundancy
from gru_sym.certificates import absorption, effective, finding, layers, reached
from gru_sym.certificates.exact_rank import exact_rank
from gru_sym.certificates.families import FalseFamily, Family
from gru_sym.certificates.locality import rows_vanish
from gru_sym.certificates.lowrank import multiplied_out
from gru_sym.certificates.moves import ScalingFamily, ShiftFamily
from gru_sym.certificates.symmetry import Mixing
from gru_sym.certificates.system import System
from gru_sym.certificates.unrolled import UnrolledLayer
from gru_sym.normal.exponents import Exponents
from gru_sym.normal.polynomials import ONE as EMPTY
from gru_sym.normal.polynomials import Polynomial, term_names
from stress.verdict import ALL, HERE, NOT, judge

ONE = (  # in disguise
    "sigmoid(p + q) * (1 - sigmoid(p) - sigmoid(q) + 2 * sigmoid(p) * sigmoid(q))"
    " * (1 + exp(-p)) * (1 + exp(-q))"
)

CONSTANT = "sigmoid(softplus(U @ h)) * (2 - sigmoid(U @ h))"
DEPENDENT = "the arguments of its functions are not known to be independent"
CONSTANTS = "the values of softplus and exp at numbers are not known to be independent"
RUNS = "a matrix product runs over units that cannot be switched off one by one"
VARIES = "an argument of a function varies at units without parameters"
PIECES = "the pieces of its functions are known at some parameters only"
UNEXPLAINED = "no family explains all that is redundant at"

CELLS = [
    # Arguments that depend on data, on parameters, or are constant, and values at numbers.
    ("h' = v * sigmoid(softplus(W @ x)) * (2 - sigmoid(W @ x))", NOT, DEPENDENT),
    ("h' = h * sigmoid(softplus(a)) * (2 - sigmoid(a))", NOT, DEPENDENT),
    (f"x: n\nh' = (a * sigmoid(1) - b * sigmoid({ONE})) * h + (a - b) * x", NOT, DEPENDENT),
    ("h' = a * softplus(0) * h + exp(1) * b", NOT, CONSTANTS),
    ("h' = a * softplus(1) * h + b", NOT, CONSTANTS),
    # Pieces: arguments that are affine in the data and independent, or not; behind relus at 0.
    ("x: n\nh' = relu(a * x * x) + b * h", HERE, PIECES),
    ("h' = v * relu(W @ x) * relu(-(W @ x) - 1) + h", NOT, UNEXPLAINED),
    ("h' = v * sigmoid(softplus(U @ h) + relu(V @ h)) * (2 - sigmoid(U @ h))", NOT, DEPENDENT),
    *[
        (f"h' = h * sigmoid(d) + relu({w} @ x) * {CONSTANT.replace('U', u)}", NOT, DEPENDENT)
        for w, u in ("AP", "AR", "CQ", "CS")  # which piece is drawn depends on the names
    ],
    # The Jacobian has equal blocks only where units share nothing.
    ("s: 1\nh' = s * tanh(W @ x)", ALL, "m = 1, n = 1"),
    # Sums over units: of parameters, of functions of parameters, inside others, inner numbers.
    ("h' = sigmoid(U @ b) * h + U @ x", NOT, RUNS),
    ("h' = sigmoid(U @ sigmoid(b)) * h + U @ x", NOT, RUNS),
    ("h' = U @ (h * (V @ b)) + U @ (h * h) + V @ x", NOT, RUNS),
    ("u: 2\nu = sigmoid(B @ x + b)\nh' = A @ u + h", ALL, "m = 1, n = 1"),
    ("y: 4\ny = B @ ((C @ x) * (D @ h))\nh' = A @ (s * y)", NOT, UNEXPLAINED),
    ("h' = A @ tanh(b * (sigmoid(W) @ tanh(x)) + B @ h)", NOT, VARIES),
    # A move that the normal form cannot say is not proved, and nothing comes of it.
    ("s: 1\nh' = s * ((M1 * M2) @ x) + h", NOT, UNEXPLAINED),
    ("h' = (M1 * (M2 + M3)) @ x + h", NOT, UNEXPLAINED),
    # Means over two values: once in a term, of functions with an exponential of their own.
    ("h' = silu(A @ tanh(B @ x + C @ h))", HERE, RUNS),
    ("h' = A @ exp(B @ x) + D @ exp(-(B @ x))", HERE, RUNS),
    ("h' = A @ exp(B @ x) + U @ (h * exp(-(B @ x)))", HERE, RUNS),
    ("h' = A @ sigmoid(B @ x - C @ h) + D @ sigmoid(B @ x) + E @ sigmoid(C @ h)", HERE, RUNS),
    ("h' = A @ (2 * exp(B @ x) - 1) + U @ h", HERE, RUNS),
    ("h' = A @ tanh(B @ x) + D @ sigmoid(4 * (B @ x))", HERE, RUNS),
    ("h' = A @ softplus(B @ x + C @ h)", HERE, RUNS),
    ("h' = A @ tanh(B @ x) + relu(C @ x)", HERE, RUNS),
    ("h' = A @ tanh(W @ x + U @ h + b)", ALL, "k = 1, m = 1, n = 1"),
    # Arguments at units whose parameters are 0.
    ("s: 1\nh' = A @ sigmoid(B @ x + s) + exp(s) * h", HERE, VARIES),
    ("y: 1\ny = v @ x\nh' = A @ tanh(W @ x + U @ h + y)", HERE, VARIES),
    ("y: 1\ny = sigmoid(v @ x)\nh' = A @ tanh(W @ x + U @ h + y)", HERE, VARIES),
    ("h' = A @ tanh(sigmoid(W) @ tanh(V @ h))", HERE, VARIES),
    # Small sizes: two indices of one parameter, the first index that a rule names, inner ones.
    ("x: n\nh' = (M * W) @ x + (M * V) @ h + M @ x", NOT, UNEXPLAINED + " n = 2"),
    ("y: 1\ny = v @ h\nh' = tanh(y * (U @ h) + W @ x)", ALL, "m = 1, n = 3"),
    ("y: 1\ny = v @ h\nh' = y * h + U @ (h * h)", NOT, UNEXPLAINED + " m = 1, n = 1"),
    ("x: n\nh' = tanh(A @ (B @ x) + C @ (B @ h))", ALL, "k = 1, n = 1; k = 1, n = 2; k = 2"),
    (
        "h' = tanh(A @ (B @ x) + A @ (C @ h) + (D @ (B @ x)) * h + (D @ (C @ h)) * h)",
        ALL,
        "k = 2, m = 1, n = 1",
    ),
    # Products of two matrices: moved by others, in products with others, not all of them there.
    ("h' = tanh((A @ (B @ x)) * (U @ h))", NOT, "is moved in other ways, too"),
    ("h' = tanh(A @ (B @ x + C @ h + d) + b)", HERE, "products of more than two"),
    ("h' = tanh(A @ (B @ x)) * (C @ (D @ x)) + A @ (D @ x)", NOT, "products of more than two"),
    ("u: n\nu = B @ x\nh' = tanh(A @ u + U @ h)", HERE, "products of more than two"),
    # Tensors: which sizes count, where else their kernels are, whose products are data's alone.
    ("h' = tanh(A @ ((B @ x) * (C @ h)) + b)", ALL, "m = 1, n = 1, k = 2; m = 1, n = 2, k = 2"),
    ("w: 2\nw = (B @ x) * (C @ h)\nh' = tanh(A @ w)", ALL, "m = 1, n = 2"),
    ("w: n\nw = (B @ x) * (C @ h)\nh' = tanh(A @ w + a) + sigmoid(D @ w + d + e)", ALL, "n = 2"),
    ("h' = tanh(A @ ((B @ x) * (C @ x)) + U @ h)", NOT, UNEXPLAINED + " m = 2, n = 2, k = 4"),
    ("h' = tanh(A @ ((B @ x) * (C @ h)) + C @ h)", HERE, RUNS),
    ("h' = tanh(A @ ((B @ x) * (C @ h)) + D @ ((B @ x) * (C @ tanh(h))))", NOT, RUNS),
    ("h' = tanh(A @ ((B @ x) * (B @ x)) + U @ h)", NOT, RUNS),
    ("h' = tanh(A @ ((B @ x) * (C @ sigmoid(h))) + b)", NOT, RUNS),
    ("h' = tanh((A @ ((B @ x) * (C @ h))) * (D @ ((E @ x) * (F @ h))))", NOT, UNEXPLAINED),
    ("s: 1\ns = a @ ((B @ x) * (C @ h))\nh' = s * h + D @ x", NOT, RUNS),
    # States that others read: not the old one beside the new one, and all values of the new one.
    ("s' = A @ s + B @ x\nh' = C @ s'", ALL, "m = 1, n = 1; m = 1, n = 2"),
    ("s' = sigmoid(W @ x) * s + B @ x\nh' = C @ s'", ALL, "m = 1, n = 1; m = 1, n = 2"),
    ("s' = a * s + B @ x\nh' = C @ s' - C @ (a * s)", NOT, RUNS),
    ("s' = B @ x + 0 * s\nh' = C @ s' + h", NOT, RUNS),
    ("s' = A @ (D @ s) + B @ x\nh' = C @ s' + h", HERE, RUNS),
    ("s' = relu(a) * s + B @ x\nh' = C @ s'", NOT, RUNS),
    # Three pieces of three functions: not all choices occur in a plane, all do in a space.
    (
        "h' = hard_sigmoid(W @ x + U @ h) * hard_sigmoid(V @ x + T @ h) * hard_sigmoid(D @ x + b)",
        ALL,
        "m = 2, n = 1; m = 1, n = 2",
    ),
    # More relus than data: each is at work somewhere, not every choice of them; affine arguments.
    ("x: n\nh' = exp(-relu(w * x + b)) * x + exp(-relu(V @ x + d)) * h", ALL, "n = 1; n = 2"),
    ("x: n\nh' = relu(w * x + b) * relu(v * x + d) * h", HERE, PIECES),
    ("x: n\nh' = relu(w * x + b) * a + relu(w * x * x + d)", HERE, PIECES),
    # Several states that turn into each other: to all values, and no old one beside a new one.
    ("p' = a * p - b * q + W @ x\nq' = b * p + a * q + V @ x\nh' = C @ p' + D @ q'", ALL, "n = 2"),
    ("p' = a * p - b * q + W @ x\nq' = a * p - b * q + V @ x\nh' = C @ p' + D @ q'", NOT, RUNS),
    ("p' = a * p - b * q + W @ x\nq' = b * p + a * q\nh' = C @ p' + D @ q' + C @ p", HERE, RUNS),
    ("p' = a * p * q + W @ x\nq' = b * p + a * q + V @ x\nh' = C @ p' + D @ q'", HERE, RUNS),
    # What a number or a row cannot make up for.
    ("y: 1\ny = v @ x\nh' = u * y", ALL, "all sizes"),
    ("s: 1\nh' = tanh(W @ x + s) + b * h", ALL, "all sizes"),
    # relu's homogeneity, alone and where something else reads the same argument.
    ("h' = a * relu(W @ x + b)", ALL, "all sizes"),
    ("h' = a * relu(W @ x) + b * sigmoid(relu(W @ x))", ALL, "all sizes"),
    ("s: 1\nh' = relu(s * (W @ x + U @ h))", ALL, "all sizes"),
]


@pytest.mark.parametrize(("text", "verdict", "phrase"), CELLS, ids=range(len(CELLS)))
def test_a_hypothesis(text, verdict, phrase):
    found = judge(text, "by hand", points=3)
    assert not found.wrong
    assert (found.verdict, phrase in found.scope) == (verdict, True), found.scope


CONDITIONS = [
    ("h' = tanh(A @ ((B @ x) * (C @ h)))", "k is at most n, m is at least 2, k is at least 2"),
    ("w: n\nw = (B @ x) * (C @ h)\nh' = tanh(A @ w)", "m is at least 2"),
    ("w: 2\nw = (B @ x) * (C @ h)\nh' = tanh(A @ w)", "m is at least 2, n is at least 2"),
    (
        "h' = hard_sigmoid(W @ x + U @ h) * hard_sigmoid(V @ x + T @ h) * hard_sigmoid(D @ x + b)",
        "m is at least 2 or n is at least 2",
    ),
]


@pytest.mark.parametrize(("text", "condition"), CONDITIONS)
def test_a_condition_of_a_theorem_is_told_and_kept(text, condition):
    """Where it fails the rank at these sizes is asked, and the formula claims nothing."""
    c = Cell(text)
    symbolic = effective_count(c)
    assert symbolic.certified and symbolic.condition == condition
    for sizes in product((1, 2, 3), repeat=len(c.size_names)):
        at = dict(zip(c.size_names, sizes, strict=True))
        if int(c.count(**at)) > 40:
            continue
        found = effective_count(c, **at)
        assert ("all sizes" in found.scope) == symbolic.holds(**at)
        if symbolic.holds(**at):
            assert found.effective == symbolic.effective.subs(at) == exact_rank(c, **at).rank


def test_a_constant_before_a_state_that_others_read_is_not_a_special_one():
    count = effective_count(Cell("K: constant n x n\ns' = K @ s + B @ x\nh' = C @ s'"))
    assert count.certified and count.scope.endswith("for almost all values of the constant K")


def test_the_lemma_on_tensors_needs_its_two_columns():
    """With one column of B, `A diag(b) C` is any matrix: n more are redundant than the scalings."""
    c = Cell("w: n\nw = (B @ x) * (C @ h)\nh' = tanh(A @ w)")
    assert exact_rank(c, m=1, n=3).rank == 9 < c.count(m=1, n=3) - 6
    assert not effective_count(c, m=1, n=3).certified


def test_sums_within_sums_vanish_with_their_parameters():
    """sigmoid(W) @ sigmoid(x) is n / 4 where W and x are 0, whatever stands in front of it."""
    assert not rows_vanish(System.of(Cell("h' = sigmoid(C @ (sigmoid(W) @ sigmoid(x)) + h)")))
    assert rows_vanish(System.of(Cell("h' = sigmoid(C @ (W @ sigmoid(x)) + h)")))


def test_a_kernel_of_low_rank_stands_for_its_factors_only_where_these_occur_nowhere_else():
    pair = [Mixing(("A",), ("B",))]
    assert multiplied_out(System.of(Cell("h' = tanh(A @ (B @ x))")), pair) is not None
    also = Cell("h' = tanh(A @ (B @ x)) + sigmoid(A) @ (B @ x)")
    assert multiplied_out(System.of(also), pair) is None


# --------------------------------------------------- nothing is certified against what is computed

PLAIN = Cell("h' = tanh(W @ x + b1) + b2 * h")
FALSE = finding.Redundancy(PLAIN, redundancy(Cell("h' = tanh(W @ x + b1 + b2)")).families)
"""What is true of another cell: b1 and b2 do not occur as a sum here."""


def test_a_false_family_is_contradicted_at_all_sizes():
    with pytest.raises(FalseFamily, match="contradicts the families"):
        effective.proved_for_all_sizes(FALSE)


def test_a_false_family_is_contradicted_at_given_sizes(monkeypatch):
    """The rank goes on past the number that it is told to expect."""
    reason = effective.Verdict(reason="not asked")
    monkeypatch.setattr(effective, "found_and_proved", lambda cell: (FALSE, reason))
    with pytest.raises(FalseFamily, match="the bounds 8 and 6 of 8 parameters contradict"):
        effective_count(PLAIN, m=2, n=2)
    assert exact_rank(PLAIN, expected=1, m=2, n=2).rank == 8


def test_a_false_family_is_contradicted_by_a_layer(monkeypatch):
    reason = effective.Verdict(reason="not asked")
    monkeypatch.setattr(layers, "found_and_proved", lambda cell: (FALSE, reason))
    with pytest.raises(FalseFamily, match="the bounds 8 and 6 of 8 parameters contradict"):
        effective_count(Layer(PLAIN), m=2, n=2)


def test_a_false_theorem_is_contradicted_by_a_layer(monkeypatch):
    """All states of the narrow cell are not reached in one step, whatever `reached` says."""
    narrow = Cell("y: 1\ny = v @ x\nh' = y * a + U @ h", name="narrow")
    monkeypatch.setattr(layers, "reached", lambda *_, **__: reached.Reached(1, linear=True))
    layers._theorem.cache_clear()
    with pytest.raises(FalseFamily, match="has the rank 5, but the theorem says 7"):
        effective_count(Layer(narrow), steps=2, m=2, n=2)
    layers._theorem.cache_clear()


def test_blocks_are_of_states_of_one_size():
    rank = exact_rank(Cell("c: k\nc' = tanh(W @ x)\nh' = tanh(V @ x)"), m=2, n=3, k=2)
    assert rank.rank == 2 * 2 + 3 * 2


@pytest.mark.parametrize("bounds", [(-1, 3), (4, 3), (3, 6)])
def test_bounds_are_in_order(bounds):
    with pytest.raises(FalseFamily):
        effective.EffectiveCount(5, *bounds, "", FALSE)


def test_directions_that_are_counted_twice_are_found_out(monkeypatch):
    monkeypatch.setattr(finding, "with_witnesses", lambda families: [*families, *families])
    with pytest.raises(FalseFamily, match="directions were counted"):
        redundancy(Cell("h' = tanh(W @ x + b1 + b2)"))


RANK_ONE = Cell("y: 1\ny = v @ x\nh' = u * y")


def test_a_row_that_makes_up_for_a_vector_is_refused_by_its_shape(monkeypatch):
    """The fault of version 0.1: v, a row, was said to make up for whatever the vector u is."""
    assert redundancy(RANK_ONE).count() == 1
    monkeypatch.setattr(absorption, "is_scalar", lambda term: True)
    found = redundancy(RANK_ONE)
    assert found.count() in (0, 1)
    monkeypatch.setattr(Family, "_keeps_shape", lambda *_: True)
    assert redundancy(RANK_ONE).count() == sp.Symbol("n")  # the shapes alone refused it


# --------------------------------------------------------------------------- families, walked along

FAMILIES = {
    "sums": "h' = tanh(W @ x + V @ x + b1 - b2)",
    "shifts": "h' = tanh((a + b) * x2 + (b + d) * h) + (a - d) * h\nx2' = tanh(W @ x) + h",
    "matrix shifts": "x: n\nh' = tanh((A + B) @ x) + (B + C) @ h + (A - C) @ sigmoid(h)",
    "vector": "h' = tanh(s * (W @ x) + b)",
    "units": "h' = (W @ x) * (U @ h)",
    "numbers": "s: 1\nr: 1\nt: 1\nh' = tanh(s * r * (W @ x)) + s * t * h",
    "mixing": "h' = tanh(A @ (B @ x) + U @ h)",
    "Hadamard": "h' = (M * W) @ x + h * b",
    "rank one": RANK_ONE.text,
    "rank one beside others": "y: 1\ny = v @ x\nh' = tanh(u * y + s * (W @ h))",
    "positive": "h' = a * relu(W @ x + b) + U @ h",
    "positive number": "s: 1\nh' = s * relu(W @ x + b) + h",
    "positive, twice": "h' = a * relu(d * relu(W @ x + b))",
    "tied": "x: n\nh' = tanh(a * (W @ x) + a * (W @ h))",
    "reflections": "h' = tanh((A - A.T) @ h + W @ x)",
    "levels": "a = W @ x + b + d\nv = a - mean(a)\nh' = v / sqrt(mean(v * v) + 1) + U @ h",
    "levels beside sums": "a = W @ x + V @ x + b\nh' = tanh(a - mean(a)) + U @ (W @ x + V @ x + b)",
}


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("sizes", [(2, 3), (1, 1), (3, 1), (1, 2)], ids=str)
def test_walking_along_a_family_of_every_kind(kind, sizes):
    m, n = sizes
    c = Cell(FAMILIES[kind])
    assert redundancy(c).families
    check_families(c, {"m": m, "n": n, "k": 2})


def test_every_kind_of_family_is_walked_along():
    found = {type(f) for text in FAMILIES.values() for f in redundancy(Cell(text)).families}
    assert found == set(Family.__subclasses__())
    assert ShiftFamily in {type(f) for f in redundancy(Cell(FAMILIES["matrix shifts"])).families}
    assert any(
        isinstance(f, ScalingFamily) and f.scaling.positive
        for f in redundancy(Cell(FAMILIES["positive"])).families
    )


# ----------------------------------------------------------------------------- a basis of arguments

SYMBOLS = "abdxh"
arguments = st.lists(
    st.lists(
        st.tuples(st.integers(-3, 3), st.integers(1, 4)), min_size=1 + len(SYMBOLS), max_size=6
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(arguments)
def test_arguments_in_a_basis(numbers):
    """Every argument is its combination, exactly; the basis has no relation, nor have its data."""
    made = [
        sum(
            (
                Polynomial.symbol(name).scaled(Fraction(*q))
                for name, q in zip(SYMBOLS, each[1:], strict=True)
            ),
            Polynomial.number(Fraction(*each[0])),
        )
        for each in numbers
    ]
    found = Exponents.of(made, data="xh")
    for argument in made:
        combination = found.combinations[argument]
        whole = Polynomial.number(Fraction(combination.number, found.unit))
        for k, power in combination.powers:
            whole += found.basis[k].scaled(Fraction(power))
        assert whole == argument
    assert all(EMPTY not in dict(base.terms) for base in found.basis)
    assert _rank(found.basis, SYMBOLS) == len(found.basis)
    varying = [base for base in found.basis if base.names & set("xh")]
    assert _rank(varying, "xh") == len(varying)


def _rank(polynomials, names) -> int:
    rows = [
        [sum(q for t, q in p.terms if term_names(t) == {name}) for name in names]
        for p in polynomials
    ]
    return sp.Matrix(rows).rank() if rows else 0


# ------------------------------------------------------------------------------------------- layers

UNREACHED = "the states that are reached from 0 are not known to be generic"
LAYERS = [
    ("h' = tanh(W @ x + U @ h)", ""),
    ("x: n\nh' = a * h + b * x", ""),
    ("h' = A @ h + B @ x + b", ""),
    ("h' = a * h + B @ x", ""),
    ("c' = tanh(W @ x + U @ c)\nh' = V @ h + c'", ""),
    # Linear cells: one factor for all units, a narrow way for the input, no input at all.
    ("s: 1\nh' = s * h + B @ x", UNREACHED),
    ("y: 1\ny = v @ x\nh' = y * a + U @ h", UNREACHED),
    ("h' = A @ h + B @ (C @ x)", UNREACHED),
    ("h' = A @ h + b + 0 * (B @ x)", UNREACHED),
    ("x: n\nh' = h * h + a * x", UNREACHED),
    # States that stay at 0, equal each other, or move along one line.
    ("h' = sigmoid(W @ x) * tanh(U @ h)", UNREACHED),
    ("c' = c + tanh(W @ x)\nh' = c'", UNREACHED),
    ("y: 1\ny = sigmoid(v @ x)\nh' = y * a + U @ h", UNREACHED),
    ("h' = tanh(x + U @ h)\nx: n", ""),
    (
        "c' = sigmoid(softplus(W @ x)) * (2 - sigmoid(W @ x)) * v + c\nh' = tanh(V @ c')",
        "what one step shows of the hidden states is not known",
    ),
    # Hidden states that one step does not show; functions elsewhere, and with pieces.
    ("c' = f * c + tanh(W @ x)\nh' = tanh(a * c' + b)", "one step does not show the hidden"),
    ("h' = tanh(A @ tanh(B @ x + C @ h))", "functions in an inner space"),
    ("h' = relu(W @ x + U @ h)", "pieces of a piecewise linear function"),
    ("h: 2\nh' = tanh(W @ x + U @ h)", "sizes for which this theorem has no proof"),
    ("h' = tanh(W @ x + U @ h) * softplus(0) + exp(1) * h", "softplus and exp at numbers"),
]


@pytest.mark.parametrize(("text", "reason"), LAYERS, ids=range(len(LAYERS)))
def test_a_hypothesis_of_the_theorems_on_layers(text, reason):
    """Where the theorems speak, the rank of the unrolled layer agrees, from the first step on."""
    layer = Layer(Cell(text))
    theorem = layers._theorem(layer)
    if reason:
        assert reason in theorem.reason
        return
    for m, n in ((1, 1), (2, 2), (1, 2)):
        sizes = {name: {"m": m, "n": n}[name] for name in layer.cell.size_names}
        for steps in (theorem.steps, theorem.steps + 2):
            count = layers._proved(layer, steps, "sequence", sizes)
            if isinstance(count, str):
                assert "steps" in count or "to be at most" in count
                continue
            unrolled = UnrolledLayer(layer, steps, "sequence", sizes)
            assert (unrolled.rank(), unrolled.dependence()) == (count.effective, "")


def test_how_many_steps_the_theorems_need():
    """One less, and the layer of the cell does lose more."""
    layer = Layer(Cell("h' = tanh(W @ x + U @ h)"))
    assert layers._theorem(layer).steps == 2
    assert "needs 2 steps" in str(layers._proved(layer, 1, "sequence", {}))
    assert UnrolledLayer(layer, 1, "sequence", {"m": 2, "n": 2}).rank() < 8
    assert "whole sequence" in str(layers._proved(layer, 4, "last", {}))
    linear = Layer(Cell("h' = A @ h + B @ x"))
    assert layers._proved(linear, 3, "sequence", {}).condition == "n is at most 2*m"
    assert "at most" in str(layers._proved(linear, 3, "sequence", {"m": 1, "n": 3}))
    hidden = Layer(Cell("c' = tanh(W @ x + U @ c)\nh' = V @ h + c'"))
    assert layers._theorem(hidden).steps == reached.reached(hidden.cell).steps + 2


# ----------------------------------------------------------------------------------- every process

SEEDED = """
from gru_sym import Cell, Layer, effective_count, redundancy
for text in {texts!r}:
    c = Cell(text)
    print(effective_count(c), effective_count(c, **dict.fromkeys(c.size_names, 2)), redundancy(c))
print(effective_count(Layer(Cell("h' = tanh(W @ x + U @ h + a + b)"))))
"""


def test_the_same_text_in_every_process():
    texts = [
        f"h' = h * sigmoid(d) + relu(E @ x + b) * {CONSTANT}",
        FAMILIES["positive, twice"],
        FAMILIES["rank one beside others"],
        cell("gru.pytorch").text,
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SEEDED.format(texts=texts)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2", "3")
    ]
    answers = [process.communicate()[0] for process in running]
    assert answers[0].count("parameters count") == 2 * len(texts) + 1
    assert len(set(answers)) == 1
