"""Offers as signed text: a browser may carry them, but not change them, nor book one that has run out."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import TypeAdapter

from matching.offers import Offer
from webapp.db import tables
from webapp.services import wishes
from webapp.services.errors import Gone, NotAllowed
from webapp.town import Town

OFFER = TypeAdapter(Offer)


@dataclass(frozen=True, slots=True)
class Token:
    """A signed offer as it was read back: of which request, and for which answers; `digest` names it in the records."""

    offer: Offer
    request: str
    answers: list[Any]
    digest: str


def sign(town: Town, request: tables.Request, offer: Offer) -> str:
    """Write an offer as text that only this town can have written."""
    said = [request.id, wishes.answers(request), OFFER.dump_python(offer, mode="json")]
    return str(_serializer(town).dumps(said))


def read(town: Town, text: str) -> Token:
    """Read a signed offer. Raises NotAllowed when it was altered, or was signed elsewhere."""
    try:
        request, answers, offer = _serializer(town).loads(text)
    except BadSignature as error:
        raise NotAllowed("offer") from error
    return Token(OFFER.validate_python(offer), request, answers, hashlib.sha256(text.encode()).hexdigest())


def check_time(town: Town, token: Token) -> None:
    """Raise Gone when an offer has run out by the town's clock."""
    if town.seconds_now(date.fromisoformat(token.answers[0])) > token.offer.expires:
        raise Gone("offer expired")


def _serializer(town: Town) -> URLSafeSerializer:
    return URLSafeSerializer([*reversed(town.settings.keys)], salt="noriai offer")
