"""quantumlink: gate-level quantum networks on Qiskit.

A link is an expression of elementary links, swaps and purifications; `compose`, `evaluate` and `sample` are
readings of it: the circuit, the exact state, the measured one.
"""

from quantumlink import circuits, qkd
from quantumlink.estimation import Estimate
from quantumlink.execution import CliffordSampler, ExactSampler, Samples, sample
from quantumlink.hardware import Fiber, Memory, Node, Processor
from quantumlink.link import ElementaryLink, Link, chain, purify, swap
from quantumlink.network import Network
from quantumlink.program import Program
from quantumlink.readings import PairState, compose, evaluate
from quantumlink.sweeps import sweep
from quantumlink.visualization import draw

__version__ = "0.1.0"

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
