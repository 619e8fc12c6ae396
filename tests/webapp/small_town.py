"""A small day in central Helsinki: a school bus that keeps to its stops, and a care van that may leave its way.

bus  8:00 Liisankatu 29 -> 8:06 Rautatientori -> 8:12 Hotel Kämp -> 8:20 Ressun lukio (bell 8:30)
van  depot -> 9:20 a home in Vuorikatu -> 9:25 a home in Annankatu -> 9:35 day centre -> depot
"""

from dataclasses import replace
from datetime import date

from argon2 import PasswordHasher

from matching.model import Capacity, Detour, Load, Ride, Run, Stop, Window
from routing.times import Place
from tests.webapp.visitor import PASSWORD
from webapp.db import tables
from webapp.db.store import Door, RunHead
from webapp.services import accounts
from webapp.town import Town

MONDAY = date(2026, 11, 23)
MINUTE = 60
QUICK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
"""Hashing is slow on purpose, and tests sign in a thousand times: their site takes such hashes for as good as any."""
EIGHT = 8 * 3600
NINE = 9 * 3600
RIDER = "resident"
NEIGHBOUR = "neighbour"

LIISANKATU = Place(60.174151, 24.951375)
RAUTATIENTORI = Place(60.171366, 24.943045)
KAMP = Place(60.168207, 24.947299)
RESSU = Place(60.167146, 24.938253)
KASARMITORI = Place(60.165171, 24.947828)
VUORIKATU = Place(60.170596, 24.947862)
ANNANKATU = Place(60.164791, 24.939595)
DAY_CENTRE = Place(60.174845, 24.952104)

LABELS = {
    "liisankatu": ("Liisankatu 29", False),
    "station": ("Rautatientori", False),
    "kamp": ("Hotel Kämp", False),
    "school": ("Ressun lukio", False),
    "depot": ("Kasarmitori", True),
    "home": ("Vuorikatu 3", True),
    "other-home": ("Annankatu 14", True),
    "centre": ("Day centre", False),
    "depot-again": ("Kasarmitori", True),
}


def school_bus(town: Town, day: date = MONDAY, seats: int = 5) -> Run:
    """Five seats, four pupils: three seats free from the first stop, one from the station on."""
    policy = replace(town.policy, detour=Detour.NONE, max_detour=0, deadhead=False, max_extra=2 * MINUTE)
    return Run(
        f"bus-{day:%d}", day.isoformat(), "school", "B1", Capacity.of(seats), policy=policy,
        stops=(
            _stop("liisankatu", LIISANKATU, EIGHT, 0),
            _stop("station", RAUTATIENTORI, EIGHT + 6 * MINUTE, 1),
            _stop("kamp", KAMP, EIGHT + 12 * MINUTE, 2),
            _stop("school", RESSU, EIGHT + 20 * MINUTE, 3),
        ),
        rides=(_committed("pupils-a", "liisankatu", "school", 2), _committed("pupils-b", "station", "school", 2)),
    )  # fmt: skip


def care_van(town: Town, day: date = MONDAY) -> Run:
    """Four seats, or two and a wheelchair place; two clients; it may drive for others on its way to and from them."""
    policy = replace(town.policy, detour=Detour.UP_TO, max_detour=10 * MINUTE, deadhead=True, max_extra=10 * MINUTE)
    hours = Window(NINE - 45 * MINUTE, NINE + 90 * MINUTE)
    depots = [
        Stop(name, KASARMITORI, hours, sequence=at, depot=True) for name, at in (("depot", 0), ("depot-again", 4))
    ]
    return Run(
        f"van-{day:%d}", day.isoformat(), "care", "V1", Capacity.of(4, 1, 2), policy=policy,
        stops=(
            depots[0],
            _stop("home", VUORIKATU, NINE + 20 * MINUTE, 1, residents=False),
            _stop("other-home", ANNANKATU, NINE + 25 * MINUTE, 2, residents=False),
            _stop("centre", DAY_CENTRE, NINE + 35 * MINUTE, 3),
            depots[1],
        ),
        rides=(_committed("client-a", "home", "centre", 1), _committed("client-b", "other-home", "centre", 1)),
    )  # fmt: skip


def settle(town: Town) -> None:
    """Write the operators, the runs of the day, and somebody of each role (address: the role at example.org)."""
    accounts.add_operator(town, code="school", name="Example School", kind="school")
    accounts.add_operator(town, code="care", name="Example Care", kind="care")
    for role in (*accounts.ROLES, NEIGHBOUR):
        _add_person(town, role)

    def publish(door: Door) -> None:
        door.put(tables.Vehicle(operator_id="school", code="B1", layouts=[[5, 0]], description="Yellow bus ABC-1"))
        door.put(tables.Vehicle(operator_id="care", code="V1", layouts=[[4, 0], [2, 1]], description="White van CAR-2"))
        for run, name in ((school_bus(town), "Morning bus"), (care_van(town), "Morning van")):
            door.keep(run, cause="published", labels=LABELS, head=RunHead(run.id, name), as_published=True)

    town.store.commit(publish, times=town.roads)


def _add_person(town: Town, role: str) -> None:
    user = accounts.add_user(
        town,
        name=f"{role.title()} Testi",
        role="resident" if role == NEIGHBOUR else role,
        email=f"{role}@example.org",
        operator={"driver": "school", "dispatcher": "school"}.get(role),
        phone="+358 00 000 01" if role == RIDER else "",
        groups=["registered"],
    )
    user.password = QUICK.hash(PASSWORD)
    town.store.commit(lambda door: door.put(user))


def _stop(name: str, place: Place, planned: int, sequence: int, *, residents: bool = True) -> Stop:
    window = Window(planned, planned + 10 * MINUTE)
    return Stop(name, place, window, sequence=sequence, planned=planned, residents=residents)


def _committed(name: str, pickup: str, dropoff: str, people: int) -> Ride:
    return Ride(name, pickup, dropoff, Load(people), max_ride=45 * MINUTE, committed=True, dwell=30)
