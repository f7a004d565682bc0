"""Windows of the canvas, and painted patches that lie one over another."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from synth.occlusion.layer import Canvas, Floats, Layer

# Width in face units over which what leaves the canvas fades, so that no arm ends in a line.
_FADE = 0.2
_MARGIN = 0.14  # about each patch, for the shadow it casts on what lies below


@dataclass(frozen=True, eq=False)
class Window:
    """A part of the canvas.

    Attributes:
        rows, columns: where it lies.
        x, y: (1, w) and (h, 1) float32, face units about the mouth, of its pixels' centres.
        unit: canvas pixels per face unit.
    """

    rows: slice
    columns: slice
    x: Floats
    y: Floats
    unit: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.y.size, self.x.size


@dataclass(frozen=True, eq=False)
class Patch:
    """Something painted in a window.

    Attributes:
        window: where.
        colour: (h, w, 3) float32 RGB 0 to 1, as photographed.
        alpha: (h, w) float32 0 to 1.
        shadow: 0 to 1, how dark its shadow on the patches below is.
    """

    window: Window
    colour: Floats
    alpha: Floats
    shadow: float = 0.45


def find_window(canvas: Canvas, low: Sequence[float], high: Sequence[float]) -> Window:
    """The part of the canvas between two corners (x, y) in face units about the mouth, with a
    margin; at least 8 pixels wide, whatever lies beyond the canvas."""
    mouth = canvas.flat(np.zeros((1, 2)))[0]
    sides = []
    for axis in (0, 1):
        first = round(float(mouth[axis] + (low[axis] - _MARGIN) * canvas.unit))
        last = round(float(mouth[axis] + (high[axis] + _MARGIN) * canvas.unit))
        first = min(max(first, 0), canvas.size - 8)
        sides.append(slice(first, max(first + 8, min(last, canvas.size))))
    x, y = (
        ((np.arange(s.start, s.stop) + 0.5 - m) / canvas.unit).astype(np.float32)
        for s, m in zip(sides, mouth, strict=True)
    )
    return Window(sides[1], sides[0], x[None], y[:, None], canvas.unit)


def smooth_noise(window: Window, cell: float, rng: np.random.Generator) -> Floats:
    """(h, w) float32 random field about -1 to 1 with bumps about `cell` face units wide."""
    h, w = window.shape
    rows, columns = (max(3, round(n / window.unit / cell) + 2) for n in (h, w))
    grid = rng.normal(0, 0.5, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC))


def soften(field: Floats, sigma: float) -> Floats:
    """(h, w) float32 blurred by `sigma` pixels; wide blurs are made on a smaller copy."""
    step = int(max(1, sigma // 1.5))
    h, w = field.shape
    if step < 2 or min(h, w) < 4 * step:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), max(sigma, 0.3)))
    small = cv2.resize(field, (w // step, h // step), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR))


def shade(height: Floats, window: Window, canvas: Canvas, depth: float = 0.6) -> Floats:
    """(h, w) float32 brightness of a relief under the face's light, 1 where it faces the viewer.

    Lambert's law under a light above that leans to the side the face is lit from.

    Args:
        height: (h, w) face units towards the viewer.
        window: where it lies.
        canvas: whose light falls on it.
        depth: share of the light that comes from one direction.
    """
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=window.unit / 8)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=window.unit / 8)
    lean = np.clip(canvas.light.direction, -1, 1)
    to = np.array([0.9 * lean[0], 0.6 * lean[1] - 0.5, 0.9])
    to = to / np.linalg.norm(to)
    facing = (to[2] - dx * np.float32(to[0]) - dy * np.float32(to[1])) / np.sqrt(
        dx * dx + dy * dy + 1
    )
    lambert = np.clip(facing, 0, None) / np.float32(to[2])
    return np.asarray(np.float32(1 - depth) + np.float32(depth) * lambert, np.float32)


def photograph(canvas: Canvas, albedo: Floats) -> Floats:
    """RGB albedo (..., 3) as the face's light and camera show it, float32 0 to 1.

    Skin comes photographed from the face; what is painted beside it has to follow.
    """
    light = canvas.light
    grey = albedo.mean(-1, keepdims=True)
    colour = grey + (albedo - grey) * np.float32(light.saturation)
    colour = (colour * 0.96 + 0.02) * np.asarray(light.exposure * light.cast[::-1], np.float32)
    return np.asarray(np.clip(colour, 0, light.ceiling), np.float32)


def stack(canvas: Canvas, patches: Sequence[Patch], shadow: float = 0.4) -> Layer:
    """One layer of patches, the first at the bottom; each shades those below it."""
    colour = np.zeros((canvas.size, canvas.size, 3), np.float32)
    alpha = np.zeros((canvas.size, canvas.size), np.float32)
    for index, patch in enumerate(patches):
        at = patch.window.rows, patch.window.columns
        if index == 0:
            colour[at], alpha[at] = patch.colour, patch.alpha
            continue
        below, under = colour[at], alpha[at]
        cast = soften(patch.alpha, 0.05 * canvas.unit) * np.float32(patch.shadow)
        share = patch.alpha[..., None]
        lower = below * (1 - cast)[..., None]
        # Where nothing lies below, the edge keeps the patch's own colour.
        lower[under < 1e-3] = patch.colour[under < 1e-3]
        colour[at] = lower + (patch.colour - lower) * share
        alpha[at] = under + patch.alpha * (1 - under)
    fade = np.clip((np.arange(canvas.size) + 0.5) / (_FADE * canvas.unit), 0, 1)
    fade = np.minimum(fade, fade[::-1]).astype(np.float32)
    alpha *= fade[None] * fade[:, None]
    return Layer(colour, alpha, shadow, lit=True)
