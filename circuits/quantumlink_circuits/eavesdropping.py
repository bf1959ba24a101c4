"""Eavesdroppers: circuits on the qubit that travels, to be put where the medium stands.

Each has the traveling qubit on the port ``q``, in and out, and Eve's own register; `bb84_round` and the other
rounds take it as what is ``between``. What she keeps is on her register when the circuit ends: a classical bit
after `intercept_resend`, else qubits, which she may measure after Alice has announced her basis.

D is the error rate that Bob sees in the sifted bits (the *disturbance*), h the binary entropy.

References:
    C. H. Bennett, F. Bessette, G. Brassard, L. Salvail, J. Smolin, J. Cryptology 5, 3 (1992): intercept-resend,
    Breidbart basis.
    V. Bužek, M. Hillery, Phys. Rev. A 54, 1844 (1996): universal cloner.
    C. A. Fuchs, N. Gisin, R. B. Griffiths, C.-S. Niu, A. Peres, Phys. Rev. A 56, 1163 (1997): the best
    individual attack on BB84.
    C.-S. Niu, R. B. Griffiths, Phys. Rev. A 60, 2764 (1999): it needs two qubits only.
    S. L. Braunstein, V. Bužek, M. Hillery, Phys. Rev. A 63, 052313 (2001): the asymmetric cloner's circuit.
"""

from __future__ import annotations

from math import acos, pi, sqrt
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, ParameterExpression, QuantumCircuit, QuantumRegister

from quantumlink_circuits.stages import named_angle

BREIDBART_ANGLES: tuple[float, float] = (pi / 4, 0.0)
"""(θ, φ) of the Breidbart basis, half-way between Z and X: Eve guesses each bit with cos²(π/8) ≈ 0.854."""

ClonerPlane = Literal["XZ", "XY", "YZ"]
"""The two bases of the protocol that is attacked: a great circle of the Bloch sphere."""

CLONER_PLANES: tuple[ClonerPlane, ...] = get_args(ClonerPlane)


def intercept_resend(
    theta: float | ParameterExpression | None = None,
    phi: float | ParameterExpression | None = None,
    *,
    name: str = "eve",
) -> QuantumCircuit:
    """Measure the traveling qubit along the Bloch direction n = (θ, φ), and send a fresh one in the state found.

    A bit sent and measured along s arrives wrong with probability (1 − (n·s)²)/2. Whatever the direction
    within their plane, D = 1/4 on average in BB84 (`BREIDBART_ANGLES`: 1/4 in each basis), and for any
    direction at all D = 1/3 in the six-state protocol. Of a fraction ξ of the qubits: ξ/4 and ξ/3.

    ```
           ┌────────────┐┌─┐                 ┌──────────┐
        q: ┤ U(-θ,0,-φ) ├┤M├─|0>─[X if eve]──┤ U(θ,φ,0) ├
           └────────────┘└╥┘                 └──────────┘
    eve: 1/═══════════════╩══════════════════════════════
    ```

    Ports:
        ``q``: the traveling qubit, in and out. ``eve``: her outcome, one classical bit, 0 for the eigenvalue +1.

    Args:
        theta: polar angle in radians; a fresh parameter named ``eve_theta`` if None.
        phi: azimuth in radians; a fresh parameter named ``eve_phi`` if None.
        name: of Eve's register, and the beginning of her parameters' names.

    Raises:
        ValueError: if an angle is not finite.
        TypeError: if it is neither a number nor a parameter.

    >>> [parameter.name for parameter in intercept_resend().parameters]
    ['eve_phi', 'eve_theta']
    """
    theta, phi = named_angle("theta", theta, f"{name}_theta"), named_angle("phi", phi, f"{name}_phi")
    q, eve = QuantumRegister(1, "q"), ClassicalRegister(1, name)
    circuit = QuantumCircuit(q, eve, name="intercept_resend")
    circuit.u(-theta, 0, -phi, q)
    circuit.measure(q, eve)
    circuit.reset(q)  # the new photon
    with circuit.if_test((eve[0], 1)):
        circuit.x(q)
    circuit.u(theta, phi, 0, q)
    return circuit


def entangling_probe(theta: float | ParameterExpression | None = None, *, name: str = "eve") -> QuantumCircuit:
    """Rotate a probe by θ if the traveling qubit is |1⟩: an attack on Z of adjustable strength.

    Errors: e_Z = 0 and e_X = e_Y = (1 − cos(θ/2))/2, as coherence shrinks by the overlap cos(θ/2) of the probe's
    two states. Measured along (θ − π)/2 in the X–Z plane, the probe tells a bit sent in Z with probability
    (1 + sin(θ/2))/2, the best possible: nothing at θ = 0, all at θ = π.

    ```
      q: ────■────
         ┌───┴───┐
    eve: ┤ Ry(θ) ├
         └───────┘
    ```

    Ports:
        ``q``: the traveling qubit, in and out. ``eve``: the probe, |0⟩ before.

    Args:
        theta: angle in radians; a fresh parameter named ``eve_theta`` if None.
        name: of Eve's register, and the beginning of her parameter's name.

    Raises:
        ValueError: if the angle is not finite.
        TypeError: if it is neither a number nor a parameter.

    >>> from quantumlink_circuits.qkd import bb84_round
    >>> [register.name for register in bb84_round(entangling_probe(pi / 3)).qregs]
    ['q', 'eve']
    """
    theta = named_angle("theta", theta, f"{name}_theta")
    q, eve = QuantumRegister(1, "q"), QuantumRegister(1, name)
    circuit = QuantumCircuit(q, eve, name="entangling_probe")
    circuit.cry(theta, q, eve)
    return circuit


def phase_covariant_cloner(
    theta: float | ParameterExpression | None = None, *, plane: ClonerPlane = "XZ", name: str = "eve"
) -> QuantumCircuit:
    """Clone the states of a protocol's two bases onto one qubit of Eve's: her best individual attack on BB84.

    In the frame where both bases lie on the equator |00⟩ stays and |10⟩ → cos θ·|10⟩ + sin θ·|01⟩, with Eve's
    qubit second. Every state of the great circle reaches Bob with error D = (1 − cos θ)/2, and Eve, who
    waits for the basis and then measures her qubit in it, guesses right with (1 + sin θ)/2. So she learns
    I = 1 − h((1 + sin θ)/2) = ½φ(2√(D(1 − D))), φ(x) = (1+x)·log₂(1+x) + (1−x)·log₂(1−x), and no individual
    attack learns more. At θ = π/4, D = (1 − 1/√2)/2 ≈ 0.146, she knows as much as Bob.

    ```
         ┌────┐          ┌───┐┌─────┐
      q: ┤ √X ├────■─────┤ X ├┤ √X† ├
         └────┘┌───┴────┐└─┬─┘├─────┤
    eve: ──────┤ Ry(2θ) ├──■──┤ √X† ├  for the plane XZ
               └────────┘     └─────┘
    ```

    Ports:
        ``q``: the traveling qubit, in and out. ``eve``: her clone, |0⟩ before.

    Args:
        theta: strength in radians, arccos(1 − 2D); a fresh parameter named ``eve_theta`` if None.
        plane: the protocol's two bases, one of ``"XZ"``, ``"XY"``, ``"YZ"``. (The frame is turned by √X, by
            nothing, and by H.)
        name: of Eve's register, and the beginning of her parameter's name.

    Raises:
        ValueError: if the angle is not finite, or the plane is unknown.
        TypeError: if the angle is neither a number nor a parameter.

    >>> phase_covariant_cloner(acos(1 - 2 * 0.05)).count_ops()["cx"]
    1
    """
    if plane not in CLONER_PLANES:
        raise ValueError(f"plane must be one of {', '.join(CLONER_PLANES)}; got {plane!r}")
    theta = named_angle("theta", theta, f"{name}_theta")
    q, eve = QuantumRegister(1, "q"), QuantumRegister(1, name)
    circuit = QuantumCircuit(q, eve, name="phase_covariant_cloner")
    if plane == "XZ":
        circuit.sx(q)
    elif plane == "YZ":
        circuit.h(q)
    circuit.cry(2 * theta, q, eve)
    circuit.cx(eve, q)
    if plane == "XZ":
        circuit.sxdg([*q, *eve])
    elif plane == "YZ":
        circuit.h([*q, *eve])
    return circuit


def universal_cloner(theta: float | ParameterExpression = pi / 6, *, name: str = "eve") -> QuantumCircuit:
    """Clone any state equally well, onto two qubits of Eve's: the Bužek–Hillery cloner, made asymmetric.

    |ψ⟩ → α·|ψ⟩_q|Φ⁺⟩_eve + β·|ψ⟩_eve₀|Φ⁺⟩_(q,eve₁) with α = (2/√3)·sin(π/3 − θ), β = (2/√3)·sin θ. The copy that
    goes on to Bob has fidelity 1 − ⅔·sin²θ, Eve's own on ``eve[0]`` has 1 − ⅔·sin²(π/3 − θ), for every ψ: each is
    what depolarizing leaves. At θ = π/6 both are 5/6; at 0 Eve gets nothing, at π/3 she gets all. In the
    six-state protocol D = ⅔·sin²θ, and both her qubits together tell a bit, once the basis is known, with
    probability ½·(1 + D + √(D(2 − 3D))).

    ```
                                             ┌───┐┌───┐
        q: ──────────────────────────────■────■──┤ X ├┤ X ├
           ┌────────────┐         ┌───┐┌─┴─┐  │  └─┬─┘└─┬─┘
    eve_0: ┤ Ry(2θ-π/3) ├────■────┤ H ├┤ X ├──┼────■────┼──
           └─┬───────┬──┘┌───┴───┐└─┬─┘└───┘┌─┴─┐       │
    eve_1: ──┤ Ry(μ) ├───┤Ry(π-μ)├──■───────┤ X ├───────■──
             └───────┘   └───────┘          └───┘           cos²(μ/2) = ⅔
    ```

    Ports:
        ``q``: the traveling qubit, in and out. ``eve``: two qubits, |00⟩ before; [0] is Eve's clone after.

    Args:
        theta: asymmetry in radians, from 0 to π/3; a number or a Qiskit parameter.
        name: of Eve's register.

    Raises:
        ValueError: if the angle is not finite.
        TypeError: if it is neither a number nor a parameter.

    >>> dict(universal_cloner().count_ops())
    {'cx': 4, 'ry': 2, 'cry': 1, 'ch': 1}
    """
    theta = named_angle("theta", theta, f"{name}_theta")
    q, eve = QuantumRegister(1, "q"), QuantumRegister(2, name)
    circuit = QuantumCircuit(q, eve, name="universal_cloner")
    # α|Φ⁺⟩ + β|0⟩|+⟩ lies in the plane of √⅔|00⟩ + √⅓|+1⟩ and |−1⟩: a rotation by θ − π/6 within it.
    mu = 2 * acos(sqrt(2 / 3))
    circuit.ry(2 * theta - pi / 3, eve[0])
    circuit.ry(mu, eve[1])
    circuit.cry(pi - mu, eve[0], eve[1])
    circuit.ch(eve[1], eve[0])
    circuit.cx(q, eve[0])
    circuit.cx(q, eve[1])
    circuit.cx(eve[0], q)
    circuit.cx(eve[1], q)
    return circuit
