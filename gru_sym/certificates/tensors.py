"""Three kernels around one elementwise product, `A @ ((B @ u) * (C @ v))`: one tensor.

Where A, B and C occur in no other way, a cell depends on them through the tensor T with the entries
`T[i, p, q] = sum of A[i, k] B[k, p] C[k, q] over k` alone, that is, `T(u, v)` is linear in u and in
v. Several A may share one B and one C; their tensors then lie above each other, as one T.

**Theorem.** Let the cell in which `(M @ u) * (N @ v)` stands for each `T(u, v)` be local by its
data alone (`locality`), and let B be sizes as in `all_sizes`, where T counts as a parameter with
three indices. Let D have no entry of A, B or C. If at the sizes B, with some inner size, the rank
of the columns outside D is the number of the other parameters outside D plus the number of entries
of T, then at all sizes that are at least B, the inner one included, each null vector that is 0 on D
moves A, B and C alone, and leaves T as it is.

*Proof.* The rank is that of the derivatives by T and the others, times that of T by A, B and C. So
both are full: almost all small tensors are such a T, and the entries of almost each are independent
of each other and of the other parameters. At larger sizes let S be places as in `all_sizes`, with
data switched off outside. What is left of T is its part in S, which is a generic tensor, since the
inner size is at least the small one. So this part and the parameters in S do not change along the
null vector. Each entry of T has its three indices in some S.

**Lemma.** Let the inner size k be at most the number of rows of A and at most that of columns of C,
and let B have two columns or more. Then what leaves T is of dimension 2 k for generic A, B and C:
the scalings between the rows of B, those of C and the columns of A. The same holds with the three
in another order.

*Proof.* It is at least 2 k, and no more if it is 2 k at one point: let A and C be unit vectors, and
the rows b_k of B be pairwise independent. The entries (i, j) of the derivative, vectors in the
index p, are `a_j[i] b_j + c_i[j] b_i` for i different from j, where a_j and c_i are the changes of
column j of A and row i of C (only the first of both where j or i is too large for the other). They
are 0, so all these are. The entry (i, i) is `a_i[i] b_i + (change of b_i) + c_i[i] b_i`: the change
of b_i follows from two free numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.certificates.conditions import Condition, always
from gru_sym.certificates.families import Family
from gru_sym.certificates.lowrank import exchanged_products
from gru_sym.certificates.moves import ScalingFamily
from gru_sym.certificates.system import System
from gru_sym.language.unification import Size
from gru_sym.normal.exponents import functions_of
from gru_sym.normal.polynomials import Polynomial, Product, Symbol, Term, matrix_product


@dataclass(frozen=True)
class Tensor:
    """Kernels that are seen through one tensor: those on the left, and the two that meet."""

    left: tuple[str, ...]
    first: str
    second: str
    inner: Size

    @property
    def kernels(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.left, self.first, self.second))

    def sides(self, system: System) -> Iterator[tuple[Size, Size, Size]]:
        """The sizes of the three indices, for each kernel on the left."""
        first, second = (system.shapes[name][1] for name in (self.first, self.second))
        for name in self.left:
            yield system.shapes[name][0], first, second

    def conditions(self, system: System) -> tuple[Condition, ...] | None:
        """What the sizes must fulfil for the lemma; None if that takes more than comparisons."""
        sides = [tuple(map(size_expression, each)) for each in self.sides(system)]
        rows, inner = sp.Add(*(each[0] for each in sides)), size_expression(self.inner)
        found = []
        for one, other, third in permutations((rows, *sides[0][1:])):
            needed = [(one, inner), (other, inner), (third, sp.Integer(2))]
            left = [pair for pair in needed if not always(pair[0] - pair[1])]
            left = [(a, b) for a, b in left if not any(_follows(a, c) for c, d in left if b == d)]
            if all(large.is_Symbol for large, _ in left):
                found.append(tuple(Condition((pair,)) for pair in dict.fromkeys(left)))

        def strength(needed: tuple[Condition, ...]) -> tuple[int, int, str]:
            """2 columns are less than k."""
            words = ", ".join(map(str, needed))
            return len(needed), words.count("at most"), words

        return min(found, key=strength, default=None)


def _follows(large: sp.Expr, other: sp.Expr) -> bool:
    """Whether what is at least as large as the other one need not be asked for."""
    return large != other and always(large - other)


def tensors(system: System, families: Iterable[Family]) -> tuple[Tensor, ...]:
    """The tensors of a system whose scalings are among the families, and their kernels in no other.

    >>> from gru_sym import Cell
    >>> from gru_sym.certificates.finding import redundancy
    >>> cell = Cell("h' = tanh(A @ ((B @ x) * (C @ h)) + b)")
    >>> tensors(System.of(cell), redundancy(cell).families)
    (Tensor(left=('A',), first='B', second='C', inner='k'),)
    """
    met: dict[tuple[str, str, Term, Size], Counter[str]] = {}
    for product, kernels in _patterns(system):
        a, b, c = kernels
        met.setdefault((b, c, product.right, product.inner), Counter())[a] += 1
    total = Counter(name for form in _forms(system) for name in _symbols(form))
    found = []
    for (b, c, _, inner), left in met.items():
        tensor = Tensor(tuple(sorted(left)), b, c, inner)
        times = {**left, b: left.total(), c: left.total()}
        moving = [f for f in families if tensor.kernels & {*f.parameters}]
        scalings = all(
            isinstance(f, ScalingFamily) and tensor.kernels.issuperset(f.parameters) for f in moving
        )
        number = sp.Add(*(f.count for f in moving)) - 2 * size_expression(inner)
        if scalings and sp.expand(number) == 0 and all(total[k] == n for k, n in times.items()):
            found.append(tensor)
    return tuple(found)


def bilinear(system: System, found: Iterable[Tensor]) -> System:
    """The system with `(M @ u) * (N @ v)` in place of each tensor: its sums are over u and v."""
    kernels = frozenset().union(*(tensor.kernels for tensor in found))
    shapes = dict(system.shapes)

    def put(product: Product) -> Polynomial | None:
        names = _kernels(product, system)
        if names is None or not kernels.issuperset(names):
            return None
        result = Polynomial.number(1)
        for factor, _ in product.right:
            assert isinstance(factor, Product)
            name = f"{names[0]} {next(iter(factor.left))[0].key}"
            shapes[name] = (shapes[names[0]][0], factor.inner)
            vector = Polynomial.of(factor.right)
            result *= matrix_product(Polynomial.symbol(name), vector, factor.inner, False)
        return result

    states = {s: exchanged_products(form, kernels, put) for s, form in system.states.items()}
    made = tuple(name for name in shapes if name not in system.shapes)
    kept = tuple(name for name in system.parameters if name not in kernels)
    return replace(system, states=states, shapes=shapes, parameters=(*kept, *made))


def _patterns(system: System) -> Iterator[tuple[Product, tuple[str, str, str]]]:
    """Every product of three kernels, each time that it is met."""
    for form in _forms(system):
        for product in _products(form):
            if (kernels := _kernels(product, system)) is not None:
                yield product, kernels


def _kernels(product: Product, system: System) -> tuple[str, str, str] | None:
    """The three kernels of `A @ ((B @ u) * (C @ v))`, if it is one."""
    factors = [product, *(f for f, e in product.right if e == 1 and isinstance(f, Product))]
    if len(product.right) != 2 or len(factors) != 3 or any(f.scalar for f in factors):
        return None
    left = [[f.name for f, e in each.left if isinstance(f, Symbol) and e == 1] for each in factors]
    if any(len(names) != 1 or len(f.left) != 1 for names, f in zip(left, factors, strict=True)):
        return None
    (a,), *others = left
    b, c = sorted(name for (name,) in others)
    # Full kernels, and not themselves of limited rank.
    known = {*system.parameters} - system.factors.keys() - system.blocks.keys()
    return (a, b, c) if len({a, b, c} & known) == 3 else None


def _forms(system: System) -> list[Polynomial]:
    """The next states, and the arguments of all functions in them."""
    states = system.states.values()
    return [*states, *dict.fromkeys(f.argument for f in functions_of(*states))]


def _products(form: Polynomial) -> Iterator[Product]:
    """The products outside functions, those inside others too."""
    pending = [term for term, _ in form.terms]
    while pending:
        for factor, _ in pending.pop():
            if isinstance(factor, Product):
                yield factor
                pending += [factor.left, factor.right]


def _symbols(form: Polynomial) -> Iterator[str]:
    """The names outside functions, each time that they are met."""
    terms = [t for t, _ in form.terms]
    terms += [side for product in _products(form) for side in (product.left, product.right)]
    return (f.name for term in terms for f, _ in term if isinstance(f, Symbol))
