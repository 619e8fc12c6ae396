"""Offers keep every promise; a refusal says why, and what it says would help does help."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given

from matching import promises
from matching.fleet import Fleet, Insertion
from matching.model import DAY, LATEST, Broken, Detour, Load, MeetingPoint, Rule, Run, TripRequest, Window
from matching.offers import (
    APART,
    MOST_OFFERS,
    MOST_PLACES,
    Change,
    Offer,
    Refusal,
    _best,
    _burden,
    _least_burden,
    asked,
    offers,
    place,
)
from matching.promises import broken
from matching.schedule import timetable
from routing.times import TravelTimes
from tests.matching.strategies import Day, days
from tests.matching.toy import EIGHT, GRID, OPEN, care_van, corner, morning_bus, wish


def offered(request: TripRequest, *runs: Run) -> tuple[Offer, ...]:
    found = offers(request, runs, GRID)
    assert not isinstance(found, Refusal), found
    return found


def refused(request: TripRequest, *runs: Run) -> Refusal:
    found = offers(request, runs, GRID)
    assert isinstance(found, Refusal), found
    return found


def bookings(day: Day) -> Iterator[tuple[Run, TripRequest, Offer]]:
    """Yield every offer made on a day with the run that it was made for; the first of each step is booked."""
    run = day.run
    for served, request in day.steps:
        run = day.reach(run, served)
        found = offers(request, [run], GRID)
        if not isinstance(found, Refusal):
            yield from ((run, request, one) for one in found)
            run = place(found[0], request, run, GRID) or run


@given(days())
def test_an_offer_never_breaks_a_promise(day: Day) -> None:
    for run, request, offer in bookings(day):
        placed = place(offer, request, run, GRID)
        assert placed is not None
        assert broken(placed, GRID, before=run) == []
        assert placed.rides[-1] == replace(offer.ride, pickup=placed.rides[-1].pickup, dropoff=placed.rides[-1].dropoff)


@given(days())
def test_a_placed_ride_is_served_within_what_was_promised(day: Day) -> None:
    for run, request, offer in bookings(day):
        placed = place(offer, request, run, GRID)
        assert placed is not None
        begin = {visit.stop.id: visit.begin for visit in timetable(placed, GRID)}
        ride, late = placed.rides[-1], run.policy.punctuality
        assert 0 <= begin[ride.pickup] - offer.pickup_time <= max(59, late)
        assert begin[ride.dropoff] <= offer.dropoff_time + late


@given(days())
def test_a_promise_is_kept_on_a_run_that_changed_meanwhile_or_not_made(day: Day) -> None:
    asked = [(request, offers(request, [day.run], GRID)) for _, request in day.steps]
    run = day.run
    for request, found in asked:
        first = None if isinstance(found, Refusal) else found[0]
        placed = place(first, request, run, GRID) if first else None
        if first and placed:
            assert broken(placed, GRID, before=run) == []
            assert placed.rides[-1].board == first.ride.board
            assert placed.rides[-1].max_ride == first.ride.max_ride
        run = placed or run


@given(days())
def test_at_most_four_offers_are_made_and_no_two_are_alike(day: Day) -> None:
    runs = [replace(day.run, id=name) for name in ("one", "two", "three")]
    for _, request in day.steps:
        found = offers(request, runs, GRID)
        made = () if isinstance(found, Refusal) else found
        times: dict[str, list[int]] = {}
        for one in made:
            times.setdefault(one.run, []).append(one.pickup_time)
        assert len(made) <= 4
        gaps = [b - a for each in times.values() for a, b in pairwise(sorted(each))]
        assert all(gap > APART - 60 for gap in gaps)


@given(days(asking=4))
def test_every_suggested_change_really_helps(day: Day) -> None:
    run = day.run
    for served, request in day.steps:
        run = day.reach(run, served)
        found = offers(request, [run], GRID)
        if isinstance(found, Refusal):
            assert all(offered(with_change(request, change), run) for change in found.changes)
        else:
            run = place(found[0], request, run, GRID) or run


def with_change(request: TripRequest, change: Change) -> TripRequest:
    if change.kind == "time":
        windows = [moved(window, change.amount) for window in (request.depart, request.arrive)]
        return replace(request, depart=windows[0], arrive=windows[1])
    if change.kind == "walk":
        return replace(request, max_walk=change.amount)
    return replace(request, party=replace(request.party, seats=change.amount - request.party.wheelchairs))


def moved(window: Window, seconds: int) -> Window:
    """Move the ends that a party set."""
    earliest = window.earliest + seconds if window.earliest > -DAY else -DAY
    return Window(earliest, window.latest + seconds if window.latest < LATEST else LATEST)


def test_an_offer_tells_whole_minutes_fare_detour_and_delay() -> None:
    (offer,) = offered(wish((3, 1), (4, 2), seats=2), morning_bus())
    assert (offer.run, offer.revision, offer.fare, offer.fare_currency) == ("bus", 0, 400, "JPY")
    assert (offer.pickup_time % 60, offer.dropoff_time % 60, offer.detour, offer.delay) == (0, 0, 120, 120)


def test_a_seat_on_the_runs_own_way_changes_nothing_for_anybody_else() -> None:
    (offer,) = offered(wish((0, 0), (4, 2)), morning_bus())
    assert (offer.detour, offer.delay, offer.pickup_time, offer.dropoff_time) == (0, 0, EIGHT, EIGHT + 360)


def test_an_offer_expires_after_a_quarter_of_an_hour_or_when_booking_ends() -> None:
    run = morning_bus(replace(OPEN, notice=1800))
    expires = [offered(wish((0, 0), (4, 2), asked_at=asked), run)[0].expires for asked in (0, EIGHT - 1860)]
    assert expires == [900, EIGHT - 1800]


def test_a_pickup_is_promised_from_the_minute_told_and_no_later_than_the_policy_says() -> None:
    slow = morning_bus(replace(OPEN, punctuality=300))
    (offer,) = offered(wish((2, 0), (4, 2)), slow)
    assert offer.ride.board == Window(EIGHT + 120, EIGHT + 420)
    assert offer.ride.alight.latest == EIGHT + 360 + 300


def test_the_nearest_offer_comes_first_and_every_run_may_make_one() -> None:
    made = offered(wish((3, 2), (4, 2)), morning_bus(), care_van())
    assert [offer.run for offer in made][:2] == ["van", "bus"]


def test_a_run_that_breaks_a_promise_by_itself_makes_no_offer() -> None:
    assert refused(wish((0, 0), (2, 0)), morning_bus(seats=1)) == Refusal(Rule.TIME, None, ())


def test_a_ride_is_not_placed_twice() -> None:
    request = wish((0, 0), (4, 2))
    (offer,) = offered(request, morning_bus())
    booked = place(offer, request, morning_bus(), GRID)
    assert booked is not None
    assert place(offer, request, booked, GRID) is None


def test_the_last_seat_goes_to_one_of_two_who_were_offered_it() -> None:
    run = morning_bus(replace(OPEN, detour=Detour.NONE), seats=3)
    first, second = wish((0, 0), (4, 2), name="q1"), wish((0, 0), (4, 2), name="q2")
    told = [offered(request, run)[0] for request in (first, second)]
    booked = place(told[0], first, run, GRID)
    assert booked is not None
    assert place(told[1], second, booked, GRID) is None


def test_a_refusal_cites_the_article_of_a_run_that_refused_for_that_rule() -> None:
    cited = replace(OPEN, max_extra=119, articles=((Rule.EXTRA, "Article 7"),))
    other = replace(OPEN, riders=frozenset({"pupil"}), articles=((Rule.EXTRA, "not this one"),))
    answer = refused(wish((1, 1), (4, 2)), replace(morning_bus(other), id="b"), morning_bus(cited))
    assert (answer.rule, answer.article) == (Rule.EXTRA, "Article 7")


def test_a_refusal_tells_by_how_much_the_nearest_run_missed() -> None:
    near, far = (replace(morning_bus(replace(OPEN, max_extra=most)), id=str(most)) for most in (100, 60))
    answer = refused(wish((1, 1), (4, 2)), far, near)
    assert (answer.rule, answer.excess) == (Rule.EXTRA, 20)


def test_a_run_that_is_late_already_offers_what_makes_nothing_worse_and_nothing_else() -> None:
    bus = morning_bus(replace(OPEN, detour=Detour.NONE, max_extra=300))
    late = replace(bus, done=1, reached=(EIGHT + 2400,))
    assert broken(late, GRID)
    (offer,) = offered(wish((2, 0), (4, 2)), late)
    assert offer.delay == 0
    assert refused(wish((2, 0), (4, 2)), replace(late, policy=replace(late.policy, dwell=1))) == Refusal(
        Rule.TIME, None, ()
    )


@given(days())
def test_a_fleet_made_before_and_used_for_others_gives_the_same_answer(day: Day) -> None:
    runs = [day.reach(day.run, 1), replace(day.run, id="other")]
    fleet = Fleet(asked(day.run.service_date, runs), GRID, index=False)
    for _, request in day.steps:
        assert offers(request, runs, GRID, fleet) == offers(request, runs, GRID)


@given(days())
def test_offers_are_the_best_of_all_places_though_few_are_built(day: Day) -> None:
    runs = [replace(day.run, id=name) for name in ("one", "two")]
    fleet = Fleet(runs, GRID, index=False)
    for _, request in day.steps:
        found = _best(request, fleet)
        places = [fleet.inserted(place) for r in range(2) for place in fleet.places(request, r, 6)]
        least = [_burden(request, one.cost, one.pickup_time, one.dropoff_time) for one in places]
        assert [one.burden for one in found[:1]] == sorted(least)[:1]


@given(days())
def test_judging_only_what_would_be_shown_gives_the_offers_of_judging_everything(day: Day) -> None:
    runs = [replace(day.run, id=name) for name in ("one", "two")]
    fleet = Fleet(runs, GRID, index=False)
    for _, request in day.steps:
        assert [one.insertion for one in _best(request, fleet)] == _best_of_all(request, fleet)


def _best_of_all(request: TripRequest, fleet: Fleet) -> list[Insertion]:
    """Build and judge every place, and only then choose."""
    places = [place for r in fleet.on_the_road(request) for place in fleet.places(request, r, MOST_PLACES)]
    places.sort(key=lambda place: _least_burden(fleet, place))
    built = [(fleet.run(place.run), fleet.inserted(place)) for place in places]
    sound = [(run, one) for run, one in built if not promises.broken(one.run, GRID, before=run)]
    sound.sort(key=lambda pair: (_burden(request, pair[1].cost, *_times(pair[1])), pair[0].id))
    kept: list[Insertion] = []
    for _, one in sound:
        alike = (o.run.id == one.run.id and abs(o.pickup_time - one.pickup_time) < APART for o in kept)
        if len(kept) < MOST_OFFERS and not any(alike):
            kept.append(one)
    return kept


def _times(one: Insertion) -> tuple[int, int]:
    return one.pickup_time, one.dropoff_time


def test_nothing_is_judged_that_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [replace(morning_bus(), id=f"bus {k}") for k in range(8)]
    judged: list[str] = []
    soundly = promises.broken

    def judge(run: Run, times: TravelTimes, before: Run | None = None) -> list[Broken]:
        judged.append(run.id)
        return soundly(run, times, before)

    monkeypatch.setattr("matching.offers.promises.broken", judge)
    assert len(offered(wish((0, 0), (4, 2)), *runs)) == MOST_OFFERS == len(judged)


@pytest.mark.parametrize(
    ("request_", "change"),
    [
        (wish((0, 0), (4, 2), depart=Window(EIGHT + 1200, EIGHT + 1500)), Change("time", -1200)),
        (wish((2, 0), (4, 2), depart=Window(EIGHT, EIGHT + 60)), Change("time", 60)),
        (wish((2, 0), (4, 2), arrive=Window(latest=EIGHT + 300)), Change("time", 60)),
        (wish((0, 0), (4, 2), seats=5), Change("party", 2)),
    ],
)
def test_a_refusal_tells_the_least_change_that_helps(request_: TripRequest, change: Change) -> None:
    assert change in refused(request_, morning_bus(replace(OPEN, detour=Detour.NONE))).changes


def test_a_longer_walk_is_suggested_where_it_leads_to_a_seat() -> None:
    points = tuple(MeetingPoint(corner(*at), walk) for *at, walk in ((1, 1, 0), (2, 0, 150), (4, 0, 300)))
    request = wish((1, 1), (4, 2), pickups=points, max_walk=100)
    answer = refused(request, morning_bus(replace(OPEN, detour=Detour.NONE)))
    assert answer.changes == (Change("walk", 150),)


def test_a_wheelchair_is_never_left_behind_to_make_a_party_fit() -> None:
    assert refused(wish((0, 0), (4, 2), party=Load(1, 1)), morning_bus()).changes == ()
