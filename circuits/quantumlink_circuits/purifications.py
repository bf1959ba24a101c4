"""Purification: one pair is spent to improve another, when the outcomes agree.

All protocols here end in a bilateral CNOT from the kept to the spent pair and a Z measurement of the spent one.
BBPSSW and DEJMPS succeed when the two outcomes are equal: this *herald* stands in the circuit's metadata as
``{"heralds": [[0, 1]]}``, a list of parities of classical bits (by index) that must all be even. Extreme photon
loss distillation (`epl`) succeeds when both outcomes are 1: ``{"odd_heralds": [[0], [1]]}``, parities that must be
odd. ``"pairs"`` lists the ports, two qubit indices each, on which a Bell pair Φ⁺ is expected to arrive. For more
than one spent pair see `quantumlink_circuits.multiselection`.

Errors are Pauli operators on the arriving pairs. P on side a and Q on side b of one pair act as their product PQ
does on one side: so each pair has one letter, I for XX, YY or ZZ. A docstring's table says which herald each
error flips; several pairs' errors flip what each of them flips, and what is flipped twice is not flipped.

References:
    C. H. Bennett et al., Phys. Rev. Lett. 76, 722 (1996): BBPSSW.
    D. Deutsch et al., Phys. Rev. Lett. 77, 2818 (1996): DEJMPS.
    E. T. Campbell, S. C. Benjamin, Phys. Rev. Lett. 101, 130502 (2008): extreme photon loss (EPL).
    N. Kalb et al., Science 356, 928 (2017): EPL between two nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import pi
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, ParameterVector, QuantumCircuit, QuantumRegister

PurificationProtocol = Literal["dejmps", "bbpssw"]
"""The protocols `purification` knows."""

PURIFICATION_PROTOCOLS: tuple[PurificationProtocol, ...] = get_args(PurificationProtocol)


def purification(protocol: PurificationProtocol = "dejmps") -> QuantumCircuit:
    """The purification circuit of that name: see `dejmps` and `bbpssw`.

    Raises:
        ValueError: if the protocol is unknown.

    >>> purification("dejmps").metadata
    {'heralds': [[0, 1]], 'pairs': [[0, 3], [1, 2]]}
    """
    builders: dict[str, Callable[[], QuantumCircuit]] = {"dejmps": dejmps, "bbpssw": bbpssw}
    if protocol not in builders:
        raise ValueError(f"protocol must be one of {', '.join(builders)}; got {protocol!r}")
    return builders[protocol]()


def dejmps() -> QuantumCircuit:
    """Purify by the protocol of Deutsch et al. (1996).

    √X on both qubits of side a and √X† on both of side b (which exchanges Φ⁻ and Ψ⁻), then the bilateral
    CNOT. With the populations ordered (A, B, C, D) = (Φ⁺, Ψ⁻, Ψ⁺, Φ⁻), kept A…D and spent a…d:
    N = (A+B)(a+b) + (C+D)(c+d), and the kept pair becomes (Aa+Bb, Cd+Dc, Cc+Dd, Ab+Ba)/N with probability N.

    ```
             ┌────┐
     kept_a: ┤ √X ├────■────────
             ├────┤  ┌─┴─┐┌─┐
    spent_a: ┤ √X ├──┤ X ├┤M├───  outcome_a
             ├────┴┐ ├───┤├─┤
    spent_b: ┤ √X† ├─┤ X ├┤M├───  outcome_b, kept if equal
             ├─────┤ └─┬─┘└─┘
     kept_b: ┤ √X† ├───■────────
             └─────┘
    ```

    An error flips the only herald:

    ```
    pair    X   Y   Z
    kept    0   -   0
    spent   0   -   0
    ```

    So a Y on one pair passes and leaves the kept pair in Φ⁻; an X or Z on each of both pairs passes as well.

    Ports:
        ``kept_a``, ``kept_b``: the pair that is improved. ``spent_a``, ``spent_b``: the pair that is
        measured. ``outcome_a``, ``outcome_b``: one classical bit each. Sides a and b are two nodes.

    >>> dejmps().count_ops()["cx"]
    2
    """
    circuit = _ports("dejmps")
    kept_a, spent_a, spent_b, kept_b = circuit.qubits
    circuit.sx([kept_a, spent_a])
    circuit.sxdg([spent_b, kept_b])
    return _compare(circuit)


def bbpssw(*, twirl: bool = True) -> QuantumCircuit:
    """Purify by the protocol of Bennett et al. (1996): twirl both pairs, then the bilateral CNOT.

    From pairs of fidelity F, e = (1 − F)/3: success probability P = F² + 2Fe + 5e², fidelity
    F′ = (F² + e²)/P. The twirl turns any pair into the Werner state of its fidelity: each time the circuit
    runs, each pair draws a row (θ, φ, λ) of `TWIRL_ANGLES` at random, applies U(θ, φ, λ) on side a and its
    complex conjugate U(θ, −φ, −λ) on side b. The angles are parameters, six in all.

    ```
             ┌─────────┐
     kept_a: ┤ U(k)    ├────■────────
             ├─────────┤  ┌─┴─┐┌─┐
    spent_a: ┤ U(s)    ├──┤ X ├┤M├───  outcome_a
             ├─────────┤  ├───┤├─┤
    spent_b: ┤ U*(s)   ├──┤ X ├┤M├───  outcome_b, kept if equal
             ├─────────┤  └─┬─┘└─┘
     kept_b: ┤ U*(k)   ├────■────────
             └─────────┘
    ```

    Without the twirl, or with the first of its settings, an error flips the only herald:

    ```
    pair    X   Y   Z
    kept    0   0   -
    spent   0   0   -
    ```

    So a Z on one pair passes and leaves the kept pair in Φ⁻; an X or Y on each of both pairs passes as well. The
    other settings of the twirl exchange the letters, for each pair by itself.

    Ports:
        as `dejmps`. Parameters ``twirl_kept[0..2]`` and ``twirl_spent[0..2]``: θ, φ, λ in radians.

    Args:
        twirl: whether to twirl; without it there are no parameters, and the formula holds for Werner input.

    >>> len(bbpssw().parameters), len(bbpssw(twirl=False).parameters)
    (6, 0)
    """
    circuit = _ports("bbpssw")
    if twirl:
        kept_a, spent_a, spent_b, kept_b = circuit.qubits
        circuit.compose(bilateral_twirl("twirl_kept"), [kept_a, kept_b], inplace=True)
        circuit.compose(bilateral_twirl("twirl_spent"), [spent_a, spent_b], inplace=True)
        circuit.metadata["twirls"] = ["twirl_kept", "twirl_spent"]
    return _compare(circuit)


def epl() -> QuantumCircuit:
    """Distill two pairs that suffered extreme photon loss (EPL), by the protocol of Campbell and Benjamin (2008).

    A pair heralded by one photon is p·|Ψθ⟩⟨Ψθ| + (1 − p)·|11⟩⟨11| with |Ψθ⟩ = (|01⟩ + e^{iθ}|10⟩)/√2, where θ is
    unknown but the same for two pairs made shortly after each other. After the bilateral CNOT both outcomes are 1
    only if both pairs were in Ψθ, and then the phase drops out: Ψ⁺ with certainty. With probability P = p²/2
    the run succeeds, with fidelity F = 1; if the coherence of each raw pair is reduced to V, F = (1 + V²)/2.

    ```
     kept_a: ─────■────────
                ┌─┴─┐┌─┐
    spent_a: ───┤ X ├┤M├───  outcome_a
                ├───┤├─┤
    spent_b: ───┤ X ├┤M├───  outcome_b, kept if both are 1
                └─┬─┘└─┘
     kept_b: ─────■────────
    ```

    On raw pairs with p = 1 an X or Y on one half of one of them is refused with certainty. A Z on one pair passes
    and gives Ψ⁻; on both, it cancels, as θ does. X or Y on both pairs passes and leaves a pair of even parity; on
    both halves of one pair it passes and changes the sign of that pair's θ.

    Ports:
        ``kept_a``, ``kept_b``: the pair that is kept, Ψ⁺ afterwards (X on either side makes it Φ⁺).
        ``spent_a``, ``spent_b``: the pair that is measured. ``outcome_a``, ``outcome_b``: one classical bit each,
        both 1 in a successful run. No Φ⁺ is expected, so the metadata names no pairs.

    >>> epl().metadata
    {'odd_heralds': [[0], [1]]}
    """
    circuit = _compare(_ports("epl"))
    circuit.metadata = {"odd_heralds": [[0], [1]]}
    return circuit


def bilateral_twirl(name: str = "twirl") -> QuantumCircuit:
    """Rotate both halves of a pair alike: U(θ, φ, λ) on side a, its complex conjugate on side b.

    Averaged over the rows (θ, φ, λ) of `TWIRL_ANGLES`, any pair becomes the Werner state of its fidelity.

    ```
       ┌────────────┐
    a: ┤ U(θ,φ,λ)   ├
       ├────────────┤
    b: ┤ U(θ,-φ,-λ) ├
       └────────────┘
    ```

    Ports:
        ``a``, ``b``: the pair, one qubit each. Parameters: the vector of that name, θ, φ, λ in radians.

    >>> [str(p) for p in bilateral_twirl().parameters]
    ['twirl[0]', 'twirl[1]', 'twirl[2]']
    """
    a, b = QuantumRegister(1, "a"), QuantumRegister(1, "b")
    theta, phi, lam = ParameterVector(name, 3)
    circuit = QuantumCircuit(a, b, name="bilateral_twirl")
    circuit.u(theta, phi, lam, a)
    circuit.u(theta, -phi, -lam, b)
    return circuit


def _ports(name: str) -> QuantumCircuit:
    qubits = [QuantumRegister(1, port) for port in ("kept_a", "spent_a", "spent_b", "kept_b")]
    bits = [ClassicalRegister(1, port) for port in ("outcome_a", "outcome_b")]
    metadata = {"heralds": [[0, 1]], "pairs": [[0, 3], [1, 2]]}
    return QuantumCircuit(*qubits, *bits, name=name, metadata=metadata)


def _compare(circuit: QuantumCircuit) -> QuantumCircuit:
    kept_a, spent_a, spent_b, kept_b = circuit.qubits
    circuit.cx(kept_a, spent_a)
    circuit.cx(kept_b, spent_b)
    circuit.measure([spent_a, spent_b], circuit.clbits)
    return circuit


def _twirl_angles() -> tuple[tuple[float, float, float], ...]:
    # The rotations of the tetrahedron: a Pauli (4) times a cyclic exchange of the axes (3).
    pauli_or_phase = [(0.0, 0.0, 0.0), (0.0, 0.0, pi), (pi, 0.0, pi), (pi, 0.0, 0.0)]  # I, Z, X, iY
    cyclic = [(pi / 2, phi, lam) for phi, lam in product((0.0, pi), (pi / 2, 3 * pi / 2))]
    inverse = [(pi / 2, phi, lam) for phi, lam in product((pi / 2, 3 * pi / 2), (0.0, pi))]
    return tuple(pauli_or_phase + cyclic + inverse)


TWIRL_ANGLES = _twirl_angles()
"""The twelve settings (θ, φ, λ), all equally likely, that twirl a pair into the Werner state."""
