"""The house: imports go down, and each library lives in the one room that is made for it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("routing", "matching", "webapp")

FLOORS = {
    0: ["routing.times", "matching.borrowed", "webapp.services.disclosure"],
    1: [
        "routing.area",
        "routing.ways",
        "routing.hierarchy",
        "routing.prepared",
        "routing.naming",
        "routing.pace",
        "matching.model",
        "matching.labels",
        "matching.kernel",
    ],
    2: [
        "routing.walking",
        "routing.streets",
        "routing.shelf",
        "matching.schedule",
        "matching.promises",
        "matching.eligibility",
        "matching.objective",
        "matching.ruin",
    ],
    3: [
        "routing.turns",
        "routing.lines",
        "routing.footways",
        "routing.extract",
        "routing.export",
        "routing.simplify",
        "routing.search",
        "matching.manifest",
        "matching.metrics",
        "matching.rides",
        "matching.absence",
    ],
    4: [
        "routing.gazetteer",
        "routing.union",
        "routing.drives",
        "routing.pavements",
        "routing.walks",
        "routing.places",
        "matching.fleet",
        "matching.bound",
        "matching.retiming",
    ],
    5: ["routing.network", "routing.snapping", "matching.insertion", "matching.explain", "matching.plan"],
    6: ["routing.engine", "routing.graph", "matching.offers", "matching.rescheduling", "matching.verification"],
    7: [
        "routing.atlas",
        "matching.solver",
        "matching.steering",
        "webapp.config",
        "webapp.resources",
        "webapp.texts",
        "webapp.service_day",
        "webapp.printing",
        "webapp.frontend.build_assets",
    ],
    8: [
        "webapp",
        "webapp.apart",
        "webapp.pushing",
        "webapp.line",
        "webapp.logs",
        "webapp.metrics",
        "webapp.production",
        "webapp.http_server",
        "webapp.services.wording",
        "webapp.holiday_tables",
        "webapp.freezing",
        "webapp.warming",
        "webapp.db.tables",
        "webapp.db.errors",
        "webapp.db.kept_runs",
    ],
    9: [
        "webapp.db.rows",
        "webapp.db.migrations",
        "webapp.db.migrations.append_only",
        "webapp.db.leases",
        "webapp.searcher",
        "webapp.db.access",
        "webapp.db.expiry",
        "webapp.db.person",
        "webapp.db.lines",
        "webapp.db.identity",
        "webapp.db.ownership",
        "webapp.gunicorn_conf",
    ],
    10: ["webapp.db.engines", "webapp.db.records", "webapp.searching"],
    11: ["webapp.db.door", "webapp.db.health"],
    12: ["webapp.db.store"],
    13: [
        "webapp.leasing",
        "webapp.waking",
        "webapp.local_names",
        "webapp.geocoding",
        "webapp.texting",
        "webapp.town_rules",
        "webapp.calendar_files",
        "webapp.files.spelling",
        "webapp.files.field_names",
        "webapp.files.encoding",
        "webapp.files.kinds",
        "webapp.files.messages",
        "webapp.files.answers",
        "webapp.db.backups",
    ],
    14: ["webapp.files.dates", "webapp.files.sheets", "webapp.backups"],
    15: [
        "webapp.files.biff",
        "webapp.files.opendocument",
        "webapp.files.archive",
        "webapp.files.feed",
        "webapp.files.columns",
        "webapp.files.remarks",
        "webapp.files.scheduled",
    ],
    16: [
        "webapp.files.workbook",
        "webapp.files.templates",
        "webapp.files.reading",
        "webapp.files.rules",
        "webapp.files.headers",
        "webapp.files.service_days",
    ],
    17: ["webapp.files.lists", "webapp.files.calendars", "webapp.files.grouping", "webapp.files.glimpses"],
    18: ["webapp.files.runs", "webapp.files.checks", "webapp.files.export"],
    19: ["webapp.files.timetable", "webapp.files.roster", "webapp.files.gtfs"],
    20: ["webapp.files.canonical", "webapp.publishing", "webapp.town"],
    21: [
        "webapp.services.errors",
        "webapp.services.codes",
        "webapp.services.suppression",
        "webapp.services.access_log",
        "webapp.files.reader",
    ],
    22: [
        "webapp.files.confined",
        "webapp.services.places",
        "webapp.services.accounts",
        "webapp.services.ledger",
        "webapp.services.attendance",
        "webapp.services.dispatching",
        "webapp.services.agreements",
        "webapp.services.rules",
        "webapp.services.learning",
        "webapp.services.service_dates",
        "webapp.services.boarding",
    ],
    23: [
        "webapp.services.reach",
        "webapp.services.retention",
        "webapp.services.eligibility",
        "webapp.services.wishes",
        "webapp.services.answering",
        "webapp.services.feedback",
        "webapp.services.pins",
        "webapp.services.road_changes",
    ],
    24: [
        "webapp.services.messages",
        "webapp.services.exporting",
        "webapp.services.tokens",
        "webapp.services.explaining",
    ],
    25: ["webapp.services.portrait", "webapp.services.proxies", "webapp.services.watching", "webapp.services.signin"],
    26: [
        "webapp.services.driving",
        "webapp.services.cards",
        "webapp.services.booking",
        "webapp.live",
        "webapp.services.factors",
        "webapp.services.passkeys",
        "webapp.services.passwords",
        "webapp.services.rights",
    ],
    27: [
        "webapp.services.papers",
        "webapp.services.family",
        "webapp.services.arriving",
        "webapp.services.planning",
        "webapp.services.series",
        "webapp.services.trips",
        "webapp.services.replacing",
        "webapp.services.tablets",
        "webapp.services.steering",
        "webapp.services.callers",
        "webapp.commands.factors",
        "webapp.services.health",
    ],
    28: [
        "webapp.services.erasing",
        "webapp.services.absences",
        "webapp.services.waiting",
        "webapp.services.schedules",
        "webapp.views.shared",
        "webapp.services.call_backs",
    ],
    29: [
        "webapp.views.openapi",
        "webapp.working",
        "webapp.doctoring",
        "webapp.services.board",
        "webapp.services.trying",
        "webapp.views.operations",
        "webapp.views.days",
        "webapp.views.riders",
        "webapp.views.saying",
        "webapp.views.auth",
        "webapp.views.desk",
        "webapp.views.letters",
        "webapp.views.scripts",
        "webapp.services.access",
    ],
    30: [
        "webapp.views.tablets",
        "webapp.services.alerts",
        "webapp.views.guard",
        "webapp.views.papers",
        "webapp.views.feeds",
        "webapp.views.steering",
        "webapp.views.calendars",
        "webapp.views.previews",
        "webapp.views.questions",
        "webapp.views.bookings",
        "webapp.views.helpers",
        "webapp.views.family",
        "webapp.views.channels",
        "webapp.views.agreements",
        "webapp.views.places",
        "webapp.views.signin",
        "webapp.views.factors",
        "webapp.views.cards",
        "webapp.views.call_backs",
        "webapp.views.city",
        "webapp.commands.work",
        "webapp.views.privacy",
    ],
    31: [
        "webapp.views.audited",
        "webapp.views.driver",
        "webapp.views.absences",
        "webapp.views.profile",
        "webapp.views.place_fields",
        "webapp.views.board",
        "webapp.views.alerts",
        "webapp.views.rules",
    ],
    32: ["webapp.views.resident", "webapp.views.dispatcher", "webapp.views.calls", "webapp.demo"],
    33: ["webapp.views.registration"],
    34: ["webapp.app"],
    35: ["webapp.serving", "webapp.commands.shared"],
    36: [
        "webapp.commands.absences",
        "webapp.commands.areas",
        "webapp.commands.backups",
        "webapp.commands.doctor",
        "webapp.commands.people",
        "webapp.commands.person",
        "webapp.commands.planning",
        "webapp.commands.policies",
        "webapp.commands.schedules",
        "webapp.commands.serving",
        "webapp.commands.openapi",
    ],
    37: ["webapp.commands.demo"],
    38: ["webapp.cli"],
}
"""Modules by floor: each may import only from floors below its own. A new module is given its floor here."""

FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}

HOMES = {
    "flask": ("webapp.views", "webapp.app"),
    "flask_security": ("webapp.views.auth",),
    "sqlalchemy": ("webapp.db",),
    "sqlite3": ("routing.shelf", "webapp.db"),
    "rapidfuzz": ("routing.search", "webapp.services.accounts"),
    "geopy": ("webapp.geocoding",),
    "holidays": ("webapp.holiday_tables",),
    "phonenumbers": ("webapp.texting",),
    "icalendar": ("webapp.calendar_files",),
    "segno": ("webapp.views.cards", "webapp.views.resident", "webapp.views.factors"),
    "webauthn": ("webapp.services.passkeys",),
    "pyotp": ("webapp.services.factors",),
    "zxcvbn": ("webapp.services.passwords",),
    "requests": ("webapp.texting", "webapp.pushing", "webapp.line"),
    "cryptography": ("webapp.pushing",),
    "http_ece": ("webapp.pushing",),
    "py_vapid": ("webapp.pushing",),
    "prometheus_client": ("webapp.metrics", "webapp.gunicorn_conf"),
    "waitress": ("webapp.http_server",),
    "fpdf": ("webapp.printing",),
    "sqlmodel": ("webapp.db",),
    "alembic": ("webapp.db",),
    "osmnx": ("routing",),
    "osmium": ("routing",),
    "networkx": ("routing",),
    "geopandas": ("routing",),
    "pyogrio": ("routing",),
    "ortools": ("matching.solver",),
    "click": ("webapp.cli", "webapp.commands"),
    "huey": ("webapp.waking",),
}
"""Libraries that may be imported only in the modules or packages named."""


def modules() -> Iterator[tuple[str, Path]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "versions" not in path.parts and path.name != "env.py":
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield name.removesuffix(".__init__"), path


MODULES = dict(modules())


def imported(path: Path) -> set[str]:
    """Everything that a module imports, also inside functions; `from a import b` names `a.b` where that is a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                inner = f"{node.module}.{one.name}"
                found.add(inner if inner in MODULES else node.module)
    return found


def belongs(name: str, homes: tuple[str, ...]) -> bool:
    return any(name == home or name.startswith(home + ".") for home in homes)


def test_every_module_has_a_floor() -> None:
    with_code = {name for name, path in MODULES.items() if len(ast.parse(path.read_text(encoding="utf-8")).body) > 1}
    assert with_code == set(FLOOR)


@pytest.mark.parametrize("name", sorted(FLOOR))
def test_imports_go_down(name: str) -> None:
    arrows = {target for target in imported(MODULES[name]) if target in FLOOR}
    assert {target for target in arrows if FLOOR[target] >= FLOOR[name]} == set()


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_lives_in_its_own_room(library: str) -> None:
    users = {name for name, path in MODULES.items() if library in {one.split(".")[0] for one in imported(path)}}
    assert {name for name in users if not belongs(name, HOMES[library])} == set()


def test_matching_knows_only_travel_times() -> None:
    foreign = {
        target
        for name, path in MODULES.items()
        if name.startswith("matching")
        for target in imported(path)
        if target.split(".")[0] in ("routing", "webapp") and target != "routing.times"
    }
    assert foreign == set()


def test_the_judge_shares_no_code_with_those_it_judges() -> None:
    assert {one for one in imported(MODULES["matching.promises"]) if one in FLOOR} == {
        "matching.model",
        "routing.times",
    }


def test_a_service_runs_without_flask_and_without_osmnx() -> None:
    said = "import webapp.services.planning, sys; print(sorted({'flask', 'osmnx', 'networkx'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_site_is_served_without_the_libraries_of_planning_and_preparing() -> None:
    slow = "{'osmnx', 'networkx', 'geopandas', 'pandas', 'ortools', 'scipy.optimize', 'sklearn'}"
    said = f"import webapp.serving, sys; print(sorted({slow} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_an_arrow_that_goes_up_is_seen(tmp_path: Path) -> None:
    """Negative control: an import inside a function counts, so the test above cannot pass by looking away."""
    module = tmp_path / "low.py"
    module.write_text("def late():\n    from webapp import cli\n    return cli\n", encoding="utf-8")
    assert "webapp.cli" in imported(module)
