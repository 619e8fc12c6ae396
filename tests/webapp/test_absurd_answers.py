"""Every form that a role comes upon, sent with one absurd value at a time: refused or taken in, never a fault.

Each form is then sent as a patient person would, so that the pages behind it are come upon, too.
"""

from collections import deque
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from tests.webapp import wishes
from tests.webapp.conftest import SignIn
from webapp.services import planning
from webapp.town import Town

ROLES = ("resident", "desk", "dispatcher", "driver", "town")
FEWEST = 200
"""Absurd values that a role gets to send: fewer mean that its pages are no longer come upon."""
ABSURD = (
    "",
    "-1",
    "²",
    "9" * 400,
    "1e999",
    "NaN",
    "2026-02-30",
    "25:61",
    "\u200f🚌" * 90,
    "'; --{{7*7}}\r\nA: b",
    "../../x",
)
SENSIBLE = {"text": "Liisankatu 29", "time": "07:50", "from": "Liisankatu 29", "to": "Hotel Kämp", "name": "Testi"}
CALLER = "Resident"
WAYS_OUT = ("/login", "/logout", "/signing-in", "/dispatch/tablets")
"""Where forms lead that end a session."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a page: where it is sent, and what it holds."""

    action: str
    fields: dict[str, str]
    files: frozenset[str]

    def said(self, **changed: str) -> dict[str, Any]:
        """Give what is sent: what the form holds, something sensible where that is nothing, and `changed`."""
        sensible = {**SENSIBLE, "text": CALLER} if self.action == "/desk/search" else SENSIBLE
        values = {name: held or sensible.get(name, "") for name, held in self.fields.items()} | changed
        return {name: _file(said) if name in self.files else said for name, said in values.items()}


@pytest.mark.parametrize("role", ROLES)
def test_no_form_answers_an_absurd_value_with_a_fault(sign_in: SignIn, site: Flask, town: Town, role: str) -> None:
    wishes.book(town)
    browser = sign_in(role).browser
    pages, forms, seen, sent = deque(["/"]), deque[Form](), {"", *WAYS_OUT}, 0
    while pages or forms:
        if pages:
            answer = browser.get(pages.popleft(), follow_redirects=True)
        else:
            form = forms.popleft()
            for name in form.fields:
                for absurd in ABSURD:
                    refused = browser.post(form.action, data=form.said(**{name: absurd}))
                    assert refused.status_code < 500, (form.action, name, absurd)
                    sent += 1
            answer = browser.post(form.action, data=form.said(), follow_redirects=True)
        assert answer.status_code < 500, answer.request.path
        for link in _links(answer):
            if (name := _view(site, link, "GET")) not in seen:
                seen.add(name)
                pages.append(link)
        for form in _forms(answer):
            name = f"{_view(site, form.action, 'POST')} {sorted(form.fields)}"
            if name not in seen and not form.action.startswith(WAYS_OUT):
                seen.add(name)
                forms.append(form)
    assert sent >= FEWEST
    assert planning.verify(town)[1] == []


def _file(said: str) -> tuple[BytesIO, str]:
    return BytesIO(said.encode()), f"{said[:80]}.csv"


def _links(answer: TestResponse) -> list[str]:
    found = [urlsplit(urljoin(answer.request.path, one.get("href", ""))) for one in _tree(answer).iter("a")]
    return [f"{to.path}?{to.query}" for to in found if not to.netloc and not to.scheme]


def _forms(answer: TestResponse) -> list[Form]:
    sent = [one for one in _tree(answer).iter("form") if one.get("method", "").lower() == "post"]
    return [_form(one, urljoin(answer.request.path, one.get("action", ""))) for one in sent]


def _form(form: Element, action: str) -> Form:
    """Read a form; of several fields of one name, the first that holds something counts."""
    fields: dict[str, str] = {}
    for one in form.iter():
        if one.tag in ("input", "select", "textarea", "button") and (name := one.get("name")):
            first = next(one.iter("option"), one)
            fields[name] = fields.get(name) or first.get("value") or ""
    files = (one.get("name", "") for one in form.iter("input") if one.get("type") == "file")
    return Form(action, fields, frozenset(files))


def _view(site: Flask, address: str, method: str) -> str:
    """Name the view behind an address; "" where none answers, as at "#main" of a page that answered a form."""
    try:
        return str(site.url_map.bind("").match(urlsplit(address).path, method=method)[0])
    except HTTPException:
        return ""


def _tree(answer: TestResponse) -> Element:
    root: Element = html5lib.parse(answer.text if answer.mimetype == "text/html" else "", namespaceHTMLElements=False)
    return root
