"""Say what is wrong with a file, so that a dispatcher can put it right without asking anybody."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from webapp.resources import data_path

_LONGEST_VALUE = 80
_Texts = dict[str, str]
"""Language -> text, or part of a sentence -> text."""


@dataclass(frozen=True, slots=True)
class Message:
    """One remark on a file.

    sheet is empty for a CSV file. row: as the dispatcher's own sheet shows it, 0 where none is meant.
    column: letter and header, `F 時刻`. value: as written. run: the code of the run meant, else empty.
    text: the whole sentence in the reader's language. fault: what is wrong, the same wherever it is found. said: what
    was read, why that is wrong and what to do, without where; outcome: what happened because of it.
    """

    code: str
    severity: Literal["error", "warning"]
    sheet: str
    row: int
    column: str
    value: str
    text: str
    run: str
    fault: str = ""
    said: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class _Remark:
    code: str
    variant: str
    where: tuple[str, int, str]
    value: str
    run: str
    facts: dict[str, object]


class Messages:
    """Collect remarks and write them out in one language, once it is known how many runs the file holds.

    errors: how many of them refuse something.
    """

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self.errors = 0
        self._remarks: list[_Remark] = []

    def add(
        self,
        code: str,
        *,
        variant: str = "",
        sheet: str = "",
        row: int = 0,
        column: str = "",
        value: str = "",
        run: str = "",
        **facts: object,
    ) -> None:
        """Note one remark; `facts` fill the blanks of its text, a tuple as alternatives.

        Raises KeyError where `data/messages.toml` has no such code or variant.
        """
        _template(code, variant, self.language)
        self.errors += _severity(code) == "error"
        self._remarks.append(_Remark(code, variant, (sheet, row, column), value, run, facts))

    def listed(self, runs: int) -> tuple[Message, ...]:
        """Write all remarks in order of sheet and row; `runs` is how many runs the file holds, refused ones counted."""
        written = (self._written(remark, runs) for remark in self._remarks)
        return tuple(sorted(written, key=lambda message: (message.sheet, message.row)))

    def _written(self, remark: _Remark, runs: int) -> Message:
        sheet, row, column = remark.where
        severity = _severity(remark.code)
        frame = _frame(self.language)
        facts = {name: _joined(fact, frame) for name, fact in remark.facts.items()}
        named = {"row": row, "value": _short(remark.value), "run": remark.run, **facts}
        said = _template(remark.code, remark.variant, self.language).format_map(named)
        text = _capital(_place(frame, remark.where) + said)
        outcome = _outcome(frame, remark.run, runs - 1) if severity == "error" and remark.run else ""
        if outcome:
            text += ("" if self.language == "ja" else " ") + outcome
        whole, fault = f"{text} [{remark.code}]", f"{remark.code}/{remark.variant}"
        return Message(
            remark.code, severity, sheet, row, column, remark.value, whole, remark.run, fault, _capital(said), outcome
        )


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(data_path("messages.toml").read_text(encoding="utf-8"))


def _frame(language: str) -> _Texts:
    frames: dict[str, _Texts] = _texts()["frame"]
    return frames.get(language, frames["en"])


def _template(code: str, variant: str, language: str) -> str:
    texts: _Texts = _texts()[f"{code}/{variant}" if variant else code]
    return texts.get(language, texts["en"])


def _severity(code: str) -> Literal["error", "warning"]:
    return "warning" if code.startswith("W") else "error"


def _place(frame: _Texts, where: tuple[str, int, str]) -> str:
    sheet, row, column = where
    letter, _, header = column.partition(" ")
    parts = [
        frame["sheet"].format(sheet=sheet) if sheet else "",
        frame["row"].format(row=row) if row else "",
        frame["column" if header else "letter"].format(letter=letter, header=_short(header)) if column else "",
    ]
    place = frame["join"].join(filter(None, parts))
    return place.strip() + frame["end"] if place else ""


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _outcome(frame: _Texts, run: str, others: int) -> str:
    kind = "refused" if others < 1 else "refused_one" if others == 1 else "refused_many"
    return frame[kind].format(run=run, others=others)


def _joined(fact: object, frame: _Texts) -> str:
    return frame["or"].join(map(str, fact)) if isinstance(fact, tuple) else _short(str(fact), 400)


def _short(value: str, most: int = _LONGEST_VALUE) -> str:
    line = " ".join(value.split())
    return line if len(line) <= most else line[: most - 1] + "…"
