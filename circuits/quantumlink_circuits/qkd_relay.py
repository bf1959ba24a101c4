"""Measurement-device-independent key distribution: an untrusted relay measures, Alice and Bob only prepare.

Each sends a state of BB84 to a relay in the middle, which announces the Bell state it found as the bits
(phase, parity) of `bell_measurement`. Rounds with equal bases are kept, and Bob flips his bit where
`MDI_FLIPS` says so. The relay learns whether the bits are equal, never what they are; a relay that lies
raises the error rate.

References:
    H.-K. Lo, M. Curty, B. Qi, Phys. Rev. Lett. 108, 130503 (2012).
    N. Lütkenhaus, J. Calsamiglia, K.-A. Suominen, Phys. Rev. A 59, 3295 (1999): limits of linear optics.
"""

from __future__ import annotations

from itertools import product

from qiskit.circuit import Parameter, QuantumCircuit, QuantumRegister

from quantumlink_circuits.bell import bell_measurement
from quantumlink_circuits.measurement import partial_bell_measurement
from quantumlink_circuits.qkd import BB84_STATES, bb84_preparation
from quantumlink_circuits.stages import Between, attach, stages

MDI_SETTINGS: dict[tuple[int, str, int, str], tuple[float, float]] = {
    (bit_a, basis_a, bit_b, basis_b): (BB84_STATES[bit_a, basis_a], BB84_STATES[bit_b, basis_b])
    for basis_a, basis_b, bit_a, bit_b in product("ZX", "ZX", (0, 1), (0, 1))
}
"""(Alice's bit, her basis, Bob's bit, his basis) → (alice_theta, bob_theta) of `mdi_round`: 16 rows of 2."""

MDI_FLIPS: dict[tuple[str, int, int], int] = {
    (basis, phase, parity): parity if basis == "Z" else phase
    for basis, phase, parity in product("ZX", (0, 1), (0, 1))
}
"""(common basis, announced phase, announced parity) → 1 if Bob flips his bit, so that it becomes Alice's."""


def mdi_relay_measurement(*, linear_optics: bool = False) -> QuantumCircuit:
    """The relay: a Bell measurement of the two qubits that arrive.

    Beam splitters and detectors alone tell only Ψ⁺ and Ψ⁻: with ``linear_optics`` the measurement is the
    `partial_bell_measurement`, and a run counts only if one of these two was found, as the metadata says.

    ```
                   ┌───┐┌─┐
           a: ──■──┤ H ├┤M├
              ┌─┴─┐└┬─┬┘└╥┘
           b: ┤ X ├─┤M├──╫─
              └───┘ └╥┘  ║
     phase: 1/═══════╬═══╩═
                     ║
    parity: 1/═══════╩═════
    ```

    Ports:
        ``a``, ``b``: Alice's and Bob's qubit. ``phase``, ``parity``: the Bell state found, as in
        `quantumlink_circuits.bell`; with ``linear_optics`` the parity's name is ``success``.

    Args:
        linear_optics: whether only Ψ⁺ and Ψ⁻ are told, which halves the accepted runs.

    >>> mdi_relay_measurement().metadata, mdi_relay_measurement(linear_optics=True).metadata
    ({}, {'odd_heralds': [[1]]})
    """
    circuit = partial_bell_measurement() if linear_optics else bell_measurement()
    circuit.name = "mdi_relay_measurement"
    return circuit


def mdi_round(
    *,
    between_a: Between = (),
    between_b: Between = (),
    linear_optics: bool = False,
) -> QuantumCircuit:
    """A round of measurement-device-independent key distribution: two BB84 states, one relay.

    ```
            ┌─────────────────┐     ┌───┐┌─┐
         a: ┤ Ry(alice_theta) ├──■──┤ H ├┤M├
            └┬───────────────┬┘┌─┴─┐└┬─┬┘└╥┘
         b: ─┤ Ry(bob_theta) ├─┤ X ├─┤M├──╫─
             └───────────────┘ └───┘ └╥┘  ║
     phase: 1/════════════════════════╬═══╩═
                                      ║
    parity: 1/════════════════════════╩═════
    ```

    Ports:
        ``a``, ``b``: the qubits that travel to the relay, |0⟩ before. ``phase``, ``parity``: what the relay
        announces (with ``linear_optics``: ``phase``, ``success``). Parameters ``alice_theta`` and
        ``bob_theta``: the rows of `MDI_SETTINGS`.

    Args:
        between_a: what stands between Alice and the relay, one stage or several in order: circuits with the
            traveling qubit on a port ``q``, or one-qubit instructions such as a `PauliChannel`.
        between_b: the same between Bob and the relay.
        linear_optics: whether the relay tells only Ψ⁺ and Ψ⁻: see `mdi_relay_measurement`.

    Raises:
        ValueError: if something between has no port ``q`` of one qubit, or a name that is taken.
        TypeError: if it is neither a circuit nor an instruction.

    >>> bound = mdi_round().assign_parameters(MDI_SETTINGS[0, "Z", 1, "Z"])  # Alice sends |0⟩, Bob |1⟩,
    >>> MDI_FLIPS["Z", 0, 1]  # the relay announces Ψ⁺ (phase 0, parity 1), and Bob flips his bit
    1
    """
    a, b = QuantumRegister(1, "a"), QuantumRegister(1, "b")
    circuit = QuantumCircuit(a, b, name="mdi_round")
    for port, who, between in ((a, "alice", between_a), (b, "bob", between_b)):
        for stage in (bb84_preparation(Parameter(f"{who}_theta")), *stages(between)):
            attach(circuit, stage, {"q": port})
    attach(circuit, mdi_relay_measurement(linear_optics=linear_optics), {"a": a, "b": b})
    return circuit
