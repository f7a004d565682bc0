"""Matching found boxes to true ones, as COCO does (Lin et al. 2014, "Microsoft COCO").

Best score first, every detection takes the free true box that it overlaps most. True boxes below
a size are *ignored*: what matches them is neither right nor wrong, and so are unmatched
detections below that size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes, Floats, Ints, iou

Bools = NDArray[np.bool_]

IOU_MIN = 0.5  # the threshold of AP50 (PASCAL VOC, Everingham et al. 2010)

# COCO keeps the best 100 detections a picture and class; crowds have more faces than that.
MAX_DETECTIONS = 1000


@dataclass(frozen=True)
class Pair:
    """One picture with its true boxes and the boxes that a detector found, both in pixels."""

    image: Path
    truth: Boxes
    found: Boxes


@dataclass(frozen=True)
class Curve:
    """What a detector said over a whole set about one class, best score first.

    Attributes:
        picture: (D,) int64, which picture each detection is of.
        scores: (D,) float64, descending.
        correct: (D,) bool, whether it matches a true box that counts.
        truths: (P,) int64, how many true boxes count in each picture.
    """

    picture: Ints
    scores: Floats
    correct: Bools
    truths: Ints


def by_score(boxes: Boxes) -> Boxes:
    """Boxes best score first; equal scores keep their order."""
    return boxes.select(np.argsort(-boxes.scores, kind="stable"))


def match_boxes(overlap: Floats, ignored: Bools, iou_min: float = IOU_MIN) -> Ints:
    """Which true box each detection takes.

    Args:
        overlap: (D, T) IoU of detections, best score first, with true boxes.
        ignored: (T,) true boxes that don't count; taken only where no other is left.
        iou_min: least IoU of a match.

    Returns:
        (D,) int64 position of the true box, -1 for none.
    """
    taken = np.full(len(overlap), -1, dtype=np.int64)
    if overlap.size == 0:
        return taken
    free = np.ones(overlap.shape[1], dtype=np.bool_)
    for d in np.flatnonzero(overlap.max(axis=1) >= iou_min):
        for group in (~ignored, ignored):
            candidates = np.where(free & group, overlap[d], 0.0)
            # COCO's tie rule: of equal overlaps the last true box wins.
            best = len(candidates) - 1 - int(candidates[::-1].argmax())
            if candidates[best] >= iou_min:
                taken[d], free[best] = best, False
                break
    return taken


def collect_curve(pairs: Sequence[Pair], class_id: int, min_size: float = 0.0) -> Curve:
    """The curve of one class at IoU 0.5, over boxes at least `min_size` px high."""
    pictures, scores, correct = [], [], []
    truths = np.zeros(len(pairs), dtype=np.int64)
    for number, pair in enumerate(pairs):
        truth = pair.truth.select(pair.truth.class_ids == class_id)
        found = by_score(pair.found.select(pair.found.class_ids == class_id))
        found = found.select(np.arange(min(len(found), MAX_DETECTIONS)))
        small = truth.heights < min_size
        truths[number] = np.count_nonzero(~small)
        taken = match_boxes(iou(found.xyxy, truth.xyxy), small)
        hit = taken >= 0
        counts = np.where(hit, ~np.append(small, True)[taken], found.heights >= min_size)
        pictures.append(np.full(np.count_nonzero(counts), number, dtype=np.int64))
        scores.append(found.scores[counts])
        correct.append(hit[counts])
    return _sorted_curve(pictures, scores, correct, truths)


def _sorted_curve(
    pictures: list[Ints], scores: list[Floats], correct: list[Bools], truths: Ints
) -> Curve:
    if not pictures:
        return Curve(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_), truths)
    values = np.concatenate(scores)
    order = np.argsort(-values, kind="stable")
    return Curve(
        np.concatenate(pictures)[order], values[order], np.concatenate(correct)[order], truths
    )
