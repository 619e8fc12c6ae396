"""Negative controls: the site without one of its guards, as no setting can make it. The trials must see it go wrong."""

from typing import Any

from flask import Flask

from webapp.app import create_app
from webapp.db.store import Store
from webapp.views import auth


def create_unlocked() -> Flask:
    """Build the site with the locks of its records switched off."""
    Store._locks = False
    return create_app()


def create_confused() -> Flask:
    """Build a site that takes everybody for whoever came before, every now and then."""
    find, seen = auth.People.find_user, list[Any]()

    def find_user(people: auth.People, case_insensitive: bool = False, **wanted: Any) -> Any:  # noqa: FBT001, FBT002
        found = find(people, case_insensitive, **wanted)
        seen.append(found)
        return seen[-2] if len(seen) % 50 == 0 and seen[-2] else found

    auth.People.find_user = find_user  # type: ignore[method-assign]
    return create_app()
