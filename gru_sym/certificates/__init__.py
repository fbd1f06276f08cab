"""Which parameters of a cell are redundant, proved from both sides.

From above: `sites` reads from the normal form what multiplies which data; `absorption`, `shifts`
and `symmetry` look for directions that change nothing; `families` says what a family is and proves
it, `moves` has the kinds, `finding` puts it together. From below: `independence` has the theorem,
`system`, `evaluation` and `exact_rank` find a rank over a prime field, with `roots` where there are
square roots; `locality`, `fixing`, `lowrank`, `tensors`, `observed`, `small_sizes` and `all_sizes`
carry it from a few sizes to all. `effective` lays both sides beside each other.
Layers: `unrolled` finds the rank along a sequence, `reached` (with `units`) and `rewritten` say
when a layer loses what its cell loses, `gauge` what more it loses, `layers` puts it together.
"""

from gru_sym.certificates.effective import EffectiveCount, effective_count
from gru_sym.certificates.finding import Redundancy, redundancy

__all__ = ["EffectiveCount", "Redundancy", "effective_count", "redundancy"]
