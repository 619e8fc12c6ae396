"""Promise 15: whatever is sent to any address, by anybody, is answered, and as the description of the site says.

Schemathesis makes the calls from that description (webapp.views.openapi): as a stranger and as each role, with a session
and the token of a form that are as good as those of a browser, and mostly with ids that stand in the records. The short
form calls the site within this process, the long one over HTTP.
"""

import copy
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask, session
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from schemathesis import engine
from schemathesis.config import (
    GenerationConfig,
    HealthCheck,
    PhasesConfig,
    SchemathesisConfig,
)
from schemathesis.config._phases import InferenceConfig
from schemathesis.engine import events
from sqlalchemy import create_engine, select

from benchmarks.trust.findings import Bench, Finding
from benchmarks.trust.site import records_at, serving, settings_of
from routing.times import Place
from webapp import demo
from webapp.app import create_app
from webapp.db import tables
from webapp.services import accounts, booking
from webapp.services.errors import ServiceError
from webapp.town import Town, open_town
from webapp.views import auth, openapi

CALLS = 20_000
"""Fewest calls of the long form, on each database."""
SHORT_CALLS = 400
STRANGER = ""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "unsupported_method",
)
CSRF = "csrf_token"
LEAVING = ("/login", "/logout", "/roads/", "/static", "/fs-static", "/service-worker", "/push-worker")
"""What is tried by itself, or is a file: no role has another answer there, so only a stranger calls them."""
IDS, ASKED = 20, 6
SINGLE = 6
"""Examples of one address in a round of the long form."""


@dataclass(slots=True)
class Seen:
    """What came of the calls: how many, their statuses by address, and what was against the description."""

    calls: int = 0
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)

    @property
    def behind(self) -> int:
        """How many calls were let in and did something, or were refused by the page itself."""
        return sum(count for (_path, status), count in self.statuses.items() if status in (200, 204, 302, 409, 422))


@dataclass(slots=True)
class Caller:
    """Who calls: puts their session, a token and ids of the records into what Schemathesis is about to send."""

    app: Flask
    town: Town
    role: str
    seen: Seen
    drawn: random.Random
    cookie: str = ""
    token: str = ""
    known: dict[str, list[str]] = field(default_factory=dict)

    def before_call(self, _context: Any, case: Any, _kwargs: Any) -> None:
        if not self.cookie or self.seen.calls % 200 == 0:
            (self.cookie, self.token), self.known = _session(self.app, self.town, self.role), _known(self.town)
        case.cookies = {**(case.cookies or {}), self.app.config["SESSION_COOKIE_NAME"]: self.cookie}
        case.headers = case.headers or {}
        if self.drawn.random() < 0.95:
            case.headers["X-CSRFToken"] = self.token
            if isinstance(case.body, dict):
                case.body = {name: value for name, value in case.body.items() if name != CSRF}
        for name, ids in self.known.items():
            if ids and name in (case.path_parameters or {}) and self.drawn.random() < 0.7:
                case.path_parameters[name] = self.drawn.choice(ids)
            if ids and isinstance(case.body, dict) and name.removesuffix("_id") in case.body:
                case.body[name.removesuffix("_id")] = self.drawn.choice(ids)

    def after_call(self, _context: Any, case: Any, response: Any) -> None:
        self.seen.calls += 1
        self.seen.statuses[case.operation.label, response.status_code] += 1
        if response.status_code == 302 and "login" in str(response.headers.get("location")):
            self.cookie = ""
        if self.role == STRANGER and case.operation.definition.raw.get("x-roles") and response.status_code < 300:
            self.seen.faults[case.operation.label] = f"let a stranger in: {response.status_code}"


def run(bench: Bench) -> Iterator[Finding]:
    """Call every address of the site, as everybody."""
    for database in bench.databases:
        with records_at(bench, database) as url:
            settings = settings_of(bench, url)
            town = open_town(settings)
            demo.settle(town)
            _begin(town)
            app = create_app(town=town)
            if bench.short:
                seen = try_site(app, town, calls=SHORT_CALLS)
            else:
                with serving(settings, processes=2) as served:
                    seen = try_site(app, town, calls=CALLS, address=f"http://127.0.0.1:{served.port}")
            yield _finding(
                seen, "calls made from the description", database, fewest=SHORT_CALLS if bench.short else CALLS
            )
            if database == "sqlite":
                yield negative_control(app, town)
            town.store.close()


def _finding(seen: Seen, trial: str, database: str, *, fewest: int) -> Finding:
    errors = sum(count for (_path, status), count in seen.statuses.items() if status >= 500)
    figure: dict[str, float | int | str | bool] = {
        "calls": seen.calls,
        "stateful_calls": seen.phases["Stateful"],
        "not_refused_at_the_door": seen.behind,
        "addresses": len({path for path, _status in seen.statuses}),
        "server_errors": errors,
        "against_the_description": len(seen.faults),
    }
    if seen.faults:
        figure["first"] = "; ".join(f"{where}: {what}" for where, what in list(seen.faults.items())[:5])
    return Finding(15, trial, not seen.faults and not errors and seen.calls >= fewest, figure, database)


def negative_control(app: Flask, town: Town) -> Finding:
    """An address that raises, and one that answers what the description does not say, are both found."""

    def wrong() -> ResponseReturnValue:
        raise RuntimeError("a fault of the site")

    def undescribed() -> ResponseReturnValue:
        return "", 418

    kept = app.view_functions["driver.web_manifest"], app.view_functions["cards.show"]
    said = openapi.describe(app)
    only = {path: said["paths"][path] for path in ("/drive/app.webmanifest", "/desk/signing-in")}
    app.view_functions |= {"driver.web_manifest": wrong, "cards.show": undescribed}
    try:
        seen = Seen()
        _round(app, town, {**said, "paths": only}, "desk", seen, examples=1, address="")
    finally:
        app.view_functions |= {"driver.web_manifest": kept[0], "cards.show": kept[1]}
    figure = {"faults_planted": 2, "faults_found": len(seen.faults)}
    return Finding(15, "negative control: planted faults are found", len(seen.faults) == 2, figure)


def try_site(app: Flask, town: Town, *, calls: int, address: str = "") -> Seen:
    """Call the site as everybody until there are so many calls; within this process if no address is given."""
    seen, said = Seen(), openapi.describe(app)
    drawn, turn = random.Random(15), 0
    while seen.calls < calls:
        for role in (STRANGER, *accounts.ROLES):
            paths = _paths(said["paths"], role)
            if not address:
                left = max(1, (calls - seen.calls) // 6)
                paths = dict(drawn.sample(sorted(paths.items()), min(len(paths), left)))
            _round(app, town, {**said, "paths": paths}, role, seen, examples=SINGLE if address else 1, address=address)
        turn += 1
    return seen


def _paths(paths: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Choose what a role may call; a stranger calls everything."""
    if role == STRANGER:
        return dict(paths)
    allowed = {
        path: {method: one for method, one in methods.items() if role in one.get("x-roles", [role])}
        for path, methods in paths.items()
        if not path.startswith(LEAVING)
    }
    return {path: methods for path, methods in allowed.items() if methods}


def _round(app: Flask, town: Town, said: dict[str, Any], role: str, seen: Seen, *, examples: int, address: str) -> None:
    said = {**said, "paths": _linked(said["paths"])}
    schema = schemathesis.openapi.from_dict(said, config=_config(examples, address, seed=seen.calls))
    if not address:
        schema.app = app
    caller = Caller(app, town, role, seen, random.Random(seen.calls))
    with _hooked(caller):
        for event in engine.from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                seen.phases[event.phase.value.split()[0].capitalize()] += len(event.recorder.interactions)
                _note(event, seen)
            elif isinstance(event, events.NonFatalError | events.FatalError):
                seen.faults[str(getattr(event, "label", "all"))] = repr(getattr(event, "value", event))[:300]


def _linked(paths: Mapping[str, Any]) -> dict[str, Any]:
    """Lead from each answer to all that can be done with what it names, among the addresses that are called."""
    operations = {one["operationId"]: (path, one) for path, methods in paths.items() for one in methods.values()}
    made: dict[str, Any] = copy.deepcopy(dict(paths))
    for methods in made.values():
        for one in methods.values():
            for answer in one["responses"].values():
                followed = {}
                for link in answer.pop("links", {}).values():
                    for name, (path, _) in operations.items():
                        if set(re.findall(r"{(\w+)}", path)) == set(link["parameters"]):
                            followed[name] = {"operationId": name, "parameters": link["parameters"]}
                if followed:
                    answer["links"] = followed
    return made


def _note(event: events.ScenarioFinished, seen: Seen) -> None:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                case = event.recorder.cases[case_id].value
                failure = check.failure_info.failure
                seen.faults.setdefault(
                    f"{case.operation.label} {check.name}", f"{failure.title}: {failure.message}"[:300]
                )


def _config(examples: int, address: str, *, seed: int) -> SchemathesisConfig:
    config = SchemathesisConfig(suppress_health_check=[HealthCheck.all], seed=seed)
    project = config.projects.default
    project.generation = GenerationConfig(max_examples=examples, no_shrink=True, database="none")
    project.phases = PhasesConfig()
    if address:
        project.base_url = address
    else:
        project.phases.coverage.enabled = False
    project.phases.stateful.max_steps = 6
    project.phases.stateful.inference = InferenceConfig(algorithms=["location-headers"])
    project.phases.stateful.generation = GenerationConfig(max_examples=4 * examples, no_shrink=True, database="none")
    project.checks.update(included_check_names=list(CHECKS))
    return config


@contextmanager
def _hooked(caller: Caller) -> Iterator[None]:
    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        caller.before_call(context, case, kwargs)

    def after_call(context: Any, case: Any, response: Any) -> None:
        caller.after_call(context, case, response)

    schemathesis.hook("before_call")(before_call)
    schemathesis.hook("after_call")(after_call)
    try:
        yield
    finally:
        schemathesis.hooks.unregister_all()


def _session(app: Flask, town: Town, role: str) -> tuple[str, str]:
    """Give what a browser of this role has: its cookie, and the token of its forms."""
    with app.test_request_context():
        if role != STRANGER:
            auth.enter(_person(town, role), own=True)
        token = generate_csrf()
        signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        cookie = signer.dumps(dict(session))
    return str(cookie), str(token)


def _person(town: Town, role: str) -> tables.User:
    with town.store.read() as records:
        return next(one for one in records.list_users(role=role) if one.email)


def _known(town: Town) -> dict[str, list[str]]:
    """List ids of the records by the parameter that they stand for, those that came last first."""
    parts = create_engine(town.settings.database_url)
    columns = {name: table.c for name, table in tables.METADATA.tables.items() if "id" in table.c}
    with parts.connect() as connection:
        found = {
            f"{name.removeprefix('saved_')}_id": [
                str(one) for one in connection.execute(select(each.id).limit(IDS)).scalars()
            ]
            for name, each in columns.items()
        }
        members = connection.execute(select(tables.Member.code).limit(IDS)).scalars()  # type: ignore[call-overload]
        found["key"] = [str(one) for one in members]
    parts.dispose()
    return found | {"driver_id": found["user_id"], "file": ["demo-town.toml"]}


def _begin(town: Town) -> None:
    """Let residents of the demo ask for trips: some have a seat then, some wait for one, and one has not said all."""
    day = demo.next_weekday(town.today(), town.holidays)
    with town.store.read() as records:
        rider = next(one for one in records.list_users("resident") if one.email)
    for at, row in enumerate(demo.read_table("requests.csv")[:ASKED]):
        one = booking.start(town, rider.id, actor=rider.id)
        for end, column in (("origin", "from"), ("destination", "to")):
            place = Place(float(row[f"{column}_lat"]), float(row[f"{column}_lon"]))
            booking.answer_place(town, one.id, end=end, label=row[column], place=place)
        if at == 0:
            continue
        booking.answer_when(town, one.id, day=day, depart=(6 + 2 * at) * 3600, arrive=None)
        booking.answer_who(town, one.id, people=1, wheelchairs=0, needs=[], max_walk=600)
        answer = booking.ask(town, one.id)
        if answer.refusal:
            booking.wait(town, one.id)
        elif at % 2:
            with suppress(ServiceError):
                booking.book(town, answer.offers[0][1], key=one.id, actor=rider.id)
