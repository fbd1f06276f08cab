"""Recorded evidence as tables, for a chapter. Imports no torch.

Each function takes evidence as `gru_sym.gpu.evidence` reads it. Where a section has no rows,
the table says why. A time is a median, followed by the quartiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gru_sym.gpu.evidence_rules import agrees
from gru_sym.gpu.plan import Row
from gru_sym.lookup import cell
from gru_sym.render import Table

Evidence = dict[str, Any]

FORMS = {"library": "library", "eager": "generated", "graph": "generated, CUDA graph"}


def provenance_sentence(evidence: Evidence) -> str:
    """Which machine, when, and with which versions: one line above the tables."""
    if evidence["provenance"] is None:
        return "Not measured yet: there is no record of a GPU."
    about, versions = evidence["provenance"], evidence["provenance"]["versions"]
    machine = about["gpu"] or f"the CPU ({about['processor']}), as a dry run"
    told = [f"Recorded {about['date'][:10]} on {machine}"]
    told += [f"{what} {about[what.lower()]}" for what in ("CUDA", "cuDNN") if about[what.lower()]]
    return ", ".join([*told, f"PyTorch {versions['torch']}"]) + "."


def provenance_table(evidence: Evidence) -> Table:
    """Everything about a record but its numbers; "not known" for what the machine did not say."""
    rows: list[tuple[str, object]] = []
    for key, value in (evidence["provenance"] or {}).items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {number}" for name, number in value.items())
        rows.append((key.replace("_", " "), "not known" if value is None else value))
    return _table(evidence, "provenance", ("what", "value"), rows)


def count_table(evidence: Evidence) -> Table:
    """Layers by kind and biases: how many counts agree, and the padding of their buffers."""
    headers = ("layer", "biases", "layers", "counts that agree", "padding of the buffer, bytes")
    rows = []
    for key, group in _groups(_rows(evidence, "counts"), "kind", "bias"):
        agreeing = sum(row["numel"] == row["derived"] for row in group)
        padding = [row["buffer_padding_bytes"] for row in group]
        told = _span([size for size in padding if size is not None]) or "not in one buffer"
        rows.append((key[0], "yes" if key[1] else "no", len(group), agreeing, told))
    return _table(evidence, "counts", headers, rows)


def buffer_table(evidence: Evidence) -> Table:
    """One layer in one direction: its count, and the bytes of its buffer and of cuDNN's space."""
    headers = ("layer", "m, n", "parameters", "bytes of them", "buffer", "cuDNN's weight space")
    rows = []
    for row in _rows(evidence, "counts"):
        if (row["layers"], row["directions"], row["p"]) == (1, 1, None) and row["bias"]:
            sizes = (row["numel"] * row["itemsize"], row["buffer_bytes"], row["weight_space_bytes"])
            told = ("not known" if size is None else size for size in sizes)
            rows.append((row["kind"], f"{row['m']}, {row['n']}", row["numel"], *told))
    return _table(evidence, "counts", headers, rows)


def accuracy_table(evidence: Evidence, what: str = "outputs") -> Table:
    """Largest relative errors over all shapes, of "outputs" or of "gradients", by arithmetic."""
    headers = ("layer", "arithmetic", "by", "library's error", "generated code's", "between them")
    rows = []
    measured = [row for row in _rows(evidence, "accuracy") if row["what"] == what]
    for key, group in _groups(measured, "kind", "dtype", "tf32", "library"):
        kind, dtype, tf32, library = key
        names = ("library_error", "generated_error", "difference")
        worst = [f"{max(row[name] for row in group):.1e}" for name in names]
        if dtype == "float64":
            worst[1] = "the reference"
        rows.append((kind, f"{dtype}, TF32" if tf32 else dtype, library, *worst))
    return _table(evidence, "accuracy", headers, rows)


def bias_parameter_table(evidence: Evidence) -> Table:
    """What each bias mode of cuDNN stores, and whether its weight space holds more than that."""
    headers = ("layer", "bias mode", "biases", "parameters", "sizes asked", "padding, bytes")
    rows = []
    for key, group in _groups(_rows(evidence, "bias_parameters"), "kind", "mode"):
        formulas = group[0]["formula"], group[0]["count_formula"]
        padding = _span([row["padding_bytes"] for row in group])
        rows.append((*key, *formulas, len(group), padding))
    return _table(evidence, "bias_parameters", headers, rows)


def bias_result_table(evidence: Evidence) -> Table:
    """Which cell each bias mode computes: the largest relative error over all shapes."""
    headers = ("layer", "bias mode", "cell", "error in float64", "in float32", "the same")
    rows = []
    for key, group in _groups(_rows(evidence, "bias_results"), "kind", "mode", "cell"):
        errors = []
        for dtype in ("float64", "float32"):
            found = [row["error"] for row in group if row["dtype"] == dtype]
            errors.append(f"{max(found):.1e}" if found else "not measured")
        rows.append((*key, *errors, "yes" if all(map(agrees, group)) else "no"))
    return _table(evidence, "bias_results", headers, rows)


def bias_speed_table(evidence: Evidence, math: str = "fma") -> Table:
    """The forward pass of each bias mode as a ratio to DOUBLE, with quartiles; float32.

    `math` is "fma", without TF32, or "default", with it.
    """
    modes = ("NONE", "SINGLE_INP", "SINGLE_REC")
    rows = []
    measured = [row for row in _rows(evidence, "bias_speed") if row["math"] == math]
    for key, group in _groups(measured, "kind", "T", "B", "m", "n"):
        by_mode = {row["mode"]: row for row in group}
        double = by_mode["DOUBLE"]
        ratios = [_ratio(by_mode.get(mode), double) for mode in modes]
        rows.append((key[0], ", ".join(map(str, key[1:])), *ratios, duration(double)))
    return _table(evidence, "bias_speed", ("layer", "T, B, m, n", *modes, "DOUBLE"), rows)


def design_table(
    evidence: Evidence, form: str = "eager", work: str = "forward", *, tf32: bool = False
) -> Table:
    """Each cell at each shape: time, and its ratio to gru.pytorch, in one form and work.

    `form` is "eager" or "graph"; `work` is "forward" or "forward and backward".
    """
    return _by_shape(
        evidence,
        "designs",
        ("cell", "biases"),
        lambda row: (row["cell"], str(cell(row["cell"]).biases())),
        lambda row: (row["form"], row["work"], row["tf32"]) == (form, work, tf32),
    )


def library_table(evidence: Evidence, work: str = "forward", *, tf32: bool = False) -> Table:
    """Generated code beside the library at each shape: time, and its ratio to the library's."""
    return _by_shape(
        evidence,
        "library",
        ("layer", "code"),
        lambda row: (row["kind"], FORMS[row["form"]]),
        lambda row: (row["work"], row["tf32"]) == (work, tf32),
    )


def compiled_table(evidence: Evidence) -> Table:
    """Cells by torch.compile and eager: time, its ratio to gru.pytorch, seconds to compile."""
    headers = ("cell", "code", "T, B, m, n", "time", "ratio", "seconds to compile")
    rows = []
    for row in _rows(evidence, "compiled"):
        seconds = row["compile_seconds"]
        told = "" if seconds is None else f"{seconds:.0f}"
        shape = ", ".join(map(str, _shape(row)))
        rows.append((row["cell"], row["form"], shape, duration(row), f"{row['ratio']:.2f}", told))
    return _table(evidence, "compiled", headers, rows)


def duration(row: Row) -> str:
    """A median with its quartiles.

    >>> duration({"median_us": 31.4159, "lower_us": 31.2, "upper_us": 32.0})
    '31.4 µs (31.2 to 32.0)'
    >>> duration({"median_us": 3141.59, "lower_us": 3100.0, "upper_us": 3200.0})
    '3.14 ms (3.10 to 3.20)'
    """
    unit, factor, digits = ("µs", 1.0, 1) if row["median_us"] < 1000 else ("ms", 1e-3, 2)
    names = ("median_us", "lower_us", "upper_us")
    median, lower, upper = (f"{factor * row[name]:.{digits}f}" for name in names)
    return f"{median} {unit} ({lower} to {upper})"


def _by_shape(
    evidence: Evidence,
    section: str,
    headers: Sequence[str],
    label: Callable[[Row], tuple[str, str]],
    wanted: Callable[[Row], bool],
) -> Table:
    """One line a label, one column a shape."""
    measured = [row for row in _rows(evidence, section) if wanted(row)]
    shapes = list(dict.fromkeys(map(_shape, measured)))
    entries = {(label(row), _shape(row)): row for row in measured}
    rows = []
    for name in dict.fromkeys(map(label, measured)):
        found = [entries.get((name, shape)) for shape in shapes]
        told = [f"{duration(row)}: {row['ratio']:.2f}" if row else "not measured" for row in found]
        rows.append((*name, *told))
    columns = ("T, B, m, n = " + ", ".join(map(str, shape)) for shape in shapes)
    return _table(evidence, section, (*headers, *columns), rows)


def _table(
    evidence: Evidence, section: str, headers: Sequence[str], rows: Sequence[Sequence[object]]
) -> Table:
    """The rows, or why there are none."""
    if rows:
        return Table(headers, rows)
    found = evidence["sections"].get(section, {})
    nowhere = "not in this record" if evidence["provenance"] else "there is no record of a GPU"
    reason = found.get("absent") or found.get("failed") or nowhere
    return Table(("not measured yet",), [(reason,)])


def _rows(evidence: Evidence, section: str) -> list[Row]:
    rows: list[Row] = evidence["sections"].get(section, {}).get("rows", [])
    return rows


def _groups(rows: Iterable[Row], *keys: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Rows with the same values under these keys, in the order in which they first appear."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(groups.items())


def _shape(row: Row) -> tuple[int, ...]:
    return row["T"], row["B"], row["m"], row["n"]


def _span(sizes: Sequence[int]) -> str:
    """The least and the largest; one number where they are equal."""
    if not sizes:
        return ""
    return f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"


def _ratio(row: Row | None, reference: Row) -> str:
    if row is None:
        return "not measured"
    base = reference["median_us"]
    return f"{row['ratio']:.2f} ({row['lower_us'] / base:.2f} to {row['upper_us'] / base:.2f})"
