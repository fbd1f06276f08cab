"""`explain` beside torchinfo and a loop over numel, as whole processes; and a file of 100 GB."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from processes import compare, show

ROUNDS = 5
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


with tempfile.TemporaryDirectory() as folder:
    file = str(large(Path(folder, "a.safetensors")))
    explained = MODEL + "from gru_sym import explain; print(explain(model).total)"
    measured = compare(
        {
            "import torch": ["-c", MODEL],
            "sum(p.numel())": ["-c", MODEL + "print(sum(p.numel() for p in model.parameters()))"],
            "torchinfo.summary": ["-c", MODEL + "import torchinfo; torchinfo.summary(model)"],
            "explain(model)": ["-c", explained],
            "import sympy": ["-c", "import sympy"],
            "explain, 100 GB": ["-m", "gru_sym", "explain", file],
            "explain --count": ["-m", "gru_sym", "explain", "--count", "197120", "-m", "256"],
        },
        ROUNDS,
    )  # fmt: skip
    show(measured, measured[0])
