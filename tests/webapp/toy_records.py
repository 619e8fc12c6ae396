"""Records of the toy town: two operators, a resident, and the morning bus."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import SQLModel

from matching import model
from tests.matching.toy import EIGHT, GRID, corner, morning_bus
from webapp.db import tables
from webapp.db.store import Door, RunHead, Store
from webapp.service_day import instant_of

MONDAY = date(2026, 11, 23)
SUNDAY_MORNING = datetime(2026, 11, 22, 9, 0)
MORNING = RunHead("M1", "Morning bus")


def user(user_id: str = "rider", **changes: Any) -> tables.User:
    fields: dict[str, Any] = {
        "id": user_id,
        "fs_uniquifier": f"unique-{user_id}",
        "roles": ["resident"],
        "name": user_id.title(),
        "groups": ["registered"],
        "created_at": SUNDAY_MORNING,
        **changes,
    }
    return tables.User(**fields)


def settle(store: Store) -> None:
    """Write those whom other rows point at."""

    def arrive(door: Door) -> None:
        for name in ("school", "care"):
            door.put(tables.Operator(id=name, name=name.title(), kind=name))
        door.put(user())
        door.put(tables.Request(id="wish", rider_id="rider", asked_by="rider", needs=[], created_at=SUNDAY_MORNING))

    store.commit(arrive)


def put(store: Store, *rows: SQLModel) -> None:
    store.commit(lambda door: [door.put(row) for row in rows])


def happen(store: Store, *events: tables.Event) -> list[bool]:
    """Append events; tell of each whether it was new."""
    return store.commit(lambda door: [door.add_event(one) for one in events], runs=["bus"])


def keep(store: Store, run: model.Run, *, cause: str = "import", as_published: bool = False) -> model.Run:
    return store.commit(
        lambda door: door.keep(run, cause=cause, head=MORNING, as_published=as_published), runs=[run.id], times=GRID
    )


def settled(store: Store, seats: int = 4) -> model.Run:
    """Keep the morning bus of the toy town at revision 0."""
    settle(store)
    return keep(store, morning_bus(seats=seats))


def resident(name: str, pickup: str = "a", dropoff: str = "school") -> model.Ride:
    return model.Ride(name, pickup, dropoff, model.Load(1), max_ride=3600, groups=frozenset({"registered"}))


def with_ride(run: model.Run, name: str, pickup: str = "a") -> model.Run:
    """Seat one more resident to the school, from the first stop or another."""
    return replace(run, rides=(*run.rides, resident(name, pickup)))


def with_detour(run: model.Run, name: str) -> model.Run:
    """Seat a resident who boards at a stop of its own, between the last two scheduled ones."""
    stop = model.Stop(f"{name}-stop", corner(4, 1), model.Window(EIGHT, EIGHT + 1200))
    rides = (*run.rides, resident(name, stop.id))
    return replace(run, stops=(*run.stops[:-1], stop, run.stops[-1]), rides=rides)


def booking(name: str, **changes: Any) -> tables.Booking:
    fields: dict[str, Any] = {
        "id": name,
        "rider_id": "rider",
        "request_id": "wish",
        "run_id": "bus",
        "ride_id": name,
        "key": name,
        "request_hash": "",
        "service_date": MONDAY,
        "pickup": EIGHT,
        "dropoff": EIGHT + 360,
        "pickup_label": "A",
        "dropoff_label": "School",
        "walk": 0,
        "walk_after": 0,
        "fare": 200,
        "fare_currency": "JPY",
        "created_at": SUNDAY_MORNING,
        **changes,
    }
    return tables.Booking(**fields)


def event(name: str, stop_id: str, kind: str, at: int | None = None) -> tables.Event:
    """Make an event of the bus; `at` is when it happened, seconds of Monday in Helsinki (else the Sunday before)."""
    happened = SUNDAY_MORNING if at is None else instant_of(at, MONDAY, ZoneInfo("Europe/Helsinki"))
    return tables.Event(
        id=name, run_id="bus", stop_id=stop_id, kind=kind, happened_at=happened, received_at=SUNDAY_MORNING
    )
