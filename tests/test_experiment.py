"""The experiment: tasks with known answers, batched training, resuming, and what may be said."""

from __future__ import annotations

import itertools
import json
import math
import signal
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import quantile_test
from test_cli_process import environment
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from gru_sym import cell
from gru_sym.__main__ import main
from gru_sym.budgets import budget
from gru_sym.costs import cost
from gru_sym.experiment import batched, capacity, comparing, doubling, verdicts, whole
from gru_sym.experiment.comparing import Comparison, TaskPlan
from gru_sym.experiment.tasks import DIGITS, KEPT, SYMBOLS, TASKS, VARIANCE
from gru_sym.experiment.verdicts import LSTM, Interval, interval
from gru_sym.libraries.pytorch import named_parameters
from gru_sym.records import Record, full_records, read

EVIDENCE = Path(__file__).parent.parent / "book" / "evidence"
TINY = whole.Whole(
    doubling.Doubling({"sgd": 0.5}, n=4, seeds=2, updates=4, every=2, batch=8),
    capacity.Capacity((40,), (1,), ("rnn.pytorch",), seeds=2, updates=3),
    Comparison(
        {"copy": TaskPlan(3, {"stored": (100,)}), "adding": TaskPlan(3, {"stored": (100,)})},
        cells=("gru.pytorch", "rnn.elman"),
        seeds=2,
        search_seeds=1,
        rates=(0.01, 0.1),
        batch=8,
    ),
)

# ------------------------------------------------------------------- tasks with known answers


def test_adding_has_the_baseline_of_its_theory():
    """The sum of two uniform numbers has variance 2/12; a sum of the marked ones is the answer."""
    what = TASKS["adding"]
    x, y = what.parts(seed=0, count=20_000).train
    assert x.shape == (what.steps, 20_000, what.m) and (x[:, :, 1].sum(0) == 2).all()
    always_one = torch.ones(1, 20_000, 1)
    # The standard error of a mean square over 20,000 draws: Var (y - 1)^2 is 7/180.
    error = math.sqrt(7 / 180 / 20_000)
    assert abs(what.losses(always_one, y).item() - 1 / 6) < 5 * error
    assert abs(what.scores(always_one, y).item() - what.chance) < 5 * error / VARIANCE
    summed = (x[:, :, 0] * x[:, :, 1]).sum(0)[None, :, None]
    assert what.scores(summed, y).item() > 1 - 1e-10


def test_copy_memory_has_the_chance_of_its_theory():
    """Who says any one symbol is right once in four; who says what was shown, always."""
    what = TASKS["copy"]
    x, y = what.parts(seed=0, count=20_000).train
    assert x.shape == (what.steps, 20_000, what.m) and (x.sum(-1) == 1).all()
    blind = one_hot(torch.zeros_like(y), SYMBOLS).double()
    assert abs(what.scores(blind, y).item() - 1 / 4) < 5 * math.sqrt(3 / 16 / (KEPT * 20_000))
    assert what.losses(0 * blind, y).item() == pytest.approx(math.log(SYMBOLS), rel=1e-12)
    assert what.scores(x[:KEPT, :, :SYMBOLS], y).item() == 1
    assert (x[KEPT:, :, :SYMBOLS] == 0).all()  # nothing is shown later


def test_digits_are_split_and_read_in_two_ways():
    rows, pixels = (TASKS[name].parts(seed=3, count=2000) for name in ("rows", "pixels"))
    for one, other in zip(rows, pixels, strict=True):
        assert torch.equal(one.x.transpose(0, 1).flatten(1), other.x.transpose(0, 1).flatten(1))
        assert torch.equal(one.y, other.y)
    first = TASKS["rows"].parts(seed=3, count=DIGITS["train"])
    every = torch.cat([part.x.transpose(0, 1).flatten(1) for part in first])
    assert len(every.unique(dim=0)) == len(every) == 1797
    share = torch.cat([part.y[0] for part in first]).bincount().max() / 1797
    assert abs(share - TASKS["rows"].chance) < 0.005
    other = TASKS["rows"].parts(seed=4, count=DIGITS["train"])
    assert torch.equal(first.test.x, other.test.x)  # so no seed's search can have seen it
    assert not torch.equal(first.train.x, other.train.x)


@pytest.mark.parametrize("name", TASKS)
def test_losses_are_pytorchs(name):
    what = TASKS[name]
    y = what.parts(seed=0, count=7).train.y
    answers = torch.randn(3, what.asked, 7, what.outputs, dtype=torch.float64)
    for said, loss in zip(answers, what.losses(answers, y.expand(3, -1, -1)), strict=True):
        if what.score_of == "accuracy":
            theirs = cross_entropy(said.flatten(0, 1), y.flatten())
        else:
            theirs = mse_loss(said[..., 0], y.double())
        torch.testing.assert_close(loss, theirs, rtol=1e-12, atol=0)


# ------------------------------------------------------------------------------ batched training

OPTIMISERS = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "momentum": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
}


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("clip", [0.2, None])
def test_a_stack_trains_as_pytorch_trains_each_layer_alone(optimiser, clip):
    """Against nn.GRU, torch.optim and clip_grad_norm_: none of it is ours."""
    gru, what, n, batch, updates = cell("gru.pytorch"), TASKS["copy"], 5, 6, 8
    seeds, rates = (0, 1), (0.01, 0.1)
    start = {
        name: batched.repeated(layers, len(rates))
        for name, layers in batched.initial(gru, {"m": what.m, "n": n}, SYMBOLS, seeds).items()
    }
    parts = [what.parts(seed, updates * batch).train for seed in seeds]
    x = torch.stack([part.x.double() for part in parts]).repeat(2, 1, 1, 1)
    y = torch.stack([part.y for part in parts]).repeat(2, 1, 1)
    answers = batched.answering(gru, what.asked)

    def losses(layers, update):
        now = slice(update * batch, (update + 1) * batch)
        return what.losses(answers(layers, x[:, :, now]), y[:, :, now])

    each = torch.tensor(rates, dtype=torch.float64).repeat_interleave(2)
    *_, found = batched.descent(
        losses, start, each, updates, along=getattr(batched, optimiser), clip=clip
    )
    for k, rate in enumerate(each.tolist()):
        layer, readout = nn.GRU(what.m, n).double(), nn.Linear(n, SYMBOLS).double()
        own = named_parameters(layer)
        with torch.no_grad():
            for name, layers in start.items():
                if name not in batched.READOUT:
                    own[f"{name}_l0"].copy_(layers[k])
            readout.weight.copy_(start["readout"][k])
            readout.bias.copy_(start["readout_bias"][k])
        parameters = [*layer.parameters(), *readout.parameters()]
        theirs = OPTIMISERS[optimiser](parameters, lr=rate)
        for update in range(updates):
            now = slice(update * batch, (update + 1) * batch)
            theirs.zero_grad()
            said = readout(layer(x[k][:, now])[0][-what.asked :])
            cross_entropy(said.flatten(0, 1), y[k][:, now].flatten()).backward()
            if clip:
                nn.utils.clip_grad_norm_(parameters, clip)
            theirs.step()
        for name, tensor in named_parameters(layer).items():
            # Eight updates of sums of some dozen terms; Adam divides by what may be small.
            torch.testing.assert_close(
                found[name.removesuffix("_l0")][k], tensor, rtol=1e-8, atol=1e-9
            )
        torch.testing.assert_close(found["readout"][k], readout.weight.data, rtol=1e-8, atol=1e-9)


def test_a_layer_does_not_depend_on_its_neighbours():
    """The scores of two seeds and of one of them, at two rates and at one."""
    plan = Comparison({"copy": TaskPlan(20, {"stored": (100,)})}, batch=8)
    cell_at = "copy", "lstm.textbook", 3
    (alone,) = plan.trained(*cell_at, [0], [0.1], ("test",)).values()
    (beside,) = plan.trained(*cell_at, range(3), [0.01, 0.1], ("test",)).values()
    # Float32: a sum in another order may turn one answer of 1,536.
    assert alone[0] == pytest.approx(beside[3], abs=2e-3)


def test_each_budget_is_kept_and_used():
    """Against a layer and its readout counted by hand, and against `budget`, which has none."""
    for row in comparing.FULL.sizes():
        what, name, n = TASKS[row["task"]], row["cell"], row["n"]
        of, readout = cell(name.partition(",")[0]), what.outputs * (n + 1)
        assert row["stored"] == of.count(m=what.m, n=n) + readout
        assert row[row["by"]] <= row["budget"]
        larger = comparing.counts(name, n + 1, *comparing.asked_of(row["task"]))
        assert larger[row["by"]] > row["budget"]
        assert n <= budget(of, row["budget"], row["by"], m=what.m).n
        work = cost(of, m=what.m, n=n, T=what.steps, B=1)
        layer = work.sequence.multiply_adds + work.loop.multiply_adds
        steps = what.steps * row["multiply-adds"]
        assert 0 <= steps - (layer + what.asked * what.outputs * n) < what.steps  # rounded up


def test_a_forget_bias_starts_one_higher_and_all_else_is_the_same():
    plain, raised = (
        Comparison({"copy": TaskPlan(0, {"stored": (100,)})}, batch=8).start(
            "copy", name, 3, [0, 1]
        )
        for name in (LSTM, verdicts.FORGET_ONE)
    )
    for name in plain:
        expected = plain[name] + 1 if name == "b_f" else plain[name]
        assert torch.equal(raised[name], expected)


@settings(deadline=None)
@given(st.floats(-9, 9), st.integers(0, 6), st.integers(2, 5))
def test_the_search_goes_further_only_at_an_edge_and_ends_there_or_inside(peak, further, count):
    asked = []

    def tried(rates):
        asked.extend(rates)
        return {rate: [-abs(math.log2(rate) - peak)] * 2 for rate in rates}

    rates = [2.0**k for k in range(count)]
    found, best = comparing.searched(tried, rates, further)
    ordered = list(found)
    assert sorted(asked) == ordered and len(asked) == len(set(asked)) <= count + further
    assert all(b == pytest.approx(2 * a, rel=1e-5) for a, b in itertools.pairwise(ordered))
    assert found[best] == max(found.values())
    if best in (ordered[0], ordered[-1]):
        assert len(found) == count + further  # it was not allowed to go on
    if 0.6 < peak < count - 1.6:
        assert len(found) == count


def test_the_rate_is_sought_on_seeds_and_numbers_that_no_score_uses(monkeypatch):
    asked = []

    def trained(self, task, name, n, seeds, rates, wanted):
        asked.append((set(seeds), tuple(rates), wanted))
        each = [1.0 - abs(rate - 0.04) for rate in rates for _ in seeds]
        return dict.fromkeys(wanted, each)

    monkeypatch.setattr(Comparison, "trained", trained)
    *search, scores = comparing.FULL.scores("copy", "gru.pytorch", 3)
    (seeds, rates, part), (others, best, parts) = asked
    assert not seeds & others and part == ("validation",) and parts == ("halfway", "test")
    assert best == (0.04,) and scores["rate"] == 0.04 and len(scores["test"]) == len(others)
    assert [row["rate"] for row in search] == list(rates) == list(comparing.FULL.rates)


def test_the_control_of_two_biases_does_not_part():
    rows = TINY.doubling.losses("sgd")
    two, one, doubled = (
        [row["loss"] for row in rows if row["layer"] == layer] for layer in doubling.LAYERS
    )
    assert len(two) == 2
    # Losses near 2, rounded to 12 places.
    assert torch.tensor(two).sub(torch.tensor(doubled)).abs().max() < 1e-9
    assert torch.tensor(two).sub(torch.tensor(one)).abs().min() > 1e-7


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_bits_are_those_of_collins_et_al(b, p):
    """I = b + b (p log2 p + (1 - p) log2 (1 - p)), with 0 log 0 = 0."""
    terms = sum(q * math.log2(q) for q in (p, 1 - p) if q)
    assert capacity.bits(b, p) == pytest.approx(b + b * terms, rel=1e-12, abs=1e-9)


def test_few_labels_are_learnt_by_heart_and_a_label_is_a_coin():
    plan = capacity.Capacity((100,), (1,), ("rnn.pytorch",), seeds=2, rates=(0.03,), updates=150)
    (row,) = plan.rows("rnn.pytorch", 100, patterns=20)
    assert row["bits"] == [20.0, 20.0]
    assert row["stored"] == row["effective"] + row["n"] <= 100 + row["n"]
    x, y = plan.patterns(4000)
    assert set(x.unique().tolist()) == {-1, 1}
    assert abs(y.mean() - 0.5) < 5 * 0.5 / math.sqrt(8000)


# --------------------------------------------------------------------------------- intervals, rules


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=40), st.integers(1, 300))
def test_an_interval_is_scipys(values, comparisons):
    theirs = quantile_test(values, p=0.5).confidence_interval(1 - 0.05 / comparisons)
    found = interval(values, comparisons)
    assert found.median == statistics.median(values)
    ours = [math.nan if math.isinf(end) else end for end in found[1:]]
    assert ours == pytest.approx([theirs.low, theirs.high], nan_ok=True)


def test_14_seeds_agreeing_are_needed_and_enough_for_400():
    """14 seeds of one sign have a chance of 2 in 16,384: enough for 400 comparisons."""
    values = [0.1 + k for k in range(14)]
    assert interval(values, 400).side == 1 and interval(values, 410).side == 0
    assert interval([-v for v in values], 400).side == -1
    assert interval([-0.1, *values[1:]], 400).side == 0


def made(tables: dict[str, list[dict]]) -> Record:
    rows = [{"table": table, **row} for table, rows in tables.items() for row in rows]
    return Record("2026-01-01", "cpu", "none", {"PyTorch": "0"}, None, rows=rows)


def scores(better: dict[str, float], other: str = LSTM) -> Record:
    """Tasks in which the GRU is so much better than an LSTM, from every seed."""
    sizes, rows, search = [], [], []
    for task, difference in better.items():
        for name, n in (("gru.pytorch", 6), (other, 5)):
            sizes.append({"task": task, "budget": 300, "by": "stored", "cell": name, "n": n})
            own = [0.5 + 0.001 * s + (difference if n == 6 else 0) for s in range(14)]
            about = {"task": task, "cell": name, "n": n}
            search += [{**about, "rate": rate} for rate in (0.01, 0.1, 1.0)]
            rows.append({**about, "rate": 0.1, "halfway": [0.5] * 14, "test": own})
    return made({"sizes": sizes, "search": search, "scores": rows})


def test_tables_say_what_is_told_and_what_is_not_there():
    record = scores({"rows": 0.2})
    assert verdicts.trained(record, "rows", "gru.pytorch", 7) is None
    assert verdicts.at_the_edge(record) == (0, 2)
    record.table("scores")[0]["rate"] = 1.0
    assert verdicts.at_the_edge(record) == (1, 2)
    assert verdicts.changed_since_halfway(record) == (1, 1)
    (found,) = verdicts.compared(record)
    assert found.difference == pytest.approx(Interval(0.2, 0.2, 0.2))
    assert verdicts.outcome_table(record).rows == [("GRU, 6n biases", "better")]
    for row in record.table("sizes"):
        row |= {"stored": 300, "effective": 300}
    shown = str(verdicts.comparison_table(record, "rows", 300))
    assert "+0.200 to +0.200" in shown and "is compared with" in shown
    record.rows[:] = [row for row in record.rows if row["cell"] != LSTM or row["table"] == "sizes"]
    assert "not recorded" in str(verdicts.comparison_table(record, "rows", 300))


@pytest.mark.parametrize(
    ("better", "verdict"),
    [
        ({"rows": 0.2, "copy": -0.2}, "false"),
        ({"rows": 0.2, "copy": 0.2}, "open"),
        ({"rows": -0.2, "copy": 0.0}, "open"),
        ({"rows": 0.0}, "open"),
        ({}, "open"),
    ],
)
def test_c11_is_judged_by_its_rule(better, verdict):
    for other in (LSTM, verdicts.FORGET_ONE):
        assert verdicts.c11(scores(better, other)) == verdict


def bits(kept: dict[tuple[str, int], float]) -> Record:
    return made(
        {
            "capacity": [
                {"cell": name, "budget": budget, "n": 4, "rate": 0.1, "patterns": 200}
                | {"stored": 110 if name == "gru.pytorch" else 100, "effective": 100}
                | {"bits": [amount * (1 + s / 1000) for s in range(14)]}
                for (name, budget), amount in kept.items()
            ]
        }
    )


@pytest.mark.parametrize(
    ("small", "large", "verdict"),
    [(50, 90, "true"), (90, 50, "false"), (50, 50, "open"), (50, None, "open")],
)
def test_c10_is_judged_by_its_rule(small, large, verdict):
    kept = {("rnn.pytorch", 100): 50.0, ("rnn.pytorch", 200): 90.0, ("gru.merged", 100): small}
    kept[("gru.merged", 200)] = small if large is None else large
    record = bits(kept)
    assert verdicts.c10(record) == verdict
    assert verdicts.c10(made({})) == "open"
    assert "Elman" in str(verdicts.capacity_table(record))


@pytest.mark.parametrize(
    ("six", "told"), [(50, "stored"), (55, "effective"), (70, "both"), (52.6, "both")]
)
def test_what_the_bits_can_tell_of_the_divisor(six, told):
    record = bits({("gru.pytorch", 100): six, ("gru.merged", 100): 50.0})
    assert verdicts.divisors(record)[100].told == told
    for row in record.table("capacity", cell="gru.pytorch"):  # seeds that disagree by a quarter
        row["bits"] = [b * (0.8 if s % 2 else 1.25) for s, b in enumerate(row["bits"])]
    assert verdicts.divisors(record)[100].told == ("both" if six == 70 else "neither")


# --------------------------------------------------------------------------- resuming, the command


def test_an_interrupted_run_becomes_the_same_record(tmp_path):
    """Interrupted in every unit in turn, it ends in the same rows, bit for bit, as without."""
    units, at_once, again = TINY.units(), tmp_path / "once.json", tmp_path / "again.json"
    whole.go_on(
        whole.begin(at_once, TINY, "cpu"), units, lambda record: whole.write(at_once, record)
    )
    stopped = 0

    def interrupted():
        raise KeyboardInterrupt

    while waiting := whole.left(record := whole.begin(again, TINY, "cpu"), units):
        stop = dict.fromkeys(waiting[1:2], interrupted)
        try:
            whole.go_on(record, {**units, **stop}, lambda record: whole.write(again, record))
        except KeyboardInterrupt:
            stopped += 1
    assert stopped == len(units) - 1 > 4
    same, other = (
        [line for line in file.read_text("utf-8").splitlines() if '"table": "work"' not in line]
        for file in (at_once, again)
    )
    assert [a for a, b in zip(same, other, strict=True) if a != b] in ([], [same[1]])  # the date
    assert '"date"' in same[1] and len(list(tmp_path.iterdir())) == 2
    rows = ([row for row in read(f).rows if row["table"] != "work"] for f in (again, at_once))
    assert next(rows) == next(rows)


def test_a_record_of_something_else_is_left_alone(tmp_path):
    file = tmp_path / "a.json"
    whole.begin(file, TINY, "cpu")
    before = file.read_bytes()
    other = replace(TINY, doubling=replace(TINY.doubling, n=5))
    with pytest.raises(ValueError, match="another plan; give this one a file of its own"):
        whole.begin(file, other, "cpu")
    with pytest.raises(ValueError, match="was begun with dry False, and here it is True"):
        whole.begin(file, TINY, "cpu", dry=True)
    assert file.read_bytes() == before
    file.write_text("{}")
    with pytest.raises(ValueError, match="is no record"):
        whole.begin(file, TINY, "cpu")
    assert file.read_text() == "{}"


def test_the_command_runs_resumes_and_says_what_it_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(whole, "MINIATURE", TINY)
    file = tmp_path / "a.json"
    words = ["experiment", "--miniature", "--device", "cpu", "--record", str(file)]

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(capacity.Capacity, "rows", interrupted)
        with pytest.raises(KeyboardInterrupt):
            main(words)
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines()[-1] == (
        f"interrupted: 1 of 6 parts are in {file}; the same command goes on from there"
    )
    assert main(words) == 0
    said = capsys.readouterr()
    assert "1/6  capacity" in said.err.splitlines()[0] and "6/6  done" in said.err
    assert "Elman against the LSTM" not in said.out and "dry run" in said.out
    assert main(words) == 0  # nothing is left to do
    assert capsys.readouterr().out == said.out


def test_ctrl_c_ends_the_process_as_any_other(tmp_path):
    words = ["experiment", "--miniature", "--device", "cpu", "--record", "a.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gru_sym", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=tmp_path,
    )
    assert "0/9" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (-signal.SIGINT, "")
    assert "parts are in a.json; the same command goes on from there" in err
    assert "Traceback" not in err
    assert read(tmp_path / "a.json").table("plan") and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--record", ""],
        ["--record", "no/such/folder.json"],
        ["--record", "a.json", "--device", "tpu"],
    ],
)
def test_bad_input_is_one_sentence(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", *words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and not list(tmp_path.iterdir())


# ------------------------------------------------------------------------- the record of the book


def test_the_records_of_the_book_are_of_this_plan():
    """Their settings and sizes are today's, and each unit is whole."""
    files = sorted((EVIDENCE / "experiment").glob("*.json"))
    assert files
    for record in map(read, files):
        plan = [json.loads(json.dumps(row)) for row in whole.FULL.plan()]
        assert [row for row in record.rows if row["table"] in ("plan", "sizes")] == plan
        done = {row["unit"] for row in record.rows if "unit" in row}
        assert done <= whole.FULL.units().keys() and not record.dry
        for row in record.table("scores"):
            assert len(row["halfway"]) == len(row["test"]) == comparing.FULL.seeds
        for row in record.table("search"):
            assert len(row["validation"]) == comparing.FULL.search_seeds
    assert all(r.device == "cpu" for r in full_records(EVIDENCE, "cpu"))  # the other chapter's
