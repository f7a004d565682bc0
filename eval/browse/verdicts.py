"""What users say about boxes by tagging them, applied to the labels.

    on a true box    drop                 it is no face, or its box is wrong: it goes
                     with_mask, ...       it is of that class
    on a found box   accept               it is right: it becomes a true box
                     with_mask, ...       it is a face, of that class

A found box that covers a true one (IoU at least 0.5) changes its class alone; the true box stays,
because people drew it. Every other tag means nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.boxes import Boxes, iou
from data.labels import CLASS_NAMES
from eval.matching import IOU_MIN

DROP = "drop"
ACCEPT = "accept"
VERDICTS = (DROP, ACCEPT, *CLASS_NAMES)


@dataclass(frozen=True)
class TaggedBox:
    """A true or found box: [x1, y1, x2, y2] px, class id, tags, score (1 for true ones)."""

    box: tuple[float, float, float, float]
    class_id: int
    tags: tuple[str, ...] = ()
    score: float = 1.0

    @property
    def said_class(self) -> int | None:
        """The class that a tag gives it; of several the first in our order."""
        return next((i for i, name in enumerate(CLASS_NAMES) if name in self.tags), None)


def apply_verdicts(truth: Sequence[TaggedBox], found: Sequence[TaggedBox]) -> list[TaggedBox]:
    """The true boxes after all verdicts, those that stay first, in their order."""
    kept = [
        replace(box, class_id=box.class_id if box.said_class is None else box.said_class)
        for box in truth
        if DROP not in box.tags
    ]
    accepted = [box for box in found if ACCEPT in box.tags or box.said_class is not None]
    for box in sorted(accepted, key=lambda b: -b.score):
        class_id = box.class_id if box.said_class is None else box.said_class
        match = _covered(box, kept)
        if match is None:
            kept.append(replace(box, class_id=class_id, score=1.0))
        elif kept[match].said_class is None:
            kept[match] = replace(kept[match], class_id=class_id)
    return kept


def _covered(box: TaggedBox, truth: Sequence[TaggedBox]) -> int | None:
    """Position of the true box that `box` covers most, None where it covers none."""
    if not truth:
        return None
    overlaps = iou([box.box], [each.box for each in truth])[0]
    best = int(overlaps.argmax())
    return best if overlaps[best] >= IOU_MIN else None


def to_boxes(boxes: Sequence[TaggedBox]) -> Boxes:
    """Tagged boxes as `Boxes`."""
    if not boxes:
        return Boxes.empty()
    return Boxes(np.array([b.box for b in boxes]), np.array([b.class_id for b in boxes]))
