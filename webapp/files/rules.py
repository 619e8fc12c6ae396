"""Read who may ride, how far a run may leave its road, and rider codes, in the words of `data/field_names.toml`."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from webapp.files.field_names import FieldNames
from webapp.files.scheduled import RiderCode

_APART = re.compile(r"[,、;・\n]+")
_AND = re.compile(r"[+,、;]|ja |と")
_MINUTES = re.compile(r"(\d{1,3})\s*(?:minutes?|min\.?|minuuttia|分|분)?")
_RIDER_CODE = re.compile(r"(?=.*\d)[0-9A-Za-z][0-9A-Za-z-]{0,15}")
_CODES_APART = re.compile(r"[\s,、;・/]+")
_IN_WHEELCHAIR = re.compile(r"(.*\d)w", re.IGNORECASE)


class DetourRule(NamedTuple):
    """mode: none, on route or up to; most: seconds for `up to`; deadhead: also before and after the riders."""

    mode: str = "none"
    most: int = 0
    deadhead: bool = False


def riders_allowed(words: str, names: FieldNames) -> tuple[str, ...]:
    """Read who may ride besides the committed riders; any word that is not known is the name of a group."""
    groups = []
    for item in filter(None, map(str.strip, _APART.split(words))):
        meaning = names.find("who_may_ride", item) or item
        groups += [meaning] if meaning != "committed" else []
    return tuple(dict.fromkeys(groups))


def detour_rule(words: str, names: FieldNames) -> DetourRule | None:
    """Read `none`, `on route`, `up to 5 min`, `deadhead`, or one of them with `+ deadhead`; None for other words."""
    rule = DetourRule()
    for item in filter(None, map(str.strip, _AND.split(words))):
        part = _part(item, names)
        if part is None or (part.mode != "none" and rule.mode != "none"):
            return None
        mode, most = (part.mode, part.most) if part.mode != "none" else (rule.mode, rule.most)
        rule = DetourRule(mode, most, rule.deadhead or part.deadhead)
    return rule


def _part(item: str, names: FieldNames) -> DetourRule | None:
    meaning = names.find("detour", item)
    if meaning in {"none", "on_route", "deadhead"}:
        return DetourRule("on route" if meaning == "on_route" else "none", 0, meaning == "deadhead")
    minutes = _MINUTES.search(item)
    rest = _MINUTES.sub("", item).strip()
    if not minutes or (rest and names.find("detour", rest) != "up_to"):
        return None
    return DetourRule("up to", int(minutes[1]) * 60)


def is_rider_code(words: str) -> bool:
    """Is this a code of a list of riders, and no name? It has a digit, and nothing but letters and digits of ASCII."""
    return bool(_RIDER_CODE.fullmatch(words))


@lru_cache(maxsize=1_024)
def rider_codes(words: str) -> tuple[RiderCode, ...]:
    """Read codes such as `A12、B07w`, where w behind a digit means in a wheelchair."""
    if not words:
        return ()
    codes = filter(None, _CODES_APART.split(unicodedata.normalize("NFKC", words)))
    return tuple(
        RiderCode(found[1], wheelchair=True) if (found := _IN_WHEELCHAIR.fullmatch(code)) else RiderCode(code)
        for code in codes
    )
