"""Bodies below portraits: shoulders, clothes and legs that the photo's frame cut off."""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.people import Cutout, spread_colours

Floats = NDArray[np.float64]
Alpha = NDArray[np.float32]

# Feet lie this many face heights below the chin: of a stature of 172 cm the head takes 23 and our
# box 16 (Farkas 1994), and shoulders with sleeves are about three boxes wide.
FEET = 9.2
# BGR of clothes where the photo shows none: dark blue, black, grey, khaki, white, red, denim,
# olive.
_CLOTHES = np.array(
    [
        *((70, 45, 35), (35, 32, 32), (110, 108, 105), (95, 125, 140)),
        *((215, 215, 212), (50, 45, 140), (125, 95, 70), (60, 70, 55)),
    ],
    dtype=np.float32,
)


def stand(cutout: Cutout, rng: np.random.Generator, length: float, *, legs: bool) -> Cutout:
    """The person with the body that the photo's frame cut off.

    Shoulders widen beyond the frame in the slope they have at it; the clothing goes on downward
    from its last rows, shaded as a rounded body with arms.

    Args:
        cutout: at the size at which it is shown.
        rng: of build, folds and clothes.
        length: rows wanted below the chin, pixels.
        legs: whether the figure ends at feet; otherwise it goes on.
    """
    face, wide = cutout.face_height, float(cutout.box[2] - cutout.box[0])
    bottom, right = cutout.alpha.shape
    centre, chin = float(cutout.box[0] + cutout.box[2]) / 2, float(cutout.box[3])
    if legs:
        length = min(length, (FEET + 0.1) * face)
    half = float(rng.uniform(1.25, 1.6)) * wide
    before = max(0, int(np.ceil(half - centre)) + 2)
    after = max(0, int(np.ceil(centre + half - right)) + 2)
    below = max(0, int(np.ceil(chin + length)) - bottom)
    pads = (0, below, before, after)
    alpha = cv2.copyMakeBorder(cutout.alpha, *pads, cv2.BORDER_CONSTANT, value=0.0)
    image = cv2.copyMakeBorder(cutout.image, *pads, cv2.BORDER_REPLICATE)
    box = cutout.box + np.array([before, 0, before, 0])
    # Nothing is drawn above the chin.
    first = int(np.clip(chin, 0, len(alpha)))
    y, x = np.mgrid[first : len(alpha), 0 : alpha.shape[1]].astype(np.float32)
    if y.size == 0:
        return Cutout(np.asarray(image, np.uint8), np.asarray(alpha), box, cutout.clean)
    x, y = x + 0.5 - np.float32(centre + before), y + 0.5
    sides = [
        _outline(a, c, chin=chin, face=face, half=half, rows=len(alpha))[first:]
        for a, c in ((cutout.alpha[:, ::-1], right - centre), (cutout.alpha, centre))
    ]
    reach = np.where(x < 0, sides[0][:, None], sides[1][:, None]).astype(np.float32)
    body = np.clip((reach - np.abs(x)) / max(1.0, 0.04 * face) + 0.5, 0, 1)
    u, down = np.abs(x) / np.maximum(reach, 1), (y - np.float32(chin)) / np.float32(face)
    if legs:
        body = np.minimum(body, _legs(x / np.float32(half), down, face))
    outside = np.maximum(y - bottom, np.maximum(-(x + centre), x + centre - right)) > 0
    colour = _clothe(cutout, rng, x, y)
    if legs:
        colour = _put_on_trousers(colour, u, down, rng)
    colour = colour * _shade(u, down, outside, face, rng)[..., None]
    alpha[first:] = np.where(outside, body, alpha[first:])
    image[first:] = np.where(outside[..., None], np.clip(colour, 0, 255), image[first:])
    return Cutout(np.asarray(image, np.uint8), np.asarray(alpha, np.float32), box, cutout.clean)


def _outline(
    alpha: Alpha, centre: float, *, chin: float, face: float, half: float, rows: int
) -> Floats:
    """(rows,) how far the body reaches to the right of the face's centre, where the photo doesn't
    show it; -1 above the shoulder."""
    bottom, right = alpha.shape
    first = int(np.clip(chin + 0.1 * face, 0, bottom - 1))
    touching = np.flatnonzero(alpha[first:, -1] > 0.5)
    if len(touching):
        start, at = first + int(touching[0]), right - centre
    else:
        ends = np.flatnonzero(alpha[-2:].max(0) > 0.5)
        start = max(bottom - 1, round(chin + 0.2 * face))
        at = float(np.clip(ends[-1] + 1 - centre if len(ends) else 0, 0.28 * face, None))
    y = np.arange(rows, dtype=np.float64)
    widest = max(at, half)
    drop = max(0.3 * face, 0.75 * (widest - at))
    reach = at + (widest - at) * (1 - (1 - np.clip((y - start) / drop, 0, 1)) ** 1.7)
    reach *= 1 - 0.1 * np.clip((y - chin) / face - 1, 0, 1)
    neck = (y >= bottom - 1) & (y < start)
    return np.where(y >= start, reach, np.where(neck, 0.28 * face, -1.0))


def _legs(x: Alpha, down: Alpha, face: float) -> Alpha:
    """(H, W) coverage of a standing figure below the chest; x in half shoulder widths."""
    softness = np.float32(0.04 + 0.6 / face)
    narrow = np.clip((down - 4.2) / 0.6, 0, 1)
    outer = 1 - 0.28 * narrow - 0.2 * np.clip((down - 4.8) / 4, 0, 1)
    inner = np.where(down > 4.6, 0.02 + 0.06 * np.clip((down - 4.6) / 4, 0, 1), -1)
    figure = np.minimum(outer - np.abs(x), np.abs(x) - inner) / softness + 0.5
    return np.asarray(np.clip(np.minimum(figure, (FEET - down) * 4), 0, 1), dtype=np.float32)


def _clothe(cutout: Cutout, rng: np.random.Generator, x: Alpha, y: Alpha) -> Alpha:
    """(H, W, 3) colour of clothing at x from the face's centre and y from the top, pixels."""
    face, chin = cutout.face_height, float(cutout.box[3])
    bottom, right = cutout.alpha.shape
    centre = float(cutout.box[0] + cutout.box[2]) / 2
    collar = int(np.clip(chin + 0.25 * face, 0, bottom))
    plain = _CLOTHES[int(rng.integers(len(_CLOTHES)))]
    if bottom - collar < max(2, 0.12 * face):
        if int((cutout.alpha[-2:].max(0) > 0.5).sum()) < 1.3 * (cutout.box[2] - cutout.box[0]):
            return _open_collar(cutout, plain, x, y)
        collar = bottom - max(1, int(0.06 * face))
    weight = cutout.alpha.copy()
    weight[:collar] = 0
    plate = spread_colours(cutout.image, weight)
    # The garment's colour: what lies at the sides of the last rows, away from tie and shirt.
    rows = slice(max(collar, bottom - max(2, int(0.25 * face))), bottom)
    aside = np.abs(np.arange(right) + 0.5 - centre)[None]
    solid = cutout.alpha[rows] > 0.9
    far = np.quantile(np.broadcast_to(aside, solid.shape)[solid], 0.6) if solid.any() else 0.0
    garment = plate[rows][solid & (aside >= far)]
    plain = _main_colour(garment) if len(garment) else plain
    depth = np.maximum(y - bottom, 0)
    beside = np.maximum(np.abs(x + centre - right / 2) - right / 2, 0)
    read = cv2.remap(
        plate,
        x / (1 + 0.15 * np.minimum(depth / face, 2)) + centre - 0.5,
        np.minimum(y - 0.5, bottom - 1 - np.minimum(0.3 * depth, 0.08 * face)),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    share = np.clip(np.hypot(depth, beside) / (float(rng.uniform(0.5, 1.6)) * face), 0, 1)
    share = (share * share * (3 - 2 * share))[..., None]
    return np.asarray(read * (1 - share) + plain * share, dtype=np.float32)


def _main_colour(pixels: Image) -> Alpha:
    """(3,) BGR of the larger part of (N, 3) pixels, light or dark: a mean of shirt and jacket
    would be neither."""
    luma = pixels.astype(np.float32).mean(1)
    light = luma > (luma.min() + luma.max()) / 2
    part = pixels[light] if 2 * int(light.sum()) > len(light) else pixels[~light]
    return np.asarray(np.median(part, axis=0), dtype=np.float32)


def _open_collar(cutout: Cutout, plain: Alpha, x: Alpha, y: Alpha) -> Alpha:
    """(H, W, 3) a neck in a plain garment, under a photo that ends at the chin."""
    face, box = cutout.face_height, np.maximum(cutout.box, 0)
    # The upper face: masks leave it free.
    upper = slice(int(box[1]), max(int(box[1] + 0.35 * face), int(box[1]) + 1))
    skin = cutout.image[upper, int(box[0]) : max(int(box[2]), int(box[0]) + 1)]
    neck = np.median(skin.reshape(-1, 3), axis=0) * 0.85
    middle = int(np.clip((box[0] + box[2]) / 2, 1, cutout.image.shape[1] - 1))
    last = cutout.image[-2:, middle - 1 : middle + 1].mean((0, 1))
    # A photo that ends in a collar or tie shows no skin below it.
    open_to = 0.3 if np.abs(last - neck).max() < 55 else 0.0
    edge = len(cutout.alpha) + face * (open_to - 0.5 * np.abs(x) / face)
    share = np.clip((y - edge) / max(1.0, 0.06 * face), 0, 1)[..., None]
    return np.asarray(neck * (1 - share) + plain * share, dtype=np.float32)


def _put_on_trousers(colour: Alpha, u: Alpha, down: Alpha, rng: np.random.Generator) -> Alpha:
    """The (H, W, 3) colours with trousers below the coat's hem, hands and shoes."""
    trousers = _CLOTHES[int(rng.integers(len(_CLOTHES)))] * np.float32(0.7)
    hem = float(rng.uniform(3.3, 5.5))
    hem_at = np.where(u > 0.7, max(hem, 4.4), hem)
    share = np.clip((down - hem_at) * 8, 0, 1)[..., None]
    shoes = np.clip((down - FEET + 0.35) * 6, 0, 1)[..., None]
    return np.asarray(colour * (1 - share) + trousers * share * (1 - 0.6 * shoes), np.float32)


def _shade(
    u: Alpha, down: Alpha, outside: NDArray[np.bool_], face: float, rng: np.random.Generator
) -> Alpha:
    """(H, W) light on a rounded body with arms and folds; u is 0 in the middle and 1 at the side,
    `down` face heights below the chin. It sets in softly beyond the photo."""
    h, w = u.shape
    slow, fast = (
        cv2.resize(
            rng.normal(0, 1, [max(2, int(s / (cell * face)) + 2) for s in (h, w)]).astype(
                np.float32
            ),
            (w, h),
            interpolation=cv2.INTER_CUBIC,
        )
        for cell in (0.5, 0.22)
    )
    # Creases run where smooth noise passes zero: thin, bent, of uneven depth.
    crease = np.exp(-((slow / 0.12) ** 2)) * np.clip(0.5 + fast, 0, 1)
    front = np.exp(-((u / 0.02) ** 2)) * float(rng.random() < 0.5)
    folds = 0.05 * slow + 0.035 * fast - 0.07 * crease - 0.2 * front
    arms = np.exp(-(((u - 0.7) / 0.05) ** 2)) * np.clip((down - 1.2) * 2, 0, 1) * (down < 4.4)
    light = 1 - 0.3 * np.minimum(u, 1.2) ** 3 - 0.25 * arms + folds
    light = light * (1 - 0.06 * np.clip(down - 1, 0, 5))
    onset = cv2.blur(outside.astype(np.float32), (2 * max(1, round(0.3 * face)) + 1,) * 2)
    return np.asarray(1 + (light - 1) * np.clip(2 * onset - 1, 0, 1), dtype=np.float32)
