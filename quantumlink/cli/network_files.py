"""``quantumlink network import|schema``: network files from public formats, and what editors check them by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from quantumlink.cli.network_tables import links_table, nodes_table
from quantumlink.cli.result import Result, Written
from quantumlink.cli.written_files import writable
from quantumlink.network.planning import FibreMap
from quantumlink.network.planning.maps import DETOUR

Output = Annotated[Path | None, typer.Option(help="Where to write it.", show_default=False)]


def import_map(
    file: Annotated[Path, typer.Argument(help="A map (GraphML, GML, TOML).", show_default=False)],
    fidelity: Annotated[float, typer.Option(help="Of every elementary pair.")] = 0.98,
    success_probability: Annotated[float, typer.Option(help="Of an attempt, before the fibre's loss.")] = 0.1,
    attempt_time_s: Annotated[float, typer.Option(help="Duration of an attempt.")] = 1e-3,
    detour: Annotated[
        float, typer.Option(help="Kilometers of fibre for one over ground, where the file tells no length.")
    ] = DETOUR,
    ends: Annotated[
        list[str] | None, typer.Option("--end", help="A node that is an end (repeat it).", show_default=False)
    ] = None,
    output: Output = None,
) -> Result:
    """Make a network of a public map of sites and fibres: every fibre an elementary link, every site a repeater.

    What such maps do not tell, the parts, is what the options say; a network file is there to be written on.
    """
    target = None if output is None else writable("output", output, (".toml",))
    fibre_map = FibreMap.load(file, detour=detour)
    parts = {
        "fidelity": fidelity, "success_probability": success_probability, "attempt_time_s": attempt_time_s,
    }  # fmt: skip
    roles = {site.name: "repeater" for site in fibre_map.sites}
    for end in ends or ():
        if end not in roles:
            raise ValueError(f"--end must name a site of {file}, got {end!r}")
        roles[end] = "end"
    network = fibre_map.network(parts, role=roles)
    if target is not None:
        network.save(target)
    tables = (nodes_table(network, every=True), links_table(network, every=True))
    written = () if target is None else (Written("network", target),)
    return Result(tables=tables, notes=fibre_map.notes, written=written)


def schema(output: Output = None) -> Result:
    """The JSON Schema of network files, for editors that complete and check TOML."""
    from quantumlink.network import file_schema

    found = file_schema()
    text = json.dumps(found, indent=2)
    if output is None:
        return Result(text=lambda _: text, data=found)
    writable("output", output, (".json",)).write_text(text + "\n", encoding="utf-8")
    return Result(data=found, written=(Written("schema", output),))
