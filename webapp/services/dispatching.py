"""The dispatcher's day: every run of one operator, its free seats leg by leg, and who booked on it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from matching.model import Broken, Ride, Run
from matching.promises import broken
from matching.schedule import Visit, free_seats, timetable
from webapp.db import tables
from webapp.db.store import Records, Revision
from webapp.services.errors import NotFound
from webapp.town import Town

UNSERVED = ("refused", "waiting")


@dataclass(frozen=True, slots=True)
class Leg:
    """What a vehicle has between two stops: seconds of the service day, seats beside the wheelchairs aboard.

    places: free wheelchair places.
    """

    origin: str
    destination: str
    departs: int
    arrives: int
    free: int
    total: int
    places: int


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking on an operator's own run, with its rider's name; its stops as their vehicle's driver calls them."""

    booking: tables.Booking
    name: str
    people: int
    origin: str
    destination: str


@dataclass(frozen=True, slots=True)
class RunSheet:
    """A run as its dispatcher reads it; `faults` are the promises that it would break as it stands."""

    head: tables.Run
    run: Run
    visits: tuple[Visit, ...]
    labels: dict[str, str]
    bookings: tuple[Booked, ...]
    faults: tuple[Broken, ...]

    @property
    def begins(self) -> int:
        return next(shown_time(visit) for visit in self.visits if not visit.stop.depot)

    @property
    def ends(self) -> int:
        return next(visit.begin for visit in reversed(self.visits) if not visit.stop.depot)

    @property
    def committed(self) -> int:
        return sum(ride.party.people for ride in self.run.rides if ride.committed)

    @property
    def residents(self) -> int:
        return sum(ride.party.people for ride in self.run.residents)

    @property
    def least_free(self) -> int:
        """Seats free on the fullest leg: what one more rider finds however far the trip."""
        return min((leg.free for leg in self.legs()), default=0)

    def legs(self) -> list[Leg]:
        """List the legs on which residents could ride; those to and from the depot only where the policy opens them."""
        free = free_seats(self.run, self.visits)
        return [
            Leg(
                origin=self.labels[a.stop.id],
                destination=self.labels[b.stop.id],
                departs=a.departure,
                arrives=b.arrival,
                free=left.seats,
                total=max(left.seats, self.run.capacity.seats_beside(a.load.wheelchairs)),
                places=left.wheelchairs,
            )
            for a, b, left in zip(self.visits, self.visits[1:], free, strict=False)
            if self.run.policy.deadhead or not (a.stop.depot or b.stop.depot)
        ]


@dataclass(frozen=True, slots=True)
class DaySheet:
    """An operator's runs of a day, in order of their first minute, and what the whole town's residents were refused.

    unserved: how many requests have no seat, by reason. left: these requests, in order of the time that was asked for.
    """

    day: date
    sheets: tuple[RunSheet, ...]
    unserved: dict[str, int]
    left: tuple[tables.Request, ...]


def shown_time(visit: Visit) -> int:
    """Give the second of the service day that people are told of a stop, as it is expected now.

    A timetable prints when a vehicle leaves a stop where somebody boards: that minute stands unless it comes later.
    """
    planned = visit.stop.planned
    return visit.begin if planned is None or not visit.boarding else max(visit.begin, planned)


def list_dates(town: Town, operator: str | None = None) -> list[date]:
    """List the service dates that have runs, of one operator or of all."""
    with town.store.read() as records:
        return records.list_run_dates(operator)


def read_day(town: Town, day: date, *, operator: str) -> DaySheet:
    """Read an operator's service date."""
    with town.store.read() as records:
        heads = {head.id: head for head in records.run_heads(day, operator)}
        runs = records.list_runs(day, operator)
        bookings = [one for one in records.list_bookings(service_date=day, status="booked") if one.run_id in heads]
        booked = _booked(records, bookings)
        beside = records.beside_runs(day, operator)
        sheets = [_sheet(town, heads[run.id], run, beside[run.id][0], booked[run.id]) for run in runs]
        requests = records.list_requests(service_date=day)
    left = [request for request in requests if request.status in UNSERVED and request.reason]
    left.sort(key=lambda row: (row.arrive_latest or row.depart_earliest or 0, row.id))
    unserved = Counter(request.reason for request in left)
    ordered = sorted(sheets, key=lambda sheet: (sheet.begins, sheet.head.code))
    return DaySheet(day, tuple(ordered), dict(unserved.most_common()), tuple(left))


def read_run(town: Town, run_id: str, *, operator: str) -> tuple[RunSheet, list[Revision]]:
    """Read an operator's own run and all its revisions. Raises NotFound for any other."""
    with town.store.read() as records:
        head = records.get_run_head(run_id)
        if head.operator_id != operator:
            raise NotFound("run")
        booked = _booked(records, records.list_bookings(run_id=run_id, status="booked"))
        sheet = _sheet(town, head, records.get_run(run_id), records.run_labels(run_id), booked[run_id])
        return sheet, records.history(run_id)


def list_uploads(town: Town, operator: str) -> list[tables.Upload]:
    """List the files that an operator handed in last, newest first."""
    with town.store.read() as records:
        return records.list_uploads(operator)


def path_of(town: Town, run: Run) -> list[list[float]]:
    """Draw a run along its roads as (lon, lat); straight where the area has no road between two of its stops."""
    line: list[list[float]] = []
    for (a, b), drawn in zip(pairwise(run.stops), town.roads.paths([stop.place for stop in run.stops]), strict=True):
        line += drawn.tolist() or [[a.place.lon, a.place.lat], [b.place.lon, b.place.lat]]
    return line


def _booked(records: Records, rows: Sequence[tables.Booking]) -> dict[str, list[tuple[tables.Booking, str]]]:
    """Put the bookings of each run beside their riders' names, in order of their pickup."""
    names = records.name_users(row.rider_id for row in rows)
    booked: dict[str, list[tuple[tables.Booking, str]]] = defaultdict(list)
    for row in sorted(rows, key=lambda one: (one.pickup, one.id)):
        booked[row.run_id].append((row, names[row.rider_id]))
    return booked


def _sheet(
    town: Town,
    head: tables.Run,
    run: Run,
    labels: Mapping[str, tuple[str, bool]],
    booked: Sequence[tuple[tables.Booking, str]],
) -> RunSheet:
    rides = {ride.id: ride for ride in run.rides}
    said = {stop: label for stop, (label, _) in labels.items()}
    return RunSheet(
        head=head,
        run=run,
        visits=timetable(run, town.roads),
        labels=said,
        bookings=tuple(_booked_ride(row, name, rides.get(row.ride_id), said) for row, name in booked),
        faults=tuple(broken(run, town.roads)),
    )


def _booked_ride(row: tables.Booking, name: str, ride: Ride | None, labels: Mapping[str, str]) -> Booked:
    if ride is None:
        return Booked(row, name, 1, "", "")
    return Booked(row, name, ride.party.people, labels.get(ride.pickup, ""), labels.get(ride.dropoff, ""))
