"""What is written about the project is true of it."""

import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from webapp.cli import main
from webapp.config import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in listed.stdout.split("\0") if name]


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 400


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_command_of_the_readme_exists() -> None:
    named = {words.split()[0] for words in re.findall(r"noriai ([a-z]+[ a-z]*)", README)}
    assert named - {"demo"} <= set(main.commands)


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [one.name for one in fields(Settings) if f"`NORIAI_{one.name.upper()}`" not in page] == []


def test_constraints_name_every_direct_dependency() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tested = {
        line.split("==")[0].split("[")[0]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    wanted = {re.split(r"[\[<>=]", one)[0] for one in pyproject["project"]["dependencies"]}
    assert wanted - tested == set()


def test_no_file_records_where_packages_are_downloaded_from() -> None:
    named = [name for name in tracked() if name == "uv.lock"]
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert (named, '"resolved"' in lock) == ([], False)
