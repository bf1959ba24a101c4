"""Prepare-and-measure key distribution: one parameterised circuit a protocol, its settings as tables.

A round is preparation, whatever stands between (medium, eavesdropper), measurement, all on the port ``q``
that travels. What Alice and Bob choose (bit, basis) are parameters, so one circuit plays every round:

    sampler.run([(circuit, list(BB84_SETTINGS.values()))])

is one broadcast PUB. The rows of a ``…_SETTINGS`` table are values of the circuit's parameters in their
order (by name), in radians; the keys say what they mean. An outcome 0 is the eigenvalue +1, so Bob's bit is
the outcome itself. For protocols on pairs see `quantumlink_circuits.qkd_pairs`, for an untrusted relay
`quantumlink_circuits.qkd_relay`.

Where the medium keeps a visibility V (ρ ↦ V·ρ + (1 − V)·𝟙/2), the error rate of sifted bits is (1 − V)/2 in
BB84 and the six-state protocol, and (1 − V)/(2 − V) in B92 and SARG04, which sift harder.

References:
    C. H. Bennett, G. Brassard, Proc. IEEE Int. Conf. Computers, Systems and Signal Processing (1984): BB84.
    C. H. Bennett, Phys. Rev. Lett. 68, 3121 (1992): B92.
    D. Bruß, Phys. Rev. Lett. 81, 3018 (1998): six states.
    V. Scarani, A. Acín, G. Ribordy, N. Gisin, Phys. Rev. Lett. 92, 057901 (2004): SARG04.
"""

from __future__ import annotations

from itertools import product
from math import isfinite, pi

from qiskit.circuit import Parameter, ParameterExpression, QuantumCircuit, QuantumRegister

from quantumlink_circuits.measurement import BASIS_ANGLES, basis_measurement
from quantumlink_circuits.stages import Between, attach, named_angle, stages

BB84_STATES: dict[tuple[int, str], float] = {
    (bit, basis): BASIS_ANGLES[basis][0] + pi * bit for basis in "ZX" for bit in (0, 1)
}
"""(bit, basis) → the angle θ with which `bb84_preparation` sends |0⟩, |1⟩ (Z) and |+⟩, |−⟩ (X)."""

BB84_SETTINGS: dict[tuple[int, str, str], tuple[float, float]] = {
    (bit, sent, measured): (BB84_STATES[bit, sent], BASIS_ANGLES[measured][0])
    for sent, bit, measured in product("ZX", (0, 1), "ZX")
}
"""(bit, Alice's basis, Bob's basis) → (alice_theta, bob_theta) of `bb84_round`: 8 rows of 2."""

SARG04_SETTINGS: dict[tuple[int, str, str], tuple[float, float]] = dict(BB84_SETTINGS)
"""(bit of the state, its basis, Bob's basis) → (alice_theta, bob_theta) of `sarg04_round`: those of BB84."""

SIX_STATE_STATES: dict[tuple[int, str], tuple[float, float]] = {
    (bit, basis): (BASIS_ANGLES[basis][0] + pi * bit, BASIS_ANGLES[basis][1]) for basis in "ZXY" for bit in (0, 1)
}
"""(bit, basis) → the angles (θ, φ) with which `six_state_preparation` sends the eigenstates of Z, X and Y."""

SIX_STATE_SETTINGS: dict[tuple[int, str, str], tuple[float, float, float, float]] = {
    (bit, sent, measured): (*SIX_STATE_STATES[bit, sent][::-1], *BASIS_ANGLES[measured][::-1])
    for sent, bit, measured in product("ZXY", (0, 1), "ZXY")
}
"""(bit, Alice's basis, Bob's basis) → (alice_phi, alice_theta, bob_phi, bob_theta) of `six_state_round`:
18 rows of 4."""


def bb84_preparation(theta: float | ParameterExpression | None = None) -> QuantumCircuit:
    """Send cos(θ/2)|0⟩ + sin(θ/2)|1⟩: the Bloch direction sin θ·X + cos θ·Z.

    Also the sender of B92, SARG04 and measurement-device-independent rounds.

    ```
       ┌─────────────────┐
    q: ┤ Ry(alice_theta) ├
       └─────────────────┘
    ```

    Ports:
        ``q``: |0⟩ before, the state to send after.

    Args:
        theta: angle in radians, from `BB84_STATES`; a fresh parameter named ``alice_theta`` if None.

    Raises:
        ValueError: if the angle is not finite.
        TypeError: if it is neither a number nor a parameter.

    >>> from qiskit.quantum_info import Statevector
    >>> Statevector(bb84_preparation(BB84_STATES[0, "X"])).probabilities().round(3).tolist()
    [0.5, 0.5]
    """
    q = QuantumRegister(1, "q")
    circuit = QuantumCircuit(q, name="bb84_preparation")
    circuit.ry(named_angle("theta", theta, "alice_theta"), q)
    return circuit


def six_state_preparation(
    theta: float | ParameterExpression | None = None, phi: float | ParameterExpression | None = None
) -> QuantumCircuit:
    """Send cos(θ/2)|0⟩ + e^(iφ)·sin(θ/2)|1⟩: the Bloch direction (θ, φ), any pure state.

    ```
       ┌────────────────────────────┐
    q: ┤ U(alice_theta,alice_phi,0) ├
       └────────────────────────────┘
    ```

    Ports:
        ``q``: |0⟩ before, the state to send after.

    Args:
        theta: polar angle in radians, from `SIX_STATE_STATES`; a fresh parameter ``alice_theta`` if None.
        phi: azimuth in radians; a fresh parameter named ``alice_phi`` if None.

    Raises:
        ValueError: if an angle is not finite.
        TypeError: if it is neither a number nor a parameter.

    >>> from qiskit.quantum_info import Statevector
    >>> Statevector(six_state_preparation(*SIX_STATE_STATES[0, "Y"])).equiv(Statevector.from_label("r"))
    True
    """
    q = QuantumRegister(1, "q")
    circuit = QuantumCircuit(q, name="six_state_preparation")
    circuit.u(named_angle("theta", theta, "alice_theta"), named_angle("phi", phi, "alice_phi"), 0, q)
    return circuit


def bb84_round(between: Between = ()) -> QuantumCircuit:
    """A round of BB84: one of |0⟩, |1⟩, |+⟩, |−⟩, measured in Z or X.

    Same basis: Bob's bit is Alice's. Different bases: his bit is random, and the round is dropped.

    ```
                ┌─────────────────┐┌───────────────────┐┌─┐
             q: ┤ Ry(alice_theta) ├┤ U(-bob_theta,0,0) ├┤M├
                └─────────────────┘└───────────────────┘└╥┘
    outcome: 1/══════════════════════════════════════════╩═
    ```

    Ports:
        ``q``: the qubit that travels, |0⟩ before. ``outcome``: Bob's bit. Parameters ``alice_theta`` and
        ``bob_theta``, whose values for each setting are the rows of `BB84_SETTINGS`.

    Args:
        between: what stands between Alice and Bob, one stage or several in order: circuits with the
            traveling qubit on a port ``q`` (an eavesdropper; its other registers are added to the round), or
            one-qubit instructions such as a `PauliChannel`.

    Raises:
        ValueError: if something between has no port ``q`` of one qubit, or a name that is taken.
        TypeError: if it is neither a circuit nor an instruction.

    >>> from quantumlink_circuits.channel import PauliChannel
    >>> from quantumlink_circuits.eavesdropping import intercept_resend
    >>> circuit = bb84_round([PauliChannel(0.01, 0.0, 0.01), intercept_resend(*BASIS_ANGLES["Z"])])
    >>> [register.name for register in circuit.cregs]
    ['eve', 'outcome']
    >>> [parameter.name for parameter in circuit.parameters], BB84_SETTINGS[1, "Z", "Z"]
    (['alice_theta', 'bob_theta'], (3.14159..., 0.0))
    """
    return _round("bb84_round", bb84_preparation(), between, _plane_measurement())


def six_state_round(between: Between = ()) -> QuantumCircuit:
    """A round of the six-state protocol: an eigenstate of Z, X or Y, measured in one of them.

    Same basis (one round in three if all are equally likely): Bob's bit is Alice's.

    ```
                ┌────────────────────────────┐┌──────────────────────────┐┌─┐
             q: ┤ U(alice_theta,alice_phi,0) ├┤ U(-bob_theta,0,-bob_phi) ├┤M├
                └────────────────────────────┘└──────────────────────────┘└╥┘
    outcome: 1/════════════════════════════════════════════════════════════╩═
    ```

    Ports:
        ``q``: the qubit that travels, |0⟩ before. ``outcome``: Bob's bit. Parameters ``alice_phi``,
        ``alice_theta``, ``bob_phi``, ``bob_theta``: the rows of `SIX_STATE_SETTINGS`.

    Args:
        between: as in `bb84_round`.

    Raises:
        ValueError: if something between has no port ``q`` of one qubit, or a name that is taken.
        TypeError: if it is neither a circuit nor an instruction.

    >>> len(SIX_STATE_SETTINGS), six_state_round().num_parameters
    (18, 4)
    """
    measurement = basis_measurement(Parameter("bob_theta"), Parameter("bob_phi"))
    return _round("six_state_round", six_state_preparation(), between, measurement)


def b92_settings(angle: float = pi / 2) -> dict[tuple[int, int], tuple[float, float]]:
    """The settings of `b92_round` for two states that lie this angle apart on the Bloch sphere.

    Bit 0 is |0⟩, bit 1 is cos(angle/2)|0⟩ + sin(angle/2)|1⟩. Bob tests against one of them at random; he
    can conclude with probability ½·sin²(angle/2): more for a larger angle, but then Eve can, too.

    Args:
        angle: in radians, between 0 and π, both excluded; π/2 makes the states |0⟩ and |+⟩.

    Returns:
        (Alice's bit, bit Bob tests against) → (alice_theta, bob_theta), 4 rows of 2.

    Raises:
        ValueError: if the angle is out of range: the states would be equal, or told apart for certain.

    >>> b92_settings()[1, 0]
    (1.57079..., 0.0)
    """
    if not (isfinite(angle) and 0 < angle < pi):
        raise ValueError(f"angle must lie between 0 and π radians, both excluded, got {angle}")
    theta = (0.0, float(angle))
    return {(bit, tested): (theta[bit], theta[tested]) for bit, tested in product((0, 1), repeat=2)}


B92_SETTINGS = b92_settings()
"""(Alice's bit, bit Bob tests against) → (alice_theta, bob_theta) of `b92_round` with |0⟩ and |+⟩: 4 rows of 2."""


def b92_round(between: Between = ()) -> QuantumCircuit:
    """A round of B92: one of two states that are not orthogonal, tested against one of the two.

    Bob measures along the state of the bit he tests against. Outcome 1 excludes that state, so his bit is
    the other one; outcome 0 tells nothing and the round is dropped. With |0⟩ and |+⟩ one round in four is
    conclusive, and without noise never wrong.

    ```
                ┌─────────────────┐┌───────────────────┐┌─┐
             q: ┤ Ry(alice_theta) ├┤ U(-bob_theta,0,0) ├┤M├
                └─────────────────┘└───────────────────┘└╥┘
    outcome: 1/══════════════════════════════════════════╩═  conclusive if 1
    ```

    Ports:
        ``q``: the qubit that travels, |0⟩ before. ``outcome``: 1 if the round is conclusive, which the
        metadata says as an odd herald. Parameters ``alice_theta`` and ``bob_theta``: the rows of
        `B92_SETTINGS`, or of `b92_settings` for states closer or farther apart.

    Args:
        between: as in `bb84_round`.

    Raises:
        ValueError: if something between has no port ``q`` of one qubit, or a name that is taken.
        TypeError: if it is neither a circuit nor an instruction.

    >>> b92_round().metadata
    {'odd_heralds': [[0]]}
    """
    measurement = _plane_measurement()
    measurement.metadata = {"odd_heralds": [[0]]}
    return _round("b92_round", bb84_preparation(), between, measurement)


def sarg04_round(between: Between = ()) -> QuantumCircuit:
    """A round of SARG04: states and measurements of BB84, but the bit is the *basis* of the state.

    Z means 0, X means 1. Alice announces two states, one of each basis, hers and one at random. Bob's
    result is conclusive if it is orthogonal to the announced state of the basis he measured: then Alice's
    state was the other one, and the bit is the basis he did *not* measure. One round in four is
    conclusive, and without noise never wrong.

    ```
                ┌─────────────────┐┌───────────────────┐┌─┐
             q: ┤ Ry(alice_theta) ├┤ U(-bob_theta,0,0) ├┤M├
                └─────────────────┘└───────────────────┘└╥┘
    outcome: 1/══════════════════════════════════════════╩═
    ```

    Ports:
        ``q``: the qubit that travels, |0⟩ before. ``outcome``: Bob's result. Parameters ``alice_theta`` and
        ``bob_theta``: the rows of `SARG04_SETTINGS`.

    Args:
        between: as in `bb84_round`.

    Raises:
        ValueError: if something between has no port ``q`` of one qubit, or a name that is taken.
        TypeError: if it is neither a circuit nor an instruction.

    >>> sarg04_round().name, len(SARG04_SETTINGS)
    ('sarg04_round', 8)
    """
    return _round("sarg04_round", bb84_preparation(), between, _plane_measurement())


def _plane_measurement() -> QuantumCircuit:
    return basis_measurement(Parameter("bob_theta"), 0.0)


def _round(
    name: str,
    preparation: QuantumCircuit,
    between: Between,
    measurement: QuantumCircuit,
) -> QuantumCircuit:
    q = QuantumRegister(1, "q")
    circuit = QuantumCircuit(q, name=name)
    for stage in (preparation, *stages(between), measurement):
        attach(circuit, stage, {"q": q})
    return circuit
