"""Whether the states that a cell reaches from 0 are generic, at all sizes, seen on one unit.

The states after t steps are *generic* if no polynomial relation holds between their entries, the
next input and the exponentials in the next step, for almost all parameters and as functions of the
inputs. Then what holds at the states that are reached holds at all states.

**Theorem.** Let a cell of one unit have parameters of its own (a row of theirs belongs to a unit)
and parameters in common. Let A be the arguments, in steps 1 to t + 1, of the exponentials that
depend on inputs, and let A(p, x) be their values at own parameters p and inputs x. If the numbers
A(p, x) - A(p', x) - A(p, x') + A(p', x') satisfy no linear relation with rational coefficients for
generic p, p', x, x', and if the states after t steps are independent as functions of the
exponentials in them, then the states after t steps are generic at all sizes.

*Proof.* Let all kernels between units be diagonal, and let a kernel that reads the input, or an
inner space, read its first entry alone. The cell of n units then is n cells of one unit, with
parameters p_1, ..., p_n and one input for all. Suppose sum q_ik A_i(p_k, x) does not depend on x,
with rational q. Take it at p_k and at p_k', for one k, and subtract: the sum over i of
q_ik (A_i(p_k, x) - A_i(p_k', x)) does not depend on x, so all q_ik are 0. (Arguments that are one
number for all units are left; for these, differences between inputs do.) A relation that fails at
these parameters fails at almost all, and there are only countably many relations. So for almost all
parameters the A are linearly independent over the rational numbers modulo constants, and by Ax
(1971, Theorem 3; see `independence`) their exponentials and the inputs are algebraically
independent over the complex numbers. The states are rational functions of these; their Jacobian
consists of one block for each unit, of full rank by hypothesis, and a minor that is not 0 at
diagonal kernels is not 0 in general. The next input and the exponentials of the next step are other
ones, so they have no relation with the states.

The same holds for several last inputs after the same first t steps, since the arguments that read
the last input are compared at two last inputs, all else equal. If states have two sizes p and n, a
unit may have states of one size only. If such a unit will not do for p, p must be at most n.

*Linear cells* have no exponentials that depend on data. If one unit has the factor a(p) for its
state and b(p) for its input, then n units that read one input reach, in T steps, what the vectors
(b(p_k) a(p_k)^t)_k span: a Vandermonde matrix. So if b is not 0 and a is not constant, all states
are reached after n/m steps, rounded up: divide the units among the m inputs. This is Kalman's
condition, here for all sizes.

A first state that is trained is one more set of parameters. The states after it are generic if they
are so in the same sense, with these parameters as own ones. It is *seen* if the derivatives of the
next states by the states, at several inputs, have no common null vector: again, one unit tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from gru_sym.cells import Cell
from gru_sym.certificates.system import is_affine
from gru_sym.certificates.units import Argument, Inputs, OneUnit, Unsettled, inside, is_common
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import Size
from gru_sym.normal.exponents import functions_of
from gru_sym.normal.field_values import DividedByZero, Dual
from gru_sym.normal.form import normal_form, substitute
from gru_sym.normal.polynomials import Factor, Function, Polynomial, Product, Symbol
from gru_sym.normal.prime_field import PRIME, Echelon

MOST_STEPS = 3
"""The longest way to generic states that is tried."""

UNKNOWN = "the states that are reached from 0 are not known to be generic"


@dataclass(frozen=True)
class Reached:
    """Whether the states that are reached from 0 are generic at all sizes.

    Attributes
    ----------
    steps : after how many steps; 0 if it is not known.
    linear : for a linear cell `steps` is 1, and that many steps are needed for every m states.
    condition : sizes (p, n) such that it holds where p is at most n; None where it always holds.
    reason : why it is not known.
    """

    steps: int = 0
    linear: bool = False
    condition: tuple[Size, Size] | None = None
    reason: str = ""


@lru_cache(maxsize=256)
def reached(cell: Cell, states: tuple[str, ...] = (), trained: bool = False) -> Reached:
    """After how many steps from 0 the states are generic, at all sizes.

    >>> from gru_sym import cell
    >>> reached(cell("gru.pytorch")).steps, reached(cell("lstm.projected")).condition
    (1, ('p', 'n'))
    >>> from gru_sym import Cell
    >>> reached(Cell("h' = h * sigmoid(W @ x + b)")).reason
    'the states that are reached from 0 are not known to be generic'

    Parameters
    ----------
    states : those that matter, which read no other ones; all by default.
    trained : whether the first state is trained; it must then be seen, too.
    """
    try:
        forms = normal_form(cell.program, cell.sizes).states
        unit = OneUnit(cell, {state: forms[state] for state in states or cell.states}, trained)
        return _Hypotheses(unit).reached()
    except (Unsettled, ValueError, DividedByZero) as error:
        return Reached(reason=str(error))


class _Hypotheses:
    """The hypotheses of the theorem, checked on one unit."""

    def __init__(self, unit: OneUnit) -> None:
        self.unit, self.forms, self.shapes = unit, unit.forms, unit.shapes

    def reached(self) -> Reached:
        """The answer, from all kinds of units."""
        self.unit.check()
        both = frozenset(self.unit.units)
        if not any(base.names & self.unit.data for base in self.unit.exponents.basis):
            known, kinds = self._linear(), {both: 1}
        else:
            kinds = {kind: self._generic_after(kind) for kind in (both, *map(_only, both))}
            good = [size for size in self.unit.units if kinds[_only(size)]]
            bad = [size for size in self.unit.units if size not in good]
            if not kinds[both] or not good:
                raise Unsettled(UNKNOWN)
            known = Reached(max(kinds.values()), condition=(bad[0], good[0]) if bad else None)
        shown = all(self._shows_states(kind) for kind, steps in kinds.items() if steps)
        if self.unit.trained and not shown:
            raise Unsettled("the first state is not known to be seen")
        return known

    def _shows_states(self, present: frozenset[Size]) -> bool:
        """Whether no change of the states leaves all next states as they are."""
        self.unit.present = present
        wanted = [state for state in self.forms if self.shapes[state][0] in present]
        space = Echelon()
        for number in range(len(wanted) + 1):
            for row in self.unit.transition(number):
                space.add(row)
        return space.rank == len(wanted)

    def _generic_after(self, present: frozenset[Size]) -> int:
        """After how many steps the states of a unit are generic; 0 if that is not seen."""
        self.unit.present = present
        wanted = [state for state in self.forms if self.shapes[state][0] in present]
        for steps in range(1, MOST_STEPS + 1):
            space = Echelon()
            arguments, states = self.unit.run((0, "p"), ("a", "u"), steps + 1)
            for state in wanted:
                space.add(states[state].gradient)
            if space.rank == len(wanted):
                return steps if self._independent(arguments, steps + 1) else 0
        return 0

    def _independent(self, arguments: Mapping[Argument, Dual], steps: int) -> bool:
        """Whether the arguments in so many steps have no relation."""
        if not self._all_vary(arguments, steps):
            return False
        varying = [key for key, value in arguments.items() if value.varies]
        last = [key for key in varying if key[0] == steps - 1 and INPUT in key[2][0].names]
        rest = [key for key in varying if key not in last]
        return (
            self._no_relation(last, steps, (("a", "u"), ("a", "v")))
            and self._no_relation(rest, steps, (("a", "u"), ("b", "u")))
            and self._no_constant_relation(
                {key[1:]: key for key in arguments if key not in varying}.values(), steps
            )
        )

    def _all_vary(self, arguments: Mapping[Argument, Dual], steps: int) -> bool:
        """Whether every argument that reads data is met, and varies, at diagonal kernels too.

        In the first step the states are 0, and fewer functions are left.
        """
        start = {
            state: Polynomial.symbol(state) if self.unit.trained else Polynomial.number(0)
            for state in self.forms
        }
        left = {
            argument
            for form in self.forms.values()
            for f in functions_of(substitute(form, start))
            for argument in (f.argument, -f.argument)
        }
        for step in range(steps):
            met = {key[2] for key, v in arguments.items() if key[0] == step and v.varies}
            for state, form in self.forms.items():
                if self.shapes[state][0] not in self.unit.present:
                    continue
                for f, rows in inside(form, self.shapes[state][0]):
                    if not isinstance(f, Function) or rows not in (*self.unit.present, 1):
                        continue
                    at_start = substitute(f.argument, start)
                    if step == 0 and at_start not in left:
                        continue
                    for k, _ in self.unit.exponents.combinations[f.argument].powers:
                        base = self.unit.exponents.basis[k]
                        reads = (
                            substitute(base, start).names & {INPUT}
                            if step == 0
                            else base.names & self.unit.data
                        )
                        if reads and (base, 0, 0) not in met:
                            return False
        return True

    def _no_relation(
        self, keys: Sequence[Argument], steps: int, samples: tuple[Inputs, Inputs]
    ) -> bool:
        """Whether the differences between samples, and between units, are independent."""
        common = [key for key in keys if is_common(key[2][0])]
        own = [key for key in keys if key not in common]
        return self._full(own, steps, samples, "pq") and self._full(common, steps, samples, "p")

    def _full(
        self, keys: Sequence[Argument], steps: int, samples: tuple[Inputs, Inputs], units: str
    ) -> bool:
        space = Echelon()
        for number in range(len(keys) + 2):
            row = dict.fromkeys(range(len(keys)), 0)
            for (i, unit), (j, (first, last)) in product(enumerate(units), enumerate(samples)):
                values, _ = self.unit.run((number, unit), ((number, first), (number, last)), steps)
                for k, key in enumerate(keys):
                    row[k] += (-1) ** (i + j) * values[key].value
            space.add(row)
        return space.rank == len(keys)

    def _no_constant_relation(self, keys: Iterable[Argument], steps: int) -> bool:
        """Whether the arguments without data are independent of each other, modulo constants."""
        chosen = list(keys)
        space = Echelon()
        for number in range(len(chosen) + 3):
            values, _ = self.unit.run((number, "p"), ("a", "u"), steps)
            space.add({k: values[key].value for k, key in enumerate(chosen)} | {len(chosen): 1})
        return space.rank == len(chosen) + 1

    def _linear(self) -> Reached:
        """Kalman's condition for a linear cell of one state."""
        (state, form), *others = self.forms.items()
        if others or not is_affine(form, self.unit.data):
            raise Unsettled(UNKNOWN)
        if not all(_reads_by_a_kernel(factor) for term, _ in form.terms for factor, _ in term):
            raise Unsettled(UNKNOWN)  # all units may read the same few numbers
        nothing = dict.fromkeys(self.unit.data, 0)
        a, b, other = (
            self.unit.linear(form, own, nothing | {name: 1}) - self.unit.linear(form, own, nothing)
            for own, name in (((0, "p"), state), ((0, "p"), INPUT), ((0, "q"), state))
        )
        if b % PRIME == 0 or (not self.unit.own_input and (a - other) % PRIME == 0):
            raise Unsettled(UNKNOWN)
        return Reached(1, linear=not self.unit.own_input)


def _reads_by_a_kernel(factor: Factor) -> bool:
    """Whether a factor has the input, if at all, behind one kernel with a row for each unit."""
    if INPUT not in factor.names or not isinstance(factor, Product):
        return True
    return factor.right == {(Symbol(INPUT), 1)} and not factor.scalar


def _only(size: Size) -> frozenset[Size]:
    """A unit that has states of one size alone."""
    return frozenset([size])
