"""LINE: messages to people who linked their account (Messaging API), and what LINE tells us of them."""

import hmac
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import requests

from webapp.config import Settings

PATIENCE = 10
"""Seconds until LINE counts as silent."""
_REPEATED = 409
"""What LINE answers to a message that it has taken before, by its retry key."""


def send(settings: Settings, to: str, text: str, *, key: str) -> None:
    """Send a text to a LINE account; one `key` is delivered once. Raises OSError when LINE refuses it or is silent."""
    headers = {"Authorization": f"Bearer {settings.line_token}", "X-Line-Retry-Key": str(uuid5(NAMESPACE_URL, key))}
    body: dict[str, Any] = {"to": to, "messages": [{"type": "text", "text": text}]}
    answer = requests.post(settings.line_address, json=body, headers=headers, timeout=PATIENCE, allow_redirects=False)
    if answer.status_code // 100 != 2 and answer.status_code != _REPEATED:
        raise requests.HTTPError(f"LINE answered {answer.status_code}", response=answer)


def is_signed(settings: Settings, body: bytes, signature: str) -> bool:
    """Did LINE send this? Nothing is believed where no channel secret is set."""
    right = b64encode(hmac.digest(settings.line_secret.encode(), body, "sha256"))
    return bool(settings.line_secret) and hmac.compare_digest(right, signature.encode())


def read_texts(body: bytes) -> Iterator[tuple[str, str]]:
    """List what people wrote to the town's account: (their account, text). What is anything else is passed over."""
    try:
        events = json.loads(body)["events"]
        for event in events:
            message, source = event.get("message", {}), event.get("source", {})
            if event.get("type") == "message" and message.get("type") == "text" and source.get("userId"):
                yield str(source["userId"]), str(message["text"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return
