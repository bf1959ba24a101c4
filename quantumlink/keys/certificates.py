"""A small certificate authority, for demonstrations and tests: P-256, one level, with a revocation list.

A real network has an authority of its own; the service only reads files.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SLACK = timedelta(minutes=5)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path
    serial: int


class Authority:
    """A certificate authority that lives in a directory.

    Args:
        directory: where its files are, and those of what it issues; made if missing.
        name: its name.
        days: how long it is valid.
    """

    def __init__(self, directory: str | Path, *, name: str = "quantumlink demo CA", days: float = 365) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        certificate = (
            self._builder(self._name, self._key.public_key(), datetime.now(UTC) + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        self.certificate = self.directory / "ca.crt"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.revocations = self.directory / "ca.crl"

    def issue(
        self,
        name: str,
        *,
        uri: str | None = None,
        hosts: Sequence[str] = (),
        client: bool = True,
        server: bool = False,
        days: float = 30,
        starts_in_days: float = 0,
        file_name: str | None = None,
    ) -> Issued:
        """Issue a certificate.

        Args:
            name: the common name.
            uri: a URI among the alternative names.
            hosts: host names and addresses among the alternative names.
            client: whether it may be used by a client.
            server: whether it may be used by a server.
            days: how long it is valid; a negative number makes one that has expired.
            starts_in_days: when it begins to be valid.
            file_name: name of the files, without their ending; the common name if None.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        starts = datetime.now(UTC) + timedelta(days=starts_in_days)
        ends = starts + timedelta(days=days)
        names: list[x509.GeneralName] = [] if uri is None else [x509.UniformResourceIdentifier(uri)]
        names += [_host(each) for each in hosts]
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH] if client else []
        purposes += [ExtendedKeyUsageOID.SERVER_AUTH] if server else []
        builder = (
            self._builder(subject, key.public_key(), ends, min(starts, ends))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(self._identifier, critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        stem = self.directory / (file_name or name.replace("/", "_"))
        found = Issued(Path(f"{stem}.crt"), Path(f"{stem}.key"), certificate.serial_number)
        found.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        with os.fdopen(os.open(found.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        return found

    def revoke(self, serials: Iterable[int], *, days: float = 30) -> Path:
        """Write the revocation list with these certificates on it, valid for that long (negative: expired)."""
        now = datetime.now(UTC)
        ends = now + timedelta(days=days)
        builder = x509.CertificateRevocationListBuilder(
            self._name, last_update=min(now - _SLACK, ends - _SLACK), next_update=ends
        )
        for serial in serials:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=now - _SLACK).build()
            )
        builder = builder.add_extension(x509.CRLNumber(int(now.timestamp() * 1e6)), critical=False)
        builder = builder.add_extension(self._identifier, critical=False)
        content = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        fresh = self.revocations.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(self.revocations)
        return self.revocations

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, ends: datetime, starts: datetime | None = None
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before((starts or datetime.now(UTC)) - _SLACK)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
