"""Staff sign in by more than a password: an app's codes, recovery codes; what is stolen opens nothing twice."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, timedelta

import pyotp
import pytest
from flask import Flask

from tests.webapp.conftest import Clock, SignIn
from tests.webapp.visitor import PASSWORD, Visitor
from webapp.db.store import Door
from webapp.live import LiveTown
from webapp.services import factors, passwords, pins, signin
from webapp.services.errors import Invalid, TooMany
from webapp.town import Town

PEER = "192.0.2.7"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten recovery codes take ten hashes, which are slow on purpose."""
    from tests.webapp.small_town import QUICK

    monkeypatch.setattr(pins, "PasswordHasher", lambda: QUICK)


def user_of(town: Town, email: str) -> str:
    return passwords.find_user(town, email).id


def code_at(town: Town, key: str, clock: Clock, seconds: int = 0) -> str:
    when = clock.now.replace(tzinfo=UTC) + timedelta(seconds=seconds)
    return pyotp.TOTP(key).at(when)


def add_app(town: Town, clock: Clock, email: str = "desk@example.org") -> tuple[str, str]:
    """Give somebody an app; give their id and the app's key."""
    user, seed = user_of(town, email), factors.new_seed()
    key = factors.app_key(town, seed)
    factors.add_app(town, user, seed, code_at(town, key, clock))
    clock.forward(60)
    return user, key


def requiring(site: Flask, town: Town, rule: str) -> None:
    site.extensions["noriai"] = LiveTown(replace(town, settings=replace(town.settings, second_factor=rule)))


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


# Codes


def test_a_code_of_the_app_counts_once_and_half_a_minute_around_now(town: Town, clock: Clock) -> None:
    user, key = add_app(town, clock)
    now = code_at(town, key, clock)
    assert factors.prove(town, user, f"{now[:3]} {now[3:]}", peer=PEER) == "app"
    for said in (now, code_at(town, key, clock, -30), code_at(town, key, clock, -60), code_at(town, key, clock, 90)):
        with pytest.raises(Invalid):
            factors.prove(town, user, said, peer=PEER)
    assert factors.prove(town, user, code_at(town, key, clock, 30), peer=PEER) == "app", "a telephone that is ahead"
    clock.forward(90)
    assert factors.prove(town, user, code_at(town, key, clock, -30), peer=PEER) == "app", "and one that is behind"


def test_of_many_who_show_one_code_at_once_one_gets_in(
    town: Town, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, key = add_app(town, clock)

    def shown(code: str) -> int:
        def show(_: int) -> bool:
            try:
                return bool(factors.prove(town, user, code, peer=PEER))
            except (Invalid, TooMany):
                return False

        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(show, range(4)))

    assert shown(code_at(town, key, clock)) == 1
    clock.forward(60)
    matching = factors._matching_step
    monkeypatch.setattr(factors, "_matching_step", lambda key, given, now, _last: matching(key, given, now, 0))
    assert shown(code_at(town, key, clock)) == 4, "or nothing was tried here"


def test_five_wrong_codes_lock_for_a_quarter_of_an_hour(town: Town, clock: Clock) -> None:
    user, key = add_app(town, clock)
    for _ in range(5):
        with pytest.raises(Invalid):
            factors.prove(town, user, wrong(code_at(town, key, clock)), peer=PEER)
    with pytest.raises(TooMany) as refused:
        factors.prove(town, user, code_at(town, key, clock), peer=PEER)
    assert refused.value.after == 900
    clock.forward(901)
    assert factors.prove(town, user, code_at(town, key, clock), peer=PEER) == "app"


def test_a_recovery_code_opens_once_and_the_records_alone_do_not_tell_it(town: Town, clock: Clock) -> None:
    user, key = add_app(town, clock)
    made = factors.make_recovery_codes(town, user)
    assert len(set(made)) == 10
    assert factors.prove(town, user, made[3].lower().replace("-", " "), peer=PEER) == "recovery"
    for said in (made[3], "11" + made[4][1:], made[4][:-1] + "2", f"1-{made[4][2:]}"):
        with pytest.raises(Invalid):
            factors.prove(town, user, said, peer=PEER)
    assert factors.prove(town, user, made[6], peer=PEER) == "recovery"
    assert factors.find(town, user).codes == 8
    with town.store.read() as records:
        kept = f"{records.list_recovery_codes(user)} {records.find_second_factor(user)}"
    assert "argon2" in kept and key not in kept and not any(code[2:] in kept for code in made)
    other = replace(town, settings=replace(town.settings, secret_key="another"))
    with pytest.raises(Invalid):
        factors.prove(other, user, made[4], peer=PEER)
    again = factors.make_recovery_codes(town, user)
    with pytest.raises(Invalid):
        factors.prove(town, user, made[5], peer=PEER)
    clock.forward(901)
    assert factors.prove(town, user, again[5], peer=PEER) == "recovery"


# Pages


def test_staff_add_an_app_and_sign_in_with_password_and_code(town: Town, site: Flask, clock: Clock) -> None:
    here, there = Visitor(site).sign_in("desk"), Visitor(site).sign_in("desk")
    here.get("/account")
    here.get("/account/app")
    key = re.search(r'factor__key">([A-Z2-7 ]+)<', here.page)
    assert key and "data:image/svg+xml" in here.page
    secret = key[1].replace(" ", "")
    here.send("Continue", {"code": wrong(code_at(town, secret, clock))}, status=422)
    assert here.error("code") and key[1] in here.page, "the same key"
    here.send("Continue", {"code": code_at(town, secret, clock)})
    assert len(re.findall(r"<code>\d+-[A-Z-]+</code>", here.page)) == 10
    recovery = re.search(r"<code>(1-[A-Z-]+)</code>", here.page)
    assert recovery
    here.get("/account")
    assert here.path == "/account" and recovery[1] not in here.page
    there.get("/desk")
    assert there.path == "/login", "every other session has ended"

    clock.forward(60)
    thief = Visitor(site).sign_in("desk")
    assert thief.path == "/second-factor"
    for path in ("/desk", "/account", "/account/password", "/"):
        thief.get(path)
        assert thief.path == "/login", "a password alone opens nothing"
    thief = Visitor(site).sign_in("desk")
    thief.send("Continue", {"code": wrong(code_at(town, secret, clock))}, status=422)
    assert thief.error("code")
    thief.send("Continue", {"code": code_at(town, secret, clock)})
    assert thief.path == "/desk"
    late = Visitor(site).sign_in("desk")
    clock.forward(601)
    late.post("/second-factor", {"code": code_at(town, secret, clock)})
    assert late.path == "/login"
    lost = Visitor(site).sign_in("desk")
    lost.send("Continue", {"code": recovery[1]})
    assert lost.path == "/desk"


def test_a_town_that_requires_a_second_factor_lets_staff_do_nothing_before(
    town: Town, site: Flask, clock: Clock
) -> None:
    requiring(site, town, "required")
    visitor = Visitor(site).sign_in("dispatcher")
    for path in ("/", "/dispatch", "/board", "/account/start"):
        visitor.get(path)
        assert visitor.path == "/account/start"
    visitor.get("/account/app")
    key = re.search(r'factor__key">([A-Z2-7 ]+)<', visitor.page)
    assert key
    visitor.send("Continue", {"code": code_at(town, key[1].replace(" ", ""), clock)})
    visitor.get("/")
    assert not visitor.path.startswith("/account")
    assert Visitor(site).sign_in("resident").path == "/trips"
    requiring(site, town, "off")
    assert Visitor(site).sign_in("dispatcher").path != "/second-factor"


def test_what_is_dangerous_asks_again_after_a_quarter_of_an_hour(
    town: Town, site: Flask, clock: Clock, sign_in: SignIn
) -> None:
    visitor = sign_in("desk")
    clock.forward(901)
    visitor.get("/account/app")
    assert visitor.path == "/second-factor"
    visitor.send("Continue", {"password": "not it at all"}, status=422)
    visitor.send("Continue", {"password": PASSWORD})
    assert visitor.path == "/account/app"
    user, key = add_app(town, clock, "town@example.org")
    owner = sign_in("town")
    owner.send("Continue", {"code": code_at(town, key, clock)})
    clock.forward(901)
    owner.get("/account")
    owner.send("Remove the app")
    assert owner.path == "/second-factor" and factors.find(town, user).any
    owner.send("Continue", {"code": code_at(town, key, clock)})
    owner.get("/account")
    owner.send("Remove the app")
    assert not factors.find(town, user).any and owner.path == "/account"


def test_a_driver_on_a_shared_tablet_changes_nothing_of_how_they_sign_in(sign_in: SignIn) -> None:
    visitor = sign_in("driver")
    with visitor.browser.session_transaction() as session:
        session["until"] = 0
    for path in ("/account", "/account/app", "/account/password"):
        assert visitor.browser.get(path).status_code in {302, 404}
    resident = sign_in("resident")
    for path in ("/account", "/account/app", "/account/passkey", "/account/password", "/account/start"):
        resident.get(path, status=404)


def test_a_new_password_is_long_unlike_the_person_and_ends_other_sessions(
    town: Town, site: Flask, sign_in: SignIn
) -> None:
    here, there = sign_in("desk"), sign_in("desk")
    for new in ("short one", "password1234", "desk@example.org", "noriainoriai", "aaaaaaaaaaaaaaa", "x" * 1001):
        here.get("/account/password")
        here.send("Change your password", {"old": PASSWORD, "new": new}, status=422)
        assert here.error("new"), new
    here.send("Change your password", {"old": "not it", "new": "velvet otter climbs 9 pylons"}, status=422)
    assert here.error("old")
    here.send("Change your password", {"old": PASSWORD, "new": "velvet otter climbs 9 pylons"})
    assert here.path == "/account"
    there.get("/desk")
    assert there.path == "/login"
    assert Visitor(site).sign_in("desk").path == "/login", "the old one"
    again = Visitor(site)
    again.get("/login")
    again.post("/login", {"email": "desk@example.org", "password": "velvet otter climbs 9 pylons"})
    assert again.path == "/desk"


def test_signing_out_everywhere_ends_the_sessions_of_staff(sign_in: SignIn) -> None:
    here, there, other = sign_in("desk"), sign_in("desk"), sign_in("driver")
    here.get("/account")
    here.send("Sign out everywhere")
    for visitor in (here, there):
        visitor.get("/desk")
        assert visitor.path == "/login"
    other.get("/drive")
    assert other.path == "/drive"


def test_factors_that_are_reset_open_nothing_and_that_is_noted(town: Town, site: Flask, clock: Clock) -> None:
    user, key = add_app(town, clock)
    made = factors.make_recovery_codes(town, user)
    visitor = Visitor(site).sign_in("desk")
    visitor.send("Continue", {"code": code_at(town, key, clock)})
    factors.reset(town, user)
    visitor.get("/desk")
    assert visitor.path == "/login"
    assert Visitor(site).sign_in("desk").path == "/desk"
    for said in (made[0], code_at(town, key, clock, 30)):
        with pytest.raises(Invalid):
            factors.prove(town, user, said, peer=PEER)
    with town.store.read() as records:
        kinds = [one.kind for one in records.list_identity_events(user)]
    assert sorted(kinds) == ["app added", "factors reset", "recovery codes made"]


def test_changes_are_told_by_mail_where_the_town_sends_any(town: Town) -> None:
    mailing = replace(town, settings=replace(town.settings, smtp="127.0.0.1:1"))
    user = user_of(town, "desk@example.org")

    def told() -> list[str]:
        with town.store.read() as records:
            return [one.kind for one in records.pending_outbox(9)]

    factors.reset(town, user)
    assert told() == []
    factors.reset(mailing, user)
    assert told() == ["signing in changed"]


def test_locks_change_with_every_factor(town: Town, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def name() -> str:
        return passwords.find_user(town, "desk@example.org").fs_uniquifier

    before = name()
    user, _ = add_app(town, clock)
    added = name()
    factors.remove_app(town, user)
    assert len({before, added, name()}) == 3

    def keep(_door: Door, _user: str) -> None:
        """Change nothing."""

    monkeypatch.setattr(signin, "change_locks", keep)
    kept = name()
    factors.reset(town, user)
    assert name() == kept, "or nothing was tried here"
