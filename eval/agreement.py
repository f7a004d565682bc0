"""Do our scores agree with other implementations? `python -m eval.agreement DIR --predictions F`.

AP50 of each class several times, from the same boxes:

    coco         by faster-coco-eval, which `maskwatch eval` reports
    ours         by our own matching and bootstrap code (eval.matching, eval.bootstrap)
    pycocotools  by COCO's own code, where it is installed (uv run --with pycocotools python -m ...)
    ultralytics  by its validator (match_predictions and ap_per_class)

Ultralytics joins the 101 points of the precision envelope by straight lines where COCO takes
steps, so its numbers differ a little though it finds the same boxes right.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from data.boxes import Boxes, iou, xyxy_to_xywh
from data.extras import require
from data.labels import CLASS_NAMES
from eval.bootstrap import average_precision
from eval.foreign import read_any_predictions
from eval.loading import Loaded, pair_predictions, read_truths
from eval.matching import MAX_DETECTIONS, Pair, by_score, collect_curve
from eval.metrics import coco_scores
from eval.report import Table, table_to_text
from eval.sets import open_set


@dataclass(frozen=True)
class Agreement:
    """AP50 of one class that has true boxes; `pycocotools` is None where it isn't installed."""

    name: str
    coco: float
    ours: float
    pycocotools: float | None
    ultralytics: float

    @property
    def difference(self) -> float:
        """Largest difference of what we report to an implementation of the same definition.

        Where pycocotools isn't installed, only ultralytics shares no code with what we report.
        """
        other = self.ultralytics if self.pycocotools is None else self.pycocotools
        return max(abs(self.coco - other), abs(self.coco - self.ours))


def compare_implementations(pairs: Sequence[Pair]) -> list[Agreement]:
    """AP50 of each class that has true boxes.

    Raises:
        MissingExtraError: if faster-coco-eval or ultralytics isn't installed.
    """
    [scores] = coco_scores(pairs)
    theirs, reference = ultralytics_ap50(pairs), pycocotools_ap50(pairs)
    rows = []
    for k, name in enumerate(CLASS_NAMES):
        coco = scores.ap50[name]
        if coco is not None:
            ours = average_precision(collect_curve(pairs, k))
            rows.append(Agreement(name, coco, ours, reference.get(k), theirs[k]))
    return rows


def pycocotools_ap50(pairs: Sequence[Pair]) -> dict[int, float]:
    """AP50 by class id, as COCO's own code computes it; empty where that isn't installed."""
    if find_spec("pycocotools") is None:
        return {}
    coco, judge = import_module("pycocotools.coco"), import_module("pycocotools.cocoeval")
    frame = {
        "images": [{"id": n} for n in range(1, len(pairs) + 1)],
        "categories": [{"id": k, "name": name} for k, name in enumerate(CLASS_NAMES, 1)],
    }
    sets = []
    for boxes in ([pair.truth for pair in pairs], [pair.ranked for pair in pairs]):
        index = coco.COCO()
        index.dataset = {**frame, "annotations": _annotations(boxes)}
        index.createIndex()
        sets.append(index)
    evaluation = judge.COCOeval(*sets, "bbox")
    evaluation.params.maxDets = [MAX_DETECTIONS]
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, :, 0, 0]  # (101 recalls, K) at IoU .5
    return {k: float(column.mean()) for k, column in enumerate(precision.T)}


def _annotations(pictures: Sequence[Boxes]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for image_id, boxes in enumerate(pictures, start=1):
        xywh = xyxy_to_xywh(boxes.xyxy)
        for box, class_id, score in zip(xywh, boxes.class_ids, boxes.scores, strict=True):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": image_id,
                    "category_id": int(class_id) + 1,
                    "bbox": box.tolist(),
                    "area": float(box[2] * box[3]),
                    "iscrowd": 0,
                    "score": float(score),
                }
            )
    return rows


def ultralytics_ap50(pairs: Sequence[Pair]) -> dict[int, float]:
    """AP50 by class id, as ultralytics' validator computes it."""
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    validator = require("ultralytics.engine.validator", "train").BaseValidator
    metrics = require("ultralytics.utils.metrics", "train")
    torch = require("torch", "train")
    holder = SimpleNamespace(iouv=torch.linspace(0.5, 0.95, 10))
    correct, scores, found_ids, true_ids = [], [], [], []
    for pair in pairs:
        found = by_score(pair.ranked)
        overlap = torch.from_numpy(iou(pair.truth.xyxy, found.xyxy))
        said, there = torch.tensor(found.class_ids), torch.tensor(pair.truth.class_ids)
        hits = np.zeros((len(found), 10), dtype=np.bool_)
        if len(found) and len(pair.truth):
            hits = validator.match_predictions(holder, said, there, overlap).numpy()
        correct.append(hits)
        scores.append(found.scores)
        found_ids.append(found.class_ids)
        true_ids.append(pair.truth.class_ids)
    columns = [np.concatenate(column) for column in (correct, scores, found_ids, true_ids)]
    result = metrics.ap_per_class(*columns, plot=False)
    ap, classes = result[5], result[6]
    return {int(k): float(row[0]) for k, row in zip(classes, ap, strict=True)}


def to_table(rows: Sequence[Agreement]) -> Table:
    """A row a class and their mean."""
    lines = [
        (
            row.name,
            f"{row.coco:.4f}",
            f"{row.ours:.4f}",
            "-" if row.pycocotools is None else f"{row.pycocotools:.4f}",
            f"{row.ultralytics:.4f}",
            f"{row.difference:.5f}",
        )
        for row in rows
    ]
    return Table(("AP50", "coco", "ours", "pycocotools", "ultralytics", "difference"), tuple(lines))


def main() -> int:
    """Print a table; 1 where the largest difference is above --most."""
    parser = argparse.ArgumentParser(prog="python -m eval.agreement", description=__doc__)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a labelled data set")
    parser.add_argument("--predictions", type=Path, required=True, metavar="JSON")
    parser.add_argument("--split", choices=("train", "val", "all"))
    parser.add_argument("--most", type=float, default=0.002, help="(default: %(default)s)")
    args = parser.parse_args()
    labelled = open_set(args.dir, args.split, {})
    noted = Loaded()
    truths = read_truths(labelled.chosen, noted)
    predictions = read_any_predictions(args.predictions, labelled.every)
    rows = compare_implementations(
        pair_predictions(truths, noted, predictions, labelled.every).pairs
    )
    mean = np.mean([row.coco for row in rows]) - np.mean([row.ultralytics for row in rows])
    sys.stdout.write(f"{table_to_text(to_table(rows))}\nmAP50: {mean:+.5f} against ultralytics\n")
    return 0 if max(row.difference for row in rows) <= args.most else 1


if __name__ == "__main__":
    sys.exit(main())
