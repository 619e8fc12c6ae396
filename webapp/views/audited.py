"""Which pages show where people are, or will be: whoever opens one is written down, or gets no page.

One table for all roles: a page of a dispatcher, a driver or the desk stands in `SHOWS` or in `SHOWS_NOBODY`, and a test
fails for one that stands in neither.
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, request
from flask_login import current_user

from webapp.services import absences, access_log, dispatching, family
from webapp.services.access_log import Object
from webapp.views import days
from webapp.views.shared import find_rider, town

Names = Callable[..., Iterable[Object]]


def _day(**_: Any) -> list[Object]:
    """The day that the page shows, as `days.chosen` takes it from the address."""
    shown = days.chosen(dispatching.list_dates(town(), current_user.operator_id)).shown
    return [("day", shown.isoformat())]


def _run(run_id: str, **_: Any) -> list[Object]:
    return [("run", run_id)]


def _member(key: str, **_: Any) -> list[Object]:
    return [("member", key)]


def _members(**_: Any) -> list[Object]:
    return [("member", person.key) for person, _away in absences.list_absences(town(), current_user.operator_id)]


def _rider(**_: Any) -> list[Object]:
    rider = find_rider()
    return [("rider", rider.id)] if rider and rider.id != current_user.id else []


def _wards(**_: Any) -> list[Object]:
    """Of a guardian's page: the members and the residents whose rides it tells."""
    rider = find_rider()
    if rider is None:
        return []
    wards = [("member", ward.person.key) for ward in absences.list_wards(town(), rider.id)]
    subjects = family.list_subjects(town(), rider.id)
    told = [("member", access_log.member_key(one.operator, one.member)) for one in subjects if one.member]
    return [*wards, *told, *(("rider", one.resident) for one in subjects if one.resident)]


def _today(**_: Any) -> list[Object]:
    return [("day", town().today().isoformat())]


def _upload(upload_id: str, **_: Any) -> list[Object]:
    return [("upload", upload_id)]


def _schedule(**_: Any) -> list[Object]:
    return [("schedule", current_user.operator_id or "")]


def _steering(steering_id: str, **_: Any) -> list[Object]:
    return [("steering", steering_id)]


def _called(**_: Any) -> list[Object]:
    """The list of all whom the desk calls, writes to, or prints for."""
    return [("list", str(request.endpoint))]


SHOWS: dict[str, Names] = {
    "board.show": _day,
    "board.live": _day,
    "board.lines": _day,
    "dispatcher.day": _day,
    "dispatcher.run": _run,
    "dispatcher.run_map": _run,
    "dispatcher.export": _schedule,
    "dispatcher.uploaded": _upload,
    "dispatcher.report": _upload,
    "papers.day": _day,
    "papers.day_file": _day,
    "papers.run": _run,
    "papers.run_file": _run,
    "steering.choose": _run,
    "steering.effect": _steering,
    "steering.look_back": _steering,
    "steering.log": _day,
    "alerts.show": _today,
    "alerts.live": _today,
    "absences.show": _members,
    "absences.ask_when": _member,
    "absences.guardians": _member,
    "driver.manifest": _run,
    "driver.live_manifest": _run,
    "resident.family.wards": _wards,
    "resident.told.live": _wards,
    "calls.show": _rider,
    "calls.ask_cancel": _rider,
    "call_backs.show": _called,
    "letters.unreached": _called,
    "letters.to_print": _called,
    "resident.trips": _rider,
    "resident.booked": _rider,
    "resident.bookings.now": _rider,
    "resident.places.show": _rider,
    "resident.calendar": _rider,
    "resident.privacy.known": _rider,
}
"""Endpoints, and whom or what each shows."""
SHOWS_NOBODY = frozenset(
    {
        "absences.ask_deadline",
        "absences.choose",
        "board.list_requests",
        "dispatcher.dates",
        "dispatcher.upload",
        "dispatcher.why_not",
        "driver.runs",
        "driver.web_manifest",
        "tablets.overview",
        "readings.of_member",
        "agreements.overview",
        "agreements.show",
        "desk.find",
        "cards.show",
        "cards.to_print",
        "registration.endings",
        "registration.enter",
        "registration.groups",
        "registration.paper",
    }
)
"""Pages of staff that tell of nobody where they are: names at most, requests without names and places, devices."""


def keep(response: Response) -> Response:
    """Write down who looked, once the page is there. Raises Busy where that cannot be written."""
    shows = SHOWS.get(request.endpoint or "")
    if shows and response.status_code in (200, 304) and request.method == "GET" and current_user.is_authenticated:
        objects = shows(**(request.view_args or {}))
        operator = current_user.operator_id or ""
        access_log.seen(town(), current_user.id, objects, purpose=str(request.endpoint), operator=operator)
    return response
