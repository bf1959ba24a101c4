"""``quantumlink qkd monitor``: a drill. Eve begins to listen to a BB84 link; how soon does the monitor notice?"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any

import numpy as np
import typer

from quantumlink import validation
from quantumlink.arrays import BoolArray
from quantumlink.cli.foretelling import tell_duration
from quantumlink.cli.qkd_options import FiberOptions, attack_of
from quantumlink.cli.result import Result, Written
from quantumlink.cli.written_files import PICTURES, writable
from quantumlink.estimation import binomial_estimate
from quantumlink.monitoring import Monitor
from quantumlink.monitoring.charts import WalkTooLong
from quantumlink.qkd.eavesdropping import Eavesdropper
from quantumlink.qkd.protocols import BB84
from quantumlink.qkd.protocols.drawable import check_rounds

ALARM = 4
"""Exit code of a drill that ended with an alarm."""

LEAST_BASELINE = 1e-3
"""A learned baseline is not taken to be lower: no link stays without errors for ever."""

WATCH_HELP = (
    "A drill: Eve begins to listen to a BB84 link; how soon does the monitor notice? Exit code 4 for an alarm."
)


@dataclass(frozen=True, kw_only=True)
class MonitorOptions(FiberOptions):
    """The drill. No key is made, so all sifted rounds are compared."""

    attack: Annotated[str, typer.Option(help="Who listens, as for a protocol.")] = "intercept-resend:0.2"
    rounds: Annotated[int, typer.Option(help="Rounds to attempt.")] = 100_000
    quiet_share: Annotated[float, typer.Option(help="Share of the rounds before she begins.")] = 0.5
    baseline: Annotated[
        float | None,
        typer.Option(
            help="Error rate of the undisturbed link; learned from ten times as many quiet rounds if not given.",
            show_default=False,
        ),
    ] = None
    suspect: Annotated[float, typer.Option(help="Rise of the error rate that is to be found soon.")] = 0.03
    rounds_between_false_alarms: Annotated[
        float, typer.Option(help="Mean number of compared rounds until a false alarm.")
    ] = 1e7
    seed: Annotated[
        int | None, typer.Option(help="Repeats a drill; drawn and reported if not given.", show_default=False)
    ] = None
    output: Annotated[
        Path | None, typer.Option(help="Where to write the picture (.png, .pdf, .svg).", show_default=False)
    ] = None


def watch(options: MonitorOptions) -> Result:
    """Play the link, watch it, and tell what the monitor saw."""
    picture = None if options.output is None else writable("--output", options.output, PICTURES)
    found, monitor = _drill(options)
    if picture is not None:
        from quantumlink.visualization.qkd import draw_error_rate

        draw_error_rate(monitor, attack_from=found["attack_from_round"]).savefig(picture, dpi=110)
    return Result(
        text=lambda width: _told(found, monitor, width),
        data=found,
        written=() if picture is None else (Written("picture", picture),),
        exit_code=ALARM if monitor.alarms else 0,
    )


def _drill(options: MonitorOptions) -> tuple[dict[str, Any], Monitor]:
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    validation.seed("seed", seed)
    share = validation.probability("--quiet-share", options.quiet_share)
    rounds = validation.count("--rounds", options.rounds, at_least=1)
    check_rounds(rounds)
    eve, quiet = attack_of(options.attack), round(share * rounds)
    learning = 0 if options.baseline is not None else 10 * rounds
    tell_duration(_session(options, max(learning, rounds), seed), sifted_only=True)
    before = _errors(options, quiet, seed) if quiet else np.zeros(0, dtype=np.bool_)
    during = _errors(options, rounds - quiet, seed + 1, eve) if quiet < rounds else np.zeros(0, dtype=np.bool_)
    if not len(before) + len(during):
        raise ValueError(
            f"--rounds must be more, or --km or --attenuation-db-per-km less: none of {rounds} was sifted"
        )
    baseline = _learned(options, learning, seed + 2) if options.baseline is None else options.baseline
    if options.baseline is None and baseline >= 0.5:
        raise ValueError(
            f"--km, --dark-count-rate-hz, --dead-time-s, --misalignment or --depolarization-per-km must be less: "
            f"the link errs in up to {baseline:.3g} of its rounds with nobody listening, which hides whoever does"
        )
    suspect = validation.positive("--suspect", options.suspect)
    try:
        monitor = Monitor(
            baseline,
            attack=min(0.5, baseline + suspect),
            rounds_between_false_alarms=options.rounds_between_false_alarms,
        )
    except WalkTooLong as error:
        raise ValueError(
            f"--suspect must be more than {suspect:g}, or --rounds-between-false-alarms fewer than "
            f"{options.rounds_between_false_alarms:g}: {error}"
        ) from error
    monitor.update(np.concatenate([before, during]))
    (chart,) = monitor.charts.values()
    alarms = [
        {
            "round": alarm.round,
            "false": alarm.round < len(before),
            "rise_from_round": alarm.change.round,
            "error_rate": dict(zip(("low", "best", "high"), alarm.change.error_rate, strict=True)),
            "manner": alarm.change.manner,
            "in_words": str(alarm),
        }
        for alarm in monitor.alarms
    ]
    return {
        "report": "quantumlink qkd monitor",
        "seed": seed,
        "attack": repr(eve),
        "compared_rounds": len(before) + len(during),
        "watched_rounds": monitor.rounds(),
        "attack_from_round": len(before),
        "baseline": baseline,
        "alarmed_at_rates_near": chart.score.attack,
        "rounds_between_false_alarms": chart.average_run_length(chart.score.baseline),
        "alarms": alarms,
    }, monitor


def _session(options: MonitorOptions, rounds: int, seed: int, eve: Eavesdropper | None = None) -> BB84:
    return BB84(
        medium=options.fiber(),
        detector=options.detector(),
        rounds=rounds,
        seed=seed,
        z_probability=0.5,
        eavesdropper=eve,
    )


def _errors(options: MonitorOptions, rounds: int, seed: int, eve: Eavesdropper | None = None) -> BoolArray:
    """The sifted rounds of both bases in random order: true where the ends differ."""
    session = _session(options, rounds, seed, eve)
    sifted = session.sift()
    errors = np.concatenate([sifted.key_alice != sifted.key_bob, sifted.test_alice != sifted.test_bob])
    return np.random.default_rng([seed, 4]).permutation(errors)


def _learned(options: MonitorOptions, rounds: int, seed: int) -> float:
    """The upper end of the interval of a quiet run: a baseline taken too low would cry wolf."""
    errors = _errors(options, rounds, seed)
    return max(LEAST_BASELINE, binomial_estimate(int(errors.sum()), len(errors)).high)


def _told(found: dict[str, Any], monitor: Monitor, width: int) -> str:
    rows = [
        ("seed", str(found["seed"])),
        ("attack", f"{found['attack']} from compared round {found['attack_from_round']} on"),
        ("compared rounds", f"{found['watched_rounds']} watched of {found['compared_rounds']}"),
        ("baseline", f"{found['baseline']:.5f}"),
        ("mean rounds to a false alarm", f"{found['rounds_between_false_alarms']:.4g}"),
    ]
    for said, alarm in zip(found["alarms"], monitor.alarms, strict=True):
        rows.append(("alarm", str(alarm)))
        delay = said["round"] - found["attack_from_round"]
        rows.append(("", "before anybody listened: false" if said["false"] else f"{delay} rounds after she began"))
    if not found["alarms"]:
        rows.append(("alarm", "none"))
    title = "Drill of a monitor on a BB84 link: " + ("ALARM" if found["alarms"] else "NO ALARM")
    lines = [title]
    for label, text in rows:
        first, *rest = wrap(text, width - 32) or [""]
        lines += [f"  {label:<28}  {first}", *(f"{'':<32}{line}" for line in rest)]
    return "\n".join(lines)
