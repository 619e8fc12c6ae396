"""What people are told: written to the outbox with what happened, sent afterwards, retried until sent."""

import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

from webapp.db import tables
from webapp.db.store import Door
from webapp.texts import translator
from webapp.town import Town

BATCH = 50


def tell(door: Door, kind: str, user_id: str | None, facts: Mapping[str, Any], *, email: str = "") -> None:
    """Put a message into the outbox. `facts` names what it is about by id; words are chosen when it is sent."""
    door.put(tables.Outbox(kind=kind, user_id=user_id, email=email, facts=dict(facts), created_at=door.now()))


def deliver(town: Town) -> int:
    """Send what waits in the outbox by e-mail, and count it; what fails stays, with the reason, for the next try."""
    if not town.settings.smtp:
        return 0
    with town.store.read() as records:
        waiting = [(row, _address(records, row)) for row in records.pending_outbox(BATCH)]
    sent = 0
    for row, (address, language) in waiting:
        sent += _send(town, row, address, language)
    return sent


def _address(records: Any, row: tables.Outbox) -> tuple[str, str]:
    user = records.find_user(id=row.user_id) if row.user_id else None
    return (row.email or (user.email if user and user.email else ""), user.language if user else "")


def _send(town: Town, row: tables.Outbox, address: str, language: str) -> int:
    number = row.id or 0
    if not address:
        town.store.commit(lambda door: door.mark_sent(number))
        return 0
    host, _, port = town.settings.smtp.partition(":")
    try:
        with smtplib.SMTP(host, int(port or 25), timeout=10) as server:
            server.send_message(_compose(town, row, address, language or town.settings.language))
    except (OSError, smtplib.SMTPException, ValueError, LookupError) as error:  # one bad row must not stop the others
        reason = type(error).__name__
        town.store.commit(lambda door: door.mark_failed(number, reason))
        return 0
    town.store.commit(lambda door: door.mark_sent(number))
    return 1


def _compose(town: Town, row: tables.Outbox, address: str, language: str) -> EmailMessage:
    """Write a message with nothing personal in its subject: it may be read over a shoulder."""
    _ = translator(language)
    words = {
        "booked": _("Your seat is booked. The times and the place are on your trips page."),
        "cancelled": _("Your trip is cancelled and the seat is free again."),
        "cancelled with return": _("Your trip and the way back are cancelled, and the seats are free again."),
        "boarded": _("Boarded the vehicle at %(time)s."),
        "alighted": _("Got off the vehicle at %(time)s."),
    }
    message = EmailMessage()
    message["Subject"] = _("News from Noriai")
    message["From"] = town.settings.mail_from
    message["To"] = address
    message["Message-ID"] = f"<{row.id}.{row.kind}@noriai>"
    call = _("If anything is wrong, call us: %(phone)s") % {"phone": town.settings.desk_phone}
    message.set_content(f"{words[row.kind] % row.facts}\n\n{call}\n")
    return message
