"""Loss and precision by epoch, from ultralytics' results.csv."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.exceptions import TrainingError
from data.extras import require
from data.files import atomic_path

Table = Mapping[str, NDArray[np.float64]]

METRICS: Mapping[str, str] = {
    "metrics/mAP50(B)": "mAP50",
    "metrics/mAP50-95(B)": "mAP50-95",
    "metrics/precision(B)": "precision",
    "metrics/recall(B)": "recall",
}


def read_results(path: Path) -> dict[str, NDArray[np.float64]]:
    """`results.csv` as columns of (epochs,) float64; the last line of an epoch counts.

    Raises:
        TrainingError: if the file is missing, empty or no table of numbers.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{k.strip(): float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path}: expected a table of training results ({error})") from error
    if not rows or "epoch" not in rows[0]:
        raise TrainingError(f"{path}: expected at least one epoch, but found none")
    by_epoch = {row["epoch"]: row for row in rows}
    ordered = [by_epoch[epoch] for epoch in sorted(by_epoch)]
    return {name: np.array([row[name] for row in ordered]) for name in rows[0]}


def best_epoch(table: Table) -> int:
    """Row of the epoch that best.pt was kept from: the highest mAP50-95, ultralytics' fitness."""
    return int(np.argmax(table["metrics/mAP50-95(B)"]))


def draw_curves(table: Table, out: Path) -> None:
    """Write losses (left) and validation scores (right) by epoch as a PNG."""
    require("matplotlib", "train")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    epochs = table["epoch"]
    names = [name.removeprefix("train/") for name in table if name.startswith("train/")]
    for index, name in enumerate(names):
        colour = f"C{index}"
        losses.plot(epochs, table[f"train/{name}"], colour, label=f"{name}, train", marker=".")
        if f"val/{name}" in table:
            losses.plot(epochs, table[f"val/{name}"], colour, ls="--", label=f"{name}, val")
    for column, label in METRICS.items():
        scores.plot(epochs, table[column], label=label, marker=".")
    best = epochs[best_epoch(table)]
    scores.axvline(best, color="0.6", lw=1, ls=":", label=f"best, epoch {best:.0f}")
    losses.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    scores.set(xlabel="epoch", ylabel="score on val", ylim=(0, 1))
    for axes in (losses, scores):
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=120)
