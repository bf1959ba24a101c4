"""The exact reading beside other packages: the same trees, folded by their engines; equal where models coincide.

Skipped where a package is not installed; none is needed otherwise. How parameters map:

- **ReQuSim** (requsim): density matrices. Its Bell measurement and its DEJMPS are ideal, with channels before and
  after. A `Processor`'s noise moves there exactly: full depolarizing commutes with a gate on all its qubits, a
  wrong bit is a Pauli before the measurement, and as outcomes are uniform, a correction that is noisy when it
  fires is noisy half of the time.
- **SeQUeNCe** (sequence): purification by formula on Bell-diagonal states, ``gate_fid`` = 1 − λ of the two-qubit
  gate and ``meas_fid`` = 1 − readout error of each end. ``is_twirled=False`` compares parities without DEJMPS's
  rotations, which exchange Φ⁻ and Ψ⁻; here that is done to its input. Its density matrices swap without noise. The
  fidelity that its network hands on after a swap is another model, F₁·F₂·degradation, and is not compared.
- **SimQN** (qns): Werner and Bell-diagonal pairs, no noise in operations. Its Bell-diagonal swap agrees where the
  three errors are equally likely; otherwise its Φ⁻ takes c·d for c·b, so only Werner pairs are compared.
"""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.link import ElementaryLink, Swap

EXACT = 1e-9

BELL = np.array([[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, 1, -1, 0]]) / np.sqrt(2)
"""Φ⁺, Φ⁻, Ψ⁺, Ψ⁻."""

NOISY = ql.Processor(depolarizing_1q=0.004, depolarizing_2q=0.02, readout_error=0.01)


def density_matrix(populations):
    return np.einsum("k,ki,kj->ij", populations, BELL, BELL)


def populations(rho):
    return np.einsum("ki,ij,kj->k", BELL, rho, BELL).real


def nodes(count, processor=NOISY):
    return [ql.Node(f"n{i}", processor=processor) for i in range(count)]


def unequal_links(ends, rng):
    for a, b in pairwise(ends):
        errors = rng.dirichlet([1, 1, 1]) * rng.uniform(0.01, 0.1)
        yield ElementaryLink(a, b, bell_diagonal=(1 - errors.sum(), *errors))


# --- ReQuSim ---


def requsim_state(link, known=None):
    """Shape (4, 4) and a probability: the pair that ReQuSim's engine makes of a tree, and that all succeeds.

    Subtrees that are one object are computed once, as `evaluate` does.
    """
    known = {} if known is None else known
    if id(link) not in known:
        known[id(link)] = requsim_fold(link, known)
    return known[id(link)]


def requsim_fold(link, known):
    from requsim.libs import matrix as mat
    from requsim.libs.epp import dejmps_protocol

    if isinstance(link, ElementaryLink):
        return density_matrix(link.bell_diagonal), 1.0
    (first, p), (second, q) = (requsim_state(child, known) for child in link.children)
    if isinstance(link, Swap):
        return requsim_swap(first, second, link.relay.processor, link.right.processor), p * q
    rho = mat.tensor(first, second)
    for qubits, processor in (((0, 2), link.left.processor), ((1, 3), link.right.processor)):
        for qubit in qubits:
            rho = depolarizing(processor.depolarizing_1q, 1).apply_to(rho, [qubit])
        rho = depolarizing(processor.depolarizing_2q, 2).apply_to(rho, list(qubits))
        rho = flip(processor.readout_error, mat.X).apply_to(rho, [qubits[1]])
    success, state = dejmps_protocol(rho)
    return state, p * q * success.real


def requsim_swap(left, right, relay, corrector):
    """ReQuSim's entanglement swapping event on two pairs, under the noise of two processors."""
    from requsim.events import EntanglementSwappingEvent
    from requsim.libs import matrix as mat
    from requsim.noise import NoiseChannel, NoiseModel
    from requsim.quantum_objects import Pair, Station
    from requsim.world import World

    cnot = mat.CNOT(0, 1, N=2)
    hadamard = depolarizing(relay.depolarizing_1q, 1)
    wrong_parity, wrong_phase = flip(relay.readout_error, mat.X), flip(relay.readout_error, mat.Z)

    def measured(rho):
        rho = depolarizing(relay.depolarizing_2q, 2)(cnot @ rho @ cnot)
        rho = wrong_parity.apply_to(rho, [1])
        rho = wrong_phase.apply_to(hadamard.apply_to(rho, [0]), [0])
        return cnot @ rho @ cnot

    def corrected(rho):
        for _ in range(2):
            rho = depolarizing(corrector.depolarizing_1q / 2, 1).apply_to(rho, [1])
        return rho

    world = World()
    noise = NoiseModel(channel_before=NoiseChannel(2, measured), channel_after=NoiseChannel(2, corrected))
    stations = [Station(world, position=i, BSM_noise_model=noise) for i in range(3)]
    pairs = [
        Pair(world, [stations[i].create_qubit(), stations[i + 1].create_qubit()], state)
        for i, state in enumerate((left, right))
    ]
    event = EntanglementSwappingEvent(0, pairs, stations[1])
    world.event_queue.add_event(event)
    made = []
    event.add_callback(lambda result: made.append(result["output_pair"].state))
    world.event_queue.resolve_next_event()
    return made[0]


def depolarizing(strength, qubits):
    from requsim.noise import NoiseChannel

    mixed = np.eye(2**qubits) / 2**qubits
    return NoiseChannel(qubits, lambda rho: (1 - strength) * rho + strength * np.trace(rho) * mixed)


def flip(probability, pauli):
    from requsim.noise import NoiseChannel

    return NoiseChannel(1, lambda rho: (1 - probability) * rho + probability * pauli @ rho @ pauli.conj().T)


def agree_with_requsim(link):
    found, success = requsim_state(link)
    state = ql.evaluate(link)
    np.testing.assert_allclose(populations(found), state.bell_diagonal, rtol=0, atol=EXACT)
    np.testing.assert_allclose(found, state.density_matrix, rtol=0, atol=EXACT)
    assert success == pytest.approx(state.success_probability, abs=EXACT)


@pytest.mark.parametrize("order", ["balanced", "sequential"])
@pytest.mark.parametrize("hops", [2, 3, 8])
def test_noisy_swaps_beside_requsim(hops, order, rng):
    pytest.importorskip("requsim")
    link = ql.chain(list(unequal_links(nodes(hops + 1), rng)), order=order)
    agree_with_requsim(link)
    # The noise is felt: without it the fidelity would be another.
    assert ql.evaluate(link).fidelity < 0.999 * ql.evaluate(quiet(link)).fidelity


def test_unequal_processors_beside_requsim(rng):
    pytest.importorskip("requsim")
    kinds = [ql.Processor(*rng.uniform(0, 0.03, 3)) for _ in range(5)]
    ends = [ql.Node(f"n{i}", processor=kind) for i, kind in enumerate(kinds)]
    agree_with_requsim(ql.chain(list(unequal_links(ends, rng)), purify_rounds=1))


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_nested_dejmps_beside_requsim(rounds, rng):
    pytest.importorskip("requsim")
    agree_with_requsim(ql.chain(list(unequal_links(nodes(3), rng)), purify_rounds=rounds))


def test_purified_after_swapping_beside_requsim(rng):
    pytest.importorskip("requsim")
    first, second = unequal_links(nodes(3), rng)
    long = ql.swap(first, second)
    agree_with_requsim(ql.purify(ql.purify(long, long), long))


def quiet(link):
    """The chain of the same elementary links between noiseless nodes."""
    leaves = link.elementary_links()
    ends = nodes(len(leaves) + 1, ql.Processor())
    return ql.chain(
        [
            ElementaryLink(a, b, bell_diagonal=leaf.bell_diagonal)
            for (a, b), leaf in zip(pairwise(ends), leaves, strict=True)
        ]
    )


# --- SeQUeNCe ---


def sequence_purification(kept, spent, *, twirled, gates, readouts):
    """SeQUeNCe's formula: success probability and populations (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻).

    Args:
        kept: populations of the kept pair.
        spent: populations of the spent one.
        twirled: whether it is BBPSSW, or the plain comparison of parities.
        gates: ``gate_fid`` of both ends.
        readouts: ``meas_fid`` of both ends.
    """
    from sequence.constants import BELL_DIAGONAL_STATE_FORMALISM
    from sequence.entanglement_management.purification.bbpssw_bds import BBPSSW_BDS
    from sequence.kernel.quantum_manager import QuantumManager
    from sequence.kernel.timeline import Timeline
    from sequence.topology.node import Node

    before = QuantumManager.get_active_formalism()
    QuantumManager.set_global_manager_formalism(BELL_DIAGONAL_STATE_FORMALISM)
    try:
        timeline = Timeline()
        ends = [Node(name, timeline) for name in ("alice", "bob")]
        for end, gate, readout in zip(ends, gates, readouts, strict=True):
            end.gate_fid, end.meas_fid = gate, readout
        manager = timeline.quantum_manager
        memories = []
        for state in (kept, spent):
            keys = [manager.new(), manager.new()]
            manager.set(keys, list(state))
            memories.append(SimpleNamespace(qstate_key=keys[0], name=f"memory {keys[0]}"))
        protocol = BBPSSW_BDS(ends[0], "purification", *memories, is_twirled=twirled)
        protocol.remote_node_name = "bob"
        success, state = protocol.purification_res()
    finally:
        QuantumManager.set_global_manager_formalism(before)
    return success, state


def rotated(state):
    """What DEJMPS's rotations do to populations: Φ⁻ and Ψ⁻ change places."""
    return np.array(state)[[0, 3, 2, 1]]


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_dejmps_beside_sequence(rounds, rng):
    pytest.importorskip("sequence")
    gates, readouts = rng.uniform(0.97, 1, 2), rng.uniform(0.98, 1, 2)
    ends = [
        ql.Node(name, processor=ql.Processor(depolarizing_2q=1 - gate, readout_error=1 - readout))
        for name, gate, readout in zip("ab", gates, readouts, strict=True)
    ]
    link = fresh = next(unequal_links(ends, rng))
    state, total = np.array(fresh.bell_diagonal), 1.0
    for _ in range(rounds):
        link = ql.purify(link, fresh)
        success, state = sequence_purification(
            rotated(state), rotated(fresh.bell_diagonal), twirled=False, gates=gates, readouts=readouts
        )
        total *= success
    found = ql.evaluate(link)
    np.testing.assert_allclose(found.bell_diagonal, state, rtol=0, atol=EXACT)
    assert found.success_probability == pytest.approx(total, abs=EXACT)


def test_bbpssw_beside_sequence(rng):
    # The twirl's own gates are noiseless in SeQUeNCe: only two-qubit gates and readout are noisy here.
    pytest.importorskip("sequence")
    gates, readouts = rng.uniform(0.97, 1, 2), rng.uniform(0.98, 1, 2)
    ends = [
        ql.Node(name, processor=ql.Processor(depolarizing_2q=1 - gate, readout_error=1 - readout))
        for name, gate, readout in zip("ab", gates, readouts, strict=True)
    ]
    kept, spent = (ElementaryLink(*ends, fidelity=f) for f in rng.uniform(0.7, 0.95, 2))
    success, state = sequence_purification(
        kept.bell_diagonal, spent.bell_diagonal, twirled=True, gates=gates, readouts=readouts
    )
    found = ql.evaluate(ql.purify(kept, spent, protocol="bbpssw"))
    assert found.fidelity == pytest.approx(state[0], abs=EXACT)
    assert found.success_probability == pytest.approx(success, abs=EXACT)


def sequence_chain(links):
    """Shape (4, 4): the pair that SeQUeNCe's density matrices and its two swapping circuits make, left to right."""
    from sequence.constants import DENSITY_MATRIX_FORMALISM
    from sequence.entanglement_management.swapping import EntanglementSwappingA, EntanglementSwappingB
    from sequence.kernel.quantum_manager import QuantumManager
    from sequence.kernel.timeline import Timeline

    before = QuantumManager.get_active_formalism()
    QuantumManager.set_global_manager_formalism(DENSITY_MATRIX_FORMALISM)
    try:
        manager = Timeline().quantum_manager
    finally:
        QuantumManager.set_global_manager_formalism(before)
    corrections = {
        (1, 0): EntanglementSwappingB.z_cir,
        (0, 1): EntanglementSwappingB.x_cir,
        (1, 1): EntanglementSwappingB.x_z_cir,
    }
    pairs = []
    for link in links:
        keys = [manager.new(), manager.new()]
        manager.set(keys, density_matrix(link.bell_diagonal))
        pairs.append(keys)
    left, middle = pairs[0]
    for number, (near, far) in enumerate(pairs[1:]):
        # Any outcome leads to the same pair once it is corrected: walk through all four.
        sample = 0.125 + 0.25 * (number % 4)
        outcome = manager.run_circuit(EntanglementSwappingA.circuit, [middle, near], sample)
        correction = corrections.get((outcome[middle], outcome[near]))
        if correction is not None:
            manager.run_circuit(correction, [far])
        manager.set([left, far], pair_of(manager.get(left), left, far))
        middle = far
    return np.asarray(manager.get(left).state)


def pair_of(state, left, right):
    """Two qubits of a state of SeQUeNCe, which keeps measured ones in it for ever."""
    count = len(state.keys)
    rho = np.asarray(state.state).reshape((2,) * 2 * count)
    kept = [state.keys.index(left), state.keys.index(right)]
    columns = [count + axis if axis in kept else axis for axis in range(count)]
    wanted = [*kept, *(count + axis for axis in kept)]
    return np.einsum(rho, [*range(count), *columns], wanted).reshape(4, 4)


@pytest.mark.parametrize("hops", [2, 5, 9])
def test_ideal_swaps_beside_sequence(hops, rng):
    pytest.importorskip("sequence")
    links = list(unequal_links(nodes(hops + 1, ql.Processor()), rng))
    found = sequence_chain(links)
    np.testing.assert_allclose(found, ql.evaluate(ql.chain(links)).density_matrix, rtol=0, atol=EXACT)


# --- SimQN ---


def simqn_chain(links, kind):
    """The pair that SimQN's models make of Werner links: ``"werner"``, or ``"mixed"`` for four populations."""
    from qns.models.epr import MixedStateEntanglement, WernerStateEntanglement

    model = {"werner": WernerStateEntanglement, "mixed": MixedStateEntanglement}[kind]
    first, *others = (model(fidelity=link.fidelity) for link in links)
    for other in others:
        first = first.swapping(other)
    return first


@pytest.mark.parametrize("kind", ["werner", "mixed"])
@pytest.mark.parametrize("hops", [2, 7])
def test_ideal_swaps_beside_simqn(hops, kind, rng):
    pytest.importorskip("qns")
    ends = nodes(hops + 1, ql.Processor())
    links = [ElementaryLink(a, b, fidelity=rng.uniform(0.8, 1)) for a, b in pairwise(ends)]
    assert simqn_chain(links, kind).fidelity == pytest.approx(ql.evaluate(ql.chain(links)).fidelity, abs=EXACT)


def test_bbpssw_beside_simqn(rng):
    pytest.importorskip("qns")
    from qns.models.epr import MixedStateEntanglement

    kept, spent = (ElementaryLink(*nodes(2, ql.Processor()), fidelity=f) for f in rng.uniform(0.7, 0.95, 2))
    # It draws whether it succeeds, at least every other time: 60 failures in a row have a chance below 1e-18.
    tries = (
        MixedStateEntanglement(kept.fidelity).distillation(MixedStateEntanglement(spent.fidelity))
        for _ in range(60)
    )
    made = next(pair for pair in tries if pair is not None)
    found = ql.evaluate(ql.purify(kept, spent, protocol="bbpssw"))
    assert made.fidelity == pytest.approx(found.fidelity, abs=EXACT)
