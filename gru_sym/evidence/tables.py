"""Recorded evidence as tables, for a chapter.

Each function takes evidence as `gru_sym.evidence.records` reads it. Where a section has no rows,
the table says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gru_sym.evidence.bias_modes import RESULT_MATHS
from gru_sym.evidence.fingerprint import fingerprint
from gru_sym.evidence.plan import Row
from gru_sym.evidence.records import OF_GPU
from gru_sym.evidence.rules import agrees
from gru_sym.render import Table

Evidence = dict[str, Any]


AT = "at T, B, m, n ="
"""Ends the header of the column before those of the shapes."""

NO_RECORD = "there is no record of such a machine"


@dataclass(frozen=True)
class Tables:
    """Tables one below the other, each under its caption."""

    captioned: Mapping[str, Table]

    def __repr__(self) -> str:
        return "\n\n".join(f"{caption}\n{table}" for caption, table in self.captioned.items())

    def _repr_markdown_(self) -> str:
        parts = ((caption, table._repr_markdown_()) for caption, table in self.captioned.items())
        return "\n\n".join(text for part in parts for text in part)


def provenance_sentence(evidence: Evidence) -> str:
    """Which machine, when, and with which versions: one line above the tables."""
    if evidence["provenance"] is None:
        return f"Not measured yet: {NO_RECORD}."
    about, versions = evidence["provenance"], evidence["provenance"]["versions"]
    machine = about["gpu"] or f"the CPU ({about['processor']}, {about['threads']} threads)"
    told = [f"Recorded {about['date'][:10]} on {machine}"]
    told += ["as a dry run"] if about["dry"] else []
    told += [f"{what} {about[what.lower()]}" for what in ("CUDA", "cuDNN") if about[what.lower()]]
    told += [f"PyTorch {versions['torch']}"]
    told += ["of generated code that has since changed"] * (
        about["generated_code"] != fingerprint()
    )
    return ", ".join(told) + "."


def provenance_table(evidence: Evidence) -> Table:
    """Everything about a record but its numbers; "not known" for what the machine did not say."""
    rows: list[tuple[str, object]] = []
    about = evidence["provenance"] or {}
    for key, value in about.items():
        if key in OF_GPU and about["device"] == "cpu":
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{name} {number}" for name, number in value.items())
        if key in ("command", "commit", "generated_code") and value is not None:
            value = f"`{value}`"  # a page would make one dash of the two before an option
        rows.append((key.replace("_", " "), "not known" if value is None else value))
    return table(evidence, "provenance", ("what", "value"), rows)


def count_table(evidence: Evidence) -> Table:
    """Layers by kind and biases: how many counts agree, and the padding of their buffers."""
    headers = ("layer", "biases", "layers", "counts that agree", "padding of the buffer, bytes")
    rows = []
    for key, group in groups(rows_of(evidence, "counts"), "kind", "bias"):
        agreeing = sum(row["numel"] == row["derived"] for row in group)
        padding = [row["buffer_padding_bytes"] for row in group]
        told = span([size for size in padding if size is not None]) or "not in one buffer"
        rows.append((key[0], "yes" if key[1] else "no", len(group), agreeing, told))
    return table(evidence, "counts", headers, rows)


def buffer_table(evidence: Evidence) -> Table:
    """One layer in one direction: its count, and the bytes of its buffer and of cuDNN's space."""
    headers = ("layer", "m, n", "parameters", "bytes of them", "buffer", "cuDNN's weight space")
    rows = []
    for row in rows_of(evidence, "counts"):
        if (row["layers"], row["directions"], row["p"]) == (1, 1, None) and row["bias"]:
            sizes = (row["numel"] * row["itemsize"], row["buffer_bytes"], row["weight_space_bytes"])
            told = ("not known" if size is None else size for size in sizes)
            rows.append((row["kind"], f"{row['m']}, {row['n']}", row["numel"], *told))
    return table(evidence, "counts", headers, rows)


def accuracy_table(evidence: Evidence, what: str = "outputs") -> Table:
    """Largest relative errors over all shapes, of "outputs" or of "gradients", by arithmetic."""
    headers = ("layer", "arithmetic", "by", "library's error", "generated code's", "between them")
    rows = []
    measured = [row for row in rows_of(evidence, "accuracy") if row["what"] == what]
    for key, group in groups(measured, "kind", "dtype", "tf32", "library"):
        kind, dtype, tf32, library = key
        names = ("library_error", "generated_error", "difference")
        worst = [f"{max(row[name] for row in group):.1e}" for name in names]
        if dtype == "float64":
            worst[1] = "the reference"
        rows.append((kind, f"{dtype}, TF32" if tf32 else dtype, library, *worst))
    return table(evidence, "accuracy", headers, rows)


def bias_parameter_table(evidence: Evidence) -> Table:
    """What each bias mode of cuDNN stores, and whether its weight space holds more than that."""
    headers = ("layer", "bias mode", "biases", "parameters", "sizes asked", "padding, bytes")
    rows = []
    for key, group in groups(rows_of(evidence, "bias_parameters"), "kind", "mode"):
        formulas = group[0]["formula"], group[0]["count_formula"]
        padding = span([row["padding_bytes"] for row in group])
        rows.append((*key, *formulas, len(group), padding))
    return table(evidence, "bias_parameters", headers, rows)


def bias_result_table(evidence: Evidence) -> Table:
    """Which cell each bias mode computes: the largest relative error over all shapes."""
    headers = ("layer", "bias mode", "cell", "error in float64", "in float32", "the same")
    rows = []
    for key, group in groups(rows_of(evidence, "bias_results"), "kind", "mode", "cell"):
        errors = []
        for dtype in RESULT_MATHS:
            found = [row["error"] for row in group if row["dtype"] == dtype]
            errors.append(f"{max(found):.1e}" if found else "not measured")
        rows.append((*key, *errors, "yes" if all(map(agrees, group)) else "no"))
    return table(evidence, "bias_results", headers, rows)


def together(evidence: Evidence, tables: Mapping[str, Table]) -> Tables | Table:
    """Several tables with captions; one line where there is no record at all."""
    if evidence["provenance"] is None:
        return not_measured(NO_RECORD)
    return Tables(tables)


def not_measured(reason: str) -> Table:
    """What stands where a table would."""
    return Table(("not measured yet",), [(reason,)])


def table(
    evidence: Evidence, section: str, headers: Sequence[str], rows: Sequence[Sequence[object]]
) -> Table:
    """The rows of a section as a table, or why there are none."""
    if rows:
        return Table(headers, rows)
    found = evidence["sections"].get(section, {})
    nowhere = "not in this record" if evidence["provenance"] else NO_RECORD
    return not_measured(found.get("absent") or found.get("failed") or nowhere)


def rows_of(evidence: Evidence, section: str) -> list[Row]:
    """What a section measured."""
    rows: list[Row] = evidence["sections"].get(section, {}).get("rows", [])
    return rows


def groups(rows: Iterable[Row], *keys: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Rows with the same values under these keys, in the order in which they first appear."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(groups.items())


def span(numbers: Sequence[float], digits: str = "") -> str:
    """The least and the largest; one number where they look the same.

    >>> span([3, 1, 2]), span([1.061, 1.0649], ".2f"), span([])
    ('1 to 3', '1.06', '')
    """
    if not numbers:
        return ""
    least, largest = f"{min(numbers):{digits}}", f"{max(numbers):{digits}}"
    return least if least == largest else f"{least} to {largest}"
