"""A town's rules as a file: what may stand in it, and every fault of one in a sentence that says what to do."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from babel.numbers import list_currencies
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from matching.model import Detour, Rule
from webapp.config import LANGUAGES
from webapp.holiday_tables import SCHOOL, faults
from webapp.resources import data_path

ERROR, WARNING, NOTE = "error", "warning", "note"
ANYONE, WHEELCHAIR = "anyone", "wheelchair"
RULES = frozenset(rule.value for rule in Rule)
QUIET = "21:00-7:00"
QUIET_HOURS = r"^(none|([01]?\d|2[0-3]):[0-5]\d-([01]?\d|2[0-3]):[0-5]\d)$"
SPELLINGS = {
    "quiet_hours": '"none" or two times of the day, such as "21:00-7:00"',
    "closes": '"none" or a time of the day before, such as "previous day 16:00"',
    "fare_currency": "a code of ISO 4217, such as JPY",
    "terms": '"service"',
    "holidays.country": "a code of ISO 3166-1, such as JP",
}
"""What a key with a form of its own may say."""
OTHER_LANGUAGES = tuple(code for code in LANGUAGES if code != "en")

Minutes = Annotated[int, Field(ge=0, le=240)]
Seconds = Annotated[int, Field(ge=0, le=3600)]
Weight = Annotated[int, Field(ge=0, le=10_000)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to know of a rules file: how grave, at which key, and what was read, why it matters, what to do."""

    severity: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.text}"


class RulesError(ValueError):
    """A rules file that no service can be run by; the argument lists every fault in a sentence of its own."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_Said = dict[Literal["en", "fi", "ja", "ko", "sv"], Words]
"""A sentence of the town in some of the languages, English among them."""


class _Source(_Strict):
    title: Words
    url: Words
    read: date


class _Objective(_Strict):
    unserved_minutes: Weight = 0
    refused_minutes: Weight = 0
    harm: Weight = 0
    classes_minutes: dict[Words, Weight] = {}


class _OwnDays(_Strict):
    table: Words = SCHOOL
    first: date
    last: date | None = None
    name: Annotated[dict[Literal["en", "fi", "ja", "ko", "sv"], Words], Field(min_length=1)]


class _Holidays(_Strict):
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")] = ""
    subdivision: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{0,10}$")] = ""
    closed: list[Words] = []
    days: list[_OwnDays] = []


class _File(_Strict):
    """What may stand in a rules file, and in which bounds."""

    name: Words
    source: _Source | None = None
    terms: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]*$")] | None = None
    groups: list[Words] = []
    riders: list[Words] = []
    detour: Literal["none", "on route", "up to"] = "none"
    max_detour_minutes: Minutes = 0
    deadhead: bool = False
    max_extra_minutes: Minutes = 0
    max_ride_minutes: Annotated[int, Field(ge=1, le=480)] = 45
    ride_slack_minutes: Minutes = 0
    notice_minutes: Annotated[int, Field(ge=0, le=20_160)] = 30
    closes: Annotated[str, StringConstraints(pattern=r"^(none|previous day ([01]?\d|2[0-3]):[0-5]\d)$")] = "none"
    punctuality_minutes: Minutes = 0
    dwell_seconds: Seconds = 0
    dwell_wheelchair_seconds: Seconds = 0
    dwell_needs_seconds: dict[Words, Seconds] = {}
    freeze_minutes: Minutes = 0
    answer_minutes: Annotated[int, Field(ge=10, le=2880)] = 120
    quiet_hours: Annotated[str, StringConstraints(pattern=QUIET_HOURS)] = QUIET
    cancel_minutes: Annotated[int, Field(ge=0, le=20_160)] = 0
    late_cancel: _Said = {}
    no_show: _Said = {}
    late_minutes: Annotated[int, Field(ge=1, le=240)] = 10
    fare_cents: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    fare_currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    objective: _Objective = _Objective()
    holidays: _Holidays = _Holidays()
    articles: dict[str, Words | dict[str, Words]]
    not_enforced: list[dict[str, Words]] = []
    data_protection: dict[str, Words] = {}


_KEYS = [key for table in (_File, _Objective, _Holidays, _OwnDays) for key in table.model_fields]


def list_files() -> list[Path]:
    """List the rules files that come with the service."""
    return sorted(data_path("policies").glob("*.toml"))


def load(path: Path) -> dict[str, Any]:
    """Read a rules file, the terms that it names behind its own articles. Raises RulesError for one with errors."""
    rules, remarks = check(path)
    errors = [f"{one.where}: {one.text}" for one in remarks if one.severity == ERROR]
    if errors:
        raise RulesError(f"The rules of the town in {path.name} cannot be used. " + " ".join(errors))
    return rules


def check(path: Path) -> tuple[dict[str, Any], list[Remark]]:
    """Read a rules file and say all that is wrong or remarkable about it; its rules are empty where it has errors."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return {}, [Remark(ERROR, path.name, f"cannot be read as TOML in UTF-8 ({why}). Put this line right.")]
    remarks = list(_mistyped(said))
    if remarks:
        return {}, remarks
    rules = {**said, "articles": _with_terms(said)}
    remarks = [*_silent(rules), *_contradictions(said), *_untranslated(rules)]
    remarks += [Remark(NOTE, "not_enforced", f"not enforced by the machine: {one['en']}") for one in _by_people(said)]
    return ({} if any(one.severity == ERROR for one in remarks) else rules), remarks


def _by_people(said: dict[str, Any]) -> list[dict[str, str]]:
    kept: list[dict[str, str]] = said.get("not_enforced", [])
    return kept


def _mistyped(said: dict[str, Any]) -> Iterator[Remark]:
    """Find unknown keys, wrong types, and values out of range."""
    try:
        _File.model_validate(said)
    except ValidationError as error:
        said_of = {one.where: one for one in reversed([_say(fault) for fault in error.errors(include_url=False)])}
        yield from reversed(said_of.values())
        return
    yield from _unknown_articles(said["articles"])
    for n, one in enumerate(_by_people(said), 1):
        if "en" not in one or not set(one) <= set(LANGUAGES):
            told = f"has texts for {', '.join(one) or 'no language'}: write en, and more of {', '.join(LANGUAGES)}."
            yield Remark(ERROR, f"not_enforced {n}", told)
    if not set(said.get("data_protection", {})) <= set(LANGUAGES):
        yield Remark(ERROR, "data_protection", f"has texts for other languages than {', '.join(LANGUAGES)}.")
    yield from (Remark(ERROR, f"holidays.{key}", told) for key, told in faults(said.get("holidays", {})))
    for key in ("late_cancel", "no_show"):
        if said.get(key) and "en" not in said[key]:
            yield Remark(ERROR, key, "has no English text: write en, which is read where another language is missing.")
    if "terms" in said and not _terms_file(said["terms"]).exists():
        yield Remark(ERROR, "terms", f'{said["terms"]!r} are no terms that come with the service: write "service".')
    currency = said.get("fare_currency", "EUR")
    if currency not in list_currencies():
        yield Remark(ERROR, "fare_currency", f"{currency!r} is no currency: write a code of ISO 4217, such as JPY.")


def _say(fault: Any) -> Remark:
    """Put what the model found into words: what was read, why it is refused, what to do."""
    path = [str(part) for part in fault["loc"] if not re.match(r"constrained-str|dict\[", str(part))]
    where, read = ".".join(path), fault["input"]
    if fault["type"] == "missing":
        return Remark(ERROR, where, "is missing. Every rules file says this: add it.")
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(
            path[-1],
            [*_File.model_fields, *_Objective.model_fields, *_Holidays.model_fields, *_OwnDays.model_fields],
            1,
        )
        hint = f"Did you mean {near[0]}?" if near else "Take it out; a rule in words belongs under [[not_enforced]]."
        return Remark(ERROR, where, f"no rule has this name, so nothing would obey it. {hint}")
    if where in SPELLINGS:
        return Remark(ERROR, where, f"{read!r} was read, which nobody could obey. Write {SPELLINGS[where]}.")
    why = fault["msg"][0].lower() + fault["msg"][1:]
    return Remark(ERROR, where, f"{read!r} was read, but {why}. Write such a value, or leave the key out.")


def _unknown_articles(articles: dict[str, Any]) -> Iterator[Remark]:
    for key, text in articles.items():
        if isinstance(text, dict):
            if key not in OTHER_LANGUAGES:
                told = (
                    f"is no language of the service: write one of {', '.join(OTHER_LANGUAGES)} (English has no table)."
                )
                yield Remark(ERROR, f"articles.{key}", told)
            yield from (_no_such_rule(f"articles.{key}.{rule}", rule) for rule in sorted(text.keys() - RULES))
        elif key not in RULES:
            yield _no_such_rule(f"articles.{key}", key)


def _no_such_rule(where: str, rule: str) -> Remark:
    near = get_close_matches(rule, RULES, 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"The rules are: {', '.join(sorted(RULES))}."
    return Remark(ERROR, where, f"no refusal has this name, so nobody would ever read the article. {hint}")


def _terms_file(name: str) -> Path:
    return data_path("policies", "terms", f"{name}.toml")


def _with_terms(said: dict[str, Any]) -> dict[str, Any]:
    """Put the terms behind a town's own articles; a rule of which the town speaks is the town's in every language."""
    own = said["articles"]
    spoken = {rule for rule, text in own.items() if isinstance(text, str)}
    spoken |= {rule for text in own.values() if isinstance(text, dict) for rule in text}
    if "terms" not in said:
        return dict(own)
    terms = tomllib.loads(_terms_file(said["terms"]).read_text(encoding="utf-8"))["articles"]
    merged: dict[str, Any] = {
        rule: text for rule, text in terms.items() if isinstance(text, str) and rule not in spoken
    }
    merged |= {rule: text for rule, text in own.items() if isinstance(text, str)}
    for code in OTHER_LANGUAGES:
        theirs = {rule: text for rule, text in terms.get(code, {}).items() if rule not in spoken}
        merged[code] = theirs | own.get(code, {})
    return merged


def _silent(rules: dict[str, Any]) -> Iterator[Remark]:
    """Find rules that can refuse somebody and could cite nothing."""
    silent = sorted(RULES - rules["articles"].keys())
    if silent:
        told = (
            f'no article for {", ".join(silent)}: a refusal could cite nothing. Write them, or take terms = "service".'
        )
        yield Remark(ERROR, "articles", told)


def _contradictions(said: dict[str, Any]) -> Iterator[Remark]:
    """Find rules that cannot be meant together, and groups that nobody can hold."""
    riders, groups = said.get("riders", []), {*said.get("groups", []), ANYONE, WHEELCHAIR}
    detour, most = said.get("detour", "none"), said.get("max_detour_minutes", 0)
    if detour == Detour.UP_TO and not most:
        yield Remark(ERROR, "detour", '"up to" 0 minutes is no detour: set max_detour_minutes, or write "none".')
    if detour != Detour.UP_TO and most:
        told = f'{most} was read, but detour is {detour!r}, so no minute is used. Take this out, or write "up to".'
        yield Remark(WARNING, "max_detour_minutes", told)
    if not riders and said.get("fare_cents", 0):
        told = "nobody is named, but there is a fare, which no resident could pay. Name who may ride, or take it out."
        yield Remark(ERROR, "riders", told)
    elif not riders:
        yield Remark(WARNING, "riders", 'nobody is named, so no resident may ride. Name groups, or write "anyone".')
    for group in riders:
        if group not in groups:
            told = (
                f"{group!r} is not among groups, so the desk can give it to nobody. Add it to groups, or take it out."
            )
            yield Remark(ERROR, "riders", told)
    if ANYONE in riders and len(riders) > 1:
        yield Remark(
            WARNING, "riders", '"anyone" admits all, so the other groups decide nothing. Take one or the other out.'
        )
    if said.get("freeze_minutes", 0) > said.get("notice_minutes", 30):
        told = (
            "is more than notice_minutes: a ride could be asked for that nothing can change any more. Raise the notice."
        )
        yield Remark(WARNING, "freeze_minutes", told)


def _untranslated(rules: dict[str, Any]) -> Iterator[Remark]:
    """Find languages in which a reader would be shown English."""
    for code in OTHER_LANGUAGES:
        missing = sorted(RULES - rules["articles"].get(code, {}).keys())
        if missing:
            told = f"no text for {', '.join(missing)}: readers of {LANGUAGES[code]} are shown the English one."
            yield Remark(WARNING, f"articles.{code}", told)


def quiet_hours(said: Mapping[str, Any]) -> tuple[time, time] | None:
    """Read from when to when rules let people sleep; None where nobody has to be quiet."""
    text = str(said.get("quiet_hours", QUIET))
    if text == "none":
        return None
    begin, end = (time.fromisoformat(clock.zfill(5)) for clock in text.split("-"))
    return (begin, end) if begin != end else None
