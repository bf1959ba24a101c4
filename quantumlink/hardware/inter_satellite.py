"""Links between satellites: vacuum all the way, as long as the Earth is not in between."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from math import inf

from quantumlink.hardware.free_space import FreeSpace
from quantumlink.hardware.optics import Optics
from quantumlink.hardware.orbit import LOWEST_ORBIT_KM, lowest_altitude_km
from quantumlink.hardware.satellite import altitude


@dataclass(frozen=True, repr=False)
class InterSatelliteLink(FreeSpace):
    """A path in vacuum between two satellites.

    Args:
        distance_km: from telescope to telescope in km.
        altitude_km: of the one satellite; if given, the path must stay above the atmosphere (100 km).
        other_altitude_km: of the other; the same as ``altitude_km`` if None.
        wavelength_nm: and all the others are keywords, as described in `Optics`, but for those of the air.

    Raises:
        ValueError: if a value is out of its range, there is air in it, or the Earth or its atmosphere is in
            the way.
        TypeError: if one is not a number.

    >>> path = InterSatelliteLink(2000, altitude_km=500, wavelength_nm=1550, beam_waist_m=0.1,
    ...                           receiver_diameter_m=0.3)
    >>> round(path.lowest_altitude_km, 1), round(path.loss_db, 1)
    (426.8, 33.4)
    """

    _: KW_ONLY
    altitude_km: float | None = None
    """Altitude of the one satellite in km, if it matters."""
    other_altitude_km: float | None = None
    """Altitude of the other in km."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("zenith_loss_db", "seeing_rad", "weather_loss_db"):
            if getattr(self, name):
                value = getattr(self, name)
                raise ValueError(f"{name} must be 0 between satellites, where there is no air; got {value!r}")
        if self.altitude_km is None:
            if self.other_altitude_km is not None:
                raise ValueError(f"other_altitude_km={self.other_altitude_km!r} needs altitude_km, got None")
            return
        object.__setattr__(self, "altitude_km", altitude("altitude_km", self.altitude_km))
        other = self.altitude_km if self.other_altitude_km is None else self.other_altitude_km
        object.__setattr__(self, "other_altitude_km", altitude("other_altitude_km", other))
        if self.lowest_altitude_km < LOWEST_ORBIT_KM:
            raise ValueError(self._obstacle())

    @property
    def lowest_altitude_km(self) -> float:
        """How close the path comes to the ground, in km; infinity if the altitudes are not given."""
        if self.altitude_km is None or self.other_altitude_km is None:
            return inf
        return lowest_altitude_km(self.altitude_km, self.other_altitude_km, self.distance_km)

    def half(self) -> FreeSpace:
        """The way from its middle to either end, by the same telescopes."""
        optics = {field.name: getattr(self, field.name) for field in fields(Optics)}
        return FreeSpace(self.distance_km, **optics).half()

    def _obstacle(self) -> str:
        altitudes = f"{self.altitude_km:g} and {self.other_altitude_km:g} km"
        where = f"distance_km={self.distance_km:g} between altitudes of {altitudes}"
        lowest = self.lowest_altitude_km
        if lowest == -inf:
            return f"{where} is impossible: no two points of these orbits are that far apart"
        through = "the Earth" if lowest <= 0 else "the atmosphere"
        return f"{where}: the path leads through {through}, at its lowest {lowest:.0f} km above the ground"
