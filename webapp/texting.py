"""Text messages by whatever gateway a town has: one request by HTTPS for each."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import phonenumbers
import requests

PATIENCE = 10
"""Seconds until a gateway counts as silent."""
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_GAPS = ("{to}", "{text}")


class TextGateway:
    """Sends to one address. body: JSON, or a form such as To={to}&Body={text}. Raises ValueError."""

    def __init__(self, address: str, *, body: str, authorization: str = "") -> None:
        parts = urlsplit(address)
        if not parts.hostname or (
            parts.scheme != "https" and (parts.scheme, parts.hostname in _HERE) != ("http", True)
        ):
            raise ValueError(
                "NORIAI_SMS is no https address: write that of the gateway, such as https://sms.example.org/send"
            )
        if not all(gap in body for gap in _GAPS):
            raise ValueError(f"NORIAI_SMS_BODY is {body!r}: write where number and message go, as {{to}} and {{text}}")
        self._address, self._is_json, self._body = address, body.lstrip().startswith("{"), _read(body)
        self._headers = {"Authorization": authorization} if authorization else {}

    def send(self, number: str, text: str) -> None:
        """Send a message to a number (E.164). Raises OSError when the gateway is silent or refuses it."""
        filled = _fill(self._body, {"{to}": number, "{text}": text})
        body: dict[str, Any] = {"json": filled} if self._is_json else {"data": filled}
        answer = requests.post(self._address, headers=self._headers, timeout=PATIENCE, allow_redirects=False, **body)
        if answer.status_code // 100 != 2:
            raise requests.HTTPError(f"the gateway answered {answer.status_code}", response=answer)


def international(text: str, country: str) -> str:
    """Write a phone number as E.164 has it, without a code as of `country` (ISO 3166); empty where it is none."""
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _read(body: str) -> Any:
    if not body.lstrip().startswith("{"):
        return parse_qsl(body, keep_blank_values=True)
    try:
        return json.loads(body)
    except ValueError as error:
        raise ValueError(f"NORIAI_SMS_BODY is {body!r}, which is no JSON: {error}") from error


def _fill(part: Any, words: dict[str, str]) -> Any:
    """Fill the gaps of a body that was read, so that no message can change its shape."""
    if isinstance(part, str):
        for gap, said in words.items():
            part = said.join(part.split(gap))
        return part
    if isinstance(part, dict):
        return {name: _fill(inner, words) for name, inner in part.items()}
    if isinstance(part, (list, tuple)):
        return type(part)(_fill(inner, words) for inner in part)
    return part
