"""A field of a longer form in which a place is named: by the words for it, or by one of those that were listed."""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from routing.places import Named
from routing.times import Place
from webapp.db import tables
from webapp.services import places, trips
from webapp.services.errors import Invalid
from webapp.views.questions import kind_text
from webapp.views.shared import language, town, words, write_name

MOST_FOUND = 8
LONGEST = 120
Saved = Sequence[tables.SavedPlace]
Option = tuple[str, str, str]


class Unclear(Invalid):
    """Several places may be meant; `options` are put to choose from."""

    def __init__(self, options: list[Option]) -> None:
        super().__init__("place")
        self.options = options


def read(field: str, saved: Saved = ()) -> str:
    """Give the signed place that a field names.

    Raises Invalid for no words, or words that no place answers, Unclear where they may mean several.
    """
    text = words(field, LONGEST)
    if not text:
        raise Invalid("text")
    for name, token in (("name", "place"), ("found", "pick")):
        if words(f"{field}_{token}", 1000) and words(f"{field}_{name}", LONGEST) == text:
            return words(f"{field}_{token}", 1000)
    named = _find(text, saved)
    if not named:
        raise Invalid("unknown")
    options = _options(named)
    sure = [one for one in named if one.named.sure]
    if sure and (named[0].label.casefold() == text.casefold() or len(sure) == 1):
        return options[named.index(sure[0])][0]
    exact = [token for token, name, _hint in options if name.casefold() == text.casefold()]
    if len(exact) == 1:
        return exact[0]
    raise Unclear(options)


def suggestions(saved: Saved = ()) -> dict[str, Any]:
    """List what may be meant while it is being written: the rider's own places first, then those of the map."""
    options = _options(_find(words("text"), saved))
    count = ngettext("%(num)d place found", "%(num)d places found", len(options)) if options else _("No place found")
    return {"options": [{"token": token, "name": name, "hint": hint} for token, name, hint in options], "count": count}


def _find(text: str, saved: Saved) -> list[places.Usual]:
    said = text.casefold()
    named = [one for one in saved if said and one.label.casefold().startswith(said)]
    own = [places.Usual(one.label, Named(one.name, "", Place(one.lat, one.lon))) for one in named]
    known = {one.named.place for one in own}
    searched = places.search(town(), text, limit=MOST_FOUND) if text else []
    return [*own, *(places.Usual("", one) for one in searched if one.place not in known)]


def _options(found: list[places.Usual]) -> list[Option]:
    parts = places.tell_apart(town(), [one.named for one in found], language())
    return [_option(one, part) for one, part in zip(found, parts, strict=True)]


def _option(one: places.Usual, part: str) -> Option:
    token, name = trips.sign_place(town(), one.named), write_name(one.named.name, one.named.place)
    if one.label:
        return token, one.label, name
    return token, name, " · ".join(filter(None, [kind_text(one.named.kind), part and _("near %(place)s", place=part)]))
