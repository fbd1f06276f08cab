"""`explain` beside torchinfo, fvcore and a loop over numel, as whole processes; a file of 100 GB.

fvcore is taken where it is installed (`pip install fvcore`); it is told where not.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import compare, show

ROUNDS = 5
SYMPY = 250
"""Milliseconds of `import sympy` on the machine for which the bounds below are meant."""
MODEL = "import torch; model = torch.nn.GRU(128, 256)\n"


def large(path: Path) -> Path:
    """A safetensors file of GRU(65536, 65536) with a header and a body of holes."""
    n = 65536
    shapes = {
        "weight_ih_l0": [3 * n, n], "weight_hh_l0": [3 * n, n],
        "bias_ih_l0": [3 * n], "bias_hh_l0": [3 * n],
    }  # fmt: skip
    header, at = {}, 0
    for name, shape in shapes.items():
        end = at + 4 * shape[0] * (shape[1] if shape[1:] else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, end]}
        at = end
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + at)
    return path


EXPLAIN = "from gru_sym import explain; found = explain(model); found.total\n"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled already
FVCORE = "from fvcore.nn import parameter_count; print(parameter_count(model)[''])"

with tempfile.TemporaryDirectory() as folder:
    file = str(large(Path(folder, "a.safetensors")))
    header = f"from gru_sym import explain; print(explain({file!r}).total)"
    commands = {
        "import torch": ["-c", MODEL],
        "sum(p.numel())": ["-c", MODEL + "print(sum(p.numel() for p in model.parameters()))"],
        "torchinfo.summary": ["-c", MODEL + "import torchinfo; torchinfo.summary(model)"],
        "fvcore.nn.parameter_count": ["-c", MODEL + FVCORE],
        "explain(model).total": ["-c", MODEL + EXPLAIN],
        "print(explain(model))": ["-c", MODEL + EXPLAIN + "print(found)"],
        "Python alone": ["-c", ""],
        "explain(100 GB).total": ["-c", header],
        "import sympy": ["-c", "import sympy"],
        "gru_sym explain, 100 GB": ["-m", "gru_sym", "explain", file],
        "gru_sym explain --count": ["-m", "gru_sym", "explain", "--count", "197120", "-m", "256"],
    }
    if importlib.util.find_spec("fvcore") is None:
        print("fvcore is not installed here, and left out")
        del commands["fvcore.nn.parameter_count"]
    measured = compare(commands, ROUNDS)
    show(measured, measured[0])


def inside(before: str, what: str) -> float:
    """Milliseconds of processor time that something takes in a process, the median."""
    clock = "import sys, time\n" + before + "start = time.process_time()\n" + what
    script = clock + "\nprint(1000 * (time.process_time() - start), file=sys.stderr)"
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stderr
        for _ in range(ROUNDS)
    ]
    return statistics.median(float(run.split()[-1]) for run in runs)


def judge(what: str, found: float, most: float) -> None:
    """Say how much of its bound something takes, on the machine for which the bound is meant."""
    there = found / slower
    verdict = "holds" if there <= most else "does NOT hold"
    print(f"{what}: {found:.0f} ms here, {there:.0f} ms there; at most {most:.0f}: {verdict}")


cpu = {one.name: 1000 * one.cpu for one in measured}
yardstick = inside("", "import sympy")
slower = yardstick / SYMPY
print(f"\nimport sympy: {yardstick:.0f} ms of processor time here, {SYMPY} ms where the bounds are")
print(f"meant, so that this machine takes {slower:.1f} times as long. In processor time,")
judge("explain(model).total adds to torch", inside(MODEL, EXPLAIN), 30)
judge("print(explain(model)) adds to torch", inside(MODEL, EXPLAIN + "print(found)"), 30)
beyond = cpu["gru_sym explain, 100 GB"] - cpu["Python alone"]
judge("gru_sym explain, 100 GB, takes beyond the interpreter", beyond, 50)
