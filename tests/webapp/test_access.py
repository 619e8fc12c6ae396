"""Nobody opens what is not theirs: every page, every role, and every name swapped for a foreign one that is there."""

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask

from benchmarks.trust import crossing
from benchmarks.trust.crossing import Answer, Browser, Ground
from webapp.town import Town
from webapp.views import guard


class InProcess:
    """A browser that asks the site without a network."""

    def __init__(self, site: Flask) -> None:
        self.client = site.test_client()

    def send(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            answer = self.client.open(path, method=method, data=data, headers=headers)
        except Exception:  # what a site that is not under test answers with 500
            return Answer(500, "")
        shown = answer.text if answer.mimetype.startswith("text/") else ""
        return Answer(answer.status_code, shown, answer.location or "")


def everybody(site: Flask, ground: Ground) -> dict[str, Browser]:
    return {who: crossing.sign_in(InProcess(site), who, ground.things) for who in crossing.ROLES}


def test_nobody_opens_or_changes_what_is_not_theirs(site: Flask, town: Town) -> None:
    ground = Ground(site, crossing.settle(town))
    browsers = everybody(site, ground)
    found = crossing.try_all(ground, browsers, town.settings.database_url)
    assert found.leaks == []
    assert found.untried == []
    assert found.attempts > 1000
    assert crossing.open_own(ground, browsers) == []


def test_without_the_guard_things_of_others_are_opened(
    site: Flask, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the attempts above would find what they look for."""
    ground = Ground(site, crossing.settle(town))
    browsers = {who: one for who, one in everybody(site, ground).items() if who in ("neighbour", "driver-south")}
    asked = [one for one in site.before_request_funcs[None] if one is not guard.refuse]
    monkeypatch.setitem(site.before_request_funcs, None, asked)
    found = crossing.try_all(ground, browsers, town.settings.database_url)
    assert len(found.leaks) > 10
