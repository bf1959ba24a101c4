"""The registry: which certificate is which application or node, and who may share keys with whom.

Everything that is not entered is refused. An identity is read from the certificate alone, never from what a request
says: by a URI in its alternative names, else by its common name, else by its pinned fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import NameOID

from quantumlink import validation
from quantumlink.keys.hybrid.modes import DEFAULT, Mode

Mark = TypeVar("Mark")
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Certified:
    """What a certificate says."""

    serial: int
    not_before_s: float
    not_after_s: float
    uris: tuple[str, ...]
    common_name: str | None
    fingerprint: str
    """SHA-256 of the certificate, 64 hexadecimal digits."""

    @staticmethod
    @lru_cache(maxsize=4096)
    def read(der: bytes) -> Certified:
        """Read a certificate in DER; the same one again costs nothing."""
        certificate = x509.load_der_x509_certificate(der)
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            uris = tuple(names.get_values_for_type(x509.UniformResourceIdentifier))
        except x509.ExtensionNotFound:
            uris = ()
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return Certified(
            serial=certificate.serial_number,
            not_before_s=certificate.not_valid_before_utc.timestamp(),
            not_after_s=certificate.not_valid_after_utc.timestamp(),
            uris=uris,
            common_name=str(common[0].value) if len(common) == 1 else None,
            fingerprint=hashlib.sha256(der).hexdigest(),
        )

    def is_valid_at(self, time_s: float) -> bool:
        """Whether it is neither expired nor of the future."""
        return self.not_before_s <= time_s <= self.not_after_s

    @property
    def expires(self) -> str:
        """The day it expires."""
        return datetime.fromtimestamp(self.not_after_s, UTC).date().isoformat()


@dataclass(frozen=True, kw_only=True)
class Application:
    """An application that gets keys (a secure application entity, SAE)."""

    id: str
    kme: str
    """The node that serves it."""
    uri: str | None = None
    """A URI in its certificate."""
    common_name: str | None = None
    """The common name in its certificate."""
    fingerprint: str | None = None
    """SHA-256 of its certificate."""
    enabled: bool = True
    """False refuses it, whatever its certificate."""
    requests_per_s: float | None = None
    """How many requests it may make in the long run; None is without limit."""

    def __post_init__(self) -> None:
        validation.plain(self)
        if not self.id:
            raise ValueError("id of an application must not be empty")
        validation.flags(self, "enabled")
        if self.requests_per_s is not None:
            validation.positive("requests_per_s", self.requests_per_s)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another node (a key management entity, KME)."""

    id: str
    url: str
    """Such as ``https://kme-b.example:8443``."""
    uri: str
    """The URI in its certificate."""
    tls_name: str | None = None
    """The name that its server certificate must have; that of the URL if None."""
    is_other_domain: bool = False
    """Whether it is another domain's, which shares no key material: whole keys are sent (ETSI GS QKD 020)."""

    def __post_init__(self) -> None:
        validation.flags(self, "is_other_domain")


@dataclass(frozen=True, kw_only=True)
class PushingDevice:
    """A QKD device that pushes its keys to this node."""

    uri: str
    """The URI in its certificate."""
    pool: str
    """The node at the other end of its link."""
    link: str
    """Name of its link."""
    protocol: str
    """Its protocol."""
    proof: str = ""
    """Name of its security proof."""
    epsilon: float | None = None
    """Failure probability of the proof for a chunk."""

    def __post_init__(self) -> None:
        validation.plain(self)
        if not self.uri:
            raise ValueError("uri of a device must not be empty")
        if self.epsilon is not None:
            validation.probability("epsilon", self.epsilon)


@dataclass(frozen=True)
class Registry:
    """All that is entered.

    Args:
        kme_id: id of this node.
        applications: those of this node, and those of others that may be named.
        peers: the other nodes.
        pairs: (master, slave) that may share keys, or None for all.
        modes: of pairs with a mode of their own, by (master, slave).
        default_mode: that of all others.
        devices: the QKD devices that push keys to this node.

    Raises:
        ValueError: if two entries have the same id, or could be the same certificate.
    """

    kme_id: str
    applications: tuple[Application, ...]
    peers: tuple[Peer, ...] = ()
    pairs: frozenset[tuple[str, str]] | None = None
    modes: Mapping[tuple[str, str], Mode] = field(default_factory=dict)
    default_mode: Mode = DEFAULT
    devices: tuple[PushingDevice, ...] = ()
    _by_id: dict[str, Application] = field(init=False, repr=False, compare=False)
    _by_mark: dict[tuple[str, str], Application] = field(init=False, repr=False, compare=False)
    _peers: dict[str, Peer] = field(init=False, repr=False, compare=False)
    _peers_by_uri: dict[str, Peer] = field(init=False, repr=False, compare=False)
    _devices: dict[str, PushingDevice] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        marks = [
            ((kind, mark), each)
            for each in self.applications
            for kind, mark in (("uri", each.uri), ("name", each.common_name), ("pin", each.fingerprint))
            if mark is not None
        ]
        object.__setattr__(self, "_by_id", _unique("id", ((each.id, each) for each in self.applications)))
        object.__setattr__(self, "_by_mark", _unique("certificate", marks))
        object.__setattr__(self, "_peers", _unique("id", ((each.id, each) for each in self.peers)))
        object.__setattr__(self, "_peers_by_uri", _unique("uri", ((each.uri, each) for each in self.peers)))
        object.__setattr__(self, "_devices", _unique("uri", ((each.uri, each) for each in self.devices)))
        for device in self.devices:
            validation.choice("pool of a device", device.pool, self._peers)
            if device.uri in self._peers_by_uri or ("uri", device.uri) in self._by_mark:
                raise ValueError(f"the certificate {device.uri!r} can be a device's or another's, not both")
        for pair in self.modes:
            for sae in pair:
                validation.choice("an application of modes", sae, self._by_id)
        if self.kme_id in self._peers:
            raise ValueError(f"the node {self.kme_id!r} cannot be its own peer")

    def caller(self, certificate: Certified) -> Application | None:
        """The application that has this certificate, if it is entered, enabled and served here."""
        marks = [("uri", uri) for uri in certificate.uris]
        marks += [("name", certificate.common_name)] if certificate.common_name is not None else []
        marks += [("pin", certificate.fingerprint)]
        for kind, mark in marks:
            found = self._by_mark.get((kind, mark))
            if found is not None:
                return found if found.enabled and found.kme == self.kme_id else None
        return None

    def peer_with(self, certificate: Certified) -> Peer | None:
        """The node that has this certificate."""
        return next((self._peers_by_uri[uri] for uri in certificate.uris if uri in self._peers_by_uri), None)

    def device_with(self, certificate: Certified) -> PushingDevice | None:
        """The device that has this certificate."""
        return next((self._devices[uri] for uri in certificate.uris if uri in self._devices), None)

    def application(self, sae_id: str) -> Application | None:
        """The application of that id."""
        return self._by_id.get(sae_id)

    def peer(self, kme_id: str) -> Peer | None:
        """The node of that id."""
        return self._peers.get(kme_id)

    def may_share(self, master: str, slave: str) -> bool:
        """Whether the first may make keys for the second."""
        return self.pairs is None or (master, slave) in self.pairs


def _unique(what: str, entries: Iterable[tuple[Mark, Entry]]) -> dict[Mark, Entry]:
    found: dict[Mark, Entry] = {}
    for mark, entry in entries:
        if mark in found:
            raise ValueError(f"two entries have the same {what}: {mark!r}")
        found[mark] = entry
    return found
