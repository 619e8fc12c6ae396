"""What a place is called: its names, and the ways in which people write one and the same name or address.

A name becomes keys, a query becomes readings; both are words and a chain of numbers, so that 「栄一丁目２－３」 and
「栄1-2-3」 are one address, "중앙로12" is "중앙로 12", and "Vuorikatu 14 B 3" can be read as a flat in Vuorikatu 14.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from routing.times import Place

ADDRESS = "address"
STREET = "street"

_LONGEST = 200
_MOST_WORDS = 12

_KANA = {code: code + 0x60 for code in [*range(0x3041, 0x3097), 0x309D, 0x309E]}
_LETTERS = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ヶ": "ケ", "ヵ": "カ"}
)
_HAN = "\u3005\u3007\u3040-\u30ff\u3400-\u9fff"
_HANGUL = "\uac00-\ud7a3"

_NUMERAL = re.compile(r"[〇一二三四五六七八九十百]+(?=丁目|番地|番(?![町街館])|号(?![館線車]))")
_COUNTER = re.compile(
    r"(?<=[0-9])(?:丁目|番地ノ?|番(?![町街館線])|号(?![館線車室])|번지|ノ(?=[0-9])|ー(?=[0-9]))(?:ノ(?=[0-9]))?"
)
_SEAM = re.compile(
    rf"(?<=[{_HAN}{_HANGUL}])(?=[0-9])|(?<=[^\W\d_]{{3}})(?=[0-9])|(?<=[0-9])(?=[{_HAN}])"
    rf"|(?<=[0-9])(?=[{_HANGUL}])(?!번?길|번가|가|로|호선|동|단지|차)"
)
_NUMBER = re.compile(r"[0-9]+[a-z]?")
_DISTRICT = re.compile(r"[都道府県市区町村郡](?:大?字)?|大?字")
_DISTRICTS_KO = "시도군구읍면"

_DIGITS = {sign: value for value, sign in enumerate("〇一二三四五六七八九")}


class Match(IntEnum):
    """How a found name answers what was typed, the surest first.

    NUMBER: the street is right; this is its nearest house number, one that begins so, or the street itself. GUESS:
    spelling mended, an inflected ending cut, or only a part of what was typed.
    """

    EXACT = 0
    BEGINNING = 1
    INSIDE = 2
    NUMBER = 3
    GUESS = 4


@dataclass(frozen=True, slots=True)
class Named:
    """A place with the name and the kind ("school", "bus stop", "address", ...) that people know it by."""

    name: str
    kind: str
    place: Place
    match: Match = Match.EXACT

    @property
    def sure(self) -> bool:
        """Whether it bears every word and number that was asked for: nothing was mended or guessed."""
        return self.match <= Match.INSIDE


@dataclass(frozen=True, slots=True)
class Entry:
    """A named place as the extract has it, with its other names (languages, short forms).

    spoken: (language, name) where a language of the place's signs calls it otherwise.
    """

    name: str
    kind: str
    place: Place
    aliases: tuple[str, ...] = ()
    spoken: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A name as it is compared: folded words, and the numbers of an address from the larger to the smaller."""

    words: tuple[str, ...]
    chain: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The words written together: "hotelkamp" is Hotel Kämp."""
        return "".join(self.words)


def fold(text: str) -> str:
    """Fold case, width, Latin accents, kana and punctuation: "toolonlahdenkatu" is Töölönlahdenkatu, しぶや シブヤ."""
    if text.isascii():
        return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
    folded = _fold_once(text)
    while (again := _fold_once(folded)) != folded:
        folded = again
    return folded


def keys_of(name: str) -> list[Key]:
    """List the keys of a name: as an address if it ends in numbers, and as it stands where that reads otherwise."""
    folded = fold(name)
    words, chain, rest = _parts(folded)
    keys = [Key((*words, *chain, *rest)) if rest else Key(words, chain)]
    if len(chain) == 2 and not rest and _is_range(words, chain):
        keys.append(Key(words, chain[1:]))
    as_it_stands = Key(tuple(strokes(word) for word in folded.split()))
    if as_it_stands.base != keys[0].base + "".join(keys[0].chain):
        keys.append(as_it_stands)
    return keys


def readings(text: str) -> list[Key]:
    """List what may be meant by typed words, the most literal first; they leave out flats, districts and postcodes."""
    folded = fold(text[:_LONGEST])
    found = [*_readings(folded), *_raw(folded)]
    spelt_out = re.sub(r"([aou])e|aa", lambda pair: pair[1] or "a", folded)
    if spelt_out != folded:
        found += _readings(spelt_out)
    return list(dict.fromkeys(key for key in found if key.words))


def parts(text: str) -> list[Key]:
    """List the readings of the single parts of "Burger King, Mannerheimintie 3", those with a number first."""
    pieces = re.split(r"[,;\n、，；]", text[:_LONGEST])
    found = [key for piece in pieces for key in readings(piece)] if len(pieces) > 1 else []
    return sorted(found, key=lambda key: not key.chain)


def strokes(word: str) -> str:
    """Write Hangul as it is typed, key by key, so that 중ㅇ and 중아 are beginnings of 중앙로."""
    return word if word.isascii() else "".join(_strokes_of(sign) for sign in word)


def is_written_together(word: str) -> bool:
    """Japanese and Chinese write words together: there a word may stand anywhere in a name."""
    return any("\u3040" <= c <= "\u30ff" or "\u3400" <= c <= "\u9fff" for c in word)


def is_hangul(word: str) -> bool:
    """Whether a word, written as strokes or as syllables, is Korean."""
    return any("\u1100" <= c <= "\u11ff" or "\uac00" <= c <= "\ud7a3" for c in word)


def stems(word: str) -> list[str]:
    """Cut the endings that Finnish, Swedish, German, Korean and Japanese give to a place; the longest stem first."""
    endings, shortest = _endings_of(word)
    cut = (word.removesuffix(ending) for ending in endings if word.endswith(ending))
    return sorted({stem for stem in cut if len(stem) >= shortest}, key=len, reverse=True)


def _fold_once(text: str) -> str:
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    bare = unicodedata.normalize("NFC", "".join(c for c in plain if not "\u0300" <= c <= "\u036f"))
    bare = bare.translate(_KANA).translate(_LETTERS)
    return " ".join("".join(c if c.isalnum() else " " for c in bare).split())


def _parts(folded: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Words, the chain of numbers after them, and what follows it."""
    if not folded.isascii():
        folded = _COUNTER.sub(" ", _NUMERAL.sub(_arabic, folded))
    tokens = _SEAM.sub(" ", folded).split()
    first = next((k for k, token in enumerate(tokens) if k and _NUMBER.fullmatch(token)), len(tokens))
    last = next((k for k in range(first, len(tokens)) if not _NUMBER.fullmatch(tokens[k])), len(tokens))
    chain = tokens[first:last]
    if chain and last < len(tokens) and chain[-1].isdigit() and re.fullmatch("[a-z]", tokens[last]):
        chain[-1] += tokens[last]
        last += 1
    written = [strokes(token) for token in tokens]
    return tuple(written[:first]), tuple(chain), tuple(written[last:])


def _readings(folded: str) -> Iterator[Key]:
    words, chain, rest = _parts(folded)
    words, rest = words[:_MOST_WORDS], rest[:_MOST_WORDS]
    if rest:
        yield Key((*words, *chain, *rest)[:_MOST_WORDS])
    for start in _starts(words):
        yield Key(start, chain)
        if chain and not chain[-1].isdigit():
            yield Key(start, (*chain[:-1], chain[-1][:-1]))
    if len(chain) > 1 and not _is_asian(words):
        yield Key(words, chain[:1])
    if len(words) > 1 and _NUMBER.fullmatch(words[0]) and not chain:
        yield Key(words[1:], words[:1])


def _raw(folded: str) -> Iterator[Key]:
    """As it stands: while 「栄三丁」 is being typed it is no number yet."""
    yield Key(tuple(strokes(word) for word in folded.split()[:_MOST_WORDS]))


def _starts(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Leave out prefecture, city and ward, one after the other."""
    yield words
    for k in range(1, len(words)):
        if not any(_is_district(word) for word in words[:k]):
            break
        yield words[k:]
    whole = "".join(words)
    if is_written_together(whole):
        ends = (found.end() for found in _DISTRICT.finditer(whole))
        yield from ((whole[end:],) for end in ends if end < len(whole))


def _is_district(word: str) -> bool:
    return is_hangul(word) and word.endswith(tuple(strokes(sign) for sign in _DISTRICTS_KO))


def _is_asian(words: tuple[str, ...]) -> bool:
    return any(is_written_together(word) or is_hangul(word) for word in words)


def _is_range(words: tuple[str, ...], chain: tuple[str, ...]) -> bool:
    """Mannerheimintie 22-24 is two numbers of a street; 栄 5-12 is a block and a house in it."""
    first, last = (int(number) if number.isdigit() else 0 for number in chain)
    return 0 < first < last and not _is_asian(words)


def _arabic(found: re.Match[str]) -> str:
    """Read 十二 as 12 and 一〇 as 10."""
    if not any(sign in "十百" for sign in found[0]):
        return "".join(str(_DIGITS[sign]) for sign in found[0])
    total, digit = 0, 0
    for sign in found[0]:
        unit = {"十": 10, "百": 100}.get(sign)
        total, digit = (total + max(digit, 1) * unit, 0) if unit else (total, _DIGITS[sign])
    return str(total + digit)


_LEADS = [chr(0x1100 + k) for k in range(19)]
_LEAD = dict(zip("ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ", _LEADS, strict=True))
_TAIL_LETTERS = (
    "", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ",
    "ㄹㅍ", "ㄹㅎ", "ㅁ", "ㅂ", "ㅂㅅ", "ㅅ", "ㅆ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ",
)  # fmt: skip
_TAILS = ["".join(_LEAD[part] for part in letters) for letters in _TAIL_LETTERS]
_VOWELS = [chr(0x1161 + k) for k in range(21)]
_COMPOUND = {9: (8, 0), 10: (8, 1), 11: (8, 20), 14: (13, 4), 15: (13, 5), 16: (13, 20), 19: (18, 20)}
_VOWEL = ["".join(_VOWELS[part] for part in _COMPOUND.get(k, (k,))) for k in range(21)]


def _strokes_of(sign: str) -> str:
    code = ord(sign)
    if 0xAC00 <= code <= 0xD7A3:
        lead, vowel, tail = (code - 0xAC00) // 588, (code - 0xAC00) % 588 // 28, (code - 0xAC00) % 28
        return _LEADS[lead] + _VOWEL[vowel] + _TAILS[tail]
    if 0x1161 <= code <= 0x1175:
        return _VOWEL[code - 0x1161]
    return _TAILS[code - 0x11A7] if 0x11A8 <= code <= 0x11C2 else sign


_LATIN_ENDINGS = (
    "iin", "siin", "seen", "lla", "lle", "lta", "ssa", "sta", "ksi", "tta", "n", "an", "en", "in", "on", "un",
    "yn", "aan", "een", "oon", "uun", "yyn", "na", "t", "et", "ot", "s", "a", "e", "er", "es",
)  # fmt: skip
_HANGUL_ENDINGS = tuple(strokes(ending) for ending in ("에서", "에", "으로", "로", "까지", "앞", "옆", "역", "의"))
_HAN_ENDINGS = ("ニ", "ヘ", "デ", "マデ", "カラ", "ノ", "ノ前", "前", "様")


def _endings_of(word: str) -> tuple[tuple[str, ...], int]:
    if is_hangul(word):
        return _HANGUL_ENDINGS, 4
    return (_HAN_ENDINGS, 2) if is_written_together(word) else (_LATIN_ENDINGS, 4)
