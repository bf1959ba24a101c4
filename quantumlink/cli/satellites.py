"""``quantumlink satellites passes|keys FILE``: when stations see satellites, and what keys these bring.

Exit codes: 0, 1 for a mistake in what was asked for, 2 for wrong usage, 130 if interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, cast

import typer

from quantumlink import validation
from quantumlink.cli.compiled_output import dropped
from quantumlink.cli.foretelling import tell_seconds
from quantumlink.cli.network_options import File, Seed
from quantumlink.cli.pictures import picture_path
from quantumlink.cli.result import NOT_KNOWN, Cell, Column, Result, Table, Written
from quantumlink.cli.shell import Shell
from quantumlink.hardware.astronomy import sun_elevation_deg, utc_of
from quantumlink.network import (
    Demand,
    Network,
    Overpasses,
    SatelliteKeys,
    Served,
    Weather,
    find_overpasses,
    load_demands,
    satellite_keys,
    serve_keys,
)

app = Shell(help="When stations see satellites, and what keys these bring to whom.", no_args_is_help=True)

Start = Annotated[
    str, typer.Option(help="When to begin, an ISO date or time (UTC): 2026-03-20.", show_default=False)
]
Days = Annotated[float, typer.Option(help="For how many days, up to 366.")]
Stations = Annotated[
    list[str] | None,
    typer.Option(
        "--station",
        help="A node with a telescope; may be repeated. All with a position that are no repeaters if not given.",
        show_default=False,
    ),
]  # fmt: skip
MinElevation = Annotated[float, typer.Option(help="From which elevation on a satellite is used, in degrees.")]
Twilight = Annotated[float, typer.Option(help="Elevation of the Sun below which it is night, in degrees.")]

_TRIED_DAYS = 2.0
"""What long searches are foretold by."""

_MOST_TOLD = 40
"""Rows of passes, of pairs of stations and of blocks for a person who named no station."""

_GLOBE = "notebooks/networks/globe.toml --start 2026-03-20"
_TWO = "--station graz --station xinglong"


@app.command(
    examples=[
        f"satellites passes {_GLOBE} {_TWO}",
        f"satellites passes {_GLOBE} --days 3 --min-elevation-deg 10 --csv passes.csv --output passes.png",
    ],
    words={"duration_s": "--days", "stations": "--station"},
)
def passes(
    file: File,
    start: Start,
    days: Days = 1.0,
    station: Stations = None,
    min_elevation_deg: MinElevation = 20.0,
    twilight_deg: Twilight = -12.0,
    output: Annotated[
        Path | None, typer.Option(help="Where to write a chart (.png, .pdf, .svg).", show_default=False)
    ] = None,
    tracks: Annotated[
        Path | None, typer.Option(help="Where to write a map of the tracks.", show_default=False)
    ] = None,
) -> Result:
    """When stations see satellites: every pass, and how long two stations see one together.

    Many passes of stations that are not named are told station by station; --json and --csv hold each.
    """
    pictures = [None if path is None else picture_path(path) for path in (output, tracks)]
    found = _found(file, start, days, station, min_elevation_deg)
    dark = validation.number("twilight_deg", twilight_deg, at_least=-90.0, at_most=0.0)
    written = []
    if pictures[0] is not None:
        from quantumlink.visualization import draw_overpasses

        draw_overpasses(found, twilight_deg=dark).savefig(pictures[0], dpi=110)
        written.append(Written("chart", pictures[0]))
    if pictures[1] is not None:
        from quantumlink.visualization import draw_tracks

        draw_tracks(found).savefig(pictures[1], dpi=110)
        written.append(Written("map", pictures[1]))
    tables = _passes_table(found, dark), _together_table(found)
    brief = station is None and len(found) > _MOST_TOLD
    shown = (_stations_table(found, tables[0]), _seen_together(tables[1])) if brief else None
    return Result(tables=tables, shown=shown, written=tuple(written))


@app.command(
    examples=[
        f"satellites keys {_GLOBE} {_TWO} --from vienna --to beijing",
        f"satellites keys {_GLOBE} --clear 0.6 --seed 7 --choose 3 --aim total --json",
    ],
    words={"duration_s": "--days", "stations": "--station", "demands": "--demands"},
)
def keys(
    file: File,
    start: Start,
    days: Days = 1.0,
    station: Stations = None,
    min_elevation_deg: MinElevation = 20.0,
    source: Annotated[str | None, typer.Option("--from", help="One end of a key.", show_default=False)] = None,
    target: Annotated[str | None, typer.Option("--to", help="The other end.", show_default=False)] = None,
    demands: Annotated[
        Path | None,
        typer.Option(
            help="A traffic file (TOML or CSV). Without, and without --from, every two users that a station's "
            "fibre reaches, or every two stations.",
            show_default=False,
        ),
    ] = None,
    twilight_deg: Twilight = -12.0,
    clear: Annotated[float, typer.Option(help="Probability that the sky over a station is clear.")] = 1.0,
    block: Annotated[str, typer.Option(help="What a block of key holds: pass, or all.")] = "all",
    aim: Annotated[
        str, typer.Option(help="share: the same multiple of what is wanted for all; total: the most bits.")
    ] = "share",
    choose: Annotated[
        int | None, typer.Option(help="How many stations may be used; the best are chosen.", show_default=False)
    ] = None,
    telescopes: Annotated[int, typer.Option(help="Satellites that a station can look at at once.")] = 1,
    eps_sec: Annotated[float, typer.Option(help="Secrecy of each block of key.")] = 1e-9,
    seed: Seed = None,
) -> Result:
    """What keys satellites bring: bits a day between nodes, over fibre to the stations and satellites between them.

    Satellites look at one station at a time, keys are stored and handed on; blocks are finite. Many blocks of
    stations that are not named are told station by station; --json holds each.
    """
    network = Network.load(file)
    wanted = _wanted(network, source, target, demands, station)
    found = _found(file, start, days, station, min_elevation_deg, network)
    weather = None
    validation.seed("--seed", seed)
    if validation.probability("--clear", clear) < 1:
        weather = Weather(clear, seed=_drawn(seed))
    made = satellite_keys(
        found, weather=weather, block=cast(Any, block), twilight_deg=twilight_deg, eps_sec=eps_sec
    )
    with dropped():
        served = serve_keys(
            made, wanted, network=network if network.links else None, aim=cast(Any, aim), choose=choose,
            telescopes=telescopes,
        )  # fmt: skip
    notes = [f"together: {served.total_bits:,} bits, by the programme's own count {served.limit_bits:,.0f}"]
    out = [f"{one.a} – {one.b}" for one in served.out_of_reach]
    notes += [f"out of reach in this time: {', '.join(out)}"] if out else []
    notes += [f"stations: {', '.join(served.stations) or 'none'}"]
    trusted = any(len(pool) == 2 for pool in served.pools)
    notes += ["satellites that hand keys on must be trusted"] if trusted else []
    notes += [] if served.proven else ["the search was not finished: more may be had"]
    tables = _served_table(served), _blocks_table(made, served)
    brief = station is None and len(tables[1].rows) > _MOST_TOLD
    return Result(
        tables=tables,
        shown=(tables[0], _by_station(tables[1])) if brief else None,
        notes=tuple(notes),
        seed=None if weather is None else weather.seed,
    )


def _drawn(seed: int | None) -> int:
    import secrets

    return secrets.randbelow(2**31) if seed is None else seed


def _found(
    file: Path, start: str, days: float, station: list[str] | None, least: float, network: Network | None = None
) -> Overpasses:
    known = Network.load(file) if network is None else network
    station = station or _stations(known) or None
    seconds = validation.positive("days", days, at_most=366.0) * 86_400
    options: dict[str, Any] = {"start": start, "min_elevation_deg": least}
    tried = _TRIED_DAYS * 86_400
    if seconds > 10 * tried:
        began = perf_counter()
        find_overpasses(known, station, duration_s=tried, **options)
        tell_seconds((perf_counter() - began) * (seconds / tried))
    return find_overpasses(known, station, duration_s=seconds, **options)


def _stations(network: Network) -> list[str]:
    """The nodes that may have a telescope: a repeater on the way of a fibre has none."""
    found = ((name, node) for name, node in network.nodes.items() if node.position is not None)
    return [name for name, node in found if node.role not in ("repeater", "satellite")]


def _wanted(
    network: Network, source: str | None, target: str | None, demands: Path | None, station: list[str] | None
) -> list[Demand]:
    if (source is None) != (target is None):
        raise ValueError("--from and --to go together, got one of them")
    if source is not None and demands is not None:
        raise ValueError("give --from and --to, or --demands, not both")
    if demands is not None:
        return list(load_demands(demands))
    if source is not None and target is not None:
        for option, name in (("--from", source), ("--to", target)):
            validation.choice(option, name, network.nodes)
        return [Demand(source, target, kind="key")]
    places = station or _stations(network)
    near = {name for group in network.groups() if set(group) & set(places) for name in group}
    users = [name for name in network.users if name in near]
    names = users if len(users) > 1 and network.links else places
    return [Demand(a, b, kind="key") for i, a in enumerate(names) for b in names[i + 1 :]]


def _time(value: float) -> Cell:
    text = utc_of(value)
    return Cell(text, f"{text[5:10]} {text[11:19]}")


def _passes_table(found: Overpasses, twilight_deg: float) -> Table:
    rows = []
    for one in found:
        position: Any = found.stations[one.station].position
        night = float(sun_elevation_deg(one.culmination_s, position)) < twilight_deg
        rows.append(
            (
                one.station, one.satellite, _time(one.rise_s), one.duration_s, one.max_elevation_deg,
                one.min_distance_km, "night" if night else "day",
            )
        )  # fmt: skip
    whole = "{:.0f}".format
    columns = (
        Column("station", left=True), Column("satellite", left=True), Column("rises (UTC)", "rise_utc", left=True),
        Column("s", "duration_s", form=whole), Column("highest °", "max_elevation_deg", form="{:.1f}".format),
        Column("km", "min_distance_km", form=whole), Column("sky", left=True),
    )  # fmt: skip
    return Table("passes", columns, tuple(rows))


def _stations_table(found: Overpasses, passes: Table) -> Table:
    days = found.duration_s / 86_400
    rows = []
    for name in found.stations:
        own = [row for row in passes.rows if row[0] == name]
        nights = sum(row[-1] == "night" for row in own)
        times, heights = [row[3] for row in own], [row[4] for row in own]
        highest = max(heights, default=None)
        rows.append((name, len(own), nights, sum(times) / days, max(times, default=None), highest))
    whole = "{:.0f}".format
    columns = (
        Column("station", left=True), Column("passes"), Column("by night"), Column("s a day", form=whole),
        Column("longest s", form=_or_dash("{:.0f}")), Column("highest °", form=_or_dash("{:.1f}")),
    )  # fmt: skip
    return Table(f"{len(found):,} passes; --station lists those of a station, --csv all", columns, tuple(rows))


def _seen_together(table: Table) -> Table:
    """The pairs of stations that do see a satellite together, those with the most time if they are many."""
    rows = [row for row in table.rows if row[1]]
    never = len(table.rows) - len(rows)
    title = f"{table.title} (never: {never:,} of {len(table.rows):,} pairs)" if never else table.title
    if len(rows) > _MOST_TOLD:
        rows = sorted(rows, key=lambda row: -row[2])[:_MOST_TOLD]
        title = f"{title}, the {_MOST_TOLD} longest"
    return Table(title, table.columns, tuple(rows))


def _together_table(found: Overpasses) -> Table:
    days = found.duration_s / 86_400
    rows = []
    for a, b in found.pairs:
        windows = found.common(a, b)
        longest = max((one.duration_s for one in windows), default=0.0)
        total = sum(one.duration_s for one in windows)
        rows.append((f"{a} – {b}", len(windows) / days, total / days, longest))
    columns = (
        Column("two stations", "stations", left=True), Column("times a day", "windows_per_day"),
        Column("s a day", "seconds_per_day", form="{:.0f}".format),
        Column("longest s", "longest_s", form="{:.0f}".format),
    )  # fmt: skip
    return Table("who see a satellite together", columns, tuple(rows), "together")


def _served_table(served: Served) -> Table:
    days = served.duration_s / 86_400
    rows = tuple(
        (f"{demand.a} – {demand.b}", bits, round(bits / days), fiber)
        for demand, bits, fiber in zip(served.demands, served.bits, served.by_fiber, strict=True)
    )
    columns = (
        Column("key", "ends", left=True), Column("secret bits", "bits", form=_grouped),
        Column("a day", "bits_per_day", form=_grouped),
        Column("by fibre alone", "by_fiber", form=_grouped),
    )  # fmt: skip
    return Table("keys", columns, rows)


def _blocks_table(made: SatelliteKeys, served: Served) -> Table:
    rows: dict[tuple[str, ...], list[float]] = {}
    for one in made.blocks:
        row = rows.setdefault((one.satellite, *one.ends), [0.0, 0, 0.0, 0])
        row[0] += one.light_s
        row[1] += one.sifted
        row[2] += one.sifted * one.qber
        row[3] += one.length
    table = tuple(
        (pool[0], " – ".join(pool[1:]), light, int(sifted), wrong / sifted if sifted else None, int(secret),
         served.pools.get(pool, 0))
        for pool, (light, sifted, wrong, secret) in rows.items()
    )  # fmt: skip
    columns = (
        Column("satellite", left=True), Column("with", left=True),
        Column("light s", "light_s", form="{:.0f}".format),
        Column("sifted", form=_grouped), Column("QBER", "qber"), Column("could", "secret_bits", form=_grouped),
        Column("made", "made_bits", form=_grouped),
    )  # fmt: skip
    return Table("what satellites could make, and what they made", columns, table, "blocks")


def _by_station(blocks: Table) -> Table:
    """What all satellites make with a station, or with two."""
    sums: dict[str, tuple[Any, ...]] = {}
    for _, ends, light, sifted, qber, could, made in blocks.rows:
        old = sums.get(ends, (0.0, 0, 0.0, 0, 0))
        new = light, sifted, sifted * (qber or 0.0), could, made
        sums[ends] = tuple(a + b for a, b in zip(old, new, strict=True))
    rows = tuple(
        (ends, light, sifted, wrong / sifted if sifted else None, could, made)
        for ends, (light, sifted, wrong, could, made) in sums.items()
    )
    return Table(f"{blocks.title}; --json tells which", blocks.columns[1:], rows)


def _or_dash(form: str) -> Callable[[Any], str]:
    return lambda value: NOT_KNOWN if value is None else form.format(value)


def _grouped(value: float) -> str:
    return f"{value:,.0f}"
