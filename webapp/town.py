"""What every service works with: one town's settings, records, roads, place names, rules and clock."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

from matching import offers
from matching.fleet import Fleet, Timed
from matching.metrics import drive
from matching.model import DAY, Detour, Policy, Run
from matching.objective import Objective
from routing.area import Area
from routing.atlas import Atlas, open_areas
from routing.engine import Engine
from routing.places import PlaceIndex
from routing.times import NO_WAY
from webapp import freezing, service_day, town_rules
from webapp.config import Settings
from webapp.db import tables
from webapp.db.store import Store, StoreError
from webapp.geocoding import Geocoder
from webapp.holiday_tables import Holidays, read_holidays
from webapp.local_names import LocalNames
from webapp.resources import data_path
from webapp.texting import TextGateway

MADE = "records-made"
"""File in the home folder that names the databases in which this installation has records."""


@dataclass(frozen=True, slots=True)
class Town:
    """One running service; `clock` gives the present instant in UTC without an offset."""

    settings: Settings
    store: Store
    roads: Engine | Atlas
    places: PlaceIndex
    policy: Policy
    rules: dict[str, Any]
    clock: Callable[[], datetime]
    objective: Objective = field(default_factory=Objective)
    geocoder: Geocoder | None = None
    texting: TextGateway | None = None
    local_names: LocalNames = field(default_factory=LocalNames, repr=False, compare=False)
    seen_runs: dict[str, tuple[datetime, int]] = field(default_factory=dict, repr=False, compare=False)
    """Of each run, when a device's asking was last written down by this process, and at which revision."""
    _fleets: threading.local = field(default_factory=threading.local, repr=False, compare=False)
    _timed: Timed = field(init=False, repr=False, compare=False)
    """Runs as they were timed on these roads by any thread."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_timed", Timed(self.roads))

    def fleet(self, service_date: str, runs: Sequence[Run]) -> Fleet:
        """Give the runs of a date that take residents as arrays, made anew when one changed since this thread asked."""
        kept = offers.asked(service_date, runs)
        runs_now = [(run.id, run.revision, run.policy, run.done, run.reached, run.frozen) for run in kept]
        key = (self.roads, runs_now)
        if getattr(self._fleets, "key", None) != key:
            there = [run for run in kept if self.is_drivable(run)]
            fleet = Fleet(there, self.roads, self.objective, index=False, timed=self._timed)
            self._fleets.fleet, self._fleets.key = fleet, key
        return cast(Fleet, self._fleets.fleet)

    def is_drivable(self, run: Run) -> bool:
        """Does a road lead from each stop to the next? Where new roads took one away, nobody new can ride."""
        return drive(run, self.roads) < NO_WAY

    def article(self, rule: str, language: str) -> str:
        """Quote the article of the town's rules that a refusal cites, in a language if the town has it there."""
        articles = self.rules["articles"]
        return str(articles.get(language, articles).get(rule, articles.get(rule, "")))

    def under(self, rules: dict[str, Any]) -> "Town":
        """Give this town under other rules."""
        policy, objective = read_policy(rules), read_objective(rules)
        return replace(self, rules=rules, policy=policy, objective=objective, _fleets=threading.local())

    @property
    def holidays(self) -> Holidays:
        """Give the tables of holidays that the town's rules name."""
        return read_holidays(self.rules)

    def today(self) -> date:
        return service_day.today(self.clock(), self.settings.timezone)

    def country(self) -> str:
        """Name the country (ISO 3166) of the first area, empty where its preparation did not say."""
        return Area.load(self.settings.area_folders[0]).country

    def seconds_now(self, day: date) -> int:
        return service_day.seconds_of(self.clock(), day, self.settings.timezone)

    def on(self, roads: Engine | Atlas, places: PlaceIndex) -> "Town":
        """Give this town on other roads; what was made for the old ones goes with them."""
        return replace(self, roads=roads, places=places, _fleets=threading.local())

    def freeze(self, run: Run) -> Run:
        """Freeze the stops of a run that are by now too near to be changed."""
        return freezing.freeze(run, self.roads, self.clock(), self.settings.timezone)


def in_force(changes: Sequence[tables.RuleChange], day: date) -> tables.RuleChange | None:
    """Give the change of rules that counts on a date: the last decided of those that start by then, if there is any."""
    return next((one for one in reversed(changes) if one.starts <= day), None)


def utc_now() -> datetime:
    """Read the machine's clock, UTC without an offset."""
    return datetime.now(UTC).replace(tzinfo=None)


def open_town(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Town:
    """Open a town's records and its prepared areas.

    Raises routing.times.RoadError when an area has not been prepared or was prepared by another version, and
    town_rules.RulesError when the town's rules have errors.
    """
    rules = town_rules.load(data_path("policies", settings.policy))
    store = Store(settings.database_url, clock=clock, timezone=settings.timezone, connections=settings.connections)
    _open_records(store, settings.home / MADE)
    with store.read() as records:
        switched_on = in_force(records.list_rule_changes(), service_day.today(clock(), settings.timezone))
    rules = switched_on.rules if switched_on else rules
    roads, places = open_roads(settings.area_folders)
    return Town(
        settings=settings,
        store=store,
        roads=roads,
        places=places,
        policy=read_policy(rules),
        rules=rules,
        clock=clock,
        objective=read_objective(rules),
        geocoder=Geocoder(settings.geocoder) if settings.geocoder else None,
        texting=_texting(settings) if settings.sms else None,
    )


def _open_records(store: Store, made: Path) -> None:
    """Bring the records up to date; where records were before, an empty place is a loss, and never filled silently.

    made: file that names where this installation has made records. Raises StoreError.
    """
    known = made.read_text(encoding="utf-8").splitlines() if made.exists() else []
    try:
        store.migrate(anew=store.address not in known)
    except StoreError as error:
        if store.address in known:
            raise StoreError(f"{error}; restore a backup (noriai restore), or delete {made} to begin anew") from error
        raise
    if store.address not in known:
        made.write_text("".join(f"{line}\n" for line in [*known, store.address]), encoding="utf-8")


def _texting(settings: Settings) -> TextGateway:
    return TextGateway(settings.sms, body=settings.sms_body, authorization=settings.sms_authorization)


def open_roads(folders: Sequence[Path]) -> tuple[Engine | Atlas, PlaceIndex]:
    """Open the roads and the names of one preparation of each area, never of two. Raises RoadError."""
    while True:
        prepared = [folder.resolve() for folder in folders]
        opened = open_areas(folders), PlaceIndex.load(*folders)
        if [folder.resolve() for folder in folders] == prepared:
            return opened


def read_policy(rules: dict[str, Any]) -> Policy:
    """Turn a town's rules (data/policies/*.toml) into the policy from which every run starts."""
    default = Policy()

    def seconds(key: str, otherwise: int) -> int:
        return int(rules[key]) * 60 if key in rules else otherwise

    return Policy(
        name=rules["name"],
        riders=frozenset(rules.get("riders", ())),
        detour=Detour(rules.get("detour", "none")),
        max_detour=seconds("max_detour_minutes", default.max_detour),
        deadhead=bool(rules.get("deadhead", False)),
        max_extra=seconds("max_extra_minutes", default.max_extra),
        max_ride=seconds("max_ride_minutes", default.max_ride),
        ride_slack=seconds("ride_slack_minutes", default.ride_slack),
        notice=seconds("notice_minutes", default.notice),
        closes=_closes(rules.get("closes", "none")),
        punctuality=seconds("punctuality_minutes", default.punctuality),
        dwell=rules.get("dwell_seconds", default.dwell),
        dwell_wheelchair=rules.get("dwell_wheelchair_seconds", default.dwell_wheelchair),
        dwell_needs=tuple(sorted((need, int(extra)) for need, extra in rules.get("dwell_needs_seconds", {}).items())),
        freeze=seconds("freeze_minutes", default.freeze),
        fare=rules.get("fare_cents", default.fare),
        fare_currency=rules.get("fare_currency", default.fare_currency),
        articles=tuple(sorted((rule, text) for rule, text in rules["articles"].items() if isinstance(text, str))),
    )


def read_objective(rules: dict[str, Any]) -> Objective:
    """Turn the [objective] table of a town's rules into the weights by which plans are compared."""
    said, default = rules.get("objective", {}), Objective()
    return Objective(
        unserved=int(said["unserved_minutes"]) * 60 if "unserved_minutes" in said else default.unserved,
        classes=tuple(sorted((name, int(minutes) * 60) for name, minutes in said.get("classes_minutes", {}).items())),
        refused=int(said["refused_minutes"]) * 60 if "refused_minutes" in said else default.refused,
        harm=int(said.get("harm", default.harm)),
    )


def _closes(said: str) -> int | None:
    """Read when booking closes: "none", or a time of the day before such as "previous day 16:00"."""
    if said == "none":
        return None
    hours, minutes = said.removeprefix("previous day ").split(":")
    return int(hours) * 3600 + int(minutes) * 60 - DAY
