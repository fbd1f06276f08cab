"""An interval for a median, whatever the distribution: that of the sign test."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVEL = 0.95
"""With what chance intervals hold the true medians, all of a family together."""


def sign_test(values: Sequence[float], comparisons: int = 1) -> tuple[float, float]:
    """The ends of an interval for the median of independent values; without ends if too few.

    >>> sign_test([3, 1, 2, 4, 6, 5]), sign_test([3, 1, 2, 4, 6, 5], comparisons=2)
    ((1, 6), (-inf, inf))

    It reaches from the k-th smallest value to the k-th largest. It misses the true median with a
    chance of at most 2 P(B < k), where B counts the heads in as many tosses as there are values. k
    is the largest number for which `comparisons` times that is at most 5 per cent (Bonferroni).
    """
    ordered, below, k = sorted(values), 0, 0
    allowed = (1 - LEVEL) * 2 ** len(ordered)
    while (below := below + math.comb(len(ordered), k)) * 2 * comparisons <= allowed:
        k += 1
    return (ordered[k - 1], ordered[-k]) if k else (-math.inf, math.inf)
