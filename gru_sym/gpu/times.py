"""What times that were taken in turn say: medians, quartiles, and ratios with an interval.

Imports no torch.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Ratio:
    """A median of quotients, and the ends of an interval around it.

    >>> Ratio(1.05, 1.02, 1.09).differs, Ratio(1.05, 0.99, 1.09).differs
    (True, False)
    """

    median: float
    lower: float
    upper: float

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out 1."""
        return not self.lower <= 1 <= self.upper


def ratio(times: Sequence[float], reference: Sequence[float]) -> Ratio:
    """The median of the quotients, round by round, with an interval of at least 95 per cent.

    >>> ratio([2.0, 3.0, 2.0, 2.2, 1.8, 2.1, 2.0], [1.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0])
    Ratio(median=2.0, lower=1.8, upper=2.2)

    A disturbance that lasts longer than a round is in both times of it, and leaves the quotient.
    The interval reaches from the k-th smallest quotient to the k-th largest. Whatever their
    distribution, it misses their true median with a chance of at most 2 P(B < k), where B counts
    the heads in as many tosses as there are rounds; k is the largest number for which that is at
    most 5 per cent. Rounds are taken as independent. With fewer than six there is no such k, and
    the interval says nothing: from 0 to infinity.
    """
    quotients = sorted(time / base for time, base in zip(times, reference, strict=True))
    k = _rank(len(quotients))
    lower, upper = (quotients[k - 1], quotients[-k]) if k else (0.0, math.inf)
    return Ratio(statistics.median(quotients), lower, upper)


def quartiles(times: Sequence[float]) -> tuple[float, float, float]:
    """The lower quartile, the median, the upper quartile.

    >>> quartiles([4.0, 1.0, 2.0, 3.0, 5.0])
    (2.0, 3.0, 4.0)
    """
    lower, median, upper = statistics.quantiles(times, n=4, method="inclusive")
    return lower, median, upper


def _rank(rounds: int) -> int:
    """The largest k with 2 P(B < k) <= 1 - LEVEL for B ~ Bin(rounds, 1/2); 0 if there is none.

    >>> [_rank(rounds) for rounds in (5, 6, 8, 9, 40, 100)]
    [0, 1, 1, 2, 14, 40]
    """
    below, k = 0, 0
    while (below := below + math.comb(rounds, k)) * 2 <= (1 - LEVEL) * 2**rounds:
        k += 1
    return k
