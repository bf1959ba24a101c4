"""quantumlink: gate-level quantum networks on Qiskit.

A link is an expression of elementary links, swaps, purifications and encodings. `compose`, `evaluate`, `forecast`,
`simulate`, `sample` and `submit` are readings of it: the circuit, the exact state, that state in time by its means
and trial by trial, the measured state here or on hardware.
"""

import lazy_loader

from quantumlink import circuits, estimation, hardware, link, program, qkd  # noqa: F401  there at once

__version__ = "0.2.0"

# All names stand in the stub. What they need is loaded at the first use, so that the import stays about as quick as
# Qiskit's own.
__getattr__, _public_names, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    return sorted([*_public_names(), "__version__"])
