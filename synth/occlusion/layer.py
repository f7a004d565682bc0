"""What lies before a face: painted on a small canvas of its own, then laid into the picture.

The canvas is square, centred on the face, `EXTENT` face units wide, and fine enough for edges to
come out as shares of pixels. Painters fill colour and alpha; light, shadow, blur and grain of the
photo are added when the layer is laid.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.face_model import Placement
from synth.light import Light, measure_light

Floats = NDArray[np.float32]

# Width of the canvas in face units (nose bridge to chin is one), and where its centre lies.
EXTENT = 4.4
CENTRE = np.array([0.0, 0.55, 0.0])
_SEEN = 1 / 512  # alpha that changes a pixel
_FINEST, _COARSEST = 200.0, 44.0  # canvas pixels per face unit


@dataclass(frozen=True, eq=False)
class Canvas:
    """Where painters paint.

    Attributes:
        size: pixels along each side.
        unit: canvas pixels per face unit.
        placement: of the face, in canvas pixels.
        turn: head roll in radians, clockwise in the picture.
        skin: (3,) RGB 0 to 1, median colour of the face's skin as photographed.
        light: of the face; painters give albedo, which is lit when the layer is laid.
    """

    size: int
    unit: float
    placement: Placement
    turn: float
    skin: NDArray[np.float64]
    light: Light

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 3) face coordinates to (N, 2) canvas pixels: what sits on the head."""
        return self.placement.project(points)

    def flat(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) face units in the picture's plane, about the mouth, upright whatever the head
        does, to (N, 2) canvas pixels: what is held before a face."""
        mouth = self.project(np.array([[0.0, 0.58, 0.0]]))[0]
        return np.asarray(mouth + points * self.unit)

    def grid(self) -> tuple[Floats, Floats]:
        """x, y (size, size) in the units of `flat` of each canvas pixel's centre."""
        mouth = self.project(np.array([[0.0, 0.58, 0.0]]))[0]
        at = np.arange(self.size, dtype=np.float32) + 0.5
        x, y = (at - mouth[0]) / self.unit, (at - mouth[1]) / self.unit
        return np.broadcast_arrays(x[None].astype(np.float32), y[:, None].astype(np.float32))  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Layer:
    """What a painter made.

    Attributes:
        colour: (size, size, 3) float32 RGB 0 to 1; meaningless where alpha is 0.
        alpha: (size, size) float32 0 to 1.
        shadow: darkness of the shadow that it casts, 0 to 1.
        lit: whether `colour` is photographed already (skin taken from the face) and must not be
            put under the face's exposure again.
    """

    colour: Floats
    alpha: Floats
    shadow: float = 0.35
    lit: bool = False


def make_canvas(image: Image, placement: Placement, box: NDArray[np.float64]) -> Canvas:
    """An empty canvas for a face of a (H, W, 3) uint8 BGR picture.

    Skin and light are measured on that picture: give it bare, or hands take the mask's colour.
    """
    unit = float(np.clip(placement.scale * (1.0 if placement.scale > 60 else 2.0), 0, _FINEST))
    unit = max(unit, _COARSEST)
    size = round(EXTENT * unit)
    factor = unit / placement.scale
    middle = placement.project(CENTRE[None])[0]
    moved = Placement(
        unit,
        placement.rotation,
        (placement.offset - middle) * factor + size / 2,
        placement.residuals * factor,
    )
    h, w = image.shape[:2]
    low = np.clip(np.floor(box[:2]), 0, [w - 2, h - 2]).astype(int)
    high = np.clip(np.ceil(box[2:]), low + 2, [w, h]).astype(int)
    region = image[low[1] : high[1], low[0] : high[0]]
    light = measure_light(region, box - [*low, *low])
    turn = float(np.arctan2(placement.rotation[1, 0], placement.rotation[0, 0]))
    return Canvas(size, unit, moved, turn, _skin(region), light)


def _skin(region: Image) -> NDArray[np.float64]:
    """(3,) RGB 0 to 1: median of the middle of the face."""
    h, w = region.shape[:2]
    middle = region[h // 4 : max(h // 4 + 1, 3 * h // 4), w // 4 : max(w // 4 + 1, 3 * w // 4)]
    return np.asarray(np.median(middle.reshape(-1, 3), axis=0)[::-1] / 255.0)


def lay(
    image: Image,
    canvas: Canvas,
    layer: Layer,
    placement: Placement,
    rng: np.random.Generator,
) -> Image:
    """A copy of the (H, W, 3) uint8 BGR picture with the layer before the face; the picture itself
    where nothing of the layer is seen."""
    x, y, width, height = cv2.boundingRect((layer.alpha > _SEEN).astype(np.uint8))
    # Shadows and blur reach beyond what is painted.
    pad = 0.25 * canvas.unit + 4
    factor = placement.scale / canvas.unit
    corner = placement.project(CENTRE[None])[0] - canvas.size * factor / 2
    first = np.maximum(np.array([x, y]) - pad, 0)
    last = np.minimum(np.array([x + width, y + height]) + pad, canvas.size)
    h, w = image.shape[:2]
    low = np.clip(np.floor(corner + first * factor), 0, [w, h]).astype(int)
    high = np.clip(np.ceil(corner + last * factor), 0, [w, h]).astype(int)
    if (high - low).min() < 2:
        return image
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    colour, alpha = _shrink(layer, factor, corner - low, size)
    result = image.copy()
    region = result[low[1] : high[1], low[0] : high[0]]
    region[:] = _composite(region, (colour, alpha), (canvas, layer), placement.scale, rng)
    return result


def _shrink(
    layer: Layer, factor: float, corner: NDArray[np.float64], size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Colour (BGR) and alpha at the picture's pixels: averaged, then moved by parts of a pixel."""
    packed = np.dstack([layer.colour[..., ::-1] * layer.alpha[..., None], layer.alpha])
    step = 1.0
    if factor < 1:
        side = max(1, round(len(packed) * factor))
        step = side / len(packed) / factor
        packed = cv2.resize(packed, (side, side), interpolation=cv2.INTER_AREA)
        factor = 1.0
    scale = factor / step
    matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
    moved: Floats = np.asarray(
        cv2.warpAffine(packed, matrix, size, flags=cv2.INTER_LINEAR), np.float32
    )
    alpha: Floats = np.clip(moved[..., 3], 0, 1)
    colour = moved[..., :3] / np.maximum(alpha, 1e-4)[..., None]
    return colour.astype(np.float32), alpha


def _composite(
    region: Image,
    painted: tuple[Floats, Floats],
    made: tuple[Canvas, Layer],
    scale: float,
    rng: np.random.Generator,
) -> Image:
    """The layer under the face's light and camera, over the picture."""
    (colour, alpha), (canvas, layer) = painted, made
    light = canvas.light
    if not layer.lit:
        grey = colour.mean(-1, keepdims=True)
        colour = grey + (colour - grey) * np.float32(light.saturation)
        colour = (colour * 0.96 + 0.02) * np.asarray(light.exposure * light.cast, np.float32)
    if light.blur > 0.4 and min(alpha.shape) > 6:
        packed = np.dstack([colour * alpha[..., None], alpha])
        packed = np.asarray(cv2.GaussianBlur(packed, (0, 0), light.blur), np.float32)
        alpha = packed[..., 3]
        colour = (packed[..., :3] / np.maximum(alpha, 1e-4)[..., None]).astype(np.float32)
    if light.grain > 0.004:
        colour = colour + rng.normal(0, light.grain, alpha.shape).astype(np.float32)[..., None]
    sigma = max(0.6, 0.05 * scale)
    shift = np.array([[1, 0, -light.direction[0] * sigma], [0, 1, sigma]])
    cast = cv2.GaussianBlur(cv2.warpAffine(alpha, shift, alpha.shape[::-1]), (0, 0), sigma)
    below = region.astype(np.float32) / 255 * (1 - layer.shadow * cast * (1 - alpha))[..., None]
    mixed = below + (colour - below) * alpha[..., None]
    return np.asarray(np.clip(mixed * 255 + 0.5, 0, 255), dtype=np.uint8)
