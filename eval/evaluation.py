"""One evaluation: everything that `maskwatch eval` says about a detector on a set.

Keys of its JSON, which scripts may rely on (a value that can't be had is null, never 0):

    set, split, weights, predictions   what was scored: folder, split, weights' name, JSON file
    pictures           scored: number; unreadable, without_prediction, unknown: lists of files
    classes_with_truth names of the classes that have ground truth; means are over these
    sizes[]            one object for each least face height, every face (0) first; AP ranks each
                       class that a face may be of, all else the best alone:
      min_height       px; true boxes below it are ignored, as COCO does
      faces            class -> number of true boxes
      ap50, ap75, ap50_95                  class -> average precision
      map50, map75, map50_95               means over the classes with ground truth
      ap50_interval, map50_interval        95 % bootstrap interval [low, high] over pictures
      any_face_recall  faces found at IoU 0.5 by a box of any class, at every score, with one
                       class a face
    bootstrap          rounds, seed, level; rounds 0 where no interval was computed
    confusion          conf, iou, labels, matrix (rows true, columns found, last background),
                       points: class -> precision, recall, f1; any_face_recall at that score
    thresholds         boxes matched class by class, one class a face (eval.thresholds)
      chosen, best     class -> threshold, precision, recall, f1, each with NAME_interval: at
                       the chosen score and at the one of the class's best F1 (or null)
      best_for_all     threshold of the best mean F1 over the classes, and that mean; or null
    errors             kinds of errors (eval.errors): conf, right; counts: kind -> number at conf,
                       one class a face; gain: kind -> what mending adds to mAP50;
                       class_gain: kind -> class -> it
    slices[]           attribute, value, faces; found, right: shares, with NAME_interval; ap50;
                       confusion: [true, found, count], the most frequent one (eval.slices)
    comparison         only where several are compared (eval.side_by_side)
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from data.exceptions import DatasetError
from data.labels import CLASS_NAMES
from eval.bootstrap import LEVEL, bootstrap, interval, mean_over_present
from eval.confusion import LABELS, Confusion, confuse
from eval.errors import Errors, tell_errors
from eval.matching import IOU_MIN, Curve, Pair, collect_curve, collect_curves
from eval.metrics import SizeScores, coco_scores
from eval.slices import Slice, slice_results
from eval.thresholds import Thresholds, score_thresholds

DEFAULT_MIN_HEIGHTS = (0.0, 16.0, 32.0)
DEFAULT_CONF = 0.25
DEFAULT_ROUNDS = 1000

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class SizeResult:
    """Scores at one least height with their bootstrap intervals (None where none was asked)."""

    scores: SizeScores
    ap50_interval: dict[str, Interval]
    map50_interval: Interval


@dataclass(frozen=True)
class Evaluation:
    """All results on one set.

    Attributes:
        sizes: one result for each least face height; the first is of every face.
        curves: class name to its detections at IoU 0.5, every size.
        confusion: counts at one score threshold.
        thresholds: precision, recall and F1 at that threshold and the best ones.
        errors: by kind.
        slices: by what the faces are.
        rounds, seed: of the bootstrap.
    """

    sizes: tuple[SizeResult, ...]
    curves: dict[str, Curve]
    confusion: Confusion
    thresholds: Thresholds
    errors: Errors
    slices: tuple[Slice, ...]
    rounds: int
    seed: int

    @property
    def classes_with_truth(self) -> list[str]:
        """Names of the classes that the set has true boxes of."""
        return [name for name, count in self.sizes[0].scores.faces.items() if count]

    def to_json(self) -> dict[str, Any]:
        """The part of the JSON that follows from the boxes alone; keys as in the module's text."""
        confusion = self.confusion
        return {
            "classes_with_truth": self.classes_with_truth,
            "sizes": [_size_to_json(size) for size in self.sizes],
            "bootstrap": {"rounds": self.rounds, "seed": self.seed, "level": LEVEL},
            "confusion": {
                "conf": confusion.conf,
                "iou": IOU_MIN,
                "labels": list(LABELS),
                "matrix": confusion.matrix.tolist(),
                "points": {name: asdict(point) for name, point in confusion.points().items()},
                "any_face_recall": confusion.any_face_recall,
            },
            "thresholds": asdict(self.thresholds),
            "errors": asdict(self.errors),
            "slices": [asdict(each) for each in self.slices],
        }


def _size_to_json(size: SizeResult) -> dict[str, Any]:
    scores = size.scores
    means = {"map50": scores.map50, "map75": scores.map75, "map50_95": scores.map50_95}
    intervals = {"ap50_interval": size.ap50_interval, "map50_interval": size.map50_interval}
    recall = {"any_face_recall": scores.any_face_recall}
    return {**asdict(scores), **means, **intervals, **recall}


def evaluate(
    pairs: Sequence[Pair],
    *,
    conf: float = DEFAULT_CONF,
    min_heights: Sequence[float] = DEFAULT_MIN_HEIGHTS,
    rounds: int = DEFAULT_ROUNDS,
    seed: int = 0,
) -> Evaluation:
    """Score found boxes against true ones.

    Pictures are taken in the order of their names, whatever order they come in.

    Args:
        pairs: at least one picture.
        conf: least score that counts in the confusion matrix.
        min_heights: least face heights to score at, px; the first is 0.
        rounds: bootstrap rounds, 0 for none.
        seed: of the bootstrap.

    Raises:
        DatasetError: if there is no picture, or no true box at all.
        MissingExtraError: if faster-coco-eval isn't installed.
    """
    if not any(len(pair.truth) for pair in pairs):
        raise DatasetError(
            f"expected labelled faces to score against, but the {len(pairs)} readable pictures "
            "have none"
        )
    ordered = sorted(pairs, key=lambda pair: str(pair.image))
    ranges = [(float(height), np.inf) for height in min_heights]
    by_class = [collect_curves(ordered, k, ranges) for k in range(len(CLASS_NAMES))]
    sizes = tuple(
        _with_intervals(scores, [curves[n] for curves in by_class], rounds, _generator(seed))
        for n, scores in enumerate(coco_scores(ordered, min_heights))
    )
    every = {name: by_class[k][0] for k, name in enumerate(CLASS_NAMES)}
    said = [replace(pair, every=None) for pair in ordered]  # one class a face
    decided = {name: collect_curve(said, k) for k, name in enumerate(CLASS_NAMES)}
    return Evaluation(
        sizes,
        every,
        confuse(ordered, conf),
        score_thresholds(decided, conf, rounds, _generator(seed)),
        tell_errors(ordered, conf),
        tuple(slice_results(ordered, conf, rounds, _generator(seed))),
        rounds,
        seed,
    )


def _generator(seed: int) -> np.random.Generator:
    """A new one for each part, so that all parts draw the same pictures."""
    return np.random.default_rng(seed)


def _with_intervals(
    scores: SizeScores, curves: Sequence[Curve], rounds: int, rng: np.random.Generator
) -> SizeResult:
    if rounds == 0:
        return SizeResult(scores, dict.fromkeys(CLASS_NAMES), None)
    drawn = bootstrap(curves, rounds, rng)
    per_class = {name: interval(drawn[:, k]) for k, name in enumerate(CLASS_NAMES)}
    return SizeResult(scores, per_class, interval(mean_over_present(drawn)))
