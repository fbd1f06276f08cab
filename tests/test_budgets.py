"""A budget is the inverse of a count: the largest size within it, and the next one beyond."""

from __future__ import annotations

import json
import sys
import time
from math import isqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_sym import Cell, Layer, budget, catalogue, cell, cost, effective_count, match
from gru_sym.__main__ import main
from gru_sym.budgets import Budget
from gru_sym.costs import CONVENTION

length = st.one_of(st.integers(1, 6), st.integers(1, 10**4), st.integers(1, 10**40))


def check_inverse(whole: Cell | Layer, data: st.DataObject, sought: str) -> None:
    """With the count at some size as a budget, and up to one less than the next count."""
    sizes = {name: data.draw(length, label=name) for name in whole.size_names if name != sought}
    value = data.draw(length, label=sought)
    here, beyond = (whole.count(**sizes, **{sought: value + more}) for more in (0, 1))
    found = budget(whole, parameters=data.draw(st.integers(here, beyond - 1)), **sizes)
    assert found == Budget(sought, value, here, value + 1, beyond, found.parameters, sizes)


@pytest.mark.parametrize("name", list(catalogue))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_of_every_cell_and_each_of_its_sizes(name, data):
    check_inverse(catalogue[name], data, data.draw(st.sampled_from(catalogue[name].size_names)))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["gru.pytorch", "lstm.projected", "rnn.elman"]),
    depth=st.one_of(st.integers(1, 5), st.just("L")),
    flags=st.lists(st.booleans(), min_size=3, max_size=3),
    data=st.data(),
)
def test_of_layers_and_directions(name, depth, flags, data):
    both, initial, shared = flags
    shared = shared and both  # one direction has no other to share with
    layer = Layer(cell(name), depth, both, learn_initial_state=initial, share_directions=shared)
    check_inverse(layer, data, data.draw(st.sampled_from(layer.size_names)))


@settings(max_examples=25, deadline=None)
@given(m=st.integers(1, 20), parameters=st.integers(200, 5_000), both=st.booleans())
def test_the_largest_module_of_pytorch_within_a_budget(m, parameters, both):
    """Counted on the modules themselves, one size after the other."""

    def numbers(n: int) -> int:
        with torch.device("meta"):
            module = torch.nn.GRU(m, n, bidirectional=both)
        return sum(p.numel() for p in module.parameters())

    n = 1
    while numbers(n + 1) <= parameters:
        n += 1
    found = budget(Layer(cell("gru.pytorch"), 1, both), parameters=parameters, m=m)
    assert (found.n, found.count, found.next_count) == (n, numbers(n), numbers(n + 1))


@pytest.mark.parametrize("whole", [cell("gru.pytorch"), Layer(cell("lstm.pytorch"))])
@pytest.mark.parametrize("parameters", [1_000, 10**30])
def test_by_what_counts(whole, parameters):
    found = budget(whole, parameters=parameters, by="effective", m=7)
    formula = effective_count(whole).effective
    at, after = (formula.subs({"m": 7, "n": n}) for n in (found.n, found.n + 1))
    assert (found.count, found.next_count) == (at, after) and at <= parameters < after
    assert found.n >= budget(whole, parameters=parameters, m=7).n


@pytest.mark.parametrize("name", list(catalogue))
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_effective_parameters_of_every_cell(name, data):
    """The inverse of the certified formula; a cell without one is refused."""
    whole, found = catalogue[name], effective_count(catalogue[name])
    sizes = {size: data.draw(length, label=size) for size in whole.size_names if size != "n"}
    n = data.draw(length, label="n")
    if found.condition or not found.certified:
        with pytest.raises(ValueError, match="needs an effective count that is proved for all"):
            budget(whole, 10**9, "effective", **sizes)
        return
    here, beyond = (int(found.effective.subs({**sizes, "n": n + more})) for more in (0, 1))
    within = data.draw(st.integers(here, beyond - 1))
    answer = budget(whole, within, "effective", **sizes)
    assert (answer.n, answer.count, answer.next_count) == (n, here, beyond)


def test_a_count_in_fractions():
    """n (n + 1) / 2 is an integer at each n, and its coefficients are none."""
    from gru_sym.budgets import _counting

    count = _counting(Cell("h' = tanh(U @ h + b)").count() / 2, "n", "triangles")
    assert [count(n) for n in range(1, 6)] == [1, 3, 6, 10, 15]


def test_a_budget_of_thousands_of_digits_takes_no_scan():
    start = time.perf_counter()
    parameters = 3 * 10**2000 + 7
    found = budget(cell("gru.cho2014"), parameters=parameters, m=1)
    assert time.perf_counter() - start < 20  # one size after the other would never end
    # 3 n² + 3 n <= N just where (2 n + 1)² <= (4 N + 3) / 3
    assert found.n == (isqrt((4 * parameters + 3) // 3) - 1) // 2


@settings(max_examples=30, deadline=None)
@given(m=length, n=length)
def test_gru_for_lstm_and_back(m, n):
    gru, lstm = cell("gru.pytorch"), cell("lstm.pytorch")
    there = match(gru, lstm, m=m, n=n)
    assert there.parameters == lstm.count(m=m, n=n) and there.sizes == {"m": m}
    assert there.count == gru.count(m=m, n=there.n) <= there.parameters < there.next_count
    assert there.n >= n  # a GRU has three quarters of the kernels
    back = match(lstm, gru, m=m, n=there.next_n)
    assert back.n >= n


def test_a_match_of_layers_with_sizes_of_their_own():
    projected, stack = cell("lstm.projected"), Layer(cell("gru.pytorch"), 2)
    found = match(projected, stack, m=8, n=16, p=3)
    assert found.parameters == stack.count(m=8, n=16) and found.sizes == {"m": 8, "p": 3}
    assert projected.count(m=8, n=found.n, p=3) == found.count
    back = match(stack, projected, m=8, n=found.n, p=3)
    assert back.parameters == found.count and back.sizes == {"m": 8}
    merged, twice = cell("gru.merged"), cell("gru.pytorch")
    same = match(merged, twice, by="effective", m=8, n=16)
    assert (
        same.n == 16 and same.count == same.parameters < match(merged, twice, m=8, n=16).parameters
    )


GRU = cell("gru.pytorch")
TWO_FACTORS = Cell("h' = tanh(A @ (B @ x) + U @ h)", "two factors")
SHARED = Layer(cell("rnn.elman"), "L", share_layers=True)
WRONG = [
    (lambda: budget(GRU, parameters=92, m=28), r"at least 93 parameters, at n = 1.* than 92"),
    (lambda: budget(GRU, parameters=9, n=2), r"at least 30 parameters, at m = 1"),
    (lambda: budget(GRU, parameters=9), "also needs the size m"),
    (lambda: budget(TWO_FACTORS, parameters=99, m=2), "two factors also needs the size k"),
    (lambda: budget(GRU, parameters=9, m=1, n=1), "no size that is left to choose"),
    (lambda: budget(Cell("x: 4\nh: 4\nh' = W @ x"), parameters=9), "no size that is left"),
    (lambda: budget(GRU, parameters=9, k=4), "has no size k; its sizes are m, n"),
    (lambda: budget(GRU, parameters=9, m=0), "m must be a positive integer, not 0"),
    (lambda: budget(GRU, parameters=9, m=GRU.count()), "m must be a positive integer, not 3"),
    (lambda: budget(GRU, parameters=0, m=1), "parameters must be a positive integer, not 0"),
    (lambda: budget(GRU, parameters=1e5, m=1), "parameters must be a positive integer, not 100000"),
    (lambda: budget(GRU, parameters=True, m=1), "parameters must be a positive integer, not True"),
    (
        lambda: budget(GRU, parameters=9, by="flops", m=1),
        "one of stored, effective, multiply-adds, not",
    ),
    (
        lambda: budget(Cell("x: n\nh' = h + tanh(x)"), parameters=9),
        "count of cell does not grow with n",
    ),
    (lambda: budget(SHARED, parameters=999, m=2, n=2), "L layers that share parameters"),
    (lambda: budget(TWO_FACTORS, parameters=99, by="effective", m=2, n=2), "has a condition, k is"),
    (lambda: budget(Layer(GRU, 2, True), parameters=9, by="effective", m=2), "settled at given"),
    (lambda: match(GRU, cell("lstm.projected"), m=2, n=2), "lstm.projected also needs the size p"),
    (lambda: match(GRU, cell("lstm.keras"), m=2), "lstm.keras also needs the size n"),
    (lambda: match(GRU, cell("lstm.keras"), m=2, n=2, k=1), "neither gru.pytorch nor lstm.keras"),
]


@pytest.mark.parametrize(("ask", "words"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_answered_is_a_sentence(ask, words):
    with pytest.raises(ValueError, match=words):
        ask()


# ------------------------------------------------------------------------------- the command line


def test_the_command(capsys):
    words = ["budget", "gru.pytorch", "--parameters", "100000", "-m", "28"]
    assert main(words) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr().out
    answer = json.loads(out)
    assert out.count("\n") == 1 and answer["cell"] == "gru.pytorch" and answer["sizes"] == {"m": 28}
    assert answer["count"] == GRU.count(m=28, n=answer["n"]) <= 100_000
    assert answer["next_count"] == GRU.count(m=28, n=answer["next_n"]) > 100_000
    assert answer["next_n"] == answer["n"] + 1
    assert first == f"n = {answer['n']}: {answer['count']} parameters"
    assert f"n = {answer['next_n']}: {answer['next_count']} parameters" in second


def test_the_command_for_layers_what_counts_and_other_sizes(capsys):
    def ask(*words: str) -> dict[str, object]:
        assert main(["budget", *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    answer = ask(
        "gru.pytorch", "--parameters", "9999", "-m", "8", "--layers", "2", "--bidirectional"
    )
    stack = Layer(GRU, 2, True)
    assert answer["count"] == stack.count(m=8, n=answer["n"]) and answer["layers"] == 2
    answer = ask("gru.pytorch", "--parameters", "9999", "-m", "8", "--effective")
    assert answer["n"] == budget(GRU, parameters=9999, by="effective", m=8).n
    answer = ask("lstm.projected", "--parameters", "9999", "-m", "8", "-n", "9")
    assert answer["size"] == "p" and answer["sizes"] == {"m": 8, "n": 9}
    answer = ask("lstm.projected", "--parameters", "9999", "-m", "8", "--set", "p=3")
    assert answer["size"] == "n" and answer["sizes"] == {"m": 8, "p": 3}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gru.pytorch", "-m", "8"), "--parameters --multiply-adds --match is required"),
        (("gru.pytorch", "--parameters", "0", "-m", "8"), "such as 100000, not '0'"),
        (("gru.pytorch", "--parameters", "1e5", "-m", "8"), "such as 100000, not '1e5'"),
        (("gru.pytorch", "--parameters", "9"), "gru.pytorch also needs the size m"),
        (("gru.pytorch", "--parameters", "9", "-m", "8"), "at least 33 parameters, at n = 1"),
        (("gru.pytorch", "--parameters", "9", "-m", "8", "-n", "8"), "no size that is left"),
        (("gru.pytorch", "--parameters", "9", "-m", "8", "--set", "parameters=3"), "has no size"),
        (("gru.pytorch", "--parameters", "9", "--parameters", "9", "-m", "8"), "is given twice"),
        (("-", "--parameters", "9", "--layers", "0"), "a size is a positive whole number"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, words, message):
    assert main(["budget", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1


def test_a_long_budget_from_the_command_line(capsys):
    limit = sys.get_int_max_str_digits()
    assert main(["budget", "rnn.elman", "--parameters", "9" * 5000, "-m", "1"]) == 0
    assert len(capsys.readouterr().out.split(":")[0]) > 2500
    assert sys.get_int_max_str_digits() == limit


@pytest.mark.parametrize("name", list(catalogue))
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_multiply_adds_of_every_cell(name, data):
    """The inverse of the cost of one step, up to one less than the next."""
    whole = catalogue[name]
    sizes = {size: data.draw(length, label=size) for size in whole.size_names if size != "n"}
    n = data.draw(length, label="n")
    here, beyond = (
        cost(whole, T=1, B=1, n=n + more, **sizes).total.multiply_adds for more in (0, 1)
    )
    within = data.draw(st.integers(here, beyond - 1))
    found = budget(whole, within, "multiply-adds", **sizes)
    assert (found.n, found.count, found.next_count) == (n, here, beyond)


def test_the_command_matches_another_cell(capsys):
    words = "budget lstm.pytorch --match gru.pytorch -m 128 -n 256".split()
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    found = match(cell("lstm.pytorch"), cell("gru.pytorch"), m=128, n=256)
    lstm = [4 * (128 * n + n * n + 2 * n) for n in (found.n, found.n + 1)]
    assert lines == [
        "gru.pytorch: 296448 parameters",
        f"lstm.pytorch, n = {found.n}: {lstm[0]} parameters",
        f"n = {found.next_n}: {lstm[1]} parameters, more than 296448",
    ]
    assert lstm[0] <= 296_448 < lstm[1]
    for by in ("effective", "multiply-adds"):
        assert main([*words, "--by", by, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["by"] == by and found["match"] == "gru.pytorch"
        assert found["count"] <= found["parameters"] < found["next_count"]
    assert main("budget gru.pytorch --multiply-adds 294912 -m 128".split()) == 0
    first, _, convention = capsys.readouterr().out.splitlines()
    assert first == "n = 256: 294912 multiply-adds a step" and convention == f"({CONVENTION})"


@pytest.mark.parametrize(
    "words",
    [
        "budget gru.pytorch -m 8",
        "budget gru.pytorch -m 8 --parameters 9 --match rnn.elman",
        "budget gru.pytorch -m 8 --parameters 900 --by multiply-adds",
        "budget gru.pytorch -m 8 --multiply-adds 900 --effective",
        "budget gru.pytorch --match nothing -m 8 -n 8",
        "budget gru.pytorch --match rnn.elman -m 8",
        "budget gru.pytorch --match rnn.elman -m 8 -n 8 --set q=3",
        "budget gru.pytorch --multiply-adds 2 -m 8",
    ],
)
def test_budgets_that_are_refused(words, capsys):
    assert main(words.split()) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
