"""Rewrites: a program becomes another program with the same meaning on a different machine."""

from quantumlink.rewrites.classical_bits import ordered_bits, ordered_circuit
from quantumlink.rewrites.deferring import deferred_circuit, deferred_measurement
from quantumlink.rewrites.expansion import expanded_circuit
from quantumlink.rewrites.framing import FramedCircuit, feedforward, framed_circuit, pauli_frame
from quantumlink.rewrites.medium import without_medium
from quantumlink.rewrites.noise import add_noise, noisy_circuit
from quantumlink.rewrites.noise_model import inlined_noise, noise_of, readout_errors
from quantumlink.rewrites.playing_channels import sampled_channels, sampled_circuit
from quantumlink.rewrites.qubit_reuse import LeanCircuit, reuse_qubits, reused_circuit
from quantumlink.rewrites.rotations import clifford_rotations

__all__ = [
    "FramedCircuit",
    "LeanCircuit",
    "add_noise",
    "clifford_rotations",
    "deferred_circuit",
    "deferred_measurement",
    "expanded_circuit",
    "feedforward",
    "framed_circuit",
    "inlined_noise",
    "noise_of",
    "noisy_circuit",
    "ordered_bits",
    "ordered_circuit",
    "pauli_frame",
    "readout_errors",
    "reuse_qubits",
    "reused_circuit",
    "sampled_channels",
    "sampled_circuit",
    "without_medium",
]
