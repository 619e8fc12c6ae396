"""Several OpenStreetMap extracts as one: what stands in more than one of them is taken once, by its id.

Of two versions the newer is taken. Extracts that cut the same thing differently complete each other: nodes that one
lacks come from the other, and the pieces of a way that was cut short are joined.

One extract alone is only sorted, where it is not, and rid of what it says twice.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import osmium

from routing.extract import LeftAside, readable

Object = osmium.osm.Node | osmium.osm.Way | osmium.osm.Relation
Refs = tuple[int, ...]
Spot = tuple[int, int]
Key = tuple[int, bool, int]
"""How OSM files are sorted: kind, is the id above 0, its amount."""

_KINDS = {"n": 1, "w": 2, "r": 3}
_START, _END = (0, False, 0), (4, False, 0)


@dataclass(frozen=True, slots=True)
class Union:
    """All extracts in one file; roads: of each, the ids of ways that may be roads; ignored: as in `Roads`."""

    path: Path
    roads: tuple[set[int], ...]
    ignored: Counter[LeftAside] = field(default_factory=Counter)


class _UnsortedError(Exception):
    """The extract of this number is not sorted."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def ordered(path: Path) -> Iterator[Union]:
    """Give one extract as it is or, for as long as the context lasts, sorted and without repetitions.

    Raises RoadError when the file cannot be read.
    """
    with TemporaryDirectory(prefix="noriai-extracts-") as folder:
        try:
            repeated = _repeated(path)
        except _UnsortedError:
            path = _sorted(path, Path(folder, "sorted.osm.pbf"))
            repeated = _repeated(path)
        if repeated:
            path = _sorted(path, Path(folder, "unique.osm.pbf"), unique=True)
        yield Union(path, (), repeated)


def _repeated(path: Path) -> Counter[LeftAside]:
    """Count what stands more than once in a sorted extract. Raises _UnsortedError."""
    if _only_rises(path):
        return Counter()
    reader = _Reader(0, path)
    while reader.key != _END:
        reader.advance()
    return reader.repeated


def _only_rises(path: Path) -> bool:
    """Is an extract sorted and without repetitions, as nearly all are? It costs less to see that than to count them."""
    before = _START
    for one in _objects(path):
        key = _key(one)
        if key <= before:
            return False
        before = key
    return True


@contextmanager
def united(paths: Sequence[Path]) -> Iterator[Union]:
    """Write extracts as one sorted file, which lasts as long as the context. Raises RoadError for an unreadable one.

    The order of extracts counts only where they contradict each other in the same version: then the first is right.
    """
    with TemporaryDirectory(prefix="noriai-extracts-") as folder:
        files, made = list(paths), None
        while made is None:
            try:
                made = _write(files, Path(folder, "union.osm.pbf"))
            except _UnsortedError as found:
                fresh = Path(folder, f"sorted-{found.number}.osm.pbf")
                files[found.number] = _sorted(files[found.number], fresh)
        if made.ignored.keys() & {LeftAside.REPEATED, LeftAside.MOVED}:
            made = replace(made, path=_sorted(made.path, Path(folder, "unique.osm.pbf"), unique=True))
        yield made


def _sorted(path: Path, fresh: Path, *, unique: bool = False) -> Path:
    """Sort an extract in memory, as only such need it that were written by hand; unique: keep newest versions only."""
    merge = osmium.MergeInputReader()
    with readable(path), osmium.SimpleWriter(fresh, overwrite=True) as writer:
        merge.add_file(str(path))
        merge.apply(writer, simplify=unique)
    return fresh


class _Reader:
    """An extract as far as it has been read; an object can be used until the next one is asked for."""

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.repeated: Counter[LeftAside] = Counter()
        self._objects = _objects(path)
        self._spot: Spot | None = None
        self.key: Key = _START
        self.advance()

    def advance(self) -> None:
        self.current = next(self._objects, None)
        key = _END if self.current is None else _key(self.current)
        if key < self.key:
            raise _UnsortedError(self.number)
        spot = _spot(self.current)
        if key == self.key:
            is_moved = spot and self._spot and spot != self._spot
            self.repeated[LeftAside.MOVED if is_moved else LeftAside.REPEATED] += 1
        self.key, self._spot = key, spot

    def is_at_road(self) -> bool:
        """Whether the present object is a way that may be a road."""
        one = self.current
        return isinstance(one, osmium.osm.Way) and ("highway" in one.tags or "route" in one.tags)


def _objects(path: Path) -> Iterator[Object]:
    with readable(path):
        for one in osmium.FileProcessor(path):
            if isinstance(one, Object):
                yield one


def _spot(one: Object | None) -> Spot | None:
    """Where a node lies; None for all else, and for a node that was deleted."""
    if isinstance(one, osmium.osm.Node) and one.location.valid():
        return one.location.x, one.location.y
    return None


def _key(one: Object) -> Key:
    return _KINDS[one.type_str()], one.id > 0, abs(one.id)


def _write(paths: Sequence[Path], path: Path) -> Union:
    made = Union(path, tuple(set() for _ in paths))
    unpacked = osmium.io.File(path, "pbf,pbf_compression=none")
    readers = [_Reader(number, one) for number, one in enumerate(paths)]
    with osmium.SimpleWriter(unpacked, overwrite=True) as writer:
        while (key := min(reader.key for reader in readers)) != _END:
            at = [reader for reader in readers if reader.key == key]
            found = [reader.current for reader in at if reader.current]
            for reader in at:
                if reader.is_at_road():
                    made.roads[reader.number].add(key[2] if key[1] else -key[2])
            writer.add(found[0] if len(found) == 1 else _one_of(found, made.ignored))
            for reader in at:
                reader.advance()
    for reader in readers:
        made.ignored.update(reader.repeated)
    return made


def _one_of(same: Sequence[Object], ignored: Counter[LeftAside]) -> object:
    """Choose between objects of one id."""
    newest = max((one.version, one.timestamp) for one in same)
    equal = [one for one in same if (one.version, one.timestamp) == newest]
    if ways := [one for one in equal if isinstance(one, osmium.osm.Way)]:
        return _joined(ways, ignored)
    if relations := [one for one in equal if isinstance(one, osmium.osm.Relation)]:
        return max(relations, key=lambda one: len(one.members))
    spots = {(one.location.x, one.location.y) for one in equal if isinstance(one, osmium.osm.Node)}
    ignored[LeftAside.ELSEWHERE] += len(spots) - 1
    return equal[0]


def _joined(ways: Sequence[osmium.osm.Way], ignored: Counter[LeftAside]) -> object:
    """Join what extracts have left of a way to the longest line that they agree on."""
    pieces = {tuple(node.ref for node in way.nodes) for way in ways}
    if len(pieces) == 1:
        return ways[0]
    line, *others = sorted(pieces, key=lambda refs: (-len(refs), refs))
    waiting, left = others, len(others) + 1
    while waiting and len(waiting) < left:
        left, others, waiting = len(waiting), waiting, []
        for piece in others:
            longer = _fitted(line, piece)
            line = longer or line
            waiting += [] if longer else [piece]
    ignored[LeftAside.UNFITTING] += len(waiting)
    return ways[0].replace(nodes=line)


def _fitted(line: Refs, piece: Refs) -> Refs | None:
    """Put a piece to the line that it overlaps; None where it does not."""
    rest = iter(line)
    if all(ref in rest for ref in piece):
        return line
    for shared in range(min(len(line), len(piece)), 0, -1):
        if line[-shared:] == piece[:shared]:
            return line + piece[shared:]
        if piece[-shared:] == line[:shared]:
            return piece + line[shared:]
    return None
