"""Several views of one picture, at other sizes and mirrored, and what they say together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from data.boxes import Boxes, Floats, iou
from data.images import Image
from data.labels import CLASS_NAMES
from detector.runtime import Detector

# Boxes that overlap by more are of one face: the value that Solovyev et al. found best.
MATCH_IOU = 0.55
# Keeps boxes of score 0 from dividing by it.
_LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class Fused:
    """Faces that several views found together, best first.

    Attributes:
        boxes: N boxes; a score is the mean over all views, 0 where a view has no such box.
        views: (N,) float64, share of the views that have the box, above 0 to 1.
        agreement: (N,) float64, share of the box's class in the scores of those views, above 0
            to 1.
    """

    boxes: Boxes
    views: Floats
    agreement: Floats


class _Vote(NamedTuple):
    """One box of one view; sorts by place."""

    xyxy: tuple[float, float, float, float]
    class_id: int
    score: float


@dataclass
class _Cluster:
    """Votes for one face, one a view, and their mean box."""

    votes: dict[int, _Vote] = field(default_factory=dict)
    xyxy: Floats = field(default_factory=lambda: np.zeros(4))

    def add(self, view: int, vote: _Vote) -> None:
        self.votes[view] = vote
        corners = np.array([v.xyxy for v in self.votes.values()])
        weights = np.array([max(v.score, _LEAST) for v in self.votes.values()])
        mean = (weights[:, None] * corners).sum(axis=0) / weights.sum()
        # Rounding must not carry the mean out of what it is the mean of.
        self.xyxy = np.clip(mean, corners.min(axis=0), corners.max(axis=0))

    def class_scores(self) -> Floats:
        """(3,) summed scores of each class."""
        sums = np.zeros(len(CLASS_NAMES))
        for vote in self.votes.values():
            sums[vote.class_id] += max(vote.score, _LEAST)
        return sums


def fuse(views: Sequence[Boxes], match_iou: float = MATCH_IOU) -> Fused:
    """Weighted box fusion (Solovyev, Wang & Gabruseva 2021, "Weighted boxes fusion: ensembling
    boxes from different object detection models", Image and Vision Computing 107).

    Boxes are taken best first. Each joins the face whose mean box it overlaps most, by more than
    `match_iou`, or is a new face; corners are means weighted by scores; scores are means over all
    views, so that a box of few views counts little. Two things differ from the paper: boxes of
    all classes are fused, since a face has one class (the one with the largest sum of scores),
    and a view has one vote a face, since two of its boxes are of two faces.

    The order of the views, and of the boxes in them, doesn't matter. One view alone comes back
    as it is, best first.

    Args:
        views: boxes of one picture, each view's in that picture's pixels.
        match_iou: 0 to 1.
    """
    # Equal votes of different views are taken in an order that only what they hold decides.
    ballots = sorted(sorted(_to_votes(boxes)) for boxes in views)
    ranked = sorted(
        ((view, vote) for view, votes in enumerate(ballots) for vote in votes),
        key=lambda pair: (-pair[1].score, pair[1], pair[0]),
    )
    clusters: list[_Cluster] = []
    for view, vote in ranked:
        _join(clusters, view, vote, match_iou)
    return _summarise(clusters, len(views))


def _to_votes(boxes: Boxes) -> list[_Vote]:
    return [
        _Vote((float(x1), float(y1), float(x2), float(y2)), int(class_id), float(score))
        for (x1, y1, x2, y2), class_id, score in zip(
            boxes.xyxy, boxes.class_ids, boxes.scores, strict=True
        )
    ]


def _join(clusters: list[_Cluster], view: int, vote: _Vote, match_iou: float) -> None:
    """Give a vote to the face that it fits best, or to a new one."""
    free = [cluster for cluster in clusters if view not in cluster.votes]
    if free:
        overlaps = iou([vote.xyxy], [cluster.xyxy for cluster in free])[0]
        best = int(overlaps.argmax())
        if overlaps[best] > match_iou:
            free[best].add(view, vote)
            return
    clusters.append(_Cluster())
    clusters[-1].add(view, vote)


def _summarise(clusters: Sequence[_Cluster], count: int) -> Fused:
    """Clusters of `count` views as arrays, best first."""
    if not clusters:
        return Fused(Boxes.empty(), np.zeros(0), np.zeros(0))
    sums = np.array([cluster.class_scores() for cluster in clusters])
    scores = [sum(v.score for v in cluster.votes.values()) / count for cluster in clusters]
    xyxy = np.array([cluster.xyxy for cluster in clusters])
    order = np.lexsort((*xyxy.T[::-1], -np.array(scores)))
    boxes = Boxes(xyxy, sums.argmax(axis=1), np.minimum(scores, 1.0))
    return Fused(
        boxes.select(order),
        np.array([len(cluster.votes) / count for cluster in clusters])[order],
        (sums.max(axis=1) / sums.sum(axis=1))[order],
    )


def mirror(boxes: Boxes, width: int) -> Boxes:
    """Boxes of a picture `width` px wide, as they lie in its mirror image."""
    xyxy = boxes.xyxy[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    return Boxes(xyxy, boxes.class_ids, boxes.scores)


def detect_views(
    detector: Detector,
    image: Image,
    sizes: Sequence[int],
    conf: float,
    iou: float = 0.5,
    *,
    every_class: bool = False,
) -> list[Boxes]:
    """What is found in (H, W, 3) uint8 BGR at each input size in px, plain and mirrored.

    `conf`, `iou` and `every_class` are those of Detector.detect.

    Returns:
        Two `Boxes` a size, in pixels of the picture as it is given.

    Raises:
        UsageError, WeightsError: as Detector.detect.
    """
    width = image.shape[1]
    pair = [image, np.ascontiguousarray(image[:, ::-1])]
    views = []
    for size in sizes:
        plain, mirrored = detector.detect(pair, conf, iou, imgsz=size, every_class=every_class)
        views += [plain, mirror(mirrored, width)]
    return views
