"""The other way round: from a number of parameters to the layers and sizes that have so many.

Every count is linear in the input size m and quadratic in the hidden size n, so nothing is tried
out: with m given, n is a root; without it, n is among the divisors of a number, the count itself
mostly.
"""

from __future__ import annotations

import json
import math
import operator
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from gru_sym.explanation.contents import Shown
from gru_sym.explanation.known import KnownForm, known, known_cell, known_forms, stacked
from gru_sym.formulas import Formula, read_formula
from gru_sym.libraries.naming import SizeOf
from gru_sym.lookup import catalogue

MOST = 10**11
"""The largest number that is explained."""

MAX_LAYERS = 4
"""The most stacked layers that are thought of."""

MAX_LINES = 8
"""The most answers that the text shows; `fits` has them all."""

USUAL = frozenset({13, 26, 28, 39, 40, 50, 80, 257, 300, 513, 784})
"""Input sizes that data have: cepstra, mel bands, spectra, pictures' rows, word vectors."""

SIZES = frozenset("mnp")
"""The sizes of the layers that are searched; the rank of a kernel, for example, is none."""


@dataclass(frozen=True)
class CountFit:
    """A layer at sizes that give the number.

    Attributes
    ----------
    family : "gru", "lstm", "rnn", "minimal".
    formula : the count in symbols.
    sizes : by the cell's symbols.
    num_layers, bidirectional : how it is stacked.
    layers : the layers of libraries that have this count.
    cells : the cells of the catalogue that have it.
    """

    family: str
    formula: str
    sizes: Mapping[str, int]
    num_layers: int
    bidirectional: bool
    layers: tuple[str, ...]
    cells: tuple[str, ...]

    @property
    def roughness(self) -> float:
        """How far it is from what people choose: 0 for round sizes, one layer, one direction."""
        m, n = self.sizes.get("m", self.sizes["n"]), self.sizes["n"]
        ratio = abs(math.log2(m / n))
        odd = rough(n) + (min(1.0, rough(m)) if m in USUAL else rough(m))
        odd += rough(self.sizes.get("p", 1)) + 2 * ("p" in self.sizes)
        usual = not {"PyTorch", "Keras"} & {name.split()[0] for name in self.layers}
        stacked = 2 * math.log2(self.num_layers) + 1.5 * self.bidirectional
        return odd + max(0.0, ratio - 3) + stacked + 1.0 * usual + 3 * (not self.layers)

    def lines(self) -> list[str]:
        """The answer in a terminal."""
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        how = f", {self.num_layers} layers" * (self.num_layers > 1)
        how += ", both directions" * self.bidirectional
        cells = [name for name in self.layers if not _has_layer_too(name, self.layers)]
        names = cells or list(self.cells)
        more = f" and {len(names) - 4} more" * (len(names) > 4)
        kind = {"minimal": "minimal unit"}.get(self.family, self.family.upper())
        first = f"{kind}, {sizes}{how}: {read_formula(self.formula).spelled()}"
        return [first, f"    {', '.join(names[:4])}{more}"]


@dataclass(frozen=True, repr=False)
class CountExplanation(Shown):
    """What has a number of parameters; `print` shows it.

    Attributes
    ----------
    count : the number.
    given : the sizes that were known.
    fits : every layer and sizes that give it, the plausible first.
    searched : what was searched, in a sentence.
    """

    count: int
    given: Mapping[str, int]
    fits: tuple[CountFit, ...]
    searched: str

    def text(self) -> str:
        """The answers in a terminal."""
        known = " and ".join(f"{name} = {size}" for name, size in self.given.items())
        known = f" with {known}" * bool(known)
        several = f"{len(self.fits):,} layers have" if len(self.fits) != 1 else "one layer has"
        lines = [f"{self.count:,} parameters{known}: {several} so many"]
        lines[0] += ", the plausible first" * (len(self.fits) > 1)
        for fit in self.fits[:MAX_LINES]:
            lines += fit.lines()
        if len(self.fits) > MAX_LINES:
            lines.append(f"and {len(self.fits) - MAX_LINES:,} less plausible; --json has them all")
        return "\n".join([*lines, *textwrap.wrap(f"searched: {self.searched}", 80)])

    def json(self) -> str:
        """The answers for programs: one object on one line."""
        fits = [
            {
                "family": fit.family,
                "formula": fit.formula,
                "sizes": fit.sizes,
                "num_layers": fit.num_layers,
                "bidirectional": fit.bidirectional,
                "layers": fit.layers,
                "cells": fit.cells,
            }
            for fit in self.fits
        ]
        about = {"count": self.count, "given": self.given, "fits": fits, "searched": self.searched}
        return json.dumps(about)


def explain_count(count: int, *, m: int | None = None, n: int | None = None) -> CountExplanation:
    """Which recurrent layers, at which sizes, have so many parameters.

    >>> found = explain_count(4960, m=10)
    >>> found.fits[0].family, found.fits[0].sizes, found.fits[0].bidirectional
    ('lstm', {'m': 10, 'n': 20}, True)

    Parameters
    ----------
    count : the number, biases and both directions included.
    m, n : the input size and the hidden size, where they are known.

    Every answer is exact, and none is left out of what `searched` names.

    Raises `ValueError` for what is no positive integer, and for numbers above 10^11.
    """
    given = {name: size for name, size in (("m", m), ("n", n)) if size is not None}
    for name, number in (("count", count), *given.items()):
        if isinstance(number, bool) or not hasattr(number, "__index__") or number < 1:
            raise ValueError(f"{name} must be a positive integer, not {number!r}")
    if count > MOST:
        raise ValueError(f"numbers up to {MOST:,} are explained, not {count}")
    count = operator.index(count)
    fits = [
        CountFit(kind.family, text, sizes, levels, both, layers, cells)
        for kind in _kinds()
        for levels in range(1, MAX_LAYERS + 1)
        for both in (False, True)
        if (formula := kind.stacked(levels, both)) is not None
        for layers in [kind.named(levels, both)]
        for cells, text in [(kind.cells, str(formula))]
        for sizes in _sizes(formula, kind.size_names, count, given)
        if all(sizes[size] % number == 0 for size, number in kind.multiples)
    ]
    fits.sort(key=lambda fit: fit.roughness)
    return CountExplanation(count, given, tuple(fits), _searched(given))


def _searched(given: Mapping[str, int]) -> str:
    free = [name for name in ("m", "n") if name not in given]
    what = f"all {' and '.join(free)}" if free else "these sizes"
    cells = sum(SIZES.issuperset(known_cell(name)["sizes"]) for name in catalogue)
    return (
        f"every layer of {len(known()['libraries'])} libraries and {cells} cells, up to "
        f"{MAX_LAYERS} layers, one direction and both (outputs side by side), {what}; "
        f"a projection p < n{'' if 'm' in given else ' with p = m'}"
    )


def rough(size: int) -> float:
    """How little round a size is, in bits: what is left without powers of 2, or of 10.

    >>> rough(256), rough(300) == rough(3), rough(7) < rough(257)
    (0.0, True, True)
    """
    odd = size // (size & -size)
    return math.log2(min(odd, int(str(size).rstrip("0"))))


@dataclass(frozen=True)
class _Kind:
    """All layers and cells that have one formula; each layer with whether it can be stacked."""

    family: str
    cell: str
    owners: tuple[tuple[str, bool, bool], ...]
    cells: tuple[str, ...]

    @property
    def size_names(self) -> tuple[str, ...]:
        return tuple(known_cell(self.cell)["sizes"])

    @property
    def multiples(self) -> tuple[tuple[str, int], ...]:
        """Sizes that are multiples of a number, for the blocks of a kernel."""
        return tuple(known_cell(self.cell)["multiples"].items())

    def named(self, levels: int, both: bool) -> tuple[str, ...]:
        """The layers of libraries that can be stacked so."""
        return tuple(
            name
            for name, has_levels, has_directions in self.owners
            if (has_levels or levels == 1) and (has_directions or not both)
        )

    def stacked(self, levels: int, both: bool) -> Formula | None:
        """The count of so many; None for what cannot be stacked, or no library stacks."""
        if (levels > 1 or both) and not self.named(levels, both):
            return None
        try:
            return _count(self.cell, levels, both)
        except ValueError:
            return None


@lru_cache
def _kinds() -> tuple[_Kind, ...]:
    """Every formula of a layer of a library or a cell of the catalogue."""
    found: dict[tuple[str, str, str], tuple[str, list[tuple[str, bool, bool]], list[str]]] = {}

    def like(cell: str) -> tuple[str, list[tuple[str, bool, bool]], list[str]]:
        multiples = str(known_cell(cell)["multiples"])
        key = cell.partition(".")[0], str(_count(cell, 1, False)), multiples
        return found.setdefault(key, (cell, [], []))

    for library in known()["libraries"]:
        for form in known_forms(library):
            if not form.cell.endswith("initial states"):
                owner = (_name(library, form), form.has_levels, form.has_directions)
                like(form.cell)[1].append(owner)
    for name in catalogue:
        like(name)[2].append(name)
    return tuple(
        _Kind(family, cell, tuple(dict.fromkeys(owners)), tuple(cells))
        for (family, *_), (cell, owners, cells) in found.items()
    )


def _count(cell: str, levels: int, both: bool) -> Formula:
    return stacked([grown for _, _, *grown in known_cell(cell)["parts"]], levels, both)


def _name(library: str, form: KnownForm) -> str:
    """A layer with those options that are not the library's defaults."""
    defaults = next(own.options for own in known_forms(library) if own.layer == form.layer)
    special = [
        f"{name}={value if isinstance(value, SizeOf) else repr(value)}"
        for name, value in form.options.items()
        if value != defaults.get(name)
    ]
    return f"{form.title} {form.layer}" + f"({', '.join(special)})" * bool(special)


def _has_layer_too(name: str, names: tuple[str, ...]) -> bool:
    return "Cell" in name and name.replace("Cell", "", 1) in names


def _sizes(
    formula: Formula, names: tuple[str, ...], count: int, given: Mapping[str, int]
) -> Iterator[dict[str, int]]:
    """The sizes at which a formula has this value."""
    if not SIZES.issuperset(names):
        return
    if "m" in given and "m" not in names:  # its input is as wide as its state
        given = {"n": given["m"], **given}
        if given["n"] != given["m"]:
            return
    free = "p" if "p" in names else "m"
    over = math.lcm(*(number.denominator for number in formula.terms.values()))
    c: dict[tuple[int, int], int] = {}  # by the powers of the free size and of n
    for powers, number in formula.terms.items():
        left, times = {free: 0, "n": 0}, int(over * number)
        for name, power in powers:
            if name == "m" and "m" in given:
                times *= given["m"] ** power
            else:
                left[free if name == "m" else name] += power
        key = left[free], left["n"]
        c[key] = c.get(key, 0) + times
    a, d, square, line, rest = (c.get(k, 0) for k in ((1, 1), (1, 0), (0, 2), (0, 1), (0, 0)))
    if {*c} - {(1, 1), (1, 0), (0, 2), (0, 1), (0, 0)}:
        return
    for other, n in _solutions(a, d, square, line, rest, over * count, given.get("n")):
        found = {"m": given.get("m", other), "n": n, "p": other}
        if free != "p" or other < n:
            yield {name: found[name] for name in names}


def _solutions(
    a: int, d: int, b: int, c: int, e: int, count: int, n: int | None
) -> Iterator[tuple[int, int]]:
    """All positive v and n with v (a n + d) + b n² + c n + e = count.

    >>> sorted(_solutions(4, 0, 4, 4, 0, 48, None))
    [(3, 2), (10, 1)]
    """
    if a == d == 0:
        yield from ((0, root) for root in _roots(b, c, e - count) if n in (None, root))
        return
    if n is not None:
        tried = [n]
    elif d == 0:
        tried = _divisors(count - e)
    else:  # a n + d divides a² (count - e) + a c d - b d²: the remainder of the division by it
        remainder = abs(a * a * (count - e) + a * c * d - b * d * d)
        tried = [(t - d) // a for t in _divisors(remainder) if (t - d) % a == 0] if a else []
    for one in tried:
        if one >= 1 and a * one + d > 0:
            v, left = divmod(count - b * one * one - c * one - e, a * one + d)
            if left == 0 and v >= 1:
                yield v, one


def _roots(b: int, c: int, e: int) -> list[int]:
    """The positive whole roots of b n² + c n + e."""
    if b == 0:
        return [-e // c] if c and e % c == 0 and -e // c > 0 else []
    square = c * c - 4 * b * e
    root = math.isqrt(max(0, square))
    if root * root != square:
        return []
    tops = {root - c, -root - c}
    return sorted(top // (2 * b) for top in tops if top % (2 * b) == 0 and top // (2 * b) > 0)


@lru_cache(maxsize=256)
def _divisors(number: int) -> list[int]:
    import sympy

    return [int(d) for d in sympy.divisors(number)] if number > 0 else []
