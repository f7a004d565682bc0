"""What lies beside a trained classifier: its curves and its card."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data.extras import require
from data.files import atomic_path, digest, write_text
from data.labels import CLASS_NAMES
from detector.train import CARD
from eval.twophase.crops import CONTEXT, MIN_HEIGHT, CropSet
from eval.twophase.train import ONNX_NAME

_STARTS = {
    "imagenet": "torchvision's MobileNet_V2_Weights.IMAGENET1K_V2",
    "random": "none: random weights (torchvision's ImageNet weights weren't to be had, or not "
    "asked for)",
}


def draw_curves(history: Sequence[Mapping[str, float]], out: Path) -> None:
    """Write loss (left) and accuracy (right) by epoch, in training and validation, as a PNG."""
    require("matplotlib", "train")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for axes, key in ((left, "loss"), (right, "accuracy")):
        axes.plot(epochs, [row[key] for row in history], marker=".", label="train, varied crops")
        axes.plot(epochs, [row[f"val_{key}"] for row in history], marker=".", ls="--", label="val")
        axes.set(xlabel="epoch", ylabel=key)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    for k, name in enumerate(CLASS_NAMES):
        if all(f"val_{name}" in row for row in history):
            values = [row[f"val_{name}"] for row in history]
            right.plot(epochs, values, f"C{k + 2}", lw=1, ls=":", label=f"val, {name}")
    left.set_ylim(0, None)
    right.set_ylim(0, 1)
    for axes in (left, right):
        axes.legend(fontsize=8)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=120)


def write_card(
    out: Path, job: Mapping[str, Any], state: Mapping[str, Any], crops: tuple[CropSet, CropSet]
) -> None:
    """Write the run's README.md: file, data, start, scores, numbers."""
    train, val = crops
    onnx = out / ONNX_NAME
    best = state["history"][state["best"]]
    lines = [
        f"# {onnx.name}\n",
        "MobileNetV2, second phase of the two-phase pipeline: says of a face's crop whether it is "
        f"{', '.join(CLASS_NAMES)}. It finds no faces.\n",
        *_table("File", {"weights": onnx.name, "sha256": digest(onnx), "bytes": _size(onnx)}),
        *_table(
            "Data",
            {
                "name": Path(job["data"]).name,
                "fingerprint": job["fingerprint"],
                "crops, train": _counts(train),
                "crops, val": _counts(val),
                "least face height, px": f"{MIN_HEIGHT:g}",
                "square, of the box's longer side": f"{CONTEXT:g}",
            },
        ),
        *_table(
            "Start weights", {state["start"]: _STARTS.get(state["start"], "a file that was given")}
        ),
        *_table(
            "Validation split, best epoch",
            {name.removeprefix("val_"): f"{value:.3f}" for name, value in best.items()},
        ),
        *_table(
            "Training",
            {
                **job["two_phase"],
                "device": job["device"],
                "torch": version("torch"),
                "torchvision": version("torchvision"),
            },
        ),
    ]
    write_text(out / CARD, "\n".join(lines))


def _size(path: Path) -> int:
    return path.stat().st_size


def _counts(crops: CropSet) -> str:
    return ", ".join(f"{count} {name}" for name, count in crops.counts().items())


def _table(title: str, rows: Mapping[str, Any]) -> list[str]:
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return [f"## {title}\n", "| | |", "|---|---|", *lines, ""]
