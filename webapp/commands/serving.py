"""`noriai serve`: the site."""

from typing import Any

import click

from webapp.commands.shared import PORT, console, open_the_town, warming
from webapp.live import LiveTown


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=PORT, default=8000, show_default=True)
def serve(host: str, port: int) -> None:
    """Serve the site until it is stopped.

    Example: noriai serve --port 8080
    """
    serve_town(LiveTown(open_the_town()), port, host=host)


def serve_town(live: LiveTown, port: int, *, host: str = "127.0.0.1", hints: dict[str, Any] | None = None) -> None:
    from webapp import serving

    console.print(f"Serving http://{host}:{port} (Ctrl+C ends it)")
    with warming() as progress:
        serving.serve(live, host=host, port=port, hints=hints, progress=progress)
