"""Which ways are driven by which vehicle, in which direction, how fast."""

import pytest

from routing.ways import (
    BUS,
    CAR,
    GATE,
    LIMITS,
    MINIBUS,
    PACE,
    SIGNAL,
    SPEEDS,
    STOP,
    VAN,
    VEHICLES,
    Access,
    Direction,
    Rules,
    Tags,
    Vehicle,
    access,
    delays,
    direction,
    ferry_seconds,
    fits,
    lets_turn,
    max_speed,
    passage,
    speed,
)

OPEN, PRIVATE, CLOSED = Access.OPEN, Access.PRIVATE, Access.CLOSED
STREET = {"highway": "residential"}


@pytest.mark.parametrize(
    ("tags", "let_in"),
    [
        ({"highway": "residential"}, OPEN),
        ({"highway": "service", "service": "driveway"}, OPEN),
        ({"highway": "service", "access": "private"}, PRIVATE),
        ({"highway": "residential", "access": "private"}, PRIVATE),
        ({"highway": "residential", "motor_vehicle": "destination"}, PRIVATE),
        ({"highway": "service", "access": "customers"}, PRIVATE),
        ({"highway": "residential", "access": "no", "motor_vehicle": "yes"}, OPEN),
        ({"highway": "residential", "motor_vehicle": "no", "motorcar": "yes"}, OPEN),
        ({"highway": "residential", "access": "yes", "vehicle": "no"}, CLOSED),
        ({"highway": "tertiary", "motor_vehicle": "no"}, CLOSED),
        ({"highway": "tertiary", "motor_vehicle": "agricultural;forestry"}, CLOSED),
        ({"highway": "service", "access": "no"}, CLOSED),
        ({"highway": "service", "service": "parking_aisle"}, CLOSED),
        ({"highway": "service", "area": "yes"}, CLOSED),
        ({"highway": "primary", "oneway": "reversible"}, CLOSED),
        ({"highway": "track"}, CLOSED),
        ({"highway": "track", "motor_vehicle": "yes"}, OPEN),
        ({"highway": "footway"}, CLOSED),
        ({"highway": "construction"}, CLOSED),
        ({"railway": "rail"}, CLOSED),
        ({"route": "ferry"}, OPEN),
        ({"route": "ferry", "motor_vehicle": "no"}, CLOSED),
    ],
)
def test_a_van_is_let_in_as_the_most_particular_tag_says(tags: Tags, let_in: Access) -> None:
    assert access(tags, VAN) is let_in


@pytest.mark.parametrize(
    "tags", [{"motor_vehicle": "no", "bus": "yes"}, {"access": "no", "psv": "yes"}, {"access": "psv"}]
)
def test_a_school_bus_may_use_a_bus_gate_and_a_van_may_not(tags: Tags) -> None:
    found = {vehicle.name: access({**STREET, **tags}, vehicle) for vehicle in VEHICLES.values()}
    assert found == {"car": CLOSED, "van": CLOSED, "minibus": OPEN, "bus": OPEN}


def test_a_road_closed_to_buses_stays_open_to_vans() -> None:
    tags = {**STREET, "bus": "no"}
    assert (access(tags, BUS), access(tags, VAN)) == (CLOSED, OPEN)


def test_a_busway_is_for_buses() -> None:
    assert (access({"highway": "busway"}, BUS), access({"highway": "busway"}, CAR)) == (OPEN, CLOSED)


@pytest.mark.parametrize(
    ("tags", "too_big"),
    [
        ({"maxheight": "3"}, {BUS}),
        ({"maxheight": "2,7 m"}, {MINIBUS, BUS}),
        ({"maxheight": "9'0\""}, {MINIBUS, BUS}),
        ({"maxheight": "8 ft"}, {VAN, MINIBUS, BUS}),
        ({"maxheight": "default"}, set()),
        ({"maxheight": "none"}, set()),
        ({"maxwidth": "2.3"}, {BUS}),
        ({"maxwidth": "230 cm"}, {BUS}),
        ({"maxlength": "10"}, {BUS}),
        ({"maxweight": "3.5"}, {MINIBUS, BUS}),
        ({"maxweight": "7,5 t"}, {BUS}),
        ({"maxweight": "12000 lbs"}, {MINIBUS, BUS}),
        ({"maxweight": "3000 kg"}, {VAN, MINIBUS, BUS}),
        ({"maxweightrating": "7.5"}, {BUS}),
        ({"maxweight": "unsigned"}, set()),
    ],
)
def test_a_low_bridge_or_a_weak_one_closes_to_what_does_not_fit(tags: Tags, too_big: set[Vehicle]) -> None:
    assert {vehicle for vehicle in VEHICLES.values() if not fits(tags, vehicle)} == too_big
    assert {vehicle for vehicle in VEHICLES.values() if access({**STREET, **tags}, vehicle) is CLOSED} == too_big


@pytest.mark.parametrize(
    ("tags", "vehicle", "way_through"),
    [
        ({}, BUS, OPEN),
        ({"barrier": "bollard"}, VAN, CLOSED),
        ({"barrier": "bollard", "bus": "yes"}, VAN, CLOSED),
        ({"barrier": "bollard", "bus": "yes"}, BUS, OPEN),
        ({"barrier": "bollard", "motor_vehicle": "yes"}, VAN, OPEN),
        ({"barrier": "bollard", "bollard": "rising"}, VAN, OPEN),
        ({"barrier": "bus_trap"}, VAN, CLOSED),
        ({"barrier": "bus_trap"}, BUS, OPEN),
        ({"barrier": "gate"}, VAN, OPEN),
        ({"barrier": "gate", "access": "private"}, VAN, PRIVATE),
        ({"barrier": "gate", "access": "no"}, VAN, CLOSED),
        ({"barrier": "gate", "locked": "yes"}, VAN, CLOSED),
        ({"barrier": "height_restrictor", "maxheight": "2.2"}, VAN, CLOSED),
        ({"barrier": "height_restrictor", "maxheight": "2.2"}, CAR, OPEN),
        ({"barrier": "block"}, CAR, CLOSED),
        ({"barrier": "kerb", "kerb": "lowered"}, CAR, OPEN),
    ],
)
def test_a_barrier_closes_the_road_unless_it_lets_this_vehicle_through(
    tags: Tags, vehicle: Vehicle, way_through: Access
) -> None:
    assert passage(tags, vehicle) is way_through


@pytest.mark.parametrize(
    ("tags", "flow"),
    [
        ({}, Direction.BOTH),
        ({"oneway": "no"}, Direction.BOTH),
        ({"oneway": "yes"}, Direction.FORWARD),
        ({"oneway": "1"}, Direction.FORWARD),
        ({"oneway": "-1"}, Direction.BACKWARD),
        ({"junction": "roundabout"}, Direction.FORWARD),
        ({"junction": "circular"}, Direction.FORWARD),
        ({"junction": "roundabout", "oneway": "-1"}, Direction.BACKWARD),
        ({"highway": "motorway"}, Direction.FORWARD),
        ({"highway": "motorway", "oneway": "no"}, Direction.BOTH),
    ],
)
def test_traffic_flows_as_the_tags_say_or_imply(tags: Tags, flow: Direction) -> None:
    assert direction(tags) is flow


def test_a_bus_may_go_against_the_traffic_where_a_tag_says_so() -> None:
    tags = {"oneway": "yes", "oneway:psv": "no"}
    assert (direction(tags, BUS), direction(tags, VAN)) == (Direction.BOTH, Direction.FORWARD)


@pytest.mark.parametrize(
    ("tagged", "kept"),
    [
        ("50", 50), ("50 km/h", 50), ("60;40", 40), ("walk", 6), ("none", 140), ("FI:urban", 50), ("FI:rural", 80),
        ("DE:zone:30", 30), ("DE:zone30", 30), ("CH:zone30", 30), ("RO:30", 30), ("JP:national", 60),
        ("DE:living_street", 7), ("PT:rural", 90), ("signals", None), ("XX:whatever", None), ("0", None),
        ("999", None), ("", None), ("30|50|none", 30), ("fast;30", 30), ("fast;slow", None),
    ],
)  # fmt: skip
def test_a_speed_limit_is_read_in_every_usual_spelling(tagged: str, kept: float | None) -> None:
    assert max_speed({**STREET, "maxspeed": tagged}) == kept


def test_a_limit_in_miles_is_read_in_kilometres() -> None:
    assert max_speed({"maxspeed": "30 mph"}) == pytest.approx(48.28, abs=0.01)


def test_each_direction_may_have_its_own_limit() -> None:
    tags = {
        "highway": "primary",
        "maxspeed": "80",
        "maxspeed:backward": "50",
        "maxspeed:conditional": "30 @ (22:00-06:00)",
    }
    assert (max_speed(tags), max_speed(tags, backward=True)) == (80, 50)


def test_a_limit_that_is_only_named_is_that_of_the_country() -> None:
    tags = {"highway": "primary", "maxspeed:type": "sign", "source:maxspeed": "rural"}
    assert (max_speed(tags, "FI"), max_speed(tags, "DE"), max_speed(tags)) == (80, 100, 90)


def test_a_vehicle_keeps_four_fifths_of_a_tagged_limit_and_the_usual_speed_without_one() -> None:
    assert speed({**STREET, "maxspeed": "30"}, Rules()) == 30 * PACE
    assert speed(STREET, Rules()) == SPEEDS["residential"]


def test_a_bad_surface_slows_down_and_a_good_one_does_not() -> None:
    road = {"highway": "secondary", "maxspeed": "70"}
    assert speed({**road, "surface": "asphalt"}, Rules()) == 70 * PACE
    assert speed({**road, "surface": "gravel"}, Rules()) == 40
    assert speed({**road, "tracktype": "grade3"}, Rules()) == 30


def test_the_law_of_the_country_bounds_the_usual_speed() -> None:
    tags = {"highway": "trunk"}
    assert speed(tags, Rules(country="JP")) == LIMITS["JP"]["trunk"] * PACE < speed(tags, Rules())
    assert speed(STREET, Rules(country="JP")) == speed(STREET, Rules())


def test_a_bus_is_no_faster_than_its_law_lets_it() -> None:
    road = {"highway": "motorway", "maxspeed": "120"}
    assert speed(road, Rules(BUS)) == BUS.top * PACE < speed(road, Rules(VAN)) == 120 * PACE
    assert speed(STREET, Rules(BUS)) == speed(STREET, Rules(VAN))


def test_an_area_may_know_its_own_speeds_better() -> None:
    assert speed({**STREET, "maxspeed": "50"}, Rules(speeds={"residential": 21})) == 21


def test_traffic_keeps_left_in_japan_and_right_in_finland() -> None:
    assert Rules(country="jp").left_hand
    assert not Rules(country="FI").left_hand
    assert not Rules().left_hand


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("45", 2700), ("00:45", 2700), ("1:05:30", 3930), ("PT45M", 2700), ("PT1H", 3600), ("soon", None), ("0", None)],
)
def test_a_ferry_takes_the_time_of_its_timetable(duration: str, seconds: int | None) -> None:
    assert ferry_seconds({"duration": duration}) == seconds


@pytest.mark.parametrize(
    ("tags", "waits"),
    [
        ({}, (0, 0)),
        ({"highway": "traffic_signals"}, (SIGNAL, SIGNAL)),
        ({"highway": "traffic_signals", "traffic_signals:direction": "forward"}, (SIGNAL, 0)),
        ({"highway": "crossing", "crossing": "traffic_signals"}, (SIGNAL, SIGNAL)),
        ({"highway": "crossing", "crossing": "uncontrolled"}, (0, 0)),
        ({"highway": "stop", "direction": "backward"}, (0, STOP)),
        ({"highway": "stop", "stop": "minor"}, (0, 0)),
        ({"barrier": "gate"}, (GATE, GATE)),
        ({"barrier": "gate", "motor_vehicle": "yes"}, (0, 0)),
    ],
)
def test_a_signal_costs_time_in_the_direction_that_it_faces(tags: Tags, waits: tuple[int, int]) -> None:
    assert delays(tags) == waits


def test_a_turning_circle_lets_turn_and_a_crossing_does_not() -> None:
    assert lets_turn({"highway": "turning_circle"})
    assert not lets_turn({"highway": "crossing"})
