"""gru_sym/gpu/times.py: medians, quartiles, and an interval that is as sure as it says."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.gpu.times import Ratio, quartiles, ratio

positive = st.floats(0.1, 1e6)
rounds = st.lists(st.tuples(positive, positive), min_size=2, max_size=60)


@given(rounds, st.floats(0.01, 100))
def test_a_ratio_scales_with_the_time_and_stays_in_its_interval(pairs, factor):
    times, base = zip(*pairs, strict=True)
    found = ratio(times, base)
    assert found.lower <= found.median <= found.upper
    scaled = ratio([factor * time for time in times], base)
    assert scaled.median == pytest.approx(factor * found.median)


@given(rounds)
def test_what_disturbs_a_whole_round_leaves_the_ratio(pairs):
    times, base = zip(*pairs, strict=True)
    slow = [2.0**number for number in range(len(pairs))]  # exact: a power of two changes no digit
    disturbed = ratio(
        [time * s for time, s in zip(times, slow, strict=True)],
        [time * s for time, s in zip(base, slow, strict=True)],
    )
    assert disturbed == ratio(times, base)


@pytest.mark.parametrize("number", [6, 9, 40])
def test_the_interval_misses_the_median_at_most_once_in_twenty(number):
    """Quotients of a skew distribution with the median 1: misses are counted, not computed."""
    source, missed, trials = random.Random(0), 0, 4000  # noqa: S311  # no secret
    for _ in range(trials):
        times = [math.exp(source.gauss(0, 1)) ** 3 for _ in range(number)]
        missed += ratio(times, [1.0] * number).differs
    # Four standard deviations of a count whose chance is 5 per cent.
    assert missed / trials <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / trials)


def test_few_rounds_tell_nothing():
    assert ratio([2.0] * 5, [1.0] * 5) == Ratio(2.0, 0.0, math.inf)
    assert ratio([2.0] * 6, [1.0] * 6) == Ratio(2.0, 2.0, 2.0)


def test_rounds_come_in_pairs():
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_quartiles_of_two_times_lie_between_them():
    assert quartiles([1.0, 2.0]) == (1.25, 1.5, 1.75)
