"""Where people say that they are: names of the town in their own words, and places that they save for themselves."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import normalize

from routing.places import Named, Relation
from routing.times import Place
from webapp.db import tables
from webapp.db.store import Door, Records
from webapp.services.errors import Invalid, NotFound
from webapp.town import Town

MOST_SAVED = 20
MOST_RECENT = 6
LONGEST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Usual:
    """A place to choose with one tap; `label` is its owner's word for it, empty for one that is not saved."""

    label: str
    named: Named


def search(town: Town, text: str, *, near: Place | None = None, limit: int = 8) -> list[Named]:
    """List the places of the area and the stops of its schedules that answer the words, the likeliest first."""
    uses = town.local_names.uses(town.store, town.clock())
    return town.local_names.index(town.places, town.store, town.today()).search(text, limit, uses=uses, near=near)


def find(town: Town, text: str, *, near: Place | None = None) -> list[Named]:
    """As `search`; where none is sure, and the town has an online geocoder, followed by what that one knows."""
    found = search(town, text, near=near)
    if not text or town.geocoder is None or any(named.sure for named in found):
        return found
    return [*found, *town.geocoder.search(text, town.roads.bounds)]


def tell_apart(town: Town, found: list[Named], language: str = "") -> list[str]:
    """Name for each place the part of town that it is in, where another of the list bears the same name."""
    names = [named.name for named in found]
    parts = [town.places.locality(named.place) if names.count(named.name) > 1 else "" for named in found]
    return [town.places.called(part, named.place, language) for part, named in zip(parts, found, strict=True)]


def relation(town: Town, label: str, place: Place) -> Relation | None:
    """Say how a point lies to the thing that its label names; None where the label is no name of what is there."""
    beside = town.places.beside(place)
    return beside.relation if beside and beside.named.name == label else None


def list_usual(town: Town, request: tables.Request, end: str) -> list[Usual]:
    """List what a rider saved, then the places of earlier requests, the latest first, without the other end."""
    other = place_of(request, "destination" if end == "origin" else "origin")
    with town.store.read() as records:
        saved = records.list_saved_places(request.rider_id)
        earlier = records.list_requests(rider_id=request.rider_id)
    own = [Usual(one.label, Named(one.name, "", Place(one.lat, one.lon))) for one in saved]
    known = {one.named.place for one in own} | {other}
    recent: dict[str, Named] = {}
    for named in (named for row in reversed(earlier) if row.id != request.id for named in _ends(row)):
        if named.place not in known:
            recent.setdefault(named.name, named)
    return [
        *(one for one in own if one.named.place != other),
        *(Usual("", named) for named in [*recent.values()][:MOST_RECENT]),
    ]


def place_of(request: tables.Request, end: str) -> Place | None:
    """Give one end of a request, "origin" or "destination", as far as it is answered."""
    lat, lon = getattr(request, f"{end}_lat"), getattr(request, f"{end}_lon")
    return None if lat is None else Place(lat, lon)


def list_saved(town: Town, owner_id: str) -> list[tables.SavedPlace]:
    """List what somebody saved, in the order in which it was saved."""
    with town.store.read() as records:
        return records.list_saved_places(owner_id)


def own_words(town: Town, owner_id: str) -> dict[Place, str]:
    """Give what somebody calls each place that they saved."""
    return {Place(one.lat, one.lon): one.label for one in list_saved(town, owner_id)}


def at_point(town: Town, place: Place) -> Named:
    """Name a point of the map as people would: by what stands there, else by its part of town.

    Raises UnreachablePlace where no vehicle can come near.
    """
    town.roads.snap(place)
    beside = town.places.beside(place)
    return Named(beside.named.name if beside else town.places.locality(place) or town.places.describe(place), "", place)


def list_unsaved(town: Town, request: tables.Request) -> list[str]:
    """Name the ends of a request that its rider has not saved yet."""
    saved = {Place(one.lat, one.lon) for one in list_saved(town, request.rider_id)}
    ends = ((end, place_of(request, end)) for end in ("origin", "destination"))
    return [end for end, place in ends if place is not None and place not in saved]


def save(town: Town, request: tables.Request, end: str, label: str, *, home: bool = False) -> tables.SavedPlace:
    """Save one end of a request under a word of its rider's; saving it again by that word changes nothing.

    home: most of the rider's trips start there. Raises Invalid for a word that is none or names another place already,
    for the 21st place, or without an answer.
    """
    place, word = place_of(request, end), _word(label)
    if place is None:
        raise Invalid("unanswered")
    row = tables.SavedPlace(
        id=secrets.token_urlsafe(12),
        owner_id=request.rider_id,
        label=word,
        name=getattr(request, f"{end}_label"),
        lat=place.lat,
        lon=place.lon,
        created_at=town.clock(),
    )

    def change(door: Door) -> tables.SavedPlace:
        saved = door.list_saved_places(row.owner_id)
        same = next((one for one in saved if _alike(one.label, word)), None)
        if same is not None and Place(same.lat, same.lon) == place:
            return _start_there(door, same) if home else same
        if same is not None:
            raise Invalid("label taken")
        if len(saved) >= MOST_SAVED:
            raise Invalid("many places")
        kept = door.put(row)
        return _start_there(door, kept) if home else kept

    return town.store.commit(change, rider=row.owner_id)


def _start_there(door: Door, saved: tables.SavedPlace) -> tables.SavedPlace:
    rider = door.get_user(saved.owner_id)
    rider.home_id = saved.id
    door.put(rider)
    return saved


def rename(town: Town, place_id: str, owner_id: str, label: str) -> None:
    """Give a saved place another word. Raises Invalid as `save` does, NotFound for anybody else's place."""
    word = _word(label)

    def change(door: Door) -> None:
        row = _own(door, place_id, owner_id)
        if row is None:
            raise NotFound("place")
        if any(_alike(one.label, word) and one.id != place_id for one in door.list_saved_places(owner_id)):
            raise Invalid("label taken")
        row.label = word
        door.put(row)

    town.store.commit(change, rider=owner_id)


def remove(town: Town, place_id: str, owner_id: str) -> None:
    """Forget a place; removing it again changes nothing. Raises NotFound for anybody else's place."""

    def change(door: Door) -> None:
        if _own(door, place_id, owner_id) is not None:
            door.forget_place(place_id)

    town.store.commit(change, rider=owner_id)


def _own(records: Records, place_id: str, owner_id: str) -> tables.SavedPlace | None:
    row = records.find_saved_place(place_id)
    if row is not None and row.owner_id != owner_id:
        raise NotFound("place")
    return row


def _word(label: str) -> str:
    word = " ".join(normalize("NFKC", label).split())
    if not 1 <= len(word) <= LONGEST_LABEL:
        raise Invalid("label")
    return word


def _alike(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _ends(row: tables.Request) -> Iterator[Named]:
    for end in ("destination", "origin"):
        place = place_of(row, end)
        if place is not None:
            yield Named(getattr(row, f"{end}_label"), "", place)
