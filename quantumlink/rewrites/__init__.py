"""Rewrites: a program becomes another program with the same meaning on a different machine."""

from quantumlink.rewrites.medium import without_medium
from quantumlink.rewrites.noise import add_noise, noisy_circuit
from quantumlink.rewrites.pauli_frame import feedforward, pauli_frame
from quantumlink.rewrites.rotations import clifford_rotations

__all__ = ["add_noise", "clifford_rotations", "feedforward", "noisy_circuit", "pauli_frame", "without_medium"]
