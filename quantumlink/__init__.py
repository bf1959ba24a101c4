"""quantumlink: gate-level quantum networks on Qiskit.

A link is an expression of elementary links, swaps and purifications; `compose`, `evaluate` and `sample` are
readings of it: the circuit, the exact state, the measured one.
"""

from quantumlink import circuits
from quantumlink.compose import PairState, compose, evaluate
from quantumlink.estimation import Estimate
from quantumlink.execution import Samples, sample
from quantumlink.hardware import Fiber, Memory, Node, Processor
from quantumlink.link import ElementaryLink, Link, chain, purify, swap
from quantumlink.program import Program

__version__ = "0.1.0"
