"""Maps: each primitive circuit, under its nodes' noise, as one exact linear map on pairs.

The map is extracted from the same circuit, with the same noise rewrite, that a composed program runs. It depends on
the noise of the processors that act, so all nodes of equal noise share it. A pair is the vector of its 16 Pauli
coefficients Tr(P⊗Q·ρ), the left qubit's Pauli P as the most significant digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit

from quantumlink.circuits import (
    BASIS_ANGLES,
    TWIRL_ANGLES,
    PurificationProtocol,
    basis_measurement,
    bbpssw,
    bilateral_twirl,
    entanglement_swap,
    purification,
)
from quantumlink.exact import branches
from quantumlink.hardware import Node, Processor
from quantumlink.rewrites import noisy_circuit

PairMap = npt.NDArray[np.float64]
"""Shape (16, 256): two pairs in (the first as the most significant digit), one unnormalized pair out."""


def swap_map(left: Processor, relay: Processor, right: Processor) -> PairMap:
    """The map of an entanglement swap at ``relay``: (left pair, right pair) to the joined pair.

    The relay measures and the right end corrects; the left end does nothing, so its processor has no part.
    """
    del left
    return _swap_map(_timeless(relay), _timeless(right))


def purification_map(protocol: PurificationProtocol, left: Processor, right: Processor) -> PairMap:
    """The map of a purification: (kept pair, spent pair) to the kept pair, unnormalized.

    Its trace is the success probability. BBPSSW's twirl is averaged over its settings.
    """
    return _purification_map(protocol, _timeless(left), _timeless(right))


@lru_cache(maxsize=4096)
def _swap_map(relay: Processor, right: Processor) -> PairMap:
    circuit = noisy_circuit(entanglement_swap(), _nodes(Processor(), relay, relay, right))
    return _accepted(circuit, inputs=[0, 1, 2, 3], outputs=[0, 3])


@lru_cache(maxsize=4096)
def _purification_map(protocol: PurificationProtocol, left: Processor, right: Processor) -> PairMap:
    twirls = protocol == "bbpssw"
    ideal = bbpssw(twirl=False) if twirls else purification(protocol)
    circuit = noisy_circuit(ideal, _nodes(left, left, right, right))
    compared = _accepted(circuit, inputs=[0, 3, 1, 2], outputs=[0, 3])
    if not twirls:
        return compared
    twirl = twirl_map(left, right)
    return _read_only(compared @ np.kron(twirl, twirl))


@lru_cache(maxsize=4096)
def _timeless(processor: Processor) -> Processor:
    """The same noise without durations, and with a readout error told in one way: what maps depend on."""
    return replace(processor, readout_error=processor.confusion, gate_1q_s=0.0, gate_2q_s=0.0, readout_s=0.0)


@lru_cache(maxsize=1024)
def twirl_map(left: Processor, right: Processor) -> npt.NDArray[np.float64]:
    """The average of the bilateral twirl over its settings, shape (16, 16)."""
    circuit = noisy_circuit(bilateral_twirl(), _nodes(left, right))
    names = [parameter.name for parameter in circuit.parameters]
    maps = [_accepted(_bound(circuit, names, row), inputs=[0, 1], outputs=[0, 1]) for row in TWIRL_ANGLES]
    return _read_only(np.mean(maps, axis=0))


@lru_cache(maxsize=1024)
def measurement_map(basis: str, processor: Processor) -> npt.NDArray[np.float64]:
    """The noisy measurement of a qubit in the basis ``"X"``, ``"Y"`` or ``"Z"``.

    Returns:
        Shape (2, 4): the probability of outcome 0 and 1 as functionals of the Pauli coefficients.
    """
    circuit = noisy_circuit(basis_measurement(*BASIS_ANGLES[basis]), _nodes(processor))
    found = branches(circuit, inputs=[0])
    return _read_only(np.array([found.get((bit,), np.zeros(4)) for bit in (0, 1)]))


def _nodes(*processors: Processor) -> tuple[Node, ...]:
    # One node for each processor: where a primitive acts twice on one side, it is the same node.
    return tuple(Node(f"node {processors.index(p)}", processor=p) for p in processors)


def _accepted(circuit: QuantumCircuit, inputs: Sequence[int], outputs: Sequence[int]) -> PairMap:
    heralds = (circuit.metadata or {}).get("heralds", [])
    keep = sorted({bit for herald in heralds for bit in herald})
    total = np.zeros((4 ** len(outputs), 4 ** len(inputs)))
    for record, tensor in branches(circuit, inputs=inputs, outputs=outputs, keep=keep).items():
        bits = dict(zip(keep, record, strict=True))
        if all(sum(bits[c] for c in herald) % 2 == 0 for herald in heralds):
            total += tensor.reshape(total.shape)
    return _read_only(total)


def _bound(circuit: QuantumCircuit, names: Sequence[str], values: Sequence[float]) -> QuantumCircuit:
    return circuit.assign_parameters(dict(zip(names, values, strict=True)))


def _read_only(array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    array.setflags(write=False)
    return array
