"""Tiles: parts of a large picture searched one by one, for crowds whose faces are small.

Slicing-aided inference (Akyon, Altinuc & Temizel 2022, "Slicing aided hyper inference and
fine-tuning for small object detection", ICIP): the whole picture finds large faces, tiles that
overlap find small ones, and what both found is kept once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes, Floats, area, intersection
from data.exceptions import UsageError
from data.images import Image
from detector.runtime import Detector

MIN_TILE = 64
OVERLAP = 0.25
"""Share of a tile that its neighbour sees, too: a face of up to that size is whole in one."""

# Of the smaller box: a part of a face lies within the whole of it and overlaps it by little.
_INSIDE = 0.7
_CUT = 2.0  # px from a tile's inner border within which a box is that of a cut face


class TiledDetector(Detector):
    """A detector that looks at the whole picture, then at tiles of it.

    Args:
        weights: as of Detector.
        tile: side of a tile in pixels of the picture, at least 64; each is resized to `imgsz`.
            Pictures that are no larger are searched as a whole alone.
        options: further ones of Detector.

    Raises:
        UsageError: if `tile` is too small.
        WeightsError: as Detector.
    """

    def __init__(self, weights: Path | None = None, *, tile: int, **options: Any) -> None:
        if tile < MIN_TILE:
            raise UsageError(f"expected --tile of at least {MIN_TILE} px, but got {tile}")
        super().__init__(weights, **options)
        self.tile = tile

    def detect(
        self,
        images: Sequence[Image],
        conf: float = 0.25,
        iou: float = 0.5,
        *,
        imgsz: int | None = None,
        every_class: bool = False,
    ) -> list[Boxes]:
        """As Detector.detect; one picture's tiles are in memory at once."""
        return [self._detect_tiled(image, conf, iou, imgsz, every_class) for image in images]

    def _detect_tiled(
        self, image: Image, conf: float, iou: float, imgsz: int | None, every_class: bool
    ) -> Boxes:
        size = image.shape[1], image.shape[0]
        windows = plan_tiles(size, self.tile)
        parts = [np.ascontiguousarray(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in windows]
        whole, *found = super().detect(
            [image, *parts], conf, iou, imgsz=imgsz, every_class=every_class
        )
        pairs = zip(windows, found, strict=True)
        moved = (move_whole(boxes, at, size) for at, boxes in pairs)
        return merge([whole, *moved], iou, by_class=every_class)


def plan_tiles(
    size: tuple[int, int], tile: int, overlap: float = OVERLAP
) -> list[tuple[int, int, int, int]]:
    """Windows [x1, y1, x2, y2] that cover a picture evenly, row by row; none for a picture that
    one tile would hold.

    Args:
        size: width, height in pixels.
        tile: side of a window; shorter where the picture is.
        overlap: least share of a window that its neighbours cover, too.
    """
    if max(size) <= tile:
        return []
    columns, rows = (_starts(side, tile, overlap) for side in size)
    width, height = (min(tile, side) for side in size)
    return [(x, y, x + width, y + height) for y in rows for x in columns]


def _starts(side: int, tile: int, overlap: float) -> list[int]:
    if side <= tile:
        return [0]
    count = int(np.ceil((side - tile) / (tile * (1 - overlap)))) + 1
    return [round(i * (side - tile) / (count - 1)) for i in range(count)]


def move_whole(boxes: Boxes, window: tuple[int, int, int, int], size: tuple[int, int]) -> Boxes:
    """A window's boxes in pixels of the picture, without those that its border cuts: a
    neighbouring window, or the whole picture, sees all of their face."""
    x1, y1, x2, y2 = window
    inner = np.array([x1 > 0, y1 > 0, x2 < size[0], y2 < size[1]])
    moved = boxes.xyxy + np.array([x1, y1, x1, y1])
    near = np.abs(moved - np.array(window)) < _CUT
    keep = ~(near & inner).any(axis=1)
    return Boxes(moved[keep], boxes.class_ids[keep], boxes.scores[keep])


def merge(views: Sequence[Boxes], iou: float, *, by_class: bool = False) -> Boxes:
    """What several views found, once, best first: of boxes that overlap by more than `iou`, or of
    which one view's lies mostly within another's, the better stands, whatever their classes or,
    `by_class`, among those of its class."""
    view = np.repeat(np.arange(len(views)), [len(v) for v in views])
    xyxy = np.concatenate([v.xyxy for v in views])
    class_ids = np.concatenate([v.class_ids for v in views])
    scores = np.concatenate([v.scores for v in views])
    order = np.argsort(-scores, kind="stable")
    rival = class_ids[order] if by_class else np.zeros(len(order), dtype=np.int64)
    kept = _standing(xyxy[order], view[order], rival, iou)
    index = order[kept]
    return Boxes(xyxy[index], class_ids[index], scores[index])


def _standing(
    xyxy: Floats, view: NDArray[np.int64], rival: NDArray[np.int64], iou: float
) -> NDArray[np.int64]:
    """Positions of the boxes that no earlier, kept one of the same `rival` stands for."""
    shared = intersection(xyxy, xyxy)
    sizes = area(xyxy)
    joined = sizes[:, None] + sizes[None] - shared
    smaller = np.minimum(sizes[:, None], sizes[None])
    elsewhere = view[:, None] != view[None]
    same = (shared > iou * joined) | (elsewhere & (shared > _INSIDE * smaller))
    same &= rival[:, None] == rival[None]
    kept: list[int] = []
    for index in range(len(xyxy)):
        if not same[index, kept].any():
            kept.append(index)
    return np.array(kept, dtype=np.int64)
