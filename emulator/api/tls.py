"""What the state folder holds of identity: a certificate authority, the API's certificate, a token, the kubeconfig.

kubectl drops tokens on plain HTTP, so the API speaks HTTPS from the first day. All is made once and kept, so that a
kubeconfig that was exported goes on working after a restart.
"""

import base64
import datetime as dt
import ipaddress
import os
import secrets
from pathlib import Path
from typing import NamedTuple

import yaml

#: Ten years: a laptop's own authority needs no rotation, and an expired one would break `up` for no gain.
VALID = dt.timedelta(days=3650)
CONTEXT = "knative-emulator"
#: RFC 5280 section 4.2.1.3: what an authority's key is for. OpenSSL's strict mode wants it said.
CA_USAGE = {
    "digital_signature": True,
    "key_cert_sign": True,
    "crl_sign": True,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


class Identity(NamedTuple):
    """Paths of what TLS needs, and the bearer token that every request must carry."""

    ca: Path
    certificate: Path
    key: Path
    token: str


def identity(state_dir: Path) -> Identity:
    """Read the identity of a state folder; make it at the first call."""
    ca, certificate, key, token = (state_dir / name for name in ("ca.crt", "api.crt", "api.key", "token"))
    if not all(path.exists() for path in (ca, certificate, key)):
        _make_certificates(ca, certificate, key)
    if not token.exists():
        write_private(token, secrets.token_urlsafe(32).encode())
    return Identity(ca, certificate, key, token.read_text())


def write_kubeconfig(path: Path, who: Identity, port: int) -> None:
    """Write a kubeconfig of one context; the user's own file is never touched."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "default"}}],
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {
                    "server": f"https://127.0.0.1:{port}",
                    "certificate-authority-data": base64.b64encode(who.ca.read_bytes()).decode(),
                },
            }
        ],
        "users": [{"name": CONTEXT, "user": {"token": who.token}}],
    }
    write_private(path, yaml.safe_dump(config).encode())


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)


def _make_certificates(ca_path: Path, certificate_path: Path, key_path: Path) -> None:
    # Imported where used: it costs 70 ms, and only the first `up` of a state folder needs it.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    now = dt.datetime.now(dt.UTC)

    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    def builder(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("knative-emulator CA"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + VALID)
        )

    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = (
        builder("knative-emulator CA", ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(**CA_USAGE), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        builder("knative-emulator API", key)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    write_private(
        key_path,
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    write_private(certificate_path, certificate.public_bytes(pem))
    write_private(ca_path, ca.public_bytes(pem))
