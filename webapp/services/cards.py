"""Cards by which residents sign in: issued at the desk, opened by a PIN that stands nowhere on them."""

import secrets

from webapp.db import tables
from webapp.db.store import Door
from webapp.services import codes, pins, signin
from webapp.services.errors import Invalid
from webapp.town import Town

MOST_TRIES = 5
"""Wrong PINs one after another, after which a card opens nothing until the desk issues another."""
NUMBER_DIGITS = 8


def issue(town: Town, rider_id: str, pin: str, *, key: str, actor: str) -> tables.Card:
    """Give somebody a card, once for each `key`; the one of before opens nothing any more, and its sessions end.

    Raises Invalid for a PIN that is none, or that a thief would try first.
    """
    card_id = codes.digest(f"{rider_id} {key}")[:24]
    sealed = pins.seal(town, card_id, signin.read_digits(pin))

    def change(door: Door) -> tables.Card:
        known = door.find_card(id=card_id)
        if known:
            return known
        _withdraw(door, rider_id)
        card = tables.Card(
            id=card_id,
            number=_free_number(door),
            link=codes.digest(_token(town, card_id)),
            user_id=rider_id,
            pin=sealed,
            issued_at=door.now(),
            issued_by=actor,
        )
        return door.put(card)

    return town.store.commit(change, rider=rider_id)


def withdraw(town: Town, rider_id: str) -> None:
    """Take somebody's card back: it opens nothing any more, and every session of theirs ends."""
    town.store.commit(lambda door: _withdraw(door, rider_id), rider=rider_id)


def find(town: Town, rider_id: str) -> tables.Card | None:
    """Find the card of somebody that is in use, locked or not."""
    with town.store.read() as records:
        return records.find_valid_card(rider_id)


def use(town: Town, said: str, pin: str, *, peer: str) -> str:
    """Give the id of a sign-in that card and PIN have proved.

    Raises Invalid, in the same words and the same time for a wrong PIN and for a card that is locked, withdrawn or
    nobody's; TooMany.
    """
    link, key = codes.digest(said), town.settings.secret_key

    def attempt(door: Door) -> tables.Card | None:
        signin.count(door, key, peer=peer)
        return door.take_card_try(link, most=MOST_TRIES)

    card = town.store.commit(attempt)
    right = pins.fits(town, card.id if card else "", signin.read_digits(pin), card.pin if card else None)
    if card is None or not right:
        raise Invalid("pin of card")
    return town.store.commit(lambda door: _let_in(door, key, card.id))


def token(town: Town, card_id: str) -> str:
    """Give what the picture of a card says after the address of the site, also if an older key made it."""
    with town.store.read() as records:
        card = records.find_card(id=card_id)
    made = (codes.token(key, "card", card_id) for key in town.settings.keys)
    return next((said for said in made if card and codes.digest(said) == card.link), _token(town, card_id))


def _token(town: Town, card_id: str) -> str:
    return codes.token(town.settings.secret_key, "card", card_id)


def _let_in(door: Door, key: str, card_id: str) -> str:
    card = door.find_card(id=card_id)
    if card is None or card.withdrawn_at:
        raise Invalid("pin of card")
    card.tries = 0
    door.put(card)
    row_id = secrets.token_urlsafe(16)
    link = codes.digest(codes.token(key, "link", row_id))
    row = tables.SignIn(id=row_id, link=link, channel="card", user_ids=[card.user_id], created_at=door.now())
    row.proved_at = door.now()
    return door.put(row).id


def _withdraw(door: Door, rider_id: str) -> None:
    card = door.find_valid_card(rider_id)
    if card:
        card.withdrawn_at = door.now()
        door.put(card)
        signin.change_locks(door, rider_id)


def _free_number(door: Door) -> str:
    """Draw a number that no card has, with a check digit (Luhn), so that a slip of the finger finds nobody."""
    while True:
        drawn = f"{secrets.randbelow(10 ** (NUMBER_DIGITS - 1)):0{NUMBER_DIGITS - 1}}"
        number = drawn + _check_digit(drawn)
        if door.find_card(number=number) is None:
            return number


def _check_digit(digits: str) -> str:
    doubled = (int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits)))
    return str(-sum(sum(divmod(one, 10)) for one in doubled) % 10)
