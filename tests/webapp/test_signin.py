"""Residents sign in without a password, with what they have; and nobody else does, nor learns who is known."""

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import time

import pytest
from flask import Flask
from sqlalchemy import event

from tests.webapp.conftest import HELSINKI, UNHURRIED, Clock, SignIn
from tests.webapp.postboxes import open_gateway, open_postbox
from tests.webapp.visitor import PASSWORD, Visitor
from tests.webapp.wishes import rider_id, tamper
from webapp.app import create_app
from webapp.db.store import Store
from webapp.services import accounts, codes, messages, signin
from webapp.services.errors import Gone, Invalid, TooMany
from webapp.texting import TextGateway
from webapp.town import Town

ADDRESS = "https://rides.example.org"
RESIDENT, STRANGER = "resident@example.org", "stranger@example.org"
PHONE = "+358 50 000 0001"
PEER = "192.0.2.7"


@pytest.fixture
def mailing(town: Town) -> Town:
    """Give a town that can send mail, if anybody were to deliver it."""
    return replace(town, settings=replace(town.settings, smtp="127.0.0.1:1", address=ADDRESS))


@pytest.fixture
def open_site(mailing: Town) -> Flask:
    site = create_app(town=mailing)
    site.config["TESTING"] = True
    return site


def ask(town: Town, said: str = RESIDENT, peer: str = PEER) -> str:
    return signin.begin(town, said, peer=peer, language="en")


def code_of(town: Town, sign_in: str) -> str:
    return codes.six_digits(town.settings.secret_key, sign_in)


def wrong_code(town: Town, sign_in: str) -> str:
    return f"{(int(code_of(town, sign_in)) + 1) % 10**6:06}"


def fails(why: type[Exception], call: Callable[[], object]) -> bool:
    try:
        call()
    except why:
        return True
    return False


def try_code(town: Town, sign_in: str, said: str) -> None:
    signin.prove_by_code(town, sign_in, said, peer=PEER)


def newest(town: Town, channel: str = "email") -> str:
    with town.store.read() as records:
        return str(records.pending_outbox(50, channel)[-1].facts["sign_in"])


def sign_in_by_code(visitor: Visitor, town: Town, phone: str = "shared") -> Visitor:
    visitor.get("/sign-in")
    visitor.send("Continue", {"address": RESIDENT})
    visitor.send("Continue", {"code": code_of(town, newest(town))})
    visitor.send("It is mine alone", {"phone": phone})
    return visitor


# Codes and links


def test_digits_by_mail_sign_in_and_so_does_the_link_on_another_device(mailing: Town) -> None:
    with open_postbox() as (box, server):
        sending = replace(mailing, settings=replace(mailing.settings, smtp=server))
        site = create_app(town=sending)
        first, other = Visitor(site), Visitor(site)
        first.get("/trips")
        assert first.path == "/sign-in"
        first.send("Continue", {"address": " Resident@Example.org "})
        assert first.path == "/sign-in/code"
        assert messages.deliver(sending) == 1
        (mail,) = box.mail
        digits = re.search(r"\b\d{6}\b", mail.get_content())
        assert digits and mail["To"] == RESIDENT and digits[0] not in str(mail["Subject"])
        first.send("Continue", {"code": f"{digits[0][:3]} {digits[0][3:]}"})
        first.send("Others use it too")
        assert (first.path, "My trips" in first.page) == ("/trips", True), "back to what was asked for"

        Visitor(site).get("/sign-in")
        other.get("/sign-in")
        other.send("Continue", {"address": RESIDENT})
        messages.deliver(sending)
        link = re.search(rf"{ADDRESS}(/sign-in/link/\S+)", box.mail[1].get_content())
        assert link
        third = Visitor(site)
        for scanner in (Visitor(site), third, third):
            scanner.get(link[1])
        third.send("Yes, sign in")
        third.send("Others use it too", {"phone": "own"})
        assert third.path == "/trips"
        for visitor in (Visitor(site), other):
            visitor.get(link[1])
            visitor.send("Yes, sign in", status=409)
        other.get("/sign-in/code")
        digits = re.search(r"\b\d{6}\b", box.mail[1].get_content())
        assert digits
        other.send("Continue", {"code": digits[0]}, status=409)
        other.get("/trips")
        assert other.path == "/sign-in"


def test_a_code_opens_once_for_ten_minutes_and_five_tries(mailing: Town, clock: Clock) -> None:
    used = ask(mailing)
    try_code(mailing, used, code_of(mailing, used))
    assert fails(Gone, lambda: try_code(mailing, used, code_of(mailing, used))), "a second use"
    assert signin.end(mailing, used, rider_id(mailing)).id == rider_id(mailing)
    assert fails(Gone, lambda: signin.end(mailing, used, rider_id(mailing))), "a second person"

    guessed = ask(mailing)
    for _ in range(4):
        assert fails(Invalid, lambda: try_code(mailing, guessed, wrong_code(mailing, guessed)))
    assert fails(Gone, lambda: try_code(mailing, guessed, wrong_code(mailing, guessed))), "the fifth is the last"
    assert fails(Gone, lambda: try_code(mailing, guessed, code_of(mailing, guessed))), "and the right one is too late"
    lucky = ask(mailing)
    for said in ("", "12345", "1234567", "０", code_of(mailing, guessed)):
        if said != code_of(mailing, guessed):
            assert fails(Invalid, lambda said=said: try_code(mailing, lucky, said))  # type: ignore[misc]
    try_code(mailing, lucky, code_of(mailing, lucky))

    slow, late = ask(mailing), ask(mailing)
    clock.forward(599)
    try_code(mailing, slow, code_of(mailing, slow))
    clock.forward(2)
    assert fails(Gone, lambda: try_code(mailing, late, code_of(mailing, late)))
    link = codes.token(mailing.settings.secret_key, "link", late)
    assert fails(Gone, lambda: signin.prove_by_link(mailing, link, peer=PEER))
    clock.forward(600)
    assert fails(Gone, lambda: signin.people(mailing, slow)), "a proof does not wait for ever either"


def test_of_many_who_try_one_code_at_once_one_gets_in_and_five_are_heard(mailing: Town) -> None:
    right, wrong = ask(mailing), ask(mailing)

    def outcome(sign_in: str, said: str) -> str:
        try:
            try_code(mailing, sign_in, said)
        except (Gone, Invalid) as fault:
            return type(fault).__name__
        return "in"

    with ThreadPoolExecutor(8) as pool:
        tried = [*pool.map(lambda _: outcome(right, code_of(mailing, right)), range(8))]
        guessed = [*pool.map(lambda _: outcome(wrong, wrong_code(mailing, wrong)), range(8))]
        ended = [*pool.map(lambda _: fails(Gone, lambda: signin.end(mailing, right, rider_id(mailing))), range(4))]
    assert (tried.count("in"), guessed.count("Invalid"), ended.count(False)) == (1, 4, 1)


def test_what_is_kept_opens_nothing(mailing: Town) -> None:
    sign_in = ask(mailing)
    token = codes.token(mailing.settings.secret_key, "link", sign_in)
    with mailing.store.read() as records:
        kept = str(records.find_sign_in(sign_in)) + str(records.pending_outbox(50))
    assert codes.digest(token) in kept
    assert token not in kept and code_of(mailing, sign_in) not in kept and RESIDENT not in kept
    other = replace(mailing, settings=replace(mailing.settings, secret_key="another"))
    assert code_of(other, sign_in) != code_of(mailing, sign_in)


# Known and unknown


def test_known_and_unknown_addresses_get_the_same_answers_by_the_same_path(mailing: Town, open_site: Flask) -> None:
    paths = {}
    for said in (RESIDENT, STRANGER, "driver@example.org"):
        visitor, pages = Visitor(open_site), []
        visitor.get("/sign-in")
        asked = list_statements(mailing, lambda v=visitor, s=said: v.send("Continue", {"address": s}))  # type: ignore[misc]
        pages.append((visitor.path, without_tokens(visitor.page)))
        sign_in = newest(mailing)
        for status in (422, 422, 422, 422, 409):
            visitor.get("/sign-in/code")
            visitor.send("Continue", {"code": wrong_code(mailing, sign_in)}, status=status)
            pages.append((visitor.path, without_tokens(visitor.page)))
        paths[said] = (asked, pages)
    assert paths[RESIDENT] == paths[STRANGER] == paths["driver@example.org"]
    assert paths[RESIDENT][0], "or nothing was compared"


def test_nobody_gets_in_as_nobody_or_as_staff(mailing: Town) -> None:
    tamper(mailing, """UPDATE "user" SET active = false WHERE email = 'neighbour@example.org'""")
    for said in (STRANGER, "driver@example.org", "neighbour@example.org"):
        sign_in = ask(mailing, said)
        assert fails(Invalid, lambda: try_code(mailing, sign_in, code_of(mailing, sign_in)))  # noqa: B023
        link = codes.token(mailing.settings.secret_key, "link", sign_in)
        assert fails(Gone, lambda: signin.prove_by_link(mailing, link, peer=PEER))  # noqa: B023
    with open_postbox() as (box, server):
        messages.deliver(replace(mailing, settings=replace(mailing.settings, smtp=server)))
        assert box.mail == []


def list_statements(town: Town, call: Callable[[], object]) -> list[str]:
    """List the SQL that a call has the records run."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engine = town.store._database.engine
    event.listen(engine, "before_cursor_execute", hear)
    call()
    event.remove(engine, "before_cursor_execute", hear)
    return said


def without_tokens(page: str) -> str:
    return re.sub(r'name="(csrf_token|key)" value="[^"]*"', "", page)


# Limits


def test_an_account_and_a_network_address_are_limited_by_the_records(mailing: Town, clock: Clock) -> None:
    url = str(mailing.store._database.engine.url.render_as_string(hide_password=False))
    other_process = Store(url, clock=clock, timezone=HELSINKI, patience=UNHURRIED)
    second = replace(mailing, store=other_process)
    for said in (RESIDENT, STRANGER):
        for one in (mailing, second, mailing, second, mailing):
            ask(one, said)
        assert fails(TooMany, lambda: ask(second, said)), said  # noqa: B023
        for one in (mailing, second, mailing, second, mailing):
            ask(one, said.upper(), peer="198.51.100.1")
        assert fails(TooMany, lambda: ask(mailing, said, peer="203.0.113.9")), said  # noqa: B023
    ask(mailing, "somebody-else@example.org")
    clock.forward(900)
    ask(mailing)
    for _ in range(3):
        clock.forward(900)
        for _ in range(4):
            ask(mailing)
    clock.forward(900)
    for _ in range(2):
        ask(mailing)
    assert fails(TooMany, lambda: ask(mailing)), "twenty a day"
    clock.forward(86_400)
    ask(mailing)
    other_process.close()


def test_a_stranger_cannot_use_up_somebodys_codes(
    mailing: Town, open_site: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = sign_in_by_code(Visitor(open_site), mailing, "own")
    cookie = own.browser.get_cookie("noriai-device")
    assert cookie is not None

    def use_up() -> None:
        for n in range(9):  # the tenth was the owner's own
            ask(mailing, peer=f"198.51.100.{n // 5}")

    use_up()
    assert fails(TooMany, lambda: ask(mailing, peer="192.0.2.77")), "a browser that nobody knows waits"
    ask_at_home = partial(signin.begin, mailing, RESIDENT, peer=PEER, language="en", device=cookie.value)
    sign_in = ask_at_home()
    signin.prove_by_code(mailing, sign_in, code_of(mailing, sign_in), peer=PEER, device=cookie.value)
    neighbour = partial(signin.begin, mailing, "neighbour@example.org", peer=PEER, language="en", device=cookie.value)
    for _ in range(5):
        neighbour()
    assert fails(TooMany, neighbour), "another person's browser opens nothing more"

    monkeypatch.setattr(signin, "is_known", lambda *_: False)
    assert fails(TooMany, ask_at_home), "or nothing was tried here"


def test_digits_are_tried_a_hundred_times_a_day_and_links_still_open(mailing: Town, clock: Clock) -> None:
    for _ in range(20):
        guessed = ask(mailing, peer="198.51.100.1")
        for _ in range(5):
            assert fails((Invalid, Gone), lambda: try_code(mailing, guessed, wrong_code(mailing, guessed)))  # type: ignore[arg-type]  # noqa: B023
        clock.forward(301)
    last = ask(mailing)
    with pytest.raises(TooMany) as refused:
        try_code(mailing, last, code_of(mailing, last))
    assert str(refused.value) == "guesses" and 0 < refused.value.after <= 86_400
    link = codes.token(mailing.settings.secret_key, "link", last)
    assert signin.prove_by_link(mailing, link, peer=PEER) == last


def test_a_browser_that_is_new_is_told_by_mail_without_saying_where(
    mailing: Town, open_site: Flask, clock: Clock
) -> None:
    def told() -> list[str]:
        with mailing.store.read() as records:
            return [one.kind for one in records.pending_outbox(50) if one.kind == "new device"]

    here = Visitor(open_site).sign_in("driver")
    assert len(told()) == 1
    here.post("/logout")
    here.sign_in("driver")
    assert len(told()) == 1, "the same browser"
    Visitor(open_site).sign_in("driver")
    assert len(told()) == 2
    sign_in_by_code(Visitor(open_site), mailing)
    assert len(told()) == 2, "whoever reads the mail of the address has the code from there"
    with open_postbox() as (box, server):
        messages.deliver(replace(mailing, settings=replace(mailing.settings, smtp=server)))
        said = "".join(mail.get_content() for mail in box.mail if mail["To"] == "driver@example.org")
    assert "browser" in said and "127.0.0.1" not in said and "Testi" not in said


def test_one_network_address_tries_a_hundred_times_in_a_quarter_of_an_hour(mailing: Town, clock: Clock) -> None:
    for n in range(100):
        ask(mailing, f"name-{n}@example.org", peer=f"2001:db8:1:1::{n:x}")
    assert fails(TooMany, lambda: ask(mailing, peer="2001:db8:1:1::ffff"))
    assert fails(TooMany, lambda: signin.prove_by_link(mailing, "x", peer="2001:db8:1:1::1"))
    ask(mailing, peer="2001:db8:1:2::1")
    clock.forward(900)
    ask(mailing, peer="2001:db8:1:1::1")


def test_too_many_tries_are_said_on_a_page(mailing: Town, open_site: Flask, sign_in: SignIn, site: Flask) -> None:
    visitor = Visitor(open_site)
    for status in (200, 200, 200, 200, 200, 429):
        visitor.get("/sign-in")
        visitor.send("Continue", {"address": STRANGER}, status=status)
    assert "Wait 15 minutes, or call us." in visitor.text
    visitor.get("/sign-in")
    refused = visitor.browser.post("/sign-in", data={"csrf_token": visitor.token, "address": STRANGER})
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    visitor.get("/login")
    visitor.post("/login", {"email": "Town@example.org", "password": "x"})
    for _ in range(9):
        signin.count_password(mailing, "town@example.org", peer=PEER)
    assert sign_in("driver").path == "/drive"
    visitor.get("/login")
    visitor.post("/login", {"email": "town@example.org", "password": "noriai-test"}, status=429)


def test_tries_of_before_are_forgotten(mailing: Town, clock: Clock) -> None:
    old = ask(mailing)
    clock.forward(int(timedelta(days=2).total_seconds()) + 1)
    ask(mailing)
    with mailing.store.read() as records:
        assert records.find_sign_in(old) is None


def test_a_code_that_nobody_could_send_in_time_is_not_sent_later(mailing: Town, clock: Clock) -> None:
    ask(mailing)
    clock.forward(601)
    with open_postbox() as (box, server):
        assert messages.deliver(replace(mailing, settings=replace(mailing.settings, smtp=server))) == 0
        assert box.mail == []
    with mailing.store.read() as records:
        assert records.pending_outbox(50) == []


# Text messages


def test_digits_by_text_message_and_who_of_a_household(town: Town) -> None:
    with open_gateway() as (gateway, url):
        body = '{"to": "{to}", "text": "{text}", "from": "Noriai"}'
        made = replace(town, texting=TextGateway(url, body=body), settings=replace(town.settings, address=ADDRESS))
        people = {name: accounts.add_caller(made, name=name, phone=PHONE).id for name in ("Aino Testi", "Eero Testi")}
        other = accounts.add_caller(made, name="Other Testi", phone="+358 40 100 0001").id
        site = create_app(town=made)
        visitor = Visitor(site)
        visitor.get("/sign-in")
        assert "Your phone number" in visitor.text and "e-mail" not in visitor.text
        visitor.send("Continue", {"address": "no number"}, status=422)
        assert visitor.error("address")
        visitor.send("Continue", {"address": "+358500000001"})
        assert messages.deliver(made) == 1 and messages.deliver(made) == 0
        (sent,) = gateway.messages
        assert (sent["to"], sent["from"]) == ("+358500000001", "Noriai")
        digits = re.search(r"\b\d{6}\b", sent["text"])
        assert digits and f"{ADDRESS}/sign-in/link/" in sent["text"] and "Testi" not in sent["text"]
        assert "Aino" not in visitor.text
        visitor.send("Continue", {"code": digits[0]})
        assert visitor.path == "/sign-in/who" and visitor.buttons("person") == people
        visitor.get("/sign-in/phone", status=409)
        visitor.get("/sign-in/who")
        visitor.send("Eero", {"person": other}, status=422)
        visitor.send("Eero", {"person": people["Eero Testi"]})
        assert "Eero Testi" in visitor.text
        visitor.send("Others use it too")
        assert visitor.path == "/trips"


# Shared phones


def test_a_session_on_a_shared_phone_ends_after_15_minutes_without_use(
    mailing: Town, open_site: Flask, clock: Clock
) -> None:
    shared = sign_in_by_code(Visitor(open_site), mailing)
    own = sign_in_by_code(Visitor(open_site), mailing, "own")
    for _ in range(3):
        clock.forward(890)
        assert shared.get("/trips") and shared.path == "/trips"
    clock.forward(890)
    shared.browser.get("/trips", headers={"If-None-Match": '"x"'})
    clock.forward(20)
    answer = shared.browser.get("/trips")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    shared.get("/trips")
    assert shared.path == "/sign-in"
    clock.forward(30 * 86_400)
    own.get("/trips")
    assert own.path == "/trips"


def test_only_a_phone_of_ones_own_keeps_the_session_when_the_browser_closes(mailing: Town, open_site: Flask) -> None:
    for phone, kept in (("shared", False), ("", False), ("own", True)):
        visitor = sign_in_by_code(Visitor(open_site), mailing, phone)
        cookie = visitor.browser.get_cookie("session")
        assert cookie and (cookie.expires is not None) == kept, phone
        assert "stay signed in for three months" in visitor.get("/signing-in") or not kept


def test_a_resident_with_a_password_is_on_a_shared_phone_until_they_say_otherwise(
    sign_in: SignIn, clock: Clock
) -> None:
    shared, own, changed, staff = sign_in("resident"), sign_in("resident"), sign_in("resident"), sign_in("driver")
    own.keep_phone()
    changed.keep_phone().send("Others use it too")
    clock.forward(901)
    for visitor, path in ((shared, "/login"), (own, "/trips"), (changed, "/login"), (staff, "/drive")):
        visitor.get("/drive" if visitor is staff else "/trips")
        assert visitor.path == path


def test_signing_out_everywhere_ends_every_session_and_no_other_persons(
    mailing: Town, open_site: Flask, sign_in: SignIn
) -> None:
    here, there = (sign_in_by_code(Visitor(open_site), mailing, "own") for _ in range(2))
    neighbour = Visitor(open_site).sign_in("neighbour")
    here.get("/signing-in")
    here.send("Sign out everywhere")
    for visitor in (here, there):
        visitor.get("/trips")
        assert visitor.path == "/sign-in"
    neighbour.get("/trips")
    assert neighbour.path == "/trips"


def test_signing_out_clears_the_browser_and_pages_are_never_kept(mailing: Town, open_site: Flask) -> None:
    wanted = {"resident": '"cache", "storage"', "driver": '"cache"'}
    for role, cleared in wanted.items():
        visitor = Visitor(open_site).sign_in(role)
        visitor.get("/")
        answer = visitor.browser.post("/logout", data={"csrf_token": visitor.token})
        assert answer.headers["Clear-Site-Data"] == cleared
        assert visitor.browser.get_cookie("session") is None
    visitor = sign_in_by_code(Visitor(open_site), mailing)
    for path in ("/trips", "/signing-in", "/sign-in", "/login"):
        answer = visitor.browser.get(path)
        assert answer.headers["Cache-Control"] == "no-store", path
        assert "Clear-Site-Data" not in answer.headers


# Other sites, other cookies


def test_what_was_set_before_signing_in_does_not_survive_it(open_site: Flask) -> None:
    for role in ("driver", "resident"):
        visitor = Visitor(open_site)
        with visitor.browser.session_transaction() as session:
            session.update(acting_for=["x", "y"], until=1, half=["x", 1, "/"], csrf_token="planted", language="fi")
        visitor.get("/login")
        before = visitor.browser.get_cookie("session")
        visitor.sign_in(role)
        with visitor.browser.session_transaction() as session:
            assert not {"acting_for", "until", "half"} & set(session)
            assert session["language"] == "fi" and session.get("csrf_token") != "planted"
        after = visitor.browser.get_cookie("session")
        assert before and after and before.value != after.value


def test_a_cookie_that_is_altered_old_or_another_sites_is_nobodys(
    open_site: Flask, mailing: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = Visitor(open_site).sign_in("driver")
    cookie = visitor.browser.get_cookie("session")
    assert cookie is not None
    other = create_app(town=replace(mailing, settings=replace(mailing.settings, secret_key="another town's")))
    strange = Visitor(other).sign_in("driver").browser.get_cookie("session")
    assert strange is not None
    body, _, rest = cookie.value.partition(".")
    for forged in (
        "",
        "x",
        strange.value,
        f"{body}A.{rest}",
        cookie.value[:-2] + "AA",
        cookie.value + "." + "9" * 4000,
    ):
        thief = Visitor(open_site)
        thief.browser.set_cookie("session", forged)
        thief.get("/drive")
        assert thief.path in {"/sign-in", "/login"}, forged
    keeper = Visitor(open_site)
    keeper.browser.set_cookie("session", cookie.value)
    keeper.get("/drive")
    assert keeper.path == "/drive", "or no cookie opens anything"
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: time() + 91 * 86_400)
    keeper.get("/drive")
    assert keeper.path in {"/sign-in", "/login"}, "after three months"


def test_forms_of_other_sites_are_refused_and_no_other_site_reads_answers(open_site: Flask) -> None:
    visitor = Visitor(open_site).sign_in("driver")
    headers = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    for path in ("/logout", "/account/end", "/account/password", "/login", "/language"):
        for token in ({}, {"csrf_token": "guessed"}):
            assert visitor.browser.post(path, data=token, headers=headers).status_code == 400, path
    assert visitor.get("/drive") and visitor.path == "/drive", "still in"
    for answer in (
        visitor.browser.get("/drive", headers=headers),
        visitor.browser.options("/drive", headers={**headers, "Access-Control-Request-Method": "POST"}),
    ):
        assert not [name for name in dict(answer.headers) if name.lower().startswith("access-control")]


def test_signing_in_with_a_password_leads_to_no_other_site(open_site: Flask) -> None:
    for said in ("https://evil.example", "//evil.example", "/\\evil.example", "/\n/evil.example", "javascript:x"):
        visitor = Visitor(open_site)
        visitor.get("/login")
        answers = {"csrf_token": visitor.token, "email": "driver@example.org", "password": PASSWORD}
        answer = visitor.browser.post("/login", query_string={"next": said}, data=answers)
        assert answer.location in {None, "/"}, said


def test_a_forged_forwarded_address_escapes_no_limit_unless_a_proxy_is_there(mailing: Town) -> None:
    def refused(proxies: int) -> list[int]:
        settings = replace(mailing.settings, proxies=proxies, address="")
        visitor = Visitor(create_app(town=replace(mailing, settings=settings)))
        seen = []
        for n in range(6):
            visitor.get("/sign-in")
            answers = {"csrf_token": visitor.token, "address": f"forged-{proxies}@example.org"}
            headers = {"X-Forwarded-For": f"203.0.113.{n}"}
            seen.append(visitor.browser.post("/sign-in", data=answers, headers=headers).status_code)
        return seen

    assert refused(0) == [302] * 5 + [429]
    assert refused(1) == [302] * 6, "or the header is never read"


def test_cookies_are_bound_to_the_host_where_the_site_is_reached_by_https(mailing: Town) -> None:
    site = create_app(town=replace(mailing, settings=replace(mailing.settings, https=True, second_factor="offered")))
    answer = site.test_client().get("/login", base_url="https://rides.example.org")
    (said,) = answer.headers.getlist("Set-Cookie")
    assert said.startswith("__Host-session=")
    assert all(flag in said for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/")) and "Domain" not in said


# Around it


def test_no_address_and_no_code_stands_in_an_address_or_in_the_log(
    mailing: Town, open_site: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    open_site.after_request(lambda answer: seen.append(f"{answer.location}") or answer)  # type: ignore[func-returns-value]
    sign_in_by_code(Visitor(open_site), mailing)
    code = code_of(mailing, newest(mailing))
    everything = caplog.text + " ".join(seen)
    assert "/sign-in/code" in everything
    for secret in (RESIDENT, "resident%40", code, newest(mailing), rider_id(mailing), "Testi"):
        assert secret not in everything


def test_one_leads_only_to_pages_of_this_site(mailing: Town, open_site: Flask) -> None:
    for said in ("https://evil.example", "//evil.example", "/\\evil.example", "/\n/evil.example"):
        visitor = Visitor(open_site)
        visitor.browser.get("/sign-in", query_string={"next": said})
        with visitor.browser.session_transaction() as session:
            assert session["next"] == "/", said


def test_a_town_that_can_send_nothing_asks_for_passwords(visitor: Visitor) -> None:
    for path in ("/", "/sign-in", "/trips", "/sign-in/code"):
        visitor.get(path)
        assert visitor.path == "/login"
    assert "Sign in without a password" not in visitor.text


def test_pages_of_a_sign_in_that_was_not_begun_lead_to_its_beginning(open_site: Flask) -> None:
    visitor = Visitor(open_site)
    visitor.get("/sign-in/code")
    assert visitor.path == "/sign-in"
    for path in ("/sign-in/who", "/sign-in/phone"):
        visitor.get(path, status=409)
    visitor.get("/sign-in")
    visitor.send("Continue", {"address": "not an address"}, status=422)
    assert visitor.error("address") and visitor.field("address") == "not an address"
    assert "Sign in with a password" in visitor.text
