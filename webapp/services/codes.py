"""Codes, links and cards that are kept nowhere: each follows from an id and the town's secret key."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from datetime import timedelta

CODE_LIFE = timedelta(minutes=10)
DIGITS = 6
_TOKEN_BYTES = 24
_APP_BYTES = 20


def six_digits(key: str, sign_in_id: str) -> str:
    """Give the code of a sign-in."""
    return digits(key, "code", sign_in_id, DIGITS)


def digits(key: str, kind: str, row_id: str, count: int) -> str:
    """Give the digits that a person reads out for a row of a kind ("code", "boarding")."""
    return f"{int.from_bytes(_seal(key, kind, row_id)) % 10**count:0{count}}"


def token(key: str, kind: str, row_id: str) -> str:
    """Give random text that tells nothing of the row of a kind ("link", "card", "boarding") for which it stands."""
    return urlsafe_b64encode(_seal(key, kind, row_id)[:_TOKEN_BYTES]).decode()


def app_key(key: str, seed: str) -> bytes:
    """Give the key that an authenticator app shares with the town (20 bytes)."""
    return _seal(key, "authenticator", seed)[:_APP_BYTES]


def digest(text: str) -> str:
    """Give what is kept of a token, to find its row by (SHA-256)."""
    return hashlib.sha256(text.encode()).hexdigest()


def pseudonym(key: str, kind: str, subject: str) -> str:
    """Name an account or a network address in a way that only this town can tell."""
    return _seal(key, kind, subject).hex()


def _seal(key: str, kind: str, text: str) -> bytes:
    return hmac.digest(key.encode(), f"noriai {kind}\n{text}".encode(), "sha256")
