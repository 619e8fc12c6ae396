"""A town is opened from its settings, with rules that are written as data."""

import tomllib
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from matching.model import DAY, Detour, Policy, Rule
from routing.times import RoadError
from webapp.config import Settings
from webapp.resources import data_path
from webapp.town import Town, open_town, read_policy

DEMO = tomllib.loads(data_path("policies", "demo-town.toml").read_text(encoding="utf-8"))


def with_rules(**changes: Any) -> Policy:
    return read_policy({"name": "Test", "articles": {}, **changes})


def test_the_demo_towns_rules_are_read_whole() -> None:
    policy = read_policy(DEMO)
    assert (policy.detour, policy.max_ride, policy.notice, policy.fare) == (Detour.NONE, 45 * 60, 30 * 60, 150)
    assert policy.riders == {"registered"}


@pytest.mark.parametrize("language", ["en", "fi", "ja", "ko"])
@pytest.mark.parametrize("rule", Rule)
def test_every_refusal_cites_an_article_in_every_language(language: str, rule: Rule) -> None:
    articles = DEMO["articles"] if language == "en" else DEMO["articles"][language]
    assert articles[rule.value]


def test_what_a_town_leaves_open_is_as_strict_as_can_be() -> None:
    policy = with_rules()
    assert policy == replace(Policy(), name="Test")
    assert not policy.admits(["registered"])


@pytest.mark.parametrize(
    ("said", "closes"),
    [("none", None), ("previous day 16:00", 16 * 3600 - DAY), ("previous day 8:30", 8 * 3600 + 1800 - DAY)],
)
def test_booking_may_close_the_day_before(said: str, closes: int | None) -> None:
    assert with_rules(closes=said).closes == closes


@pytest.mark.parametrize("changes", [{"closes": "at noon"}, {"detour": "anywhere"}, {"max_ride_minutes": "long"}])
def test_rules_that_nobody_can_read_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        with_rules(**changes)


def test_an_article_is_quoted_in_the_language_of_the_town_where_another_is_missing(town: Town) -> None:
    assert town.article("seats", "fi").startswith("4 §")
    assert town.article("seats", "sv") == town.article("seats", "en") != ""
    assert town.article("no such rule", "fi") == ""


def test_a_town_has_its_own_today(town: Town) -> None:
    late = replace(town, clock=lambda: datetime(2026, 11, 22, 22, 30))
    assert late.today().isoformat() == "2026-11-23"
    assert late.seconds_now(late.today()) == 1800


def test_a_town_without_roads_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RoadError, match=r"[Pp]repare"):
        open_town(Settings(tmp_path, f"sqlite:///{tmp_path / 'noriai.db'}", "secret"))
