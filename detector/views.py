"""Several looks at each picture, at other sizes and mirrored, whose findings are fused.

Where accuracy counts and time doesn't: a face has to convince most views, and chance errors of
single ones fade (test-time augmentation; fused as by detector.ensemble).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Boxes
from data.exceptions import UsageError
from data.images import Image
from data.labels import CLASS_NAMES
from detector.decode import Candidates, suppress, suppress_by_class
from detector.ensemble import detect_views, fuse
from detector.runtime import check_thresholds
from detector.second_look import SecondLook

# A box that scores less in a view doesn't count as seen there.
FLOOR = 0.01


class ManyViews(SecondLook):
    """A detector that looks at each size, plain and mirrored; a score is the mean over all views.

    Args:
        weights: as of Detector.
        sizes: longer sides in px, two views each; rounded up to the model's stride, none twice.
        options: further ones of Detector, without imgsz.

    Raises:
        UsageError: if there is no size, or the model can't take one of them.
        WeightsError: as Detector.
    """

    def __init__(
        self, weights: Path | None = None, *, sizes: Sequence[int], **options: Any
    ) -> None:
        if not sizes:
            raise UsageError("expected one size of views or more, but got none")
        super().__init__(weights, imgsz=sizes[0], **options)
        self.sizes = tuple(dict.fromkeys(self._choose_size(s, s, Path(self.name)) for s in sizes))

    def detect(
        self,
        images: Sequence[Image],
        conf: float = 0.25,
        iou: float = 0.5,
        *,
        imgsz: int | None = None,
        every_class: bool = False,
    ) -> list[Boxes]:
        """As Detector.detect; with `imgsz`, one look at that size, as of SecondLook."""
        if imgsz is not None:
            return super().detect(images, conf, iou, imgsz=imgsz, every_class=every_class)
        check_thresholds(conf, iou)
        views = [detect_views(self, i, self.sizes, FLOOR, iou, every_class=True) for i in images]
        return [join_views(found, conf, iou, every_class=every_class) for found in views]


def join_views(
    views: Sequence[Boxes], conf: float, iou: float, *, every_class: bool = False
) -> Boxes:
    """What views say together, best first; each class is fused by itself.

    Args:
        views: boxes of one picture, one for each class that a face may be of.
        conf: lowest score, of the mean over all views, that is kept.
        iou: overlap above which the lower-scored of two boxes is dropped.
        every_class: keep a box for each class of a face, not the best alone.
    """
    parts = [
        fuse([view.select(view.class_ids == k) for view in views]).boxes
        for k in range(len(CLASS_NAMES))
    ]
    columns = zip(*((p.xyxy, p.class_ids, p.scores) for p in parts), strict=True)
    candidates = Candidates(*(np.concatenate(column) for column in columns))
    found = (suppress_by_class if every_class else suppress)(candidates, iou)
    kept = found.scores >= conf
    return Boxes(found.xyxy[kept], found.class_ids[kept], found.scores[kept])
