"""What each part of the synthesis is worth: detectors trained with one thing left out.

    python -m eval.ablation SOURCE ... --real REAL_SET --split-list train --out DIR
        [--face-model ONNX] [--count N] [--epochs E] [--imgsz PX] [--arms a,b] [--exclude FILE]

For each arm a set is drawn (same photos, count and seed), a detector trained on it (same start
weights, same epochs) and scored on the listed pictures of the real set. Differences from `full`
carry a 95 % interval by bootstrap over the same pictures for both; it doesn't know how much
another training run of the same recipe would differ, which `full-again` (another seed) shows. What
is finished stays: run the same command again to go on.

    DIR/settings.json      what all arms share
    DIR/ARM/set, run       the data set, the training run
    DIR/ARM/found.json     what its detector found, as `maskwatch predict --json` writes it
    DIR/results.json       figures of every finished arm
"""

import argparse
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Boxes
from data.dataset import Sample, image_to_label
from data.exceptions import DatasetError, MaskwatchError, UsageError
from data.files import digest, write_json
from data.images import read_image
from data.labels import CLASS_NAMES
from data.pool import open_executor
from detector.config import TrainConfig
from detector.runtime import Detector
from detector.train import DEFAULT_INIT, train
from eval.bootstrap import interval, paired_bootstrap
from eval.loading import load_with_predictions
from eval.matching import Pair, collect_curve
from eval.metrics import coco_scores
from eval.predictions import read_predictions
from eval.report import Table, format_score
from synth.generate import Config, generate
from synth.recipe import Recipe
from synth.search import Search

log = logging.getLogger(__name__)

FULL, AGAIN = "full", "full-again"
# What each arm changes in the recipe.
ARMS: dict[str, dict[str, Any]] = {
    FULL: {},
    AGAIN: {},
    "no-prints": {"prints": 0.0},
    "no-small": {"smallest": 32.0},
    "no-occluders": {"instead": 0.0, "front": 0.0},
    "no-light": {"light": False},
    "nose-out-only": {"states": {"nose_out": 1.0}},
    "no-negatives": {"negatives": 0.0},
    "no-crowds": {"crowds": 0.0},
    "no-camera": {"camera": 0.0},
}
HEIGHTS = (0.0, 16.0)
_ROUNDS = 1000
_CONF = 0.001  # COCO's AP needs the whole curve
_SETTINGS, _RESULTS, _FOUND = "settings.json", "results.json", "found.json"


@dataclass(frozen=True)
class Settings:
    """What all arms share; a folder belongs to one.

    Attributes:
        sources: photos of bare faces.
        faces, face_model: how faces are searched in them.
        count, seed: of each data set; the seed is training's too.
        epochs, imgsz, batch, init, device: of each training run.
    """

    sources: tuple[str, ...]
    faces: str = "auto"
    face_model: str | None = None
    count: int = 1500
    seed: int = 0
    epochs: int = 5
    imgsz: int = 416
    batch: int = 0
    init: str = DEFAULT_INIT
    device: str | None = None


def listed_samples(root: Path, name: str, exclude: Path | None = None) -> list[Sample]:
    """The pictures that the list `name` (or `name`.txt) of a set names, without excluded ones.

    Raises:
        DatasetError: if there is no such list, it can't be read, or nothing is left of it.
    """
    path = root / f"{name.removesuffix('.txt')}.txt"
    left_out = {Path(line).name for line in _lines(exclude)} if exclude else set()
    images = [root / line.removeprefix("./") for line in _lines(path)]
    samples = [
        Sample(image, image_to_label(root, image), path.stem)
        for image in images
        if image.name not in left_out
    ]
    if not samples:
        raise DatasetError(
            f"{path}: expected pictures, but got none, {len(images)} of {len(images)} excluded"
        )
    return samples


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: expected a list of pictures, but {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def run_ablation(
    settings: Settings,
    samples: Sequence[Sample],
    out: Path,
    arms: Sequence[str],
    workers: int = 1,
) -> Iterator[dict[str, Any]]:
    """Results after each arm, in the order of the arms; `full` comes first.

    Raises:
        UsageError: if an arm isn't known.
        DatasetError: if `out` belongs to other settings, or a set is broken.
        TrainingError: if training fails.
    """
    check_arms(arms)
    _take(out, {**asdict(settings), "pictures": _pictures_digest(samples)})
    ordered = sorted(samples, key=lambda sample: str(sample.image))
    pairs: dict[str, list[Pair]] = {}
    for arm in dict.fromkeys((FULL, *arms)):
        found = out / arm / _FOUND
        if not found.is_file():
            log.info("%s: begins", arm)
            _run_arm(settings, arm, ordered, out / arm, workers)
        pairs[arm] = load_with_predictions(ordered, read_predictions(found), ordered).pairs
        results = {
            "settings": asdict(settings),
            "arms": {name: score(own, pairs[FULL], name) for name, own in pairs.items()},
        }
        write_json(out / _RESULTS, results)
        yield results


def check_arms(arms: Sequence[str]) -> None:
    """Raises UsageError naming the first arm that isn't known."""
    for arm in arms:
        if arm not in ARMS:
            raise UsageError(f"expected --arms of {', '.join(ARMS)}, but got {arm!r}")


def _take(out: Path, wanted: dict[str, Any]) -> None:
    """Take the folder for these settings, or go on in it."""
    path = out / _SETTINGS
    wanted = json.loads(json.dumps(wanted))
    if path.is_file():
        have = json.loads(path.read_text(encoding="utf-8"))
        changed = [key for key in wanted if have.get(key) != wanted[key]]
        if changed:
            raise DatasetError(
                f"{out}: was begun with another {', '.join(changed)}; choose another --out"
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out}: expected a new or empty folder; choose another --out")
    else:
        write_json(path, wanted)


def _pictures_digest(samples: Sequence[Sample]) -> list[str]:
    """What is scored: each picture's name and its labels' digest."""
    return sorted(
        f"{s.image.name} {digest(s.label)[:12] if s.label.is_file() else ''}" for s in samples
    )


def _run_arm(
    settings: Settings, arm: str, samples: Sequence[Sample], folder: Path, workers: int
) -> None:
    """Draw, train, detect; what a killed arm left of its set is used, its training begins anew."""
    seed = settings.seed + (arm == AGAIN)
    _draw(replace(settings, seed=seed), arm, folder / "set", workers)
    run = folder / "run"
    if run.is_dir():
        shutil.rmtree(run)
    config = TrainConfig(
        epochs=settings.epochs,
        imgsz=settings.imgsz,
        batch=settings.batch,
        seed=seed,
        patience=0,  # an early stop would break the equal budget
    )
    result = train(
        folder / "set",
        run,
        config,
        init=settings.init,
        device=settings.device,
        log_file=folder / "train.log",
    )
    write_json(folder / _FOUND, detect_all(Detector(result.onnx), samples))


def _draw(settings: Settings, arm: str, out: Path, workers: int) -> None:
    if (out / "data.yaml").is_file():  # the last file that is written
        return
    model = Path(settings.face_model) if settings.face_model else None
    config = Config(
        count=settings.count,
        seed=settings.seed,
        recipe=replace(Recipe(), **ARMS[arm]),
        search=Search(settings.faces, model),
    )
    with open_executor(workers) as executor:
        generate([Path(s) for s in settings.sources], out, config, executor, resume=out.exists())


def detect_all(detector: Detector, samples: Sequence[Sample]) -> dict[str, Any]:
    """What a detector finds in pictures, in the form of `maskwatch predict --json`."""
    images = []
    for sample in samples:
        image = read_image(sample.image)
        boxes = detector.detect([image], conf=_CONF)[0]
        size = {"width": image.shape[1], "height": image.shape[0]}
        found = _boxes_to_json(boxes)
        images.append({"file": str(sample.image), **size, "detections": found})
    return {"weights": detector.name, "images": images}


def _boxes_to_json(boxes: Boxes) -> list[dict[str, Any]]:
    rows = zip(boxes.class_ids, boxes.scores, boxes.xyxy, strict=True)
    return [
        {"class": CLASS_NAMES[k], "score": float(score), "box": [float(v) for v in box]}
        for k, score, box in rows
    ]


def score(pairs: Sequence[Pair], full: Sequence[Pair], arm: str) -> dict[str, Any]:
    """AP of one arm at each least height, and its change from `full` on the same pictures."""
    value: dict[str, Any] = {"pictures": len(pairs)}
    for scores in coco_scores(pairs, HEIGHTS):
        key = f"{scores.min_height:g}px"
        value[key] = {"faces": scores.faces, "ap50": scores.ap50, "map50": scores.map50}
        if arm != FULL:
            value[key] |= _changes(pairs, full, scores.min_height)
    return value


def _changes(pairs: Sequence[Pair], full: Sequence[Pair], height: float) -> dict[str, Any]:
    """95 % intervals of the change of each class's AP and of their mean."""
    first, second = (
        [collect_curve(side, k, height) for k in range(len(CLASS_NAMES))] for side in (full, pairs)
    )
    rounds = paired_bootstrap(first, second, _ROUNDS, np.random.default_rng(0))
    spans = [interval(rounds[:, k]) for k in range(rounds.shape[1])]
    by_class = dict(zip(CLASS_NAMES, spans[:-1], strict=True))
    return {"ap50_change_interval": by_class, "map50_change_interval": spans[-1]}


def to_table(results: dict[str, Any]) -> Table:
    """A row for each finished arm."""
    arms = results["arms"]
    header = ("left out", *CLASS_NAMES, "mAP50", "16 px and more", "change of mAP50", "95 %")
    rows = []
    for name, value in arms.items():
        every, larger = value["0px"], value["16px"]
        change, span = "", ""
        if name != FULL and None not in (every["map50"], arms[FULL]["0px"]["map50"]):
            change = f"{every['map50'] - arms[FULL]['0px']['map50']:+.3f}"
            low, high = every["map50_change_interval"]
            span = f"{low:+.3f} to {high:+.3f}"
        aps = [format_score(every["ap50"][k]) for k in CLASS_NAMES]
        means = [format_score(v["map50"]) for v in (every, larger)]
        rows.append((name, *aps, *means, change, span))
    return Table(header, tuple(rows))


def table_to_markdown(table: Table) -> str:
    """A Markdown table: names to the left, numbers to the right."""
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (table.header, rule, *table.rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Settings(())
    add = parser.add_argument
    add("sources", nargs="+", metavar="SOURCE", help="photos of bare faces, folders")
    add("--real", type=Path, required=True, metavar="DIR", help="a labelled set of photographs")
    add(
        "--split-list",
        required=True,
        metavar="NAME",
        help="list in it that is scored on (NAME.txt); one that nothing else is reported on, "
        "because parts are chosen by it",
    )
    add("--exclude", type=Path, metavar="FILE", help="names of pictures to leave out, one a line")
    add("--out", type=Path, required=True, metavar="DIR")
    add("--arms", default=",".join(ARMS), metavar="A,B", help="default: %(default)s")
    add("--faces", default=default.faces, choices=("auto", "detector", "dlib", "labels"))
    add("--face-model", metavar="ONNX", help="a YuNet model in the detector's place")
    add("--init", default=default.init, metavar="FILE", help="start weights of every arm")
    add("--device", metavar="D", help="cpu, 0, ...; default: a GPU if there is one")
    for name, what in (
        ("count", "pictures of each set"),
        ("epochs", "of each training run"),
        ("imgsz", "size of training, px"),
        ("batch", "of training; 0 picks by device"),
        ("seed", "of sets and training"),
    ):
        add(f"--{name}", type=int, default=getattr(default, name), help=f"{what} (%(default)s)")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table after each arm; 0 if it went well, 1 on an error."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    names = asdict(Settings(())).keys() - {"sources"}
    settings = Settings(tuple(args.sources), **{name: getattr(args, name) for name in names})
    try:
        samples = listed_samples(args.real, args.split_list, args.exclude)
        arms = [arm.strip() for arm in args.arms.split(",")]
        for results in run_ablation(settings, samples, args.out, arms, args.workers):
            sys.stdout.write(f"{table_to_markdown(to_table(results))}\n\n")
            sys.stdout.flush()
    except (MaskwatchError, OSError) as error:
        log.critical("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
