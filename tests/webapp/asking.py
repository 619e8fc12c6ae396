"""How people use the pages of a trip: each function does what one does at one sitting."""

from collections.abc import Mapping

from tests.webapp.visitor import Visitor
from webapp.db import tables
from webapp.town import Town

NOTHING: Mapping[str, str] = {}


def begin(visitor: Visitor) -> Visitor:
    """Open a request: its first question is on the page."""
    visitor.get("/trips")
    visitor.send("Ask for a trip")
    return visitor


def answer_place(visitor: Visitor, text: str) -> None:
    """Search for words, and take the place of that very name, or the first that is found."""
    visitor.send("Search", {"text": text})
    found = visitor.options("place")
    place = next((value for label, value in found.items() if label == text), next(iter(found.values())))
    visitor.send("Continue", {"place": place})


def asked(visitor: Visitor, origin: str = "Liisankatu 29", destination: str = "Hotel Kämp") -> str:
    """Answer where from and where to; give the address of the request's pages."""
    begin(visitor)
    answer_place(visitor, origin)
    answer_place(visitor, destination)
    return visitor.path.removesuffix("/when")


def ask(visitor: Visitor, origin: str, destination: str, *, time: str, who: Mapping[str, str] = NOTHING) -> str:
    """Answer all questions of a trip today; give the address of the request's pages."""
    path = asked(visitor, origin, destination)
    visitor.send("Continue", {"day": "today", "how": "depart", "time": time})
    visitor.send("Show free seats", {"people": "1", "wheelchairs": "0", "max_walk": "300", **who})
    return path


def choose(visitor: Visitor) -> None:
    visitor.send("Choose this ride")


def book(visitor: Visitor, origin: str = "Liisankatu 29", destination: str = "Hotel Kämp") -> str:
    """Book the first offer of the morning; give the address of the booking."""
    ask(visitor, origin, destination, time="7:50")
    choose(visitor)
    visitor.send("Book this trip")
    return visitor.path


def bookings(town: Town) -> list[tables.Booking]:
    """List all bookings that stand."""
    with town.store.read() as records:
        return records.list_bookings(status="booked")
