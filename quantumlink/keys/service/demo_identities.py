"""Who is who in a demonstration: names, ports, certificates and registries of its nodes."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from quantumlink.keys.certificates import Authority
from quantumlink.keys.delivery.registry import Application, Peer, Registry
from quantumlink.keys.service.tls import Credentials

HOST: Final = "127.0.0.1"
APPLICATIONS: Final = ("", "-2")
"""Endings of the ids of a node's applications."""


def kme_of(node: str) -> str:
    """Id of a node's key manager."""
    return f"kme-{node}"


def saes_of(node: str) -> list[str]:
    """Ids of a node's applications."""
    return [node + ending for ending in APPLICATIONS]


def ports(nodes: Sequence[str], first: int) -> dict[str, int]:
    """A port for each node: from the first one on, or free ones if that is 0."""
    if first:
        return {node: first + place for place, node in enumerate(nodes)}
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in nodes]
        for each in sockets:
            each.bind((HOST, 0))
        return {node: each.getsockname()[1] for node, each in zip(nodes, sockets, strict=True)}


def credentials(pki: Path, nodes: Iterable[str]) -> dict[str, Credentials]:
    """Certificates of nodes and applications, made unless all are there."""
    ca, names = pki / "ca.crt", [kme_of(node) for node in nodes]
    saes = [sae for node in nodes for sae in saes_of(node)]
    if not all((pki / f"{name}.key").exists() for name in (*names, *saes)) or not ca.exists():
        authority = Authority(pki)
        authority.revoke([], days=365)
        for name in names:
            authority.issue(name, uri=f"urn:kme:{name}", hosts=["localhost", HOST, name], server=True, days=365)
        for sae in saes:
            authority.issue(sae, uri=f"urn:sae:{sae}", days=365)
    crl = pki / "ca.crl"
    return {node: Credentials(pki / f"{kme_of(node)}.crt", pki / f"{kme_of(node)}.key", ca, crl) for node in nodes}


def registry(own: str, at: Mapping[str, int]) -> Registry:
    """What a node knows of the others; ``at`` is the port of each node."""
    applications = tuple(
        Application(id=sae, kme=kme_of(node), uri=f"urn:sae:{sae}") for node in at for sae in saes_of(node)
    )
    peers = tuple(
        Peer(id=kme_of(node), url=f"https://{HOST}:{port}", uri=f"urn:kme:{kme_of(node)}", tls_name=kme_of(node))
        for node, port in at.items()
        if node != own
    )
    return Registry(kme_of(own), applications, peers)
