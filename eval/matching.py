"""Matching found boxes to true ones, as COCO does (Lin et al. 2014, "Microsoft COCO").

Best score first, every detection takes the free true box that it overlaps most. True boxes below
a size are *ignored*: what matches them is neither right nor wrong, and so are unmatched
detections below that size. A size from above works alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes, Floats, Ints, iou

Bools = NDArray[np.bool_]

# What a face is: names of attributes to their values, such as "occluders" to ("hand", "hair").
Facts = Mapping[str, tuple[str, ...]]

IOU_MIN = 0.5  # the threshold of AP50 (PASCAL VOC, Everingham et al. 2010)
SAME_FACE = 0.5  # overlap above which boxes are of one face, as detector.decode has it

# COCO keeps the best 100 detections a picture and class; crowds have more faces than that.
MAX_DETECTIONS = 1000


@dataclass(frozen=True)
class Pair:
    """One picture with its true boxes and the boxes that a detector found, both in pixels.

    Attributes:
        image: the picture's file.
        truth: true boxes.
        found: the detector's, one class a face: what it says there is.
        facts: what else is known of each true box (eval.facts), or empty.
        every: the detector's with every class that a face may be of, which average precision
            ranks class by class; None where that is `found`.
    """

    image: Path
    truth: Boxes
    found: Boxes
    facts: tuple[Facts, ...] = ()
    every: Boxes | None = None

    @property
    def ranked(self) -> Boxes:
        """The boxes that average precision is of."""
        return self.found if self.every is None else self.every


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


def one_class_a_face(boxes: Boxes, iou_max: float = SAME_FACE) -> Boxes:
    """Of boxes of different classes that overlap by more than `iou_max` the best, best first.

    A mask is worn rightly, wrongly or not at all: such boxes contradict each other. Boxes of one
    class stay as the detector's own suppression left them.
    """
    ranked = by_score(boxes)
    rivals = iou(ranked.xyxy, ranked.xyxy) > iou_max
    rivals &= ranked.class_ids[:, None] != ranked.class_ids[None]
    kept = np.ones(len(ranked), dtype=np.bool_)
    for index in np.flatnonzero(np.tril(rivals, -1).any(axis=1)):
        kept[index] = not (rivals[index, :index] & kept[:index]).any()
    return ranked.select(kept)


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
    groups = (~ignored, ignored) if ignored.any() else (~ignored,)
    for d in np.flatnonzero(overlap.max(axis=1) >= iou_min):
        for group in groups:
            candidates = np.where(free & group, overlap[d], 0.0)
            # COCO's tie rule: of equal overlaps the last true box wins.
            best = len(candidates) - 1 - int(candidates[::-1].argmax())
            if candidates[best] >= iou_min:
                taken[d], free[best] = best, False
                break
    return taken


def collect_curve(
    pairs: Sequence[Pair], class_id: int, min_size: float = 0.0, max_size: float = np.inf
) -> Curve:
    """The curve of one class at IoU 0.5, over boxes from `min_size` px to below `max_size` high."""
    return collect_curves(pairs, class_id, [(min_size, max_size)])[0]


def collect_curves(
    pairs: Sequence[Pair], class_id: int, ranges: Sequence[tuple[float, float]]
) -> list[Curve]:
    """The curve of one class for each range of heights, px; overlaps are computed once for all."""
    kept: list[list[tuple[Ints, Floats, Bools]]] = [[] for _ in ranges]
    truths = np.zeros((len(ranges), len(pairs)), dtype=np.int64)
    for number, pair in enumerate(pairs):
        truth = pair.truth.xyxy[pair.truth.class_ids == class_id]
        ranked = pair.ranked
        of_class = np.flatnonzero(ranked.class_ids == class_id)
        order = np.argsort(-ranked.scores[of_class], kind="stable")[:MAX_DETECTIONS]
        found, scores = ranked.xyxy[of_class[order]], ranked.scores[of_class[order]]
        overlap = iou(found, truth)
        for n, (low, high) in enumerate(ranges):
            ignored = ~_in_range(truth, low, high)
            truths[n, number] = len(ignored) - np.count_nonzero(ignored)
            taken = match_boxes(overlap, ignored)
            hit = taken >= 0
            counts = np.where(hit, ~np.append(ignored, True)[taken], _in_range(found, low, high))
            picture = np.full(np.count_nonzero(counts), number, dtype=np.int64)
            kept[n].append((picture, scores[counts], hit[counts]))
    return [_sorted_curve(parts, own) for parts, own in zip(kept, truths, strict=True)]


def _in_range(xyxy: Floats, low: float, high: float) -> Bools:
    heights = xyxy[:, 3] - xyxy[:, 1]
    return np.asarray((heights >= low) & (heights < high))


def _sorted_curve(parts: Sequence[tuple[Ints, Floats, Bools]], truths: Ints) -> Curve:
    if not parts:
        return Curve(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_), truths)
    pictures, scores, correct = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(-scores, kind="stable")
    return Curve(pictures[order], scores[order], correct[order], truths)


def of_pictures(curve: Curve, chosen: Bools) -> Curve:
    """The same curve over some of its P pictures; `chosen` (P,)."""
    kept = chosen[curve.picture]
    truths = np.where(chosen, curve.truths, 0)
    return Curve(curve.picture[kept], curve.scores[kept], curve.correct[kept], truths)
