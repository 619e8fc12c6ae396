"""The part of the page of figures that is about roads, from the rows of `benchmarks.matrix`."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log
from typing import Any

from benchmarks.matrix import OSRM, OURS, PEERS, by_work, milliseconds

Row = dict[str, Any]
Cells = list[str]

HEADING = "## Roads"


def part(rows: Sequence[Row], *, command: str, on: str, machine: dict[str, Any], pictures: str | None) -> str:
    """Write it; `pictures`: the folder of the pictures of the agreement, as seen from the page."""
    named = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    asked = [_asked(of) for of in _by_extract(rows).values()]
    said = [
        f"""{HEADING}

Measured on {on}, each engine in a process of its own, one after another on one core: {named}.

```
{command}
```

CPU milliseconds. *Share* is our time over OSRM's; *MB* the most that our process had held. We answer between kerbs on
the turn-expanded graph with turn costs. scipy and igraph search that same graph, from node to node, one origin after
another; their matrices are measured for 50 origins and scaled. OSRM (CH, car.lua) is called in its process, and only
its calls are timed. A matrix begins with coordinates of which nothing is known; *of known places* is the same again.
All engines on our graph gave the same whole seconds."""
    ]
    return "\n\n".join([*said, *asked, _growth(rows), *_agreement(rows, pictures)]) + "\n"


def _by_extract(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["extract"], []).append(row)
    return found


def _asked(rows: Sequence[Row]) -> str:
    body = []
    for (_, work, n), of in by_work(rows).items():
        if work != "agreement":
            times = [
                milliseconds(of[engine]["cpu_seconds"]) if engine in of else "–" for engine in (OURS, OSRM, *PEERS)
            ]
            share = f"{of[OURS]['cpu_seconds'] / of[OSRM]['cpu_seconds']:.2f}" if {OURS, OSRM} <= set(of) else "–"
            body.append(
                [work, f"{n:,}" if n else "", *times, share, f"{of[OURS]['peak_mb']:,.0f}" if OURS in of else "–"]
            )
    kept = next(row for row in rows if row["work"] == "prepare" and row["engine"] == OURS)
    title = f"### {_town(kept)}: {kept['n']:,} junctions, {kept['mb']:.0f} MB on disk"
    head = ["work", "n", "Noriai", "OSRM", "scipy", "igraph", "share", "MB"]
    return f"{title}\n\n{_table(head, body)}"


def growth(rows: Sequence[Row]) -> list[tuple[Row, float | None, float | None]]:
    """Give each extract's row of preparing, by size, its exponent from the one before, and seconds for a pair.

    The pair is that of the largest matrix of places of which nothing is known.
    """
    ours = [row for row in rows if row["engine"] == OURS]
    sizes = sorted((row for row in ours if row["work"] == "prepare"), key=lambda row: row["n"])
    exponents = [
        log(b["cpu_seconds"] / a["cpu_seconds"]) / log(b["n"] / a["n"]) if b["n"] > a["n"] else None
        for a, b in pairwise(sizes)
    ]
    largest: dict[str, Row] = {}
    for row in ours:
        if row["work"] == "matrix" and row["n"] >= largest.get(row["extract"], row)["n"]:
            largest[row["extract"]] = row
    pairs = [largest.get(row["extract"]) for row in sizes]
    seconds = [row["cpu_seconds"] / row["n"] ** 2 if row else None for row in pairs]
    return list(zip(sizes, [None, *exponents], seconds, strict=True))


def _growth(rows: Sequence[Row]) -> str:
    found = growth(rows)
    least = next((pair for _, _, pair in found if pair), None)
    body = [
        [
            _town(row),
            f"{row['n']:,}",
            f"{row['cpu_seconds']:.1f}",
            "–" if exponent is None else f"{exponent:.2f}",
            "–" if pair is None else f"{1e9 * pair:,.0f}",
            "–" if pair is None or least is None else f"{pair / least:.1f}",
        ]
        for row, exponent, pair in found
    ]
    head = ["extract", "junctions", "prepare, s", "exponent", "ns for a pair", "times the first"]
    return f"""### Growth

*Exponent*: of the seconds of preparing, from the extract before to this one. A pair is one of the largest matrix.

{_table(head, body)}"""


def _agreement(rows: Sequence[Row], pictures: str | None) -> Iterator[str]:
    found = [row for row in rows if row["work"] == "agreement"]
    if not found:
        return
    body = [[_town(row), f"{row['n']:,}", f"{row['median']:.3f}", f"{row['within_15']:.1%}"] for row in found]
    head = ["extract", "pairs", "median of ours / OSRM's", "within ±15 %"]
    yield f"""### Agreement with OSRM

From the middle of a street to the middle of another, from either side to either side, as OSRM sees them.

{_table(head, body)}"""
    if pictures is not None:
        for row in found:
            yield f"![{_town(row)}: our driving times beside OSRM's]({pictures}/agreement-{row['extract']}.png)"


def _town(row: Row) -> str:
    return str(row["extract"]).capitalize()


def _table(head: Sequence[str], rows: Sequence[Cells]) -> str:
    lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 2), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
