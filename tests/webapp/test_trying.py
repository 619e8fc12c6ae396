"""What other rules would have done is shown before they are switched on, and nothing is written for that."""

from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from matching.model import Rule
from tests.webapp.conftest import Clock
from tests.webapp.small_town import EIGHT, KAMP, LIISANKATU, MINUTE, MONDAY, RAUTATIENTORI
from tests.webapp.wishes import ask, book, count_rows, free, newcomer
from webapp import cli
from webapp.commands import policies
from webapp.resources import data_path
from webapp.services.trying import Trial, try_rules
from webapp.town import Town
from webapp.town_rules import load


def rules(**changes: Any) -> dict[str, Any]:
    return load(data_path("policies", "demo-town.toml")) | changes


def tried(town: Town, **changes: Any) -> Trial:
    return try_rules(town, rules(**changes), MONDAY)


def counts(trial: Trial) -> tuple[int, int, int, int]:
    return trial.asked, trial.offered, trial.gained.total(), trial.lost.total()


def test_the_rules_in_service_change_nothing(town: Town) -> None:
    book(town)
    ask(town, newcomer(town, "Late"), ends=(KAMP, LIISANKATU), depart=18 * 3600)
    rows = count_rows(town)
    assert counts(tried(town)) == (2, 1, 0, 0)
    assert count_rows(town) == rows


def test_those_who_would_be_refused_are_counted_by_the_rule_that_would(town: Town) -> None:
    book(town)
    assert tried(town, closes="previous day 16:00").lost == {Rule.CUTOFF.value: 1}
    assert tried(town, riders=["senior"]).lost == {Rule.WHO.value: 1}
    assert counts(try_rules(town, rules(riders=["senior"]), MONDAY + timedelta(days=1))) == (0, 0, 0, 0)


def test_those_who_would_gain_a_seat_are_counted(town: Town, clock: Clock) -> None:
    clock.forward(40 * MINUTE)
    assert ask(town, arrive=EIGHT + 20 * MINUTE).refusal is not None
    assert counts(tried(town)) == (1, 0, 0, 0)
    found = tried(town, notice_minutes=5)
    assert (found.asked, found.offered, found.gained) == (1, 0, {Rule.WINDOW.value: 1})


def test_a_request_is_asked_again_on_the_runs_as_they_were_then(town: Town) -> None:
    for n in range(3):
        book(town, newcomer(town, f"Neighbour {n}"), key=str(n), ends=(LIISANKATU, RAUTATIENTORI))
    assert free(town)[0].seats == 0
    assert counts(tried(town)) == (3, 3, 0, 0)


def test_counts_that_could_point_at_somebody_are_not_told(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(2):
        book(town, newcomer(town, f"Neighbour {n}"), key=str(n), ends=(LIISANKATU, RAUTATIENTORI))
    monkeypatch.setattr(policies, "open_the_town", lambda: town)
    file = data_path("policies", "akkeshi.toml")
    said = CliRunner().invoke(cli.main, ["policy", "try", str(file), "--since", "2026-11-23"])
    assert said.exit_code == 0, said.output
    assert "fewer than 5 requests were asked again" in said.output
    assert "fewer than 5 would be offered none any more: booking closed" in said.output
    assert "2 " not in said.output.replace("2026", "")
