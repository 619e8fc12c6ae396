"""The nouns: frozen values that a timetable and a pencil could hold.

Times are whole seconds of the service day, whose zero is noon minus twelve hours on the service date (GTFS); a time
after midnight is more than 86,400 and a booking made the evening before is negative. Money is whole yen or cents.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from routing.times import Place

DAY = 86_400
"""Seconds of a service day without a clock change."""

LATEST = 2 * DAY
"""No service of a day ends after this second."""

FOREVER = 1 << 29
"""A bound that binds nothing, whatever the seconds are counted from."""

EMPTY_ROAD = 1000
"""The pace at which a drive takes what the empty road allows."""

FASTEST, SLOWEST = 500, 4000
"""Beyond these paces, something was measured or typed wrongly."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a party takes of a vehicle, or what a vehicle has: seats, wheelchair places, and room to stow things.

    stowage: places for walkers, prams and luggage.
    """

    seats: int = 0
    wheelchairs: int = 0
    stowage: int = 0

    def __add__(self, other: "Load") -> "Load":
        return Load(self.seats + other.seats, self.wheelchairs + other.wheelchairs, self.stowage + other.stowage)

    def __sub__(self, other: "Load") -> "Load":
        return Load(self.seats - other.seats, self.wheelchairs - other.wheelchairs, self.stowage - other.stowage)

    def within(self, layout: "Load") -> bool:
        """Is there room for this load in one seat layout?"""
        return self.seats <= layout.seats and self.wheelchairs <= layout.wheelchairs and self.stowage <= layout.stowage

    @property
    def people(self) -> int:
        """Count heads: each wheelchair place carries one person who needs no seat."""
        return self.seats + self.wheelchairs


@dataclass(frozen=True, slots=True)
class Capacity:
    """The layouts a vehicle can take; it fits a load when any one layout does, and may change layout between legs."""

    layouts: tuple[Load, ...]

    @staticmethod
    def of(seats: int, wheelchairs: int = 0, seats_per_wheelchair: int = 0, stowage: int = 0) -> "Capacity":
        """List the layouts of a vehicle in which each wheelchair place used folds away so many seats."""
        counts = range(wheelchairs + 1)
        return Capacity(tuple(Load(max(0, seats - seats_per_wheelchair * n), n, stowage) for n in counts))

    def fits(self, load: Load) -> bool:
        return any(load.within(layout) for layout in self.layouts)

    def seats_beside(self, wheelchairs: int) -> int:
        """Seats left when so many wheelchair places are taken; -1 where the vehicle has not that many places."""
        return max((one.seats for one in self.layouts if one.wheelchairs >= wheelchairs), default=-1)

    @property
    def most_wheelchairs(self) -> int:
        return max(one.wheelchairs for one in self.layouts)

    @property
    def most_seats(self) -> int:
        return max(one.seats for one in self.layouts)


@dataclass(frozen=True, slots=True)
class Window:
    """When service may begin, both ends included."""

    earliest: int = -DAY
    latest: int = LATEST

    def __and__(self, other: "Window") -> "Window":
        return Window(max(self.earliest, other.earliest), min(self.latest, other.latest))

    def __contains__(self, time: int) -> bool:
        return self.earliest <= time <= self.latest


class Need(StrEnum):
    """Needs that bind a plan, by their CROW codes where CROW has one; any other need is a note for the driver.

    ALONE: nobody else is aboard meanwhile. LAST_IN_FIRST_OUT: nobody boards or alights between its pickup and its
    drop-off. EMPTY_SEAT: the seat beside stays empty. ACCOMPANIED: never aboard with residents unless another
    committed rider is aboard, too.
    """

    ALONE = "AV-01"
    LAST_IN_FIRST_OUT = "AV-03"
    EMPTY_SEAT = "AV-12"
    ACCOMPANIED = "accompanied"


class Detour(StrEnum):
    """How far a run may leave its road while its scheduled part lasts (from the first to the last scheduled rider)."""

    NONE = "none"
    ON_ROUTE = "on route"
    UP_TO = "up to"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a town and an operator allow on a run, as data.

    riders: groups of which a resident must hold one ("anyone" admits all; empty: committed riders only).
    quota: most residents aboard at once; None for as many as the vehicle has room for.
    detour, max_detour: how a run may leave its road in its scheduled part, and for how many seconds of driving in all.
    deadhead: residents may also ride before the first and after the last scheduled rider.
    max_extra: most seconds by which a resident may delay any committed rider, against the run's own baseline.
    max_ride: most seconds aboard for a resident, waiting included, however far the trip; `ride_slack`: seconds that a
        ride may last beyond one and a half times the direct drive.
    notice, closes: booking ends `notice` seconds before the pickup, and at second `closes` of the service day
        (negative: on an earlier day) where that is set.
    punctuality: seconds after the offered minute within which a resident is picked up and dropped off.
    dwell, dwell_wheelchair, dwell_needs: seconds a party adds to a stop, each wheelchair in it, and each of its needs.
    freeze: seconds before a stop is reached from which nothing about it changes any more.
    fare: of one resident; fare_currency ISO 4217. articles: rule name -> the ordinance's article that a refusal cites.
    """

    name: str = "committed riders only"
    riders: frozenset[str] = frozenset()
    detour: Detour = Detour.NONE
    max_detour: int = 0
    deadhead: bool = False
    max_extra: int = 0
    max_ride: int = 2700
    ride_slack: int = 600
    notice: int = 1800
    closes: int | None = None
    punctuality: int = 600
    dwell: int = 30
    dwell_wheelchair: int = 180
    dwell_needs: tuple[tuple[str, int], ...] = ()
    freeze: int = 0
    fare: int = 0
    fare_currency: str = "EUR"
    articles: tuple[tuple[str, str], ...] = ()
    quota: int | None = None

    def admits(self, groups: Iterable[str]) -> bool:
        """May a resident of these groups board at all?"""
        return "anyone" in self.riders or not self.riders.isdisjoint(groups)

    def narrowed(self, riders: frozenset[str]) -> "Policy":
        """Admit only groups that `riders` names, too; "anyone" on either side leaves it to the other."""
        if "anyone" in riders:
            return self
        return replace(self, riders=riders if "anyone" in self.riders else self.riders & riders)

    def dwell_for(self, party: Load, needs: Iterable[str] = ()) -> int:
        """Seconds that a party adds at its pickup, and again at its drop-off."""
        extra = dict(self.dwell_needs)
        return self.dwell + self.dwell_wheelchair * party.wheelchairs + sum(extra.get(need, 0) for need in needs)

    def longest_ride(self, direct: int) -> int:
        """Most seconds aboard for a trip whose direct drive takes `direct` seconds (the form of Cordeau & Laporte)."""
        return min(self.max_ride, direct * 3 // 2 + self.ride_slack)

    def booking_ends(self, pickup: int) -> int:
        """Last second of the service day at which a ride picked up at second `pickup` can be booked."""
        ends = pickup - self.notice
        return ends if self.closes is None else min(ends, self.closes)

    def article(self, rule: str) -> str | None:
        return dict(self.articles).get(rule)


@dataclass(frozen=True, slots=True)
class Stop:
    """One visit of a run to a place; a run may visit a place twice.

    sequence: position in the published schedule, None for a stop that a resident's ride added.
    window: when service may begin; planned: the published minute, None where the schedule gives none.
    dwell: seconds that the schedule itself spends here. residents: may others than committed riders use this stop?
    depot: where the vehicle stands before or after its riders; nobody boards or alights here.
    held: seconds that a dispatcher lets the vehicle stand here beyond that, on this date alone.
    """

    id: str
    place: Place
    window: Window = Window(-FOREVER, FOREVER)
    dwell: int = 0
    sequence: int | None = None
    planned: int | None = None
    residents: bool = False
    depot: bool = False
    held: int = 0

    @property
    def scheduled(self) -> bool:
        return self.sequence is not None


@dataclass(frozen=True, slots=True)
class Ride:
    """A party aboard from stop `pickup` to stop `dropoff` (stop ids of one run).

    board, alight: when its pickup and its drop-off may begin, as promised to it; dwell: seconds it adds at each.
    max_ride: most seconds from the end of the pickup's dwell to the arrival at the drop-off, waiting aboard counted.
    groups: what entitles a resident to ride, and by what others may be kept apart from it: target groups, or tokens of
    persons. apart: groups with which it may not ride (CROW AV-09, AV-10). committed: rides by standing arrangement, and
    its plan comes first. after: id of the ride without which this one falls away (a return trip).
    guest: a committed ride of another run that this one carries on this date alone; it may use added stops, and belongs
    to no schedule of this run.
    """

    id: str
    pickup: str
    dropoff: str
    party: Load
    max_ride: int
    needs: frozenset[str] = frozenset()
    committed: bool = False
    board: Window = Window()
    alight: Window = Window()
    dwell: int = 0
    groups: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    after: str | None = None
    guest: bool = False

    @property
    def own(self) -> bool:
        """Does it belong to the schedule of its run?"""
        return self.committed and not self.guest

    @property
    def takes(self) -> Load:
        """What it takes of the vehicle: its party, and the empty seat beside it where it needs one."""
        return room_for(self.party, self.needs)


def room_for(party: Load, needs: frozenset[str]) -> Load:
    """What a party with these needs takes of a vehicle."""
    return party + Load(1) if Need.EMPTY_SEAT in needs else party


@dataclass(frozen=True, slots=True)
class Run:
    """One vehicle's scheduled work on one service date: the aggregate that is locked, judged and kept as a whole.

    service_date: ISO 8601. done: how many leading stops the vehicle has reached, which can no longer be changed.
    reached: when service began at leading stops, as far as that is known. frozen: how many leading stops are too near
    to be changed, those reached among them. revision: count of the run's changes since it was first kept.
    absent: committed rides of those who do not come on this date, as they will be should they come after all.
    skipped: scheduled stops that only absent riders would use, where the vehicle therefore does not go.
    pace: how long its vehicle takes for a drive, in thousandths of the time on the empty road, 500 to 4000; raises
        ValueError for any other. One for the whole run: the slowest of the hours that it touches.
    """

    id: str
    service_date: str
    operator: str
    vehicle: str
    capacity: Capacity
    stops: tuple[Stop, ...]
    rides: tuple[Ride, ...]
    policy: Policy = field(default_factory=Policy)
    revision: int = 0
    done: int = 0
    reached: tuple[int, ...] = ()
    frozen: int = 0
    pace: int = EMPTY_ROAD
    absent: tuple[Ride, ...] = ()
    skipped: tuple[Stop, ...] = ()

    def __post_init__(self) -> None:
        if not FASTEST <= self.pace <= SLOWEST:
            raise ValueError(
                f"Run {self.id}: its pace is {self.pace} thousandths of the time on the empty road, "
                f"which must be from {FASTEST} to {SLOWEST}."
            )

    def positions(self) -> dict[str, int]:
        """Map each stop id to its position in the run."""
        return {stop.id: k for k, stop in enumerate(self.stops)}

    @property
    def fixed(self) -> int:
        """How many leading stops can no longer be changed."""
        return max(self.done, self.frozen)

    @property
    def residents(self) -> tuple[Ride, ...]:
        return tuple(ride for ride in self.rides if not ride.committed)


@dataclass(frozen=True, slots=True)
class MeetingPoint:
    """A place where a resident could board or alight, and the metres to walk there."""

    place: Place
    walk: int = 0


@dataclass(frozen=True, slots=True)
class TripRequest:
    """A wish to travel on one service date.

    pickups, dropoffs: where the party could board and alight, its own door first; those within `max_walk` metres are
    meant, farther ones only serve to say what a longer walk would give.
    depart, arrive: when its pickup and its drop-off may begin. asked_at: second of the service day when it was asked.
    max_ride: most seconds aboard that the party can bear (CROW AV-11). apart, after: as of a ride.
    purpose, refusals: its waiting class, such as "medical", and how often it was refused before.
    """

    id: str
    service_date: str
    pickups: tuple[MeetingPoint, ...]
    dropoffs: tuple[MeetingPoint, ...]
    party: Load
    depart: Window = Window()
    arrive: Window = Window()
    asked_at: int = 0
    max_walk: int = 0
    needs: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    max_ride: int = LATEST
    apart: frozenset[str] = frozenset()
    after: str | None = None
    purpose: str = ""
    refusals: int = 0

    @property
    def takes(self) -> Load:
        """What the party takes of a vehicle."""
        return room_for(self.party, self.needs)


class Rule(StrEnum):
    """Names of what can stop a ride: every refusal, every broken promise and every cited article uses these words."""

    ORDER = "order"
    STOPS = "stops"
    SEATS = "seats"
    WHEELCHAIR = "wheelchair places"
    WINDOW = "time window"
    BELL = "bell time"
    EXTRA = "extra minutes"
    MAX_RIDE = "maximum ride"
    DETOUR = "detour"
    DEADHEAD = "deadhead"
    ROAD = "no road"
    WHO = "who may ride"
    RESIDENTS = "stop closed to residents"
    CUTOFF = "booking closed"
    TIME = "no run at that time"
    DONE = "already served"
    STOWAGE = "room for walkers and luggage"
    APART = "not with"
    LAST_IN = "last in, first out"
    ACCOMPANIED = "never alone"
    LINKED = "linked trip"
    AGREEMENT = "no agreement"
    QUOTA = "places for residents"


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that would not be kept: which rule, where (a stop or ride id), by how much (seconds, or people)."""

    rule: Rule
    where: str
    excess: int = 0
