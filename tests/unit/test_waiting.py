"""Relaxation of pairs in arrays: as Aer's thermal relaxation, as the closed forms, and as a semigroup."""

import numpy as np
import pytest
from oracles.density import pauli_coefficients
from qiskit.quantum_info import DensityMatrix, Kraus
from qiskit_aer.noise import thermal_relaxation_error

from quantumlink.hardware import Memory
from quantumlink.readings.waiting import waited
from quantumlink.rewrites.hardware_errors import relaxation

EXACT = 1e-12
MEMORIES = [
    Memory(t1_s=1, t2_s=0.3),
    Memory(t1_s=2, t2_s=3.9),
    Memory(t1_s=0.5),
    Memory(t2_s=0.8),
    Memory(),
]


def random_pairs(rng, *shape):
    """Density matrices of two qubits (the left one least significant), full of all correlations."""
    half = rng.normal(size=(*shape, 4, 4)) + 1j * rng.normal(size=(*shape, 4, 4))
    rho = half @ np.conj(np.swapaxes(half, -1, -2))
    return rho / np.trace(rho, axis1=-2, axis2=-1)[..., None, None]


def vectors_of(pairs):
    return np.array([pauli_coefficients(rho, 2).reshape(16) for rho in pairs])


@pytest.mark.parametrize("right", MEMORIES, ids=repr)
@pytest.mark.parametrize("left", MEMORIES, ids=repr)
def test_waiting_is_aers_thermal_relaxation(rng, left, right):
    pairs, times = random_pairs(rng, 3), rng.exponential(1, (2, 3))
    found = waited(vectors_of(pairs), left, right, *times)
    for i, rho in enumerate(pairs):
        state = DensityMatrix(rho)
        for qubit, memory in enumerate((left, right)):
            state = state.evolve(
                Kraus(thermal_relaxation_error(memory.t1_s, memory.t2_s, times[qubit, i])), [qubit]
            )
        np.testing.assert_allclose(found[i], pauli_coefficients(state.data, 2).reshape(16), rtol=0, atol=EXACT)


def test_waiting_is_the_noise_rewrites_delay(rng):
    left, right = MEMORIES[:2]
    rho = random_pairs(rng)
    state = DensityMatrix(rho)
    for qubit, (memory, time_s) in enumerate(((left, 0.3), (right, 0.7))):
        state = state.evolve(Kraus(relaxation(memory, time_s)), [qubit])
    found = waited(pauli_coefficients(rho, 2).reshape(16), left, right, 0.3, 0.7)
    np.testing.assert_allclose(found, pauli_coefficients(state.data, 2).reshape(16), rtol=0, atol=EXACT)


def test_waits_add_up_and_end_in_the_ground_state(rng):
    vectors = vectors_of(random_pairs(rng, 4))
    left, right = MEMORIES[:2]
    twice = waited(waited(vectors, left, right, 0.1, 0.9), left, right, 0.6, 0.2)
    np.testing.assert_allclose(twice, waited(vectors, left, right, 0.7, 1.1), rtol=0, atol=EXACT)
    at_last = waited(vectors, left, right, 1e3, 1e300)
    ground = np.zeros((4, 4))
    ground[np.ix_([0, 3], [0, 3])] = 1  # |00⟩: II, IZ, ZI and ZZ
    np.testing.assert_allclose(at_last, np.tile(ground.reshape(16), (4, 1)), rtol=0, atol=EXACT)


def test_what_never_waits_or_never_decays_stays_bit_for_bit(rng):
    vectors = rng.normal(size=(3, 16))
    np.testing.assert_array_equal(waited(vectors, *MEMORIES[:2], 0, 0), vectors)
    np.testing.assert_array_equal(waited(vectors, Memory(), Memory(), 1e9, 5.0), vectors)


def test_shapes_broadcast_and_the_input_stays(rng):
    vectors, left_s, right_s = rng.normal(size=(5, 16)), rng.exponential(1, (3, 1)), rng.exponential(1, 5)
    before = vectors.copy()
    found = waited(vectors, *MEMORIES[:2], left_s, right_s)
    assert found.shape == (3, 5, 16)
    for i, j in np.ndindex(3, 5):
        np.testing.assert_allclose(
            found[i, j], waited(vectors[j], *MEMORIES[:2], left_s[i, 0], right_s[j]), rtol=0, atol=EXACT
        )
    np.testing.assert_array_equal(vectors, before)
    # A pair that is not normalized keeps its trace.
    np.testing.assert_array_equal(found[..., 0], np.broadcast_to(vectors[:, 0], (3, 5)))


@pytest.mark.parametrize("bad", [-1e-9, np.nan, np.inf, [0.0, -2.0]])
def test_impossible_times_are_refused(bad):
    with pytest.raises(ValueError, match="left_s must be finite times in seconds, at least 0; got"):
        waited(np.ones(16), Memory(), Memory(), bad, 0)
    with pytest.raises(ValueError, match="right_s must be finite times"):
        waited(np.ones(16), Memory(), Memory(), 0, bad)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"coefficients must have the shape \(\.\.\., 16\), got \(4, 4\)"):
        waited(np.ones((4, 4)), Memory(), Memory(), 0, 0)
    with pytest.raises(ValueError, match=r"must broadcast together, got the leading axes \(2,\), \(3,\) and \(\)"):
        waited(np.ones((2, 16)), Memory(), Memory(), np.ones(3), 0)
