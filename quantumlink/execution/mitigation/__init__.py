"""Errors of readout and gates taken out of figures, openly: the raw figure always stands beside the other."""

from quantumlink.execution.mitigation.accounting import PostSelection
from quantumlink.execution.mitigation.calibration import Calibration, ReadoutErrors, calibration_of
from quantumlink.execution.mitigation.cancellation import Cancelled, cancelled
from quantumlink.execution.mitigation.folding import ZeroNoise, folded, zero_noise
from quantumlink.execution.mitigation.mitigated import Mitigated, Scope
from quantumlink.execution.mitigation.quiet_runs import QuietRuns

__all__ = [
    "Calibration",
    "Cancelled",
    "Mitigated",
    "PostSelection",
    "QuietRuns",
    "ReadoutErrors",
    "Scope",
    "ZeroNoise",
    "calibration_of",
    "cancelled",
    "folded",
    "zero_noise",
]
