"""``quantumlink keys trail``: the trail of deliveries as a file, and whether such a file is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantumlink.cli.keys_mistakes import mistakes_of_keys
from quantumlink.cli.result import Result, Written, pairs_table
from quantumlink.cli.shell import Shell

if TYPE_CHECKING:
    from quantumlink.keys.store.trail_file import CheckedTrail

app = Shell(help="The trail of deliveries: export it, verify it.", no_args_is_help=True)


@app.command(examples=["keys trail export node.toml trail.jsonl"])
def export(
    file: Annotated[Path, typer.Argument(metavar="NODE", help="The node's TOML file.", show_default=False)],
    output: Annotated[Path, typer.Argument(help="Where to write; must not be there.", show_default=False)],
) -> Result:
    """Write who got which keys when, without the keys, chained by hashes; the service may run meanwhile."""
    with mistakes_of_keys():
        from quantumlink.keys.service.node_file import NodeFile
        from quantumlink.keys.store import trail_file

        store = NodeFile.read(file).store()
        try:
            trail_file.export(output, store.kme_id, store.trail())
        finally:
            store.close()
    return _told(trail_file.verify_file(output), Written("trail", output))


@app.command(examples=["keys trail verify trail.jsonl"])
def verify(
    file: Annotated[Path, typer.Argument(help="An exported trail.", show_default=False)],
    earlier_head: Annotated[
        str | None, typer.Option(help="Head of an earlier export, which this one must go on from.")
    ] = None,
) -> Result:
    """Check that an exported trail is as it was written; needs no store and no key."""
    from quantumlink.keys.store import trail_file

    return _told(trail_file.verify_file(file, earlier_head=earlier_head))


def _told(found: CheckedTrail, *written: Written) -> Result:
    told = {"kme": found.kme, "entries": found.entries, "before": found.before, "head": found.head}
    return Result(
        tables=(pairs_table("A whole trail", list(told.items()), words=True),), data=told, written=written
    )
