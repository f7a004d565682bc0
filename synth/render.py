"""Drawing a mask onto a face.

The sheet is laid onto the mean face's surface, moved with the face's own landmarks, projected,
and splatted: each of its points adds its colour to the pixel that it falls on, weighted by the
area it covers there. Parts turned away from the camera fall out, so profiles need no case of
their own, and small faces are averaged as a camera would.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.fabric import fabric_albedo
from synth.face_model import LEFT_EAR, RIGHT_EAR, Placement, mean_face, surface_depth
from synth.folds import relief
from synth.light import Light, measure_light, neutral_light
from synth.mask import Mask
from synth.shapes import Shape, cut_out
from synth.straps import draw_straps

Floats = NDArray[np.float64]

# The sheet is sampled beyond its edges, so that edges come out as shares of pixels.
_MARGIN = 0.14
_COARSE = (19, 25)  # rows, columns of points that are laid and projected exactly
_DENSITY = 1.7  # samples per pixel along each side
_MIN_SAMPLES, _MAX_SAMPLES = 40, 900


@dataclass(frozen=True, eq=False)
class _Sheet:
    """Projected samples: x, y pixels; share of fabric; area in px² (0 where turned away);
    u, v; facing 0 to 1 (towards the camera)."""

    x: Floats
    y: Floats
    fabric: Floats
    area: Floats
    u: Floats
    v: Floats
    facing: Floats


def draw_mask(
    image: Image,
    placement: Placement,
    box: Floats,
    mask: Mask,
    rng: np.random.Generator,
    *,
    match_light: bool = True,
) -> Image:
    """The picture with the mask on.

    Args:
        image: (H, W, 3) uint8 BGR.
        placement: where the face lies.
        box: (4,) face box [x1, y1, x2, y2] in pixels.
        mask: what to draw.
        rng: for the grain alone; the mask's own seed makes its creases and print.
        match_light: whether the mask takes on the face's light, blur and grain.

    Returns:
        A copy, (H, W, 3) uint8 BGR.
    """
    sheet = _project(placement, mask.shape)
    window = _window(sheet, placement, image.shape)
    if window is None:
        return image.copy()
    left, top, right, bottom = window
    region = image[top:bottom, left:right]
    corner = np.array([left, top, left, top], dtype=np.float64)
    light = measure_light(region, box - corner) if match_light else neutral_light(region)
    colour, alpha = _splat(sheet, mask, light, (left, top), region.shape[:2])
    drawn = region.astype(np.float64) / 255
    drawn = draw_straps(drawn, placement, mask, light, (left, top))
    drawn = _composite(drawn, (colour, alpha), light, placement.scale, rng)
    result = image.copy()
    result[top:bottom, left:right] = np.clip(drawn * 255 + 0.5, 0, 255).astype(np.uint8)
    return result


def _project(placement: Placement, shape: Shape) -> _Sheet:
    rows, columns = _COARSE
    edge = 1 + 2 * _MARGIN
    u0 = np.linspace(-edge, edge, columns)[None].repeat(rows, 0)
    v0 = np.linspace(-_MARGIN, 1 + _MARGIN, rows)[:, None].repeat(columns, 1)
    points = shape.lay(u0, v0, surface_depth)
    pixels = placement.project(points)
    wide = _length(pixels, axis=1).max() * _DENSITY
    high = _length(pixels, axis=0).max() * _DENSITY
    nu, nv = (int(np.clip(n, _MIN_SAMPLES, _MAX_SAMPLES)) for n in (wide, high))
    x, y = (_refine(pixels[..., i], nv, nu) for i in range(2))
    u, v = _refine(u0, nv, nu), _refine(v0, nv, nu)
    dx_v, dx_u = np.gradient(x)
    dy_v, dy_u = np.gradient(y)
    area = np.maximum(dx_u * dy_v - dx_v * dy_u, 0)
    flat = float(np.percentile(area, 90)) + 1e-9
    softness = 0.6 / max(2.0, nu / _DENSITY / 2)
    fabric = cut_out(shape, u, v, softness)
    return _Sheet(x, y, fabric, area, u, v, np.clip(area / flat, 0, 1))


def _length(pixels: Floats, axis: int) -> Floats:
    """Lengths in pixels of the lines of a (rows, columns, 2) grid along an axis."""
    return np.asarray(np.linalg.norm(np.diff(pixels, axis=axis), axis=-1).sum(axis=axis))


def _refine(grid: Floats, rows: int, columns: int) -> Floats:
    """A coarse grid read at rows x columns points, corners kept, by cubic interpolation.

    cv2.remap would do it with steps of 1/32, which show as a weave in the shading.
    """
    return _cubic(grid.shape[0], rows) @ grid @ _cubic(grid.shape[1], columns).T


@lru_cache(maxsize=256)
def _cubic(known: int, wanted: int) -> Floats:
    """(wanted, known) weights of Catmull-Rom interpolation (Catmull & Rom 1974), ends continued
    in a straight line."""
    at = np.linspace(0, known - 1, wanted)
    first = np.clip(np.floor(at).astype(int), 0, known - 2)
    t = (at - first)[:, None]
    cubic = 0.5 * np.hstack(
        [
            -(t**3) + 2 * t**2 - t,
            3 * t**3 - 5 * t**2 + 2,
            -3 * t**3 + 4 * t**2 + t,
            t**3 - t**2,
        ]
    )
    padded = np.zeros((wanted, known + 2))
    for k in range(4):
        padded[np.arange(wanted), first + k] = cubic[:, k]
    weights = padded[:, 1:-1].copy()
    for outer, end, inner in ((0, 0, 1), (-1, -1, -2)):
        weights[:, end] += 2 * padded[:, outer]
        weights[:, inner] -= padded[:, outer]
    weights.setflags(write=False)
    return weights


def _window(
    sheet: _Sheet, placement: Placement, shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    """The part of the picture that is touched: left, top, right, bottom; None if outside it."""
    face = placement.project(np.vstack([mean_face(), LEFT_EAR, RIGHT_EAR]))
    x = np.concatenate([sheet.x.ravel()[:: len(sheet.x)], sheet.x[[0, -1]].ravel(), face[:, 0]])
    y = np.concatenate([sheet.y[:, [0, -1]].ravel(), sheet.y[[0, -1]].ravel(), face[:, 1]])
    pad = 4 + 0.1 * placement.scale
    left, top = max(0, int(x.min() - pad)), max(0, int(y.min() - pad))
    right = min(shape[1], int(np.ceil(x.max() + pad)))
    bottom = min(shape[0], int(np.ceil(y.max() + pad)))
    return (left, top, right, bottom) if right - left > 3 and bottom - top > 3 else None


def _splat(
    sheet: _Sheet, mask: Mask, light: Light, corner: tuple[int, int], size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Colour (h, w, 3) BGR 0 to 1 under the mask's light, and its share (h, w) of each pixel."""
    h, w = size
    column = np.floor(sheet.x - corner[0]).astype(np.int64)
    row = np.floor(sheet.y - corner[1]).astype(np.int64)
    seen = (sheet.area > 0) & (column >= 0) & (column < w) & (row >= 0) & (row < h)
    pixel = (row * w + column)[seen]
    cover = sheet.area[seen]
    fabric = cover * sheet.fabric[seen]
    bgr = _fabric(sheet, mask, light)[seen]
    total = np.bincount(pixel, cover, h * w)
    painted = np.bincount(pixel, fabric, h * w)
    alpha = painted / np.maximum(total, 1e-9)
    channels = [np.bincount(pixel, fabric * bgr[:, c], h * w) for c in range(3)]
    colour = np.stack(channels, -1) / np.maximum(painted, 1e-9)[:, None]
    return _close_gaps(colour.reshape(h, w, 3), alpha.reshape(h, w), total.reshape(h, w) > 0)


def _close_gaps(colour: Floats, alpha: Floats, hit: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Pixels that no sample fell on take their neighbours' mean (normalised convolution, Knutsson
    & Westin 1993); those outside the sheet stay empty."""
    inside = cv2.morphologyEx(hit.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    gaps = (inside > 0) & ~hit
    if gaps.any():
        known = hit.astype(np.float64)
        near = np.maximum(cv2.blur(known, (3, 3)), 1e-9)
        alpha = np.where(gaps, cv2.blur(alpha * known, (3, 3)) / near, alpha)
        weight = np.maximum(cv2.blur(alpha * known, (3, 3)), 1e-9)[..., None]
        mean = cv2.blur(colour * (alpha * known)[..., None], (3, 3)) / weight
        colour = np.where(gaps[..., None], mean, colour)
    return colour, alpha


def _fabric(sheet: _Sheet, mask: Mask, light: Light) -> Floats:
    """(rows, columns, 3) BGR of the sheet's samples: print, creases, curvature, light."""
    rng = np.random.default_rng(mask.seed)
    albedo = fabric_albedo(mask, sheet.u, sheet.v, rng)[..., ::-1]
    height = relief(mask.shape, sheet.u, sheet.v, rng)
    # Slopes per sheet width, so that creases look the same at any sampling.
    slope_v, slope_u = np.gradient(height)
    slope_u, slope_v = slope_u * height.shape[1] / 2, slope_v * height.shape[0]
    lean = np.array([light.direction[0], light.direction[1] - 0.5])
    creased = 1 + 0.016 * (slope_u * lean[0] + slope_v * lean[1])
    curved = 0.72 + 0.28 * sheet.facing**0.5
    lit = curved * np.clip(creased, 0.6, 1.3) * rng.uniform(0.9, 1.03)
    grey = albedo.mean(-1, keepdims=True)
    toned = grey + (albedo - grey) * light.saturation
    # A little stray light: black fabric is never quite black.
    return np.asarray((toned * lit[..., None] * 0.96 + 0.02) * light.exposure * light.cast)


def _composite(
    drawn: Floats,
    layer: tuple[Floats, Floats],
    light: Light,
    scale: float,
    rng: np.random.Generator,
) -> Floats:
    """Mask over face: contact shadow, the face's shading, camera blur, grain."""
    colour, alpha = layer
    if light.blur > 0.4 and min(alpha.shape) > 6:
        soft = _smooth(alpha, light.blur)
        blurred = _smooth(colour * alpha[..., None], light.blur)
        colour = np.where(soft[..., None] > 1e-3, blurred / np.maximum(soft, 1e-3)[..., None], 0)
        alpha = soft
    sigma = max(0.6, 0.035 * scale)
    shift = np.array([[1, 0, -light.direction[0] * sigma], [0, 1, sigma]], dtype=np.float64)
    moved = np.asarray(cv2.warpAffine(alpha, shift, alpha.shape[::-1]), dtype=np.float64)
    shadow = 0.38 * _smooth(moved, sigma) * (1 - alpha)
    lit = colour * light.shading[..., None]
    if light.grain > 0.004:
        lit = lit + rng.normal(0, light.grain, alpha.shape)[..., None]
    shaded = drawn * (1 - shadow[..., None])
    return np.asarray(shaded * (1 - alpha[..., None]) + lit * alpha[..., None])


def _smooth(values: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), dtype=np.float64)
