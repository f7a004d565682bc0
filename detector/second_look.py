"""A second look at half the size, for faces that fill the picture.

The network knows faces of the sizes that it was trained on: up to about half of a 416 px picture.
In a portrait at 640 px a face is larger than any of them, and is missed or taken for another
class. At half the size it is one that it knows. So each face is judged at the size at which it is
known: small ones at the first look, large ones at the second (as image pyramids do: Adelson et
al. 1984; Singh & Davis 2018, "An analysis of scale invariance in object detection", CVPR).

The second look costs a quarter of the first, and is only taken where there is a reason.
"""

from collections.abc import Sequence

from data.boxes import Boxes
from data.images import Image
from detector.runtime import Detector
from detector.tiling import merge

LARGE = 224.0
"""Height in px of the input from which on a face is judged at the second look: masked faces of 195
px are found as well at 640 px as at 320, those of 320 px aren't (`python -m eval.large_faces`)."""

# A face is measured differently at both looks: near the border both may speak.
_MARGIN = 1.25
# Lowest score of a large box that is reason for a second look; such faces score low.
_HINT = 0.05
# Where nothing reaches it, a face may have been too large to be seen at all.
_SURE = 0.25


class SecondLook(Detector):
    """A detector that looks again, at half the size, where faces are large or none was found.

    A model of a fixed size looks once. Options are those of Detector.
    """

    def detect(
        self,
        images: Sequence[Image],
        conf: float = 0.25,
        iou: float = 0.5,
        *,
        imgsz: int | None = None,
        every_class: bool = False,
    ) -> list[Boxes]:
        """As Detector.detect."""
        if self._square:
            return super().detect(images, conf, iou, imgsz=imgsz, every_class=every_class)
        size = self.imgsz if imgsz is None else imgsz
        first = super().detect(images, min(conf, _HINT), iou, imgsz=size, every_class=every_class)
        scales = [size / max(image.shape[:2]) for image in images]
        found = [boxes.select(boxes.scores >= conf) for boxes in first]
        again = [i for i, boxes in enumerate(first) if has_reason(boxes, scales[i])]
        half = max(size // 2, 1)
        chosen = [images[i] for i in again]
        closer = super().detect(chosen, conf, iou, imgsz=half, every_class=every_class)
        for i, boxes in zip(again, closer, strict=True):
            found[i] = join_looks(found[i], boxes, scales[i], iou, by_class=every_class)
        return found


def has_reason(first: Boxes, scale: float) -> bool:
    """Whether what the first look found is reason for a second.

    Args:
        first: in pixels of the picture, scores from 0.05 or less on.
        scale: pixels of the first look's input for each of the picture.
    """
    large = first.heights * scale >= LARGE / _MARGIN
    return bool(large.any()) or not bool((first.scores >= _SURE).any())


def join_looks(
    first: Boxes, second: Boxes, scale: float, iou: float, *, by_class: bool = False
) -> Boxes:
    """Small faces of the first look with large ones of the second, each face once, best first.

    Args:
        first: boxes in pixels of the picture.
        second: alike, of the look at half the size.
        scale: pixels of the first look's input for each of the picture.
        iou: overlap above which two boxes are of one face.
        by_class: whether a face may have a box of each class.
    """
    small = first.select(first.heights * scale < LARGE * _MARGIN)
    large = second.select(second.heights * scale >= LARGE / _MARGIN)
    return merge([small, large], iou, by_class=by_class) if len(large) else small
