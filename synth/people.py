"""Persons cut out of portraits: head, hair, neck and shoulders with a soft outline."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.exceptions import ImageError, NoFacesError
from data.images import Image
from synth.face_model import Placement
from synth.silhouette import draw_silhouette, head_frame, refine, segment

Floats = NDArray[np.float64]
Alpha = NDArray[np.float32]

# Larger faces than this are of no use in a scene of 672 px.
_LARGEST_FACE = 256.0
# What is kept around the face box, in widths to the sides and heights up and down.
_BESIDE, _ABOVE, _BELOW = 1.9, 0.85, 1.7
# The crown lies this far above our face box, in box heights (the box starts mid-forehead;
# head to chin-brow proportions by Farkas 1994).
CROWN = 0.42


@dataclass(frozen=True, eq=False)
class Cutout:
    """A person without background.

    Attributes:
        image: (H, W, 3) uint8 BGR; beyond the outline the person's own colours go on, so that
            soft edges carry nothing of the old background.
        alpha: (H, W) float32, 0 to 1: how much of each pixel is person.
        box: (4,) float64 [x1, y1, x2, y2] the face box in pixels of `image`.
        clean: whether the outline was found; otherwise it is a head and shoulders drawn by rule,
            which holds at small sizes only.
    """

    image: Image
    alpha: Alpha
    box: Floats
    clean: bool = True

    @property
    def face_height(self) -> float:
        """Height of the face box in pixels."""
        return float(self.box[3] - self.box[1])


def cut_out(bare: Image, dressed: Image, box: Floats, placement: Placement | None = None) -> Cutout:
    """The person around a face.

    The outline is found on the bare photo by GrabCut (Rother, Kolmogorov & Blake 2004) seeded by
    the face box, refined by a guided filter (He, Sun & Tang 2010), and applied to the dressed
    one; what the dressing added outside the outline (straps, a mask that hangs) is kept.

    Args:
        bare: (H, W, 3) uint8 BGR.
        dressed: (H, W, 3) uint8 BGR, the same photo with masks and occluders.
        box: (4,) face box [x1, y1, x2, y2] in pixels.
        placement: of the face, where it is known: tilted heads are then sought tilted.

    Raises:
        ImageError: if the two photos differ in size.
        NoFacesError: if the box doesn't lie on the photo or is smaller than 4 px.
    """
    _check(bare, dressed, box)
    bare, dressed, box = _crop(bare, dressed, np.asarray(box, dtype=np.float64))
    bare, dressed, box, added = _raise_ceiling(bare, dressed, box)
    roll = 0.0 if placement is None else placement.angles[2]
    mask, clean = segment(bare, box, roll, added)
    alpha = refine(bare, mask, box) if clean else draw_silhouette(bare.shape[:2], box, roll)
    alpha = _cap(alpha, box, added)
    alpha = np.clip(np.maximum(alpha, _dressing(bare, dressed, box)), 0, 1)
    return Cutout(spread_colours(dressed, alpha), alpha, box, clean)


def _check(bare: Image, dressed: Image, box: Floats) -> None:
    if bare.shape != dressed.shape:
        raise ImageError(
            f"expected a dressed photo of shape {bare.shape}, but got {dressed.shape}; "
            "dress the photo that is cut"
        )
    h, w = bare.shape[:2]
    x1, y1, x2, y2 = (float(v) for v in box)
    inside = min(x2, w) - max(x1, 0) >= 4 and min(y2, h) - max(y1, 0) >= 4
    if not np.isfinite(box).all() or not inside:
        raise NoFacesError(
            f"expected a face box of 4 px or more on a {w} x {h} px photo, but got "
            f"{[x1, y1, x2, y2]}"
        )


def _crop(bare: Image, dressed: Image, box: Floats) -> tuple[Image, Image, Floats]:
    """The part of the photo that the person may fill, and not larger than scenes need."""
    h, w = bare.shape[:2]
    wide, high = box[2] - box[0], box[3] - box[1]
    reach = np.array([_BESIDE * wide, _ABOVE * high, _BESIDE * wide, _BELOW * high])
    wanted = box + reach * [-1, -1, 1, 1]
    # The outermost pixels of scans and frames often belong to a border.
    rim = np.array([min(3, w // 64), min(3, h // 64)])
    left, top = np.clip(np.floor(wanted[:2]), rim, [w - 1, h - 1]).astype(int)
    right, bottom = np.clip(np.ceil(wanted[2:]), 1, [w, h] - rim).astype(int)
    part = slice(top, bottom), slice(left, right)
    box = box - [left, top, left, top]
    bare, dressed = bare[part], dressed[part]
    factor = _LARGEST_FACE / high
    if factor >= 1:
        return bare, dressed, box
    size = max(2, round((right - left) * factor)), max(2, round((bottom - top) * factor))
    scale = np.array([size[0] / (right - left), size[1] / (bottom - top)])
    smaller = [cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in (bare, dressed)]
    return (
        np.asarray(smaller[0], np.uint8),
        np.asarray(smaller[1], np.uint8),
        box * [*scale, *scale],
    )


def _raise_ceiling(bare: Image, dressed: Image, box: Floats) -> tuple[Image, Image, Floats, int]:
    """Photos with their top rows drawn upward where the frame cuts the hair, and how many."""
    added = int(np.ceil((CROWN + 0.15) * (box[3] - box[1]) - box[1]))
    added = min(added, bare.shape[0] - 1)
    if added <= 0:
        return bare, dressed, box, 0
    taller = [
        cv2.copyMakeBorder(image, added, 0, 0, 0, cv2.BORDER_REPLICATE) for image in (bare, dressed)
    ]
    top, below = (np.asarray(image, np.uint8) for image in taller)
    return top, below, box + np.array([0, added, 0, added]), added


def _cap(alpha: Alpha, box: Floats, added: int) -> Alpha:
    """Alpha whose added rows on top hold no more than a dome over what the frame cut."""
    if added == 0:
        return alpha
    cut = np.flatnonzero(alpha[added] > 0.5)
    if len(cut) == 0:
        alpha[:added] = 0
        return alpha
    half = (cut[-1] + 1 - cut[0]) / 2
    centre = cut[0] + half
    crown = added - (box[1] - CROWN * (box[3] - box[1]))
    rise = float(np.clip(crown, 0.3 * half, max(0.3 * half, added - 1.0)))
    y = added - np.arange(added, dtype=np.float32)[:, None] - 0.5
    x = np.arange(alpha.shape[1], dtype=np.float32)[None] + 0.5
    radius = np.hypot((x - centre) / half, y / rise)
    dome = np.clip((1 - radius) * rise * 0.6 + 0.5, 0, 1)
    alpha[:added] = dome
    return alpha


def _dressing(bare: Image, dressed: Image, box: Floats) -> Alpha:
    """(H, W) where dressing changed the photo clearly: masks and straps beyond the outline.

    Only near the face: neighbours whose faces were blurred out in the dressed photo are no part
    of this person.
    """
    if dressed is bare:
        return np.zeros(bare.shape[:2], np.float32)
    change = cv2.absdiff(bare, dressed).max(2)
    a, b = head_frame((bare.shape[0], bare.shape[1]), box, 0.0)
    near = (np.abs(a) < 1.1) & (b > -0.9) & (b < 1.3)
    solid = cv2.morphologyEx(
        ((change > 24) & near).astype(np.float32), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)
    )
    return np.asarray(cv2.blur(solid, (3, 3)), dtype=np.float32)


def spread_colours(image: Image, weight: Alpha) -> Image:
    """The picture with colours of where `weight` is 1 spread to where it isn't, by a pyramid of
    weighted means (push-pull: Gortler et al. 1996)."""
    trusted = np.clip((weight - 0.9) * 10, 0, 1)[..., None]
    filled = _push_pull(image.astype(np.float32) * trusted, trusted)
    mixed = image * trusted + filled * (1 - trusted)
    return np.asarray(np.clip(mixed + 0.5, 0, 255), dtype=np.uint8)


def _push_pull(sums: Alpha, weight: Alpha) -> Alpha:
    """(H, W, 3) colour everywhere, of premultiplied sums (H, W, 3) and weights (H, W, 1)."""
    h, w = sums.shape[:2]
    if max(h, w) <= 2:
        total = max(float(weight.sum()), 1e-6)
        return np.broadcast_to(sums.sum((0, 1)) / total, sums.shape).astype(np.float32)
    half = (w + 1) // 2, (h + 1) // 2
    stacked = np.dstack([sums, weight])
    small = np.asarray(cv2.resize(stacked, half, interpolation=cv2.INTER_AREA), np.float32)
    coarse = cv2.resize(
        _push_pull(small[..., :3], small[..., 3:]), (w, h), interpolation=cv2.INTER_LINEAR
    )
    share = np.minimum(weight * 2, 1)
    own = sums / np.maximum(weight, 1e-6)
    return np.asarray(own * share + coarse * (1 - share), dtype=np.float32)


def resize_cutout(cutout: Cutout, factor: float) -> Cutout:
    """The person at `factor` times the size."""
    h, w = cutout.alpha.shape
    size = max(2, round(w * factor)), max(2, round(h * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    image = cv2.resize(cutout.image, size, interpolation=method)
    alpha = np.clip(cv2.resize(cutout.alpha, size, interpolation=method), 0, 1)
    box = cutout.box * ([size[0] / w, size[1] / h] * 2)
    return Cutout(np.asarray(image, np.uint8), np.asarray(alpha, np.float32), box, cutout.clean)


def mirror_cutout(cutout: Cutout) -> Cutout:
    """The person seen in a mirror."""
    width = cutout.alpha.shape[1]
    box = cutout.box[[2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    image, alpha = cutout.image[:, ::-1], cutout.alpha[:, ::-1]
    return Cutout(np.ascontiguousarray(image), np.ascontiguousarray(alpha), box, cutout.clean)
