"""PINs that people choose: which are none, and how they are kept so that the records alone do not tell them."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from webapp.services import codes
from webapp.services.errors import Invalid
from webapp.town import Town

DIGITS = range(4, 7)
_RUNS = ("01234567890", "09876543210")


def seal(town: Town, owner: str, digits: str) -> str:
    """Hash the PIN of an owner (an id). Raises Invalid for a PIN that is none, or that a thief would try first."""
    weak = len(set(digits)) == 1 or any(digits in run for run in _RUNS)
    if len(digits) not in DIGITS or weak:
        raise Invalid("pin")
    return seal_text(town, owner, digits)


def seal_text(town: Town, owner: str, text: str) -> str:
    """Hash a short secret of an owner (an id) that was drawn by lot."""
    return PasswordHasher().hash(_peppered(town, owner, text))


def fits(town: Town, owner: str, digits: str, sealed: str | None) -> bool:
    """Is this the PIN that was sealed? Where nothing was, that takes as long to deny."""
    try:
        right = PasswordHasher().verify(sealed or _nobodys(), _peppered(town, owner, digits))
    except VerificationError:
        return False
    return right and sealed is not None


def _peppered(town: Town, owner: str, digits: str) -> str:
    """Mix the town's secret into a PIN: 10,000 hashes are soon tried by whoever has the records alone."""
    return codes.pseudonym(town.settings.secret_key, "pin", f"{owner} {digits}")


@cache
def _nobodys() -> str:
    return PasswordHasher().hash(secrets.token_hex(16))
