"""Faces made unrecognisable, before anybody sees, stores or passes on a frame."""

import cv2
import numpy as np

from data.boxes import Floats, clip_xyxy
from data.images import Image

# Boxes run from the brows to under the chin; hair, ears and what moved since are hidden too.
PADDING = 0.35
# At 8 x 8 cells a face, people and machines no longer know who it is (McPherson et al. 2016 still
# matched faces of a known, small group at 16 x 16).
CELLS = 6


def pixelate(image: Image, xyxy: Floats, padding: float = PADDING, cells: int = CELLS) -> None:
    """Replace boxes by coarse cells of their mean colour, in place.

    Args:
        image: (H, W, 3) uint8, written into.
        xyxy: (N, 4) boxes, px; may reach over the borders.
        padding: share of a box's size by which it is enlarged on each side.
        cells: along the longer side of the enlarged box, at most.
    """
    margin = padding * (xyxy[:, 2:] - xyxy[:, :2])
    grown = np.concatenate([xyxy[:, :2] - margin, xyxy[:, 2:] + margin], axis=1)
    inside = clip_xyxy(grown, image.shape[1], image.shape[0])
    low, high = np.floor(inside[:, :2]).astype(int), np.ceil(inside[:, 2:]).astype(int)
    for (x1, y1), (x2, y2) in zip(low.tolist(), high.tolist(), strict=True):
        if x2 > x1 and y2 > y1:
            image[y1:y2, x1:x2] = _coarse(image[y1:y2, x1:x2], cells)


def _coarse(patch: Image, cells: int) -> Image:
    height, width = patch.shape[:2]
    side = max(height, width) / cells
    across, down = max(1, round(width / side)), max(1, round(height / side))
    small = cv2.resize(patch, (across, down), interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8)
