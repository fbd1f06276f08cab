"""Effective counts, exact from both sides, against float64 ranks of real PyTorch layers."""

from __future__ import annotations

import random

import mpmath
import pytest
import sympy as sp
import torch
from cells import cell_texts
from hypothesis import given, settings

from gru_sym import Cell, Layer, catalogue, cell
from gru_sym.certificates import effective_count, redundancy
from gru_sym.certificates.exact_rank import exact_rank
from gru_sym.experiment.jacobian import numerical_rank

GAP = 1e8
"""The least ratio of the last singular value kept to the first one dropped."""

m, n, p = sp.symbols("m n p")


def float_rank(module: torch.nn.Module, rows: list[tuple[torch.Tensor, ...]]) -> int:
    """The rank of a module's outputs by its parameters, with a gap of at least `GAP`."""
    parameters = dict(module.named_parameters())

    def outputs(values):
        found = [torch.func.functional_call(module, values, arguments) for arguments in rows]
        flat = [f if isinstance(f, tuple) else (f,) for f in found]
        return torch.cat([part.reshape(-1) for each in flat for part in each[: SEEN[type(module)]]])

    jacobian = torch.func.jacrev(outputs)(parameters)
    matrix = torch.cat([j.flatten(1) for j in jacobian.values()], dim=1)
    singular = torch.linalg.svdvals(matrix / matrix.norm(dim=0).clamp_min(1e-300))
    kept = int((singular > singular[0] * 1e-11).sum())
    floor = max(float(singular[kept]) if kept < len(singular) else 0.0, 1e-16 * float(singular[0]))
    assert float(singular[kept - 1]) / floor >= GAP, "float64 does not settle this rank"
    return kept


SEEN = {torch.nn.GRU: 1, torch.nn.LSTM: 1, torch.nn.RNN: 1, torch.nn.GRUCell: 1,
        torch.nn.RNNCell: 1, torch.nn.LSTMCell: 2}  # fmt: skip
"""How many of a module's results are observed: the outputs, or h and c of an LSTM cell."""

CELLS = {"gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell, "rnn": torch.nn.RNNCell}
LAYERS = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(5)
    with torch.no_grad():
        yield


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize("family", CELLS)
@pytest.mark.parametrize(("size_in", "hidden"), [(1, 1), (2, 1), (1, 2), (2, 3), (4, 2)])
def test_a_real_cell_has_the_effective_count_as_its_rank(family, size_in, hidden):
    module = CELLS[family](size_in, hidden, dtype=torch.float64)
    stored = sum(q.numel() for q in module.parameters())
    rows = []
    for _ in range(3 * stored // hidden + 3):
        state = numbers(hidden)
        rows.append((numbers(size_in), (state, numbers(hidden)) if family == "lstm" else state))
    count = effective_count(cell(f"{family}.pytorch"), m=size_in, n=hidden)
    assert (count.stored, count.certified) == (stored, True)
    assert float_rank(module, rows) == count.effective


STACKS = [
    ("gru", {}, 2, 3),
    ("gru", {"num_layers": 2}, 1, 2),
    ("gru", {"bidirectional": True}, 2, 2),
    ("lstm", {}, 2, 2),
    ("lstm", {"bidirectional": True}, 1, 2),
    ("rnn", {"num_layers": 2, "bidirectional": True}, 2, 2),
    ("rnn", {"num_layers": 3}, 2, 2),
]


@pytest.mark.parametrize(("family", "options", "size_in", "hidden"), STACKS)
def test_a_real_layer_has_the_effective_count_as_its_rank(family, options, size_in, hidden):
    """From h0 = 0, with the memory of the LSTM hidden."""
    module = LAYERS[family](size_in, hidden, dtype=torch.float64, **options)
    rows = [(1.5 * numbers(5, size_in),) for _ in range(30)]
    layer = Layer(cell(f"{family}.pytorch"), **options)
    count = effective_count(layer, steps=4, m=size_in, n=hidden)
    assert count.certified, count.scope
    assert float_rank(module, rows) == count.effective


def test_a_projected_lstm():
    module = torch.nn.LSTM(2, 3, proj_size=2, dtype=torch.float64)
    rows = [(1.5 * numbers(5, 2),) for _ in range(30)]
    count = effective_count(Layer(cell("lstm.projected")), m=2, n=3, p=2)
    assert count.certified
    assert float_rank(module, rows) == count.effective


def test_two_layers_in_both_directions():
    """Twelve redundant parameters a layer and direction; the exact count is in the book."""
    module = torch.nn.GRU(2, 2, num_layers=2, bidirectional=True, dtype=torch.float64)
    rows = [(1.5 * numbers(5, 2),) for _ in range(40)]
    stored = sum(q.numel() for q in module.parameters())
    assert float_rank(module, rows) == stored - 4 * 2 * 2


def test_the_answer_changes_with_what_is_seen():
    one = effective_count(Layer(cell("gru.pytorch")), steps=1, m=2, n=2)
    last = effective_count(Layer(cell("gru.pytorch")), observed="last", m=2, n=2)
    module = torch.nn.GRU(2, 2, dtype=torch.float64)
    assert one.certified and last.certified
    assert float_rank(module, [(numbers(1, 2),) for _ in range(60)]) == one.effective
    assert (
        one.effective < last.effective == effective_count(cell("gru.pytorch"), m=2, n=2).effective
    )


FORMULAS = {
    "gru.answer": 3 * (n**2 + n * m + n),
    "gru.pytorch": 3 * (n**2 + n * m) + 4 * n,
    "gru.merged": 3 * (n**2 + n * m) + 4 * n,
    "gru.dey_salem": 3 * (n**2 + n * m + n),
    "lstm.pytorch": 4 * (n**2 + n * m + n),
    "lstm.projected": 4 * (n * p + n * m + n) + p * n,
    "rnn.pytorch": n**2 + n * m + n,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_effective_formula(name):
    count = effective_count(cell(name))
    assert count.certified and count.scope.startswith("all sizes")
    assert sp.expand(count.effective - FORMULAS[name]) == 0
    assert sp.expand(count.effective + count.redundant - count.stored) == 0


@pytest.mark.parametrize("name", list(catalogue))
def test_the_formula_for_all_sizes_is_the_exact_rank_at_each(name):
    """The theorem that carries ranks from small sizes to all, tried where it was not needed."""
    c = cell(name)
    for sizes in ((1, 1, 1, 1, 1, 1), (2, 3, 2, 1, 2, 4), (3, 2, 1, 2, 3, 1), (1, 4, 3, 2, 1, 2)):
        at = {size: dict(zip("mnpkrd", sizes, strict=True))[size] for size in c.size_names}
        if not effective_count(c).holds(**at) and redundancy(c).holds(**at):
            continue  # a condition of the theorem, and no case distinction of a family
        expected = int(c.count(**at)) - int(redundancy(c).count(**at))
        rank = exact_rank(c, **at)
        assert rank.proved and rank.rank == expected


def test_a_large_certificate():
    """98,816 of 99,072: the rank itself, not the formula."""
    rank = exact_rank(cell("gru.pytorch"), expected=98_816, m=128, n=128)
    assert rank.proved and rank.rank == 98_816


@settings(max_examples=40, deadline=None)
@given(cell_texts())
def test_the_exact_rank_of_any_cell_is_its_float_rank(text):
    """Two routes from the same text that share no arithmetic."""
    c = Cell(text)
    sizes = dict.fromkeys(c.size_names, 2)
    exact = exact_rank(c, **sizes)
    try:
        numerical = numerical_rank(c, {"m": 2, "n": 2, **sizes})
    except ValueError:  # float64 has no gap here: it settles nothing
        return
    if exact.proved:
        assert exact.rank == numerical.rank
    assert int(c.count(**sizes)) - int(redundancy(c).count(**sizes)) >= numerical.rank


def test_dependent_arguments_share_their_exponential():
    """sigmoid(a) and sigmoid(2 a) satisfy a relation: independent values would count V twice."""
    c = Cell("z = sigmoid(W @ x)\nr = sigmoid(2 * (W @ x))\nh' = z * r * a + b * r + d")
    assert effective_count(c).certified and effective_count(c).redundant == 0
    # With e = exp(a): z = e / (1 + e) and 1 - z, so the three terms below are one and a constant.
    one = Cell("h' = a * sigmoid(W @ x) + b * exp(W @ x) * sigmoid(-(W @ x)) + d")
    assert exact_rank(one, m=2, n=2).rank == 4 + 2 * 2


def test_equal_arguments_share_their_value():
    """The same sum twice is one argument, however it is written."""
    c = Cell("z = sigmoid(W @ x + b)\nr = sigmoid(b + W @ x)\nh' = z * (1 - r)")
    rank = exact_rank(c, m=2, n=2)
    assert rank.proved and rank.rank == c.count(m=2, n=2)


def test_what_no_family_explains_is_a_number_with_bounds():
    """Where the bounds do not meet, both are given, and nothing is certified."""
    c = Cell("h' = tanh(a * b * (W @ x) + a * a * d * h)")
    count = effective_count(c, m=1, n=2)
    assert count.lower <= count.effective <= count.upper
    assert count.certified == (count.lower == count.upper)


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="no size q"):
        effective_count(cell("gru.pytorch"), q=1)
    with pytest.raises(ValueError, match="positive integer"):
        effective_count(Layer(cell("gru.pytorch"), 2), m=0, n=1)


LOW_RANK = "h' = tanh(A @ (B @ x) + U @ h)"


def test_a_formula_keeps_its_condition():
    count = effective_count(Cell(LOW_RANK))
    k = sp.Symbol("k")
    assert sp.expand(count.effective - (k * (m + n) - k**2 + n**2)) == 0
    assert count.certified and count.condition == "k is at most Min(m, n)"
    assert "where k is at most Min(m, n)" in str(count)


def test_a_bound_in_symbols_holds_at_all_sizes():
    """Without a proof for all sizes; the inner size may be larger than those around it."""
    count = effective_count(Cell("h' = A @ relu(B @ (C @ x) + U @ h + b)"))
    assert not count.certified and count.lower == 0
    for values in ((1, 1, 1, 9), (2, 3, 4, 9), (3, 1, 2, 1)):
        at = dict(zip(("m", "n", "k", "k2"), values, strict=True))
        bound = count.upper.subs({sp.Symbol(name): value for name, value in at.items()})
        assert 0 <= bound <= count.stored.subs({sp.Symbol(q): v for q, v in at.items()})


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_a_low_rank_kernel_at_given_sizes(rank):
    """A product of rank r = min(k, m, n) has r (m + n - r) free entries, for any k."""
    r = min(rank, 2, 3)
    count = effective_count(Cell(LOW_RANK), m=2, n=3, k=rank)
    assert count.certified and count.effective == r * (2 + 3 - r) + 9


def test_a_kink_that_cannot_be_avoided_is_not_certified():
    count = effective_count(Cell("h' = relu(s * relu(W @ x))"), m=1, n=1)
    assert not count.certified and "break" in count.scope


@pytest.mark.parametrize("sizes", [(1, 1), (1, 2), (2, 1), (3, 3)])
def test_a_relu_network_has_one_bias_too_many(sizes):
    """Ball arithmetic finds which relus are at work; every sample may have other ones."""
    size_in, hidden = sizes
    count = effective_count(Cell("h' = relu(W @ x + U @ h + b_1 + b_2)"), m=size_in, n=hidden)
    assert count.certified and count.redundant == hidden


@pytest.mark.parametrize("name", ["gru.pytorch", "gru.answer", "gru.dey_salem_3", "rnn.pytorch"])
def test_fifty_digits_see_the_same_rank(name):
    """SymPy's own derivatives at rational points, in 50 digits: the gap is 40 orders wide."""
    c = cell(name)
    one = {m: 1, n: 1}
    step = c.next_state().subs(one)[0, 0].doit()
    free = [c.symbol(q.name).subs(one)[0, 0] for q in c.parameters]
    data = [c.symbol(q).subs(one)[0, 0] for q in ("x", "h")]
    draw = random.Random(4)  # noqa: S311
    at = {symbol: sp.Rational(draw.randint(-9, 9), 7) for symbol in free}
    slopes = [sp.diff(step, symbol).subs(at) for symbol in free]
    rows = []
    with mpmath.workdps(50):
        for _ in range(len(free) + 4):
            point = {symbol: sp.Rational(draw.randint(-9, 9), 5) for symbol in data}
            rows.append([mpmath.mpf(slope.subs(point).doit().evalf(50)) for slope in slopes])
        singular = list(mpmath.svd_r(mpmath.matrix(rows), compute_uv=False))
        expected = effective_count(c, m=1, n=1).effective
        assert singular[expected - 1] > 1e-6 * singular[0]
        assert all(value < 1e-46 * singular[0] for value in singular[expected:])


def test_a_function_of_a_softplus_is_not_certified():
    """sigmoid(softplus(a)) = (1 + e^a) / (2 + e^a): exp of the argument is no new function."""
    c = Cell("h' = sigmoid(softplus(W @ x)) * sigmoid(W @ x)")
    rank = exact_rank(c, m=1, n=1)
    assert not rank.proved and "independent" in rank.reason
    assert exact_rank(Cell("h' = softplus(W @ x + b) * (V @ h)"), m=1, n=2).proved


def test_a_constant_in_disguise_is_not_counted():
    """sigmoid(softplus(a)) (2 - sigmoid(a)) = 1: only v matters, and nothing else is claimed."""
    c = Cell("h' = v * sigmoid(softplus(W @ x)) * (2 - sigmoid(W @ x))")
    assert effective_count(c, m=1, n=1).lower <= 1
    assert not effective_count(c).certified


@pytest.mark.parametrize("option", [{"steps": 4}, {"observed": "last"}])
def test_an_option_of_layers_is_refused_for_a_cell(option):
    with pytest.raises(ValueError, match="is an option of a layer"):
        effective_count(cell("gru.pytorch"), m=2, n=2, **option)
