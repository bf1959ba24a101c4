"""Stray light: how many photons of the sky, or of the Earth below, a telescope lets through to its detectors.

A receiver of area A that sees the solid angle Ω through a filter of width Δλ takes in H·A·Ω·Δλ watts from a
surface of radiance H, and so many photons of hc/λ a second.

References:
    M. Er-long et al., New J. Phys. 7, 215 (2005): the radiance of the sky by day and night.
    C. Bonato, A. Tomaello, V. Da Deppo, G. Naletto, P. Villoresi, New J. Phys. 11, 045017 (2009): uplinks.
"""

from __future__ import annotations

from math import exp, pi
from typing import Literal, get_args

from quantumlink import validation

TimeOfDay = Literal["day", "night"]
"""When a receiver looks at the sky or the Earth."""

TIMES_OF_DAY: tuple[TimeOfDay, ...] = get_args(TimeOfDay)

SKY_RADIANCE: dict[TimeOfDay, float] = {"day": 0.15, "night": 1.5e-6}
"""Radiance of the sky in W/(m²·sr·nm): a bright cloudy day, a clear night of full moon (Er-long et al. 2005)."""

_PLANCK, _LIGHT, _BOLTZMANN = 6.626_070_15e-34, 299_792_458.0, 1.380_649e-23
_SUN_K, _SUN_RADIUS_KM, _SUN_DISTANCE_KM = 5772.0, 695_700.0, 149_597_870.7
_MOON_RADIUS_KM, _MOON_DISTANCE_KM = 1737.4, 384_400.0
_EARTH_ALBEDO, _MOON_ALBEDO = 0.3, 0.12


def earth_radiance(time_of_day: TimeOfDay, wavelength_nm: float) -> float:
    """Radiance of the ground seen from above, in W/(m²·sr·nm), without cities (Bonato et al. 2009).

    By day a matt surface of albedo 0.3 in the sun, a black body of 5772 K; by night the same in the light of
    the full moon, itself a matt sphere of albedo 0.12.

    >>> round(earth_radiance("day", 850), 3)
    0.098
    """
    validation.choice("time_of_day", time_of_day, TIMES_OF_DAY)
    length = validation.positive("wavelength_nm", wavelength_nm) * 1e-9
    # Planck's law, per nm; then what of it reaches the Earth.
    boltzmann = exp(-_PLANCK * _LIGHT / (length * _BOLTZMANN * _SUN_K))
    sun = 2 * _PLANCK * _LIGHT**2 / length**5 * boltzmann / (1 - boltzmann) * 1e-9
    irradiance = pi * sun * (_SUN_RADIUS_KM / _SUN_DISTANCE_KM) ** 2
    if time_of_day == "night":
        irradiance *= _MOON_ALBEDO * (_MOON_RADIUS_KM / _MOON_DISTANCE_KM) ** 2
    return _EARTH_ALBEDO * irradiance / pi


def background_rate_hz(
    radiance: float,
    *,
    wavelength_nm: float,
    receiver_diameter_m: float,
    field_of_view_rad: float,
    filter_nm: float,
    receiver_obscuration_m: float = 0.0,
    efficiency: float = 1.0,
) -> float:
    """Photons per second that a receiver takes in from a surface that fills its view, H·A·Ω·Δλ/(hc/λ).

    Args:
        radiance: H in W/(m²·sr·nm), see `SKY_RADIANCE` and `earth_radiance`.
        wavelength_nm: in nm.
        receiver_diameter_m: of the telescope in m.
        field_of_view_rad: full angle of the cone it sees.
        filter_nm: width of the spectral filter in nm.
        receiver_obscuration_m: diameter of the shadow in the telescope's middle in m.
        efficiency: share of the light that gets to the detectors.

    Raises:
        ValueError: if a value is out of its range.

    >>> round(background_rate_hz(1.5e-6, wavelength_nm=850, receiver_diameter_m=1.0,
    ...                          field_of_view_rad=1e-4, filter_nm=1.0))
    39593
    """
    radiance = validation.number("radiance", radiance, at_least=0.0)
    view = validation.positive("field_of_view_rad", field_of_view_rad, at_most=pi)
    width = validation.positive("filter_nm", filter_nm)
    area = (
        pi / 4 * (validation.positive("receiver_diameter_m", receiver_diameter_m) ** 2 - receiver_obscuration_m**2)
    )
    watts = radiance * area * pi * (view / 2) ** 2 * width
    photon = _PLANCK * _LIGHT / (validation.positive("wavelength_nm", wavelength_nm) * 1e-9)
    return watts / photon * validation.probability("efficiency", efficiency)
