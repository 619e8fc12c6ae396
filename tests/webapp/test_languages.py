"""Every sentence of the site is said in every language."""

import string
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po

from webapp.config import LANGUAGES
from webapp.resources import data_path

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
    faults = {
        message.id: [str(error) for error in message.check(catalogue(language))] for message in catalogue(language)
    }
    assert {said: errors for said, errors in faults.items() if errors} == {}


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


def facts(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)
