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
    0: ["routing.times"],
    1: ["routing.area", "routing.ways", "matching.model", "matching.labels", "matching.kernel"],
    2: [
        "routing.streets",
        "routing.places",
        "matching.schedule",
        "matching.promises",
        "matching.eligibility",
        "matching.objective",
        "matching.ruin",
    ],
    3: [
        "routing.network",
        "routing.snapping",
        "routing.extract",
        "routing.export",
        "matching.manifest",
        "matching.metrics",
        "matching.rides",
    ],
    4: ["routing.engine", "routing.graph", "matching.fleet", "matching.bound"],
    5: ["matching.insertion", "matching.explain", "matching.plan"],
    6: ["matching.offers"],
    7: [
        "matching.solver",
        "webapp.config",
        "webapp.resources",
        "webapp.texts",
        "webapp.service_day",
        "webapp.frontend.build_assets",
    ],
    8: ["webapp", "webapp.freezing", "webapp.db.tables", "webapp.db.errors"],
    9: ["webapp.db.engines", "webapp.db.rows", "webapp.db.migrations"],
    10: ["webapp.db.records"],
    11: ["webapp.db.door"],
    12: ["webapp.db.store"],
    13: ["webapp.files.spelling", "webapp.files.field_names", "webapp.files.encoding", "webapp.files.messages"],
    14: ["webapp.files.dates", "webapp.files.sheets"],
    15: ["webapp.files.workbook", "webapp.files.columns", "webapp.files.scheduled"],
    16: ["webapp.files.reading", "webapp.files.rules", "webapp.files.headers"],
    17: ["webapp.files.lists", "webapp.files.grouping"],
    18: ["webapp.files.runs", "webapp.files.checks"],
    19: ["webapp.files.canonical"],
    20: ["webapp.publishing", "webapp.town"],
    21: ["webapp.services.errors"],
    22: [
        "webapp.services.messages",
        "webapp.services.accounts",
        "webapp.services.ledger",
        "webapp.services.schedules",
        "webapp.services.dispatching",
    ],
    23: ["webapp.services.wishes", "webapp.services.driving"],
    24: ["webapp.services.tokens", "webapp.services.explaining"],
    25: ["webapp.services.booking"],
    26: ["webapp.services.planning", "webapp.services.trips"],
    27: ["webapp.views.shared"],
    28: ["webapp.views.days", "webapp.views.riders", "webapp.views.auth", "webapp.views.desk"],
    29: ["webapp.views.questions", "webapp.views.dispatcher", "webapp.views.driver", "webapp.views.city"],
    30: ["webapp.views.resident"],
    31: ["webapp.app", "webapp.demo"],
    32: ["webapp.serving"],
    33: ["webapp.cli"],
}
"""Modules by floor: each may import only from floors below its own. A new module is given its floor here."""

FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}

HOMES = {
    "flask": ("webapp.views", "webapp.app"),
    "flask_security": ("webapp.views.auth",),
    "sqlalchemy": ("webapp.db",),
    "sqlmodel": ("webapp.db",),
    "alembic": ("webapp.db",),
    "osmnx": ("routing",),
    "osmium": ("routing",),
    "networkx": ("routing",),
    "geopandas": ("routing",),
    "pyogrio": ("routing",),
    "ortools": ("matching.solver",),
    "click": ("webapp.cli",),
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


def test_an_arrow_that_goes_up_is_seen(tmp_path: Path) -> None:
    """Negative control: an import inside a function counts, so the test above cannot pass by looking away."""
    module = tmp_path / "low.py"
    module.write_text("def late():\n    from webapp import cli\n    return cli\n", encoding="utf-8")
    assert "webapp.cli" in imported(module)
