"""Entanglement-based key distribution: measurements on the two halves of an arriving pair.

The pair comes from a link and arrives on the ports ``a`` (Alice) and ``b`` (Bob); on Φ⁺ equal settings give
equal bits. As in `quantumlink_circuits.qkd`, settings are parameters, and the rows of a table are their
values in the circuit's order, in radians: ``sampler.run([(circuit, list(BBM92_SETTINGS.values()))])``.

A Bell-diagonal pair (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻) gives the error rates Q_Z = Ψ⁺ + Ψ⁻, Q_X = Φ⁻ + Ψ⁻, Q_Y = Φ⁻ + Ψ⁺.

References:
    A. K. Ekert, Phys. Rev. Lett. 67, 661 (1991): E91.
    C. H. Bennett, G. Brassard, N. D. Mermin, Phys. Rev. Lett. 68, 557 (1992): BBM92.
    D. Bruß, Phys. Rev. Lett. 81, 3018 (1998): six states.
"""

from __future__ import annotations

from itertools import product
from math import pi

from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister

from quantumlink_circuits.measurement import BASIS_ANGLES, basis_measurement

E91_SETTINGS: dict[tuple[int, int], tuple[float, float]] = {
    (i, j): ((i - 1) * pi / 4, j * pi / 4) for i, j in product((1, 2, 3), repeat=2)
}
"""(Alice's direction 1–3, Bob's 1–3), numbered as by Ekert → (alice_theta, bob_theta) of `e91_measurement`:
Alice 0, π/4, π/2, Bob π/4, π/2, 3π/4; 9 rows of 2."""

E91_CHSH: dict[tuple[int, int], int] = {(1, 1): 1, (1, 3): -1, (3, 1): 1, (3, 3): 1}
"""The settings of the Bell test with their signs: S = Σ sign·E(setting) is 2√2 on Φ⁺ and at most 2 locally."""

E91_KEY: tuple[tuple[int, int], ...] = ((2, 1), (3, 2))
"""The settings with equal directions, whose outcomes are the key."""

BBM92_SETTINGS: dict[tuple[str, str], tuple[float, float]] = {
    (a, b): (BASIS_ANGLES[a][0], BASIS_ANGLES[b][0]) for a, b in product("ZX", repeat=2)
}
"""(Alice's basis, Bob's basis) → (alice_theta, bob_theta) of `bbm92_measurement`: 4 rows of 2."""

SIX_STATE_PAIR_SETTINGS: dict[tuple[str, str], tuple[float, float, float, float]] = {
    # On Φ⁺ Y⊗Y is −1: Bob measures along −Y, so that equal bases give equal bits.
    (a, b): (BASIS_ANGLES[a][1], BASIS_ANGLES[a][0], -BASIS_ANGLES[b][1], BASIS_ANGLES[b][0])
    for a, b in product("ZXY", repeat=2)
}
"""(Alice's basis, Bob's basis) → (alice_phi, alice_theta, bob_phi, bob_theta) of `six_state_measurement`,
Bob's Y reversed: 9 rows of 4."""


def e91_measurement() -> QuantumCircuit:
    """Measure a pair along two directions of the X–Z plane: E91.

    On Φ⁺ the correlation is E = cos(alice_theta − bob_theta), E being the mean of (−1)^(outcome_a ⊕ outcome_b).

    ```
                  ┌─────────────────────┐┌─┐
               a: ┤ U(-alice_theta,0,0) ├┤M├───
                  └┬───────────────────┬┘└╥┘┌─┐
               b: ─┤ U(-bob_theta,0,0) ├──╫─┤M├
                   └───────────────────┘  ║ └╥┘
    outcome_a: 1/═════════════════════════╩══╬═
                                             ║
    outcome_b: 1/════════════════════════════╩═
    ```

    Ports:
        ``a``, ``b``: the pair, one qubit each. ``outcome_a``, ``outcome_b``: one classical bit each.
        Parameters ``alice_theta`` and ``bob_theta``: the rows of `E91_SETTINGS`.

    >>> circuit = e91_measurement()
    >>> [parameter.name for parameter in circuit.parameters], circuit.metadata
    (['alice_theta', 'bob_theta'], {'pairs': [[0, 1]]})
    """
    return _on_pair("e91_measurement", _plane("alice"), _plane("bob"))


def bbm92_measurement() -> QuantumCircuit:
    """Measure a pair in Z or X on each side: BBM92, the circuit of `e91_measurement` with other settings.

    Equal bases give equal bits on Φ⁺, different ones independent bits.

    ```
                  ┌─────────────────────┐┌─┐
               a: ┤ U(-alice_theta,0,0) ├┤M├───
                  └┬───────────────────┬┘└╥┘┌─┐
               b: ─┤ U(-bob_theta,0,0) ├──╫─┤M├
                   └───────────────────┘  ║ └╥┘
    outcome_a: 1/═════════════════════════╩══╬═
                                             ║
    outcome_b: 1/════════════════════════════╩═
    ```

    Ports:
        as `e91_measurement`. Parameters ``alice_theta`` and ``bob_theta``: the rows of `BBM92_SETTINGS`.

    >>> BBM92_SETTINGS["Z", "X"]
    (0.0, 1.57079...)
    """
    return _on_pair("bbm92_measurement", _plane("alice"), _plane("bob"))


def six_state_measurement() -> QuantumCircuit:
    """Measure a pair in Z, X or Y on each side: the six-state protocol on entangled pairs.

    Equal bases give equal bits on Φ⁺, as Bob's Y is reversed; different ones independent bits.

    ```
                  ┌──────────────────────────────┐┌─┐
               a: ┤ U(-alice_theta,0,-alice_phi) ├┤M├───
                  └─┬──────────────────────────┬─┘└╥┘┌─┐
               b: ──┤ U(-bob_theta,0,-bob_phi) ├───╫─┤M├
                    └──────────────────────────┘   ║ └╥┘
    outcome_a: 1/══════════════════════════════════╩══╬═
                                                      ║
    outcome_b: 1/═════════════════════════════════════╩═
    ```

    Ports:
        as `e91_measurement`. Parameters ``alice_phi``, ``alice_theta``, ``bob_phi``, ``bob_theta``: the
        rows of `SIX_STATE_PAIR_SETTINGS`.

    >>> SIX_STATE_PAIR_SETTINGS["Y", "Y"]
    (1.57079..., 1.57079..., -1.57079..., 1.57079...)
    """
    sides = [basis_measurement(Parameter(f"{who}_theta"), Parameter(f"{who}_phi")) for who in ("alice", "bob")]
    return _on_pair("six_state_measurement", *sides)


def _plane(who: str) -> QuantumCircuit:
    return basis_measurement(Parameter(f"{who}_theta"), 0.0)


def _on_pair(name: str, alice: QuantumCircuit, bob: QuantumCircuit) -> QuantumCircuit:
    a, b = QuantumRegister(1, "a"), QuantumRegister(1, "b")
    outcomes = [ClassicalRegister(1, f"outcome_{side}") for side in "ab"]
    circuit = QuantumCircuit(a, b, *outcomes, name=name, metadata={"pairs": [[0, 1]]})
    circuit.compose(alice, a, outcomes[0], inplace=True)
    circuit.compose(bob, b, outcomes[1], inplace=True)
    return circuit
