"""What Eve knows about a bit of the sifted key, computed exactly from the circuit with her in it.

For each announcement, and each of her own settings, the sifted bit a comes with an ensemble p_a, ρ_a of what
she holds: her classical record and her probes, in the rounds that were kept. Of it two numbers are told:

- the *Holevo information* S(Σ p_a·ρ_a) − Σ p_a·S(ρ_a), which no measurement and no later processing exceeds for
  attacks on single rounds;
- the *mutual information* with the best single-round guess (Helstrom's measurement), which she surely reaches.

Rounds she leaves alone tell her nothing. Both are averages over the sifted rounds, in bits.

References:
    A. S. Holevo, Probl. Inf. Transm. 9, 177 (1973).
    C. W. Helstrom, Quantum Detection and Estimation Theory (1976).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink.arrays import ComplexArray, FloatArray
from quantumlink.exact import PAULI_MATRICES, branches
from quantumlink.hardware import Node
from quantumlink.qkd.eavesdropping.overheard import Overheard
from quantumlink.rewrites import noisy_circuit

Matrix = ComplexArray
Record = tuple[int, ...]
Nodes = Callable[[QuantumCircuit], tuple[Node, ...]]
"""Whose noise acts on each qubit of a round with her circuit in it."""
Responds = Callable[[str | None, int], float]
"""The probability that Bob's detectors answer, by his basis and her setting."""


@dataclass(frozen=True)
class EveInformation:
    """What Eve knows of a sifted bit, averaged over all sifted rounds.

    >>> print(EveInformation(holevo=0.1, mutual=0.08, guess=0.6, attacked=0.2).sentence(0.3))
    she knows at most 0.1000 bit of a sifted bit (Holevo), 0.0800 bit by guessing it at once ...
    """

    holevo: float
    """Holevo information in bits."""
    mutual: float
    """Mutual information of the bit and her best guess of each round, in bits."""
    guess: float
    """Probability that this guess is right."""
    attacked: float
    """Share of the sifted rounds that she attacked."""

    def sentence(self, granted: float | None = None) -> str:
        """In words, beside what the bound granted her, in bits for each bit of the raw key."""
        text = (
            f"she knows at most {self.holevo:.4f} bit of a sifted bit (Holevo), {self.mutual:.4f} bit by guessing "
            f"it at once (right with probability {self.guess:.4f})"
        )
        if granted is None:
            return f"{text}; the bound was not reached."
        return f"{text}; the bound granted her {granted:.4f} bit."


def circuit_information(session: Overheard, fraction: float, nodes: Nodes, responds: Responds) -> EveInformation:
    """What follows from her circuit in the session's round.

    Of a pulse with several photons, each of which passes her circuit, she is taken to know everything.

    Args:
        session: the session, her circuit in its second play.
        fraction: share of the rounds that she attacks.
        nodes: whose noise acts in these.
        responds: how Bob's detectors answer there.
    """
    plays = session.plays()
    if not fraction or len(plays) < 2:
        return EveInformation(holevo=0.0, mutual=0.0, guess=0.5, attacked=0.0)
    # The probability to be sifted tells attacked and other rounds apart, where sifting looks at results.
    quiet = _kept(session, attacked=False) * (1 - fraction)
    loud = _kept(session, attacked=True) * fraction
    holevo, mutual, guess = _ensembles(session, nodes, responds)
    share = loud / (loud + quiet) if loud else 0.0
    several = session.several_photons_share(attacked=True)
    holevo, mutual, guess = (several * 1 + (1 - several) * x for x in (holevo, mutual, guess))
    return EveInformation(
        holevo=share * holevo, mutual=share * mutual, guess=share * guess + (1 - share) / 2, attacked=share
    )


def _kept(session: Overheard, *, attacked: bool) -> float:
    """The probability that photons arrive and the round is sifted into the key."""
    found, settings = session.probabilities(attacked=attacked), session.settings()
    sifted: float = sum(
        cell.weight * settings[cell.setting][1] * found[cell.setting][result]
        for cell in session.key_cells()
        for result in cell.results
    )
    return session.arrival_probability(attacked=attacked) * sifted


def _ensembles(session: Overheard, nodes: Nodes, responds: Responds) -> tuple[float, float, float]:
    """Holevo information, mutual information and guess, averaged over the kept rounds that are attacked."""
    play, settings = session.plays()[1], session.settings()
    names, values, weights = list(settings), play.values(), play.weights
    circuit = noisy_circuit(play.circuit, nodes(play.circuit))
    groups: dict[tuple[Any, int], dict[int, dict[Record, Matrix]]] = {}
    held: dict[tuple[int, int], dict[int, dict[Record, Matrix]]] = {}
    for cell, d in product(session.key_cells(), range(len(weights))):
        s = names.index(cell.setting)
        if (s, d) not in held:
            held[s, d] = _states(circuit.assign_parameters(values[s, d]), play.bits[0])
        weight = (
            cell.weight * settings[cell.setting][1] * weights[d] * responds(session.measured_basis(cell.setting), d)
        )
        ensemble = groups.setdefault((cell.announced, d), {0: {}, 1: {}})[cell.bit]
        for result in cell.results:
            for record, rho in held[s, d].get(result, {}).items():
                ensemble[record] = ensemble.get(record, 0) + weight * rho
    total = holevo = mutual = guess = 0.0
    for ensemble_of in groups.values():
        probability, *known = _known(ensemble_of)
        total += probability
        holevo, mutual, guess = (a + probability * b for a, b in zip((holevo, mutual, guess), known, strict=True))
    return holevo / total, mutual / total, guess / total


def _states(circuit: QuantumCircuit, outcome: int) -> dict[int, dict[Record, Matrix]]:
    """For each result of Bob's and each record of Eve's the unnormalized state of her probes."""
    probes = [circuit.find_bit(q).index for r in circuit.qregs if r.name.startswith("probe") for q in r]
    hers = [i for i in range(circuit.num_clbits) if i != outcome]
    found: dict[int, dict[Record, Matrix]] = {}
    for record, tensor in branches(circuit, outputs=probes, keep=[outcome, *hers]).items():
        found.setdefault(record[0], {})[record[1:]] = _matrix(tensor, len(probes))
    return found


def _matrix(tensor: FloatArray, qubits: int) -> Matrix:
    """A density matrix from its Pauli coefficients, the first qubit as the most significant."""
    rho = np.zeros((2**qubits, 2**qubits), dtype=complex)
    for digits in np.ndindex((4,) * qubits):
        string = np.ones((1, 1), dtype=complex)
        for digit in digits:
            string = np.kron(string, PAULI_MATRICES[digit])
        rho += float(tensor[digits].item()) * string / 2**qubits
    return rho


def _known(ensemble: dict[int, dict[Record, Matrix]]) -> tuple[float, float, float, float]:
    """Probability, Holevo information, mutual information of the best guess, and the guess, of one ensemble."""
    records = sorted(set(ensemble[0]) | set(ensemble[1]))
    parts = [[ensemble[a].get(record) for record in records] for a in (0, 1)]
    shape = next(rho.shape for row in parts for rho in row if rho is not None)
    blank: Matrix = np.zeros(shape, dtype=np.complex128)
    zero, one = ([blank if rho is None else rho for rho in row] for row in parts)
    p = [sum(float(np.trace(rho).real) for rho in row) for row in (zero, one)]
    total = sum(p)
    if total <= 0:
        return 0.0, 0.0, 0.0, 0.5
    mixed = [a + b for a, b in zip(zero, one, strict=True)]
    holevo = _entropy(mixed, total) - (p[0] * _entropy(zero, p[0]) + p[1] * _entropy(one, p[1])) / total
    table = np.zeros((2, 2))
    for a, b in zip(zero, one, strict=True):
        # Helstrom: guess 0 where the difference is positive.
        eigenvalues, vectors = np.linalg.eigh(a - b)
        favours_zero = vectors[:, eigenvalues >= 0]
        for bit, rho in enumerate((a, b)):
            here = float(np.trace(favours_zero.conj().T @ rho @ favours_zero).real)
            table[bit] += np.array([here, float(np.trace(rho).real) - here]) / total
    return total, max(holevo, 0.0), _mutual(table), float(np.trace(table))


def _entropy(blocks: list[Matrix], total: float) -> float:
    """Von Neumann entropy of a block-diagonal state of that trace, in bits."""
    if total <= 0:
        return 0.0
    eigenvalues = np.concatenate([np.linalg.eigvalsh(block) for block in blocks]) / total
    positive = eigenvalues[eigenvalues > 1e-15]
    return float(-(positive * np.log2(positive)).sum())


def _mutual(table: FloatArray) -> float:
    independent = np.outer(table.sum(axis=1), table.sum(axis=0))
    seen = table > 1e-15
    return max(0.0, float((table[seen] * np.log2(table[seen] / independent[seen])).sum()))
