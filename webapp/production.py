"""What a service that others can reach must not be started with, and what to do about it."""

import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from webapp.config import OWN_KEY, Settings

DEMO = "demo-records"
"""A file that stands beside records which the demo made and may throw away."""
SHORTEST_KEY, FEWEST_LETTERS = 32, 12
NEW_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
NETWORKED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "davfs"}
)
"""File systems on which SQLite's locks cannot be relied on, as the kernel calls them; so is all of FUSE but these:"""
LOCAL_FUSE = frozenset({"fuseblk", "fuse.ntfs", "fuse.overlayfs", "fuse-overlayfs", "fuse.fuse-overlayfs"})
MOUNTS = Path("/proc/self/mounts")
ON = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What is unsafe, and what to do about it, in one line."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


class Unsafe(ValueError):
    """A service that others can reach would be started with unsafe settings."""


def refuse_unsafe(
    settings: Settings, hosts: Sequence[str] = (), env: Mapping[str, str] = os.environ, *, encrypted: bool = False
) -> None:
    """Raise Unsafe, with every fault and its remedy, where others can reach the service and its settings are unsafe.

    hosts: addresses that it listens on. encrypted: it speaks TLS by itself.
    """
    if is_public(settings, hosts):
        found = [*faults(settings, env, encrypted=encrypted)]
        if found:
            raise Unsafe("unsafe to start where others reach it\n" + "\n".join(f"- {fault}" for fault in found))


def is_public(settings: Settings, hosts: Sequence[str] = ()) -> bool:
    """Can others than this machine reach the service: by its address, through a proxy, or where it listens?"""
    named = urlsplit(settings.address).hostname
    return bool(
        settings.https
        or settings.proxies
        or (named and not is_loopback(named))
        or any(not is_loopback(host) for host in hosts)
    )


def is_loopback(host: str) -> bool:
    """Does an address lead to this machine alone? A socket in the file system does, too."""
    if host.startswith(("/", "unix:", "fd://")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def faults(settings: Settings, env: Mapping[str, str] = os.environ, *, encrypted: bool = False) -> Iterator[Fault]:
    """Say what is unsafe about the settings of a service that others can reach."""
    if is_weak(settings.secret_key):
        yield Fault("the secret key is short or can be guessed", f"set NORIAI_SECRET_KEY to what `{NEW_KEY}` prints")
    own = settings.home / OWN_KEY
    if own.exists() and own.stat().st_mode & 0o077:
        yield Fault("others on this machine can read the secret key", f"chmod 600 {own}")
    if not settings.address:
        yield Fault(
            "the site's address is not known, so it would answer under any name",
            "set NORIAI_ADDRESS=https://… to where people reach it, or listen on 127.0.0.1 alone",
        )
    elif not settings.address.startswith("https://"):
        yield Fault("passwords would travel readable", "let NORIAI_ADDRESS begin with https://, behind a proxy")
    elif not settings.https:
        yield Fault("cookies would be sent without encryption, too", "leave NORIAI_HTTPS out, or set it to 1")
    elif not settings.proxies and not encrypted:
        yield Fault(
            "https needs a proxy in front, and none is believed, so all visitors would share one limit",
            "set NORIAI_PROXIES to how many proxies stand in front, usually 1",
        )
    if (settings.home / DEMO).exists():
        yield Fault("these are the demo's records, whose passwords everybody knows", "choose another NORIAI_HOME")
    if env.get("FLASK_DEBUG", "").lower() in ON:
        yield Fault("debugging shows what is secret", "unset FLASK_DEBUG")
    kind = networked(settings)
    if kind:
        yield Fault(
            f"SQLite lies on a network file system ({kind}), whose locks cannot be relied on",
            "set NORIAI_DATABASE_URL to a file on a local disk, or to PostgreSQL",
        )


def is_weak(key: str) -> bool:
    """Is a key short, of few different letters, or one short word again and again?"""
    period = (key + key).find(key, 1) if key else 0
    return min(len(key), period) < SHORTEST_KEY or len(set(key)) < FEWEST_LETTERS


def networked(settings: Settings, mounts: Path = MOUNTS) -> str:
    """Name the network file system on which SQLite's file lies, if it does."""
    file = sqlite_file(settings)
    if file is None:
        return ""
    kind = file_system(file, mounts)
    return kind if kind in NETWORKED or (kind.startswith("fuse") and kind not in LOCAL_FUSE) else ""


def sqlite_file(settings: Settings) -> Path | None:
    """Give where SQLite keeps the records; None for another database."""
    scheme, _, path = settings.database_url.partition(":///")
    return Path(path.partition("?")[0]).absolute() if scheme.split("+")[0] == "sqlite" and path else None


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """Name the kind of file system that a path lies on, as the kernel does; empty where that cannot be told."""
    try:
        rows = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    path = path.resolve()
    over = [(Path(row[1].replace("\\040", " ")), row[2]) for row in rows if len(row) > 2]
    holding = [(len(point.parts), kind) for point, kind in over if path.is_relative_to(point)]
    return max(holding, key=lambda one: one[0])[1] if holding else ""
