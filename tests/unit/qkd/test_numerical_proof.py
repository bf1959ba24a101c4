"""Numerical key rates against closed forms and another search; their certificates checked apart."""

import sys
from math import cos, log, pi, sin, sqrt

import numpy as np
import pytest
from scipy.linalg import logm
from scipy.optimize import minimize

from quantumlink.rates import bb84_rate, binary_entropy, six_state_rate
from quantumlink.security import numerical_key_rate

pytest.importorskip("cvxpy")
pytest.importorskip("clarabel")

Z = np.eye(2, dtype=complex)
X = np.array([[1, 1], [1, -1]], dtype=complex) / sqrt(2)
Y = np.array([[1, 1j], [1, -1j]]) / sqrt(2)
PAULIS = [np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]


def projector(v):
    return np.outer(v, np.conj(v))


def differ(basis, *, conjugated=False):
    """The bits of both ends differ; Bob measures the conjugate states, as for Φ⁺."""
    a, b = (projector(v) for v in basis)
    c, d = (a.conj(), b.conj()) if conjugated else (a, b)
    return np.kron(a, d) + np.kron(b, c)


ALICE = [np.kron(projector(v), np.eye(2)) for v in Z]
"""Alice's bit of Z is the key."""


def check_certificate(found, statistics):
    """Once more, by nothing of the library: no state with the statistics has less than the proven entropy.

    The tangent is below the entropy at states of all kinds, and below it the multipliers prove the rest.
    """
    size = len(found.tangent)
    slack = found.tangent - found.multipliers[0] * np.eye(size)
    total = found.multipliers[0]
    for y, (operator, value) in zip(found.multipliers[1:], statistics, strict=True):
        slack = slack - y * operator
        total += y * value - abs(y) * found.tolerance * float(np.abs(np.linalg.eigvalsh(operator)).max())
    lowest = min(0.0, float(np.linalg.eigvalsh(slack)[0]))
    assert max(0.0, (total + found.offset + lowest) / log(2)) >= found.entropy - 1e-12
    assert lowest > -1e-6


def relative_entropy(rho, kraus, key_map):
    """D(G(ρ) ‖ Z(G(ρ))) in bits, by matrix logarithms of slightly mixed matrices."""
    kept = sum(k @ rho @ k.conj().T for k in kraus)
    read = sum(z @ kept @ z for z in key_map)
    white = 1e-14 * np.eye(len(kept))
    return float(np.trace(kept @ (logm(kept + white) - logm(read + white))).real) / log(2)


@pytest.mark.parametrize("qber", [0.0, 0.01, 0.05, 0.1])
def test_bb84(qber):
    statistics = [(differ(Z), qber), (differ(X), qber)]
    found = numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=statistics, leak=binary_entropy(qber))
    assert found.rate == pytest.approx(bb84_rate(qber), abs=1e-6)
    assert found.entropy <= 1 - binary_entropy(qber) + 1e-12  # proven, so never above
    assert found.gap < 1e-6
    check_certificate(found, statistics)


@pytest.mark.parametrize(("qber_z", "qber_x"), [(0.02, 0.08), (0.07, 0.01)])
def test_bb84_with_unlike_rates_goes_by_the_phase_errors(qber_z, qber_x):
    found = numerical_key_rate(
        kraus=[np.eye(4)], key_map=ALICE, statistics=[(differ(Z), qber_z), (differ(X), qber_x)]
    )
    assert found.entropy == pytest.approx(1 - binary_entropy(qber_x), abs=1e-6)


@pytest.mark.parametrize("qber", [0.0, 0.03, 0.1, 0.126])
def test_six_states(qber):
    statistics = [(differ(Z), qber), (differ(X), qber), (differ(Y, conjugated=True), qber)]
    found = numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=statistics, leak=binary_entropy(qber))
    assert found.rate == pytest.approx(six_state_rate(qber), abs=1e-6)
    check_certificate(found, statistics)


# --- B92: two states, Bob's filter, Alice's half untouched


def b92(angle, noise):
    """Kraus operators, key map, statistics and the true state: |0⟩|φ₀⟩ + |1⟩|φ₁⟩ with white noise on Bob's half."""
    phi = [np.array([cos(angle / 4), sign * sin(angle / 4)]) for sign in (1, -1)]
    orthogonal = [np.array([v[1], -v[0]]) for v in phi]
    sent = sum(np.kron(Z[j], phi[j]) for j in (0, 1)) / sqrt(2)
    rho = projector(sent)
    half = np.einsum("iaja->ij", rho.reshape(2, 2, 2, 2))
    rho = (1 - noise) * rho + noise * np.kron(half, np.eye(2) / 2)
    # Bob tests against a state at random; who excludes φ₁ has the bit 0: what is left to Eve is Alice's bit.
    kraus = [np.kron(np.eye(2), projector(orthogonal[1 - bit])) / sqrt(2) for bit in (0, 1)]
    observables = [np.kron(projector(Z[j]), projector(orthogonal[1 - b])) / 2 for j in (0, 1) for b in (0, 1)]
    observables += [np.kron(p, np.eye(2)) for p in PAULIS]
    statistics = [(o, float(np.trace(o @ rho).real)) for o in observables]
    # Bob keeps his bit to himself: one Kraus operator that writes it into a register, not one for each bit.
    written = sum(np.kron(Z[bit][:, None], k) for bit, k in enumerate(kraus))
    key_map = [np.kron(np.eye(2), np.kron(projector(v), np.eye(2))) for v in Z]
    return [written], key_map, statistics, rho


@pytest.mark.parametrize("angle", [pi / 2, 1.0])
def test_b92_without_noise_keeps_every_conclusive_bit(angle):
    """No errors leave the state alone: the entropy is the probability of a conclusive round, sin²(θ/2)/2."""
    kraus, key_map, statistics, _ = b92(angle, 0.0)
    found = numerical_key_rate(kraus=kraus, key_map=key_map, statistics=statistics)
    assert found.entropy == pytest.approx(sin(angle / 2) ** 2 / 2, abs=1e-6)
    check_certificate(found, statistics)


def test_a_bit_that_bob_announced_would_be_no_secret():
    kraus, key_map, statistics, _ = b92(pi / 2, 0.0)
    flags = [np.kron(np.kron(projector(v), np.eye(2)), np.eye(2)) for v in Z]
    announced = numerical_key_rate(kraus=[f @ kraus[0] for f in flags], key_map=key_map, statistics=statistics)
    assert announced.entropy == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("noise", [0.06])
def test_b92_against_a_search_over_states(noise):
    """Every state that was found another way is above the proof, and the best one is within 1e-6."""
    kraus, key_map, statistics, rho = b92(pi / 2, noise)
    found = numerical_key_rate(kraus=kraus, key_map=key_map, statistics=statistics)
    check_certificate(found, statistics)
    operators = np.stack([np.eye(4), *(o for o, _ in statistics)]).real
    values = np.array([1.0, *(v for _, v in statistics)])
    _, _, free = np.linalg.svd(operators.reshape(len(values), -1).T, full_matrices=False)
    rank = np.linalg.matrix_rank(operators.reshape(len(values), -1))
    operators, values = np.tensordot(free[:rank], operators, axes=1), free[:rank] @ values  # each told once

    places = np.tril_indices(4)

    def state(x):  # real: the operators are, but for one whose expectation is 0, and the entropy is convex
        lower = np.zeros((4, 4))
        lower[places] = x
        return lower @ lower.T

    start = np.linalg.cholesky(rho.real + 1e-9 * np.eye(4))[places]
    best = minimize(
        lambda x: relative_entropy(state(x), kraus, key_map),
        start,
        constraints={"type": "eq", "fun": lambda x: np.einsum("aij,ji->a", operators, state(x)) - values},
        method="SLSQP",
        options={"maxiter": 300, "ftol": 1e-12},
    )
    assert found.entropy <= relative_entropy(rho, kraus, key_map) + 1e-9
    assert found.entropy == pytest.approx(best.fun, abs=1e-6)
    assert found.gap < 1e-6


# --- what is wrong is seen


def test_forged_multipliers_prove_less():
    """A certificate is worth what it shows: other multipliers never prove more than the truth."""
    from quantumlink.security.numerical_proof import _certified

    statistics = [(differ(Z), 0.05), (differ(X), 0.05)]
    found = numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=statistics)
    observables, values = np.stack([np.eye(4), *(o for o, _ in statistics)]), np.array([1.0, 0.05, 0.05])
    rng = np.random.default_rng(1)
    for scale in (1e-6, 1e-3, 0.1, 3.0):
        forged = found.multipliers + rng.normal(0, scale, 3)
        again = _certified(found.tangent, found.offset, forged, observables, values, np.zeros(3))
        assert again <= 1 - binary_entropy(0.05) + 1e-9


@pytest.mark.parametrize("apart", [1e-12, 1e-10, 9e-10])
@pytest.mark.parametrize("told", ["twice", "as its complement", "in other units", "of a pure state"])
def test_statistics_that_rounding_made_contradictory_prove_no_more(apart, told):
    """No state has them, so that their dual program has no largest value: what is told may be a little off."""
    again = {
        "twice": (differ(X), 0.05 + apart),
        "as its complement": (np.eye(4) - differ(X), 0.95 + apart),
        "in other units": (1e3 * differ(X), 50 + 1e3 * apart),
        "of a pure state": (projector(np.array([1, 0, 0, 1]) / sqrt(2)), 1 + apart),
    }[told]
    statistics = [again] if told == "of a pure state" else [(differ(X), 0.05), again]
    found = numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=statistics)
    truth = 1.0 if told == "of a pure state" else 1 - binary_entropy(0.05)
    assert truth - 1e-6 < found.entropy <= truth
    check_certificate(found, statistics)


@pytest.mark.parametrize("tolerance", [1e-9, 1e-6, 1e-4])
def test_the_worst_state_within_the_tolerance_counts(tolerance):
    statistics = [(differ(X), 0.05), (differ(X), 0.05 + 1e-7)]
    found = numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=statistics, tolerance=tolerance)
    assert found.tolerance == pytest.approx(max(5e-8, tolerance), rel=0.01)
    worst = 1 - binary_entropy(0.05 + tolerance)
    assert worst - 2e-6 < found.entropy <= worst
    check_certificate(found, statistics)


def test_no_state_is_near_what_contradicts_itself():
    statistics = [(differ(X), 0.05), (differ(X), 0.05 + 1e-5)]
    with pytest.raises(ValueError, match=r"no state was found .* the nearest one is 5e-06 from"):
        numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=statistics)


def entropy_of(matrix):
    p = np.linalg.eigvalsh(matrix)
    return float(-(p[p > 1e-15] * np.log2(p[p > 1e-15])).sum())


@pytest.mark.parametrize("case", range(8))
def test_no_protocol_is_proven_more_than_a_state_with_its_statistics_has(case):
    """Maps, key maps, observables and states of all ranks at random."""
    rng = np.random.default_rng(case)

    def drawn(*shape):
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)

    d, m, rank = int(rng.integers(2, 5)), int(rng.integers(2, 5)), 1 + case % 4
    kraus = list(drawn(1 + case % 3, m, d))
    kraus = [k / sqrt(np.linalg.eigvalsh(sum(k.conj().T @ k for k in kraus))[-1]) for k in kraus]
    turned, _ = np.linalg.qr(drawn(m, m))
    key_map = [turned[:, part] @ turned[:, part].conj().T for part in (slice(1), slice(1, m))]
    root = drawn(d, min(rank, d))
    rho = root @ root.conj().T / np.trace(root @ root.conj().T).real
    observables = [(o + o.conj().T) * 10.0 ** rng.uniform(-2, 2) for o in drawn(int(rng.integers(0, d * d)), d, d)]
    statistics = [(o, float(np.trace(o @ rho).real)) for o in observables]
    found = numerical_key_rate(kraus=kraus, key_map=key_map, statistics=statistics)
    kept = sum(k @ rho @ k.conj().T for k in kraus)
    assert found.entropy <= entropy_of(sum(z @ kept @ z for z in key_map)) - entropy_of(kept) + 1e-12
    check_certificate(found, statistics)


def test_a_statistic_left_out_costs_rate():
    seen = [(differ(Z), 0.05), (differ(X), 0.05), (differ(Y, conjugated=True), 0.05)]
    whole, less, none = (
        numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=seen[:known]) for known in (3, 2, 1)
    )
    assert whole.entropy > less.entropy + 1e-3 > none.entropy + 1e-3
    assert none.entropy == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"statistics": [(differ(Z), 1.5)]}, "no state was found that has the expectations"),
        ({"statistics": [(differ(Z), 0.1), (differ(Z), 0.2)]}, "no state was found that has the expectations"),
        ({"statistics": [(np.triu(np.ones((4, 4))), 0.1)]}, "Hermitian"),
        ({"statistics": [(differ(Z) + 1e-6 * np.eye(4, k=1), 0.1)]}, "Hermitian"),
        ({"key_map": [(1 + 1e-6) * ALICE[0], ALICE[1]]}, "sum to the identity"),
        ({"statistics": [(np.eye(2), 1.0)]}, r"shape \(4, 4\)"),
        ({"kraus": [2 * np.eye(4)]}, "at most the identity"),
        ({"kraus": []}, "one shape"),
        ({"kraus": [np.eye(17)]}, "at most 16 dimensions"),
        ({"key_map": ALICE[:1]}, "two or more projectors"),
        ({"key_map": [ALICE[0], ALICE[0]]}, "sum to the identity"),
        ({"leak": -1}, "leak"),
        ({"tolerance": 0}, "tolerance"),
    ],
)
def test_what_is_no_protocol_is_refused(change, text):
    given = {"kraus": [np.eye(4)], "key_map": ALICE, "statistics": [(differ(Z), 0.1)]}
    with pytest.raises(ValueError, match=text):
        numerical_key_rate(**given | change)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(ImportError, match=r"pip install quantumlink\[proofs\]"):
        numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=[(differ(Z), 0.1)])


@pytest.mark.parametrize("kind", ["SolverError", "PanicException"])
def test_a_solver_that_fails_is_no_crash(kind, monkeypatch):
    """Clarabel is of Rust: its panics derive from no exception of Python's that anybody catches."""
    import cvxpy

    def fail(*_, **__):
        raise type(kind, (BaseException,), {})("Eigval error")

    monkeypatch.setattr(cvxpy.Problem, "solve", fail)
    with pytest.raises(ArithmeticError, match="was not solved: Eigval error"):
        numerical_key_rate(kraus=[np.eye(4)], key_map=ALICE, statistics=[(differ(Z), 0.1)])


def test_multipliers_that_are_no_numbers_prove_nothing(monkeypatch):
    lost = lambda target, observables, values, *, within: np.full(len(values), np.nan)
    monkeypatch.setattr("quantumlink.security.numerical_proof.least_expectation", lost)
    kept = [np.kron(np.outer(v, v), np.eye(2)) for v in np.eye(2)]
    with pytest.raises(ArithmeticError, match="no finite numbers"):
        numerical_key_rate(kraus=[np.eye(4)], key_map=kept, statistics=[(differ(np.eye(2)), 0.05)])
