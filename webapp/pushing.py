"""Messages to browsers (Web Push): signed with the town's own key (VAPID), encrypted for the one browser alone."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from tempfile import mkstemp
from urllib.parse import urlsplit

import http_ece
import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02, VapidException

from webapp.config import Settings

PATIENCE = 10
"""Seconds until a push service counts as silent."""
LONGEST_ENDPOINT = 1000
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_POINT, _SECRET = 65, 16
"""Bytes of a browser's public key, and of the secret that it shares with us."""


class Gone(OSError):
    """No message reaches this browser any more."""


def is_sound(settings: Settings, endpoint: str, p256dh: str, auth: str) -> bool:
    """Can this be a browser's subscription at one of the push services that the town sends to, and at no other host?"""
    try:
        parts, point = urlsplit(endpoint), _decode(p256dh)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        secret = _decode(auth)
    except (ValueError, UnsupportedAlgorithm):
        return False
    host = parts.hostname or ""
    is_known = any(host == one or host.endswith(f".{one}") for one in settings.push_services)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in _HERE)
    is_short = len(endpoint) <= LONGEST_ENDPOINT and not parts.username
    return is_known and is_safe and is_short and (len(point), len(secret)) == (_POINT, _SECRET)


def public_key(settings: Settings) -> str:
    """Give the key by which browsers know this town, as they want it."""
    point = _key(settings.home / "push-key.pem").public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()


def send(settings: Settings, endpoint: str, keys: tuple[str, str], text: str, *, seconds: int, urgent: bool) -> None:
    """Send a text to a browser, which may wait for it so many seconds; keys: its own, and the secret it shares.

    Raises Gone when it takes none any more, OSError when the push service is silent or refuses it, ValueError when the
    town's own address is none.
    """
    parts = urlsplit(endpoint)
    claims = {"sub": f"mailto:{parseaddr(settings.mail_from)[1]}", "aud": f"{parts.scheme}://{parts.netloc}"}
    try:
        signed = _key(settings.home / "push-key.pem").sign(claims)
        sealed = http_ece.encrypt(
            text.encode(),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=_decode(keys[0]),
            auth_secret=_decode(keys[1]),
            version="aes128gcm",
        )
    except (VapidException, http_ece.ECEException) as error:
        raise ValueError(f"this message cannot be signed or sealed: {error}") from error
    headers = {
        **signed,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(seconds),
        "Urgency": "high" if urgent else "normal",
    }
    answer = requests.post(endpoint, data=sealed, headers=headers, timeout=PATIENCE, allow_redirects=False)
    if answer.status_code in {404, 410}:
        raise Gone("the browser has ended its subscription")
    if answer.status_code // 100 != 2:
        raise requests.HTTPError(f"the push service answered {answer.status_code}", response=answer)


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def _key(path: Path) -> Vapid02:
    """Read the key of this home; the first process to come makes it, whole before anybody can read it."""
    if not path.exists():
        made = Vapid02()
        made.generate_keys()
        number, fresh = mkstemp(dir=path.parent)  # only its owner may read such a file
        with os.fdopen(number, "wb") as file:
            file.write(made.private_pem())
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        Path(fresh).unlink()
    return Vapid02.from_file(str(path))
