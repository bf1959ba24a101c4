"""quantumlink: gate-level quantum networks on Qiskit.

A link is an expression of elementary links, swaps and purifications. `compose`, `evaluate`, `simulate`, `sample`
and `submit` are readings of it: the circuit, the exact state, the timeline, the measured state here or on hardware.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from quantumlink import circuits, qkd
from quantumlink.estimation import Estimate
from quantumlink.hardware import Detector, Fiber, FreeSpace, Memory, Node, Processor, SatellitePass
from quantumlink.link import ElementaryLink, Link, chain, purify, swap
from quantumlink.program import Program

if TYPE_CHECKING:
    from quantumlink.execution import ExactSampler, Samples, sample
    from quantumlink.execution.clifford import CliffordSampler
    from quantumlink.execution.jobs import resume, submit
    from quantumlink.execution.preparation import predict, prepare
    from quantumlink.network import Network
    from quantumlink.readings import PairState, compose, evaluate
    from quantumlink.readings.timeline import simulate
    from quantumlink.sweeps import sweep
    from quantumlink.visualization import draw

__version__ = "0.1.0"

# Loaded at their first use, so that the import stays about as quick as Qiskit's own.
_LATER = {
    "ExactSampler": "quantumlink.execution",
    "Samples": "quantumlink.execution",
    "sample": "quantumlink.execution",
    "CliffordSampler": "quantumlink.execution.clifford",
    "resume": "quantumlink.execution.jobs",
    "submit": "quantumlink.execution.jobs",
    "predict": "quantumlink.execution.preparation",
    "prepare": "quantumlink.execution.preparation",
    "Network": "quantumlink.network",
    "PairState": "quantumlink.readings",
    "compose": "quantumlink.readings",
    "evaluate": "quantumlink.readings",
    "simulate": "quantumlink.readings.timeline",
    "sweep": "quantumlink.sweeps",
    "draw": "quantumlink.visualization",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'quantumlink' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "CliffordSampler",
    "Detector",
    "ElementaryLink",
    "Estimate",
    "ExactSampler",
    "Fiber",
    "FreeSpace",
    "Link",
    "Memory",
    "Network",
    "Node",
    "PairState",
    "Processor",
    "Program",
    "Samples",
    "SatellitePass",
    "chain",
    "circuits",
    "compose",
    "draw",
    "evaluate",
    "predict",
    "prepare",
    "purify",
    "qkd",
    "resume",
    "sample",
    "simulate",
    "submit",
    "swap",
    "sweep",
]
