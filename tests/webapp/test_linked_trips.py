"""A return trip follows its outbound trip: it is asked for from it, and falls away with it."""

from typing import Any

import pytest

from matching.model import Rule
from tests.webapp.small_town import EIGHT, MINUTE, MONDAY
from tests.webapp.test_planning import cancel, replan, waited
from tests.webapp.wishes import VAN, book, count_rows, rider_id, run_of, tamper, token_of
from webapp.db import tables
from webapp.db.store import Door
from webapp.services import booking, planning, trips
from webapp.services.errors import Gone
from webapp.town import Town

BACK = EIGHT + 40 * MINUTE


def ask_back(town: Town, outbound: tables.Booking, depart: int = BACK) -> booking.Answer:
    """Ask for the way back from a trip's page."""
    row = trips.start_like(town, outbound, actor=outbound.rider_id, channel="web", back=True)
    booking.answer_when(town, row.id, day=MONDAY, depart=depart)
    return booking.ask(town, row.id)


def book_back(town: Town, outbound: tables.Booking) -> tables.Booking:
    return booking.book(town, token_of(ask_back(town, outbound), VAN), key="back", actor=outbound.rider_id)


def bookings(town: Town) -> dict[str, str]:
    """Map each of the rider's bookings to its status."""
    with town.store.read() as records:
        return {one.id: one.status for one in records.list_bookings(rider_id=rider_id(town))}


def told(town: Town) -> list[str]:
    with town.store.read() as records:
        return [one.kind for one in records.pending_outbox(50)]


def change(town: Town, request_id: str, **fields: Any) -> None:
    def write(door: Door) -> None:
        row = door.get_request(request_id)
        door.put(tables.Request(**{**row.model_dump(), **fields}))

    town.store.commit(write)


def test_the_way_back_follows_the_trip_that_it_was_asked_from(town: Town) -> None:
    out = book(town)
    book_back(town, out)
    (ride,) = run_of(town, VAN).residents
    assert ride.after == out.request_id
    assert planning.verify(town)[1] == []


def test_who_cancels_a_trip_gives_both_seats_back_and_is_told_once(town: Town) -> None:
    out = book(town)
    back = book_back(town, out)
    booking.cancel(town, out.id, actor=out.rider_id)
    assert bookings(town) == {out.id: "cancelled", back.id: "cancelled"}
    assert (run_of(town).residents, run_of(town, VAN).residents) == ((), ())
    assert told(town) == ["booked", "booked", "cancelled with return"]
    rows = count_rows(town)
    booking.cancel(town, out.id, actor=out.rider_id)
    booking.cancel(town, back.id, actor=out.rider_id)
    assert count_rows(town) == rows
    assert planning.verify(town)[1] == []


def test_who_cancels_the_way_back_keeps_the_trip_there(town: Town) -> None:
    """Negative control: only what follows a trip falls away with it."""
    out = book(town)
    back = book_back(town, out)
    booking.cancel(town, back.id, actor=out.rider_id)
    assert bookings(town) == {out.id: "booked", back.id: "cancelled"}
    assert told(town) == ["booked", "booked", "cancelled"]


def test_another_trip_of_the_same_rider_is_kept(town: Town) -> None:
    out, other = book(town), book(town, run=VAN, key="other", depart=BACK)
    booking.cancel(town, out.id, actor=out.rider_id)
    assert bookings(town)[other.id] == "booked"


def test_a_way_back_that_is_booked_while_the_trip_there_is_cancelled_falls_away_too(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = book(town)
    token = token_of(ask_back(town, out), VAN)
    commit = town.store.commit
    made: list[str] = []

    def slow(*given: Any, **said: Any) -> Any:
        if not made:
            made.append("once")
            made[0] = booking.book(town, token, key="back", actor=out.rider_id).id
        return commit(*given, **said)

    monkeypatch.setattr(town.store, "commit", slow)
    booking.cancel(town, out.id, actor=out.rider_id)
    assert bookings(town) == {out.id: "cancelled", made[0]: "cancelled"}
    assert planning.verify(town)[1] == []


def test_a_way_back_that_waits_is_given_up_with_the_trip_there(town: Town) -> None:
    out = book(town)
    refused = ask_back(town, out, depart=EIGHT + 10 * 3600)
    assert refused.refusal is not None
    booking.wait(town, refused.request.id)
    assert booking.has_return(town, out)
    booking.cancel(town, out.id, actor=out.rider_id)
    with town.store.read() as records:
        assert records.get_request(refused.request.id).status == "cancelled"


def test_without_the_trip_there_the_way_back_is_a_trip_like_any_other(town: Town) -> None:
    out = book(town)
    answer = ask_back(town, out)
    booking.cancel(town, out.id, actor=out.rider_id)
    with pytest.raises(Gone, match="answers"):
        booking.book(town, token_of(answer, VAN), key="back", actor=out.rider_id)
    again = booking.ask(town, answer.request.id)
    assert again.request.after is None
    booking.book(town, token_of(again, VAN), key="back", actor=out.rider_id)
    assert planning.verify(town)[1] == []


def test_a_way_back_on_another_day_follows_nothing(town: Town) -> None:
    row = trips.start_like(town, book(town), actor=rider_id(town), channel="web", back=True)
    assert row.after is not None
    booking.answer_when(town, row.id, day=MONDAY.replace(day=24), depart=BACK)
    assert booking.ask(town, row.id).request.after is None


@pytest.mark.parametrize(("after", "found"), [(None, 1), ("a trip without a seat", 0)])
def test_a_replanning_books_no_way_back_from_a_trip_without_a_seat(town: Town, after: str | None, found: int) -> None:
    request, taken = waited(town)
    cancel(town, taken)
    change(town, request, after=after)
    assert len(replan(town).booked) == found


def test_a_ride_whose_outbound_is_nowhere_is_found(town: Town) -> None:
    book(town)
    tamper(town, "UPDATE run_ride SET after = 'nothing' WHERE id = :ride", ride=run_of(town).residents[0].id)
    assert Rule.LINKED in {fault.broken.rule for fault in planning.verify(town)[1]}
