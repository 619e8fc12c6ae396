"""The dispatcher's board: runs over the day with their free seats, what is late, drafts, and who may see it."""

from dataclasses import replace

import pytest

from matching.schedule import expected, timetable
from tests.webapp.asking import ask, book
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import EIGHT, MINUTE, MONDAY, RIDER, school_bus
from tests.webapp.test_dispatcher import GOOD, hand_in
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import BUS, VAN, tap
from tests.webapp.wishes import book as book_seat
from webapp.services import board, booking
from webapp.services.board import Lane
from webapp.services.errors import NotFound
from webapp.town import Town

PAGE = f"/dispatch/board?day={MONDAY}"


@pytest.fixture
def dispatcher(sign_in: SignIn) -> Visitor:
    return sign_in("dispatcher")


def lane(town: Town) -> Lane:
    (only,) = board.read_board(town, MONDAY, operator="school").lanes
    return only


def test_each_view_shows_the_own_runs_and_no_others(dispatcher: Visitor) -> None:
    for view in ("timeline", "table", "map"):
        dispatcher.get(f"{PAGE}&view={view}")
        assert BUS in dispatcher.text and VAN not in dispatcher.text


def test_a_run_says_its_free_seats_leg_by_leg_without_its_colours(dispatcher: Visitor) -> None:
    dispatcher.get(PAGE)
    assert "from 08:00 Liisankatu 29: 3 of 5 seats free" in dispatcher.text
    assert "from 08:12 Hotel Kämp: 1 of 5 seats free" in dispatcher.text


def test_runs_are_chosen_by_words_state_and_part_of_the_day(dispatcher: Visitor) -> None:
    shown = ("q=morning", "q=b1", "state=free", "state=ahead", "state=made-up", "span=morning", "span=never")
    hidden = ("q=nothing", "state=full", "state=late", "state=closed", "span=afternoon")
    for query in (*shown, *hidden):
        dispatcher.get(f"{PAGE}&{query}")
        assert ("Liisankatu 29" in dispatcher.text) is (query in shown), query


def test_a_run_is_expected_where_it_is_late(town: Town, clock: Clock) -> None:
    clock.forward(75 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    seen = lane(town)
    assert (seen.state, seen.is_late, seen.sheet.begins) == ("under way", True, EIGHT + 15 * MINUTE)
    assert 5 * MINUTE <= seen.late <= 15 * MINUTE and seen.late_at in ("station", "kamp", "school")


def test_a_run_in_time_is_not_late(town: Town, clock: Clock) -> None:
    clock.forward(60 * MINUTE)
    tap(town, BUS, "liisankatu", "arrived")
    assert not lane(town).is_late


def test_a_stop_that_is_not_reached_is_expected_now_at_the_earliest(town: Town) -> None:
    run, late = school_bus(town), EIGHT + 9 * MINUTE
    plan, now = timetable(run, town.roads), expected(run, town.roads, late)
    assert now[0].begin == late and now[1].begin > plan[1].begin
    assert expected(run, town.roads, EIGHT) == plan


def test_a_run_without_a_sign_of_life_should_have_begun(town: Town, clock: Clock) -> None:
    assert lane(town).state == "ahead"
    clock.forward(66 * MINUTE)
    assert lane(town).state == "due"


def test_a_run_goes_over_when_its_end_has_passed(town: Town, clock: Clock) -> None:
    clock.forward(3 * 3600)
    assert lane(town).state == "over"


def test_the_board_shows_what_a_file_would_change_and_keeps_nothing(dispatcher: Visitor, town: Town) -> None:
    hand_in(dispatcher, GOOD)
    with town.store.read() as records:
        (upload,) = records.list_uploads("school")
    dispatcher.get(PAGE)
    assert "As it would be with runs.csv" in dispatcher.text and "New with this file" not in dispatcher.text
    dispatcher.get(f"{PAGE}&file={upload.id}")
    assert "A draft: nothing of this is in force" in dispatcher.text and "New with this file" in dispatcher.text
    assert [one.sheet.head.code for one in board.read_board(town, MONDAY, operator="school").lanes] == [BUS]


def test_the_file_of_another_operator_is_no_draft(dispatcher: Visitor, town: Town) -> None:
    hand_in(dispatcher, GOOD)
    with town.store.read() as records:
        (upload,) = records.list_uploads("school")
    with pytest.raises(NotFound):
        board.read_board(town, MONDAY, operator="care", draft=upload.id)
    dispatcher.get(f"{PAGE}&file=nothing", status=404)


def test_the_live_board_is_sent_only_when_it_changed(dispatcher: Visitor, clock: Clock) -> None:
    address = f"/dispatch/board/live?day={MONDAY}"
    first = dispatcher.browser.get(address)
    again = dispatcher.browser.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    clock.forward(80 * MINUTE)
    assert dispatcher.browser.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_the_map_has_a_line_for_each_run_and_each_place_once(dispatcher: Visitor) -> None:
    found = dispatcher.browser.get(f"/dispatch/board.geojson?day={MONDAY}").get_json()["features"]
    assert [one["geometry"]["type"] for one in found] == ["LineString", *["Point"] * 4]


@pytest.mark.parametrize("role", ["driver", RIDER, "desk", "town"])
def test_nobody_but_a_dispatcher_sees_the_board(sign_in: SignIn, role: str) -> None:
    browser = sign_in(role).browser
    paths = ("board", "alerts", "requests", "manifests", "manifests.pdf", "board.geojson")
    assert [browser.get(f"/dispatch/{path}").status_code for path in paths] == [404] * len(paths)


def test_a_removed_run_on_which_somebody_had_booked_stays_named_on_its_day(dispatcher: Visitor, town: Town) -> None:
    made = book_seat(town)
    booking.cancel(town, made.id, actor=made.rider_id)
    town.store.commit(lambda door: door.remove(BUS, cause="published"), runs=[BUS], times=town.roads)
    dispatcher.get(PAGE)
    assert "Taken out of the schedule" in dispatcher.text


# Would a request fit?


def test_a_request_that_has_its_seat_can_be_asked_about_too(sign_in: SignIn, dispatcher: Visitor) -> None:
    book(sign_in(RIDER))
    dispatcher.get(f"/dispatch/requests?day={MONDAY}&run={BUS}")
    assert "Has a seat" in dispatcher.text and "Resident Testi" not in dispatcher.text
    link = next(
        one.get("href", "") for one in dispatcher.tree.iter("a") if "/dispatch/requests/" in one.get("href", "")
    )
    dispatcher.get(link)
    assert "It rides here" in dispatcher.text and "It fits now" in dispatcher.text


def test_the_smallest_change_that_would_help_is_said(sign_in: SignIn, dispatcher: Visitor) -> None:
    path = ask(sign_in(RIDER), "Liisankatu 29", "Hotel Kämp", time="18:00")
    dispatcher.get(f"/dispatch/requests/{path.split('/')[-1]}")
    assert "It would fit:" in dispatcher.text and "earlier" in dispatcher.text


def test_a_run_of_another_operator_is_not_asked(sign_in: SignIn, dispatcher: Visitor) -> None:
    path = ask(sign_in(RIDER), "Liisankatu 29", "Hotel Kämp", time="18:00")
    dispatcher.get(f"/dispatch/requests/{path.split('/')[-1]}?run={VAN}", status=404)
    dispatcher.get(f"/dispatch/requests?day={MONDAY}&run={VAN}", status=404)


def test_a_bus_without_residents_is_closed(town: Town) -> None:
    run = school_bus(town)
    shut = replace(run, policy=replace(run.policy, riders=frozenset()))
    town.store.commit(lambda door: door.keep(shut, cause="published", as_published=True), runs=[BUS], times=town.roads)
    assert lane(town).closed
