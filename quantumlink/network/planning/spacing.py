"""How far apart repeaters should stand on a long line.

A rate R over hops of ℓ kilometers takes R·e^(ℓ/λ)/r channels a hop, where a channel without loss makes r pairs
a second and λ = 10/(α·ln 10) kilometers is the fibre's attenuation length. A kilometer costs (s·(R/r)·e^(ℓ/λ) +
n)/ℓ with a price s of a channel and n of what stands at a node. Its derivative is zero where e^u·(u − 1) = k, u
= ℓ/λ and k = n·r/(s·R); so u = 1 + W(k/e) with Lambert's W. If only channels cost, ℓ = λ: 21.7 km at 0.2 dB/km.

Reference:
    R. M. Corless et al., Adv. Comput. Math. 5, 329 (1996): the function W.
"""

from __future__ import annotations

from math import e, inf, log

from scipy.special import lambertw

from quantumlink import validation
from quantumlink.network.planning.costs import Costs


def best_spacing_km(
    costs: Costs, *, rate_hz: float, channel_hz: float, attenuation_db_per_km: float = 0.2
) -> float:
    """The length of a hop at which a long line costs least, with as many channels as it takes, however few.

    Args:
        costs: the prices; of them ``source``, ``repeater`` and ``node`` matter.
        rate_hz: pairs a second from end to end.
        channel_hz: pairs a second that a channel without loss makes.
        attenuation_db_per_km: of the fibre.

    Raises:
        ValueError: if a number is out of range, a source costs nothing (hops would be as long as can be), or the
            length is beyond what a float holds.
        TypeError: if costs are no `Costs`.

    >>> round(best_spacing_km(Costs(source=1.0), rate_hz=100, channel_hz=10), 2)
    21.71
    >>> round(best_spacing_km(Costs(source=1.0, repeater=50.0), rate_hz=100, channel_hz=10), 2)
    39.4
    """
    validation.instance("costs", costs, Costs, "Costs")
    rate_hz, channel_hz = (validation.positive(n, x) for n, x in (("rate_hz", rate_hz), ("channel_hz", channel_hz)))
    loss = validation.positive("attenuation_db_per_km", attenuation_db_per_km)
    if not costs.source:
        raise ValueError("costs must give a price of a source above zero: else the fewest repeaters cost least")
    ratio = (costs.repeater + costs.node) / costs.source * (channel_hz / rate_hz)
    length_km = float(10 / (loss * log(10)) * (1 + lambertw(ratio / e).real))
    if not 0 < length_km < inf:
        raise ValueError(
            f"no length of a hop comes of attenuation_db_per_km={loss:g}, channel_hz={channel_hz:g}, "
            f"rate_hz={rate_hz:g} and these costs: some are too large or too small beside the others"
        )
    return length_km
