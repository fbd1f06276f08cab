"""Whole processes, timed in turn: wall and processor seconds, and peak memory."""

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
    """Median, least and greatest wall seconds of a command, processor seconds, peak MiB."""

    name: str
    median: float
    least: float
    greatest: float
    cpu: float
    peak: float


def run_once(arguments: list[str]) -> tuple[float, float, float]:
    """Wall and processor seconds and peak MiB of one process that must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * RSS_UNIT / MIB


def compare(commands: dict[str, list[str]], rounds: int) -> list[Measured]:
    """Run every command once a round, in turn, after one round that is not counted."""
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, arguments in commands.items():
            one = run_once([sys.executable, *arguments])
            if number:
                runs[name].append(one)
    return [
        Measured(
            name,
            statistics.median(s for s, _, _ in each),
            min(s for s, _, _ in each),
            max(s for s, _, _ in each),
            statistics.median(c for _, c, _ in each),
            max(p for _, _, p in each),
        )
        for name, each in runs.items()
    ]


def show(measured: list[Measured], unit: Measured) -> None:
    """One line a command, with the ratio of its median to that of `unit`; the load above them."""
    print(f"load of the machine: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    head = f"{'process':<34} {'median s':>9} {'(min-max)':>15} {'CPU s':>7} {'peak MiB':>9}"
    print(f"{head}  / {unit.name}")
    for m in measured:
        span = f"({m.least:.3f}-{m.greatest:.3f})"
        ratio = m.median / unit.median
        line = f"{m.name:<34} {m.median:>9.3f} {span:>15} {m.cpu:>7.3f} {m.peak:>9.0f}"
        print(f"{line}  {ratio:.2f}")
