"""Average precision and recall by COCO's definitions, computed by faster-coco-eval.

Sizes are heights in px rather than COCO's areas, so the field `area` that the library filters by
carries the height.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes, xyxy_to_xywh
from data.extras import require
from data.labels import CLASS_NAMES
from eval.matching import IOU_MIN, MAX_DETECTIONS, Pair

log = logging.getLogger(__name__)

_NO_LIMIT = 1e10

PerClass = dict[str, float | None]


@dataclass(frozen=True)
class SizeScores:
    """Scores over the faces at least `min_height` px high.

    A class without ground truth has None; means are over the other classes.

    Attributes:
        min_height: px; 0 takes every face.
        faces: class name to the number of true boxes that count.
        ap50, ap75, ap50_95: class name to AP at IoU .5, .75 and the mean over .5, .55, ..., .95.
        any_face_recall: share of the true faces that some box of any class overlaps with
            IoU >= .5, at every score; None where there is no face.
    """

    min_height: float
    faces: dict[str, int]
    ap50: PerClass
    ap75: PerClass
    ap50_95: PerClass
    any_face_recall: float | None

    @property
    def face_count(self) -> int:
        """True boxes of all classes that count."""
        return sum(self.faces.values())

    @property
    def map50(self) -> float | None:
        """Mean of ap50 over the classes with ground truth."""
        return mean_present(self.ap50)

    @property
    def map75(self) -> float | None:
        """Mean of ap75 over the classes with ground truth."""
        return mean_present(self.ap75)

    @property
    def map50_95(self) -> float | None:
        """Mean of ap50_95 over the classes with ground truth."""
        return mean_present(self.ap50_95)


def mean_present(values: PerClass) -> float | None:
    """Mean of the values that aren't None; None if none are left."""
    present = [v for v in values.values() if v is not None]
    return float(np.mean(present)) if present else None


def coco_scores(pairs: Sequence[Pair], min_heights: Sequence[float] = (0.0,)) -> list[SizeScores]:
    """AP and recall for each least face height, px.

    Pictures are numbered in the order given, which decides between equal scores.

    Raises:
        MissingExtraError: if faster-coco-eval isn't installed.
    """
    result = _accumulate(_to_coco(pairs, [p.ranked for p in pairs]), min_heights, by_class=True)
    precision = np.asarray(result["precision"])[..., 0]  # (10 IoUs, 101 recalls, K, sizes)
    said = _to_coco(pairs, [p.found for p in pairs])
    agnostic = np.asarray(_accumulate(said, min_heights, by_class=False)["recall"])
    recall = agnostic[0, 0, :, 0]  # (sizes,) at IoU .5
    return [
        SizeScores(
            min_height=float(height),
            faces=count_faces(pairs, height),
            ap50=_per_class(precision[0, :, :, a]),
            ap75=_per_class(precision[5, :, :, a]),
            ap50_95=_per_class(precision[:, :, :, a].reshape(-1, len(CLASS_NAMES))),
            any_face_recall=None if recall[a] < 0 else float(recall[a]),
        )
        for a, height in enumerate(min_heights)
    ]


def count_faces(pairs: Sequence[Pair], min_height: float = 0.0) -> dict[str, int]:
    """Class name to the number of true boxes at least `min_height` px high."""
    counts = np.zeros(len(CLASS_NAMES), dtype=np.int64)
    for pair in pairs:
        ids = pair.truth.class_ids[pair.truth.heights >= min_height]
        counts += np.bincount(ids, minlength=len(CLASS_NAMES))
    return dict(zip(CLASS_NAMES, counts.tolist(), strict=True))


def _per_class(precision: NDArray[np.float64]) -> PerClass:
    """(N, K) precisions to AP per class; the library marks classes without truth by -1."""
    means = precision.mean(axis=0)
    absent = precision[0] < 0
    return {name: None if absent[k] else float(means[k]) for k, name in enumerate(CLASS_NAMES)}


def _to_coco(pairs: Sequence[Pair], boxes: Sequence[Boxes]) -> tuple[Any, Any]:
    """True boxes and found ones as the library holds them."""
    coco = require("faster_coco_eval", "eval")
    frame = {
        "images": [{"id": n} for n in range(1, len(pairs) + 1)],
        "categories": [{"id": k, "name": name} for k, name in enumerate(CLASS_NAMES)],
    }
    truth = coco.COCO({**frame, "annotations": _annotations([p.truth for p in pairs])})
    found = coco.COCO({**frame, "annotations": _annotations(boxes)})
    return truth, found


def _accumulate(
    sets: tuple[Any, Any], min_heights: Sequence[float], *, by_class: bool
) -> dict[str, Any]:
    """COCO's tables by class, or whatever the class and at IoU 0.5 alone."""
    coco = require("faster_coco_eval", "eval")
    judge = coco.COCOeval_faster(*sets, "bbox", print_function=log.debug)
    judge.params.areaRng = [[float(height), _NO_LIMIT] for height in min_heights]
    judge.params.areaRngLbl = [f"{height:g}" for height in min_heights]
    judge.params.maxDets = [MAX_DETECTIONS]
    judge.params.useCats = int(by_class)
    if not by_class:
        judge.params.iouThrs = np.array([IOU_MIN])
    judge.evaluate()
    judge.accumulate()
    return dict(judge.eval)


def _annotations(pictures: Sequence[Boxes]) -> list[dict[str, Any]]:
    """COCO annotations; ids start at 1, because the library reads 0 as "no match"."""
    rows: list[dict[str, Any]] = []
    for image_id, boxes in enumerate(pictures, start=1):
        xywh = xyxy_to_xywh(boxes.xyxy).tolist()
        fields = zip(xywh, boxes.class_ids.tolist(), boxes.scores.tolist(), strict=True)
        for box, class_id, score in fields:
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": image_id,
                    "category_id": class_id,
                    "bbox": box,
                    "area": box[3],  # the height: see the module's text
                    "iscrowd": 0,
                    "score": score,
                }
            )
    return rows
