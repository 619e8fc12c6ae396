"""A group admits while the desk's proof of it holds, on the date of the trip; nothing that was decided is lost."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from matching.model import Run
from matching.offers import Refusal
from tests.webapp.calling import begin
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import MONDAY, NEIGHBOUR
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import BUS, VAN, ask, count_rows, rider_id, run_of, token_of
from webapp.db import tables
from webapp.services import accounts, booking, eligibility
from webapp.services.errors import Gone, Invalid
from webapp.town import Town

LATER = MONDAY + timedelta(days=9)


@pytest.fixture
def students_only(town: Town) -> Town:
    """Let the runs of the day take students alone."""
    for run_id in (BUS, VAN):
        run = run_of(town, run_id)
        _keep(town, replace(run, policy=replace(run.policy, riders=frozenset({"student"}))))
    return town


def _keep(town: Town, run: Run) -> None:
    town.store.commit(
        lambda door: door.keep(run, cause="published", as_published=True), runs=[run.id], times=town.roads
    )


def verify(town: Town, group: str = "student", *, key: str = "one", **said: Any) -> tables.GroupRecord:
    proof = {"document": "student", "until": LATER, **said}
    return eligibility.verify(town, rider_id(town), group, key=key, actor=rider_id(town, "desk"), **proof)


def held(town: Town, days: int = 0) -> list[str]:
    with town.store.read() as records:
        user = records.get_user(rider_id(town))
    return accounts.current_groups(user, MONDAY + timedelta(days=days))


def refused(town: Town) -> bool:
    return isinstance(ask(town).refusal, Refusal)


def test_a_verified_group_admits_until_its_last_day(students_only: Town) -> None:
    assert refused(students_only), "negative control: nobody has said that they study"
    verify(students_only, until=MONDAY)
    assert not refused(students_only)
    assert held(students_only) == ["registered", "student"]
    assert held(students_only, days=1) == ["registered"]


def test_the_date_of_the_trip_counts_not_the_day_of_asking(students_only: Town) -> None:
    verify(students_only, until=MONDAY + timedelta(days=1))
    with students_only.store.read() as records:
        user = records.get_user(rider_id(students_only))
    user.groups_until = {"student": (MONDAY - timedelta(days=1)).isoformat()}
    students_only.store.commit(lambda door: door.put(user))
    assert refused(students_only), "an expired card"


def test_a_withdrawn_group_admits_no_longer_not_even_to_what_was_offered(students_only: Town, clock: Clock) -> None:
    verify(students_only, until=None)
    token = token_of(ask(students_only))
    desk = rider_id(students_only, "desk")
    clock.forward(60)
    eligibility.withdraw(students_only, rider_id(students_only), "student", key="two", actor=desk)
    assert held(students_only) == ["registered"] and refused(students_only)
    with pytest.raises(Gone):
        booking.book(students_only, token, key="key", actor=desk)
    decided = [row.decision for row, _by in eligibility.history(students_only, rider_id(students_only))]
    assert decided == ["withdrawn", "verified"], "what was decided stays"


def test_a_form_that_is_sent_twice_decides_once(town: Town) -> None:
    verify(town)
    rows = count_rows(town)
    verify(town)
    assert count_rows(town) == rows
    eligibility.withdraw(town, rider_id(town), "student", key="two", actor=rider_id(town, "desk"))
    verify(town)
    assert held(town) == ["registered"], "the old form comes late, and undoes nothing"


@pytest.mark.parametrize(
    ("said", "why"),
    [({"document": "a tale"}, "document"), ({"until": MONDAY - timedelta(days=1)}, "until")],
)
def test_what_proves_nothing_is_refused(town: Town, said: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        verify(town, **said)
    with pytest.raises(Invalid, match="group"):
        verify(town, "astronaut")
    assert held(town) == ["registered"]


def test_the_desk_sees_what_ends_soon_and_what_ended(town: Town, clock: Clock) -> None:
    verify(town, until=MONDAY + timedelta(days=90))
    assert eligibility.list_endings(town) == []
    clock.forward(40 * 86400)
    assert [one.group for one in eligibility.list_endings(town)] == ["student"]
    clock.forward(60 * 86400)
    (one,) = eligibility.list_endings(town)
    assert one.until < town.today()
    clock.forward(30 * 86400)
    assert eligibility.list_endings(town) == []


def test_the_desk_verifies_and_withdraws_in_a_call(sign_in: SignIn, town: Town) -> None:
    desk: Visitor = begin(sign_in("desk"))
    desk.get("/desk/groups")
    assert "told, no proof seen" in desk.text
    desk.send("Verified", {"group": "student", "document": "student", "until": "31.3."}, status=422)
    assert desk.error("until")
    desk.send("Verified", {"group": "student", "document": "student", "until": LATER.isoformat()})
    assert "Is a student" in desk.text and "Student card" in desk.text and "Desk Testi" in desk.text
    desk.get("/desk/endings")
    assert "Resident Testi" in desk.text
    desk.get("/desk/groups")
    desk.post("/desk/groups/withdraw", {"group": "student", "key": "k"})
    assert held(town) == ["registered"]
    assert rider_id(town, NEIGHBOUR) not in desk.page
