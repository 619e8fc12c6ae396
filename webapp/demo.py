"""The main job on real roads: schedules in, residents ask in the order in which they call, the day is re-planned."""

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from matching import absence, insertion
from matching.metrics import day_figures
from matching.model import Run, TripRequest
from routing.times import Place
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door
from webapp.holiday_tables import Holidays
from webapp.resources import data_path
from webapp.services import absences, accounts, agreements, booking, family, planning, schedules, wishes, wording
from webapp.town import Town, utc_now
from webapp.warming import warm

PASSWORD = "noriai-demo"
OPERATORS = {
    "mallila-school.xlsx": ("mallila", "school"),
    "esimerkkila-day-centre.xlsx": ("esimerkkila", "care"),
    "mihon-day-service.xlsx": ("mihon", "care"),
}


class DemoClock:
    """The machine's clock, until it is set to the minute in which somebody of the demo calls."""

    def __init__(self) -> None:
        self.instant: datetime | None = None

    def __call__(self) -> datetime:
        return self.instant or utc_now()


@dataclass(slots=True)
class Demo:
    """What the demo did; `seconds` names how long each step took."""

    day: date
    runs: int = 0
    requests: int = 0
    offered: int = 0
    booked_at_once: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    offer_ms: list[float] = field(default_factory=list)
    solver: dict[str, float] = field(default_factory=dict)
    absence: dict[str, int] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    revisions_judged: int = 0
    promises_broken: int = 0
    booked: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 2)

    def as_json(self) -> dict[str, Any]:
        """Give the figures as one JSON object."""
        cuts = quantiles(self.offer_ms, n=100) if len(self.offer_ms) > 1 else [0.0] * 99
        return {
            "day": self.day.isoformat(),
            "runs": self.runs,
            "requests": self.requests,
            "offered": self.offered,
            "booked": self.booked,
            "refused": dict(self.refused.most_common()),
            "promises_broken": self.promises_broken,
            "revisions_judged": self.revisions_judged,
            "solver": self.solver,
            "absence": self.absence,
            "offer_ms": {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)},
            **self.figures,
            "seconds": self.seconds,
        }


def play(town: Town, clock: DemoClock, *, solve: int, tell: Callable[[str, int, int], None]) -> Demo:
    """Fill an empty town with the demo day and run it; `tell` hears of each step how far it is (name, done, of)."""
    demo = Demo(next_weekday(town.today(), town.holidays))
    with demo.step("warm up"):
        warm(lambda done, of: tell("warm up", done, of))
    with demo.step("schedules"):
        settle(town, tell)
    with town.store.read() as records:
        before = records.list_runs(demo.day)
    demo.runs = len(before)
    with demo.step("requests"):
        _requests(town, clock, demo, tell)
    clock.instant = None
    with demo.step("re-plan"):
        _replan(town, demo, solve, tell)
    with demo.step("absence"):
        _absence(town, demo)
    with demo.step("verify"):
        demo.revisions_judged, faults = planning.verify(town)
        demo.promises_broken = len(faults)
    with town.store.read() as records:
        after = records.list_runs(demo.day)
        demo.booked = len(records.list_bookings(service_date=demo.day, status="booked"))
    old, new = day_figures(before, town.roads), day_figures(after, town.roads)
    demo.figures = {
        "committed": new.committed,
        "residents": new.residents,
        "seat_minutes": {"free": old.seat_minutes_free, "filled": new.seat_minutes_filled},
        "extra_drive_seconds": new.extra_drive,
        "committed_delay_seconds": {"worst": new.worst_delay, "mean": new.mean_delay},
    }
    return demo


def settle(town: Town, tell: Callable[[str, int, int], None] = lambda *_: None) -> None:
    """Write the demo's people, and hand in its schedules as their dispatchers would."""
    _people(town)
    for n, (name, (operator, _)) in enumerate(OPERATORS.items()):
        tell("schedules", n, len(OPERATORS))
        _upload(town, data_path("demo", name), operator)
        _agree(town, operator)


def next_weekday(day: date, holidays: Holidays) -> date:
    """The next day from Monday to Friday after a day that is no holiday."""
    later = (day + timedelta(days=k) for k in range(1, 14))
    return next(one for one in later if one.weekday() < 5 and not holidays.call(one))


def read_table(name: str) -> list[dict[str, str]]:
    """Read a CSV file of the demo."""
    with data_path("demo", name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _people(town: Town) -> None:
    users, members = read_table("users.csv"), read_table("people.csv")
    names = {row["operator"] for row in (*users, *members) if row["operator"]}
    codes = {name: code for name in names for file, (code, _) in OPERATORS.items() if _runs_it(name, file)}
    for name, code in sorted(codes.items()):
        kind = next(kind for one, kind in OPERATORS.values() if one == code)
        accounts.add_operator(town, code=code, name=name, kind=kind)
    for row in users:
        groups = ("registered",) if row["role"] == "resident" else ()
        accounts.add_user(
            town,
            name=row["name"],
            role=row["role"],
            email=row["email"],
            password=PASSWORD,
            operator=codes.get(row["operator"]),
            phone=row["phone"],
            groups=groups,
        )

    def change(door: Door) -> None:
        for row in members:
            door.put(tables.Member(operator_id=codes[row["operator"]], code=row["code"], name=row["name"]))
            actor = door.find_user(email=staff[row["operator"]])
            if row["guardian_email"] and actor:
                whose, told = family.Subject(codes[row["operator"]], row["code"]), row["guardian_email"]
                since, kinds = town.today(), wording.NEWS
                agreed = family.draft(town, whose, told, kinds, starts=since, ends=None, basis="paper", actor=actor.id)
                family.add(door, agreed)

    staff = {row["operator"]: row["email"] for row in users if row["role"] == "dispatcher"}
    town.store.commit(change)


def _runs_it(name: str, file: str) -> bool:
    known = {"mallila": "Mallila", "esimerkkila": "Esimerkkilä", "mihon": "見本"}
    return known[OPERATORS[file][0]] in name


def _upload(town: Town, path: Path, operator: str) -> None:
    """Hand a file in as its dispatcher would, and confirm what was shown."""
    with town.store.read() as records:
        actor = next(u for u in records.list_users("dispatcher") if u.operator_id == operator)
    row = schedules.upload(town, path.read_bytes(), path.name, operator=operator, actor=actor.id)
    shown = schedules.look(town, row.id, operator=operator).shown
    schedules.confirm(town, row.id, operator=operator, actor=actor.id, shown=shown)


def _agree(town: Town, operator: str) -> None:
    """Let the town and an operator sign that all its runs are open to residents for a year."""
    with town.store.read() as records:
        hall = records.list_users("town")[0]
        other = next(u for u in records.list_users("dispatcher") if u.operator_id == operator)
    terms = agreements.Terms(
        operator=operator,
        starts=town.today(),
        ends=town.today() + timedelta(days=365),
        price=100,
        per="ride",
        liability="Residents are insured by the town from boarding to alighting.",
    )
    row = agreements.draft(town, terms, key=agreements.new_key(), actor=hall.id)
    agreements.sign(town, row.id, actor=hall.id)
    agreements.sign(town, row.id, actor=other.id, operator=operator)


def _requests(town: Town, clock: DemoClock, demo: Demo, tell: Callable[[str, int, int], None]) -> None:
    rows = read_table("requests.csv")
    with town.store.read() as records:
        desk = records.list_users("desk")[0]
    for n, row in enumerate(rows):
        tell("requests", n, len(rows))
        clock.instant = _instant(town, demo.day - timedelta(days=int(row["asked_days_before"])), row["asked_at"])
        groups = [group for group in row["groups"].split(";") if group]
        rider = accounts.add_user(town, name=row["name"], role="resident", groups=groups)
        _ask(town, demo, row, rider=rider, desk=desk)
    demo.requests = len(rows)


def _ask(town: Town, demo: Demo, row: dict[str, str], *, rider: tables.User, desk: tables.User) -> None:
    """Let one resident ask, take the first offer, or wait for a seat."""
    actor = desk.id if row["channel"] == "phone" else rider.id
    request = booking.start(town, rider.id, actor=actor, channel=row["channel"])
    for end, column in (("origin", "from"), ("destination", "to")):
        place = Place(float(row[f"{column}_lat"]), float(row[f"{column}_lon"]))
        booking.answer_place(town, request.id, end=end, label=row[column], place=place)
    booking.answer_when(
        town,
        request.id,
        day=demo.day,
        depart=_seconds(town, demo.day, row["depart_after"]),
        arrive=_seconds(town, demo.day, row["arrive_by"]),
    )
    booking.answer_who(
        town,
        request.id,
        people=int(row["people"]),
        wheelchairs=int(row["wheelchairs"]),
        needs=[row["needs"]] if row["needs"] else [],
        max_walk=int(row["max_walk_m"]),
    )
    began = time.perf_counter()
    answer = booking.ask(town, request.id)
    demo.offer_ms.append((time.perf_counter() - began) * 1000)
    if answer.refusal is not None:
        demo.refused[answer.refusal.rule.value] += 1
        booking.wait(town, request.id, at_once=True)  # the demo's residents said so: nobody is there to answer
        return
    demo.offered += 1
    booking.book(town, answer.offers[0][1], key=request.id, actor=actor)
    demo.booked_at_once += 1


def _replan(town: Town, demo: Demo, solve: int, tell: Callable[[str, int, int], None]) -> None:
    began = time.perf_counter()

    tell("re-plan", 0, solve)
    done = planning.replan(town, demo.day, seconds=solve)
    seconds = round(time.perf_counter() - began, 1)
    found = {"before": done.before, "after": done.after, "upper_bound": done.upper_bound}
    demo.solver = {**found, "seconds": seconds}


def _absence(town: Town, demo: Demo) -> None:
    """Let one member stay at home whose seat, or way, somebody on the waiting list can use."""
    with town.store.read() as records:
        runs = [(town.freeze(run), records.run_members(run.id)) for run in records.list_runs(demo.day)]
        waiting = records.list_requests(service_date=demo.day, status="waiting")
        rows = [(row, records.get_user(row.rider_id)) for row in waiting]
        actors = {user.operator_id: user.id for user in records.list_users("dispatcher")}
    wishes_ = [wishes.trip_request(town, row, rider, [run for run, _ in runs]) for row, rider in rows]
    demo.absence = {"waiting": len(waiting), "absent": 0, "booked": 0}
    found = _who_makes_room(town, runs, wishes_)
    if found is None:
        return
    run, code = found
    person = absences.find_member(town, code, operator=run.operator)
    absences.enter(town, person, [demo.day], actor=actors[run.operator])
    with town.store.read() as records:
        left = records.list_requests(service_date=demo.day, status="waiting")
    demo.absence |= {"absent": 1, "booked": len(waiting) - len(left)}


def _who_makes_room(
    town: Town, runs: Sequence[tuple[Run, Mapping[str, str]]], waiting: Sequence[TripRequest]
) -> tuple[Run, str] | None:
    """Find the first member without whom a run could carry somebody who waits."""
    for run, members in runs:
        if not run.policy.riders:
            continue
        for code in dict.fromkeys(members.values()):
            without = absence.take_off(run, {ride for ride, one in members.items() if one == code}, town.roads)
            if without and any(insertion.best(wish, [without], town.roads) for wish in waiting):
                return run, code
    return None


def _instant(town: Town, day: date, clock: str) -> datetime:
    return service_day.instant_of(_seconds(town, day, clock) or 0, day, town.settings.timezone)


def _seconds(town: Town, day: date, clock: str) -> int | None:
    if not clock:
        return None
    return service_day.seconds_at(datetime.strptime(clock, "%H:%M").time(), day, town.settings.timezone)
