"""From one cell to another: the substitution with its proof, or why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from gru_sym.cells import Cell
from gru_sym.conversion.matching import (
    Guess,
    Linear,
    guess,
    linear_text,
    unseen,
    zeros_needed,
)
from gru_sym.equivalence import Proof, equivalent
from gru_sym.transform import drop


@dataclass(frozen=True)
class Passage:
    """How the parameters of cell b are made of those of cell a, and the proof.

    Attributes
    ----------
    a, b : the cells.
    parameters : for every parameter of b a sum of parameters of a.
    states : for every state of b the one of a that it is.
    zero : parameters of a that must be 0.
    proof : that b with this put in is a (with those 0), at all sizes.
    """

    a: Cell
    b: Cell
    parameters: Mapping[str, Linear]
    states: Mapping[str, str]
    zero: tuple[str, ...]
    proof: Proof

    @cached_property
    def sums(self) -> dict[str, str]:
        """The parameters of b that are a sum: name -> the sum."""
        return {n: linear_text(terms) for n, terms in self.parameters.items() if len(terms) > 1}

    @cached_property
    def added(self) -> tuple[str, ...]:
        """The parameters of b that are 0, because a has none for them."""
        return tuple(name for name, terms in self.parameters.items() if not terms)

    @cached_property
    def negated(self) -> dict[str, str]:
        """The parameters of b that change their sign: name -> that of a with its minus."""
        return {
            name: linear_text(terms)
            for name, terms in self.parameters.items()
            if len(terms) == 1 and next(iter(terms.values())) < 0
        }

    @cached_property
    def copied(self) -> dict[str, str]:
        """The parameters of b that are one parameter of a which others of b are, too."""
        used = Counter(part for terms in self.parameters.values() for part in terms)
        return {
            name: linear_text(terms)
            for name, terms in self.parameters.items()
            if any(used[part] > 1 for part in terms)
        }

    @property
    def verdict(self) -> str:
        """Exact: the parameters are renamed, no more than their signs change, and nothing is lost.

        >>> from gru_sym import cell
        >>> passage(cell("gru.keras"), cell("gru.pytorch")).verdict
        'exact'
        >>> passage(cell("gru.merged"), cell("gru.pytorch")).verdict
        'exact, with zeros'
        """
        if self.sums:
            return "after merging"
        if self.added:
            return "exact, with zeros"
        return "exact, with copies" if self.copied else "exact"


@dataclass(frozen=True)
class Obstacle:
    """That no substitution was found.

    Attributes
    ----------
    zero : parameters of a; if all of these are 0 there is a passage. None if none is known.
    """

    a: Cell
    b: Cell
    zero: tuple[str, ...] | None

    def __bool__(self) -> bool:
        return False


@lru_cache(maxsize=4096)
def passage(a: Cell, b: Cell) -> Passage | Obstacle:
    """The way from a to b; an `Obstacle`, which is false, if none is found.

    >>> from gru_sym import cell
    >>> found = passage(cell("gru.pytorch"), cell("gru.merged"))
    >>> found.verdict, found.sums["b_r"], bool(found.proof)
    ('after merging', 'b_ir + b_hr', True)
    >>> passage(cell("gru.pytorch"), cell("gru.flux")).zero
    ('b_hn',)

    What is looked for puts sums of parameters of a, with their signs, and 0 into b.
    """
    found = guess(a, b)
    if found and (proved := _proved(a, b, found, ())):
        return proved
    zero = zeros_needed(a, b)
    # With more than half of them 0 it is hardly a layer any more.
    if zero and 2 * len(zero) <= len(a.program.parameters) and passage_if(a, b, zero):
        return Obstacle(a, b, zero)
    return Obstacle(a, b, None)


@lru_cache(maxsize=4096)
def passage_if(a: Cell, b: Cell, zero: tuple[str, ...]) -> Passage | None:
    """The way from a to b where these parameters of a are 0.

    >>> from gru_sym import cell
    >>> passage_if(cell("gru.pytorch"), cell("gru.flux"), ("b_hn",)).sums
    {'b_r': 'b_ir + b_hr', 'b_z': 'b_iz + b_hz'}
    """
    found = guess(a, b, zero)
    return _proved(a, b, found, zero) if found else None


def _proved(a: Cell, b: Cell, found: Guess, zero: tuple[str, ...]) -> Passage | None:
    """The passage, once `equivalent` proves it."""
    try:
        left = drop(a, unseen(a, zero)) if zero else a
        proof = equivalent(left, b, found.texts)
    except ValueError:  # nothing is left of a state, or it is neither proved nor refuted
        return None
    if not isinstance(proof, Proof):
        return None
    return Passage(a, b, found.parameters, found.states, zero, proof)
