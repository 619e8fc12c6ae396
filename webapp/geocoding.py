"""An online geocoder, asked only where a town wants it and the names of its own area give no sure answer."""

import logging
from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, build_opener

from routing.places import Match, Named
from routing.times import Place

ONLINE = "online"
"""Kind of the places that the geocoder found."""
KINDS = ("nominatim", "photon")
PATIENCE = 2.0
"""Seconds until a geocoder counts as silent."""
MOST = 5
_REMEMBERED = 256
_LONGEST_NAME = 120

Bounds = tuple[float, float, float, float]

log = logging.getLogger(__name__)


class Geocoder:
    """Asks one server; `said` is the setting, such as nominatim:https://nominatim.example.org. Raises ValueError."""

    def __init__(self, said: str) -> None:
        kind, _, address = said.partition(":")
        server = urlsplit(address)
        if kind not in KINDS or server.scheme not in {"http", "https"} or not server.netloc:
            message = f"NORIAI_GEOCODER is {said!r}: write nominatim:https://SERVER or photon:https://SERVER"
            raise ValueError(message)
        self._kind = kind
        self._server: Any = _open(kind, server.scheme, (server.netloc + server.path).rstrip("/"))
        self._answers: OrderedDict[str, list[Named]] = OrderedDict()

    def search(self, text: str, bounds: Bounds) -> list[Named]:
        """List what the server knows by these words within west, south, east, north; nothing when it fails.

        Its places are never sure. A failure is logged without the words: they may say where somebody lives.
        """
        if text not in self._answers:
            try:
                found = self._ask(text, bounds)
            except Exception as error:  # whatever a server sends must not keep anybody from the offline answer
                log.warning("The geocoder gave no answer: %s", type(error).__name__)
                return []
            self._remember(text, found)
        return self._answers.get(text, [])

    def _ask(self, text: str, bounds: Bounds) -> list[Named]:
        west, south, east, north = bounds
        box = [(south, west), (north, east)]
        within = {"viewbox": box, "bounded": True} if self._kind == "nominatim" else {"bbox": box}
        found = self._server.geocode(text, exactly_one=False, limit=MOST, **within) or []
        named = [
            Named(one.address[:_LONGEST_NAME], ONLINE, Place(one.latitude, one.longitude), Match.GUESS) for one in found
        ]
        return [one for one in named if west <= one.place.lon <= east and south <= one.place.lat <= north and one.name]

    def _remember(self, text: str, found: list[Named]) -> None:
        """A page is often shown twice: the server is asked once."""
        self._answers[text] = found
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)


def _open(kind: str, scheme: str, domain: str) -> Any:
    from geopy.adapters import URLLibAdapter
    from geopy.geocoders import Nominatim, Photon

    logging.getLogger("geopy").setLevel(logging.WARNING)  # below that it writes whole addresses, words and all
    chosen = {"nominatim": Nominatim, "photon": Photon}[kind]

    class Plain(URLLibAdapter):  # the other one tries thrice, and urllib3 logs each address
        """Asks the server that the town named, and none that this one sends us on to."""

        def __init__(self, *, proxies: Any, ssl_context: Any) -> None:
            super().__init__(proxies=proxies, ssl_context=ssl_context)
            self.urlopen = build_opener(HTTPSHandler(context=ssl_context), ProxyHandler(proxies), _NoRedirects).open

    return chosen(domain=domain, scheme=scheme, user_agent="noriai", timeout=PATIENCE, adapter_factory=Plain)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
