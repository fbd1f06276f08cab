"""How many parameters certainly count: an exact rank over a prime field, from below.

A sample gives every parameter, input and state a random residue; the rows of the Jacobian of the
next states by the parameters are added to a row space until further samples no longer enlarge it.
By the theorem in `independence` their number is a lower bound of the generic rank.

**Square roots** have values at some samples alone, and rows of the others are left out (`roots`).

**relu and hard_sigmoid** are linear on pieces. If the arguments that a next state depends on are
affine in the data, with linear parts that are linearly independent for generic parameters, then for
almost all parameters every choice of pieces occurs on an open set of data. So a sample may choose
its pieces at random. Otherwise, at a random real point, common parameters and one input and state
for each sample, ball arithmetic finds the piece that each argument is strictly inside of; the rank
is then that of the parameters in an open set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial

from gru_sym.cells import Cell
from gru_sym.certificates.evaluation import Evaluation, Support
from gru_sym.certificates.independence import dependence, mixed_constants
from gru_sym.certificates.roots import DEPENDENT, TRIES, UNDEFINED, independent
from gru_sym.certificates.system import (
    Entry,
    FreePieces,
    Pieces,
    System,
    at_work,
    is_affine,
)
from gru_sym.normal.field_values import (
    DividedByZero,
    Dual,
    FieldValues,
    NoRoot,
    Piece,
    Untreated,
)
from gru_sym.normal.prime_field import Echelon
from gru_sym.normal.real_values import RealPieces

SURE = 2
"""How many rounds of samples must add nothing before a rank counts as found."""

PATIENCE = 12
"""The same where functions have pieces: a sample may have all its relus at 0."""

MOST_PATIENCE = 60
"""The most of them that wait for a relu which is seldom at work."""


@dataclass(frozen=True)
class ExactRank:
    """A rank found exactly.

    Attributes
    ----------
    rank : the generic rank of the Jacobian is at least this, if `proved`.
    proved : whether the hypothesis of the theorem was verified.
    reason : why not, if not.
    everywhere : whether it is the rank of almost all parameters, and not only of an open set.
    """

    rank: int
    proved: bool
    reason: str = ""
    everywhere: bool = True


def exact_rank(cell: Cell, seed: int = 1, expected: int | None = None, **sizes: int) -> ExactRank:
    """A proved lower bound for the generic rank of a cell's Jacobian by its parameters.

    >>> from gru_sym import cell
    >>> exact_rank(cell("gru.pytorch"), m=2, n=3).rank
    57

    Parameters
    ----------
    seed : of the random residues; another seed gives another proof.
    expected : once the rank is this large, only whole samples are tried, which would enlarge it if
        it could be larger.
    sizes : a number for every size of the cell.
    """
    return Search(System.of(cell), sizes, seed).run(expected)


class Search(Evaluation):
    """The search for the rank of a system at given sizes."""

    def __init__(self, system: System, sizes: Mapping[str, int], seed: int = 1) -> None:
        super().__init__(system, sizes, seed)
        self.patterns: dict[Hashable, Pieces] = {}

    def rows(
        self, values: FieldValues, outputs: Iterable[tuple[str, int]]
    ) -> Iterator[Mapping[int, int]]:
        """The gradients of entries of what is observed, where they are defined."""
        for state, unit in outputs:
            with suppress(DividedByZero):
                yield values.polynomial(self.system.states[state], unit).gradient

    def pieces(self, sample: object) -> Pieces:
        """Which pieces of the piecewise linear functions a sample uses."""
        if self.free_pieces:
            return FreePieces(self.draws, sample, one_for_all=self.system.kinks_inside)
        return RealPieces(partial(self.real_entry, sample), self.size)

    @cached_property
    def free_pieces(self) -> bool:
        """Whether every choice of pieces occurs for almost all parameters; see the module."""
        return not self.system.kinks or all(map(self._all_pieces_occur, self.outputs))

    def _all_pieces_occur(self, output: tuple[str, int]) -> bool:
        values = self.values("kinks", at_work)
        values.polynomial(self.system.states[output[0]], output[1])
        forms = Echelon()
        for argument, row, column in dict.fromkeys(key for _, key in values.kinked):
            if not is_affine(argument, self.data):
                return False
            entries = (s.polynomial(argument, row, column).value for s in self._one_by_one)
            origin = next(entries)
            if not forms.add({k: entry - origin for k, entry in enumerate(entries)}):
                return False
        return True

    @cached_property
    def _one_by_one(self) -> list[FieldValues]:
        """The system with no data, and then with one that is not 0."""
        supports = (frozenset[tuple[str, int]](), *(frozenset([place]) for place in self.places))
        return [self.values("kinks", at_work, support) for support in supports]

    def _rows(self, name: str) -> str | int:
        return self.system.shapes[name][0]

    # The structure

    @cached_property
    def places(self) -> list[tuple[str, int]]:
        """Every entry of the data."""
        return [(name, i) for name in sorted(self.data) for i in range(self.size(self._rows(name)))]

    @cached_property
    def outputs(self) -> list[tuple[str, int]]:
        """Every entry of everything observed."""
        return [(s, i) for s in self.system.states for i in range(self.size(self._rows(s)))]

    def blocks(self) -> tuple[int, list[tuple[str, int]]]:
        """How many equal blocks the Jacobian has, and the outputs of one.

        Exchanging two units exchanges their parameters and changes nothing else. So if units 0 and
        1 have no parameter in common, no two units have, and each is a block like that of unit 0.
        Where kernels have blocks, all of equally many, units are exchanged within one, and blocks
        as a whole: any unit becomes any other, and unit 0 is compared with all of them.
        """
        if len(set(self.system.blocks.values())) > 1:
            return 1, self.outputs
        if len({self._rows(state) for state in self.system.states}) != 1:
            return 1, self.outputs
        units = self.size(self._rows(next(iter(self.system.states))))
        if units == 1:
            return 1, self.outputs
        first, *others = (
            [(state, unit) for state in self.system.states]
            for unit in range(units if self.system.blocks else 2)
        )
        own = set(self.touched(first))
        shared = any(own.intersection(self.touched(other)) for other in others)
        return (1, self.outputs) if shared else (units, first)

    def touched(self, outputs: list[tuple[str, int]]) -> list[int]:
        """The columns of the parameters that outputs depend on."""
        values = self.values("structure", at_work, loose=True)
        forms = ((self.system.states[state], unit) for state, unit in outputs)
        return sorted({c for form, unit in forms for c in values.polynomial(form, unit).gradient})

    # The rank

    def run(self, expected: int | None = None) -> ExactRank:
        """The rank of the whole Jacobian."""
        try:
            count, outputs = self.blocks()
            self.settle(outputs)
            place = {column: i for i, column in enumerate(self.touched(outputs))}
            block = None if expected is None else -(-expected // count)
            space = self.saturated(outputs, place, sparse=True, expected=block)
            reason = self.unproved(outputs)
        except (ArithmeticError, Untreated) as error:  # a kink that cannot be kept away from
            return ExactRank(0, False, str(error))
        return ExactRank(count * space.rank, not reason, reason, self.free_pieces)

    def without(self, fixed: frozenset[Entry]) -> tuple[ExactRank, int]:
        """The whole rank, and that of the columns of all parameters but those held fixed."""
        order = sorted(self.columns, key=lambda entry: (entry in fixed, self.columns[entry]))
        place = {self.columns[entry]: number for number, entry in enumerate(order)}
        try:
            self.settle(self.outputs)
            space = self.saturated(self.outputs, place)
            reason = self.unproved(self.outputs)
        except (ArithmeticError, Untreated) as error:
            return ExactRank(0, False, str(error)), 0
        rest = sum(pivot < len(order) - len(fixed) for pivot in space.pivots)
        return ExactRank(space.rank, not reason, reason, self.free_pieces), rest

    def saturated(
        self,
        outputs: list[tuple[str, int]],
        place: Mapping[int, int],
        sparse: bool = False,
        expected: int | None = None,
    ) -> Echelon:
        """Rows of samples, until so many rounds of whole samples add nothing.

        Sparse samples come first if they are wanted, and stop at what is expected.
        """
        space = Echelon()
        often = self.system.kinks or self.system.has_roots
        idle, patience, number = 0, PATIENCE if often else SURE, 0
        at_work_since = Counter[object]()  # how often each relu was since the last new row
        while idle < patience or (
            idle < MOST_PATIENCE and any(times < SURE for times in at_work_since.values())
        ):
            before, met = space.rank, 0
            for support, unit in self.supports(outputs) if sparse else [(None, None)]:
                sample = ("sample", number, support, unit)
                pieces = self.pieces(sample)
                values = self.values(sample, pieces, support)
                chosen = [o for o in outputs if unit is None or o[1] == unit]
                for row in self.rows(values, chosen):
                    space.add({place[column]: entry for column, entry in row.items()})
                    met += 1
                if not (sparse or self.free_pieces):
                    for key, piece in pieces.pattern:
                        at_work_since[key] += piece == 1  # its piece with a slope
                if self.system.kinks_inside:
                    self.patterns.setdefault(pieces.pattern, pieces)
                if sparse and space.rank == expected:
                    break
            if met:  # else no square root had a value
                idle = 0 if sparse or space.rank > before else idle + 1
                if space.rank > before:
                    at_work_since = Counter(dict.fromkeys(at_work_since, 0))
            sparse = sparse and before < space.rank != expected
            number += 1
            if number > TRIES:
                break
        return space

    def supports(self, outputs: list[tuple[str, int]]) -> Iterator[tuple[Support, int]]:
        """For every unit, samples that are 0 but at this unit and at one other place.

        Their rows are nearly empty, which makes the elimination fast. They are special points, so
        the rank there bounds the generic one from below.
        """
        for unit in dict.fromkeys(unit for _, unit in outputs):
            own = [(state, unit) for state in self.system.states if state in self.data]
            for place in self.places:
                yield frozenset([*own, place]), unit

    # The hypothesis

    def unproved(self, outputs: list[tuple[str, int]]) -> str:
        """Why the rank is no proved lower bound; empty if it is one."""
        system = self.system
        if reason := mixed_constants(system.states.values(), system.exponents, system.angles):
            return reason
        if system.has_roots and not independent(partial(self.root_arguments, outputs)):
            return DEPENDENT
        if system.has_roots and not self.is_real_somewhere(outputs):
            return UNDEFINED
        # Where arguments do not depend on pieces, all are met with every function at work.
        patterns = self.patterns.values() if system.kinks_inside else [at_work]
        checks = (
            dependence(partial(self.arguments, outputs, pieces, of_angles))
            for pieces in patterns
            # exp and sin of the same argument are independent
            for of_angles in ((False, True) if system.angles.basis else (False,))
        )
        return next(filter(None, checks), "")

    def arguments(
        self,
        outputs: list[tuple[str, int]],
        pieces: Piece,
        of_angles: bool,
        parameters: int,
        sample: int,
    ) -> dict[Hashable, Dual]:
        """What must be independent, at a random sample and random parameters."""
        named = self.with_roots(outputs, ("check", parameters))
        for attempt in range(TRIES):
            name = (parameters, sample, attempt)
            values = self.values(name, pieces, None, named, differentiated=False)
            with suppress(NoRoot):
                self.evaluate(values, outputs)
                found = values.independents.items()
                return {key: value for key, value in found if (key[0] == "angle") == of_angles}
        raise NoRoot(UNDEFINED)
