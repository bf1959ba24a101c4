"""Clifford circuits with Pauli noise, of any size: a SamplerV2 over stim, and stim's own circuits."""

from quantumlink.execution.clifford.conversion import to_stim
from quantumlink.execution.clifford.sampler import CliffordSampler, clifford_refusal

__all__ = ["CliffordSampler", "clifford_refusal", "to_stim"]
