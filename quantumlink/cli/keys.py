"""``quantumlink keys``: serve keys, protect files with them.

Exit codes: 0, 1 for a mistake in what was asked for, 2 for wrong usage, 130 if interrupted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tomllib
from errno import EADDRINUSE
from pathlib import Path
from ssl import SSLError
from typing import TYPE_CHECKING, Annotated

import typer

from quantumlink.cli import keys_trail
from quantumlink.cli.keys_assess import assess
from quantumlink.cli.keys_mistakes import mistakes_of_keys
from quantumlink.cli.keys_sign import sign
from quantumlink.cli.result import Result, Written, pairs_table
from quantumlink.cli.shell import Shell
from quantumlink.cli.written_files import writable

if TYPE_CHECKING:
    from quantumlink.keys.service.client import KeyClient
    from quantumlink.keys.service.demonstration import Demonstration

app = Shell(help="Keys: deliver them to applications, protect files with them.", no_args_is_help=True)


app.command(examples=["keys assess notebooks/inventory.toml", "keys assess notebooks/inventory.toml --json"])(
    assess
)
app.command(
    examples=["keys sign contract.pdf --output contract.signature"],
    words={"length_km": "--km"},
)(sign)
app.add_typer(keys_trail.app, name="trail")


@app.callback()
def keys() -> None:
    """Keys: deliver them to applications, protect files with them."""


@app.command(examples=["keys serve notebooks/networks/metro.toml --demo --directory demo"])
def serve(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A network's TOML file, or a node's.", show_default=False)
    ],
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Keys of simulations, which are not secret; for a network, all its nodes."),
    ] = False,
    directory: Annotated[Path, typer.Option(help="Network: where certificates, stores and demo.json are.")] = Path(
        "quantumlink-keys"
    ),
    port: Annotated[
        int, typer.Option(help="Network: port of the first node; the others follow.", min=1, max=65535)
    ] = 8443,
    page_port: Annotated[int, typer.Option(help="Network: port of the operator's page.", min=1, max=65535)] = 8080,
    at: Annotated[
        list[str] | None,
        typer.Option(help="Network: a node that holds keys (may be repeated); by default ends and trusted ones."),
    ] = None,
    pause: Annotated[
        float, typer.Option(help="Network: seconds of rest between two blocks of key.", min=0.0)
    ] = 2.0,
) -> None:
    """Serve keys over ETSI GS QKD 014: one node, or with --demo a whole network in one process."""
    from quantumlink.keys.service.logs import log_in_json

    log_in_json(logging.WARNING)
    with mistakes_of_keys():
        if _is_node(file):
            from quantumlink.keys.service.node_file import NodeFile
            from quantumlink.keys.service.serving import serve_node

            node = NodeFile.read(file)
            asyncio.run(
                serve_node(node, demo=demo, ready=lambda service: typer.echo(f"ready on port {service.port}"))
            )
            return
        if not demo:
            raise ValueError(
                "a network file describes simulated links, whose keys are not secret: serve them with --demo"
            )
        from quantumlink.keys.service.demonstration import Demonstration
        from quantumlink.keys.service.serving import serve_demonstration
        from quantumlink.network import Network

        network = Network.load(file)
        if directory.exists() and not directory.is_dir():
            raise NotADirectoryError(f"--directory must be a folder, got {str(directory)!r}")
        found = Demonstration(network, directory, port=port, page_port=page_port, at=at or [], pause_s=pause)
        try:
            asyncio.run(serve_demonstration(found, lambda path: _tell_ready(found, path)))
        except OSError as error:
            if error.errno != EADDRINUSE:
                raise
            raise OSError(
                f"--port and --page-port must be free, each node takes one from --port={port} on, the page "
                f"--page-port={page_port}: {error.strerror}"
            ) from error


@app.command(examples=["keys openapi"])
def openapi() -> Result:
    """The OpenAPI document of what a node answers, as JSON."""
    from quantumlink.keys.service.openapi import document

    found = document()
    return Result(text=lambda _: json.dumps(found, indent=2, ensure_ascii=False), data=found)


Url = Annotated[str, typer.Option("--kme", help="The key manager, https://HOST:PORT.")]
Certificate = Annotated[Path, typer.Option("--cert", help="Certificate of this application.")]
Key = Annotated[Path, typer.Option("--key", help="Its private key.")]
Authority = Annotated[Path, typer.Option("--ca", help="The authority that the key manager's certificate is from.")]


@app.command(examples=["keys recipient bob"])
def recipient(
    name: Annotated[str, typer.Argument(help="Writes NAME.recipient (keep it) and NAME.public (give it away).")],
) -> Result:
    """Make the keys of somebody who is to open protected files."""
    from quantumlink.keys.protection import Recipient

    if not Path(name).name:
        raise ValueError(f"NAME must name somebody, or a file without its ending; got {name!r}")
    files = {kind: Path(f"{name}.{ending}") for kind, ending in (("private", "recipient"), ("public", "public"))}
    made = Recipient.create()
    made.save(files["private"])
    made.public.save(files["public"])
    return Result(data=files, written=tuple(Written(kind, path) for kind, path in files.items()))


_WHO = "--kme https://localhost:8443 --cert app.pem --key app.key --ca ca.pem"


@app.command(
    examples=[f"keys protect plan.pdf {_WHO} --from alice --to bob --recipient bob.public"], words={"url": "--kme"}
)
def protect(
    file: Annotated[Path, typer.Argument(help="What to protect.", show_default=False)],
    kme: Url,
    cert: Certificate,
    key: Key,
    ca: Authority,
    sender: Annotated[str, typer.Option("--from", help="Id of this application.")],
    to: Annotated[str, typer.Option(help="Id of the application that is to open it.")],
    public: Annotated[
        Path | None, typer.Option("--recipient", help="His NAME.public; needed unless --one-time-pad.")
    ] = None,
    one_time_pad: Annotated[bool, typer.Option("--one-time-pad", help="As much key as text: small files.")] = False,
    output: Annotated[Path | None, typer.Option(help="Where to write; FILE.protected if not given.")] = None,
) -> Result:
    """Protect a file: AES-256-GCM under hybrid keys, or a one-time pad."""
    from quantumlink.keys.protection import protect_padded, protect_sealed
    from quantumlink.keys.protection.pad_file import write_new
    from quantumlink.keys.protection.recipient import PublicRecipient

    with mistakes_of_keys(), _client(kme, cert, key, ca) as client:
        target = writable("--output", output or file.with_name(f"{file.name}.protected"))
        if target.exists():
            raise FileExistsError(f"--output must be a new file; {str(target)!r} exists")
        if one_time_pad:
            content, used = protect_padded(
                file.read_bytes(), master=sender, slave=to,
                new_keys=lambda count, size: client.new_keys(to, count, size=8 * size),
            )  # fmt: skip
            write_new(target, content)
            return _told("protected", target, mode="one-time pad", key_bytes=used)
        if public is None:
            raise ValueError("--recipient must be given: a delivered key is combined with post-quantum ones")
        with file.open("rb") as source, target.open("xb") as sealed:
            ids = protect_sealed(
                source, sealed, master=sender, slave=to, recipient=PublicRecipient.load(public),
                new_key=lambda: client.new_keys(to, size=256)[0],
            )  # fmt: skip
        return _told("protected", target, mode="AES-256-GCM under hybrid keys", keys=len(ids))


@app.command(
    name="open",
    examples=[f"keys open plan.pdf.protected plan.pdf {_WHO} --to bob --recipient bob.recipient"],
    words={"url": "--kme"},
)
def open_(
    file: Annotated[Path, typer.Argument(help="A protected file.", show_default=False)],
    output: Annotated[Path, typer.Argument(help="Where to write what was in it.", show_default=False)],
    kme: Url,
    cert: Certificate,
    key: Key,
    ca: Authority,
    to: Annotated[str, typer.Option(help="Id of this application, for which the file must be.")],
    private: Annotated[
        Path | None, typer.Option("--recipient", help="NAME.recipient; needed unless it is a one-time pad.")
    ] = None,
) -> Result:
    """Open a protected file; whatever is wrong with it, nothing is written."""
    from quantumlink.keys.protection import Recipient, open_padded, open_sealed, pad_file

    writable("OUTPUT", output)  # before a key is used up
    with mistakes_of_keys(), _client(kme, cert, key, ca) as client, file.open("rb") as source:
        if is_padded := source.read(len(pad_file.MAGIC)) == pad_file.MAGIC:
            text = open_padded(file.read_bytes(), keys_of=client.keys_with_ids, slave=to)
            pad_file.write_new(output, text)
            written = len(text)
        else:
            if private is None:
                raise ValueError("--recipient must be given for this file")
            source.seek(0)
            written = open_sealed(
                source, output, recipient=Recipient.load(private), slave=to,
                key_of=lambda master, key_id: client.keys_with_ids(master, [key_id])[0].secret,
            )  # fmt: skip
    mode = "one-time pad" if is_padded else "AES-256-GCM under hybrid keys"
    return _told("opened", output, mode=mode, bytes=written)


def _told(done: str, path: Path, **found: str | int) -> Result:
    told = {done: str(path), **found}
    rows = [(name.replace("_", " "), value) for name, value in told.items()]
    return Result(tables=(pairs_table("", rows, words=True),), data=told)


def _client(url: str, certificate: Path, key: Path, ca: Path) -> KeyClient:
    from quantumlink.keys.service.client import KeyClient

    for name, path in (("--cert", certificate), ("--key", key), ("--ca", ca)):
        if not path.is_file():
            raise FileNotFoundError(f"{name} must be a file that is there, got {str(path)!r}")
    try:
        return KeyClient(url, certificate=certificate, key=key, ca=ca)
    except SSLError as error:
        raise ValueError(
            f"--cert, --key and --ca must be PEM files that belong together, got {str(certificate)!r}, "
            f"{str(key)!r} and {str(ca)!r}: {error.reason or error.strerror}"
        ) from error


def _is_node(file: Path) -> bool:
    try:
        return "certificate" in tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: {error}") from error


def _tell_ready(demo: Demonstration, path: Path) -> None:
    typer.echo("These keys are simulated: they are not secret.")
    typer.echo(f"A key: {demo.curl()}")
    typer.echo(f"The operator's page: {demo.page}?token={demo.token}")
    typer.echo(f"All of it: {path}")
