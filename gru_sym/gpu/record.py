"""Record what a machine says: every section measured on its own, the file written after each."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from gru_sym.evidence.plan import TIME_OVER, Absent, Plan, Row, dry_plan, full_plan
from gru_sym.evidence.records import SCHEMA, check, unfit
from gru_sym.gpu import accuracy, bias_modes, compilation, counts, speed
from gru_sym.gpu.provenance import provenance

SECONDS = 420.0
"""The time for everything."""

SECTIONS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "accuracy": accuracy.rows,
    "designs": speed.design_rows,
    "library": speed.library_rows,
    "counts": counts.rows,
    "bias_parameters": bias_modes.parameter_rows,
    "bias_results": bias_modes.result_rows,
    "bias_speed": bias_modes.speed_rows,
    "graphs": partial(speed.design_rows, form="graph"),
    "library_graphs": partial(speed.library_rows, form="graph"),
    "compiled": compilation.rows,
}
"""In the order in which they are measured: what may fail stands behind what is sure to run.

cuDNN is asked through C, and an error there may take the process with it.
"""


@dataclass(frozen=True)
class Report:
    """What was recorded, and what of it breaks a rule; printed, what to say of it at the end."""

    evidence: dict[str, Any]
    problems: list[str]

    def __str__(self) -> str:
        sections = self.evidence["sections"].items()
        lines = [f"{name}: {_summary(section)}" for name, section in sections]
        lines += [f"does not hold: {problem}" for problem in self.problems]
        count = len(self.problems)
        verdict = f"{count} rules do not hold" if count else "every rule holds"
        return "\n".join([*lines, f"checked by gru_sym.evidence.records: {verdict}"])


def main_record(
    path: str | Path,
    device: str = "cuda",
    *,
    dry: bool = False,
    command: str | None = None,
    commit: str | None = None,
    progress: Callable[[str], object] | None = None,
) -> Report:
    """Record into a file, which is written anew after each section.

    Parameters are those of `record`. Raises `ValueError` as `record` does, and `OSError` for a file
    that cannot be written.
    """
    save = partial(write, path)
    evidence = record(device, dry, command, progress, commit=commit, save=save)
    return Report(evidence, check(evidence))


def record(
    device: str = "cuda",
    dry: bool = False,
    command: str | None = None,
    progress: Callable[[str], object] | None = None,
    *,
    commit: str | None = None,
    save: Callable[[dict[str, Any]], object] | None = None,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Measure every section on a device; what `gru_sym.evidence.records` reads.

    Parameters
    ----------
    device : "cuda" or "cpu", which knows nothing of cuDNN and of TF32.
    dry : whether in small, to see that it runs.
    command : the command line, for the provenance.
    progress : called with one line after each section, and with the traceback of one that failed.
    commit : of the sources, where git cannot tell.
    save : called with the evidence so far, before the first section and after each.
    seconds : after these, nothing more is begun, neither a section nor a size in it.

    Raises
    ------
    ValueError : for another device, for "cuda" where there is none, and, before anything is
        measured, for a full record whose machine or commit would not be known.
    """
    plan = dataclasses.replace(_plan(device, dry), deadline=time.monotonic() + seconds)
    sections: dict[str, Any] = {name: {"absent": "not reached"} for name in SECTIONS}
    origin = provenance(device, dry, command, commit)
    if problem := next(unfit(origin), None):
        raise ValueError(f"{problem} (a dry run needs none of that)")
    evidence = {"schema": SCHEMA, "provenance": origin, "sections": sections}
    for name, measure in SECTIONS.items():
        sections[name] = {"absent": "begun, and not finished"}
        if save is not None:
            save(evidence)
        if time.monotonic() > plan.deadline:
            sections[name] = {"absent": TIME_OVER}
        else:
            sections[name] = _section(measure, plan, progress)
        if progress is not None:
            progress(f"{name}: {_summary(sections[name])}")
    if save is not None:
        save(evidence)
    return evidence


def write(path: str | Path, evidence: dict[str, Any]) -> None:
    """Write evidence as JSON, a row on a line: whole, or not at all.

    Raises `ValueError` for what JSON cannot hold, and `OSError`; the file is then as it was.
    """
    text = json.dumps(evidence, allow_nan=False, ensure_ascii=False, indent=1)
    # Objects that hold no other object go on one line; a string never has a raw line break.
    text = re.sub(r"\{[^{}]*\}", lambda found: re.sub(r"\n\s*", " ", found.group()), text)
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text + "\n", encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _plan(device: str, dry: bool) -> Plan:
    if device not in ("cuda", "cpu"):
        raise ValueError(f"device is {device!r}; it must be cuda or cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("torch sees no CUDA device here; the device cpu is everywhere")
    return dry_plan(device) if dry else full_plan(device)


def _section(
    measure: Callable[[Plan], Iterator[Row]],
    plan: Plan,
    progress: Callable[[str], object] | None = None,
) -> dict[str, Any]:
    """The rows of a section, and why there are no more, if that is so."""
    begin = time.monotonic()
    rows: list[Row] = []
    section: dict[str, Any] = {}
    try:
        for row in measure(plan):
            json.dumps(row, allow_nan=False)  # what cannot be written fails here, with its section
            rows.append(row)
    except Absent as reason:
        section["absent"] = str(reason)
    except Exception as error:  # whatever it is: the other sections are still worth having
        section["failed"] = f"{type(error).__name__}: {_without_paths(str(error))}"
        if progress is not None:
            progress(traceback.format_exc())
    return {**section, "seconds": round(time.monotonic() - begin, 2), "rows": rows}


def _without_paths(message: str) -> str:
    """A message on one line, its middle left out if long, without paths of this machine.

    >>> _without_paths("no file /opt/some/where.so here")
    'no file ... here'
    """
    text = re.sub(r"(?:/[\w.+-]+){2,}", "...", " ".join(message.split()))
    return text if len(text) <= 500 else f"{text[:200]} ... {text[-300:]}"


def _summary(section: dict[str, Any]) -> str:
    told = [f"{len(section.get('rows', []))} rows in {section.get('seconds', 0)} s"]
    told += [f"{word}: {section[word]}" for word in ("absent", "failed") if word in section]
    return "; ".join(told)
