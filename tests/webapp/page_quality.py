"""What every page of the site must be, whatever it shows: tests check it on each page that they open."""

from collections import Counter
from xml.etree.ElementTree import Element

import html5lib

NAMED_BY_THEMSELVES = {"hidden", "submit", "button", "image"}


def check(page: str) -> None:
    """Raise AssertionError, or html5lib's ParseError, for the first fault of a page."""
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert root.get("lang"), "no lang attribute"
    _check_heading(root)
    _check_ids(root)
    _check_inputs(root)
    _check_forms(root)
    _check_parts(root)


def _check_heading(root: Element) -> None:
    headings = [_words(one) for one in root.iter("h1")]
    assert len(headings) == 1, f"a page has one h1, not {headings}"
    title = _words(next(root.iter("title")))
    assert title.startswith(headings[0] or "?"), f"title “{title}” does not start with “{headings[0]}”"


def _check_ids(root: Element) -> None:
    ids = Counter(one.get("id") for one in root.iter() if one.get("id") is not None)
    assert all(count == 1 for count in ids.values()), f"duplicate ids: {ids.most_common(3)}"
    for one in root.iter():
        for attribute in ("for", "aria-labelledby", "aria-describedby"):
            missing = {*one.get(attribute, "").split()} - {*ids}
            assert not missing, f"{attribute} of <{one.tag}> names {missing}"
    inside = [one.get("href", "") for one in root.iter("a") if one.get("href", "").startswith("#")]
    assert all(href[1:] in ids for href in inside), f"a link leads nowhere: {inside}"


def _check_inputs(root: Element) -> None:
    labelled = {label.get("for") for label in root.iter("label")}
    for one in (one for tag in ("input", "select", "textarea") for one in root.iter(tag)):
        if one.get("type") not in NAMED_BY_THEMSELVES:
            assert one.get("aria-label") or one.get("id") in labelled, f"no label: {one.attrib}"


def _check_forms(root: Element) -> None:
    for form in root.iter("form"):
        assert form.get("action"), f"a form without an action: {form.attrib}"
        if form.get("method", "get").lower() == "post":
            assert any(one.get("name") == "csrf_token" and one.get("value") for one in form.iter("input")), "no token"
        assert not any(inner is not form for inner in form.iter("form")), "a form in a form"


def _check_parts(root: Element) -> None:
    for one in root.iter():
        scripted = [name for name in one.attrib if name == "style" or name.startswith("on")]
        assert not scripted, f"inline {scripted} on <{one.tag}>"
    assert all(image.get("alt") is not None for image in root.iter("img")), "an image without alt"
    assert not [*root.iter("style")], "inline style"
    assert all(script.get("src") for script in root.iter("script")), "inline script"
    for named in (one for tag in ("button", "a", "h2", "h3", "legend", "label") for one in root.iter(tag)):
        assert _words(named) or any(image.get("alt") for image in named.iter("img")), f"empty <{named.tag}>"


def _words(one: Element) -> str:
    return " ".join("".join(one.itertext()).split())
