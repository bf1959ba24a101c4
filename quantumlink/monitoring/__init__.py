"""Watching the error rate of a running link: sequential tests, control charts, and a monitor that acts."""

from quantumlink.monitoring.change import ChangeEstimate, estimate_change
from quantumlink.monitoring.charts import CusumChart, SequentialTest
from quantumlink.monitoring.monitor import Alarm, Monitor
from quantumlink.monitoring.score import BernoulliScore

__all__ = [
    "Alarm",
    "BernoulliScore",
    "ChangeEstimate",
    "CusumChart",
    "Monitor",
    "SequentialTest",
    "estimate_change",
]
