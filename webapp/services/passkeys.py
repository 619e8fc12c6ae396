"""Passkeys (WebAuthn) of people who work here: one alone is two factors, as the device asks who holds it."""

import secrets
from datetime import timedelta
from typing import NamedTuple

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from webapp.db import tables
from webapp.db.store import Door
from webapp.services import codes, signin
from webapp.services.errors import Invalid
from webapp.town import Town

CHALLENGE_LIFE = timedelta(minutes=5)
LONGEST_NAME = 40
LONGEST_CREDENTIAL = 20_000
MOST = 20
SITE = "Noriai"


class Site(NamedTuple):
    """For whom passkeys are made: the host (RP ID), and the origin of its pages."""

    host: str
    origin: str


def ask_to_make(town: Town, site: Site, user: tables.User, *, peer: str) -> tuple[str, str]:
    """Give a challenge, base64url, and what a browser needs to make a passkey for somebody (JSON). Raises TooMany."""
    challenge = _challenge(town, peer)
    with town.store.read() as records:
        known = [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in records.list_passkeys(user.id)]
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=SITE,
        user_id=user.id.encode(),
        user_name=user.email or user.name,
        user_display_name=user.name,
        challenge=base64url_to_bytes(challenge),
        exclude_credentials=known,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return challenge, options_to_json(options)


def add(town: Town, site: Site, user_id: str, name: str, *, challenge: str, made: str) -> None:
    """Keep a passkey that a browser made; every session of the person ends. Raises Invalid."""
    _use_up(town, challenge)
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise Invalid("passkey name")
    try:
        credential = parse_registration_credential_json(made[:LONGEST_CREDENTIAL])
        checked = verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as fault:
        raise Invalid("passkey") from fault
    row = tables.Passkey(
        id=bytes_to_base64url(checked.credential_id),
        user_id=user_id,
        name=name.strip(),
        public_key=checked.credential_public_key,
        sign_count=checked.sign_count,
        transports=[one.value for one in credential.response.transports or ()],
        added_at=town.clock(),
    )

    def change(door: Door) -> None:
        if door.find_passkey(row.id) or len(door.list_passkeys(user_id)) >= MOST:
            raise Invalid("passkey")
        door.put(row)
        signin.change_locks(door, user_id)
        signin.record(town, door, user_id, "passkey added", user_id)

    town.store.commit(change, rider=user_id)


def ask_to_show(town: Town, site: Site, *, peer: str) -> tuple[str, str]:
    """Give a challenge, base64url, and what a browser needs to show one of its passkeys (JSON). Raises TooMany.

    Nobody is named: the browser knows whose passkeys it has.
    """
    challenge = _challenge(town, peer)
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=base64url_to_bytes(challenge),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return challenge, options_to_json(options)


def prove(town: Town, site: Site, challenge: str, shown: str, *, peer: str) -> tables.User:
    """Give whose passkey was shown.

    One that counts backwards may have been copied: it is noted, and opens nothing any more. Raises Invalid, TooMany.
    """
    _use_up(town, challenge, peer)
    try:
        credential = parse_authentication_credential_json(shown[:LONGEST_CREDENTIAL])
        with town.store.read() as records:
            row = records.find_passkey(credential.id)
        if row is None or row.suspect_at:
            raise Invalid("passkey")
        checked = verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=0,  # what it counts is compared below, where that can be noted
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as fault:
        raise Invalid("passkey") from fault
    handle = credential.response.user_handle
    if handle is not None and handle != row.user_id.encode():
        raise Invalid("passkey")
    user = town.store.commit(lambda door: _note_use(town, door, row.id, checked), rider=row.user_id)
    if user is None:
        raise Invalid("passkey")
    return user


def _note_use(town: Town, door: Door, passkey_id: str, checked: VerifiedAuthentication) -> tables.User | None:
    row = door.find_passkey(passkey_id)
    if row is None or row.suspect_at:
        return None
    if checked.new_sign_count <= row.sign_count and (checked.new_sign_count or row.sign_count):
        row.suspect_at = door.now()
        door.put(row)
        signin.record(town, door, row.user_id, "passkey suspect", row.user_id)
        return None
    row.sign_count, row.used_at = checked.new_sign_count, door.now()
    door.put(row)
    user = door.find_user(id=row.user_id)
    return user if user and user.active else None


def _challenge(town: Town, peer: str) -> str:
    """Draw a challenge, and keep that it was not answered yet."""
    challenge = secrets.token_urlsafe(32)

    def change(door: Door) -> None:
        signin.count(door, town.settings.secret_key, peer=peer)
        door.forget_challenges(door.now() - CHALLENGE_LIFE)
        door.put(tables.PasskeyChallenge(id=codes.digest(challenge), created_at=door.now()))

    town.store.commit(change)
    return challenge


def _use_up(town: Town, challenge: str, peer: str | None = None) -> None:
    """Let a challenge be answered once, within five minutes. Raises Invalid, TooMany."""

    def change(door: Door) -> bool:
        if peer is not None:
            signin.count(door, town.settings.secret_key, peer=peer)
        return door.take_challenge(codes.digest(challenge), since=door.now() - CHALLENGE_LIFE)

    if not challenge or not town.store.commit(change):
        raise Invalid("passkey late")
