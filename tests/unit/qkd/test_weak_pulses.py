"""Weak pulses without decoys against decimals, a simulated Eve and what was published of an experiment."""

from decimal import ROUND_FLOOR, Decimal, getcontext

import numpy as np
import pytest

from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd import PhotonNumberSplitting, WeakPulseBB84, weak_pulse_bb84
from quantumlink.security import WeakPulseBound
from quantumlink.security.decoy import phase_error_rate
from quantumlink.security.weak_pulses import several_photons

getcontext().prec = 50
PULSES = {"intensity": 0.05, "rounds": 10**9, "z_probability": 0.8, "tested": 200_000, "errors": 2_000}
EPS = {"eps_sec": 1e-10, "eps_cor": 1e-12}


def log2(x):
    return Decimal(x).ln() / Decimal(2).ln()


def most_tagged(share, rounds, price):
    """The number of pulses that chance exceeds with probability e^(−price) at most, by halving in 50 digits."""
    m = Decimal("0.05")
    p = (1 - (1 + m) * (-m).exp()) * Decimal(share)
    low, high = p, Decimal(1)
    for _ in range(150):
        middle = (low + high) / 2
        divergence = middle * (middle / p).ln() + (
            (1 - middle) * ((1 - middle) / (1 - p)).ln() if middle < 1 else 0
        )
        low, high = (low, middle) if rounds * divergence > price else (middle, high)
    return rounds * low


def test_the_bound_in_decimals():
    """Three events share (ε_sec/4)²: two or four would give other numbers."""
    price = (3 * 16 / Decimal("1e-20")).ln()
    given, in_test = (most_tagged(share, 10**9, price) for share in ("0.64", "0.04"))
    kept = int((5_000_000 - given).to_integral_value(ROUND_FLOOR))
    found = WeakPulseBound(**PULSES, **EPS)
    assert found.several_photons(0.64) == pytest.approx(float(given), rel=1e-9)
    phase = phase_error_rate(2_000, 200_000 - float(in_test), kept, -float(price))
    p = Decimal(phase)
    entropy = kept * (1 + p * log2(p) + (1 - p) * log2(1 - p))
    length = entropy - 400_000 - log2(2 / (Decimal("1e-20") * Decimal("1e-12")))
    assert found.terms(n=5_000_000, leak=400_000).length == int(length) > 10**6


@pytest.mark.parametrize("mean", ["1e-6", "0.0009999", "0.001", "0.3", "2"])
def test_several_photons_in_decimals(mean):
    m = Decimal(mean)
    assert several_photons(float(mean)) == pytest.approx(float(1 - (1 + m) * (-m).exp()), rel=1e-9)


def test_pulses_of_several_photons_are_never_more_than_given():
    """At ε = 1e-4 the chance of a false alarm in these draws is below 1e-6."""
    rng = np.random.default_rng(5)
    bound = WeakPulseBound(
        intensity=0.1, rounds=10**6, z_probability=0.7, tested=0, errors=0, eps_sec=1e-4, eps_cor=0.1
    )
    seen = rng.binomial(10**6, 0.49 * several_photons(0.1), 1000)
    assert seen.max() <= bound.several_photons(0.49) < 1.2 * seen.mean()


def test_where_all_detections_may_be_of_several_photons_nothing_is_secret():
    bound = WeakPulseBound(**PULSES | {"tested": 1000, "errors": 0}, **EPS)
    assert bound.terms(n=int(bound.several_photons(0.64)), leak=0).length == 0


def test_a_published_system_has_no_key_without_decoys():
    """15 km, 0.8 photons a pulse, of 105 million some 0.88 % detected, 0.95 % of them wrong: with decoys 165 bit/s,
    without none at all (Zhao et al., Phys. Rev. Lett. 96, 070502 (2006))."""
    n, k = (int(105e6 * 8.757e-3 * share) for share in (0.81, 0.01))
    given = {"intensity": 0.8, "rounds": 105_000_000, "z_probability": 0.9, "tested": k, "errors": int(k * 0.0095)}
    assert WeakPulseBound(**given, **EPS).terms(n=n, leak=0).length == 0
    assert (
        WeakPulseBound(**given | {"intensity": 0.05}, **EPS).terms(n=n, leak=0).length > 0
    )  # the bound can say yes


def test_splitting_photons_takes_the_key_of_strong_pulses_and_not_that_of_weak_ones():
    link = {"medium": Fiber(60), "rounds": 4 * 10**6, "seed": 7}
    strong = WeakPulseBB84(intensities=(0.6,), **link, eavesdropper=PhotonNumberSplitting(1.0))
    assert strong.attacked_share() == pytest.approx(1)
    assert strong.several_photons_share(attacked=True) == pytest.approx(
        1
    )  # she knows every bit, and no error shows
    key = strong.run()
    assert not key
    assert key.qber.best == 0
    assert "all known to Eve" in key.reason
    weak = weak_pulse_bb84(
        **link | {"rounds": 5 * 10**7}, intensity=0.04, detector=Detector(0.9, misalignment=0.01)
    )
    assert len(weak) > 1000


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"intensity": 0.0}, "intensity"),
        ({"errors": 200_001}, "errors must be at most tested"),
        ({"tested": 10**9 + 1}, "tested must be at most rounds"),
        ({"z_probability": 1.0}, "z_probability"),
        ({"eps_sec": 0}, "eps_sec"),
    ],
)
def test_impossible_counts_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        WeakPulseBound(**PULSES | EPS | change)


def test_impossible_pulses_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        WeakPulseBB84(medium=Fiber(1), rounds=10, intensities=(0.0,))
    with pytest.raises(ValueError, match="one number"):
        WeakPulseBB84(medium=Fiber(1), rounds=10, intensities=(0.5, 0.1))
    with pytest.raises(ValueError, match="key_bases"):
        WeakPulseBB84(medium=Fiber(1), rounds=10, key_bases="both")
