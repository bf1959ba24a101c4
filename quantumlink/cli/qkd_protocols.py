"""The protocols of ``quantumlink qkd``: the options of each family, which make its session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from math import pi
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from quantumlink import validation
from quantumlink.circuits import operation_names
from quantumlink.cli.qkd_options import CommonOptions, FiberOptions, SenderOptions
from quantumlink.hardware import MidpointSource, Node
from quantumlink.link import ElementaryLink, Link
from quantumlink.network import Network
from quantumlink.parts import named_part
from quantumlink.qkd.protocols import (
    B92,
    BB84,
    E91,
    MDI,
    SARG04,
    Conference,
    DecoyBB84,
    DecoyMDI,
    OneDecoyBB84,
    SecretSharing,
    Session,
    WeakPulseBB84,
)


class KeyBases(StrEnum):
    """Which bases make the key."""

    z = "Z"
    both = "both"


class Attacks(StrEnum):
    """What a six-state key is secure against, and by which proof."""

    coherent = "coherent"
    collective = "collective"
    accumulated = "accumulated"


class DeviceAttacks(StrEnum):
    """What devices of a Bell test may do."""

    collective = "collective"
    coherent = "coherent"


class Bases(StrEnum):
    """How the parties of a conference come to measure in one basis."""

    marked = "marked"
    independent = "independent"


_ATTACKS_HELP = (
    "What the key is secure against: coherent (by two bases), collective (by all three), or accumulated (coherent, "
    "by all three and entropy accumulation, of a length settled beforehand)."
)
_TOLERATED_HELP = "Error rate at worst, where the length is settled beforehand."
_KEY_BASES_HELP = "Which bases make the key: Z, tested by X, or both, each tested by the other."


@dataclass(frozen=True, kw_only=True)
class BasesOptions(SenderOptions):
    """The six-state protocol with single photons."""

    z_probability: Annotated[float, typer.Option(help="With which each end chooses Z, the key basis.")] = 0.8
    attacks: Annotated[Attacks, typer.Option(help=_ATTACKS_HELP)] = Attacks.coherent
    tolerated_qber: Annotated[float, typer.Option(help=_TOLERATED_HELP)] = 0.06

    def six_state(self) -> dict[str, Any]:
        """What its session is made of, besides."""
        return {
            "z_probability": self.z_probability,
            "attacks": self.attacks.value,
            "tolerated_qber": self.tolerated_qber,
        }

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        kind = named_part("protocol", protocol).cls
        return cast(Session, kind(**self.six_state(), **self.sent()))


_CHOSEN = "the best for the link and the block"
"""What the help says of a setting that is chosen if it is not given."""

_ZChosen = Annotated[
    float | None,
    typer.Option(help=f"With which each end chooses Z, the key basis. Default: {_CHOSEN}.", show_default=False),
]


def chosen_settings(kind: type[Session], given: Mapping[str, Any], settings: Mapping[str, Any]) -> Session:
    """A session in which what was not given is what the longest key is to be expected with.

    Args:
        kind: of session.
        given: all that was given.
        settings: settings that may be chosen, None where they are to be.
    """
    from quantumlink.qkd.optimization import optimize_session

    wanted = {name: value for name, value in settings.items() if value is not None}
    session = kind(**given, **wanted)
    if len(wanted) == len(settings):
        return session
    return optimize_session(session, fixed=[*wanted, "sample_fraction"]).session


@dataclass(frozen=True, kw_only=True)
class TwoBasesOptions(SenderOptions):
    """BB84 with single photons."""

    z_probability: _ZChosen = None
    key_bases: Annotated[KeyBases, typer.Option(help=_KEY_BASES_HELP)] = KeyBases.z

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        given = {**self.sent(), "key_bases": self.key_bases.value}
        return chosen_settings(BB84, given, {"z_probability": self.z_probability})


@dataclass(frozen=True, kw_only=True)
class DecoyOptions(SenderOptions):
    """Decoy-state BB84."""

    rounds: Annotated[int, typer.Option(help="Pulses to send.")] = 100_000_000
    z_probability: _ZChosen = None
    intensities: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help=f"Mean photon numbers: signal, decoy, vacuum. Default: {_CHOSEN}.", show_default=False),
    ] = None
    intensity_probabilities: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help=f"With which each intensity is sent. Default: {_CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        names = ("z_probability", "intensities", "intensity_probabilities")
        return chosen_settings(DecoyBB84, self.sent(), {name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class OneDecoyOptions(SenderOptions):
    """BB84 with one decoy."""

    rounds: Annotated[int, typer.Option(help="Pulses to send.")] = 100_000_000
    z_probability: _ZChosen = None
    intensities: Annotated[
        tuple[float, float] | None,
        typer.Option(help=f"Mean photon numbers: signal, decoy. Default: {_CHOSEN}.", show_default=False),
    ] = None
    intensity_probabilities: Annotated[
        tuple[float, float] | None,
        typer.Option(help=f"With which each intensity is sent. Default: {_CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        names = ("z_probability", "intensities", "intensity_probabilities")
        return chosen_settings(OneDecoyBB84, self.sent(), {name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class WeakPulseOptions(SenderOptions):
    """BB84 with weak pulses of one intensity."""

    rounds: Annotated[int, typer.Option(help="Pulses to send.")] = 100_000_000
    z_probability: _ZChosen = None
    intensity: Annotated[
        float | None,
        typer.Option(help=f"Mean photon number of a pulse. Default: {_CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        means = None if self.intensity is None else (self.intensity,)
        settings = {"z_probability": self.z_probability, "intensities": means}
        return chosen_settings(WeakPulseBB84, self.sent(), settings)


@dataclass(frozen=True, kw_only=True)
class SARG04Options(SenderOptions):
    """SARG04."""

    test_fraction: Annotated[float, typer.Option(help="Share of the kept rounds compared in public.")] = 0.2

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return SARG04(test_fraction=self.test_fraction, **self.sent())


@dataclass(frozen=True, kw_only=True)
class B92Options(SARG04Options):
    """B92."""

    km: Annotated[float, typer.Option("--km", help="Length of the fibre; loss soon ends a key.")] = 10.0
    angle: Annotated[float, typer.Option(help="Between the two states on the Bloch sphere, in radians.")] = pi / 2

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return B92(angle=self.angle, test_fraction=self.test_fraction, **self.sent())


@dataclass(frozen=True, kw_only=True)
class RelayOptions(FiberOptions, CommonOptions):
    """MDI: the relay stands in the middle of the fibre."""

    z_probability: Annotated[float, typer.Option(help="With which each end chooses Z, the key basis.")] = 0.8

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return MDI(
            medium_a=self.fiber(self.km / 2),
            detector=self.detector(),
            z_probability=self.z_probability,
            **self.shared(),
        )


@dataclass(frozen=True, kw_only=True)
class PulsedRelayOptions(FiberOptions, CommonOptions):
    """MDI with weak coherent pulses: the relay stands in the middle of the fibre."""

    rounds: Annotated[int, typer.Option(help="Pairs of pulses to send.")] = 1_000_000_000
    sample_fraction: Annotated[float, typer.Option(help="Share of the key bits compared in public.")] = 0.01
    z_probability: _ZChosen = None
    signal_intensity: Annotated[
        float | None,
        typer.Option(help=f"Mean photon number in Z. Default: {_CHOSEN}.", show_default=False),
    ] = None
    intensities: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            help=f"Mean photon numbers in X: strong, weak, vacuum. Default: {_CHOSEN}.", show_default=False
        ),
    ] = None
    intensity_probabilities: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help=f"With which each of these is sent. Default: {_CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        given = {"medium_a": self.fiber(self.km / 2), "detector": self.detector(), **self.shared()}
        names = ("z_probability", "signal_intensity", "intensities", "intensity_probabilities")
        return chosen_settings(DecoyMDI, given, {name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class ConferenceOptions(FiberOptions, CommonOptions):
    """A conference key: the source stands in the middle of a star, ``km`` from each party."""

    km: Annotated[float, typer.Option("--km", help="Length of the fibre to each party.")] = 5.0
    parties: Annotated[int, typer.Option(help="How many share the key.")] = 3
    z_probability: Annotated[float, typer.Option(help="Share of the rounds that make the key.")] = 0.97
    bases: Annotated[
        Bases,
        typer.Option(help="Whether a common key marks the test rounds, or each party chooses by itself."),
    ] = Bases.marked

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        parties = validation.count("--parties", self.parties, at_least=2)
        return Conference(
            media=[self.fiber()] * parties,
            detector=self.detector(),
            z_probability=self.z_probability,
            bases=self.bases.value,
            **self.shared(),
        )


@dataclass(frozen=True, kw_only=True)
class SharingOptions(FiberOptions, CommonOptions):
    """Secret sharing: the source stands in the middle of a star, ``km`` from each of the three."""

    km: Annotated[float, typer.Option("--km", help="Length of the fibre to each of the three.")] = 5.0
    z_probability: Annotated[float, typer.Option(help="With which each measures Z, which tests.")] = 0.1

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return SecretSharing(
            media=[self.fiber()] * 3,
            detector=self.detector(),
            z_probability=self.z_probability,
            **self.shared(),
        )


@dataclass(frozen=True, kw_only=True)
class PairOptions(FiberOptions, CommonOptions):
    """Pairs from the middle of a fibre, or over a route of a network file."""

    rounds: Annotated[int, typer.Option(help="Pairs that arrive.")] = 1_000_000
    fidelity: Annotated[float, typer.Option(help="Of a pair as it is made (a Werner state).")] = 1.0
    network: Annotated[
        Path | None,
        typer.Option(help="A network file (TOML) instead of one fibre, with --from and --to.", show_default=False),
    ] = None
    source: Annotated[str | None, typer.Option("--from", help="The node at the left end.", show_default=False)] = (
        None
    )
    target: Annotated[str | None, typer.Option("--to", help="The node at the right end.", show_default=False)] = (
        None
    )
    purify_rounds: Annotated[
        int, typer.Option(help="Of a network's hops: rounds of purification for each, before any swap.")
    ] = 0
    purification: Annotated[
        str, typer.Option(help=f"What purifies: {', '.join(operation_names('purification'))}.")
    ] = "dejmps"

    def link(self) -> Link:
        """The link.

        Raises:
            ValueError: if a part of a network's route is missing, or given without a network.
        """
        ends = {"--from": self.source, "--to": self.target}
        if self.network is None:
            given = [name for name, value in ends.items() if value is not None]
            if given or self.purify_rounds:
                raise ValueError(f"{', '.join(given) or '--purify-rounds'} needs a --network to find its way in")
            # Without a fibre nothing is waited for, and only a clock tells attempts apart.
            made = MidpointSource(fidelity=self.fidelity, clock_hz=None if self.km else 1e9)
            return ElementaryLink(Node("alice"), Node("bob"), self.fiber(), source=made, detector=self.detector())
        if self.source is None or self.target is None:
            missing = ", ".join(name for name, value in ends.items() if value is None)
            raise ValueError(f"--network {str(self.network)!r} needs {missing} as well")
        defaults = {f.name: f.default for f in fields(PairOptions)}
        unused = [f.name for f in fields(FiberOptions) if getattr(self, f.name) != defaults[f.name]]
        unused += ["fidelity"] * (self.fidelity != defaults["fidelity"])
        if unused:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
            raise ValueError(f"{names}: a network file says that itself, so it cannot be given with --network")
        network = Network.load(self.network)
        how: dict[str, Any] = {"purify_rounds": self.purify_rounds, "protocol": self.purification}
        return network.route(self.source, self.target, **how)


@dataclass(frozen=True, kw_only=True)
class PairBasesOptions(PairOptions):
    """Pairs measured in bases."""

    z_probability: Annotated[float, typer.Option(help="With which each end chooses Z, the key basis.")] = 0.8

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        kind = named_part("protocol", protocol).cls
        return cast(Session, kind(link=self.link(), z_probability=self.z_probability, **self.shared()))


@dataclass(frozen=True, kw_only=True)
class SixStatePairOptions(PairBasesOptions):
    """The six-state protocol over pairs."""

    attacks: Annotated[Attacks, typer.Option(help=_ATTACKS_HELP)] = Attacks.coherent
    tolerated_qber: Annotated[float, typer.Option(help=_TOLERATED_HELP)] = 0.06

    def shared(self) -> dict[str, Any]:
        """What its session is made of."""
        return {**super().shared(), "attacks": self.attacks.value, "tolerated_qber": self.tolerated_qber}


@dataclass(frozen=True, kw_only=True)
class PairTwoBasesOptions(PairBasesOptions):
    """BBM92."""

    key_bases: Annotated[KeyBases, typer.Option(help=_KEY_BASES_HELP)] = KeyBases.z

    def shared(self) -> dict[str, Any]:
        """What its session is made of."""
        return {**super().shared(), "key_bases": self.key_bases.value}


@dataclass(frozen=True, kw_only=True)
class BellTestOptions(PairOptions):
    """E91. Pairs of a fibre are found by measuring them, so that every attempt is a round."""

    rounds: Annotated[int, typer.Option(help="Attempts of the source, or pairs over a route.")] = 1_000_000
    km: Annotated[float, typer.Option("--km", help="Length of the fibre.")] = 0.0
    key_probability: Annotated[
        float | None,
        typer.Option(
            help="With which Bob chooses his direction of the key. Default: 1/3, or 0.95 if attacks are coherent.",
            show_default=False,
        ),
    ] = None

    attacks: Annotated[
        DeviceAttacks,
        typer.Option(
            help="What devices may do: the same in every round, or anything; against that the length is settled "
            "beforehand and some 10⁷ rounds are needed."
        ),
    ] = DeviceAttacks.collective
    least_chsh: Annotated[float, typer.Option(help="CHSH value at worst, where attacks are coherent.")] = 2.6
    tolerated_qber: Annotated[float, typer.Option(help="Error rate at worst, where attacks are coherent.")] = 0.03

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        usual = 0.95 if self.attacks == DeviceAttacks.coherent else 1 / 3
        chosen = usual if self.key_probability is None else self.key_probability
        return E91(
            link=self.link(),
            key_probability=chosen,
            attacks=self.attacks.value,
            least_chsh=self.least_chsh,
            tolerated_qber=self.tolerated_qber,
            **self.shared(),
        )


PROTOCOLS: Mapping[str, tuple[type[CommonOptions], str]] = {
    "bb84": (TwoBasesOptions, "BB84 with single photons over a fibre."),
    "six-state": (BasesOptions, "The six-state protocol with single photons over a fibre."),
    "b92": (B92Options, "B92 with single photons over a fibre."),
    "sarg04": (SARG04Options, "SARG04 with single photons over a fibre."),
    "decoy-bb84": (DecoyOptions, "BB84 with weak coherent pulses of three intensities."),
    "one-decoy-bb84": (OneDecoyOptions, "BB84 with weak coherent pulses of two intensities."),
    "weak-pulse-bb84": (
        WeakPulseOptions,
        "BB84 with weak coherent pulses and no decoys: splitting photons breaks it.",
    ),
    "bbm92": (
        PairTwoBasesOptions,
        "BBM92 over entangled pairs: a fibre with its source in the middle, or a route.",
    ),
    "six-state-pairs": (SixStatePairOptions, "The six-state protocol over entangled pairs."),
    "e91": (BellTestOptions, "E91 over entangled pairs: a key whose secrecy follows from a Bell test."),
    "mdi": (RelayOptions, "BB84 through an untrusted relay in the middle of a fibre."),
    "decoy-mdi": (
        PulsedRelayOptions,
        "BB84 with weak coherent pulses through an untrusted relay in the middle of a fibre.",
    ),
    "conference": (ConferenceOptions, "One key for several parties, by GHZ states."),
    "secret-sharing": (SharingOptions, "A dealer's key that two players know together only, by GHZ states."),
}
"""The protocols by name: their options, and what they are."""
