"""Know which column, sheet or word is meant by the names that people write: the table `data/field_names.toml`."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_REMARK = re.compile(r"[(\[].*?[)\]]$")
_JOINTS = re.compile(r"[\s_\-.:]+")


def folded(name: str) -> str:
    """Write a name without what makes no difference: letter case, width, blanks, underscores and hyphens."""
    return _JOINTS.sub("", unicodedata.normalize("NFKC", name).casefold())


@dataclass(frozen=True, slots=True)
class FieldNames:
    """Aliases by kind of table (`runs`, `vehicles`, ...): folded name -> field."""

    tables: Mapping[str, Mapping[str, str]]
    personal: tuple[str, ...]
    spoken: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the table of names. Raises ValueError where one name means two fields of a table."""
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        personal = tuple(map(folded, content.pop("personal")["words"]))
        tables = {kind: _aliases(kind, fields) for kind, fields in content.items()}
        return cls(tables, personal, {field: tuple(names) for field, names in content["runs"].items()})

    def find(self, kind: str, name: str) -> str | None:
        """Find the field that a name means in a kind of table, also with a remark in brackets behind it."""
        aliases = self.tables[kind]
        words = unicodedata.normalize("NFKC", name).strip()
        return aliases.get(folded(words)) or aliases.get(folded(_REMARK.sub("", words)))

    def is_personal(self, name: str) -> bool:
        """Does a column of this name hold data about persons?"""
        words = folded(name)
        return any(word in words for word in self.personal)

    def call(self, field: str, language: str) -> str:
        """Name a column of the runs table in a language, as far as it is known there."""
        names = self.spoken[field]
        japanese = next((name for name in names if not name.isascii()), names[0])
        return japanese if language == "ja" else names[0]


def _aliases(kind: str, fields: Mapping[str, list[str]]) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for field, names in fields.items():
        for name in names:
            if aliases.setdefault(folded(name), field) != field:
                raise ValueError(f"{name!r} means both {aliases[folded(name)]} and {field} in [{kind}]")
    return aliases
