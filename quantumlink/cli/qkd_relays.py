"""Protocols of ``quantumlink qkd`` with something in the middle: a relay between two, or a source of many."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from quantumlink import validation
from quantumlink.cli.qkd_options import CHOSEN, CommonOptions, FiberOptions, ZChosen, chosen_settings
from quantumlink.qkd.protocols import MDI, Conference, DecoyMDI, SecretSharing, Session, TwinField
from quantumlink.qkd.protocols.conference_rounds import MAX_PARTIES

_RelayIntensities = Annotated[
    tuple[float, float, float] | None,
    typer.Option(help=f"Mean photon numbers in X: strong, weak, vacuum. Default: {CHOSEN}.", show_default=False),
]
_RelayShares = Annotated[
    tuple[float, float, float] | None,
    typer.Option(help=f"With which each of these is sent. Default: {CHOSEN}.", show_default=False),
]


class Bases(StrEnum):
    """How the parties of a conference come to measure in one basis."""

    marked = "marked"
    independent = "independent"


@dataclass(frozen=True, kw_only=True)
class RelayOptions(FiberOptions, CommonOptions):
    """MDI: the relay stands in the middle of the fibre."""

    z_probability: ZChosen = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        given = {"medium_a": self.fiber(1 / 2), "detector": self.detector(), **self.shared()}
        return chosen_settings(MDI, given, {"z_probability": self.z_probability})


@dataclass(frozen=True, kw_only=True)
class PulsedRelayOptions(FiberOptions, CommonOptions):
    """MDI with weak coherent pulses: the relay stands in the middle of the fibre."""

    rounds: Annotated[int, typer.Option(help="Pairs of pulses to send.")] = 1_000_000_000
    sample_fraction: Annotated[float, typer.Option(help="Share of the key bits compared in public.")] = 0.01
    z_probability: ZChosen = None
    signal_intensity: Annotated[
        float | None,
        typer.Option(help=f"Mean photon number in Z. Default: {CHOSEN}.", show_default=False),
    ] = None
    intensities: _RelayIntensities = None
    intensity_probabilities: _RelayShares = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        given = {"medium_a": self.fiber(1 / 2), "detector": self.detector(), **self.shared()}
        names = ("z_probability", "signal_intensity", "intensities", "intensity_probabilities")
        return chosen_settings(DecoyMDI, given, {name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class TwinFieldOptions(FiberOptions, CommonOptions):
    """Sending-or-not-sending twin fields: the relay stands in the middle of the fibre."""

    rounds: Annotated[int, typer.Option(help="Time windows in which each end sends or not.")] = 1_000_000_000
    km: Annotated[float, typer.Option("--km", help="Length of the fibre.")] = 100.0
    sample_fraction: Annotated[float, typer.Option(help="Share of the key bits compared in public.")] = 0.01
    z_probability: ZChosen = None
    signal_intensity: Annotated[
        float | None,
        typer.Option(help=f"Mean photon number in Z. Default: {CHOSEN}.", show_default=False),
    ] = None
    sending_probability: Annotated[
        float | None,
        typer.Option(help=f"With which each end sends in Z. Default: {CHOSEN}.", show_default=False),
    ] = None
    intensities: _RelayIntensities = None
    intensity_probabilities: _RelayShares = None
    phase_window: Annotated[
        int, typer.Option(help="By how many of 64 phases those of two weak pulses may differ.")
    ] = 3

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        given = {
            "medium_a": self.fiber(1 / 2),
            "detector": self.detector(),
            "phase_window": self.phase_window,
            **self.shared(),
        }
        names = (
            "z_probability",
            "signal_intensity",
            "sending_probability",
            "intensities",
            "intensity_probabilities",
        )
        return chosen_settings(TwinField, given, {name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class ConferenceOptions(FiberOptions, CommonOptions):
    """A conference key: the source stands in the middle of a star, ``km`` from each party."""

    km: Annotated[float, typer.Option("--km", help="Length of the fibre to each party.")] = 5.0
    parties: Annotated[int, typer.Option(help="How many share the key.")] = 3
    z_probability: Annotated[
        float | None,
        typer.Option(help=f"Share of the rounds that make the key. Default: {CHOSEN}.", show_default=False),
    ] = None
    bases: Annotated[
        Bases,
        typer.Option(help="Whether a common key marks the test rounds, or each party chooses by itself."),
    ] = Bases.marked

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        parties = validation.count("--parties", self.parties, at_least=2, at_most=MAX_PARTIES)
        given = {"media": [self.fiber()] * parties, "bases": self.bases.value, "detector": self.detector()}
        return chosen_settings(Conference, {**given, **self.shared()}, {"z_probability": self.z_probability})


@dataclass(frozen=True, kw_only=True)
class SharingOptions(FiberOptions, CommonOptions):
    """Secret sharing: the source stands in the middle of a star, ``km`` from each of the three."""

    km: Annotated[float, typer.Option("--km", help="Length of the fibre to each of the three.")] = 5.0
    z_probability: Annotated[
        float | None,
        typer.Option(help=f"With which each measures Z, which tests. Default: {CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        given = {"media": [self.fiber()] * 3, "detector": self.detector(), **self.shared()}
        return chosen_settings(SecretSharing, given, {"z_probability": self.z_probability})
