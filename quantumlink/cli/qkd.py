"""``quantumlink qkd PROTOCOL``: distribute a key and report on it; ``rates``, ``monitor`` and ``timetags`` besides.

Exit codes: 0 for a secret key, 3 for none (an outcome, reported like any other), 4 for an alarm of the monitor, 1
for a mistake in what was asked for, 2 for wrong usage, 130 if interrupted.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from quantumlink import validation
from quantumlink.cli.command_of_options import command_of
from quantumlink.cli.foretelling import tell_duration
from quantumlink.cli.interruption import INTERRUPTED
from quantumlink.cli.messages import tell_as_json
from quantumlink.cli.own_protocols import options_of, own_protocols
from quantumlink.cli.qkd_monitor import WATCH_HELP, MonitorOptions, watch
from quantumlink.cli.qkd_options import CommonOptions, chosen_names
from quantumlink.cli.qkd_protocols import PROTOCOLS
from quantumlink.cli.qkd_remedy import rounds_to_expect_a_key
from quantumlink.cli.qkd_report import report_of, text_of
from quantumlink.cli.qkd_timetags import timetags
from quantumlink.cli.result import Column, Result, Table, Written
from quantumlink.cli.shell import Shell
from quantumlink.cli.written_files import PICTURES, new_secret_file, writable, write_secret
from quantumlink.progress import in_words, last_step
from quantumlink.qkd import Key
from quantumlink.qkd.protocols import Session

NO_SECRET_KEY = 3
"""Exit code of a run that ended without a key."""

_HELP = (
    "Distribute a key: from the protocol's circuits to secret bits, or to the reason why there are none. "
    "Exit code 0 for a key, 3 for none, 4 for an alarm of the monitor, 1 for a mistake, 2 for wrong usage."
)


class Protocols(TyperGroup):
    """Commands by protocol; an unknown one is answered with what there is, and what was perhaps meant."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Ours, and those that were registered."""
        return [*super().list_commands(ctx), *own_protocols()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A protocol's command."""
        own = own_protocols()
        if cmd_name not in own:
            return super().get_command(ctx, cmd_name)
        made = Shell(add_completion=False)
        part = own[cmd_name]
        try:
            kind = options_of(part)
        except ValueError as error:
            ctx.fail(str(error))
        made.command(name=cmd_name, examples=[f"qkd {cmd_name}"])(
            command_of(kind, partial(_distribute, cmd_name), part.summary)
        )
        return typer.main.get_command(made)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a protocol's command."""
        known = self.list_commands(ctx)
        if args[0] not in known and not ctx.resilient_parsing:
            try:
                validation.choice("PROTOCOL", args[0], known)
            except ValueError as error:
                ctx.fail(str(error))
        return super().resolve_command(ctx, args)


app = Shell(cls=Protocols, help=_HELP, no_args_is_help=True, subcommand_metavar="PROTOCOL [OPTIONS]")


def _distribute(protocol: str, options: CommonOptions) -> Result:
    picture = None if options.output is None else writable("--output", options.output, PICTURES)
    secret = None if options.key_file is None else new_secret_file("--key-file", options.key_file)
    session = options.session(protocol)
    console = Console(stderr=True)
    tell_duration(session)
    started = monotonic()
    try:
        with console.status(f"distilling a key from {session.rounds} rounds"):
            key = session.run()
            report = report_of(session, key, chosen=chosen_names(options, session))
    except KeyboardInterrupt:
        step = f" ({last})" if (last := last_step()) else ""
        told = f"interrupted after {in_words(monotonic() - started)}{step}: a part of a session gives no key"
        console.print(told)
        tell_as_json(told, INTERRUPTED)
        raise typer.Exit(INTERRUPTED) from None
    if picture is not None:
        _draw(session, key, picture)
    if secret is not None and key:
        write_secret(secret, f"# {key.origin}\n" + "".join(map(str, key.secret_bits.tolist())) + "\n")
    needed = None if key or getattr(session, "eavesdropper", None) else rounds_to_expect_a_key(session)
    notes: tuple[str, ...] = ()
    if needed is not None:
        report["key_expected_from_rounds"] = needed
        chance = "; this one was unlucky" if needed <= session.rounds else ""
        notes = (f"with these settings a key is to be expected from about {needed:.1g} --rounds on{chance}",)
    files = (("picture", picture), ("secret bits", secret if key else None))
    return Result(
        text=lambda width: text_of(report, width),
        data=report,
        notes=notes,
        written=tuple(Written(label, path) for label, path in files if path is not None),
        exit_code=0 if key else NO_SECRET_KEY,
    )


def _draw(session: Session, key: Key, path: Path) -> None:
    from quantumlink.visualization.qkd import draw_key

    draw_key(key, session=session).savefig(path, dpi=110)


for _name, (_kind, _summary) in PROTOCOLS.items():
    app.command(name=_name, examples=[f"qkd {_name} --seed 7", f"qkd {_name} --output key.png --json key.json"])(
        command_of(_kind, partial(_distribute, _name), _summary)
    )
app.command(name="monitor", examples=["qkd monitor --km 20 --attack intercept-resend:0.2"])(
    command_of(MonitorOptions, watch, WATCH_HELP)
)
app.command(name="timetags", examples=["qkd timetags alice.csv bob.csv --json report.json"])(timetags)


# --- rates


@app.command(name="rates", examples=["qkd rates --max-km 300", "qkd rates --csv rates.csv --output rates.png"])
def rates(
    max_km: Annotated[float, typer.Option(help="Longest fibre.")] = 400.0,
    attenuation_db_per_km: Annotated[float, typer.Option(help="Loss of the fibre.")] = 0.2,
    detector_efficiency: Annotated[float, typer.Option(help="Of the receivers.")] = 0.8,
    dark_count_rate_hz: Annotated[float, typer.Option(help="Of a whole receiver.")] = 100.0,
    misalignment: Annotated[float, typer.Option(help="Probability of the wrong detector.")] = 0.01,
    window_s: Annotated[float, typer.Option(help="In which a photon is expected.")] = 1e-9,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the picture (.png, .pdf, .svg).", show_default=False)
    ] = None,
) -> Result:
    """Asymptotic secret bits per pulse against distance, all protocols, beside PLOB."""
    from quantumlink.hardware import Detector

    picture = None if output is None else writable("--output", output, PICTURES)
    validation.positive("--max-km", max_km)
    detector = Detector(
        validation.probability("--detector-efficiency", detector_efficiency),
        dark_count_rate_hz=dark_count_rate_hz,
        misalignment=misalignment,
        window_s=window_s,
    )
    distances = [max_km * i / 8 for i in range(1, 9)]
    table = _rate_table(distances, attenuation_db_per_km, detector)
    found: dict[str, Any] = {"report": "quantumlink qkd rates", "km": distances, "secret_bits_per_pulse": table}
    found |= {"attenuation_db_per_km": attenuation_db_per_km, "detector": repr(detector)}
    if picture is not None:
        from quantumlink.visualization import draw_key_rates

        figure = draw_key_rates(max_km, detector=detector, attenuation_db_per_km=attenuation_db_per_km)
        figure.savefig(picture, dpi=110)
    columns = (
        Column("protocol", left=True),
        *(Column(f"{km:g} km", f"{km:g}", form=_rate_text) for km in distances),
    )
    rows = tuple((name, *rates) for name, rates in table.items())
    title = "secret bits per pulse, for infinitely many pulses"
    halves = tuple(
        Table(title, (columns[0], *columns[i : i + 4]), tuple((row[0], *row[i : i + 4]) for row in rows))
        for i in (1, 5)
    )
    written = () if picture is None else (Written("picture", picture),)
    return Result(tables=(Table(title, columns, rows),), shown=halves, data=found, written=written)


def _rate_text(rate: float) -> str:
    return f"{rate:.2e}" if rate else "–"


def _rate_table(distances: list[float], attenuation_db_per_km: float, detector: Any) -> dict[str, list[float]]:
    from quantumlink.hardware import Fiber
    from quantumlink.rates import plob_rate
    from quantumlink.security.channel_rates import CHANNEL_RATES

    eta = [Fiber(km, attenuation_db_per_km).transmittance for km in distances]
    return {
        **{name: rate(eta, detector).tolist() for name, rate in CHANNEL_RATES.items()},
        "PLOB": plob_rate(eta).tolist(),
    }
