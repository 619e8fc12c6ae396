"""A town whose roads are replaced while it is served: every request and every piece of work takes one look at it."""

import gc
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from matching.schedule import timetable
from routing.area import ABOUT, BEFORE, NAMES, ROADS, Area
from routing.atlas import Atlas, identity, open_areas
from routing.engine import Engine
from routing.places import PlaceIndex
from routing.times import RoadError
from webapp.services import road_changes
from webapp.town import Town, in_force, open_roads

LOG = logging.getLogger(__name__)
LOOK_EVERY = 2.0
"""Seconds from one look at the areas' files to the next."""

Mark = tuple[tuple[int, int, int, int], ...]


class LiveTown:
    """Give the town with the roads that are in service now, and take over newer ones in the background.

    Nobody else keeps the town: its roads could not be let go when others replace them.
    """

    def __init__(self, town: Town) -> None:
        self._town = town
        self._seen: Mark | None = None
        self._judge_from: Engine | Atlas | None = None
        self.stopping = threading.Event()
        """Set once this process takes no more work."""

    def now(self) -> Town:
        """Give the town as it is at this moment; its roads and names never change under whoever holds it."""
        return self._town

    def watch(self, stopped: threading.Event | None = None) -> threading.Thread:
        """Look for new roads every so often, beside the requests, until `stopped` is set, or `stopping`."""
        work = threading.Thread(target=self._keep_looking, args=(stopped or self.stopping,), daemon=True)
        work.start()
        return work

    def look(self) -> bool:
        """Take over the areas' roads if they are others than those in service; say whether they were.

        What cannot be read is refused with a line in the log, and tried again once its files have changed.
        """
        folders = self._town.settings.area_folders
        mark = _mark(folders)
        if mark == self._seen:
            return False
        try:
            new = identity([Area.load(folder).id for folder in folders]) != self._town.roads.id
            if new:
                self._take_over(*open_roads(folders))
        except RoadError as error:
            LOG.error("new roads are refused, the old ones stay in service: %s", str(error))
            new = False
        self._seen = mark
        return new

    def look_at_rules(self) -> bool:
        """Take over the rules that somebody switched on, once their first date is there; say whether there were any."""
        town = self._town
        with town.store.read() as records:
            change = in_force(records.list_rule_changes(), town.today())
        new = change is not None and change.rules != town.rules
        if change is not None and new:
            self._town = town.under(change.rules)
            LOG.info("rules of %s came into force", change.file)
        return new

    def judge(self) -> bool:
        """Judge the runs ahead on the roads in service, unless any process has; say whether this one did."""
        town = self._town
        before = self._judge_from or _replaced_by(town)
        judged = before is not None and road_changes.review(town, before)
        self._judge_from = None
        return judged

    def _take_over(self, roads: Engine | Atlas, places: PlaceIndex) -> None:
        fresh = self._town.on(roads, places)
        _warm(fresh)
        self._judge_from, self._town = self._judge_from or self._town.roads, fresh
        LOG.info("roads of %s were replaced", roads.name)

    def _keep_looking(self, stopped: threading.Event) -> None:
        unjudged = True
        while True:
            try:
                self.look_at_rules()
                unjudged = self.look() or unjudged
                if unjudged:
                    self.judge()
                    gc.collect()
                    unjudged = False
            except Exception:
                LOG.exception("the roads and the rules will be looked at again")
            if stopped.wait(LOOK_EVERY):
                return


def _replaced_by(town: Town) -> Engine | Atlas | None:
    """Open the roads that the town's own have replaced, where nobody has judged what that changed."""
    folders = [folder / BEFORE if (folder / BEFORE).exists() else folder for folder in town.settings.area_folders]
    if road_changes.is_reviewed(town) or folders == [*town.settings.area_folders]:
        return None
    try:
        return open_areas(folders)
    except RoadError:
        return None


def _mark(folders: Sequence[Path]) -> Mark:
    """Tell one state of the areas' files from another, without reading them."""
    files = (folder / name for folder in folders for name in ("", ABOUT, ROADS, NAMES))
    found = (path.stat() for path in files if path.exists())
    return tuple((one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) for one in found)


def _warm(town: Town) -> None:
    """Bring into memory what the first requests will ask of new roads and names."""
    town.places.search("warming up")
    with town.store.read() as records:
        runs = records.list_runs(town.today())
    for run in runs:
        timetable(run, town.roads)
