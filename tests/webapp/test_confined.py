"""No file, however made, does more than get a message: strangers' files are read where they can do little harm."""

import io
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from tests.test_architecture import ROOT
from tests.webapp.feed_samples import feed
from tests.webapp.handing_in import confirm, said
from tests.webapp.hostile_files import BOMB, GOOD, TAKEN, Case, cases
from tests.webapp.schedule_samples import JAPANESE
from tests.webapp.visitor import Visitor
from tests.webapp.wishes import rider_id
from webapp import apart
from webapp.apart import Limits
from webapp.files import confined
from webapp.files.answers import Answers, Terms
from webapp.files.confined import read_confined
from webapp.files.reader import Beside, read_file
from webapp.files.scheduled import ScheduleFile
from webapp.resources import data_path
from webapp.services import schedules
from webapp.services.errors import Conflict
from webapp.town import Town

TEXTS = tomllib.loads(data_path("messages.toml").read_text(encoding="utf-8"))
UNLIMITED = Limits(memory=None, cpu=None, wall=None)
HEAVY = b"run_id,days,from,until,place,time,board,alight\n" + b"R,Mon,2026-04-01,2027-03-31,A,8:00,1,\n" * 150_000
"""Rows within all limits of number and size, whose reading takes some seconds and more than 100 MB."""


def fault_of(case: Case, file: ScheduleFile) -> str:
    """Say how an answer differs from what is expected of a file; nothing where it does not."""
    found = [message for message in file.messages if message.severity == "error"]
    if case.expected == TAKEN:
        return "" if file.runs and not found else f"refused: {found}"
    code = case.expected.partition("/")[0]
    says = (case.says, TEXTS[case.expected]["en"].rpartition("}")[2])
    if [message.code for message in found][:1] != [code] or not all(words in found[0].text for words in says):
        return f"{found}"
    return "" if not file.runs or code == "E-MOJIBAKE" else "runs were taken"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_every_odd_file_gets_its_message() -> None:
    made = cases()
    with ThreadPoolExecutor(confined.AT_ONCE) as threads:
        files = list(threads.map(lambda case: read_confined(case.content, case.filename), made))
    told = ((case.name, fault_of(case, file)) for case, file in zip(made, files, strict=True))
    wrong = {name: fault for name, fault in told if fault}
    assert "root:" not in repr([file.messages for file in files]), "no content of another file is ever shown"
    assert wrong == {}
    assert len(made) >= 60


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(memory=70 * 2**20), "needs more memory than the 70 MB"),
        (Limits(cpu=1), "took too long"),
        (Limits(wall=0.5), "took too long"),
    ],
)
def test_a_file_that_takes_too_much_is_refused_whole(limits: Limits, says: str) -> None:
    file = read_confined(HEAVY, "runs.csv", limits=limits)
    assert ([message.code for message in file.messages], file.runs, file.rows) == (["E-FILE-LIMIT"], (), 0)
    assert says in file.messages[0].text


def test_it_is_the_limits_that_refuse_it() -> None:
    """Negative control: without limits the same file is read to its end, however long that takes."""
    file = read_confined(HEAVY, "runs.csv", limits=UNLIMITED)
    assert (file.rows, "E-FILE-LIMIT" in {message.code for message in file.messages}) == (150_000, False)


def test_a_refusal_is_told_in_the_readers_language() -> None:
    says = {"fi": "kesti liian kauan", "ja": "時間がかかりすぎ", "ko": "너무 오래 걸려"}
    for language, words in says.items():
        file = read_confined(HEAVY, "runs.csv", language=language, limits=Limits(wall=0.05))
        assert words in file.messages[0].text


def test_it_reads_what_this_process_would_read() -> None:
    answers = Answers(otherwise=Terms(seats=6, who_may_ride=("anyone",)))
    for content, name in ((GOOD, "runs.xlsx"), (JAPANESE.encode("cp932"), "便.csv"), (feed(), "feed.zip")):
        there = read_confined(content, name, language="ja", beside=Beside(answers))
        assert there == read_file(content, name, language="ja", beside=Beside(answers))
        assert there.runs


def test_many_threads_hand_in_at_once() -> None:
    contents = [JAPANESE.replace("D1", f"D{number}").encode() for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        files = list(threads.map(lambda content: read_confined(content, "runs.csv"), contents))
    assert [file.runs[0].code for file in files] == [f"D{number}迎え" for number in range(24)]


def test_the_reading_process_is_started_again_when_it_has_ended() -> None:
    assert read_confined(GOOD, "runs.xlsx").runs
    running = confined._PROCESS._running
    assert running is not None
    running.kill()
    running.wait()
    assert read_confined(GOOD, "runs.xlsx").runs


def test_a_file_waits_its_turn_and_is_told_when_it_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "_PATIENCE", 0.01)
    for _ in range(confined.AT_ONCE):
        confined._PROCESS.turns.acquire()
    try:
        file = read_confined(GOOD, "runs.xlsx")
    finally:
        for _ in range(confined.AT_ONCE):
            confined._PROCESS.turns.release()
    assert "Other files are being read" in file.messages[0].text
    assert read_confined(GOOD, "runs.xlsx").runs


@pytest.fixture
def no_python(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    confined._PROCESS.end()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    yield
    confined._PROCESS.end()


def test_a_process_that_cannot_be_started_is_a_message_too(no_python: None) -> None:
    assert [message.code for message in read_confined(GOOD, "runs.xlsx").messages] == ["E-FILE-LIMIT"]


FORKING = """
import os
from pathlib import Path
from webapp.files import confined
content = Path({path!r}).read_bytes()
assert confined.read_confined(content, "a.xlsx").runs
for _ in range(3):
    if not (child := os.fork()):
        os._exit(not confined.read_confined(content, "b.xlsx").runs)
    assert os.waitpid(child, 0)[1] == 0
assert confined.read_confined(content, "c.xlsx").runs
print("read", end="")
"""


def test_workers_that_a_web_server_forks_have_readers_of_their_own(tmp_path: Path) -> None:
    book = tmp_path / "runs.xlsx"
    book.write_bytes(GOOD)
    script = FORKING.format(path=str(book))
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("read", "")


def test_the_reading_process_knows_no_secret_and_no_library_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    confined._PROCESS.end()
    monkeypatch.setenv("NORIAI_SECRET_KEY", "canary")
    assert read_confined(GOOD, "runs.xlsx").runs
    running = confined._PROCESS._running
    assert running is not None
    seen = Path(f"/proc/{running.pid}/environ")
    assert not seen.exists() or b"canary" not in seen.read_bytes()
    heavy = "{'numba', 'numpy', 'flask', 'sqlalchemy', 'osmnx', 'ortools'}"
    said = f"import webapp.files.reader, sys; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_trace_of_a_fault_of_our_own_holds_no_word_of_the_file(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(_line: object) -> int:
        raise ValueError("".join(map(chr, (0x5C71, 0x7530))))

    ended = os.waitpid(apart.split(lambda: fail(None)), 0)[1]
    assert os.waitstatus_to_exitcode(ended) == 1
    assert "ValueError" in (trace := capfd.readouterr().err) and "山田" not in trace


# At the service and in the browser


def test_of_a_file_that_was_refused_nothing_can_be_kept(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "LIMITS", Limits(wall=0.05))
    actor = rider_id(town, "dispatcher")
    row = schedules.upload(town, HEAVY, "runs.csv", operator="school", actor=actor)
    checked = schedules.check(town, HEAVY, "runs.csv", operator="school")
    assert (said(checked), checked.runs, checked.refused) == (["E-FILE-LIMIT"], (), True)
    with pytest.raises(Conflict):
        confirm(town, row)


def test_a_dispatcher_reads_why_a_bomb_was_not_opened(site: Flask) -> None:
    dispatcher = Visitor(site).sign_in("dispatcher")
    dispatcher.get("/dispatch/upload")
    dispatcher.post("/dispatch/upload", {"file": (io.BytesIO(BOMB), "feed.zip")})
    assert "larger than we take in" in dispatcher.text and "Nothing was taken in" in dispatcher.text
