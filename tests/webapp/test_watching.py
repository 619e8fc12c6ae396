"""What is known of a driver's device: seen, read, closed, and the alarm when nobody closed a run."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.webapp.conftest import Clock
from tests.webapp.small_town import MINUTE
from tests.webapp.test_driving import manifest, passengers, record, with_family
from tests.webapp.test_freezing import freeze
from tests.webapp.wishes import BUS, ask, book, count_rows, run_of, tap
from webapp.db import tables
from webapp.services import booking, watching
from webapp.services.errors import Conflict, Invalid
from webapp.town import Town


def watch(town: Town) -> tables.RunWatch:
    with town.store.read() as records:
        found = records.find_watch(BUS)
    assert found is not None
    return found


def told(town: Town) -> list[tuple[str, str | None]]:
    with town.store.read() as records:
        return [(row.kind, row.user_id) for row in records.pending_outbox(50) if row.kind == "unclosed"]


def test_that_a_device_asked_is_written_down_once_a_minute_and_at_once_for_a_newer_revision(
    town: Town, clock: Clock
) -> None:
    began = clock.now
    seen: list[datetime | None] = []
    for forward, revision in ((0, 0), (30, 0), (31, 0), (5, 1), (5, 0)):
        clock.forward(forward)
        watching.seen(town, BUS, revision)
        seen.append(watch(town).seen_at)
    assert [(at - began).seconds for at in seen if at] == [0, 0, 61, 66, 66]
    assert watch(town).seen_revision == 1


def test_what_was_shown_first_was_read_and_what_came_later_has_to_be(town: Town) -> None:
    watching.seen(town, BUS, 0)
    made = book(town)
    read = manifest(town)
    assert [(one.kind, one.name) for one in read.changes] == [("came", "Resident Testi")]
    assert record(town, kind="acknowledged", stop="", revision=read.head.revision)
    assert manifest(town).changes == () and watch(town).acknowledged == read.head.revision
    booking.cancel(town, made.id, actor=made.rider_id)
    # the stop of the run, where it still goes, and never what its rider calls their home
    assert [(one.kind, one.label) for one in manifest(town).changes] == [("went", "Liisankatu 29")]


def test_a_revision_that_is_not_there_yet_is_not_acknowledged(town: Town) -> None:
    watching.seen(town, BUS, 0)
    assert not record(town, kind="acknowledged", stop="", revision=99)
    book(town)
    assert manifest(town).changes


def test_nothing_changes_at_the_next_stop_that_is_too_near(town: Town) -> None:
    freeze(town, BUS, 70 * MINUTE)
    watching.seen(town, BUS, run_of(town).revision)
    before = manifest(town)
    assert BUS not in {offer.run for offer, _ in ask(town).offers}
    after = manifest(town)
    assert (after.changes, after.visits[0]) == ((), before.visits[0])


def run_on(town: Town, *, left: bool) -> None:
    """Let a bus be opened and take a pupil; it leaves its last stop, or nobody tells."""
    watching.seen(town, BUS, 0)
    tap(town, BUS, "liisankatu", "boarded", "pupils-a")
    if left:
        tap(town, BUS, "school", "departed")


@pytest.mark.parametrize("left", [True, False])
def test_the_desk_and_the_dispatcher_are_told_once_of_a_run_that_nobody_closed(
    town: Town, clock: Clock, left: bool
) -> None:
    run_on(town, left=left)
    end = clock.now if left else clock.now + timedelta(minutes=80)
    clock.now = end - timedelta(minutes=1)
    assert watching.raise_alarms(town) == 0
    clock.now = end + timedelta(minutes=4)
    assert [one.head.id for one in watching.list_unclosed(town, clock.now)] == [BUS]
    assert [watching.raise_alarms(town) for _ in range(2)] == [1, 0]
    assert len(told(town)) == 2


def test_a_run_that_was_closed_or_never_opened_raises_no_alarm(town: Town, clock: Clock) -> None:
    tap(town, BUS, "liisankatu", "no_show", "pupils-a")
    tap(town, BUS, "station", "no_show", "pupils-b")
    assert record(town, id="closing-1", kind="closed", stop="", looked=True)
    clock.forward(4 * 3600)
    assert watching.list_unclosed(town, clock.now) == [] and watching.raise_alarms(town) == 0


def test_another_operator_is_not_told(town: Town, clock: Clock) -> None:
    run_on(town, left=True)
    clock.forward(600)
    assert watching.list_unclosed(town, clock.now, "care") == []


@pytest.mark.parametrize("state", ["", "boarded"])
def test_a_run_is_not_closed_while_anybody_is_aboard_or_unaccounted_for(town: Town, state: str) -> None:
    tap(town, BUS, "station", "no_show", "pupils-b")
    if state:
        tap(town, BUS, "liisankatu", state, "pupils-a")
    rows = count_rows(town)
    with pytest.raises(Conflict, match="somebody left"):
        record(town, id="closing-1", kind="closed", stop="", looked=True)
    assert count_rows(town) == rows


def test_a_run_is_not_closed_by_who_did_not_look(town: Town) -> None:
    tap(town, BUS, "liisankatu", "no_show", "pupils-a")
    tap(town, BUS, "station", "no_show", "pupils-b")
    with pytest.raises(Invalid, match="looked"):
        record(town, id="closing-1", kind="closed", stop="")


def test_only_what_nothing_builds_on_is_taken_back(town: Town, clock: Clock) -> None:
    for at, (kind, stop) in enumerate((("boarded", "liisankatu"), ("alighted", "school"))):
        clock.forward(60)
        record(town, id=f"tap-000{at}", kind=kind, stop=stop, ride="pupils-a")
    with pytest.raises(Conflict, match="not to undo"):
        record(town, id="undo-000", kind="undone", about="tap-0000", stop="")
    record(town, id="undo-001", kind="undone", about="tap-0001", stop="")
    assert manifest(town).aboard == 2
    with pytest.raises(Conflict, match="not to undo"):
        record(town, id="undo-002", kind="undone", about="tap-0001", stop="")


def test_a_stop_that_was_left_by_mistake_is_ahead_again_for_plans_too(town: Town, clock: Clock) -> None:
    record(town, kind="departed")
    assert (run_of(town).done, len(run_of(town).reached)) == (1, 1)
    clock.forward(10)
    record(town, id="undo-001", kind="undone", about="tap-0001", stop="")
    assert (run_of(town).done, run_of(town).reached) == (0, ())


def test_a_manifest_says_who_does_not_travel_with_whom(town: Town) -> None:
    with_family(town)
    run = run_of(town)
    rides = (replace(run.rides[0], groups=frozenset({"a"})), replace(run.rides[1], apart=frozenset({"a"})))
    town.store.commit(
        lambda door: door.keep(replace(run, rides=rides), cause="published", as_published=True),
        runs=[BUS],
        times=town.roads,
    )
    assert passengers(town)["pupils-b"].apart == ("Aino Esimerkki",)
