"""The options of ``quantumlink qkd``: a dataclass for each family of protocols, which makes the session.

Each field is an option of the command line with its help; ``session`` turns them into a `Session`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from math import pi
from pathlib import Path
from typing import Annotated, Any

import typer

from quantumlink import validation
from quantumlink.hardware import Detector, Fiber, Memory, MidpointSource, Node
from quantumlink.link import ElementaryLink, Link
from quantumlink.network import Network
from quantumlink.qkd.eavesdropping import (
    DetectorBlinding,
    Eavesdropper,
    EntanglingProbe,
    InterceptResend,
    MemoryAttack,
    PhaseCovariantCloner,
    PhotonNumberSplitting,
    UniversalCloner,
)
from quantumlink.qkd.protocols import (
    B92,
    BB84,
    BBM92,
    E91,
    MDI,
    SARG04,
    Conference,
    DecoyBB84,
    Session,
    SixState,
    SixStatePairs,
)
from quantumlink.qkd.reconciliation import Cascade, Ldpc, Reconciler

ATTACKS: Mapping[str, type[Eavesdropper]] = {
    "intercept-resend": InterceptResend,
    "entangling-probe": EntanglingProbe,
    "phase-covariant-cloner": PhaseCovariantCloner,
    "universal-cloner": UniversalCloner,
    "photon-number-splitting": PhotonNumberSplitting,
    "detector-blinding": DetectorBlinding,
    "memory": MemoryAttack,
}
"""What ``--attack`` knows."""

_ATTACK_HELP = (
    "Who listens: NAME, NAME:FRACTION, or NAME:FRACTION,setting=value with the share of rounds attacked, "
    f"such as intercept-resend:0.2,basis=breidbart. Names: {', '.join(ATTACKS)}."
)


class Method(StrEnum):
    """How errors are corrected."""

    cascade = "cascade"
    ldpc = "ldpc"

    def reconciler(self) -> Reconciler:
        """The method itself, as it is by default."""
        return Cascade() if self is Method.cascade else Ldpc()


def attack_of(text: str) -> Eavesdropper:
    """The eavesdropper that ``--attack`` describes.

    Args:
        text: ``NAME[:FRACTION][,setting=value…]``; settings are the fields of the policy, those of a memory's
            lifetimes ``t1_s`` and ``t2_s``.

    Raises:
        ValueError: if the name or a setting is unknown, or a value is out of range.

    >>> attack_of("intercept-resend:0.2,basis=Z")
    InterceptResend(fraction=0.2, basis='Z')
    """
    name, _, rest = text.partition(":")
    kind = ATTACKS[validation.choice("--attack", name, ATTACKS)]
    share, *settings = rest.split(",") if rest else ["1"]
    given: dict[str, Any] = {"fraction": _number("the fraction of --attack", share)}
    known = [f.name for f in fields(kind) if f.name not in ("fraction", "attack", "memory")]
    if kind is MemoryAttack:
        known += ["t1_s", "t2_s"]
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key not in known:
            allowed = ", ".join(f"{each}=…" for each in known) or "none"
            raise ValueError(f"the settings of --attack {name} are {allowed}; got {setting!r}")
        given[key] = value if key in ("basis", "plane") else _number(f"{key} of --attack", value)
    if kind is MemoryAttack:
        lifetimes = {key: given.pop(key) for key in ("t1_s", "t2_s") if key in given}
        given["memory"] = Memory(**lifetimes)
    return kind(**given)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, got {text!r}") from None


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """What all protocols have."""

    rounds: Annotated[int, typer.Option(help="Rounds to attempt.")] = 1_000_000
    seed: Annotated[
        int | None, typer.Option(help="Repeats a run; drawn and reported if not given.", show_default=False)
    ] = None
    sample_fraction: Annotated[float, typer.Option(help="Share of the key bits compared in public.")] = 0.05
    reconciliation: Annotated[Method, typer.Option(help="How errors are corrected.")] = Method.cascade
    eps_sec: Annotated[float, typer.Option(help="Secrecy of the key.")] = 1e-10
    eps_cor: Annotated[float, typer.Option(help="Correctness of the key.")] = 1e-10
    json: Annotated[
        Path | None, typer.Option("--json", help="Where to write the report as JSON.", show_default=False)
    ] = None
    output: Annotated[
        Path | None, typer.Option(help="Where to write the picture (.png, .pdf, .svg).", show_default=False)
    ] = None
    key_file: Annotated[
        Path | None,
        typer.Option(help="Where to write the secret bits: a new file, its owner's alone.", show_default=False),
    ] = None

    def _shared(self) -> dict[str, Any]:
        names = ("rounds", "sample_fraction", "eps_sec", "eps_cor")
        return {
            **{name: getattr(self, name) for name in names},
            # Short enough to be typed, and read by any JSON reader.
            "seed": secrets.randbelow(2**31) if self.seed is None else self.seed,
            "reconciliation": self.reconciliation.reconciler(),
        }

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class FiberOptions:
    """A fibre and what stands at its end."""

    km: Annotated[float, typer.Option("--km", help="Length of the fibre.")] = 50.0
    attenuation_db_per_km: Annotated[float, typer.Option(help="Loss of the fibre.")] = 0.2
    depolarization_per_km: Annotated[float, typer.Option(help="What the fibre does to polarization.")] = 0.0
    detector_efficiency: Annotated[float, typer.Option(help="Of the receiver.")] = 1.0
    dark_count_rate_hz: Annotated[float, typer.Option(help="Of the whole receiver.")] = 0.0
    misalignment: Annotated[float, typer.Option(help="Probability of the wrong detector.")] = 0.0
    dead_time_s: Annotated[float, typer.Option(help="Of the receiver, after each count.")] = 0.0
    window_s: Annotated[float, typer.Option(help="In which a photon is expected.")] = 1e-9

    def fiber(self, length_km: float | None = None) -> Fiber:
        """The fibre, or one of another length."""
        return Fiber(
            self.km if length_km is None else length_km,
            self.attenuation_db_per_km,
            depolarization_per_km=self.depolarization_per_km,
        )

    def detector(self) -> Detector:
        """The receiver."""
        return Detector(
            self.detector_efficiency,
            dark_count_rate_hz=self.dark_count_rate_hz,
            misalignment=self.misalignment,
            dead_time_s=self.dead_time_s,
            window_s=self.window_s,
        )


@dataclass(frozen=True, kw_only=True)
class SenderOptions(FiberOptions, CommonOptions):
    """Prepare and measure."""

    attack: Annotated[str | None, typer.Option(help=_ATTACK_HELP, show_default=False)] = None
    repetition_rate_hz: Annotated[float, typer.Option(help="Rounds a second; only dead time asks for it.")] = 1e9

    def _sent(self) -> dict[str, Any]:
        return {
            **self._shared(),
            "medium": self.fiber(),
            "detector": self.detector(),
            "eavesdropper": None if self.attack is None else attack_of(self.attack),
            "repetition_rate_hz": self.repetition_rate_hz,
        }


@dataclass(frozen=True, kw_only=True)
class BasesOptions(SenderOptions):
    """BB84 and the six-state protocol with single photons."""

    z_probability: Annotated[float, typer.Option(help="With which each end chooses Z, the key basis.")] = 0.8

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        kind: type[BB84] | type[SixState] = BB84 if protocol == "bb84" else SixState
        return kind(z_probability=self.z_probability, **self._sent())


@dataclass(frozen=True, kw_only=True)
class DecoyOptions(SenderOptions):
    """Decoy-state BB84."""

    rounds: Annotated[int, typer.Option(help="Pulses to send.")] = 100_000_000
    z_probability: Annotated[float, typer.Option(help="With which each end chooses Z, the key basis.")] = 0.8
    intensities: Annotated[
        tuple[float, float, float], typer.Option(help="Mean photon numbers: signal, decoy, vacuum.")
    ] = (0.5, 0.1, 0.0)
    intensity_probabilities: Annotated[
        tuple[float, float, float], typer.Option(help="With which each intensity is sent.")
    ] = (0.7, 0.2, 0.1)

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return DecoyBB84(
            z_probability=self.z_probability,
            intensities=self.intensities,
            intensity_probabilities=self.intensity_probabilities,
            **self._sent(),
        )


@dataclass(frozen=True, kw_only=True)
class SARG04Options(SenderOptions):
    """SARG04."""

    test_fraction: Annotated[float, typer.Option(help="Share of the kept rounds compared in public.")] = 0.2

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return SARG04(test_fraction=self.test_fraction, **self._sent())


@dataclass(frozen=True, kw_only=True)
class B92Options(SARG04Options):
    """B92."""

    angle: Annotated[float, typer.Option(help="Between the two states on the Bloch sphere, in radians.")] = pi / 2

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return B92(angle=self.angle, test_fraction=self.test_fraction, **self._sent())


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
            **self._shared(),
        )


@dataclass(frozen=True, kw_only=True)
class ConferenceOptions(FiberOptions, CommonOptions):
    """A conference key: the source stands in the middle of a star, ``km`` from each party."""

    km: Annotated[float, typer.Option("--km", help="Length of the fibre to each party.")] = 5.0
    parties: Annotated[int, typer.Option(help="How many share the key.")] = 3
    z_probability: Annotated[float, typer.Option(help="Share of the rounds that make the key.")] = 0.9

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        parties = validation.count("--parties", self.parties, at_least=2)
        return Conference(
            media=[self.fiber()] * parties,
            detector=self.detector(),
            z_probability=self.z_probability,
            **self._shared(),
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
        int, typer.Option(help="Of a network's hops: rounds of DEJMPS for each, before any swap.")
    ] = 0

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
            made = MidpointSource(fidelity=self.fidelity)
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
        return Network.load(self.network).route(self.source, self.target, purify_rounds=self.purify_rounds)


@dataclass(frozen=True, kw_only=True)
class PairBasesOptions(PairOptions):
    """BBM92 and the six-state protocol over pairs."""

    z_probability: Annotated[float, typer.Option(help="With which each end chooses Z, the key basis.")] = 0.8

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        kind = {"bbm92": BBM92, "six-state-pairs": SixStatePairs}[protocol]
        return kind(link=self.link(), z_probability=self.z_probability, **self._shared())


@dataclass(frozen=True, kw_only=True)
class BellTestOptions(PairOptions):
    """E91."""

    key_probability: Annotated[float, typer.Option(help="With which Bob chooses his direction of the key.")] = 1 / 3

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return E91(link=self.link(), key_probability=self.key_probability, **self._shared())


PROTOCOLS: Mapping[str, tuple[type[CommonOptions], str]] = {
    "bb84": (BasesOptions, "BB84 with single photons over a fibre."),
    "six-state": (BasesOptions, "The six-state protocol with single photons over a fibre."),
    "b92": (B92Options, "B92 with single photons over a fibre."),
    "sarg04": (SARG04Options, "SARG04 with single photons over a fibre."),
    "decoy-bb84": (DecoyOptions, "BB84 with weak coherent pulses of three intensities."),
    "bbm92": (PairBasesOptions, "BBM92 over entangled pairs: a fibre with its source in the middle, or a route."),
    "six-state-pairs": (PairBasesOptions, "The six-state protocol over entangled pairs."),
    "e91": (BellTestOptions, "E91 over entangled pairs: a key whose secrecy follows from a Bell test."),
    "mdi": (RelayOptions, "BB84 through an untrusted relay in the middle of a fibre."),
    "conference": (ConferenceOptions, "One key for several parties, by GHZ states."),
}
"""The protocols by name: their options, and what they are."""
