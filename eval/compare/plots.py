"""Recall against coverage, and milliseconds against faces, as PNG."""

import io
from collections.abc import Sequence
from typing import Any

from data.extras import require
from eval.compare.comparison import Comparison
from eval.compare.recall import ALL_SIZES, SIZES
from eval.compare.timing import Timed
from eval.compare.verdict import SINGLE, TWO_PHASE

# Blue and vermilion (Okabe & Ito 2008), safe for colour-blind readers; markers for print.
_LOOKS = {SINGLE: ("single", "#0072B2", "o"), TWO_PHASE: ("two_phase", "#D55E00", "s")}
_MEDIUM = SIZES[2]  # the dashed lines: small faces don't explain the difference


def plot_comparison(comparison: Comparison, times: Sequence[Timed]) -> bytes:
    """Left recall by coverage, right time by number of faces, as PNG.

    Raises:
        MissingExtraError: if matplotlib isn't installed.
    """
    figure = require("matplotlib.figure", "eval").Figure(
        figsize=(11.5, 4.6), dpi=130, layout="constrained"
    )
    left, right = figure.subplots(1, 2)
    draw_recall(left, comparison)
    draw_times(right, times)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def draw_recall(axes: Any, comparison: Comparison) -> None:
    """A line a system over the coverage groups: every size, and within one range of sizes."""
    for size, style, label in (
        (ALL_SIZES, "-", ""),
        (_MEDIUM, "--", f", faces of {_MEDIUM[0]:g} to {_MEDIUM[1]:g} px"),
    ):
        rows = [
            row
            for name in comparison.groups
            for row in comparison.rows
            if (row.group, (row.low, row.high)) == (name, size) and row.faces
        ]
        for name, (attribute, colour, marker) in _LOOKS.items():
            values = [getattr(row, attribute) for row in rows]
            names = [row.group.replace(", ", ",\n") for row in rows]
            axes.plot(names, values, style, color=colour, marker=marker, label=f"{name}{label}")
    axes.set(ylim=(0, 1.02), ylabel="faces found")
    axes.set_title(
        f"Recall by how much is covered, {comparison.false_alarms:g} false alarms a picture",
        fontsize=10,
    )
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")


def draw_times(axes: Any, times: Sequence[Timed]) -> None:
    """Median milliseconds by number of faces; lowest ones as thin lines."""
    scenes = [timed for timed in times if timed.faces is not None]
    faces = [timed.faces for timed in scenes]
    for name, (attribute, colour, marker) in _LOOKS.items():
        spreads = [getattr(timed, attribute) for timed in scenes]
        axes.plot(faces, [s.median for s in spreads], color=colour, marker=marker, label=name)
        axes.plot(faces, [s.low for s in spreads], ":", color=colour, lw=1, label=f"{name}, lowest")
    axes.set(xlabel="faces in the picture, 800 x 640 px", ylabel="ms a picture", xlim=(0, None))
    axes.set_ylim(0, None)
    axes.set_title("Time by number of faces, medians", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
