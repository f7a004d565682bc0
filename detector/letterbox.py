"""Fitting pictures into a model's input, and boxes back out of it.

The geometry is ultralytics' (`ultralytics.data.augment.LetterBox`, centred): resize to fit with
the proportions kept, pad to equal borders with grey 114. Models are trained behind it, so they
must be asked behind it.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from data.boxes import Floats
from data.images import Image

PAD_VALUE = 114

Shape = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True)
class Letterbox:
    """Where a picture lies in a model's input.

    Attributes:
        source: (height, width) of the original picture, px.
        shape: (height, width) of the model's input, px.
        resized: (height, width) of the picture inside that input, px; both are rounded, so the
            two axes scale by slightly different factors.
        offset: (top, left) of the picture inside the input, px.
    """

    source: Shape
    shape: Shape
    resized: Shape
    offset: Shape

    @property
    def scale(self) -> tuple[float, float]:
        """(vertical, horizontal) input pixels per original pixel."""
        return self.resized[0] / self.source[0], self.resized[1] / self.source[1]

    def to_input(self, xyxy: ArrayLike) -> Floats:
        """(..., 4) boxes in original pixels to pixels of the model's input."""
        scale, offset = self._factors()
        return np.asarray(np.asarray(xyxy, dtype=np.float64) * scale + offset)

    def to_original(self, xyxy: ArrayLike) -> Floats:
        """(..., 4) boxes in pixels of the model's input to original pixels, not clipped."""
        scale, offset = self._factors()
        return np.asarray((np.asarray(xyxy, dtype=np.float64) - offset) / scale)

    def _factors(self) -> tuple[Floats, Floats]:
        (y_scale, x_scale), (top, left) = self.scale, self.offset
        return np.array([x_scale, y_scale] * 2), np.array([left, top] * 2, dtype=np.float64)


def plan(source: Shape, size: int, stride: int, square: bool = False) -> Letterbox:
    """The letterbox of a picture of (height, width) `source`, without touching a pixel.

    The longer side becomes `size`. The shorter is padded to the next multiple of `stride` only,
    which saves the work on empty borders (44 % on a 16:9 picture), unless `square` asks for
    `size` x `size`, as models with a fixed input need. `size` is a multiple of `stride`.
    """
    if min(source) < 1 or size < 1 or stride < 1:
        raise ValueError(f"expected positive sizes, but got {source}, {size} and {stride}")
    ratio = size / max(source)
    height, width = (max(round(side * ratio), 1) for side in source)
    shape = (size, size) if square else (_ceil_to(height, stride), _ceil_to(width, stride))
    # An odd pixel goes to the bottom and right border: round(x - 0.1), as ultralytics has it.
    top, left = round((shape[0] - height) / 2 - 0.1), round((shape[1] - width) / 2 - 0.1)
    return Letterbox(source, shape, (height, width), (top, left))


def letterbox(
    image: Image, size: int, stride: int = 32, square: bool = False
) -> tuple[Image, Letterbox]:
    """A picture fitted into a model's input.

    Args:
        image: (H, W, 3) uint8.
        size: longer side of the result, px, a multiple of `stride`.
        stride: the model's coarsest, px.
        square: pad to `size` x `size` instead of to multiples of `stride`.

    Returns:
        (h, w, 3) uint8 and where the picture lies in it.
    """
    fit = plan((image.shape[0], image.shape[1]), size, stride, square)
    return apply(image, fit), fit


def apply(image: Image, fit: Letterbox) -> Image:
    """(H, W, 3) uint8 resized and padded as `fit` says."""
    height, width = fit.resized
    image = shrink_by_halves(image, fit.resized)
    if image.shape[:2] != fit.resized:
        image = np.asarray(cv2.resize(image, (width, height)), dtype=np.uint8)
    top, left = fit.offset
    padded = np.full((*fit.shape, image.shape[2]), PAD_VALUE, dtype=np.uint8)
    padded[top : top + height, left : left + width] = image
    return padded


def shrink_by_halves(image: Image, goal: Shape) -> Image:
    """A picture halved as often as it stays as large as (height, width) `goal`, on both sides.

    Bilinear interpolation reads four pixels however many it stands for: below half the size it
    leaves some out. A halving reads all, as a mipmap's levels do (Williams 1983, "Pyramidal
    parametrics"), and takes a fraction of the time of averaging over areas.
    """
    while image.shape[0] >= 2 * goal[0] and image.shape[1] >= 2 * goal[1]:
        half = ((image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2)
        if half == (goal[1], goal[0]):
            break  # bilinear interpolation does that
        image = np.asarray(cv2.resize(image, half), dtype=np.uint8)
    return image


def _ceil_to(value: int, multiple: int) -> int:
    return math.ceil(value / multiple) * multiple
