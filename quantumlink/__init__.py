"""quantumlink: gate-level quantum networks on Qiskit.

A link is an expression of elementary links, swaps, purifications and encodings. `compose`, `evaluate`, `forecast`,
`simulate`, `sample` and `submit` are readings of it: the circuit, the exact state, that state in time by its means
and trial by trial, the measured state here or on hardware.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from quantumlink import circuits, qkd
from quantumlink.circuits import Operation
from quantumlink.estimation import Estimate
from quantumlink.hardware import Detector, Fiber, FreeSpace, Memory, Node, Processor, SatellitePass
from quantumlink.link import ElementaryLink, Link, chain, encode, join, purify, swap
from quantumlink.program import Program

if TYPE_CHECKING:
    from quantumlink import parts, testing, visualization
    from quantumlink.distributed import distribute
    from quantumlink.execution import ExactSampler, Samples, sample
    from quantumlink.execution.clifford import CliffordSampler
    from quantumlink.execution.jobs import best_backend, resume, submit
    from quantumlink.execution.preparation import predict, prepare
    from quantumlink.network import Network, operate
    from quantumlink.readings import PairState, compose, evaluate, wire
    from quantumlink.readings.forecasting import forecast
    from quantumlink.readings.timeline import simulate
    from quantumlink.sweeps import sweep
    from quantumlink.visualization import draw

__version__ = "0.2.0"

# Loaded at their first use, so that the import stays about as quick as Qiskit's own.
_LATER = {
    "distribute": "quantumlink.distributed",
    "ExactSampler": "quantumlink.execution",
    "Samples": "quantumlink.execution",
    "sample": "quantumlink.execution",
    "CliffordSampler": "quantumlink.execution.clifford",
    "best_backend": "quantumlink.execution.jobs",
    "resume": "quantumlink.execution.jobs",
    "submit": "quantumlink.execution.jobs",
    "predict": "quantumlink.execution.preparation",
    "prepare": "quantumlink.execution.preparation",
    "Network": "quantumlink.network",
    "operate": "quantumlink.network",
    "forecast": "quantumlink.readings.forecasting",
    "PairState": "quantumlink.readings",
    "compose": "quantumlink.readings",
    "evaluate": "quantumlink.readings",
    "simulate": "quantumlink.readings.timeline",
    "sweep": "quantumlink.sweeps",
    "wire": "quantumlink.readings",
    "draw": "quantumlink.visualization",
}
_MODULES_LATER = ("parts", "testing", "visualization")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _MODULES_LATER:
        return import_module(f"quantumlink.{name}")
    raise AttributeError(f"module 'quantumlink' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


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
    "Operation",
    "PairState",
    "Processor",
    "Program",
    "Samples",
    "SatellitePass",
    "best_backend",
    "chain",
    "circuits",
    "compose",
    "distribute",
    "draw",
    "encode",
    "evaluate",
    "forecast",
    "join",
    "operate",
    "parts",
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
    "testing",
    "visualization",
    "wire",
]
