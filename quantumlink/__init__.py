"""quantumlink: gate-level quantum networks on Qiskit.

A link is an expression of elementary links, swaps and purifications; `compose`, `evaluate` and `sample` are
readings of it: the circuit, the exact state, the measured one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from quantumlink import circuits, qkd
from quantumlink.estimation import Estimate
from quantumlink.execution import ExactSampler, Samples, sample
from quantumlink.hardware import Fiber, Memory, Node, Processor
from quantumlink.link import ElementaryLink, Link, chain, purify, swap
from quantumlink.network import Network
from quantumlink.program import Program
from quantumlink.readings import PairState, compose, evaluate
from quantumlink.visualization import draw

if TYPE_CHECKING:
    from quantumlink.execution.clifford import CliffordSampler
    from quantumlink.sweeps import sweep

__version__ = "0.1.0"

# Loaded at their first use, so that the import stays about as quick as Qiskit's own.
_LATER = {"CliffordSampler": "quantumlink.execution.clifford", "sweep": "quantumlink.sweeps"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'quantumlink' has no attribute {name!r}")


__all__ = [
    "CliffordSampler",
    "ElementaryLink",
    "Estimate",
    "ExactSampler",
    "Fiber",
    "Link",
    "Memory",
    "Network",
    "Node",
    "PairState",
    "Processor",
    "Program",
    "Samples",
    "chain",
    "circuits",
    "compose",
    "draw",
    "evaluate",
    "purify",
    "qkd",
    "sample",
    "swap",
    "sweep",
]
