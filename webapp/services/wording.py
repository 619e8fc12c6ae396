"""What people are told, kind by kind: one line each, said in the reader's language when it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from webapp.texts import lazy, translator

SOON = timedelta(hours=2)
"""How long what happens on the road right now is news."""
NIGHT = timedelta(hours=14)
"""How long it is news that somebody has arrived: until the morning."""
NEWS = ("boarded", "alighted", "late", "no_show")
"""What somebody may agree to be told of a ride; kinds of `KINDS`, or of several of them."""

OF_SIGNING_IN = ("code", "new device", "signing in changed")
"""Kinds that nobody misses later: the desk is not asked to pass them on."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of message.

    urgent: sent in quiet hours too; so is one that is `urgent_if_soon` and about a trip before these end.
    lasts: after so long it is not sent any more. letter: printed for whoever has no other way. leads: where on the
    site it goes on.
    """

    text: str
    urgent: bool = False
    urgent_if_soon: bool = False
    lasts: timedelta | None = None
    letter: bool = False
    leads: str = "/trips"


def _live(text: str) -> Kind:
    """Make a kind that tells of a ride while it is driven, and of nothing later."""
    return Kind(text, urgent=True, lasts=SOON, leads="/family")


def _of_family(text: str) -> Kind:
    """Make a kind that tells a family what a dispatcher had to change."""
    return Kind(text, urgent=True, leads="/family")


KINDS: Mapping[str, Kind] = {
    "code": Kind("%(code)s", urgent=True, lasts=timedelta(minutes=10)),
    "new device": Kind(
        lazy(
            "Somebody has signed in to your account with a browser that we had not seen before. If that was you, all "
            "is well. If not, open “Signing in”, sign out everywhere, and call us."
        ),
        urgent=True,
        lasts=timedelta(days=1),
        leads="/",
    ),
    "signing in changed": Kind(
        lazy(
            "How you sign in has changed: a passkey, the app, the recovery codes or the password. If that was not you, "
            "call us at once."
        ),
        urgent=True,
        lasts=timedelta(days=1),
        leads="/",
    ),
    "booked": Kind(lazy("Your seat is booked. The times and the place are on your trips page."), letter=True),
    "cancelled": Kind(lazy("Your trip is cancelled and the seat is free again."), letter=True),
    "cancelled with return": Kind(
        lazy("Your trip and the way back are cancelled, and the seats are free again."), letter=True
    ),
    "moved": Kind(
        lazy(
            "A timetable has changed. You have another seat: the new times are on your trips page. If they do not suit "
            "you, cancel the trip there or call us."
        ),
        urgent_if_soon=True,
        letter=True,
    ),
    "withdrawn": Kind(
        lazy(
            "A timetable has changed, and your trip had to be cancelled. We are sorry. Please ask for another trip, or "
            "call us."
        ),
        urgent_if_soon=True,
        letter=True,
    ),
    "changed": Kind(
        lazy("Your trip has been changed. The new times and the place are on your trips page."), letter=True
    ),
    "changed by helper": Kind(
        lazy("Your helper has changed one of your trips. The new times and the place are on your trips page."),
        letter=True,
    ),
    "booked by helper": Kind(
        lazy("Your helper has booked a trip for you. The times and the place are on your trips page."), letter=True
    ),
    "booked for another": Kind(lazy("You have booked or changed a trip for somebody whom you help.")),
    "seat offered": Kind(
        lazy(
            "A seat has become free for a trip that you wait for. It is kept for you. Say yes until %(time)s on your "
            "trips page, or call us. After that it goes to the next person."
        ),
        urgent_if_soon=True,
    ),
    "seat offered to another": Kind(
        lazy(
            "A seat has become free for a trip of somebody whom you help. It is kept until %(time)s: say yes or no on "
            "their trips page. After that it goes to the next person."
        ),
        urgent_if_soon=True,
    ),
    "seat declined": Kind(lazy("You said no to the seat. It goes to the next person who waits.")),
    "seat lapsed": Kind(
        lazy(
            "We heard no answer in time, so the seat goes to the next person who waits. If you still want to travel, "
            "ask for the trip again or call us."
        ),
        letter=True,
    ),
    "weekly trips": Kind(
        lazy(
            "Your weekly trips: %(booked)s booked, %(waiting)s on the waiting list, %(refused)s without a seat. "
            "See your trips page."
        ),
        letter=True,
    ),
    "helper asked": Kind(
        lazy(
            "Somebody would like you to act for them: to ask for trips and to see their trips. Say yes or no on your "
            "trips page, under Helpers."
        )
    ),
    "helper started": Kind(
        lazy(
            "Somebody you named now acts for you, or you act for somebody. Either of you can end it at any time on the "
            "trips page, under Helpers."
        ),
        letter=True,
    ),
    "helper ended": Kind(
        lazy("One person no longer acts for another. See your trips page, under Helpers."), letter=True
    ),
    "moved by dispatcher": Kind(
        lazy(
            "Your trip has moved to another vehicle or another time. The new times are on your trips page. If they do "
            "not suit you, cancel the trip there or call us."
        ),
        urgent_if_soon=True,
        letter=True,
    ),
    "broke down": Kind(
        lazy("The vehicle of your trip has broken down. Another one takes you: the new times are on your trips page."),
        urgent=True,
    ),
    "broke down, waiting": Kind(
        lazy("The vehicle of your trip has broken down. We are looking for another way for you, and will call you."),
        urgent=True,
    ),
    "delayed": Kind(
        lazy("Your vehicle is expected about %(minutes)s minutes later than planned. We are sorry."),
        urgent=True,
        lasts=NIGHT,
    ),
    "called off": Kind(
        lazy(
            "Your trip cannot take place, because its vehicle does not go. We are sorry. Please ask for another trip, "
            "or call us."
        ),
        urgent_if_soon=True,
        letter=True,
    ),
    "as before": Kind(lazy("Your trip is as it was before: the times are on your trips page."), letter=True),
    "family moved": _of_family(
        lazy("Another vehicle takes your family member on this trip. The operator can tell you more.")
    ),
    "family broke down": _of_family(
        lazy(
            "The vehicle of your family member has broken down. Another one takes them, about %(minutes)s minutes "
            "later than planned."
        )
    ),
    "family broke down, waiting": _of_family(
        lazy(
            "The vehicle of your family member has broken down. The operator is looking for another way, and will "
            "call you."
        )
    ),
    "family delayed": _of_family(
        lazy("The vehicle of your family member is expected about %(minutes)s minutes later than planned.")
    ),
    "family called off": _of_family(lazy("The vehicle of your family member does not go on %(day)s.")),
    "family as before": _of_family(lazy("The vehicle of your family member goes as planned after all.")),
    "unclosed": Kind(
        lazy(
            "The run %(run)s (%(vehicle)s) is over and was not closed. Ask the driver whether anybody is still aboard."
        ),
        urgent=True,
        lasts=NIGHT,
        leads="/",
    ),
    "absences changed": Kind(
        lazy("An absence was entered or withdrawn. See “Family” on the site."), letter=True, leads="/family"
    ),
    "boarded": _live(lazy("Boarded the vehicle at %(time)s.")),
    "alighted": Kind(lazy("Got off the vehicle at %(time)s."), lasts=NIGHT, leads="/family"),
    "no_show": _live(lazy("Was not at the stop when the vehicle came, at %(time)s.")),
    "late": _live(lazy("The vehicle is late. It is expected at the stop at about %(time)s.")),
    "late arrival": _live(lazy("The vehicle is late. It is expected to arrive at about %(time)s.")),
    "corrected": _live(lazy("Our last message was a mistake. The driver has corrected it.")),
}
"""Every kind that is told. Another one is a line here, and its sentence in the catalogues."""


def words(kind: str, facts: Mapping[str, Any], language: str) -> str:
    """Say what happened. Raises KeyError for a kind that is unknown, or a fact that is missing."""
    return translator(language)(KINDS[kind].text) % facts


def subject(kind: str, language: str) -> str:
    """Say what stands on the outside, with nothing personal in it: it may be read over a shoulder."""
    _ = translator(language)
    return _("Your code for Noriai") if kind == "code" else _("News from Noriai")
