"""The box type and its conversions.

A picture's origin is its top left corner, x runs right, y runs down, in pixels; a box is
[x1, y1, x2, y2] with x1 < x2 and y1 < y2, edges at pixel borders (a box around pixel (0, 0) is
[0, 0, 1, 1]). Files in YOLO format hold [cx, cy, w, h] as fractions of the picture.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.exceptions import AnnotationError
from data.labels import CLASS_NAMES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Labelled boxes of one picture.

    Attributes:
        xyxy: (N, 4) float64, pixels, x1 < x2 and y1 < y2, finite.
        class_ids: (N,) int64, 0 with_mask, 1 without_mask, 2 incorrect.
        scores: (N,) float64 in [0, 1]; ones for hand-made or synthesised labels.

    Raises:
        AnnotationError: at birth, if shapes, ranges or classes are wrong.
    """

    xyxy: Floats
    class_ids: Ints
    scores: Floats = field(default_factory=lambda: np.ones(0))

    def __post_init__(self) -> None:
        xyxy = np.asarray(self.xyxy, dtype=np.float64)
        class_ids = np.asarray(self.class_ids, dtype=np.int64)
        scores = np.asarray(self.scores, dtype=np.float64)
        if scores.size == 0:
            scores = np.ones(len(class_ids))
        if xyxy.size == 0:
            xyxy = xyxy.reshape(0, 4)
        _check_shapes(xyxy, class_ids, scores)
        _check_values(xyxy, class_ids, scores)
        for name, values in (("xyxy", xyxy), ("class_ids", class_ids), ("scores", scores)):
            frozen = values.copy()
            frozen.setflags(write=False)
            object.__setattr__(self, name, frozen)

    @classmethod
    def empty(cls) -> Self:
        """No box at all."""
        return cls(np.zeros((0, 4)), np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.class_ids)

    def select(self, index: ArrayLike) -> Self:
        """The boxes at `index`: a boolean mask (N,) or integer positions (M,)."""
        picked = np.asarray(index)
        if picked.size == 0:
            picked = picked.astype(np.int64)
        return type(self)(self.xyxy[picked], self.class_ids[picked], self.scores[picked])

    @property
    def heights(self) -> Floats:
        """(N,) heights in pixels."""
        return np.asarray(self.xyxy[:, 3] - self.xyxy[:, 1])


def _check_shapes(xyxy: Floats, class_ids: Ints, scores: Floats) -> None:
    """Refuse arrays that aren't (N, 4), (N,) and (N,)."""
    if xyxy.ndim != 2 or xyxy.shape[1] != 4:
        raise AnnotationError(f"expected boxes of shape (N, 4), but got {xyxy.shape}")
    for name, values in (("class_ids", class_ids), ("scores", scores)):
        if values.shape != (len(xyxy),):
            raise AnnotationError(
                f"expected {name} of shape ({len(xyxy)},), but got {values.shape}"
            )


def _check_values(xyxy: Floats, class_ids: Ints, scores: Floats) -> None:
    """Refuse nan, empty boxes, and classes and scores out of range."""
    if not np.isfinite(xyxy).all() or not np.isfinite(scores).all():
        raise AnnotationError("expected finite boxes and scores, but got nan or infinity")
    flat = (xyxy[:, 2] <= xyxy[:, 0]) | (xyxy[:, 3] <= xyxy[:, 1])
    if flat.any():
        raise AnnotationError(f"expected x1 < x2 and y1 < y2, but got {xyxy[flat][0].tolist()}")
    strange = (class_ids < 0) | (class_ids >= len(CLASS_NAMES))
    if strange.any():
        raise AnnotationError(
            f"expected class ids 0 to {len(CLASS_NAMES) - 1}, but got {class_ids[strange][0]}"
        )
    wild = (scores < 0) | (scores > 1)
    if wild.any():
        raise AnnotationError(f"expected scores from 0 to 1, but got {scores[wild][0]}")


def xyxy_to_xywh(xyxy: ArrayLike) -> Floats:
    """(..., 4) [x1, y1, x2, y2] to [x, y, width, height] (COCO, WIDER)."""
    b = np.asarray(xyxy, dtype=np.float64)
    return np.concatenate([b[..., :2], b[..., 2:] - b[..., :2]], axis=-1)


def xywh_to_xyxy(xywh: ArrayLike) -> Floats:
    """(..., 4) [x, y, width, height] to [x1, y1, x2, y2]."""
    b = np.asarray(xywh, dtype=np.float64)
    return np.concatenate([b[..., :2], b[..., :2] + b[..., 2:]], axis=-1)


def xyxy_to_yolo(xyxy: ArrayLike, width: int, height: int) -> Floats:
    """(..., 4) pixels to [cx, cy, w, h] as fractions of a `width` x `height` px picture."""
    b = np.asarray(xyxy, dtype=np.float64)
    size = np.array([width, height], dtype=np.float64)
    return np.concatenate(
        [(b[..., :2] + b[..., 2:]) / 2 / size, (b[..., 2:] - b[..., :2]) / size], axis=-1
    )


def yolo_to_xyxy(yolo: ArrayLike, width: int, height: int) -> Floats:
    """(..., 4) [cx, cy, w, h] fractions to pixels of a `width` x `height` px picture."""
    b = np.asarray(yolo, dtype=np.float64)
    size = np.array([width, height], dtype=np.float64)
    centre, half = b[..., :2] * size, b[..., 2:] * size / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def clip_xyxy(xyxy: ArrayLike, width: int, height: int) -> Floats:
    """(..., 4) boxes cut at the borders of a `width` x `height` px picture (may become empty)."""
    b = np.asarray(xyxy, dtype=np.float64)
    return np.clip(b, 0, np.array([width, height, width, height], dtype=np.float64))


def area(xyxy: ArrayLike) -> Floats:
    """(..., 4) boxes to (...) areas in px²."""
    b = np.asarray(xyxy, dtype=np.float64)
    return np.asarray(np.clip(b[..., 2:] - b[..., :2], 0, None).prod(axis=-1))


def intersection(a: ArrayLike, b: ArrayLike) -> Floats:
    """(N, 4) and (M, 4) boxes to the (N, M) areas that each pair shares, px²."""
    first = np.asarray(a, dtype=np.float64).reshape(-1, 1, 4)
    second = np.asarray(b, dtype=np.float64).reshape(1, -1, 4)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=-1))


def iou(a: ArrayLike, b: ArrayLike) -> Floats:
    """(N, 4) and (M, 4) boxes to (N, M) intersection over union (Jaccard 1912), 0 to 1."""
    first = np.asarray(a, dtype=np.float64).reshape(-1, 4)
    second = np.asarray(b, dtype=np.float64).reshape(-1, 4)
    shared = intersection(first, second)
    union = area(first)[:, None] + area(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
