"""Parameters in sums, where the sums depend on each other: `a + b`, `b + d`, `a - d`.

If each of some parameters only ever stands by itself, with a number in front, in a sum or in front
of some data, the cell sees nothing of them but certain combinations. Shifts along which all these
combinations stay are the null vectors of a small matrix of numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import sympy as sp

from gru_sym.certificates.absorption import occurrences
from gru_sym.certificates.sites import Site, alone
from gru_sym.language.shapes import Shape

Combination = dict[str, Fraction]


def shifts(
    sites: Iterable[Site], movable: Iterable[str], shapes: Mapping[str, Shape]
) -> Iterator[Combination]:
    """Multiples of one array that can be added to parameters, a basis of them."""
    sites = list(sites)
    combinations = [c for site in sites for c in _combinations(site) if c]
    seen = Counter(name for combination in combinations for name in combination)
    counts = occurrences(sites)
    free = [name for name in movable if 0 < seen[name] == counts[name]]
    for shape in dict.fromkeys(shapes[name] for name in free):
        names = [name for name in free if shapes[name] == shape]
        rows = [[c.get(name, 0) for name in names] for c in combinations]
        for vector in sp.Matrix(rows).nullspace():
            found = {n: Fraction(int(q.p), int(q.q)) for n, q in zip(names, vector, strict=True)}
            yield {name: q for name, q in found.items() if q}


def _combinations(site: Site) -> tuple[Combination, Combination]:
    """What stands by itself in a coefficient: vectors and numbers, and matrices."""
    vectors, matrices = Combination(), Combination()
    for term, number in site.coefficient.ordered if site.coefficient is not None else ():
        name, matrix = alone(term)
        if name:
            kind = matrices if matrix else vectors
            kind[name] = kind.get(name, Fraction(0)) + number
    return vectors, matrices
