"""Persons cut out of portraits: head, hair, neck and shoulders with a soft outline."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.exceptions import ImageError, NoFacesError
from data.images import Image
from synth.face_model import Placement

Floats = NDArray[np.float64]
Alpha = NDArray[np.float32]

# Longest side of the picture that is segmented; finer edges come from the guided filter.
_WORK_SIDE = 84
_ITERATIONS = 2
# Larger faces than this are of no use in a scene of 672 px.
_LARGEST_FACE = 256.0
# What is kept around the face box, in widths to the sides and heights up and down.
_BESIDE, _ABOVE, _BELOW = 1.9, 0.85, 1.7
# The crown lies this far above our face box, in box heights (the box starts mid-forehead;
# head to chin-brow proportions by Farkas 1994).
CROWN = 0.42
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
    mask = _segment(bare, box, roll, added)
    scale = np.array([mask.shape[1] / bare.shape[1], mask.shape[0] / bare.shape[0]] * 2)
    clean = _is_plausible(mask, box * scale)
    alpha = _refine(bare, mask, box) if clean else _silhouette(bare.shape[:2], box, roll)
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


def _head_frame(
    shape: tuple[int, int], box: Floats, roll: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(H, W) coordinates across and along the head, from the face box's centre, in box widths
    and heights."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) + 0.5
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    angle = np.radians(np.clip(roll, -45, 45))
    sin, cos = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    return (x * cos + y * sin) / np.float32(size[0]), (y * cos - x * sin) / np.float32(size[1])


def _torso(shape: tuple[int, int], box: Floats, widen: float) -> NDArray[np.bool_]:
    """(H, W) neck and shoulders below the face, `widen` times as wide as usual."""
    a, b = _head_frame(shape, box, 0.0)
    below = b - 0.5
    half = np.where(below < 0.2, 0.3, 0.3 + np.clip((below - 0.2) * 3.2, 0, 1.1))
    return np.asarray((below > -0.1) & (np.abs(a) < widen * half))


def _segment(bare: Image, box: Floats, roll: float, added: int) -> NDArray[np.uint8]:
    """(h, w) uint8 0 or 1 at working size: the person by GrabCut."""
    height, width = bare.shape[:2]
    factor = min(1.0, _WORK_SIDE / max(height, width))
    size = max(8, round(width * factor)), max(8, round(height * factor))
    small = cv2.resize(bare, size, interpolation=cv2.INTER_AREA)
    box = box * (np.array([size[0] / width, size[1] / height] * 2))
    seeds = _seeds((size[1], size[0]), box, roll, round(added * factor))
    # Its k-means draws from OpenCV's own generator: the same start for the same photo.
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(small, seeds, (0, 0, 1, 1), *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # flat pictures have no colour model
        return np.zeros(seeds.shape, np.uint8)
    mask = np.isin(seeds, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return _largest(np.asarray(opened, np.uint8), box)


def _seeds(shape: tuple[int, int], box: Floats, roll: float, added: int) -> NDArray[np.uint8]:
    """GrabCut's start: the face is sure, head and shoulders are probable, the borders above the
    shoulders are background."""
    a, b = _head_frame(shape, box, roll)
    seeds = np.full(shape, cv2.GC_PR_BGD, np.uint8)
    head = np.hypot(a / 0.68, (b + 0.13) / 0.82) < 1
    seeds[head | _torso(shape, box, 0.95)] = cv2.GC_PR_FGD
    seeds[(np.hypot(a / 1.1, (b + 0.25) / 1.15) > 1) & (b < 0.25)] = cv2.GC_BGD
    seeds[(np.abs(a) > 1.2 + np.clip((b - 0.6) * 1.5, 0, 0.6)) & (b < 1.6)] = cv2.GC_BGD
    shoulders = int(np.clip(box[3] - 0.1 * (box[3] - box[1]), 1, shape[0]))
    seeds[: max(1, added // 2)] = cv2.GC_BGD
    seeds[:shoulders, 0] = seeds[:shoulders, -1] = cv2.GC_BGD
    core = _torso(shape, box, 0.5) & (_head_frame(shape, box, 0.0)[1] < 1.4)
    # The hair above the forehead is sure as well: dark hair before a dark wall is lost otherwise.
    seeds[core | (np.hypot(a / 0.5, (b + 0.12) / 0.64) < 1)] = cv2.GC_FGD
    return seeds


def _largest(mask: NDArray[np.uint8], box: Floats) -> NDArray[np.uint8]:
    """The connected part that holds the face, its holes filled."""
    h, w = mask.shape
    _, labels = cv2.connectedComponents(mask, connectivity=4)
    x, y = ((box[:2] + box[2:]) / 2).astype(int)
    own = labels == labels[min(max(y, 0), h - 1), min(max(x, 0), w - 1)]
    person = (own & (mask > 0)).astype(np.uint8)
    # Background that no path of background joins to the border is a hole.
    outside = cv2.copyMakeBorder(1 - person, 1, 0, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, around = cv2.connectedComponents(outside, connectivity=4)
    return np.asarray(around[1:, 1:-1] != around[0, 0], dtype=np.uint8)


def _is_plausible(mask: NDArray[np.uint8], box: Floats) -> bool:
    """Whether a mask (at working size) may be a head with hair on shoulders."""
    a, b = _head_frame(mask.shape, box, 0.0)
    face_area = float(np.prod(box[2:] - box[:2]))
    head = np.hypot(a / 0.52, (b + 0.05) / 0.6) < 1
    beside = (np.abs(a) > 0.85) & (b > -0.75) & (b < 0.15)
    above = (b < -1.1) & (np.abs(a) < 0.8)
    upper = float(mask[b < 0.5].sum())
    return bool(
        _share(mask, head) > 0.9
        and _share(mask, beside) < 0.35
        and _share(mask, above) < 0.6
        and 0.9 < upper / face_area < 2.7
    )


def _share(mask: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Mean of the mask there; 0 where there is nothing."""
    return float(mask[where].mean()) if where.any() else 0.0


def _refine(bare: Image, mask: NDArray[np.uint8], box: Floats) -> Alpha:
    """(H, W) alpha at the photo's size whose edges follow those of the photo."""
    h, w = bare.shape[:2]
    rough = cv2.resize(mask.astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR)
    guide = cv2.cvtColor(bare, cv2.COLOR_BGR2GRAY) / np.float32(255)
    radius = max(1, round(0.045 * float(box[3] - box[1])))
    alpha = _guided(guide.astype(np.float32), np.asarray(rough, np.float32), radius, 1e-3)
    # Linear filters leave a veil far from the edge, and what lies at the edge is half background.
    return np.asarray(np.clip((alpha - 0.35) / 0.5, 0, 1), dtype=np.float32)


def _guided(guide: Alpha, values: Alpha, radius: int, epsilon: float) -> Alpha:
    """Guided filter (He, Sun & Tang 2010) of `values` by a grey guide, both (H, W) 0 to 1."""
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(array: Alpha) -> Alpha:
        return np.asarray(cv2.blur(array, size, borderType=cv2.BORDER_REFLECT_101), np.float32)

    mean_guide, mean_values = mean(guide), mean(values)
    variance = mean(guide * guide) - mean_guide**2
    slope = (mean(guide * values) - mean_guide * mean_values) / (variance + np.float32(epsilon))
    level = mean_values - slope * mean_guide
    return mean(slope) * guide + mean(level)


def _silhouette(shape: tuple[int, int], box: Floats, roll: float) -> Alpha:
    """(H, W) a soft head on shoulders, drawn by rule where no outline was found."""
    a, b = _head_frame(shape, box, roll)
    head = (1 - np.hypot(a / 0.6, (b + 0.08) / 0.66)) * 8 + 0.5
    torso = cv2.GaussianBlur(
        _torso(shape, box, 0.9).astype(np.float32), (0, 0), 0.05 * float(box[3] - box[1]) + 0.3
    )
    return np.asarray(np.maximum(np.clip(head, 0, 1), torso), dtype=np.float32)


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
    a, b = _head_frame((bare.shape[0], bare.shape[1]), box, 0.0)
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
