"""Reconciliation: make Bob's sifted bits equal to Alice's, by what Alice discloses in public.

``Cascade`` asks for parities back and forth, ``Ldpc`` sends one syndrome and adds to it only where it has to.
Neither promises zero errors; see ``quantumlink.distillation.verification``.

**What counts as the leak.** ``leaked_bits`` are the bits that Alice disclosed. Cascade's Bob answers each of
her parities with his own, ``replied_bits`` in all, which amounts to telling where the errors were. Whether a
bound may leave that out depends on the bound:

- Where the pairs may be taken as Bell diagonal (qubits measured in the two bases of BB84 or BBM92, or the three of
  six-state, with rates that treat both outcomes alike), an eavesdropper who holds the purification knows the
  error pattern already, and only Alice's bits count.
- Where the bound uses more than that (statistics that are not symmetric between outcomes, detectors that
  differ, devices that are not trusted), nothing of the kind holds: count both, or reconcile with ``Ldpc``, whose
  Bob only says whether he succeeded.

The bound says which it is (`KeyBound.count_replies`), not who calls `distill`; one that does not say counts both.

Reference:
    D. Tupkary, N. Lütkenhaus, Phys. Rev. Applied 20, 064040 (2023), what Cascade's replies tell.
"""

from quantumlink.distillation.reconciliation.cascade import Cascade
from quantumlink.distillation.reconciliation.outcome import (
    AliceEnd,
    BobEnd,
    Reconciler,
    Reconciliation,
    ReconciliationError,
)
from quantumlink.distillation.reconciliation.syndromes import Ldpc

__all__ = ["AliceEnd", "BobEnd", "Cascade", "Ldpc", "Reconciler", "Reconciliation", "ReconciliationError"]
