"""From a model's raw output to boxes. Both heads that ultralytics exports are read:

- end to end (YOLO26, `nms=False`) and embedded NMS: (N, 6) [x1, y1, x2, y2, score, class];
- one to many (YOLO11, YOLO26 by default): (4 + C, N) [cx, cy, w, h, score of each class].

All in pixels of the model's input; picture by picture, without the batch's axis.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes, Floats, Ints, clip_xyxy
from data.exceptions import WeightsError
from detector.letterbox import Letterbox

# Crowds in WIDER FACE hold up to about 1,900 faces, hardly any of more than 8 px past the first
# thousand; the end-to-end head gives 300 at most.
MAX_DETECTIONS = 1000

# NMS costs the square of its candidates; at thresholds of use there are far fewer.
MAX_CANDIDATES = 5000

# Clipping at the border leaves slivers; no face is narrower than a pixel.
MIN_EXTENT = 1.0


@dataclass(frozen=True)
class Candidates:
    """What a head proposes in pixels of its input, above a threshold, before NMS.

    Attributes:
        xyxy: (N, 4) float64.
        class_ids: (N,) int64.
        scores: (N,) float64.
    """

    xyxy: Floats
    class_ids: Ints
    scores: Floats


def decode(
    output: NDArray[np.floating],
    fit: Letterbox,
    conf: float,
    iou: float,
    *,
    every_class: bool = False,
) -> Boxes:
    """One picture's raw output to boxes in pixels of the original picture, best first.

    Args:
        output: (N, 6) or (7, N).
        fit: how the picture was fitted into the model's input.
        conf: lowest score that is kept.
        iou: overlap above which the lower-scored of two boxes is dropped.
        every_class: keep each class that a face may be of, with its score, not the best alone.

    Raises:
        WeightsError: if the output has another shape, or scores or classes out of range.
    """
    candidates = to_candidates(output, conf, class_count=3, every_class=every_class)
    found = (suppress_by_class if every_class else suppress)(candidates, iou)
    xyxy = clip_xyxy(fit.to_original(found.xyxy), fit.source[1], fit.source[0])
    solid = (xyxy[:, 2:] - xyxy[:, :2] >= MIN_EXTENT).all(axis=1)
    return Boxes(xyxy[solid], found.class_ids[solid], found.scores[solid])


def to_candidates(
    output: NDArray[np.floating], conf: float, class_count: int, *, every_class: bool = False
) -> Candidates:
    """A head's raw output, (N, 6) or (4 + class_count, N), to candidates of at least `conf`.

    Boxes that aren't finite or have no extent are dropped, as scores that aren't numbers are. A
    column of the one-to-many head is a candidate of its best class, or of every class.

    Raises:
        WeightsError: if the output has another shape, or scores or classes out of range.
    """
    # A one-to-many head has 21 columns at least (an input of 32 x 32 px), never 6.
    if output.ndim == 2 and output.shape[1] == 6:
        found = _from_end_to_end(output, conf)
    elif output.ndim == 2 and output.shape[0] == 4 + class_count:
        found = _from_one_to_many(output, conf, every_class)
    else:
        raise WeightsError(
            f"expected a model output of (N, 6) or ({4 + class_count}, N), but got {output.shape}; "
            "export the model again with: maskwatch export"
        )
    if (found.scores > 1).any() or ((found.class_ids < 0) | (found.class_ids >= class_count)).any():
        raise WeightsError(
            f"expected scores up to 1 and classes 0 to {class_count - 1}, but the model gives "
            f"scores up to {found.scores.max():g} and classes {found.class_ids.min()} to "
            f"{found.class_ids.max()}; use the weights of a mask detector"
        )
    return found


def _from_end_to_end(output: NDArray[np.floating], conf: float) -> Candidates:
    rows = output[output[:, 4] >= conf].astype(np.float64)  # nan >= conf is false
    rows = rows[np.isfinite(rows).all(axis=1) & _has_extent(rows[:, :4])]
    return Candidates(rows[:, :4], np.rint(rows[:, 5]).astype(np.int64), rows[:, 4])


def _from_one_to_many(output: NDArray[np.floating], conf: float, every_class: bool) -> Candidates:
    likely = output[:, output[4:].max(axis=0) >= conf]  # nan >= conf is false
    # Infinities go first: their differences would be nan, with a warning.
    columns = likely[:, np.isfinite(likely).all(axis=0)].astype(np.float64)
    centre, half = columns[:2].T, columns[2:4].T / 2
    xyxy = np.concatenate([centre - half, centre + half], axis=1)
    rows = columns[4:].T  # (N, C)
    if every_class:
        place, class_ids = np.nonzero(rows >= conf)
    else:
        place, class_ids = np.arange(len(rows)), rows.argmax(axis=1)
    keep = _has_extent(xyxy[place])
    place, class_ids = place[keep], class_ids[keep].astype(np.int64)
    return Candidates(xyxy[place], class_ids, rows[place, class_ids])


def _has_extent(xyxy: Floats) -> NDArray[np.bool_]:
    return np.asarray((xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1]))


def suppress(found: Candidates, iou: float) -> Candidates:
    """Greedy non-maximum suppression across classes, best first.

    Across, not within: a mask is worn rightly, wrongly or not at all, so two boxes of different
    classes on one face contradict each other and the better one stands. The end-to-end head
    needs it too: its top 300 are (anchor, class) pairs, so one anchor may appear in two classes.
    """
    if not len(found.scores):
        return found
    xywh = np.concatenate([found.xyxy[:, :2], found.xyxy[:, 2:] - found.xyxy[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(xywh.tolist(), found.scores.tolist(), 0.0, iou, top_k=MAX_CANDIDATES)
    index = np.asarray(kept, dtype=np.int64).reshape(-1)[:MAX_DETECTIONS]
    return Candidates(found.xyxy[index], found.class_ids[index], found.scores[index])


def suppress_by_class(found: Candidates, iou: float) -> Candidates:
    """Greedy non-maximum suppression within each class, best first over all.

    For average precision, which ranks every class by itself: there a face's second thought, such
    as `incorrect` .3 beside `with_mask` .6, is worth telling (ultralytics' validator and COCO's
    detectors do so, too). The best of a face is what `suppress` gives.
    """
    parts = [
        suppress(Candidates(found.xyxy[own], found.class_ids[own], found.scores[own]), iou)
        for own in (found.class_ids == k for k in np.unique(found.class_ids))
    ]
    if not parts:
        return found
    xyxy, class_ids, scores = (
        np.concatenate(column)
        for column in zip(*((p.xyxy, p.class_ids, p.scores) for p in parts), strict=True)
    )
    order = np.argsort(-scores, kind="stable")[:MAX_DETECTIONS]
    return Candidates(xyxy[order], class_ids[order], scores[order])
