"""Means of painting pictures by program: tones, gradients, smooth noise, exposure."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image

Canvas = NDArray[np.float32]
Painter = Callable[[np.random.Generator, int, int], Canvas]


def to_image(canvas: Canvas) -> Image:
    """(H, W, 3) values as uint8 BGR, cut at 0 and 255."""
    return np.asarray(np.clip(canvas + 0.5, 0, 255), dtype=np.uint8)


def expose(canvas: Canvas, rng: np.random.Generator, blur: float) -> Image:
    """Defocus (as a share of the longer side), uneven light, exposure and grain over all."""
    h, w = canvas.shape[:2]
    sigma = blur * max(h, w)
    if sigma > 0.3:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), sigma), np.float32)
    light = 1 + clouds(rng, w, h, 2.0, 0.12)
    level = float(rng.choice([1.0, rng.uniform(0.35, 1.25)]))
    cast = rng.normal(1, 0.05, 3).astype(np.float32)
    grain = rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(rng.uniform(0, 6))
    return to_image(canvas * light[..., None] * level * cast + grain)


def draw_tone(
    rng: np.random.Generator, dull: float = 0.5, low: float = 30, high: float = 220
) -> Canvas:
    """(3,) BGR; `dull` of 1 is grey, of 0 any colour. Most things are brownish or bluish."""
    warm, odd = rng.normal(0, 0.22), rng.normal(0, 0.12, 3)
    tint = 1 + (1 - dull) * (np.array([-warm, 0.1 * warm, warm]) + odd)
    return np.asarray(rng.uniform(low, high) * tint, dtype=np.float32)


def clouds(
    rng: np.random.Generator, width: int, height: int, cells: float, strength: float
) -> Canvas:
    """(height, width) smooth noise with about `cells` bumps across the longer side."""
    longer = max(width, height)
    grid = max(2, round(cells * height / longer) + 1), max(2, round(cells * width / longer) + 1)
    noise = rng.normal(0, strength, grid).astype(np.float32)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))


def blend_across(rng: np.random.Generator, width: int, height: int, a: Canvas, b: Canvas) -> Canvas:
    """(height, width, 3) from colour a to b along some direction."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    along = x / width * np.cos(angle) + y / height * np.sin(angle)
    span = max(float(np.ptp(along)), 1e-6)
    share = ((along - along.min()) / span)[..., None]
    return np.asarray(a * (1 - share) + b * share, dtype=np.float32)


def blend_down(height: int, width: int, a: Canvas, b: Canvas) -> Canvas:
    """(height, width, 3) from colour a on top to b at the bottom."""
    share = np.linspace(0, 1, max(height, 1), dtype=np.float32)[:, None, None]
    return np.asarray(np.broadcast_to(a * (1 - share) + b * share, (height, width, 3)).copy())


def to_ink(colour: Canvas) -> tuple[float, float, float]:
    """A colour as OpenCV's drawing functions take it."""
    b, g, r = (float(v) for v in colour)
    return b, g, r
