"""A town's ordinance is one file: what it says is obeyed, and a fault in it is told before anybody is refused by it."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from matching.model import DAY, Detour, Policy, Rule
from tests.webapp.handing_in import check, run
from tests.webapp.schedule_samples import sheet
from webapp.cli import main
from webapp.config import LANGUAGES, Settings
from webapp.publishing import as_allowed
from webapp.resources import data_path
from webapp.town import Town, open_town, read_policy
from webapp.town_rules import ERROR, NOTE, WARNING, RulesError, list_files, load
from webapp.town_rules import check as lint

TOWNS = ("akkeshi", "hiroo", "katsuragi", "sekikawa", "ashoro", "susaki", "makubetsu", "kawamoto")
MODES = ("on-route-only", "up-to-n-minutes", "deadhead", "full")
GOOD = 'name = "Test"\nterms = "service"\ngroups = ["senior"]\nriders = ["senior"]\n'


def remarks(tmp_path: Path, text: str, articles: str = "[articles]\n") -> list[tuple[str, str, str]]:
    file = tmp_path / "rules.toml"
    file.write_text(text + articles, encoding="utf-8")
    return [(one.severity, one.where, one.text) for one in lint(file)[1]]


def town_file(name: str) -> Path:
    return data_path("policies", f"{name}.toml")


def policy_of(name: str) -> Policy:
    return read_policy(load(town_file(name)))


# The files that come with the service


@pytest.mark.parametrize("path", list_files(), ids=lambda path: path.stem)
def test_every_file_that_comes_with_the_service_can_be_used(path: Path) -> None:
    rules, found = lint(path)
    assert rules and [one for one in found if one.severity == ERROR] == []


@pytest.mark.parametrize("name", TOWNS)
def test_a_real_town_names_its_source_and_answers_every_refusal_in_every_language(name: str, town: Town) -> None:
    rules = load(town_file(name))
    assert rules["source"]["title"] and rules["source"]["url"] and rules["source"]["read"]
    there = replace(town, rules=rules)
    assert all(there.article(rule, code) for rule in Rule for code in LANGUAGES)


def test_a_town_that_speaks_of_a_rule_is_cited_and_not_the_terms_of_the_service(town: Town) -> None:
    there = replace(town, rules=load(town_file("akkeshi")))
    assert there.article(Rule.SEATS, "ja").startswith("厚岸町 第4条")
    assert (
        there.article(Rule.SEATS, "fi")
        == there.article(Rule.SEATS, "en")
        == ("Akkeshi, Art. 4: residents ride within surplus capacity only")
    )
    assert there.article(Rule.BELL, "fi").startswith("Palvelun ehdot")


def test_what_the_ordinances_say_is_what_the_engine_obeys() -> None:
    assert policy_of("akkeshi").closes == 16 * 3600 - DAY
    assert policy_of("hiroo").riders == {"senior", "student"}
    assert (policy_of("ashoro").detour, policy_of("ashoro").fare) == (Detour.NONE, 0)
    assert (policy_of("kawamoto").fare, policy_of("kawamoto").fare_currency) == (200, "JPY")


@pytest.mark.parametrize(
    ("name", "detour", "deadhead"),
    [
        (MODES[0], Detour.ON_ROUTE, False),
        (MODES[1], Detour.UP_TO, False),
        (MODES[2], Detour.NONE, True),
        (MODES[3], Detour.UP_TO, True),
    ],
)
def test_each_legal_mode_has_a_template(name: str, detour: Detour, *, deadhead: bool) -> None:
    assert (policy_of(name).detour, policy_of(name).deadhead) == (detour, deadhead)


def test_what_no_machine_enforces_is_named(tmp_path: Path) -> None:
    said = '[[not_enforced]]\nen = "Proof is shown."\n'
    assert (NOTE, "not_enforced", "not enforced by the machine: Proof is shown.") in remarks(tmp_path, GOOD + said)


# Faults, each told at its key


@pytest.mark.parametrize(
    ("more", "where", "told"),
    [
        ("max_ride = 5\n", "max_ride", "Did you mean max_ride_minutes?"),
        ("max_ride_minutes = 'long'\n", "max_ride_minutes", "'long' was read, but"),
        ("notice_minutes = true\n", "notice_minutes", "True was read, but"),
        ("max_ride_minutes = 0\n", "max_ride_minutes", "greater than or equal to 1"),
        ("closes = 'at noon'\n", "closes", '"previous day 16:00"'),
        ("closes = 'previous day 24:00'\n", "closes", '"previous day 16:00"'),
        ("fare_currency = 'YEN'\n", "fare_currency", "JPY"),
        ("detour = 'anywhere'\n", "detour", "'none', 'on route' or 'up to'"),
        ("detour = 'up to'\n", "detour", "0 minutes is no detour"),
        ("[[not_enforced]]\nja = 'x'\n", "not_enforced 1", "write en"),
        ("[objective]\nharm = -1\n", "objective.harm", "greater than or equal to 0"),
    ],
)
def test_a_fault_is_told_where_it_stands_and_with_what_to_do(tmp_path: Path, more: str, where: str, told: str) -> None:
    found = [text for severity, at, text in remarks(tmp_path, GOOD + more) if (severity, at) == (ERROR, where)]
    assert len(found) == 1 and told in found[0]


@pytest.mark.parametrize(
    ("articles", "where"),
    [
        ('[articles]\n"seat" = "x"\n', "articles.seat"),
        ('[articles]\n"seats" = 3\n', "articles.seats"),
        ('[articles.de]\n"seats" = "x"\n', "articles.de"),
        ('[articles.fi]\n"seat" = "x"\n', "articles.fi.seat"),
    ],
)
def test_an_article_that_nobody_would_ever_read_is_a_fault(tmp_path: Path, articles: str, where: str) -> None:
    assert [at for severity, at, _ in remarks(tmp_path, GOOD, articles) if severity == ERROR] == [where]


def test_a_rule_that_can_refuse_needs_an_article(tmp_path: Path) -> None:
    found = remarks(tmp_path, GOOD.replace('terms = "service"\n', ""), '[articles]\n"seats" = "x"\n')
    told = next(text for severity, where, text in found if (severity, where) == (ERROR, "articles"))
    assert Rule.WHO.value in told and "seats" not in told


def test_a_language_that_is_missing_is_told_and_reads_english(tmp_path: Path) -> None:
    found = remarks(tmp_path, GOOD, '[articles]\n"seats" = "x"\n[articles.ja]\n"seats" = "y"\n')
    assert [at for severity, at, _ in found if severity == WARNING] == [
        f"articles.{code}" for code in LANGUAGES if code not in ("en", "ja")
    ]


@pytest.mark.parametrize(
    ("changes", "severity", "where"),
    [
        ((('riders = ["senior"]', 'riders = ["pupil"]'),), ERROR, "riders"),
        ((('riders = ["senior"]', "riders = []\nfare_cents = 100"),), ERROR, "riders"),
        ((('riders = ["senior"]', "riders = []"),), WARNING, "riders"),
        ((('riders = ["senior"]', 'riders = ["anyone", "senior"]'),), WARNING, "riders"),
        ((('riders = ["senior"]', 'riders = ["senior"]\nmax_detour_minutes = 5'),), WARNING, "max_detour_minutes"),
        ((('riders = ["senior"]', 'riders = ["senior"]\nfreeze_minutes = 31'),), WARNING, "freeze_minutes"),
    ],
)
def test_rules_that_cannot_be_meant_together_are_told(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], severity: str, where: str
) -> None:
    text = GOOD
    for old, new in changes:
        text = text.replace(old, new)
    assert [(one, at) for one, at, _ in remarks(tmp_path, text)] == [(severity, where)]


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b""], ids=["cut off", "no UTF-8", "empty"])
def test_a_file_that_is_no_rules_file_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(content)
    said = CliRunner().invoke(main, ["policy", "check", str(file)])
    assert said.exit_code == 1 and "Traceback" not in said.output and "cannot be used" in said.output


def test_the_command_passes_a_sound_file_and_lists_those_that_are_there() -> None:
    said = CliRunner().invoke(main, ["policy", "check", str(town_file("hiroo"))])
    assert said.exit_code == 0 and "not enforced by the machine: Proof is shown to the driver." in said.output
    listed = CliRunner().invoke(main, ["policy", "list"]).output
    assert all(f" {name}.toml: " in listed for name in (*TOWNS, *MODES)) and "* demo-town.toml" in listed


@pytest.mark.parametrize("name", ["no-such-file.toml", "terms/service.toml"])
def test_a_service_does_not_start_with_rules_that_have_errors(tmp_path: Path, name: str) -> None:
    settings = Settings(tmp_path, f"sqlite:///{tmp_path / 'noriai.db'}", "secret", policy=name)
    with pytest.raises(RulesError, match=r"cannot be used\. \S"):
        open_town(settings)
    assert not (tmp_path / "noriai.db").exists()


# What the town allows and what a schedule says


def test_a_schedule_opens_a_run_no_farther_than_the_town_allows(town: Town) -> None:
    scheduled = check(town, sheet(run("D1"))).file.runs[0]
    wide = replace(scheduled, who_may_ride=("anyone",), detour="up to", max_detour=900, deadhead=True, max_extra=None)
    only = replace(town.policy, riders=frozenset({"registered"}))
    strict = replace(only, detour=Detour.UP_TO, max_detour=300, deadhead=False)
    made = as_allowed(wide, strict)
    assert made.riders == {"registered"}
    assert (made.detour, made.max_detour, made.deadhead) == (Detour.UP_TO, 300, False)
    kept = as_allowed(wide, replace(strict, riders=frozenset({"anyone"}), detour=Detour.ON_ROUTE))
    assert kept.riders == {"anyone"}
    assert (kept.detour, kept.max_detour) == (Detour.ON_ROUTE, 0)
    narrow = as_allowed(replace(scheduled, who_may_ride=("senior",), detour="none"), only)
    assert (narrow.riders, narrow.detour) == (frozenset(), Detour.NONE)


# Holidays


def test_faults_of_a_table_of_holidays_are_told_with_what_to_write(tmp_path: Path) -> None:
    days = '[[holidays.days]]\nfirst = 2027-02-22\nname = { en = "Break" }\n'
    faults = {
        '[holidays]\ncountry = "XX"\n': ("holidays.country", "has no table of public holidays"),
        '[holidays]\ncountry = "Finland"\n': ("holidays.country", "Write a code of ISO 3166-1"),
        '[holidays]\ncountry = "DE"\nsubdivision = "ZZ"\n': ("holidays.subdivision", "its parts are BB, BE"),
        '[holidays]\nclosed = ["public"]\n': ("holidays.closed", "there is none"),
        f'[holidays]\ncountry = "JP"\nclosed = ["obon"]\n{days}': ("holidays.closed", "public, school"),
        f"{days}last = 2027-02-20\n": ("holidays.days 1", "is before the first"),
        days.replace('{ en = "Break" }', "{}"): ("holidays.days.0.name", "at least 1 item"),
        days.replace("2027-02-22", '"22.2."'): ("holidays.days.0.first", "valid date"),
        '[holidays]\ncuontry = "JP"\n': ("holidays.cuontry", "Did you mean country?"),
    }
    for text, (where, why) in faults.items():
        found = [(place, told) for severity, place, told in remarks(tmp_path, GOOD + text) if severity == ERROR]
        assert [place for place, _ in found] == [where] and why in found[0][1], text
    assert remarks(tmp_path, f'{GOOD}[holidays]\ncountry = "JP"\nclosed = ["public", "school"]\n{days}') == []
