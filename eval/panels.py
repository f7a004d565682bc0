"""Plots of an evaluation for its page, one PNG each, legible at a phone's width."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from data.labels import CLASS_COLOURS, CLASS_NAMES
from eval.errors import KINDS
from eval.evaluation import Evaluation
from eval.plots import draw_confusion, draw_precision_recall, new_figure, to_png
from eval.report import Picture
from eval.side_by_side import Entry
from eval.thresholds import GRID, f1_at

_SIZE = (5.6, 4.6)  # inches
_STYLES = ("-", "--", "-.")
_BLUE, _GREY = "#0072b2", "#9a9a9a"  # Okabe & Ito 2008


def evaluation_panels(evaluation: Evaluation) -> list[Picture]:
    """Precision and recall, F1 against the threshold, sizes, kinds of errors, confusion.

    Raises:
        MissingExtraError: if matplotlib isn't installed.
    """
    ap50 = evaluation.sizes[0].scores.ap50
    parts: list[tuple[str, Callable[[Any], None]]] = [
        ("Precision and recall", lambda a: draw_precision_recall(a, evaluation.curves, ap50)),
        ("F1 against the score threshold", lambda a: draw_f1(a, evaluation)),
        ("Faces found by their height", lambda a: draw_sizes(a, evaluation)),
        ("What mending each kind of error is worth", lambda a: draw_errors(a, evaluation)),
        ("Confusion matrix", lambda a: draw_confusion(a, evaluation.confusion)),
    ]
    return [Picture(_panel(draw), caption, panel=True) for caption, draw in parts]


def comparison_panel(entries: Sequence[Entry]) -> Picture:
    """AP50 of each class for all detectors, as bars."""
    return Picture(
        _panel(lambda axes: draw_comparison(axes, entries)), "AP50 side by side", panel=True
    )


def _panel(draw: Callable[[Any], None]) -> bytes:
    figure = new_figure(_SIZE)
    draw(figure.subplots())
    return to_png(figure)


def draw_f1(axes: Any, evaluation: Evaluation) -> None:
    """F1 of each class over thresholds, best points marked, and the chosen threshold."""
    for k, name in enumerate(CLASS_NAMES):
        colour = tuple(value / 255 for value in CLASS_COLOURS[k])
        best = evaluation.thresholds.best[name]
        label = f"{name}: best {best.f1:.3f} at {best.threshold:.2f}" if best and best.f1 else name
        values = f1_at(evaluation.curves[name], GRID)
        axes.plot(GRID, values, _STYLES[k], color=colour, linewidth=2.4, label=label)
        if best:
            axes.plot([best.threshold], [best.f1], "o", color=colour, markersize=7)
    conf = evaluation.confusion.conf
    axes.axvline(conf, color="black", linewidth=1, linestyle=":", label=f"chosen: {conf:g}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="score threshold", ylabel="F1")
    axes.set_title("F1 against the threshold, IoU 0.5", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=1, frameon=False)


def draw_sizes(axes: Any, evaluation: Evaluation) -> None:
    """Shares of faces found, and found with the right class, by height, with intervals."""
    slices = [s for s in evaluation.slices if s.attribute == "size"]
    at = np.arange(len(slices))
    for shift, name, colour in ((-0.2, "found", _GREY), (0.2, "right", _BLUE)):
        shares = np.array([getattr(s, name) for s in slices])
        label = "found" if name == "found" else "found with the right class"
        axes.bar(at + shift, shares, 0.38, color=colour, label=label)
        for x, share, each in zip(at + shift, shares, slices, strict=True):
            if spread := getattr(each, f"{name}_interval"):
                axes.plot([x, x], spread, color="black", linewidth=1.2)
            axes.text(x, 0.02, f"{share:.0%}", ha="center", color="white", fontsize=8)
    labels = [f"{s.value.replace(' and more', '+')}\n{s.faces} faces" for s in slices]
    axes.set_xticks(at, labels, fontsize=9)
    axes.set(ylim=(0, 1.02), ylabel="share of the true faces")
    axes.set_title(f"By height, score >= {evaluation.confusion.conf:g}", fontsize=11)
    axes.grid(alpha=0.3, axis="y")
    axes.set_axisbelow(True)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)


def draw_errors(axes: Any, evaluation: Evaluation) -> None:
    """What mending each kind of error would add to mAP50, with the numbers of errors."""
    errors = evaluation.errors
    gains = [errors.gain[kind] or 0.0 for kind in KINDS]
    at = np.arange(len(KINDS))[::-1]
    axes.barh(at, gains, 0.62, color=_BLUE)
    for y, gain, kind in zip(at, gains, KINDS, strict=True):
        text = f" {gain:+.3f}  ({errors.counts[kind]})"
        axes.text(max(gain, 0), y, text, va="center", fontsize=9)
    axes.set_yticks(at, KINDS)
    axes.set_xlim(min(0, *gains), max(0.02, *gains) * 1.4)
    axes.set_xlabel(f"mAP50 gained by mending (number at score >= {errors.conf:g})")
    axes.set_title("Kinds of errors (as TIDE tells them apart)", fontsize=11)
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)


def draw_comparison(axes: Any, entries: Sequence[Entry]) -> None:
    """Grouped bars: classes along x, a bar for each detector, intervals as lines."""
    width = 0.8 / len(entries)
    greys = np.linspace(0.25, 0.85, len(entries))
    names = ["mean", *CLASS_NAMES]
    for n, entry in enumerate(entries):
        size = entry.evaluation.sizes[0]
        values = [size.scores.map50, *(size.scores.ap50[name] for name in CLASS_NAMES)]
        spreads = [size.map50_interval, *(size.ap50_interval[name] for name in CLASS_NAMES)]
        at = np.arange(len(names)) - 0.4 + width * (n + 0.5)
        colour = (0.0, 0.45 * greys[n], greys[n])
        axes.bar(at, [v or 0.0 for v in values], width * 0.94, color=colour, label=entry.name)
        for x, spread in zip(at, spreads, strict=True):
            if spread:
                axes.plot([x, x], spread, color="black", linewidth=1.2)
    axes.set_xticks(range(len(names)), names)
    axes.set(ylim=(0, 1.02), ylabel="AP50")
    axes.set_title("AP50, every face, 95 % intervals", fontsize=11)
    axes.grid(alpha=0.3, axis="y")
    axes.set_axisbelow(True)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=1, frameon=False)
