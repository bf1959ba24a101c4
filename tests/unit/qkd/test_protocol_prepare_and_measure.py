"""Prepare and measure: error rates and sifting against closed forms and density matrices, then by drawing.

Sampled checks fail by chance with a probability of at most 1e-7 each.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, Kraus, Pauli
from scipy.stats import binom

from quantumlink.circuits import PauliChannel
from quantumlink.hardware import Fiber
from quantumlink.qkd.eavesdropping import EntanglingProbe, InterceptResend, PhaseCovariantCloner, UniversalCloner
from quantumlink.qkd.protocols import B92, BB84, SARG04, DecoyBB84, SixState

ALARM = 1e-7
LABELS = {(0, "Z"): "0", (1, "Z"): "1", (0, "X"): "+", (1, "X"): "-", (0, "Y"): "r", (1, "Y"): "l"}


@dataclass(frozen=True)
class Noisy:
    """A medium with a channel of its own."""

    channel: PauliChannel | None = None
    transmittance: float = 1.0
    delay_s: float = 0.0


def depolarizing(visibility):
    p = (1 - visibility) / 4
    return Noisy(PauliChannel(p, p, p))


def assert_binomial(successes, total, probability):
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > ALARM, f"{successes} of {total} = {successes / total}, not {probability}"


def key_error(session, *, attacked=False):
    """The exact error rate of the key, from the session's cells: what its draws come from."""
    found, settings = session.probabilities(attacked=attacked), session.settings()
    kept = wrong = 0.0
    for cell in session.key_cells():
        for result in cell.results:
            chance = cell.weight * settings[cell.setting][1] * found[cell.setting][result]
            kept += chance
            if bob_bit(session, cell, result) != cell.bit:
                wrong += chance
    return wrong / kept, kept


def bob_bit(session, cell, result):
    if isinstance(session, B92):
        return 1 - cell.setting[1]
    if isinstance(session, SARG04):
        return {"Z": 1, "X": 0}[cell.setting[2]]
    return result


def mean_error(session):
    """Averaged over the attacked and the quiet rounds."""
    share = session.eavesdropper.fraction
    return share * key_error(session, attacked=True)[0] + (1 - share) * key_error(session)[0]


# --- exact


@pytest.mark.parametrize("medium", [(0.0, 0.0, 0.0), (0.03, 0.02, 0.05), (0.2, 0.1, 0.0)])
@pytest.mark.parametrize("kind", [BB84, SixState])
def test_every_setting_is_that_of_a_density_matrix(kind, medium):
    px, py, pz = medium
    weights = zip("IXYZ", (1 - px - py - pz, px, py, pz), strict=True)
    noise = Kraus([p**0.5 * Pauli(letter).to_matrix() for letter, p in weights])
    session = kind(medium=Noisy(PauliChannel(*medium)), rounds=10, seed=1)
    for (bit, sent, measured), found in session.probabilities().items():
        rho = DensityMatrix.from_label(LABELS[bit, sent]).evolve(noise)
        for value in (0, 1):
            expected = rho.expectation_value(DensityMatrix.from_label(LABELS[value, measured])).real
            assert found[value] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("fraction", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("basis", ["random", "breidbart"])
def test_intercept_resend_makes_a_quarter_of_errors(fraction, basis):
    eve = InterceptResend(fraction, basis)
    assert mean_error(BB84(medium=Fiber(0), rounds=10, eavesdropper=eve)) == pytest.approx(fraction / 4, abs=1e-9)


@pytest.mark.parametrize(("basis", "z", "x"), [("Z", 0.0, 0.5), ("X", 0.5, 0.0), ("Y", 0.5, 0.5)])
def test_intercept_resend_in_one_basis(basis, z, x):
    session = BB84(medium=Fiber(0), rounds=10, eavesdropper=InterceptResend(1.0, basis))
    found = session.probabilities(attacked=True)
    assert [found[0, "Z", "Z"][1], found[1, "Z", "Z"][0]] == pytest.approx([z, z], abs=1e-9)
    assert [found[0, "X", "X"][1], found[1, "X", "X"][0]] == pytest.approx([x, x], abs=1e-9)


@pytest.mark.parametrize("basis", ["random", "Z", "Y", "breidbart"])
@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_intercept_resend_makes_a_third_in_six_states(basis, fraction):
    session = SixState(medium=Fiber(0), rounds=10, eavesdropper=InterceptResend(fraction, basis))
    found = session.probabilities(attacked=True)
    wrong = np.mean([found[bit, b, b][1 - bit] for b in "ZXY" for bit in (0, 1)])
    assert fraction * wrong == pytest.approx(fraction / 3, abs=1e-9)


@pytest.mark.parametrize("visibility", [1.0, 0.9, 0.4, 0.0])
@pytest.mark.parametrize("kind", [B92, SARG04])
def test_protocols_that_sift_harder_err_more(kind, visibility):
    error, kept = key_error(kind(medium=depolarizing(visibility), rounds=10))
    assert error == pytest.approx((1 - visibility) / (2 - visibility), abs=1e-9)
    assert kept == pytest.approx((2 - visibility) / 4, abs=1e-9)


@pytest.mark.parametrize("visibility", [1.0, 0.9, 0.4])
@pytest.mark.parametrize("kind", [BB84, SixState])
def test_protocols_of_bases_err_by_the_visibility(kind, visibility):
    error, _ = key_error(kind(medium=depolarizing(visibility), rounds=10, z_probability=0.7))
    assert error == pytest.approx((1 - visibility) / 2, abs=1e-9)


@pytest.mark.parametrize("disturbance", [0.0, 0.05, 0.146, 0.3])
def test_cloners_disturb_as_they_say(disturbance):
    cloner = PhaseCovariantCloner(disturbance=disturbance)
    session = BB84(medium=Fiber(0), rounds=10, eavesdropper=cloner)
    found = session.probabilities(attacked=True)
    for basis in "ZX":
        for bit in (0, 1):
            assert found[bit, basis, basis][1 - bit] == pytest.approx(disturbance, abs=1e-9)
    session = SixState(medium=Fiber(0), rounds=10, eavesdropper=UniversalCloner(disturbance=disturbance))
    found = session.probabilities(attacked=True)
    for basis in "ZXY":
        for bit in (0, 1):
            assert found[bit, basis, basis][1 - bit] == pytest.approx(disturbance, abs=1e-9)


def test_an_entangling_probe_is_seen_in_x_only():
    session = BB84(medium=Fiber(0), rounds=10, eavesdropper=EntanglingProbe(strength=1.1))
    found = session.probabilities(attacked=True)
    assert found[0, "Z", "Z"][1] == pytest.approx(0, abs=1e-12)
    assert found[0, "X", "X"][1] == pytest.approx((1 - np.cos(0.55)) / 2, abs=1e-9)


# --- drawn


@pytest.mark.parametrize("kind", [BB84, SixState, B92, SARG04])
@pytest.mark.parametrize("eve", [None, InterceptResend(0.4), PhaseCovariantCloner(0.7, disturbance=0.1)], ids=str)
def test_sifted_bits_err_as_the_exact_table_says(kind, eve, seed):
    session = kind(medium=Noisy(PauliChannel(0.02, 0.01, 0.03), 0.5), rounds=200_000, seed=seed, eavesdropper=eve)
    sifted = session.sift()
    quiet, kept = key_error(session)
    share = 0.0 if eve is None else eve.fraction
    loud, loud_kept = key_error(session, attacked=True) if eve else (0.0, 0.0)
    total = share * loud_kept + (1 - share) * kept
    expected = (share * loud_kept * loud + (1 - share) * kept * quiet) / total
    assert_binomial(sifted.accepted, 200_000, 0.5)
    compared = len(sifted.test_alice) if kind in (B92, SARG04) else 0
    assert_binomial(len(sifted.key_alice) + compared, 200_000, 0.5 * total)
    assert_binomial(int((sifted.key_alice != sifted.key_bob).sum()), len(sifted.key_alice), expected)


@pytest.mark.parametrize("z_probability", [0.5, 0.9])
def test_bases_are_chosen_independently(z_probability, seed):
    sifted = BB84(medium=Fiber(0), rounds=100_000, seed=seed, z_probability=z_probability).sift()
    assert_binomial(len(sifted.key_alice), 100_000, z_probability**2)
    assert_binomial(len(sifted.test_alice), 100_000, (1 - z_probability) ** 2)
    assert_binomial(int(sifted.key_alice.sum()), len(sifted.key_alice), 0.5)
    # No order is left: a run of the shuffled bits changes half of the time.
    changes = int((np.diff(sifted.key_alice.astype(int)) != 0).sum())
    assert_binomial(changes, len(sifted.key_alice) - 1, 0.5)


def test_a_huge_number_of_rounds_costs_no_more(seed):
    sifted = BB84(medium=Fiber(400), rounds=10**14, seed=seed).sift()  # 1e-8 of them arrive
    assert_binomial(sifted.accepted, 10**14, 1e-8)


# --- bad input


@pytest.mark.parametrize("kind", [BB84, SixState, B92, SARG04, DecoyBB84])
def test_what_no_session_can_be_is_refused(kind):
    with pytest.raises(ValueError, match="rounds must be a whole number, at least 1"):
        kind(medium=Fiber(1), rounds=0)
    with pytest.raises(TypeError, match="medium must be a medium"):
        kind(medium="fiber", rounds=10)
    with pytest.raises(TypeError, match="eavesdropper must be an Eavesdropper"):
        kind(medium=Fiber(1), rounds=10, eavesdropper="eve")
    with pytest.raises(ValueError, match="eps_sec must be a number strictly between 0 and 1"):
        kind(medium=Fiber(1), rounds=10, eps_sec=0.0)
    with pytest.raises(TypeError, match="reconciliation must be an object"):
        kind(medium=Fiber(1), rounds=10, reconciliation="cascade")
    with pytest.raises(ValueError, match=r"medium\.transmittance"):
        kind(medium=Noisy(transmittance=1.5), rounds=10)


def test_parameters_of_each_protocol_are_checked():
    for value in (0.0, 1.0):
        with pytest.raises(ValueError, match="z_probability must lie between 0 and 1"):
            BB84(medium=Fiber(1), rounds=10, z_probability=value)
        with pytest.raises(ValueError, match="test_fraction must lie between 0 and 1"):
            SARG04(medium=Fiber(1), rounds=10, test_fraction=value)
    with pytest.raises(ValueError, match="angle must lie between 0 and π"):
        B92(medium=Fiber(1), rounds=10, angle=4.0)
    with pytest.raises(ValueError, match="intensities must fall"):
        DecoyBB84(medium=Fiber(1), rounds=10, intensities=(0.1, 0.5, 0.0))
    with pytest.raises(ValueError, match="intensity_probabilities must be above 0 and sum to 1"):
        DecoyBB84(medium=Fiber(1), rounds=10, intensity_probabilities=(0.5, 0.2, 0.2))
