"""Other roads for the small town: twice as slow, or none where it is."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from routing.area import ABOUT, BEFORE, Area
from routing.graph import prepare
from routing.network import Network
from routing.streets import ONE_WAY
from webapp.town import Town

ELSEWHERE = """<osm version="0.6">
<node id="1" version="1" lat="10.0" lon="20.0"/><node id="2" version="1" lat="10.005" lon="20.0"/>
<node id="3" version="1" lat="10.0" lon="20.005"/>
<way id="1" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="1"/><tag k="highway" v="residential"/></way>
</osm>"""


def slow_down(area: Path, folder: Path) -> None:
    """Prepare an area whose drives take twice as long as those of another."""
    shutil.copytree(area, folder)
    network = Network.load(area)
    streets = network.streets
    backward = np.where(streets.backward == ONE_WAY, ONE_WAY, 2 * streets.backward)
    twice = replace(streets, forward=2 * streets.forward, backward=backward)
    Network.build(twice, network.footways).save(folder)
    replace(Area.load(area), id=f"slower-{Area.load(area).id}").save(folder)


def prepare_elsewhere(folder: Path) -> None:
    """Prepare a village that is a continent away."""
    source = folder.with_name("elsewhere.osm")
    source.write_text(ELSEWHERE, encoding="utf-8")
    prepare("elsewhere", str(source), folder)


def put_in_service(town: Town, fresh: Path) -> None:
    """Let the town's area lead to another folder, as preparing it anew does."""
    link = town.settings.areas / "new"
    link.symlink_to(fresh)
    link.replace(town.settings.area_folders[0])


def renamed(fresh: Path, folder: Path, *, replaced: Path | None = None) -> Path:
    """Copy an area as if it had been prepared once more, in place of another."""
    shutil.copytree(fresh, folder)
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    (folder / ABOUT).write_text(json.dumps({**about, "id": folder.name}), encoding="utf-8")
    if replaced:
        (folder / BEFORE).symlink_to(replaced)
    return folder
