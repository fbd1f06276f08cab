"""Recorded evidence: read it, and check it against what gru_sym derives now."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, NoReturn, TypeAlias

from gru_sym.evidence.coverage import gaps
from gru_sym.evidence.plan import SEEDS, Row
from gru_sym.evidence.rules import RULES

SCHEMA = 1

Types: TypeAlias = tuple[type, ...]

TEXT: Types = (str,)
FLAG: Types = (bool,)
WHOLE: Types = (int,)
NUMBER: Types = (int, float)


def _or_null(types: Types) -> Types:
    return (*types, NoneType)


def _all(types: Types, *keys: str) -> dict[str, Types]:
    return dict.fromkeys(keys, types)


SHAPE = _all(WHOLE, "T", "B", "m", "n")
FORM = _all(TEXT, "form", "work") | _all(FLAG, "tf32")
TIMES = _all((list,), "times_us")
DESIGN = {**_all(TEXT, "cell"), **FORM, **SHAPE, **TIMES}
LIBRARY = {**_all(TEXT, "kind", "library"), **FORM, **SHAPE, **TIMES}

ROWS: dict[str, dict[str, Types]] = {
    "counts": {
        **_all(TEXT, "kind", "cell", "formula"),
        **_all(WHOLE, "m", "n", "layers", "directions", "derived", "numel", "itemsize"),
        **_all(_or_null(WHOLE), "p", "buffer_bytes", "buffer_padding_bytes"),
        **_all(_or_null(WHOLE), "weight_space_bytes", "weight_space_padding_bytes"),
        **_all(FLAG, "bias"),
    },
    "accuracy": {
        **_all(TEXT, "kind", "dtype", "library", "what"),
        **_all(FLAG, "tf32"),
        **SHAPE,
        **_all(NUMBER, "library_error", "generated_error", "difference"),
    },
    "bias_parameters": {
        **_all(TEXT, "kind", "mode", "formula", "count_formula"),
        **_all(WHOLE, "m", "n", "derived", "biases", "count", "itemsize"),
        **_all(WHOLE, "weight_space_bytes", "padding_bytes"),
    },
    "bias_results": {
        **_all(TEXT, "kind", "mode", "cell", "dtype"),
        **SHAPE,
        **_all(NUMBER, "error"),
    },
    "bias_speed": {**_all(TEXT, "kind", "mode", "math"), **SHAPE, **TIMES},
    "designs": DESIGN,
    "library": LIBRARY,
    "graphs": DESIGN,
    "library_graphs": LIBRARY,
    "compiled": {
        **_all(TEXT, "cell"),
        **_all(_or_null(NUMBER), "compile_seconds", "difference"),
        **FORM,
        **SHAPE,
        **TIMES,
    },
}
"""The keys of a row in each section, and their types."""

EVIDENCE = _all(WHOLE, "schema") | _all((dict,), "provenance", "sections")
PROVENANCE = {
    **_all(TEXT, "device", "date", "generated_code", "processor", "system"),
    **_all(FLAG, "dry"),
    **_all(_or_null(TEXT), "command", "commit", "gpu", "compute_capability", "driver", "cuda"),
    **_all(WHOLE, "threads"),
    **_all(_or_null(WHOLE), "memory_bytes", "cudnn"),
    **_all((dict,), "seeds", "versions"),
}
SECTION = _all(TEXT, "absent", "failed") | _all(NUMBER, "seconds") | _all((list,), "rows")
VERSIONS = _all(TEXT, "gru_sym", "torch", "python") | _all(_or_null(TEXT), "numpy", "sympy")


NAMED = {"cuda": ("commit", "gpu", "driver", "cuda", "cudnn"), "cpu": ("commit",)}
"""What the provenance of a full record must know."""

OF_GPU = ("gpu", "compute_capability", "memory_bytes", "driver", "cuda", "cudnn")
NOT_ON_CPU = frozenset(
    {"bias_parameters", "bias_results", "bias_speed", "graphs", "library_graphs"}
)
LIBRARIES = {"cuda": {"cuDNN"}, "cpu": {"PyTorch", "oneDNN"}}
"""Who may compute a layer of float32."""

OPTIONAL = frozenset({"graphs", "library_graphs", "compiled"})
"""Sections that a full record may lack: what they need may not be there, or the time."""


def recorded(folder: str | Path) -> list[Path]:
    """The files of evidence in a folder, by name; none where there is no such folder."""
    return sorted(Path(folder).glob("*.json"))


def full_records(folder: str | Path, device: str) -> list[dict[str, Any]]:
    """The full records of a device in a folder that can be compared with the newest of them.

    They break no rule, and are of the same machine, PyTorch and generated code; by their dates.
    """
    about = {"device": device, "dry": False}
    good = [evidence for evidence in map(load, recorded(folder)) if not check(evidence)]
    full = [evidence for evidence in good if about.items() <= evidence["provenance"].items()]
    full.sort(key=lambda evidence: datetime.fromisoformat(evidence["provenance"]["date"]))
    return [evidence for evidence in full if _subject(evidence) == _subject(full[-1])]


def _subject(evidence: dict[str, Any]) -> list[Any]:
    """What a record is of: the machine and the code."""
    about = evidence["provenance"]
    keys = ("processor", "threads", "system", "gpu", "generated_code")
    return [*(about[key] for key in keys), about["versions"]["torch"]]


def latest(folder: str | Path, device: str) -> dict[str, Any]:
    """The newest of the full records; without any, evidence that has no sections."""
    full = full_records(folder, device)
    return full[-1] if full else {"schema": SCHEMA, "provenance": None, "sections": {}}


def load(path: str | Path) -> dict[str, Any]:
    """Read recorded evidence. Raises `ValueError`, one sentence, for a file that is none."""
    name = Path(path).name

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        evidence = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON: {error}") from error
    if not isinstance(evidence, dict) or evidence.get("schema") != SCHEMA:
        raise ValueError(f"{name} is not evidence of schema {SCHEMA}")
    return evidence


def check(evidence: dict[str, Any]) -> list[str]:
    """Every rule that does not hold, each in one sentence; the empty list for good evidence.

    Checked are the schema, and in each row: counts against those derived now, padding, errors
    against their bounds, times. A section that is absent or has failed must say why. A full record
    must also say where it is from, and have every row.
    """
    if evidence.get("schema") != SCHEMA:
        return [f"the schema is {evidence.get('schema')!r}; it must be {SCHEMA}"]
    if problems := list(_shape("the evidence", evidence, EVIDENCE)):
        return problems
    problems = list(_shape("provenance", evidence["provenance"], PROVENANCE))
    problems += _shape("versions", evidence["provenance"].get("versions"), VERSIONS)
    sections = evidence["sections"]
    for name in sorted(sections.keys() ^ ROWS.keys()):
        problems.append(f"the section {name} is {'missing' if name in ROWS else 'unknown'}")
    for name in ROWS:
        if name in sections:
            problems += _section(name, sections[name])
    return problems or list(_full(evidence))


def unfit(about: dict[str, Any]) -> Iterator[str]:
    """Why nothing with this provenance is a full record; known before anything is measured."""
    if about["dry"]:
        return
    device, commit = about["device"], about["commit"]
    if device not in NAMED:
        yield f"provenance: device is {device}; it must be {' or '.join(NAMED)}"
        return
    for key in NAMED[device]:
        if not about[key]:
            yield f"provenance: {key} is not known; a full record names it"
    if commit and commit.endswith("+changes"):
        yield "provenance: the sources differ from their commit; a full record is of a commit"
    elif commit and not re.fullmatch("[0-9a-f]{40}", commit):
        yield f"provenance: commit is {commit!r}; a full record gives all 40 digits of it"
    if device == "cpu" and any(about[key] is not None for key in OF_GPU):
        yield "provenance: a record of a CPU names no GPU"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", about["date"]):
        yield f"provenance: date is {about['date']!r}; it must be as 2026-11-24T02:52:31+00:00"
    if about["seeds"] != SEEDS:
        yield f"provenance: the seeds are {about['seeds']}; they must be {SEEDS}"
    if not re.fullmatch("[0-9a-f]{16}", about["generated_code"]):
        yield f"provenance: generated_code is {about['generated_code']!r}; it must be 16 digits"


def _full(evidence: dict[str, Any]) -> Iterator[str]:
    """A record that is no dry run names its machine and its code, and has its sections whole."""
    about = evidence["provenance"]
    if about["dry"]:
        return
    yield from unfit(about)
    device = about["device"]
    if device not in NAMED:
        return
    for name, section in evidence["sections"].items():
        rows = section.get("rows", [])
        if rows and not section.keys() & {"absent", "failed"}:
            yield from (f"{name}: {gap}" for gap in gaps(name, rows, device))
        elif name not in OPTIONAL and (device == "cuda" or name not in NOT_ON_CPU):
            yield f"{name}: a full record has this section whole"
        if device == "cpu" and name in NOT_ON_CPU and rows:
            yield f"{name}: a CPU has no such section"
        if name in ("library", "library_graphs"):
            wrong = {row["library"] for row in rows} - LIBRARIES[device]
            yield from (f"{name}: {library} is no library of {device}" for library in sorted(wrong))


def _section(name: str, section: Any) -> Iterator[str]:
    if not isinstance(section, dict):
        yield f"{name}: it must be an object"
        return
    yield from _shape(name, section, {key: SECTION[key] for key in SECTION if key in section})
    reasons = [section[word] for word in ("absent", "failed") if word in section]
    rows = section.get("rows", [])
    if "" in reasons:
        yield f"{name}: the reason why it is absent or has failed is empty"
    if not isinstance(rows, list) or not (rows or reasons):
        yield f"{name}: it has neither rows nor a reason why there are none"
        return
    wrong = False
    for index, row in enumerate(rows):
        for problem in _shape(f"{name}, row {index}", row, ROWS[name]):
            wrong = True
            yield problem
    if not wrong:  # a rule may rely on the keys and their types
        rule: Callable[[list[Row]], Iterator[str]] = RULES[name]
        yield from (f"{name}: {problem}" for problem in rule(rows))


def _shape(where: str, found: Any, types: dict[str, Types]) -> Iterator[str]:
    """What is missing, too many, of another type, or not finite."""
    if not isinstance(found, dict):
        yield f"{where}: it must be an object"
        return
    for key, wanted in types.items():
        if key not in found:
            yield f"{where}: {key} is missing"
        elif type(found[key]) not in wanted:
            names = " or ".join("null" if kind is NoneType else kind.__name__ for kind in wanted)
            yield f"{where}: {key} is {found[key]!r}; it must be {names}"
        elif isinstance(found[key], float) and not math.isfinite(found[key]):
            yield f"{where}: {key} is {found[key]}"
    for key in sorted(found.keys() - types.keys()):
        yield f"{where}: {key} is not a key of this schema"
