"""A dispatcher sees the runs of one operator, and hands in schedules that are kept whole or not at all."""

import io
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webapp.asking import ask, book, bookings, choose
from tests.webapp.conftest import SignIn
from tests.webapp.schedule_samples import SEASON, sheet
from tests.webapp.small_town import MONDAY, RIDER, school_bus
from tests.webapp.visitor import Visitor
from webapp.services import booking, schedules
from webapp.town import Town

BUS, VAN = "bus-23", "van-23"
KASARMITORI, KAMP = {"lat": "60.165171", "lon": "24.947828"}, {"lat": "60.168207", "lon": "24.947299"}
OPEN = {"vehicle": "B1", "seats": "8", "residents": "yes", "max_extra_min": "5"}
GOOD = sheet(
    [
        {**SEASON, **OPEN, **KAMP, "run_id": "N1", "place": "Yard", "time": "11:00", "board": "2"},
        {**OPEN, **KASARMITORI, "place": "Square", "time": "11:20", "alight": "2"},
    ]
)
WRONG = GOOD.replace("11:20", "11:75")


@pytest.fixture
def dispatcher(sign_in: SignIn) -> Visitor:
    return sign_in("dispatcher")


def hand_in(dispatcher: Visitor, content: bytes | str, name: str = "runs.csv", status: int = 200) -> str:
    dispatcher.get("/dispatch/upload")
    data = content.encode() if isinstance(content, str) else content
    return dispatcher.post("/dispatch/upload", {"file": (io.BytesIO(data), name)}, status)


def codes(town: Town) -> set[str]:
    with town.store.read() as records:
        return {head.code for head in records.run_heads(MONDAY)}


# The day and a run


def test_a_dispatcher_sees_the_runs_of_the_own_operator_only(dispatcher: Visitor) -> None:
    dispatcher.get("/dispatch")
    assert "Morning bus" in dispatcher.text and "Morning van" not in dispatcher.text


def test_free_seats_are_shown_leg_by_leg(dispatcher: Visitor) -> None:
    dispatcher.get(f"/dispatch/runs/{BUS}")
    assert "Liisankatu 29 3 of 5 free" in dispatcher.text and "Hotel Kämp 1 of 5 free" in dispatcher.text


@pytest.mark.parametrize("path", ["/dispatch/runs/{}", "/dispatch/runs/{}.geojson"])
@pytest.mark.parametrize("run", [VAN, "no-such-run"])
def test_the_run_of_another_operator_is_not_there(dispatcher: Visitor, path: str, run: str) -> None:
    dispatcher.get(path.format(run), status=404)


def test_a_booking_shows_its_rider_and_its_seat_is_gone(sign_in: SignIn, dispatcher: Visitor) -> None:
    book(sign_in(RIDER))
    dispatcher.get(f"/dispatch/runs/{BUS}")
    assert "Resident Testi" in dispatcher.text and "Liisankatu 29 2 of 5 free" in dispatcher.text
    assert "Seat booked" in dispatcher.text
    dispatcher.get("/dispatch")
    assert "Liisankatu 29 → Hotel Kämp Resident Testi 1" in dispatcher.text


def test_the_map_of_a_run_is_a_line_along_its_roads_and_numbered_stops(dispatcher: Visitor) -> None:
    answer = dispatcher.browser.get(f"/dispatch/runs/{BUS}.geojson")
    line, *points = answer.get_json()["features"]
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/geo+json", "no-store")
    assert line["geometry"]["type"] == "LineString" and len(line["geometry"]["coordinates"]) > len(points)
    assert [point["properties"]["label"] for point in points] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("day", ["2026-11-23", "2031-01-01", "", "yesterday", "2026-02-30"])
def test_any_date_in_the_address_gives_a_page(dispatcher: Visitor, day: str) -> None:
    dispatcher.get(f"/dispatch?day={day}")
    assert "The day" in dispatcher.text


def test_requests_without_a_seat_are_counted_by_reason_and_name_nobody(sign_in: SignIn, dispatcher: Visitor) -> None:
    ask(sign_in(RIDER), "Liisankatu 29", "Hotel Kämp", time="18:00")
    dispatcher.get("/dispatch")
    assert "1 – No vehicle that takes residents drives then." in dispatcher.text
    assert "Resident Testi" not in dispatcher.text


def test_planning_anew_books_who_waits_and_says_so(sign_in: SignIn, dispatcher: Visitor, town: Town) -> None:
    path = ask(sign_in(RIDER), "Liisankatu 29", "Hotel Kämp", time="18:00")
    booking.wait(town, path.split("/")[-1])
    dispatcher.get("/dispatch")
    dispatcher.send("Look for seats for those who wait")
    assert "No seat was found for those who wait." in dispatcher.text


def test_planning_anew_says_how_many_could_have_a_seat_at_most(
    sign_in: SignIn, dispatcher: Visitor, town: Town
) -> None:
    book(sign_in(RIDER))
    path = ask(sign_in("neighbour"), "Liisankatu 29", "Hotel Kämp", time="18:00")
    booking.wait(town, path.split("/")[-1])
    dispatcher.get("/dispatch")
    dispatcher.send("Look for seats for those who wait")
    assert "1 of at most 1 requests have a seat." in dispatcher.text


# Why not


def refused(visitor: Visitor, time: str = "18:00") -> str:
    """Let somebody be refused; give the address of the page that says why."""
    path = ask(visitor, "Liisankatu 29", "Hotel Kämp", time=time)
    return f"/dispatch/requests/{path.split('/')[-1]}"


def test_a_dispatcher_reads_what_stops_a_request_on_each_own_run(sign_in: SignIn, dispatcher: Visitor) -> None:
    path = refused(sign_in(RIDER))
    dispatcher.get("/dispatch")
    assert f'href="{path}"' in dispatcher.page
    dispatcher.get(path)
    assert "It drives at another time. 9 h" in dispatcher.text
    assert "Morning bus" in dispatcher.text and "Morning van" not in dispatcher.text


def test_what_stops_a_request_names_nobody_and_no_home(sign_in: SignIn, dispatcher: Visitor) -> None:
    path = ask(sign_in(RIDER), "Liisankatu 21", "Hotel Kämp", time="18:00")
    for page in ("/dispatch", f"/dispatch/requests/{path.split('/')[-1]}"):
        dispatcher.get(page)
        assert "Resident Testi" not in dispatcher.text and "Liisankatu 21" not in dispatcher.text


def test_a_full_bus_says_how_many_seats_are_missing(sign_in: SignIn, dispatcher: Visitor) -> None:
    path = ask(sign_in(RIDER), "Liisankatu 29", "Hotel Kämp", time="6:10", who={"people": "4"})
    dispatcher.get(f"/dispatch/requests/{path.split('/')[-1]}")
    assert "Too few seats are free. 3 more needed" in dispatcher.text


def test_a_run_on_which_a_seat_became_free_says_so(sign_in: SignIn, dispatcher: Visitor, town: Town) -> None:
    rider, neighbour = sign_in(RIDER), sign_in("neighbour")
    book(neighbour, "Rautatientori")
    path = ask(rider, "Rautatientori", "Hotel Kämp", time="6:10")
    page = f"/dispatch/requests/{path.split('/')[-1]}"
    dispatcher.get(page)
    assert "Too few seats are free. 1 more needed" in dispatcher.text and "It fits now" not in dispatcher.text
    made = bookings(town)[0]
    booking.cancel(town, made.id, actor=made.rider_id)
    dispatcher.get(page)
    assert "It fits now" in dispatcher.text


def test_a_run_that_is_closed_to_residents_says_so(sign_in: SignIn, dispatcher: Visitor, town: Town) -> None:
    path = refused(sign_in(RIDER))
    run = school_bus(town)
    shut = replace(run, revision=0, policy=replace(run.policy, riders=frozenset()))
    town.store.commit(lambda door: door.keep(shut, cause="published", as_published=True), runs=[BUS], times=town.roads)
    dispatcher.get(path)
    assert "Closed to residents" in dispatcher.text


def test_only_a_dispatcher_reads_what_stops_a_request(sign_in: SignIn, dispatcher: Visitor) -> None:
    rider = sign_in(RIDER)
    dispatcher.get("/dispatch/requests/nothing", status=404)
    rider.get(refused(rider), status=404)


def test_where_the_operator_has_no_run_nothing_is_explained(sign_in: SignIn, dispatcher: Visitor, town: Town) -> None:
    path = refused(sign_in(RIDER))
    town.store.commit(lambda door: door.remove(BUS, cause="published"), runs=[BUS], times=town.roads)
    dispatcher.get(path, status=404)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_planning_anew_a_day_without_runs_finds_no_seat(dispatcher: Visitor, day: str) -> None:
    dispatcher.get("/dispatch/upload")
    dispatcher.post("/dispatch/replan", {"day": day})
    assert "No seat was found" in dispatcher.text


def test_planning_anew_needs_a_day(dispatcher: Visitor) -> None:
    dispatcher.get("/dispatch/upload")
    dispatcher.post("/dispatch/replan", {"day": "someday"}, status=422)


# Schedule files


def test_a_right_file_is_shown_first_and_kept_when_it_is_taken_in(dispatcher: Visitor, town: Town) -> None:
    hand_in(dispatcher, GOOD)
    assert "Nothing has been changed yet." in dispatcher.text and "N1" in dispatcher.text
    assert "N1" not in codes(town)
    dispatcher.send("Take in 1 run")
    assert "Taken in: 2 new" in dispatcher.text and "N1" in codes(town)


def test_a_file_that_is_taken_in_twice_at_once_is_taken_in_once(dispatcher: Visitor) -> None:
    hand_in(dispatcher, GOOD)
    shown = dispatcher.page
    for _ in range(2):
        dispatcher.page = shown
        dispatcher.send("Take in 1 run")
        assert "Taken in: 2 new" in dispatcher.text
    upload = dispatcher.path
    dispatcher.post(f"{upload}/confirm", {"shown": "something else"}, status=409)
    assert "taken in or dropped before" in dispatcher.text


def test_the_same_file_again_changes_nothing_and_says_so(dispatcher: Visitor) -> None:
    for _ in range(2):
        hand_in(dispatcher, GOOD)
        if "Take in 1 run" in dispatcher.text:
            dispatcher.send("Take in 1 run")
    assert "This is the very file that was taken in on" in dispatcher.text
    assert "Take in 1 run" not in dispatcher.text


def test_a_wrong_file_names_row_column_and_value_and_keeps_nothing(dispatcher: Visitor, town: Town) -> None:
    hand_in(dispatcher, WRONG)
    assert "Nothing was taken in" in dispatcher.text and "Take in" not in dispatcher.text.replace("Taken", "")
    assert "Row 3 Column J time 11:75" in dispatcher.text
    upload = dispatcher.path
    dispatcher.post(f"{upload}/confirm", status=409)
    assert "N1" not in codes(town)


def test_a_dropped_file_cannot_be_taken_in_nor_a_kept_one_dropped(dispatcher: Visitor) -> None:
    hand_in(dispatcher, GOOD)
    upload = dispatcher.path
    dispatcher.send("Drop this file")
    dispatcher.post(f"{upload}/confirm", status=409)
    dispatcher.get(upload)
    assert "Nothing was changed." in dispatcher.text
    dispatcher.post(f"{upload}/drop", status=409)


def test_the_upload_of_another_operator_is_not_there(dispatcher: Visitor, sign_in: SignIn, town: Town) -> None:
    with town.store.read() as records:
        actor = records.list_users("dispatcher")[0].id
    theirs = schedules.upload(town, GOOD.encode(), "runs.csv", operator="care", actor=actor)
    dispatcher.get("/dispatch/upload")
    for path in (f"/dispatch/uploads/{theirs.id}/confirm", f"/dispatch/uploads/{theirs.id}/drop"):
        dispatcher.post(path, status=404)
        dispatcher.get("/dispatch/upload")
    dispatcher.get(f"/dispatch/uploads/{theirs.id}", status=404)


def test_no_file_is_an_error_beside_the_field(dispatcher: Visitor) -> None:
    dispatcher.get("/dispatch/upload")
    dispatcher.post("/dispatch/upload", {}, status=422)
    assert dispatcher.error("file") == "Error: Choose a file first."


def test_a_file_that_is_too_large_is_refused(dispatcher: Visitor) -> None:
    hand_in(dispatcher, b"x" * (22 * 2**20), status=413)


def test_a_run_on_which_somebody_would_lose_a_seat_is_left_as_it_is(
    dispatcher: Visitor, sign_in: SignIn, town: Town
) -> None:
    hand_in(dispatcher, GOOD)
    dispatcher.send("Take in 1 run")
    rider = sign_in(RIDER)
    ask(rider, "Hotel Kämp", "Kasarmitori", time="10:50")
    choose(rider)
    rider.send("Book this trip")
    hand_in(dispatcher, GOOD.replace("11:00", "15:00").replace("11:20", "15:20"))
    assert "Loses the seat No seat was found: would be cancelled. Resident Testi N1" in dispatcher.text
    dispatcher.send("Take in, and leave runs where somebody would lose a seat")
    assert "Not changed, because residents have booked on them or they are under way: N1 2026-11-23" in dispatcher.text


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode), st.integers(0, len(GOOD)).map(
    lambda cut: GOOD[:cut].encode() + b"\xff\x00,;\x1a" + GOOD[cut + 3 :].encode())), name=st.sampled_from(
    ["a.csv", "a.xlsx", "a", "\u202e\u3042.CSV"]))  # fmt: skip
def test_whatever_is_handed_in_gets_an_answer_for_people(dispatcher: Visitor, content: bytes, name: str) -> None:
    hand_in(dispatcher, content, name)
    assert "Errors" in dispatcher.text
