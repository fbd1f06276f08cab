"""Which parameters of a cell are redundant, proved from both sides.

From above: `normal` writes the equations in normal form (with `polynomials`), `sites` reads what
multiplies which data, `absorption` and `symmetry` find families of redundant directions, `families`
proves them and walks along them, `finding` puts it together. From below: `exact_rank` finds a rank
over a prime field (`prime_field`, `field_values`; `real_values` for kinks), `unrolled` that of a
whole layer, `all_sizes` carries it from a few sizes to all. `effective` lays both sides beside each
other.
"""

from gru_sym.certificates.effective import EffectiveCount, effective_count
from gru_sym.certificates.finding import Redundancy, redundancy

__all__ = ["EffectiveCount", "Redundancy", "effective_count", "redundancy"]
