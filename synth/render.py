"""Drawing a mask onto a face.

The sheet is laid onto the mean face's surface, moved with the face's own landmarks and projected.
For each pixel the point of the sheet that it shows is then looked up (synth.raster). Parts turned
away from the camera fall out, so profiles need no case of their own. Small faces are drawn larger
and averaged, as a camera would.
"""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.compression import recompress
from synth.fabric import fabric_albedo
from synth.face_model import LEFT_EAR, RIGHT_EAR, Placement, mean_face, surface_depth
from synth.folds import relief
from synth.light import Light, match_tone, measure_light, neutral_light
from synth.mask import Mask
from synth.raster import EDGE, MARGIN, Singles, View, length, look_up, samples
from synth.shapes import Shape, cut_out
from synth.straps import draw_straps

Floats = NDArray[np.float64]

_COARSE = (15, 21)  # rows, columns of points that are laid and projected exactly
_WORN = np.s_[1:-1, 2:-2]  # those of them that lie on the sheet or just beside it
_PLAIN_DENSITY, _PRINT_DENSITY = 0.9, 1.25  # of fabric; prints have sharp edges
_HEM_U, _HEM_V = 1.06, 0.04  # fabric is made a little beyond its edges
_SHARP_WIDTH = 56.0  # px of sheet below which a face is drawn larger and averaged
_MAX_ZOOM = 4
_SEEN = 6  # grey levels from which on a pixel counts as drawn on

Window = tuple[slice, slice]
"""Rows and columns of a picture."""


def draw_mask(
    image: Image,
    placement: Placement,
    box: Floats,
    mask: Mask,
    rng: np.random.Generator,
    *,
    match_light: bool = True,
) -> Image:
    """The picture with the mask on: a copy, (H, W, 3) uint8 BGR; arguments of draw_mask_into."""
    result = image.copy()
    draw_mask_into(result, placement, box, mask, rng, match_light=match_light)
    return result


def draw_mask_into(
    image: Image,
    placement: Placement,
    box: Floats,
    mask: Mask,
    rng: np.random.Generator,
    *,
    match_light: bool = True,
) -> None:
    """Draw a mask into the picture itself: for photos of many faces, where copies take long.

    Args:
        image: (H, W, 3) uint8 BGR, changed in place.
        placement: where the face lies.
        box: (4,) face box [x1, y1, x2, y2] in pixels.
        mask: what to draw.
        rng: for the grain alone; the mask's own seed makes its creases and print.
        match_light: whether the mask takes on the face's light, blur and grain.
    """
    grid = _project(placement, mask.shape)
    whole, sheet = _windows(grid, placement, image.shape)
    if whole is None:
        return
    region = image[whole]
    top, left = whole[0].start, whole[1].start
    corner = np.array([left, top, left, top], dtype=np.float64)
    light = (
        measure_light(region, box - corner, image, (left, top))
        if match_light
        else neutral_light(region)
    )
    drawn = np.multiply(region, 1 / 255, dtype=np.float32)
    drawn = np.asarray(draw_straps(drawn, placement, mask, light, (left, top)), np.float32)
    if sheet is not None:
        part = _shift(sheet, -top, -left)
        there = replace(light, shading=light.shading[part])
        grid = grid - (sheet[1].start, sheet[0].start)
        layer = _layer(grid, placement.rotation[2, :2], mask, there)
        drawn[part] = _composite(drawn[part], layer, there, placement.scale, rng)
    drawn *= 255
    drawn += 0.5
    finished = np.clip(drawn, 0, 255, out=drawn).astype(np.uint8)
    changed = None if light.quality is None else cv2.absdiff(region, finished).max(2)
    region[:] = finished
    if light.quality is not None and changed is not None:
        recompress(image, (left, top), changed > _SEEN, light.quality)


def _shift(window: Window, rows: int, columns: int) -> Window:
    y, x = window
    return slice(y.start + rows, y.stop + rows), slice(x.start + columns, x.stop + columns)


@lru_cache(maxsize=1)
def _coarse() -> tuple[Floats, Floats]:
    """U and v of the points that are laid exactly, (rows, columns) each."""
    rows, columns = _COARSE
    u = np.linspace(-EDGE, EDGE, columns)[None].repeat(rows, 0)
    v = np.linspace(-MARGIN, 1 + MARGIN, rows)[:, None].repeat(columns, 1)
    u.setflags(write=False)
    v.setflags(write=False)
    return u, v


def _project(placement: Placement, shape: Shape) -> Floats:
    """(rows, columns, 2) pixels of the coarse grid; painted from the far to the near side."""
    u, v = _coarse()
    return placement.project(shape.lay(u, v, surface_depth))


def _windows(
    grid: Floats, placement: Placement, shape: tuple[int, ...]
) -> tuple[Window | None, Window | None]:
    """The parts of the picture that the mask with its straps, and the sheet alone with its
    shadow, touch; None where outside the picture."""
    face = placement.project(_outline())
    pad = 4 + 0.14 * placement.scale  # as far as its shadow reaches
    points = grid[_WORN].reshape(-1, 2)
    low, high = points.min(0) - pad, points.max(0) + pad
    sheet = _clip(low, high, shape)
    whole = _clip(np.minimum(low, face.min(0)), np.maximum(high, face.max(0)), shape)
    return whole, sheet


@lru_cache(maxsize=1)
def _outline() -> Floats:
    """Landmarks of jaw and brows, and the ears: what straps lie between."""
    return np.vstack([mean_face()[:27], LEFT_EAR, RIGHT_EAR])


def _clip(low: Floats, high: Floats, shape: tuple[int, ...]) -> Window | None:
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(shape[1], int(np.ceil(high[0]))), min(shape[0], int(np.ceil(high[1])))
    small = right - left < 4 or bottom - top < 4
    return None if small else (slice(top, bottom), slice(left, right))


def _layer(grid: Floats, nearer: Floats, mask: Mask, light: Light) -> Singles:
    """(h, w, 4) float32: BGR 0 to 1 under the mask's light times its share, and that share, in a
    window as large as the light's shading."""
    size = light.shading.shape
    layer = np.zeros((*size, 4), np.float32)
    inner = grid[_WORN].reshape(-1, 2)
    window = _clip(inner.min(0) - 2, inner.max(0) + 2, size)
    if window is not None:
        corner = window[1].start, window[0].start
        h, w = (side.stop - side.start for side in window)
        layer[window] = _rasterise(grid - corner, (h, w), nearer, mask, light)
    return layer


def _rasterise(
    grid: Floats, size: tuple[int, int], nearer: Floats, mask: Mask, light: Light
) -> Singles:
    """The layer of a window that holds the sheet alone, drawn larger where it is small."""
    wide, high = float(length(grid, axis=1).max()), float(length(grid, axis=0).max())
    zoom = int(np.clip(np.ceil(_SHARP_WIDTH / max(wide, 1.0)), 1, _MAX_ZOOM))
    extent = high * zoom, wide * zoom
    view = look_up(grid * zoom, (size[0] * zoom, size[1] * zoom), extent, nearer)
    alpha = _share(view, mask.shape)
    colour = _fabric(view, mask, light, extent)
    layer = cv2.merge([*cv2.split(colour * alpha[..., None]), alpha])
    if zoom > 1:
        layer = cv2.resize(layer, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(layer, dtype=np.float32)


def _share(view: View, shape: Shape) -> Singles:
    """(h, w) share of each pixel that is fabric: the distance to the edge in pixels, cut off."""
    # Read off the cut-out itself where it falls slowly.
    distance = np.float32(0.5) - cut_out(shape, view.u, view.v, 1.0).astype(np.float32)
    right = cv2.Sobel(distance, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    down = cv2.Sobel(distance, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    steep = np.maximum(cv2.magnitude(right, down), 1e-4)
    alpha = np.clip(np.float32(0.5) - distance / steep, 0, 1)
    # Where the sheet turns away from the camera its outline has no edge of its own.
    outline = cv2.blur(view.hit.astype(np.float32), (3, 3))
    return np.asarray(np.minimum(alpha, outline) * view.hit, dtype=np.float32)


def _fabric(view: View, mask: Mask, light: Light, extent: tuple[float, float]) -> Singles:
    """(h, w, 3) BGR that the pixels show: fabric, its curvature, light."""
    cloth = _cloth(mask, light, extent)
    rows, columns = cloth.shape[:2]
    x = (view.u + np.float32(_HEM_U)) * np.float32((columns - 1) / (2 * _HEM_U))
    y = (view.v + np.float32(_HEM_V)) * np.float32((rows - 1) / (1 + 2 * _HEM_V))
    colour = cv2.remap(cloth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gains = light.exposure * light.cast
    curved = np.float32(0.72 * 0.96) + np.float32(0.28 * 0.96) * np.sqrt(view.facing)
    lit = colour * curved[..., None] * gains.astype(np.float32)
    # A little stray light: black fabric is never quite black.
    return np.asarray(lit + (0.02 * gains).astype(np.float32), dtype=np.float32)


def _cloth(mask: Mask, light: Light, extent: tuple[float, float]) -> Singles:
    """(rows, columns, 3) BGR of the flat sheet: print and creases under the light's slope."""
    rng = np.random.default_rng(mask.seed)
    density = _PLAIN_DENSITY if mask.texture == "plain" else _PRINT_DENSITY
    u, v = _sheet_points(extent, density)
    albedo = fabric_albedo(mask, u, v, rng)[..., ::-1].astype(np.float32)
    if light.saturation < 0.98:
        grey = cv2.transform(albedo, np.full((1, 3), 1 / 3, np.float32))[..., None]
        albedo = grey + (albedo - grey) * np.float32(light.saturation)
    lit = _creased(mask, light, _sheet_points(extent, _PLAIN_DENSITY), rng)
    lit = np.asarray(cv2.resize(lit, u.shape[::-1], interpolation=cv2.INTER_LINEAR))
    return np.asarray(albedo * lit[..., None], dtype=np.float32)


def _creased(
    mask: Mask, light: Light, points: tuple[Singles, Singles], rng: np.random.Generator
) -> Singles:
    """(rows, columns) light on the creases of the flat sheet, about 1."""
    height = relief(mask.shape, *points, rng).astype(np.float32)
    rows, columns = height.shape
    # Slopes per sheet width, so that creases look the same at any sampling.
    across = 0.01 * light.direction[0] * (columns - 1) / (2 * _HEM_U)
    down = 0.01 * (light.direction[1] - 0.5) * (rows - 1) / (1 + 2 * _HEM_V)
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=1, scale=across)
    slope = slope + cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=1, scale=down)
    return np.asarray(np.clip(1 + slope, 0.6, 1.3) * np.float32(rng.uniform(0.9, 1.03)))


def _sheet_points(extent: tuple[float, float], density: float) -> tuple[Singles, Singles]:
    """U and v of a flat sheet's points for a sheet of that height and width in pixels."""
    rows, columns = (samples(side / 1.2, density) for side in extent)
    return _mesh(rows, columns)


@lru_cache(maxsize=64)
def _mesh(rows: int, columns: int) -> tuple[Singles, Singles]:
    """U and v of a flat sheet's points, a hem beyond its edges; (rows, columns) float32 each."""
    u = np.linspace(-_HEM_U, _HEM_U, columns, dtype=np.float32)
    v = np.linspace(-_HEM_V, 1 + _HEM_V, rows, dtype=np.float32)
    points = np.meshgrid(u, v)
    for array in points:
        array.setflags(write=False)
    return points[0], points[1]


def _composite(
    drawn: Singles,
    layer: Singles,
    light: Light,
    scale: float,
    rng: np.random.Generator,
) -> Singles:
    """Mask over face: contact shadow, the face's shading, the camera's blur, sharpening, grain.

    Args:
        drawn: (h, w, 3) BGR 0 to 1.
        layer: (h, w, 4) the mask's BGR times its share, and the share.
        light: the face's, (h, w) of this part.
        scale: pixels per face unit.
        rng: for the grain.
    """
    shadow = _shadow(layer[..., 3], light, scale)
    if light.blur > 0.4 and min(layer.shape[:2]) > 6:
        layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), light.blur), dtype=np.float32)
    alpha = layer[..., 3]
    lit = match_tone(layer[..., :3] * light.shading[..., None], alpha, light)
    drawn = np.asarray(drawn * ((1 - shadow) * (1 - alpha))[..., None] + lit)
    if light.sharpening > 0.05:
        drawn = _sharpen(drawn, alpha, light.sharpening)
    if light.grain > 0.004:
        drawn += (_noise(alpha.shape, light.grain, rng) * alpha)[..., None]
    return drawn


def _sharpen(drawn: Singles, alpha: Singles, amount: float) -> Singles:
    """Unsharp masking of the mask and a pixel or two around it, where its edge leaves a halo; the
    rest of the photo was sharpened already."""
    near = cv2.GaussianBlur(np.minimum(3 * alpha, 1), (0, 0), 1.0)
    detail = drawn - cv2.GaussianBlur(drawn, (0, 0), 1.0)
    return np.asarray(drawn + detail * (np.float32(amount) * near)[..., None], dtype=np.float32)


def _noise(shape: tuple[int, ...], strength: float, rng: np.random.Generator) -> Singles:
    """(h, w) noise a little wider than a pixel: cameras interpolate their pixels' colours."""
    # Sums of even noise are nearly normal, and bytes are quick to draw.
    white = rng.integers(0, 256, shape, dtype=np.uint8).astype(np.float32) - np.float32(127.5)
    # Its deviation is 256 / sqrt(12); a 3 x 3 Gaussian of sigma .5 leaves .64 of it.
    return np.asarray(cv2.GaussianBlur(white, (3, 3), 0.5) * np.float32(strength / 73.9 / 0.64))


def _shadow(alpha: Singles, light: Light, scale: float) -> Singles:
    """(h, w) share of light that the mask takes from the face: a soft shadow away from the light,
    and the dark line where fabric nearly touches skin (ambient occlusion)."""
    sigma = max(0.6, 0.035 * scale)
    shift = np.array([[1, 0, -light.direction[0] * sigma], [0, 1, sigma]], dtype=np.float64)
    moved = cv2.warpAffine(alpha, shift, alpha.shape[::-1])
    cast = cv2.GaussianBlur(moved, (0, 0), sigma)
    near = cv2.GaussianBlur(alpha, (0, 0), max(0.7, 0.5 * sigma))
    return np.asarray(np.minimum(0.34 * cast + 0.3 * near, 0.5), dtype=np.float32)
