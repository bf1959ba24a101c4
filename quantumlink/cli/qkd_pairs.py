"""Protocols of ``quantumlink qkd`` over entangled pairs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from quantumlink import validation
from quantumlink.circuits import operation_names
from quantumlink.cli.qkd_options import (
    ATTACKS_HELP,
    KEY_BASES_HELP,
    ROUNDS_HELP,
    TOLERATED_HELP,
    Attacks,
    CommonOptions,
    FiberOptions,
    KeyBases,
    ZChosen,
    chosen_settings,
    rounds_for,
)
from quantumlink.hardware import MidpointSource, Node
from quantumlink.link import ElementaryLink, Link
from quantumlink.network import Network
from quantumlink.parts import named_part
from quantumlink.qkd.protocols import E91, Session


class DeviceAttacks(StrEnum):
    """What devices of a Bell test may do."""

    collective = "collective"
    coherent = "coherent"


@dataclass(frozen=True, kw_only=True)
class PairOptions(FiberOptions, CommonOptions):
    """Pairs from the middle of a fibre, or over a route of a network file."""

    rounds: Annotated[int | None, typer.Option(help="Pairs that arrive.")] = 1_000_000
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
        if self.dead_time_s:
            raise ValueError(
                f"--dead-time-s must be 0 over pairs: their detectors are always ready; got {self.dead_time_s:g}"
            )
        validation.count("--purify-rounds", self.purify_rounds)
        ends = {"--from": self.source, "--to": self.target}
        if self.network is None:
            given = [name for name, value in ends.items() if value is not None]
            if given or self.purify_rounds:
                verb = "need" if len(given) > 1 else "needs"
                names = " and ".join(given) or "--purify-rounds"
                raise ValueError(f"{names} {verb} a --network to find a way in")
            # Without a fibre nothing is waited for, and only a clock tells attempts apart.
            made = MidpointSource(fidelity=self.fidelity, clock_hz=None if self.km else 1e9)
            fiber, detector = self.fiber(), self.detector()
            if not made.herald(fiber, detector=detector).success_probability:
                raise ValueError(
                    f"--km must be less, --attenuation-db-per-km less or --detector-efficiency more: no pair ever "
                    f"arrives over {self.km:g} km with {self.attenuation_db_per_km:g} dB/km and an efficiency of "
                    f"{self.detector_efficiency:g}"
                )
            return ElementaryLink(Node("alice"), Node("bob"), fiber, source=made, detector=detector)
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

    z_probability: ZChosen = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        kind = named_part("protocol", protocol).cls
        return chosen_settings(kind, {"link": self.link(), **self.shared()}, {"z_probability": self.z_probability})


@dataclass(frozen=True, kw_only=True)
class SixStatePairOptions(PairBasesOptions):
    """The six-state protocol over pairs."""

    rounds: Annotated[int | None, typer.Option(help=f"Pairs that arrive. {ROUNDS_HELP}", show_default=False)] = None
    attacks: Annotated[Attacks, typer.Option(help=ATTACKS_HELP)] = Attacks.coherent
    tolerated_qber: Annotated[float, typer.Option(help=TOLERATED_HELP)] = 0.02

    def shared(self) -> dict[str, Any]:
        """What its session is made of."""
        return {
            **super().shared(),
            "rounds": rounds_for(self.rounds, settled=self.attacks == Attacks.accumulated),
            "attacks": self.attacks.value,
            "tolerated_qber": self.tolerated_qber,
        }


@dataclass(frozen=True, kw_only=True)
class PairTwoBasesOptions(PairBasesOptions):
    """BBM92."""

    key_bases: Annotated[KeyBases, typer.Option(help=KEY_BASES_HELP)] = KeyBases.z

    def shared(self) -> dict[str, Any]:
        """What its session is made of."""
        return {**super().shared(), "key_bases": self.key_bases.value}


@dataclass(frozen=True, kw_only=True)
class BellTestOptions(PairOptions):
    """E91. Pairs of a fibre are found by measuring them, so that every attempt is a round."""

    rounds: Annotated[
        int | None,
        typer.Option(help=f"Attempts of the source, or pairs over a route. {ROUNDS_HELP}", show_default=False),
    ] = None
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
    least_chsh: Annotated[float, typer.Option(help="CHSH value at worst, where attacks are coherent.")] = 2.75
    tolerated_qber: Annotated[float, typer.Option(help="Error rate at worst, where attacks are coherent.")] = 0.015

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        settled = self.attacks == DeviceAttacks.coherent
        return E91(
            link=self.link(),
            key_probability=self.key_probability,  # type: ignore[arg-type]
            attacks=self.attacks.value,
            least_chsh=self.least_chsh,
            tolerated_qber=self.tolerated_qber,
            **{**self.shared(), "rounds": rounds_for(self.rounds, settled=settled)},
        )
