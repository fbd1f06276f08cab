"""The whole experiment: its units one after the other, and a record that can be gone on with.

The record is written after every unit. Started again with the same file, the run takes up where it
stopped, and the record becomes the same, bit for bit, but for its date and its times.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import process_time

from gru_sym.experiment import capacity, comparing, doubling
from gru_sym.experiment.capacity import Capacity
from gru_sym.experiment.comparing import Comparison, Units
from gru_sym.experiment.doubling import Doubling
from gru_sym.provenance import provenance, target, write
from gru_sym.records import Record, Row, read


@dataclass(frozen=True)
class Whole:
    """The three experiments, in the order in which they run."""

    doubling: Doubling
    capacity: Capacity
    comparison: Comparison

    def units(self) -> Units:
        """All there is to do, by name."""
        parts = (self.doubling, self.capacity, self.comparison)
        return {name: run for part in parts for name, run in part.units().items()}

    def plan(self) -> list[Row]:
        """The settings as rows of a record, and the sizes that the budgets give."""
        settings = []
        for of in ("doubling", "capacity", "comparison"):
            chosen = asdict(getattr(self, of))
            del chosen["device"]  # the record says it by itself
            settings.append({"table": "plan", "of": of, "settings": json.dumps(chosen)})
        return [*settings, *({"table": "sizes", **row} for row in self.comparison.sizes())]

    def on(self, device: str) -> Whole:
        """The same on another device."""
        return Whole(
            replace(self.doubling, device=device),
            replace(self.capacity, device=device),
            replace(self.comparison, device=device),
        )


FULL = Whole(doubling.FULL, capacity.FULL, comparing.FULL)
MINIATURE = Whole(doubling.MINIATURE, capacity.MINIATURE, comparing.MINIATURE)


def begin(path: str | Path, whole: Whole, device: str, *, dry: bool = False) -> Record:
    """The record in a file, to go on with; or a new one, written at once.

    Raises `ValueError` for a file that cannot be written, is no record, or was made by another
    plan, machine, version or source than this run would be.
    """
    file, new = target(path), provenance(device, dry)
    new.rows.extend(whole.plan())
    if not file.exists() or not file.stat().st_size:
        write(path, new)
        return new
    old = read(path)
    for what in ("plan", "sizes"):
        if old.table(what) != new.table(what):
            raise ValueError(
                f"{path} is the record of another experiment, with another {what}; give this one "
                "a file of its own"
            )
    for what in ("device", "machine", "versions", "commit", "dry"):
        ours, theirs = getattr(new, what), getattr(old, what)
        if ours != theirs:
            raise ValueError(
                f"{path} was begun with {what} {theirs}, and here it is {ours}; give this run a "
                "file of its own"
            )
    return old


def left(record: Record, units: Units) -> list[str]:
    """The names of the units that a record does not hold yet."""
    done = {row["unit"] for row in record.rows if "unit" in row}
    return [name for name in units if name not in done]


def go_on(
    record: Record,
    units: Units,
    save: Callable[[Record], object] = lambda record: None,
    progress: Callable[[int, int, str], object] = lambda done, of, name: None,
) -> Record:
    """Run what is left, a unit at a time; `save` is given the record after each.

    An interrupt loses the unit that it comes in, and nothing else: rows of a unit are there
    together or not at all.
    """
    waiting = left(record, units)
    for number, name in enumerate(waiting, len(units) - len(waiting)):
        progress(number, len(units), name)
        began = process_time()
        rows = [{"table": row["table"], "unit": name, **row} for row in units[name]()]
        json.dumps(rows, allow_nan=False)  # what cannot be written fails here
        rows.append({"table": "work", "unit": name, "cpu_s": round(process_time() - began, 1)})
        record.rows.extend(rows)
        save(record)
    progress(len(units), len(units), "done")
    return record


def missing(record: Record, whole: Whole = FULL) -> dict[str, str]:
    """Tasks of which not every unit was run, with how many were.

    >>> missing(Record("2026-01-01", "cpu", "none", {}, None), MINIATURE)
    {'rows': '0 of 3'}
    """
    waiting, found = set(left(record, whole.units())), {}
    for task in whole.comparison.tasks:
        own = [name for name in whole.comparison.units() if name.startswith(f"{task}, ")]
        done = sum(name not in waiting for name in own)
        if done < len(own):
            found[task] = f"{done} of {len(own)}"
    return found
