"""Turn the bytes of a text file into text, with the name of the encoding that explains them."""

import codecs
import re
from collections.abc import Callable

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_FOREIGN_LETTER = re.compile(r"[^\x00-\x7f]")
_BETWEEN_CELLS = re.compile(r"[\r\n,;\t|]")
"""One of these stands in every table; letters that are no UTF-16 hardly ever give one when they are read as such."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_ENOUGH = 0.7
_FEW = 10
_SAMPLE = 100_000

_DAMAGE = re.compile(
    r"\ufffd|Ã[\u0080-\u00bf]|Ã[‚ƒ„…†‡ˆ‰Š‹Œ€Ž]|[a-z]√|√[a-z]|縺[^\x00-\x7f]|繧[^\x00-\x7f]|ã[\u0080-\u009f]"
)
"""What letters look like after a program has read them in the wrong encoding and saved the result."""

CERTAIN = {"utf-8", "utf-8-sig", "utf-16"}
"""Encodings that prove themselves; the others are a guess that the dispatcher should confirm."""


def decode(content: bytes) -> tuple[str, str] | None:
    """Decode bytes to (text, encoding); None where they are no text.

    The order was measured on files of real Japanese, Finnish and French names: byte order mark, UTF-16 by its zero
    bytes, strict UTF-8, then the code page under which most foreign letters make sense, Windows Western last.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _strict(content, encoding)
    if b"\0" in content:
        found = _strict(content, "utf-16-be" if content[0::2].count(0) > content[1::2].count(0) else "utf-16-le")
        return found if found and _BETWEEN_CELLS.search(found[0]) else None
    return _strict(content, "utf-8") or (None if damaged_row(content) else _by_sense(content))


def damaged_row(content: bytes) -> int:
    """Find the row of the first byte at fault in a text that is UTF-8 but for a few bytes; 0 where it is not."""
    text = content.decode("utf-8", errors="replace")
    foreign, lost = len(_FOREIGN_LETTER.findall(text)), text.count("\ufffd")
    if not lost or lost * _FEW > foreign:
        return 0
    return len(text[: text.index("\ufffd")].splitlines()) or 1


def is_damaged(words: str) -> bool:
    """Does a cell show that its letters were lost before the file came here?"""
    return not words.isascii() and bool(_DAMAGE.search(words))


def _by_sense(content: bytes) -> tuple[str, str] | None:
    """Try EUC-KR before cp932: it is the stricter of the two, and Korean bytes also pass as half-width kana."""
    for encoding, sense in (("euc_kr", _hangul), ("cp932", _japanese), ("cp949", _hangul)):
        found = _strict(content, encoding)
        if found and _share(found[0], sense) >= _ENOUGH:
            return found[0], "cp949" if encoding == "euc_kr" else encoding
    return _strict(content, "cp1252")


def _strict(content: bytes, encoding: str) -> tuple[str, str] | None:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else (text, encoding)


def _share(text: str, sense: Callable[[str], int]) -> float:
    """Tell which part of the foreign letters makes sense.

    One foreign letter behind a Latin one never counts: it is the é or ’ of a Western word.
    """
    sample = text[:_SAMPLE]
    foreign = good = 0
    for found in _FOREIGN.finditer(sample):
        word = found[0]
        foreign += len(word)
        inside_word = len(word) == 1 and found.start() > 0 and sample[found.start() - 1].isalpha()
        good += 0 if inside_word else sense(word)
    return good / foreign if foreign else 0.0


def _hangul(word: str) -> int:
    return sum("가" <= letter <= "힣" for letter in word)


def _japanese(word: str) -> int:
    """Count kana, signs and the kanji of everyday use; half-width kana only in words, never alone like Western ß."""
    half_width = range(0xA1, 0xE0) if len(word) > 2 else range(0)
    codes = (int.from_bytes(letter.encode("cp932")) for letter in word)
    return sum(0x8140 <= code <= 0x9872 or code in half_width for code in codes)
