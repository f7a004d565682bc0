"""A painter's board: parts laid over each other on a canvas, each given by polygons, lines, or
strips between two curves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.face_model import Placement
from synth.occlusion.layer import Canvas, Floats, Layer

Points = NDArray[np.float64]
Window = tuple[slice, slice]  # rows, columns
_FADE = 0.35  # face units over which everything ends at the canvas's border
_SHIFT = 4  # binary digits of sub-pixel positions that OpenCV draws with


@dataclass(frozen=True, eq=False)
class Board:
    """What has been painted so far, in place.

    Attributes:
        canvas: where it lies.
        colour: (size, size, 3) float32 RGB times alpha.
        alpha: (size, size) float32 0 to 1.
    """

    canvas: Canvas
    colour: Floats
    alpha: Floats

    def over(self, colour: Floats, alpha: Floats, window: Window | None = None) -> None:
        """Lays (..., 3) colour with alpha of the window over what there is (Porter & Duff 1984).

        Without a window only the part where alpha isn't 0 is touched.
        """
        if window is None:
            window = bounds(alpha)
            alpha = alpha[window]
            colour = colour[window] if colour.ndim == 3 else colour
        free = 1 - alpha
        here = self.colour[window]
        here *= free[..., None]
        here += colour * alpha[..., None]
        rest = self.alpha[window]
        rest *= free
        rest += alpha

    def shade(self, light: Floats, window: Window) -> None:
        """Multiplies the colours in a window by (h, w) shares of light."""
        self.colour[window] *= light[..., None]

    def finish(self, shadow: float = 0.35) -> Layer:
        """The layer; it fades out at the canvas's border, where the body goes on."""
        rows, columns = window = bounds(self.alpha)
        edge = _border(self.canvas)
        alpha = self.alpha[window]
        colour = self.colour[window]
        colour /= np.maximum(alpha, 1e-4)[..., None]
        np.clip(colour, 0, 1, out=colour)
        np.clip(alpha, 0, 1, out=alpha)
        alpha *= np.minimum(edge[rows, None], edge[None, columns])
        return Layer(self.colour, self.alpha, shadow)


def empty_board(canvas: Canvas) -> Board:
    """A board with nothing on it."""
    size = canvas.size
    return Board(canvas, np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32))


Painter = Callable[[Canvas, np.random.Generator], Layer]
_SOFT = 64.0  # canvas pixels per face unit that cloth is painted with at least


def at_half(painter: Painter) -> Painter:
    """A painter of large, soft things that paints at down to half the canvas's size: faster."""

    @wraps(painter)
    def paint(canvas: Canvas, rng: np.random.Generator) -> Layer:
        factor = max(0.5, _SOFT / canvas.unit)
        if factor > 0.9:
            return painter(canvas, rng)
        size = round(canvas.size * factor)
        factor = size / canvas.size
        at = canvas.placement
        placement = Placement(
            at.scale * factor, at.rotation, at.offset * factor, at.residuals * factor
        )
        small = replace(canvas, size=size, unit=canvas.unit * factor, placement=placement)
        layer = painter(small, rng)
        full = (canvas.size, canvas.size)
        colour = cv2.resize(layer.colour, full, interpolation=cv2.INTER_LINEAR)
        alpha = cv2.resize(layer.alpha, full, interpolation=cv2.INTER_LINEAR)
        return replace(layer, colour=np.asarray(colour), alpha=np.asarray(alpha))

    return paint


def _border(canvas: Canvas) -> Floats:
    at = np.arange(canvas.size, dtype=np.float32)
    away = np.minimum(at, canvas.size - 1 - at) / np.float32(_FADE * canvas.unit)
    away = np.clip(away, 0, 1)
    return np.asarray(away * away * (3 - 2 * away), np.float32)


def bounds(alpha: Floats) -> Window:
    """Rows and columns where (H, W) alpha isn't 0; one pixel where it is 0 everywhere."""
    x, y, w, h = cv2.boundingRect((alpha > 0).astype(np.uint8))
    return slice(y, y + max(h, 1)), slice(x, x + max(w, 1))


def _fixed(points: Points) -> NDArray[np.int32]:
    """Pixel coordinates as OpenCV's fixed-point numbers, pixel centres at whole numbers."""
    return np.asarray(np.round((np.clip(points, -2e4, 2e4) - 0.5) * (1 << _SHIFT)), np.int32)


def fill(canvas: Canvas, *polygons: Points, soft: float = 0.0) -> Floats:
    """(size, size) share of each pixel inside any of the (N, 2) polygons in canvas pixels.

    `soft` is the standard deviation, in face units, of a blur of the edge.
    """
    mask = np.zeros((canvas.size, canvas.size), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [_fixed(polygon)], 255, cv2.LINE_AA, _SHIFT)
    return _blur(mask, soft * canvas.unit)


def draw_lines(canvas: Canvas, lines: list[Points], width: float, soft: float = 0.0) -> Floats:
    """(size, size) share of each pixel on (N, 2) polylines `width` face units wide."""
    mask = np.zeros((canvas.size, canvas.size), np.uint8)
    thick = max(1, round(width * canvas.unit))
    cv2.polylines(mask, [_fixed(x) for x in lines], False, 255, thick, cv2.LINE_AA, _SHIFT)
    alpha = _blur(mask, soft * canvas.unit)
    # No line is thinner than a pixel, so thinner ones let more through.
    return alpha * np.float32(min(1.0, width * canvas.unit / thick))


def _blur(mask: NDArray[np.uint8], sigma: float) -> Floats:
    if sigma > 4:  # wide blurs are as good at a quarter of the size
        small = cv2.resize(mask, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
        mask = np.asarray(cv2.resize(small, mask.shape[::-1]), np.uint8)
    elif sigma > 0.3:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.uint8)
    return mask.astype(np.float32) * np.float32(1 / 255)


def noise(u: Floats, v: Floats, rng: np.random.Generator, cells: float, stretch: float) -> Floats:
    """Smooth random field, about -1 to 1: `cells` bumps per unit of u, `cells * stretch` of v."""
    grid = rng.uniform(-1.3, 1.3, (32, 32)).astype(np.float32)
    x = (u * np.float32(cells) + 16).astype(np.float32)
    y = (v * np.float32(cells * stretch) + 16).astype(np.float32)
    x, y = (np.ascontiguousarray(a) for a in np.broadcast_arrays(x, y))
    field = cv2.remap(grid, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(field, np.float32)


def upright(canvas: Canvas, point: list[float], window: Window) -> tuple[Floats, Floats]:
    """x, y (h, w) in face units about the projection of a face point, turned with the head."""
    middle = canvas.project(np.array([point]))[0]
    rows = (np.arange(window[0].start, window[0].stop) + 0.5 - middle[1]) / canvas.unit
    columns = (np.arange(window[1].start, window[1].stop) + 0.5 - middle[0]) / canvas.unit
    c, s = np.float32(np.cos(canvas.turn)), np.float32(np.sin(canvas.turn))
    y, x = rows.astype(np.float32)[:, None], columns.astype(np.float32)[None]
    return x * c + y * s, y * c - x * s


def faces_camera(canvas: Canvas, side: int) -> bool:
    """Whether the head's left (-1) or right (1) side in the picture is seen."""
    towards = canvas.placement.rotation[2]
    return bool(side * towards[0] + 0.3 * towards[2] > 0)


def ring(
    canvas: Canvas, front: float, back: float, radius: tuple[float, float], middle: float
) -> tuple[Points, NDArray[np.float64]]:
    """The seen half of a ring about neck or head: (N, 2) canvas pixels and (N,) angles.

    Args:
        canvas: where it is drawn.
        front: height y of its front, face coordinates.
        back: height of its back.
        radius: half width and half depth, face units.
        middle: depth z of its centre.

    The angle is 0 before the face and grows to the right of the picture, radians.
    """
    towards = canvas.placement.rotation[2]
    angle = np.arctan2(towards[0], towards[2]) + np.linspace(-1.6, 1.6, 33)
    near = (1 + np.cos(angle)) / 2
    points = np.stack(
        [
            radius[0] * np.sin(angle),
            back + (front - back) * near,
            middle + radius[1] * np.cos(angle),
        ],
        axis=1,
    )
    return canvas.project(points), angle


@dataclass(frozen=True, eq=False)
class Strip:
    """A strip between two curves, read at the pixels of a window.

    Attributes:
        window: rows and columns.
        alpha: (h, w) float32 share of each pixel inside.
        u: (1, w) float32 along the curves.
        v: (h, w) float32 0 at the first curve, 1 at the second.
        side: (1, w) float32 -1 to 1 from the strip's one end to the other.
    """

    window: Window
    alpha: Floats
    u: Floats
    v: Floats
    side: Floats


def make_strip(
    canvas: Canvas, top: Points, bottom: Points, angle: NDArray[np.float64]
) -> Strip | None:
    """The strip between two (N, 2) curves that run from left to right; None outside the canvas."""
    left = max(0, int(np.floor(min(top[:, 0].min(), bottom[:, 0].min()))))
    right = min(canvas.size, int(np.ceil(max(top[:, 0].max(), bottom[:, 0].max()))))
    low = max(0, int(np.floor(min(top[:, 1].min(), bottom[:, 1].min()) - 1)))
    high = min(canvas.size, int(np.ceil(max(top[:, 1].max(), bottom[:, 1].max()) + 1)))
    if right - left < 2 or high - low < 2:
        return None
    x = np.arange(left, right) + 0.5
    y = (np.arange(low, high) + 0.5)[:, None]
    above, below = (
        np.interp(x, np.maximum.accumulate(c[:, 0]), c[:, 1])[None] for c in (top, bottom)
    )
    u = np.interp(x, np.maximum.accumulate((top[:, 0] + bottom[:, 0]) / 2), angle)[None]
    alpha = np.clip(y - above + 0.5, 0, 1) * np.clip(below - y + 0.5, 0, 1)
    alpha *= fill(canvas, np.vstack([top, bottom[::-1]]))[low:high, left:right] > 0
    v = (y - above) / np.maximum(below - above, 1.0)
    side = np.linspace(-1, 1, len(x))[None]
    window = (slice(low, high), slice(left, right))
    return Strip(window, *(np.asarray(a, np.float32) for a in (alpha, u, v, side)))
