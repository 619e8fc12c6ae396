"""The description of the site says what it does: each address, its fields, and every status that it may answer."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask, abort
from flask.typing import ResponseReturnValue

from tests.test_architecture import ROOT
from webapp.app import create_app
from webapp.config import Settings
from webapp.town import Town
from webapp.views import openapi
from webapp.views.shared import needs

FILE = ROOT / "docs" / "openapi.json"
METHODS = {"GET", "POST"}


@pytest.fixture(scope="module")
def site() -> Flask:
    """Give a site whose pages nobody opens: it needs no records and no roads."""
    return create_app(town=cast(Town, SimpleNamespace(settings=Settings(ROOT, "sqlite://", "not a secret" * 3))))


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    return found


def test_the_page_of_the_description_is_as_the_site_is(site: Flask) -> None:
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(openapi.describe(site))), "write it anew: noriai openapi > docs/openapi.json"


def test_every_address_is_described_with_every_method_that_it_takes(site: Flask, said: dict[str, Any]) -> None:
    named = {operation["operationId"] for methods in said.values() for operation in methods.values()}
    taken = {
        openapi.name_operation(method, rule.endpoint)
        for rule in site.url_map.iter_rules()
        for method in (rule.methods or set()) & METHODS
    }
    assert named == taken


def test_every_address_answers_something_and_no_fault_is_meant(said: dict[str, Any]) -> None:
    for path, methods in said.items():
        for method, operation in methods.items():
            statuses = {int(status) for status in operation["responses"]}
            assert statuses & {200, 204, 302}, path
            assert not statuses & {500, 501, 502}, path
            assert ("413" in operation["responses"]) == (method == "post"), path
            if operation.get("x-roles"):
                assert {302, 404} <= statuses, path


def test_what_a_view_asks_and_answers_is_read_from_its_code(site: Flask) -> None:
    """Each described status is possible: the view returns it, or it stands for what may be raised below it."""
    paths = openapi.describe(site)["paths"]
    tap = paths["/drive/{run_id}/events"]["post"]
    fields = tap["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert {"event_id", "stop", "kind", "ride", "device_time", "looked", "ticket", "csrf_token"} <= set(fields)
    assert set(tap["responses"]) == {"200", "302", "400", "401", "404", "409", "413", "422", "503"}
    party = paths["/trips/{request_id}/who"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert party["schema"]["properties"]["people"] == {"type": "integer"}
    assert party["schema"]["properties"]["needs"] == {"type": "array", "items": {"type": "string"}}
    file = paths["/dispatch/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert file["properties"]["file"] == {"type": "string", "format": "binary"}
    days = [one["name"] for one in paths["/dispatch/board"]["get"]["parameters"]]
    assert days == ["day", "file", "q", "span", "state", "view"]
    assert paths["/trips"]["get"]["x-roles"] == ["desk", "resident"] and "x-roles" not in paths["/login"]["get"]


def test_a_view_that_is_not_described_by_hand_is_described(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: another view at an address has another description, so nothing here is written down twice."""
    before = openapi.describe(site)["paths"]["/town"]["get"]["responses"]
    monkeypatch.setitem(site.view_functions, "city.figures", gone)
    monkeypatch.setattr(openapi, "OURS", (*openapi.OURS, "tests."))
    after = openapi.describe(site)["paths"]["/town"]["get"]["responses"]
    assert set(after) - set(before) == {"410"}


@needs("town")
def gone() -> ResponseReturnValue:
    return abort(410)
