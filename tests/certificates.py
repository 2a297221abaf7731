"""Certificates of our own, for servers on this machine that tests talk to."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, and a certificate that it gave a server."""

    ca_file: Path
    chain: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


def make_authority(
    folder: Path, *, host: str | None = None, address: str = "127.0.0.1", expired: bool = False
) -> Authority:
    """Make an authority whose server is at `address`, or is `host` instead."""
    folder.mkdir(parents=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host or address)])
    now = datetime.now(UTC)
    start, end = now - timedelta(days=30), now + timedelta(days=-1 if expired else 30)

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public)
        return made.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)

    own = x509.BasicConstraints(ca=True, path_length=0)
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca = builder(issuer, ca_key.public_key()).add_extension(own, critical=True)
    ca = ca.add_extension(identifier, critical=False).add_extension(usage, critical=True)
    names: list[x509.GeneralName] = [x509.DNSName(host) if host else x509.IPAddress(ipaddress.ip_address(address))]
    server = builder(subject, key.public_key()).add_extension(x509.SubjectAlternativeName(names), critical=False)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    server = server.add_extension(issued_by, critical=False)
    pem = serialization.Encoding.PEM
    files = Authority(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    files.ca_file.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    files.chain.write_bytes(server.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    plain = serialization.NoEncryption()
    files.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return files
