"""Family acts for somebody who agreed: visibly, told to both, until either ends it; and for nobody else."""

import pytest

from tests.webapp.asking import book as book_on_pages
from tests.webapp.asking import bookings
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import NEIGHBOUR, RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import book, newcomer, rider_id
from webapp.services import absences, proxies
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town

AINO, HELPER = RIDER, NEIGHBOUR
"""The neighbour helps the resident."""


def named(town: Town) -> str:
    return proxies.name(town, rider_id(town, AINO), f"{HELPER}@example.org", actor=rider_id(town, AINO)).id


def agreed(town: Town) -> str:
    made = named(town)
    proxies.accept(town, made, rider_id(town, HELPER))
    return made


def helping(town: Town, sign_in: SignIn) -> tuple[str, Visitor]:
    """Let the helper open the pages of the rider."""
    made, helper = agreed(town), sign_in(HELPER)
    helper.get("/trips")
    helper.send("Show these trips", {"rider": rider_id(town, AINO)})
    return made, helper


def told(town: Town, who: str) -> list[str]:
    with town.store.read() as records:
        return [row.kind for row in records.pending_outbox(100) if row.user_id == rider_id(town, who)]


def test_a_helper_books_for_who_agreed_and_both_are_told(town: Town, sign_in: SignIn) -> None:
    _, helper = helping(town, sign_in)
    assert "For: " in helper.text
    book_on_pages(helper)
    assert "For: " in helper.text
    (made,) = bookings(town)
    with town.store.read() as records:
        request = records.get_request(made.request_id)
    assert (made.rider_id, request.asked_by) == (rider_id(town, AINO), rider_id(town, HELPER))
    assert told(town, AINO) == ["helper started", "booked by helper"]
    assert told(town, HELPER) == ["helper asked", "helper started", "booked for another"]
    rider = sign_in(AINO)
    rider.get(f"/bookings/{made.id}")
    assert "Your seat is booked" in rider.text


def test_a_helper_goes_back_to_their_own_pages(town: Town, sign_in: SignIn) -> None:
    _, helper = helping(town, sign_in)
    helper.send("Back to my own trips")
    assert "For: " not in helper.text
    assert "My trips" in helper.text


@pytest.mark.parametrize("who", [AINO, HELPER])
def test_when_either_ends_it_the_helper_sees_nothing_from_the_next_click_on(
    town: Town, sign_in: SignIn, who: str
) -> None:
    made, helper = helping(town, sign_in)
    trip = book(town)
    helper.get(f"/bookings/{trip.id}")
    proxies.end(town, made, rider_id(town, who), actor=rider_id(town, who))
    helper.get(f"/bookings/{trip.id}", status=404)
    helper.get(f"/bookings/{trip.id}", status=404)
    helper.get("/trips")
    assert "For: " not in helper.text
    assert "For whom are you here?" not in helper.text
    assert told(town, AINO)[-1] == told(town, HELPER)[-1] == "helper ended"
    helper.post("/act-for", {"rider": rider_id(town, AINO)}, status=404)


def test_nobody_acts_before_they_accepted_or_without_being_named(town: Town, sign_in: SignIn) -> None:
    named(town)
    helper = sign_in(HELPER)
    helper.get("/trips")
    helper.post("/act-for", {"rider": rider_id(town, AINO)}, status=404)
    with pytest.raises(NotFound):
        proxies.accept(town, named(town), newcomer(town, "Somebody Else"))
    with pytest.raises(NotFound):
        proxies.end(town, named(town), newcomer(town, "Somebody Else"), actor="")
    rider = sign_in(AINO)
    rider.get("/trips")
    rider.post("/act-for", {"rider": rider_id(town, HELPER)}, status=404)  # helping goes one way


def test_a_helper_is_no_guardian_and_names_no_other_helper(town: Town, sign_in: SignIn) -> None:
    with town.store.read() as records:
        code = records.list_member_codes("school")
    _, helper = helping(town, sign_in)
    for path in ("/family", "/helpers"):
        helper.get(path, status=404)
    helper.get("/trips")
    helper.post("/helpers", {"helper": "third@example.org"}, status=404)
    assert not absences.is_guardian(town, rider_id(town, HELPER)) or not code


def test_a_rider_names_and_ends_a_helper_on_the_pages(town: Town, sign_in: SignIn) -> None:
    rider, helper = sign_in(AINO), sign_in(HELPER)
    rider.get("/helpers")
    rider.send("Ask this person", {"helper": "nobody here"}, status=422)
    assert "at least five digits" in rider.error("helper")
    rider.send("Ask this person", {"helper": f" {HELPER}@EXAMPLE.org "})
    assert f"{HELPER}@example.org" in rider.text
    helper.get("/helpers")
    helper.send("Yes, I help")
    rider.get("/helpers")
    assert "Helps you now." in rider.text
    rider.send("End the help of")
    helper.get("/helpers")
    assert "You may ask for trips" not in helper.text


def test_naming_tells_nobody_whether_an_address_is_known(town: Town, sign_in: SignIn) -> None:
    rider = sign_in(AINO)
    rider.get("/helpers")
    known = rider.send("Ask this person", {"helper": f"{HELPER}@example.org"})
    rider.send("End the help of")
    unknown = rider.send("Ask this person", {"helper": "nobody99@example.org"})
    assert rider_id(town, HELPER) not in known
    first, second = (
        bare(page, address) for page, address in ((known, f"{HELPER}@example.org"), (unknown, "nobody99@example.org"))
    )
    assert first == second


def bare(page: str, address: str) -> list[str]:
    """Give what a page says, without the address and the random keys of its forms."""
    return [line for line in page.replace(address, "X").split("\n") if "csrf" not in line and "/helpers/" not in line]


def test_the_desk_enters_a_helper_only_with_the_callers_consent(town: Town, sign_in: SignIn) -> None:
    desk = sign_in("desk")
    desk.get("/desk")
    desk.post("/desk/act-for", {"user": rider_id(town, AINO)})
    desk.get("/helpers")
    desk.send("Ask this person", {"helper": f"{HELPER}@example.org"}, status=422)
    assert "Ask the caller whether they agree" in desk.error("consent")
    desk.send("Ask this person", {"helper": f"{HELPER}@example.org", "consent": "yes"})
    (row,) = proxies.list_helped(town, rider_id(town, HELPER))
    assert row.row.named_by == rider_id(town, "desk")
    assert not proxies.may_act(town, rider_id(town, HELPER), rider_id(town, AINO))


def test_nobody_helps_themselves_and_nobody_has_more_than_five_helpers(town: Town) -> None:
    rider = rider_id(town, AINO)
    with pytest.raises(Invalid, match="helper self"):
        proxies.name(town, rider, f"{AINO}@example.org", actor=rider)
    first = [proxies.name(town, rider, f"helper{n}@example.org", actor=rider).id for n in range(5)]
    assert proxies.name(town, rider, "helper0@example.org", actor=rider).id == first[0]
    with pytest.raises(Conflict, match="many helpers"):
        proxies.name(town, rider, "helper5@example.org", actor=rider)


def test_a_phone_number_names_the_one_who_has_it(town: Town) -> None:
    helper = newcomer(town, "Has a Phone")

    def give(door: object) -> None:
        user = door.get_user(helper)  # type: ignore[attr-defined]
        user.phone = "+358 40 123 45 67"
        door.put(user)  # type: ignore[attr-defined]

    town.store.commit(give)
    assert proxies.name(town, rider_id(town), "040 1234567", actor=rider_id(town)).helper_id == helper
