"""Rewrites: a program becomes another program with the same meaning on a different machine."""

from quantumlink.rewrites.deferred_measurement import deferred_circuit, deferred_measurement
from quantumlink.rewrites.medium import without_medium
from quantumlink.rewrites.noise import add_noise, noisy_circuit
from quantumlink.rewrites.noise_model import inlined_noise, readout_errors
from quantumlink.rewrites.pauli_frame import FramedCircuit, feedforward, framed_circuit, pauli_frame
from quantumlink.rewrites.qubit_reuse import LeanCircuit, reuse_qubits, reused_circuit
from quantumlink.rewrites.rotations import clifford_rotations
from quantumlink.rewrites.sampled_channels import sampled_channels, sampled_circuit

__all__ = [
    "FramedCircuit",
    "LeanCircuit",
    "add_noise",
    "clifford_rotations",
    "deferred_circuit",
    "deferred_measurement",
    "feedforward",
    "framed_circuit",
    "inlined_noise",
    "noisy_circuit",
    "pauli_frame",
    "readout_errors",
    "reuse_qubits",
    "reused_circuit",
    "sampled_channels",
    "sampled_circuit",
    "without_medium",
]
