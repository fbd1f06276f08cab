"""A file explained in a process of its own, with the time and the memory that this took."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROBE = """
import resource, sys, time
from gru_sym.cli.main import main
import gru_sym.explanation.explaining, gru_sym.cli.explain
start = time.process_time()
status = main(["explain", sys.argv[1]])
seconds = time.process_time() - start
try:  # what getrusage says begins with the memory of the process that this one was forked from
    lines = open("/proc/self/status").readlines()
    memory = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
except OSError:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(status, seconds, memory)
"""


@dataclass(frozen=True)
class Run:
    """Exit status, seconds of the processor, bytes at most, and what was said on standard error."""

    status: int
    seconds: float
    memory: int
    said: str


def limit() -> None:
    """What no file may need, so that a fault of ours does not take the machine with it."""
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
    resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))


def explained_in_a_process(path: Path) -> Run:
    """Explain a file, within limits."""
    run = subprocess.run(
        [sys.executable, "-c", PROBE, path.name],
        cwd=path.parent, capture_output=True, text=True, preexec_fn=limit, check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    status, seconds, memory = run.stdout.split()
    return Run(int(status), float(seconds), int(memory), run.stderr)
