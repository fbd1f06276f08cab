"""The rank of a matrix of numbers that carry rounding, or no answer where there is no clear gap."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

Array = np.ndarray[Any, Any]

EPSILON = 2.0**-52
CANCELLED = 1e-13
"""A column below this part of the terms it was summed from is zero."""
GAP = 1e4
"""The least ratio of the smallest singular value that counts to the largest that does not."""


def float_rank(jacobian: Array, reach: Array) -> int | None:
    """The rank in float64, or None where no gap of at least `GAP` shows it.

    `reach` bounds the terms that were summed in each entry: an entry is known up to about that many
    roundings. Rows and columns are scaled to length one, and the rounding with them, which
    bounds what it can do to a singular value.
    """
    if not np.isfinite(jacobian).all() or not np.isfinite(reach).all():
        return None
    kept = np.abs(jacobian).max(0, initial=0) > CANCELLED * reach.max(0, initial=0)
    jacobian, reach = jacobian[:, kept], reach[:, kept]
    kept = np.abs(jacobian).max(1, initial=0) > CANCELLED * reach.max(1, initial=0)
    jacobian, reach = jacobian[kept], reach[kept]
    if not jacobian.size:
        return 0
    for _ in range(2):
        for axis in (1, 0):
            length = np.sqrt((jacobian**2).sum(axis, keepdims=True))
            if not (length > 0).all():
                return None
            jacobian, reach = jacobian / length, reach / length
    noise = 4 * EPSILON * float(np.sqrt((reach**2).sum()))
    singular = np.linalg.svd(jacobian, compute_uv=False)
    rank = int((singular > noise).sum())
    if rank and singular[rank - 1] < GAP * noise:
        return None
    if rank < len(singular) and rank and singular[rank - 1] < GAP * singular[rank]:
        return None
    return rank


def digits_rank(jacobian: Array, digits: int) -> int | None:
    """The rank of a matrix of mpf by elimination with full pivoting, or None without a clear gap.

    The scaled matrix becomes whole numbers, in units of 10^-digits; zero is what is left at
    fifteen digits above the last one, and the last pivot must stand ten digits above that.
    """
    rows, columns = jacobian.shape
    tiny = mpmath.mpf(10) ** (15 - digits)
    absolute = np.abs(jacobian)
    keep = [j for j in range(columns) if max(absolute[:, j]) > tiny]
    jacobian = jacobian[:, keep]
    if not keep:
        return 0
    for axis in (0, 1):
        largest = np.abs(jacobian).max(axis, keepdims=True)
        largest = np.where(largest > tiny, largest, mpmath.mpf(1))
        jacobian = jacobian / largest
    one = 10**digits
    whole = np.frompyfunc(lambda u: int(u * one), 1, 1)(jacobian)
    rank, smallest = 0, one
    while whole.size:
        at = int(np.argmax(np.abs(whole)))
        i, j = divmod(at, whole.shape[1])
        pivot = whole[i, j]
        if abs(pivot) < 10**15 * max(rows, columns):
            return rank if smallest > 10**25 * max(rows, columns) else None
        smallest = min(smallest, abs(pivot))
        rank += 1
        row = np.delete(whole[i], j)
        column = np.delete(whole[:, j], i)
        whole = np.delete(np.delete(whole, i, 0), j, 1)
        whole = whole - (column[:, None] * row[None, :]) // pivot
    return rank if smallest > 10**25 * max(rows, columns) else None
