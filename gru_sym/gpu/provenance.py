"""Where and when a record was made: the machine, the versions, the commit."""

from __future__ import annotations

import ctypes
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import gru_sym
from gru_sym.evidence.fingerprint import fingerprint
from gru_sym.evidence.plan import SEEDS
from gru_sym.evidence.records import OF_GPU

ROOT = Path(__file__).resolve().parents[2]


def provenance(device: str, dry: bool, command: str | None, commit: str | None) -> dict[str, Any]:
    """Everything about a record but its numbers; null for what this machine does not say.

    >>> found = provenance("cpu", True, "python -m gru_sym gpu", None)
    >>> found["device"], found["dry"], found["gpu"]
    ('cpu', True, None)

    No path and no name of a machine or of its user is in it, unless the command names one.

    Raises `ValueError` if git knows the commit, and it is another one.
    """
    known = _commit()
    if known and commit and commit != known:
        raise ValueError(f"git says that the commit is {known}, not {commit}")
    return {
        "device": device,
        "dry": dry,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "commit": known or commit,
        "generated_code": fingerprint(),
        "seeds": dict(SEEDS),
        **_gpu(device),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "gru_sym": gru_sym.__version__,
            "torch": str(torch.__version__),
            "numpy": _version("numpy"),
            "sympy": _version("sympy"),
            "python": platform.python_version(),
        },
    }


def _gpu(device: str) -> dict[str, Any]:
    if device != "cuda":
        return dict.fromkeys(OF_GPU)
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    capability = f"{properties.major}.{properties.minor}"
    found = (properties.name, capability, properties.total_memory, _driver())
    return dict(zip(OF_GPU, (*found, torch.version.cuda, cudnn), strict=True))


def _driver() -> str | None:
    return _driver_of_smi() or _driver_of_kernel() or _driver_of_nvml()


def _driver_of_smi() -> str | None:
    answer = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return answer.splitlines()[0].strip() if answer else None


def _driver_of_kernel() -> str | None:
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"\b\d{3}\.\d+(\.\d+)?\b", text)
    return found.group() if found else None


def _driver_of_nvml() -> str | None:
    """What the management library says that nvidia-smi is made of."""
    text = ctypes.create_string_buffer(80)
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        nvml.nvmlInit_v2()
        failed = nvml.nvmlSystemGetDriverVersion(text, ctypes.c_uint(80))
    except (OSError, AttributeError):
        return None
    return None if failed else text.value.decode()


def _commit() -> str | None:
    """The commit of this checkout, with "+changes" if files other than evidence differ from it."""
    top = _output("git", "-C", str(ROOT), "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != ROOT:
        return None  # no checkout, or that of another project around an installed package
    commit = _output("git", "-C", str(ROOT), "rev-parse", "HEAD")
    changes = _output("git", "-C", str(ROOT), "status", "--porcelain", "--", ".", ":!book/evidence")
    if commit is None or changes is None:
        return None
    return f"{commit}+changes" if changes else commit


def _output(program: str, *arguments: str) -> str | None:
    """What a program prints, stripped; None if it is not there or fails."""
    file = shutil.which(program)
    if file is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command
            [file, *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
