"""What every service works with: one town's settings, records, roads, place names, rules and clock."""

import threading
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast

from matching import offers
from matching.fleet import Fleet
from matching.model import DAY, Detour, Policy, Run
from matching.objective import Objective
from routing.engine import Engine
from routing.places import PlaceIndex
from webapp import freezing, service_day
from webapp.config import Settings
from webapp.db.store import Store
from webapp.resources import data_path


@dataclass(frozen=True, slots=True)
class Town:
    """One running service; `clock` gives the present instant in UTC without an offset."""

    settings: Settings
    store: Store
    roads: Engine
    places: PlaceIndex
    policy: Policy
    rules: dict[str, Any]
    clock: Callable[[], datetime]
    objective: Objective = field(default_factory=Objective)
    _fleets: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    def fleet(self, service_date: str, runs: Sequence[Run]) -> Fleet:
        """Give the runs of a date that take residents as arrays, made anew when one changed since this thread asked."""
        kept = offers.asked(service_date, runs)
        key = [(run.id, run.revision, run.policy, run.done, run.reached, run.frozen) for run in kept]
        if getattr(self._fleets, "key", None) != key:
            self._fleets.fleet, self._fleets.key = Fleet(kept, self.roads, self.objective, index=False), key
        return cast(Fleet, self._fleets.fleet)

    def article(self, rule: str, language: str) -> str:
        """Quote the article of the town's rules that a refusal cites, in a language if the town has it there."""
        articles = self.rules["articles"]
        return str(articles.get(language, articles).get(rule, articles.get(rule, "")))

    def today(self) -> date:
        return service_day.today(self.clock(), self.settings.timezone)

    def seconds_now(self, day: date) -> int:
        return service_day.seconds_of(self.clock(), day, self.settings.timezone)

    def freeze(self, run: Run) -> Run:
        """Freeze the stops of a run that are by now too near to be changed."""
        return freezing.freeze(run, self.roads, self.clock(), self.settings.timezone)


def utc_now() -> datetime:
    """Read the machine's clock, UTC without an offset."""
    return datetime.now(UTC).replace(tzinfo=None)


def open_town(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Town:
    """Open a town's records and its prepared area.

    Raises routing.times.RoadError when the area has not been prepared or was prepared by another version.
    """
    store = Store(settings.database_url, clock=clock, timezone=settings.timezone)
    store.migrate()
    rules = tomllib.loads(data_path("policies", settings.policy).read_text(encoding="utf-8"))
    return Town(
        settings=settings,
        store=store,
        roads=Engine.load(settings.area_folder),
        places=PlaceIndex.load(settings.area_folder),
        policy=read_policy(rules),
        rules=rules,
        clock=clock,
        objective=read_objective(rules),
    )


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
