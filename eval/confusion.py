"""Which class was taken for which, at one score threshold.

Matching ignores classes, so that a face found with the wrong class is a confusion and not both a
missed face and a false alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.boxes import Boxes, Ints, iou
from data.labels import CLASS_NAMES
from eval.matching import IOU_MIN, Pair, by_score, match_boxes

BACKGROUND = len(CLASS_NAMES)
LABELS: tuple[str, ...] = (*CLASS_NAMES, "background")


@dataclass(frozen=True)
class PointScores:
    """One class at the threshold; None where nothing was predicted (or is there) to divide by."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Confusion:
    """Counts at one threshold.

    Attributes:
        matrix: (K + 1, K + 1) int64; rows are true classes, columns found ones, the last of each
            is background: the last column counts missed faces, the last row false alarms.
        conf: least score of a detection that counts.
    """

    matrix: Ints
    conf: float

    def points(self) -> dict[str, PointScores]:
        """Precision, recall and F1 (van Rijsbergen 1979) of each class."""
        right = np.diag(self.matrix)
        said, there = self.matrix.sum(axis=0), self.matrix.sum(axis=1)
        return {
            name: PointScores(
                _ratio(right[k], said[k]),
                _ratio(right[k], there[k]),
                # F1 = 2 TP / (said + there), which needs no precision where nothing was said.
                _ratio(2 * right[k], said[k] + there[k]),
            )
            for k, name in enumerate(CLASS_NAMES)
        }

    @property
    def any_face_recall(self) -> float | None:
        """Share of true faces found, whatever their class."""
        faces = self.matrix[:BACKGROUND]
        return _ratio(faces[:, :BACKGROUND].sum(), faces.sum())


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def match_picture(pair: Pair, conf: float) -> tuple[Boxes, Ints]:
    """The detections of score >= `conf`, best first, and the true box that each takes.

    Returns:
        The (D,) detections, and (D,) int64 positions in `pair.truth`, -1 for none.
    """
    found = by_score(pair.found.select(pair.found.scores >= conf))
    counting = np.zeros(len(pair.truth), dtype=np.bool_)
    return found, match_boxes(iou(found.xyxy, pair.truth.xyxy), counting, IOU_MIN)


def confuse(pairs: Sequence[Pair], conf: float) -> Confusion:
    """The confusion matrix of a set at score threshold `conf` and IoU 0.5."""
    matrix = np.zeros((BACKGROUND + 1, BACKGROUND + 1), dtype=np.int64)
    for pair in pairs:
        found, taken = match_picture(pair, conf)
        true_ids = np.append(pair.truth.class_ids, BACKGROUND)[taken]
        np.add.at(matrix, (true_ids, found.class_ids), 1)
        missed = np.setdiff1d(np.arange(len(pair.truth)), taken)
        missed_ids = pair.truth.class_ids[missed]
        matrix[:BACKGROUND, BACKGROUND] += np.bincount(missed_ids, minlength=BACKGROUND)
    return Confusion(matrix, conf)
