"""Fuzz days of runs: random bookings, cancellations, absences, moves, breakdowns, delays and re-plans, each one judged.

After each action `benchmarks.verifier`, which shares no code with the planners, and `matching.promises` must both find
that nothing is broken which was not before, and must say the same of every run that was touched. A ledger keeps what
was promised to each resident: it is kept, cancelled by its rider, or reported as lost.
"""

import argparse
import json
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from time import perf_counter

import numpy as np

from benchmarks import verifier
from matching import insertion, offers, promises, rides, schedule, solver
from matching.model import Capacity, Detour, Load, MeetingPoint, Need, Policy, Ride, Run, Stop, TripRequest, Window
from routing.times import Place, Seconds, TravelTimes

DATE, SIDE, LAST_ACTIONS, ACTIONS_A_DAY = "2026-11-23", 12, 15, 300
BLOCK = (40, 45, 40, 55)
"""Seconds from a corner to the next one eastwards, westwards, northwards and southwards."""

SABOTAGE = ("seats", "window", "twice", "forgotten", "schedule")
EVERYBODY, LOUD, QUIET = frozenset({"anyone"}), frozenset({"loud"}), frozenset({"quiet"})
TOWN = frozenset({"registered"})


class Violation(Exception):
    """A promise that was broken, or two judges who disagree; the text says which."""


class GridTimes:
    """Streets on a grid, slower in some directions than in others."""

    def between(self, origin: Place, destination: Place) -> int:
        east, north = int(destination.lat - origin.lat), int(destination.lon - origin.lon)
        return max(BLOCK[0] * east, -BLOCK[1] * east) + max(BLOCK[2] * north, -BLOCK[3] * north)

    def table(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        rows = [[self.between(a, b) for b in destinations] for a in origins]
        return np.array(rows, dtype=np.int32).reshape(len(origins), len(destinations))


POLICIES = (
    Policy("wide", EVERYBODY, Detour.UP_TO, 1200, deadhead=True, max_extra=600, notice=0),
    Policy("town", TOWN, Detour.UP_TO, 600, max_extra=300, notice=900, freeze=300, dwell_needs=((Need.ALONE, 60),)),
    Policy("on the road", TOWN, Detour.ON_ROUTE, deadhead=True, max_extra=300, notice=600, punctuality=300),
    Policy("its own stops", EVERYBODY, Detour.NONE, max_extra=240, notice=0, dwell=0),
    Policy("before and after", EVERYBODY, Detour.NONE, deadhead=True, max_extra=120, freeze=600),
    Policy("punctual", TOWN, Detour.UP_TO, 300, deadhead=True, max_extra=60, punctuality=120, ride_slack=180),
    Policy("day before", EVERYBODY, Detour.UP_TO, 900, deadhead=True, max_extra=900, closes=9 * 3600),
    Policy("committed riders only"),
)
CAPACITIES = (
    Capacity.of(4, 1, 2, stowage=2),
    Capacity.of(8, 2, 2, stowage=3),
    Capacity.of(3),
    Capacity((Load(4, 0, 1), Load(2, 1, 2), Load(1, 2))),
    Capacity.of(20, 1, 3, stowage=4),
)
PARTIES = (Load(1), Load(1), Load(1), Load(2), Load(3), Load(0, 1), Load(1, 1), Load(1, 0, 1))
NEEDS = (*[frozenset[str]()] * 8, *(frozenset({need}) for need in Need if need is not Need.ACCOMPANIED))
COMMITTED_NEEDS = (*[frozenset[str]()] * 6, frozenset({Need.ACCOMPANIED}), frozenset({Need.EMPTY_SEAT}))
PACES = (*[1000] * 6, 850, 1001, 1333, 2400)
APARTS = (*[frozenset[str]()] * 8, LOUD)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a resident was promised: the ride, and where it begins and ends."""

    ride: Ride
    ends: tuple[Place, Place]


class Day:
    """A day of runs, what was promised on it, and the actions that change it."""

    def __init__(self, seed: int, number: int, times: TravelTimes) -> None:
        self.draw, self.times = Random(f"{seed}/{number}"), times  # noqa: S311 - a fuzz run, no secret
        self.count: Counter[str] = Counter()
        self.clock = 5 * 3600
        self.ledger: dict[str, Promise] = {}
        self.waiting: deque[TripRequest] = deque(maxlen=12)
        self.offered: deque[tuple[offers.Offer, TripRequest]] = deque(maxlen=6)
        self.known: dict[str, tuple[Run, verifier.Faults]] = {}
        self.asked = 0
        self.runs: dict[str, Run] = {}
        for k in range(self.draw.randint(6, 10)):
            self.runs[f"r{k}"] = self._make_run(f"r{k}")

    @property
    def over(self) -> bool:
        """Has every vehicle reached its last stop?"""
        return all(run.done == len(run.stops) for run in self.runs.values())

    # The town and its people

    def _corner(self, near: Place | None = None, far: int = 2) -> Place:
        if near is None:
            return Place(self.draw.randrange(SIDE), self.draw.randrange(SIDE))
        x, y = (min(SIDE - 1, max(0, int(at) + self.draw.randint(-far, far))) for at in (near.lat, near.lon))
        return Place(x, y)

    def _make_run(self, name: str) -> Run:
        """Make a run that keeps its own promises."""
        draw, clock, place = self.draw, self.draw.randrange(6 * 3600, 11 * 3600, 300), self._corner()
        stops = (
            [Stop(f"{name}.out", place, Window(clock - 1800), sequence=0, depot=True)] if draw.random() < 0.4 else []
        )
        for k in range(1, draw.randint(3, 7)):
            to = self._corner(place, 4)
            clock += self.times.between(place, to) + draw.choice((0, 0, 60, 240, 600))
            late = draw.choice((900, 1800, 5400))
            window = Window(clock, clock + late)
            dwell, here = draw.choice((0, 0, 30)), draw.random() < 0.8
            stops.append(Stop(f"{name}.{k}", to, window, dwell, sequence=k, planned=clock, residents=here))
            place = to
        if stops[0].depot:
            stops.append(Stop(f"{name}.home", stops[0].place, Window(0, clock + 9000), sequence=99, depot=True))
        riders = [self._committed(f"{name}.c{k}", stops) for k in range(draw.randint(1, 4))]
        run = Run(name, DATE, "town", name, draw.choice(CAPACITIES), tuple(stops), tuple(riders), draw.choice(POLICIES))
        run = replace(run, pace=draw.choice(PACES))
        while verifier.faults(run, self.times):
            run = replace(run, rides=run.rides[:-1]) if run.rides else self._make_run(name)
        return run

    def _committed(self, name: str, stops: Sequence[Stop]) -> Ride:
        draw = self.draw
        first, last = sorted(draw.sample([stop.id for stop in stops if not stop.depot], 2), key=_sequences(stops).get)  # type: ignore[arg-type]
        party, needs = draw.choice((Load(1), Load(1), Load(2), Load(0, 1))), draw.choice(COMMITTED_NEEDS)
        return Ride(
            name,
            first,
            last,
            party,
            max_ride=draw.choice((3600, 3600, 1500)),
            needs=needs,
            committed=True,
            dwell=draw.choice((0, 20)),
            groups=draw.choice((frozenset(), QUIET, LOUD)),
            apart=draw.choice(APARTS),
        )

    def _wish(self) -> TripRequest:
        """Ask for a trip near a run, by when the run is there; or a linked trip back; or any trip at all."""
        draw = self.draw
        self.asked += 1
        outbound = draw.choice(sorted(self.ledger)) if self.ledger and draw.random() < 0.15 else None
        going = [run for run in self.runs.values() if len(run.stops) - run.done > 1 and run.policy.riders]
        run = draw.choice(going or list(self.runs.values()))
        first, last = sorted(draw.sample(range(min(run.done, len(run.stops) - 2), len(run.stops)), 2))
        near, to = run.stops[first].place, run.stops[last].place
        start = verifier.begins(run, self.times)[first] - draw.choice((0, 300, 900))
        if outbound:
            promise = self.ledger[outbound]
            near, to, start = *reversed(promise.ends), promise.ride.alight.latest
        depart = Window(max(start, self.clock), max(start, self.clock) + draw.choice((900, 1800, 3600, 7200)))
        return TripRequest(
            f"q{self.asked}",
            DATE,
            self._points(near),
            self._points(to),
            draw.choice(PARTIES),
            depart=depart,
            arrive=draw.choice((Window(), Window(latest=depart.latest + 1800))),
            asked_at=self.clock,
            max_walk=draw.choice((0, 300, 300)),
            needs=draw.choice(NEEDS),
            groups=draw.choice((TOWN, TOWN, TOWN | LOUD, TOWN | QUIET, QUIET)),
            max_ride=draw.choice((2 * 86_400, 2 * 86_400, 1800)),
            apart=draw.choice((*APARTS, QUIET)),
            after=outbound,
        )

    def _points(self, near: Place) -> tuple[MeetingPoint, ...]:
        points = {self._corner(near, self.draw.choice((0, 1, 3))): 0}
        for walk in (100, 250, 500)[: self.draw.randint(0, 3)]:
            points.setdefault(self._corner(near, 1), walk)
        return tuple(MeetingPoint(place, walk) for place, walk in points.items())

    # Judging

    def faults(self, run: Run) -> verifier.Faults:
        """Give what a run does not keep; raises Violation where the two judges do not say the same."""
        kept = self.known.get(run.id)
        if kept is not None and kept[0] is run:
            return kept[1]
        mine = verifier.faults(run, self.times)
        judged: verifier.Faults = {}
        for one in promises.broken(run, self.times):
            judged[one.rule.value, one.where] = max(one.excess, judged.get((one.rule.value, one.where), 0))
        if mine != judged:
            raise Violation(f"{run.id}: the verifier finds {mine}, the judge {judged}")
        return mine

    def put(self, run: Run, *, moved: bool = False) -> None:
        """Let a run be what an action made of it; raises Violation where that breaks anything.

        moved: scheduled stops or committed rides are meant to differ.
        """
        old, found = self.runs[run.id], self.faults(run)
        wrong = [str(one) for one in verifier.worse(found, self.faults(old)).items()]
        if not moved:
            wrong += verifier.taken_away(old, run)
            wrong += [str(one) for one in promises.broken(run, self.times, before=old)]
        if wrong:
            raise Violation(f"{run.id}: " + "; ".join(wrong))
        self.runs[run.id], self.known[run.id] = run, (run, found)

    def no_worse(self, old: Run, new: Run) -> bool:
        """Is a change of the schedule itself sound, or at least no worse than before?"""
        return not verifier.worse(self.faults(new), self.faults(old))

    def check(self) -> None:
        """Hold the whole day against the ledger; raises Violation."""
        wrong = verifier.aboard_twice(self.runs.values())
        wrong += [f"{one.where}: rides without its outbound trip" for one in promises.unlinked(self.runs.values())]
        there = {ride.id: (run, ride) for run in self.runs.values() for ride in run.residents}
        wrong += [f"{name}: rides, and was promised nothing" for name in there.keys() - self.ledger.keys()]
        for name, promise in self.ledger.items():
            if name not in there:
                wrong.append(f"{name}: promised, and rides nowhere")
            elif fault := self._unlike(promise, *there[name]):
                wrong.append(f"{name}: {fault}")
            elif promise.ride.after is not None and promise.ride.after not in there:
                wrong.append(f"{name}: rides without its outbound trip")
        for run in self.runs.values():  # a run that no action named is as it was judged
            if run.id not in self.known:
                self.known[run.id] = run, self.faults(run)
            elif self.known[run.id][0] is not run:
                wrong.append(f"{run.id}: changed, and nobody judged it")
        if wrong:
            raise Violation("; ".join(wrong))

    @staticmethod
    def _unlike(promise: Promise, run: Run, ride: Ride) -> str | None:
        """Say how a ride differs from what was promised, other than by narrower windows."""
        was, place = promise.ride, {stop.id: stop.place for stop in run.stops}
        if (place[ride.pickup], place[ride.dropoff]) != promise.ends:
            return "boards or alights elsewhere"
        if (ride.party, ride.needs, ride.groups, ride.apart, ride.after) != (
            was.party,
            was.needs,
            was.groups,
            was.apart,
            was.after,
        ):
            return "another party"
        pairs = ((ride.board, was.board), (ride.alight, was.alight))
        wider = any(now.earliest < old.earliest or now.latest > old.latest for now, old in pairs)
        return "promised times widened" if wider or ride.max_ride > was.max_ride else None

    def promise(self, run: Run, ride_id: str) -> None:
        """Enter a ride in the ledger; raises Violation where it is late on the very run it was put on."""
        ride = next(one for one in run.rides if one.id == ride_id)
        at, begin = {stop.id: k for k, stop in enumerate(run.stops)}, verifier.begins(run, self.times)
        on, off = at[ride.pickup], at[ride.dropoff]
        if begin[on] not in ride.board or begin[off] not in ride.alight:
            raise Violation(f"{ride.id}: booked on {run.id} outside its own promised times")
        self.ledger[ride.id] = Promise(ride, (run.stops[on].place, run.stops[off].place))

    # Actions: each says in a word or two how it ended

    def book(self) -> str:
        """Ask for a trip and take one of the offers, at once or later, when its run may have changed."""
        wish = self._wish()
        answer = offers.offers(wish, list(self.runs.values()), self.times)
        if isinstance(answer, offers.Refusal):
            self.waiting.append(wish)
            return f"refused {wish.id}: {answer.rule}"
        offer = self.draw.choice(answer)
        if self.draw.random() < 0.2:
            self.offered.append((offer, wish))
            return f"offered {wish.id}"
        return self._take(offer, wish)

    def take(self) -> str:
        """Take an offer made earlier."""
        if not self.offered:
            return "nothing"
        offer, wish = self.offered.popleft()
        if offer.run not in self.runs or (wish.after and wish.after not in self.ledger) or offer.expires < self.clock:
            return "gone"
        return self._take(offer, wish)

    def _take(self, offer: offers.Offer, wish: TripRequest) -> str:
        new = offers.place(offer, wish, self.runs[offer.run], self.times)
        if new is None:
            return f"gone {wish.id}"
        if next(ride for ride in new.rides if ride.id == wish.id) not in self.runs[offer.run].rides:
            self.put(new)
            self.promise(new, wish.id)
            self._keeps(Promise(offer.ride, (offer.pickup.place, offer.dropoff.place)), new, wish.id)
        return f"booked {wish.id} on {offer.run}"

    def _keeps(self, promise: Promise, run: Run, ride_id: str) -> None:
        ride = next(one for one in run.rides if one.id == ride_id)
        if fault := self._unlike(promise, run, ride):
            raise Violation(f"{ride_id}: booked otherwise than offered, {fault}")

    def cancel(self) -> str:
        """Cancel a ride that has not begun; its linked trips fall away with it."""
        ready = [name for name in self.ledger if not any(self._begun(one) for one in (name, *self._linked_to(name)))]
        if not ready:
            return "nothing"
        name = self.draw.choice(ready)
        self._drop(name)
        return f"cancelled {name}"

    def _linked_to(self, name: str) -> list[str]:
        """List the rides that follow another one, and those that follow these."""
        direct = [other for other, promise in self.ledger.items() if promise.ride.after == name]
        return direct + [last for other in direct for last in self._linked_to(other)]

    def _begun(self, name: str) -> bool:
        found = [(run, ride) for run in self.runs.values() for ride in run.rides if ride.id == name]
        return any(run.positions()[ride.pickup] < run.done for run, ride in found)

    def _find(self, name: str) -> tuple[Run, Ride]:
        return next((run, ride) for run in self.runs.values() for ride in run.rides if ride.id == name)

    def _drop(self, name: str) -> None:
        """Take a ride off its run and its promise out of the ledger, and all that is linked to it."""
        for run in list(self.runs.values()):
            if any(ride.id == name for ride in run.rides):
                self.put(rides.without(run, name))
        del self.ledger[name]
        self._unlink(name)

    def _unlink(self, name: str) -> None:
        self.waiting = deque((one for one in self.waiting if one.after != name), maxlen=self.waiting.maxlen)
        for other in [other for other, promise in self.ledger.items() if promise.ride.after == name]:
            if other in self.ledger and self._begun(other):
                self._stand_alone(other)
            elif other in self.ledger:
                self.count["linked trips fallen away"] += 1
                self._drop(other)

    def absent(self) -> str:
        """Take a committed rider off who does not come today; residents who may not ride then are placed elsewhere."""
        run = self.draw.choice(list(self.runs.values()))
        at = run.positions()
        ready = [ride for ride in run.rides if ride.committed and at[ride.pickup] >= run.done]
        if not ready:
            return "nothing"
        gone = self.draw.choice(ready)
        new, out = replace(run, rides=tuple(ride for ride in run.rides if ride is not gone)), []
        while not self.no_worse(run, new):
            ahead = [ride for ride in new.residents if at[ride.pickup] >= run.done]
            if not ahead:
                return f"kept the seat of {gone.id}"
            out.append(ahead[-1])
            new = rides.without(new, ahead[-1].id)
        self.put(new, moved=True)
        self._place_again(out, {stop.id: stop.place for stop in run.stops})
        return f"absent {gone.id}"

    def move(self) -> str:
        """Move the place or the minute of a scheduled stop ahead; refused where somebody would be worse off."""
        run = self.draw.choice(list(self.runs.values()))
        ahead = [k for k, stop in enumerate(run.stops) if k >= run.fixed and stop.scheduled and not stop.depot]
        if not ahead:
            return "nothing"
        k = self.draw.choice(ahead)
        stop = run.stops[k]
        by = self.draw.choice((-600, -120, 60, 120, 300, 900))
        if self.draw.random() < 0.5:
            window = Window(stop.window.earliest + by, stop.window.latest + by)
            moved = replace(stop, window=window, planned=(stop.planned or 0) + by)
        elif any(stop.id in (ride.pickup, ride.dropoff) for ride in run.residents):
            return f"kept {stop.id}: a resident is there"
        else:
            moved = replace(stop, place=self._corner(stop.place, 2))
        new = replace(run, stops=(*run.stops[:k], moved, *run.stops[k + 1 :]))
        if not self.no_worse(run, new):
            return f"kept {stop.id}"
        self.put(new, moved=True)
        return f"moved {stop.id}"

    def break_down(self) -> str:
        """Let a run leave the day; who waits for it is placed on others as promised, or reported."""
        if len(self.runs) <= 3:
            return "nothing"
        run = self.runs.pop(self.draw.choice(sorted(self.runs)))
        self.known.pop(run.id, None)
        at, out = run.positions(), []
        for ride in run.residents:
            if at[ride.dropoff] < run.done:
                self._forget(ride.id, "arrived")
            elif at[ride.pickup] < run.done:
                self._report(ride.id)
            else:
                out.append(ride)
        self._place_again(out, {stop.id: stop.place for stop in run.stops})
        return f"broke down {run.id}"

    def _forget(self, name: str, why: str) -> None:
        """Close a promise that was kept on a run that has left the day; trips linked to it stand by themselves."""
        self.count[why] += 1
        del self.ledger[name]
        for other in [other for other, promise in self.ledger.items() if promise.ride.after == name]:
            self._stand_alone(other)
        self.waiting = deque((one for one in self.waiting if one.after != name), maxlen=self.waiting.maxlen)

    def _stand_alone(self, name: str) -> None:
        """Link a ride no longer to the one that it followed."""
        self.ledger[name] = replace(self.ledger[name], ride=replace(self.ledger[name].ride, after=None))
        for run in list(self.runs.values()):
            if any(ride.id == name for ride in run.rides):
                free = tuple(replace(ride, after=None) if ride.id == name else ride for ride in run.rides)
                new = replace(run, rides=free)
                self.runs[run.id], self.known[run.id] = new, (new, self.faults(new))

    def _report(self, name: str) -> None:
        if name in self.ledger:
            self.count["promises reported lost"] += 1
            self._drop(name)

    def _place_again(self, out: Iterable[Ride], place: dict[str, Place]) -> None:
        """Put rides on any run within what they were promised; report those that fit nowhere."""
        for ride in out:
            if ride.id not in self.ledger:
                continue
            ends = place[ride.pickup], place[ride.dropoff]
            board = replace(ride.board, earliest=max(ride.board.earliest, self.clock))
            late = replace(ride, board=board, after=self.ledger[ride.id].ride.after)
            wish = rides.asked_again(late, ends, DATE)
            found = insertion.best(wish, list(self.runs.values()), self.times)
            order = sorted(self.runs.values(), key=lambda run: found is None or run.id != found.run.id)
            for run in order if found else ():
                new = insertion.reinsert(late, ends, run, self.times)
                if new is not None and not promises.broken(new, self.times, before=run):
                    self.put(new)
                    self.promise(new, ride.id)
                    self.count["placed again"] += 1
                    break
            else:
                self._report(ride.id)

    def reach(self) -> str:
        """Let the vehicle that is next anywhere reach its stop, now and then late, seldom early."""
        going = (run for run in self.runs.values() if run.done < len(run.stops))
        due = [(verifier.begins(run, self.times)[run.done], run.id) for run in going]
        if not due:
            return "nothing"
        begin, name = min(due)
        run, late = self.runs[name], self.draw.choice((0, 0, 0, 0, 0, 0, 0, -40, 60, 180, 420, 900))
        begin = max(begin + late, *run.reached[-1:], 0)
        self.clock = max(self.clock, begin - max(0, late))
        now = replace(run, done=run.done + 1, reached=(*run.reached, begin))
        freeze = run.policy.freeze
        now = schedule.frozen_until(now, self.times, self.clock + freeze) if freeze else replace(now, frozen=0)
        found = self.faults(now)
        if found and not self.faults(run):
            self.count["runs that became late"] += 1
        timed = {"bell time", "time window", "extra minutes", "maximum ride"}
        other = [one for one in verifier.worse(found, self.faults(run)) if one[0] not in timed]
        if other:
            raise Violation(f"{name}: reaching a stop broke {other}")
        self.runs[name], self.known[name] = now, (now, found)
        return f"reached {now.stops[now.done - 1].id} {late:+}"

    def replan(self) -> str:
        """Re-plan the day with those who wait."""
        for one in list(self.waiting):
            if (one.after and one.after not in self.ledger) or one.depart.latest < self.clock:
                self.waiting.remove(one)
        wishes = [replace(one, asked_at=self.clock) for one in self.waiting]
        plan = solver.replan(list(self.runs.values()), wishes, self.times, seconds=0.2, seed=self.draw.randrange(99))
        if {run.id for run in plan.runs} != set(self.runs):
            raise Violation("re-planning lost a run")
        for run in plan.runs:
            new = self._told(run, set(plan.served))
            if new != self.runs[run.id]:
                self.put(new)
            for name in set(plan.served) & {ride.id for ride in new.rides}:
                self.promise(new, name)
        served = set(plan.served)
        self.waiting = deque((one for one in self.waiting if one.id not in served), maxlen=self.waiting.maxlen)
        self.count["placed by re-plans"] += len(served)
        return f"re-planned {len(served)} of {len(wishes)}"

    def _told(self, run: Run, new: set[str]) -> Run:
        """Narrow the windows of new rides to what is told, as after a booking."""
        begin = dict(zip((stop.id for stop in run.stops), verifier.begins(run, self.times), strict=True))
        told = tuple(
            offers.promised(ride, run.policy, begin[ride.pickup], begin[ride.dropoff]) if ride.id in new else ride
            for ride in run.rides
        )
        return replace(run, rides=told)

    # Sabotage: what a planner without a judge would do

    def sabotage(self, kind: str) -> bool:
        """Do harm on purpose, past every judge; tell whether the day had room for it."""
        booked = sorted(self.ledger)
        if kind == "schedule":
            run = next(iter(self.runs.values()))
            self.put(replace(run, stops=run.stops[:1] + run.stops[2:]))
            return True
        if kind == "seats":
            open_runs = [run for run in self.runs.values() if run.done == 0 and run.rides]
            for run in open_runs[:1]:
                full = run.capacity.most_seats + 1
                sold = replace(run.rides[0], id="sold twice", party=Load(full), committed=False, needs=frozenset())
                self.put(replace(run, rides=(*run.rides, sold)))
            return bool(open_runs)
        ahead = [name for name in booked if not self._begun(name)]
        if not ahead:
            return False
        run, ride = self._find(ahead[0])
        if kind == "forgotten":
            self.put(rides.without(run, ride.id))
        elif kind == "window":
            wide = replace(ride, alight=Window(ride.alight.earliest, ride.alight.latest + 3600))
            new = replace(run, rides=tuple(wide if one is ride else one for one in run.rides))
            self.runs[run.id], self.known[run.id] = new, (new, self.faults(new))
        else:
            going = (one for one in self.runs.values() if one.id != run.id and one.fixed < len(one.stops) - 1)
            other = next(going, None)
            if other is None:
                return False
            ends = other.stops[other.fixed].id, other.stops[-1].id
            twice = replace(other, rides=(*other.rides, replace(ride, pickup=ends[0], dropoff=ends[1])))
            self.runs[other.id], self.known[other.id] = twice, (twice, {})
        return True


def _sequences(stops: Sequence[Stop]) -> dict[str, int]:
    return {stop.id: k for k, stop in enumerate(stops)}


ACTIONS: tuple[tuple[str, int, Callable[[Day], str]], ...] = (
    ("book", 450, Day.book),
    ("take", 80, Day.take),
    ("cancel", 110, Day.cancel),
    ("absent", 50, Day.absent),
    ("move", 120, Day.move),
    ("break down", 8, Day.break_down),
    ("reach", 180, Day.reach),
    ("re-plan", 7, Day.replan),
)
"""Name, weight and method of each action."""


@dataclass(slots=True)
class Fuzz:
    """A fuzz run so far: what was counted, what was done last, and the violation that ended it."""

    seed: int
    day: int
    actions: int = 0
    replanning: float = 0.0
    seconds: float = 0.0
    violation: str | None = None
    count: Counter[str] = field(default_factory=Counter)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_ACTIONS))

    def report(self) -> dict[str, object]:
        """Give what is printed."""
        rest = max(1e-9, self.seconds - self.replanning)
        replans = self.count["re-plan: re-planned"]
        return {
            "seed": self.seed,
            "actions": self.actions,
            "counts": dict(sorted(self.count.items())),
            "violations": int(self.violation is not None),
            "seconds": round(self.seconds, 1),
            "replanning_seconds": round(self.replanning, 1),
            "actions_per_second": round((self.actions - replans) / rest),
            **({"violation": self.violation, "day": self.day, "last": list(self.last)} if self.violation else {}),
        }


def fuzz(actions: int, seed: int, *, day: int = 0, sabotage: str | None = None) -> Fuzz:
    """Do random actions, a new day every few hundred, until a violation is found."""
    done, times, start = Fuzz(seed, day), GridTimes(), perf_counter()
    names, weights, methods = zip(*ACTIONS, strict=True)
    now = Day(seed, day, times)
    try:
        while done.actions < actions:
            if done.actions and (done.actions % ACTIONS_A_DAY == 0 or now.over):
                done.count.update(now.count)
                done.day += 1
                now = Day(seed, done.day, times)
                done.last.clear()
            which = now.draw.choices(range(len(names)), weights)[0]
            began = perf_counter()
            done.last.append(names[which])
            ended = methods[which](now)
            done.last[-1] = f"{names[which]}: {ended}"
            done.count[f"{names[which]}: {_word(ended)}"] += 1
            done.actions += 1
            if names[which] == "re-plan":
                done.replanning += perf_counter() - began
            if sabotage and done.actions >= min(60, actions // 2):
                done.last.append(f"sabotage: {sabotage}")
                sabotage = None if now.sabotage(sabotage) else sabotage
            now.check()
    except Violation as found:
        done.violation = str(found)
    done.count.update(now.count)
    done.seconds = perf_counter() - start
    return done


def _word(ended: str) -> str:
    """Leave ids out of how an action ended."""
    return ended.split(maxsplit=1)[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz and print; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--actions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--day", type=int, default=0, help="the first day, to repeat one that failed")
    parser.add_argument("--sabotage", choices=SABOTAGE, help="break something once: it must be found")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    report = fuzz(args.actions, args.seed, day=args.day, sabotage=args.sabotage).report()
    print(json.dumps(report, indent=2) if args.json else _page(report))
    return int(bool(report["violations"]))


def _page(report: dict[str, object]) -> str:
    lines = []
    for name, value in report.items():
        if isinstance(value, dict):
            lines += [f"  {key:40} {number}" for key, number in value.items()]
        elif isinstance(value, list):
            lines += [f"{name}:", *(f"  {one}" for one in value)]
        else:
            lines.append(f"{name}: {value}")
    if report["violations"]:
        lines.append(f"repeat: python -m benchmarks.fuzz --seed {report['seed']} --day {report['day']}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
