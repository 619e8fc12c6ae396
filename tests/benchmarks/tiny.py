"""A day of two runs and three requests on a line of five places, and four requests of a dial-a-ride instance."""

import json
from pathlib import Path
from typing import Any

import numpy as np

MINUTE = 60
EIGHT = 8 * 3600


def stop(place: int, begin: int, *, board: int = 0, alight: int = 0) -> dict[str, int]:
    window = {"earliest": begin - 120, "latest": begin + 900}
    return {"place": place, "board": board, "alight": alight, **window, "dwell": 30}


def asked(number: int, pickup: int, dropoff: int, earliest: int, *, asked_at: int, party: int = 1) -> dict[str, int]:
    longest = abs(pickup - dropoff) * 5 * MINUTE * 3 // 2 + 600
    return {
        "id": number,
        "pickup": pickup,
        "dropoff": dropoff,
        "earliest": earliest,
        "latest": earliest + 1800,
        "dropoff_latest": earliest + 1800 + 60 + longest,
        "dwell": 60,
        "party": party,
        "max_ride": longest,
        "asked_at": asked_at,
    }


def tiny_day() -> dict[str, Any]:
    """Places 0 to 4 stand in a row, five minutes apart.

    Run 0 collects three riders on its way from 0 to 4, run 1 brings three home from 4 to 0; request 2 is too late for
    both.
    """
    return {
        "runs": [
            {
                "id": 0,
                "capacity": 4,
                "load_at_start": 0,
                "start": {"place": 0, "earliest": EIGHT},
                "end": {"place": 4, "latest": EIGHT + 3600},
                "stops": [stop(1, EIGHT + 600, board=2), stop(3, EIGHT + 1500, board=1)],
            },
            {
                "id": 1,
                "capacity": 4,
                "load_at_start": 3,
                "start": {"place": 4, "earliest": EIGHT + 7200},
                "end": {"place": 0, "latest": EIGHT + 10800},
                "stops": [stop(3, EIGHT + 7800, alight=1), stop(1, EIGHT + 8700, alight=2)],
            },
        ],
        "requests": [
            asked(0, 1, 3, EIGHT + 300, asked_at=EIGHT - 3600),
            asked(1, 2, 0, EIGHT + 7500, asked_at=EIGHT - 7200),
            asked(2, 0, 4, EIGHT + 20_000, asked_at=EIGHT),
        ],
    }


def write_day(folder: Path, data: dict[str, Any] | None = None) -> Path:
    row = np.arange(5, dtype=np.int32)
    folder.mkdir(exist_ok=True)
    np.save(folder / "seconds.npy", np.abs(row[:, None] - row[None, :]) * 5 * MINUTE)
    (folder / "day.json").write_text(json.dumps(data or tiny_day()), encoding="utf-8")
    return folder


SOUND: dict[str, Any] = {
    "runs": {
        "0": [["start"], ["pickup", 0], ["stop", 0], ["stop", 1], ["dropoff", 0], ["end"]],
        "1": [["start"], ["stop", 0], ["pickup", 1], ["stop", 1], ["dropoff", 1], ["end"]],
    }
}
"""A plan that serves requests 0 and 1 on the runs' own road."""

INSTANCE = """\
2 8 100 3 30
 0  0.000  0.000  0  0   0  480
 1  1.000  0.000  3  1   0   60
 2  2.000  1.000  3  1  10   60
 3 -1.000  0.000  3  1   0  480
 4 -2.000 -1.000  5  2   0  480
 5  4.000  0.000  3 -1   0   90
 6  4.000  1.000  3 -1  20   90
 7 -4.000  0.000  3 -1   0  480
 8 -4.000 -1.000  5 -2   0  480
 9  0.000  0.000  0  0   0  480
"""


def write_instance(folder: Path, text: str = INSTANCE) -> Path:
    path = folder / "t2-4.txt"
    path.write_text(text, encoding="utf-8")
    return path
