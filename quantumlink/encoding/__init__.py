"""Error correction over links: distill or encode, memories across a noisy seam, lattice surgery.

Links themselves are encoded by `quantumlink.encode`.
"""

from quantumlink.codes import BpOsd, Code, Decoder, Lookup, Matching, known_code, repetition_code, surface_code
from quantumlink.codes.sampled import SampledWarning
from quantumlink.encoding.choice import Option, Options, distill_or_encode
from quantumlink.encoding.patches import Patch, lattice_surgery, seam_memory
from quantumlink.encoding.thresholds import ThresholdScan, logical_error_rate, threshold_scan

__all__ = [
    "BpOsd",
    "Code",
    "Decoder",
    "Lookup",
    "Matching",
    "Option",
    "Options",
    "Patch",
    "SampledWarning",
    "ThresholdScan",
    "distill_or_encode",
    "known_code",
    "lattice_surgery",
    "logical_error_rate",
    "repetition_code",
    "seam_memory",
    "surface_code",
    "threshold_scan",
]
