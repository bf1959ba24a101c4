"""Keys of passes: what is counted under a sky of one's own, and how much of it is secret, blocks being finite.

- A satellite with a `DecoyDownlink` makes a block with each station: expected counts of every intensity and basis,
  rounded, and `DecoyBound` of them. One with a `PairDownlink` makes a block with every two stations that see it at
  once: `SinglePhotonBound` of the coincidences, X as the test.
- A block holds what one pass brings, or all passes of the time looked at: longer blocks cost less for the same ε,
  and the key is ready later.
  What brings no key by itself, such as a bright day, is left out.
- Counts are the means that the model expects, not draws: a real pass scatters about them.
- Reconciliation discloses f·h(E) for each bit, of each intensity apart, and never more than the bit.

What is found here is what each satellite and station could do alone, as if each had a telescope for the other; who
looks at whom when there is a choice is decided by `serve_keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray, IntArray
from quantumlink.hardware import DecoyDownlink, Node, PairDownlink
from quantumlink.hardware.astronomy import utc_of
from quantumlink.network.globe.moments import Moments, Sky, sampled
from quantumlink.network.globe.overpasses import Overpasses
from quantumlink.network.globe.weather import Weather
from quantumlink.rates import binary_entropy
from quantumlink.security import DecoyBound, SinglePhotonBound
from quantumlink.security.photon_numbers import Interval, single_photon_errors, three_intensity_counts
from quantumlink.tables import html_table

Block = Literal["pass", "all"]
"""What a block of key holds: one pass, or all of them."""


@dataclass(frozen=True)
class Proof:
    """What a key is proven against, and what reconciliation costs."""

    eps_sec: float
    eps_cor: float
    f: float

    def __post_init__(self) -> None:
        validation.tolerances(self, "eps_sec", "eps_cor")
        object.__setattr__(self, "f", validation.number("f", self.f, at_least=1.0))


@dataclass(frozen=True, repr=False)
class Slice:
    """What a slice of a pass, or of a time in common, brings."""

    satellite: str
    stations: tuple[str, ...]
    """One station, or the two that pairs go to."""
    number: int
    """Of the slice of time."""
    duration_s: float
    clicks: FloatArray
    """Expected counts, bases not compared: of decoys, detections and errors by intensity, (2, 3); of pairs,
    coincidences and errors in Z and X, (3, 1)."""
    overpass: int
    """The number of the pass, or of the time in common."""


@dataclass(frozen=True, repr=False)
class KeyBlock:
    """A finite block of key: between a satellite and a station, or between two stations."""

    satellite: str
    """The satellite."""
    ends: tuple[str, ...]
    """The station that shares the key with the satellite, or the two stations that share it."""
    start_s: float
    """When its first bit is counted, in seconds since 2000-01-01 12:00 UTC."""
    stop_s: float
    """When its last bit is."""
    light_s: float
    """How long there was light of which a key can be made; any light if there is no key in all of it."""
    sifted: int
    """Bits whose bases agree, those of the test included."""
    qber: float
    """Their error rate; of decoy states, that of the signals."""
    length: int
    """How many secret bits; 0 if there are none."""

    def __repr__(self) -> str:
        ends = " – ".join(self.ends if len(self.ends) == 2 else (self.satellite, *self.ends))
        return f"<KeyBlock {ends}, {utc_of(self.start_s)}: {self.length} of {self.sifted} bits>"


@dataclass(frozen=True, repr=False)
class SatelliteKeys:
    """What satellites and stations could do, each by itself; `serve_keys` decides among them."""

    passes: Overpasses
    """The passes."""
    blocks: tuple[KeyBlock, ...]
    """The blocks, those without a secret bit included, by their beginning."""
    block: Block
    """What a block holds."""
    downlinks: Mapping[str, DecoyDownlink | PairDownlink]
    """Of each satellite."""
    slices: tuple[Slice, ...]
    """What each slice of time brings, block or no block."""
    slice_s: float
    """How long a slice of time is, in seconds."""
    proof: Proof
    """What the keys are proven against."""

    def total_bits(self, *ends: str) -> int:
        """How many secret bits all satellites make with a station, or of pairs between two."""
        for name in ends:
            validation.choice("ends", name, self.passes.stations)
        return sum(block.length for block in self.blocks if set(block.ends) == set(ends))

    def relayed_bits(self, a: str, b: str) -> int:
        """Bits that satellites hand on from one station to the other, each the lesser of its two keys.

        Nobody else is served, and a satellite over both, or two over one, count as if each had its telescope:
        a limit for `serve_keys`.
        """
        total = 0
        for satellite in self.passes.satellites:
            with_each = [
                sum(x.length for x in self.blocks if x.satellite == satellite and x.ends == (end,))
                for end in (a, b)
            ]
            total += min(with_each)
        return total

    def __repr__(self) -> str:
        total = sum(block.length for block in self.blocks)
        return f"<SatelliteKeys: {len(self.blocks)} blocks, {total:.4g} secret bits>"

    def _repr_html_(self) -> str:
        rows = [
            (" – ".join(ends), f"{sum(x.length for x in self.blocks if x.ends == ends):.4g} secret bits")
            for ends in dict.fromkeys(block.ends for block in self.blocks)
        ]
        return html_table(f"keys from {utc_of(self.passes.start_s)}", rows)


def satellite_keys(
    passes: Overpasses,
    *,
    weather: Weather | None = None,
    downlink: DecoyDownlink | PairDownlink | None = None,
    block: Block = "all",
    twilight_deg: float = -12.0,
    slice_s: float = 60.0,
    eps_sec: float = 1e-9,
    eps_cor: float = 1e-15,
    f: float = 1.16,
) -> SatelliteKeys:
    """Fill passes with light, and say how much key each brings.

    Args:
        passes: of satellites over stations.
        weather: over the stations; clear if None.
        downlink: of all satellites that have none of their own.
        block: ``"pass"`` for a key from each pass, ``"all"`` for one from all passes of the time looked at.
        twilight_deg: elevation of the Sun below which it is night, in [−90, 0] degrees. At −12 the sky is about as
            bright as under a full moon, which is what night means here.
        slice_s: into which slices time is cut for `serve_keys`, at least 5 s.
        eps_sec: secrecy of each block, in (0, 1).
        eps_cor: correctness of each block, in (0, 1).
        f: what reconciliation discloses, over h(E), at least 1.

    Raises:
        ValueError: if a satellite has no downlink, or a value is out of its range.
        TypeError: if an argument is of the wrong kind.
    """
    validation.instance("passes", passes, Overpasses, "what find_overpasses gives")
    if weather is not None:
        validation.instance("weather", weather, Weather, "a Weather or None")
    if downlink is not None:
        validation.instance("downlink", downlink, (DecoyDownlink, PairDownlink), "a downlink or None")  # type: ignore[arg-type]
    validation.choice("block", block, get_args(Block))
    twilight = validation.number("twilight_deg", twilight_deg, at_least=-90.0, at_most=0.0)
    width = validation.number("slice_s", slice_s, at_least=5.0)
    proof = Proof(eps_sec, eps_cor, f)
    sky, links = Sky(passes, weather, twilight), _downlinks(passes, downlink)
    lit: list[tuple[list[Slice], float, float]] = []
    for one in passes:
        link = links[one.satellite]
        if isinstance(link, DecoyDownlink):
            satellite = passes.satellites[one.satellite]
            found = _decoy_slices(sky, satellite, link, one.station, one, width, len(lit))
            lit.append((found, one.rise_s, one.set_s))
    if any(isinstance(link, PairDownlink) for link in links.values()):
        for a, b in passes.pairs:
            for window in passes.common(a, b):
                pairs = links[window.satellite]
                if isinstance(pairs, PairDownlink):
                    satellite = passes.satellites[window.satellite]
                    found = _pair_slices(sky, satellite, pairs, window, width, len(lit))
                    lit.append((found, window.start_s, window.stop_s))
    blocks = _blocks([entry for entry in lit if entry[0]], links, proof, block)
    slices = tuple(one for found, _, _ in lit for one in found)
    return SatelliteKeys(passes, blocks, block, links, slices, width, proof)


def secret_length(link: DecoyDownlink | PairDownlink, counts: FloatArray, proof: Proof) -> tuple[int, int, float]:
    """Secret bits, sifted bits and error rate of what was counted.

    Args:
        link: the downlink.
        counts: as in `Slice`, summed.
        proof: what the key is proven against.
    """
    if isinstance(link, PairDownlink):
        return _pair_length(link, counts, proof)
    z = link.z_probability
    share = {"key": z**2, "test": (1 - z) ** 2}
    key, test = (np.rint(share[which] * counts[0]).astype(int) for which in ("key", "test"))
    wrong = np.minimum(np.rint(share["test"] * counts[1]).astype(int), test)
    sifted = int(key.sum() + test.sum())
    rates = np.divide(counts[1], counts[0], out=np.full(3, 0.5), where=counts[0] > 0)
    if not key.sum() or not test.sum():
        return 0, sifted, float(rates[0])
    bound = DecoyBound(
        intensities=link.intensities,
        probabilities=link.probabilities,
        key_counts=_three(key),
        test_counts=_three(test),
        test_errors=_three(wrong),
        eps_sec=proof.eps_sec,
        eps_cor=proof.eps_cor,
    )
    leak = float(np.sum(key * _disclosed(rates, proof.f)))
    return bound.terms(n=int(key.sum()), leak=leak).length, sifted, float(rates[0])


def asymptotic_bits(link: DecoyDownlink | PairDownlink, counts: FloatArray, proof: Proof) -> float:
    """What the same formulas give where counts are known without doubt: the worth of a slice of a long block."""
    z = link.z_probability
    if isinstance(link, PairDownlink):
        total, wrong_z, wrong_x = (float(value) for value in counts[:, 0])
        if not total:
            return 0.0
        fraction = 1 - float(binary_entropy(min(0.5, wrong_x / total)))
        return z**2 * total * max(0.0, fraction - float(_disclosed(np.array(wrong_z / total), proof.f)))
    sent = link.intensities, link.probabilities
    vacuum, single = three_intensity_counts(*sent, [Interval(x, x) for x in counts[0]])
    wrong = single_photon_errors(*sent, [Interval(x, x) for x in counts[1]])
    phase = min(0.5, wrong / single) if single else 0.5
    rates = np.divide(counts[1], counts[0], out=np.full(3, 0.5), where=counts[0] > 0)
    leak = float(np.sum(counts[0] * _disclosed(rates, proof.f)))
    return z**2 * max(0.0, vacuum + single * (1 - float(binary_entropy(phase))) - leak)


def _pair_length(link: PairDownlink, counts: FloatArray, proof: Proof) -> tuple[int, int, float]:
    z = link.z_probability
    total, wrong_z, wrong_x = (float(value) for value in counts[:, 0])
    n, k = round(z**2 * total), round((1 - z) ** 2 * total)
    if not n or not k:
        return 0, n + k, 0.5
    errors = min(k, round((1 - z) ** 2 * wrong_x))
    bound = SinglePhotonBound(tested=k, qber=errors / k, eps_sec=proof.eps_sec, eps_cor=proof.eps_cor)
    leak = n * float(_disclosed(np.array(wrong_z / total), proof.f))
    qber = (z**2 * wrong_z + (1 - z) ** 2 * wrong_x) / ((z**2 + (1 - z) ** 2) * total)
    return bound.terms(n=n, leak=leak).length, n + k, qber


def _disclosed(rates: FloatArray, f: float) -> FloatArray:
    return np.minimum(1.0, f * np.asarray(binary_entropy(np.clip(rates, 0.0, 0.5))))


def _three(counts: IntArray) -> tuple[int, int, int]:
    a, b, c = (int(count) for count in counts)
    return a, b, c


def _downlinks(
    passes: Overpasses, usual: DecoyDownlink | PairDownlink | None
) -> dict[str, DecoyDownlink | PairDownlink]:
    found = {}
    for name, node in passes.satellites.items():
        link = node.downlink or usual
        if link is None:
            raise ValueError(f"downlink must be given for satellites without one of their own, such as {name!r}")
        found[name] = link
    return found


def _decoy_slices(
    sky: Sky, satellite: Node, link: DecoyDownlink, station: str, one: Any, slice_s: float, number: int
) -> list[Slice]:
    moments = sampled(one.rise_s, one.set_s, sky.passes.start_s, slice_s)
    night, clear = sky.dark(station, moments.times), sky.passed(station, moments.times)
    used = (night | link.by_day) & (clear > 0)
    if not used.any():
        return []
    eta = link.transmittance(*moments.sight(satellite, sky.passes.stations[station])) * clear
    clicks, wrong = link.clicks_hz(eta, night)
    return _cut(satellite.name, (station,), moments, used, np.stack([clicks, wrong]), number)


def _pair_slices(
    sky: Sky, satellite: Node, link: PairDownlink, window: Any, slice_s: float, number: int
) -> list[Slice]:
    moments = sampled(window.start_s, window.stop_s, sky.passes.start_s, slice_s)
    nights = [sky.dark(station, moments.times) for station in window.stations]
    clouds = [sky.passed(station, moments.times) for station in window.stations]
    used = ((nights[0] & nights[1]) | link.by_day) & (clouds[0] > 0) & (clouds[1] > 0)
    if not used.any():
        return []
    left, right = (
        (d[used], e[used])
        for d, e in (moments.sight(satellite, sky.passes.stations[name]) for name in window.stations)
    )
    rate, errors_z, errors_x = link.coincidences_hz(
        left, right, (nights[0][used], nights[1][used]), (clouds[0][used], clouds[1][used])
    )
    found = np.zeros((3, 1, len(moments.times)))
    found[:, 0, used] = rate, rate * errors_z, rate * errors_x
    return _cut(satellite.name, window.stations, moments, used, found, number)


def _cut(
    satellite: str, stations: tuple[str, ...], moments: Moments, used: Any, rates: FloatArray, overpass: int
) -> list[Slice]:
    """Slices in which there is light, with the counts of each."""
    weights = moments.step_s * used
    found = []
    for number in np.unique(moments.slices[used]):
        within = weights * (moments.slices == number)
        found.append(Slice(satellite, stations, int(number), float(within.sum()), rates @ within, overpass))
    return found


def _blocks(
    lit: list[tuple[list[Slice], float, float]],
    links: Mapping[str, DecoyDownlink | PairDownlink],
    proof: Proof,
    block: Block,
) -> tuple[KeyBlock, ...]:
    groups: dict[Any, list[tuple[list[Slice], float, float]]] = {}
    for i, entry in enumerate(lit):
        first = entry[0][0]
        groups.setdefault((first.satellite, first.stations, i if block == "pass" else 0), []).append(entry)
    found = []
    for (satellite, stations, _), entries in groups.items():
        link = links[satellite]
        # A bright day would spoil the night's key: what brings nothing by itself stays out of the block.
        good = [
            ([one for one in slices if asymptotic_bits(link, one.clicks, proof) > 0], begin, end)
            for slices, begin, end in entries
        ]
        good = [entry for entry in good if entry[0]] or entries
        used = [one for slices, _, _ in good for one in slices]
        secret, sifted, qber = secret_length(link, np.sum([one.clicks for one in used], axis=0), proof)
        light = sum(one.duration_s for one in used)
        begin, end = min(entry[1] for entry in good), max(entry[2] for entry in good)
        found.append(KeyBlock(satellite, stations, begin, end, light, sifted, qber, secret))
    return tuple(sorted(found, key=lambda one: (one.start_s, one.satellite, one.ends)))
