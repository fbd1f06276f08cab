"""Whole processes, timed in turn: wall seconds, and peak memory as the system counts it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

MIB = 2**20
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB on Linux


@dataclass(frozen=True)
class Measured:
    """Median, least and greatest wall seconds of a command, and its greatest peak memory in MiB."""

    name: str
    median: float
    least: float
    greatest: float
    peak: float


def run_once(arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak MiB of one process that must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return seconds, usage.ru_maxrss * RSS_UNIT / MIB


def compare(commands: dict[str, list[str]], rounds: int) -> list[Measured]:
    """Run every command once a round, in turn, after one round that is not counted."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, arguments in commands.items():
            one = run_once([sys.executable, *arguments])
            if number:
                runs[name].append(one)
    return [
        Measured(
            name,
            statistics.median(s for s, _ in each),
            min(s for s, _ in each),
            max(s for s, _ in each),
            max(p for _, p in each),
        )
        for name, each in runs.items()
    ]


def show(measured: list[Measured], unit: Measured) -> None:
    """One line a command, with the ratio of its median to that of `unit`."""
    print(f"{'process':<34} {'median s':>9} {'(min-max)':>15} {'peak MiB':>9}  / {unit.name}")
    for m in measured:
        span = f"({m.least:.3f}-{m.greatest:.3f})"
        ratio = m.median / unit.median
        print(f"{m.name:<34} {m.median:>9.3f} {span:>15} {m.peak:>9.0f}  {ratio:.2f}")
