"""JPEG blocks of a photo: measured around a face, and given to what is drawn onto it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image

Singles = NDArray[np.float32]

# Steps at block borders beyond those inside, relative to all steps, and the quality they stand
# for: medians of 355 photos with a face, halved (which takes away blocks of their own), saved
# by OpenCV at these qualities. Half of the photos lie within .1 of the median.
_STEPS = (0.105, 0.22, 0.325, 0.45, 0.61, 0.91)
_QUALITIES = (80, 65, 50, 35, 25, 15)
_SIDE = 160  # px of the photo around a face that are looked at
_LEAST = 40  # px below which too few borders are in sight to tell
_BLOCK = 16  # px; blocks of 8, colour is stored for two by two of them
_TOUCHED = 0.02  # share of a block from which on it is coded anew


def measure_quality(picture: Image, centre: tuple[float, float]) -> int | None:
    """JPEG quality (libjpeg's scale) that a photo shows around a point; None where no blocks show.

    Blocks start at the picture's corner: a photo that was cut or resized after it was saved shows
    none here, and what is drawn onto it needs none. After the blockiness of Wang, Sheikh & Bovik
    (2002), with the steps beside each border taken away, so that slopes don't count.

    Args:
        picture: (H, W, 3) uint8 BGR, not cut since it was read.
        centre: x, y in pixels.
    """
    spans = [_span(at, side) for at, side in zip(centre, picture.shape[1::-1], strict=True)]
    (left, right), (top, bottom) = spans
    if min(right - left, bottom - top) < _LEAST:
        return None
    grey = cv2.cvtColor(picture[top:bottom, left:right], cv2.COLOR_BGR2GRAY).astype(np.float32)
    step = blockiness(grey)
    return None if step < _STEPS[0] else round(float(np.interp(step, _STEPS, _QUALITIES)))


def _span(middle: float, side: int) -> tuple[int, int]:
    """A stretch of at most `_SIDE` px around `middle` that begins at a block's border."""
    low = int(np.clip(middle - _SIDE / 2, 0, max(0, side - _SIDE))) // 8 * 8
    return low, min(side, low + _SIDE)


def blockiness(grey: Singles) -> float:
    """Steps at borders of 8 px blocks beyond those inside, relative to all steps; about 0 without
    blocks. (h, w) grey values that begin at a block's corner."""
    (excess, level), (excess_down, level_down) = _steps(grey), _steps(grey.T)
    return (excess + excess_down) / (level + level_down + 1e-3)


def _steps(grey: Singles) -> tuple[float, float]:
    """How much steps to the right at block borders exceed others, and the mean step."""
    steps = np.abs(np.diff(grey, axis=1))
    bare = (steps[:, 1:-1] - 0.5 * (steps[:, :-2] + steps[:, 2:])).mean(0)
    border = np.arange(1, len(bare) + 1) % 8 == 7
    return float(bare[border].mean() - bare[~border].mean()), float(steps.mean())


def recompress(
    image: Image, corner: tuple[int, int], drawn: NDArray[np.bool_], quality: int
) -> None:
    """Give what was drawn the photo's JPEG blocks, in place.

    Args:
        image: (H, W, 3) uint8 BGR, not cut since it was read.
        corner: left, top of the part that was drawn on, pixels.
        drawn: (h, w) whether each pixel of that part was drawn on.
        quality: JPEG quality, 1 to 100.
    """
    (left, top), (h, w) = corner, drawn.shape
    x, y = left // _BLOCK * _BLOCK, top // _BLOCK * _BLOCK
    columns, rows = -(-(left + w - x) // _BLOCK), -(-(top + h - y) // _BLOCK)
    touched = np.zeros((rows * _BLOCK, columns * _BLOCK), np.float32)
    touched[top - y : top - y + h, left - x : left - x + w] = drawn
    blocks = cv2.resize(touched, (columns, rows), interpolation=cv2.INTER_AREA) > _TOUCHED
    part = image[y : y + rows * _BLOCK, x : x + columns * _BLOCK]
    coded = cv2.imdecode(
        cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR
    )
    anew = blocks.repeat(_BLOCK, 0).repeat(_BLOCK, 1)[: part.shape[0], : part.shape[1]]
    part[anew] = np.asarray(coded, dtype=np.uint8)[anew]
