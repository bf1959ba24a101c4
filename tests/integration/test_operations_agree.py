"""Any operation: evaluate, the composed circuit on a density matrix, its interpreter, and samples agree."""

from functools import reduce
from itertools import pairwise
from math import ceil, log

import numpy as np
import pytest
from oracles.density import deferred
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr

import quantumlink as ql
from quantumlink import circuits
from quantumlink.circuits import Operation

EXACT = 1e-9
NOISY = ql.Processor(0.01, 0.02, ((0.98, 0.02), (0.03, 0.97)))


def state_of(program):
    """The accepted state and its probability, on Aer's density matrix."""
    found = deferred(program.circuit, list(program.ends.values()), program.nodes, program.random_settings)
    total = 0
    for record, part in found.by_record().items():
        bits = np.array(record, dtype=bool)
        if program.accepted(bits):
            total = total + part
    success = np.trace(total).real
    return total / success, success


def random_state(rng):
    factors = rng.normal(size=(4, 3)) + 1j * rng.normal(size=(4, 3))
    rho = factors @ factors.conj().T
    return rho / np.trace(rho).real


def nodes(count, processor=NOISY):
    return [ql.Node(f"n{i}", processor=processor) for i in range(count)]


def pair(one, other, rng):
    if rng.random() < 0.5:
        return ql.ElementaryLink(one, other, fidelity=rng.uniform(0.6, 1))
    return ql.ElementaryLink(one, other, bell_diagonal=rng.dirichlet([6, 1, 1, 1]))


def of_a_paper():
    """Two pairs check a third in X and in Y: no circuit of the library, with an ancilla and a conditional phase."""
    kept_a, spent_a, spent_b, kept_b = (
        QuantumRegister(n, name) for n, name in ((1, "kept_a"), (2, "spent_a"), (2, "spent_b"), (1, "kept_b"))
    )
    c = ClassicalRegister(5, "c")
    circuit = QuantumCircuit(kept_a, spent_a, spent_b, kept_b, QuantumRegister(1, "ancilla"), c)
    for kept, spent in ((kept_a, spent_a), (kept_b, spent_b)):
        circuit.cx(spent[0], kept)
        circuit.h(spent[0])
        circuit.cy(spent[1], kept)
        circuit.rx(0.3, spent[1])
    circuit.cx(kept_a, 6)
    circuit.measure([*spent_a, *spent_b], c[:4])
    circuit.measure(6, c[4])
    with circuit.if_test((c[4], 1)) as otherwise:
        circuit.sx(kept_b)
    with otherwise:
        circuit.z(kept_b)
    return Operation(circuit, heralds=[[0, 2]], odd_heralds=[["c[1]", "c[3]"]])


def with_nested_conditions():
    """Conditions on a register, within each other and on expressions; a measurement and a reset within a block."""
    m = ClassicalRegister(2, "m")
    registers = (QuantumRegister(1, name) for name in ("kept_a", "spent_a", "spent_b", "kept_b"))
    circuit = QuantumCircuit(*registers, m, ClassicalRegister(1, "k"))
    circuit.cx(0, 1)
    circuit.cx(3, 2)
    circuit.measure([1, 2], m)
    with circuit.if_test((m, 3)) as otherwise:
        circuit.x(0)
        circuit.reset(1)
        circuit.h(1)
        circuit.measure(1, 2)
        with circuit.if_test((circuit.clbits[2], 1)):
            circuit.z(0)
    with otherwise:
        circuit.s(3)
    with circuit.if_test(expr.bit_and(m[0], circuit.clbits[2])):
        circuit.sx(3)
    return Operation(circuit, outputs=["kept_a", "kept_b"], heralds=[[0, 1]])


def wired(kind, rng):
    if kind == "nested conditions":
        left, right = nodes(2, ql.Processor(0.01, 0.02))
        return ql.purify(pair(left, right, rng), pair(left, right, rng), by=with_nested_conditions())
    if kind == "chain_swap":
        places = nodes(4)
        return ql.join(circuits.chain_swap(2), *(pair(*ends, rng) for ends in pairwise(places)))
    if kind == "three ends":
        hub, *ends = nodes(4)
        return ql.join(circuits.multiway_swap(3), *(pair(end, hub, rng) for end in ends))
    if kind == "fusion of a swapped and a purified link":
        hub, relay, one, other = nodes(4)
        swapped = ql.swap(pair(one, relay, rng), pair(relay, hub, rng))
        return ql.join(circuits.fuse_pairs_to_ghz(2), swapped, pair(other, hub, rng))
    if kind == "a GHZ state prolonged":
        hub, one, other, far = nodes(4)
        fused = ql.join(circuits.fuse_pairs_to_ghz(2), pair(one, hub, rng), pair(other, hub, rng))
        circuit = QuantumCircuit(5, 2)
        circuit.cx(2, 3)
        circuit.h(2)
        circuit.measure([2, 3], [0, 1])
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.x(4)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.z(4)
        return ql.join(Operation(circuit, [(0, 1, 2), (3, 4)]), fused, pair(hub, far, rng))
    left, right = nodes(2)
    if kind == "of a paper":
        return ql.purify(*(pair(left, right, rng) for _ in range(3)), by=of_a_paper())
    if kind in circuits.SWAPS:
        relay = ql.Node("relay", processor=NOISY)
        return ql.swap(pair(left, relay, rng), pair(relay, right, rng), by=kind)
    if kind == "a swap that may fail":
        by = Operation(circuits.entanglement_swap(), success_probability=0.3)
        relay = ql.Node("relay", processor=NOISY)
        return ql.swap(pair(left, relay, rng), pair(relay, right, rng), by=by)
    count = len(circuits.known_operation(kind).inputs)
    return ql.purify(*(pair(left, right, rng) for _ in range(count)), by=kind)


SMALL = [
    "three ends",
    "fusion of a swapped and a purified link",
    "a GHZ state prolonged",
    "entanglement_swap",
    "linear_optics_swap",
    "a swap that may fail",
    "dejmps",
    "epl",
    "double_selection",
    "single_selection_3to1",
    "of a paper",
]


@pytest.mark.parametrize("kind", SMALL)
def test_evaluate_is_the_composed_circuit_on_a_density_matrix(kind, rng):
    link = wired(kind, rng)
    program = ql.compose(link)
    rho, success = state_of(program)
    state = ql.evaluate(link)
    assert state.success_probability == pytest.approx(success, abs=EXACT)
    np.testing.assert_allclose(np.asarray(state.density_matrix), rho, rtol=0, atol=EXACT)
    followed = ql.evaluate(program)
    np.testing.assert_allclose(followed.coefficients, state.coefficients, rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", ["nested conditions", "chain_swap"])
def test_any_condition_is_composed_as_it_is_evaluated(kind, rng):
    link = wired(kind, rng)
    state, followed = ql.evaluate(link), ql.evaluate(ql.compose(link))
    assert state.success_probability == pytest.approx(followed.success_probability, abs=EXACT)
    np.testing.assert_allclose(followed.coefficients, state.coefficients, rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", ["expedient", "stringent", "bbpssw"])
def test_wide_purifications_by_their_samples(kind, rng, seed):
    link = wired(kind, rng)
    state = ql.evaluate(link)
    shots = 20_000
    samples = ql.sample(link, shots=shots, seed=seed)
    runs = sum(samples.shots.values())
    accepted = sum(map(sum, samples.outcomes.values()))
    # Hoeffding at 1e-6 for what is accepted; ¾ of it for each of three correlators at a third of 1e-6.
    assert abs(accepted / runs - state.success_probability) < (log(2e6) / (2 * runs)) ** 0.5
    fewest = min(map(sum, samples.outcomes.values()))
    assert abs(samples.fidelity().best - state.fidelity) < 1.5 * (log(6e6) / (2 * fewest)) ** 0.5


CLOSED_FORMS = {
    "double_selection": lambda w: (1 + w + 7 * w**2 + 7 * w**3, (1 + w**2 + 2 * w**3) / 4, 16),
    "expedient": lambda w: (
        1 + w + 5 * w**2 + 15 * w**3 + 10 * w**4,
        (1 + w**2 + 4 * w**3 + 2 * w**4) / 8,
        32,
    ),
    "stringent": lambda w: (
        1 + w + 6 * w**2 + 14 * w**3 + 25 * w**4 + 17 * w**5,
        (1 + 2 * w**2 + 4 * w**3 + 5 * w**4 + 4 * w**5) / 16,
        64,
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("fidelity", [0.6, 0.85, 1.0])
def test_closed_forms_of_werner_pairs(name, fidelity):
    link = ql.ElementaryLink(*nodes(2, ql.Processor()), fidelity=fidelity)
    numerator, success, factor = CLOSED_FORMS[name]((4 * fidelity - 1) / 3)
    count = len(circuits.known_operation(name).inputs)
    state = ql.evaluate(ql.purify(*[link] * count, by=name))
    assert state.success_probability == pytest.approx(success, abs=1e-12)
    assert state.fidelity == pytest.approx(numerator / (factor * success), abs=1e-12)
    points = np.linspace(0.6, 1, 7)
    states = ql.evaluate(ql.purify(*[link] * count, by=name), fidelity=points)
    for point, value in zip(points, states.fidelity, strict=True):
        numerator, success, factor = CLOSED_FORMS[name]((4 * point - 1) / 3)
        assert value == pytest.approx(numerator / (factor * success), abs=1e-12)


@pytest.mark.parametrize(
    ("share", "coherence", "fidelity", "success"), [(0.7, 1, 1, 0.245), (0.8, 0.9, 0.905, 0.32)]
)
@pytest.mark.parametrize("even", [False, True])
def test_extreme_photon_loss(share, coherence, fidelity, success, even):
    one, other = nodes(2, ql.Processor())
    psi = np.array([0, 1, 1, 0]) / 2**0.5
    pure, mixed = np.outer(psi, psi), np.diag([0, 0.5, 0.5, 0])
    raw = share * (coherence * pure + (1 - coherence) * mixed) + (1 - share) * np.diag([0, 0, 0, 1])
    if even:
        flip = np.kron([[0, 1], [1, 0]], np.eye(2))
        raw = flip @ raw @ flip
    link = ql.ElementaryLink(one, other, state=raw)
    purified = ql.purify(link, link, by="epl")
    for state in (ql.evaluate(purified), ql.evaluate(ql.compose(purified))):
        assert state.fidelity == pytest.approx(fidelity, abs=1e-9)
        assert state.success_probability == pytest.approx(success, abs=1e-9)


@pytest.mark.parametrize(
    ("share", "coherence", "fidelity", "success"), [(0.7, 1, 1, 0.245), (0.8, 0.9, 0.905, 0.32)]
)
def test_extreme_photon_loss_by_hand(share, coherence, fidelity, success):
    # Both spent qubits read 1: of two pairs one was |01⟩ and the other |10⟩, whichever; what is left is coherent.
    assert share**2 / 2 == pytest.approx(success, abs=1e-12)
    assert (1 + coherence**2) / 2 == pytest.approx(fidelity, abs=1e-12)
    # The two pairs as one matrix: CNOTs from kept to spent at each end, then |11⟩⟨11| on the spent pair.
    psi = np.array([0, 1, 1, 0]) / 2**0.5
    raw = share * (coherence * np.outer(psi, psi) + (1 - coherence) * np.diag([0, 0.5, 0.5, 0]))
    raw += (1 - share) * np.diag([0, 0, 0, 1])
    both = np.kron(raw, raw)  # spent b, spent a, kept b, kept a
    moved = np.zeros((16, 16))
    for index in range(16):
        moved[(index % 4) << 2 ^ index, index] = 1
    after = (moved @ both @ moved.T).reshape(4, 4, 4, 4)[3, :, 3, :]
    assert np.trace(after) == pytest.approx(success, abs=1e-12)
    assert psi @ after @ psi / success == pytest.approx(fidelity, abs=1e-12)
    a, b = nodes(2, ql.Processor())
    link = ql.ElementaryLink(a, b, state=raw)
    state = ql.evaluate(ql.purify(link, link, by="epl"))
    # EPL delivers Φ⁺: Ψ⁺ with a flip at one end.
    flip = np.kron([[0, 1], [1, 0]], np.eye(2))
    np.testing.assert_allclose(np.asarray(state.density_matrix), flip @ after @ flip / success, rtol=0, atol=1e-9)


@pytest.mark.parametrize("fidelities", [(0.9, 0.85), (0.97, 0.6, 0.8)])
def test_fusion_of_werner_pairs(fidelities):
    hub, *ends = nodes(len(fidelities) + 1, ql.Processor())
    links = [ql.ElementaryLink(end, hub, fidelity=f) for end, f in zip(ends, fidelities, strict=True)]
    w = (4 * np.array(fidelities) - 1) / 3
    state = ql.evaluate(ql.join(circuits.fuse_pairs_to_ghz(len(w)), *links))
    assert state.fidelity == pytest.approx((np.prod((1 + w) / 2) + np.prod(w)) / 2, abs=1e-12)
    if len(w) == 2:
        assert state.fidelity == pytest.approx((1 + w[0] + w[1] + 5 * w[0] * w[1]) / 8, abs=1e-12)
    n_way = ql.evaluate(ql.join(circuits.multiway_swap(len(w)), *links)) if len(w) > 2 else None
    if n_way is not None:
        wanted = (np.prod((1 + w) / 2) + np.prod((1 - w) / 2) + np.prod(w)) / 2
        assert n_way.fidelity == pytest.approx(wanted, abs=1e-12)


def test_points_of_a_shared_state():
    hub, *ends = nodes(4)
    links = [ql.ElementaryLink(end, hub, fidelity=0.9) for end in ends]
    link = ql.join(circuits.multiway_swap(3), *links)
    states = ql.evaluate(link, fidelity={links[0]: [0.8, 0.9, 1.0]})
    assert states.fidelity.shape == states.success_probability.shape == (3,)
    assert states[1].fidelity == pytest.approx(ql.evaluate(link).fidelity, abs=1e-12)
    with pytest.raises(ValueError, match="a density matrix is of one point"):
        _ = states.density_matrix


def test_the_sampled_stabilizer_fidelity(seed):
    hub, *ends = nodes(4)
    link = ql.join(circuits.multiway_swap(3), *(ql.ElementaryLink(end, hub, fidelity=0.95) for end in ends))
    wanted = ql.evaluate(link).fidelity
    shots = ceil(log(2e6 * 5) / (2 * 0.01**2))
    for corrections in ("sequential", "frame"):
        program = ql.compose(link, corrections=corrections)
        samples = ql.sample(program, shots=shots, seed=seed)
        assert set(samples.outcomes) == {"XXX", "YYX", "YXY", "XYY", "ZZZ"}
        # Each basis is off by 0.01 at most, at 1e-6 for all five: (2·0.01)·7/8.
        assert abs(samples.fidelity().best - ql.evaluate(program).fidelity) < 0.0175
    assert abs(wanted - 0.8) < 0.1


def test_too_many_ends_are_refused_and_still_sampled(seed):
    hub, *ends = nodes(10, ql.Processor())
    link = ql.join(circuits.multiway_swap(9), *(ql.ElementaryLink(end, hub, fidelity=0.99) for end in ends))
    with pytest.raises(ValueError, match="at most 8 ends"):
        ql.evaluate(link)
    samples = ql.sample(ql.compose(link, corrections="frame"), ["Z" * 9], shots=2000, seed=seed)
    w = (4 * 0.99 - 1) / 3
    # Neighbors agree with (1 + w²)/2; Hoeffding at 1e-6 for 2,000 shots is 0.06, twice that for an expectation.
    assert abs(samples.expectation("IIIIIIIZZ").best - w**2) < 0.13
    assert reduce(lambda x, y: x + y, samples.outcomes["Z" * 9]) == 2000


def test_a_key_over_a_link_with_odd_heralds(seed):
    # EPL keeps runs whose two outcomes are 1: a key must count those, and no others.
    a, b = nodes(2, ql.Processor())
    link = ql.ElementaryLink(a, b, fidelity=0.95)
    purified = ql.purify(link, link, by="epl")
    state, rounds = ql.evaluate(purified), 40_000
    key = ql.qkd.bbm92(purified, rounds, seed=seed)
    # Hoeffding at 1e-6: the accepted share of 40,000 rounds, and the errors of 5,000 sifted bits or more.
    assert key.sifted > 5000
    assert abs(float(key.qber) - state.qber("Z")) < 0.06
    assert key.sifted < rounds * (state.success_probability + 0.014)


def test_two_ends_or_no_pairs(seed):
    hub, *ends = nodes(4)
    link = ql.join(circuits.multiway_swap(3), *(ql.ElementaryLink(end, hub) for end in ends))
    with pytest.raises(ValueError, match="two ends"):
        ql.qkd.bbm92(link, 1000, seed=seed)
    with pytest.raises(ValueError, match="forecasts are of links of two ends"):
        ql.forecast(link)
    assert "fidelity" in ql.draw(link).get_axes()[0].get_title()
