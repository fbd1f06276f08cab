"""Random cells, every certificate beside the rank; exit status 1 if one is wrong."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from stress.cells import FIXED, Numbered, kinds, numbered, one
from stress.verdict import ALL, HERE, LATE, NOT, REFUSED, SLOW, Verdict, judge

VERDICTS = (ALL, HERE, NOT, REFUSED, LATE)


Task = tuple[Numbered, float, int]
"""A cell, its time limit, and at how many sizes it is tried."""


def _judged(task: Task) -> tuple[Numbered, Verdict]:
    cell, limit, points = task
    return cell, judge(cell.text, cell.kind, limit=limit, points=points)


def verdicts(tasks: list[Task], jobs: int) -> Iterator[tuple[Numbered, Verdict]]:
    """The verdict of every cell, in order."""
    if jobs == 1:
        yield from map(_judged, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, max_tasks_per_child=1000) as pool:
        yield from pool.map(_judged, tasks, chunksize=4)


def main(arguments: list[str] | None = None) -> int:
    """Run, print progress and the table; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m stress", description=__doc__)
    parser.add_argument("--cells", type=int, default=2000, help="how many (default 2000)")
    parser.add_argument("--seed", type=int, default=1, help="of the random cells (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--kinds", default="", help=f"some of: {', '.join(kinds())}")
    parser.add_argument("--limit", type=float, default=20, help="CPU seconds a cell (default 20)")
    parser.add_argument("--points", type=int, default=4, help="sizes a cell (default 4)")
    parser.add_argument("--hashed", type=int, default=60, help="cells under two hash seeds")
    parser.add_argument("--only", default="", help="one cell again: kind:number")
    options = parser.parse_args(arguments)
    chosen = options.kinds.replace(",", " ").split()
    unknown = [name for name in chosen if name not in kinds()]
    if unknown or min(options.cells, options.jobs) < 1:
        parser.error(f"there is no kind {unknown[0]}" if unknown else "at least one, please")
    cells = numbered(options.cells, options.seed, chosen)
    if options.only:
        name, _, number = options.only.partition(":")
        if name not in kinds() or not number.isdecimal():
            parser.error(f"{options.only} is no kind:number, such as {kinds()[0]}:3")
        cells = [one(name, options.seed, int(number))]
    tasks = [(cell, options.limit, options.points) for cell in cells]
    return run(tasks, options.jobs, options.hashed)


def run(tasks: list[Task], jobs: int, hashed: int) -> int:
    """Judge the cells and print what came of them."""
    start = time.perf_counter()
    table: dict[str, Counter[str]] = defaultdict(Counter)
    slow: list[tuple[float, Numbered]] = []
    wrong = compared = unsettled = 0
    limits = {cell: limit for cell, limit, _ in tasks}
    cells = list(limits)
    for done, (cell, verdict) in enumerate(verdicts(tasks, jobs), 1):
        table[cell.kind][verdict.verdict] += 1
        compared += verdict.compared
        unsettled += verdict.unsettled
        if max(verdict.seconds) > SLOW:
            slow.append((max(verdict.seconds), cell))
        if verdict.verdict == LATE:
            slow.append((limits[cell], cell))
        if verdict.wrong:
            wrong += 1
            table[cell.kind]["WRONG"] += 1
            print(_complaint(cell, verdict), flush=True)
        if done % 100 == 0 or done == len(cells):
            spent = time.perf_counter() - start
            print(f"{done} of {len(cells)} cells, {wrong} wrong, {spent:.0f} s", flush=True)
    _print_table(table)
    print(f"\n{compared} answers laid beside a rank, {unsettled} ranks without a clear gap")
    if slow:
        print(f"\n{len(slow)} cells slower than {SLOW:g} s, the slowest ten:")
        for seconds, cell in sorted(slow, key=lambda each: -each[0])[:10]:
            print(f"{seconds:7.1f} s  {cell.label}\n{_indented(cell.text)}")
    differ = _hash_seeds(cells, hashed)
    print(f"\nWRONG: {wrong} of {len(cells)} cells; {differ} texts depend on the hash seed")
    return 1 if wrong or differ else 0


def _complaint(cell: Numbered, verdict: Verdict) -> str:
    head = f"\nWRONG  {cell.label}  ({verdict.verdict}: {verdict.scope})"
    return "\n".join([head, _indented(cell.text), *(f"  {each}" for each in verdict.wrong), ""])


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _print_table(table: dict[str, Counter[str]]) -> None:
    columns = [*VERDICTS, "WRONG"]
    short = ["all sizes", "at sizes", "not cert.", "refused", "late", "WRONG"]
    print(f"\n{'kind':<18}{'cells':>8}" + "".join(f"{name:>11}" for name in short))
    total: Counter[str] = Counter()
    for name in sorted(table):
        total += table[name]
        _print_row(name, table[name], columns)
    _print_row("all", total, columns)


def _print_row(name: str, row: Counter[str], columns: list[str]) -> None:
    cells = sum(row[verdict] for verdict in VERDICTS)
    print(f"{name:<18}{cells:>8}" + "".join(f"{row[column]:>11}" for column in columns))


def _hash_seeds(cells: list[Numbered], number: int) -> int:
    """How many cells get another answer under another hash seed; each is printed."""
    from stress.hashing import differing

    fixed = [cell.text for cell in cells if cell.kind == FIXED]
    made = [cell.text for cell in cells if cell.kind != FIXED]
    step = max(1, len(made) // max(1, number))
    sample = [*fixed, *made[::step][:number]] if number else []
    found = differing(sample)
    for text, first, other in found:
        print(f"\nDEPENDS ON THE HASH SEED\n{_indented(text)}\n  {first}\n  {other}")
    print(f"\n{len(sample)} cells asked under two hash seeds")
    return len(found)
