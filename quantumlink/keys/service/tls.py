"""TLS with certificates on both sides, and what is checked again at each request.

A kept or resumed connection would outlive a revocation or the end of a certificate: there are no tickets, and
serial number, dates and revocation are looked at each time. Towards other nodes, connections made before the
revocation list changed are not used any more.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from quantumlink.keys.delivery.refusal import Refusal
from quantumlink.keys.delivery.registry import Certified

_LOOK_EVERY_S: Final = 1.0
_RENEW_S: Final = 3600.0
"""How long connections to another node may be kept at most."""


@dataclass(frozen=True)
class Credentials:
    """The files of one side."""

    certificate: Path
    key: Path
    ca: Path
    revocations: Path | None = None


def server_context(credentials: Credentials) -> ssl.SSLContext:
    """A server's context that asks every client for a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(credentials.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.load_cert_chain(str(credentials.certificate), str(credentials.key))
    return context


def client_context(credentials: Credentials, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    """A client's context."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(credentials.ca))
    context.minimum_version = minimum
    context.load_cert_chain(str(credentials.certificate), str(credentials.key))
    return context


class Outbound:
    """TLS towards other nodes, whose certificates must not be revoked either.

    A connection is kept for the context that made it. There is a new one whenever the revocation list changes, and
    now and then.

    Args:
        credentials: this node's.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._made_at = self._looked_at = -_RENEW_S
        self._mark: tuple[int, int] | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The context for the next request.

        Raises:
            OSError: if the revocation list cannot be read: then nobody can be trusted.
        """
        now = time.monotonic()
        if self._context is not None and now - self._looked_at < _LOOK_EVERY_S:
            return self._context
        listed = self._credentials.revocations
        mark = None
        if listed is not None:
            found = listed.stat()
            mark = (found.st_mtime_ns, found.st_ino)
        if self._context is None or mark != self._mark or now - self._made_at >= _RENEW_S:
            self._context = None  # none at all, unless this one can be made
            context = client_context(self._credentials)
            if listed is not None:
                context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
                context.load_verify_locations(str(listed))
            self._context, self._mark, self._made_at = context, mark, now
        self._looked_at = now
        return self._context


class Revocations:
    """The revocation list of the authority, read again when its file changes.

    Args:
        path: the file, None for none.
        ca: the authority's certificate, which must have signed it.
    """

    def __init__(self, path: Path | None, ca: Path) -> None:
        self._path = path
        self._ca = x509.load_pem_x509_certificate(ca.read_bytes())
        self._looked_at = -_LOOK_EVERY_S
        self._mark: tuple[int, int] | None = None
        self._serials: frozenset[int] = frozenset()
        self.ends_s: float | None = None
        """When the list expires; None without one."""

    def check(self, certificate: Certified) -> None:
        """Refuse a certificate that is revoked or out of its time, and any if the list has expired.

        Raises:
            Refusal: if so.
        """
        now = time.time()
        if not certificate.is_valid_at(now):
            raise Refusal(401, "the certificate is expired or not yet valid", cause="certificate expired")
        if self._path is None:
            return
        self._look()
        if self.ends_s is None or now > self.ends_s:
            raise Refusal(
                401, "the revocation list has expired: no certificate can be trusted", cause="CRL expired"
            )
        if certificate.serial in self._serials:
            raise Refusal(401, "the certificate is revoked", cause="certificate revoked")

    def _look(self) -> None:
        if self._path is None or time.monotonic() - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        try:
            found = self._path.stat()
            if (mark := (found.st_mtime_ns, found.st_ino)) == self._mark:
                return
            listed = x509.load_pem_x509_crl(self._path.read_bytes())
        except (OSError, ValueError):
            self.ends_s, self._mark = None, None  # a list that cannot be read counts as expired
            return
        key = self._ca.public_key()
        if not listed.is_signature_valid(key):  # type: ignore[arg-type]
            self.ends_s, self._mark = None, None
            return
        self._mark = mark
        self._serials = frozenset(each.serial_number for each in listed)
        self.ends_s = None if listed.next_update_utc is None else listed.next_update_utc.timestamp()
