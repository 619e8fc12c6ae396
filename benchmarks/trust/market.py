"""A town whose seats many want at once: forty minibuses a day, and residents who have said all but which ride."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from benchmarks.trust.site import Settings
from matching.model import Capacity, Load, Ride, Run, Stop, Window
from routing.times import Place
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.services import accounts
from webapp.town import Town, open_town

STOPS = (
    Place(60.174151, 24.951375),
    Place(60.171366, 24.943045),
    Place(60.168207, 24.947299),
    Place(60.167146, 24.938253),
    Place(60.164791, 24.939595),
    Place(60.165171, 24.947828),
)
MINUTE, FIRST, HEADWAY = 60, 6 * 3600, 4 * 60
BETWEEN, PATIENT = 6 * MINUTE, 25 * MINUTE
"""Seconds from one stop to the next, and by how much a run may serve it later: seats run out before minutes do."""
BATCH = 400


@dataclass(frozen=True, slots=True)
class Seeker:
    """A resident with a session of their own, and a request of theirs that only lacks the choice of a ride.

    mark: what stands on their pages and on nobody else's. alone: nobody travels with them.
    """

    mark: str
    cookie: str
    request: str
    alone: bool


def settle(settings: Settings, day: date, *, runs: int, seats: int, seekers: int, seed: int = 0) -> list[Seeker]:
    """Publish a day's runs, and let residents ask for a seat on it; of an operator that is there already, more runs."""
    town = open_town(settings)
    try:
        accounts.add_operator(town, code="school", name="Example School", kind="school")
        _publish(town, [minibus(town, day, number, seats) for number in range(runs)])
        return _ask(town, settings, day, runs, (seekers, Random(f"{seed} {day}")))
    finally:
        town.store.close()


def day_after(settings: Settings, ahead: int = 1) -> date:
    """Give a service date so many days after the town's today."""
    town = open_town(settings)
    town.store.close()
    return town.today() + timedelta(days=ahead)


def minibus(town: Town, day: date, number: int, seats: int) -> Run:
    """Make a run that begins four minutes after the one before, with two pupils aboard and two wheelchair places."""
    begins = FIRST + number * HEADWAY
    planned = [begins + at * BETWEEN for at in range(len(STOPS))]
    stops = tuple(
        Stop(f"s{at}", place, Window(due, due + PATIENT), sequence=at, planned=due, residents=True)
        for at, (place, due) in enumerate(zip(STOPS, planned, strict=True))
    )
    own = Ride("own", "s0", f"s{len(STOPS) - 1}", Load(2), max_ride=2 * 3600, committed=True, dwell=30)
    policy = replace(town.policy, max_extra=PATIENT, dwell=10, dwell_wheelchair=30)
    capacity = Capacity.of(seats, wheelchairs=2, seats_per_wheelchair=2)
    name = f"{day.isoformat()}-{number}"
    return Run(name, day.isoformat(), "school", f"B{number}", capacity, stops=stops, rides=(own,), policy=policy)


def _publish(town: Town, runs: Sequence[Run]) -> None:
    labels = {f"s{at}": (f"Stop {at}", False) for at in range(len(STOPS))}

    def publish(door: Door) -> None:
        for run in runs:
            door.keep(run, cause="published", labels=labels, head=RunHead(run.id), as_published=True)

    town.store.commit(publish, times=town.roads)


def _ask(town: Town, settings: Settings, day: date, runs: int, drawn: tuple[int, Random]) -> list[Seeker]:
    count, random = drawn
    sessions = Sessions(settings.secret_key)
    made: list[Seeker] = []
    for first in range(0, count, BATCH):
        some = [_seeker(town, day, runs, random) for _ in range(first, min(count, first + BATCH))]
        town.store.commit(lambda door, some=some: [door.put(row) for rows in some for row in rows])  # type: ignore[misc]
        made += [Seeker(user.id, sessions.cookie(user.fs_uniquifier), row.id, row.people == 1) for user, _, row in some]
    return made


def _seeker(town: Town, day: date, runs: int, random: Random) -> tuple[tables.User, tables.SavedPlace, tables.Request]:
    """Make somebody who wants to ride some way of some run: some not alone, some in a wheelchair."""
    number = secrets.token_hex(6)
    on = random.randrange(len(STOPS) - 1)
    off = random.randrange(on + 1, len(STOPS))
    leaves = FIRST + random.randrange(runs) * HEADWAY + on * BETWEEN
    people, wheelchairs = (2 if random.random() < 0.2 else 1), int(random.random() < 0.1)
    user = tables.User(
        id=number, fs_uniquifier=secrets.token_hex(16), roles=["resident"], name=f"Seeker {number}",
        groups=["registered"], language="en", created_at=town.clock(),
    )  # fmt: skip
    home = tables.SavedPlace(
        id=number, owner_id=number, label=f"Home of {number}", name=f"Stop {on}", lat=STOPS[on].lat, lon=STOPS[on].lon,
        created_at=town.clock(),
    )  # fmt: skip
    request = tables.Request(
        id=number, rider_id=user.id, asked_by=user.id, service_date=day, needs=[], max_walk=200,
        origin_label=f"Stop {on}", origin_lat=STOPS[on].lat, origin_lon=STOPS[on].lon,
        destination_label=f"Stop {off}", destination_lat=STOPS[off].lat, destination_lon=STOPS[off].lon,
        depart_earliest=leaves - random.randrange(10) * MINUTE, people=people, wheelchairs=wheelchairs,
        created_at=town.clock(),
    )  # fmt: skip
    return user, home, request


class Sessions:
    """Sign sessions as the site does, with its own key: who books is not what is measured here."""

    def __init__(self, key: str) -> None:
        app = Flask(__name__)
        app.secret_key = key
        signing = SecureCookieSessionInterface().get_signing_serializer(app)
        assert signing is not None
        self._signing = signing

    def cookie(self, user: str) -> str:
        said = {"_fresh": True, "_permanent": True, "_user_id": user, "csrf_token": secrets.token_hex(20)}
        return f"session={self._signing.dumps(said)}"

    def user(self, cookie: str) -> str:
        """Tell whose session a cookie is."""
        return str(self._signing.loads(cookie.partition("=")[2]).get("_user_id", ""))


def shares(seekers: Sequence[Seeker], bookers: int) -> Iterator[list[Seeker]]:
    """Deal seekers out to bookers, each of whom acts for theirs one after the other."""
    yield from ([*seekers[first::bookers]] for first in range(bookers))
