"""Which point of a sheet each pixel shows: inverse mapping of a projected grid.

Samples of the sheet fall onto pixels, and the slopes there lead from the sample to the pixel's
middle. Parts turned away from the camera fall out.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.light import quantile

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]  # what is done a pixel: half the memory, twice the speed

# The sheet is laid beyond its edges (u from -1 to 1, v from 0 to 1), so that edges come out as
# shares of pixels.
MARGIN = 0.14
EDGE = 1 + 2 * MARGIN
_DENSITY = 0.8  # samples per pixel along each side: the gaps are filled along the slopes
_MIN_SAMPLES, _MAX_SAMPLES = 24, 900
_AWAY = 9.0  # a u that lies off every sheet


@dataclass(frozen=True, eq=False)
class View:
    """What each pixel of a window shows of the sheet, (h, w) float32 each.

    u, v: the point, far outside the sheet where there is none; facing: 0 (grazing) to 1.
    """

    u: Singles
    v: Singles
    facing: Singles
    hit: NDArray[np.bool_]


def length(pixels: Floats, axis: int) -> Floats:
    """Lengths in pixels of the lines of a (rows, columns, 2) grid along an axis."""
    step = np.diff(pixels, axis=axis)
    return np.asarray(np.hypot(step[..., 0], step[..., 1]).sum(axis=axis))


def samples(length: float, density: float) -> int:
    """How many points a length in pixels takes."""
    return int(np.clip(length * density, _MIN_SAMPLES, _MAX_SAMPLES))


def look_up(
    grid: Floats, size: tuple[int, int], extent: tuple[float, float], nearer: Floats
) -> View:
    """Which point of the sheet each pixel of a window shows.

    Args:
        grid: (rows, columns, 2) pixels of the coarse grid.
        size: height and width of the window in pixels.
        extent: the sheet's height and width in pixels.
        nearer: (2,) how much nearer to the camera the face's right and lower side are.
    """
    h, w = size
    nv, nu = (samples(side, _DENSITY) for side in extent)
    x, y, x_u, y_u, x_v, y_v = _refine(grid, nv, nu)
    area = x_u * y_v - x_v * y_u
    flat = quantile(area[::3, ::3], 0.9) + 1e-6
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    seen = (area > 0.01 * flat) & (column >= 0) & (column < w) & (row >= 0) & (row < h)
    order, line = _paint_order(nv, nu, nearer)
    order = order[seen.take(order)]
    if not len(order):
        nothing = np.full(size, _AWAY, np.float32)
        return View(nothing, nothing, nothing, np.zeros(size, np.bool_))
    rank = np.full(h * w, -1, np.float32)
    rank[(row * w + column).take(order)] = np.arange(len(order))
    rank = _close_gaps(rank.reshape(h, w), line)
    hit = rank >= 0
    k = order.take(np.maximum(rank, 0).astype(np.intp))
    area = np.maximum(area, np.float32(0.01 * flat))
    u = np.linspace(-EDGE, EDGE, nu)[None]
    v = np.linspace(-MARGIN, 1 + MARGIN, nv)[:, None]
    # Where the sheet turns away slopes lead far.
    most_u, most_v = 2.8 * EDGE / nu, 1.4 * (1 + 2 * MARGIN) / nv
    along_u = (np.clip(slope / area, -most_u, most_u) for slope in (y_v, -x_v))
    along_v = (np.clip(slope / area, -most_v, most_v) for slope in (-y_u, x_u))
    shown_u = _extend(u, tuple(along_u), (x, y), k)
    shown_v = _extend(v, tuple(along_v), (x, y), k)
    shown_u[~hit] = _AWAY
    facing = np.minimum(area * np.float32(1 / flat), 1).take(k)
    return View(shown_u, shown_v, facing, hit)


def _extend(
    values: Floats,
    slopes: tuple[Singles, ...],
    at: tuple[Singles, Singles],
    nearest: NDArray[np.intp],
) -> Singles:
    """(h, w) a value at the middle of each pixel: from the pixel's sample along its slopes.

    Args:
        values: of the samples, in a shape that broadcasts to theirs.
        slopes: per pixel to the right and down.
        at: x and y of the samples, pixels.
        nearest: (h, w) flat index of each pixel's sample.
    """
    h, w = nearest.shape
    right, down = slopes
    start = (values - right * at[0] - down * at[1]).astype(np.float32)
    x = np.arange(w, dtype=np.float32) + np.float32(0.5)
    y = (np.arange(h, dtype=np.float32) + np.float32(0.5))[:, None]
    return np.asarray(start.take(nearest) + right.take(nearest) * x + down.take(nearest) * y)


def _refine(grid: Floats, rows: int, columns: int) -> Singles:
    """A coarse grid (r, c, 2) read at rows x columns points, corners kept, by cubic interpolation.

    cv2.remap would do it with steps of 1/32, which show as a weave in the shading.

    Returns:
        (6, rows, columns) float32: x, y, and their slopes to u and to v (x_u, y_u, x_v, y_v).
    """
    planes = grid.transpose(2, 0, 1).astype(np.float32)
    at_v, along_v = _cubic(grid.shape[0], rows)
    at_u, along_u = _cubic(grid.shape[1], columns)
    down, steep = at_v @ planes, along_v @ planes
    across = np.float32(1 / (2 * EDGE)), np.float32(1 / (1 + 2 * MARGIN))
    parts = (down @ at_u.T, (down @ along_u.T) * across[0], (steep @ at_u.T) * across[1])
    return np.concatenate(parts)


@lru_cache(maxsize=512)
def _cubic(known: int, wanted: int) -> tuple[Singles, Singles]:
    """(wanted, known) weights of Catmull-Rom interpolation (Catmull & Rom 1974), and those of its
    slope per length of the grid; ends continued in a straight line."""
    at = np.linspace(0, known - 1, wanted)
    first = np.clip(np.floor(at).astype(int), 0, known - 2)
    t = (at - first)[:, None]
    value = [-(t**3) + 2 * t**2 - t, 3 * t**3 - 5 * t**2 + 2, -3 * t**3 + 4 * t**2 + t, t**3 - t**2]
    slope = [-3 * t**2 + 4 * t - 1, 9 * t**2 - 10 * t, -9 * t**2 + 8 * t + 1, 3 * t**2 - 2 * t]
    return _spread(value, first, known), _spread(slope, first, known) * np.float32(known - 1)


def _spread(cubic: list[Floats], first: NDArray[np.intp], known: int) -> Singles:
    """Four weights of each point to (wanted, known) weights of all."""
    wanted = len(first)
    padded = np.zeros((wanted, known + 2))
    for k in range(4):
        padded[np.arange(wanted), first + k] = 0.5 * cubic[k][:, 0]
    weights = padded[:, 1:-1].copy()
    for outer, end, inner in ((0, 0, 1), (-1, -1, -2)):
        weights[:, end] += 2 * padded[:, outer]
        weights[:, inner] -= padded[:, outer]
    return weights.astype(np.float32)


def _paint_order(rows: int, columns: int, nearer: Floats) -> tuple[NDArray[np.intp], int]:
    """Samples from far to near (Newell, Newell & Sancha 1972): what is drawn last is seen where
    the sheet lies behind itself, as a far cheek behind the nose.

    Returns:
        Flat indices, line by line, and how many make a line.
    """
    index = np.arange(rows * columns).reshape(rows, columns)
    index = index[:: 1 if nearer[1] >= 0 else -1, :: 1 if nearer[0] >= 0 else -1]
    turned = abs(nearer[0]) > abs(nearer[1])
    return (index.T if turned else index).ravel(), rows if turned else columns


def _close_gaps(rank: Singles, line: int) -> Singles:
    """Pixels between others that no sample fell on, or one several lines farther away that shows
    through, take a neighbour's sample; what lies outside stays -1."""
    square = np.ones((3, 3), np.uint8)
    closed = cv2.morphologyEx(rank, cv2.MORPH_CLOSE, square)
    gap = (closed - rank > 5 * line) | ((rank < 0) & (closed >= 0))
    return np.asarray(np.where(gap, cv2.dilate(rank, square), rank), dtype=np.float32)
