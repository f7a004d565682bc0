"""The loop in small: synthesise, train a few steps, detect, evaluate, report.

Nothing is downloaded: the photos lie inside installed packages, the few training steps start
from random weights, and every detection shown is of the shipped weights.
"""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from data.check import Report, check_dataset
from data.dataset import find_samples
from data.exceptions import DatasetError, TrainingError, UsageError
from data.files import write_text
from data.images import Image, find_images, read_image, write_image
from data.pool import open_executor
from detector.config import TrainConfig
from detector.draw import draw_boxes
from detector.environment import core_count
from detector.job import TRACE
from detector.predict import Prediction, count_classes, counts_to_text, json_writer, predict
from detector.runtime import Detector
from detector.second_look import SecondLook
from detector.train import train
from eval.demo.folder import building
from eval.demo.page import Material, Scores, build_page
from eval.demo.samples import VAL_FRACTION, check_extras, choose_seed, copy_photos
from eval.evaluation import Evaluation, evaluate
from eval.loading import load_with_detector
from eval.report import format_score
from synth.generate import Config, generate
from synth.search import Search, search_photos
from synth.sheet import draw_sheet

log = logging.getLogger(__name__)

T = TypeVar("T")

# COCO's AP needs nearly every box; pictures show what `predict` shows.
_AP_CONF = 0.001
_CONF = 0.25
# Validation pictures whose detections are shown.
_SHOWN = 6

_INIT = "yolo26n.yaml"
# What stays of the training run; the rest is there twice or names folders that are gone.
_KEPT = ("maskwatch.onnx", "maskwatch.onnx.sha256", "README.md", "curves.png", "results.csv")

_HIGHEST_SEED = 1_000_000


@dataclass(frozen=True)
class Settings:
    """How large the demo is.

    Attributes:
        pictures: to synthesise.
        epochs: of training: a few steps, only to show the loop.
        imgsz: side of the pictures that these steps see, px; small, as they learn next to nothing.
        seed: of the set and the training, 0 to 1,000,000.
        weights: ONNX file to detect with; the shipped one by default.
    """

    pictures: int = 96
    epochs: int = 12
    imgsz: int = 160
    seed: int = 0
    weights: Path | None = None


@dataclass
class Clock:
    """Runs steps, times them, and tells listeners: `started(title)`, `ended(summary, seconds)`."""

    started: Callable[[str], None] = lambda _: None
    ended: Callable[[str, float], None] = lambda _, __: None
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, title: str, step: Callable[[], tuple[T, str]]) -> T:
        """Run a step that returns its value and a summary in words; the value."""
        self.started(title)
        start = time.perf_counter()
        value, summary = step()
        self.seconds[title] = time.perf_counter() - start
        self.ended(summary, self.seconds[title])
        return value


def run_demo(out: Path, settings: Settings, clock: Clock) -> Path:
    """Run the whole loop into `out`, which appears when all is done; returns the report's path.

    Afterwards `out` holds photos/ (the samples), set/ (the synthesised data set), few-steps/ (the
    weights of the short training and its curves), detections/ (pictures and JSON), report.html
    and demo.json (seed, weights, times, scores, list of files).

    Args:
        out: a new or empty folder, or an earlier demo's, which is replaced.
        settings: sizes and seed.
        clock: told about each step.

    Raises:
        UsageError: if a setting makes no sense.
        MissingExtraError: if a part isn't installed.
        DatasetError: if `out` holds anything else, or the synthesised set fails its check.
        NoFacesError, WeightsError, TrainingError, OSError: as from the steps.
    """
    check_settings(settings)
    check_extras()
    notes: dict[str, Any] = {}
    with building(out, notes) as root:
        # Before anything is drawn or trained: unusable weights are known at once.
        detector = SecondLook(settings.weights)
        sheet, check = clock.run("synthesise", lambda: synthesise(root, settings))
        steps = clock.run("train a few steps", lambda: train_few_steps(root, settings, check))
        found = clock.run("detect", lambda: detect(root, out, detector))
        scores = clock.run("evaluate", lambda: score(root, detector))
        material = Material(
            root, out, detector.name, settings.weights is None, sheet, check, steps, *found, scores
        )
        clock.run("report", lambda: write_report(material, clock.seconds))
        notes |= {
            "seed": settings.seed,
            "weights": detector.name,
            "seconds": {title: round(value, 1) for title, value in clock.seconds.items()},
            "map50": {
                "weights": scores.shipped.sizes[0].scores.map50,
                "few_steps": scores.few_steps.sizes[0].scores.map50,
            },
        }
    return out / "report.html"


def check_settings(settings: Settings) -> None:
    """Raises UsageError naming the first setting that makes no sense."""
    # Fewer pictures and one split may come out empty.
    for name, low, high in (
        ("pictures", 12, 10_000),
        ("epochs", 1, 1000),
        ("seed", 0, _HIGHEST_SEED),
    ):
        value = getattr(settings, name)
        if not low <= value <= high:
            raise UsageError(f"expected --{name} from {low} to {high}, but got {value}")


def synthesise(root: Path, settings: Settings) -> tuple[tuple[Image, Report], str]:
    """Draw a labelled set into `root`/set and check it: ((contact sheet, check), summary)."""
    folder = root / "photos"
    copy_photos(folder)
    workers = min(2, core_count())
    with open_executor(workers) as executor:
        photos, _ = search_photos([folder], Search(), executor)
        config = Config(
            count=settings.pictures,
            seed=choose_seed(photos, settings.seed),
            val_fraction=VAL_FRACTION,
        )
        generate([folder], root / "set", config, executor)
    report = check_dataset(root / "set")
    wrong = next((p for p in report.problems if p.severity == "error"), None)
    if wrong is not None:
        raise DatasetError(f"{wrong.path}: the synthesised set is broken: {wrong.message}")
    # The first photo's only face is the largest of all.
    portrait = next(p for p in sorted(photos, key=lambda p: p.path.name) if p.faces)
    sheet = draw_sheet(read_image(portrait.path), portrait.faces[0], settings.seed)
    splits = ", ".join(f"{n} {split}" for split, n in sorted(report.pictures.items()))
    faces = sum(report.boxes.values())
    return (sheet, report), f"{splits} pictures with {faces} labelled faces; check: no error"


def train_few_steps(root: Path, settings: Settings, check: Report) -> tuple[int, str]:
    """Train from random weights into `root`/few-steps: (number of optimiser steps, summary).

    Raises:
        TrainingError: if it fails; with `-v` the trace is logged.
    """
    # A step a batch: the usual 64 pictures a step would leave one step an epoch.
    batch = 8
    config = TrainConfig(
        epochs=settings.epochs,
        imgsz=settings.imgsz,
        batch=batch,
        nbs=batch,
        seed=settings.seed,
    )
    run, progress = root / "run", root / "train.log"
    try:
        train(root / "set", run, config, init=_INIT, device="cpu", log_file=progress)
    except TrainingError as error:
        if (run / TRACE).is_file():
            log.info("%s", (run / TRACE).read_text(encoding="utf-8"))
        reason = str(error).split("; see ")[0]
        raise TrainingError(f"{reason}; for the trace run: maskwatch -v demo") from error
    kept = root / "few-steps"
    kept.mkdir()
    for name in _KEPT:
        (run / name).rename(kept / name)
    progress.rename(kept / progress.name)
    shutil.rmtree(run)
    for cache in (root / "set").rglob("*.cache"):  # ultralytics'; it names folders that go
        cache.unlink()
    steps = settings.epochs * -(-check.pictures["train"] // batch)
    return steps, f"{steps} steps at {settings.imgsz} px from random weights, exported to ONNX"


def detect(
    root: Path, out: Path, detector: Detector
) -> tuple[tuple[list[Prediction], list[Prediction]], str]:
    """Detect into `root`/detections: ((on the photos, on validation pictures), summary)."""
    photos = find_images([root / "photos"])
    val = [sample.image for sample in find_samples(root / "set", "val")]
    pictures = val[:: max(1, len(val) // _SHOWN)][:_SHOWN]
    found = list(predict(detector, [*photos, *pictures], _CONF))
    folder = root / "detections"
    folder.mkdir()
    with (
        (folder / "detections.json").open("w", encoding="utf-8") as file,
        json_writer(file, detector.name) as write,
    ):
        for prediction in found:
            # The folder is about to be renamed.
            write(replace(prediction, path=out / prediction.path.relative_to(root)))
            if prediction.image is not None:
                drawn = draw_boxes(prediction.image, prediction.boxes)
                write_image(folder / f"{prediction.path.stem}.jpg", drawn)
    on_photos, on_pictures = found[: len(photos)], found[len(photos) :]
    counts = counts_to_text(count_classes(p.boxes for p in on_photos))
    summary = f"{detector.name}: {counts} on the {len(photos)} sample photos"
    return (on_photos, on_pictures), summary


def score(root: Path, detector: Detector) -> tuple[Scores, str]:
    """Score both weights on the validation pictures: (scores, summary)."""
    short = Detector(root / "few-steps" / "maskwatch.onnx")
    scores = Scores(*(_evaluate(root / "set", each) for each in (detector, short)))
    shipped, few = (e.sizes[0].scores.map50 for e in (scores.shipped, scores.few_steps))
    return scores, (
        f"mAP50 on the synthesised val pictures: {detector.name} "
        f"{format_score(shipped)}, few-step weights {format_score(few)}"
    )


def _evaluate(root: Path, detector: Detector) -> Evaluation:
    samples = find_samples(root, "val")
    loaded = load_with_detector(samples, partial(detector.detect, conf=_AP_CONF, every_class=True))
    # One person on every picture: an interval over pictures would promise too much.
    return evaluate(loaded.pairs, conf=_CONF, min_heights=(0.0,), rounds=0)


def write_report(material: Material, seconds: dict[str, float]) -> tuple[None, str]:
    """Write `root`/report.html and say where it will be."""
    write_text(material.root / "report.html", build_page(material, seconds))
    return None, str(material.out / "report.html")
