"""Protocols of ``quantumlink qkd`` in which one end sends and the other measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from quantumlink import validation
from quantumlink.cli.qkd_options import (
    ATTACKS_HELP,
    CHOSEN,
    KEY_BASES_HELP,
    ROUNDS_HELP,
    TOLERATED_HELP,
    Attacks,
    KeyBases,
    SenderOptions,
    ZChosen,
    chosen_settings,
    rounds_for,
)
from quantumlink.parts import named_part
from quantumlink.qkd.protocols import B92, BB84, SARG04, DecoyBB84, OneDecoyBB84, Session, WeakPulseBB84
from quantumlink.qkd.protocols.pulsed_bb84 import MAX_INTENSITY


@dataclass(frozen=True, kw_only=True)
class BasesOptions(SenderOptions):
    """The six-state protocol with single photons."""

    rounds: Annotated[int | None, typer.Option(help=f"Qubits to send. {ROUNDS_HELP}", show_default=False)] = None
    z_probability: ZChosen = None
    attacks: Annotated[Attacks, typer.Option(help=ATTACKS_HELP)] = Attacks.coherent
    tolerated_qber: Annotated[float, typer.Option(help=TOLERATED_HELP)] = 0.02

    def six_state(self) -> dict[str, Any]:
        """What its session is made of, besides."""
        return {"attacks": self.attacks.value, "tolerated_qber": self.tolerated_qber}

    def shared(self) -> dict[str, Any]:
        """What every session takes."""
        return {**super().shared(), "rounds": rounds_for(self.rounds, settled=self.attacks == Attacks.accumulated)}

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        kind = named_part("protocol", protocol).cls
        return chosen_settings(kind, {**self.six_state(), **self.sent()}, {"z_probability": self.z_probability})


@dataclass(frozen=True, kw_only=True)
class TwoBasesOptions(SenderOptions):
    """BB84 with single photons."""

    z_probability: ZChosen = None
    key_bases: Annotated[KeyBases, typer.Option(help=KEY_BASES_HELP)] = KeyBases.z

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        given = {**self.sent(), "key_bases": self.key_bases.value}
        return chosen_settings(BB84, given, {"z_probability": self.z_probability})


@dataclass(frozen=True, kw_only=True)
class DecoyOptions(SenderOptions):
    """Decoy-state BB84."""

    rounds: Annotated[int, typer.Option(help="Pulses to send.")] = 100_000_000
    z_probability: ZChosen = None
    intensities: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help=f"Mean photon numbers: signal, decoy, vacuum. Default: {CHOSEN}.", show_default=False),
    ] = None
    intensity_probabilities: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help=f"With which each intensity is sent. Default: {CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        names = ("z_probability", "intensities", "intensity_probabilities")
        return chosen_settings(DecoyBB84, self.sent(), {name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class OneDecoyOptions(SenderOptions):
    """BB84 with one decoy."""

    rounds: Annotated[int, typer.Option(help="Pulses to send.")] = 100_000_000
    z_probability: ZChosen = None
    intensities: Annotated[
        tuple[float, float] | None,
        typer.Option(help=f"Mean photon numbers: signal, decoy. Default: {CHOSEN}.", show_default=False),
    ] = None
    intensity_probabilities: Annotated[
        tuple[float, float] | None,
        typer.Option(help=f"With which each intensity is sent. Default: {CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        names = ("z_probability", "intensities", "intensity_probabilities")
        return chosen_settings(OneDecoyBB84, self.sent(), {name: getattr(self, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class WeakPulseOptions(SenderOptions):
    """BB84 with weak pulses of one intensity."""

    rounds: Annotated[int, typer.Option(help="Pulses to send.")] = 100_000_000
    z_probability: ZChosen = None
    intensity: Annotated[
        float | None,
        typer.Option(help=f"Mean photon number of a pulse. Default: {CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        means = None
        if self.intensity is not None:
            means = (validation.positive("--intensity", self.intensity, at_most=MAX_INTENSITY),)
        settings = {"z_probability": self.z_probability, "intensities": means}
        return chosen_settings(WeakPulseBB84, self.sent(), settings)


@dataclass(frozen=True, kw_only=True)
class SARG04Options(SenderOptions):
    """SARG04."""

    test_fraction: Annotated[
        float | None,
        typer.Option(help=f"Share of the kept rounds compared in public. Default: {CHOSEN}.", show_default=False),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return chosen_settings(SARG04, self.sent(), {"test_fraction": self.test_fraction})


@dataclass(frozen=True, kw_only=True)
class B92Options(SARG04Options):
    """B92."""

    km: Annotated[float, typer.Option("--km", help="Length of the fibre; loss soon ends a key.")] = 10.0
    angle: Annotated[
        float | None,
        typer.Option(
            help=f"Between the two states on the Bloch sphere, in radians. Default: {CHOSEN}.", show_default=False
        ),
    ] = None

    def session(self, protocol: str) -> Session:
        """The session that the options describe."""
        return chosen_settings(B92, self.sent(), {"angle": self.angle, "test_fraction": self.test_fraction})
