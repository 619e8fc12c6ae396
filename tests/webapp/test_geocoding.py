"""An online geocoder helps where a town wants one, and its failures trouble nobody."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.webapp.asking import begin
from tests.webapp.visitor import Visitor
from webapp.app import create_app
from webapp.config import read_settings
from webapp.geocoding import Geocoder
from webapp.services import places
from webapp.town import Town

BOUNDS = (24.9, 60.1, 25.0, 60.2)
HUT = {"lat": "60.1700", "lon": "24.9400", "display_name": "Kalastajan tupa, Helsinki", "type": "house"}
FAR = {"lat": "48.8600", "lon": "2.3500", "display_name": "Kalastajan tupa, Paris"}
PHOTON = {
    "features": [
        {"geometry": {"coordinates": [24.94, 60.17]}, "properties": {"name": "Kalastajan tupa", "city": "Helsinki"}}
    ]
}


class Server(ThreadingHTTPServer):
    """Answers as it is told, and remembers what it was asked and by whom."""

    answer: tuple[int, bytes] = (200, b"[]")

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.agents: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(parse_qs(urlsplit(self.path).query))
        self.server.agents.append(self.headers["User-Agent"])
        status, body = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def test_it_is_asked_within_the_area_and_what_lies_outside_is_left_out(server: Server) -> None:
    server.answer = (200, json.dumps([HUT, FAR]).encode())
    found = Geocoder(f"nominatim:{server.address}").search("kalastajan tupa", BOUNDS)
    assert [(one.name, one.kind, one.sure) for one in found] == [("Kalastajan tupa, Helsinki", "online", False)]
    (asked,) = server.asked
    assert asked["q"] == ["kalastajan tupa"] and asked["bounded"] == ["1"]
    assert asked["viewbox"] == ["24.9,60.1,25.0,60.2"]
    assert server.agents == ["noriai"]


def test_photon_is_understood_too(server: Server) -> None:
    server.answer = (200, json.dumps(PHOTON).encode())
    found = Geocoder(f"photon:{server.address}").search("kalastajan tupa", BOUNDS)
    assert [one.name for one in found] == ["Kalastajan tupa, Helsinki"]


def test_a_page_that_is_shown_twice_asks_once(server: Server) -> None:
    geocoder = Geocoder(f"nominatim:{server.address}")
    assert [geocoder.search("nowhere", BOUNDS) for _ in range(2)] == [[], []]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (429, b"slow down"),
        (500, b""),
        (200, b"<html>"),
        (200, b'{"lat": 1}'),
        (200, b'[{"lat": "x", "lon": "y", "display_name": "z"}]'),
        (200, b'[{"lat": "nan", "lon": "nan", "display_name": "z"}]'),
        (200, b"[1]"),
    ],
)
def test_a_failure_is_silent_and_is_logged_without_the_words(
    server: Server, caplog: pytest.LogCaptureFixture, answer: tuple[int, bytes]
) -> None:
    server.answer = answer
    with caplog.at_level(logging.DEBUG):
        assert Geocoder(f"nominatim:{server.address}").search("secret hut", BOUNDS) == []
    assert "secret" not in caplog.text


def test_a_server_that_is_not_there_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    assert Geocoder("nominatim:http://127.0.0.1:9").search("secret hut", BOUNDS) == []
    assert "gave no answer" in caplog.text and "secret" not in caplog.text


@pytest.mark.parametrize("said", ["nominatim", "nominatim:example.org", "google:https://example.org", "photon:ftp://x"])
def test_a_setting_that_cannot_be_read_is_explained(said: str) -> None:
    with pytest.raises(ValueError, match="NORIAI_GEOCODER"):
        Geocoder(said)


def test_no_town_asks_outside_unless_it_says_so(town: Town, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert town.geocoder is None
    assert read_settings({}, home=tmp_path_factory.mktemp("home")).geocoder == ""


def test_only_what_is_not_surely_known_leaves_the_house(server: Server, town: Town) -> None:
    server.answer = (200, json.dumps([HUT]).encode())
    curious = replace(town, geocoder=Geocoder(f"nominatim:{server.address}"))
    visitor = Visitor(create_app(town=curious)).sign_in("resident")
    begin(visitor)
    visitor.send("Search", {"text": "Hotel Kämp"})
    places.search(curious, "Kalastajan tupa qq")
    assert server.asked == [], "what is known, and what is being written, stays in the house"
    visitor.send("Search", {"text": "Kalastajan tupa qq"})
    assert "found online" in visitor.text and len(server.asked) == 1
    visitor.send("Continue", {"place": visitor.options("place")["Kalastajan tupa, Helsinki"]})
    assert visitor.path.endswith("/to")
