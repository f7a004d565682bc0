"""What every reader yields, and how it becomes boxes of ours."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes, Floats, clip_xyxy, yolo_to_xyxy
from data.exceptions import AnnotationError

# Split folders and lists of other tools; what they hold back for testing, we hold back too.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "val",
}


# No picture is as large; numbers beyond are no pixels, and squares of them no areas.
MAX_PIXEL = 1e7


@dataclass(frozen=True)
class AnnotatedImage:
    """One picture as a foreign set describes it.

    Attributes:
        path: the picture's file.
        names: N class names, the set's own.
        boxes: (N, 4) float64, finite; [x1, y1, x2, y2] in pixels with edges at pixel borders, or
            [cx, cy, w, h] as fractions of the picture where `relative`. May leave the picture.
        relative: whether `boxes` are fractions.
        size: width and height in px that the set says, None where it says none.
        split: "train", "val", or "" where the set has no splits.
        skipped: how many boxes the set itself marks as no single face, by reason.
    """

    path: Path
    names: tuple[str, ...]
    boxes: Floats
    relative: bool = False
    size: tuple[int, int] | None = None
    split: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)


# Readers yield an error in place of a broken entry, so that the others can still be read.
Entry = AnnotatedImage | AnnotationError


def to_boxes(
    entry: AnnotatedImage, classes: Mapping[str, int | None], width: int, height: int
) -> tuple[Boxes, Counter[str]]:
    """Boxes of ours in a `width` x `height` px upright picture, and what was left out and why.

    Boxes are cut at the picture's borders; those that are then empty, and those whose class
    `classes` maps to None, are left out and counted.

    Raises:
        AnnotationError: if the set's size isn't the picture's.
    """
    if entry.size is not None and entry.size != (width, height):
        raise AnnotationError(
            f"{entry.path}: expected {entry.size[0]}x{entry.size[1]} px as its annotation says, "
            f"but got {width}x{height}"
        )
    left_out = Counter(entry.skipped)
    xyxy = yolo_to_xyxy(entry.boxes, width, height) if entry.relative else entry.boxes
    xyxy = clip_xyxy(xyxy, width, height).reshape(-1, 4)
    ids = [classes[name] for name in entry.names]
    full = (xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1])
    wanted = np.array([i is not None for i in ids], dtype=bool)
    left_out["class dropped"] += int((~wanted).sum())
    left_out["empty box"] += int((wanted & ~full).sum())
    keep = wanted & full
    kept_ids = [i for i, k in zip(ids, keep, strict=True) if k and i is not None]
    return Boxes(xyxy[keep], np.array(kept_ids, dtype=np.int64)), +left_out


def turn_upright(
    entry: AnnotatedImage, stored: NDArray[np.uint8], upright: NDArray[np.uint8]
) -> AnnotatedImage:
    """Boxes drawn on the pixels as stored, for the picture as its EXIF orientation turns it.

    Our pixels are upright, as those of most labelling tools. Where a set says a size that is
    the stored picture's and not the upright one's, its boxes were drawn on the stored pixels;
    how these were turned is seen by trying the four ways that swap width and height (EXIF
    orientations 5 to 8, Exif 2.32, tag 0x0112).

    Args:
        entry: pixel boxes.
        stored: (H, W, 3) pixels without regard to the orientation.
        upright: (W, H, 3) the same picture turned.
    """
    height, width = stored.shape[:2]
    if entry.relative or entry.size != (width, height) or upright.shape[:2] != (width, height):
        return entry
    swapped = np.asarray(stored).transpose(1, 0, 2)
    for flip_x, flip_y in ((False, False), (True, False), (False, True), (True, True)):
        if np.array_equal(swapped[:: -1 if flip_y else 1, :: -1 if flip_x else 1], upright):
            boxes = _swap_axes(entry.boxes, height if flip_x else None, width if flip_y else None)
            return AnnotatedImage(
                entry.path, entry.names, boxes, False, (height, width), entry.split, entry.skipped
            )
    return entry


def _swap_axes(xyxy: Floats, flip_x: int | None, flip_y: int | None) -> Floats:
    """Swap x and y of (N, 4) boxes, then mirror in a new width or height where one is given."""
    x1, y1, x2, y2 = xyxy[:, [1, 0, 3, 2]].T
    if flip_x is not None:
        x1, x2 = flip_x - x2, flip_x - x1
    if flip_y is not None:
        y1, y2 = flip_y - y2, flip_y - y1
    return np.stack([x1, y1, x2, y2], axis=1)
