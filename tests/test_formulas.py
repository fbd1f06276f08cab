"""Formulas without SymPy: read, written, added and evaluated as SymPy does."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.formulas import read_formula

SIZES = {"m": 2, "n": 3, "p": 5, "H": 7, "k": 11, "hidden": 13}
NUMBERS = st.fractions(-9, 9, max_denominator=4)
PRODUCTS = st.dictionaries(st.sampled_from([*SIZES]), st.sampled_from([-1, 1, 2]), min_size=1)


def symbolic(terms):
    products = (sp.Mul(*(sp.Symbol(s) ** p for s, p in own.items())) for _, own in terms)
    numbers = (sp.Rational(number.numerator, number.denominator) for number, _ in terms)
    return sp.expand(sp.Add(*(c * p for c, p in zip(numbers, products, strict=True))))


@given(*[st.lists(st.tuples(NUMBERS, PRODUCTS), max_size=4)] * 2, st.integers(0, 9))
def test_is_read_written_added_and_evaluated_as_sympy_does(one, other, times):
    first, second = symbolic(one), symbolic(other)
    total = sp.expand(first + times * second)
    found = read_formula(str(first)).plus(read_formula(str(second)), times)
    assert str(found) == str(total)
    value = total.subs(SIZES)
    if value.is_Integer:
        assert found.at(SIZES) == value
    else:
        with pytest.raises(ValueError, match="no whole number"):
            found.at(SIZES)


@pytest.mark.parametrize("text", ["", "n*(n - 1)", "Min(m, n)", "m**-1", "sqrt(n)", "m**k", "2.5"])
def test_what_is_no_sum_of_products_is_refused(text):
    with pytest.raises(ValueError, match="no sum of products of sizes"):
        read_formula(text)
