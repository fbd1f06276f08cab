"""The pack of the live cell: Pyodide, SymPy and gru_sym as the reader's browser loads them.

    python tools/live_pack.py _build/live

Of the modules only those are taken that a full exercise uses; what was answered meanwhile is left
in `_build/live_answers.json`, for a test that compares it with this Python's answers.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import deflate
import numpy as np
import sympy

from gru_sym.explanation.explaining import READERS
from gru_sym.web.chapter import Chapter
from gru_sym.web.live_chapter import cells_of, lacking, runs_here
from gru_sym.web.node import NoNode, node

ROOT = Path(__file__).resolve().parent.parent
NPM = ROOT / ".venv" / "npm" / "node_modules"
PYODIDE = NPM / "pyodide"
RUNTIME = ("pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm")
TEMML = NPM / "temml" / "dist"
IN_THE_PAGE = ("gru_sym", "sympy", "mpmath", "csv", "textwrap", "tracemalloc", "tempfile")
"""What chapters load and the pack has, where it can be imported there."""
STYLES = ("Temml-Local.css", "Temml.woff2")

OWN_CELLS = (
    "h' = tanh(A @ (B @ x) + U @ h + b)",
    "rho: 1\nf = sigmoid(W @ x + p * c + b)\nc' = f * c\nh' = rho * tanh(c') + (1 - rho) * h",
    "r  = sigmoid(W @ x + U @ h)\nh' = tanh(W @ x + U @ (r * h))",
    "s   = softplus(g * h)\nh'  = exp(-d) * relu(W @ x) + silu(U @ h) * s / 3",
    "z = sigmoid(A @ (B @ x) + U @ h)\nh' = z * h + (1 - z) * tanh(C @ (D @ x))",
    "h' = hard_sigmoid(W @ x + U @ h - 0.5)",
    "h' = tanh(U @ h + b)",
)
WRONG_CELLS = (
    "h' = tahn(W @ x)",
    "h = tanh(W @ x + U @ h)",
    "h' = tanh(W @ h + x)",
    "r  = sigmoid(U @ h)\nh' = r * W @ h",
    "h' = (",
    "",
    "h' = h[0]\tש",
)


def exercise() -> list[str]:
    """Every cell of the catalogue, cells of one's own, and mistakes."""
    texts = sorted((ROOT / "gru_sym" / "texts").glob("*.cell"))
    return [*(path.read_text("utf-8") for path in texts), *OWN_CELLS, *WRONG_CELLS]


def models() -> dict[str, bytes]:
    """Files by their names: with several layers, and a spoilt one for each way to read a file."""
    layer = {
        f"encoder.{name}_l{level}{end}": np.zeros(shape, "float32")
        for level, width in enumerate((5, 6))
        for end in ("", "_reverse")
        for name, shape in {
            "weight_ih": (9, width), "weight_hh": (9, 3), "bias_ih": (9,), "bias_hh": (9,)
        }.items()
    }  # fmt: skip
    archive = io.BytesIO()
    np.savez(archive, **layer, head=np.zeros((2, 6)))
    header, end = {}, 0
    for name, array in layer.items():
        offsets = [end, end := end + array.nbytes]
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": offsets}
    head = json.dumps(header).encode()
    whole = len(head).to_bytes(8, "little") + head + bytes(end)
    return {
        "model.npz": archive.getvalue(),
        "model.safetensors": whole,
        "short.safetensors": whole[:-1],
        **{f"spoilt{end}": whole for end in sorted(READERS.keys() - {".npz", ".h5", ".hdf5"})},
    }


def modules() -> list[str]:
    """What the chapters load that run in the page, found by running their cells in this Python."""
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        cells = cells_of(path)
        if runs_here(cells):
            chapter = Chapter(lacking)
            for cell in cells:
                chapter.run(cell["source"])
    names = [name for name in sys.modules if name.partition(".")[0] in IN_THE_PAGE]
    return sorted(name for name in names if not lacking(name))


def run_in_pyodide(out: Path) -> None:
    """Leave the zips of Python's modules and `answers.json` in a folder."""
    request = {
        "pyodide": str(PYODIDE),
        "inside": str(ROOT / "tools" / "live_pack_inside.py"),
        "folders": [str(Path(sympy.__file__).parents[1]), str(ROOT)],
        "cells": exercise(),
        "modules": modules(),
        "models": {name: base64.b64encode(raw).decode() for name, raw in models().items()},
    }
    (out / "request.json").write_text(json.dumps(request), encoding="utf-8")
    script = ROOT / "tools" / "live_pack.mjs"
    subprocess.run([node(), script, out / "request.json", out], check=True)  # noqa: S603


def pack(out: Path) -> dict[str, int]:
    """Write the pack into a folder; the bytes of each file on the wire."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run_in_pyodide(Path(folder))
        files = {path.name: path.read_bytes() for path in Path(folder).glob("*.zip")}
        shutil.copyfile(Path(folder) / "answers.json", out.with_name("live_answers.json"))
    for path in (*(PYODIDE / name for name in RUNTIME), TEMML / "temml.min.js"):
        files[path.name] = path.read_bytes()
    packed = {name: bytes(deflate.gzip_compress(data, 12)) for name, data in files.items()}
    for name, data in packed.items():
        (out / f"{name}.gz").write_bytes(data)
    for name in STYLES:
        shutil.copyfile(TEMML / name, out / name)
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
    pyodide = json.loads((PYODIDE / "package.json").read_text("utf-8"))["version"]
    lock = json.loads((PYODIDE / "pyodide-lock.json").read_text("utf-8"))["info"]
    sizes = {name: len(data) for name, data in packed.items()}
    manifest = {
        "version": f"{pyodide}-{digest}",
        "sizes": sizes,
        "lock": json.dumps({"info": lock, "packages": {}}),
    }
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return sizes


if __name__ == "__main__":
    try:
        found = pack(Path(sys.argv[1]))
    except NoNode as error:
        sys.exit(str(error))
    print(f"The live cell's pack: {sum(found.values()):,} bytes in {sys.argv[1]}")
