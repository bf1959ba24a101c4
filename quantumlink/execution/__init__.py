"""Running programs on samplers."""

from quantumlink.execution.samples import Samples
from quantumlink.execution.sampling import sample

__all__ = ["Samples", "sample"]
