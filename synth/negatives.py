"""Pictures without any face: what a detector must stay silent on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import intersection
from data.images import Image
from synth.blanks import draw_negative
from synth.sources import Photo

Floats = NDArray[np.float64]

# Share of the negatives that are made by program even where the photo has room.
_DRAWN_SHARE = 0.4
_TRIES = 12
# Faces reach beyond their boxes: hair, neck, the shadow of a mask.
_GROWN = 1.8


def free_window(photo: Photo, rng: np.random.Generator) -> tuple[int, int, int, int] | None:
    """A random part (left, top, right, bottom) of a photo that shows no face nor what may be one;
    None where none was found."""
    taken = [face.box for face in photo.faces] + list(photo.doubtful)
    grown = np.array([_grow(box) for box in taken]).reshape(-1, 4)
    shorter = min(photo.width, photo.height)
    for _ in range(_TRIES):
        side = float(rng.uniform(0.25, 1.0)) * shorter
        width = int(min(photo.width, side * float(rng.uniform(0.8, 1.6))))
        height = int(min(photo.height, side * float(rng.uniform(0.8, 1.3))))
        if min(width, height) < 48:
            continue
        left = int(rng.integers(photo.width - width + 1))
        top = int(rng.integers(photo.height - height + 1))
        window = np.array([[left, top, left + width, top + height]], dtype=np.float64)
        if not len(grown) or not intersection(window, grown).any():
            return left, top, left + width, top + height
    return None


def _grow(box: Floats) -> Floats:
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return np.concatenate([centre - _GROWN * half, centre + _GROWN * half])


def faceless_part(image: Image, photo: Photo, rng: np.random.Generator) -> Image:
    """A part of the photo without a face at a random size; made by program where there is none."""
    longer = float(rng.uniform(288, 672))
    window = None if rng.random() < _DRAWN_SHARE else free_window(photo, rng)
    if window is None:
        return draw_negative(rng, int(longer), int(longer * rng.uniform(0.6, 1.0)))
    left, top, right, bottom = window
    part = image[top:bottom, left:right]
    factor = min(longer / max(part.shape[:2]), 3.0)
    size = (max(32, round((right - left) * factor)), max(32, round((bottom - top) * factor)))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
