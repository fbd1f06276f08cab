"""What a full record must hold, row for row, for the sizes that it has."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

from gru_sym.evidence.bias_modes import MATHS, RESULT_MATHS, BiasMode
from gru_sym.evidence.mode_cells import KINDS, cells_of
from gru_sym.evidence.plan import ARITHMETICS, DESIGNS, LAYERS, STACKS, WHATS, WORKS, Row
from gru_sym.evidence.times import sure

MODES = tuple(mode.name for mode in BiasMode)
SIZES = ("T", "B", "m", "n", "layers", "directions", "p")


def gaps(section: str, rows: list[Row], device: str) -> Iterator[str]:
    """What is missing, too many, or timed too seldom; a sentence each.

    >>> rows = [{"kind": "GRU", "mode": "NONE", "m": 1, "n": 1}]
    >>> next(gaps("bias_parameters", rows, "cuda"))
    'a full record also has kind = GRU, mode = SINGLE_INP, m = 1, n = 1'

    Of "compiled" nothing is missing: there may be no compiler, or no time.
    """
    wanted = list(_wanted(section, rows, device))
    if wanted:
        keys = tuple(wanted[0])
        found = Counter(tuple(row[key] for key in keys) for row in rows)
        needed = Counter(tuple(row[key] for key in keys) for row in wanted)
        for values in needed - found:
            yield f"a full record also has {_told(keys, values)}"
        for values in found - needed:
            yield f"a full record has no row, or no second one, of {_told(keys, values)}"
    for row in rows:
        if "times_us" in row and not sure(len(row["times_us"])):
            yield f"{len(row['times_us'])} blocks are too few for a full record"
            return


def _wanted(section: str, rows: list[Row], device: str) -> Iterator[Row]:
    """A row for each combination, without what was measured."""
    sizes = list({tuple(row.get(key) for key in SIZES): _sizes(row) for row in rows}.values())
    gpu = device == "cuda"
    match section:
        case "accuracy":
            exact = [{"dtype": name, "tf32": fast} for name, fast in ARITHMETICS if gpu or not fast]
            yield from _product(_axis("kind", LAYERS), exact, sizes, _axis("what", WHATS))
        case "counts":
            yield from _counted(sizes)
        case "bias_parameters":
            yield from _product(_axis("kind", KINDS), _axis("mode", MODES), sizes)
        case "bias_results":
            cells = [
                {"kind": kind, "mode": mode.name, "cell": cell.name}
                for kind, mode in itertools.product(KINDS, BiasMode)
                for cell in cells_of(kind, mode)
            ]
            yield from _product(cells, _axis("dtype", RESULT_MATHS), sizes)
        case "bias_speed":
            maths = _axis("math", MATHS)
            yield from _product(_axis("kind", KINDS), _axis("mode", MODES), maths, sizes)
        case "designs" | "graphs":
            works = _works("eager" if section == "designs" else "graph")
            yield from _product(_axis("cell", DESIGNS), works, sizes)
        case "library" | "library_graphs":
            works = _works("eager" if section == "library" else "graph")
            works += [{**row, "form": "library"} for row in works]
            yield from _product(_axis("kind", LAYERS), works, sizes)


def _works(form: str) -> list[Row]:
    return [{"form": form, "work": work, "tf32": False} for work in WORKS[form]]


def _counted(sizes: list[Row]) -> Iterator[Row]:
    """Every kind of layer, with biases and without; an LSTM also with a projection."""
    widths = {(row["m"], row["n"]) for row in sizes}
    for (m, n), (layers, directions) in itertools.product(sorted(widths), STACKS):
        size = {"m": m, "n": n, "layers": layers, "directions": directions}
        for kind, bias in itertools.product((*LAYERS, "RNN"), (True, False)):
            yield {"kind": kind, "bias": bias, **size, "p": None}
        if n > 1:
            yield {"kind": "LSTM", "bias": True, **size, "p": n // 2}


def _sizes(row: Row) -> Row:
    return {key: row[key] for key in SIZES if key in row}


def _axis(key: str, values: Iterable[object]) -> list[Row]:
    return [{key: value} for value in values]


def _product(*axes: Iterable[Row]) -> Iterator[Row]:
    for parts in itertools.product(*axes):
        yield {key: value for part in parts for key, value in part.items()}


def _told(keys: tuple[str, ...], values: tuple[object, ...]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in zip(keys, values, strict=True))
