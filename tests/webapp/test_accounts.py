"""Who may sign in, and whom the desk finds."""

from typing import Any

import pytest
from argon2 import PasswordHasher

from tests.webapp.wishes import count_rows, newcomer, rider_id
from webapp.services import accounts
from webapp.services.errors import Conflict, Invalid, NotFound
from webapp.town import Town


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"role": "mayor"}, "role"),
        ({"role": "driver"}, "operator"),
        ({"role": "dispatcher"}, "operator"),
        ({"role": "driver", "operator": "nobody"}, "operator"),
        ({"language": "xx"}, "language"),
        ({"email": "no address"}, "email"),
        ({"email": "line\nbreak@example.org"}, "email"),
    ],
)
def test_an_account_that_cannot_be_is_invalid(town: Town, changes: dict[str, Any], why: str) -> None:
    rows = count_rows(town)
    with pytest.raises(Invalid, match=why):
        accounts.add_user(town, **{"name": "Somebody", "role": "resident", **changes})
    assert count_rows(town) == rows


def test_an_address_belongs_to_one_person_however_it_is_written(town: Town) -> None:
    with pytest.raises(Conflict, match="email"):
        accounts.add_user(town, name="Somebody Else", role="resident", email=" Resident@Example.ORG ")


def test_a_password_is_kept_as_a_hash(town: Town) -> None:
    user = accounts.add_user(town, name="New", role="resident", email="new@example.org", password="a long secret")
    assert "a long secret" not in str(user)
    assert PasswordHasher().verify(user.password or "", "a long secret")


def test_who_calls_twice_is_one_person(town: Town) -> None:
    first = accounts.add_caller(town, name=" Malli Soittaja ", phone="+358 00 000 99", groups=["registered"])
    assert accounts.add_caller(town, name="Malli Soittaja", phone="+358 00 000 99").id == first.id
    assert accounts.add_caller(town, name="Malli Puoliso", phone="+358 00 000 99").id != first.id


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"name": "A"}, "name"), ({"name": "x" * 81}, "name"), ({"phone": "1"}, "phone"), ({"max_walk": 900}, "max_walk")],
)
def test_a_caller_whom_nobody_could_find_again_is_invalid(town: Town, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        accounts.add_caller(town, **{"name": "Malli Soittaja", "phone": "+358 00 000 99", **changes})


def test_the_desk_finds_residents_alone(town: Town) -> None:
    found = accounts.find_riders(town, "testi")
    assert {user.name for user in found} == {"Resident Testi", "Neighbour Testi"}
    assert [user.id for user in accounts.find_riders(town, "00 000 01")] == [rider_id(town)]
    assert accounts.find_riders(town, "t") == []


def test_the_desk_finds_residents_however_many_others_have_the_name(town: Town) -> None:
    for n in range(12):
        accounts.add_user(town, name=f"Aatu Testi {n}", role="town")
    assert "Resident Testi" in {user.name for user in accounts.find_riders(town, "testi")}


def test_the_desk_acts_for_residents_alone(town: Town) -> None:
    assert accounts.get_rider(town, newcomer(town, "New One")).name == "New One"
    for other in (rider_id(town, "driver"), "nobody"):
        with pytest.raises(NotFound):
            accounts.get_rider(town, other)


def test_a_language_is_remembered(town: Town) -> None:
    accounts.set_language(town, rider_id(town), "fi")
    assert accounts.get_rider(town, rider_id(town)).language == "fi"
    with pytest.raises(Invalid):
        accounts.set_language(town, rider_id(town), "xx")


def test_an_operator_is_renamed_by_its_code(town: Town) -> None:
    accounts.add_operator(town, code="school", name="New Name", kind="school")
    with town.store.read() as records:
        assert [one.name for one in records.list_operators()] == ["Example Care", "New Name"]
