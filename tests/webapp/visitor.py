"""Somebody at a browser without JavaScript, in whose hands every page is checked for its quality."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from flask import Flask
from werkzeug.test import TestResponse

from tests.webapp import page_quality

PASSWORD = "noriai-test"
Answers = Mapping[str, Any]


class Visitor:
    """Opens pages, sends their forms, and remembers the page that is open. `path` is its address."""

    def __init__(self, site: Flask) -> None:
        self.browser = site.test_client()
        self.page = ""
        self.path = ""
        self.status = 0

    def sign_in(self, role: str) -> "Visitor":
        self.get("/login")
        self.post("/login", {"email": f"{role}@example.org", "password": PASSWORD})
        return self

    def keep_phone(self) -> "Visitor":
        """Say that the phone is one's own: the session then outlives a quarter of an hour without a page."""
        self.get("/signing-in")
        self.send("It is mine alone")
        return self

    def get(self, path: str, status: int = 200) -> str:
        """Open a page, following where it leads; check the status of where that ends, and the page's quality."""
        return self._open(self.browser.get(path, follow_redirects=True), status)

    def post(self, path: str, answers: Answers | None = None, status: int = 200) -> str:
        """Send a form with the token of the open page, then as `get`."""
        sent = {"csrf_token": self.token, **(answers or {})}
        return self._open(self.browser.post(path, data=sent, follow_redirects=True), status)

    def send(self, button: str, answers: Answers | None = None, status: int = 200) -> str:
        """Press the first button of these words on the open page: its form is sent with what it holds and `answers`."""
        form = next(form for form in self.tree.iter("form") if button in _words_of_button(form))
        buttons = [*form.iter("button")]
        pressed = next((one for one in buttons if button in words(one)), buttons[0])
        said = {pressed.get("name", ""): pressed.get("value") or ""} if pressed.get("name") else {}
        return self.post(form.get("action", ""), {**_held(form), **said, **(answers or {})}, status)

    @property
    def tree(self) -> Element:
        root: Element = html5lib.parse(self.page, namespaceHTMLElements=False)
        return root

    @property
    def text(self) -> str:
        """Everything that the open page says, in one line."""
        return words(self.tree)

    @property
    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.page)
        return unescape(found[1]) if found else ""

    def field(self, name: str) -> str:
        """Give what a field of the open page holds; of radios the chosen one."""
        chosen = [one for one in self.tree.iter("input") if one.get("name") == name and _counts(one)]
        return (chosen[0].get("value") or "") if chosen else ""

    def options(self, name: str) -> dict[str, str]:
        """Map the label of each option of a choice to its value."""
        labels = {label.get("for"): words(label) for label in self.tree.iter("label")}
        offered = [one for one in self.tree.iter("input") if one.get("name") == name]
        return {labels[one.get("id")]: one.get("value") or "" for one in offered}

    def buttons(self, name: str) -> dict[str, str]:
        """Map the words of each button that sends a field of this name to its value."""
        return {words(one): one.get("value") or "" for one in self.tree.iter("button") if one.get("name") == name}

    def error(self, name: str) -> str:
        """Give what is said beside a field; nothing where nothing is wrong with it."""
        return next((words(one) for one in self.tree.iter("p") if one.get("id") == f"{name}-error"), "")

    def _open(self, answer: TestResponse, status: int) -> str:
        self.page, self.path, self.status = answer.text, answer.request.path, answer.status_code
        assert self.status == status, f"{self.path}: {self.status}, not {status}"
        if answer.mimetype == "text/html":
            page_quality.check(self.page)
        return self.page


def words(one: Element) -> str:
    return " ".join("".join(one.itertext()).split())


def _words_of_button(form: Element) -> str:
    return " ".join(words(one) for one in form.iter("button"))


def _held(form: Element) -> dict[str, str]:
    """Give what a form would send as it is; what is written into it comes on top."""
    fields = [one for one in form.iter("input") if one.get("name") != "csrf_token"]
    return {one.get("name", ""): one.get("value") or "" for one in fields if _counts(one)}


def _counts(field: Element) -> bool:
    """Is this a field that a browser sends: no choice that was not made?"""
    return field.get("type") not in ("radio", "checkbox") or "checked" in field.attrib
