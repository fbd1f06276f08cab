"""What a notebook of the book must satisfy, as small pure functions.

A rule takes a notebook and returns one sentence for each fault it finds, none if all is well.
test_book.py applies the rules to every notebook; test_book_rules.py shows that each can refuse.
`python tests/book_rules.py --built FOLDER NOTEBOOK...` applies some to what a build has executed.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

Rule = Callable[[NotebookNode], list[str]]

MAX_LINES = 20
MAX_MEDIAN_LINES = 8
MAX_COLUMNS = 86

# Absolute paths, home folders and addresses of objects: none is the same on another machine. A
# fraction, a relative path or a web address has something before its slash; a device is everywhere.
MACHINE_PATH = re.compile(
    r"""
      (?<![\w.)\]}$~/-]) (?!/dev/(?:null|full|std(?:in|out|err))\b)
      (?: /[^\W\d][\w.+@~-]* (?:/[\w.+@~-]+)+
        | /(?:bin|etc|home|lib|Library|mnt|opt|root|run|srv|sys|tmp|Users|usr|var|Volumes)\b
        | ~/[\w.] )
    | \bfile:/
    | \b[A-Za-z]: (?: /[\w.] | \\+[\w.-]+ (?=[\\\s"'`),;]|$) )
    | \bat\ 0x[0-9A-Fa-f]{6,}
    | (?:site|dist)-packages[/\\]
    """,
    re.VERBOSE | re.MULTILINE,
)
CLAIM = re.compile(r"\bC(?:[1-9]|1[01])\b")
CLAIM_TEST = re.compile(r"^\s*def test_c(\d+)_", re.MULTILINE)

GLUE_ROLE = re.compile(r"\{glue(?::\w*)?\}`(?P<text>[^`]+)`")
GLUE_DIRECTIVE = re.compile(r"^[ \t]*[`:]{3,}\{glue(?::\w*)?\}[ \t]+(?P<key>\S+)", re.MULTILINE)


# ------------------------------------------------------------------------------- reading a notebook


def code_cells(nb: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Code cells that have a source, with their position in the notebook, counted from 1."""
    numbered = enumerate(nb.cells, start=1)
    return [(i, c) for i, c in numbered if c.cell_type == "code" and c.source.strip()]


def tags(cell: NotebookNode) -> set[str]:
    """Tags of a cell."""
    return set(cell.metadata.get("tags", ()))


def outputs(cell: NotebookNode, kind: str) -> list[NotebookNode]:
    """Outputs of a cell of one kind: `stream`, `error`, `display_data`, `execute_result`."""
    return [out for out in cell.get("outputs", ()) if out.output_type == kind]


def output_text(out: NotebookNode) -> Iterator[str]:
    """Every piece of text an output shows or carries, pictures aside."""
    if out.output_type == "stream":
        yield out.text
    elif out.output_type == "error":
        yield "\n".join([out.evalue, *out.traceback])
    else:
        for mime, value in out.data.items():
            if not mime.startswith("image/p") and mime != "image/jpeg":
                yield value if isinstance(value, str) else json.dumps(value)


def texts(nb: NotebookNode) -> Iterator[tuple[int, str]]:
    """Every source and every output text, with the position of its cell."""
    for i, cell in enumerate(nb.cells, start=1):
        yield i, cell.source
        for out in cell.get("outputs", ()):
            for text in output_text(out):
                yield i, text


# -------------------------------------------------------------------------------------------- rules


def is_valid(nb: NotebookNode) -> list[str]:
    """The notebook follows the nbformat schema."""
    try:
        nbformat.validate(nb)
    except nbformat.ValidationError as error:
        return [f"not a valid notebook: {error.message}"]
    return []


def executed_in_order(nb: NotebookNode) -> list[str]:
    """Code cells bear the counts 1, 2, ..., n. nbval does not compare a cell without a count."""
    expected, faults = 1, []
    for i, cell in code_cells(nb):
        if "skip-execution" in tags(cell):
            continue
        if cell.execution_count != expected:
            faults.append(f"cell {i}: execution count {cell.execution_count}, not {expected}")
        expected += 1
    return faults


def no_stderr(nb: NotebookNode) -> list[str]:
    """Nothing was written to the error stream."""
    return [
        f"cell {i}: stderr: {out.text.strip().splitlines()[:1]}"
        for i, cell in code_cells(nb)
        for out in outputs(cell, "stream")
        if out.name == "stderr"
    ]


def no_unexpected_error(nb: NotebookNode) -> list[str]:
    """A cell ends in an error if and only if its tag announces that."""
    faults = []
    for i, cell in code_cells(nb):
        errors, announced = outputs(cell, "error"), "raises-exception" in tags(cell)
        if errors and not announced:
            faults.append(f"cell {i}: {errors[0].ename}: {errors[0].evalue}")
        if announced and not errors:
            faults.append(f"cell {i}: tagged raises-exception, but raised nothing")
    return faults


def no_machine_traces(nb: NotebookNode) -> list[str]:
    """No path of somebody's machine and no memory address, in sources or outputs."""
    return [
        f"cell {i}: {match.group()!r} belongs to one machine"
        for i, text in texts(nb)
        for match in MACHINE_PATH.finditer(text)
    ]


def short_cells(nb: NotebookNode) -> list[str]:
    """A long cell is a function that has not found its room."""
    lengths = {i: len(cell.source.splitlines()) for i, cell in code_cells(nb)}
    faults = [f"cell {i}: {n} lines, over {MAX_LINES}" for i, n in lengths.items() if n > MAX_LINES]
    if lengths and (median := statistics.median(lengths.values())) > MAX_MEDIAN_LINES:
        faults.append(f"median length of a code cell {median}, over {MAX_MEDIAN_LINES}")
    return faults


def lines_that_fit(nb: NotebookNode) -> list[str]:
    """So many columns a laptop shows; the rest of a line would have to be scrolled to."""
    unseen = {"remove-cell", "remove-input", "hide-cell", "hide-input"}
    return [
        f"cell {i}: a line of {len(line)} columns, over {MAX_COLUMNS}: {line}"
        for i, cell in code_cells(nb)
        if not tags(cell) & unseen
        for line in cell.source.splitlines()
        if len(line) > MAX_COLUMNS
    ]


def python3_kernel(nb: NotebookNode) -> list[str]:
    """The kernel has the name that every installation of ipykernel has."""
    name = nb.metadata.get("kernelspec", {}).get("name")
    return [] if name == "python3" else [f"kernelspec is {name!r}, not 'python3'"]


def skipped_by_both(nb: NotebookNode) -> list[str]:
    """nbclient skips `skip-execution`, nbval skips `nbval-skip`: a cell bears both or neither."""
    pair = {"skip-execution", "nbval-skip"}
    return [
        f"cell {i}: has {min(found)!r} without {min(pair - found)!r}"
        for i, cell in code_cells(nb)
        if len(found := pair & tags(cell)) == 1
    ]


def compared_strictly(nb: NotebookNode) -> list[str]:
    """A cell whose output is not compared asserts something, and its tag says so, not a comment."""
    faults = []
    for i, cell in code_cells(nb):
        if re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source):
            faults.append(f"cell {i}: use a tag in place of the comment, which readers see")
        if "nbval-ignore-output" in tags(cell) and not re.search(
            r"^\s*assert\b", cell.source, re.MULTILINE
        ):
            faults.append(f"cell {i}: nbval-ignore-output without an assert")
    return faults


def no_private_execution_settings(nb: NotebookNode) -> list[str]:
    """A notebook cannot exempt itself from execution, or forgive its own errors."""
    settings = {
        **{f"mystnb.{key}": v for key, v in nb.metadata.get("mystnb", {}).items()},
        **{f"execution.{key}": v for key, v in nb.metadata.get("execution", {}).items()},
    }
    forbidden = ("execution", "allow_errors", "raise_on_error", "output_stderr")
    return [
        f"metadata {key} = {value!r} changes how the notebook is executed"
        for key, value in settings.items()
        if key != "execution.timeout" and any(word in key.split(".", 1)[1] for word in forbidden)
    ]


def no_picture_of_mathematics(nb: NotebookNode) -> list[str]:
    """`init_printing()` adds a bitmap beside the LaTeX, and the page would show the bitmap."""
    return [
        f"cell {i}: image/png beside text/latex"
        for i, cell in code_cells(nb)
        for out in cell.get("outputs", ())
        if {"image/png", "text/latex"} <= set(out.get("data", ()))
    ]


RULES: tuple[Rule, ...] = (
    is_valid,
    executed_in_order,
    no_stderr,
    no_unexpected_error,
    no_machine_traces,
    short_cells,
    lines_that_fit,
    python3_kernel,
    skipped_by_both,
    compared_strictly,
    no_private_execution_settings,
    no_picture_of_mathematics,
)

# Those that a notebook must still satisfy after a build has executed it.
BUILT_RULES: tuple[Rule, ...] = (
    executed_in_order,
    no_stderr,
    no_unexpected_error,
    no_private_execution_settings,
)


# -------------------------------------------------------------------------- rules on the whole book


def claims_in(nb: NotebookNode) -> set[int]:
    """Numbers of the claims that a notebook mentions anywhere."""
    return {int(match.group()[1:]) for _, text in texts(nb) for match in CLAIM.finditer(text)}


def claims_without_test(mentioned: Iterable[int], test_source: str) -> list[str]:
    """Every claim mentioned has its test, `def test_c<number>_...`."""
    tested = {int(number) for number in CLAIM_TEST.findall(test_source)}
    return [f"C{number} has no test" for number in sorted(set(mentioned) - tested)]


def glue_defined(nb: NotebookNode) -> set[str]:
    """Keys that a notebook glues, seen in its stored outputs."""
    return {
        out.metadata["scrapbook"]["name"]
        for _, cell in code_cells(nb)
        for out in cell.get("outputs", ())
        if "scrapbook" in out.get("metadata", {})
    }


def glue_used(markdown: str) -> set[str]:
    """Keys that a text pastes, by role or by directive."""
    keys = {match["key"] for match in GLUE_DIRECTIVE.finditer(markdown)}
    for match in GLUE_ROLE.finditer(markdown):
        # `key`, `key:.2f`, `text <key>` and `doc::key` are all allowed.
        text = re.sub(r"^.*<([^>]+)>$", r"\1", match["text"])
        keys.add(text.rsplit("::", 1)[-1].split(":", 1)[0].strip())
    return keys


def undefined_glue(used: Iterable[str], defined: Iterable[str]) -> list[str]:
    """Every key pasted was glued by some notebook."""
    return [f"glue key {key!r} is defined nowhere" for key in sorted(set(used) - set(defined))]


def toc_files(toc: dict) -> list[str]:
    """Documents of a `_toc.yml`, in reading order."""
    found = [toc["root"]] if "root" in toc else []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "file" in node:
                found.append(node["file"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(toc)
    return found


def toc_mismatch(listed: Iterable[str], present: Iterable[str]) -> list[str]:
    """Chapters listed and chapters present are the same."""
    listed, present = set(listed), set(present)
    return [
        *(f"{name} is not in _toc.yml" for name in sorted(present - listed)),
        *(f"_toc.yml names {name}, which does not exist" for name in sorted(listed - present)),
    ]


def lax_build(config: dict) -> list[str]:
    """The build executes everything and forgives nothing."""
    execute = config.get("execute", {})
    wanted = {
        "execute_notebooks": "force",
        "raise_on_error": True,
        "allow_errors": False,
        "stderr_output": "warn",
    }
    faults = [
        f"_config.yml: execute.{key} is {execute.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if execute.get(key) != value
    ]
    if execute.get("exclude_patterns"):
        faults.append("_config.yml: execute.exclude_patterns exempts notebooks")
    if config.get("sphinx", {}).get("config", {}).get("suppress_warnings"):
        faults.append("_config.yml: suppress_warnings hides what should fail the build")
    return faults


# ------------------------------------------------------------------------------------ after a build


def check_built(folder: Path, names: Iterable[str]) -> list[str]:
    """Faults of the notebooks that a build left in `folder`, one for each in `names`."""
    faults = []
    for name in (Path(given).name for given in names):
        if not (folder / name).is_file():
            faults.append(f"{name}: the build did not execute it")
            continue
        nb = nbformat.read(folder / name, as_version=4)
        faults += [f"{name}: {fault}" for rule in BUILT_RULES for fault in rule(nb)]
    return faults


def main() -> int:
    """Print the faults of executed notebooks; return 1 if there are any."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--built", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("notebooks", nargs="+")
    arguments = parser.parse_args()
    faults = check_built(arguments.built, arguments.notebooks)
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
