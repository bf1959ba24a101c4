"""Readout errors taken out of parities and stabilizers, openly: the raw figure always stands beside it."""

from quantumlink.execution.mitigation.accounting import PostSelection
from quantumlink.execution.mitigation.calibration import Calibration, ReadoutErrors, calibration_of
from quantumlink.execution.mitigation.mitigated import Mitigated, Scope

__all__ = ["Calibration", "Mitigated", "PostSelection", "ReadoutErrors", "Scope", "calibration_of"]
