"""What the commands share: how a town is opened, a date is read, and long work shows how far it is."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from routing.area import Area
from routing.times import RoadError
from webapp.config import Settings, read_settings
from webapp.town import Town, open_town

console = Console()
ISO_DATE = click.DateTime(formats=["%Y-%m-%d"])
SECONDS = click.IntRange(min=1)
COUNT = click.IntRange(0, 1000)
PORT = click.IntRange(1, 65535)
BUILT_IN = "helsinki"
"""The area whose extract comes with an installed package; its source has the same name."""


def open_the_town() -> Town:
    """Open the town of the settings; the built-in area needs no preparing by hand."""
    settings = read_settings()
    if BUILT_IN in settings.area:
        prepare_built_in(settings)
    return open_town(settings)


def prepare_built_in(settings: Settings) -> None:
    """Prepare the built-in area unless this version has; other areas are prepared anew by their owner's will alone."""
    try:
        Area.load(settings.areas / BUILT_IN)
    except RoadError:
        prepare_area(BUILT_IN, [BUILT_IN], settings, country="FI")


def prepare_area(name: str, sources: Sequence[str], settings: Settings, *, country: str, vehicle: str = "van") -> None:
    from routing.graph import prepare
    from routing.ways import VEHICLES, Rules

    with Console(stderr=True).status(f"preparing {name}") as status:
        prepare(name, sources, settings.areas / name, status.update, Rules(VEHICLES[vehicle], country))


def progress_bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def warming() -> Iterator[Callable[[int, int], None]]:
    """Show how far the search is ready, until it is."""
    bar = progress_bar()
    task = bar.add_task("warm up", total=1)

    def progress(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if done == total:
            bar.stop()

    try:
        yield progress
    finally:
        bar.stop()


@contextmanager
def ticking(bar: Progress, seconds: int) -> Iterator[None]:
    """Move a bar with the time that a search is given: how far it has come otherwise is not known."""
    task, done = bar.add_task("re-plan", total=seconds), threading.Event()

    def tick() -> None:
        while not done.wait(0.2):
            bar.advance(task, 0.2)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        bar.update(task, completed=seconds)
