"""A town is opened from its settings, with rules that are written as data."""

import tomllib
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from matching.model import DAY, Detour, Load, Policy, Rule
from matching.objective import Objective
from routing.times import RoadError
from webapp.config import LANGUAGES, Settings
from webapp.resources import data_path
from webapp.town import Town, open_town, read_objective, read_policy

DEMO = tomllib.loads(data_path("policies", "demo-town.toml").read_text(encoding="utf-8"))


def with_rules(**changes: Any) -> Policy:
    return read_policy({"name": "Test", "articles": {}, **changes})


def test_the_demo_towns_rules_are_read_whole() -> None:
    policy = read_policy(DEMO)
    assert (policy.detour, policy.max_ride, policy.notice, policy.fare) == (Detour.UP_TO, 45 * 60, 30 * 60, 150)
    assert policy.riders == {"anyone"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_cites_an_article_in_every_language(language: str) -> None:
    articles = DEMO["articles"] if language == "en" else DEMO["articles"][language]
    assert [rule for rule in Rule if not articles.get(rule.value)] == []


def test_what_a_town_leaves_open_is_as_strict_as_can_be() -> None:
    policy = with_rules()
    assert policy == replace(Policy(), name="Test")
    assert not policy.admits(["registered"])


def test_a_towns_rules_say_what_a_need_takes_and_how_long_before_a_stop_nothing_changes() -> None:
    policy = with_rules(dwell_needs_seconds={"AV-12": 15, "AV-01": 30}, freeze_minutes=5)
    assert (policy.dwell_needs, policy.freeze) == ((("AV-01", 30), ("AV-12", 15)), 300)
    assert read_policy(DEMO).dwell_for(Load(1), {"AV-01"}) == 60


def test_a_town_says_what_plans_are_compared_by(town: Town) -> None:
    said = {"unserved_minutes": 100, "refused_minutes": 10, "harm": 3, "classes_minutes": {"medical": 200}}
    assert read_objective({"objective": said}) == Objective(6000, (("medical", 12_000),), 600, 3)
    assert read_objective({"objective": {"harm": 0}}) == replace(Objective(), harm=0)
    assert read_objective({}) == Objective()
    assert dict(town.objective.classes)["medical"] > town.objective.unserved


@pytest.mark.parametrize(
    ("said", "closes"),
    [("none", None), ("previous day 16:00", 16 * 3600 - DAY), ("previous day 8:30", 8 * 3600 + 1800 - DAY)],
)
def test_booking_may_close_the_day_before(said: str, closes: int | None) -> None:
    assert with_rules(closes=said).closes == closes


@pytest.mark.parametrize(
    "changes", [{"closes": "at noon"}, {"detour": "anywhere"}, {"max_ride_minutes": "long"}, {"freeze_minutes": "?"}]
)
def test_rules_that_nobody_can_read_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        with_rules(**changes)


def test_an_article_is_quoted_in_the_language_of_the_town_where_another_is_missing(town: Town) -> None:
    assert town.article("seats", "fi").startswith("4 §")
    assert town.article("seats", "de") == town.article("seats", "en") != ""
    assert town.article("no such rule", "fi") == ""


def test_a_town_has_its_own_today(town: Town) -> None:
    late = replace(town, clock=lambda: datetime(2026, 11, 22, 22, 30))
    assert late.today().isoformat() == "2026-11-23"
    assert late.seconds_now(late.today()) == 1800


def test_a_town_without_roads_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RoadError, match=r"[Pp]repare"):
        open_town(Settings(tmp_path, f"sqlite:///{tmp_path / 'noriai.db'}", "secret"))
