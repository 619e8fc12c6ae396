"""What is wrong with an installation: each part looked at by itself, so that one fault hides no other."""

import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from routing.area import Area
from routing.times import RoadError
from webapp import production, town_rules
from webapp.config import LANGUAGES, OWN_KEY, Settings
from webapp.db.health import Health
from webapp.db.store import Store, StoreError
from webapp.frontend.build_assets import list_missing
from webapp.resources import data_path
from webapp.town import utc_now

PACKAGE = Path(__file__).parent
GIB = 2**30
LEAST_FREE, LITTLE_FREE = GIB // 4, 2 * GIB
"""Bytes of a disk below which the service is in danger, and below which somebody should look."""
MOST_SKEW = timedelta(seconds=2)
LATEST_WORK = timedelta(minutes=15)
"""Without a success for so long, work that is looked at every minute stands still."""
CONNECT_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is ("ok", "warning", "error"), what was seen, and what to do."""

    about: str
    level: str
    seen: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings: Settings, *, online: bool = False) -> list[Finding]:
    """Look at every part of an installation; nothing is changed. online: connect to the servers that it uses, too."""
    looks = [_settings, _key, _database, _disks, _clock, _files, _roads, _rules]
    return [finding for look in [*looks, *([_servers] if online else [])] for finding in look(settings)]


def _settings(settings: Settings) -> Iterator[Finding]:
    public = production.is_public(settings)
    found = [*production.faults(settings)]
    for fault in found:
        if public:
            yield Finding("settings", "error", fault.what, fault.remedy)
        elif settings.address or fault.what.startswith("others on this machine"):
            yield Finding("settings", "warning", fault.what, fault.remedy)
    if not found:
        yield Finding("settings", "ok", f"safe to be reached at {settings.address}")
    elif not public:
        yield Finding("settings", "ok", "for this machine alone: others could not be let in with them")
    yield from _contradictions(settings)


def _contradictions(settings: Settings) -> Iterator[Finding]:
    said = (
        (
            not settings.smtp and not settings.sms,
            "nobody can be sent a code to sign in",
            "set NORIAI_SMTP or NORIAI_SMS",
        ),
        (
            settings.smtp_user and not settings.smtp_tls,
            "the mail password travels readable",
            "set NORIAI_SMTP_TLS=starttls",
        ),
        (
            settings.smtp and settings.mail_from.endswith("@example.org"),
            "mail has nobody's sender",
            "set NORIAI_MAIL_FROM",
        ),
        (
            bool(settings.line_token) != bool(settings.line_secret),
            "only half of the LINE channel is set",
            "set both NORIAI_LINE_TOKEN and NORIAI_LINE_SECRET",
        ),
        (settings.sms.startswith("http://"), "text messages travel readable", "let NORIAI_SMS begin with https://"),
        (settings.desk_phone == _nobodys_phone(), "pages show a phone number that nobody has", "set NORIAI_DESK_PHONE"),
    )
    for is_so, seen, remedy in said:
        if is_so:
            yield Finding("settings", "warning", seen, remedy)


def _nobodys_phone() -> str:
    return next(str(one.default) for one in fields(Settings) if one.name == "desk_phone")


def _key(settings: Settings) -> Iterator[Finding]:
    own = settings.home / OWN_KEY
    weak = [number for number, key in enumerate(settings.keys) if production.is_weak(key)]
    if weak:
        which = "the secret key" if weak[0] == 0 else "an old secret key"
        yield Finding("key", "warning", f"{which} is short or can be guessed", f"see `{production.NEW_KEY}`")
    else:
        yield Finding("key", "ok", f"{len(settings.keys)} in use, none can be guessed")
    if own.exists() and os.environ.get("NORIAI_SECRET_KEY") and own.read_text("ascii").strip() != settings.secret_key:
        yield Finding(
            "key", "warning", f"{own} is another key than NORIAI_SECRET_KEY, which counts", "remove one of them"
        )
    if settings.home.stat().st_mode & stat.S_IWOTH:
        yield Finding(
            "key", "error", f"anybody on this machine can write into {settings.home}", f"chmod 700 {settings.home}"
        )


def _database(settings: Settings) -> Iterator[Finding]:
    file = production.sqlite_file(settings)
    if file is not None and not file.exists():
        yield Finding("database", "warning", f"{file} is not there yet", "the first start makes it")
        return
    try:
        store = Store(settings.database_url, clock=utc_now, timezone=settings.timezone)
        try:
            health = store.examine()
            yield from _health(health)
            if health.at_head:
                yield from _work(store)
        finally:
            store.close()
    except (StoreError, ValueError, OSError) as error:
        yield Finding("database", "error", str(error), "start it, and look at NORIAI_DATABASE_URL")


def _health(health: Health) -> Iterator[Finding]:
    yield Finding("database", "ok", f"{health.kind} {health.version} answers")
    if health.at_head:
        yield Finding("tables", "ok", f"those of this version ({health.revision})")
    else:
        seen = f"{health.revision or 'none'}, not those of this version"
        yield Finding(
            "tables", "error", seen, "start this version once to bring them up to date; a newer one needs newer code"
        )
    if not health.durable:
        yield Finding(
            "database", "error", "a commit does not wait for the disk", "switch fsync and synchronous_commit on"
        )
    if not health.sound:
        journal = health.settings["journal_mode"]
        seen = f"the write-ahead log of this SQLite can lose what was written, so journal {journal} is used"
        yield Finding("database", "warning", seen, "a Python with SQLite 3.51.3 or later writes faster")
    if health.ahead is not None:
        level = "ok" if abs(health.ahead) <= MOST_SKEW else "error"
        remedy = "" if level == "ok" else "let both keep time by NTP"
        yield Finding("clock", level, f"the database's is {health.ahead.total_seconds():+.2f} s off ours", remedy)
    if health.connections:
        used, most = health.connections
        level = "ok" if used < 0.8 * most else "warning"
        yield Finding(
            "database", level, f"{used} of {most} connections", "" if level == "ok" else "raise max_connections"
        )


def _work(store: Store) -> Iterator[Finding]:
    backlog, now = store.backlog(), utc_now()
    with store.read() as records:
        leases = records.list_leases()
    if not leases:
        yield Finding("work", "warning", "nothing was ever done beside the site", "start noriai work beside gunicorn")
    for one in leases:
        late = one.succeeded_at is None or now - one.succeeded_at > LATEST_WORK
        if one.attempts or (late and one.kind not in {"days", "planning"}):
            since = f"{one.attempts} failures since ({one.error})" if one.attempts else "no failure since"
            seen = f"{one.kind}: last success {one.succeeded_at or 'never'} (UTC), {since}"
            yield Finding("work", "warning", seen, "is noriai work, or noriai serve, running? its log says what failed")
    if leases:
        yield Finding("work", "ok", f"{len(leases)} kinds known")
    level = "warning" if backlog.dead else "ok"
    remedy = "the desk sees them on its page of letters and failures" if backlog.dead else ""
    yield Finding("messages", level, f"{backlog.due} are due, {backlog.dead} reached nobody", remedy)


def _disks(settings: Settings) -> Iterator[Finding]:
    file = production.sqlite_file(settings)
    places = {"home": settings.home, "temporary files": Path(tempfile.gettempdir())}
    if file is not None:
        places["database"] = file.parent
    for name, place in places.items():
        try:
            free = shutil.disk_usage(place).free
        except OSError as error:
            yield Finding("disk", "error", f"{name}: {place} cannot be read ({error.strerror})", "make the folder")
            continue
        level = "error" if free < LEAST_FREE else "warning" if free < LITTLE_FREE else "ok"
        yield Finding(
            "disk", level, f"{name}: {free / GIB:.1f} GiB free at {place}", "" if level == "ok" else "make room"
        )
        if not os.access(place, os.W_OK):
            yield Finding("disk", "error", f"{name}: {place} cannot be written", f"let this user write into {place}")


def _clock(settings: Settings) -> Iterator[Finding]:
    before, monotonic = time.time(), time.monotonic()
    time.sleep(0.2)
    drift = (time.time() - before) - (time.monotonic() - monotonic)
    level = "ok" if abs(drift) < 0.05 else "warning"
    yield Finding(
        "clock", level, f"jumped by {drift:+.3f} s while it was looked at", "" if level == "ok" else "set up NTP"
    )
    zone = datetime.now(settings.timezone)
    yield Finding("clock", "ok", f"{settings.timezone.key}, {zone:%Y-%m-%d %H:%M %Z}, rules of {_time_zones()}")


def _time_zones() -> str:
    try:
        return f"tzdata {version('tzdata')}"
    except PackageNotFoundError:
        return "the system"


def _files(_: Settings) -> Iterator[Finding]:
    missing = list_missing(PACKAGE / "static" / "vendor")
    again = "uv sync --reinstall-package noriai, with a way to the package registries"
    if missing:
        yield Finding("files", "warning", f"maps and live updates are missing ({', '.join(missing)})", again)
    words = [code for code in LANGUAGES if code != "en" and not _catalogue(code).exists()]
    if words:
        yield Finding("files", "error", f"no compiled words of {', '.join(words)}", again)
    if find_spec("noto_cjk_sans_jp_regular") is None:
        yield Finding("files", "error", "the font of printed manifests is missing", again)
    if not missing and not words:
        yield Finding("files", "ok", f"scripts, font, words of {len(LANGUAGES)} languages")


def _catalogue(code: str) -> Path:
    return PACKAGE / "locale" / code / "LC_MESSAGES" / "messages.mo"


def _roads(settings: Settings) -> Iterator[Finding]:
    for folder in settings.area_folders:
        try:
            area = Area.load(folder)
        except RoadError as error:
            yield Finding("roads", "error", " ".join(str(error).split()), f"noriai area add {folder.name} …")
        else:
            yield Finding("roads", "ok", f"{area.name}: {area.nodes:,} junctions, {area.edges:,} streets")


def _rules(settings: Settings) -> Iterator[Finding]:
    try:
        rules = town_rules.load(data_path("policies", settings.policy))
    except (ValueError, OSError) as error:
        yield Finding("rules", "error", " ".join(str(error).split()), "noriai policy check FILE says more")
    else:
        yield Finding("rules", "ok", str(rules["name"]))


def _servers(settings: Settings) -> Iterator[Finding]:
    used = {"mail": settings.smtp, "text messages": settings.sms}
    used["LINE"] = settings.line_address if settings.line_token else ""
    for name, address in used.items():
        if not address:
            continue
        parts = urlsplit(address if "://" in address else f"smtp://{address}")
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 25)
        try:
            socket.create_connection((parts.hostname or "", port), CONNECT_WITHIN).close()
        except OSError as error:
            yield Finding(
                name, "error", f"{parts.hostname}:{port} does not answer ({error})", "look at address and firewall"
            )
        else:
            yield Finding(name, "ok", f"{parts.hostname}:{port} answers")
