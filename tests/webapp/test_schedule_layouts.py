"""Timetables with stops down and runs across, lists of riders and exports without a header become the same runs."""

import csv
import io
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webapp.schedule_samples import codes, message_of, read
from webapp.files.canonical import ScheduledRun, ScheduleFile

SEASON = "days,Mon-Fri,,\nfrom,2026-09-01,,\nuntil,2027-06-01,,\n"
DOWN = """stop,Run 1,Run 2,Run 3
Station,7:00,9:00,15:00
Market,7:10,|,15:12
Hospital,7:20,9:18,
School,7:30,9:30,15:30
"""
ACROSS = """run_id,days,from,until,Station,Market,Hospital,School
Run 1,Mon-Fri,2026-09-01,2027-06-01,7:00,7:10,7:20,7:30
Run 2,〃,〃,〃,9:00,レ,9:18,9:30
Run 3,〃,〃,〃,15:00,15:12,-,15:30
"""
ROSTER = """あおぞらデイサービス 送迎表,,,,,,
運行日：月火木,,開始日,R8.4.1,終了日,R9.3.31,
座席数,８名,車椅子台数,1,一般利用,なし,
【迎え】　１号車,,到着時刻,９：００,,,
順番,利用者コード,氏名,住所,お迎え時間,車椅子,特記事項
１,A12,山田太郎,本町1-2,８時１５分,,犬に注意
２,B07,佐藤花子,港町3-4,８：２７,○,
【送り】　１号車,,出発時刻,16:00,,,
順番,利用者コード,氏名,住所,お送り時間,車椅子,特記事項
１,B07,佐藤花子,港町3-4,１６：２０,○,
２,A12,山田太郎,本町1-2,16:40,,
"""
GENESIS = """days,Mon-Fri
from,2026-09-01
until,2027-06-01
facility,Hillside School
arrival,8:10AM
departure,3:00PM
10234,Doe Jane,12,7:46AM,12 Oak St,14,3:13PM,12 Oak St
10235,Roe Rick,12,7:51AM,99 Elm Ave,No Transportation,,
10236,Poe Ann,12,7:40AM,1 Main St,14,3:23PM,1 Main St
"""


def timetable(file: ScheduleFile) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(run.code, visits(run)) for run in file.runs]


def visits(run: ScheduledRun) -> list[tuple[str, str]]:
    return [(stop.place_name, clock(stop.time)) for stop in run.stops]


def clock(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds // 3600}:{seconds // 60 % 60:02d}"


RUNS = [
    ("Run 1", [("Station", "7:00"), ("Market", "7:10"), ("Hospital", "7:20"), ("School", "7:30")]),
    ("Run 2", [("Station", "9:00"), ("Hospital", "9:18"), ("School", "9:30")]),
    ("Run 3", [("Station", "15:00"), ("Market", "15:12"), ("School", "15:30")]),
]


@pytest.mark.parametrize("text", [SEASON + DOWN, ACROSS], ids=["down", "across"])
def test_a_timetable_gives_the_same_runs_whichever_way_it_is_turned(text: str) -> None:
    file = read(text)
    assert timetable(file) == RUNS
    assert {(max(run.days), run.first, run.last) for run in file.runs} == {(4, date(2026, 9, 1), date(2027, 6, 1))}
    assert file.errors == ()


def test_what_was_recognised_is_told() -> None:
    down, across = (message_of(read(text), "W-LAYOUT").text for text in (SEASON + DOWN, ACROSS))
    assert "4 stops down and 3 runs across: stop names from column A, times from columns B to D" in down
    assert "4 stops across and 3 runs down: stop names from row 1, times from columns E to H" in across


def test_days_above_the_times_count_for_the_runs_they_stand_over() -> None:
    text = ",MATIN,,SOIR\n,ma–pe,,ma–to\nfrom,2026-09-01,,\nuntil,2027-06-01,,\n" + DOWN
    assert [max(run.days) for run in read(text).runs] == [4, 4, 3]


@pytest.mark.parametrize(
    ("language", "word"),
    [("en", "days"), ("fi", "ajopäivät"), ("ja", "運行日"), ("ko", "운행일"), ("sv", "trafikdagar")],
)
def test_a_timetable_that_does_not_say_its_days_is_refused_in_one_message(language: str, word: str) -> None:
    file = read(DOWN, language=language)
    assert [(message.code, word in message.text) for message in file.errors] == [("E-DAYS", True)]
    assert file.runs == ()


def test_villages_over_several_stops_are_part_of_their_names() -> None:
    text = SEASON + ",,Run 1,Run 2\nBech,School,7:00,9:00\n,Church,7:10,9:10\nDell,Church,7:20,9:20\n"
    assert [name for name, _ in timetable(read(text))[0][1]] == ["Bech School", "Bech Church", "Dell Church"]


def test_arrival_and_departure_are_one_stop() -> None:
    text = SEASON + "停留所,,1便,2便\n駅,発,7:00,9:00\n病院,着,7:20,9:20\n,発,7:25,9:25\n学校,着,7:40,9:40\n"
    run = read(text).runs[0]
    assert visits(run) == [("駅", "7:00"), ("病院", "7:25"), ("学校", "7:40")]
    assert [stop.dwell for stop in run.stops] == [60, 300, 60]


def test_two_timetables_on_one_sheet_are_both_read() -> None:
    text = SEASON + DOWN + "\n帰り,,,\ndays,Sat,Sun\nstop,Run 4,Run 5\nSchool,16:00,17:00\nStation,16:30,17:45\n"
    text += "Yard,16:50,18:05\n"
    assert [run.code for run in read(text).runs] == ["Run 1", "Run 2", "Run 3", "Run 4", "Run 5"]
    assert [m.code for m in read(text.replace("days,Sat,Sun\n", "")).errors] == ["E-DAYS"]


def test_footnotes_and_their_marks_are_not_read_and_that_is_told() -> None:
    file = read(SEASON + DOWN.replace("7:20", "7:20*") + "※ 祝日は運休,,,\n")
    assert timetable(file) == RUNS
    assert [m.row for m in file.messages if m.code == "W-FOOTNOTE"] == [0, 9]


def test_a_wrong_time_is_named_where_it_stands() -> None:
    file = read(SEASON + DOWN.replace("7:20", "7;20"))
    message = message_of(file, "E-TIME")
    assert (message.row, message.column, message.value, message.run) == (7, "B Run 1", "7;20", "Run 1")
    assert [run.code for run in file.runs] == ["Run 2", "Run 3"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x,Run A,Run B\nStation,7:10,7:20\nSchool,7:30,7:40\n", "E-HEADER"),
        ("7:00,8:00,9:00\n7:10,8:10,9:10\n7:20,8:20,9:20\n", "E-HEADER"),
        (SEASON + "stop,,,\n" + DOWN.split("\n", 1)[1], "E-RUN-ID"),
        ("氏名,迎え時刻,送り時刻\n山田,8:00,16:00\n佐藤,8:10,16:10\n鈴木,8:20,16:20\n", "E-HEADER"),
    ],
    ids=["either way", "no names of stops", "no names of runs", "names of persons are no stops"],
)
def test_what_is_not_certain_is_refused(text: str, code: str) -> None:
    file = read(text)
    assert code in [message.code for message in file.errors]
    assert file.runs == ()


def test_a_list_of_riders_becomes_a_run_to_the_facility_and_one_home() -> None:
    file = read(ROSTER)
    assert timetable(file) == [
        ("1号車 迎え", [("本町1-2", "8:15"), ("港町3-4", "8:27"), ("あおぞらデイサービス", "9:00")]),
        ("1号車 送り", [("あおぞらデイサービス", "16:00"), ("港町3-4", "16:20"), ("本町1-2", "16:40")]),
    ]
    assert [(run.vehicle, run.seats, run.wheelchairs, sorted(run.days)) for run in file.runs] == [
        ("1号車", 8, 1, [0, 1, 3])
    ] * 2
    assert [(stop.row, stop.residents) for stop in file.runs[0].stops] == [(6, False), (7, False), (4, None)]
    assert [rider.wheelchair for stop in file.runs[0].stops for rider in stop.riders_on] == [False, True]
    assert file.errors == ()


def test_names_and_remarks_about_riders_are_kept_nowhere() -> None:
    file = read(ROSTER)
    assert message_of(file, "W-PERSONAL-DATA").text.count("氏名") == 2
    for secret in ("山田", "佐藤", "犬に注意"):
        assert secret not in repr(file)
    unnamed = read(ROSTER.replace("A12", "山田").replace("B07", "佐藤"))
    assert [stop.board for stop in unnamed.runs[0].stops] == [1, 1, 0]
    assert "山田" not in repr(unnamed)


@pytest.mark.parametrize(
    ("old", "new", "code", "row"),
    [
        ("到着時刻,９：００", ",", "E-TIME-MISSING", 7),
        ("あおぞらデイサービス 送迎表", "", "E-PLACE", 7),
        ("８：２７", "８；２７", "E-TIME", 7),
        ("運行日：月火木", "", "E-DAYS", 6),
        ("車椅子台数,1", ",", "E-WHEELCHAIR", 7),
    ],
)
def test_what_a_list_of_riders_does_not_say_is_asked_for(old: str, new: str, code: str, row: int) -> None:
    message = message_of(read(ROSTER.replace(old, new)), code)
    assert (message.severity, message.row) == ("error", row)


def test_a_row_of_the_facility_gives_its_time() -> None:
    text = ROSTER.replace("到着時刻,９：００", ",").replace(
        "【送り】", "３,,,あおぞらデイサービス,９：０５,,\n【送り】"
    )
    assert visits(read(text).runs[0])[-1] == ("あおぞらデイサービス", "9:05")


@pytest.mark.parametrize(
    "header",
    [
        "vehicle,rider,address,pick up,drop off,arrival,departure,days,from,until",
        "車両,利用者コード,住所,迎え,送り,施設到着,施設出発,運行日,開始日,終了日",
        "차량,이용자코드,주소,등원,하원,도착,출발,운행일,시작일,종료일",
        "auto,matkustajatunnus,osoite,nouto,vienti,saapuminen,lähtö,ajopäivät,voimassa,päättyy",
    ],
)
def test_a_list_of_riders_is_known_in_every_language(header: str) -> None:
    days = "Mon-Fri,2026-09-01,2027-06-01"
    rows = f"V1,A1,Home 1,8:00,15:30,8:30,15:00,{days}\n,A2,Home 2,8:10,15:20,8:30,15:00,{days}\n"
    file = read(f"施設名,School,,,,,,,,\n{header}\n{rows}")
    assert file.errors == ()
    assert [[name for name, _ in visits(run)] for run in file.runs] == [
        ["Home 1", "Home 2", "School"],
        ["School", "Home 2", "Home 1"],
    ]


def columns(text: str, order: list[int]) -> str:
    """Put the columns of the rows of pupils into another order."""
    rows = list(csv.reader(io.StringIO(text)))
    out = io.StringIO()
    csv.writer(out).writerows([[row[k] for k in order] if len(row) > 2 else row for row in rows])
    return out.getvalue()


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 3, 2, 4, 6, 5, 7], [0, 1, 4, 2, 3, 7, 5, 6]])
def test_an_export_without_a_header_is_known_by_what_its_columns_hold(order: list[int]) -> None:
    file = read(columns(GENESIS, order))
    assert timetable(file) == [
        (
            "12 pick-up",
            [("1 Main St", "7:40"), ("12 Oak St", "7:46"), ("99 Elm Ave", "7:51"), ("Hillside School", "8:10")],
        ),
        ("14 drop-off", [("Hillside School", "15:00"), ("12 Oak St", "15:13"), ("1 Main St", "15:23")]),
    ]
    assert "no header: read as a student bus import" in message_of(file, "W-LAYOUT").text
    assert (file.errors, "Jane" in repr(file)) == ((), False)


def test_columns_for_weekdays_give_the_days_on_which_anybody_rides() -> None:
    days = {"10234": "Y,N,Y,N,N", "10235": "Y,Y,N,N,N", "10236": "N,N,Y,N,N"}
    lines = [f"{line},{days[line[:5]]}" if line[:5] in days else line for line in GENESIS.splitlines()[1:]]
    assert [sorted(run.days) for run in read("\n".join(lines)).runs] == [[0, 1, 2], [0, 2]]


RUN = st.lists(st.one_of(st.none(), st.integers(1, 9)), min_size=5, max_size=5).filter(
    lambda gaps: sum(gap is not None for gap in gaps) > 1
)


@settings(max_examples=60, deadline=None)
@given(st.lists(RUN, min_size=2, max_size=6))
def test_runs_written_as_a_timetable_are_read_back_as_the_same_runs(runs: list[list[int | None]]) -> None:
    rows: list[list[str]] = [["stop", *(f"Run {k}" for k in range(len(runs)))]]
    rows += [[f"Stop {chr(65 + k)}", *[""] * len(runs)] for k in range(5)]
    canonical = io.StringIO()
    writer = csv.writer(canonical)
    writer.writerow(["run_id", "days", "from", "until", "place", "time", "board", "alight"])
    for number, gaps in enumerate(runs):
        minutes = 6 * 60 + number * 100
        for k, gap in enumerate(gaps):
            minutes += gap or 0
            if gap is not None:
                rows[k + 1][number + 1] = clock(minutes * 60)
                said = [f"Run {number}", "Mon-Fri", "2026-09-01", "2027-06-01"]
                writer.writerow([*said, f"Stop {chr(65 + k)}", clock(minutes * 60), "", ""])
    wide = io.StringIO()
    csv.writer(wide).writerows(rows)
    season = "\n".join(line.rstrip(",") for line in SEASON.splitlines()) + "\n"
    assert timetable(read(season + wide.getvalue())) == timetable(read(canonical.getvalue()))


def test_a_canonical_file_is_never_taken_for_another_layout() -> None:
    assert "W-LAYOUT" not in codes(read("run_id,days,from,until,place,time,board\nD1,Mon,2026-04-01,,A,7:00,1\n"))


def test_a_file_of_more_timetables_than_are_looked_through_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.files.canonical.MOST_CELLS", 20)
    assert codes(read(SEASON + DOWN)) == ["E-FILE-BIG"]
