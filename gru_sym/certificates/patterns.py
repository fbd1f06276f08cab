"""Where not every choice of pieces occurs: a rank that any give in which each function is at work.

`relu(w * t + b)` and `relu(V @ t + d)` have more arguments than `t` has entries. So of the choices
of a piece for each function at each unit, the *patterns*, not all occur, and which of them do
depends on the parameters.

**Theorem.** Let the arguments of the piecewise linear functions be affine in the data, and not
constant for almost all parameters. For each function at each unit let a pattern be chosen, any one
in which this function is at work, that is, on its piece with a slope. If, for every such choice,
the rows of the chosen patterns together have the rank r, then the cell has at least the rank r for
almost all parameters.

*Proof.* An affine function that is not constant takes all values. So for almost all parameters each
function at each unit is at work on some open set of data, and a smaller one on which all others
stay on one piece, too: where two of them change pieces is of measure 0. The patterns of these sets
are such a choice. On each of the sets the cell is analytic, with the pieces as they are, and its
rows there are those of this pattern for all data.

The theorem in `all_sizes` carries the rank of the small cell over in the same way: a pattern at
large sizes, restricted to the units in S, is one of the small cell.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import product

from gru_sym.certificates.exact_rank import ExactRank, Search
from gru_sym.certificates.system import Entry, at_work, is_affine
from gru_sym.normal.field_values import PIECES, Key, Untreated
from gru_sym.normal.prime_field import Echelon

MAX_FUNCTIONS = 3
"""The most functions, each at each unit, of which every choice of patterns is tried."""

NOT_AFFINE = "the arguments of its piecewise linear functions are not affine in the data"
TOO_MANY = "it has too many piecewise linear functions to try every choice of their pieces"


class Pattern:
    """One piece for each function at each unit."""

    def __init__(self, chosen: Mapping[tuple[str, Key], int]) -> None:
        self.chosen = dict(chosen)

    @property
    def pattern(self) -> frozenset[tuple[object, int]]:
        """All of them."""
        return frozenset(self.chosen.items())

    def __call__(self, function: str, key: Key) -> int:
        """The number of the piece."""
        return self.chosen[function, key]


class OnPatterns(Search):
    """The search for a rank that every choice of patterns gives."""

    chosen: Pattern

    def pieces(self, sample: object) -> Pattern:
        """Those of the pattern at hand."""
        return self.chosen

    def without(self, fixed: frozenset[Entry]) -> tuple[ExactRank, int]:
        r"""The rank for any choice, and that of the columns of all parameters but those held fixed.

        >>> from gru_sym import Cell
        >>> from gru_sym.certificates.system import System
        >>> cell = Cell("h' = exp(-relu(w * x + b)) * x + exp(-relu(V @ x + d)) * h\nx: n")
        >>> OnPatterns(System.of(cell), {"n": 1}).without(frozenset())[0].rank
        4
        """
        order = sorted(self.columns, key=lambda entry: (entry in fixed, self.columns[entry]))
        place = {self.columns[entry]: number for number, entry in enumerate(order)}
        free = len(order) - len(fixed)
        try:
            self.settle(self.outputs)
            kinks = self._kinks()
            spaces = [(pattern, self._space(pattern, place)) for pattern in _patterns(kinks)]
            reason = self.unproved(self.outputs)
        except (ArithmeticError, Untreated) as error:
            return ExactRank(0, False, str(error)), 0
        if reason:
            return ExactRank(0, False, reason), 0
        rank, rest = len(order), free
        options = [[s for p, s in spaces if p.chosen[k] == at_work(*k)] for k in kinks]
        for choice in product(*options):
            whole = Echelon()
            for space in dict.fromkeys(choice):
                whole.join(space)
            rank = min(rank, whole.rank)
            rest = min(rest, sum(pivot < free for pivot in whole.pivots))
        return ExactRank(rank, True), rest

    def _space(self, pattern: Pattern, place: Mapping[int, int]) -> Echelon:
        self.chosen = pattern
        return self.saturated(self.outputs, place)

    def _kinks(self) -> list[tuple[str, Key]]:
        """Each piecewise linear function at each unit."""
        values = self.evaluate(self.values("kinks", at_work), self.outputs)
        found = dict[tuple[str, Key], Hashable](values.kinked)
        if len(found) > MAX_FUNCTIONS:
            raise Untreated(TOO_MANY)
        for _, (argument, row, column) in found:
            entries = [s.polynomial(argument, row, column).value for s in self._one_by_one]
            if not is_affine(argument, self.data) or len(set(entries)) == 1:
                raise Untreated(NOT_AFFINE)
        return list(found)


def _patterns(kinks: list[tuple[str, Key]]) -> Iterator[Pattern]:
    """Every choice of a piece for each."""
    for pieces in product(*(range(len(PIECES[function])) for function, _ in kinks)):
        yield Pattern(dict(zip(kinks, pieces, strict=True)))
