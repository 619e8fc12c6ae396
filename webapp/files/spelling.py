"""Read times, counts, coordinates and yes/no as people write them: a cell in, a value or an `Unclear` out."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

Cell = str | int | float | bool | datetime | date | time | timedelta | None
"""What one cell of a CSV file (always text) or of a workbook can hold."""

_REMEMBERED = 32_768
"""Cells that are not looked at anew: most stand in a table many times, and each is asked for by many."""
_LAST_SECOND = 48 * 3600 - 1
_EXCEL_DAY_ONE = date(1900, 1, 1)
"""How Excel shows the day part of 24:00 when its cell is formatted as a time of day."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """A cell that is not taken.

    readings: the meanings it may have, none where it has no meaning here. piece: the part of a list that is at fault.
    """

    readings: tuple[str, ...] = ()
    piece: str = ""


@lru_cache(maxsize=_REMEMBERED, typed=True)
def shown(cell: Cell) -> str:
    """Write a cell as its sheet shows it, on one line."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        words = cell if cell.isprintable() else "".join(sign if sign.isprintable() else " " for sign in cell)
        return " ".join(words.split())
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d}" if cell.time() == time() else f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, time):
        return f"{cell:%H:%M}" if not cell.second else f"{cell:%H:%M:%S}"
    if isinstance(cell, timedelta):
        return clock(round(cell.total_seconds()))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


@lru_cache(maxsize=_REMEMBERED, typed=True)
def plain(cell: Cell) -> str:
    """Write a cell in one form of each character (NFKC), so that full-width and half-width text compare equal."""
    words = shown(cell)
    return words if words.isascii() else unicodedata.normalize("NFKC", words).strip()


def clock(seconds: int) -> str:
    """Write seconds of the service day as a timetable does: 7:45, 24:30, with seconds only where there are some."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02d}" + (f":{rest:02d}" if rest else "")


# Times

_ABOUT = re.compile(r"^(klockan|klo\.?|kl\.?|約|noin|about|ca\.?|cirka|ungefär)|(頃|ごろ|ころ|경|쯤)$")
_NEXT_DAY = re.compile(r"^(翌日|翌|익일|다음날)")
_MORNING = re.compile(r"^(a\.?m\.?|午前|오전)|(a\.?m\.?)$")
_AFTERNOON = re.compile(r"^(p\.?m\.?|午後|오후)|(p\.?m\.?)$")
_CLOCK = re.compile(r"(\d{1,2})(?:[:.h]|時|시)(\d\d)(?:[:.](\d\d)|分|분)?")
_ONE_DIGIT_MINUTES = re.compile(r"(\d{1,2})(?:時|시)(\d)(?:分|분)")
_HOUR = re.compile(r"(\d{1,2})(?:h|時|시)(半|반)?")
_DIGITS = re.compile(r"(\d{1,2})(\d\d)")
_LONG_DIGITS = re.compile(r"(\d\d)(\d\d)(\d\d)")
_NOON = {"正午", "noon", "정오", "keskipäivä"}


@lru_cache(maxsize=8_192, typed=True)
def time_of(cell: Cell) -> int | None | Unclear:
    """Read a time as seconds of the service day, 0 to 47:59:59; None for a blank cell."""
    if isinstance(cell, bool):
        return Unclear()
    if isinstance(cell, datetime):
        return _in_day(_seconds(cell.time()), next_day=True) if cell.date() == _EXCEL_DAY_ONE else Unclear()
    if isinstance(cell, time):
        return _seconds(cell)
    if isinstance(cell, timedelta):
        return _in_day(round(cell.total_seconds()))
    words = "".join(plain(cell).casefold().split())
    return _written_time(words) if words else None


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _in_day(seconds: int, *, next_day: bool = False) -> int | Unclear:
    seconds += 24 * 3600 if next_day else 0
    return seconds if 0 <= seconds <= _LAST_SECOND else Unclear()


def _written_time(words: str) -> int | Unclear:
    bare = _ABOUT.sub("", words)
    core = _NEXT_DAY.sub("", bare)
    for half, pattern in ((0, _MORNING), (12, _AFTERNOON)):
        if pattern.search(core):
            return _half_day_time(pattern.sub("", core), half)
    seconds = _clock_time(core, said_to_be_time=bare != words)
    return seconds if isinstance(seconds, Unclear) else _in_day(seconds, next_day=core != bare)


def _half_day_time(core: str, half: int) -> int | Unclear:
    seconds = _clock_time(core, said_to_be_time=True)
    if isinstance(seconds, Unclear) or seconds >= 13 * 3600:
        return Unclear()
    return seconds % (12 * 3600) + half * 3600


def _clock_time(core: str, *, said_to_be_time: bool) -> int | Unclear:
    """Read hours and minutes; a number that could be something else counts only where words say it is a time."""
    if core in _NOON:
        return 12 * 3600
    if (
        re.fullmatch(r"\d{1,6}(\.\d{1,18})?", core)
        and not said_to_be_time
        and (number := _number_time(core)) is not None
    ):
        return number
    for pattern in (_CLOCK, _ONE_DIGIT_MINUTES, _DIGITS, _LONG_DIGITS):
        if found := pattern.fullmatch(core):
            return _hms(*(int(part or 0) for part in found.groups()))
    if found := _HOUR.fullmatch(core):
        return _hms(int(found[1]), 30 if found[2] else 0)
    if said_to_be_time and re.fullmatch(r"\d{1,2}", core):
        return _hms(int(core))
    found = re.fullmatch(r"(\d{1,2})[:.](\d)", core)
    return _readings((int(found[1]), int(found[2]) * 10), (int(found[1]), int(found[2]))) if found else Unclear()


def _hms(hours: int, minutes: int = 0, seconds: int = 0) -> int | Unclear:
    if minutes > 59 or seconds > 59:
        return Unclear()
    return _in_day(hours * 3600 + minutes * 60 + seconds)


def _readings(*times: tuple[int, int]) -> Unclear:
    return Unclear(tuple(f"{h}:{m:02d}" for h, m in dict.fromkeys(times) if h < 48 and m < 60))


def _number_time(core: str) -> int | None | Unclear:
    """Read a bare number: part of a day, or refused where hours and minutes are not certain; None for the rest."""
    whole, _, decimals = core.partition(".")
    if len(decimals) > 2:
        return _in_day(round(float(core) * 1440) * 60)
    if len(whole) <= 2 and not decimals:
        return _readings((int(whole), 0), (0, int(whole)))
    if decimals and not int(whole):
        return _readings((0, int(decimals.ljust(2, "0"))), divmod(round(float(core) * 1440), 60))
    if len(decimals) == 1:
        return _readings((int(whole), int(decimals) * 10), (int(whole), int(decimals) * 6))
    return None


# Counts, minutes, coordinates, yes and no

UNSAID = "?"
"""Stands in a cell of which nothing is known, where a blank one would mean "as above"."""

_COUNT = re.compile(r"(\d{1,4})(?:\.0+)?(?:名|人|台|席|명|대|석|hlö|kpl|personer|person|pers\.?|st\.?)?")
_MINUTES = re.compile(r"(\d{1,4})(?:\.0+)?(?:分間?|분|min\.?|minutes?|minuuttia|minut(?:er)?)?")
_SECONDS = re.compile(r"(\d{1,6})(?:秒|초|s|sec\.?|seconds?|sekuntia|sekunder)")
_YES = "yes y true 1 kyllä k on ja j ○ ◯ 〇 ✓ ✔ レ 有 有り あり 可 はい 예 네 유 가능 있음"
_NO = "no n false 0 ei e off nej × ✕ ✗ x - 無 無し なし 不可 いいえ 아니요 무 불가 없음"


@lru_cache(maxsize=1_024, typed=True)
def count_of(cell: Cell) -> int | None | Unclear:
    """Read a number of people or places; None for a blank cell."""
    return _whole_number(_COUNT, cell)


@lru_cache(maxsize=1_024, typed=True)
def minutes_of(cell: Cell) -> int | None | Unclear:
    """Read a number of minutes, or of seconds where it says so, as seconds; None for a blank cell."""
    if not isinstance(cell, bool) and (found := _SECONDS.fullmatch("".join(plain(cell).casefold().split()))):
        return int(found[1])
    minutes = _whole_number(_MINUTES, cell)
    return minutes * 60 if isinstance(minutes, int) else minutes


def _whole_number(pattern: re.Pattern[str], cell: Cell) -> int | None | Unclear:
    words = "".join(plain(cell).casefold().split())
    if words in ("", UNSAID):
        return None
    found = None if isinstance(cell, bool) else pattern.fullmatch(words)
    return int(found[1]) if found else Unclear()


def coordinate_of(cell: Cell, *, most: int) -> float | None | Unclear:
    """Read degrees between -`most` and `most`, with a decimal point or comma; None for a blank cell."""
    words = plain(cell).replace(",", ".")
    if not words:
        return None
    if isinstance(cell, bool) or not re.fullmatch(r"[+-]?\d{1,3}(\.\d{1,18})?", words) or abs(float(words)) > most:
        return Unclear()
    return float(words)


@lru_cache(maxsize=1_024, typed=True)
def flag_of(cell: Cell) -> bool | None | Unclear:
    """Read yes or no; None for a blank cell."""
    if isinstance(cell, bool):
        return cell
    words = plain(cell).casefold()
    if not words:
        return None
    if words in _YES.split():
        return True
    return False if words in _NO.split() else Unclear()
