"""Options that the protocols of ``quantumlink qkd`` have in common, as dataclasses.

Each field is an option of the command line with its help; ``session`` turns them into a `Session`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from quantumlink import validation
from quantumlink.cli.foretelling import tell_part
from quantumlink.cli.settings_text import read_number, read_settings
from quantumlink.hardware import Detector, Fiber, Memory
from quantumlink.parts import named_part, parts_of
from quantumlink.qkd.eavesdropping import Eavesdropper
from quantumlink.qkd.protocols import Session

_ATTACK_HELP = (
    "Who listens: NAME, NAME:FRACTION, or NAME:FRACTION,setting=value with the share of rounds attacked, "
    f"such as intercept-resend:0.2,basis=breidbart. Names: {', '.join(parts_of('eavesdropper'))}."
)


Method = StrEnum("Method", {name: name for name in parts_of("reconciliation")})  # type: ignore[misc]
"""How errors are corrected, by the names of the registry."""

_USUAL_METHOD = Method("cascade")


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
    kind = named_part("eavesdropper", validation.choice("--attack", name, parts_of("eavesdropper"))).cls
    share, *settings = rest.split(",") if rest else ["1"]
    known = _attack_settings(kind)
    given: dict[str, Any] = {
        "fraction": read_number("the fraction of --attack", share),
        **read_settings(f"--attack {name}", known, settings),
    }
    if "t1_s" in known:
        given["memory"] = Memory(**{key: given.pop(key) for key in ("t1_s", "t2_s") if key in given})
    try:
        return cast(Eavesdropper, kind(**given))
    except ValueError as error:
        raise ValueError(f"--attack {text}: {error}") from error


def _attack_settings(kind: type[Any]) -> dict[str, Any]:
    """The fields of a policy that a text can set, and their defaults; of its memory the lifetimes."""
    found = {f.name: f.default for f in fields(kind) if f.name != "fraction" and f.init}
    plain = {name: value for name, value in found.items() if value is None or isinstance(value, (str, float, int))}
    required = {name: value for name, value in found.items() if value is MISSING}
    memory = {"t1_s": inf, "t2_s": inf} if "memory" in found else {}
    return {
        name: value for name, value in {**plain, **required, **memory}.items() if name not in ("attack", "memory")
    }


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """What all protocols have."""

    rounds: Annotated[int | None, typer.Option(help="Rounds to attempt.")] = 1_000_000
    seed: Annotated[
        int | None,
        typer.Option(
            help="Repeats a run, and tells its key to whoever has it: no report holds it.", show_default=False
        ),
    ] = None
    sample_fraction: Annotated[float, typer.Option(help="Share of the key bits compared in public.")] = 0.05
    reconciliation: Annotated[Method, typer.Option(help="How errors are corrected.")] = _USUAL_METHOD
    eps_sec: Annotated[float, typer.Option(help="Secrecy of the key.")] = 1e-10
    eps_cor: Annotated[float, typer.Option(help="Correctness of the key.")] = 1e-10
    output: Annotated[
        Path | None, typer.Option(help="Where to write the picture (.png, .pdf, .svg).", show_default=False)
    ] = None
    key_file: Annotated[
        Path | None,
        typer.Option(help="Where to write the secret bits: a new file, its owner's alone.", show_default=False),
    ] = None

    def shared(self) -> dict[str, Any]:
        """What every session takes."""
        names = ("rounds", "sample_fraction", "eps_sec", "eps_cor")
        return {
            **{name: getattr(self, name) for name in names},
            "seed": self.seed,
            "reconciliation": named_part("reconciliation", self.reconciliation.value).cls(),
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

    def fiber(self, share: float = 1.0) -> Fiber:
        """The fibre, or a share of its length."""
        return Fiber(
            share * validation.number("--km", self.km, at_least=0.0),
            self.attenuation_db_per_km,
            depolarization_per_km=self.depolarization_per_km,
        )

    def detector(self) -> Detector:
        """The receiver."""
        return Detector(
            validation.probability("--detector-efficiency", self.detector_efficiency),
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

    def sent(self) -> dict[str, Any]:
        """What a session of prepare and measure takes."""
        return {
            **self.shared(),
            "medium": self.fiber(),
            "detector": self.detector(),
            "eavesdropper": None if self.attack is None else attack_of(self.attack),
            "repetition_rate_hz": self.repetition_rate_hz,
        }


class KeyBases(StrEnum):
    """Which bases make the key."""

    z = "Z"
    both = "both"


class Attacks(StrEnum):
    """What a six-state key is secure against, and by which proof."""

    coherent = "coherent"
    collective = "collective"
    accumulated = "accumulated"


ATTACKS_HELP = (
    "What the key is secure against: coherent (by two bases), collective (by all three), or accumulated (coherent, "
    "by all three and entropy accumulation, of a length settled beforehand)."
)
TOLERATED_HELP = "Error rate at worst, where the length is settled beforehand."
_USUAL_ROUNDS, _SETTLED_ROUNDS = 1_000_000, 30_000_000
ROUNDS_HELP = (
    f"Default: {_USUAL_ROUNDS:,}, or {_SETTLED_ROUNDS:,} where the length is settled beforehand, which takes many."
)
KEY_BASES_HELP = "Which bases make the key: Z, tested by X, or both, each tested by the other."

CHOSEN = "the best for the link and the block"
"""What the help says of a setting that is chosen if it is not given."""

ZChosen = Annotated[
    float | None,
    typer.Option(help=f"With which each end chooses Z, the key basis. Default: {CHOSEN}.", show_default=False),
]


def chosen_settings(kind: type[Session], given: Mapping[str, Any], settings: Mapping[str, Any]) -> Session:
    """A session in which what was not given is what the longest key is to be expected with.

    Args:
        kind: of session.
        given: all that was given.
        settings: settings that may be chosen, None where they are to be.
    """
    from quantumlink.qkd.optimization import optimize_session
    from quantumlink.qkd.protocols.drawable import check_rounds

    wanted = {name: value for name, value in settings.items() if value is not None}
    session = kind(**given, **wanted)
    if len(wanted) == len(settings):
        return session
    check_rounds(session.rounds)  # what cannot be drawn is refused before the search
    tell_part("choosing settings")
    return optimize_session(session, fixed=[*wanted, "sample_fraction"]).session


def chosen_names(options: CommonOptions, session: Session) -> list[str]:
    """Settings of a session that the options did not give, so that `chosen_settings` chose them."""
    from quantumlink.qkd.optimization import searched_settings

    asked_as = {"intensities": "intensity"} if not hasattr(options, "intensities") else {}
    names = searched_settings(session)
    return [name for name in names if getattr(options, asked_as.get(name, name), ...) is None]


def rounds_for(given: int | None, *, settled: bool) -> int:
    """Rounds to attempt: those given, or enough for a key whose length is settled beforehand or not."""
    if given is not None:
        return given
    return _SETTLED_ROUNDS if settled else _USUAL_ROUNDS
