"""Blocks of key from sessions of `quantumlink.qkd`, both ends' bits apart, with what the session disclosed.

These keys are simulated: the program that plays a session knows both ends, the channel and Eve.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from quantumlink import qkd, validation
from quantumlink.keys.material import Block, Origin, Provenance, Secret
from quantumlink.link import Link


@dataclass(frozen=True)
class SessionResult:
    """What a session of a link ended with; picklable, to come from another process."""

    first: bytes
    """Bytes of the first end; empty if the key was refused."""
    second: bytes
    """Bytes of the second end: equal, but for the probability that the proof allows."""
    errors: dict[str, tuple[int, int]]
    """Errors and compared bits, by basis."""
    protocol: str
    epsilon: float
    origin: Origin
    reason: str | None
    """Why there is no key, None if there is one."""

    def qber(self, basis: str) -> float | None:
        """Error rate of the compared bits, None if there were none."""
        wrong, compared = self.errors[basis]
        return wrong / compared if compared else None

    def block(self, end: int, *, source: str, number: int, link: str) -> Block:
        """The block for one end, 0 or 1."""
        secret = Secret((self.first, self.second)[end])
        account = Provenance(
            link=link, protocol=self.protocol, origin=self.origin, proof="finite key, collective attacks",
            epsilon=self.epsilon, block=number,
        )  # fmt: skip
        return Block(source, number, secret, account)


def play_session(link: Link, rounds: int, *, seed: int | None = None, eps: float = 1e-10) -> SessionResult:
    """Play BBM92 over a link.

    Args:
        link: the link.
        rounds: how many pairs.
        seed: repeats the session, and then its keys are ``"seeded"``; None draws from the system.
        eps: failure probability of secrecy, and of correctness.
    """
    rounds = validation.many("rounds", rounds)
    found = qkd.bbm92(link, rounds=rounds, seed=seed, eps_sec=eps, eps_cor=eps)
    errors = {
        "Z": (round(float(found.qber) * found.sampled), found.sampled),
        "X": (round(float(found.test_qber) * found.tested), found.tested),
    }
    first = second = b""
    if found and (size := found.left // 8):  # bits that do not fill a byte are left out
        second = np.packbits(found.peer_bits[: 8 * size]).tobytes()
        first = bytes(found.take(size))
    origin: Origin = "simulated" if seed is None else "seeded"
    return SessionResult(first, second, errors, found.protocol, min(1.0, found.epsilon), origin, found.reason)


def stock(*, source: str, link: str, rate_bit_s: float, duration_s: float, at_most: int) -> Block:
    """Key of a link's forecast rate over a time that was not played: a stock for a demonstration.

    Args:
        source: name of the stream of blocks.
        link: name of the link.
        rate_bit_s: secret bits per second, as forecast.
        duration_s: how long the link is taken to have run.
        at_most: bytes at most.
    """
    size = min(at_most, int(rate_bit_s * duration_s / 8))
    account = Provenance(link=link, protocol="bbm92, by its forecast rate", origin="simulated")
    return Block(source, 0, Secret(os.urandom(max(1, size))), account)
