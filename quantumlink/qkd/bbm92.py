"""BBM92: a key from the pairs of a link, measured in Z or X at each end at random.

Rounds where both chose Z give the key, rounds where both chose X test it, the others are dropped.

Assumption: rounds are independent of one another, so that the number of each outcome is multinomial and a
million rounds cost what a handful of settings cost. Seeded and simulated keys are for study, not for use.

References:
    C. H. Bennett, G. Brassard, N. D. Mermin, Phys. Rev. Lett. 68, 557 (1992).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.execution import sample
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.qkd.distillation import distill
from quantumlink.qkd.key import Key
from quantumlink.qkd.reconciliation import Cascade, Reconciler
from quantumlink.readings import compose, evaluate, measurement_map

Counts = npt.NDArray[np.int_]
"""Counts of the outcomes 00, 01, 10, 11 (right end, left end), and of refused heralds: shape (5,)."""


def bbm92(
    link: Link | Program,
    rounds: int,
    *,
    seed: int | None = None,
    z_probability: float = 0.8,
    sample_fraction: float = 0.05,
    reconciliation: Reconciler | None = None,
    eps_sec: float = 1e-10,
    eps_cor: float = 1e-10,
    sampler: BaseSamplerV2 | BackendV2 | None = None,
) -> Key:
    """Distribute a key over a link.

    The ends' own processors take part: their rotation and their readout error count, as in any real round.

    Args:
        link: the link, or a program composed from it. Alice is at its left end, Bob at its right one.
        rounds: how often the link is run, at least 1; rounds whose heralds refuse are lost.
        seed: makes outcomes, choices and hash functions repeatable.
        z_probability: probability with which each end chooses Z, in (0, 1), independently.
        sample_fraction: share of the Z bits disclosed to estimate their error rate, in (0, 1).
        reconciliation: how errors are corrected; `Cascade` if None.
        eps_sec: secrecy of the key, in (0, 1).
        eps_cor: correctness of the key, in (0, 1).
        sampler: what the rounds run on (see `sample`); if None, the outcomes are drawn from the exact
            state that `evaluate` gives and the exact map of the measurement circuits.

    Returns:
        The key. One in which nothing is secret is refused: it says why, and reading its bits raises
        `NoSecretKey`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if the link, the rounds or the sampler is of the wrong kind.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> key = bbm92(ElementaryLink(Node("alice"), Node("bob"), fidelity=0.97), rounds=200_000, seed=7)
    >>> len(key) > 50_000, bool((key.secret_bits == key.peer_bits).all())
    (True, True)
    """
    if not isinstance(link, Program):
        validation.instance("link", link, Link, "a link or a program")
    rounds = validation.count("rounds", rounds, at_least=1)
    z = validation.probability("z_probability", z_probability)
    if z in (0.0, 1.0):
        raise ValueError(f"z_probability must lie between 0 and 1, both excluded; got {z_probability!r}")
    rng = np.random.default_rng(validation.seed("seed", seed))
    method = Cascade() if reconciliation is None else reconciliation
    if isinstance(method, type) or not callable(getattr(method, "reconcile", None)):
        raise TypeError(
            f"reconciliation must be an object with a method reconcile, such as Cascade(), got {reconciliation!r}"
        )
    # The choices of Alice and Bob: both Z, both X, or dropped.
    both_z, both_x, dropped = (int(n) for n in rng.multinomial(rounds, [z * z, (1 - z) ** 2, 2 * z * (1 - z)]))
    counts, remark = _draw(link, {"Z": both_z, "X": both_x, "dropped": dropped}, rng, sampler)
    key_alice, key_bob = _expand(counts["Z"], rng)
    test_alice, test_bob = _expand(counts["X"], rng)
    return distill(
        protocol="BBM92",
        rounds=rounds,
        accepted=rounds - sum(int(c[4]) for c in counts.values()),
        key_alice=key_alice,
        key_bob=key_bob,
        test_alice=test_alice,
        test_bob=test_bob,
        sample_fraction=sample_fraction,
        reconciliation=method,
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        rng=rng,
        remarks=(remark,),
    )


def _draw(
    link: Link | Program,
    runs: dict[str, int],
    rng: np.random.Generator,
    sampler: BaseSamplerV2 | BackendV2 | None,
) -> tuple[dict[str, Counts], str]:
    """The counts of each basis, and where they come from."""
    if sampler is None:
        return _draw_exact(link, runs, rng), "The outcomes were drawn from the link's exact state, not measured."
    program = link if isinstance(link, Program) else compose(link)
    counts = {}
    noise = "program"
    for basis, shots in runs.items():
        label = "ZZ" if basis == "dropped" else basis * 2  # what a dropped round measured does not matter
        found = np.zeros(4, dtype=int)
        if shots:
            samples = sample(
                program, [label], shots=shots, seed=int(rng.integers(2**31)), sampler=sampler, noisy_ends=True
            )
            found, noise = np.array(samples.outcomes[label]), samples.noise
        counts[basis] = np.append(found, shots - found.sum())
    name = type(sampler).__name__
    if noise == "program":
        return counts, f"The rounds ran on {name}, under the noise of the link's own nodes and media."
    return counts, (
        f"The rounds ran on {name}, under its noise alone: that of the link's own nodes and media was not played."
    )


def _draw_exact(link: Link | Program, runs: dict[str, int], rng: np.random.Generator) -> dict[str, Counts]:
    state = evaluate(link)
    left, right = (link.node_by_end.values()) if isinstance(link, Program) else link.ends
    counts = {}
    for basis, shots in runs.items():
        axis = "Z" if basis == "dropped" else basis
        joint = (
            measurement_map(axis, right.processor) @ state.coefficients.T @ measurement_map(axis, left.processor).T
        )
        outcomes = state.success_probability * np.clip(joint.ravel(), 0.0, None)
        refused = max(0.0, 1.0 - outcomes.sum())
        table = np.append(outcomes, refused)
        counts[basis] = rng.multinomial(shots, table / table.sum())
    return counts


def _expand(counts: Counts, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The accepted outcomes as one bit an end and round, in random order: Alice's (left) and Bob's (right)."""
    outcomes = np.repeat(np.arange(4, dtype=np.uint8), counts[:4])
    rng.shuffle(outcomes)
    return (outcomes & 1).astype(np.uint8), (outcomes >> 1).astype(np.uint8)
