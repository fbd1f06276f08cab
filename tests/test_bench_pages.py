"""What the pages are measured with: npm's lock files, and how a slow machine is allowed for."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from bench_pages import PRESET, slowdown  # noqa: E402

ASKS = ("dependencies", "optionalDependencies")


def by_tag(package: dict, lock: dict) -> set[tuple[str, str]]:
    """(package, dependency) asked for by a tag, such as `latest`, and pinned nowhere.

    A tag moves when its registry says so, and `npm ci` then refuses the lock file.
    """
    pinned = package.get("overrides", {})
    return {
        (name, wanted)
        for place, entry in lock["packages"].items()
        for kind in ASKS
        for wanted, version in entry.get(kind, {}).items()
        if version.isalpha()
        and version not in ("x", "X")
        and not pinned.get(name := place.rpartition("node_modules/")[2], {}).get(wanted)
    }


@pytest.mark.parametrize("folder", [".", "bench/lighthouse"])
def test_a_lock_file_does_not_go_stale_by_itself(folder: str):
    package, lock = (
        json.loads((ROOT / folder / name).read_text("utf-8"))
        for name in ("package.json", "package-lock.json")
    )
    assert not by_tag(package, lock)
    entries = [entry for place, entry in lock["packages"].items() if place]
    assert entries and all("integrity" in entry for entry in entries)
    assert "resolved" not in {key for entry in entries for key in entry}  # no registry's address
    for name, wanted in package.get("overrides", {}).items():
        assert by_tag({}, lock) >= {(name, dependency) for dependency in wanted}  # else needless


def test_a_slow_machine_is_slowed_down_less():
    """The values that the calculator's own comments give, and no step between them."""
    assert [slowdown(index) for index in (1533, 1300, 800, 150, 60)] == [PRESET, 3, 2, 1, 1]
    assert slowdown(10_000) == PRESET
    found = [slowdown(index) for index in range(1, 2000)]
    assert all(0 <= round(b - a, 2) <= 0.01 for a, b in pairwise(found))
