"""Rows <-> domain: a run is spread over its rows and put together again, or kept whole as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from enum import Enum
from itertools import chain, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from matching import model
from routing.pace import EMPTY_ROAD, HOURS, DayKind, Factors
from routing.times import Place
from webapp import service_day
from webapp.db import tables

_POLICY = TypeAdapter(model.Policy)
_RUN = TypeAdapter(model.Run)


def policy_to_json(policy: model.Policy) -> dict[str, Any]:
    """Write a policy as JSON values; sets become sorted lists, so that equal policies give equal text."""
    return {name: _plain(value) for name, value in asdict(policy).items()}


def policy_from_json(kept: dict[str, Any]) -> model.Policy:
    """Read a policy; what it does not name has its default. Raises pydantic.ValidationError for a value of no sense."""
    return _POLICY.validate_python(kept)


def plan_to_json(run: model.Run) -> dict[str, Any]:
    """Write a whole run as JSON values, from which `plan_from_json` restores it exactly."""
    return {name: _plain(value) for name, value in asdict(run).items()}


def plan_from_json(kept: dict[str, Any]) -> model.Run:
    return _RUN.validate_python(kept)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value


def layouts_to_json(capacity: model.Capacity) -> list[list[int]]:
    """List the [seats, wheelchairs, stowage] of a capacity's layouts."""
    return [[one.seats, one.wheelchairs, one.stowage] for one in capacity.layouts]


def layouts_from_json(kept: Sequence[Sequence[int]]) -> model.Capacity:
    """Read layouts; one of two numbers, as earlier versions wrote it, has no room to stow things."""
    return model.Capacity(tuple(model.Load(*numbers) for numbers in kept))


def to_factor_rows(factors: Factors) -> list[tables.PaceFactor]:
    """Make a row of each hour of each kind of day."""
    return [
        tables.PaceFactor(day_kind=kind.value, hour=hour, thousandths=thousandths)
        for kind in DayKind
        for hour, thousandths in enumerate(factors.row(kind))
    ]


def to_factors(kept: Iterable[tables.PaceFactor]) -> Factors:
    """Read factors; an hour without a row drives as on the empty road."""
    found = {(row.day_kind, row.hour): row.thousandths for row in kept}
    hours = range(HOURS)
    return Factors(**{kind.value: tuple(found.get((kind.value, h), EMPTY_ROAD) for h in hours) for kind in DayKind})


def to_head(run: model.Run, code: str, name: str) -> tables.Run:
    return tables.Run(
        id=run.id,
        operator_id=run.operator,
        service_date=date.fromisoformat(run.service_date),
        code=code,
        name=name,
        vehicle=run.vehicle,
        layouts=layouts_to_json(run.capacity),
        policy=policy_to_json(run.policy),
        revision=run.revision,
        pace=run.pace,
    )


def to_stop_rows(run: model.Run, labels: Mapping[str, tuple[str, bool]]) -> list[tables.RunStop]:
    """Make a row of each stop of a run, driven or skipped; one without a label is private."""
    stops = ((stop, False) for stop in run.stops), ((stop, True) for stop in run.skipped)
    return [
        _to_stop_row(run.id, k, stop, labels.get(stop.id, ("", True)), skipped=skipped)
        for k, (stop, skipped) in enumerate(chain(*stops))
    ]


def to_ride_rows(run: model.Run, members: Mapping[str, str]) -> list[tables.RunRide]:
    """Make a row of each ride of a run, absent ones among them."""
    rides = ((ride, False) for ride in run.rides), ((ride, True) for ride in run.absent)
    return [
        _to_ride_row(run.id, k, ride, members.get(ride.id, ""), absent=absent)
        for k, (ride, absent) in enumerate(chain(*rides))
    ]


def _to_stop_row(
    run_id: str, position: int, stop: model.Stop, label: tuple[str, bool], *, skipped: bool
) -> tables.RunStop:
    return tables.RunStop(
        run_id=run_id,
        id=stop.id,
        position=position,
        lat=stop.place.lat,
        lon=stop.place.lon,
        label=label[0],
        private=label[1],
        earliest=stop.window.earliest,
        latest=stop.window.latest,
        dwell=stop.dwell,
        sequence=stop.sequence,
        planned=stop.planned,
        residents=stop.residents,
        depot=stop.depot,
        skipped=skipped,
        held=stop.held,
    )


def _to_ride_row(run_id: str, position: int, ride: model.Ride, member: str, *, absent: bool) -> tables.RunRide:
    return tables.RunRide(
        run_id=run_id,
        id=ride.id,
        position=position,
        pickup=ride.pickup,
        dropoff=ride.dropoff,
        seats=ride.party.seats,
        wheelchairs=ride.party.wheelchairs,
        stowage=ride.party.stowage,
        max_ride=ride.max_ride,
        committed=ride.committed,
        board_earliest=ride.board.earliest,
        board_latest=ride.board.latest,
        alight_earliest=ride.alight.earliest,
        alight_latest=ride.alight.latest,
        dwell=ride.dwell,
        needs=sorted(ride.needs),
        groups=sorted(ride.groups),
        apart=sorted(ride.apart),
        after=ride.after,
        member=member,
        absent=absent,
        guest=ride.guest,
    )


AT_A_STOP = ("arrived", "boarded", "no_show", "alighted", "departed")
"""Events that happen at a stop, and so tell where the vehicle has been."""


def standing(events: Iterable[tables.Event]) -> list[tables.Event]:
    """List what happened at stops and was not taken back, in the order in which it happened."""
    told = list(events)
    undone = {event.about for event in told if event.kind == "undone"}
    kept = (event for event in told if event.kind in AT_A_STOP and event.id not in undone)
    return sorted(kept, key=lambda event: (event.happened_at, event.id))


def to_run(
    head: tables.Run,
    stops: Sequence[tables.RunStop],
    rides: Sequence[tables.RunRide],
    events: Sequence[tables.Event],
    timezone: ZoneInfo,
) -> model.Run:
    """Put a run together from its rows; stops and rides in order of position."""
    driven = [row for row in stops if not row.skipped]
    taps, closed = standing(events), any(event.kind == "closed" for event in events)
    run = model.Run(
        id=head.id,
        service_date=head.service_date.isoformat(),
        operator=head.operator_id,
        vehicle=head.vehicle,
        capacity=layouts_from_json(head.layouts),
        stops=tuple(_to_stop(row) for row in driven),
        rides=tuple(_to_ride(row) for row in rides if not row.absent),
        policy=policy_from_json(head.policy),
        revision=head.revision,
        done=len(driven) if closed else count_served(driven, taps),
        pace=head.pace,
        absent=tuple(_to_ride(row) for row in rides if row.absent),
        skipped=tuple(_to_stop(row) for row in stops if row.skipped),
    )
    return replace(run, reached=begun(run, taps, timezone))


def begun(run: model.Run, events: Iterable[tables.Event], timezone: ZoneInfo) -> tuple[int, ...]:
    """Say when service began at the leading stops, as far as the driver told of each: seconds of the service day.

    It began with the arrival, or where that was not told, as at a depot, with the departure; but not before the stop's
    window and those of who boards there, nor before service at the stop before.
    """
    said: dict[str, dict[str, datetime]] = {"arrived": {}, "departed": {}}
    for event in sorted(events, key=lambda event: event.happened_at):
        if event.kind in said:
            said[event.kind].setdefault(event.stop_id, event.happened_at)
    day, told = date.fromisoformat(run.service_date), said["departed"] | said["arrived"]
    opens = {ride.pickup: ride.board.earliest for ride in sorted(run.rides, key=lambda ride: ride.board.earliest)}
    reached: list[int] = []
    for stop in takewhile(lambda stop: stop.id in told, run.stops):
        came = service_day.seconds_of(told[stop.id], day, timezone)
        reached.append(max(came, stop.window.earliest, opens.get(stop.id, came), *reached[-1:]))
    return tuple(reached)


def count_served(stops: Sequence[tables.RunStop], events: Sequence[tables.Event]) -> int:
    """Count the leading stops that the vehicle has reached: anything that happened at a stop says that it was there."""
    at = {stop.id: k for k, stop in enumerate(stops)}
    return max((at[event.stop_id] + 1 for event in events if event.stop_id in at), default=0)


def _to_stop(row: tables.RunStop) -> model.Stop:
    return model.Stop(
        id=row.id,
        place=Place(row.lat, row.lon),
        window=model.Window(row.earliest, row.latest),
        dwell=row.dwell,
        sequence=row.sequence,
        planned=row.planned,
        residents=row.residents,
        depot=row.depot,
        held=row.held,
    )


def _to_ride(row: tables.RunRide) -> model.Ride:
    return model.Ride(
        id=row.id,
        pickup=row.pickup,
        dropoff=row.dropoff,
        party=model.Load(row.seats, row.wheelchairs, row.stowage),
        max_ride=row.max_ride,
        needs=frozenset(row.needs),
        committed=row.committed,
        board=model.Window(row.board_earliest, row.board_latest),
        alight=model.Window(row.alight_earliest, row.alight_latest),
        dwell=row.dwell,
        groups=frozenset(row.groups),
        apart=frozenset(row.apart or ()),
        after=row.after,
        guest=row.guest,
    )
