"""Every sentence of the site is said in every language."""

import re
import string
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po
from flask import Flask

from tests.webapp.small_town import MONDAY
from webapp.config import LANGUAGES
from webapp.files.field_names import FieldNames
from webapp.files.headers import NEEDED
from webapp.files.spelling import Unclear, flag_of
from webapp.resources import data_path
from webapp.views.shared import write_clock, write_day, write_hours, write_money

ROOT = Path(__file__).parents[2]
OTHERS = sorted(set(LANGUAGES) - {"en"})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Collect the sentences that pages and code say today."""
    path = tmp_path_factory.mktemp("words") / "messages.pot"
    extract = ["-m", "babel.messages.frontend", "-q", "extract", "-F", "babel.cfg", "-k", "lazy", "-o", str(path), "."]
    subprocess.run([sys.executable, *extract], cwd=ROOT, check=True, capture_output=True)
    with path.open("rb") as file:
        return read_po(file)


def catalogue(language: str) -> Catalog:
    with (ROOT / "webapp" / "locale" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(template: Catalog, language: str) -> None:
    known = {message.id: message for message in catalogue(language) if message.string and not message.fuzzy}
    assert [message.id for message in template if message.id and message.id not in known] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_loses_what_is_filled_in(language: str) -> None:
    sentences = catalogue(language)
    faults = {message.id: [str(error) for error in message.check(sentences)] for message in sentences}
    assert {said: errors for said, errors in faults.items() if errors} == {}


SCRIPTS = {"ja": r"[\u3040-\u30ff\u4e00-\u9fff]", "ko": r"[\uac00-\ud7a3]"}
LATIN_WORDS = r"[a-zåäö]{3,} [a-zåäö]{2,}"


@pytest.mark.parametrize("language", sorted(SCRIPTS))
def test_no_sentence_is_in_another_language_than_its_catalogue(language: str) -> None:
    strings = [message.string for message in catalogue(language) if message.id]
    said = [re.sub(r"%\(\w+\)s", "", one if isinstance(one, str) else "".join(one or ())) for one in strings]
    assert [one for one in said if re.search(LATIN_WORDS, one) and not re.search(SCRIPTS[language], one)] == []


def test_every_remark_on_a_file_is_said_in_every_language() -> None:
    remarks = tomllib.loads(data_path("messages.toml").read_text(encoding="utf-8"))
    frame = remarks.pop("frame")
    assert (set(frame), [code for code, texts in remarks.items() if set(texts) != set(LANGUAGES)]) == (
        set(LANGUAGES),
        [],
    )


def test_every_remark_names_the_same_facts_in_every_language() -> None:
    remarks = tomllib.loads(data_path("messages.toml").read_text(encoding="utf-8"))
    del remarks["frame"]
    uneven = [code for code, texts in remarks.items() if len({facts(text) for text in texts.values()}) > 1]
    assert uneven == []


def test_a_column_that_a_remark_asks_for_is_known_by_the_name_it_is_given() -> None:
    names = FieldNames.load(data_path("field_names.toml"))
    asked = {group[0] for group in NEEDED}
    unknown = [
        (language, field)
        for language in LANGUAGES
        for field in asked
        if names.find("runs", names.call(field, language)) != field
        or (language != "en" and names.call(field, language) == names.call(field, "en"))
    ]
    assert unknown == []


def test_what_a_remark_tells_people_to_write_is_understood() -> None:
    """Words in quotation marks are names of columns, sheets or directions, with a time behind them, or yes and no."""
    names = FieldNames.load(data_path("field_names.toml"))
    remarks = tomllib.loads(data_path("messages.toml").read_text(encoding="utf-8"))
    del remarks["frame"]
    quoted = re.compile(r"[”「“]([^”」]*)[”」]")
    told = {word for texts in remarks.values() for code in OTHERS for word in quoted.findall(texts[code])}
    bare = {re.sub(r"[ 　]*[0-9:.]+$", "", word) for word in told if "CSV" not in word and "{" not in word}
    headers = {word for word in bare if any(names.find(kind, word) for kind in names.tables)}
    assert [word for word in sorted(bare - headers) if isinstance(flag_of(word), Unclear)] == []


def test_times_dates_and_numbers_have_the_form_of_the_readers_language(site: Flask) -> None:
    forms = {
        "en": ("09:10", "Monday, 23 November 2026", "€1.50", "1.1"),
        "fi": ("9.10", "maanantai 23. marraskuuta 2026", "1,50\xa0€", "1,1"),
        "ja": ("9:10", "2026年11月23日月曜日", "€1.50", "1.1"),
        "ko": ("09:10", "2026년 11월 23일 월요일", "€1.50", "1.1"),
        "sv": ("09.10", "måndag 23 november 2026", "1,50\xa0€", "1,1"),
    }
    written = {}
    for language in LANGUAGES:
        with site.test_request_context(headers={"Accept-Language": f"{language}-FI,{language};q=0.9,en;q=0.1"}):
            clock = write_clock(9 * 3600 + 600, MONDAY)
            written[language] = (clock, write_day(MONDAY), write_money(150, "EUR"), write_hours(66))
    assert written == forms


def facts(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)
