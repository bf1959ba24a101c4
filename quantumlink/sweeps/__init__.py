"""Sweeps: one function over many points, on any executor, resumed from disk; the result is a table."""

from quantumlink.sweeps.sweeping import sweep
from quantumlink.sweeps.table import Table
from quantumlink.sweeps.workers import PointError, WorkerDied

__all__ = ["PointError", "Table", "WorkerDied", "sweep"]
