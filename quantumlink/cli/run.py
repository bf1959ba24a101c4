"""``quantumlink run FILE --from NODE --to NODE``: a link's exact state, its measured one, and a key."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from quantumlink import validation
from quantumlink.cli.foretelling import tell_duration
from quantumlink.cli.network_options import Protocol, PurifyRounds
from quantumlink.cli.network_tables import four
from quantumlink.cli.pictures import picture_path
from quantumlink.cli.result import Cell, Column, Result, Table, Written, pairs_table
from quantumlink.estimation import Estimate
from quantumlink.execution import Samples, sample
from quantumlink.execution.engine import named_or_own_engine
from quantumlink.link import Link, pairs_text
from quantumlink.network import Network
from quantumlink.progress import track
from quantumlink.qkd import Key, bb84_rate
from quantumlink.qkd.protocols import BBM92
from quantumlink.readings import PairState, evaluate, highest_rate_hz

BASES = ["XX", "YY", "ZZ"]
"""Which a link is measured in: enough for its fidelity and its error rates."""

MOST_PAIRS = 1_000
"""Elementary pairs whose circuit is run."""

SHOTS_AT_ONCE = 1_000
"""Runs of a basis between two looks for Ctrl-C: on a small link less than half a second."""

MANY_PAIRS = 60
"""Elementary pairs of which the size is told beforehand."""


def run(
    file: Annotated[Path, typer.Argument(help="A network file (TOML).", show_default=False)],
    source: Annotated[str, typer.Option("--from", help="The node at the left end.", show_default=False)],
    target: Annotated[str, typer.Option("--to", help="The node at the right end.", show_default=False)],
    shots: Annotated[int, typer.Option(help="Runs for each of the bases XX, YY, ZZ.")] = 20_000,
    rounds: Annotated[int, typer.Option(help="Rounds of BBM92 for the key.")] = 200_000,
    purify_rounds: PurifyRounds = 0,
    protocol: Protocol = "dejmps",
    engine: Annotated[
        str | None,
        typer.Option(
            help="What the circuit runs on: exact, clifford, aer or a registered one; Aer as it is if not given.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Repeats a run; drawn and printed if not given.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the picture (.png, .pdf, .svg).", show_default=False)
    ] = None,
) -> Result:
    """Run the link between two nodes: its exact state, its state measured, and a key over it.

    Prints a table of exact beside measured values. The picture, if it is asked for, shows the circuit, the fidelity
    along the chain, and the correlations.
    """
    seed = secrets.randbelow(2**31) if seed is None else seed
    output = None if output is None else picture_path(output)
    link = Network.load(file).route(source, target, purify_rounds=purify_rounds, protocol=protocol)
    status = Console(stderr=True)
    check_size(link)
    validation.count("shots", shots, at_least=1)
    if engine is not None:
        named_or_own_engine(engine)  # before anything is computed
    session = BBM92(link=link, rounds=rounds, seed=seed)
    with status.status("predicting"):
        state = evaluate(link)
    samples: Samples | None = None
    try:
        for more in measured(link, shots, seed, engine):
            samples = more
        tell_duration(session)
        with status.status(f"distilling a key from {rounds} rounds"):
            key = session.run()
    except KeyboardInterrupt:
        return _kept(link, state, samples, shots, seed, engine)
    assert samples is not None
    if output is not None:
        with status.status("drawing"):
            _write_picture(link, samples, output)
    written = () if output is None else (Written("picture", output),)
    notes = () if key else (f"why there is no key: {key.reason}",)
    return Result(
        tables=(_state_table(link, state, samples, engine), _key_table(link, state, key)),
        written=written,
        notes=notes,
        seed=seed,
    )


def measured(link: Link, shots: int, seed: int, engine: str | None = None) -> Iterator[Samples]:
    """The samples of the first thousand runs of each basis, of two thousand, and so on up to all.

    So there is something if somebody presses Ctrl-C. The parts depend on nothing but how many runs there are, so
    that a seed repeats them.
    """
    from qiskit_aer import AerSimulator

    runner: dict[str, Any] = {"sampler": AerSimulator()} if engine is None else {"engine": engine}
    found: Samples | None = None
    for number, done in enumerate(track(range(0, shots, SHOTS_AT_ONCE), "measuring")):
        part = min(SHOTS_AT_ONCE, shots - done)
        more = sample(link, BASES, shots=part, seed=seed + number, **runner)
        more = replace(more, recorded=None)  # nobody asks for the single runs, which take memory
        found = more if found is None else found + more
        yield found


def _kept(
    link: Link, state: PairState, samples: Samples | None, shots: int, seed: int, engine: str | None
) -> Result:
    """What there was when somebody pressed Ctrl-C."""
    runs = 0 if samples is None else next(iter(samples.shots.values()))
    samples = samples if runs else None  # of no run nothing is told
    done = f"{runs} of {shots} runs of each basis were done" if runs else "predictions were done"
    told = f"{done}, and no key"
    return Result(tables=(_state_table(link, state, samples, engine),), seed=seed, interrupted=told)


def check_size(link: Link) -> None:
    """Refuse a circuit that would be built for minutes; tell the size of one that takes a while.

    Raises:
        ValueError: if it has more pairs than a run on a simulator can do with.
    """
    if link.pairs > MOST_PAIRS:
        raise ValueError(
            f"purify_rounds must be fewer: {pairs_text(link.pairs)} are more than the {MOST_PAIRS} whose circuit "
            "can be run; quantumlink network simulate and plan go on where circuits end"
        )
    if link.pairs > MANY_PAIRS:
        Console(stderr=True).print(
            f"{link.left} – {link.right}: {pairs_text(link.pairs)}, a circuit of {2 * link.pairs} qubits; this "
            "takes a while, Ctrl-C ends it",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )


def _write_picture(link: Link, samples: Samples, output: Path) -> None:
    from quantumlink.visualization import draw_run

    draw_run(link, samples).savefig(output, dpi=110)


def _state_table(link: Link, state: PairState, samples: Samples | None, engine: str | None) -> Table:
    title = f"{link.left} – {link.right}: {pairs_text(link.pairs)}"
    exact: list[tuple[str, float]] = [
        ("fidelity to Φ⁺", state.fidelity),
        *((f"⟨{label}⟩", state.expectation(label)) for label in BASES),
        *((f"QBER {basis}", state.qber(basis)) for basis in "ZX"),
        ("acceptance", state.success_probability),
        ("CHSH, at best", state.chsh),
    ]
    columns: tuple[Column, ...] = (Column("", "name", left=True), Column("exact", form=four))
    if samples is None:
        return Table(f"{title}, not run", columns, tuple(exact), "state")
    estimates: list[Estimate | Cell] = [
        samples.fidelity(),
        *(samples.expectation(label) for label in BASES),
        *(samples.qber(basis) for basis in "ZX"),
        samples.acceptance,
        Cell(None, ""),
    ]
    rows = tuple((*row, estimate) for row, estimate in zip(exact, estimates, strict=True))
    columns = (*columns, Column("measured [95 %]", "measured"))
    title = f"{title}, {sum(samples.shots.values())} runs on {engine or 'Aer'}"
    return Table(title, columns, rows, "state")


def _key_table(link: Link, state: PairState, key: Key) -> Table:
    counts = {"rounds": key.rounds, "accepted": key.accepted, "sifted": key.sifted}
    rows: list[tuple[str, object]] = [
        ("rounds, accepted, sifted", Cell(counts, f"{key.rounds}, {key.accepted}, {key.sifted}")),
        ("QBER Z, disclosed sample", key.qber),
        ("QBER X, all disclosed", key.test_qber),
    ]
    if key:
        rows.append(("secret key", Cell(len(key), f"{len(key)} bits")))
        rows.append(("secret bits a round", Cell(len(key) / key.rounds, f"{len(key) / key.rounds:.4f}")))
    else:
        rows.append(("secret key", Cell(0, "none")))
    limit = bb84_rate(state.qber("Z"), phase_error=state.qber("X"))
    rows.append(("asymptotic limit, bits a sifted pair", Cell(limit, f"{limit:.4f}")))
    rate = highest_rate_hz(link)
    if rate is not None:
        rows.append(("pairs a second, at most", Cell(rate, f"{rate:.1f}")))
        if key:
            bits = rate * len(key) / key.accepted
            rows.append(("secret bits a second, at most", Cell(bits, f"{bits:.1f}")))
    return pairs_table("a key by BBM92, the ends' own readout included", rows, key="key")
