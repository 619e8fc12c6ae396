"""All that is known of one person, for themselves: as data, and as a page in their language, in one file."""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from html import escape
from typing import Any

from webapp.config import LANGUAGES
from webapp.services import access_log, messages
from webapp.services.errors import NotFound
from webapp.texts import lazy, translator
from webapp.town import Town

Section = list[dict[str, Any]]
SECTIONS: Mapping[str, str] = {
    "account": lazy("Your account"),
    "paper": lazy("What you signed on paper"),
    "groups": lazy("Groups that admit you, and who decided"),
    "places": lazy("Your saved places"),
    "requests": lazy("Trips you asked for"),
    "trips": lazy("Trips you booked"),
    "weekly": lazy("Weekly trips"),
    "taps": lazy("What drivers noted of your trips"),
    "opinions": lazy("What you said of trips"),
    "helpers": lazy("Helpers, and people you help"),
    "consents": lazy("Consents, those that ended too"),
    "news": lazy("News of rides that was told"),
    "members": lazy("Members of whom you are the guardian"),
    "absences": lazy("Absences"),
    "reach": lazy("How we tell you"),
    "messages": lazy("Messages to you"),
    "cards": lazy("Cards"),
    "call_backs": lazy("Calls of the desk"),
    "rides": lazy("Rides"),
    "readers": lazy("Who looked at where you travel"),
}
"""What a person is told, in this order; a section without anything is left out of the page."""
SECRETS = frozenset(
    {"password", "fs_uniquifier", "pin", "link", "p256dh", "auth", "key", "request_hash", "code_at", "device"}
)
"""Columns that tell nothing of a person, and open something."""


def of_resident(town: Town, user_id: str) -> dict[str, Section]:
    """Gather all that is known of a resident. Raises NotFound."""
    with town.store.read() as records:
        known = records.list_known_of_resident(user_id)
        language = records.get_user(user_id).language or town.settings.language
    texts = {row.id: messages.plain(town, row, language) for row in known["messages"]}  # type: ignore[attr-defined, arg-type]
    found = {name: [_plain(row) for row in rows] for name, rows in known.items()}
    for said in found["messages"]:
        said["text"] = texts[said["id"]]
    found["readers"] = _readers(access_log.read_resident(town, user_id))
    return found


def of_member(town: Town, operator: str, code: str) -> dict[str, Section]:
    """Gather all that is known of an operator's member. Raises NotFound."""
    with town.store.read() as records:
        if code not in records.list_member_codes(operator):
            raise NotFound("member")
        known = records.list_known_of_member(operator, code)
    found = {name: [_plain(row) for row in rows] for name, rows in known.items()}
    found["readers"] = _readers(access_log.read_member(town, operator, code))
    return found


def pack(town: Town, found: Mapping[str, Section], *, language: str = "") -> bytes:
    """Put what is known into a zip: data.json, and index.html to be read by people."""
    packed = io.BytesIO()
    spoken = language if language in LANGUAGES else town.settings.language
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in (("data.json", as_json(found)), ("index.html", as_page(found, spoken))):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o600 << 16
            out.writestr(entry, text)
    return packed.getvalue()


def as_json(found: Mapping[str, Section]) -> str:
    return json.dumps(found, ensure_ascii=False, indent=1)


def as_page(found: Mapping[str, Section], language: str) -> str:
    """Write what is known for people, without anything that is empty."""
    _ = translator(language)
    title = _("What is known of you")
    told = [name for name in SECTIONS if found.get(name)]
    parts = [f"<section><h2>{escape(_(SECTIONS[name]))}</h2>{_table(found[name])}</section>" for name in told]
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        "<style>body{font:1.1rem/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "th{text-align:left;vertical-align:top;padding-right:1rem}table{margin-bottom:1.5rem}</style></head>"
        f"<body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>"
    )


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(
        "<table>"
        + "".join(
            f'<tr><th scope="row">{escape(name.replace("_", " "))}</th><td>{escape(_text(value))}</td></tr>'
            for name, value in row.items()
            if value not in ("", None, [], {}, False)
        )
        + "</table>"
        for row in rows
    )


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "✓" if value is True else str(value)


def _plain(row: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.model_dump().items() if name not in SECRETS}


def _value(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _readers(readings: Iterable[access_log.Reading]) -> Section:
    return [{"at": one.at.isoformat(), "who": one.name or one.reader, "page": one.purpose} for one in readings]
