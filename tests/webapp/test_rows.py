"""A plan written as JSON is the same plan when it is read."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from matching.model import Capacity, Load, Policy, Run
from routing.pace import FASTEST, SLOWEST
from routing.times import Place
from tests.matching.toy import morning_bus
from webapp.db import rows

DEGREES = st.floats(-180, 180)
st.register_type_strategy(Place, st.builds(Place, DEGREES, DEGREES))


@given(st.builds(Run, policy=..., revision=..., done=..., reached=..., frozen=..., pace=st.integers(FASTEST, SLOWEST)))
def test_a_plan_survives_as_text(run: Run) -> None:
    assert rows.plan_from_json(json.loads(json.dumps(rows.plan_to_json(run)))) == run


@given(st.from_type(Policy))
def test_a_policy_survives_as_text(policy: Policy) -> None:
    assert rows.policy_from_json(json.loads(json.dumps(rows.policy_to_json(policy)))) == policy


@given(st.sets(st.text(max_size=3)))
def test_equal_policies_give_equal_text(riders: set[str]) -> None:
    policies = (Policy(riders=frozenset(order)) for order in (sorted(riders), sorted(riders, reverse=True)))
    assert len({json.dumps(rows.policy_to_json(policy)) for policy in policies}) == 1


def test_layouts_keep_their_room_to_stow_things_and_older_ones_have_none() -> None:
    capacity = Capacity((Load(4, 0, 2), Load(2, 1, 1)))
    assert rows.layouts_from_json(rows.layouts_to_json(capacity)) == capacity
    assert rows.layouts_from_json([[4, 0], [2, 1]]) == Capacity((Load(4), Load(2, 1)))


def test_a_plan_of_an_older_version_has_nothing_of_what_came_later() -> None:
    run = morning_bus()
    kept = rows.plan_to_json(run)
    for later, parts in (("stowage", kept["capacity"]["layouts"]), ("apart", kept["rides"]), ("after", kept["rides"])):
        for part in parts:
            del part[later]
    del kept["reached"], kept["frozen"], kept["pace"], kept["policy"]["dwell_needs"], kept["policy"]["freeze"]
    assert rows.plan_from_json(kept) == run


def test_what_an_older_policy_did_not_name_has_its_default() -> None:
    assert rows.policy_from_json({"name": "old"}) == replace(Policy(), name="old")
