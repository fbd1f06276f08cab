"""Run notebooks as on Colab: each alone in a folder, in an environment with a kernel only.

Usage: python tools/elsewhere.py ENVIRONMENT book/*.ipynb

The first cell is the one that `make first-cells` writes, but for the address: a copy of the last
commit stands for the repository. ENVIRONMENT is made afresh if it is not there; what a notebook
needs, its first cell installs, at the versions of constraints.txt.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from first_cell import ROOT, settings, with_first_cell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

TIMEOUT_SECONDS = 1800  # a cell: the first one installs PyTorch
KERNEL = "elsewhere"


def run(*command: str | Path) -> None:
    """Run a command, whose end with another status than 0 is ours."""
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def environment(folder: Path) -> Path:
    """The Python of an environment with nothing but a kernel."""
    python = folder / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", folder)
        run(python, "-m", "pip", "install", "-qc", ROOT / "constraints.txt", "ipykernel")
    return python


def repository(folder: Path, tag: str) -> str:
    """The address of a copy of the last commit, under the tag of this version."""
    run("git", "clone", "--quiet", ROOT, folder)
    run("git", "-C", folder, "tag", "--force", tag)
    return folder.as_uri()


def execute(path: Path, python: Path, address: str, tag: str) -> str:
    """Run one notebook; what went wrong, or nothing."""
    run(python, "-m", "pip", "uninstall", "-qy", "gru_sym")
    nb = with_first_cell(nbformat.read(path, as_version=4), address, tag)
    with tempfile.TemporaryDirectory() as empty:
        client = NotebookClient(
            nb,
            timeout=TIMEOUT_SECONDS,
            kernel_name=KERNEL,
            resources={"metadata": {"path": empty}},
            skip_cells_with_tag="",  # the first cell has a tag by which the book skips it
        )
        try:
            client.execute()
        except CellExecutionError as error:
            return str(error)
        return "" if (Path(empty) / "gru_book").is_dir() else "its first cell fetched nothing"


def main(folder: str, *names: str) -> int:
    """Run the notebooks named; 1 if one of them failed."""
    python = environment(Path(folder).resolve())
    with tempfile.TemporaryDirectory() as work:
        data = Path(work) / "jupyter"
        run(python, "-m", "ipykernel", "install", "--prefix", data, "--name", KERNEL)
        os.environ["JUPYTER_PATH"] = str(data / "share" / "jupyter")
        os.environ["PIP_CONSTRAINT"] = str(ROOT / "constraints.txt")
        os.environ.pop("PYTHONPATH", None)  # or this checkout would be found
        tag = settings()[1]
        address = repository(Path(work) / "repository", tag)
        failed = False
        for name in names:
            print(name, flush=True)
            if fault := execute(Path(name), python, address, tag):
                print(f"{name}: {fault}", file=sys.stderr, flush=True)
                failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
