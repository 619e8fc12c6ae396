"""Each person is told by the way they chose, at hours they sleep through nothing for, and nobody is lost on the way."""

import hmac
import json
from base64 import b64encode
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import http_ece
import pytest
from py_vapid import Vapid02

from tests.webapp.conftest import HELSINKI, UNHURRIED, Clock
from tests.webapp.postboxes import Reader, open_closed_postbox, open_gateway, open_postbox
from tests.webapp.small_town import NEIGHBOUR, RIDER
from tests.webapp.wishes import book, newcomer, rider_id, tamper
from webapp import line, pushing
from webapp.db import tables
from webapp.db.store import Store
from webapp.services import messages, reach
from webapp.services.errors import Conflict, Invalid
from webapp.texting import TextGateway
from webapp.town import Town

NIGHT = datetime(2026, 11, 23, 20, 30)
"""22:30 in Helsinki."""
TOKEN, SECRET = "channel token", "channel secret"


def set_up(town: Town, **changes: Any) -> Town:
    return replace(town, settings=replace(town.settings, **changes))


def tell(town: Town, kind: str = "booked", who: str = RIDER, **facts: Any) -> int:
    """Put a message into the outbox, and give its id."""
    user = who if who.endswith("==") else rider_id(town, who)
    town.store.commit(lambda door: messages.tell(door, kind, user, facts))
    with town.store.read() as records:
        return records.list_outbox("waiting")[-1].id or 0


def row(town: Town, number: int) -> tables.Outbox:
    with town.store.read() as records:
        return records.get_message(number)


# Mail


def test_mail_goes_by_a_closed_way_to_a_server_that_wants_to_know_us(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_closed_postbox(tmp_path, "noriai", "right") as (box, server):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "here.pem"))
        closed = set_up(town, smtp=server, smtp_tls="starttls", smtp_user="noriai", smtp_password="right")
        for wrong in ({"smtp_tls": ""}, {"smtp_password": "wrong"}, {"smtp_user": ""}):
            number = tell(town)
            assert messages.deliver(set_up(closed, **wrong)) == 0
            tamper(town, "UPDATE outbox SET state = 'away' WHERE id = :id", id=number)
        tell(town)
        assert messages.deliver(closed) == 1
        assert len(box.mail) == 1


def test_a_message_bears_the_same_id_in_each_try(town: Town, clock: Clock) -> None:
    with open_postbox() as (box, server):
        mailing, number = set_up(town, smtp=server), tell(town)
        messages.deliver(mailing)
        tamper(town, "UPDATE outbox SET state = 'waiting' WHERE id = :id", id=number)  # as if marking it had failed
        messages.deliver(mailing)
        assert len({mail["Message-ID"] for mail in box.mail}) == 1 and len(box.mail) == 2


# Browsers


def test_a_browser_is_told_what_it_alone_can_read_and_a_locked_screen_may_show(town: Town) -> None:
    with open_gateway() as (service, address):
        pushing_town, reader = set_up(town, push_services=("127.0.0.1",)), Reader(address)
        reach.subscribe(pushing_town, rider_id(town), reader.endpoint, reader.p256dh, reader.auth)
        tell(town, "boarded", time="7:52")
        assert messages.deliver(pushing_town) == 1
        ((headers, sealed),) = service.received
        shown = reader.read(sealed)
        assert (shown["title"], shown["open"]) == ("News from Noriai", "/family")
        assert "7:52" not in json.dumps(shown) and b"Noriai" not in sealed
        with pytest.raises(http_ece.ECEException):
            Reader(address).read(sealed)
        assert (headers["Content-Encoding"], headers["Urgency"], headers["TTL"]) == ("aes128gcm", "high", "7200")
        assert Vapid02.verify(headers["Authorization"])
        assert f"k={pushing.public_key(pushing_town.settings)}" in headers["Authorization"]
        service.status = 410
        tell(town, "boarded", time="7:52")
        messages.deliver(pushing_town)
        with town.store.read() as records:
            assert records.list_push_subscriptions(rider_id(town)) == []


def test_the_towns_key_is_made_once_and_nobody_else_reads_it(town: Town) -> None:
    first = pushing.public_key(town.settings)
    pushing._key.cache_clear()
    assert pushing.public_key(town.settings) == first
    assert (town.settings.home / "push-key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://169.254.169.254/latest",
        "http://fcm.googleapis.com/fcm/send/x",
        "https://fcm.googleapis.com.example.org/x",
        "https://me@fcm.googleapis.com/x",
        "file:///etc/passwd",
        "no address",
    ],
)
def test_nothing_is_sent_to_hosts_that_are_no_push_services(town: Town, endpoint: str) -> None:
    reader = Reader(endpoint)
    good = Reader("https://fcm.googleapis.com/fcm/send/x")
    reach.subscribe(town, rider_id(town), good.endpoint, good.p256dh, good.auth)
    with pytest.raises(Invalid, match="browser"):
        reach.subscribe(town, rider_id(town), endpoint, reader.p256dh, reader.auth)
    with pytest.raises(Invalid, match="browser"):
        reach.subscribe(town, rider_id(town), good.endpoint, "short", good.auth)


# LINE


def test_a_line_account_is_linked_by_a_code_and_then_told(town: Town) -> None:
    with open_gateway() as (service, address):
        linked = set_up(town, line_token=TOKEN, line_secret=SECRET, line_address=address)
        code = reach.begin_line(linked, rider_id(town))
        assert reach.link_line(linked, "U-other", "00000000" if code != "00000000" else "00000001") is None
        assert reach.link_line(linked, "U-mine", f" {code[:4]} {code[4:]} ") == rider_id(town)
        assert reach.link_line(linked, "U-other", code) is None
        tell(town, "boarded", time="7:52")
        assert messages.deliver(linked) == 1
        ((headers, body),) = service.sent
        assert (headers["Authorization"], json.loads(body)["to"]) == (f"Bearer {TOKEN}", "U-mine")
        assert json.loads(body)["messages"] == [{"type": "text", "text": "Boarded the vehicle at 7:52."}]
        service.status = 409  # LINE has taken this one before
        tell(town, "boarded", time="7:53")
        assert messages.deliver(linked) == 1
        assert len({headers["X-Line-Retry-Key"] for headers, _ in service.sent}) == 2


def test_a_code_for_line_is_good_for_half_an_hour_and_cannot_be_guessed_at(town: Town, clock: Clock) -> None:
    code = reach.begin_line(town, rider_id(town))
    for number in range(reach.MOST_CODES):
        assert reach.link_line(town, "U-guess", f"{number:08}") is None
    assert reach.link_line(town, "U-guess", code) is None
    clock.forward(31 * 60)
    assert reach.link_line(town, "U-late", code) is None


def test_only_what_line_signed_is_believed(town: Town) -> None:
    signed = set_up(town, line_secret=SECRET).settings
    body = json.dumps(
        {"events": [{"type": "message", "source": {"userId": "U1"}, "message": {"type": "text", "text": "12345678"}}]}
    ).encode()
    right = b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    assert line.is_signed(signed, body, right) and list(line.read_texts(body)) == [("U1", "12345678")]
    assert not line.is_signed(signed, body + b" ", right)
    assert not line.is_signed(town.settings, body, b64encode(hmac.digest(b"", body, "sha256")).decode())


@pytest.mark.parametrize("event", [b'{"type": "message"}', b"1", b'{"type": "follow", "source": {"userId": "U1"}}'])
def test_what_else_line_tells_is_passed_over(event: bytes) -> None:
    assert list(line.read_texts(b'{"events": [%s]}' % event)) == []


# One way after the other


def test_the_chosen_way_comes_first_and_the_next_one_when_it_fails(town: Town) -> None:
    with open_postbox() as (box, server), open_gateway() as (gateway, address):
        both = replace(set_up(town, smtp=server), texting=TextGateway(address, body='{"to": "{to}", "text": "{text}"}'))
        tamper(town, "UPDATE \"user\" SET phone = '+358401234567' WHERE email = 'resident@example.org'")
        for first, mails, texts in (("email", 1, 0), ("text", 1, 1)):
            reach.choose(both, rider_id(town), first)
            tell(town)
            messages.deliver(both)
            assert (len(box.mail), len(gateway.sent)) == (mails, texts)
        gateway.status = 500
        number = tell(town)
        assert messages.deliver(both) == 1
        assert (len(box.mail), row(town, number).via) == (2, "email")


# Quiet hours


def test_what_can_wait_waits_until_the_end_of_the_night(town: Town, clock: Clock) -> None:
    with open_postbox() as (box, server):
        mailing, clock.now = set_up(town, smtp=server), NIGHT
        tell(town, "booked")
        tell(town, "boarded", time="22:29")
        assert messages.deliver(mailing) == 1
        assert "22:29" in box.mail[0].get_content()
        clock.now = datetime(2026, 11, 24, 4, 59)
        assert messages.deliver(mailing) == 0
        clock.forward(60)
        assert messages.deliver(mailing) == 1


def test_a_lost_seat_is_told_at_night_if_the_trip_is_before_the_morning(town: Town, clock: Clock) -> None:
    made = book(town)
    with open_postbox() as (box, server):
        mailing = set_up(town, smtp=server)
        messages.deliver(mailing)
        reach.set_quiet(town, rider_id(town), 21 * 3600, 9 * 3600)
        clock.now = NIGHT - timedelta(days=1)
        tell(town, "withdrawn", booking=made.id)
        assert messages.deliver(mailing) == 1  # the bus goes at 8:00, before they would hear of it
        reach.set_quiet(town, rider_id(town), 21 * 3600, 7 * 3600)
        tell(town, "withdrawn", booking=made.id)
        assert messages.deliver(mailing) == 0
        assert len(box.mail) == 2


@pytest.mark.parametrize(
    ("quiet", "hour", "rings"),
    [
        ((21, 7), 20, True),
        ((21, 7), 21, False),
        ((21, 7), 6, False),
        ((21, 7), 7, True),
        ((13, 15), 14, False),
        ((13, 15), 22, True),
        ((0, 0), 3, True),
    ],
)
def test_each_person_has_quiet_hours_of_their_own(town: Town, quiet: tuple[int, int], hour: int, rings: bool) -> None:
    now = datetime(2026, 11, 22, 22) + timedelta(hours=hour)  # midnight in Helsinki, and so many hours
    ends = reach.quiet_until(town, (quiet[0] * 3600, quiet[1] * 3600), now)
    assert (ends is None) is rings


def test_quiet_hours_end_by_the_clock_when_clocks_change(town: Town) -> None:
    change = datetime(2027, 3, 28, 0, 30)  # 2:30 in Helsinki; at 3:00 it is 4:00
    assert reach.quiet_until(town, (21 * 3600, 7 * 3600), change) == datetime(2027, 3, 28, 4, 0)


# Who is not reached


def test_after_a_day_of_tries_the_desk_is_told_and_decides(town: Town, clock: Clock) -> None:
    dead, number = set_up(town, smtp="127.0.0.1:1"), tell(town)
    reach.set_quiet(town, rider_id(town), 0, 0)
    begun = clock.now
    for _ in range(messages.MOST_TRIES):
        assert messages.list_unreachable(town) == []
        messages.deliver(dead)
        clock.forward(int(messages.LONGEST_PAUSE * 1.25) + 1)
    (found,) = messages.list_unreachable(town)
    assert (found.name, found.why, found.kind) == ("Resident Testi", "ConnectionRefusedError", "booked")
    assert clock.now > begun and row(town, number).attempts == messages.MOST_TRIES
    with open_postbox() as (_, server):
        messages.try_again(town, number)
        assert messages.list_unreachable(town) == []
        assert messages.deliver(set_up(town, smtp=server)) == 1
    with pytest.raises(Conflict):
        messages.put_away(town, number)


def test_tries_come_ever_later_and_take_about_a_day() -> None:
    pauses = [messages.pause(tries) for tries in range(1, messages.MOST_TRIES)]
    assert pauses == sorted(pauses) and 18 * 3600 < sum(pauses) < 26 * 3600


def test_what_is_over_is_not_told_hours_later(town: Town, clock: Clock) -> None:
    number = tell(town, "boarded", time="7:52")
    clock.forward(3 * 3600)
    with open_postbox() as (box, server):
        assert messages.deliver(set_up(town, smtp=server)) == 0 and box.mail == []
    (found,) = messages.list_unreachable(town)
    assert (found.id, found.why, found.over) == (number, "too late", True)
    messages.put_away(town, number)
    assert messages.list_unreachable(town) == []


def test_whoever_has_no_other_way_gets_a_letter_once(town: Town) -> None:
    caller = newcomer(town, "No Phone")
    town.store.commit(lambda door: messages.tell(door, "booked", caller, {}))
    town.store.commit(lambda door: messages.tell(door, "boarded", caller, {"time": "7:52"}))
    assert messages.deliver(town) == 0
    (letter,) = messages.list_letters(town)
    assert letter.name == "No Phone" and "seat is booked" in letter.text
    assert sorted((one.kind, one.letter) for one in messages.list_unreachable(town)) == [
        ("boarded", False),
        ("booked", True),
    ]
    messages.mark_printed(town, [letter.id])
    assert messages.list_letters(town) == []
    assert [one.kind for one in messages.list_unreachable(town)] == ["boarded"]


def test_a_message_to_an_address_alone_is_no_letter(town: Town) -> None:
    town.store.commit(lambda door: messages.tell(door, "boarded", None, {"time": "7:52"}, email="bad@"))
    number = row(town, 1).id or 0
    tamper(town, "UPDATE outbox SET state = 'dead'")
    with pytest.raises(Conflict):
        messages.make_letter(town, number)


# Several processes


def test_processes_that_send_at_once_send_each_message_once(town: Town) -> None:
    other = Store(town.settings.database_url, clock=town.clock, timezone=HELSINKI, patience=UNHURRIED)
    numbers = [tell(town) for _ in range(3)]
    first = town.store.commit(lambda door: door.claim_messages(2, messages.LEASE))
    second = other.commit(lambda door: door.claim_messages(9, messages.LEASE))
    other.close()
    assert [one.id for one in (*first, *second)] == numbers


def test_what_a_process_died_with_is_sent_by_another_after_its_lease(town: Town, clock: Clock) -> None:
    number = tell(town)
    town.store.commit(lambda door: door.claim_messages(9, messages.LEASE))
    with open_postbox() as (box, server):
        assert messages.deliver(set_up(town, smtp=server)) == 0
        clock.forward(int(messages.LEASE.total_seconds()) + 1)
        assert messages.deliver(set_up(town, smtp=server)) == 1
        assert (len(box.mail), row(town, number).state) == (1, "sent")


def test_a_neighbour_has_ways_of_the_own(town: Town) -> None:
    reach.choose(town, rider_id(town, NEIGHBOUR), "text")
    assert reach.get_habits(town, rider_id(town)).channels == ("email",)
    with pytest.raises(Invalid):
        reach.choose(town, rider_id(town), "smoke signs")
    with pytest.raises(Invalid):
        reach.set_quiet(town, rider_id(town), -1, 0)
