"""Links whose pairs arrive in any state of two qubits: what is taken and refused, and what readings make of it."""

import json
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from qiskit.circuit.library import HGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import (
    DensityMatrix,
    Statevector,
    random_density_matrix,
    random_statevector,
    state_fidelity,
)

import quantumlink as ql
from quantumlink.hardware import HeraldedPair
from quantumlink.parts import from_data, register, to_data

EXACT = 1e-9
A, B, C = (ql.Node(name) for name in "abc")
PHI = np.outer([1, 0, 0, 1], [1, 0, 0, 1]) / 2


def asymmetric(seed):
    return random_density_matrix([2, 2], seed=seed)


def reached(link):
    return ql.evaluate(link).density_matrix.data


@pytest.mark.parametrize("seed", range(5))
def test_the_state_is_the_one_that_was_given(seed):
    rho = asymmetric(seed)
    link = ql.ElementaryLink(A, B, state=rho)
    np.testing.assert_allclose(link.state.data, rho.data, rtol=0, atol=EXACT)
    np.testing.assert_allclose(reached(link), rho.data, rtol=0, atol=EXACT)
    np.testing.assert_allclose(reached(link.reversed()), rho.reverse_qargs().data, rtol=0, atol=EXACT)
    bell = [[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, 1, -1, 0]]
    expected = [state_fidelity(Statevector(np.array(b) / np.sqrt(2)), rho) for b in bell]
    np.testing.assert_allclose(link.bell_diagonal, expected, rtol=0, atol=EXACT)
    assert link.fidelity == link.bell_diagonal[0]
    program = ql.evaluate(ql.compose(link))
    np.testing.assert_allclose(program.density_matrix.data, rho.data, rtol=0, atol=EXACT)


@pytest.mark.parametrize("seed", range(5))
def test_pure_states_and_arrays(seed):
    psi = random_statevector([2, 2], seed=seed)
    rho = DensityMatrix(psi).data
    parts = np.stack([rho.real, rho.imag], axis=-1).tolist()
    for given in (psi, psi.data, list(psi.data), rho, rho.tolist(), parts):
        link = ql.ElementaryLink(A, B, state=given)
        np.testing.assert_allclose(reached(link), rho, rtol=0, atol=EXACT)
    program = ql.compose(ql.ElementaryLink(A, B, state=psi))
    assert not program.random_settings  # a pure state is prepared, nothing is drawn
    np.testing.assert_allclose(ql.evaluate(program).density_matrix.data, rho, rtol=0, atol=EXACT)


def test_a_mixture_of_bell_states_is_one():
    werner = 0.9 * PHI + 0.1 * np.eye(4) / 4
    link, same = ql.ElementaryLink(A, B, state=werner), ql.ElementaryLink(A, B, fidelity=0.925)
    assert link.is_bell_diagonal
    np.testing.assert_allclose(link.bell_diagonal, same.bell_diagonal, rtol=0, atol=EXACT)
    assert "stated_pair" not in ql.compose(link).circuit.count_ops()


def test_the_state_is_part_of_what_a_link_is():
    rho, other = asymmetric(1), asymmetric(2)
    link = ql.ElementaryLink(A, B, state=rho)
    assert link == ql.ElementaryLink(A, B, state=rho.data) != ql.ElementaryLink(A, B, state=other)
    # As far as the Bell states see, the same; it is another state all the same.
    assert link != ql.ElementaryLink(A, B, bell_diagonal=link.bell_diagonal)
    assert not link.is_bell_diagonal
    assert link.reversed().reversed() == link


def swapped(first, second):
    """Φ⁺ measured between the two, and the right end corrected: by projectors, all four outcomes."""
    total = np.zeros((4, 4), dtype=complex)
    both = np.kron(second, first).reshape((2,) * 8)  # right, relay 1, relay 0, left; each ket, then bra
    paulis = [np.eye(2), np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.array([[0, -1], [1, 0]])]
    for correction in paulis:
        bell = (np.kron(np.eye(2), correction) @ np.array([1, 0, 0, 1]) / np.sqrt(2)).reshape(2, 2)
        part = np.einsum("yx,abcdefgh,bc,fg->adeh", np.eye(1), both, bell.conj(), bell, optimize=True)
        fix = np.kron(correction, np.eye(2))
        total += fix @ part.reshape(4, 4) @ fix.conj().T
    return total


@pytest.mark.parametrize("seed", range(4))
def test_a_swap_by_projectors(seed):
    # ρ with the left qubit as the least significant: as a tensor [right, left, right', left'].
    one, two = asymmetric(seed).data, asymmetric(seed + 10).data
    link = ql.swap(ql.ElementaryLink(A, B, state=one), ql.ElementaryLink(B, C, state=two))
    np.testing.assert_allclose(reached(link), swapped(one, two), rtol=0, atol=EXACT)


def test_values_given_to_evaluate_take_the_place_of_the_state():
    link = ql.ElementaryLink(A, B, state=asymmetric(3))
    states = ql.evaluate(link, fidelity=[0.7, 0.9])
    np.testing.assert_allclose(states.fidelity, [0.7, 0.9], rtol=0, atol=EXACT)
    np.testing.assert_allclose(states.expectation("IZ"), 0, atol=EXACT)


def test_timeline_and_forecast_start_from_the_state():
    link = ql.swap(
        ql.ElementaryLink(A, B, state=asymmetric(4), success_probability=0.5, attempt_time_s=1e-3),
        ql.ElementaryLink(B, C, state=asymmetric(5), success_probability=0.5, attempt_time_s=1e-3),
    )
    exact = ql.evaluate(link)
    timeline = ql.simulate(link, trials=50, seed=1)
    assert timeline.fidelity.best == pytest.approx(exact.fidelity, abs=EXACT)
    budget = timeline.budget.fidelity
    assert budget.source == pytest.approx(1 - exact.fidelity, abs=EXACT)


class OwnSource:
    """A source of the user's own, that knows all of its state."""

    def __init__(self, rho, by_name):
        self.rho, self.by_name = rho, by_name

    def herald(self, medium, *, detector=None):
        return HeraldedPair(0.1, 1e-3, state=self.rho) if self.by_name else HeraldedPair(0.1, 1e-3, self.rho)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_source_of_ones_own_may_tell_a_density_matrix(by_name):
    rho = asymmetric(6)
    link = ql.ElementaryLink(A, B, ql.Fiber(10), source=OwnSource(rho, by_name))
    assert (link.success_probability, link.attempt_time_s) == (0.1, 1e-3)
    np.testing.assert_allclose(reached(link), rho.data, rtol=0, atol=EXACT)


def test_files_and_records_keep_the_state(tmp_path):
    link = ql.ElementaryLink(A, B, state=asymmetric(7), rate_hz=5.0)
    network = ql.Network([A, B], [link])
    network.save(tmp_path / "net.toml")
    assert ql.Network.load(tmp_path / "net.toml").links == (link,)
    assert from_data(json.loads(json.dumps(to_data(link)))) == link
    assert pickle.loads(pickle.dumps(link)) == link


def test_a_device_prepares_the_states_it_draws():
    basis = np.linalg.qr(asymmetric(8).data)[0]
    rho = 0.75 * np.outer(basis[:, 0], basis[:, 0].conj()) + 0.25 * np.outer(basis[:, 1], basis[:, 1].conj())
    program = ql.compose(ql.ElementaryLink(A, B, state=rho))
    # Four rows are drawn three to one, exactly: draws are stratified.
    prepared = ql.prepare(program, GenericBackendV2(4, seed=1), bases=["ZX"], randomizations=4, seed=1)
    ((circuit, table, _),) = prepared.pubs(100)
    turned = DensityMatrix(rho).evolve(HGate(), [0])  # the rightmost letter is the left end's, qubit 0
    found = np.zeros(4)
    for row in np.asarray(table):
        bound = circuit.assign_parameters(dict(zip(circuit.parameters, row, strict=True)))
        bound.remove_final_measurements()
        found += Statevector(bound).probabilities(list(prepared.final_layout)) / 4
    np.testing.assert_allclose(found, turned.probabilities(), rtol=0, atol=EXACT)


def changed(place, value):
    rho = np.array(PHI, dtype=complex)
    rho[place] = value
    return rho


@pytest.mark.parametrize(
    ("state", "error", "text"),
    [
        (0.8 * PHI, ValueError, r"trace must be 1, it is 0\.8 \(off by -0\.2\)"),
        (changed((0, 3), 0.5j), ValueError, r"not Hermitian, it differs from its adjoint by up to 0\.707"),
        (changed((1, 2), 1e-6), ValueError, r"not Hermitian, .* up to 1e-06"),
        (1.2 * PHI - 0.05 * np.eye(4), ValueError, r"not positive, its least eigenvalue is -0\.05"),
        (np.eye(2) / 2, ValueError, r"two qubits: .* got the shape \(2, 2\)"),
        (Statevector.from_label("000"), ValueError, r"two qubits: .* got the shape \(8,\)"),
        ([1, 0, 0, 1], ValueError, r"norm 1: its squared amplitudes sum to 2"),
        ("phi+", TypeError, "state must be a DensityMatrix or Statevector"),
        ([[1, 2], [3]], ValueError, "state must be a DensityMatrix or Statevector"),
        (np.full((4, 4), np.nan), ValueError, "finite"),
    ],
)
def test_what_is_no_state_is_refused_and_by_how_much(state, error, text):
    with pytest.raises(error, match=text):
        ql.ElementaryLink(A, B, state=state)


def test_one_state_only():
    with pytest.raises(ValueError, match=r"fidelity or bell_diagonal, not both, or state alone"):
        ql.ElementaryLink(A, B, state=PHI, fidelity=0.9)
    with pytest.raises(ValueError, match="a source, or what it decides"):
        ql.ElementaryLink(A, B, ql.Fiber(1), state=PHI, source=OwnSource(PHI, True))
    with pytest.raises(ValueError, match="one of them"):
        HeraldedPair(0.1, 1e-3)


def test_rounding_in_what_is_given_is_no_fault():
    psi = np.array([0.6, 0.0, 0.0, 0.8])
    rho = np.outer(psi, psi) + 3e-11 * np.eye(4)
    assert abs(np.trace(ql.ElementaryLink(A, B, state=rho).state.data) - 1) < 1e-14


@register("leaning")
@dataclass(frozen=True)
class Leaning:
    """A source that does not say what it is from the other end: an emitter at the left, a detector at the right."""

    seed: int = 3

    def herald(self, medium, *, detector=None):
        left, right = detector or (ql.Detector(), ql.Detector())
        success = 0.3 * medium.transmittance * right.efficiency
        return HeraldedPair(success, 1e-6 / left.efficiency, state=asymmetric(self.seed))


def test_a_source_of_ones_own_is_the_same_from_the_other_end(tmp_path):
    detectors = ql.Detector(0.9), ql.Detector(0.4)
    link = ql.ElementaryLink(A, B, ql.Fiber(10), source=Leaning(), detector=detectors)
    turned = link.reversed()
    np.testing.assert_allclose(turned.state.data, link.state.reverse_qargs().data, rtol=0, atol=EXACT)
    assert (turned.success_probability, turned.attempt_time_s) == (link.success_probability, link.attempt_time_s)
    assert turned.reversed() == link
    network = ql.Network([A, B], [link])
    found = ql.evaluate(network.route("b", "a")).density_matrix
    np.testing.assert_allclose(found.data, link.state.reverse_qargs().data, rtol=0, atol=EXACT)
    # It is stored, too, as it is from either end.
    assert from_data(json.loads(json.dumps(to_data(turned)))) == turned
    ql.Network([B, A], [turned]).save(tmp_path / "turned.toml")
    assert ql.Network.load(tmp_path / "turned.toml").links == (turned,)
    # Whose pairs are alike from both ends stays what it is.
    even = ql.ElementaryLink(A, B, ql.Fiber(10), source=Even())
    assert even.reversed().source == Even()


@dataclass(frozen=True)
class Even:
    """A source whose pairs have no direction, and which does not say so."""

    def herald(self, medium, *, detector=None):
        return HeraldedPair(0.1 * medium.transmittance, 1e-6, (0.9, 0.05, 0.03, 0.02))
