"""Backups: records and what belongs to them in one file, checked before it counts and before it is used."""

import hashlib
import hmac
import json
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, mkstemp
from typing import IO, Any

from webapp.config import Settings
from webapp.db import backups as copies
from webapp.db.backups import Copy
from webapp.db.errors import StoreError

FORMAT = 1
MANIFEST, RECORDS, SETTINGS, KEY, AREAS = "manifest.json", "records", "settings.json", "secret-key", "areas"
OWN_NAME = re.compile(r"noriai-\d{8}T\d{6}Z\.tar\.gz")
SECRET = re.compile(r"key|token|secret|password|authorization", re.IGNORECASE)
BLOCK = 2**20
LARGEST_MANIFEST = 2**22
Tell = Callable[[str, int, int], None]


class BackupError(ValueError):
    """A backup cannot be made, or cannot be used."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. key: tells secret keys apart, and opens nothing; members: name -> [bytes, SHA-256].

    made_at: UTC; what was changed after it is not in the backup.
    """

    format: int
    made_at: str
    version: str
    database: str
    server: int
    revision: str
    counts: Mapping[str, int]
    key: str
    areas: tuple[str, ...]
    members: Mapping[str, tuple[int, str]]

    @property
    def copy(self) -> Copy:
        return Copy(self.database, self.server, self.revision, self.counts)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: where the old records stay, messages that are held, and the secret key.

    lost: rows by table that the old records had more of. key: "same", "restored", "other" or "missing".
    """

    manifest: Manifest
    aside: str
    held: int
    lost: Mapping[str, int]
    key: str


def back_up(
    settings: Settings, target: Path, now: datetime, tell: Tell, *, with_key: bool = False, with_areas: bool = False
) -> tuple[Path, Manifest]:
    """Write a backup into a folder, or to a file of the name; nobody but its owner may read it.

    The file appears once it was read back and found whole. Raises BackupError and StoreError.
    """
    file = target if target.name.endswith(".tar.gz") else target / f"noriai-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    if file.exists():
        raise BackupError(f"{file} is there already")
    file.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".noriai-", dir=file.parent) as made:
        folder = Path(made)
        copied = copies.copy_records(
            settings.database_url, folder / RECORDS, lambda done, of: tell("copy the records", done, of)
        )
        _write_private(folder / SETTINGS, json.dumps(plain_settings(settings), indent=1).encode())
        members = {RECORDS: folder / RECORDS, SETTINGS: folder / SETTINGS}
        if with_key:
            _write_private(folder / KEY, settings.secret_key.encode())
            members[KEY] = folder / KEY
        if with_areas:
            members |= dict(_files_of_areas(settings))
        manifest = Manifest(
            FORMAT, now.isoformat(timespec="seconds"), version("noriai"), copied.kind, copied.server, copied.revision,
            copied.counts, fingerprint(settings.secret_key), settings.area if with_areas else (),
            {name: (path.stat().st_size, _digest(path)) for name, path in members.items()},
        )  # fmt: skip
        _pack(file, manifest, members, tell)
    return file, manifest


def _pack(file: Path, manifest: Manifest, members: Mapping[str, Path], tell: Tell) -> None:
    number, partial = mkstemp(prefix=f".{file.name}.", dir=file.parent)  # only its owner may read such a file
    try:
        with os.fdopen(number, "wb") as raw:
            with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=6) as archive:
                _add(archive, MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
                for done, (name, path) in enumerate(members.items()):
                    tell("pack", done, len(members))
                    archive.add(path, arcname=name, recursive=False)
                tell("pack", len(members), len(members))
            raw.flush()
            os.fsync(raw.fileno())
        with TemporaryDirectory(prefix=".noriai-", dir=file.parent) as again:
            check(Path(partial), Path(again), tell)
        Path(partial).replace(file)
        copies._sync(file.parent)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def check(file: Path, folder: Path, tell: Tell) -> Manifest:
    """Unpack a backup into an empty folder and read its records through. Raises BackupError."""
    manifest = unpack(file, folder, tell)
    try:
        copies.check_copy(manifest.database, folder / RECORDS)
    except StoreError as error:
        raise BackupError(f"{file} is damaged: {error}") from error
    return manifest


def unpack(file: Path, folder: Path, tell: Tell) -> Manifest:
    """Write a backup's members into an empty folder, each compared with its checksum. Raises BackupError."""
    try:
        with tarfile.open(file, "r:gz") as archive:
            manifest = _read_manifest(archive)
            left = dict(manifest.members)
            while member := archive.next():
                size, digest = left.pop(member.name, (-1, ""))
                if not member.isfile() or member.size != size or not _is_inside(member.name):
                    raise BackupError(f"it holds {member.name}, which is not in its manifest")
                _unpack_one(archive, member, folder / member.name, digest)
                tell("check", len(manifest.members) - len(left), len(manifest.members))
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
        raise BackupError(f"{file} cannot be used: {error}") from error
    if left:
        raise BackupError(f"{file} cannot be used: {', '.join(left)} is missing in it")
    return manifest


def _read_manifest(archive: tarfile.TarFile) -> Manifest:
    first = archive.next()
    opened = archive.extractfile(first) if first and first.name == MANIFEST else None
    if first is None or opened is None or first.size > LARGEST_MANIFEST:
        raise BackupError("it is no backup of Noriai")
    said: dict[str, Any] = json.loads(opened.read())
    if said.get("format") != FORMAT:
        raise BackupError(f"it has format {said.get('format')}, and this version reads {FORMAT}")
    names = {one.name for one in fields(Manifest)}
    if set(said) != names:
        raise BackupError("its manifest is not complete")
    said["members"] = {name: (int(size), str(digest)) for name, (size, digest) in said["members"].items()}
    said["areas"] = tuple(said["areas"])
    return Manifest(**said)


def _unpack_one(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, digest: str) -> None:
    source = archive.extractfile(member)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    found = hashlib.sha256()
    with target.open("wb") as written:
        for block in _blocks(source):
            found.update(block)
            written.write(block)
    if found.hexdigest() != digest:
        raise BackupError(f"{member.name} was altered")


def restore(
    settings: Settings,
    file: Path,
    clock: Callable[[], datetime],
    tell: Tell,
    *,
    replace: bool = False,
    sign_out: bool = True,
) -> Restored:
    """Put a backup in place of the records; old records are kept beside, and only replaced when that is asked for.

    Raises BackupError for a backup that is not whole or would replace records without being asked, and StoreError for
    one of another database or a newer version. Nothing has changed then.
    """
    stamp = f"{clock():%Y%m%dt%H%M%S}"
    before = _rows(settings, replace=replace)
    settings.home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".noriai-", dir=settings.home) as made:
        folder = Path(made)
        manifest = check(file, folder, tell)
        tell("restore", 0, 3)
        ready = copies.make_ready(settings.database_url, manifest.copy, folder / RECORDS, stamp=stamp)
        try:
            tell("restore", 1, 3)
            held = copies.settle(ready, clock, settings.timezone, sign_out=sign_out)
            tell("restore", 2, 3)
            aside = copies.take_place(settings.database_url, ready, stamp=stamp)
        except BaseException:
            if ready != settings.database_url:
                copies.drop_ready(ready)
            raise
        key = _place_key(settings, folder / KEY, manifest, stamp)
        _place_areas(settings, folder / AREAS, stamp)
        tell("restore", 3, 3)
    lost = {name: count - manifest.counts.get(name, 0) for name, count in before.items()}
    return Restored(manifest, aside, held, {name: more for name, more in lost.items() if more > 0}, key)


def _rows(settings: Settings, *, replace: bool) -> dict[str, int]:
    """Count what a restore would replace. Raises BackupError where it may not."""
    try:
        there = copies.count_records(settings.database_url)
    except StoreError:
        if not replace:
            raise
        return {}
    if there and not replace:
        rows = sum(there.values())
        raise BackupError(f"there are records already ({rows} rows): with --replace they are set aside, not deleted")
    return there


def _place_key(settings: Settings, saved: Path, manifest: Manifest, stamp: str) -> str:
    if manifest.key == fingerprint(settings.secret_key):
        return "same"
    if not saved.exists():
        return "missing"
    own = settings.home / KEY
    if own.exists() and own.read_text(encoding="ascii").strip() == settings.secret_key:
        own.rename(own.with_name(f"{KEY}.before-{stamp}"))
        shutil.copyfile(saved, own)
        own.chmod(0o600)
        return "restored"
    return "other"


def _place_areas(settings: Settings, saved: Path, stamp: str) -> None:
    for area in sorted(saved.glob("*")) if saved.exists() else ():
        own = settings.areas / area.name
        settings.areas.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            own.rename(own.with_name(f".{area.name}.before-{stamp}"))
        shutil.copytree(area, own)


def prune(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest backups of a folder; files of other names stay. Gives what was deleted."""
    found = sorted(path for path in folder.iterdir() if OWN_NAME.fullmatch(path.name))
    gone = found[: max(0, len(found) - keep)]
    for path in gone:
        path.unlink()
    return gone


def plain_settings(settings: Settings) -> dict[str, str]:
    """List the settings of a service as text, without whatever opens something."""
    said = {one.name: getattr(settings, one.name) for one in fields(settings) if not SECRET.search(one.name)}
    said["database_url"] = re.sub(r":[^:@/]*@", ":***@", settings.database_url)
    return {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in said.items()}


def fingerprint(key: str) -> str:
    """Tell one secret key from another."""
    return hmac.new(key.encode(), b"noriai backup", hashlib.sha256).hexdigest()[:16]


def _files_of_areas(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name, folder in zip(settings.area, settings.area_folders, strict=True):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield f"{AREAS}/{name}/{path.relative_to(folder).as_posix()}", path


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), 0o600
    archive.addfile(about, BytesIO(content))


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _blocks(source: IO[bytes] | None) -> Iterator[bytes]:
    while source is not None and (block := source.read(BLOCK)):
        yield block
