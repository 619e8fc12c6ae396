"""Two of everything, and everybody at the door of all that is not theirs: every page, every role, every name swapped.

Who may open what is said here once more, in plain lists and from nobody's code, so that the site's own table is judged
by something else. A page or a name that these lists do not know is a fault.
"""

import ast
import inspect
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from html import unescape
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import urlencode
from uuid import uuid4

from flask import Flask
from sqlalchemy import create_engine
from werkzeug.routing import Rule

from matching.model import Capacity, Load, Ride, Run, Stop, Window
from routing.times import Place
from webapp import service_day
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.services import access, accounts, rules
from webapp.services.absences import Person
from webapp.town import Town

PASSWORD = "two of everything"  # noqa: S105 - of people who are not there
HOUR, DAY = 3600, timedelta(days=1)
STREET = (
    ("first", "Liisankatu 29", Place(60.174151, 24.951375)),
    ("second", "Hotel Kämp", Place(60.168207, 24.947299)),
    ("last", "Ressun lukio", Place(60.167146, 24.938253)),
)
ROLES = {
    "nobody": "",
    "resident": "resident",
    "neighbour": "resident",
    "helper": "resident",
    "guardian": "resident",
    "desk": "desk",
    "dispatcher-north": "dispatcher",
    "dispatcher-south": "dispatcher",
    "driver-north": "driver",
    "driver-south": "driver",
    "town": "town",
}
"""Who tries. The helper acts for the resident, whom the desk has on the telephone; the guardian is of a pupil of north,
the neighbour of one of south, and the neighbour's helper is the guardian."""

FIRST = {"nobody", "resident", "helper", "desk", "dispatcher-north", "driver-north", "town"}
"""One of each role."""
_FAMILIES = {"resident", "neighbour", "guardian", "desk"}
_RIDERS = _FAMILIES | {"helper"}
_RESIDENTS = _RIDERS - {"desk"}
_DISPATCHERS, _DRIVERS = {"dispatcher-north", "dispatcher-south"}, {"driver-north", "driver-south"}
_ALL = set(ROLES)
PAGES: Mapping[str, set[str]] = {
    "/trips": _RIDERS,
    "/bookings": _RIDERS,
    "/weekly": _RIDERS,
    "/places": _RIDERS,
    "/profile": _RIDERS,
    "/family": _FAMILIES,
    "/family/stop/<": _ALL,
    "/helpers": _FAMILIES,
    "/messages": _FAMILIES,
    "POST /messages/browser": _RESIDENTS,
    "POST /messages/browser/end": _FAMILIES,
    "/signing-in": _RESIDENTS,
    "/act-for": _RESIDENTS,
    "/desk": {"desk"},
    "/dispatch": _DISPATCHERS,
    "/remarks": _DISPATCHERS | {"desk"},
    "/drive": _DRIVERS,
    "/drive/app.webmanifest": _ALL,
    "/agreements": _DISPATCHERS | {"town"},
    "POST /agreements": {"town"},
    "POST /agreements/<": _DISPATCHERS | {"town"},
    "/agreements/new": {"town"},
    "/town": {"town"},
    "= /": _ALL,
    **dict.fromkeys(("/language", "/display", "/sign-in", "/card/", "/tablet", "/line", "/login", "/logout"), _ALL),
    **dict.fromkeys(("/roads/", "/service-worker.js", "/push-worker.js", "/static/", "/fs-static/"), _ALL),
}
"""Whose pages they are, by how their address begins; the longest beginning counts, one with a method before others."""
OWN_WALL = {"/drive/<run_id>/events"}
"""Pages that find out by themselves who asks: a tap comes with the ticket of who tapped."""
BODY = {
    "stop": "first", "kind": "arrived", "ride": "own", "weekdays": "1", "label": "Somewhere", "answer": "yes",
    "name": "Name",
    "pin": "2580", "note": "Note", "choice": "agree", "step": "take", "how": "depart", "time": "09:10", "number": "0",
    "rating": "1", "words": "Words", "looked": "seats,blankets,boot", "value": "60", "minutes": "10", "said": "0000",
}  # fmt: skip
"""Something sensible for every field, so that what stops a form is not its content."""
MASS = {
    "operator_id": "mass-assigned", "role": "mass-assigned", "roles": "mass-assigned", "price": "98765431",
    "status": "mass-assigned", "version": "98765431", "rider_id": "mass-assigned", "user_id": "mass-assigned",
    "actor": "mass-assigned", "fare": "98765431", "active": "mass-assigned", "fs_uniquifier": "mass-assigned",
}  # fmt: skip
"""Columns that no form may set (R6)."""
READERS = frozenset(
    {"words", "whole_number", "clock_time", "get", "getlist", "_day", "_seconds", "_one_of", "_count", "_lines"}
)
"""How pages read a field."""
COUNTERS = frozenset({"sign_in_count", "access_log"})
"""Tables in which refusals are counted."""
REFUSED = (401, 403, 404)
WORDS: Mapping[str, Any] = {"kind": "csv", "end": "from", "way": "back", "number": 0, "file": "demo-town.toml"}


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that is there: its kind, its name, who may open it, and words that nobody else may read."""

    kind: str
    name: str
    may: frozenset[str]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a site answered, and where it led."""

    status: int
    text: str
    location: str = ""


class Browser(Protocol):
    """Sends one request and follows nothing."""

    def send(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of somebody; thing: what it names, not theirs, if anything. inside: the page itself is theirs."""

    who: str
    method: str
    path: str
    endpoint: str
    thing: Thing | None
    data: dict[str, str] | None = None
    inside: bool = False


@dataclass(slots=True)
class Outcome:
    """What the attempts came to: those that were not refused, and what could not be tried at all."""

    attempts: int = 0
    leaks: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    routes: int = 0


# The town


def settle(town: Town) -> list[Thing]:
    """Write two operators, two residents and two of all that people can own; give what is there."""
    made = _Settling(town)
    made.people()
    made.runs()
    made.of_riders()
    made.of_operators()
    return made.things


class _Settling:
    def __init__(self, town: Town) -> None:
        self.town, self.things = town, list[Thing]()
        self.ids: dict[str, str] = {}
        self.today = town.today()

    def put(self, row: Any) -> Any:
        return self.town.store.commit(lambda door: door.put(row))

    def add(self, kind: str, name: str, may: Iterable[str], *words: str) -> None:
        self.things.append(Thing(kind, str(name), frozenset(may), words))

    def people(self) -> None:
        for code in ("north", "south"):
            accounts.add_operator(self.town, code=code, name=f"Operator {code.title()}", kind="school")
        for who, role in ROLES.items():
            if not role:
                continue
            operator = who.partition("-")[2] or None
            made = accounts.add_user(
                self.town, name=self.name(who), role=role, email=address(who), password=PASSWORD, operator=operator,
                phone=f"+358 40 555 {len(self.ids):04}", groups=["registered"] if role == "resident" else (),
            )  # fmt: skip
            self.ids[who] = made.id
        rider = {
            "resident": {"resident", "helper", "desk"},
            "neighbour": {"neighbour", "guardian", "desk", "dispatcher-south"},
        }
        for who, may in rider.items():
            self.add("resident", self.ids[who], may, self.name(who))
        for side in ("north", "south"):
            self.add("driver", self.ids[f"driver-{side}"], {f"dispatcher-{side}"}, self.name(f"driver-{side}"))

    def name(self, who: str) -> str:
        return f"{who.title().replace('-', ' of ')} Canary"

    def runs(self) -> None:
        now = service_day.seconds_of(self.town.clock(), self.today, self.town.settings.timezone)
        soon = now + HOUR
        self.run("north-now", "north", self.today, soon, {"dispatcher-north", "driver-north"})
        self.run("south-now", "south", self.today, soon, {"dispatcher-south", "driver-south"})
        self.run("north-next", "north", self.today + DAY, 9 * HOUR, {"dispatcher-north"})
        self.run("south-third", "south", self.today + 2 * DAY, 9 * HOUR, {"dispatcher-south"})
        self.run("north-fourth", "north", self.today + 3 * DAY, 9 * HOUR, {"dispatcher-north"})
        self.run("south-next", "south", self.today + DAY, 9 * HOUR, {"dispatcher-south"})
        for side, guardian in (("north", "guardian"), ("south", "neighbour")):
            self.put(tables.Guardian(user_id=self.ids[guardian], operator_id=side, member=_code(side)))
            person = Person(side, _code(side), "")
            self.add("member", person.key, {guardian, f"dispatcher-{side}"}, _pupil(side))

    def run(self, run_id: str, operator: str, day: date, begins: int, may: set[str]) -> None:
        run = _run(self.town, run_id, operator, (day, begins))
        labels = {stop: (label, False) for stop, label, _ in STREET}
        rider = {"north": "resident", "south": "neighbour"}[operator]
        booked = run_id in ("north-next", "south-next")

        def change(door: Door) -> None:
            door.put(tables.Vehicle(operator_id=operator, code=f"V-{operator}", layouts=[[6, 1]], description="Van"))
            door.put(tables.Member(operator_id=operator, code=_code(operator), name=_pupil(operator)))
            head = RunHead(f"code-{run_id}", f"Run {run_id} Canary")
            door.keep(
                run, cause="published", labels=labels, members={"own": _code(operator)}, head=head, as_published=True
            )
            if booked:
                self.book(door, run, rider, begins)

        self.town.store.commit(change, times=self.town.roads)
        self.add("run", run_id, may, f"Run {run_id} Canary", _pupil(operator))

    def book(self, door: Door, run: Run, rider: str, begins: int) -> None:
        """Put a resident on a run, with all rows that a booking has."""
        may = {"resident": {"resident", "helper", "desk"}, "neighbour": {"neighbour"}}[rider]
        request = self.request(rider, date.fromisoformat(run.service_date), "booked", f"booked-{rider}")
        door.put(request)
        row = tables.Booking(
            id=f"booking-{rider}", rider_id=self.ids[rider], request_id=request.id, run_id=run.id, ride_id="guest",
            key=f"key-{rider}", request_hash="", service_date=request.service_date or self.today, pickup=begins,
            dropoff=begins + 900, pickup_label=f"Corner of {rider} Canary", dropoff_label="Ressun lukio", walk=0,
            walk_after=0, fare=0, fare_currency="EUR", created_at=door.now(),
        )  # fmt: skip
        door.put(row)
        self.add("booking", row.id, may, row.pickup_label)

    def request(self, rider: str, day: date, status: str, name: str) -> tables.Request:
        return tables.Request(
            id=name, rider_id=self.ids[rider], asked_by=self.ids[rider], status=status, service_date=day,
            origin_label=f"Home of {rider} Canary", origin_lat=STREET[0][2].lat, origin_lon=STREET[0][2].lon,
            destination_label="Ressun lukio", destination_lat=STREET[2][2].lat, destination_lon=STREET[2][2].lon,
            depart_earliest=9 * HOUR, needs=[], reason="" if status == "booked" else "seats",
            asked_at=self.town.clock(), created_at=self.town.clock(),
        )  # fmt: skip

    def of_riders(self) -> None:
        now, today = self.town.clock(), self.today
        asked = {
            "resident": (today + 3 * DAY, {"resident", "helper", "desk"}, "dispatcher-north"),
            "neighbour": (today + 2 * DAY, {"neighbour"}, "dispatcher-south"),
        }
        for rider, (day, may, dispatcher) in asked.items():
            row = self.put(self.request(rider, day, "refused", f"asked-{rider}"))
            self.add("request", row.id, {*may, dispatcher}, row.origin_label)
            series = tables.Series(
                id=f"series-{rider}", rider_id=self.ids[rider], request_id=f"booked-{rider}", pickup=9 * HOUR,
                asked_by=self.ids[rider], channel="web", weekdays=[0], until=today + 9 * DAY, otherwise="",
                next_day=today + 8 * DAY, created_at=now,
            )  # fmt: skip
            self.add("series", self.put(series).id, may)
            place = tables.SavedPlace(
                id=f"place-{rider}", owner_id=self.ids[rider], label=f"Word of {rider} Canary", name="Hotel Kämp",
                lat=STREET[1][2].lat, lon=STREET[1][2].lon, created_at=now,
            )  # fmt: skip
            self.add("place", self.put(place).id, may, place.label)
        helpers = {"resident": ("helper", {"resident", "desk"}), "neighbour": ("guardian", {"neighbour", "guardian"})}
        for rider, (helper, may) in helpers.items():
            proxy = tables.Proxy(
                id=f"proxy-{rider}", rider_id=self.ids[rider], helper_id=self.ids[helper], address=address(helper),
                named_by=self.ids[rider], named_at=now, accepted_at=now,
            )  # fmt: skip
            self.add("proxy", self.put(proxy).id, may)
        self.consents(now)
        dead = tables.Outbox(
            kind="cancelled",
            user_id=self.ids["neighbour"],
            email=address("neighbour"),
            facts={},
            created_at=now,
            state="dead",
        )
        self.add("message", str(self.put(dead).id), {"desk"})

    def consents(self, now: datetime) -> None:
        told = (
            ("of-resident", None, "", "resident", None, {"resident", "desk"}),
            ("of-neighbour", None, "", "neighbour", None, {"neighbour"}),
            ("of-north", "north", _code("north"), None, "guardian", {"guardian", "dispatcher-north"}),
            ("of-south", "south", _code("south"), None, "neighbour", {"neighbour", "dispatcher-south"}),
        )
        for name, operator, member, subject, user, may in told:
            row = tables.Consent(
                id=name, operator_id=operator, member=member, subject_id=self.ids.get(subject or ""),
                user_id=self.ids.get(user or ""), email="" if user else f"{name}-canary@example.org",
                kinds=["boarded"], starts=self.today, basis="paper", given_at=now,
            )  # fmt: skip
            self.town.store.commit(lambda door, row=row: door.add_consent(row))
            self.add("consent", name, may, *((row.email,) if row.email else ()))

    def of_operators(self) -> None:
        now, today = self.town.clock(), self.today
        for side in ("north", "south"):
            own = f"dispatcher-{side}"
            by = self.ids[own]
            upload = tables.Upload(
                id=f"upload-{side}", operator_id=side, user_id=by, filename=f"{side}-canary.csv",
                sha256=secrets.token_hex(32), content=b"run_id,service_date\n", created_at=now,
            )  # fmt: skip
            self.add("upload", self.put(upload).id, {own}, upload.filename)
            agreement = tables.Agreement(
                id=f"agreement-{side}", operator_id=side, runs=[], riders=[], price_currency="EUR", price_per="seat",
                liability=f"Terms of {side} Canary", starts=today, ends=today + 90 * DAY,
                drafted_by=self.ids["town"], created_at=now,
            )  # fmt: skip
            self.town.store.commit(lambda door, row=agreement: door.add_agreement(row))
            self.add("agreement", agreement.id, {own, "town"}, agreement.liability)
            steering = tables.Steering(
                id=f"steering-{side}", operator_id=side, service_date=today, actions=[], created_by=by, created_at=now,
                outcome={},
            )  # fmt: skip
            self.add("steering", self.put(steering).id, {own})
            tablet = tables.Tablet(
                id=f"tablet-{side}", operator_id=side, name=f"Tablet {side} Canary", secret=secrets.token_hex(32),
                enrolled_at=now, enrolled_by=by,
            )  # fmt: skip
            self.add("tablet", self.put(tablet).id, {own}, tablet.name)
            note = tables.Event(
                id=f"remark-{side}", run_id=f"{side}-now", stop_id="", kind="note", happened_at=now, received_at=now,
                actor=self.ids[f"driver-{side}"], text=f"Note of {side} Canary",
            )  # fmt: skip
            self.town.store.commit(lambda door, note=note: door.add_event(note))
            self.add("remark", note.id, {own, "desk"}, note.text)
            update = tables.RoadUpdate(id=f"roads-{side}", area="helsinki", at=now)
            self.town.store.commit(lambda door, row=update: door.add_road_update(row))
            self.put(tables.RoadReview(update_id=update.id, operator_id=side, runs=1, until=today + DAY))
            self.add("roads", update.id, {own})
        book = rules.list_rulebooks()[0]
        trial = tables.RuleTrial(
            id="trial", file=book.file, rules=book.rules, since=today - 28 * DAY, found={"of": 0}, at=now,
            started_by=self.ids["town"],
        )  # fmt: skip
        self.add("trial", self.put(trial).id, {"town"})


def address(who: str) -> str:
    return f"{who}@crossing.example.org"


def _code(operator: str) -> str:
    return f"code-{operator}"


def _pupil(operator: str) -> str:
    return f"Pupil of {operator} Canary"


def _run(town: Town, run_id: str, operator: str, when: tuple[date, int]) -> Run:
    """Four stops' worth of a school bus with one pupil aboard, and a resident on those that are booked."""
    day, begins = when
    at = {stop: begins + k * 600 for k, (stop, _, _) in enumerate(STREET)}
    rides = [Ride("own", "first", "last", Load(1), max_ride=HOUR, committed=True, dwell=30)]
    if run_id in ("north-next", "south-next"):
        board, alight = Window(at["first"], at["first"] + 1200), Window(at["last"], at["last"] + 1200)
        rides.append(Ride("guest", "first", "last", Load(1), max_ride=HOUR, board=board, alight=alight, dwell=30))
    stops = tuple(
        Stop(stop, place, Window(at[stop], at[stop] + 1200), sequence=k, planned=at[stop], residents=True)
        for k, (stop, _, place) in enumerate(STREET)
    )
    return Run(
        run_id, day.isoformat(), operator, f"V-{operator}", Capacity.of(6), policy=town.policy, stops=stops,
        rides=tuple(rides),
    )  # fmt: skip


# The attempts


def admitted(method: str, rule: str) -> set[str] | None:
    """Say who may open a page, by the list above; None where the list does not know it."""
    if rule == "/":
        return PAGES["= /"]
    fits = [one for one in PAGES if f"{method} {rule}".startswith(one) or rule.startswith(one)]
    best = max(fits, key=lambda one: (len(one.partition(" ")[2] or one), " " in one), default=None)
    return None if best is None else PAGES[best]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the site by one method: who may open it, what its path names, and which things its forms name."""

    rule: Rule
    method: str
    inside: set[str]
    kind: str
    fields: Mapping[str, str]

    def is_closed_to(self, who: str) -> bool:
        return who not in self.inside or (self.rule.rule in OWN_WALL and who not in _DRIVERS)


class Ground:
    """A site and all that is there to be tried on it."""

    def __init__(self, app: Flask, things: Sequence[Thing]) -> None:
        self.things = things
        self.faults: list[str] = []
        self.pages = [*self._pages(app)]
        self._site = app.url_map.bind("")

    def _pages(self, app: Flask) -> Iterator[Page]:
        """List the pages; what cannot be tried is a fault."""
        for rule in app.url_map.iter_rules():
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                inside = admitted(method, rule.rule)
                named = [argument for argument in sorted(rule.arguments) if argument in access.ARGUMENTS]
                kind = access.ARGUMENTS[named[0]] if named else ""
                unknown = rule.arguments - access.ARGUMENTS.keys() - access.PLAIN - access.SEALED
                if inside is None:
                    self.faults.append(f"{method} {rule.rule}: nobody said whose page it is")
                elif unknown or len(named) > 1:
                    self.faults.append(f"{method} {rule.rule}: nobody said what {sorted(rule.arguments)} name")
                elif kind and not any(one.kind == kind for one in self.things):
                    self.faults.append(f"{method} {rule.rule}: there is no {kind} to try")
                else:
                    yield Page(rule, method, inside, kind, names_sent(app.view_functions[rule.endpoint]))

    def attempts(self, who: str, *, short: bool) -> Iterator[Attempt]:
        """List all that somebody could try and must not get; in short, whole pages by one of each role."""
        for page in self.pages:
            if page.is_closed_to(who):
                if not short or who in FIRST:
                    yield self._attempt(who, page, next(iter(self._of_kind(page.kind)), None))
            elif "token" in page.rule.arguments:  # the name of a consent is not the secret that ends it
                consents = self._of_kind("consent") if who in ("nobody", "town") else ()
                yield from (self._attempt(who, page, one, token=one.name) for one in consents if who not in one.may)
            elif page.inside is not _ALL:
                yield from self._of_page(page, who)

    def owned(self, who: str) -> Iterator[Attempt]:
        """List the pages of things that somebody may open: without them, to be refused would prove nothing."""
        for page in self.pages:
            own = next((one for one in self._of_kind(page.kind) if who in one.may), None)
            if own and page.method == "GET" and not page.is_closed_to(who):
                yield self._attempt(who, page, own)

    def everything(self, who: str) -> Iterator[Attempt]:
        """List every page that somebody may open, with what is theirs."""
        for page in self.pages:
            own = next((one for one in self._of_kind(page.kind) if who in one.may), None)
            if page.inside is not _ALL and not page.is_closed_to(who) and (own or not page.kind):
                yield self._attempt(who, page, own)

    def forms(self, who: str) -> Iterator[Attempt]:
        """List the forms that somebody may send, but those that end the session or ask for such a column by name."""
        kept = (
            "/signing-in/end",
            "/dispatch/tablets",
            "/desk/done",
            "/desk/act-for",
            "/agreements",
            "/dispatch/replan",
        )
        return (one for one in self.everything(who) if one.method == "POST" and one.path not in kept)

    def uncrossed(self, tried: Set[tuple[str, str, bool]]) -> Iterator[str]:
        """Name the pages of things to which nobody came whom the page itself lets in."""
        for page in self.pages:
            people = [who for who in page.inside if not page.is_closed_to(who)]
            foreign = any(who not in one.may for one in self._of_kind(page.kind) for who in people)
            if foreign and (page.method, page.rule.endpoint, True) not in tried:
                yield f"{page.method} {page.rule.rule}: no foreign {page.kind} was tried"

    def _of_page(self, page: Page, who: str) -> Iterator[Attempt]:
        for thing in self._of_kind(page.kind):
            late_tap = page.rule.rule in OWN_WALL and thing.name.startswith(who.partition("-")[2])
            if who not in thing.may and not late_tap:  # a device may have been out of reach when its driver tapped
                yield self._attempt(who, page, thing)
        own = next((one for one in self._of_kind(page.kind) if who in one.may), None)
        if page.kind and own is None:
            return
        for name, kind in sorted(page.fields.items()):
            for thing in self._of_kind(kind):
                if who not in thing.may:
                    yield self._attempt(who, page, own, **{f"field_{name}": thing.name})

    def _of_kind(self, kind: str) -> Iterator[Thing]:
        return (one for one in self.things if one.kind == kind)

    def _attempt(self, who: str, page: Page, thing: Thing | None, **more: str) -> Attempt:
        sent = {name.removeprefix("field_"): value for name, value in more.items() if name.startswith("field_")}
        values = {argument: WORDS.get(argument, "none") for argument in page.rule.arguments}
        named = [name for name, kind in access.ARGUMENTS.items() if thing and page.kind == kind == thing.kind]
        values |= {name: thing.name for name in named if thing}
        values |= {name: value for name, value in more.items() if name in values}
        path = self._site.build(page.rule.endpoint, {name: values[name] for name in page.rule.arguments}, page.method)
        foreign = next((one for one in self.things if sent and one.name in sent.values()), thing)
        if page.method == "GET" and sent:
            path = f"{path}?{urlencode(sent)}"
        body = {**BODY, **MASS, "key": f"{who}-{uuid4()}", "event_id": str(uuid4()), "day": date.today().isoformat()}
        data = {**body, **sent} if page.method == "POST" else None
        return Attempt(who, page.method, path, page.rule.endpoint, foreign, data, inside=not page.is_closed_to(who))


def names_sent(view: Callable[..., Any]) -> Mapping[str, str]:
    """Say which names of things the module of a page reads from forms and queries, and of what kind they are."""
    known = getattr(view, "admission", None)
    read = words_read(inspect.getmodule(inspect.unwrap(view)))
    said = {**{name: access.FIELDS[name] for name in read & access.FIELDS.keys()}, **(known.fields if known else {})}
    return {name: kind for name, kind in said.items() if kind}


@cache
def words_read(module: ModuleType | None) -> frozenset[str]:
    """List the fields that a module of pages reads, by the texts that it hands to what reads them."""
    source = inspect.getsource(module) if module else ""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args)
    read = (call.args[0] for call in calls if ast.unparse(call.func).split(".")[-1] in READERS)
    return frozenset(str(one.value) for one in read if isinstance(one, ast.Constant))


def try_all(ground: Ground, browsers: Mapping[str, Browser], url: str, *, short: bool = True) -> Outcome:
    """Let everybody try; give what was not refused, what changed, and what could not be tried."""
    done, tried = Outcome(untried=[*ground.faults]), set[tuple[str, str, bool]]()
    for who, browser in browsers.items():
        before = rows_of(url)
        for one in ground.attempts(who, short=short):
            answer = browser.send(one.method, one.path, one.data)
            done.attempts += 1
            tried.add((one.method, one.endpoint, one.inside))
            if fault := _fault(one, answer):
                named = one.thing.kind if one.thing else "page"
                done.leaks.append(f"{who}: {one.method} {one.path} ({named}): {fault}")
        done.leaks += [f"{who} changed {change}" for change in changes(before, rows_of(url))]
    done.routes = len({endpoint for _, endpoint, _ in tried})
    done.untried += ground.uncrossed(tried)
    return done


def open_own(ground: Ground, browsers: Mapping[str, Browser]) -> list[str]:
    """Let everybody open what is theirs; give what was refused to them."""
    asked = ((one, browsers[who].send("GET", one.path)) for who in browsers for one in ground.owned(who))
    return [f"{one.who}: {one.path}: {answer.status}" for one, answer in asked if answer.status not in (200, 302, 409)]


def send_own(ground: Ground, browsers: Mapping[str, Browser]) -> int:
    """Let everybody send every form of what is theirs, with columns that no form may set; count the forms."""
    count = 0
    for who, browser in browsers.items():
        for one in ground.forms(who):
            browser.send("POST", one.path, one.data)
            count += 1
    return count


def mass_assigned(url: str) -> list[str]:
    """List the rows that hold what nobody may set."""
    marked = ("mass-assigned", "98765431")
    return [row[:200] for rows in rows_of(url).values() for row in rows if any(mark in row for mark in marked)]


def odd_answers(ground: Ground, browser: Browser, who: str) -> list[str]:
    """Ask every page in ways that no browser does; give what was answered with anything but a refusal."""
    found = []
    for one in ground.everything(who):
        ways = [(method, one.path, {}) for method in ("TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "OPTIONS")]
        if one.method == "POST":
            ways += [("GET", one.path, {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST"})]
        ways += [("POST", f"{one.path}{end}", {}) for end in ("/.", "..", "%252f", "%00")]
        ways += [("POST", f"/%252e%252e{one.path}", {}), ("POST", f"/static/%252e%252e{one.path}", {})]
        for method, path, headers in ways:
            answer = browser.send(method, path, None if method == "GET" else {}, headers)
            own = method == "GET" and answer.status in (200, 302, 409)  # the same address may be read, too
            if not own and answer.status not in (308, 400, 401, 403, 404, 405, 415):
                found.append(f"{method} {path}: {answer.status}")
    return found


def _fault(one: Attempt, answer: Answer) -> str:
    shown = [word for word in (one.thing.words if one.thing else ()) if word in unescape(answer.text)]
    if shown:
        return f"shows {shown[0]!r}"
    if one.inside and one.endpoint.startswith(("signin.", "links.")):
        return "" if answer.status < 500 else f"answered {answer.status}"
    led = one.who == "nobody" and answer.status == 302 and re.search("/(sign-in|login)", answer.location)
    return "" if led or answer.status in REFUSED else f"answered {answer.status} {answer.location}".strip()


def rows_of(url: str) -> dict[str, list[str]]:
    """Read every row of every table, but of those that count refusals."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {
                name: sorted(repr(tuple(row)) for row in connection.execute(table.select()))
                for name, table in tables.METADATA.tables.items()
                if name not in COUNTERS
            }
    finally:
        engine.dispose()


def changes(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> list[str]:
    """Name the tables whose rows are others than before, each with one such row."""
    differ = {name: {*rows} ^ {*before[name]} for name, rows in after.items() if rows != before[name]}
    return [f"{name}: {min(rows)[:200]}" for name, rows in differ.items() if rows]


# Signing in


def sign_in(browser: Browser, who: str, things: Sequence[Thing]) -> Browser:
    """Let somebody in by the page of passwords, and on to whom they act for. Raises RuntimeError."""
    kept = WithToken(browser)
    kept.send("GET", "/login")
    if who == "nobody":
        return kept
    answer = kept.send("POST", "/login", {"email": address(who), "password": PASSWORD})
    if answer.status != 302:
        raise RuntimeError(f"{who} cannot sign in: {answer.status}")
    kept.send("GET", answer.location)
    kept.send("GET", HOMES[ROLES[who]])
    resident = next(one.name for one in things if one.kind == "resident" and "helper" in one.may)
    if who == "helper":
        answer = kept.send("POST", "/act-for", {"rider": resident})
    if who == "desk":
        answer = kept.send("POST", "/desk/act-for", {"user": resident})
    if answer.status != 302:
        raise RuntimeError(f"{who} cannot act for the resident: {answer.status}")
    return kept


HOMES = {
    "resident": "/profile", "desk": "/desk", "dispatcher": "/dispatch/upload", "driver": "/drive",
    "town": "/agreements",
}  # fmt: skip


class WithToken:
    """A browser that sends with each form the token of the last page that had one."""

    def __init__(self, browser: Browser) -> None:
        self.browser, self.token = browser, ""

    def send(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {"csrf_token": self.token, **data} if data is not None else None
        answer = self.browser.send(method, path, sent, headers)
        found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', answer.text)
        if found:
            self.token = unescape(found[1])
        return answer
