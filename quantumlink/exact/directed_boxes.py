"""Boxes whose annotations direct IBM's Executor: how to twirl, in which bases to measure, which noise to add.

Whoever opens such a box and goes on drops what was asked for. Annotations of others are their own business.
"""

from __future__ import annotations

from qiskit.circuit import BoxOp

from quantumlink.exact.transfer import UnsupportedOperation

DIRECTING = "samplomatic."
"""How the namespaces of these annotations begin."""


def refuse_directed(box: BoxOp) -> None:
    """Refuse a box with directions.

    Raises:
        UnsupportedOperation: if it has any.
    """
    told = [type(each).__name__ for each in box.annotations if each.namespace.startswith(DIRECTING)]
    if told:
        raise UnsupportedOperation(
            f"a 'box' annotated with {', '.join(told)}: the service's sampler takes no boxes, and opened here it "
            f"would lose what it asks for. Take the annotation off, and let submit(..., boxes=pass_manager) put "
            f"what was prepared into boxes, or its client twirl: options={{'twirling': {{'enable_gates': True}}}}"
        )
