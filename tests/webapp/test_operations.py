"""Who watches over the service learns how it is; nobody learns anything of anybody from that."""

import io
import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from flask import Flask, request
from werkzeug.test import TestResponse

from tests.webapp.visitor import Visitor
from webapp import logs, production
from webapp.config import Settings, read_settings
from webapp.db import health as database
from webapp.http_server import Server
from webapp.live import LiveTown
from webapp.production import refuse_unsafe
from webapp.services import health
from webapp.town import Town
from webapp.views import operations

CANARY = "Aino Kanarialintu"
STRONG = "k3Jd8sLq0ZxVb7NmTyPw2RfGhUcEiOaS5D6F9HjKlQe1"
Serve = Callable[..., Flask]


@pytest.fixture
def serve(town: Town, any_site: Callable[[Town], Flask]) -> Serve:
    """Give a function that serves the town under other settings."""
    return lambda **said: any_site(replace(town, settings=replace(town.settings, **said)))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give what this process logs, as JSON, at every level of every library."""
    stream, before = io.StringIO(), (logging.root.handlers[:], logging.root.level)
    logs.write_to(stream, form="json")
    logging.root.setLevel(logging.DEBUG)
    yield stream
    logging.root.handlers[:], logging.root.level = before


def get(site: Flask, path: str, **said: str) -> TestResponse:
    return site.test_client().get(path, headers=said)


# Probes


def test_probes_are_answered_without_a_cookie_and_kept_by_nobody(site: Flask) -> None:
    for path, said in (("/healthz", "alive\n"), ("/readyz", "ready\n")):
        answer = get(site, path)
        assert (answer.status_code, answer.text) == (200, said)
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"


def test_alive_asks_no_database_and_ready_does(site: Flask, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LOOK_EVERY", -1)
    town.store.close()
    monkeypatch.setattr(database, "examine", lambda _: pytest.fail("the database was asked"))
    assert get(site, "/healthz").status_code == 200
    with pytest.raises(pytest.fail.Exception):
        get(site, "/readyz")


def test_not_ready_where_tables_are_of_another_version(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LOOK_EVERY", -1)
    monkeypatch.setattr(database, "newest", lambda: "r9999")
    answer = get(site, "/readyz")
    assert (answer.status_code, answer.text) == (
        503,
        "not ready: the tables of the database are not those of this version\n",
    )


def test_not_ready_while_stopping(site: Flask, town: Town) -> None:
    live: LiveTown = site.extensions["noriai"]
    live.stopping.set()
    assert get(site, "/readyz").text == "not ready: stopping\n"
    assert get(site, "/healthz").status_code == 200


def test_why_not_ready_tells_no_secret(town: Town, tmp_path: Path) -> None:
    missing = replace(town, settings=replace(town.settings, area=("nowhere",)))
    assert health.unready(LiveTown(missing)) == "the roads are gone"
    assert str(tmp_path) not in health.unready(LiveTown(missing))


# Metrics


def test_metrics_are_for_who_says_the_token(serve: Serve) -> None:
    site = serve(metrics_token="")
    assert get(site, "/metrics").status_code == 404
    assert get(site, "/metrics", Authorization="Bearer ").status_code == 404
    site = serve(metrics_token="a token")
    assert get(site, "/metrics", Authorization="Bearer another").status_code == 404
    assert get(site, "/metrics", Authorization="Bearer a token").status_code == 200


def test_requests_are_counted_by_the_name_of_the_page(serve: Serve) -> None:
    site = serve(metrics_token="t")
    for path in ("/login?name=Kanarialintu", "/Kanarialintu", "/healthz"):
        get(site, path)
    site.test_client().open("/login", method="KANARIALINTU")
    said = get(site, "/metrics", Authorization="Bearer t").text
    assert 'noriai_requests_total{endpoint="security.login",method="GET",status="200"}' in said
    assert 'noriai_requests_total{endpoint="none",method="GET",status="404"}' in said
    assert 'method="other"' in said
    assert "noriai_outbox_due 0.0" in said
    assert "kanarialintu" not in said.lower()
    assert "operations.alive" not in said


# The log


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_nobody_stands_in_the_log(serve: Serve, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """In form, address, header, exception and what a library says of them."""
    site = serve(proxies=0)

    def broken() -> None:
        logging.getLogger("some.library").warning("cannot read %s of %d", CANARY, 7)
        logging.getLogger("some.library").warning(f"cannot read {CANARY}")  # noqa: G004 - as some libraries do
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise ValueError(f"{CANARY} {request.full_path}") from error

    monkeypatch.setitem(site.view_functions, "security.login", broken)
    monkeypatch.setitem(site.config, "TESTING", False)
    monkeypatch.setitem(site.config, "PROPAGATE_EXCEPTIONS", False)
    answer = site.test_client().post(
        f"/login?q={CANARY}", data={"email": CANARY}, headers={"X-Request-ID": "Kanarialintu", "User-Agent": CANARY}
    )
    answer = site.test_client().get(f"/login?q={CANARY}", headers={"X-Request-ID": "Kanarialintu"})
    said = lines(log)
    assert answer.status_code == 500
    assert "kanarialintu" not in log.getvalue().lower()
    failed = next(one for one in said if str(one["message"]).startswith("ValueError in GET security.login"))
    assert [raised["class"] for raised in failed["raised"]] == ["builtins.ValueError", "builtins.KeyError"]  # type: ignore[attr-defined]
    assert failed["request"] == answer.headers["X-Request-ID"]
    assert any(one["message"] == "cannot read … of 7" for one in said)
    answered = [one for one in said if one["message"] == "answered"][-1]
    assert (answered["endpoint"], answered["method"], answered["status"]) == ("security.login", "GET", 500)


def test_without_the_scrubber_somebody_would_stand_in_the_log(log: io.StringIO) -> None:
    """Negative control: the canary above is what an ordinary log would have written."""
    logging.root.handlers[0].setFormatter(logging.Formatter())
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("some.library").exception("cannot read %s", CANARY)
    assert log.getvalue().count(CANARY) >= 2


def test_what_a_row_held_is_not_in_the_log(town: Town, log: io.StringIO) -> None:
    try:
        town.store.commit(lambda door: door._session.exec("SELECT Kanarialintu"))  # type: ignore[call-overload]
    except Exception:
        logging.getLogger("webapp").exception("failed")
    assert lines(log)
    assert "kanarialintu" not in log.getvalue().lower()


def test_one_event_is_one_line_in_either_form(log: io.StringIO) -> None:
    for form in ("json", "text"):
        logging.root.handlers[0].setFormatter(logs.Lines(form))
        logging.getLogger("webapp").warning("one\r\nforged line\x1b[2J")
    assert len(log.getvalue().splitlines()) == 2
    assert "\x1b" not in log.getvalue()


def test_a_request_is_named_by_a_trusted_proxy_only(serve: Serve) -> None:
    assert (
        get(serve(proxies=1), "/healthz", **{"X-Request-ID": "from-the-proxy"}).headers["X-Request-ID"]
        == "from-the-proxy"
    )
    assert get(serve(proxies=1), "/healthz", **{"X-Request-ID": "a b\tc" * 30}).headers["X-Request-ID"].isalnum()
    assert (
        get(serve(proxies=0), "/healthz", **{"X-Request-ID": "from-anybody"}).headers["X-Request-ID"] != "from-anybody"
    )


# Names and headers


def test_the_site_answers_under_its_own_name_alone(serve: Serve) -> None:
    site = serve(address="https://rides.example.org", proxies=1)
    for host, status in (("rides.example.org", 200), ("evil.example", 400), ("rides.example.org.evil.example", 400)):
        assert site.test_client().get("/login", headers={"Host": host}).status_code == status
    far = {"REMOTE_ADDR": "192.0.2.1"}
    assert site.test_client().get("/login", headers={"Host": "localhost"}, environ_overrides=far).status_code == 400
    assert (
        site.test_client().get("/healthz", headers={"Host": "10.0.0.3:8000"}, environ_overrides=far).status_code == 200
    )


def test_without_an_address_any_name_is_answered(serve: Serve) -> None:
    """Negative control: it is the setting that refuses."""
    assert get(serve(address=""), "/login", Host="evil.example").status_code == 200


def test_https_is_remembered_by_browsers_and_pages_stay_apart(serve: Serve) -> None:
    headers = get(serve(https=True), "/login").headers
    assert headers["Strict-Transport-Security"] == "max-age=63072000"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in get(serve(https=False), "/login").headers


# Settings


def safe(home: Path) -> Settings:
    return Settings(
        home, f"sqlite:///{home}/noriai.db", STRONG, address="https://rides.example.org", https=True, proxies=1
    )


def test_a_safe_service_starts_and_so_does_any_on_this_machine_alone(tmp_path: Path) -> None:
    refuse_unsafe(safe(tmp_path), ["0.0.0.0"], {})
    refuse_unsafe(Settings(tmp_path, "sqlite:///x", "short"), ["127.0.0.1"], {"FLASK_DEBUG": "1"})


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ({"secret_key": "short"}, "NORIAI_SECRET_KEY"),
        ({"secret_key": "not a secret " * 9}, "NORIAI_SECRET_KEY"),
        ({"secret_key": "a" * 64}, "NORIAI_SECRET_KEY"),
        ({"address": ""}, "NORIAI_ADDRESS"),
        ({"address": "http://rides.example.org"}, "https://"),
        ({"https": False}, "NORIAI_HTTPS"),
        ({"proxies": 0}, "NORIAI_PROXIES"),
    ],
)
def test_a_service_that_others_reach_refuses_unsafe_settings(
    tmp_path: Path, said: dict[str, object], remedy: str
) -> None:
    unsafe = replace(safe(tmp_path), **said)  # type: ignore[arg-type]
    with pytest.raises(production.Unsafe, match=remedy):
        refuse_unsafe(unsafe, ["0.0.0.0"], {})


def test_it_refuses_debugging_demo_records_and_a_key_that_others_read(tmp_path: Path) -> None:
    with pytest.raises(production.Unsafe, match="FLASK_DEBUG"):
        refuse_unsafe(safe(tmp_path), (), {"FLASK_DEBUG": "1"})
    own = read_settings({}, home=tmp_path)
    (tmp_path / "secret-key").chmod(0o644)
    with pytest.raises(production.Unsafe, match="chmod 600"):
        refuse_unsafe(replace(safe(tmp_path), secret_key=own.secret_key), (), {})
    (tmp_path / production.DEMO).touch()
    with pytest.raises(production.Unsafe, match="NORIAI_HOME"):
        refuse_unsafe(safe(tmp_path), (), {})


def test_sqlite_on_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n", encoding="utf-8")
    assert production.networked(safe(tmp_path), mounts) == "nfs4"
    mounts.write_text("/dev/sda / ext4 rw 0 0\n", encoding="utf-8")
    assert production.networked(safe(tmp_path), mounts) == ""
    assert production.networked(replace(safe(tmp_path), database_url="postgresql://x/y"), mounts) == ""


def test_secrets_are_not_in_what_settings_are_printed_as(tmp_path: Path) -> None:
    said = replace(
        safe(tmp_path), metrics_token="a token", old_secret_keys=("an old key",), database_url="postgresql://u:pw@h/d"
    )
    assert not [secret for secret in (STRONG, "a token", "an old key", "pw@") if secret in repr(said)]


# An orderly end


def slow(began: threading.Event, go_on: threading.Event) -> Flask:
    site = Flask("slow")

    @site.get("/")
    def answer() -> str:
        began.set()
        go_on.wait(30)
        return "x" * 1_000_000

    return site


def is_refused(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
    except urllib.error.HTTPError:
        return False
    except OSError:
        return True
    return False


def test_a_server_that_is_stopped_finishes_what_it_began_and_takes_nothing_new() -> None:
    began, go_on, heard = threading.Event(), threading.Event(), threading.Event()
    server = Server(slow(began, go_on), patience=30, host="127.0.0.1", port=0, threads=2)
    ended: list[bool] = []
    port = server.port
    thread = threading.Thread(target=lambda: ended.append(server.run(heard.set)))
    thread.start()
    answers: list[bytes] = []
    asking = threading.Thread(
        target=lambda: answers.append(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30).read())
    )
    asking.start()
    idle = HTTPConnection("127.0.0.1", port, timeout=30)
    idle.connect()
    assert began.wait(30)
    server.stop()
    assert heard.wait(30)
    assert any(is_refused(port) for _ in range(100))
    go_on.set()
    asking.join(30)
    thread.join(30)
    assert (ended, [len(answer) for answer in answers]) == ([True], [1_000_000])


def test_without_patience_an_answer_is_cut_off() -> None:
    """Negative control: it is the waiting that saves an answer."""
    began, go_on = threading.Event(), threading.Event()
    server = Server(slow(began, go_on), patience=0, host="127.0.0.1", port=0, threads=2)
    ended: list[bool] = []
    port = server.port
    thread = threading.Thread(target=lambda: ended.append(server.run()))
    thread.start()
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    assert began.wait(30)
    server.stop()
    thread.join(30)
    go_on.set()
    with pytest.raises((ConnectionError, HTTPException)):
        connection.getresponse().read()
    assert ended == [False]


def test_no_page_of_a_visitor_is_named_in_a_probe(visitor: Visitor) -> None:
    visitor.get("/login")
    assert "Set-Cookie" not in visitor.browser.get("/healthz").headers
