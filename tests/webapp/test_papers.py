"""Manifests on paper: who rides, for the own operator alone; letters of every language are in the PDF."""

import csv
import io
import shutil
import subprocess

import pytest
from openpyxl import load_workbook

from tests.webapp.asking import book
from tests.webapp.conftest import SignIn
from tests.webapp.small_town import MONDAY, RIDER
from tests.webapp.test_driving import with_family
from tests.webapp.wishes import BUS, VAN
from webapp.db import tables
from webapp.printing import Rider, Sheet, Stop, write_pdf
from webapp.town import Town

DAY = f"day={MONDAY}"
JAPANESE, KOREAN, SWEDISH = "国立市の送迎 髙橋はなこ", "김영희 통학 버스", "Åke från Sjöängen"


def sheet(riders: int = 2) -> Sheet:
    people = tuple(Rider("乗車", f"{JAPANESE} {n}", KOREAN) for n in range(riders))
    stops = (Stop(1, "8:00", SWEDISH, "", people, "2"),)
    return Sheet("A1", "2026", "B1", "2", "欠席", (KOREAN,), stops, "A1", "______")


def test_every_language_is_in_the_pdf_with_its_letters() -> None:
    made = write_pdf([sheet()], title="A1", language="ja")
    assert made.startswith(b"%PDF") and b"/FontFile3" in made
    if shutil.which("pdftotext"):
        said = subprocess.run(["pdftotext", "-", "-"], input=made, capture_output=True, check=True).stdout.decode()
        assert all(text in said for text in (JAPANESE, KOREAN, SWEDISH))


def test_a_long_run_goes_on_overleaf() -> None:
    assert write_pdf([sheet(2)], title="A1", language="en").count(b"/Type /Page\n") == 1
    assert write_pdf([sheet(60)], title="A1", language="en").count(b"/Type /Page\n") > 1


def test_a_manifest_names_who_boards_and_who_is_absent(sign_in: SignIn, town: Town) -> None:
    with_family(town)
    book(sign_in(RIDER))
    dispatcher = sign_in("dispatcher")
    dispatcher.get(f"/dispatch/runs/{BUS}/manifest")
    assert "Aino Esimerkki" in dispatcher.text and "Resident Testi" in dispatcher.text
    assert "Vehicle walked through" in dispatcher.text
    dispatcher.get(f"/dispatch/manifests?{DAY}")
    assert "Aino Esimerkki" in dispatcher.text and "Morning van" not in dispatcher.text


@pytest.mark.parametrize("path", ["manifest", "manifest.pdf"])
def test_the_manifest_of_another_operator_is_not_there(sign_in: SignIn, path: str) -> None:
    sign_in("dispatcher").get(f"/dispatch/runs/{VAN}/{path}", status=404)


def test_the_day_is_a_table_of_every_stop_and_rider(sign_in: SignIn, town: Town) -> None:
    def rename(door: object) -> None:
        door.put(tables.Member(operator_id="school", code="A01", name="=1+1"))  # type: ignore[attr-defined]

    with_family(town)
    town.store.commit(rename)
    browser = sign_in("dispatcher").browser
    answer = browser.get(f"/dispatch/manifests.csv?{DAY}")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert answer.headers["Cache-Control"] == "no-store"
    assert [row["Stop"] for row in rows][:2] == ["Liisankatu 29", "Rautatientori"]
    assert rows[0]["Rider"] == "'=1+1" and rows[0]["On or off"] == "On"
    book_ = load_workbook(io.BytesIO(browser.get(f"/dispatch/manifests.xlsx?{DAY}").data))
    assert [cell.value for cell in book_.active[2]][5] == "Liisankatu 29"  # type: ignore[index]


def test_the_pdf_of_a_day_is_sent_as_a_file_that_nobody_keeps(sign_in: SignIn) -> None:
    answer = sign_in("dispatcher").browser.get(f"/dispatch/manifests.pdf?{DAY}")
    assert answer.mimetype == "application/pdf" and answer.data.startswith(b"%PDF")
    assert (
        answer.headers["Cache-Control"] == "no-store"
        and f"school-{MONDAY}.pdf" in answer.headers["Content-Disposition"]
    )
