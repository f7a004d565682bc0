"""A picture whose faces are known: cut, scaled, mirrored, put beside others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import area, clip_xyxy
from data.images import Image
from data.manifest import FaceRecord

Floats = NDArray[np.float64]

# Smaller faces carry no sign of a mask; they are blurred out instead of labelled.
MIN_FACE_HEIGHT = 6.0
# A face cut by the picture's edge counts while at least this share of its box is seen.
MIN_VISIBLE = 0.5
_NO_BOXES = np.zeros((0, 4))


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, what is known of each face, and their boxes.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) float64 [x1, y1, x2, y2] pixels.
        records: N records; `box` and `face_height` in them are set when the scene is finished.
        blurred: number of faces that were blurred out.
    """

    image: Image
    boxes: Floats
    records: tuple[FaceRecord, ...]
    blurred: int = 0


def blur_out(image: Image, box: Floats, keep: Floats = _NO_BOXES) -> Image:
    """The picture with what is in the box made unrecognisable, without a visible edge.

    What lies in one of the (N, 4) boxes `keep` is left as it is: those faces are labelled.
    """
    h, w = image.shape[:2]
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * 0.7
    low = np.clip(np.floor(centre - half), 0, [w, h]).astype(int)
    high = np.clip(np.ceil(centre + half), 0, [w, h]).astype(int)
    if (high - low).min() < 2:
        return image
    result = image.copy()
    region = result[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    rows, columns = region.shape[:2]
    smooth = cv2.GaussianBlur(region, (0, 0), max(1.5, float(half.mean()) * 0.55))
    # Centred on the box, not on what the picture shows of it: a cut face goes up to the edge.
    y = ((np.arange(rows) + 0.5 + low[1] - centre[1]) / half[1])[:, None]
    x = ((np.arange(columns) + 0.5 + low[0] - centre[0]) / half[0])[None]
    share = np.clip((1 - np.hypot(x, y)) * 4, 0, 1).astype(np.float32)[..., None]
    for x1, y1, x2, y2 in (keep - [*low, *low]).round().astype(int):
        share[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)] = 0
    mixed = region * (1 - share) + smooth * share
    result[low[1] : high[1], low[0] : high[0]] = (mixed + 0.5).astype(np.uint8)
    return result


def crop(scene: Scene, window: tuple[int, int, int, int]) -> Scene:
    """The part of a scene in (left, top, right, bottom) pixels; faces cut too much are blurred."""
    left, top, right, bottom = window
    moved = scene.boxes - np.array([left, top, left, top])
    cut = clip_xyxy(moved, right - left, bottom - top)
    seen = area(cut) / np.maximum(area(moved), 1e-9)
    image = scene.image[top:bottom, left:right]
    lost = [box for box, share in zip(cut, seen, strict=True) if 0 < share < MIN_VISIBLE]
    keep = seen >= MIN_VISIBLE
    for box in lost:
        image = blur_out(image, box, cut[keep])
    records = tuple(r for r, k in zip(scene.records, keep, strict=True) if k)
    return Scene(image, cut[keep], records, scene.blurred + len(lost))


def resize(scene: Scene, width: int, height: int, smallest: float = MIN_FACE_HEIGHT) -> Scene:
    """A scene at another size; faces lower than `smallest` px then are blurred out."""
    h, w = scene.image.shape[:2]
    factor = np.array([width / w, height / h, width / w, height / h])
    method = cv2.INTER_AREA if width < w else cv2.INTER_LINEAR
    image = cv2.resize(scene.image, (width, height), interpolation=method)
    boxes = scene.boxes * factor
    small = (boxes[:, 3] - boxes[:, 1]) < smallest
    result = np.asarray(image, dtype=np.uint8)
    for box in boxes[small]:
        result = blur_out(result, box, boxes[~small])
    records = tuple(r for r, s in zip(scene.records, small, strict=True) if not s)
    return Scene(result, boxes[~small], records, scene.blurred + int(small.sum()))


def flip(scene: Scene) -> Scene:
    """A scene seen in a mirror."""
    width = scene.image.shape[1]
    boxes = scene.boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    records = tuple(
        replace(
            r,
            yaw=None if r.yaw is None else -r.yaw,
            roll=None if r.roll is None else -r.roll,
        )
        for r in scene.records
    )
    return Scene(np.ascontiguousarray(scene.image[:, ::-1]), boxes, records, scene.blurred)


def frame(scene: Scene, rng: np.random.Generator, smallest: float = MIN_FACE_HEIGHT) -> Scene:
    """A scene as some camera would have framed it: a random part, size and side."""
    h, w = scene.image.shape[:2]
    if rng.random() < 0.5 and min(h, w) > 160:
        window = _window_around_face(scene, rng)
    else:
        window = (0, 0, w, h)
    return _at_some_size(crop(scene, window), rng, smallest)


def close_up(scene: Scene, rng: np.random.Generator, smallest: float = MIN_FACE_HEIGHT) -> Scene:
    """A scene framed as at a door or in a selfie: its tallest face fills .35 to .9 of the height.

    A scene without faces is framed as any other.
    """
    if not len(scene.boxes):
        return frame(scene, rng, smallest)
    h, w = scene.image.shape[:2]
    x1, y1, x2, y2 = scene.boxes[int(np.argmax(scene.boxes[:, 3] - scene.boxes[:, 1]))]
    height = (y2 - y1) / float(rng.uniform(0.35, 0.9))
    width = max(height * float(rng.uniform(0.7, 1.4)), (x2 - x1) * 1.05)
    rows, columns = min(h, round(height)), min(w, round(width))
    left, top = _place(rng, x1, x2, columns, w), _place(rng, y1, y2, rows, h)
    return _at_some_size(crop(scene, (left, top, left + columns, top + rows)), rng, smallest)


def _at_some_size(scene: Scene, rng: np.random.Generator, smallest: float) -> Scene:
    """At a random size, from either side. Log-uniform: as many pictures twice as small as twice
    as large."""
    h, w = scene.image.shape[:2]
    side = float(np.exp(rng.uniform(np.log(288), np.log(672))))
    factor = min(side / max(h, w), 2.0)
    scene = resize(scene, max(32, round(w * factor)), max(32, round(h * factor)), smallest)
    return flip(scene) if rng.random() < 0.5 else scene


def _window_around_face(scene: Scene, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A random part of the picture, of a third of its area or more, that holds some face whole."""
    h, w = scene.image.shape[:2]
    width, height = (round(side * float(rng.uniform(0.55, 1.0))) for side in (w, h))
    if len(scene.boxes):
        x1, y1, x2, y2 = scene.boxes[int(rng.integers(len(scene.boxes)))]
    else:
        x1 = x2 = w / 2
        y1 = y2 = h / 2
    left = _place(rng, x1, x2, width, w)
    top = _place(rng, y1, y2, height, h)
    return left, top, left + width, top + height


def _place(rng: np.random.Generator, low: float, high: float, length: int, size: int) -> int:
    """Start of an interval of `length` inside 0 to `size` that holds `low` to `high` if it can."""
    first = float(np.clip(high - length, 0, size - length))
    last = float(np.clip(low, first, size - length))
    return int(rng.uniform(first, last + 1e-9))


def gallery(
    scenes: Sequence[Scene],
    grid: tuple[int, int],
    width: int,
    height: int,
    smallest: float = MIN_FACE_HEIGHT,
) -> Scene:
    """Several portraits side by side in a grid, each cut to fill its cell, as in a video call."""
    rows, columns = grid
    canvas = np.zeros((height, width, 3), np.uint8)
    x = np.linspace(0, width, columns + 1).round().astype(int)
    y = np.linspace(0, height, rows + 1).round().astype(int)
    boxes: list[Floats] = []
    records: list[FaceRecord] = []
    blurred = 0
    for index, scene in enumerate(scenes[: rows * columns]):
        i, j = divmod(index, columns)
        cell = _fill(scene, int(x[j + 1] - x[j]), int(y[i + 1] - y[i]), smallest)
        canvas[y[i] : y[i + 1], x[j] : x[j + 1]] = cell.image
        boxes.append(cell.boxes + np.array([x[j], y[i], x[j], y[i]]))
        records.extend(cell.records)
        blurred += cell.blurred
    return Scene(canvas, np.concatenate(boxes), tuple(records), blurred)


def _fill(scene: Scene, width: int, height: int, smallest: float) -> Scene:
    """The largest part of that shape around the first face, at that size."""
    h, w = scene.image.shape[:2]
    factor = min(w / width, h / height)
    cut_w, cut_h = min(w, round(width * factor)), min(h, round(height * factor))
    if len(scene.boxes):
        centre = (scene.boxes[0, :2] + scene.boxes[0, 2:]) / 2
    else:
        centre = np.array([w / 2, h / 2])
    left = int(np.clip(centre[0] - cut_w / 2, 0, w - cut_w))
    top = int(np.clip(centre[1] - cut_h / 2, 0, h - cut_h))
    return resize(crop(scene, (left, top, left + cut_w, top + cut_h)), width, height, smallest)


def finish(scene: Scene) -> list[FaceRecord]:
    """The records with their final boxes, hundredths of pixels."""
    return [
        replace(
            record,
            box=[round(float(v), 2) for v in box],
            face_height=round(float(box[3] - box[1]), 2),
        )
        for record, box in zip(scene.records, scene.boxes, strict=True)
    ]
