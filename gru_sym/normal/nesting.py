"""How matrix products are nested in polynomials."""

from __future__ import annotations

from collections.abc import Iterator

from gru_sym.normal.polynomials import Function, Polynomial, Product


def level(product: Product) -> int:
    """How deep matrix products are nested in one."""
    inside = (Polynomial.of(t) for t in (product.left, product.right))
    return 1 + max((level(each) for p in inside for each in outermost(p)), default=0)


def outermost(polynomial: Polynomial) -> Iterator[Product]:
    """The matrix products in a polynomial that lie in no other."""
    for term, _ in polynomial.terms:
        for factor, _ in term:
            match factor:
                case Function(argument=argument):
                    yield from outermost(argument)
                case Product():
                    yield factor


def products(polynomial: Polynomial) -> Iterator[Product]:
    """Every matrix product in a polynomial, those inside others and inside functions too."""
    for product in outermost(polynomial):
        yield product
        for term in (product.left, product.right):
            yield from products(Polynomial.of(term))
