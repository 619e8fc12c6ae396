"""Rights that end: who is blocked, or given another role, is out of every page that is open, at the next request."""

from collections.abc import Callable

from webapp.db import tables
from webapp.db.store import Door
from webapp.services import accounts, signin
from webapp.services.errors import Invalid, NotFound
from webapp.town import Town


def block(town: Town, email: str) -> tables.User:
    """Let somebody in no more, and end every session of theirs. Raises NotFound."""
    return _change(town, email, lambda _, user: setattr(user, "active", False))


def unblock(town: Town, email: str) -> tables.User:
    """Let somebody in again. Raises NotFound."""
    return _change(town, email, lambda _, user: setattr(user, "active", True))


def give_role(town: Town, email: str, role: str, *, operator: str | None) -> tables.User:
    """Give somebody another role, or another operator, and end every session of theirs.

    Raises NotFound for nobody's address, Invalid for a role or an operator that is not there.
    """
    if role not in accounts.ROLES:
        raise Invalid("role")

    def change(door: Door, user: tables.User) -> None:
        known = {one.id for one in door.list_operators()}
        if (role in accounts.OF_OPERATORS) != (operator in known):
            raise Invalid("operator")
        user.roles, user.operator_id = [role], operator

    return _change(town, email, change)


def list_staff(town: Town) -> list[tables.User]:
    """List who works for the town or an operator, and who is blocked, by address."""
    with town.store.read() as records:
        users = records.list_users()
    listed = [one for one in users if one.email and (one.roles != ["resident"] or not one.active)]
    return sorted(listed, key=lambda one: one.email or "")


def _change(town: Town, email: str, change: Callable[[Door, tables.User], None]) -> tables.User:
    """Change what somebody may do: their sessions are bound to a name that they lose by it."""

    def write(door: Door) -> tables.User:
        user = door.find_user(email=accounts.read_email(email))
        if user is None:
            raise NotFound("person")
        change(door, user)
        door.put(user)
        signin.change_locks(door, user.id)
        return door.get_user(user.id)

    return town.store.commit(write)
