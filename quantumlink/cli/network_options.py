"""What the commands on network files have in common: their options, and what they avoid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from quantumlink import validation
from quantumlink.circuits import operation_names
from quantumlink.network import Network

File = Annotated[Path, typer.Argument(help="A network file (TOML).", show_default=False)]
Source = Annotated[str, typer.Option("--from", help="The node at the left end.", show_default=False)]
Target = Annotated[str, typer.Option("--to", help="The node at the right end.", show_default=False)]
By = Annotated[
    str | None,
    typer.Option(
        help="What is best: secret_key_rate, rate, fidelity, latency, length or hops. The secret-key rate if all "
        "links say how their pairs come, else the fidelity.",
        show_default=False,
    ),
]
PurifyRounds = Annotated[int, typer.Option(help="Rounds of purification for each hop, before any swap.")]
Protocol = Annotated[str, typer.Option(help=f"The purification: {', '.join(operation_names('purification'))}.")]
Avoided = Annotated[
    list[str] | None,
    typer.Option(
        "--avoid",
        metavar="NODE | NODE:NODE",
        help="A node, or the links between two, that must not be used; may be repeated.",
        show_default=False,
    ),
]
Color = Annotated[str, typer.Option(help="What the links' color shows: fidelity or rate_hz.")]
Seed = Annotated[
    int | None, typer.Option(help="Repeats a run; drawn and printed if not given.", show_default=False)
]


def avoided(network: Network, items: Sequence[str] | None) -> list[str | tuple[str, str]]:
    """Nodes and pairs of nodes, as `Network.route` wants them; what is a node's name is one, colon or not."""
    found: list[str | tuple[str, str]] = []
    for item in items or ():
        one, colon, other = item.partition(":")
        if colon and item not in network.nodes:
            for name in (one, other):
                validation.choice(f"a node of --avoid {item}", name, network.nodes)
            found.append((one, other))
        else:
            found.append(item)
    return found
