"""The work beside the site is done: by whoever is there, when it is time or somebody calls, and not by two at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

import pytest

from tests.webapp.conftest import Clock
from tests.webapp.postboxes import Postbox, open_gateway, open_postbox
from tests.webapp.small_town import MONDAY
from tests.webapp.test_messages import rows, tell, with_mail
from tests.webapp.test_planning import cancel, waited
from tests.webapp.wishes import ask, book, rider_id, token_of
from webapp import waking, working
from webapp.db import tables
from webapp.db.store import Store
from webapp.live import LiveTown
from webapp.services import booking, messages, watching
from webapp.services.errors import Gone
from webapp.texting import TextGateway
from webapp.town import Town
from webapp.waking import Bell, woken


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, str]]:
    with open_postbox() as opened:
        yield opened


def leases(town: Town) -> dict[tuple[str, str], tables.Lease]:
    with town.store.read() as records:
        return {(one.kind, one.area): one for one in records.list_leases()}


def until(is_so: Callable[[], object]) -> None:
    """Wait for what another thread or process does."""
    while not is_so():
        time.sleep(0.02)


@contextmanager
def calls(town: Town, every: float = 3600.0) -> Iterator[list[str]]:
    """Listen to what workers of this process are called for."""
    heard: list[str] = []
    with woken(Bell(town.settings), {"clock": every}, heard.append):
        yield heard


# Being called


def test_a_worker_is_called_when_a_request_made_work(town: Town) -> None:
    heard: list[str] = []
    town.store.on_work = heard.append
    _, taken = waited(town)
    assert heard == ["messages"]
    cancel(town, taken)
    assert heard == ["messages", "messages", "waiting"]
    town.store.commit(lambda door: door.put(tables.Operator(id="new", name="new", kind="school")))
    assert len(heard) == 3


def test_what_another_one_calls_for_is_heard(town: Town) -> None:
    with calls(town) as heard:
        until(lambda: heard == ["clock"])
        Bell(town.settings).ring("messages")
        until(lambda: "messages" in heard)


def test_the_clock_calls_again_and_again(town: Town) -> None:
    with calls(town, every=1.0) as heard:
        until(lambda: heard.count("clock") >= 2)


def test_where_nobody_answers_the_queue_grows_no_further(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "MOST_WAITING", 3)
    bell = Bell(town.settings)
    for _ in range(6):
        bell.ring("messages")
    assert bell.open().pending_count() == 3
    bell.open().flush()


def test_without_a_queue_nothing_fails_and_the_clock_goes_on(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(waking, "SqliteHuey", broken)
    monkeypatch.setattr(waking, "PostgresHuey", broken)
    town.store.on_work = Bell(town.settings).ring
    book(town)
    with calls(town) as heard:
        until(lambda: heard == ["clock"])


def test_what_others_write_into_the_queue_is_not_run(town: Town) -> None:
    other = Bell(replace(town.settings, secret_key="somebody else's"))
    with calls(town) as heard:
        other.ring("messages")
        Bell(town.settings).ring("news")
        until(lambda: "news" in heard)
    assert "messages" not in heard


# Working


def test_a_worker_does_each_kind_and_notes_it(town: Town, postbox: tuple[Postbox, str], clock: Clock) -> None:
    book(town)
    worker = working.Worker(LiveTown(with_mail(town, postbox[1])))
    assert worker.do("messages") == 1 and len(postbox[0].mail) == 1
    for kind in working.WORK:
        assert worker.do(kind) is not None
    found = leases(town)
    assert {kind for kind, _ in found} == {*working.WORK, working.PLANNING}
    assert {one.area for one in found.values()} == {"helsinki", f"helsinki {MONDAY}"}
    assert {one.succeeded_at for one in found.values()} == {clock.now}


def test_a_worker_offers_what_became_free_to_who_waits(town: Town) -> None:
    request, taken = waited(town)
    worker = working.Worker(LiveTown(town))
    assert worker.do("waiting") == 0
    cancel(town, taken)
    worker.do("waiting")
    with town.store.read() as records:
        assert records.get_request(request).status == "booked"
    searched = leases(town)[working.PLANNING, f"helsinki {MONDAY}"].token
    worker.do("waiting")  # what it did itself is looked at once more, and then no more
    worker.do("waiting")
    assert leases(town)[working.PLANNING, f"helsinki {MONDAY}"].token == searched + 1


def test_two_workers_never_search_for_one_day_at_once(town: Town) -> None:
    wait_for, taken = waited(town)
    cancel(town, taken)
    one, other = (working.Worker(LiveTown(town)) for _ in range(2))
    with one._leases.held(working.PLANNING, f"helsinki {MONDAY}"):
        other.do("waiting")
        with town.store.read() as records:
            assert records.get_request(wait_for).status == "waiting"
    other.do("waiting")
    with town.store.read() as records:
        assert records.get_request(wait_for).status == "booked"


def test_what_fails_is_noted_and_tried_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = working.Worker(LiveTown(town))
    failing = replace(working.WORK["alarms"], do=lambda *_: 1 // 0)
    monkeypatch.setitem(working.WORK, "alarms", failing)
    assert worker.do("alarms") is None and worker.do("alarms") is None
    failed = leases(town)["alarms", "helsinki"]
    assert (failed.error, failed.attempts, failed.holder) == ("ZeroDivisionError", 2, "")


def test_a_worker_beside_the_site_sends_what_a_booking_tells(
    town: Town, postbox: tuple[Postbox, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "WORK", {"messages": replace(working.WORK["messages"], every=3600.0)})
    mailing = with_mail(town, postbox[1])
    with working.beside(LiveTown(mailing)):
        until(lambda: leases(town))
        book(mailing)
        until(lambda: postbox[0].mail)
    assert leases(town)["messages", "helsinki"].holder == ""


def test_who_is_told_to_end_ends_after_the_message_at_hand(town: Town, postbox: tuple[Postbox, str]) -> None:
    for n in range(3):
        tell(town, email=f"{n}@example.org")
    box, ending = postbox[0], threading.Event()
    assert messages.deliver(with_mail(town, postbox[1]), lambda: bool(box.mail) or ending.is_set()) == 1
    assert len(box.mail) == 1
    assert messages.deliver(with_mail(town, postbox[1])) == 2  # at once: nobody has a claim on them


# Messages through faults


def _kill_between_sending_and_noting(town: Town) -> BaseProcess:
    """Let a process of its own send mail, and be killed before it can note that."""

    def work() -> None:
        store = Store(town.settings.database_url, clock=town.clock, timezone=town.settings.timezone)
        sending = replace(town, store=store)
        commit = store.commit

        def stall(change: Callable[..., object], **said: object) -> object:
            if "mark_sent" in change.__code__.co_names:
                time.sleep(600)
            return commit(change, **said)  # type: ignore[arg-type]

        Store.commit = lambda _, change, **said: stall(change, **said)  # type: ignore[assignment, method-assign]
        working.Worker(LiveTown(sending), lasts=1.0).do("messages")

    process = get_context("fork").Process(target=work)
    process.start()
    return process


def test_a_message_whose_sender_was_killed_goes_out_again_under_the_same_name(
    town: Town, postbox: tuple[Postbox, str]
) -> None:
    box, server = postbox
    tell(town, email="somebody@example.org")
    mailing = with_mail(town, server)
    sender = _kill_between_sending_and_noting(mailing)
    until(lambda: box.mail)
    sender.kill()
    sender.join()
    worker = working.Worker(LiveTown(mailing), lasts=1.0)
    until(lambda: worker.do("messages"))
    first, second = box.mail
    assert first["Message-ID"] == second["Message-ID"]
    assert rows(town) == []


def test_after_two_hours_without_a_mail_server_everything_arrives_soon(
    town: Town, clock: Clock, postbox: tuple[Postbox, str]
) -> None:
    box, server = postbox
    away, back = with_mail(town, "127.0.0.1:1"), with_mail(town, server)
    for minute in range(0, 120, 5):
        if minute % 30 == 0:
            tell(town, email=f"{minute}@example.org")
        messages.deliver(away)
        clock.forward(300)
        if minute == 5:
            assert book(town).status == "booked"
    assert box.mail == []
    clock.forward(round(messages.OUTAGE_PAUSE * 1.25))
    assert messages.deliver(back) == 5
    assert rows(town) == [] and messages.list_unreachable(town) == []
    assert len({mail["Message-ID"] for mail in box.mail}) == 5


def test_a_server_that_does_not_answer_is_waited_for_once_a_round(
    town: Town, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def hang(*_: object) -> None:
        tried.append(1)
        raise TimeoutError

    monkeypatch.setattr(messages, "_CARRIERS", {"email": hang})
    for n in range(30):
        tell(town, email=f"{n}@example.org")
    assert messages.deliver(with_mail(town, "127.0.0.1:1")) == 0
    assert tried == [1]
    assert {one.attempts for one in rows(town)} == {1}


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateway_that_asks_for_patience_gets_it_and_the_message_later(town: Town, clock: Clock, status: int) -> None:
    with open_gateway() as (gateway, address):
        sending = replace(
            town,
            settings=replace(town.settings, sms=address),
            texting=TextGateway(address, body=town.settings.sms_body),
        )
        taken = book(town)
        town.store.commit(lambda door: messages.tell(door, "booked", taken.rider_id, {}, channel="text"))
        gateway.status = status
        for _ in range(messages.MOST_TRIES + 3):
            messages.deliver(sending)
            clock.forward(round(messages.OUTAGE_PAUSE * 1.25) + 1)
        waiting = [one for one in rows(town) if one.channel == "text"]
        assert [one.state for one in waiting] == ["waiting"]
        gateway.status = 200
        messages.deliver(sending)
        assert [one for one in rows(town) if one.channel == "text"] == []


# Clocks that jump


@pytest.mark.parametrize("hours", [-5, -1, 1, 5])
def test_a_message_that_is_being_sent_when_the_clock_jumps_is_sent_once_and_none_is_lost(
    town: Town, clock: Clock, postbox: tuple[Postbox, str], hours: int
) -> None:
    box, server = postbox
    clock.forward(6 * 3600)  # it is never in the quiet hours of the night
    tell(town, email="first@example.org")
    town.store.commit(lambda door: door.claim_messages(1, messages.LEASE))  # by a process that is gone by then
    clock.forward(hours * 3600)
    tell(town, email="second@example.org")
    assert messages.deliver(with_mail(town, server)) == 2
    assert messages.deliver(with_mail(town, server)) == 0
    assert sorted(mail["To"] for mail in box.mail) == ["first@example.org", "second@example.org"]


def test_what_was_put_off_before_the_clock_was_set_back_for_days_is_sent(
    town: Town, clock: Clock, postbox: tuple[Postbox, str]
) -> None:
    tell(town, email="somebody@example.org")
    messages.deliver(with_mail(town, "127.0.0.1:1"))
    clock.forward(-7 * 24 * 3600)
    assert messages.deliver(with_mail(town, postbox[1])) == 1


def test_a_device_is_seen_again_after_the_clock_was_set_back(town: Town, clock: Clock) -> None:
    watching.seen(town, "bus-23", 0)
    for hours in (-3, 3):
        clock.forward(hours * 3600)
        watching.seen(town, "bus-23", 0)
        with town.store.read() as records:
            watch = records.find_watch("bus-23")
        assert watch is not None and watch.seen_at == clock.now


def test_periods_are_counted_by_a_clock_that_never_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: ticks)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    every = waking._Every(30.0)
    assert every(None) and not every(None)
    ticks += 30
    assert every(None) and not every(None)


def test_an_offer_that_a_jump_made_too_old_is_good_again_when_the_clock_is_right(town: Town, clock: Clock) -> None:
    token = token_of(ask(town))
    clock.forward(5 * 3600)
    with pytest.raises(Gone):
        booking.book(town, token, key="key", actor=rider_id(town))
    clock.forward(-5 * 3600)
    first = booking.book(town, token, key="key", actor=rider_id(town))
    clock.forward(-3600)
    assert booking.book(town, token, key="key", actor=rider_id(town)).id == first.id
