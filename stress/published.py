"""`python -m stress.published`: which published cells are certified, and in how many seconds."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import sympy as sp

from gru_sym import Cell, effective_count
from stress.verdict import at, sizes_to_try

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from published import PUBLISHED, Published  # type: ignore[import-not-found]


def fulfils(published: Published, sizes: dict[str, int]) -> bool:
    """Whether sizes are among those for which the formula of the effective count holds."""
    return all(bool(at(part, sizes)) for part in published.condition.split(",") if part)


def agrees(published: Published, effective: object) -> bool:
    """Whether a formula says what is true, at all sizes tried for which the truth is told."""
    if sp.expand(sp.sympify(effective) - sp.sympify(published.effective)) == 0:
        return True
    sizes = [s for s in sizes_to_try(Cell(published.text), 9) if fulfils(published, s)]
    return all(at(effective, s) == at(published.effective, s) for s in sizes)


def main() -> int:
    """One line a cell; 1 if a certified formula is not the true one."""
    counts: Counter[str] = Counter()
    for published in PUBLISHED:
        start = time.perf_counter()
        answer = effective_count(Cell(published.text))
        spent = time.perf_counter() - start
        verdict = "certified" if answer.certified else "not certified"
        if answer.certified and not agrees(published, answer.effective):
            verdict = "WRONG"
        counts[verdict] += 1
        counts["slow"] += spent > 2
        print(f"{published.name:<26}{verdict:<15}{spent:7.2f} s  {answer.effective}")
        print(f"{'':<26}{answer.scope}", flush=True)
        if verdict == "WRONG":
            print(f"{'':<26}true: {published.effective} {published.condition}")
    print(
        f"\n{counts['certified']} of {len(PUBLISHED)} certified for all sizes, "
        f"{counts['WRONG']} wrong, {counts['slow']} slower than 2 s"
    )
    return 1 if counts["WRONG"] else 0


if __name__ == "__main__":
    sys.exit(main())
