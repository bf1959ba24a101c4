"""``quantumlink run FILE --from NODE --to NODE``: a link's exact state, its measured one, and a key."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from quantumlink.cli.messages import print_error
from quantumlink.cli.network_options import Protocol, PurifyRounds
from quantumlink.estimation import Estimate
from quantumlink.execution import Samples, sample
from quantumlink.link import Link, pairs_text
from quantumlink.network import Network
from quantumlink.qkd import Key, bb84_rate
from quantumlink.qkd.protocols import bbm92
from quantumlink.readings import PairState, evaluate, highest_rate_hz


def run(
    file: Annotated[Path, typer.Argument(help="A network file (TOML).", show_default=False)],
    source: Annotated[str, typer.Option("--from", help="The node at the left end.", show_default=False)],
    target: Annotated[str, typer.Option("--to", help="The node at the right end.", show_default=False)],
    shots: Annotated[int, typer.Option(help="Runs for each of the bases XX, YY, ZZ.")] = 20_000,
    rounds: Annotated[int, typer.Option(help="Rounds of BBM92 for the key.")] = 200_000,
    purify_rounds: PurifyRounds = 0,
    protocol: Protocol = "dejmps",
    seed: Annotated[
        int | None, typer.Option(help="Repeats a run; drawn and printed if not given.", show_default=False)
    ] = None,
    output: Annotated[Path, typer.Option(help="Where to write the picture.")] = Path("quantumlink-run.png"),
) -> None:
    """Run the link between two nodes: its exact state, its state measured on Aer, and a key over it.

    Prints a table of exact beside measured values, and writes a picture of the circuit, of the fidelity along
    the chain, and of the correlations.
    """
    from qiskit_aer import AerSimulator

    seed = secrets.randbelow(2**31) if seed is None else seed
    try:
        output = _picture_path(output)
        link = Network.load(file).route(source, target, purify_rounds=purify_rounds, protocol=protocol)
        status = Console(stderr=True)
        with status.status("predicting"):
            state = evaluate(link)
        samples = sample(link, ["XX", "YY", "ZZ"], shots=shots, seed=seed, sampler=AerSimulator())
        with status.status(f"distilling a key from {rounds} rounds"):
            key = bbm92(link, rounds, seed=seed)
        with status.status("drawing"):
            _write_picture(link, samples, output)
    except (OSError, TypeError, ValueError) as error:
        print_error(error)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: nothing was written")
        raise typer.Exit(130) from None
    console = Console()
    console.print(_state_table(link, state, samples))
    console.print(_key_table(link, state, key))
    console.print(Text(f"picture: {output}    seed: {seed}"), soft_wrap=True)


def _picture_path(output: Path) -> Path:
    """Where the picture goes; refused before the work, not after it."""
    if output.is_dir():
        raise IsADirectoryError(f"--output must name a file, {str(output)!r} is a folder")
    path = output if output.suffix else output.with_suffix(".png")
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(f"--output must end in .png, .pdf or .svg; got {str(output)!r}")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise PermissionError(f"--output must lie in a folder that can be written to, got {str(output)!r}")
    return path


def _write_picture(link: Link, samples: Samples, output: Path) -> None:
    from quantumlink.visualization import draw_run

    draw_run(link, samples).savefig(output, dpi=110)


def _state_table(link: Link, state: PairState, samples: Samples) -> Table:
    runs = sum(samples.shots.values())
    table = Table(title=escape(f"{link.left} – {link.right}: {pairs_text(link.pairs)}, {runs} runs on Aer"))
    table.add_column("")
    table.add_column("exact", justify="right")
    table.add_column("measured [95 %]", justify="right")
    rows: list[tuple[str, float, Estimate]] = [
        ("fidelity to Φ⁺", state.fidelity, samples.fidelity()),
        *((f"⟨{label}⟩", state.expectation(label), samples.expectation(label)) for label in ("XX", "YY", "ZZ")),
        *((f"QBER {basis}", state.qber(basis), samples.qber(basis)) for basis in "ZX"),
        ("acceptance", state.success_probability, samples.acceptance),
    ]
    for name, exact, measured in rows:
        table.add_row(name, f"{exact:.4f}", str(measured))
    table.add_row("CHSH, at best", f"{state.chsh:.4f}", "")
    return table


def _key_table(link: Link, state: PairState, key: Key) -> Table:
    table = Table(title="a key by BBM92, the ends' own readout included")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("rounds, accepted, sifted", f"{key.rounds}, {key.accepted}, {key.sifted}")
    table.add_row("QBER Z, disclosed sample", str(key.qber))
    table.add_row("QBER X, all disclosed", str(key.test_qber))
    if key:
        table.add_row("secret key", f"{len(key)} bits")
        table.add_row("secret bits a round", f"{len(key) / key.rounds:.4f}")
    else:
        table.add_row("secret key", "none")
        table.add_row("why", escape(str(key.reason)))
    limit = bb84_rate(state.qber("Z"), phase_error=state.qber("X"))
    table.add_row("asymptotic limit, bits a sifted pair", f"{limit:.4f}")
    rate = highest_rate_hz(link)
    if rate is not None:
        table.add_row("pairs a second, at most", f"{rate:.1f}")
        if key:
            table.add_row("secret bits a second, at most", f"{rate * len(key) / key.accepted:.1f}")
    return table
