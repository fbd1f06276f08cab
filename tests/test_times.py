"""gru_sym/evidence/times.py: medians, quartiles, and an interval that is as sure as it says."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.evidence.times import Ratio, quartiles, ratio

positive = st.floats(0.1, 1e6)
pairs = st.tuples(positive, positive)
blocks = st.lists(st.lists(pairs, min_size=1, max_size=5), min_size=2, max_size=20)


def apart(paired: list[list[tuple[float, float]]], factor=lambda _: 1.0) -> tuple:
    """The times and those they are compared with; `factor` is that of a block."""
    return tuple(
        [[factor(k) * pair[side] for pair in block] for k, block in enumerate(paired)]
        for side in (0, 1)
    )


@given(blocks, st.floats(0.01, 100))
def test_a_ratio_scales_with_the_time_and_stays_in_its_interval(paired, factor):
    times, base = apart(paired)
    found = ratio(times, base)
    assert found.lower <= found.median <= found.upper
    scaled = ratio([[factor * time for time in block] for block in times], base)
    assert scaled.median == pytest.approx(factor * found.median)


@given(blocks)
def test_what_disturbs_whole_blocks_leaves_the_ratio(paired):
    # Exact: a power of two changes no digit.
    assert ratio(*apart(paired, lambda block: 2.0**block)) == ratio(*apart(paired))


@given(blocks, st.randoms(use_true_random=False))
def test_the_order_of_the_blocks_does_not_matter(paired, source):
    other = source.sample(paired, len(paired))
    assert ratio(*apart(other)) == ratio(*apart(paired))


@pytest.mark.parametrize("number", [6, 8, 9, 40])
def test_the_interval_misses_the_median_at_most_once_in_twenty(number):
    """Quotients of a skew distribution with the median 1: misses are counted, not computed."""
    source, missed, trials = random.Random(0), 0, 4000  # noqa: S311  # no secret
    for _ in range(trials):
        times = [[math.exp(source.gauss(0, 1)) ** 3] for _ in range(number)]
        missed += ratio(times, [[1.0]] * number).differs
    # The chance that is claimed, within four standard deviations: neither more nor much less.
    tails = [sum(math.comb(number, i) for i in range(k)) for k in range(number)]
    k = max(k for k in range(number) if tails[k] <= 0.025 * 2**number)
    chance = 2 * tails[k] / 2**number
    assert chance <= 0.05
    assert abs(missed / trials - chance) <= 4 * math.sqrt(chance * (1 - chance) / trials)


def test_one_bad_round_of_a_block_does_not_count():
    times = [[2.0, 2.0, 90.0]] * 6
    assert ratio(times, [[1.0, 1.0, 1.0]] * 6) == Ratio(2.0, 2.0, 2.0)


def test_few_blocks_tell_nothing():
    assert ratio([[2.0] * 9] * 5, [[1.0] * 9] * 5) == Ratio(2.0, 0.0, math.inf)


@pytest.mark.parametrize("reference", [[[1.0]], [[1.0], [1.0, 1.0]]])
def test_rounds_come_in_pairs(reference):
    with pytest.raises(ValueError, match=r"shorter|longer"):
        ratio([[1.0], [2.0]], reference)


def test_quartiles_of_two_times_lie_between_them():
    assert quartiles([[1.0], [2.0]]) == (1.25, 1.5, 1.75)
