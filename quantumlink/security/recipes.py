"""Recipes: how the bound of each protocol is made of what the ends counted together."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import ClassVar

from quantumlink import validation
from quantumlink.security.both_bases import BothBasesBound
from quantumlink.security.collective import DeviceIndependentBound, SixStateBound
from quantumlink.security.contract import Tally
from quantumlink.security.decoy import DecoyBound, Triple
from quantumlink.security.entropy_accumulation import AccumulationBound, chsh_tradeoff, six_state_tradeoff
from quantumlink.security.one_decoy import OneDecoyBound, Pair
from quantumlink.security.relay_decoy import Counts, RelayDecoyBound, check_relay_light
from quantumlink.security.sharing import SharingBound
from quantumlink.security.single_photon import SinglePhotonBound
from quantumlink.security.twin_field import TwinFieldBound, check_twin_intensities, checked_window
from quantumlink.security.two_state import TwoStateBound
from quantumlink.security.weak_pulses import WeakPulseBound

INTENSITIES = ("signal", "decoy", "vacuum")
"""The classes of rounds of three intensities."""

RELAY_INTENSITIES = ("strong", "weak", "vacuum")
"""The intensities of X where a relay measures."""

PLAYERS = ("Bob", "Charlie")
"""Who share a dealer's secret."""


@dataclass(frozen=True)
class TwoBases:
    """Qubits measured in two bases: `SinglePhotonBound`, from the stream of the test basis.

    >>> tally = Tally(rounds=10**7, detected=10**7, sampled=0, sample_errors=0, compared={"X": (10**5, 3000)},
    ...               raw={"": 10**6})
    >>> TwoBases().bound(tally, eps_sec=1e-10, eps_cor=1e-10).terms(n=10**6, leak=211_000).length
    566611
    """

    stream: str = "X"
    """The bits that bound the phase errors."""

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> SinglePhotonBound:
        """See `Recipe`."""
        tested, errors = tally.compared[self.stream]
        qber = errors / tested if tested else 0.5
        return SinglePhotonBound(tested=tested, qber=qber, eps_sec=eps_sec, eps_cor=eps_cor)


@dataclass(frozen=True)
class BothBases:
    """Qubits measured in two bases, both of which make the key: `BothBasesBound`, by the errors of each block.

    It goes with a sifting whose blocks are Z and X.
    """

    tells_errors: ClassVar[bool] = True

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> BothBasesBound:
        """See `Recipe`."""
        told = tally.corrected
        if told is None or set(told) != {"Z", "X"}:
            raise ValueError(f"both bases need how many errors Z and X had, got {told!r}")
        return BothBasesBound(
            raw=(tally.raw["Z"], tally.raw["X"]),
            errors=(told["Z"], told["X"]),
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class ThreeBases:
    """Six states by the error rates of all three bases: `SixStateBound`; the sample is its third basis."""

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> SixStateBound:
        """See `Recipe`."""
        seen = {"X": tally.compared["X"], "Y": tally.compared["Y"], "Z": (tally.sampled, tally.sample_errors)}
        return SixStateBound(
            tested={basis: bits for basis, (bits, _) in seen.items()},
            errors={basis: errors for basis, (_, errors) in seen.items()},
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class Decoys:
    """Three intensities: `DecoyBound`, from the kept rounds and the test rounds of each.

    What the sample took is in none of its counts: the rounds of each intensity that are kept are counted as such,
    so nothing need be said about which of them the sample hit.
    """

    intensities: Triple
    """Mean photon numbers of signal, decoy and vacuum."""
    probabilities: Triple
    """With which they are sent."""

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> DecoyBound:
        """See `Recipe`."""
        test = [tally.compared[f"X {name}"] for name in INTENSITIES]
        key = [tally.raw[name] for name in INTENSITIES]
        return DecoyBound(
            intensities=self.intensities,
            probabilities=self.probabilities,
            key_counts=(key[0], key[1], key[2]),
            test_counts=(test[0][0], test[1][0], test[2][0]),
            test_errors=(test[0][1], test[1][1], test[2][1]),
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class OneDecoy:
    """Two intensities: `OneDecoyBound`, from the kept rounds of each, their errors, and the test rounds."""

    intensities: Pair
    """Mean photon numbers of signal and decoy."""
    probabilities: Pair
    """With which they are sent."""

    tells_errors: ClassVar[bool] = True

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> OneDecoyBound:
        """See `Recipe`."""
        signal, decoy = (tally.compared[f"X {name}"] for name in INTENSITIES[:2])
        told = tally.corrected
        return OneDecoyBound(
            intensities=self.intensities,
            probabilities=self.probabilities,
            key_counts=(tally.raw["signal"], tally.raw["decoy"]),
            key_errors=None if told is None else (told["signal"], told["decoy"]),
            test_counts=(signal[0], decoy[0]),
            test_errors=(signal[1], decoy[1]),
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class RelayDecoys:
    """One intensity in Z and three in X of both ends, and a relay: `RelayDecoyBound`, from nine counts in X.

    It goes with `quantumlink.distillation.relay_sifting.relay_decoy_sifting`.
    """

    signals: Pair
    """Mean photon numbers in Z, Alice's and Bob's."""
    intensities: Triple
    """Alice's in X."""
    intensities_b: Triple
    """Bob's."""
    probabilities: Triple
    """With which each end sends them, given X."""
    z_probability: float
    """With which each end chooses Z."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.probabilities(self, "z_probability")
        check_relay_light(self.signals, self.intensities, self.intensities_b, self.probabilities)

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> RelayDecoyBound:
        """See `Recipe`."""

        def table(which: int) -> Counts:
            rows = []
            for a in RELAY_INTENSITIES:
                first, second, third = (tally.compared[f"X {a} {b}"][which] for b in RELAY_INTENSITIES)
                rows.append((first, second, third))
            return rows[0], rows[1], rows[2]

        return RelayDecoyBound(
            signals=self.signals,
            intensities=self.intensities,
            intensities_b=self.intensities_b,
            probabilities=self.probabilities,
            z_probability=self.z_probability,
            key_count=tally.n + tally.sampled,
            sampled=tally.sampled,
            test_counts=table(0),
            test_errors=table(1),
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class TwinFields:
    """Sending or not sending, and a relay: `TwinFieldBound`.

    It goes with `quantumlink.distillation.twin_sifting.TwinSifting` of the same window.
    """

    signal: float
    """Mean photon number of a pulse in Z."""
    sending: float
    """With which each end sends one."""
    z_probability: float
    """With which each end chooses Z."""
    intensities: Triple
    """Mean photon numbers in X, strong, weak and 0."""
    probabilities: Triple
    """With which each end sends them, given X."""
    window: int
    """By how many of 64 phases those of two weak pulses may differ."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "signal", validation.positive("signal", self.signal))
        validation.probabilities(self, "sending", "z_probability")
        validation.plain(self)
        check_twin_intensities(self.intensities, self.probabilities)
        checked_window("window", self.window)

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> TwinFieldBound:
        """See `Recipe`."""
        strong, weak, vacuum = (tally.compared[f"X {name}"][0] for name in RELAY_INTENSITIES)
        tested, errors = tally.compared["X phase"]
        return TwinFieldBound(
            **self.__dict__,
            rounds=tally.rounds,
            key_count=tally.n + tally.sampled,
            sampled=tally.sampled,
            single_counts=(strong, weak, vacuum),
            tested=tested,
            errors=errors,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class WeakPulses:
    """Pulses of one intensity, all of several photons given away: `WeakPulseBound`."""

    intensity: float
    """Mean photon number of a pulse."""
    z_probability: float
    """With which each end chooses Z."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "intensity", validation.positive("intensity", self.intensity))
        validation.probabilities(self, "z_probability")

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> WeakPulseBound:
        """See `Recipe`."""
        tested, errors = next(pair for name, pair in tally.compared.items() if name.split()[0] == "X")
        return WeakPulseBound(
            intensity=self.intensity,
            rounds=tally.rounds,
            z_probability=self.z_probability,
            tested=tested,
            errors=errors,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class TwoStates:
    """States that Bob excludes: `TwoStateBound` of B92, or of SARG04 where the angle is None."""

    angle: float | None = pi / 2
    """Between the two states of B92 on the Bloch sphere, in radians."""

    def __post_init__(self) -> None:
        if self.angle is not None:
            object.__setattr__(self, "angle", validation.number("angle", self.angle))

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> TwoStateBound:
        """See `Recipe`."""
        tested, errors = tally.compared["conclusive"]
        return TwoStateBound(
            rounds=tally.rounds,
            detected=tally.detected,
            conclusive=tally.n + tally.sampled + tested,
            tested=tested,
            errors=errors,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
            angle=self.angle,
        )


@dataclass(frozen=True)
class BellTest:
    """A CHSH value: `DeviceIndependentBound`, from the streams of the four settings."""

    signs: tuple[tuple[str, int], ...]
    """For the stream of each setting whether equal outcomes win (1) or different ones (−1)."""

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> DeviceIndependentBound:
        """See `Recipe`."""
        tested = won = 0
        for stream, sign in self.signs:
            bits, different = tally.compared[stream]
            tested, won = tested + bits, won + (bits - different if sign > 0 else different)
        chsh = 4 * (2 * won / tested - 1) if tested else 0.0
        return DeviceIndependentBound(tested=tested, chsh=chsh, eps_sec=eps_sec, eps_cor=eps_cor)


@dataclass(frozen=True)
class AccumulatedThreeBases:
    """Six states by entropy accumulation: `AccumulationBound`, of a length settled beforehand.

    It goes with a sample that is drawn round by round.
    """

    tolerated_qber: float
    """Error rate of all three bases, at worst."""
    z_probability: float
    """With which each end chooses Z; X and Y are equally likely."""
    sample_fraction: float
    """Share of the rounds in Z that is compared."""
    leak_share: float
    """Bits that reconciliation may disclose of each round to be expected in the raw key."""

    def __post_init__(self) -> None:
        validation.probabilities(self, "tolerated_qber", "z_probability", "sample_fraction")
        object.__setattr__(self, "leak_share", validation.number("leak_share", self.leak_share, at_least=0.0))

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> AccumulationBound:
        """See `Recipe`."""
        other, z = ((1 - self.z_probability) / 2) ** 2, self.z_probability**2
        key, tests = z * (1 - self.sample_fraction), (other, other, z * self.sample_fraction)
        seen = (tally.compared["X"], tally.compared["Y"], (tally.sampled, tally.sample_errors))
        return AccumulationBound(
            rounds=tally.detected,
            tradeoff=six_state_tradeoff(self.tolerated_qber, key=key, tests=tests),
            tolerated=(self.tolerated_qber,) * 3,
            seen=seen,
            comparable=sum(tests),
            compared=sum(bits for bits, _ in seen),
            leak_limit=self.leak_share * key * tally.detected,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class AccumulatedBellTest:
    """A CHSH value by entropy accumulation: `AccumulationBound`, of a length settled beforehand.

    Its four settings are equally likely; it goes with a sample that is drawn round by round.
    """

    signs: tuple[tuple[str, int], ...]
    """For the stream of each setting whether equal outcomes win (1) or different ones (−1)."""
    least_chsh: float
    """The CHSH value, at worst."""
    key: float
    """Share of the rounds in the raw key."""
    tested: float
    """Share of the rounds of the Bell test."""
    comparable: float
    """Share of the rounds compared, those of the Bell test and others."""
    leak_share: float
    """Bits that reconciliation may disclose of each round to be expected in the raw key."""

    def __post_init__(self) -> None:
        validation.probabilities(self, "key", "tested", "comparable")
        object.__setattr__(self, "least_chsh", validation.number("least_chsh", self.least_chsh))
        object.__setattr__(self, "leak_share", validation.number("leak_share", self.leak_share, at_least=0.0))

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> AccumulationBound:
        """See `Recipe`."""
        tests = lost = 0
        for stream, sign in self.signs:
            bits, different = tally.compared[stream]
            tests, lost = tests + bits, lost + (different if sign > 0 else bits - different)
        return AccumulationBound(
            rounds=tally.detected,
            tradeoff=chsh_tradeoff(self.least_chsh, key=self.key, test=self.tested),
            tolerated=((4 - self.least_chsh) / 8,),
            seen=((tests, lost),),
            comparable=self.comparable,
            compared=tally.sampled + sum(bits for bits, _ in tally.compared.values()),
            leak_limit=self.leak_share * self.key * tally.detected,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )


@dataclass(frozen=True)
class Sharing:
    """A dealer and two players, one of them dishonest: `SharingBound`, from two tests of the dealer.

    Of each player the tally has the rounds in which the dealer and the *other* one measured Z, and how many of
    these differed (``"Z against Bob"``), and the rounds in which those two measured X (``"X against Bob"``).
    """

    def bound(self, tally: Tally, *, eps_sec: float, eps_cor: float) -> SharingBound:
        """See `Recipe`."""
        bob, charlie = (tally.compared[f"Z against {player}"] for player in PLAYERS)
        others = [tally.compared[f"X against {player}"][0] for player in PLAYERS]
        return SharingBound(
            tested=(bob[0], charlie[0]),
            errors=(bob[1], charlie[1]),
            population=(others[0], others[1]),
            eps_sec=eps_sec,
            eps_cor=eps_cor,
        )
