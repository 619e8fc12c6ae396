"""What a figure was measured on: processor, memory, versions, and the memory that a process took."""

import os
import platform
import resource
import sys
from importlib import metadata
from pathlib import Path

LIBRARIES = ("numpy", "numba", "scipy", "ortools", "highspy", "pyvroom", "igraph")
"""Libraries whose versions move the figures."""


def machine() -> dict[str, str | int | float]:
    """Name the processor, count its cores, and give the memory in GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"processor": _processor(), "cores": os.cpu_count() or 1, "memory_gib": round(memory / 2**30, 1)}


def versions() -> dict[str, str | None]:
    """Give the version of Python and of each library that the figures depend on; None where it is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}}


def peak_memory_mb() -> float:
    """Give the most memory that this process ever held, in MB of 2**20 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2 ** (20 if sys.platform == "darwin" else 10), 1)


def on_one_core() -> None:
    """Keep this process and those that it starts on the last core that it may use, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
