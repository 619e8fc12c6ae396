"""On which dates a town has public, school and other holidays: the tables of its country, and its own."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

PUBLIC, SCHOOL = "public", "school"
"""Tables that files call by common words; a town may have others under names of its own."""

_LANGUAGES = {"en": "en_US", "sv": "sv_FI"}
"""Codes of the library where they differ from ours."""


@dataclass(frozen=True, slots=True)
class OwnDays:
    """Dates of a town's own table, both ends included; names: (language, what the day is called)."""

    table: str
    first: date
    last: date
    names: tuple[tuple[str, str], ...] = ()

    def name(self, language: str) -> str:
        """Name the days in a language, in English where it has no name there, in any where neither has."""
        said = dict(self.names)
        return said.get(language) or said.get("en") or next(iter(said.values()), "")


@dataclass(frozen=True, slots=True)
class Holidays:
    """The holidays of one town; country: ISO 3166-1, subdivision: ISO 3166-2 without the country, empty for none.

    closed: the tables on whose dates no run goes whose file says nothing of holidays; None where the town is silent.
    """

    country: str = ""
    subdivision: str = ""
    own: tuple[OwnDays, ...] = ()
    closed: tuple[str, ...] | None = None

    def has(self, table: str) -> bool:
        """Is there such a table?"""
        return (table == PUBLIC and bool(self.country)) or any(days.table == table for days in self.own)

    @property
    def tables(self) -> tuple[str, ...]:
        """List the tables that there are."""
        named = dict.fromkeys([*((PUBLIC,) if self.country else ()), *(days.table for days in self.own)])
        return tuple(named)

    def find(self, table: str, day: date, language: str = "en") -> str | None:
        """Name the holiday of a table on a date, empty for one without a name; None where there is none."""
        own = next((days for days in self.own if days.table == table and days.first <= day <= days.last), None)
        if own is not None:
            return own.name(language)
        return _names(self.country, self.subdivision, day.year, language).get(day) if table == PUBLIC else None

    def dates(self, tables: Iterable[str], first: date, last: date) -> frozenset[date]:
        """List the holidays of some tables between two dates, both included."""
        found: set[date] = set()
        for table in tables:
            for days in (days for days in self.own if days.table == table):
                begins, ends = max(first, days.first), min(last, days.last)
                found.update(begins + timedelta(days=k) for k in range((ends - begins).days + 1))
            if table == PUBLIC:
                for year in range(first.year, last.year + 1):
                    found.update(_names(self.country, self.subdivision, year, "en"))
        return frozenset(day for day in found if first <= day <= last)

    def includes(self, tables: Iterable[str] | None, day: date) -> bool:
        """Is a date a holiday of one of these tables?"""
        return any(self.find(table, day) is not None for table in tables or ())

    def call(self, day: date, language: str = "en") -> str:
        """Name whatever holiday a date is, empty where it is none."""
        found = (self.find(table, day, language) for table in self.tables)
        return next(filter(None, found), "")


NO_HOLIDAYS = Holidays()


def read_holidays(rules: Mapping[str, Any]) -> Holidays:
    """Read the table [holidays] of a town's rules, which `town_rules` has checked."""
    said = rules.get("holidays", {})
    own = (
        OwnDays(one.get("table", SCHOOL), one["first"], one.get("last", one["first"]), tuple(one["name"].items()))
        for one in said.get("days", ())
    )
    closed = tuple(said["closed"]) if "closed" in said else None
    return Holidays(said.get("country", ""), said.get("subdivision", ""), tuple(own), closed)


def faults(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Find what cannot be meant in a table [holidays]: (key, why and what to do)."""
    country, subdivision = said.get("country", ""), said.get("subdivision", "")
    import holidays  # a tenth of a second, which a site that starts need not wait for

    known = holidays.list_supported_countries(include_aliases=False)
    if country and country not in known:
        yield "country", f"{country!r} has no table of public holidays: write a code of ISO 3166-1, such as JP."
    elif subdivision and subdivision not in known.get(country, ()):
        choices = ", ".join(known.get(country, ())) or "none"
        yield "subdivision", f"{subdivision!r} is no part of {country or 'no country'}: its parts are {choices}."
    else:
        tables = read_holidays({"holidays": said}).tables
        for name in said.get("closed", ()):
            if name not in tables:
                yield "closed", f"{name!r} is none of the tables here: {', '.join(tables) or 'there is none'}."
    for n, one in enumerate(said.get("days", ()), 1):
        if one.get("last", one["first"]) < one["first"]:
            yield (
                f"days {n}",
                f"the last day {one['last']} is before the first, {one['first']}. Correct one.",
            )


@lru_cache(maxsize=256)
def _names(country: str, subdivision: str, year: int, language: str) -> Mapping[date, str]:
    if not country:
        return {}
    import holidays

    spoken = holidays.list_localized_countries(include_aliases=False).get(country, [])
    chosen = next((code for code in (_LANGUAGES.get(language, language), language, "en_US") if code in spoken), None)
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, language=chosen)
    return {day: name for day, name in found.items() if day.year == year}
