"""LINE: messages to people who linked their account (Messaging API), and what LINE tells us of them."""

import hmac
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import requests
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webapp.config import Settings

PATIENCE = 10
"""Seconds until LINE counts as silent."""
LONGEST_TEXT, LONGEST_ACCOUNT = 5_000, 100
_PRINTABLE = r"^[^\x00]*$"
"""PostgreSQL keeps no zero byte."""
_REPEATED = 409
"""What LINE answers to a message that it has taken before, by its retry key."""


def send(settings: Settings, to: str, text: str, *, key: str) -> None:
    """Send a text to a LINE account; one `key` is delivered once. Raises OSError when LINE refuses it or is silent."""
    headers = {"Authorization": f"Bearer {settings.line_token}", "X-Line-Retry-Key": str(uuid5(NAMESPACE_URL, key))}
    body: dict[str, Any] = {"to": to, "messages": [{"type": "text", "text": text}]}
    answer = requests.post(settings.line_address, json=body, headers=headers, timeout=PATIENCE, allow_redirects=False)
    if answer.status_code // 100 != 2 and answer.status_code != _REPEATED:
        raise requests.HTTPError(f"LINE answered {answer.status_code}")


def is_signed(settings: Settings, body: bytes, signature: str) -> bool:
    """Did LINE send this? Nothing is believed where no channel secret is set."""
    right = b64encode(hmac.digest(settings.line_secret.encode(), body, "sha256"))
    return bool(settings.line_secret) and hmac.compare_digest(right, signature.encode())


def read_texts(body: bytes) -> Iterator[tuple[str, str]]:
    """List what people wrote to the town's account: (their account, text). What else LINE tells is passed over.

    Raises ValueError for what is no such message at all, however it is made.
    """
    for event in _Hook.model_validate_json(body).events:
        with suppress(ValidationError):
            said = _Event.model_validate(event)
            yield said.source.userId, said.message.text


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _Message(_Strict):
    type: Literal["text"]
    text: str = Field(max_length=LONGEST_TEXT, pattern=_PRINTABLE)


class _Source(_Strict):
    userId: str = Field(min_length=1, max_length=LONGEST_ACCOUNT, pattern=_PRINTABLE)  # noqa: N815 - LINE's own word


class _Event(_Strict):
    type: Literal["message"]
    source: _Source
    message: _Message


class _Hook(_Strict):
    events: list[Any]
