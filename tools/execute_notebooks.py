"""Execute notebooks in place, so that a second run changes nothing in the files.

Usage: python tools/execute_notebooks.py book/*.ipynb

A notebook whose execution fails is left as it was, and the exit status is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

TIMEOUT_SECONDS = 120  # a cell, as in _config.yml
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def normalise(nb: NotebookNode) -> NotebookNode:
    """Drop what differs between machines and runs: versions, timings, ids made at random."""
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    nb.metadata["kernelspec"] = KERNELSPEC
    nb.metadata["language_info"] = language
    nb.metadata.pop("widgets", None)
    nb.nbformat, nb.nbformat_minor = 4, 5
    taken: set[str] = set()
    for position, cell in enumerate(nb.cells):
        if cell.get("id") in taken or "id" not in cell:
            cell["id"] = f"cell-{position:03d}"
        taken.add(cell["id"])
        for key in ("execution", "collapsed", "scrolled", "ExecuteTime"):
            cell.metadata.pop(key, None)
    return nb


def execute(path: Path) -> None:
    """Run every cell of the notebook at `path` in its own folder and write the outputs back."""
    nb = normalise(nbformat.read(path, as_version=4))
    client = NotebookClient(
        nb,
        timeout=TIMEOUT_SECONDS,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute()
    nbformat.validate(normalise(nb))
    # The project's own end of line, whatever the platform.
    path.write_text(nbformat.writes(nb) + "\n", encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> int:
    """Execute the notebooks named; return 1 if one of them failed."""
    failed = False
    for name in arguments:
        print(name, flush=True)
        try:
            execute(Path(name))
        except (CellExecutionError, CellTimeoutError) as error:
            failed = True
            print(error, file=sys.stderr)
    return int(failed or not arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
