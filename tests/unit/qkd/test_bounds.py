"""Bounds against the truth: what an attacker really has, computed apart, is never more than a bound grants her."""

from decimal import Decimal
from math import nextafter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import DensityMatrix, Operator, entropy, partial_trace, random_unitary

from quantumlink.rates import binary_entropy, device_independent_rate
from quantumlink.security import (
    DecoyBound,
    DeviceIndependentBound,
    SinglePhotonBound,
    SixStateBound,
    TwoStateBound,
)
from quantumlink.security.both_bases import BothBasesBound
from quantumlink.security.collective import lowest_six_state_entropy, six_state_entropy
from quantumlink.security.deviations import chernoff_high, chernoff_low, largest_frequency
from quantumlink.security.phase_error import Observed, largest_expectation
from quantumlink.security.photon_numbers import photon_probability
from quantumlink.security.sampling import serfling_margin
from quantumlink.security.sharing import SharingBound
from quantumlink.security.two_state import b92_operators, sarg04_operators

EPS = {"eps_sec": 1e-10, "eps_cor": 1e-10}
MILLION = {"X": 10**6, "Y": 10**6, "Z": 10**6}


# Deviations


@settings(deadline=None)
@given(trials=st.integers(1, 400), data=st.data(), price=st.floats(0.1, 40))
def test_chernoff_intervals_cover_as_promised(trials, data, price):
    from scipy.stats import binom

    count = data.draw(st.integers(0, trials))
    low, high = chernoff_low(count, trials, price), chernoff_high(count, trials, price)
    assert 0 <= low <= count / trials <= high <= 1
    # At the ends of the interval, data as extreme have at most probability ε (up to the rounding of both sides).
    allowed = np.exp(-price) * (1 + 1e-6) + 1e-14  # rounding, where a probability is nearly 1
    assert binom.sf(count - 1, trials, low) <= allowed or low == 0
    assert binom.cdf(count, trials, high) <= allowed or high == 1
    frequency = largest_frequency(count / trials, trials, price)
    assert binom.sf(np.ceil(frequency * trials + 1e-9) - 1, trials, count / trials) <= allowed


def test_serfling_against_exact_sampling_without_replacement():
    from scipy.stats import hypergeom

    kept, tested, price = 60, 40, 3.0
    margin = serfling_margin(n=kept, k=tested, eps=np.exp(-price))
    for wrong in range(101):
        seen = np.arange(max(0, wrong - kept), min(tested, wrong) + 1)
        exceeds = (wrong - seen) / kept >= seen / tested + margin
        assert hypergeom(100, wrong, tested).pmf(seen[exceeds]).sum() <= np.exp(-price)


# Six states and device independence


def bell_diagonal_key_entropy(qx, qy, qz):
    """H(Z|E) from the purification of the state, as a density matrix."""
    half = (qx + qy + qz) / 2
    bell = np.array([[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, 1, -1, 0]]) / np.sqrt(2)
    # Φ⁻ errs in X and Y, Ψ⁺ in Z and Y, Ψ⁻ in X and Z: populations by the rates that each one does not raise.
    weights = {0: 1 - half, 1: half - qz, 2: half - qx, 3: half - qy}
    # Purify with two qubits of Eve (the most significant), then dephase Alice's qubit 0 in Z.
    psi = sum(np.sqrt(max(w, 0)) * np.kron(np.eye(4)[i], bell[i]) for i, w in weights.items())
    rho = DensityMatrix(psi)
    z = DensityMatrix(rho.evolve(Operator.from_label("Z"), [0]))
    dephased = DensityMatrix((rho.data + z.data) / 2)
    alice_eve, eve = partial_trace(dephased, [1]), partial_trace(dephased, [0, 1])
    return entropy(alice_eve, base=2) - entropy(eve, base=2)


@pytest.mark.parametrize(
    "rates", [(0.05, 0.05, 0.05), (0.02, 0.05, 0.06), (0.1, 0.1, 0.0), (0, 0, 0), (0.2, 0.3, 0.4)]
)
def test_the_six_state_entropy_is_that_of_the_purification(rates):
    assert six_state_entropy(*rates) == pytest.approx(bell_diagonal_key_entropy(*rates), abs=1e-9)


@pytest.mark.parametrize("narrow", [np.int32, np.uint32, np.int64])
def test_counts_of_numpy_are_those_of_python(narrow):
    def lengths(kind):
        n, tested = kind(10**6), (kind(10**5), kind(10**5))
        wrong = (kind(2000), kind(2100))
        yield SharingBound(tested=tested, errors=wrong, population=(n, n), **EPS).terms(n=n, leak=10_000).length
        both = BothBasesBound(raw=(n, n), errors=wrong, **EPS).terms(leak=(1e5, 1e5))
        yield both.z.length
        yield both.x.length

    with np.errstate(over="raise"):
        assert list(lengths(narrow)) == list(lengths(int))
    assert min(lengths(int)) > 0


def test_the_six_state_threshold():
    for q, secret in ((0.1261, True), (0.1263, False)):
        assert (six_state_entropy(q, q, q) - binary_entropy(q) > 0) is secret


@settings(deadline=None, max_examples=60)
@given(
    rates=st.tuples(*[st.floats(0, 0.3)] * 3),
    margin=st.floats(0, 0.1),
    weights=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_no_state_within_the_margins_has_less_entropy(rates, margin, weights):
    found = lowest_six_state_entropy(dict(zip("XYZ", rates, strict=True)), dict.fromkeys("XYZ", margin))
    inside = [min(max(q + (2 * w - 1) * margin, 0), 1) for q, w in zip(rates, weights, strict=True)]
    value = six_state_entropy(*inside)
    if not np.isnan(value):
        assert found <= value + 1e-7


@pytest.mark.parametrize(
    ("rates", "margin"), [((0.05, 0.05, 0.05), 0.02), ((0.0, 0.0, 0.0), 0.06), ((0.02, 0.1, 0.09), 0.01)]
)
def test_the_lowest_entropy_is_that_of_a_fine_grid(rates, margin):
    axes = [np.linspace(max(0, q - margin), q + margin, 25) for q in rates]
    values = [six_state_entropy(x, y, z) for x in axes[0] for y in axes[1] for z in axes[2]]
    found = lowest_six_state_entropy(dict(zip("XYZ", rates, strict=True)), dict.fromkeys("XYZ", margin))
    assert found == pytest.approx(np.nanmin(values), abs=3e-3)
    assert found <= np.nanmin(values) + 1e-9


def test_six_state_keys_approach_the_asymptotic_rate_from_below():
    q, rates = 0.05, []
    for n in (10**5, 10**6, 10**8, 10**12):
        bound = SixStateBound(tested=dict.fromkeys("XYZ", n), errors=dict.fromkeys("XYZ", int(q * n)), **EPS)
        rates.append(bound.terms(n=n, leak=0).length / n)
    limit = six_state_entropy(q, q, q)
    assert rates == sorted(rates)
    assert rates[-1] < limit
    assert rates[-1] == pytest.approx(limit, abs=1e-4)


def test_device_independent_keys_approach_the_asymptotic_rate_from_below():
    chsh, rates = 2.7, []
    for n in (10**6, 10**8, 10**12):
        bound = DeviceIndependentBound(tested=n, chsh=chsh, **EPS)
        rates.append(bound.terms(n=n, leak=n * binary_entropy(0.02)).length / n)
    limit = device_independent_rate(0.02, chsh)
    assert rates == sorted(rates)
    assert rates[-1] < limit
    assert rates[-1] == pytest.approx(limit, abs=2e-4)
    assert DeviceIndependentBound(tested=10**12, chsh=2.0, **EPS).terms(n=10**9, leak=0).length == 0
    # A sample may exceed Tsirelson's bound; it is worth no more than that.
    beyond = DeviceIndependentBound(tested=100, chsh=4.0, **EPS).terms(n=10**9, leak=0)
    assert beyond.length <= 10**9


# B92 and SARG04


def attacked(alice_state, unitary, blocks):
    """ρ of Alice's qubit and what reaches Bob (a qubit, or nothing where Eve's flag says so): shape (6, 6)."""
    # Eve's unitary acts on Bob's qubit and three of her own; her last qubit tells whether she blocks.
    psi = np.kron(np.eye(8)[0], alice_state).reshape(8, 2, 2)  # Eve, Alice, Bob
    psi = np.einsum("xyeb,eab->xay", unitary.reshape(8, 2, 8, 2), psi)
    rho = np.zeros((6, 6), dtype=complex)
    for e in range(8):
        branch = psi[e]
        if e % 2 and blocks:
            rho[4:, 4:] += branch @ branch.conj().T
        else:
            flat = branch.reshape(4)
            rho[:4, :4] += np.outer(flat, flat.conj())
    return rho


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), angle=st.floats(0.5, 2.6), protocol=st.sampled_from(["b92", "sarg04"]))
def test_no_attack_has_more_phase_errors_than_the_bound(seed, angle, protocol):
    from quantumlink.security.two_state import _arrives, _untouched

    rng = np.random.default_rng(seed)
    # A weak random attack: a small power of a random unitary.
    generator = random_unitary(16, seed=seed).data
    values, vectors = np.linalg.eig(generator)
    unitary = vectors @ np.diag(np.exp(1j * np.angle(values) * rng.uniform(0, 0.3))) @ np.linalg.inv(vectors)
    if protocol == "b92":
        operators, along = b92_operators(angle), np.cos(angle / 2)
        states = [np.array([np.cos(s * angle / 4), np.sin(s * angle / 4)]) for s in (1, -1)]
        source = np.concatenate(states) / np.sqrt(2)
    else:
        operators, along, source = sarg04_operators(), 0.0, np.array([1, 0, 0, 1]) / np.sqrt(2)
    rho = attacked(source, unitary, blocks=bool(seed % 2))
    conclusive, wrong, truth, arrives = (
        np.trace(g @ rho).real for g in (operators.conclusive, operators.wrong, operators.phase_error, _arrives())
    )
    observed = [
        Observed(operators.wrong - wrong / conclusive * operators.conclusive, -np.inf, 1e-12),
        Observed(operators.conclusive, conclusive, conclusive),
        Observed(_arrives(), arrives, arrives),
        *_untouched(along),
    ]
    for item in observed[3:]:
        assert np.trace(item.operator @ rho).real == pytest.approx(item.low, abs=1e-9)
    assert truth <= largest_expectation(operators.phase_error, observed) + 1e-9


@pytest.mark.parametrize("error", [0.0, 0.02, 0.08])
def test_sarg04_has_three_phase_errors_for_two_bit_errors_whatever_the_loss(error):
    # Fung, Tamaki, Lo (2006): e_p = 3/2 e_b.
    for rounds in (10**14, 10**16):
        conclusive = 10**13
        # Of the detected rounds (2 − V)/4 are conclusive, where the visibility is V = (1 − 2Q)/(1 − Q).
        share = (2 - (1 - 2 * error) / (1 - error)) / 4
        bound = TwoStateBound(
            rounds=rounds, detected=round(conclusive / share), conclusive=conclusive, tested=conclusive // 2,
            errors=int(error * conclusive / 2), angle=None, **EPS,
        )  # fmt: skip
        assert bound.phase_error == pytest.approx(1.5 * error, abs=2e-5)
        assert bound.phase_error >= 1.5 * error


def test_statistics_that_no_state_has_prove_nothing():
    # Without loss and errors a quarter of the rounds is conclusive, whatever the attack; here it is three quarters.
    bound = TwoStateBound(rounds=10**12, detected=10**12, conclusive=75 * 10**10, tested=10**11, errors=0, **EPS)
    assert bound.phase_error == 0.5


def test_b92_through_discrimination_is_never_secret():
    # Unambiguous discrimination: in 1 − cos(angle/2) of all cases Eve learns the state and sends it on.
    angle = np.pi / 2
    share = 1 - np.cos(angle / 2)
    rounds = 10**12
    overlap = np.cos(angle / 2) ** 2
    detected, conclusive = share * rounds, share * rounds * (1 - overlap) / 2
    bound = TwoStateBound(
        rounds=rounds, detected=int(detected), conclusive=int(conclusive), tested=int(conclusive / 2), errors=0,
        angle=angle, **EPS,
    )  # fmt: skip
    assert bound.phase_error == pytest.approx(0.5, abs=1e-3)
    assert bound.terms(n=int(conclusive / 2), leak=0).length == 0


@pytest.mark.parametrize(
    ("attacked", "optimum"),
    [(0.02, 0.970779), (0.1, 0.883084), (0.25, 0.737560), (0.5, 0.490297), (0.75, 0.215327)],
)
def test_b92_grants_what_the_best_attack_behind_such_losses_leaves_and_no_more(attacked, optimum):
    """Lossy by discrimination in that share of the rounds, which alone would leave Alice's bit more uncertain.

    The optimum: the least D(G‖Z(G)) over all states of Alice's and Bob's halves (one of them lost, or not) with her
    half, the detections, the conclusive rounds and no error, by conditional gradients over Clarabel's programs; an
    attack and its dual certificate agree to all digits given.
    """
    known = 1 - np.cos(np.pi / 4)
    arriving = 1 - attacked + attacked * known
    assert optimum < 1 - attacked * known / arriving
    for rounds, slack in ((10**6, 1), (10**13, 2e-4)):
        conclusive = int(arriving * rounds / 4)
        bound = TwoStateBound(
            rounds=rounds, detected=int(arriving * rounds), conclusive=conclusive, tested=conclusive // 5,
            errors=0, **EPS,
        )  # fmt: skip
        granted = 1 - binary_entropy(bound.phase_error)
        assert optimum - slack < granted < optimum
        n = 4 * conclusive // 5
        assert bound.terms(n=n, leak=0).length < optimum * n


def test_b92_without_loss_gives_a_key():
    rounds = 10**8
    conclusive = rounds // 4  # (1 − cos²(π/4))/2
    bound = TwoStateBound(
        rounds=rounds, detected=rounds, conclusive=conclusive, tested=conclusive // 10, errors=0, **EPS
    )
    assert 0.5 < bound.terms(n=9 * conclusive // 10, leak=0).length / conclusive < 0.9


# Decoy states


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    pulses=st.sampled_from([10**6, 10**8, 10**10]),
    yields=st.lists(st.floats(0, 1), min_size=6, max_size=6),
    scale=st.floats(-4, 0),
    error=st.floats(0, 0.3),
)
def test_decoy_estimates_are_on_the_safe_side_of_what_each_photon_number_really_did(
    seed, pulses, yields, scale, error
):
    """Eve chooses the yield of each photon number at will; the bound must hold for what then happens."""
    rng = np.random.default_rng(seed)
    intensities, probabilities = (0.5, 0.1, 0.001), (0.5, 0.3, 0.2)
    poisson = np.array([[np.exp(-m) * m**n / [1, 1, 2, 6, 24, 120][n] for n in range(6)] for m in intensities])
    chance = np.array(yields) * 10**scale
    joint = (np.array(probabilities)[:, None] * poisson).ravel()
    sent = rng.multinomial(pulses, np.append(joint, max(0.0, 1 - joint.sum())))[:-1].reshape(3, 6)
    key, test = rng.binomial(sent, chance), rng.binomial(sent, chance)
    wrong = rng.binomial(test, error)
    bound = DecoyBound(
        intensities=intensities, probabilities=probabilities, key_counts=tuple(map(int, key.sum(1))),
        test_counts=tuple(map(int, test.sum(1))), test_errors=tuple(map(int, wrong.sum(1))),
        eps_sec=1e-6, eps_cor=1e-10,
    )  # fmt: skip
    found = bound.estimate
    # Each of these fails with probability below 1e-6.
    assert found.vacuum <= key[:, 0].sum()
    assert found.single_photon <= key[:, 1].sum()
    if key[:, 1].sum() and test[:, 1].sum() > 1000 and found.single_photon > 0:
        phase = rng.binomial(key[:, 1].sum(), error) / key[:, 1].sum()
        assert found.phase_error >= min(0.5, phase) or found.phase_error == 0.5
    n = int(key.sum())
    assert bound.terms(n=n, leak=0).length <= n


def test_the_decoy_bound_approaches_the_truth():
    intensities, probabilities = (0.5, 0.1, 0.0), (0.6, 0.3, 0.1)
    eta, dark, misaligned, pulses = 1e-2, 1e-6, 0.01, 10**16

    def counts(what):
        return tuple(int(pulses * p * what(m)) for m, p in zip(intensities, probabilities, strict=True))

    def gain(mean):
        return 1 - (1 - dark) * np.exp(-eta * mean)

    def errors(mean):
        return dark / 2 * np.exp(-eta * mean) + misaligned * (1 - np.exp(-eta * mean))

    bound = DecoyBound(
        intensities=intensities, probabilities=probabilities, key_counts=counts(gain), test_counts=counts(gain),
        test_errors=counts(errors), **EPS,
    )  # fmt: skip
    found = bound.estimate
    single = pulses * photon_probability(intensities, probabilities, 1) * (dark + (1 - dark) * eta)
    assert found.single_photon < single
    assert found.single_photon == pytest.approx(single, rel=0.04)  # two decoys leave the three-photon term
    assert misaligned < found.phase_error < 1.2 * misaligned


def test_no_test_errors_are_no_proof_of_none():
    bound = DecoyBound(
        intensities=(0.5, 0.1, 0.0), probabilities=(0.6, 0.3, 0.1), key_counts=(10**6, 10**5, 100),
        test_counts=(10**4, 10**3, 10), test_errors=(0, 0, 0), **EPS,
    )  # fmt: skip
    assert bound.estimate.phase_error > 0.005


# All of them


@settings(deadline=None)
@given(n=st.integers(0, 10**7), tested=st.integers(0, 10**6), share=st.floats(0, 0.5), leak=st.floats(0, 1e7))
def test_no_bound_is_optimistic(n, tested, share, leak):
    errors = int(share * tested)
    qber = errors / tested if tested else 0.5
    bounds = [
        SinglePhotonBound(tested=tested, qber=qber, **EPS),
        SixStateBound(tested=dict.fromkeys("XYZ", tested), errors=dict.fromkeys("XYZ", errors), **EPS),
        DeviceIndependentBound(tested=tested, chsh=2.83 * (1 - 2 * qber), **EPS),
    ]
    limits = [1 - binary_entropy(qber), six_state_entropy(qber, qber, qber) if qber <= 1 / 3 * 2 else 0, 1]
    for bound, limit in zip(bounds, limits, strict=True):
        terms = bound.terms(n=n, leak=leak)
        assert 0 <= terms.length <= max(0.0, n * max(limit, 0.0) - leak)
        more = bound.terms(n=n, leak=leak + 10)
        assert more.length <= terms.length
        assert all(isinstance(text, str) for line in terms.lines() for text in line)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: SinglePhotonBound(tested=-1, qber=0.1, **EPS), "tested"),
        (lambda: SinglePhotonBound(tested=10, qber=0.1, eps_sec=0, eps_cor=0.1), "eps_sec"),
        (lambda: SixStateBound(tested={"X": 1}, errors={"X": 1}, **EPS), "keys X, Y and Z"),
        (lambda: SixStateBound(tested=MILLION, errors=dict.fromkeys("XYZ", 10**7), **EPS), "at most the 1000000"),
        (lambda: SixStateBound(tested=MILLION, errors=dict.fromkeys("XYZ", -1), **EPS), r"errors\['X'\] must be"),
        (lambda: SixStateBound(tested=MILLION, errors=dict.fromkeys("XYZ"), **EPS), r"errors\['X'\] must be"),
        (lambda: SixStateBound(tested=MILLION, errors=dict.fromkeys("XYZ", True), **EPS), r"errors\['X'\] must be"),
        (lambda: DeviceIndependentBound(tested=10, chsh="2.7", **EPS), "chsh must be"),
        (lambda: DeviceIndependentBound(tested=10, chsh=float("nan"), **EPS), "chsh must be"),
        (lambda: DeviceIndependentBound(tested=10, chsh=5, **EPS), "chsh"),
        (lambda: TwoStateBound(rounds=10, detected=11, conclusive=1, tested=1, errors=0, **EPS), "detected must"),
        (lambda: TwoStateBound(rounds=10, detected=9, conclusive=5, tested=1, errors=2, **EPS), "errors must not"),
        (
            lambda: DecoyBound(
                intensities=(0.1, 0.5, 0), probabilities=(0.5, 0.3, 0.2), key_counts=(1, 1, 1),
                test_counts=(1, 1, 1), test_errors=(0, 0, 0), **EPS,
            ),
            "signal > decoy",
        ),
        (
            lambda: DecoyBound(
                intensities=(0.5, 0.1, 0), probabilities=(0.5, 0.3, 0.1), key_counts=(1, 1, 1),
                test_counts=(1, 1, 1), test_errors=(0, 0, 0), **EPS,
            ),
            "sum to 1",
        ),
    ],
)  # fmt: skip
def test_bad_input(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("missing", [1e-1, 1e-6, 1e-12, 2e-16])
@pytest.mark.parametrize("trials", [3, 100, 10**9])
def test_a_frequency_near_one_is_where_the_relative_entropy_says(missing, trials):
    """Reckoned in decimals; events that hardly ever fail once left nothing for the logarithm."""
    probability, price = 1 - missing, 20.0
    found = largest_frequency(probability, trials, price)
    assert probability <= found <= 1.0
    b = Decimal(probability)

    def entropy(a):
        a = Decimal(a)
        return a * (a / b).ln() + ((1 - a) * ((1 - a) / (1 - b)).ln() if a < 1 else 0)

    assert trials * entropy(found) >= Decimal(price) * (1 - Decimal("1e-7")) or found == 1.0
    below = nextafter(found, 0.0)
    assert below < probability or trials * entropy(below) <= Decimal(price) * (1 + Decimal("1e-7"))
