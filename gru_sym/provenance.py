"""Records made and written: when, where and with what something was measured; a file whole or not.

`gru_sym.records` reads them. torch and SymPy tell their versions here, so torch is imported when a
record is made.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import sympy

import gru_sym
from gru_sym.records import Record
from gru_sym.writing import whole_file


def provenance(device: str, dry: bool = False, commit: str | None = None) -> Record:
    """A record without rows: when, where, with what. No path and no name of a machine or a user.

    Raises `ValueError` if git knows the commit and it is another one.
    """
    import torch

    known = _commit()
    if known and commit and commit != known:
        raise ValueError(f"git says that the commit is {known}, not {commit}")
    versions = {"PyTorch": str(torch.__version__), "Python": platform.python_version()}
    versions |= {"SymPy": sympy.__version__, "gru_sym": gru_sym.__version__}
    machine = f"{_processor()}, {torch.get_num_threads()} threads"
    if device == "cuda":
        machine = str(torch.cuda.get_device_name())
        driver = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        versions |= {"CUDA": str(torch.version.cuda), "cuDNN": str(cudnn)}
        versions |= {"the driver": driver.splitlines()[0]} if driver else {}
    date = datetime.now(UTC).isoformat(timespec="seconds")
    machine += f", {platform.system()} {platform.machine()}"
    return Record(date, device, machine, versions, known or commit, dry)


def _commit() -> str | None:
    """The commit of this checkout, with "+changes" if files other than records differ from it."""
    root = Path(__file__).resolve().parents[1]
    git = partial(_output, "git", "-C", str(root))
    if Path(git("rev-parse", "--show-toplevel") or "/") != root:
        return None  # no checkout, or that of another project around an installed package
    changes = git("status", "--porcelain", "--", ".", ":!book/evidence")
    return f"{git('rev-parse', 'HEAD')}{'+changes' if changes else ''}"


def _output(program: str, *arguments: str) -> str | None:
    """What a program prints, stripped; None if it is not there or fails."""
    if (file := shutil.which(program)) is None:
        return None
    done = subprocess.run([file, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    return None if done.returncode else done.stdout.strip()


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    text = cpuinfo.read_text(errors="replace") if cpuinfo.exists() else ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


# Files


def target(path: str | Path) -> Path:
    """The file that a record is written to: where a link leads. `ValueError` if it cannot be."""
    if not str(path):
        raise ValueError("the name of the record's file is empty; give one, such as record.json")
    file = Path(os.path.realpath(path))
    if os.path.lexists(file) and not file.is_file():
        raise ValueError(f"{path} is not a regular file; a record would take its place")
    if not file.parent.is_dir():
        raise ValueError(f"{path} lies in a folder that does not exist")
    if not all(os.access(place, os.W_OK) for place in (file.parent, file) if place.exists()):
        raise ValueError(f"{path} cannot be written: permission denied")
    return file


def write(path: str | Path, record: Record) -> None:
    """Write a record as JSON, a row on a line: whole, or not at all. Raises as `target` does."""
    text = json.dumps(asdict(record), allow_nan=False, ensure_ascii=False, indent=1)
    # Objects that hold no other object go on one line; a string never has a raw line break.
    text = re.sub(r"\{[^{}]*\}", lambda found: re.sub(r"\n\s*", " ", found.group()), text)
    try:
        with whole_file(target(path)) as file:
            file.write(f"{text}\n".encode())
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from error
