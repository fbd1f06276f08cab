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

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.explanation.contents import Shown
from gru_sym.layers import Layer
from gru_sym.libraries.layout_text import Form
from gru_sym.libraries.naming import SizeOf
from gru_sym.libraries.stored import stored_layer
from gru_sym.libraries.texts import forms, title
from gru_sym.libraries.texts import names as libraries
from gru_sym.lookup import catalogue
from gru_sym.render import spelled

MOST = 10**11
"""The largest number that is explained."""

MAX_LAYERS = 4
"""The most stacked layers that are thought of."""

MAX_LINES = 8
"""The most answers that the text shows; `fits` has them all."""

USUAL = frozenset({13, 26, 28, 39, 40, 50, 80, 257, 300, 513, 784})
"""Input sizes that data have: cepstra, mel bands, spectra, pictures' rows, word vectors."""

M, N, P = sp.symbols("m n p")

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
        first = f"{kind}, {sizes}{how}: {spelled(sp.sympify(self.formula))}"
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
    ]
    fits.sort(key=lambda fit: fit.roughness)
    return CountExplanation(count, given, tuple(fits), _searched(given))


def _searched(given: Mapping[str, int]) -> str:
    free = [name for name in ("m", "n") if name not in given]
    what = f"all {' and '.join(free)}" if free else "these sizes"
    cells = sum(SIZES.issuperset(cell.size_names) for cell in catalogue.values())
    return (
        f"every layer of {len(libraries())} libraries and {cells} cells, up to "
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
    cell: Cell
    owners: tuple[tuple[str, bool, bool], ...]
    cells: tuple[str, ...]

    @property
    def size_names(self) -> tuple[str, ...]:
        return self.cell.size_names

    def named(self, levels: int, both: bool) -> tuple[str, ...]:
        """The layers of libraries that can be stacked so."""
        return tuple(
            name
            for name, has_levels, has_directions in self.owners
            if (has_levels or levels == 1) and (has_directions or not both)
        )

    def stacked(self, levels: int, both: bool) -> sp.Expr | None:
        """The count of so many; None for what cannot be stacked, or no library stacks."""
        if (levels > 1 or both) and not self.named(levels, both):
            return None
        try:
            return sp.sympify(Layer(self.cell, levels, both).count())
        except ValueError:
            return None


@lru_cache
def _kinds() -> tuple[_Kind, ...]:
    """Every formula of a layer of a library or a cell of the catalogue."""
    found: dict[tuple[str, str], tuple[Cell, list[tuple[str, bool, bool]], list[str]]] = {}
    for library in libraries():
        for form in forms(library):
            if not form.trained_states:
                layer = stored_layer(form, 1, False, ()).layer
                key = form.cell_id.partition(".")[0], str(layer.count())
                owner = (_name(library, form), form.has_levels, form.has_directions)
                found.setdefault(key, (layer.cell, [], []))[1].append(owner)
    for name, cell in catalogue.items():
        key = name.partition(".")[0], str(cell.count())
        found.setdefault(key, (cell, [], []))[2].append(name)
    return tuple(
        _Kind(family, cell, tuple(dict.fromkeys(owners)), tuple(cells))
        for (family, _), (cell, owners, cells) in found.items()
    )


def _name(library: str, form: Form) -> str:
    """A layer with those options that are not the library's defaults."""
    defaults = next(own.options for own in forms(library) if own.layer == form.layer)
    special = [
        f"{name}={value if isinstance(value, SizeOf) else repr(value)}"
        for name, value in form.options.items()
        if value != defaults.get(name)
    ]
    return f"{title(library)} {form.layer}" + f"({', '.join(special)})" * bool(special)


def _has_layer_too(name: str, names: tuple[str, ...]) -> bool:
    return "Cell" in name and name.replace("Cell", "", 1) in names


def _sizes(
    formula: sp.Expr, names: tuple[str, ...], count: int, given: Mapping[str, int]
) -> Iterator[dict[str, int]]:
    """The sizes at which a formula has this value."""
    if not SIZES.issuperset(names):
        return
    if "m" in given and "m" not in names:  # its input is as wide as its state
        given = {"n": given["m"], **given}
        if given["n"] != given["m"]:
            return
    free = "p" if "p" in names else "m"
    equal = {M: P} if free == "p" and "m" not in given else {}
    known = {size: number for size, number in given.items() if size == "m"}
    polynomial = sp.Poly(formula.subs(equal).subs(known), sp.Symbol(free), N)
    c = {powers: int(value) for powers, value in polynomial.as_dict().items()}
    a, d, square, line, rest = (c.get(k, 0) for k in ((1, 1), (1, 0), (0, 2), (0, 1), (0, 0)))
    if {*c} - {(1, 1), (1, 0), (0, 2), (0, 1), (0, 0)}:
        return
    for other, n in _solutions(a, d, square, line, rest, count, given.get("n")):
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
    return [int(d) for d in sp.divisors(number)] if number > 0 else []
