"""Roads are replaced while the service runs: requests go on, each sees one network, and dispatchers are told."""

import logging
import shutil
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from matching.schedule import timetable
from routing.area import FORMAT, ROADS
from routing.engine import Engine
from tests.webapp import browsing
from tests.webapp.asking import book, bookings
from tests.webapp.changed_roads import prepare_elsewhere, put_in_service, renamed, slow_down
from tests.webapp.conftest import Clock, SignIn
from tests.webapp.small_town import EIGHT, LIISANKATU, MONDAY, RESSU
from webapp.app import create_app
from webapp.db import tables
from webapp.db.store import NotFound
from webapp.live import LiveTown
from webapp.services import driving, road_changes
from webapp.town import Town, open_roads
from webapp.views import shared

BUS, VAN = "bus-23", "van-23"


@pytest.fixture(scope="session")
def slower(helsinki: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slower") / "helsinki"
    slow_down(helsinki, folder)
    return folder


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "elsewhere"
    prepare_elsewhere(folder)
    return folder


@pytest.fixture
def live(town: Town) -> LiveTown:
    return LiveTown(town)


@pytest.fixture
def site(live: LiveTown) -> Flask:
    made = create_app(town=live)
    made.config["TESTING"] = True
    return made


def update(live: LiveTown, fresh: Path) -> None:
    put_in_service(live.now(), fresh)
    assert live.look()
    assert live.judge()


def reviews(town: Town) -> dict[str, tuple[int, list[str]]]:
    """How many runs of each operator were looked at in all updates, and which of them changed."""
    found = {}
    with town.store.read() as records:
        for operator in records.list_operators():
            for update, review in records.list_road_reviews(operator.id, town.today()):
                changed = [head.id for _, head in records.list_road_changes(update.id, operator.id)]
                found[operator.id] = (review.runs, changed)
    return found


# The swap


def test_a_service_takes_over_new_roads_by_itself_and_lets_the_old_ones_go(town: Town, slower: Path) -> None:
    live = LiveTown(replace(town, roads=Engine.load(town.settings.area_folders[0])))
    old = weakref.ref(live.now().roads)
    before = live.now().roads.between(LIISANKATU, RESSU)
    stopped = threading.Event()
    live.watch(stopped)
    put_in_service(town, slower)
    while live.now().roads is old():
        assert not stopped.wait(0.1)
    assert live.now().roads.between(LIISANKATU, RESSU) > before
    while old() is not None:
        assert not stopped.wait(0.1)
    stopped.set()


def test_roads_that_are_as_they_were_are_not_loaded_again(live: LiveTown) -> None:
    roads = live.now().roads
    assert not live.look() and not live.look()
    assert live.now().roads is roads


def test_requests_go_on_while_roads_are_replaced(
    live: LiveTown, sign_in: SignIn, slower: Path, helsinki: Path, tmp_path: Path
) -> None:
    dispatcher, failed, stopped = sign_in("dispatcher"), [], threading.Event()
    answered = threading.Semaphore(0)

    def read() -> None:
        while not stopped.is_set():
            answer = dispatcher.browser.get(f"/dispatch/runs/{BUS}")
            if answer.status_code != 200:
                failed.append(answer.status_code)
            answered.release()

    reader = threading.Thread(target=read)
    reader.start()
    for n, area in enumerate((slower, helsinki, slower)):
        put_in_service(live.now(), renamed(area, tmp_path / f"area-{n}"))
        assert live.look() and live.judge()
        assert answered.acquire(timeout=60)
    stopped.set()
    reader.join()
    assert failed == []


class Forgetful:
    """What a request would keep its town in, if it kept nothing."""

    def __contains__(self, _: str) -> bool:
        return False


def seen_by_one_request(live: LiveTown, site: Flask, fresh: Path) -> set[int]:
    """Ask for a drive twice in one request, between which new roads come into service."""
    with site.test_request_context("/dispatch"):
        first = shared.town().roads.between(LIISANKATU, RESSU)
        put_in_service(live.now(), fresh)
        assert live.look()
        return {first, shared.town().roads.between(LIISANKATU, RESSU)}


def test_one_request_sees_one_road_network(live: LiveTown, site: Flask, slower: Path) -> None:
    assert len(seen_by_one_request(live, site, slower)) == 1


def test_without_its_snapshot_a_request_would_see_two(
    live: LiveTown, site: Flask, slower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above."""
    monkeypatch.setattr(shared, "g", Forgetful())
    assert len(seen_by_one_request(live, site, slower)) == 2


def test_free_seats_are_reckoned_anew_on_new_roads(live: LiveTown, slower: Path) -> None:
    old = live.now()
    with old.store.read() as records:
        runs = records.list_runs(MONDAY)
    before = old.fleet(MONDAY.isoformat(), runs)
    assert old.fleet(MONDAY.isoformat(), runs) is before
    update(live, slower)
    assert live.now().fleet(MONDAY.isoformat(), runs) is not before
    assert old.fleet(MONDAY.isoformat(), runs) is before
    assert replace(old, roads=live.now().roads).fleet(MONDAY.isoformat(), runs) is not before


@pytest.mark.parametrize("damage", ["cut", "changed", "format"])
def test_damaged_roads_are_refused_and_tried_again_once_they_change(
    damage: str, live: LiveTown, slower: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, bad = live.now(), tmp_path / "bad"
    shutil.copytree(slower, bad)
    whole = (slower / ROADS).read_bytes()
    spoiled = {"cut": whole[:-100], "changed": whole[:-1] + bytes([whole[-1] ^ 1])}
    if damage == "format":
        about = (bad / "area.json").read_text(encoding="utf-8")
        (bad / "area.json").write_text(about.replace(f'"format": {FORMAT}', '"format": 1'), encoding="utf-8")
    else:
        (bad / ROADS).write_bytes(spoiled[damage])
    put_in_service(old, bad)
    with caplog.at_level(logging.ERROR):
        assert not live.look() and not live.look()
    assert live.now() is old
    assert [record.getMessage().count("stay in service") for record in caplog.records] == [1]
    put_in_service(old, slower)
    assert live.look()
    assert open_roads([slower])[0].id == live.now().roads.id


# What is judged


def test_runs_that_new_roads_change_are_recorded(live: LiveTown, slower: Path) -> None:
    update(live, slower)
    town = live.now()
    assert reviews(town) == {"school": (1, [BUS]), "care": (1, [VAN])}
    (notice,) = road_changes.list_notices(town, "care")
    assert notice.changed[0].most.by > 60


def test_runs_that_stay_as_they_were_are_counted_and_not_listed(live: LiveTown, helsinki: Path, tmp_path: Path) -> None:
    update(live, renamed(helsinki, tmp_path / "again"))
    assert reviews(live.now()) == {"school": (1, []), "care": (1, [])}


def test_a_run_under_way_is_left_out(live: LiveTown, slower: Path) -> None:
    old = live.now()
    event = tables.Event(
        id="tapped-on-bus", run_id=BUS, stop_id="liisankatu", kind="arrived",
        happened_at=old.clock(), received_at=old.clock(),
    )  # fmt: skip
    old.store.commit(lambda door: door.add_event(event), runs=[BUS])
    update(live, slower)
    assert reviews(live.now()) == {"care": (1, [VAN])}


def test_processes_that_notice_at_once_write_one_record(town: Town, slower: Path) -> None:
    lives = [LiveTown(town) for _ in range(4)]
    put_in_service(town, slower)
    assert all(live.look() for live in lives)
    wrote: list[bool] = []
    threads = [threading.Thread(target=lambda live=live: wrote.append(live.judge())) for live in lives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wrote) == [False, False, False, True]
    assert reviews(town)["school"] == (1, [BUS])


def test_two_machines_that_judge_at_once_write_one_record(live: LiveTown, town: Town, slower: Path) -> None:
    """Their home folders are not the same, so that only the records can tell."""
    update(live, slower)
    changed = live.now()
    assert not changed.store.commit(lambda door: road_changes._write(door, changed, {"school": 9}, []))
    assert reviews(changed)["school"] == (1, [BUS])


def test_what_a_process_left_unjudged_is_judged_by_the_next(town: Town, slower: Path, helsinki: Path) -> None:
    put_in_service(town, renamed(slower, town.settings.home / "next", replaced=helsinki.resolve()))
    assert LiveTown(town).look()  # and then the process was stopped
    started = LiveTown(town.on(*open_roads(town.settings.area_folders)))
    assert started.judge()
    assert reviews(town)["school"] == (1, [BUS])
    assert not started.judge()


# What people see


def test_a_dispatcher_reads_which_runs_changed_and_puts_it_away(live: LiveTown, sign_in: SignIn, slower: Path) -> None:
    update(live, slower)
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch")
    assert "The road map was updated on 23 November at 07:00" in dispatcher.text
    assert "Of 1 runs from that day on, 1 now takes more" in dispatcher.text
    assert BUS in dispatcher.text and VAN not in dispatcher.text
    (notice,) = road_changes.list_notices(live.now(), "school")
    for _ in range(2):
        dispatcher.post(f"/dispatch/roads/{notice.update.id}/seen", {"day": MONDAY.isoformat()})
    dispatcher.get("/dispatch")
    assert "road map" not in dispatcher.text
    assert reviews(live.now()).keys() == {"care"}


@pytest.mark.parametrize("width", [browsing.PHONE["width"], browsing.DESKTOP["width"]])
def test_the_notice_can_be_read_on_every_screen(
    width: int, live: LiveTown, live_site: str, chromium: Browser, slower: Path
) -> None:
    update(live, slower)
    with browsing.open_browser(chromium, live_site, width=width) as context:
        page = browsing.sign_in(context, "dispatcher")
        expect(page.get_by_text("The road map was updated")).to_be_visible()
        browsing.check(page)
        browsing.draw(page, "new-roads")
        with page.expect_navigation():
            page.get_by_role("button", name="Seen").click()
        expect(page.get_by_text("The road map was updated")).to_have_count(0)


def test_another_operators_notice_cannot_be_put_away(live: LiveTown, sign_in: SignIn, slower: Path) -> None:
    town = live.now()
    town.store.commit(lambda door: door.remove(BUS, cause="published"), runs=[BUS], times=town.roads)
    update(live, slower)
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch")
    assert "road map" not in dispatcher.text
    (notice,) = road_changes.list_notices(live.now(), "care")
    dispatcher.post(f"/dispatch/roads/{notice.update.id}/seen", {}, 404)
    with pytest.raises(NotFound):
        road_changes.put_away(live.now(), notice.update.id, operator="school", actor="")
    assert reviews(live.now()).keys() == {"care"}


def test_nothing_that_changed_is_one_quiet_line_on_that_day(
    live: LiveTown, sign_in: SignIn, helsinki: Path, tmp_path: Path, clock: Clock
) -> None:
    update(live, renamed(helsinki, tmp_path / "again"))
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch")
    assert "No run of yours changed by more than a minute." in dispatcher.text
    assert "Seen" not in dispatcher.text
    clock.forward(24 * 3600)
    assert road_changes.list_notices(live.now(), "school") == []


def test_a_promise_that_was_given_stays_on_new_roads(live: LiveTown, sign_in: SignIn, slower: Path) -> None:
    resident = sign_in("resident")
    book(resident)
    before = [(one.pickup, one.dropoff) for one in bookings(live.now())]
    update(live, slower)
    assert before and [(one.pickup, one.dropoff) for one in bookings(live.now())] == before


def test_a_run_under_way_is_read_on_new_roads_with_what_happened(
    live: LiveTown, sign_in: SignIn, slower: Path, clock: Clock
) -> None:
    old = live.now()
    clock.forward(61 * 60)
    driver = sign_in("driver")
    driver.get(f"/drive/{BUS}")
    sent = {"event_id": "tap-tap-tap", "stop": "liisankatu", "kind": "departed"}
    driver.post(f"/drive/{BUS}/events", sent)
    etag = driver.browser.get(f"/drive/{BUS}/manifest").headers["ETag"]
    update(live, slower)
    again = driver.browser.get(f"/drive/{BUS}/manifest", headers={"If-None-Match": etag})
    assert again.status_code == 200 and again.headers["ETag"] != etag
    read = driving.read_manifest(live.now(), BUS, operator="school")
    assert [visit.state for visit in read.visits][:2] == ["departed", "ahead"]
    with old.store.read() as records:
        run = records.get_run(BUS)
    assert timetable(run, live.now().roads)[0].begin == run.reached[0] >= EIGHT


PAGES = {
    "dispatcher": ("/dispatch", f"/dispatch/runs/{BUS}", f"/dispatch/runs/{BUS}.geojson", "/dispatch/upload"),
    "driver": ("/drive", f"/drive/{BUS}", f"/drive/{BUS}/manifest"),
    "resident": ("/trips",),
    "town": ("/figures",),
}


def test_a_run_whose_stops_no_road_reaches_any_more_is_listed_and_breaks_no_page(
    live: LiveTown, site: Flask, sign_in: SignIn, elsewhere: Path
) -> None:
    update(live, elsewhere)
    for role, paths in PAGES.items():
        visitor = sign_in(role)
        for path in paths:
            assert visitor.browser.get(path).status_code in (200, 302, 404), path
    dispatcher = sign_in("dispatcher")
    dispatcher.get("/dispatch")
    assert "Ressun lukio: No road leads there." in dispatcher.text
    dispatcher.post("/dispatch/replan", {"day": MONDAY.isoformat()})
