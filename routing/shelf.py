"""Names kept in one SQLite file with a full-text index, read by many threads at a time.

Words are looked up by their beginnings, and from inside by pairs of neighbouring letters, which also serves scripts
without spaces; SQLite's own trigrams find nothing shorter than three letters. Rows are numbered by how likely people
mean them, so the first hits of a broad search are the best ones without sorting all.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import cos, degrees, radians
from pathlib import Path
from typing import Any
from urllib.parse import quote

from routing.area import EARTH_RADIUS, metres
from routing.naming import ADDRESS, STREET, Entry, Key, Match, Named, keys_of
from routing.times import Place, RoadError

FORMAT = 2
"""Raised whenever the tables change; files of another format are refused."""

_SEAL = 0x4E4F5241
"""SQLite's application_id of these files."""

_TABLES = """
PRAGMA page_size = 4096;
PRAGMA journal_mode = OFF;
CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT, kind TEXT, lat REAL, lon REAL, keys TEXT, spoken TEXT);
CREATE TABLE key (base TEXT, chain TEXT, entry INTEGER, PRIMARY KEY (base, chain, entry)) WITHOUT ROWID;
CREATE TABLE word (word TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE point USING rtree(id, south, north, west, east);
CREATE VIRTUAL TABLE text USING fts5(words, pairs, content='', tokenize='ascii', prefix='1 2 3');
"""

SETTLEMENTS = frozenset({
    "borough", "city", "hamlet", "isolated dwelling", "locality", "municipality", "neighbourhood", "quarter", "suburb",
    "town", "village",
})  # fmt: skip
"""Kinds of towns, villages and parts of them."""

_BREAK = " ¦ "
MOST = 200
"""Candidates that are looked at closely for one query."""

_MOST_NUMBERS = 4000
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is kept; `spoken`: language -> name."""

    id: int
    name: str
    kind: str
    place: Place
    keys: tuple[Key, ...]
    spoken: Mapping[str, str]

    def named(self, match: Match) -> Named:
        return Named(self.name, self.kind, self.place, match)


class Shelf:
    """The names of one file, or of one list; safe to use from many threads at a time."""

    def __init__(self, database: sqlite3.Connection, what: str) -> None:
        self._database = database
        self._what = what
        self._lock = threading.Lock()

    @staticmethod
    def of(entries: Iterable[Entry]) -> "Shelf":
        """Keep entries in memory."""
        database = sqlite3.connect(":memory:", check_same_thread=False)
        _fill(database, entries)
        return Shelf(database, "The list of places")

    @staticmethod
    def write(path: Path, entries: Iterable[Entry]) -> None:
        """Write entries as a file; the same entries give the same bytes."""
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as database:
            _fill(database, entries)

    @staticmethod
    def load(path: Path) -> "Shelf":
        """Open a file. Raises RoadError when it is missing, cut off, damaged or of another format."""
        with _sound(str(path)):
            uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
            database = sqlite3.connect(uri, uri=True, check_same_thread=False)
            try:
                _check(database, path)
            except Exception:
                database.close()
                raise
            return Shelf(database, str(path))

    def exact(self, key: Key) -> list[Row]:
        """List the entries that bear just this name and number."""
        chosen = "SELECT entry FROM key WHERE base = ? AND chain = ? LIMIT ?"
        return self._rows(chosen, key.base, " ".join(key.chain), MOST)

    def matching(self, expression: str, limit: int) -> list[Row]:
        """List the likeliest entries that a full-text expression finds."""
        return self._rows("SELECT rowid FROM text WHERE text MATCH ? ORDER BY rowid LIMIT ?", expression, limit)

    def together(self, key: Key, limit: int) -> list[Row]:
        """List the entries whose name begins so when it is written without spaces."""
        chosen = "SELECT entry FROM key WHERE base >= ? AND base < ? ORDER BY entry LIMIT ?"
        return self._rows(chosen, key.base, key.base + _LAST, limit)

    def numbers(self, base: str) -> list[Row]:
        """List the addresses of a street, and the street."""
        return self._rows("SELECT entry FROM key WHERE base = ? LIMIT ?", base, _MOST_NUMBERS)

    def around(self, place: Place, reach: float) -> list[Row]:
        """List the entries within `reach` metres, those of streets left out, whose point says little."""
        lat = degrees(reach / EARTH_RADIUS) * 1.01
        lon = min(180.0, lat / max(cos(radians(place.lat)), 1e-6))
        box = (place.lat - lat, place.lat + lat, place.lon - lon, place.lon + lon)
        chosen = "SELECT id FROM point WHERE north >= ? AND south <= ? AND east >= ? AND west <= ?"
        return [row for row in self._rows(chosen, *box) if row.kind != STREET and metres(place, row.place) <= reach]

    @cached_property
    def settlements(self) -> list[Row]:
        """The towns, villages and parts of them."""
        chosen = "SELECT id FROM entry WHERE kind IN (SELECT value FROM json_each(?))"
        return self._rows(chosen, json.dumps(sorted(SETTLEMENTS)))

    def holds(self, expression: str) -> bool:
        """Whether a full-text expression finds anything."""
        return bool(self._all("SELECT 1 FROM text WHERE text MATCH ? LIMIT 1", expression))

    @cached_property
    def words(self) -> dict[str, list[str]]:
        """The words that the names are made of, by their first letter."""
        grouped: dict[str, list[str]] = {}
        for (word,) in self._all("SELECT word FROM word"):
            grouped.setdefault(word[0], []).append(word)
        return grouped

    def _rows(self, chosen: str, *values: object) -> list[Row]:
        fields = "SELECT id, name, kind, lat, lon, keys, spoken FROM entry WHERE id IN"
        return [
            Row(id_, name, kind, Place(lat, lon), tuple(map(_read_key, keys.split("\n"))), json.loads(spoken or "{}"))
            for id_, name, kind, lat, lon, keys, spoken in self._all(f"{fields} ({chosen}) ORDER BY id", *values)
        ]

    def _all(self, query: str, *values: object) -> list[Any]:
        with self._lock, _sound(self._what):
            return self._database.execute(query, values).fetchall()


def beginning(word: str) -> str:
    """Write the full-text expression for names with a word that begins so; `word` is folded."""
    return f'words : "{word}" *'


def inside(word: str) -> str:
    """Write the expression for names with a word that holds these letters side by side; `word` is folded."""
    pairs = [word[k : k + 2] for k in range(len(word) - 1)]
    return f'pairs : "{" ".join(pairs)}"' if pairs else f'pairs : "{word}" *'


def numbered(chain: tuple[str, ...], *, begun: bool) -> str:
    """Write the expression for names with these numbers one after the other; `begun`: the last may go on."""
    return f'words : "{" ".join(chain)}"' + (" *" if begun else "")


def order_of(kind: str) -> int:
    """People mean things before streets, and streets before single houses."""
    return {STREET: 1, ADDRESS: 2}.get(kind, 0)


def _fill(database: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    database.executescript(_TABLES)
    database.execute(f"PRAGMA application_id = {_SEAL}")
    database.execute(f"PRAGMA user_version = {FORMAT}")
    words: set[str] = set()
    with database:
        for n, entry in enumerate(sorted(entries, key=_likeliest)):
            keys = list(dict.fromkeys(key for name in (entry.name, *entry.aliases) for key in keys_of(name)))
            words.update(word for key in keys for word in key.words if len(word) > 2)
            _add(database, n, entry, keys)
        database.executemany("INSERT INTO word VALUES (?)", ((word,) for word in sorted(words)))
        database.execute("INSERT INTO text(text) VALUES ('optimize')")


def _likeliest(entry: Entry) -> tuple[int, int, str, str, Place]:
    return order_of(entry.kind), len(entry.name), entry.name, entry.kind, entry.place


def _add(database: sqlite3.Connection, n: int, entry: Entry, keys: list[Key]) -> None:
    lat, lon = entry.place.lat, entry.place.lon
    kept = "\n".join(" ".join(key.words) + "|" + " ".join(key.chain) for key in keys)
    spoken = json.dumps(dict(entry.spoken), ensure_ascii=False) if entry.spoken else ""
    row = (n, entry.name, entry.kind, lat, lon, kept, spoken)
    database.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    database.execute("INSERT INTO point VALUES (?, ?, ?, ?, ?)", (n, lat, lat, lon, lon))
    database.executemany("INSERT OR IGNORE INTO key VALUES (?, ?, ?)", ((k.base, " ".join(k.chain), n) for k in keys))
    text = _BREAK.join(" ".join((*key.words, *key.chain)) for key in keys)
    pairs = _BREAK.join(_pairs(word) for word in dict.fromkeys(word for key in keys for word in key.words))
    database.execute("INSERT INTO text(rowid, words, pairs) VALUES (?, ?, ?)", (n, text, pairs))


def _pairs(word: str) -> str:
    """Split into pairs of neighbours and the last letter, so that each letter begins one."""
    return " ".join(word[k : k + 2] for k in range(len(word)))


def _read_key(line: str) -> Key:
    words, _, chain = line.partition("|")
    return Key(tuple(words.split()), tuple(chain.split()))


def _check(database: sqlite3.Connection, path: Path) -> None:
    seal, version, size, pages = (
        database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version", "page_size", "page_count")
    )
    if (seal, version) != (_SEAL, FORMAT):
        raise sqlite3.DatabaseError(f"it is no file of names in format {FORMAT}")
    if size * pages != path.stat().st_size:
        raise sqlite3.DatabaseError("it is cut off")
    said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise sqlite3.DatabaseError(said.splitlines()[0])


@contextmanager
def _sound(what: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise RoadError(f"{what} is missing or damaged ({error}). Prepare the area again.") from error
