"""What must hold in the rows of each section of the evidence.

Each function takes rows whose keys and types are right and yields a sentence for each rule broken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from gru_sym.cells import Cell
from gru_sym.evidence.bias_modes import GATES, RESULT_MATHS, BiasMode
from gru_sym.evidence.mode_cells import KINDS, cells_of
from gru_sym.evidence.plan import COMPILED, FORWARD, REFERENCE, Row
from gru_sym.layers import Layer
from gru_sym.lookup import cell as catalogue_cell
from gru_sym.transform import without_biases

Rule = Callable[[list[Row]], Iterator[str]]

UNITS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
TF32_UNIT = 2.0**-10
"""The unit roundoff of each arithmetic: half the distance from 1 to the next number.

The operands of TF32 have 10 bits after the point and may be truncated to them: a whole distance.
"""

FLOAT64_BOUND = 1e-12
"""On the difference of two correct results in float64, relative to the largest number in them."""

FLOAT32_BOUND = 1e-5
"""The same in float32, for the bias modes and for compiled code: 168 unit roundoffs."""

LIBRARY_UNITS = 128
"""How many unit roundoffs the library itself may be off. On the CPU at most 24 were seen."""

FACTOR = 4
GENERATED_UNITS = 32
"""The generated code may be so many times as far off, and so many units in any case.

On the CPU at most 13 units were seen.
"""

MEASURED = ("times_us", "compile_seconds", "difference")


def unit(row: Mapping[str, Any]) -> float:
    """The unit roundoff of the arithmetic of a row."""
    return TF32_UNIT if row["tf32"] else UNITS[row["dtype"]]


def error_bound(row: Mapping[str, Any]) -> float:
    """What `generated_error` of a row of the accuracy must not exceed.

    >>> error_bound({"dtype": "float32", "tf32": True, "library_error": 0.01})
    0.04390625

    The generated code is no less exact than the library within a factor of `FACTOR`, both measured
    against float64, where an error below the unit roundoff counts as that. `GENERATED_UNITS` are
    allowed in any case: a library that sums in another order may be much better by chance.
    """
    by_library = FACTOR * (row["library_error"] + unit(row))
    return float(max(by_library, GENERATED_UNITS * unit(row)))


def agrees(row: Mapping[str, Any]) -> bool:
    """Whether a row of the bias modes' results says that cuDNN computes this cell."""
    return bool(row["error"] <= (FLOAT64_BOUND if row["dtype"] == "float64" else FLOAT32_BOUND))


def counts(rows: list[Row]) -> Iterator[str]:
    """PyTorch's count, the stored formula and the padding, against the count derived now."""
    for row in rows:
        where = _where(row, "kind", "m", "n", "p", "layers", "directions", "bias")
        try:
            layer = Layer(_cell(row["cell"], row["bias"]), row["layers"], row["directions"] == 2)
            sizes = {name: row[name] for name in layer.size_names}
            derived = layer.count(**sizes)
        except (KeyError, ValueError) as error:
            yield f"{where}: {error}"
            continue
        if row["formula"] != str(layer.count()):
            yield f"{where}: the formula is {row['formula']}; derived is {layer.count()}"
        for key in ("derived", "numel"):
            if row[key] != derived:
                yield f"{where}: {key} is {row[key]}; derived now is {derived}"
        for what in ("buffer", "weight_space"):
            size, padding = row[f"{what}_bytes"], row[f"{what}_padding_bytes"]
            rest = None if size is None else size - row["numel"] * row["itemsize"]
            yield from _padding(f"{where}, {what}", padding, rest)


def accuracy(rows: list[Row]) -> Iterator[str]:
    """The errors, against their bounds."""
    for row in rows:
        where = _where(row, "kind", "dtype", "tf32", "T", "B", "m", "n", "what")
        if row["dtype"] not in UNITS:
            yield f"{where}: no bound is stated for {row['dtype']}"
            continue
        if row["tf32"] and row["dtype"] != "float32":
            yield f"{where}: TF32 is an arithmetic of float32"
        if min(row["library_error"], row["generated_error"], row["difference"]) < 0:
            yield f"{where}: an error is negative"
        if row["library_error"] > (limit := LIBRARY_UNITS * unit(row)):
            yield f"{where}: library_error is {row['library_error']:.2e}, above {limit:.2e}"
        if row["generated_error"] > (bound := error_bound(row)):
            yield f"{where}: generated_error is {row['generated_error']:.2e}, above {bound:.2e}"
        if row["dtype"] == "float64" and row["difference"] > FLOAT64_BOUND:
            yield f"{where}: difference is {row['difference']:.2e}, above {FLOAT64_BOUND:.0e}"


def bias_parameters(rows: list[Row]) -> Iterator[str]:
    """What cuDNN stores, against the formula of the mode and the count of its cell."""
    for row in rows:
        where = _where(row, "kind", "mode", "m", "n")
        if problem := _unknown(row):
            yield f"{where}: {problem}"
            continue
        mode, sizes = BiasMode[row["mode"]], {"m": row["m"], "n": row["n"]}
        cell = cells_of(row["kind"], mode)[0]
        vectors = GATES[row["kind"]] * mode.vectors
        for key, wanted in (
            ("formula", str(cell.biases())),
            ("count_formula", str(cell.count())),
            ("derived", vectors * row["n"]),
            ("biases", vectors * row["n"]),
            ("count", cell.count(**sizes)),
        ):
            if row[key] != wanted:
                yield f"{where}: {key} is {row[key]}; derived now is {wanted}"
        rest = row["weight_space_bytes"] - row["count"] * row["itemsize"]
        yield from _padding(where, row["padding_bytes"], rest)


def bias_results(rows: list[Row]) -> Iterator[str]:
    """In every mode cuDNN computes one of the cells that it may be, the same at every size."""
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        where = _where(row, "kind", "mode", "cell", "dtype", "T", "B", "m", "n")
        if problem := _unknown(row):
            yield f"{where}: {problem}"
            continue
        if row["cell"] not in [c.name for c in cells_of(row["kind"], BiasMode[row["mode"]])]:
            yield f"{where}: this cell is none that the mode may be"
        if row["dtype"] not in RESULT_MATHS:
            yield f"{where}: no bound is stated for {row['dtype']}"
        if row["error"] < 0:
            yield f"{where}: an error is negative"
        cells = groups.setdefault((row["kind"], row["mode"]), {})
        cells.setdefault(row["cell"], []).append(row)
    for (kind, mode), cells in groups.items():
        if not any(all(map(agrees, found)) for found in cells.values()):
            worst = {name: max(row["error"] for row in found) for name, found in cells.items()}
            told = ", ".join(f"{name} {error:.2e}" for name, error in worst.items())
            yield f"kind = {kind}, mode = {mode}: no cell agrees with cuDNN throughout: {told}"


def _speed(varying: str, reference: str) -> Rule:
    """Times are positive, and in as many blocks and rounds as those of a reference."""

    def rule(rows: list[Row]) -> Iterator[str]:
        rounds = {_identity(row): _rounds(row["times_us"]) for row in rows}
        if len(rounds) < len(rows):
            yield "two rows are of the same thing"
        for row in rows:
            where = _where(row, *(key for key in row if key not in MEASURED))
            own = _rounds(row["times_us"])
            base = rounds.get(_identity({**row, varying: reference}))
            if own is None:
                yield f"{where}: its times are not blocks of positive numbers"
            elif sum(own) < 2:
                yield f"{where}: {sum(own)} times are too few"
            elif base is None:
                yield f"{where}: there is no row of {reference} to compare it with"
            elif base != own:
                yield f"{where}: it has {own} times in its blocks, and {reference} has {base}"
            yield from _compilation(where, row)

    return rule


def _compilation(where: str, row: Row) -> Iterator[str]:
    """What was compiled took some time, and gives what the eager code does."""
    if "difference" not in row:
        return
    if row["cell"] not in COMPILED or row["work"] != FORWARD:
        yield f"{where}: this is none of what is compiled"
    seconds, difference = row["compile_seconds"], row["difference"]
    if row["form"] != "compiled":
        if (seconds, difference) != (None, None):
            yield f"{where}: compile_seconds and difference are of compiled code only"
    elif seconds is None or difference is None or min(seconds, difference) < 0:
        yield f"{where}: compile_seconds and difference are numbers that are not negative"
    elif difference > FLOAT32_BOUND:
        yield f"{where}: difference is {difference:.2e}, above {FLOAT32_BOUND:.0e}"


RULES: dict[str, Rule] = {
    "counts": counts,
    "accuracy": accuracy,
    "bias_parameters": bias_parameters,
    "bias_results": bias_results,
    "bias_speed": _speed("mode", "DOUBLE"),
    "designs": _speed("cell", REFERENCE),
    "library": _speed("form", "library"),
    "graphs": _speed("cell", REFERENCE),
    "library_graphs": _speed("form", "library"),
    "compiled": _speed("form", "eager"),
}


@lru_cache
def _cell(name: str, bias: bool) -> Cell:
    cell = catalogue_cell(name)
    return cell if bias else without_biases(cell)


def _rounds(times: list[Any]) -> list[int] | None:
    """How many times are in each block; None where something else is in them."""
    if not all(type(block) is list and block and all(map(_is_time, block)) for block in times):
        return None
    return list(map(len, times))


def _is_time(time: Any) -> bool:
    return type(time) in (int, float) and 0 < time < math.inf


def _padding(where: str, found: int | None, wanted: int | None) -> Iterator[str]:
    if found != wanted:
        yield f"{where}: the padding is {found} bytes; buffer less parameters is {wanted}"
    elif found is not None and found < 0:
        yield f"{where}: the parameters do not fit into the buffer, {-found} bytes are missing"


def _unknown(row: Row) -> str:
    if row["kind"] not in KINDS:
        return f"there is no kind {row['kind']}"
    return "" if row["mode"] in BiasMode.__members__ else f"there is no bias mode {row['mode']}"


def _identity(row: Row) -> tuple[Any, ...]:
    """What was timed, without the times."""
    return tuple(value for key, value in sorted(row.items()) if key not in MEASURED)


def _where(row: Row, *keys: str) -> str:
    return ", ".join(f"{key} = {row[key]}" for key in keys if row[key] is not None)
