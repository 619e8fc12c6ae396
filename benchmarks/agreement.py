"""Pictures of how far our driving times agree with OSRM's."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

BAND = 0.15
INK, OURS, SOFT = "#1d2733", "#0b6e8a", "#e8b04a"

mpl.use("agg")

Seconds = NDArray[np.float64]


def draw(title: str, ours: Seconds, theirs: Seconds, path: Path) -> None:
    """Draw our seconds against OSRM's for the same pairs, and how their ratio is distributed; NaN: OSRM has no way."""
    asked = np.nan_to_num(theirs) > 0
    ours, theirs = ours[asked] / 60, theirs[asked] / 60
    with mpl.rc_context({"font.size": 12, "axes.edgecolor": INK, "text.color": INK, "axes.labelcolor": INK}):
        figure = Figure(figsize=(11, 5), layout="constrained", dpi=110)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
        figure.suptitle(f"{title.capitalize()}: {len(ours):,} drives, ours beside OSRM's", fontsize=15, weight="bold")
        _scatter(left, ours, theirs)
        _distribution(right, ours / theirs)
        figure.savefig(path, metadata={"Software": None})


def _scatter(axes: Axes, ours: Seconds, theirs: Seconds) -> None:
    most = 1.05 * max(ours.max(), theirs.max())
    line = np.array([0, most])
    axes.fill_between(line, line * (1 - BAND), line * (1 + BAND), color=SOFT, alpha=0.3, lw=0, label="±15 %")
    axes.plot(line, line, color=INK, lw=1, label="equal")
    axes.scatter(theirs, ours, s=12, color=OURS, alpha=0.45, lw=0)
    axes.set(xlim=(0, most), ylim=(0, most), aspect="equal", xlabel="OSRM, minutes", ylabel="Noriai, minutes")
    axes.legend(loc="upper left", frameon=False)
    _plain(axes)


def _distribution(axes: Axes, ratio: Seconds) -> None:
    within, median = float((np.abs(ratio - 1) <= BAND).mean()), float(np.median(ratio))
    bins = np.linspace(0.8, 1.2, 81)
    inside = np.clip(ratio, bins[0], bins[-1])
    axes.axvspan(1 - BAND, 1 + BAND, color=SOFT, alpha=0.3, lw=0)
    axes.hist(inside, bins.tolist(), weights=np.full(len(ratio), 1 / len(ratio)), color=OURS)
    axes.axvline(median, color=INK, lw=1)
    axes.set(
        xlim=(bins[0], bins[-1]), xlabel="Noriai / OSRM (beyond 0.8 and 1.2: at the edge)", ylabel="share of drives"
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    p5, p95 = np.quantile(ratio, (0.05, 0.95))
    said = f"median {median:.3f}\nwithin ±15 %: {within:.1%}\nnine of ten:\n{p5:.3f} to {p95:.3f}"
    axes.text(0.03, 0.96, said, transform=axes.transAxes, va="top", fontsize=12, linespacing=1.5)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2)
    axes.set_axisbelow(True)
