"""Plots of an evaluation as PNG bytes. Drawn without pyplot, so no window or global state."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.extras import require
from data.labels import CLASS_COLOURS, CLASS_NAMES
from eval.bootstrap import precision_recall
from eval.confusion import LABELS, Confusion
from eval.evaluation import Evaluation
from eval.matching import Curve

# Line styles tell the classes apart where colours can't (print, colour blindness).
_STYLES = ("-", "--", "-.")
_DPI = 130


def plot_evaluation(evaluation: Evaluation, title: str = "") -> bytes:
    """Precision-recall curves beside the confusion matrix, as PNG.

    Raises:
        MissingExtraError: if matplotlib isn't installed.
    """
    figure = new_figure((11.5, 5.0))
    left, right = figure.subplots(1, 2, width_ratios=(1.05, 1))
    draw_precision_recall(left, evaluation.curves, evaluation.sizes[0].scores.ap50)
    draw_confusion(right, evaluation.confusion)
    if title:
        figure.suptitle(title, fontsize=12)
    return to_png(figure)


def draw_precision_recall(
    axes: Any, curves: Mapping[str, Curve], ap50: Mapping[str, float | None]
) -> None:
    """One interpolated curve a class at IoU 0.5, on matplotlib axes."""
    for k, name in enumerate(CLASS_NAMES):
        recall, precision = precision_recall(curves[name])
        ap = ap50[name]
        label = f"{name}: no ground truth" if ap is None else f"{name}: AP50 {ap:.3f}"
        colour = tuple(value / 255 for value in CLASS_COLOURS[k])
        axes.plot(recall, precision, _STYLES[k], color=colour, linewidth=2.4, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title("Precision and recall, IoU 0.5, every face", fontsize=11)
    axes.grid(alpha=0.3)
    # Below the axes, because curves may run anywhere inside them.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=1, frameon=False)


def draw_confusion(axes: Any, confusion: Confusion) -> None:
    """Counts, shaded by their share of the row (the true class), on matplotlib axes."""
    matrix = confusion.matrix
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    # Background has no true count to be a share of: false alarms stay white.
    shares[-1] = 0
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        if (row, column) == (len(LABELS) - 1, len(LABELS) - 1):
            continue
        share = "" if row == len(LABELS) - 1 else f"\n{shares[row, column]:.0%}"
        ink = "white" if shares[row, column] > 0.55 else "black"
        axes.text(column, row, f"{count}{share}", ha="center", va="center", color=ink)
    axes.set_xticks(range(len(LABELS)), _broken([*LABELS[:-1], "missed"]))
    axes.set_yticks(range(len(LABELS)), _broken([*LABELS[:-1], "false alarm"]))
    axes.set(xlabel="found", ylabel="true")
    axes.set_title(f"Confusion at score >= {confusion.conf:g}, IoU 0.5", fontsize=11)


def _broken(names: Sequence[str]) -> list[str]:
    return [name.replace("_", "_\n").replace(" ", "\n") for name in names]


def new_figure(size: tuple[float, float]) -> Any:
    """An empty matplotlib figure of `size` inches."""
    return require("matplotlib.figure", "eval").Figure(figsize=size, dpi=_DPI, layout="constrained")


def to_png(figure: Any) -> bytes:
    """A figure as PNG."""
    buffer = io.BytesIO()
    # No Software tag: the same scores give the same bytes whatever matplotlib's version says.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
