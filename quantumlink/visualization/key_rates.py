"""Secret-key rates against distance, with the bound that no link without a repeater exceeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quantumlink import validation
from quantumlink.hardware import Detector, Fiber
from quantumlink.rates import plob_rate
from quantumlink.security.channel_rates import CHANNEL_RATES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LABELS = {
    "bb84": "BB84, single photons",
    "six-state": "six states, single photons",
    "sarg04": "SARG04, single photons",
    "decoy-bb84": "BB84, decoy states",
    "bbm92": "BBM92, pairs from the middle",
    "mdi": "MDI, single photons",
    "twin-field": "twin fields",
    "device-independent": "device independent",
}


def draw_key_rates(
    max_km: float = 400.0,
    *,
    detector: Detector | None = None,
    attenuation_db_per_km: float = 0.2,
    protocols: Sequence[str] = tuple(CHANNEL_RATES),
) -> Figure:
    """Asymptotic secret bits per pulse over fibre, one curve a protocol, beside PLOB.

    Args:
        max_km: longest distance in km, above 0.
        detector: the receivers; ideal if None.
        attenuation_db_per_km: loss of the fibre.
        protocols: keys of `quantumlink.security.channel_rates.CHANNEL_RATES`.

    Raises:
        ValueError: if an argument is out of range, or a protocol is unknown.
    """
    from quantumlink.figures import Figure

    longest = validation.number("max_km", max_km, at_least=1e-3)
    distances = np.linspace(longest / 200, longest, 200)
    eta = np.array([Fiber(km, attenuation_db_per_km).transmittance for km in distances])
    figure = Figure(figsize=(8.5, 5.4), layout="constrained")
    axes = figure.add_subplot()
    axes.fill_between(distances, plob_rate(eta), 10.0, color="0.93", lw=0)
    axes.plot(distances, plob_rate(eta), color="black", lw=1.5, ls="--", label="PLOB: none without a repeater")
    for name in validation.sequence("protocols", protocols, "protocols"):
        rate = CHANNEL_RATES[validation.choice("protocols", name, CHANNEL_RATES)](eta, detector)
        shown = rate > 0
        none = "" if shown.any() else " (no key here)"
        axes.plot(distances[shown], rate[shown], label=_LABELS.get(name, name) + none)
    axes.set_yscale("log")
    axes.set_ylim(max(1e-12, float(plob_rate(eta)[-1]) / 100), 2.0)
    axes.set_xlim(0, longest)
    axes.set_xlabel("fibre (km)")
    axes.set_ylabel("secret bits per pulse")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="lower left" if longest > 150 else "best")
    return figure
