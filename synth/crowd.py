"""Crowds, streets, queues and selfies put together from persons cut out of portraits."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import clip_xyxy
from data.exceptions import UsageError
from data.images import Image
from data.manifest import FaceRecord
from synth.layouts import LAYOUTS, log_uniform
from synth.people import Cutout
from synth.placing import Placed, describe, place_all, window
from synth.scene import Scene

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Air:
    """What one camera and one air do to everybody in a scene.

    Attributes:
        target: (3,) Lab (8 bit) that persons are pulled towards.
        pull: (3,) by which share.
        contrast: exponent of how far their contrast follows the background's.
        spread: standard deviation of the background's L.
        haze: (3,) BGR of the far distance.
        haziness: share of haze on the smallest face.
        focus: face height in pixels that is in focus.
        defocus: blur per doubling of the distance from it, in face heights.
    """

    target: Floats
    pull: Floats
    contrast: float
    spread: float
    haze: Floats
    haziness: float
    focus: float
    defocus: float


def compose_crowd(
    people: Sequence[tuple[Cutout, FaceRecord]],
    background: Image,
    rng: np.random.Generator,
    width: int,
    height: int,
    *,
    smallest: float,
    layout: str | None = None,
) -> Scene:
    """A scene of persons before a background; every face that is seen has a box.

    Persons are put from the front to the back: whoever would show less than MIN_SEEN of the face
    is moved, and left out where that doesn't help. Then they are drawn from the back to the front.

    Args:
        people: cut-outs with their records; far rows may show one twice.
        background: (H, W, 3) uint8 BGR of any size, without faces.
        rng: of everything random.
        width: of the scene, pixels.
        height: of the scene, pixels.
        smallest: height of the smallest face box, pixels.
        layout: a key of LAYOUTS; None draws one.

    Raises:
        UsageError: if the layout is unknown.
    """
    if layout is None:
        layout = str(rng.choice(list(LAYOUTS), p=[share for _, share in LAYOUTS.values()]))
    if layout not in LAYOUTS:
        raise UsageError(f"expected a layout among {', '.join(LAYOUTS)}, but got {layout!r}")
    canvas = _fit(background, width, height, rng)
    slots = LAYOUTS[layout][0](len(people), rng, width, height, smallest) if people else []
    placed = place_all(people, slots, rng, (height, width), smallest)
    air = _draw_air(canvas, placed, rng)
    image = _lay_ground(canvas.astype(np.float32), placed, rng)
    for person in reversed(placed):
        _draw(image, person, air)
    boxes = clip_xyxy(np.array([p.box for p in placed]).reshape(-1, 4), width, height)
    return Scene(_develop(image, rng), boxes, tuple(describe(p) for p in placed))


def _fit(background: Image, width: int, height: int, rng: np.random.Generator) -> Image:
    """A random part of the background that fills the scene."""
    h, w = background.shape[:2]
    factor = max(width / w, height / h)
    size = max(width, round(w * factor)), max(height, round(h * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    larger = cv2.resize(background, size, interpolation=method)
    left = int(rng.integers(size[0] - width + 1))
    top = int(rng.integers(size[1] - height + 1))
    return np.asarray(larger[top : top + height, left : left + width], dtype=np.uint8)


# Drawing: one light, one air, one camera.


def _draw_air(canvas: Image, placed: Sequence[Placed], rng: np.random.Generator) -> _Air:
    lab = cv2.cvtColor(
        cv2.resize(canvas, (48, 48), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2LAB
    )
    mean = lab.reshape(-1, 3).mean(0).astype(np.float64)
    people = np.array([_lab_of(p.cutout)[0] for p in placed]).reshape(-1, 3)
    # Halfway between the persons' own mean and the background's: faces are seldom as bright as
    # the sky behind them, and share their light with one another.
    target = mean if len(people) == 0 else (mean + people.mean(0)) / 2
    sizes = [p.cutout.face_height for p in placed] or [1.0]
    focus = log_uniform(rng, min(sizes), max(sizes)) if rng.random() < 0.4 else max(sizes)
    return _Air(
        target=target,
        pull=np.array([rng.uniform(0.25, 0.7), *([rng.uniform(0.3, 0.8)] * 2)]),
        contrast=float(rng.uniform(0.1, 0.5)),
        spread=float(lab[..., 0].std()),
        haze=np.asarray(canvas[: max(1, len(canvas) // 2)].mean((0, 1)), dtype=np.float64),
        haziness=float(rng.uniform(0, 0.28)) * float(rng.random() < 0.7),
        focus=focus,
        defocus=float(rng.choice([0.006, rng.uniform(0.01, 0.045)])),
    )


def _lay_ground(
    image: NDArray[np.float32], placed: Sequence[Placed], rng: np.random.Generator
) -> NDArray[np.float32]:
    """The picture with ground under whoever's feet it shows, and their shadows on it."""
    h, w = image.shape[:2]
    standing = [p for p in placed if p.legs and p.feet < h]
    if not standing:
        return image
    size = min(p.cutout.face_height for p in standing)
    first = int(np.clip(min(p.feet for p in standing) - 1.5 * size, 0, h - 2))
    tone = image[first:].mean((0, 1)).mean() * rng.uniform(0.7, 1.1) * rng.normal(1, 0.04, 3)
    share = np.linspace(0, 1, h - first, dtype=np.float32)[:, None, None]
    ground = (tone * (1.1 - 0.25 * share)).astype(np.float32) + np.zeros(
        (h - first, w, 3), np.float32
    )
    # Flecks and joints, longer across than away from the camera, coarser up close.
    for cells in (40, 10):
        grid = max(2, int(cells * (h - first) / w) * 3), cells
        flecks = rng.normal(0, 5, grid).astype(np.float32)
        wide = cv2.resize(flecks, (w, h - first), interpolation=cv2.INTER_CUBIC)
        ground += np.asarray(wide, np.float32)[..., None]
    edge = np.clip(share * (h - first) / max(2.0, 0.7 * size), 0, 1)
    image[first:] += (ground - image[first:]) * edge
    shadow = np.zeros((h, w), np.float32)
    for person in standing:
        own = person.cutout.face_height
        at = round(float(person.box[[0, 2]].mean())), round(person.feet - 0.1 * own)
        axes = max(1, round(1.6 * own)), max(1, round(0.3 * own))
        cv2.ellipse(shadow, at, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    shadow = np.asarray(cv2.GaussianBlur(shadow, (0, 0), max(0.5, 0.3 * size)), np.float32)
    return np.asarray(image * (1 - 0.45 * shadow[..., None]), dtype=np.float32)


def _lab_of(cutout: Cutout) -> tuple[Floats, float]:
    """Mean (3,) of a person's Lab (8 bit) and standard deviation of L, around the face."""
    x1, y1, x2, y2 = (max(0, int(v)) for v in cutout.box)
    part = cutout.image[y1 : max(y2, y1 + 2), x1 : max(x2, x1 + 2)]
    side = max(1, part.shape[0] // 24)
    lab = cv2.cvtColor(np.ascontiguousarray(part[::side, ::side]), cv2.COLOR_BGR2LAB)
    values = lab.reshape(-1, 3).astype(np.float64)
    return np.asarray(values.mean(0)), float(values[:, 0].std())


def _tone(person: Placed, air: _Air) -> Image:
    """The person's pixels with colour and contrast pulled towards the scene's (mean and spread in
    Lab, as Reinhard et al. 2001, by a share)."""
    mean, spread = _lab_of(person.cutout)
    shift = (air.target - mean) * air.pull
    shift = np.clip(shift, [-60, -14, -16], [45, 14, 16])
    ratio = (max(air.spread, 12.0) / max(spread, 12.0)) ** air.contrast
    gain = float(np.clip(ratio, 0.75, 1.25))
    level = np.arange(256, dtype=np.float64)
    tables = [(level - mean[0]) * gain + mean[0] + shift[0], level + shift[1], level + shift[2]]
    lookup = np.clip(np.stack(tables, -1) + 0.5, 0, 255).astype(np.uint8)[None]
    lab = cv2.LUT(cv2.cvtColor(person.cutout.image, cv2.COLOR_BGR2LAB), lookup)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), dtype=np.uint8)


def _draw(image: NDArray[np.float32], person: Placed, air: _Air) -> None:
    """Blend a person into the picture, in place."""
    rows, columns, own_rows, own_columns = window(person, image.shape)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    size = person.cutout.face_height
    colour = _tone(person, air).astype(np.float32)
    alpha = person.cutout.alpha
    distance = abs(float(np.log2(size / air.focus)))
    sigma = min(air.defocus * distance, 0.09) * size
    if sigma > 0.25:
        edge = cv2.BORDER_REPLICATE
        colour = np.asarray(cv2.GaussianBlur(colour, (0, 0), sigma), np.float32)
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma, borderType=edge), np.float32)
    haze = np.float32(air.haziness * np.clip(1 - size / air.focus, 0, 1))
    colour = colour * (1 - haze) + air.haze.astype(np.float32) * haze
    under = image[rows, columns]
    shade = cv2.blur(alpha, (2 * max(1, round(0.14 * size)) + 1,) * 2)
    under = under * (1 - 0.2 * shade[own_rows, own_columns, None])
    share = alpha[own_rows, own_columns, None]
    image[rows, columns] = under + (colour[own_rows, own_columns] - under) * share


def _develop(image: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """One blur and one grain over everything, so that sharpness agrees across outlines."""
    smooth = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 0.85)))
    grain = float(rng.uniform(0.5, 6.0))
    noise = rng.standard_normal(image.shape[:2], dtype=np.float32)[..., None]
    colour = rng.standard_normal(image.shape, dtype=np.float32)
    noisy = smooth + grain * (0.8 * noise + 0.4 * colour)
    return np.asarray(np.clip(noisy + 0.5, 0, 255), dtype=np.uint8)
