"""Finding places by the words that people use, and naming points."""

import sqlite3
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing.area import NAMES
from routing.engine import Engine
from routing.naming import readings, stems, strokes
from routing.places import (
    ADDRESS,
    STREET,
    Entry,
    Match,
    PlaceIndex,
    Relation,
    fold,
    meeting_points,
    merged,
    save_names,
)
from routing.times import Place, RoadError

HERE = Place(60.17, 24.94)
QUERIES: Mapping[str, Any] = tomllib.loads(
    (Path(__file__).parent / "place_queries.toml").read_text(encoding="utf-8"),
)
WORDS = st.text(max_size=40)
NOTHING = PlaceIndex([])


def index_of(*names: str, kind: str = "school") -> PlaceIndex:
    """Make an index of things that stand 1 km apart."""
    return PlaceIndex([Entry(name, kind, Place(60 + k / 100, 25)) for k, name in enumerate(names)])


def listed(index: PlaceIndex, text: str, limit: int = 8) -> list[str]:
    return [found.name for found in index.search(text, limit)]


@pytest.fixture(scope="session")
def all_names(helsinki: Path) -> list[tuple[str, str]]:
    """Name and kind of everything that the prepared extract knows."""
    return sqlite3.connect(helsinki / NAMES).execute("SELECT name, kind FROM entry ORDER BY id").fetchall()


@pytest.fixture(scope="session")
def indices(names: PlaceIndex) -> dict[str, PlaceIndex]:
    """One index for each list of the test set."""
    made = {}
    for title, one in QUERIES.items():
        entries = [
            Entry(name, kind, Place(lat, lon), tuple(more)) for name, kind, lat, lon, *more in one.get("entries", [])
        ]
        made[title] = PlaceIndex(entries) if entries else names
    return made


def asked() -> Iterator[tuple[str, str, str]]:
    for title, one in QUERIES.items():
        yield from ((title, typed, first) for typed, first in one["queries"])


@pytest.mark.parametrize(("title", "typed", "first"), list(asked()))
def test_what_people_type_finds_the_place_they_mean(
    indices: dict[str, PlaceIndex], title: str, typed: str, first: str
) -> None:
    assert listed(indices[title], typed)[:1] == [first]


def test_the_test_set_is_large_and_in_many_languages() -> None:
    typed = [(title, text) for title, text, _ in asked()]
    assert len(set(typed)) == len(typed) >= 60
    assert {"finnish", "swedish", "english", "japanese", "korean", "german"} <= set(QUERIES)


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("Ateneum", "Ateneum", "museum"),
        ("Rautatientori", "Rautatientori", "bus station"),
        ("Järnvägstorget", "Rautatientori", "bus station"),
        ("Mannerheimvägen", "Mannerheimintie", STREET),
        ("vuorikatu 14 B 3", "Vuorikatu 14", ADDRESS),
    ],
)
def test_things_come_before_streets_and_streets_before_houses(
    names: PlaceIndex, text: str, name: str, kind: str
) -> None:
    first = names.search(text)[0]
    assert (first.name, first.kind) == (name, kind)


@pytest.mark.parametrize("text", ["", "  ", "-", "Xyzzy", "Ateneum Xyzzy", "Xyzzy 5", "\0", "🚌", "\u0301"])
def test_words_that_name_nothing_find_nothing(names: PlaceIndex, text: str) -> None:
    assert names.search(text) == []


def test_a_search_keeps_to_its_limit(names: PlaceIndex) -> None:
    assert len(names.search("katu", limit=3)) <= len(names.search("m")) == 8
    assert len(names.search("Mannerheimintie 999", limit=1)) == 1
    assert names.search("katu", limit=0) == []


def test_every_found_place_lies_in_the_area(names: PlaceIndex, engine: Engine) -> None:
    west, south, east, north = engine.bounds
    for found in names.search("mannerheimintie", limit=50):
        assert south - 0.01 < found.place.lat < north + 0.01
        assert west - 0.01 < found.place.lon < east + 0.01


def test_everything_is_found_first_by_its_own_name(names: PlaceIndex, all_names: list[tuple[str, str]]) -> None:
    for name, _ in all_names:
        first = names.search(name)[0]
        assert first.sure, name
        assert fold(first.name) == fold(name) or first.match is Match.EXACT, name


@given(st.data())
def test_three_letters_or_more_of_a_name_list_it(
    names: PlaceIndex, all_names: list[tuple[str, str]], data: st.DataObject
) -> None:
    count = Counter(name for name, _ in all_names)
    name = data.draw(st.sampled_from([name for name in count if count[name] == 1 and len(name) >= 3]))
    typed = name[: data.draw(st.integers(3, len(name)))]
    assert not fold(typed) or name in listed(names, typed, len(all_names))


@given(st.lists(st.text(min_size=1, max_size=30).filter(fold), min_size=1, max_size=5, unique_by=fold), st.data())
@example(["AND"], None)
@example(["9-Ⅷ番地"], None)
@example(["가각"], None)
def test_whatever_a_place_is_called_it_is_found_by_that(called: list[str], data: st.DataObject | None) -> None:
    name = data.draw(st.sampled_from(called)) if data else called[0]
    assert name in listed(index_of(*called), name)


@given(WORDS)
@example("ΐ")
@example("ǰ")
@example("ﬃ")
@example("İ")
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(WORDS)
@example('AND OR NOT NEAR(a b) ^ * " ( ) { } : + - words')
@example('words : "a" *')
@example("'; DROP TABLE entry; --")
@example("%_\\")
@example("\ud800")
@example("1" * 5000)
@example("٣ ²³ ½ ⅷ")
def test_nothing_that_can_be_typed_is_an_error(names: PlaceIndex, text: str) -> None:
    assert all(found.name for found in names.search(text))
    assert NOTHING.search(text) == []


@pytest.mark.parametrize("text", ["a" * 10_000, "a " * 5_000, "栄" * 10_000, "1-" * 5_000, "katu, " * 2_000])
def test_ten_thousand_letters_are_read_no_further_than_a_name_can_go(names: PlaceIndex, text: str) -> None:
    assert all(len(key.base) <= 200 and len(key.words) <= 12 for key in readings(text))
    assert len(names.search(text)) <= 8


def test_a_number_that_does_not_exist_gives_the_nearest_house_and_the_street(names: PlaceIndex) -> None:
    found = names.search("Annankatu 15")
    assert [(one.name, one.match) for one in found] == [
        ("Annankatu 13", Match.NUMBER),
        ("Annankatu", Match.NUMBER),
    ]
    assert not any(one.sure for one in found)


def test_a_number_that_may_go_on_is_not_taken_for_the_longer_one() -> None:
    index = index_of("Long Road 20", "Long Road 21", "Long Road 4", kind=ADDRESS)
    assert [(one.name, one.sure) for one in index.search("long road 2")] == [
        ("Long Road 4", False),
        ("Long Road 20", False),
        ("Long Road 21", False),
    ]


def test_the_nearest_number_is_sought_on_the_same_side_of_the_street_first() -> None:
    assert listed(index_of("Road 5", "Road 4", "Road 10", kind=ADDRESS), "road 6")[0] == "Road 4"
    assert listed(index_of("Road 5", "Road 14", kind=ADDRESS), "road 6")[0] == "Road 5"
    assert listed(index_of("栄 3-5", "栄 3-4", "栄 2-6", kind=ADDRESS), "栄3-6")[0] == "栄 3-5"


def test_a_letter_a_flat_and_a_range_are_not_mixed_up() -> None:
    index = index_of("Road 12", "Road 12 B", "Road 14-16", "Road 120", kind=ADDRESS)
    assert listed(index, "road 12")[:2] == ["Road 12", "Road 12 B"]
    assert listed(index, "road 12b") == listed(index, "Road 12 B 7") == ["Road 12 B"]
    assert listed(index, "road 12 C 7")[0] == "Road 12"
    assert listed(index, "road 14") == listed(index, "road 16") == ["Road 14-16"]


def test_mended_words_and_addresses_of_another_town_are_not_sure(names: PlaceIndex) -> None:
    for text in ("Manerheimintie", "Annankatu 14, Kouvola", "Rautatientorilla"):
        assert not names.search(text)[0].sure
    for text in ("Annankatu 14, 00120 Helsinki", "Annankatu 14 B 5", "annank", "kirjasto"):
        assert names.search(text)[0].sure


def test_a_known_town_says_which_of_two_streets_is_meant() -> None:
    towns = [Entry("Schaan", "town", Place(47.165, 9.509)), Entry("Triesen", "village", Place(47.107, 9.528))]
    houses = [Entry("Landstrasse 22", ADDRESS, town.place) for town in towns]
    index = PlaceIndex([*towns, *houses])
    for town in towns:
        for text in (f"{town.name} Landstrasse 22", f"Landstrasse 22, 9494 {town.name}", f"landstrase 22 {town.name}"):
            assert index.search(text)[0].place == town.place


def test_short_words_are_not_mended() -> None:
    index = index_of("Zoo", "Kino", "Kirkko")
    assert listed(index, "Zxo") == []
    assert listed(index, "dino") == []
    assert listed(index, "kinp") == ["Kino"]
    assert listed(index, "kirko") == ["Kirkko"]
    assert listed(index, "kxrxxo") == []


def test_whole_names_come_before_beginnings_before_insides() -> None:
    index = index_of("Keskuskirjasto", "Kirjastotalo", "Kirjasto")
    assert [(one.name, one.match) for one in index.search("kirjasto")] == [
        ("Kirjasto", Match.EXACT),
        ("Kirjastotalo", Match.BEGINNING),
        ("Keskuskirjasto", Match.INSIDE),
    ]


def test_what_the_town_uses_comes_first_among_alike() -> None:
    index = index_of("Kirjasto Etelä", "Kirjasto Pohjoinen", "Kirjasto")
    assert listed(index, "kirj") == ["Kirjasto", "Kirjasto Etelä", "Kirjasto Pohjoinen"]
    used = index.search("kirj", uses={"Kirjasto Pohjoinen": 7, "Kirjasto Etelä": 2})
    assert [one.name for one in used] == ["Kirjasto Pohjoinen", "Kirjasto Etelä", "Kirjasto"]
    assert index.search("kirjasto", uses={"Kirjasto Etelä": 2})[0].name == "Kirjasto"


def test_the_nearest_of_namesakes_comes_first() -> None:
    index = index_of("Kiosk", "Kiosk", "Kiosk")
    for near in (Place(60, 25), Place(60.01, 25), Place(60.02, 25)):
        assert index.search("kiosk", near=near)[0].place == near


def test_stops_of_the_schedules_can_be_added(names: PlaceIndex) -> None:
    tori = names.search("Rautatientori")[0].place
    stops = [Entry("Rautatientori", "stop", tori), Entry("Mummon pysäkki", "stop", HERE, ("Farmors hållplats",))]
    more = names.with_stops(stops)
    assert listed(more, "mummon pys") == listed(more, "farmors hallplats") == ["Mummon pysäkki"]
    assert listed(more, "mumon pysäkillä") == ["Mummon pysäkki"]
    assert listed(more, "Rautatientori", 50) == listed(names, "Rautatientori", 50)
    assert listed(names, "mummon pys") == []


def test_korean_is_found_while_a_syllable_is_being_typed() -> None:
    assert strokes(fold("ㄱ")) == "\u1100"
    assert strokes("각") == strokes("가") + "\u1100" != strokes("가")
    assert strokes("과") == strokes("고") + "\u1161"
    index = index_of("구급병원")
    assert all(listed(index, typed) == ["구급병원"] for typed in (fold("ㄱ"), "구", "국", "구그", "구급", "구급병ㅇ"))


def test_endings_are_cut_but_never_to_nothing() -> None:
    assert "kirjasto" in stems("kirjastolla")
    assert "bibliotek" in stems("biblioteket")
    assert stems("lla") == []


def test_many_threads_search_at_a_time(names: PlaceIndex) -> None:
    typed = ["kirjasto", "Manerheimintie", "Annankatu 15", "vuorikatu 14", "栄"] * 40
    alone = [names.search(text) for text in typed]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(names.search, typed)) == alone


def test_folding_forgets_accents_but_not_japanese_sounds() -> None:
    assert fold("Töölönlahdenkatu 3–B") == "toolonlahdenkatu 3 b"
    assert fold("ｶﾞｯｺｳ") == fold("ガッコウ") == fold("がっこう") != fold("カッコウ")
    assert fold("Straße") == fold("STRASSE")


def test_one_thing_is_listed_once() -> None:
    here, across, elsewhere = Place(60.17, 24.94), Place(60.1701, 24.9402), Place(60.18, 24.94)
    stops = [Entry("Tori", "bus stop", place) for place in (here, across, elsewhere)]
    kept = [entry.place for entry in merged(stops)]
    assert len(kept) == 2
    assert elsewhere in kept


def test_an_area_without_names_can_be_searched() -> None:
    assert NOTHING.search("school") == []
    assert NOTHING.describe(Place(1, 2)) == "1.00000, 2.00000"
    assert NOTHING.beside(Place(1, 2)) is None


def test_a_point_is_named_by_what_stands_there(names: PlaceIndex) -> None:
    school = names.search("Ressun lukio")[0]
    assert names.describe(school.place) == "Ressun lukio"


def test_a_point_far_from_everything_is_named_by_its_coordinates(names: PlaceIndex) -> None:
    assert names.describe(Place(60.25, 24.5)) == "60.25000, 24.50000"


@pytest.mark.parametrize(
    ("north", "relation", "name"),
    [
        (0, Relation.AT, "Library"),
        (20, Relation.IN_FRONT_OF, "Library"),
        (55, Relation.BY, "Road 4"),
        (140, Relation.NEAR, "Library"),
        (400, None, None),
    ],
)
def test_a_point_is_described_by_what_everybody_knows(north: int, relation: Relation | None, name: str | None) -> None:
    index = PlaceIndex([
        Entry("Library", "library", HERE),
        Entry("Nail bar", "beauty", HERE),
        Entry("Road", STREET, Place(HERE.lat + 55 / 111_195, HERE.lon)),
        Entry("Road 4", ADDRESS, Place(HERE.lat + 35 / 111_195, HERE.lon)),
    ])  # fmt: skip
    beside = index.beside(Place(HERE.lat + north / 111_195, HERE.lon))
    assert (beside and beside.relation, beside and beside.named.name) == (relation, name)
    assert beside is None or abs(beside.metres - (20 if relation is Relation.BY else north)) <= 1


def test_points_at_the_poles_and_the_date_line_can_be_described() -> None:
    index = PlaceIndex([Entry("Pole", "school", Place(90, 0)), Entry("Line", "school", Place(0, 180))])
    assert index.describe(Place(90, 0)) == "Pole"
    assert index.describe(Place(0, 179.9999)) == "Line"


def test_the_same_entries_give_the_same_file_in_any_order(tmp_path: Path) -> None:
    entries = [Entry("Tori", "square", HERE, ("Torg",)), Entry("Road 4", ADDRESS, HERE), Entry("Road", STREET, HERE)]
    for folder, order in (("a", entries), ("b", entries[::-1])):
        (tmp_path / folder).mkdir()
        save_names(tmp_path / folder, order)
    assert (tmp_path / "a" / NAMES).read_bytes() == (tmp_path / "b" / NAMES).read_bytes()
    assert listed(PlaceIndex.load(tmp_path / "a"), "torg") == ["Tori"]


def test_missing_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RoadError, match="Prepare the area again"):
        PlaceIndex.load(tmp_path)


@pytest.mark.parametrize(
    "damage", ["empty", "text", "cut off", "longer", "torn page", "other database", "newer format"]
)
def test_damaged_names_are_refused(tmp_path: Path, damage: str) -> None:
    save_names(tmp_path, [Entry(f"Road {k}", ADDRESS, HERE, (f"Väg {k}",)) for k in range(300)])
    path = tmp_path / NAMES
    whole = path.read_bytes()
    PlaceIndex.load(tmp_path)
    if damage in {"other database", "newer format"}:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA application_id = 1" if damage == "other database" else "PRAGMA user_version = 99")
        database.close()
    else:
        path.write_bytes({
            "empty": b"", "text": b"[]\n", "cut off": whole[: len(whole) // 2], "longer": whole + b"\0",
            "torn page": whole[:8192] + b"\xff" * 4096 + whole[12288:],
        }[damage])  # fmt: skip
    with pytest.raises(RoadError, match=r"is missing or damaged \(.+\)\. Prepare the area again\."):
        PlaceIndex.load(tmp_path)


def test_damage_that_shows_only_in_a_search_is_told_as_well(tmp_path: Path) -> None:
    save_names(tmp_path, [Entry(f"Road {k}", ADDRESS, HERE) for k in range(300)])
    with sqlite3.connect(tmp_path / NAMES) as database:
        database.execute("UPDATE text_data SET block = x'ffffffff' WHERE id > 10")
    database.close()
    index = PlaceIndex.load(tmp_path)
    with pytest.raises(RoadError, match="Prepare the area again"):
        index.search("roa")


def test_meeting_points_are_within_the_walk_nearest_first(names: PlaceIndex, engine: Engine) -> None:
    origin = names.search("Vuorikatu 14")[0].place
    stops = [found.place for found in names.search("rautatientori", limit=50)]
    found = meeting_points(engine, origin, [*stops, origin, Place(61, 25)], 800)
    assert found[0] == (origin, 0)
    assert [walk for _, walk in found] == sorted(walk for _, walk in found)
    assert all(walk <= 800 for _, walk in found)
    assert len(found) > 1


def test_a_point_lies_in_the_part_of_town_whose_centre_is_nearest() -> None:
    parts = [Entry("Kluuvi", "suburb", Place(60.171, 24.941)), Entry("Kamppi", "quarter", Place(60.168, 24.93))]
    index = PlaceIndex([*parts, Entry("Oodi", "library", HERE)])
    assert index.locality(HERE) == "Kluuvi"
    assert index.locality(Place(60.168, 24.931)) == "Kamppi"
    assert index.locality(Place(60.3, 24.94)) == NOTHING.locality(HERE) == "", "nothing is near"
