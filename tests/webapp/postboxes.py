"""Servers of this machine to which people's mail, text and other messages really go, and a browser that reads them."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from secrets import token_bytes
from socket import socket
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Thread
from typing import Any

import http_ece
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID


class Postbox:
    """A mail server of this machine that keeps what it gets, and may refuse an address."""

    def __init__(self) -> None:
        self.mail: list[EmailMessage] = []
        self.refused = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refused in envelope.rcpt_tos:
            return "451 come back later"
        self.mail.append(message_from_bytes(envelope.content or b"", policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def open_postbox() -> Iterator[tuple[Postbox, str]]:
    """Give a mail server and its host:port."""
    box = Postbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    yield box, f"127.0.0.1:{server.port}"
    server.stop()


@contextmanager
def open_closed_postbox(folder: Path, user: str, password: str) -> Iterator[tuple[Postbox, str]]:
    """Give a mail server that takes mail by STARTTLS alone, from one who signs in; its certificate lies in `folder`."""
    box, context = Postbox(), SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certify(folder))

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (user.encode(), password.encode()))

    server = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )
    server.start()
    yield box, f"127.0.0.1:{server.port}"
    server.stop()


def _certify(folder: Path) -> Path:
    """Write a key and a certificate of this machine that it signed itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = made.add_extension(here, critical=False).sign(key, SHA256())
    path = folder / "here.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + signed.public_bytes(Encoding.PEM))
    return path


class Reader:
    """A browser that let itself be told: it alone can read what is sent to it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._key, self._secret = ec.generate_private_key(ec.SECP256R1()), token_bytes(16)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.p256dh, self.auth = _base64(point), _base64(self._secret)

    def read(self, sealed: bytes) -> dict[str, Any]:
        """Read a message. Raises http_ece.ECEException for one that is for another browser."""
        opened = http_ece.decrypt(sealed, private_key=self._key, auth_secret=self._secret, version="aes128gcm")
        return dict(json.loads(opened))


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Gateway:
    """A gateway for messages that keeps what it is sent: (headers, body); `status` is what it answers."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.status = 200

    @property
    def sent(self) -> list[tuple[dict[str, str], str]]:
        return [(headers, body.decode()) for headers, body in self.received]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.sent]


@contextmanager
def open_gateway() -> Iterator[tuple[Gateway, str]]:
    """Give a gateway and its address."""
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            gateway.received.append((dict(self.headers), body))
            self.send_response(gateway.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield gateway, f"http://127.0.0.1:{server.server_port}/send"
    server.shutdown()
    thread.join()
    server.server_close()
