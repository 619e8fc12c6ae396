"""What people are told leaves by mail: once, whatever fails on the way, and with nothing to read over a shoulder."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.webapp.conftest import Clock
from tests.webapp.postboxes import Postbox, open_postbox
from tests.webapp.wishes import book, rider_id, tamper
from webapp.config import LANGUAGES
from webapp.db import tables
from webapp.services import accounts, messages
from webapp.town import Town


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, str]]:
    with open_postbox() as opened:
        yield opened


def with_mail(town: Town, server: str) -> Town:
    return replace(town, settings=replace(town.settings, smtp=server))


def tell(town: Town, kind: str = "booked", email: str = "somebody@example.org", **facts: str) -> None:
    town.store.commit(lambda door: messages.tell(door, kind, None, facts, email=email))


def rows(town: Town) -> list[tables.Outbox]:
    with town.store.read() as records:
        return records.pending_outbox(50)


def test_a_booking_is_told_by_mail_once(town: Town, postbox: tuple[Postbox, str]) -> None:
    box, server = postbox
    mailing = with_mail(town, server)
    book(town)
    assert messages.deliver(mailing) == 1
    assert messages.deliver(mailing) == 0
    (mail,) = box.mail
    assert (mail["To"], mail["From"]) == ("resident@example.org", town.settings.mail_from)
    assert rows(town) == []


def test_nothing_personal_stands_on_the_outside(town: Town, postbox: tuple[Postbox, str]) -> None:
    box, server = postbox
    book(town)
    messages.deliver(with_mail(town, server))
    (mail,) = box.mail
    outside = " ".join(str(value) for value in mail.values()) + mail.get_content()
    assert mail["Subject"] == "News from Noriai"
    for secret in ("Resident", "Testi", "Home", "Shop", "8:00", rider_id(town)):
        assert secret not in outside
    assert town.settings.desk_phone in mail.get_content()


def test_a_family_reads_when_a_child_got_on(town: Town, postbox: tuple[Postbox, str]) -> None:
    box, server = postbox
    tell(town, "boarded", time="08:01")
    messages.deliver(with_mail(town, server))
    assert "08:01" in box.mail[0].get_content()


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_people_are_told_in_a_language_of_theirs(town: Town, postbox: tuple[Postbox, str], language: str) -> None:
    box, server = postbox
    accounts.set_language(town, rider_id(town), language)
    book(town)
    assert messages.deliver(with_mail(town, server)) == 1
    assert town.settings.desk_phone in box.mail[0].get_content()


def test_without_a_mail_server_messages_wait(town: Town) -> None:
    tell(town)
    assert messages.deliver(town) == 0
    assert [(one.attempts, one.sent_at) for one in rows(town)] == [(0, None)]


def test_what_failed_is_tried_again_later_and_its_reason_kept(
    town: Town, clock: Clock, postbox: tuple[Postbox, str]
) -> None:
    box, server = postbox
    tell(town)
    assert messages.deliver(with_mail(town, "127.0.0.1:1")) == 0
    assert [(one.attempts, one.error) for one in rows(town)] == [(1, "ConnectionRefusedError")]
    assert messages.deliver(with_mail(town, server)) == 0
    clock.forward(messages.pause(1) * 2)
    assert messages.deliver(with_mail(town, server)) == 1
    assert (rows(town), len(box.mail)) == ([], 1)


def test_an_address_that_the_server_refuses_holds_nobody_else_up(town: Town, postbox: tuple[Postbox, str]) -> None:
    box, server = postbox
    box.refused = "bad@example.org"
    tell(town, email="bad@example.org")
    tell(town, email="good@example.org")
    assert messages.deliver(with_mail(town, server)) == 1
    assert [one.error for one in rows(town)] == ["SMTPDataError"]


@pytest.mark.parametrize("email", ["line\nbreak@example.org", "no address at all", "äiti@esimerkki"])
def test_an_address_that_is_none_holds_nobody_else_up(town: Town, postbox: tuple[Postbox, str], email: str) -> None:
    box, server = postbox
    tell(town, email=email)
    tell(town, email="good@example.org")
    messages.deliver(with_mail(town, server))
    assert "good@example.org" in [mail["To"] for mail in box.mail]


def test_a_message_of_a_kind_that_is_unknown_holds_nobody_else_up(town: Town, postbox: tuple[Postbox, str]) -> None:
    _, server = postbox
    tell(town, "boarded")
    newer = tables.Outbox(kind="from a newer release", email="somebody@example.org", facts={}, created_at=town.clock())
    town.store.commit(lambda door: door.put(newer))
    tell(town)
    assert messages.deliver(with_mail(town, server)) == 1
    assert [one.error for one in rows(town)] == ["KeyError", "KeyError"]


def test_who_has_no_address_is_not_waited_for(town: Town, postbox: tuple[Postbox, str]) -> None:
    box, server = postbox
    book(town)
    tamper(town, 'UPDATE "user" SET email = NULL')
    assert messages.deliver(with_mail(town, server)) == 0
    assert (rows(town), box.mail) == ([], [])
