"""Random actions of everybody on the demo's days, by the services that the pages call, each one judged independently.

After each action `benchmarks.verifier`, which shares no code with the planners, reads the runs that changed: nothing is
broken that was not before, nobody rides twice, every booking that was acknowledged stands until its rider gives it back
or is told, and its promised minutes are kept by the plan. At the end of each day every revision is judged again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from benchmarks import verifier
from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import records_at, settings_of
from matching.model import Run
from matching.schedule import timetable
from matching.steering import Action, CallOff, Hold, Move, Put, Swap
from routing.times import Place
from webapp import demo, service_day
from webapp.db import tables
from webapp.db.store import PromiseBroken, StoreError
from webapp.services import (
    absences,
    accounts,
    booking,
    driving,
    exporting,
    planning,
    replacing,
    schedules,
    series,
    steering,
    trips,
    waiting,
)
from webapp.services.errors import ServiceError
from webapp.town import Town, open_town

ACTIONS_A_DAY, RESIDENTS = 400, 60
EVENING = 17 * 3600
"""Second of the day before at which a day's first actions happen."""
TIMED = frozenset({"bell time", "time window", "extra minutes", "maximum ride"})
"""Rules that a vehicle's being late breaks, whatever anybody plans."""
SABOTAGE = ("seat", "booking")


class Violation(Exception):
    """A promise that was broken; the text says which."""


class Clock:
    """A clock that an action sets."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def __call__(self) -> datetime:
        self.instant += timedelta(milliseconds=1)
        return self.instant


class Days:
    """The demo's town, one service date after the other, and what was acknowledged to whom."""

    def __init__(self, town: Town, clock: Clock, seed: int) -> None:
        self.town, self.clock, self.draw = town, clock, Random(seed)
        with town.store.read() as records:
            self.dispatchers = {user.operator_id or "": user.id for user in records.list_users("dispatcher")}
            self.riders = [user.id for user in records.list_users("resident")]
            self.people = {one: list(records.list_members(one)) for one in self.dispatchers}
        self.count: Counter[str] = Counter()
        self.tokens: list[tuple[str, str, str]] = []
        self.day = demo.next_weekday(town.today(), town.holidays)
        self._begin()

    # Days

    def next_day(self) -> None:
        """Judge the day that ends, and begin the next one the evening before."""
        self.count["plans judged again"] += self.verify()
        self.day = demo.next_weekday(self.day, self.town.holidays)
        self._begin()
        schedules.extend(self.town)
        series.extend(self.town)
        self._look()

    def verify(self) -> int:
        """Judge every revision of the day; count them. Raises Violation."""
        judged, faults = planning.verify(self.town, self.day)
        broken = [
            one for one in faults if (one.broken.rule.value, one.broken.where) not in self.allowed.get(one.run, {})
        ]
        if broken:
            raise Violation(f"verify finds {broken[0]}")
        return judged

    def _begin(self) -> None:
        eve = self.day - timedelta(days=1)
        self.clock.instant = service_day.instant_of(EVENING, eve, self.town.settings.timezone)
        self.known: dict[str, tuple[Run, verifier.Faults]] = {}
        self.allowed: dict[str, verifier.Faults] = {}
        self.acknowledged: dict[str, tables.Booking] = {}
        self.mended: list[str] = []
        self._look()

    def runs(self) -> dict[str, Run]:
        """Read the day as it is kept now."""
        with self.town.store.read() as records:
            return {run.id: run for run in records.list_runs(self.day)}

    def _look(self) -> None:
        for run in self.runs().values():
            found = verifier.faults(run, self.town.roads)
            self.known[run.id] = run, found
            self.allowed.setdefault(run.id, {}).update(found)

    # Judging

    def check(self, action: str) -> None:
        """Hold the day as it is kept against what was promised. Raises Violation."""
        runs, wrong = self.runs(), []
        for name, run in runs.items():
            old, faults = self.known.get(name, (None, {}))
            if old is not None and _same(old, run):
                continue
            found = verifier.faults(run, self.town.roads)
            worse = verifier.worse(found, faults)
            if action in LATE:
                self.allowed.setdefault(name, {}).update({key: n for key, n in worse.items() if key[0] in TIMED})
                worse = {key: n for key, n in worse.items() if key[0] not in TIMED}
            elif old is None or action == "upload":
                worse = verifier.worse(found, verifier.faults(_alone(run), self.town.roads))
            if action in BY_RESIDENTS and old is not None:
                wrong += verifier.taken_away(_fixed_as(old, run), run)
            wrong += [f"{name}: {key} by {n}" for key, n in worse.items()]
            self.known[name] = run, found
        wrong += verifier.aboard_twice(replace(run, rides=run.residents) for run in runs.values())
        wrong += self._unkept(runs)
        if wrong:
            raise Violation(f"after {action}: " + "; ".join(wrong))

    def _unkept(self, runs: Mapping[str, Run]) -> Iterator[str]:
        """Say which acknowledged bookings are not kept by the plans, and who rides without a booking."""
        with self.town.store.read() as records:
            rows = {row.id: row for row in records.list_bookings(service_date=self.day)}
        yield from (f"booking {name}: gone" for name in self.acknowledged.keys() - rows.keys())
        held = {(row.run_id, row.ride_id): row for row in rows.values() if row.status == "booked"}
        for name, run in runs.items():
            for ride in run.residents:
                row = held.pop((name, ride.id), None)
                if row is None:
                    yield f"{ride.id}: rides on {name} without a booking"
                elif row.pickup not in ride.board or row.dropoff not in ride.alight:
                    yield f"{ride.id}: promised {row.pickup} to {row.dropoff}, planned {ride.board} to {ride.alight}"
        yield from (f"{row.ride_id}: booked on {run}, and rides nowhere" for (run, _), row in held.items())
        for name in [name for name, _ in self.acknowledged.items() if rows[name].status != "booked"]:
            if not self._was_told(self.acknowledged.pop(name)):
                yield f"booking {name}: {rows[name].status}, and nobody was told"

    def _was_told(self, row: tables.Booking) -> bool:
        """Is there a message to the rider since the seat was lost?"""
        with self.town.store.read() as records:
            told = [one for one in records.pending_outbox(100_000) if one.user_id == row.rider_id]
        self.count["bookings that ended otherwise, told"] += 1
        return bool(told)

    # Actions: each says in a word how it ended

    def book(self) -> str:
        """Ask, and take an offer at once, later, twice, or wait where there is none."""
        rider, request = self._asked()
        answer = booking.ask(self.town, request)
        if not answer.offers:
            if self.draw.random() < 0.5:
                booking.wait(self.town, request, at_once=self.draw.random() < 0.7)
            return "refused"
        token = self.draw.choice(answer.offers)[1]
        if self.draw.random() < 0.25:
            self.tokens = [*self.tokens[-8:], (rider, request, token)]
            return "offered"
        return self._take(rider, request, token)

    def take(self) -> str:
        """Take an offer made some actions ago, perhaps for the second time."""
        return self._take(*self.draw.choice(self.tokens)) if self.tokens else "nothing"

    def _take(self, rider: str, request: str, token: str) -> str:
        rows = [booking.book(self.town, token, key=request, actor=rider) for _ in range(self.draw.choice((1, 1, 2)))]
        if len({row.id for row in rows}) > 1:
            raise Violation(f"one key, two bookings: {[row.id for row in rows]}")
        if rows[0].status == "booked" and rows[0].service_date == self.day:
            self.acknowledged[rows[0].id] = rows[0]
        return rows[0].status

    def _asked(self) -> tuple[str, str]:
        town, draw = self.town, self.draw
        open_runs = [run for run in self.runs().values() if run.policy.riders and len(run.stops) > 2]
        run = draw.choice(open_runs)
        first, last = sorted(draw.sample(range(len(run.stops)), 2))
        begins = [visit.begin for visit in timetable(run, town.roads)]
        rider = draw.choice(self.riders)
        row = booking.start(town, rider, actor=rider)
        for end, stop in (("origin", run.stops[first]), ("destination", run.stops[last])):
            booking.answer_place(town, row.id, end=end, label=end, place=self._near(stop.place))
        depart, arrive = (begins[at] // 60 * 60 + draw.choice((-1800, -600, 0, 600)) for at in (first, last))
        if draw.random() < 0.7:
            booking.answer_when(town, row.id, day=self.day, depart=max(0, depart), arrive=None)
        else:
            booking.answer_when(town, row.id, day=self.day, depart=None, arrive=arrive)
        people = draw.choice((1, 1, 1, 1, 2, 3))
        chairs = int(draw.random() < 0.1)
        booking.answer_who(town, row.id, people=people, wheelchairs=chairs, max_walk=draw.choice((150, 300, 600)))
        return rider, row.id

    def _near(self, place: Place) -> Place:
        by = self.draw.choice((0.0, 0.0, 0.0008))
        return Place(place.lat + self.draw.uniform(-by, by), place.lon + self.draw.uniform(-by, by))

    def cancel(self) -> str:
        """Give back a booked seat, now and then twice."""
        with self.town.store.read() as records:
            rows = records.list_bookings(service_date=self.day, status="booked")
        if not rows:
            return "nothing"
        row = self.draw.choice(rows)
        for _ in range(self.draw.choice((1, 1, 2))):
            booking.cancel(self.town, row.id, actor=row.rider_id)
        self.acknowledged.pop(row.id, None)
        return "cancelled"

    def change_trip(self) -> str:
        """Want another time for a booked trip, and take what is offered for it."""
        with self.town.store.read() as records:
            rows = records.list_bookings(service_date=self.day, status="booked")
        if not rows:
            return "nothing"
        old = self.draw.choice(rows)
        request = trips.start_change(self.town, old, actor=old.rider_id, channel="web")
        by = self.draw.choice((-1200, -600, 900, 2400))
        booking.answer_when(self.town, request.id, day=self.day, depart=max(0, old.pickup + by), arrive=None)
        answer = booking.ask(self.town, request.id)
        if not answer.offers:
            return "kept"
        row = booking.book(self.town, self.draw.choice(answer.offers)[1], key=request.id, actor=old.rider_id)
        self.acknowledged.pop(old.id, None)
        self.acknowledged[row.id] = row
        return "changed"

    def answer(self) -> str:
        """Say yes or no to a seat that was put aside, or let the time go by."""
        with self.town.store.read() as records:
            rows = [row for row in records.list_put_aside() if row.service_date == self.day]
        if not rows:
            return "nothing"
        row = self.draw.choice(rows)
        if self.draw.random() < 0.5:
            self.acknowledged[row.id] = waiting.accept(self.town, row.id, actor=row.rider_id)
            return "accepted"
        booking.decline(self.town, row.id, actor=row.rider_id)
        return "declined"

    def absent(self) -> str:
        """Let a member stay at home on this day, or come after all."""
        operator = self.draw.choice([one for one, people in self.people.items() if people])
        person = absences.find_member(self.town, self.draw.choice(self.people[operator]), operator=operator)
        if self.draw.random() < 0.6:
            absences.enter(self.town, person, [self.day], actor=self.dispatchers[operator], late=True)
            return "absent"
        absences.withdraw(self.town, person, [self.day])
        return "back"

    def steer(self) -> str:
        """Do one thing of a dispatcher's, if it may be done; now and then undo the last one."""
        if self.mended and self.draw.random() < 0.2:
            return self._undo(self.mended.pop())
        run = self.draw.choice(list(self.runs().values()))
        action = self._action(run)
        if action is None:
            return "nothing"
        by = {"operator": run.operator}
        row = steering.begin(self.town, self.day, [action], **by, actor=self.dispatchers[run.operator])
        effect = steering.look(self.town, row.id, **by)
        if not effect.may_be_done:
            steering.drop(self.town, row.id, **by)
            return f"{action.kind} refused"
        steering.confirm(self.town, row.id, shown=effect.digest, **by, actor=self.dispatchers[run.operator])
        self.mended.append(row.id)
        return action.kind

    def _action(self, run: Run) -> Action | None:
        draw = self.draw
        kind = draw.choice(("put", "move", "move", "hold", "hold", "swap", "breakdown", "call_off"))
        if kind == "put":
            with self.town.store.read() as records:
                rows = records.list_requests(service_date=self.day, status="waiting")
            return Put(draw.choice(rows).id, run.id) if rows else None
        if kind == "move":
            others = [one for one in self.runs().values() if one.operator == run.operator]
            return Move(draw.choice(run.residents).id, run.id, draw.choice(others).id) if run.residents else None
        if kind == "hold" and run.stops:
            return Hold(run.id, draw.choice(run.stops).id, draw.choice((0, 120, 600)))
        if kind == "swap":
            cars = [one for one in steering.list_vehicles(self.town, run.operator) if one.layouts]
            car = draw.choice(cars) if cars else None
            return Swap(run.id, car.code, run.capacity.layouts) if car else None
        if kind == "breakdown" and draw.random() < 0.15 and run.stops:
            relief = self.town.seconds_now(self.day) + 1200 if draw.random() < 0.7 else None
            stop = draw.choice(run.stops).id
            return steering.breakdown_of(self.town, run.id, stop, operator=run.operator, relief=relief)
        return CallOff(run.id) if draw.random() < 0.1 else None

    def _undo(self, name: str) -> str:
        with self.town.store.read() as records:
            row = records.get_steering(name)
        by = {"operator": row.operator_id}
        effect = steering.look_back(self.town, name, **by)
        if not effect.may_be_done:
            return "undo refused"
        steering.undo(self.town, name, shown=effect.digest, **by, actor=self.dispatchers[row.operator_id])
        return "undone"

    def reach(self) -> str:
        """Let the vehicle that is next anywhere reach its stop, now and then late; its driver taps who comes."""
        going = [run for run in self.runs().values() if run.rides and run.done < len(run.stops)]
        if not going:
            return "nothing"
        due = [(timetable(run, self.town.roads)[run.done].begin, run.id, run) for run in going]
        begin, _, run = min(due)
        late = self.draw.choice((0, 0, 0, 30, 120, 600))
        zone = self.town.settings.timezone
        self.clock.instant = max(self.clock.instant, service_day.instant_of(begin + late, self.day, zone))
        stop = run.stops[run.done]
        self._tap(run, stop.id, "arrived")
        for ride in run.rides:
            if ride.dropoff == stop.id:
                self._tap(run, stop.id, "alighted", ride.id)
            if ride.pickup == stop.id:
                self._tap(run, stop.id, self.draw.choice(("boarded",) * 9 + ("no_show",)), ride.id)
        if self.draw.random() < 0.9:
            self._tap(run, stop.id, "departed")
        return "reached"

    def _tap(self, run: Run, stop: str, kind: str, ride: str = "") -> None:
        tap = driving.Tap(
            id=f"{run.id}-{stop}-{kind}-{ride}"[-60:].rjust(8, "-"),
            run=run.id,
            stop=stop,
            kind=kind,
            happened_at=self.clock(),
            ride=ride,
        )
        with suppress(ServiceError):
            driving.record(self.town, tap, operator=run.operator, actor="")

    def optimise(self) -> str:
        """Let the solver re-plan the day with those who wait."""
        done = planning.replan(self.town, self.day, seconds=1)
        return "re-planned" if done.booked else "as before"

    def wait_over(self) -> str:
        """Let the time go by; seats for which nobody answered are given back."""
        self.clock.instant += timedelta(minutes=self.draw.choice((1, 5, 20)))
        return f"lapsed {waiting.lapse(self.town)}"

    def upload(self) -> str:
        """Hand an operator's schedule in again with one minute of it changed, and confirm what is shown."""
        operator = self.draw.choice(list(self.dispatchers))
        content = exporting.export(self.town, operator, "csv", "en").decode("utf-8-sig").splitlines()
        line = self.draw.randrange(1, len(content))
        cells = content[line].split(",")
        times = [at for at, cell in enumerate(cells) if len(cell) in (4, 5) and cell[-3:-2] == ":"]
        if times:
            at = self.draw.choice(times)
            hour, _, minute = cells[at].partition(":")
            cells[at] = f"{hour}:{min(59, max(0, int(minute) + self.draw.choice((-3, -1, 1, 5)))):02}"
            content[line] = ",".join(cells)
        actor, by = self.dispatchers[operator], {"operator": operator}
        row = schedules.upload(self.town, "\n".join(content).encode(), "again.csv", operator=operator, actor=actor)
        look = schedules.look(self.town, row.id, **by)
        if look.checked.refused:
            schedules.drop(self.town, row.id, **by)
            return "refused"
        agreed = len(look.comparison.list_fates(replacing.PLACED, replacing.LOST))
        schedules.confirm(self.town, row.id, **by, actor=actor, shown=look.shown, agreed=agreed)
        return "taken in"

    # Harm done on purpose, for the negative control

    def harm(self, kind: str) -> bool:
        """Sell a seat twice, or forget a booking, past every judge; say whether the day had room for it."""
        with self.town.store.read() as records:
            rows = records.list_bookings(service_date=self.day, status="booked")
        if not rows:
            return False
        engine = create_engine(self.town.settings.database_url)
        statement = "DELETE FROM booking WHERE id = :id"
        if kind == "seat":
            statement = "UPDATE run_ride SET seats = 90 WHERE id = (SELECT ride_id FROM booking WHERE id = :id)"
        with engine.begin() as connection:
            connection.execute(text(statement), {"id": rows[0].id})
        engine.dispose()
        if kind == "seat":
            self.known.pop(rows[0].run_id)
        return True


def _same(old: Run, new: Run) -> bool:
    return (old.revision, old.done, old.reached, len(old.rides)) == (
        new.revision,
        new.done,
        new.reached,
        len(new.rides),
    )


def _alone(run: Run) -> Run:
    """Give a run as its operator published it: its own stops and riders."""
    stops = tuple(stop for stop in run.stops if stop.scheduled)
    return replace(run, stops=stops, rides=tuple(ride for ride in run.rides if ride.committed), done=0, reached=())


def _fixed_as(old: Run, new: Run) -> Run:
    return replace(old, frozen=new.frozen)


ACTIONS: tuple[tuple[str, int, Callable[[Days], str]], ...] = (
    ("book", 400, Days.book),
    ("take", 60, Days.take),
    ("cancel", 110, Days.cancel),
    ("change", 40, Days.change_trip),
    ("answer", 20, Days.answer),
    ("absent", 60, Days.absent),
    ("steer", 60, Days.steer),
    ("reach", 220, Days.reach),
    ("wait", 20, Days.wait_over),
    ("optimise", 5, Days.optimise),
    ("upload", 5, Days.upload),
)
"""Name, weight and method of each action."""
LATE = frozenset({"reach", "wait", "steer", "absent"})
"""Actions after which a vehicle may be late that was not: it was driven so, held, or it broke down."""
BY_RESIDENTS = frozenset({"book", "take", "cancel", "change", "answer"})


def open_days(bench: Bench, url: str, seed: int) -> Days:
    """Settle the demo's town in an empty database, with its residents."""
    settings = settings_of(bench, url)
    clock = Clock(datetime(2026, 11, 22, 9, 0))
    town = open_town(settings, clock)
    demo.settle(town)
    for number in range(RESIDENTS):
        accounts.add_user(town, name=f"Resident {number}", role="resident", groups=["registered", "senior"])
    return Days(town, clock, seed)


def play(days: Days, actions: int, *, harm: str = "") -> tuple[int, str]:
    """Do random actions until a violation; tell how many were done, and the violation."""
    names, weights, methods = zip(*ACTIONS, strict=True)
    done = 0
    try:
        while done < actions:
            which = days.draw.choices(range(len(names)), weights)[0]
            try:
                ended = methods[which](days)
            except (ServiceError, StoreError, PromiseBroken) as refused:
                ended = f"refused by {type(refused).__name__}"
            days.count[f"{names[which]}: {ended.split(maxsplit=1)[0]}"] += 1
            done += 1
            if harm and done > actions // 2 and days.harm(harm):
                harm = ""
            days.check(names[which])
            if done % ACTIONS_A_DAY == 0:
                days.next_day()
        days.verify()
    except Violation as found:
        return done, str(found)
    return done, ""


def run(bench: Bench) -> Iterator[Finding]:
    """Do random actions on each database, then harm on purpose, which must be found."""
    actions = 150 if bench.short else 20_000
    for database in bench.databases:
        with records_at(bench, database) as url:
            days = open_days(bench, url, seed=1)
            began = time.monotonic()
            done, violation = play(days, actions)
            figure: dict[str, float | int | str | bool] = {
                "actions": done,
                "violations": int(bool(violation)),
                "booked": sum(n for name, n in days.count.items() if name.endswith(": booked")),
                "plans_judged_again": days.count["plans judged again"],
                "seconds": round(time.monotonic() - began),
                **({"violation": violation} if violation else {}),
            }
            yield Finding(2, "random actions, each judged", not violation, figure, database)
            yield _history(days.town, database)
            days.town.store.close()
            bench.say(str(dict(days.count.most_common())))
    yield from _control(bench)


def _history(town: Town, database: str) -> Finding:
    """Judge all revisions that were ever kept, and try to change or delete each kind of history by hand."""
    judged, faults = planning.verify(town)
    gaps = sum(one.broken.where == "history" for one in faults)
    engine, changed = create_engine(town.settings.database_url), 0
    for one in tables.APPEND_ONLY:
        table = tables.METADATA.tables[str(one.__tablename__)]
        same = {column.name: column for column in [*table.columns][:1]}
        for statement in (table.delete(), table.update().values(same)):
            with suppress(IntegrityError), engine.begin() as connection:
                changed += max(0, connection.execute(statement).rowcount)
    engine.dispose()
    figure = {"revisions": judged, "gaps": gaps, "rows_changed_by_hand": changed}
    return Finding(19, "history replays, and refuses to be changed", not (gaps or changed), figure, database)


def _control(bench: Bench) -> Iterator[Finding]:
    for kind in SABOTAGE:
        with records_at(bench, "sqlite") as url:
            days = open_days(bench, url, seed=2)
            done, violation = play(days, 120, harm=kind)
            days.town.store.close()
            yield Finding(
                2, f"control: a {kind} lost on purpose is found", bool(violation), {"actions": done}, "sqlite"
            )
