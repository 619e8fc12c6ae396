"""Open a zip that a stranger made, a feed or a workbook: its directory is judged before anything is unpacked."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath

from webapp.files.sheets import Unopened

TABLES = (
    "agency.txt",
    "stops.txt",
    "routes.txt",
    "trips.txt",
    "stop_times.txt",
    "calendar.txt",
    "calendar_dates.txt",
    "frequencies.txt",
    "location_groups.txt",
)
"""What is read of a feed; whatever else lies beside it is never unpacked."""

_MOST_ENTRIES = 2_000
_MOST_DIRECTORY = 1024 * 1024
_MOST_UNPACKED = 200 * 1024 * 1024
_MOST_RATIO = 100
_RATIO_FROM = 8 * 1024 * 1024
"""Bytes from which the ratio counts: a table of equal rows, or a sheet of blank ones, is no bomb."""
_LONGEST_NAME = 200
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x41
"""Flags of an entry that is encrypted, also strongly."""
_LOCAL_HEADER = 30

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_END_64_SIGNATURE = b"PK\x06\x07"
_LONGEST_COMMENT = 65_535


def is_archive(content: bytes) -> bool:
    """Do these bytes begin as a zip does?"""
    return content.startswith(b"PK\x03\x04")


def is_feed(content: bytes) -> bool:
    """Do these bytes look like a zipped GTFS feed? Its tables may lie in a folder, or in a zip within the zip."""
    infos = _directory(content)
    if isinstance(infos, Unopened):
        return infos.code != "E-FILE-TYPE"
    names = {PurePosixPath(info.filename).name for info in infos}
    return bool(names & {"stops.txt", "trips.txt", "stop_times.txt"}) or _holds_only_archives(infos)


def fault_of(content: bytes) -> Unopened | None:
    """Judge an archive by its directory alone; None where that is sound, and where these bytes are no archive."""
    if not is_archive(content) and not is_feed(content):
        return None
    infos = _directory(content)
    if isinstance(infos, Unopened):
        return infos
    variant = _odd_entry(infos)
    return Unopened("E-FILE-ZIP", variant) if variant else _fault_of_read([info for info in infos if _is_read(info)])


def unpack(content: bytes, wanted: Callable[[zipfile.ZipInfo], bool]) -> dict[str, bytes] | Unopened:
    """Give the files that are wanted by name, or say why not; never more bytes than the directory admits to."""
    fault, infos = fault_of(content), _directory(content)
    if fault or isinstance(infos, Unopened):
        return fault or Unopened("E-FILE-TYPE")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return dict(_read(archive, filter(wanted, infos)))
    except MemoryError:
        raise
    except Exception:  # damaged, or not what its directory says
        return Unopened("E-FILE-TYPE")


def unpack_feed(content: bytes) -> dict[str, bytes] | Unopened:
    """Give the tables of a feed by name, or say why not."""
    found = unpack(content, _is_table)
    if isinstance(found, Unopened):
        return found
    tables = {PurePosixPath(name).name: table for name, table in found.items()}
    return tables if len(tables) == len(found) else Unopened("E-FILE-ZIP", "twice")


def pack_feed(folder: Path) -> bytes:
    """Pack the tables of a feed in a folder as a zip, the same bytes for the same tables."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in TABLES:
            if (folder / name).is_file():
                archive.writestr(zipfile.ZipInfo(name), (folder / name).read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _directory(content: bytes) -> list[zipfile.ZipInfo] | Unopened:
    """List what an archive says it holds; the length of that list is looked at before it is read."""
    length = _directory_length(content)
    if length is None:
        return Unopened("E-FILE-TYPE")
    if length > _MOST_DIRECTORY:
        return Unopened("E-FILE-BIG")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except MemoryError:
        raise
    except Exception:  # whatever the parser of a made-up directory raises
        return Unopened("E-FILE-TYPE")
    return Unopened("E-FILE-BIG") if len(infos) > _MOST_ENTRIES else infos


def _directory_length(content: bytes) -> int | None:
    """Read the directory's length from the end of an archive; None where it is none, or one for 4 GB and more."""
    at = len(content) - _END.size
    if at < 0 or content[at : at + 4] != _END_SIGNATURE:
        at = content.rfind(_END_SIGNATURE, max(0, len(content) - _LONGEST_COMMENT - _END.size))
    if at < 0 or at + _END.size > len(content) or content[max(0, at - 20) : at].startswith(_END_64_SIGNATURE):
        return None
    return int(_END.unpack_from(content, at)[5])


def _odd_entry(infos: list[zipfile.ZipInfo]) -> str:
    """Find what no program that packs tables writes, as a variant of the message; empty where all is usual."""
    if any(_is_absurd(info.filename) for info in infos):
        return "name"
    if any(stat.S_ISLNK(info.external_attr >> 16) for info in infos):
        return "link"
    if len({info.filename for info in infos}) < len(infos):
        return "twice"
    if any(_overlap(one, other) for one, other in pairwise(sorted(infos, key=lambda info: info.header_offset))):
        return "overlap"
    return "nested" if _holds_only_archives(infos) else ""


def _is_absurd(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    outside = path.is_absolute() or ".." in path.parts or ":" in name
    return outside or len(name) > _LONGEST_NAME or not name.isprintable()


def _overlap(one: zipfile.ZipInfo, other: zipfile.ZipInfo) -> bool:
    """Do two entries share bytes, so that few of them unpack to many?"""
    return one.header_offset + _LOCAL_HEADER + one.compress_size > other.header_offset


def _is_table(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename)
    return path.name in TABLES and "__MACOSX" not in path.parts


def is_part(info: zipfile.ZipInfo) -> bool:
    """Is this a part of a workbook that is read?"""
    return info.filename.endswith((".xml", ".rels"))


def _is_read(info: zipfile.ZipInfo) -> bool:
    return _is_table(info) or is_part(info)


def _holds_only_archives(infos: list[zipfile.ZipInfo]) -> bool:
    return bool(infos) and all(info.filename.casefold().endswith(".zip") for info in infos)


def _fault_of_read(infos: list[zipfile.ZipInfo]) -> Unopened | None:
    """Judge the files that would be unpacked."""
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        return Unopened("E-FILE-PASSWORD")
    if any(info.compress_type not in _METHODS for info in infos):
        return Unopened("E-FILE-TYPE")
    bombs = (info.file_size > max(_RATIO_FROM, _MOST_RATIO * info.compress_size) for info in infos)
    if sum(info.file_size for info in infos) > _MOST_UNPACKED or any(bombs):
        return Unopened("E-FILE-BIG")
    return None


def _read(archive: zipfile.ZipFile, infos: Iterable[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    for info in infos:
        with archive.open(info) as member:
            yield info.filename, member.read(info.file_size)
