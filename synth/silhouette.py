"""Where a person is in a portrait: segmentation seeded by the face, and head and shoulders drawn by
rule."""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image

Floats = NDArray[np.float64]
Alpha = NDArray[np.float32]
Mask = NDArray[np.uint8]

# Longest side of the picture that is segmented; finer edges come from the guided filter.
_WORK_SIDE = 84
_ITERATIONS = 2
# What differs more than this from all colours of head and hair is neither; what borders on them
# with a step of this size is another thing (8-bit Lab; found by eye on 130 portraits of VGGFace2).
_UNLIKE, _STEP = 19.0, 16.0


def head_frame(
    shape: tuple[int, int], box: Floats, roll: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(H, W) float32 coordinates across and along the head, from the centre of the (4,) face box
    [x1, y1, x2, y2], in box widths and heights; `roll` in degrees, at most 45 of them count."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) + 0.5
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    angle = np.radians(np.clip(roll, -45, 45))
    sin, cos = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    return (x * cos + y * sin) / np.float32(size[0]), (y * cos - x * sin) / np.float32(size[1])


def _torso(shape: tuple[int, int], box: Floats, widen: float) -> NDArray[np.bool_]:
    """(H, W) neck and shoulders below the face, `widen` times as wide as usual."""
    a, b = head_frame(shape, box, 0.0)
    below = b - 0.5
    half = np.where(below < 0.2, 0.3, 0.3 + np.clip((below - 0.2) * 3.2, 0, 1.1))
    return np.asarray((below > -0.1) & (np.abs(a) < widen * half))


def segment(bare: Image, box: Floats, roll: float, added: int) -> tuple[Mask, bool]:
    """(h, w) uint8 0 or 1 at working size: the person by GrabCut (Rother, Kolmogorov & Blake 2004),
    and whether that may be a person and nothing else.

    Args:
        bare: (H, W, 3) uint8 BGR.
        box: (4,) face box [x1, y1, x2, y2] in pixels of `bare`.
        roll: of the head, degrees.
        added: how many rows on top are no photo.
    """
    height, width = bare.shape[:2]
    factor = min(1.0, _WORK_SIDE / max(height, width))
    size = max(8, round(width * factor)), max(8, round(height * factor))
    small = np.asarray(cv2.resize(bare, size, interpolation=cv2.INTER_AREA), np.uint8)
    box = box * (np.array([size[0] / width, size[1] / height] * 2))
    seeds = _seeds((size[1], size[0]), box, roll, round(added * factor))
    # Its k-means draws from OpenCV's own generator: the same start for the same photo.
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(small, seeds, (0, 0, 1, 1), *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # flat pictures have no colour model
        return np.zeros(seeds.shape, np.uint8), False
    mask = np.isin(seeds, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    whole = _connect(mask, box)
    person = _connect(whole & ~_strange(small, whole, box, roll), box)
    # Asked of the whole: where much was taken away, bits of it stay.
    return person, _is_plausible(person, box) and not _has_strays(small, whole, box, roll)


def _seeds(shape: tuple[int, int], box: Floats, roll: float, added: int) -> Mask:
    """GrabCut's start: the face is sure, head and shoulders are probable, the borders above the
    shoulders are background."""
    a, b = head_frame(shape, box, roll)
    seeds = np.full(shape, cv2.GC_PR_BGD, np.uint8)
    head = np.hypot(a / 0.68, (b + 0.13) / 0.82) < 1
    seeds[head | _torso(shape, box, 0.95)] = cv2.GC_PR_FGD
    seeds[(np.hypot(a / 1.1, (b + 0.25) / 1.15) > 1) & (b < 0.25)] = cv2.GC_BGD
    seeds[(np.abs(a) > 1.2 + np.clip((b - 0.6) * 1.5, 0, 0.6)) & (b < 1.6)] = cv2.GC_BGD
    shoulders = int(np.clip(box[3] - 0.1 * (box[3] - box[1]), 1, shape[0]))
    seeds[: max(1, added // 2)] = cv2.GC_BGD
    seeds[:shoulders, 0] = seeds[:shoulders, -1] = cv2.GC_BGD
    core = _torso(shape, box, 0.5) & (head_frame(shape, box, 0.0)[1] < 1.4)
    # The hair above the forehead is sure as well: dark hair before a dark wall is lost otherwise.
    seeds[core | (np.hypot(a / 0.5, (b + 0.12) / 0.64) < 1)] = cv2.GC_FGD
    return seeds


def _beside(shape: tuple[int, int], box: Floats, roll: float) -> NDArray[np.bool_]:
    """(H, W) around the head, where nothing but hair and headgear should be."""
    a, b = head_frame(shape, box, roll)
    return np.asarray((np.hypot(a / 0.6, (b + 0.13) / 0.74) > 1) & (b < 0.3))


def _core(shape: tuple[int, int], box: Floats, roll: float) -> NDArray[np.bool_]:
    """(H, W) face and hair."""
    a, b = head_frame(shape, box, roll)
    return np.asarray(np.hypot(a / 0.5, (b + 0.12) / 0.66) < 1)


def _strange(small: Image, mask: Mask, box: Floats, roll: float) -> Mask:
    """(h, w) 0 or 1: what the mask holds beside the head in colours unlike face, hair and
    headgear: GrabCut's one colour model also takes in what looks like the clothes."""
    a, b = head_frame(mask.shape, box, roll)
    asked = (mask > 0) & _beside(mask.shape, box, roll) & (np.abs(a) > 0.5) & (b < 0.2)
    known = (mask > 0) & _core(mask.shape, box, roll)
    strange = np.zeros(mask.shape, np.uint8)
    if not asked.any() or int(known.sum()) < 3:
        return strange
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (3, 3), 0), cv2.COLOR_BGR2LAB).astype(np.float32)
    # Hair is lit unevenly: lightness counts less, and places count a little.
    features = np.dstack([lab * np.array([0.6, 1, 1], np.float32), 4 * a, 4 * b])
    references = features[known]
    references = references[:: len(references) // 160 + 1]
    distances = np.linalg.norm(features[asked][:, None] - references[None], axis=2)
    nearest = min(2, len(references) - 1)
    strange[asked] = np.partition(distances, nearest, axis=1)[:, nearest] > _UNLIKE
    # The person's own contour is strange as well, half background as it is, but thin.
    square = np.ones((3, 3), np.uint8)
    parts = cv2.dilate(cv2.morphologyEx(strange, cv2.MORPH_OPEN, square), square)
    return np.asarray(parts * asked, dtype=np.uint8)


def _has_strays(small: Image, mask: Mask, box: Floats, roll: float) -> bool:
    """Whether a mask (h, w) seems to hold other things than the person: it reaches far beyond
    head and hair, or on one side only, or parts of it lie behind an edge in the picture."""
    a, b = head_frame(mask.shape, box, roll)
    area = float(np.prod(box[2:] - box[:2]))
    outside = (mask > 0) & (np.hypot(a / 0.82, (b + 0.2) / 0.92) > 1) & (b < 0.2)
    left, right = (float((outside & side).sum()) / area for side in (a < 0, a > 0))
    if left + right > 0.18 or abs(left - right) > 0.13:
        return True
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    steps = cv2.morphologyEx(lab, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)).max(2)
    calm = ((mask > 0) & (steps < _STEP)).astype(np.uint8)
    _, labels = cv2.connectedComponents(calm, connectivity=4)
    joined = np.isin(labels, labels[_core(mask.shape, box, roll)])
    apart = ((calm > 0) & ~joined & _beside(mask.shape, box, roll)).astype(np.uint8)
    apart = np.asarray(cv2.morphologyEx(apart, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)))
    return bool(float(apart.sum()) / area > 0.14 and left + right > 0.05)


def _connect(mask: Mask, box: Floats) -> Mask:
    """The connected part that holds the face, without threads, its holes filled."""
    h, w = mask.shape
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    _, labels = cv2.connectedComponents(mask, connectivity=4)
    x, y = ((box[:2] + box[2:]) / 2).astype(int)
    own = labels == labels[min(max(y, 0), h - 1), min(max(x, 0), w - 1)]
    person = (own & (mask > 0)).astype(np.uint8)
    # Background that no path of background joins to the border is a hole.
    outside = cv2.copyMakeBorder(1 - person, 1, 0, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, around = cv2.connectedComponents(outside, connectivity=4)
    return np.asarray(around[1:, 1:-1] != around[0, 0], dtype=np.uint8)


def _is_plausible(mask: Mask, box: Floats) -> bool:
    """Whether a mask (h, w) may be a head with hair on shoulders."""
    a, b = head_frame(mask.shape, box, 0.0)
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


def _share(mask: Mask, where: NDArray[np.bool_]) -> float:
    """Mean of the mask there; 0 where there is nothing."""
    return float(mask[where].mean()) if where.any() else 0.0


def refine(bare: Image, mask: Mask, box: Floats) -> Alpha:
    """(H, W) alpha, 0 to 1, at the size of the (H, W, 3) photo, whose edges follow those of the
    photo; from a mask at working size and the face box (4,) in pixels of the photo."""
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


def draw_silhouette(shape: tuple[int, int], box: Floats, roll: float) -> Alpha:
    """(H, W) alpha, 0 to 1: a soft head on shoulders, drawn by rule where no outline was found;
    face box (4,) in pixels, `roll` in degrees."""
    a, b = head_frame(shape, box, roll)
    head = (1 - np.hypot(a / 0.6, (b + 0.08) / 0.66)) * 8 + 0.5
    torso = cv2.GaussianBlur(
        _torso(shape, box, 0.9).astype(np.float32), (0, 0), 0.05 * float(box[3] - box[1]) + 0.3
    )
    return np.asarray(np.maximum(np.clip(head, 0, 1), torso), dtype=np.float32)
