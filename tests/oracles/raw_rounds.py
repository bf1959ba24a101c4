"""Raw records for bits that a test wants to see sifted, and a distillation that begins with them."""

from math import isqrt, sqrt

import numpy as np

from quantumlink.distillation.agreement import Agreement, two_bases
from quantumlink.distillation.distilling import at_one_table, distill
from quantumlink.distillation.records import Records


class Ready:
    """A recipe that has its bound already, whatever the counts."""

    def __init__(self, bound):
        self._bound = bound

    def bound(self, tally, *, eps_sec, eps_cor):
        return self._bound

    def __repr__(self):
        return f"Ready({self._bound!r})"


def raw_records(key_alice, key_bob, test_alice, test_bob, **both):
    """Records of both ends with these bits where both chose Z or both X, and as many others as belong to that.

    Returns:
        Alice's records, Bob's, and the sifting with the probability of Z that they have.
    """
    n, k = len(key_alice), len(test_alice)
    dropped = isqrt(n * k)  # for either pair of different bases
    hers = np.repeat([0, 1, 0, 1], [n, k, dropped, dropped])
    his = np.repeat([0, 1, 1, 0], [n, k, dropped, dropped])
    rest = np.arange(2 * dropped) % 2
    z = sqrt(n) / (sqrt(n) + sqrt(k)) if n + k else 0.5
    return (
        Records(bits=np.concatenate([key_alice, test_alice, rest]), settings=hers, **both),
        Records(bits=np.concatenate([key_bob, test_bob, rest]), settings=his, **both),
        two_bases(min(max(z, 1e-9), 1 - 1e-9)),
    )


def distilled(*, key_alice, key_bob, test_alice, test_bob, rng=None, bound=None, protocol="BB84", **agreed):
    """The key of sifted bits, by the whole conversation from raw records on."""
    alice, bob, sifting = raw_records(key_alice, key_bob, test_alice, test_bob)
    if bound is not None:
        agreed["recipe"] = Ready(bound)
    if "reconciliation" in agreed:
        agreed["reconciliation"] = at_one_table(agreed["reconciliation"])
    agreement = Agreement(protocol=protocol, rounds=alice.rounds, sifting=sifting, **agreed)
    return distill(alice, bob, agreement=agreement, seed=rng)
