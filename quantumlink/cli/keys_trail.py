"""``quantumlink keys trail``: the trail of deliveries as a file, and whether such a file is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quantumlink.cli.messages import print_error
from quantumlink.cli.shell import Shell

app = Shell(help="The trail of deliveries: export it, verify it.", no_args_is_help=True)


@app.command(examples=["keys trail export node.toml trail.jsonl"])
def export(
    file: Annotated[Path, typer.Argument(metavar="NODE", help="The node's TOML file.", show_default=False)],
    output: Annotated[Path, typer.Argument(help="Where to write; must not be there.", show_default=False)],
) -> None:
    """Write who got which keys when, without the keys, chained by hashes; the service may run meanwhile."""
    try:
        from quantumlink.keys.sealing import WrongKeyEncryptionKey
        from quantumlink.keys.service.node_file import NodeFile
        from quantumlink.keys.store import StoreError, trail_file
    except ImportError as error:
        print_error(error)
        raise typer.Exit(1) from error
    try:
        node = NodeFile.read(file)
        store = node.store()
        try:
            head = trail_file.export(output, store.kme_id, store.trail())
        finally:
            store.close()
    except (OSError, StoreError, ValueError, WrongKeyEncryptionKey) as error:
        print_error(error)
        raise typer.Exit(1) from error
    typer.echo(f"{output}\nhead: {head}")


@app.command(examples=["keys trail verify trail.jsonl"])
def verify(
    file: Annotated[Path, typer.Argument(help="An exported trail.", show_default=False)],
    earlier_head: Annotated[
        str | None, typer.Option(help="Head of an earlier export, which this one must go on from.")
    ] = None,
) -> None:
    """Check that an exported trail is as it was written; needs no store and no key."""
    try:
        from quantumlink.keys.store import trail_file

        found = trail_file.verify_file(file, earlier_head=earlier_head)
    except (ImportError, OSError, ValueError) as error:
        print_error(error)
        raise typer.Exit(1) from error
    typer.echo(f"{found.kme}: {found.entries} entries, whole\nhead: {found.head}")
