"""Precision, recall and F1 against the score threshold, and the threshold with the best F1.

Boxes are matched class by class, as for AP: best score first, IoU 0.5 (eval.matching). The
threshold with the best F1 is chosen on the pictures that it is scored on, so its scores are
somewhat too good; intervals hold the threshold fixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.boxes import Floats, Ints
from data.labels import CLASS_NAMES
from eval.bootstrap import interval, resample
from eval.matching import Curve

GRID: Floats = np.linspace(0.0, 1.0, 1001)  # thresholds that are tried for all classes together

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Point:
    """One class at one threshold; None where there is nothing to divide by.

    Attributes:
        threshold: least score of a detection that counts.
        precision, recall, f1: 0 to 1 (F1: van Rijsbergen 1979).
        precision_interval, recall_interval, f1_interval: 95 % bootstrap intervals over pictures.
    """

    threshold: float
    precision: float | None
    recall: float | None
    f1: float | None
    precision_interval: Interval = None
    recall_interval: Interval = None
    f1_interval: Interval = None


@dataclass(frozen=True)
class Thresholds:
    """Points of each class at the chosen threshold and where its F1 is best.

    Attributes:
        chosen: class name to its point at the threshold that was asked for.
        best: class name to its point of best F1; None for a class without ground truth.
        best_for_all: the one threshold with the best mean F1, and that mean; None where the set
            has no true box.
    """

    chosen: dict[str, Point]
    best: dict[str, Point | None]
    best_for_all: tuple[float, float] | None


def score_thresholds(
    curves: Mapping[str, Curve], conf: float, rounds: int, rng: np.random.Generator
) -> Thresholds:
    """Points at `conf` and at the best thresholds, with intervals where `rounds` isn't 0.

    Args:
        curves: class name to its curve, every class.
        conf: the chosen threshold.
        rounds: of the bootstrap over pictures.
        rng: draws the pictures; all points share them.
    """
    best = {name: best_threshold(curves[name]) for name in CLASS_NAMES}
    wanted = [(name, conf) for name in CLASS_NAMES]
    wanted += [(name, at) for name, at in best.items() if at is not None]
    points = _points([(curves[name], at) for name, at in wanted], rounds, rng)
    peaks = {name: p for (name, _), p in list(zip(wanted, points, strict=True))[len(CLASS_NAMES) :]}
    return Thresholds(
        dict(zip(CLASS_NAMES, points[: len(CLASS_NAMES)], strict=True)),
        {name: peaks.get(name) for name in CLASS_NAMES},
        best_for_all(list(curves.values())),
    )


def f1_at(curve: Curve, thresholds: Floats) -> Floats:
    """F1 of detections with score >= each of (T,) thresholds: (T,), nan without a true box."""
    said = np.searchsorted(-curve.scores, -thresholds, side="right")
    right = np.concatenate([[0], np.cumsum(curve.correct)])[said]
    total = int(curve.truths.sum())
    if total == 0:
        return np.full(len(thresholds), np.nan)
    return np.asarray(2.0 * right / (said + total))


def best_threshold(curve: Curve) -> float | None:
    """The score of the best F1, the highest such score where several are alike.

    None where the class has no true box, or where nothing right was found.
    """
    if curve.truths.sum() == 0 or not curve.correct.any():
        return None
    scores = np.unique(curve.scores)[::-1]
    return float(scores[f1_at(curve, scores).argmax()])


def best_for_all(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """Threshold of GRID with the best mean F1 over the classes with true boxes, and that mean."""
    present = [f1_at(curve, GRID) for curve in curves if curve.truths.sum()]
    if not present:
        return None
    mean = np.mean(present, axis=0)
    best = len(mean) - 1 - int(mean[::-1].argmax())
    return float(GRID[best]), float(mean[best])


def count_at(curve: Curve, threshold: float) -> Ints:
    """(P, 3) int64 of each picture: detections that are right, all detections, true boxes."""
    kept = curve.scores >= threshold
    pictures = len(curve.truths)
    right = np.bincount(curve.picture[kept & curve.correct], minlength=pictures)
    said = np.bincount(curve.picture[kept], minlength=pictures)
    return np.stack([right, said, curve.truths], axis=1)


def _points(
    wanted: Sequence[tuple[Curve, float]], rounds: int, rng: np.random.Generator
) -> list[Point]:
    counts = [count_at(curve, threshold) for curve, threshold in wanted]
    drawn = resample(np.concatenate(counts, axis=1), rounds, rng)
    points = []
    for number, (count, (_, threshold)) in enumerate(zip(counts, wanted, strict=True)):
        values = [_finite(v[0]) for v in _ratios(count.sum(axis=0)[None].astype(np.float64))]
        spread = [interval(v) for v in _ratios(drawn[:, 3 * number : 3 * number + 3])]
        points.append(Point(threshold, values[0], values[1], values[2], *spread))
    return points


def _ratios(counts: Floats) -> tuple[Floats, Floats, Floats]:
    """(R, 3) right, said, there to precision, recall, F1, each (R,), nan where undefined."""
    right, said, there = counts.T
    return _divide(right, said), _divide(right, there), _divide(2 * right, said + there)


def _divide(part: Floats, whole: Floats) -> Floats:
    out = np.full(len(part), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
