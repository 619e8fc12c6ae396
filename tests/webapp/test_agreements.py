"""A run is open to residents under an agreement in force; its end stops new bookings and keeps every promise."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from matching.model import Rule
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import MONDAY, RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import BUS, ask, book, count_rows, newcomer, rider_id, run_of, token_of, wish
from webapp.services import agreements, booking, explaining, planning
from webapp.services.agreements import Agreement, Terms, new_key
from webapp.services.errors import Conflict, Gone, Invalid, NotFound
from webapp.town import Town

NEXT_YEAR = MONDAY + timedelta(days=365)
TERMS = Terms("school", MONDAY, NEXT_YEAR, liability="The town insures residents.")


def drafted(town: Town, **changes: Any) -> str:
    terms = replace(TERMS, **changes)
    return agreements.draft(town, terms, key=new_key(), actor=rider_id(town, "town")).id


def signed(town: Town, **changes: Any) -> str:
    """Let both parties sign."""
    name = drafted(town, **changes)
    operator = changes.get("operator", "school")
    agreements.sign(town, name, actor=rider_id(town, "town"))
    agreements.sign(town, name, actor=rider_id(town, "dispatcher"), operator=operator)
    return name


def withdraw(town: Town, name: str) -> None:
    agreements.withdraw(town, name, actor=rider_id(town, "town"))


def standing(town: Town, name: str) -> str:
    return agreements.get_agreement(town, name).standing


def is_open(town: Town, rider: str = "") -> bool:
    return any(offer.run == BUS for offer, _ in ask(town, rider).offers)


# When a run is open


def test_an_operator_without_any_signed_agreement_is_open_as_before(town: Town) -> None:
    assert is_open(town)
    name = drafted(town, starts=NEXT_YEAR)
    agreements.sign(town, name, actor=rider_id(town, "town"))
    assert (is_open(town), standing(town, name)) == (True, "draft")


@pytest.mark.parametrize(
    ("changes", "opens"),
    [
        ({}, True),
        ({"ends": MONDAY}, True),
        ({"starts": MONDAY + timedelta(days=1)}, False),
        ({"runs": (BUS,)}, True),
        ({"runs": ("another",)}, False),
        ({"riders": ("registered",)}, True),
        ({"riders": ("senior",)}, False),
        ({"operator": "care", "starts": NEXT_YEAR}, True),
    ],
)
def test_a_run_is_open_to_whom_an_agreement_covers_on_its_service_date(
    town: Town, changes: dict[str, Any], *, opens: bool
) -> None:
    signed(town, **changes)
    assert is_open(town) == opens


def test_an_agreement_that_has_ended_closes_the_days_after_it_alone(town: Town) -> None:
    signed(town, starts=date(2026, 1, 1), ends=MONDAY)
    with town.store.read() as records:
        today, tomorrow = run_of(town), replace(run_of(town), service_date="2026-11-24")
        assert agreements.opened(records, [today]) == [today]
        assert agreements.closed([tomorrow], agreements.opened(records, [tomorrow])) == [tomorrow]


def test_agreements_side_by_side_admit_whom_any_of_them_admits(town: Town) -> None:
    signed(town, riders=("senior",))
    assert not is_open(town)
    signed(town, riders=("registered",))
    assert is_open(town)


def test_who_is_refused_for_want_of_an_agreement_is_told_so(town: Town, sign_in: SignIn) -> None:
    signed(town, starts=NEXT_YEAR)
    signed(town, operator="care", starts=NEXT_YEAR)
    refusal = ask(town).refusal
    assert refusal is not None and (refusal.rule, refusal.changes) == (Rule.AGREEMENT, ())
    visitor = sign_in(RIDER)
    with town.store.read() as records:
        row = records.list_requests(rider_id=rider_id(town))[-1]
    visitor.get(f"/trips/{row.id}/offers")
    assert "The agreement of the vehicle's operator with the town does not cover this day." in visitor.text
    assert "Art. 12" in visitor.text


def test_a_dispatcher_reads_that_an_agreement_is_missing(town: Town) -> None:
    signed(town, starts=NEXT_YEAR)
    signed(town, operator="care", starts=NEXT_YEAR)
    asked = ask(town).request
    (verdict,) = explaining.why_not(town, asked.id, operator="school")[1]
    assert verdict.closed and [fault.rule for fault in verdict.stopped] == [Rule.AGREEMENT]


# Bookings


def test_withdrawing_stops_new_bookings_and_keeps_those_that_were_made(town: Town) -> None:
    name = signed(town)
    made = book(town)
    withdraw(town, name)
    assert not is_open(town, newcomer(town, "Later"))
    with town.store.read() as records:
        assert records.get_booking(made.id).status == "booked"
    assert made.ride_id in {ride.id for ride in run_of(town).residents}
    assert planning.verify(town)[1] == []
    assert booking.cancel(town, made.id, actor=made.rider_id).status == "cancelled"


def test_a_booking_leaves_the_rules_of_its_run_as_they_were(town: Town) -> None:
    policy = run_of(town).policy
    signed(town, riders=("registered", "senior"))
    book(town)
    assert run_of(town).policy == policy


def meanwhile(town: Town, change: Callable[[], object]) -> str:
    """Let somebody hold an offer while something changes; say what becomes of their booking."""
    held = token_of(ask(town))
    change()
    try:
        return booking.book(town, held, key="key", actor=rider_id(town)).status
    except Gone as told:
        return str(told)


def test_an_offer_is_void_once_its_agreement_was_withdrawn(town: Town) -> None:
    name = signed(town)
    assert meanwhile(town, lambda: withdraw(town, name)) == "agreement"
    with town.store.read() as records:
        assert records.list_bookings(run_id=BUS) == []


def test_an_offer_is_void_once_the_first_agreement_leaves_its_run_out(town: Town) -> None:
    assert meanwhile(town, lambda: signed(town, runs=("another",))) == "agreement"


def test_without_the_second_look_an_offer_outlives_its_agreement(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what keeps the tests above true is the look inside the booking's own transaction."""

    def unlooked(change: Callable[[], None]) -> None:
        change()
        monkeypatch.setattr(agreements, "opened_to", lambda records, runs, people: (list(runs), list(runs)))

    name = signed(town)
    assert meanwhile(town, lambda: unlooked(lambda: withdraw(town, name))) == "booked"


@pytest.mark.parametrize("gone", [True, False])
def test_the_waiting_list_gains_no_seat_without_an_agreement(town: Town, *, gone: bool) -> None:
    name = signed(town)
    other = wish(town, newcomer(town, "Waiting"))
    town.store.commit(lambda door: door.put(_waiting(door, other)))
    if gone:
        signed(town, operator="care", starts=NEXT_YEAR)
        withdraw(town, name)
    assert planning.replan(town, MONDAY, seconds=1).booked == (() if gone else (other,))


def _waiting(door: Any, request: str) -> Any:
    row = door.get_request(request)
    row.status = "waiting"
    return row


# Drafting and signing


def test_a_draft_and_a_signature_that_are_sent_twice_are_kept_once(town: Town) -> None:
    key, actor = new_key(), rider_id(town, "town")
    first = agreements.draft(town, TERMS, key=key, actor=actor)
    assert agreements.draft(town, replace(TERMS, runs=("other",)), key=key, actor=actor) == first
    agreements.sign(town, key, actor=actor)
    rows = count_rows(town)
    agreements.sign(town, key, actor=actor)
    assert count_rows(town) == rows
    assert agreements.get_agreement(town, key).signed["town"][0] == "Town Testi"


def test_an_agreement_says_how_it_stands(town: Town, clock: Any) -> None:
    coming, now = signed(town, starts=NEXT_YEAR), signed(town)
    withdrawn = drafted(town)
    withdraw(town, withdrawn)
    withdraw(town, withdrawn)
    assert [standing(town, one) for one in (coming, now, withdrawn)] == ["coming", "in force", "withdrawn"]
    clock.forward(2 * 366 * 86_400)
    assert standing(town, now) == "ended"


def test_a_withdrawn_agreement_is_not_signed_any_more(town: Town) -> None:
    name = drafted(town)
    withdraw(town, name)
    with pytest.raises(Conflict, match="agreement withdrawn"):
        agreements.sign(town, name, actor=rider_id(town, "town"))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"operator": "nobody"}, "agreement operator"),
        ({"ends": MONDAY - timedelta(days=1)}, "agreement ends"),
        ({"starts": date(2025, 1, 1), "ends": date(2025, 2, 1)}, "agreement over"),
        ({"price": -1}, "price"),
        ({"per": "mile"}, "per"),
        ({"quota": 0}, "quota"),
        ({"quota_in_all": 1_000_001}, "quota_in_all"),
        ({"liability": "  "}, "liability"),
    ],
)
def test_terms_that_make_no_sense_are_refused(town: Town, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(Invalid, match=f"^{fault}$"):
        drafted(town, **changes)
    assert agreements.list_agreements(town) == []


def test_an_operator_sees_and_signs_only_its_own(town: Town) -> None:
    name = drafted(town, operator="care")
    actor = rider_id(town, "dispatcher")
    for act in (agreements.sign, agreements.withdraw):
        with pytest.raises(NotFound):
            act(town, name, actor=actor, operator="school")
    with pytest.raises(NotFound):
        agreements.get_agreement(town, name, "school")
    assert agreements.list_agreements(town, "school") == []


# Pages


def write_one(visitor: Visitor, **answers: str) -> None:
    visitor.get("/agreements/new")
    said = {"operator": "school", "runs": "bus-23", "price": "1,50", "liability": "The town\r\ninsures.", **answers}
    visitor.send("Write it down", said)


def only(town: Town) -> Agreement:
    (one,) = agreements.list_agreements(town)
    return one


def test_the_town_writes_an_agreement_and_both_sign_it(town: Town, sign_in: SignIn) -> None:
    hall, dispatcher = sign_in("town"), sign_in("dispatcher")
    write_one(hall)
    row = only(town).row
    assert (row.runs, row.price, row.price_currency, row.liability) == (["bus-23"], 150, "EUR", "The town\ninsures.")
    assert "€1.50, for each seat" in hall.text and "not signed yet" in hall.text
    hall.send("Sign this agreement")
    dispatcher.get("/agreements")
    assert "Not signed by both" in dispatcher.text and "Write a new agreement" not in dispatcher.text
    dispatcher.get(f"/agreements/{row.id}")
    dispatcher.send("Sign this agreement")
    assert "Dispatcher Testi" in dispatcher.text and "Town Testi" in dispatcher.text
    assert only(town).standing == "in force"
    dispatcher.send("Withdraw this agreement")
    assert only(town).standing == "withdrawn"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"ends": "never"}, "Write the last day"),
        ({"starts": "2027-01-01", "ends": "2026-12-01"}, "The last day comes before the first."),
        ({"price": "much"}, "Write an amount such as 1.50"),
        ({"price": "1.505"}, "Write an amount such as 1.50"),
        ({"price": "1,500"}, "Write an amount such as 1.50"),
        ({"price": "-1"}, "Write an amount such as 1.50"),
        ({"price": "1.50", "currency": "JPY"}, "Write an amount such as 1.50"),
        ({"liability": ""}, "Write who is liable"),
        ({"quota": "0"}, "Write how many, from 1 on"),
        ({"quota_in_all": "many"}, "Write how many, from 1 on"),
    ],
)
def test_a_form_that_cannot_be_used_comes_back_with_what_was_written(
    town: Town, sign_in: SignIn, answers: dict[str, str], told: str
) -> None:
    hall = sign_in("town")
    hall.get("/agreements/new")
    fields = {"operator": "school", "liability": "x", **answers}
    hall.send("Write it down", fields, status=422)
    assert told in hall.text and agreements.list_agreements(town) == []


def others(town: Town, name: str) -> Sequence[str]:
    return (f"/agreements/{name}/sign", f"/agreements/{name}/withdraw")


@pytest.mark.parametrize("role", [RIDER, "desk", "driver"])
def test_agreements_are_the_parties_business(town: Town, sign_in: SignIn, role: str) -> None:
    name, visitor = drafted(town), sign_in(role)
    for path in ("/agreements", f"/agreements/{name}"):
        visitor.get(path, status=404)
    for path in others(town, name):
        visitor.get("/")
        visitor.post(path, status=404)


def test_another_operators_agreement_is_not_there(town: Town, sign_in: SignIn) -> None:
    name, dispatcher = drafted(town, operator="care"), sign_in("dispatcher")
    dispatcher.get(f"/agreements/{name}", status=404)
    dispatcher.get("/agreements/no-such", status=404)
    for path in others(town, name):
        dispatcher.get("/")
        dispatcher.post(path, status=404)
    assert only(town).signed == {} and only(town).standing == "draft"
