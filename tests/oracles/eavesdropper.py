"""What Bob sees and what Eve knows: error rates, information and Helstrom's bound, all exact."""

from math import log2

import numpy as np

from quantumlink.exact import PAULI_MATRICES, branches, outcome_probabilities


def binary_entropy(p):
    """In bits."""
    return 0.0 if p in (0, 1) else -p * log2(p) - (1 - p) * log2(1 - p)


def mutual_information(joint):
    """In bits, of a table of joint probabilities."""
    joint = np.asarray(joint)
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    seen = joint > 1e-15
    return float((joint[seen] * np.log2(joint[seen] / independent[seen])).sum())


def transfer(circuit, output=0):
    """The Pauli transfer matrix from the port q (qubit 0) to a qubit, Eve's record and the rest forgotten."""
    (matrix,) = branches(circuit, inputs=[0], outputs=[output], keep=[]).values()
    return matrix


def eve_states(attack, preparation):
    """For each record of Eve's bits the unnormalised state of her qubits, from the state sent."""
    qubits = [attack.find_bit(q).index for r in attack.qregs if r.name == "eve" for q in r]
    circuit = attack.copy_empty_like()
    circuit.compose(preparation, [0], inplace=True)
    circuit.compose(attack, inplace=True)
    found = {}
    for record, tensor in branches(circuit, outputs=qubits).items():
        rho = np.zeros((2 ** len(qubits),) * 2, dtype=complex)
        for digits in np.ndindex(*tensor.shape[:-1]):
            matrix = np.ones((1, 1))
            for digit in digits:
                matrix = np.kron(matrix, PAULI_MATRICES[digit])
            rho += tensor[digits][0] * matrix / 2 ** len(qubits)
        found[record] = rho
    return found


def best_guess(zero, one):
    """Helstrom: the best probability of telling two equally likely states, given with Eve's records."""
    total = 0.0
    for record in set(zero) | set(one):
        blank = np.zeros_like(next(iter(zero.values())))
        difference = zero.get(record, blank) - one.get(record, blank)
        total += np.abs(np.linalg.eigvalsh(difference)).sum()
    return 0.5 + total / 4


def error_rates(round_, settings, bases):
    """For each basis the error rates of the bits 0 and 1, both parties having chosen it."""
    rates = {}
    for basis in bases:
        rates[basis] = []
        for bit in (0, 1):
            circuit = round_.assign_parameters(list(settings[bit, basis, basis]))
            bob = circuit.find_bit(next(r for r in circuit.cregs if r.name == "outcome")[0]).index
            wrong = sum(p for record, p in outcome_probabilities(circuit).items() if record[bob] != bit)
            rates[basis].append(wrong)
    return rates


def mean_error(rates):
    """Over bases and bits, all equally likely."""
    return float(np.mean(list(rates.values())))
