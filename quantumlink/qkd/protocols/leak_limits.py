"""How much a reconciliation may disclose where that is settled beforehand."""

from __future__ import annotations

from quantumlink.distillation.reconciliation import Cascade, Ldpc, Reconciler
from quantumlink.rates import binary_entropy

_OVER_SHANNON = {Cascade: 2.2, Ldpc: 1.4}
"""With Bob's replies; a little more than is measured on long strings."""
_OTHERS_OVER_SHANNON = 2.4


def leak_share(reconciliation: Reconciler, qber: float) -> float:
    """Bits that may be disclosed of each bit with that error rate, Bob's replies included.

    >>> round(leak_share(Cascade(), 0.05), 4)
    0.6301
    """
    over = next((f for kind, f in _OVER_SHANNON.items() if isinstance(reconciliation, kind)), _OTHERS_OVER_SHANNON)
    return over * float(binary_entropy(qber))
