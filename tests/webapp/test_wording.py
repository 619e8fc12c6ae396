"""Every kind of message has its words, in every language, and nothing of anybody on its outside."""

import pytest

from webapp.config import LANGUAGES
from webapp.services import messages, wording
from webapp.texts import translator
from webapp.town import Town

FACTS = {"time": "7:52", "code": "123456", "day": "23.11.", "minutes": 12, "run": "M1", "vehicle": "Bus 23"} | {
    "booked": 3,
    "waiting": 1,
    "refused": 0,
}


def test_a_kind_without_words_is_not_told(town: Town) -> None:
    """Whoever adds a kind and forgets its words hears of it at the first message, in the tests."""
    with pytest.raises(KeyError):
        town.store.commit(lambda door: messages.tell(door, "no such kind", None, {}))


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_kind_is_said_in_every_language(language: str) -> None:
    assert {*wording.NEWS} <= {*wording.KINDS}
    for kind, one in wording.KINDS.items():
        said = wording.words(kind, FACTS, language)
        assert said and (language == "en" or "%(" in one.text[:2] or said != one.text % FACTS), kind


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_subject_holds_a_fact(language: str) -> None:
    subjects = {wording.subject(kind, language) for kind in wording.KINDS}
    assert subjects == {translator(language)("News from Noriai"), translator(language)("Your code for Noriai")}
    assert not any("%" in one or any(letter.isdigit() for letter in one) for one in subjects)
