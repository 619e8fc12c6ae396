"""The build hook: what it compiles, when it fetches, and how it fails."""

import gettext
import shutil
from pathlib import Path

import pytest

from webapp.frontend import build_assets

ROOT = Path(__file__).parents[2]
CATALOG = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "Seat"
msgstr "Paikka"

#, fuzzy
msgid "Van"
msgstr "Vene"
"""


@pytest.fixture
def offline_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy what the hook reads to a place where no npm can be found."""
    for name in build_assets.MANIFEST:
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setenv("PATH", "")
    return tmp_path


def test_a_translation_is_compiled_without_its_unreviewed_entries(tmp_path: Path) -> None:
    source = tmp_path / "fi/LC_MESSAGES/messages.po"
    source.parent.mkdir(parents=True)
    source.write_text(CATALOG, encoding="utf-8")
    build_assets.compile_translations(tmp_path)
    words = gettext.translation("messages", tmp_path, ["fi"])
    assert (words.gettext("Seat"), words.gettext("Van")) == ("Paikka", "Van")


def test_a_build_without_npm_warns_and_goes_on(offline_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not build_assets.build(offline_tree)
    assert "could not be fetched" in capsys.readouterr().err


def test_a_build_that_requires_the_assets_fails_without_them(offline_tree: Path) -> None:
    with pytest.raises(build_assets.AssetsError):
        build_assets.build(offline_tree, require=True)


def test_every_fetched_file_is_missing_from_an_empty_directory(tmp_path: Path) -> None:
    assert build_assets.list_missing(tmp_path) == list(build_assets.FETCHED)


def test_the_lock_file_names_no_download_address() -> None:
    assert "resolved" not in (ROOT / "package-lock.json").read_text(encoding="utf-8")
