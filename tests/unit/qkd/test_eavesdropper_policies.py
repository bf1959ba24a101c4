"""Eavesdroppers as policies: their circuits' registers, what is refused, and what the ends are told."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import QuantumRegister

from quantumlink.hardware import Fiber, Memory
from quantumlink.qkd import NoSecretKey
from quantumlink.qkd.eavesdropping import (
    TAMPERINGS,
    DetectorBlinding,
    Eavesdropper,
    EntanglingProbe,
    InterceptResend,
    ManInTheMiddle,
    MemoryAttack,
    PhaseCovariantCloner,
    PhotonNumberSplitting,
    UniversalCloner,
)
from quantumlink.qkd.protocols import B92, BB84, DecoyBB84, bb84, decoy_bb84

ATTACKS = [
    *(InterceptResend(basis=basis) for basis in ("random", "Z", "X", "Y", "breidbart")),
    EntanglingProbe(),
    PhaseCovariantCloner(),
    UniversalCloner(),
    MemoryAttack(wait_s=1.0, memory=Memory(1.0, 1.0)),
    PhotonNumberSplitting(),
    DetectorBlinding(),
]


@pytest.mark.parametrize("eve", ATTACKS, ids=repr)
def test_one_qubit_travels_and_the_rest_is_hers(eve):
    circuit = eve.circuit()
    registers = {register.name: register.size for register in circuit.qregs}
    assert registers.pop("signal") == 1
    assert all(name.startswith("probe") for name in registers)
    names = {parameter.name for parameter in circuit.parameters}
    assert {p.name for setting in eve.settings() for p in setting.parameters} == names
    assert eval(repr(eve), globals()) == eve  # a repr that can be pasted


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), "all", True])
def test_a_bad_fraction_is_refused(fraction):
    with pytest.raises((ValueError, TypeError), match="fraction must be a number in"):
        InterceptResend(fraction)


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match="basis must be one of random, Z, X, Y, breidbart"):
        InterceptResend(basis="W")
    with pytest.raises(ValueError, match="strength must be a number in"):
        EntanglingProbe(strength=4.0)
    with pytest.raises(ValueError, match="disturbance must be a number in"):
        PhaseCovariantCloner(disturbance=0.6)
    with pytest.raises(ValueError, match="plane must be one of"):
        PhaseCovariantCloner(plane="ZZ")
    with pytest.raises(ValueError, match="disturbance must be a number in"):
        UniversalCloner(disturbance=-0.1)
    with pytest.raises(ValueError, match="attack must keep a probe"):
        MemoryAttack(attack=InterceptResend())
    with pytest.raises(ValueError, match="attack must have fraction 1"):
        MemoryAttack(attack=EntanglingProbe(0.5))
    with pytest.raises(ValueError, match="blocked must be a number in"):
        PhotonNumberSplitting(blocked=2.0)


def test_attacks_that_do_not_fit_a_session_are_refused():
    with pytest.raises(ValueError, match="sends single photons: use DecoyBB84"):
        BB84(medium=Fiber(1), rounds=10, eavesdropper=PhotonNumberSplitting())
    with pytest.raises(ValueError, match="needs a protocol with bases"):
        B92(medium=Fiber(1), rounds=10, eavesdropper=DetectorBlinding())


class Strange(Eavesdropper):
    """One of the user's own, without the register that travels."""

    def circuit(self):
        return QuantumCircuit(QuantumRegister(1, "photon"))


class Flipper(Eavesdropper):
    """One of the user's own that turns every qubit over."""

    def circuit(self):
        circuit = QuantumCircuit(QuantumRegister(1, "signal"))
        circuit.x(0)
        return circuit


def test_ones_own_eavesdropper():
    with pytest.raises(ValueError, match="must have a register 'signal' of 1 qubit, got photon of 1"):
        BB84(medium=Fiber(0), rounds=10, eavesdropper=Strange()).circuits()
    sifted = BB84(medium=Fiber(0), rounds=1000, seed=1, eavesdropper=Flipper()).sift()
    assert (sifted.key_alice != sifted.key_bob).all()
    assert sifted.test_errors == 0


# --- what the ends are told


def test_a_strong_attack_leaves_no_key_and_the_report_says_what_she_knew():
    key = bb84(Fiber(10), rounds=200_000, seed=3, eavesdropper=InterceptResend(1.0))
    assert not key
    assert "Eavesdropper InterceptResend(fraction=1.0, basis='random')" in key.report()
    assert "0.5000 bit of a sifted bit (Holevo)" in key.report()
    with pytest.raises(NoSecretKey):
        _ = key.secret_bits


@pytest.mark.parametrize(
    "eve",
    [
        InterceptResend(0.15),
        PhaseCovariantCloner(disturbance=0.03),
        EntanglingProbe(strength=0.4),
        UniversalCloner(0.2),
    ],
    ids=repr,
)
def test_where_there_is_a_key_the_bound_granted_more_than_she_knows(eve):
    session = BB84(medium=Fiber(0), rounds=400_000, seed=5, eavesdropper=eve)
    key = session.run()
    assert len(key) > 1000
    terms = key.terms
    assert eve.information(session).holevo < 1 - terms.entropy_bits / terms.n
    assert "the bound granted her" in key.report()


def test_blinding_looks_perfect_and_gives_no_key():
    key = bb84(Fiber(50), rounds=500_000, seed=3, eavesdropper=DetectorBlinding(0.5))
    assert key.qber == 0
    assert key.test_qber == 0
    assert not key
    assert "outside of what the bound covers" in key.reason
    assert "0.5000 bit of a sifted bit" in key.report()


def test_decoys_catch_photon_number_splitting():
    options = {"rounds": 10**8, "seed": 2, "z_probability": 0.5, "intensity_probabilities": (0.4, 0.4, 0.2)}
    assert len(decoy_bb84(Fiber(60), **options)) > 10_000
    caught = decoy_bb84(Fiber(60), eavesdropper=PhotonNumberSplitting(), **options)
    assert not caught
    assert caught.qber == 0  # no error gave her away, only the decoys' count rate


def test_pulses_are_sent_in_the_stated_shares():
    session = DecoyBB84(medium=Fiber(0), rounds=10)
    assert [share for share, _ in session.photons()] == [0.7, 0.2, 0.1]
    assert np.sum([photons @ np.arange(len(photons)) for _, photons in session.photons()]) == pytest.approx(0.6)


# --- the classical channel


MESSAGES = [b"bases", b"parities", b"tag"]


@pytest.mark.parametrize("action", TAMPERINGS)
@pytest.mark.parametrize("message", [None, 0, 1])
def test_a_man_in_the_middle_changes_something(action, message, seed):
    arrived = ManInTheMiddle(action, message=message, seed=seed).act(MESSAGES)
    assert arrived != MESSAGES
    assert arrived == ManInTheMiddle(action, message=message, seed=seed).act(MESSAGES)


def test_what_each_action_does():
    assert ManInTheMiddle("drop", message=1).act(MESSAGES) == [b"bases", b"tag"]
    assert ManInTheMiddle("repeat", message=0).act(MESSAGES) == [b"bases", b"bases", b"parities", b"tag"]
    assert ManInTheMiddle("truncate", message=1).act(MESSAGES) == [b"bases"]
    assert ManInTheMiddle("swap", message=1).act(MESSAGES) == [b"bases", b"tag", b"parities"]
    flipped = ManInTheMiddle("flip", message=2, seed=1).act(MESSAGES)[2]
    changed = int.from_bytes(flipped, "big") ^ int.from_bytes(b"tag", "big")
    assert changed.bit_count() == 1
    forged = ManInTheMiddle("forge", message=2, seed=1).act(MESSAGES)[2]
    assert len(forged) == 3


def test_a_man_in_the_middle_is_told_what_is_impossible():
    with pytest.raises(ValueError, match="action must be one of flip, drop"):
        ManInTheMiddle("burn")
    with pytest.raises(ValueError, match="message must be at most 2 to drop one of 3 messages, got 3"):
        ManInTheMiddle("drop", message=3).act(MESSAGES)
    with pytest.raises(ValueError, match="at least one byte"):
        ManInTheMiddle("flip", message=0).act([b""])
