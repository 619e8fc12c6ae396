"""What is sent to the site, and not by its own pages: too much, too odd, by other methods, from elsewhere, as code."""

import hmac
import json
from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.webapp import wishes
from tests.webapp.asking import asked
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import KAMP, LIISANKATU, RIDER
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import count_rows, newcomer, rider_id
from webapp.app import LARGEST_FIELDS, LARGEST_REQUEST, MOST_PARTS
from webapp.live import LiveTown
from webapp.services import accounts, booking, planning
from webapp.town import Town
from webapp.views.channels import LARGEST_HOOK

SECRET = "line-secret"
CODE = "<script>alert(1)</script>{{7*7}}'\"><img src=x onerror=alert(2)>"
"""Code for a browser, a template and an attribute at once."""
FORM = "application/x-www-form-urlencoded"
DEEP = b"[" * 10_000 + b"]" * 10_000


# R1: bodies of JSON


def said_by_line(site: Flask, town: Town, body: bytes) -> int:
    """Send what LINE would have signed; give the status of the answer."""
    site.extensions["noriai"] = LiveTown(replace(town, settings=replace(town.settings, line_secret=SECRET)))
    signed = b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    answer = site.test_client().post("/line", data=body, headers={"X-Line-Signature": signed})
    return answer.status_code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"events": null}',
        b'{"events": {"0": 1}}',
        b'{"events": "none"}',
        b'{"events": ' + DEEP + b"}",
        DEEP,
        b'{"events": [' + b"9" * 1_000_000 + b"]}",
        b'{"events": ' + b"9" * 200_000 + b"}",
        b'{"events": ["\\ud800"]}',
        b'{"events": ["\xff\xfe"]}',
        b'{"events": []',
        b'{"events": [NaN, Infinity]',
        b"\x00",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_json_that_is_none_is_refused_and_nothing_is_kept(site: Flask, town: Town, body: bytes) -> None:
    before = count_rows(town)
    assert said_by_line(site, town, body) == (413 if len(body) > LARGEST_HOOK else 400)
    assert count_rows(town) == before


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "source": {"userId": 7}, "message": {"type": "text", "text": "12345678"}},
        {"type": "message", "source": {"userId": "U\x00"}, "message": {"type": "text", "text": "12345678"}},
        {"type": "message", "source": {"userId": "U1"}, "message": {"type": "text", "text": ["12345678"]}},
        {"type": "message", "source": {"userId": "U" * 200}, "message": {"type": "text", "text": "12345678"}},
        {"type": "message", "source": None, "message": None},
        {"type": "message", "source": {"userId": "U1"}, "message": {"type": "text", "text": "9" * 6000}},
    ],
)
def test_an_event_of_another_form_is_passed_over(site: Flask, town: Town, event: dict[str, Any]) -> None:
    before = count_rows(town)
    assert said_by_line(site, town, json.dumps({"events": [event]}).encode()) == 200
    assert count_rows(town) == before


def test_of_a_key_that_comes_twice_the_last_counts(site: Flask, town: Town) -> None:
    assert said_by_line(site, town, b'{"events": 3, "events": []}') == 200


# R2: too much


def test_what_is_too_much_is_refused_before_it_is_read(sign_in: SignIn) -> None:
    browser = sign_in("dispatcher").browser
    parts = {f"p{number}": "x" for number in range(MOST_PARTS + 1)}
    too_much = [
        {"data": {"file": (BytesIO(bytes(LARGEST_REQUEST)), "a.csv")}, "content_type": "multipart/form-data"},
        {"data": b"text=" + b"x" * (LARGEST_FIELDS + 100_000), "content_type": FORM},
        {"data": {"text": "x" * (LARGEST_FIELDS + 100_000)}, "content_type": "multipart/form-data"},
        {"data": parts, "content_type": "multipart/form-data"},
    ]
    for sent in too_much:
        assert browser.post("/dispatch/upload", **sent).status_code == 413, sent["content_type"]  # type: ignore[arg-type]
    elsewhere = {"file": (BytesIO(bytes(LARGEST_FIELDS)), "a.csv")}
    assert browser.post("/dispatch/replan", data=elsewhere).status_code == 413


def test_a_body_without_a_length_is_read_no_further_than_any_other(live_site: str) -> None:
    """On a real server: bytes in chunks, of which nobody says how many there are."""
    to = urlsplit(live_site)
    with closing(HTTPConnection(str(to.hostname), to.port or 0, timeout=60)) as connection:
        chunks = (b"text=" + b"x" * 100_000 for _ in range(6))
        connection.request("POST", "/login", chunks, {"Content-Type": FORM}, encode_chunked=True)
        assert connection.getresponse().status == 413


def test_it_is_the_limit_that_refuses_it(sign_in: SignIn, site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the limit a field of any length is read."""
    monkeypatch.setitem(site.config, "MAX_CONTENT_LENGTH", None)
    visitor = sign_in("dispatcher")
    visitor.get("/dispatch/upload")
    sent = {"csrf_token": visitor.token, "text": "x" * (LARGEST_FIELDS + 100_000)}
    assert visitor.browser.post("/dispatch/upload", data=sent).status_code == 422


# R4: trips that cannot be


def test_a_trip_of_300_metres_or_in_ten_seconds_is_answered_with_an_offer_or_a_reason(town: Town) -> None:
    near = replace(LIISANKATU, lat=LIISANKATU.lat - 0.0027)
    now = town.seconds_now(town.today())
    for changed in ({"ends": (LIISANKATU, near)}, {"depart": now + 10}):
        answer = booking.ask(town, wishes.wish(town, **changed))  # type: ignore[arg-type]
        assert answer.offers or (answer.refusal and answer.refusal.rule)


def test_a_full_width_figure_is_the_same_number(sign_in: SignIn) -> None:
    """Japanese keyboards write it so; a figure of another kind is none."""
    rider = sign_in(RIDER)
    path = asked(rider)
    rider.get(f"{path}/who")
    rider.send("Show free seats", {"people": "２", "wheelchairs": "0", "max_walk": "300"})
    rider.get(f"{path}/who")
    assert rider.field("people") == "2"


def test_a_trip_that_was_never_asked_for_in_full_has_nothing_to_change_yet(sign_in: SignIn, town: Town) -> None:
    rider = sign_in(RIDER)
    row = booking.start(town, rider_id(town), actor=rider_id(town))
    rider.get(f"/trips/{row.id}/what")
    assert rider.path == f"/trips/{row.id}/from"


# R6, R7: what a page never sends


def test_fields_that_are_not_of_a_form_change_nothing(sign_in: SignIn, town: Town) -> None:
    more = {"role": "town", "roles": "town", "operator_id": "school", "price": "0", "status": "booked", "version": "9"}
    rider = sign_in(RIDER)
    before = accounts.get_rider(town, rider_id(town)).model_dump(exclude={"text_size"})
    rider.get("/trips")
    for path, answers in (("/display", {"text_size": "large"}), ("/profile", {"max_walk": "300", "people": "1"})):
        rider.browser.post(path, data={"csrf_token": rider.token, **answers, **more, "wheelchairs": "0"})
    after = accounts.get_rider(town, rider_id(town)).model_dump(exclude={"text_size"})
    assert (after["roles"], after["operator_id"], after["active"]) == (
        before["roles"],
        before["operator_id"],
        before["active"],
    )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "FOO"])
def test_other_methods_are_refused_and_do_nothing(sign_in: SignIn, town: Town, method: str) -> None:
    rider = sign_in(RIDER)
    rider.get("/trips")
    before = count_rows(town)
    for path in ("/trips", "/trips/new", "/profile"):
        answer = rider.browser.open(path, method=method, data={"csrf_token": rider.token})
        assert answer.status_code == 405 and answer.headers["Allow"]
    assert count_rows(town) == before


@pytest.mark.parametrize(
    "said",
    [
        {"headers": {"X-HTTP-Method-Override": "POST"}},
        {"headers": {"X-HTTP-Method": "DELETE"}},
        {"query_string": {"_method": "POST"}},
    ],
)
def test_no_header_makes_another_method_of_one(sign_in: SignIn, town: Town, said: dict[str, Any]) -> None:
    rider = sign_in(RIDER)
    before = count_rows(town)
    assert rider.browser.get("/trips/new", **said).status_code == 405
    assert rider.browser.head("/trips", **said).status_code == 200
    assert rider.browser.options("/trips", **said).headers["Allow"]
    assert count_rows(town) == before


@pytest.mark.parametrize(
    "path",
    ["/trips/..%2f..%2fetc", "/%2e%2e/%2e%2e/etc/passwd", "/trips./", "/trips%252fnew/x", "/trips/%00"],
)
def test_an_address_that_is_written_oddly_is_no_other_address(sign_in: SignIn, path: str) -> None:
    assert sign_in(RIDER).browser.get(path).status_code in (400, 404)


@pytest.mark.parametrize("language", ["", "xx", "*", "en;q=9", "fi" * 5000, "\u00e4", ";;;,,,q=,"])
def test_any_wish_for_a_language_or_a_type_gets_a_page(visitor: Visitor, language: str) -> None:
    for accepted in ("", "*/*", "application/x-never", "text/html;q=nan", "," * 2000):
        answer = visitor.browser.get("/login", headers={"Accept-Language": language, "Accept": accepted})
        assert (answer.status_code, answer.mimetype) == (200, "text/html")


# R8, A13: words that are code


def test_words_that_are_code_are_shown_as_words_on_every_page_and_paper(
    sign_in: SignIn, site: Flask, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = accounts.add_user(town, name=CODE, role="resident", groups=["registered"], phone="+358 00 000 99").id
    request = wishes.wish(town, named)
    booking.answer_place(town, request, end="origin", label=CODE, place=LIISANKATU)
    booking.answer_place(town, request, end="destination", label=CODE, place=KAMP)
    answer = booking.ask(town, request)
    booking.book(town, wishes.token_of(answer), key="key", actor=named)
    seen = 0
    for role, paths in {
        "driver": ("/drive/bus-23", "/drive/bus-23/manifest"),
        "dispatcher": (
            "/dispatch/runs/bus-23",
            "/dispatch/runs/bus-23/manifest",
            "/dispatch/manifests",
            "/dispatch/requests",
        ),
        "desk": ("/desk", "/desk/messages"),
    }.items():
        browser = sign_in(role).browser
        for path in paths:
            answer_ = browser.get(path)
            assert answer_.status_code == 200
            assert (
                "<script>alert" not in answer_.text
                and "<img src=x" not in answer_.text
                and "49" + "'" not in answer_.text
            )
            assert (
                "script-src" in answer_.headers["Content-Security-Policy"]
                or "default-src 'self'" in answer_.headers["Content-Security-Policy"]
            )
            seen += "&lt;script&gt;" in answer_.text
    assert seen >= 3, "the words are on several pages"
    lines = sign_in("dispatcher").browser.get("/dispatch/runs/bus-23.geojson")
    assert lines.mimetype == "application/geo+json" and lines.headers["X-Content-Type-Options"] == "nosniff"
    assert sign_in("dispatcher").browser.get("/dispatch/runs/bus-23/manifest.pdf").data.startswith(b"%PDF")


SQL = ("' OR 1=1 --", "%", "_", "\\", "%%%%", "'; DROP TABLE booking; --", "${jndi:ldap://x}", "{{config}}", "\r\nA: b")


@pytest.mark.parametrize("said", SQL)
def test_words_that_are_code_for_the_records_find_nobody(
    sign_in: SignIn, town: Town, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    newcomer(town, "Somebody Else")
    desk = sign_in("desk")
    desk.get("/desk")
    answer = desk.browser.post("/desk/search", data={"csrf_token": desk.token, "text": said}, follow_redirects=True)
    assert answer.status_code in (200, 422)
    assert "Somebody Else" not in answer.text and "Resident Testi" not in answer.text
    assert planning.verify(town)[1] == []
    assert "\r\nA: b" not in caplog.text


# R10: forms from elsewhere


def test_a_form_from_elsewhere_is_refused(sign_in: SignIn, town: Town) -> None:
    rider = sign_in(RIDER)
    elsewhere = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    before = count_rows(town)
    assert rider.browser.post("/trips/new", headers=elsewhere).status_code == 400
    assert rider.browser.post("/trips/new", data={"csrf_token": "x"}, headers=elsewhere).status_code == 400
    assert count_rows(town) == before
    page = rider.browser.get("/trips", headers=elsewhere)
    assert not [name for name, _ in page.headers if name.startswith("Access-Control")]


def test_without_its_guard_a_form_from_elsewhere_would_be_heard(
    sign_in: SignIn, site: Flask, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    rider = sign_in(RIDER)
    monkeypatch.setitem(site.config, "WTF_CSRF_ENABLED", False)
    assert rider.browser.post("/trips/new").status_code == 302
