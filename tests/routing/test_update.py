"""An area is prepared anew while others read it: they find the old one or the new one, whole."""

import json
import shutil
import threading
from pathlib import Path

import pytest

from routing.area import ABOUT, BEFORE, ROADS, Area
from routing.engine import Engine
from routing.graph import prepare, update
from routing.times import Place, RoadError
from routing.ways import VEHICLES, Rules
from tests.routing.conftest import STREET, TOY_WAYS, TOYTOWN, WriteOsm

A, B = Place(10.005, 20.001), Place(10.005, 20.009)
FAST = [((1, 2, 3, 6, 5, 4, 1), {**STREET, "maxspeed": "60", "name": "Ring"}), *TOY_WAYS[1:]]


@pytest.fixture
def area(write_osm: WriteOsm, tmp_path: Path) -> Path:
    folder = tmp_path / "areas" / "town"
    prepare("town", str(write_osm(TOYTOWN, TOY_WAYS)), folder, rules=Rules(VEHICLES["bus"], "JP"))
    return folder


def test_an_area_is_updated_for_the_country_and_the_vehicle_that_it_had(area: Path, write_osm: WriteOsm) -> None:
    before = Engine.load(area).between(A, B)
    write_osm(TOYTOWN, FAST)
    update("town", area)
    about = Area.load(area)
    assert (about.country, about.vehicle) == ("JP", "bus")
    assert Engine.load(area).between(A, B) < before


def test_the_area_that_was_replaced_stays_beside_until_the_next_one_comes(area: Path, write_osm: WriteOsm) -> None:
    first = Area.load(area).id
    for ways in (FAST, TOY_WAYS):
        update("town", area, str(write_osm(TOYTOWN, ways)))
    assert len({first, Area.load(area / BEFORE).id, Area.load(area).id}) == 3
    assert len([path for path in area.parent.iterdir() if path.is_dir() and not path.is_symlink()]) == 2


def test_going_back_to_old_roads_is_a_change_of_its_own(area: Path, write_osm: WriteOsm) -> None:
    first, roads = Area.load(area).id, (area / ROADS).read_bytes()
    for ways in (FAST, TOY_WAYS):
        update("town", area, str(write_osm(TOYTOWN, ways)))
    assert (area / ROADS).read_bytes() == roads
    assert Area.load(area).id != first


def test_a_source_that_is_gone_leaves_the_old_area_in_service(area: Path, tmp_path: Path) -> None:
    before = Area.load(area)
    (tmp_path / "toy.osm").unlink()
    with pytest.raises(RoadError, match=r"toy\.osm"):
        update("town", area)
    assert Area.load(area) == before
    assert not (area / BEFORE).exists()


def test_an_area_that_does_not_tell_its_source_asks_for_one(area: Path) -> None:
    about = json.loads((area / ABOUT).read_text(encoding="utf-8"))
    for gone in ("origin", "vehicle", "country", "id"):
        del about[gone]
    (area / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(RoadError, match="area update town SOURCE"):
        update("town", area)


def test_an_area_that_is_a_plain_folder_is_replaced_and_kept_beside(
    area: Path, write_osm: WriteOsm, tmp_path: Path
) -> None:
    plain = tmp_path / "plain" / "town"
    shutil.copytree(area, plain)
    update("town", plain, str(write_osm(TOYTOWN, FAST)))
    assert Area.load(plain / BEFORE) == Area.load(area)
    assert Engine.load(plain).between(A, B) < Engine.load(area).between(A, B)


def test_what_says_nothing_of_an_area_is_refused_in_a_sentence(area: Path) -> None:
    (area / ABOUT).write_text(json.dumps({"format": Area.load(area).format}), encoding="utf-8")
    with pytest.raises(RoadError, match="does not say what an area is"):
        Area.load(area)


def test_who_reads_while_the_area_is_replaced_always_finds_one(area: Path, write_osm: WriteOsm) -> None:
    source, done, found = str(write_osm(TOYTOWN, FAST)), threading.Event(), []

    def read() -> None:
        while not done.is_set():
            found.append((area / ABOUT).read_text(encoding="utf-8"))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        update("town", area, source)
    done.set()
    reader.join()
    assert all(json.loads(text)["name"] == "town" for text in found)
    assert len(set(found)) > 1
