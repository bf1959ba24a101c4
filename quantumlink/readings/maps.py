"""Maps: each operation, under its nodes' noise, as something exact that links' states go through.

What is extracted comes from the same circuit, with the same noise rewrite, that a composed program runs. It
depends on the noise of the processors that act, so all nodes of equal noise share it. Two pairs made into one
have a whole map; any other operation carries the states themselves through its circuit. A pair is the vector of
its 16 Pauli coefficients Tr(P⊗Q·ρ), the left qubit's Pauli P as the most significant digit; a state of k qubits
has 4^k, likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink.arrays import FloatArray
from quantumlink.circuits import Operation, known_operation
from quantumlink.codes import Recovery
from quantumlink.codes.faults import check_pauli
from quantumlink.codes.sampled import SampledRecovery
from quantumlink.hardware import Memory, Node, Processor
from quantumlink.hardware.processor import Side
from quantumlink.link import Encoding, LogicalSwap
from quantumlink.readings.carrying import Carrier
from quantumlink.readings.contraction import Contraction
from quantumlink.readings.encoded import LogicalSwapping, recovery
from quantumlink.rewrites import noisy_circuit

PairMap = FloatArray
"""Shape (16, 256): two pairs in (the first as the most significant digit), one unnormalized pair out."""


Carrying = Carrier | Recovery | SampledRecovery | LogicalSwapping
"""What takes states of links through an operation."""

_SWAP = known_operation("entanglement_swap")


def is_pair_map(operation: Operation) -> bool:
    """Whether an operation makes one pair of two: then its map is kept whole."""
    return [len(qubits) for qubits in operation.inputs] == [2, 2] and len(operation.outputs) == 2


def is_sampled(carries: Carrying) -> bool:
    """Whether what carries states estimates them: it is linear in none of them, and not known as a whole map."""
    return isinstance(carries, SampledRecovery)


def pair_map(operation: Operation, processors: Sequence[Processor]) -> PairMap:
    """The map of an operation that makes one pair of two; its trace is the success probability.

    Args:
        operation: the operation.
        processors: that of each of its sites.
    """
    return _pair_map(operation, _acting(operation, processors))


def pair_contraction(
    operation: Operation, processors: Sequence[Processor], first_support: int, second_support: int
) -> Contraction:
    """That map, reduced to what the two pairs can hold: see `Contraction.of`."""
    return _pair_contraction(operation, _acting(operation, processors), first_support, second_support)


def carrier(operation: Operation, processors: Sequence[Processor]) -> Carrying:
    """What takes states through an operation under the noise of the processors at its sites."""
    return _carrier(operation, _acting(operation, processors))


def swap_map(left: Processor, relay: Processor, right: Processor) -> PairMap:
    """The map of an entanglement swap at ``relay``: (left pair, right pair) to the joined pair.

    The relay measures and the right end corrects; the left end does nothing, so its processor has no part.
    """
    return pair_map(_SWAP, (left, relay, right))


def purification_map(protocol: str, left: Processor, right: Processor) -> PairMap:
    """The map of a purification of two pairs: (kept pair, spent pair) to the kept pair, unnormalized.

    Its trace is the success probability. BBPSSW's twirl is averaged over its settings.
    """
    return pair_map(known_operation(protocol), (left, right))


@lru_cache(maxsize=4096)
def _pair_contraction(
    operation: Operation, processors: tuple[Processor, ...], first_support: int, second_support: int
) -> Contraction:
    return Contraction.of(_pair_map(operation, processors), first_support, second_support)


@lru_cache(maxsize=4096)
def _pair_map(operation: Operation, processors: tuple[Processor, ...]) -> PairMap:
    every = np.eye(16)
    states = _carrier(operation, processors)(np.repeat(every, 16, axis=0), np.tile(every, (16, 1)))
    return _read_only(np.ascontiguousarray(states.T))


@lru_cache(maxsize=1024)
def _carrier(operation: Operation, processors: tuple[Processor, ...]) -> Carrying:
    if isinstance(operation, LogicalSwap):  # corrections stay a frame: nothing befalls the ends
        relay = (_IDEAL, processors[1], _IDEAL)
        check_pauli(_noisy(_SWAP, relay))
        perfect, noisy = (pair_map(_SWAP, sites) for sites in ((_IDEAL,) * 3, relay))
        return LogicalSwapping(operation, perfect, noisy)
    noisy_one = _noisy(operation, processors)
    if isinstance(operation, Encoding):
        return recovery(operation, noisy_one)
    return Carrier(operation, noisy_one)


def _noisy(operation: Operation, processors: tuple[Processor, ...]) -> QuantumCircuit:
    """An operation's circuit under the noise of the processors at its sites."""
    sided = zip(operation.site_of_qubit, sides_of(operation), strict=True)
    memories = operation.memories or (Memory(),) * len(processors)
    nodes = [Node(f"site {site}", memories[site], processors[site].facing(side)) for site, side in sided]
    return noisy_circuit(operation.circuit, tuple(nodes))


def sides_of(operation: Operation) -> list[Side | None]:
    """On which side of its node the link of each qubit is; None for a qubit that no link brings."""
    sides: list[Side | None] = [None] * operation.circuit.num_qubits
    for first, *others in operation.inputs:  # a link's left end looks to the right, the others back to it
        sides[first] = "right"
        for qubit in others:
            sides[qubit] = "left"
    for qubit in operation.data:  # told as a link, but none brought it
        sides[qubit] = None
    return sides


def _acting(operation: Operation, processors: Sequence[Processor]) -> tuple[Processor, ...]:
    """The noise at each site, ideal where nothing is done: what maps depend on."""
    acts = operation.acting_sites
    return tuple(_timeless(p) if site in acts else _IDEAL for site, p in enumerate(processors))


_IDEAL = Processor()


@lru_cache(maxsize=4096)
def _timeless(processor: Processor) -> Processor:
    """The same noise without durations, and with a readout error told in one way: what maps depend on."""
    error: Any = processor.confusion
    if not processor.is_even:
        error = {0: processor.facing("left").confusion, 1: processor.facing("right").confusion}
    return replace(processor, readout_error=error, gate_1q_s=0.0, gate_2q_s=0.0, readout_s=0.0)


def _read_only(array: FloatArray) -> FloatArray:
    array.setflags(write=False)
    return array
