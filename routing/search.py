"""How a named place is found from what somebody typed, ranked by how well it answers.

First what bears every word and number; where nothing does, the nearest house number of the street, single parts of
what was typed, endings cut and letters mended. A step is taken only when those before found nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from routing.area import metres
from routing.naming import (
    ADDRESS,
    STREET,
    Key,
    Match,
    Named,
    is_hangul,
    is_written_together,
    parts,
    readings,
    stems,
)
from routing.shelf import MOST, SETTLEMENTS, Row, Shelf, beginning, inside, numbered, order_of
from routing.times import Place

_INSIDE = 4
_MENDED = 12
_LONG_STROKES = 10
_MOSTLY = 75
_GOES_ON = 2
_MOST_STREETS = 20

Rank = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """How many to list, and what ranks alike answers: how often the town uses a name, and a point to be near to."""

    limit: int
    uses: Mapping[str, int] = field(default_factory=dict)
    near: Place | None = None


def find(shelves: Sequence[Shelf], text: str, wish: Wish) -> list[Named]:
    """List what the words may mean, the likeliest first."""
    said = readings(text)
    if not said or wish.limit < 1:
        return []
    towns = _towns(shelves, said[0])
    if towns:
        wish = replace(wish, near=next(iter(towns.values())))
    elsewhere = [Key(tuple(word for word in key.words if word not in towns), key.chain) for key in said if towns]
    pieces = [key for key in (*elsewhere, *parts(text)) if key.words]

    def answered(key: Key) -> list[Named]:
        answer = _complete(shelves, key, wish)
        return _guessed(answer) if _leaves_out(said[0], key, towns) else answer

    steps: tuple[Callable[[], list[Named]], ...] = (
        lambda: _first(answered(key) for key in _known_first(shelves, said)),
        lambda: _first(_by_number(shelves, key, wish) for key in said if key.chain),
        lambda: _guessed(_first(_surely(shelves, key, wish) for key in pieces)),
        lambda: _first(_mended(shelves, key, wish) for key in said),
        lambda: _first(_mended(shelves, key, wish) for key in pieces),
    )
    return _first(step() for step in steps)


def _leaves_out(typed: Key, key: Key, towns: Mapping[str, Place]) -> bool:
    """Whether a reading drops a word that is no flat, postcode or town of this area: "Vuorikatu 14, Kouvola"."""
    dropped = (word for word in typed.words if word not in key.base and word not in towns)
    return len(key.words) < len(typed.words) and any(
        len(word) > 2 and word.isalpha() and not is_hangul(word) and not is_written_together(word) for word in dropped
    )


def _towns(shelves: Sequence[Shelf], key: Key) -> dict[str, Place]:
    """The words that are towns or parts of them, as in "Schaan Landstrasse 10", if they are not all that was typed."""
    if len(key.words) + len(key.chain) < 2:
        return {}
    rows = ((word, row) for word in key.words for shelf in shelves for row in shelf.exact(Key((word,))))
    return {word: row.place for word, row in rows if row.kind in SETTLEMENTS}


def _first(answers: Iterator[list[Named]]) -> list[Named]:
    return next((answer for answer in answers if answer), [])


def _known_first(shelves: Sequence[Shelf], said: list[Key]) -> list[Key]:
    """Begin with the reading that is the whole name of something."""
    known = next((key for key in said if any(shelf.exact(key) for shelf in shelves)), None)
    return said if known is None else [known]


def _complete(shelves: Sequence[Shelf], key: Key, wish: Wish) -> list[Named]:
    """Where a number is not known but others begin so, it may still grow, or be meant: the nearest comes first."""
    answer = _surely(shelves, key, wish)
    if not answer or answer[0].sure:
        return answer
    return list(dict.fromkeys((*_by_number(shelves, key, wish), *answer)))[: wish.limit]


def _surely(shelves: Sequence[Shelf], key: Key, wish: Wish) -> list[Named]:
    ranked = [found for shelf in shelves for found in _ranked(_candidates(shelf, key, wish), key, wish)]
    return [row.named(Match(rank[0])) for rank, row in sorted(ranked, key=_by_rank)][: wish.limit]


def _by_rank(found: tuple[Rank, Row]) -> tuple[Rank, int, str, str, Place]:
    rank, row = found
    return rank, len(row.name), row.name, row.kind, row.place


def _candidates(shelf: Shelf, key: Key, wish: Wish) -> list[Row]:
    """Whole names, then beginnings of words, then what stands inside words: as many kinds as the limit needs."""
    most = max(MOST, wish.limit)
    rows = {row.id: row for row in shelf.exact(key)}
    for expression in _expressions(key):
        rows |= {row.id: row for row in shelf.matching(expression, most)}
        if len(rows) >= wish.limit:
            return list(rows.values())
    return list((rows | {row.id: row for row in shelf.together(key, most)}).values())


def _expressions(key: Key) -> list[str]:
    begun = [beginning(word) for word in key.words]
    anywhere = [
        f"({beginning(word)} OR {inside(word)})" if _may_be_inside(word) else beginning(word) for word in key.words
    ]
    numbers = [numbered(key.chain, begun=begun) for begun in (False, True)] if key.chain else [""]
    ways = [[*words, number] if number else words for words in (begun, anywhere) for number in numbers]
    return list(dict.fromkeys(" AND ".join(way) for way in ways))


def _may_be_inside(word: str) -> bool:
    return len(word) >= _INSIDE or is_written_together(word)


def _ranked(rows: Sequence[Row], key: Key, wish: Wish) -> Iterator[tuple[Rank, Row]]:
    for row in rows:
        fit = min((fit for name in row.keys if (fit := _fit(key, name))), default=None)
        if fit is None and not key.chain:
            fit = (int(Match.INSIDE), 0, 1)
        if fit is not None:
            match, number, begins = fit
            match = max(match, int(Match.NUMBER)) if number == _GOES_ON else match
            yield (match, number, order_of(row.kind), -wish.uses.get(row.name, 0), begins, _distance(row, wish)), row


def _fit(key: Key, name: Key) -> tuple[int, int, int] | None:
    """How well one name of an entry answers: the match, the number, whether it begins so. None: not at all."""
    number = _number(key.chain, name)
    if number is None:
        return None
    begins = name.base.startswith(key.base)
    if name.base == key.base and name.chain == key.chain:
        return int(Match.EXACT), 0, 0
    if begins or all(any(word.startswith(typed) for word in name.words) for typed in key.words):
        return int(Match.BEGINNING), number, int(not begins)
    return (int(Match.INSIDE), number, 1) if all(typed in name.base for typed in key.words) else None


def _number(chain: tuple[str, ...], name: Key) -> int | None:
    """0: that number or none asked for; 1: that house with a letter or a range; 2: it goes on so. None: another."""
    if not chain or chain == name.chain:
        return 0
    if len(name.chain) >= len(chain) and name.chain[: len(chain) - 1] == chain[:-1]:
        typed, known = chain[-1], name.chain[len(chain) - 1]
        if _whole(typed) == _whole(known) and known.startswith(typed):
            return 1
        return _GOES_ON if known.startswith(typed) else None
    return 1 if not name.chain and set(chain) <= set(name.words) else None


def _distance(row: Row, wish: Wish) -> int:
    return round(metres(wish.near, row.place)) if wish.near else 0


def _by_number(shelves: Sequence[Shelf], key: Key, wish: Wish) -> list[Named]:
    """Give the house nearest by number, then its street, where the number itself is not known."""
    for base in (key.base, *_bases(shelves, key)):
        rows = [
            (row, name) for shelf in shelves for row in shelf.numbers(base) for name in row.keys if name.base == base
        ]
        houses = [(_apart(key.chain, name.chain), _distance(row, wish), row) for row, name in rows if name.chain]
        if not houses and rows and base == key.base:
            return [row.named(Match.NUMBER) for row, _ in rows][: wish.limit]
        if houses:
            nearest = min(houses, key=lambda house: (house[:2], house[2].name, house[2].place))[2]
            others = [row for row, name in rows if not name.chain]
            streets = sorted(others, key=lambda row: (row.kind != STREET, metres(row.place, nearest.place)))
            return [row.named(Match.NUMBER) for row in (nearest, *streets[:1])][: wish.limit]
    without = _surely(shelves, Key(key.words), wish)
    return [Named(one.name, one.kind, one.place, Match.NUMBER) for one in without]


def _bases(shelves: Sequence[Shelf], key: Key) -> list[str]:
    """The streets that the words without the number may begin."""
    begun = " AND ".join(beginning(word) for word in key.words)
    names = (
        name
        for shelf in shelves
        for row in shelf.matching(begun, MOST)
        if row.kind in {STREET, ADDRESS}
        for name in row.keys
    )
    return list(dict.fromkeys(name.base for name in names if _fit(Key(key.words), name)))[:_MOST_STREETS]


def _apart(typed: tuple[str, ...], known: tuple[str, ...]) -> tuple[int, int, int]:
    """How far numbers are apart: by the first in which they differ; along a street, the same side before the other."""
    alike = sum(1 for _ in takewhile(lambda pair: _whole(pair[0]) == _whole(pair[1]), zip(typed, known, strict=False)))
    if alike == min(len(typed), len(known)):
        return -alike, 0, 0
    difference = abs(_whole(typed[alike]) - _whole(known[alike]))
    across = difference % 2 if len(typed) == 1 else 0
    return -alike, difference + across, across


def _whole(number: str) -> int:
    digits = number.rstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits[:9]) if digits else 0


def _mended(shelves: Sequence[Shelf], key: Key, wish: Wish) -> list[Named]:
    """Find names with endings cut and letters mended in the words that are not known; in all, if all are known."""
    unknown = [word for word in key.words if not _holds(shelves, word)]
    choices = []
    for word in key.words:
        forms = _forms(shelves, word) if word in unknown or not unknown else []
        if word in unknown and not forms:
            return []
        choices.append(forms if word in unknown else [word, *forms])
    if not key.words or all(len(forms) == 1 and not unknown for forms in choices):
        return []
    words = " AND ".join(f"({' OR '.join(_anywhere(form) for form in forms)})" for forms in choices)
    numbers = [f" AND {numbered(key.chain, begun=begun)}" for begun in (False, True)] if key.chain else []
    found: dict[tuple[int, int], tuple[Rank, Row]] = {}
    for number in (*numbers, ""):
        for n, shelf in enumerate(shelves):
            for row in shelf.matching(words + number, max(MOST, wish.limit)):
                found[n, row.id] = (_likeness(row, key, wish), row)
        if found:
            break
    return _guessed([row.named(Match.GUESS) for _, row in sorted(found.values(), key=_by_rank)][: wish.limit])


def _guessed(answer: list[Named]) -> list[Named]:
    return [Named(one.name, one.kind, one.place, Match.GUESS) for one in answer]


def _likeness(row: Row, key: Key, wish: Wish) -> Rank:
    best = max(
        max(fuzz.ratio(key.base, name.base), fuzz.ratio(key.base, name.base[: len(key.base)]) - 5) for name in row.keys
    )
    apart = min(_apart(key.chain, name.chain) for name in row.keys) if key.chain else (0, 0, 0)
    return (*apart, -int(best // 5), order_of(row.kind), -wish.uses.get(row.name, 0), _distance(row, wish))


def _anywhere(word: str) -> str:
    return f"{beginning(word)} OR {inside(word)}" if _may_be_inside(word) else beginning(word)


def _holds(shelves: Sequence[Shelf], word: str) -> bool:
    return any(shelf.holds(_anywhere(word)) for shelf in shelves)


def _forms(shelves: Sequence[Shelf], word: str) -> list[str]:
    """The word without its ending where that is known; else the known words fewest letters away."""
    cut = stems(word)
    stem = next((stem for stem in cut if _holds(shelves, stem)), None)
    if stem is not None:
        return [stem]
    for form in (word, *cut):
        known = sorted({alike for shelf in shelves for alike in _alike(shelf.words, form)})
        if known:
            return [alike for letters, alike in known if letters == known[0][0]][:_MENDED]
    return []


def _alike(words: Mapping[str, Sequence[str]], word: str) -> Iterator[tuple[int, str]]:
    """List known words, or beginnings of them, with few letters wrong, missing, too many or swapped.

    Where words are written together, some may have been left out: 渋谷病院 is 渋谷中央病院.
    """
    edits = _edits(word)
    if not edits:
        return
    same_letter = words.get(word[0], ())
    others = [known for letter, known in words.items() if letter != word[0]] if len(word) > 5 else []
    begun = {known[: len(word)] for known in same_letter if len(known) > len(word) > _INSIDE}
    for choices in (same_letter, begun, *others):
        scored = process.extract(word, choices, scorer=OSA.distance, score_cutoff=edits, limit=_MENDED)
        yield from ((int(letters), form) for form, letters, _ in scored if letters)
    if is_written_together(word) or (len(word) >= _LONG_STROKES and is_hangul(word)):
        for known in words.values():
            likely = process.extract(word, known, scorer=fuzz.ratio, score_cutoff=_MOSTLY)
            yield from ((edits + 1, form) for form, _, _ in likely)


def _edits(word: str) -> int:
    """Letters that may be wrong: short words of few letters are too much alike to be mended."""
    if is_hangul(word):
        return 0 if len(word) < 6 else 1 + (len(word) >= 12)
    return int(len(word) >= 4) + (len(word) >= 8 and not is_written_together(word))
