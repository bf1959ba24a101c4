"""Clifford circuits with Pauli noise, of any size: a SamplerV2 over stim, and stim's own circuits."""

from quantumlink.execution.clifford.conversion import to_stim
from quantumlink.execution.clifford.sampler import CliffordSampler, clifford_refusal
from quantumlink.execution.clifford.translation import from_stim

__all__ = ["CliffordSampler", "clifford_refusal", "from_stim", "to_stim"]
