"""Secret-key rates against distance, with the bound that no link without a repeater exceeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quantumlink import validation
from quantumlink.figures import curve, figure_of, letters, one_axes, palette, picture, points
from quantumlink.hardware import Detector, Fiber
from quantumlink.rates import plob_rate
from quantumlink.security.channel_rates import CHANNEL_RATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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


@picture
def draw_key_rates(
    max_km: float = 400.0,
    *,
    detector: Detector | None = None,
    attenuation_db_per_km: float = 0.2,
    protocols: Sequence[str] = tuple(CHANNEL_RATES),
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Asymptotic secret bits per pulse over fibre, one curve a protocol, beside PLOB.

    Args:
        max_km: longest distance in km, above 0.
        detector: the receivers; ideal if None.
        attenuation_db_per_km: loss of the fibre.
        protocols: keys of `quantumlink.security.channel_rates.CHANNEL_RATES`.
        ax: where to draw; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if an argument is out of range, or a protocol is unknown.

    >>> figure = draw_key_rates(100, protocols=["bb84", "twin-field"])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['PLOB: none without a repeater', 'BB84, single photons', 'twin fields']
    """
    longest = validation.number("max_km", max_km, at_least=1e-3)
    distances = np.linspace(longest / 200, longest, 200)
    eta = np.array([Fiber(km, attenuation_db_per_km).transmittance for km in distances])
    axes = one_axes(ax, size, (8.5, 5.4))
    edge = palette(axes).slate
    axes.fill_between(distances, plob_rate(eta), 10.0, color=edge, alpha=0.12, lw=0)
    axes.plot(distances, plob_rate(eta), color=edge, lw=points(1.8), ls="--", label="PLOB: none without a repeater")
    for number, name in enumerate(validation.sequence("protocols", protocols, "protocols")):
        rate = CHANNEL_RATES[validation.choice("protocols", name, CHANNEL_RATES)](eta, detector)
        shown = rate > 0
        none = "" if shown.any() else " (no key here)"
        # Markers of different curves stand at different places: curves may lie on one another.
        label, look = _LABELS.get(name, name) + none, curve(number, axes)
        axes.plot(
            distances[shown], rate[shown], label=label, markevery=(3 * number, 25), markersize=points(5), **look
        )
    axes.set_yscale("log")
    axes.set_ylim(max(1e-12, float(plob_rate(eta)[-1]) / 100), 2.0)
    axes.set_xlim(0, longest)
    axes.set_xlabel(f"fibre (km), {attenuation_db_per_km:g} dB/km")
    axes.set_ylabel("secret bits per pulse")
    axes.set_title(f"asymptotic key rates, {_receivers(detector)}", fontsize=letters(11), wrap=True)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=letters(8), loc="lower left" if longest > 150 else "best")
    return figure_of(axes)


def _receivers(detector: Detector | None) -> str:
    if detector is None:
        return "ideal detectors"
    return f"detectors of efficiency {detector.efficiency:g}, noise {detector.noise_probability:.2g} a window"
