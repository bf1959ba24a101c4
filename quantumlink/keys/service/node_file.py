"""The file that describes one node: TOML, every key checked, relative paths from where the file is.

id = "kme-a"
host = "0.0.0.0"
port = 8443
certificate = "kme-a.crt"
key = "kme-a.key"
ca = "ca.crt"
revocations = "ca.crl"              # if the authority has a list
store = "kme-a.db"                  # or postgresql://…#schema
checkpoint = "/var/lib/…/kme-a.checkpoint"
kek = "kek"                         # else from the environment or a systemd credential
pairs = [["alice", "bob"]]          # who may share keys, master first; all if left out
page_port = 8080                    # the operator's page, health, readiness, metrics: on this machine only
operator_token = "operator.token"   # file of the operator's token; made if it is not there
relay = false                       # whether it hands on secrets that are for others, which it can read
default_mode = "post-quantum + QKD" # what pairs agree on: see quantumlink.keys.hybrid.modes

[limits]                            # sizes in bits
key_size = 256

[pools]
capacity_bytes = 67108864
max_age_s = 604800.0

[[applications]]
id = "alice"
kme = "kme-a"
uri = "urn:sae:alice"               # or common_name, or fingerprint

[[modes]]                           # pairs with a mode of their own
master = "alice"
slave = "bob"
mode = "QKD required"

[[peers]]
id = "kme-b"
url = "https://kme-b.example:8443"
uri = "urn:kme:kme-b"

[[devices]]                         # key files of a device: see DeviceFiles
pool = "kme-b"
directory = "/var/lib/qkd"
link = "a–b"
protocol = "decoy BB84"

[[streams]]                         # a device that pushes its keys over HTTPS: see face_push
uri = "urn:qkd:module-1"            # in its certificate
pool = "kme-b"
link = "a–b"
protocol = "decoy BB84"

[[lines]]                           # a link that is simulated in real time, with --demo only: see LiveEnd
pool = "kme-b"
network = "metro.toml"              # where the link is
between = ["alice", "bob"]          # its two ends in that file
role = "alice"                      # which one this node is; alice connects, bob listens
address = "kme-b.example:9443"
seed = 1                            # the same at both ends: it plays the quantum channel
rounds = 200000
speed = 1.0
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from quantumlink import validation
from quantumlink.keys.delivery.etsi014 import Limits
from quantumlink.keys.delivery.registry import Application, Peer, PushingDevice, Registry
from quantumlink.keys.hybrid.modes import DEFAULT, MODES, Mode
from quantumlink.keys.sealing import read_kek
from quantumlink.keys.service.kme import KeyService
from quantumlink.keys.service.tls import Credentials
from quantumlink.keys.store import PoolPolicy, open_store
from quantumlink.keys.store.sql import SqlStore
from quantumlink.keys.supply.device_files import DeviceFiles
from quantumlink.keys.supply.links import qkd_link
from quantumlink.keys.supply.live_ends import LiveLink, Role
from quantumlink.network import Network

Part = TypeVar("Part")

_REQUIRED = ("id", "certificate", "key", "ca", "store", "applications")
_OPTIONAL = (
    "host", "port", "revocations", "checkpoint", "kek", "pairs", "limits", "pools", "peers", "devices", "lines",
    "modes", "default_mode", "page_port", "operator_token", "relay", "streams",
)  # fmt: skip


class NodeFileError(ValueError):
    """Something in a node's file is missing, misspelt or out of range."""


@dataclass(frozen=True)
class Line:
    """A link that is simulated in real time, as this node has it."""

    pool: str
    live: LiveLink
    role: Role
    host: str
    port: int

    @classmethod
    def from_members(cls, members: Any, folder: Path) -> Line:
        """Read a table of the file."""
        known = ("pool", "network", "between", "role", "address", "seed", "rounds", "speed")
        for name in members:
            validation.choice("key of lines", name, known)
        network, (first, second) = Network.load(folder / members["network"]), members["between"]
        link = qkd_link(network, first, second, [first, second])
        if link is None:
            raise NodeFileError(f"no link between {first} and {second} yields a key")
        options = {name: members[name] for name in ("seed", "rounds", "speed") if name in members}
        host, _, port = str(members["address"]).rpartition(":")
        validation.choice("role", members["role"], ("alice", "bob"))
        return cls(
            str(members["pool"]),
            LiveLink(name=link.name, link=link.link, **options),
            members["role"],
            host,
            int(port),
        )


@dataclass(frozen=True)
class NodeFile:
    """A node's file, read."""

    path: Path
    content: Mapping[str, Any]
    registry: Registry
    limits: Limits
    policy: PoolPolicy
    devices: tuple[tuple[str, DeviceFiles], ...]
    lines: tuple[Line, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> NodeFile:
        """Read a file.

        Raises:
            NodeFileError: if anything in it is not as it must be: file and key are named.
            OSError: if it cannot be read.
        """
        path = Path(path)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
            known = (*_REQUIRED, *_OPTIONAL)
            for name in content:
                validation.choice("key", name, known)
            if missing := [name for name in _REQUIRED if name not in content]:
                raise NodeFileError(f"{', '.join(missing)} must be given")
            pairs = content.get("pairs")
            registry = Registry(
                content["id"],
                tuple(_part(Application, each, "applications") for each in content["applications"]),
                tuple(_part(Peer, each, "peers") for each in content.get("peers", [])),
                None if pairs is None else frozenset((str(a), str(b)) for a, b in pairs),
                dict(_mode(each) for each in content.get("modes", [])),
                _mode_named("default_mode", content.get("default_mode", DEFAULT)),
                tuple(_part(PushingDevice, each, "streams") for each in content.get("streams", [])),
            )
            devices = tuple(
                (
                    str(each.pop("pool")),
                    _part(DeviceFiles, each | {"directory": path.parent / each["directory"]}, "devices"),
                )
                for each in map(dict, content.get("devices", []))
            )
            return cls(
                path, content, registry, _part(Limits, content.get("limits", {}), "limits"),
                _part(PoolPolicy, content.get("pools", {}), "pools"), devices,
                tuple(Line.from_members(each, path.parent) for each in content.get("lines", [])),
            )  # fmt: skip
        except (tomllib.TOMLDecodeError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise NodeFileError(f"{path}: {error}") from error

    def service(self, *, demo: bool = False) -> KeyService:
        """The service of this node; keys of simulations come in with ``demo`` only.

        Raises:
            StoreError: if its store cannot be opened: see `open_store`.
        """
        folder, content = self.path.parent, self.content
        store = self.store(demo=demo)
        listed = content.get("revocations")
        credentials = Credentials(
            folder / content["certificate"], folder / content["key"], folder / content["ca"],
            None if listed is None else folder / listed,
        )  # fmt: skip
        host, port = str(content.get("host", "127.0.0.1")), int(content.get("port", 8443))
        if not isinstance(is_relay := content.get("relay", False), bool):
            raise NodeFileError(f"{self.path}: relay must be true or false, got {is_relay!r}")
        return KeyService(
            store, self.registry, credentials, host=host, port=port, limits=self.limits, is_relay=is_relay
        )

    def store(self, *, demo: bool = False) -> SqlStore:
        """The store of this node.

        Raises:
            StoreError: if it cannot be opened: see `open_store`.
        """
        folder, content = self.path.parent, self.content
        where = str(content["store"])
        checkpoint, kek = content.get("checkpoint"), content.get("kek")
        return open_store(
            where if "://" in where else folder / where,
            kme_id=self.registry.kme_id,
            kek=read_kek(None if kek is None else folder / kek),
            checkpoint=None if checkpoint is None else folder / checkpoint,
            policy=self.policy,
            simulated_allowed=demo,
        )


def _mode(members: Any) -> tuple[tuple[str, str], Mode]:
    for name in members:
        validation.choice("key of modes", name, ("master", "slave", "mode"))
    return (str(members["master"]), str(members["slave"])), _mode_named("mode", members["mode"])


def _mode_named(name: str, given: Any) -> Mode:
    validation.choice(name, given, MODES)
    return next(mode for mode in MODES if mode == given)


def _part(kind: type[Part], given: Any, where: str) -> Part:
    if not isinstance(given, Mapping):
        raise NodeFileError(f"{where} must be a table, got {given!r}")
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        validation.choice(f"key of {where}", name, known)
    return kind(**given)
