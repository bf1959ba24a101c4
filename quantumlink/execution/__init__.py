"""Running programs on samplers. `CliffordSampler` stands in ``quantumlink.execution.clifford``."""

from quantumlink.execution.exact_sampler import ExactSampler
from quantumlink.execution.samples import Samples
from quantumlink.execution.sampling import sample

__all__ = ["ExactSampler", "Samples", "sample"]
