"""People whom no message reaches are called: the longest waiting first, each by one worker, each matter told once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import NEIGHBOUR, RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import BUS, VAN, book, count_rows, newcomer, rider_id, tamper
from webapp.db import tables
from webapp.services import accounts, booking, call_backs, messages
from webapp.services.errors import Conflict, Invalid
from webapp.town import Town

DESK = "desk"


@pytest.fixture
def colleague(town: Town) -> str:
    return accounts.add_user(town, name="Toinen Testi", role="desk", email="other@example.org").id


def told(town: Town, kind: str = "moved", who: str = RIDER, *, phone: str = "+358 00 000 01") -> tables.Booking:
    """Book for somebody and put news of it into the outbox."""
    rider = rider_id(town, who)
    made = book(town, rider, run=VAN if who == NEIGHBOUR else BUS, key=f"{who} {kind}")
    with town.store.read() as records:
        user = records.get_user(rider)
    user.phone = phone
    town.store.commit(lambda door: door.put(user))
    town.store.commit(lambda door: messages.tell(door, kind, rider, {"booking": made.id}))
    return made


def people(town: Town, *, everybody: bool = False) -> list[str]:
    return [one.rider.name for one in call_backs.list_people(town, everybody=everybody)]


def matters(town: Town) -> list[str]:
    return [matter.key for one in call_backs.list_people(town, everybody=True) for matter in one.matters]


def report(town: Town, result: str, *, key: str = "k", actor: str = "") -> None:
    actor = actor or rider_id(town, DESK)
    call_backs.report(town, rider_id(town), result, matters(town), key=key, actor=actor)


def test_who_gets_no_mail_is_called_and_who_gets_it_is_not(town: Town) -> None:
    told(town)
    assert people(town) == ["Resident Testi"], "this town sends no mail"
    by_mail = replace(town, settings=replace(town.settings, smtp="mail.example.org"))
    assert people(by_mail) == [], "an address is known"
    assert people(by_mail, everybody=True) == ["Resident Testi"]
    tamper(town, "UPDATE \"user\" SET email = NULL WHERE email = 'resident@example.org'")
    assert people(by_mail) == ["Resident Testi"]


def test_what_they_did_themselves_or_what_is_over_needs_no_call(town: Town, clock: Clock) -> None:
    book(town)
    assert people(town) == [], "they booked it themselves"
    made = told(town, who=NEIGHBOUR, phone="+358 00 000 02")
    assert people(town) == ["Neighbour Testi"]
    booking.cancel(town, made.id, actor=rider_id(town, NEIGHBOUR))
    assert people(town) == [], "they cancelled it since"
    newcomer(town, "Nobody's News")
    clock.forward(86400)
    assert people(town, everybody=True) == []


def test_a_seat_from_the_waiting_list_is_news(town: Town) -> None:
    made = book(town)
    tamper(town, "UPDATE booking SET key = 'planned-x' WHERE id = :id", id=made.id)
    assert people(town) == ["Resident Testi"]


def test_who_has_waited_longest_comes_first_and_who_was_missed_later(town: Town, clock: Clock) -> None:
    told(town, who=NEIGHBOUR, phone="+358 00 000 02")
    clock.forward(60)
    told(town)
    assert people(town) == ["Neighbour Testi", "Resident Testi"]
    clock.forward(60)
    rows = matters(town)
    neighbour = rider_id(town, NEIGHBOUR)
    for _ in range(2):
        call_backs.report(town, neighbour, "missed", rows, key="k", actor=rider_id(town, DESK))
    first, last = call_backs.list_people(town)
    assert (first.rider.name, last.rider.name, last.later) == ("Resident Testi", "Neighbour Testi", True)
    assert last.turn is not None and last.turn.tries == 1, "the form was sent twice"
    clock.forward(1800)
    assert people(town)[0] == "Neighbour Testi"


def test_what_was_told_is_off_the_list_and_news_since_is_not(town: Town, clock: Clock) -> None:
    made = told(town)
    before = matters(town)
    clock.forward(1)
    town.store.commit(lambda door: messages.tell(door, "moved", made.rider_id, {"booking": made.id}))
    call_backs.report(town, made.rider_id, "reached", before, key="k", actor=rider_id(town, DESK))
    assert matters(town) == [key for key in matters(town) if key not in before] and people(town) == ["Resident Testi"]
    report(town, "given up", key="k2")
    assert people(town) == []
    rows = count_rows(town)
    report(town, "given up", key="k2")
    assert count_rows(town) == rows


def test_nobody_tells_what_is_not_theirs_to_tell(town: Town) -> None:
    told(town)
    neighbour = rider_id(town, NEIGHBOUR)
    call_backs.report(town, neighbour, "reached", matters(town), key="k", actor=rider_id(town, DESK))
    assert people(town) == ["Resident Testi"], "another person's matter"
    with pytest.raises(Invalid):
        report(town, "forgot")


def test_a_person_is_taken_by_one_for_ten_minutes(town: Town, clock: Clock, colleague: str) -> None:
    told(town)
    call_backs.take(town, rider_id(town), actor=colleague)
    call_backs.take(town, rider_id(town), actor=colleague)
    with pytest.raises(Conflict):
        call_backs.take(town, rider_id(town), actor=rider_id(town, DESK))
    with pytest.raises(Conflict):
        report(town, "reached")
    assert [one.holder for one in call_backs.list_people(town)] == ["Toinen Testi"]
    call_backs.give_back(town, rider_id(town), actor=rider_id(town, DESK))
    assert [one.holder for one in call_backs.list_people(town)] == ["Toinen Testi"], "only who has it gives it back"
    clock.forward(call_backs.LEASE.seconds)
    call_backs.take(town, rider_id(town), actor=rider_id(town, DESK))
    with pytest.raises(Conflict):
        call_backs.take(town, rider_id(town), actor=colleague)


def test_of_many_who_take_one_person_at_once_one_has_them(town: Town) -> None:
    told(town)
    rider = rider_id(town)
    workers = [accounts.add_user(town, name=f"Worker {n}", role="desk").id for n in range(6)]

    def take(worker: str) -> bool:
        try:
            call_backs.take(town, rider, actor=worker)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(workers)) as pool:
        assert sum(pool.map(take, workers)) == 1


def test_the_desk_works_through_the_list(sign_in: SignIn, town: Town, colleague: str) -> None:
    told(town)
    desk: Visitor = sign_in(DESK)
    desk.get("/desk")
    assert "People to call back 1" in desk.text
    desk.get("/desk/call-backs")
    assert "You now travel" not in desk.text, "what is to be told is shown to whoever calls"
    desk.send("I call Resident Testi")
    assert "A timetable has changed. You now travel today at 08:00 from Home." in desk.text
    desk.send("Not reached, call again later")
    assert "Again at 07:30" in desk.text
    desk.send("I call Resident Testi")
    desk.send("Open the call")
    assert "For Resident Testi" in desk.text
    desk.get("/desk/call-backs")
    desk.send("Leave it to a colleague")
    call_backs.take(town, rider_id(town), actor=colleague)
    desk.post("/desk/call-backs/take", {"user": rider_id(town)}, status=409)
    assert "A colleague is calling this person now." in desk.text and "Toinen Testi is calling" in desk.text
    call_backs.give_back(town, rider_id(town), actor=colleague)
    desk.post("/desk/call-backs/report", {"user": rider_id(town), "result": "x", "key": "k"}, status=422)
    desk.get("/desk/call-backs")
    desk.send("I call Resident Testi")
    desk.send("Reached, and told")
    assert "Nobody has to be called" in desk.text
