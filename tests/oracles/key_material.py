"""Blocks of key material for tests."""

import os

from quantumlink.keys import Block, Provenance, Secret


def block(number, size=4096, source="line", origin="simulated", fill=None):
    """A block of random bytes, or of given ones."""
    secret = os.urandom(size) if fill is None else fill
    return Block(
        source, number, Secret(secret), Provenance(link="a–b", protocol="bbm92", origin=origin, block=number)
    )
