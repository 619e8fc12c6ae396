"""Words in people's languages, from the same catalogues that the pages use, for what is written without a page."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.support import Translations

LOCALE = Path(__file__).parent / "locale"


def lazy(text: str) -> str:
    """Mark a sentence that is translated later, so that the catalogues list it."""
    return text


@cache
def translator(language: str) -> Callable[[str], str]:
    """Give the function that says a message in a language; English where it has no translation."""
    return Translations.load(LOCALE, [language]).gettext
