"""What the classifier sees of a face: a square around its box, and how training varies it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats, Ints
from data.dataset import Sample, read_labels
from data.exceptions import DatasetError, ImageError
from data.images import Image, read_image
from data.labels import CLASS_NAMES

# Side of the square as a share of the box's longer side: the mask's edges and loops are in it,
# and chins that a face finder's box cuts off.
CONTEXT = 1.3
# Training crops are stored wider, so that each epoch can cut them anew.
STORED_CONTEXT = 1.9
STORED_SIDE = 112  # px
# Smaller faces show the classifier nothing: face finders hardly report them.
MIN_HEIGHT = 12.0  # px
# One crowd must not stand for the whole set.
_MOST_PER_PICTURE = 4

# Finders draw boxes by other conventions than labels do, and not always alike.
_JITTER_SCALE, _JITTER_SHIFT = 0.14, 0.07
_TILT = 8.0  # degrees, standard deviation

Crops = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class CropSet:
    """Crops to learn from.

    Attributes:
        images: (N, 112, 112, 3) uint8 BGR, squares of 1.9 times the box's longer side.
        class_ids: (N,) int64.
        heights: (N,) float64, of the boxes in their pictures, px.
    """

    images: Crops
    class_ids: Ints
    heights: Floats

    def counts(self) -> dict[str, int]:
        """Class name to number of crops."""
        found = np.bincount(self.class_ids, minlength=len(CLASS_NAMES)).tolist()
        return dict(zip(CLASS_NAMES, found, strict=True))


def cut_squares(image: Image, xyxy: Floats, side: int, context: float = CONTEXT) -> Crops:
    """Squares around boxes, resized; what lies outside the picture repeats its border.

    Args:
        image: (H, W, 3) uint8 BGR.
        xyxy: (N, 4) boxes, pixels.
        side: of the results, px.
        context: side of the square as a share of the box's longer side.

    Returns:
        (N, side, side, 3) uint8 BGR.
    """
    crops = np.zeros((len(xyxy), side, side, 3), dtype=np.uint8)
    for crop, box in zip(crops, xyxy, strict=True):
        crop[:] = _cut_square(image, box, side, context)
    return crops


def _cut_square(image: Image, box: Floats, side: int, context: float) -> Image:
    height, width = image.shape[:2]
    size = max(2, round(float((box[2:] - box[:2]).max()) * context))
    left, top = (round(float(v)) for v in (box[:2] + box[2:] - size) / 2)
    # A box may lie outside the picture as a whole; a row or column is always left of it.
    x1, y1 = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    x2, y2 = max(min(left + size, width), x1 + 1), max(min(top + size, height), y1 + 1)
    inside = image[y1:y2, x1:x2]
    above, below = max(0, y1 - top), max(0, top + size - y2)
    before, after = max(0, x1 - left), max(0, left + size - x2)
    square = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)
    method = cv2.INTER_AREA if size > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (side, side), interpolation=method), dtype=np.uint8)


def collect_crops(samples: Sequence[Sample], count: int, rng: np.random.Generator) -> CropSet:
    """Up to `count` crops of labelled faces of 12 px and more, at most 4 a picture.

    Pictures come in random order until there are enough; unreadable ones are passed over.

    Raises:
        DatasetError: if there is no face of that size.
        AnnotationError: if a label file is broken.
    """
    images, class_ids, heights = [], [], []
    for number in rng.permutation(len(samples)):
        sample = samples[number]
        try:
            image = read_image(sample.image)
        except ImageError:
            continue
        boxes = read_labels(sample.label, image.shape[1], image.shape[0])
        large = boxes.select(boxes.heights >= MIN_HEIGHT)
        chosen = large.select(rng.permutation(len(large))[:_MOST_PER_PICTURE])
        images.append(cut_squares(image, chosen.xyxy, STORED_SIDE, STORED_CONTEXT))
        class_ids.append(chosen.class_ids)
        heights.append(chosen.heights)
        if sum(map(len, class_ids)) >= count:
            break
    if not sum(map(len, class_ids)):
        raise DatasetError(
            f"expected faces of at least {MIN_HEIGHT:g} px to learn from, but the {len(samples)} "
            "pictures have none"
        )
    return CropSet(
        np.concatenate(images)[:count],
        np.concatenate(class_ids)[:count],
        np.concatenate(heights)[:count],
    )


def vary(image: Image, side: int, rng: np.random.Generator) -> Image:
    """A stored crop as some face finder and camera would show it: (side, side, 3) uint8 BGR.

    Moved, scaled, tilted and mirrored, blurred by a small size, brighter or darker, grainy.
    """
    scale = side / (STORED_SIDE * CONTEXT / STORED_CONTEXT)
    scale *= math.exp(rng.normal(0, _JITTER_SCALE))
    middle = STORED_SIDE / 2
    turned = cv2.getRotationMatrix2D((middle, middle), rng.normal(0, _TILT), scale)
    matrix = np.asarray(turned, dtype=np.float64)
    matrix[:, 2] += side / 2 - middle + rng.normal(0, _JITTER_SHIFT, 2) * side
    if rng.random() < 0.5:
        matrix = np.array([[-1.0, 0, side], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])
    crop = cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if rng.random() < 0.5:
        small = int(side * rng.uniform(0.15, 0.7))
        crop = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
        crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR)
    gain, shift = math.exp(rng.normal(0, 0.2)), rng.normal(0, 12)
    tint = rng.normal(0, 5, 3)
    lit = crop * np.float32(gain) + (shift + tint).astype(np.float32)
    return np.asarray(np.clip(lit, 0, 255), dtype=np.uint8)


def plain(image: Image, side: int) -> Image:
    """The middle of a stored crop, as the pipeline cuts it: (side, side, 3) uint8 BGR."""
    half = STORED_SIDE * CONTEXT / STORED_CONTEXT / 2
    low, high = round(STORED_SIDE / 2 - half), round(STORED_SIDE / 2 + half)
    middle = image[low:high, low:high]
    return np.asarray(cv2.resize(middle, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
