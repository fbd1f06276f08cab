"""What times that were taken in turn say: medians, quartiles, and ratios with an interval."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TypeAlias

LEVEL = 0.95

Blocks: TypeAlias = list[list[float]]
"""Times in microseconds: a list for each block, and in it one for each round."""


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


def ratio(times: Blocks, reference: Blocks) -> Ratio:
    """The median over the blocks, with an interval of at least 95 per cent.

    >>> blocks = [[2.0, 3.0, 2.0], [2.0, 2.2, 2.4], [1.8, 1.9, 2.0], [2.0], [2.1], [2.0]]
    >>> ratio(blocks, [[1.0, 1.5, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0], [1.0], [1.0]])
    Ratio(median=2.0, lower=1.9, upper=2.2)

    In a block it is the median of the quotients, round by round: what slows both times of a round
    alike leaves the quotient. The interval reaches from the k-th smallest block to the k-th
    largest. Whatever the distribution of the blocks, it misses their true median with a chance of
    at most 2 P(B < k), where B counts the heads in as many tosses as there are blocks; k is the
    largest number for which that is at most 5 per cent. Blocks are taken as independent, which
    those of one run are not quite: another run may lie outside. With fewer than six there is no
    such k, and the interval says nothing: from 0 to infinity.
    """
    medians = sorted(
        statistics.median(time / base for time, base in zip(block, against, strict=True))
        for block, against in zip(times, reference, strict=True)
    )
    k = _rank(len(medians))
    lower, upper = (medians[k - 1], medians[-k]) if k else (0.0, math.inf)
    return Ratio(statistics.median(medians), lower, upper)


def sure(blocks: int) -> bool:
    """Whether so many blocks are enough for an interval.

    >>> sure(5), sure(6)
    (False, True)
    """
    return _rank(blocks) > 0


def quartiles(times: Blocks) -> tuple[float, float, float]:
    """The lower quartile, the median, the upper quartile of all.

    >>> quartiles([[4.0, 1.0, 2.0], [3.0, 5.0]])
    (2.0, 3.0, 4.0)
    """
    every = [time for block in times for time in block]
    lower, median, upper = statistics.quantiles(every, n=4, method="inclusive")
    return lower, median, upper


def _rank(blocks: int) -> int:
    """The largest k with 2 P(B < k) <= 1 - LEVEL for B ~ Bin(blocks, 1/2); 0 if there is none.

    >>> [_rank(blocks) for blocks in (5, 6, 8, 9, 40, 100)]
    [0, 1, 1, 2, 14, 40]
    """
    below, k = 0, 0
    while (below := below + math.comb(blocks, k)) * 2 <= (1 - LEVEL) * 2**blocks:
        k += 1
    return k
