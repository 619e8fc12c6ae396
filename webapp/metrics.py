"""What is counted and timed while the service runs, for Prometheus: of the service, never of anybody.

Labels are names that our own code chose, so there are few of them. Behind gunicorn each worker writes its figures into
a folder (`PROMETHEUS_MULTIPROC_DIR`), and whoever is asked adds up those of all.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

MEDIA_TYPE = CONTENT_TYPE_LATEST
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 30)
"""Seconds by which times are told apart; 1.5 s is the longest that a booking may take at the 99th percentile."""
MEMORY_EVERY = 10.0

_requests = Counter("noriai_requests", "Requests answered.", ["endpoint", "method", "status"])
_seconds = Histogram("noriai_request_seconds", "Seconds to an answer.", ["endpoint"], buckets=QUICK)
_searches = Histogram("noriai_search_seconds", "Seconds of a search for free seats.", buckets=QUICK)
_bookings = Counter("noriai_bookings", "Bookings confirmed (each time it is asked), or refused.", ["result"])
_locks = Histogram("noriai_lock_wait_seconds", "Seconds until a writer had its locks.", buckets=QUICK)
_faults = Counter("noriai_database_errors", "What went wrong with the database.", ["error"])
_memory = Gauge("noriai_memory_bytes", "Memory held by a process.", multiprocess_mode="liveall")
_started = Gauge("noriai_start_timestamp_seconds", "When a process began.", multiprocess_mode="livemin")
_started.set(time.time())


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure that is read when it is asked for; `values` by the value of `label`, or one under ""."""

    name: str
    meaning: str
    values: Mapping[str, float] = field(default_factory=dict)
    label: str = ""


def answered(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count a request by the name of its page, never by its address."""
    _requests.labels(endpoint, method if method in METHODS else "other", str(status)).inc()
    _seconds.labels(endpoint).observe(seconds)
    _measure_memory()


@contextmanager
def searching() -> Iterator[None]:
    """Time a search for seats."""
    with _searches.time():
        yield


@contextmanager
def booking(*refusals: type[Exception]) -> Iterator[None]:
    """Count a booking, or why there is none: the code that one of `refusals` says, the class of other exceptions."""
    try:
        yield
    except refusals as refused:
        _bookings.labels(str(refused)).inc()
        raise
    except Exception as error:
        _bookings.labels(type(error).__name__).inc()
        raise
    _bookings.labels("booked").inc()


def waited(seconds: float) -> None:
    """Note how long a writer waited for its locks."""
    _locks.observe(seconds)


def database_failed(error: Exception) -> None:
    """Count a fault of the database by its class."""
    _faults.labels(type(error).__name__).inc()


def exposition(readings: Iterable[Reading]) -> bytes:
    """Write all figures as Prometheus reads them: of every process, and those that are read now."""
    registry = CollectorRegistry()
    if os.environ.get(FOLDER):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = generate_latest(registry)
    else:
        text = generate_latest(REGISTRY)
    now = CollectorRegistry()
    now.register(_Now(readings))
    return text + generate_latest(now)


class _Now(Collector):
    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = [*readings]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for one in self._readings:
            family = GaugeMetricFamily(one.name, one.meaning, labels=[one.label] if one.label else [])
            for label, value in one.values.items():
                family.add_metric([label] if one.label else [], value)
            yield family


_measured_at = 0.0


def _measure_memory() -> None:
    """Note what this process holds, now and then; where there is no /proc, nothing."""
    global _measured_at  # noqa: PLW0603
    now = time.monotonic()
    if now - _measured_at < MEMORY_EVERY:
        return
    _measured_at = now
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        _memory.set(pages * os.sysconf("SC_PAGE_SIZE"))
