"""What light and camera did to a face, measured on the face itself, for the mask to match."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image

Floats = NDArray[np.float64]

# Rec. 709 luma of BGR.
_LUMA = np.array([0.0722, 0.7152, 0.2126])
# Albedo of light skin in the visible (about .35 to .6 by tone; Jones et al. 2015): a face that is
# darker than this either has darker skin or less light, which one picture can't tell apart, so
# its brightest spots decide.
_SKIN_ALBEDO = 0.58


@dataclass(frozen=True, eq=False)
class Light:
    """Light and camera on one face.

    Attributes:
        exposure: pixel value, 0 to 1, that a white fabric gets.
        cast: (3,) BGR gains of the light's colour about 1.
        shading: (h, w) float64 of the region, light relative to the face's middle, about 1.
        direction: (2,) unit-less slope of the light to the right and down, about -1 to 1.
        grain: standard deviation of the sensor's noise, pixel values 0 to 1.
        blur: standard deviation of the camera's blur, pixels.
        saturation: 0 (black-and-white photo) to 1.
    """

    exposure: float
    cast: Floats
    shading: Floats
    direction: Floats
    grain: float
    blur: float
    saturation: float


def measure_light(region: Image, box: Floats) -> Light:
    """Light on a face.

    Args:
        region: (h, w, 3) uint8 BGR around the face, as large as the mask needs.
        box: (4,) the face box in the region's pixels; its inner part is measured.
    """
    face = _inner(region, box).astype(np.float64) / 255
    luma = face @ _LUMA
    middle, bright = float(np.median(luma)), float(np.percentile(luma, 97))
    exposure = float(np.clip(max(middle / _SKIN_ALBEDO, 0.92 * bright), 0.08, 1.05))
    shading = _shading(region, box, middle)
    return Light(
        exposure=exposure,
        cast=_cast(region),
        shading=shading,
        direction=_direction(shading),
        grain=_grain(luma),
        blur=_blur(luma),
        saturation=_saturation(face),
    )


def neutral_light(region: Image) -> Light:
    """Even white light and a sharp, noiseless camera: a mask that takes nothing of its face."""
    return Light(
        exposure=0.9,
        cast=np.ones(3),
        shading=np.ones(region.shape[:2]),
        direction=np.zeros(2),
        grain=0.0,
        blur=0.35,
        saturation=1.0,
    )


def _inner(region: Image, box: Floats) -> Image:
    """The middle of the face: cheeks, nose, mouth; without hair and background."""
    h, w = region.shape[:2]
    x1, y1, x2, y2 = box
    dx, dy = 0.18 * (x2 - x1), 0.2 * (y2 - y1)
    left, top = int(np.clip(x1 + dx, 0, w - 2)), int(np.clip(y1 + dy, 0, h - 2))
    right = int(np.clip(x2 - dx, left + 2, w))
    bottom = int(np.clip(y2 - 0.1 * (y2 - y1), top + 2, h))
    return region[top:bottom, left:right]


def _shading(region: Image, box: Floats, middle: float) -> Floats:
    """Low-pass luminance of the face, relative to its middle; features are blurred away."""
    sigma = max(1.0, 0.16 * float(box[3] - box[1]))
    luma = (region.astype(np.float32) / 255) @ _LUMA.astype(np.float32)
    h, w = luma.shape
    # Blurring a quarter-size picture is the same at a sixteenth of the cost.
    small = cv2.resize(luma, (max(2, w // 4), max(2, h // 4)), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), max(0.5, sigma / 4), borderType=cv2.BORDER_REFLECT)
    smooth = cv2.resize(smooth, (w, h), interpolation=cv2.INTER_LINEAR)
    ratio = smooth.astype(np.float64) / max(middle, 0.02)
    # Hair and background around the face say little about its light: compress them.
    return np.asarray(np.clip(ratio, 0.45, 1.5) ** 0.75)


def _direction(shading: Floats) -> Floats:
    h, w = shading.shape
    rows, columns = shading.mean(1), shading.mean(0)
    right = columns[w // 2 :].mean() - columns[: max(1, w // 2)].mean()
    down = rows[h // 2 :].mean() - rows[: max(1, h // 2)].mean()
    return np.clip(np.array([right, down]) * 2.5, -1, 1)


def _cast(region: Image) -> Floats:
    """Grey-world estimate (Buchsbaum 1980) of the light's colour, trusted by a third."""
    mean = region.reshape(-1, 3).mean(0) + 1
    gains = (mean / mean.mean()) ** 0.33
    return np.asarray(np.clip(gains, 0.85, 1.15))


def _grain(luma: Floats) -> float:
    """Noise by the median absolute Laplacian-like difference (Immerkaer 1996 in spirit: the
    median makes it blind to edges)."""
    if min(luma.shape) < 8:
        return 0.0
    detail = luma - cv2.GaussianBlur(luma, (0, 0), 1.0)
    return float(min(0.06, 1.1 * np.median(np.abs(detail))))


def _blur(luma: Floats) -> float:
    """Blur by re-blurring (Crete et al. 2007): what a second blur hardly changes was blurred."""
    if min(luma.shape) < 8:
        return 0.5
    once = cv2.GaussianBlur(luma, (0, 0), 1.0)
    twice = cv2.GaussianBlur(luma, (0, 0), 2.0)
    fine, coarse = np.abs(luma - once).mean(), np.abs(once - twice).mean()
    return float(np.clip(1.7 - 1.6 * fine / max(coarse, 1e-6), 0.35, 2.5))


def _saturation(face: Floats) -> float:
    """0 for a grey picture, 1 from the chroma of ordinary skin on."""
    chroma = face.max(-1) - face.min(-1)
    return float(np.clip(np.median(chroma) / 0.08, 0, 1))
