"""Is the service ready, and what waits in it? Asked by who watches over it; nothing here tells of anybody."""

from collections.abc import Iterator
from datetime import UTC

from webapp.db.store import StoreError
from webapp.live import LiveTown
from webapp.metrics import Reading
from webapp.town import Town


def unready(live: LiveTown) -> str:
    """Say why no request should be sent to this process; nothing where some should."""
    if live.stopping.is_set():
        return "stopping"
    town = live.now()
    try:
        health = town.store.examine()
    except StoreError:
        return "the database does not answer"
    if not health.at_head:
        return "the tables of the database are not those of this version"
    if any(not folder.exists() for folder in town.settings.area_folders):
        return "the roads are gone"
    return ""


def readings(town: Town) -> Iterator[Reading]:
    """Read what is not counted but kept: messages that wait, those that reached nobody, connections."""
    try:
        backlog, health = town.store.backlog(), town.store.examine()
        with town.store.read() as records:
            leases = records.list_leases()
    except StoreError:
        yield Reading("noriai_database_up", "Does the database answer?", {"": 0})
        return
    yield Reading("noriai_database_up", "Does the database answer?", {"": 1})
    now = town.clock()
    waited = (now - backlog.since).total_seconds() if backlog.since else 0
    yield Reading("noriai_outbox_due", "Messages that are to be sent by now.", {"": backlog.due})
    yield Reading("noriai_outbox_oldest_seconds", "Since when the oldest of them waits.", {"": waited})
    yield Reading("noriai_outbox_dead", "Messages that reached nobody; the desk is asked.", {"": backlog.dead})
    ages = {one.kind: (now - one.succeeded_at).total_seconds() for one in leases if one.succeeded_at}
    failures = {one.kind: one.attempts for one in leases}
    yield Reading("noriai_job_last_success_seconds", "Since when a kind of work ended well.", ages, "job")
    yield Reading("noriai_job_failures", "How often it failed since.", failures, "job")
    yield Reading("noriai_roads_info", "Roads in service.", {town.roads.name: 1}, "area")
    yield Reading("noriai_clock_timestamp_seconds", "The town's clock.", {"": now.replace(tzinfo=UTC).timestamp()})
    if health.connections:
        used, most = health.connections
        yield Reading("noriai_database_connections", "Connections to the database.", {"used": used, "most": most}, "of")
