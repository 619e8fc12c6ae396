"""A run's manifest for paper: what its driver reads, before anything of it happened, and what must be kept apart."""

from dataclasses import dataclass
from datetime import date

from webapp.services import dispatching, driving
from webapp.services.driving import Manifest
from webapp.town import Town


@dataclass(frozen=True, slots=True)
class Paper:
    """A manifest. apart: ride id -> those with whom it may not travel, as the schedule calls them."""

    manifest: Manifest
    apart: dict[str, tuple[str, ...]]


def read_paper(town: Town, run_id: str, *, operator: str) -> Paper:
    """Read the manifest of an operator's own run. Raises NotFound for any other."""
    manifest = driving.read_manifest(town, run_id, operator=operator)
    with town.store.read() as records:
        rides = records.get_run(run_id).rides
    return Paper(manifest, {ride.id: tuple(sorted(ride.apart)) for ride in rides if ride.apart})


def read_papers(town: Town, day: date, *, operator: str) -> list[Paper]:
    """Read the manifests of all runs of an operator's day, in order of their first minute."""
    sheets = dispatching.read_day(town, day, operator=operator).sheets
    return [read_paper(town, sheet.run.id, operator=operator) for sheet in sheets]
