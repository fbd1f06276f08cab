"""gru_sym/records.py: what records hold is right, and what is believed is more than noise."""

from __future__ import annotations

import copy
import json
import math
import random
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym import records
from gru_sym.records import Ratio, Record, conclusion_table, longer_by, problems, ratio, read

EVIDENCE = Path(__file__).parent.parent / "book" / "evidence"
DESIGNS = ("gru.pytorch", "gru.merged", "gru.flux", "gru.answer", "gru.dey_salem")
CPU = Record("2026-01-01T00:00:00+00:00", "cpu", "a machine", {"PyTorch": "2"}, "0" * 40)


@pytest.mark.parametrize("path", sorted(EVIDENCE.glob("*.json")), ids=lambda path: path.name)
def test_no_record_of_the_book_misleads(path):
    record = read(path)
    assert list(problems(record)) == [] and not record.dry
    assert {row["table"] for row in record.rows} >= {"counts", "errors", "times"}


MISLEADING = {
    "a count": ("counts", {}, "count", 1e9),
    "a count without biases": ("counts", {"bias": False}, "count", 1),
    "the library's error": ("errors", {"arithmetic": "float32"}, "library", 1e-5),
    "the code's error": ("errors", {"arithmetic": "bfloat16"}, "generated", 0.9),
    "an error that is no number": ("errors", {}, "generated", math.nan),
    "biases of cuDNN": ("mode counts", {"mode": "SINGLE_INP"}, "biases", 42),
    "numbers of cuDNN": ("mode counts", {"mode": "NONE"}, "count", 294),
    "results of cuDNN": ("mode results", {"mode": "SINGLE_REC"}, "error", 1e-3),
    "some of its results": ("mode results", {"mode": "NONE", "arithmetic": "float32"}, "error", 1),
}


@pytest.mark.parametrize(("table", "where", "key", "value"), MISLEADING.values(), ids=MISLEADING)
def test_what_would_mislead_is_told(table, where, key, value):
    record = copy.deepcopy(full())
    assert list(problems(record)) == []
    for row in record.table(table, **where):
        row[key] = value
    assert len(list(problems(record))) >= 1


def full() -> Record:
    """A record of the book, and what cuDNN may say at m = 5, n = 7: of 3 · 7 · 12 weights."""
    record = read(next(EVIDENCE.glob("*.json")))
    gru = {"kind": "GRU", "m": 5, "n": 7}
    for mode, biases in (("NONE", 0), ("SINGLE_INP", 21), ("DOUBLE", 42), ("SINGLE_REC", 21)):
        about = {**gru, "mode": mode}
        sizes = {"count": 252 + biases, "biases": biases, "bytes": 2000}
        record.rows.append({"table": "mode counts", **about, **sizes})
        for arithmetic, small in (("float64", 1e-15), ("float32", 1e-7)):
            for where, error in (("outside the reset", 0.1), ("inside the reset", small)):
                result = {"arithmetic": arithmetic, "candidate's bias": where, "error": error}
                record.rows.append({"table": "mode results", **about, **result})
    return record


def test_tables_show_what_there_is_and_nothing_else():
    found = {caption.split()[0]: table.rows for caption, table in records.tables(full()).items()}
    assert ("GRU", "SINGLE_INP", "21 of 273 numbers, in 2000 bytes") in found["Biases"]
    assert ("GRU", "SINGLE_REC", "inside the reset", "1.0e-15", "1.0e-07") in found["Errors"]
    assert found.keys() == {"Times,", "Largest", "Biases", "Errors"}
    assert records.tables(CPU) == {}
    gpu = replace(CPU, device="cuda", machine="H100", dry=True)
    assert str(gpu).startswith(
        "Recorded 2026-01-01 as a dry run, whose times mean nothing, on H100"
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": [NaN]}', "[" * 100_000, b"\xff", "{}"])
def test_what_is_no_record_is_refused_in_one_sentence(text, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"^a\.json is no record: [^\n]+$"):
        read(path)


def test_records_of_another_machine_or_pytorch_are_not_compared(tmp_path):
    made = {
        "d": replace(CPU, date="2026-01-01"),
        "c": replace(CPU, date="2026-01-02", machine="another"),
        "b": replace(CPU, date="2026-01-03", versions={"PyTorch": "3"}),
        "a": replace(CPU, date="2026-01-04"),
        "e": replace(CPU, date="2026-01-05", dry=True),
        "f": replace(CPU, date="2026-01-06", device="cuda"),
    }
    for name, record in made.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(asdict(record)))
    assert records.full_records(tmp_path, "cpu") == [made["d"], made["a"]]
    assert records.full_records(tmp_path, "cuda") == [made["f"]]
    assert records.full_records(tmp_path / "nowhere", "cpu") == []


def test_reading_records_needs_no_torch():
    code = "import sys, gru_sym.records; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Ratios

positive = st.floats(0.1, 1e6)
pairs = st.lists(st.lists(st.tuples(positive, positive), min_size=1, max_size=5), min_size=2)


def apart(paired, factor=lambda _: 1.0) -> list:
    """The times and those they are compared with; `factor` is that of a block."""
    return [
        [[factor(k) * pair[side] for pair in block] for k, block in enumerate(paired)]
        for side in (0, 1)
    ]


@given(pairs, st.floats(0.01, 100), st.randoms(use_true_random=False))
def test_a_ratio_scales_with_the_time_and_forgets_order_and_drift(paired, factor, source):
    times, base = apart(paired)
    found = ratio(times, base)
    assert found.lower <= found.median <= found.upper
    scaled = ratio([[factor * time for time in block] for block in times], base)
    assert scaled.median == pytest.approx(factor * found.median)
    # What slows a whole block; exact, since a power of two changes no digit.
    assert ratio(*apart(paired, lambda block: 2.0**block)) == found
    assert ratio(*apart(source.sample(paired, len(paired)))) == found


@pytest.mark.parametrize("number", [6, 8, 9, 40])
def test_the_interval_misses_the_median_at_most_once_in_twenty(number):
    """Quotients of a skew distribution with the median 1: misses are counted, not computed."""
    source, missed, trials = random.Random(0), 0, 4000  # noqa: S311  # no secret
    for _ in range(trials):
        times = [[math.exp(source.gauss(0, 1)) ** 3] for _ in range(number)]
        missed += ratio(times, [[1.0]] * number).differs
    # The chance that is claimed, within four standard deviations: neither more nor much less.
    tails = [sum(math.comb(number, i) for i in range(k)) for k in range(number)]
    chance = 2 * max(tail for tail in tails if tail <= 0.025 * 2**number) / 2**number
    assert abs(missed / trials - chance) <= 4 * math.sqrt(chance * (1 - chance) / trials)


def test_few_blocks_tell_nothing_and_rounds_come_in_pairs():
    assert ratio([[2.0] * 9] * 5, [[1.0] * 9] * 5) == Ratio(2.0, 0.0, math.inf)
    for reference in ([[1.0]], [[1.0], [1.0, 1.0]]):
        with pytest.raises(ValueError, match=r"shorter|longer"):
            ratio([[1.0], [2.0]], reference)


# What is believed


def timed(**factors: float | list[float]) -> Record:
    """A record in which a cell takes so many times as long as the others, or in each block so."""
    about = {"table": "times", "of": "designs", "work": "forward", "T, B, m, n": "1, 1, 1, 1"}
    each = {name: factors.get(name[4:], 1.0) for name in DESIGNS}
    times = {
        name: [[100.0 * f] for f in (every if isinstance(every, list) else [every] * 6)]
        for name, every in each.items()
    }
    return replace(CPU, rows=[{**about, "name": n, "times_us": t} for n, t in times.items()])


SLOW, OTHER = timed(answer=1.1, dey_salem=1.1), timed(answer=1.15, dey_salem=1.15)
BIASES, RESET = "all second biases", "reset before, not after"
MORE = timed(pytorch=1.02, merged=1.02, answer=1.1, dey_salem=1.1)
NOISY = timed(pytorch=1.02, merged=1.02, answer=1.133, dey_salem=1.1)  # a control is off by 3 %
WIDE = timed(answer=[0.9, *[1.1] * 5], dey_salem=[0.9, *[1.1] * 5])  # an interval around 1
FASTER = timed(answer=0.9, dey_salem=0.9)


@pytest.mark.parametrize(
    ("made", "question", "told", "longer"),
    [
        ([MORE], BIASES, "1.02", 2),
        ([NOISY], BIASES, "not told apart", 0),
        ([NOISY], RESET, "1.10", 10),
        ([SLOW, timed()], RESET, "not told apart", 0),  # not every record shows it
        ([SLOW, WIDE], RESET, "not told apart", 0),  # one cannot tell
        ([SLOW, OTHER], RESET, "1.10 to 1.15", 15),
        ([SLOW, FASTER], RESET, "not told apart", 0),  # they contradict each other
        ([FASTER], RESET, "0.90", 0),
        ([MORE, timed(pytorch=1.02, merged=1.02, answer=1.15, dey_salem=1.15)], BIASES,
         "not told apart", 0),  # another ratio moves by more between the two
    ],
)  # fmt: skip
def test_a_difference_is_believed_if_it_is_more_than_noise(made, question, told, longer):
    table = {row[0]: row[3] for row in conclusion_table(made).rows}
    assert (table[question], longer_by(made, question)) == (told, longer)


def test_a_record_without_times_takes_nothing_from_the_others():
    assert conclusion_table([CPU, SLOW]).rows == conclusion_table([SLOW]).rows
    assert conclusion_table([]).rows == [] and longer_by([], RESET) == 0
