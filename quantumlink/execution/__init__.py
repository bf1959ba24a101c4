"""Running programs on samplers."""

from quantumlink.execution.clifford import CliffordSampler
from quantumlink.execution.exact_sampler import ExactSampler
from quantumlink.execution.samples import Samples
from quantumlink.execution.sampling import sample

__all__ = ["CliffordSampler", "ExactSampler", "Samples", "sample"]
