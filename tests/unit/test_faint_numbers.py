"""Probabilities far below the rounding of 1 keep their digits: each apart, in 60 decimals."""

from decimal import Decimal, localcontext

import pytest

import quantumlink as ql
from quantumlink.execution.preparation.slow_dephasing import _flip
from quantumlink.hardware import Detector, Memory
from quantumlink.hardware.one_photon import SinglePhotonHeralding
from quantumlink.qkd.protocols.decoy import DecoyBB84
from quantumlink.qkd.protocols.reception import Receiver, receiver_of

FAINT = [1e-5, 3e-13, 2e-17, 5e-40]


@pytest.fixture(autouse=True)
def digits():
    with localcontext() as context:
        context.prec = 60
        yield


def exactly(value: Decimal) -> object:
    return pytest.approx(float(value), rel=1e-14, abs=0)


@pytest.mark.parametrize("dark", FAINT)
def test_dark_counts_of_one_of_several_detectors(dark):
    receiver = Receiver(dark_probability=dark)
    for n in (1, 2, 4):
        assert receiver.dark_probability_each(n) == exactly(1 - (1 - Decimal(dark)) ** (Decimal(1) / n))
    assert Receiver(dark_probability=1.0).dark_probability_each(4) == 1.0
    detector = Detector(dark_count_rate_hz=dark, window_s=1.0)
    assert receiver_of(detector).dark_probability == exactly(1 - (-Decimal(dark)).exp())


@pytest.mark.parametrize("mean", FAINT)
def test_clicks_of_faint_pulses(mean):
    detector = Detector(efficiency=0.5, dark_count_rate_hz=mean, window_s=0.25, misalignment=0.1)
    click, wrong = detector.pulse_clicks(1.0, mean)
    empty = (-Decimal(mean) / 2).exp()
    noise = 1 - (-Decimal(mean) / 4).exp()
    each = 1 - (-Decimal(mean) / 8).exp()
    error = (1 - (1 - 2 * Decimal("0.1")) * (1 - each)) / 2
    assert float(click) == exactly(1 - (1 - noise) * empty)
    assert float(wrong) == exactly(noise / 2 * empty + error * (1 - empty))
    session = DecoyBB84(medium=ql.Fiber(0.0), rounds=1, detector=detector, intensities=(0.5, mean, 0.0))
    assert session.exact_gain("decoy") == exactly(1 - (1 - noise) * empty)


@pytest.mark.parametrize("eta", FAINT)
@pytest.mark.parametrize("twice", [0.0, 0.03])
def test_single_photons_over_faint_arms(eta, twice):
    detector = Detector(efficiency=eta, dark_count_rate_hz=eta, window_s=0.25, misalignment=0.02)
    source = SinglePhotonHeralding(bright_population=0.2, double_excitation=twice, visibility=0.9)
    found = source.attempt(ql.Fiber(0.0), detector).total
    # By which detectors stay silent: 2(1 − d)(one silent − (1 − d)·both silent), of each number of photons.
    e, t, alpha = Decimal(eta), Decimal(twice), Decimal("0.2")
    d = 1 - (-e / 8).exp()
    together = Decimal("0.9") * (1 - 2 * Decimal("0.02")) ** 2

    def one_click(one: Decimal, both: Decimal) -> Decimal:
        return 2 * (1 - d) * (one - (1 - d) * both)

    single = one_click((1 - e / 2) * (1 - t * e / 2), (1 - e) * (1 - t * e))
    silent = (1 - e) ** 2
    one_silent = silent + (1 - silent) / 2 - e * e * (1 - together) / 4
    pair = one_click(one_silent * (1 - t * e / 2) ** 2, silent * (1 - t * e) ** 2)
    wanted = (1 - alpha) ** 2 * 2 * d * (1 - d) + 2 * alpha * (1 - alpha) * single + alpha**2 * pair
    assert found == exactly(wanted)


@pytest.mark.parametrize("share", FAINT)
def test_short_waits_and_little_mixing(share):
    path = ql.FreeSpace(
        distance_km=1.0, wavelength_nm=850, beam_waist_m=0.1, receiver_diameter_m=1.0, depolarization=share
    )
    half = path.half().depolarization
    assert half == exactly(1 - (1 - Decimal(share)).sqrt())
    shift = Memory(t1_s=1.0, depolarizing_s=3.0).decay(share)[2]
    lost = Decimal(share) * (1 + 1 / Decimal(3))
    assert float(shift) == pytest.approx(float((1 - (-lost).exp()) * 3 / 4), rel=1e-14, abs=0)


@pytest.mark.parametrize("ratio", [1e-3, 1e-7, 3e-9])
def test_phase_flips_of_short_stretches(ratio):
    error = _flip(ratio, 1.0)._quantum_error
    [chance] = [
        p for p, circuit in zip(error.probabilities, error.circuits, strict=True) if "z" in circuit.count_ops()
    ]
    assert float(chance) == exactly((1 - (-(Decimal(ratio) ** 2)).exp()) / 2)
