"""What light and camera did to a face, measured on the face itself, for the mask to match."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.compression import measure_quality

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# Rec. 709 luma of BGR.
_LUMA = np.array([[0.0722, 0.7152, 0.2126]], dtype=np.float32)
# Albedo of light skin in the visible (about .35 to .6 by tone; Jones et al. 2015): a face that is
# darker than this either has darker skin or less light, which one picture can't tell apart, so
# its brightest spots decide.
_SKIN_ALBEDO = 0.58
# A white fabric (albedo .9) is at most so much brighter than the skin beside it.
_WHITE_TO_SKIN = 1.5
_WHITE_ALBEDO = 0.93
# Rows and columns whose statistics differ from those of all by about a grey level.
_ENOUGH = 40
# Above this share of its ceiling brightness is compressed, as cameras do.
_KNEE = 0.85


@dataclass(frozen=True, eq=False)
class Light:
    """Light and camera on one face.

    Attributes:
        exposure: pixel value, 0 to 1, that a white fabric gets.
        cast: (3,) BGR gains of the light's colour about 1.
        shading: (h, w) float32 of the region, light relative to the face's middle, about 1.
        direction: (2,) unit-less slope of the light to the right and down, about -1 to 1.
        grain: standard deviation of the sensor's noise, pixel values 0 to 1.
        blur: standard deviation of the camera's blur, pixels.
        sharpening: share of the finest detail that the camera added once more, 0 for none.
        quality: JPEG quality of the blocks around the face, 1 to 100; None where none show.
        saturation: 0 (black-and-white photo) to 1.
        ceiling: pixel value that nothing in the picture exceeds, 0 to 1.
        toning: 0 (colour photo) to 1 (black-and-white, sepia: colour follows from brightness).
        tone: (2, 3) BGR of a toned photo: offset, and gain on brightness.
    """

    exposure: float
    cast: Floats
    shading: Singles
    direction: Floats
    grain: float
    blur: float
    saturation: float
    ceiling: float = 1.0
    toning: float = 0.0
    tone: Singles | None = None
    sharpening: float = 0.0
    quality: int | None = None


def measure_light(
    region: Image,
    box: Floats,
    picture: Image | None = None,
    corner: tuple[int, int] = (0, 0),
) -> Light:
    """Light on a face.

    Args:
        region: (h, w, 3) uint8 BGR around the face, as large as the mask needs.
        box: (4,) the face box in the region's pixels; its inner part is measured.
        picture: (H, W, 3) uint8 BGR that the region is part of, for its highlights and tone; the
            region itself by default.
        corner: left, top of the region in the picture, pixels.
    """
    face = _inner(region, box)
    few, sampled = _thin(face), _thin(region if picture is None else picture)
    luma = _LUMA[0] @ few
    middle, bright = quantile(luma, 0.5), quantile(luma, 0.97)
    exposure = float(np.clip(max(middle / _SKIN_ALBEDO, 0.92 * bright), 0.08, 1.05))
    ceiling = _ceiling(_LUMA[0] @ sampled, middle, bright)
    toning, tone = _toning(sampled, few)
    shading = _shading(region, box, middle)
    detail = _luma(_middle(face, 64))
    blur, sharpening = _sharpness(detail)
    centre = (box[:2] + box[2:]) / 2 + corner
    return Light(
        exposure=min(exposure, ceiling / _WHITE_ALBEDO),
        cast=_cast(sampled),
        shading=shading,
        direction=_direction(shading),
        grain=_grain(detail),
        blur=blur,
        sharpening=sharpening,
        quality=measure_quality(region if picture is None else picture, (centre[0], centre[1])),
        saturation=_saturation(few),
        ceiling=ceiling,
        toning=toning,
        tone=tone,
    )


def neutral_light(region: Image) -> Light:
    """Even white light and a sharp, noiseless camera: a mask that takes nothing of its face."""
    return Light(
        exposure=0.9,
        cast=np.ones(3),
        shading=np.ones(region.shape[:2], np.float32),
        direction=np.zeros(2),
        grain=0.0,
        blur=0.35,
        saturation=1.0,
    )


def match_tone(colour: Singles, share: Singles, light: Light) -> Singles:
    """A mask's pixels within what the picture shows: not brighter than its highlights, and in the
    tone of a black-and-white or sepia photo.

    Args:
        colour: (h, w, 3) BGR 0 to 1, times `share`.
        share: (h, w) of the pixel that is mask, 0 to 1.
        light: of the face.
    """
    if light.toning > 0 and light.tone is not None:
        luma = cv2.transform(colour, _LUMA)[..., None]
        toned = light.tone[0] * share[..., None] + light.tone[1] * luma
        colour = np.asarray(colour + light.toning * (toned - colour), dtype=np.float32)
    # Against the brightest channel: hues stay.
    level = _largest(colour.transpose(2, 0, 1)) / np.maximum(
        np.float32(light.ceiling) * share, 1e-4
    )
    if float(level.max()) <= _KNEE:
        return colour
    room = np.float32(1 - _KNEE)
    over = np.maximum(level - np.float32(_KNEE), 0)
    # The shoulder of a film's curve: meets the straight part smoothly, never exceeds 1.
    soft = np.minimum(level, np.float32(_KNEE)) + room * (1 - np.exp(-over / room))
    return np.asarray(colour * (soft / np.maximum(level, 1e-4))[..., None], dtype=np.float32)


def quantile(values: Singles, share: float) -> float:
    """The value that this share of the others doesn't exceed, without numpy's interpolation and
    its cost."""
    flat = values.ravel()
    k = int(share * (len(flat) - 1) + 0.5)
    return float(np.partition(flat, k)[k])


def _thin(image: Image) -> Singles:
    """(3, N) BGR 0 to 1 of every n-th row and column: channels apart, which numpy is fast on."""
    h, w = image.shape[:2]
    few = image[:: max(1, h // _ENOUGH), :: max(1, w // _ENOUGH)]
    return np.multiply(few.reshape(-1, 3).T, 1 / 255, dtype=np.float32, order="C")


def _middle(image: Image, side: int) -> Image:
    """The middle, at most `side` px high and wide: fine detail can't be thinned out."""
    h, w = image.shape[:2]
    top, left = max(0, (h - side) // 2), max(0, (w - side) // 2)
    return image[top : top + side, left : left + side]


def _luma(image: Image) -> Singles:
    """(h, w) float32 0 to 1."""
    return np.asarray(cv2.transform(image.astype(np.float32), _LUMA / 255), dtype=np.float32)


def _inner(region: Image, box: Floats) -> Image:
    """The middle of the face: cheeks, nose, mouth; without hair and background."""
    h, w = region.shape[:2]
    x1, y1, x2, y2 = box
    dx, dy = 0.18 * (x2 - x1), 0.2 * (y2 - y1)
    left, top = int(np.clip(x1 + dx, 0, w - 2)), int(np.clip(y1 + dy, 0, h - 2))
    right = int(np.clip(x2 - dx, left + 2, w))
    bottom = int(np.clip(y2 - 0.1 * (y2 - y1), top + 2, h))
    return region[top:bottom, left:right]


def _ceiling(luma: Singles, middle: float, bright: float) -> float:
    """The picture's highlights; at least what a white thing beside this skin would have where
    nothing white is in the picture."""
    highlight = quantile(luma, 0.995)
    return float(np.clip(max(highlight, bright, _WHITE_TO_SKIN * middle), 0.1, 1.0))


def _largest(channels: Singles) -> Singles:
    """(...) the largest of (3, ...) channels: numpy's max is slow over a short axis."""
    return np.asarray(np.maximum(np.maximum(channels[0], channels[1]), channels[2]))


def _toning(bgr: Singles, face: Singles) -> tuple[float, Singles | None]:
    """How far the colours of a picture's (3, N) pixels follow from their brightness, and how: a
    line for each channel by least squares. (3, M) pixels of the face are asked too: skin in
    colour is off the line even where little else has colour."""
    luma = _LUMA[0] @ bgr
    spread = float(luma.std())
    if spread < 0.01:
        return 0.0, None
    mean = bgr.mean(1)
    gain = bgr @ (luma - luma.mean()) / np.float32(spread**2 * len(luma))
    offset = mean - gain * luma.mean()
    off, skin = (
        _largest(np.abs(p - offset[:, None] - gain[:, None] * (_LUMA[0] @ p))) for p in (bgr, face)
    )
    # Of 800 photos sepia ones lie at .05 to .16 of the spread, their skin at .07; colour above.
    ratio = max(quantile(off, 0.9), 2 * quantile(skin, 0.5)) / spread
    return float(np.clip((0.18 - ratio) / 0.04, 0, 1)), np.array([offset, gain], np.float32)


def _shading(region: Image, box: Floats, middle: float) -> Singles:
    """Low-pass luminance of the face, relative to its middle; features are blurred away."""
    sigma = max(1.0, 0.16 * float(box[3] - box[1]))
    h, w = region.shape[:2]
    # Blurring a smaller picture is the same at a fraction of the cost.
    shrink = float(np.clip(sigma / 2, 1, 8))
    size = max(2, round(w / shrink)), max(2, round(h / shrink))
    small = _luma(np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA)))
    smooth = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REFLECT)
    # Hair and background around the face say little about its light: compress them.
    ratio = np.clip(smooth / np.float32(max(middle, 0.02)), 0.45, 1.5) ** np.float32(0.75)
    return np.asarray(cv2.resize(ratio, (w, h), interpolation=cv2.INTER_LINEAR))


def _direction(shading: Singles) -> Floats:
    h, w = shading.shape
    rows, columns = shading.mean(1), shading.mean(0)
    right = columns[w // 2 :].mean() - columns[: max(1, w // 2)].mean()
    down = rows[h // 2 :].mean() - rows[: max(1, h // 2)].mean()
    return np.clip(np.array([right, down], dtype=np.float64) * 2.5, -1, 1)


def _cast(bgr: Singles) -> Floats:
    """Shades-of-grey estimate (Finlayson & Trezzi 2004, their p of 6: bright pixels count most)
    of the light's colour from (3, N) pixels, trusted by a half."""
    square = (bgr + np.float32(0.004)) ** 2
    mean = (square * square * square).mean(1).astype(np.float64) ** (1 / 6)
    gains = (mean / mean.mean()) ** 0.5
    return np.asarray(np.clip(gains, 0.85, 1.15))


def _grain(luma: Singles) -> float:
    """Noise by the mean absolute difference from the blurred picture (Immerkaer 1996 in spirit)
    in the flattest blocks of 6 px: features aren't noise. On small faces no block is flat, so the
    fewer there are the less they are trusted."""
    h, w = luma.shape[0] // 6, luma.shape[1] // 6
    if h * w < 6:
        return 0.0
    detail = np.abs(luma - cv2.GaussianBlur(luma, (0, 0), 1.0))[: h * 6, : w * 6]
    blocks = cv2.resize(detail, (w, h), interpolation=cv2.INTER_AREA)
    # Mean absolute value to standard deviation of what was taken away: sqrt(pi / 2) / .87.
    trust = min(1.0, h * w / 100)
    return float(min(0.05, 1.44 * trust * quantile(blocks, 0.1)))


def _sharpness(luma: Singles) -> tuple[float, float]:
    """Blur, px, and sharpening by re-blurring (Crete et al. 2007): what a second blur hardly
    changes was blurred; what a first one changes more than lenses leave was sharpened."""
    if min(luma.shape) < 8:
        return 0.5, 0.0
    once = cv2.GaussianBlur(luma, (0, 0), 1.0)
    twice = cv2.GaussianBlur(luma, (0, 0), 2.0)
    fine, coarse = np.abs(luma - once).mean(), np.abs(once - twice).mean()
    ratio = float(fine / max(coarse, 1e-6))
    # Of 355 halved photos half lie above 1.13 as they are, above 1.50 with all of their finest
    # detail added once more, above 1.71 with twice; a quarter above 1.30 of themselves. Small
    # faces are all detail: nothing is concluded from them.
    sharpening = float(np.interp(ratio, (1.3, 1.5, 1.72), (0.0, 0.5, 1.0)))
    trust = float(np.clip((min(luma.shape) - 16) / 32, 0, 1))
    return float(np.clip(1.7 - 1.6 * ratio, 0.35, 2.5)), sharpening * trust


def _saturation(face: Singles) -> float:
    """0 for a grey picture, 1 from the chroma of ordinary skin on; (3, N) pixels."""
    brightest = _largest(face)
    chroma = brightest + _largest(-face)
    # Relative to brightness: a dark photo isn't a grey one.
    level = max(0.1, quantile(brightest, 0.5))
    return float(np.clip(quantile(chroma, 0.5) / (0.13 * level), 0, 1))
