"""The hidden tests, each with its points: ``pytest -q`` in this folder grades ``handed_in.py``."""

from importlib import import_module

import pytest

from quantumlink import testing

SINGLET = [0, -(2**-0.5), 2**-0.5, 0]
"""(|01⟩ − |10⟩)/√2 in Qiskit's order: the left letter of a ket is the last qubit. Its sign as a whole is free."""


def handed_in(name):
    """A circuit that was handed in; a file that Python cannot read fails each test, with the reason."""
    return getattr(import_module("handed_in"), name)()


@pytest.mark.points(1, "two qubits that never agree")
def test_singlet_is_anticorrelated():
    testing.assert_flow(handed_in("singlet"), "__ -> -ZZ")


@pytest.mark.points(2, "the singlet, sign included")
def test_singlet():
    testing.assert_prepares(handed_in("singlet"), SINGLET)


@pytest.mark.points(1, "teleports |0⟩ and |1⟩")
def test_teleports_bits():
    testing.assert_flow(handed_in("teleportation"), "Z__ -> __Z")


@pytest.mark.points(3, "teleports every state")
def test_teleports():
    testing.assert_channel(handed_in("teleportation"), "I", inputs="message", outputs="receiver")


@pytest.mark.points(1, "tells the parity")
def test_parity():
    testing.assert_flow(handed_in("parity_check"), "ZZ_ -> ___ xor parity", inputs="data")


@pytest.mark.points(2, "leaves superpositions of one parity whole")
def test_parity_is_all_it_tells():
    testing.assert_flow(handed_in("parity_check"), "XX_ -> XX_", inputs="data")
