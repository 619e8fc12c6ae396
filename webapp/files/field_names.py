"""Know which column, sheet or word is meant by the names that people write: the table `data/field_names.toml`."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

_REMEMBERED = 16_384
_REMARK = re.compile(r"[(\[].*?[)\]]$")
_JOINTS = re.compile(r"[\s_\-.:]+")
_HANGUL = re.compile("[가-힣]")
_JAPANESE = re.compile("[\u3041-\u30ff\u4e00-\u9fff]")


@lru_cache(maxsize=_REMEMBERED)
def folded(name: str) -> str:
    """Write a name without what makes no difference: letter case, width, blanks, underscores and hyphens."""
    return _JOINTS.sub("", unicodedata.normalize("NFKC", name).casefold())


@dataclass(frozen=True, slots=True)
class FieldNames:
    """Aliases by kind of table (`runs`, `vehicles`, ...): folded name -> field.

    fields: by kind of table, the names of each field: English, Japanese and Korean, Finnish, Swedish. spoken: language
    -> kind -> field -> how it is called, where that is not the first of its names in that language's letters.
    """

    tables: Mapping[str, Mapping[str, str]]
    personal: tuple[str, ...]
    fields: Mapping[str, Mapping[str, tuple[str, ...]]]
    spoken: Mapping[str, Mapping[str, Mapping[str, str]]]
    _found: dict[tuple[str, str], str | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the table of names. Raises ValueError where one name means two fields of a table."""
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        personal = tuple(map(folded, content.pop("personal")["words"]))
        spoken = content.pop("spoken")
        tables = {kind: _aliases(kind, fields) for kind, fields in content.items()}
        fields = {kind: {field: tuple(names) for field, names in listed.items()} for kind, listed in content.items()}
        return cls(tables, personal, fields, spoken)

    def find(self, kind: str, name: str) -> str | None:
        """Find the field that a name means in a kind of table, also with a remark in brackets behind it."""
        if (kind, name) not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[kind, name] = self._find(self.tables[kind], unicodedata.normalize("NFKC", name).strip())
        return self._found[kind, name]

    @staticmethod
    def _find(aliases: Mapping[str, str], words: str) -> str | None:
        return aliases.get(folded(words)) or aliases.get(folded(_REMARK.sub("", words)))

    def told(self, columns: Mapping[str, str]) -> "FieldNames":
        """Take names of columns for what somebody says they mean in the runs table; "" for a column to leave out."""
        if not columns:
            return self
        said = {folded(unicodedata.normalize("NFKC", name).strip()): meaning for name, meaning in columns.items()}
        runs = {name: meaning for name, meaning in {**self.tables["runs"], **said}.items() if meaning}
        return replace(self, tables={**self.tables, "runs": runs})

    def is_personal(self, name: str) -> bool:
        """Does a column of this name hold data about persons?"""
        words = folded(name)
        return any(word in words for word in self.personal)

    def call(self, field: str, language: str, kind: str = "runs") -> str:
        """Name a field of a kind of table in a language; in English where it has no name there."""
        names = self.fields[kind][field]
        foreign = [k for k, name in enumerate(names) if not _is_latin(name)]
        said = {
            "ja": [name for name in names if _JAPANESE.search(name)],
            "ko": [name for name in names if _HANGUL.search(name)],
            "fi": names[foreign[-1] + 1 :] if foreign else (),
        }
        own = self.spoken.get(language, {}).get(kind, {}).get(field)
        return own or next(iter(said.get(language, ())), names[0])


def _is_latin(name: str) -> bool:
    return not (_HANGUL.search(name) or _JAPANESE.search(name))


def _aliases(kind: str, fields: Mapping[str, list[str]]) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for meant, names in fields.items():
        for name in names:
            if aliases.setdefault(folded(name), meant) != meant:
                raise ValueError(f"{name!r} means both {aliases[folded(name)]} and {meant} in [{kind}]")
    return aliases
