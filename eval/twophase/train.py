"""Training of the classifier, as seen from the caller: checks, then a process of its own."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.exceptions import TrainingError, UsageError
from data.extras import package_file
from data.files import write_json
from detector.job import RUN_FILE
from detector.train import CARD, LAST, check_out, fingerprint, pick_device, run_worker
from eval.twophase.network import STARTS, is_file_of_weights

ONNX_NAME = "two-phase.onnx"
CURVES = "curves.png"
WORKER = "eval.twophase.worker"


@dataclass(frozen=True)
class ClassifierConfig:
    """Numbers of a training; the defaults take some five minutes on two free cores.

    Attributes:
        epochs: passes over the crops.
        imgsz: side of the crops that the classifier sees, px.
        batch: crops a step.
        lr0: highest learning rate, of AdamW (Loshchilov & Hutter 2019), on a cosine to zero.
        crops: faces to train on, at most.
        start: "imagenet", "random", "auto" (the former where it can be had), or a .pth file.
        seed: of which faces, their variations and random start weights.
    """

    epochs: int = 6
    imgsz: int = 96
    batch: int = 64
    lr0: float = 0.002
    crops: int = 8000
    start: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class ClassifierResult:
    """What a finished run left: its folder and the files in it."""

    out: Path
    onnx: Path
    curves: Path
    card: Path


def train_classifier(
    data: Path,
    out: Path,
    config: ClassifierConfig,
    *,
    device: str | None = None,
    resume: bool = False,
    log_file: Path | None = None,
) -> ClassifierResult:
    """Train the classifier on crops of a data set's faces, draw its curves, export it to ONNX.

    Args:
        data: folder with data.yaml, a train and a val split.
        out: the run's folder; must be new or empty, unless `resume`.
        config: numbers. With `resume`, the run's own count.
        device: as torch names it ("cpu", "0", "mps"); None picks a GPU if there is one.
        resume: go on with an interrupted run in `out`.
        log_file: where progress goes instead of the terminal.

    Raises:
        DatasetError: if the set is no data set of ours, lacks a split or faces, or `out` is taken.
        TrainingError: if there is nothing to resume, the set has changed, or training fails.
        UsageError: if an option makes no sense.
        KeyboardInterrupt: on Ctrl-C; the last whole epoch is kept for `resume`.
    """
    check_config(config)
    print_of_data = fingerprint(data)
    package_file("torchvision", "__init__.py", "train")
    chosen = pick_device(device)
    if resume:
        job = resumed_job(out, print_of_data)
    else:
        check_out(out)
        job = {"two_phase": asdict(config), "fingerprint": print_of_data}
    job |= {"data": str(data.resolve()), "device": chosen, "resume": resume}
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RUN_FILE, job)
    run_worker(WORKER, out, chosen, log_file)
    return ClassifierResult(out, out / ONNX_NAME, out / CURVES, out / CARD)


def check_config(config: ClassifierConfig) -> None:
    """Raises UsageError naming the first number that makes no sense."""
    for option, name, low in (
        ("epochs", "epochs", 1),
        ("imgsz", "imgsz", 32),
        ("batch", "batch", 2),
        ("count", "crops", 4),
        ("seed", "seed", 0),
    ):
        value = getattr(config, name)
        if value < low:
            raise UsageError(f"expected --{option} of at least {low}, but got {value}")
    if config.imgsz % 16 or config.imgsz > 512:
        raise UsageError(
            f"expected --imgsz as a multiple of 16 up to 512 for crops, but got {config.imgsz}"
        )
    if not 0 < config.lr0 <= 1:
        raise UsageError(f"expected --lr0 above 0 and up to 1, but got {config.lr0}")
    if config.start not in STARTS and not is_file_of_weights(config.start):
        raise UsageError(
            f"expected --init {', '.join(STARTS[:2])} or a .pth file with --two-phase, but got "
            f"{config.start!r}"
        )


def resumed_job(out: Path, print_of_data: str) -> dict[str, Any]:
    """The job of an interrupted run, checked against the data of today.

    Raises:
        TrainingError: if there is none, it is finished, or the data has changed.
    """
    try:
        job: dict[str, Any] = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))
        ClassifierConfig(**job["two_phase"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{out}: expected an interrupted run of --two-phase to resume ({error})"
        ) from error
    if (out / CARD).is_file():
        raise TrainingError(f"{out}: this run is finished; train again with another --out")
    if not (out / LAST).is_file():
        raise TrainingError(
            f"{out}: expected {LAST} to resume from, but no epoch was finished; "
            "start again without --resume"
        )
    if job.get("fingerprint") != print_of_data:
        raise TrainingError(
            f"{out}: the data set isn't the one this run began with; give that one, or start a "
            "new run"
        )
    return job
