"""Crops of faces from labelled sets, brought to one size, so that two sources can be compared.

Every crop goes the same way: a square around the face, resized to 64 px, JPEG at quality 90. What
the sets' own cameras and encoders did before that stays in them.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Boxes
from data.dataset import Sample, find_samples, read_labels
from data.exceptions import DatasetError, ImageError
from data.images import Image, decode_image, encode_image, read_image
from data.labels import Label
from data.manifest import MANIFEST, PictureRecord, read_manifest

SIDE = 64  # px of a crop
MIN_HEIGHT = 24.0  # px: below, faces show too little of a mask's fabric
_CONTEXT = 1.3  # side of the square, as a share of the box's longer side
_JITTER = 0.06  # s.d. of the square's size and place: sets draw their boxes by other conventions
_QUALITY = 90
# One crowd must not stand for its whole set.
_MOST_PER_PICTURE = 6
# Largest ratio of the heights of two faces that are matched.
_TOLERANCE = 1.08


@dataclass(frozen=True, eq=False)
class Crop:
    """One face.

    Attributes:
        image: (64, 64, 3) uint8 BGR.
        label: class of the face.
        height: of its box in the picture that it is from, px.
        group: who or which picture it is of; crops of one group are never told apart in training
            and testing.
    """

    image: Image
    label: Label
    height: float
    group: str


def collect_crops(root: Path, rng: np.random.Generator, split: str = "all") -> list[Crop]:
    """Crops of every face of a set that is at least 24 px high, at most 6 a picture.

    Faces of generated sets with something drawn before them that is no mask are left out, the
    control's bare faces above all.

    Args:
        root: a data set's folder (data.dataset).
        rng: moves and scales the squares a little, and picks the faces of crowds.
        split: "train", "val" or "all".

    Raises:
        DatasetError: if the folder is no data set, or has no such split.
        AnnotationError: if a label file is broken.
    """
    records = _records(root)
    crops: list[Crop] = []
    for sample in find_samples(root, split):
        try:
            image = read_image(sample.image)
        except ImageError:
            continue  # check reports them; here one face more or less says nothing
        boxes = read_labels(sample.label, image.shape[1], image.shape[0])
        crops += _crops_of(image, boxes, _groups(sample, root, boxes, records), rng)
    return crops


def default_split(root: Path) -> str:
    """The split that real crops are taken from: "train" where the set has one, else "all"."""
    return "train" if any(s.split == "train" for s in find_samples(root)) else "all"


def _records(root: Path) -> dict[str, PictureRecord]:
    """Manifest lines of a generated set by picture; empty for sets from elsewhere."""
    if not (root / MANIFEST).is_file():
        return {}
    return {record.file: record for record in read_manifest(root)}


def _groups(
    sample: Sample, root: Path, boxes: Boxes, records: dict[str, PictureRecord]
) -> list[str | None]:
    """For each box the person that the manifest names, else the picture; None where something is
    drawn before the face."""
    name = sample.image.relative_to(root).as_posix() if root in sample.image.parents else ""
    record = records.get(name)
    if record is None or len(record.boxes) != len(boxes):
        return [f"{root.name}/{sample.image.name}"] * len(boxes)
    return [None if f.occluders else f.identity or record.identity for f in record.boxes]


def _crops_of(
    image: Image, boxes: Boxes, groups: Sequence[str | None], rng: np.random.Generator
) -> list[Crop]:
    crops = (
        Crop(cut, Label(int(boxes.class_ids[i])), float(boxes.heights[i]), group)
        for i in rng.permutation(len(boxes))
        if (group := groups[i]) is not None
        and boxes.heights[i] >= MIN_HEIGHT
        and (cut := cut_face(image, boxes.xyxy[i], rng)) is not None
    )
    return list(islice(crops, _MOST_PER_PICTURE))


def cut_face(
    image: Image, box: NDArray[np.float64], rng: np.random.Generator, side: int = SIDE
) -> Image | None:
    """The square around a box, moved inside the picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        box: (4,) [x1, y1, x2, y2] pixels.
        rng: moves and scales the square by some 6 %.
        side: of the result, px.

    Returns:
        (side, side, 3) uint8 BGR; None where the square is larger than the picture.
    """
    height, width = image.shape[:2]
    length = float((box[2:] - box[:2]).max()) * _CONTEXT * float(np.exp(rng.normal(0, _JITTER)))
    centre = (box[:2] + box[2:]) / 2 + rng.normal(0, _JITTER, 2) * length
    size = round(length)
    if size < 2 or size > min(height, width):
        return None
    left, top = np.clip((centre - size / 2).round(), 0, [width - size, height - size]).astype(int)
    method = cv2.INTER_AREA if size > side else cv2.INTER_CUBIC
    square = image[top : top + size, left : left + size]
    resized = np.asarray(cv2.resize(square, (side, side), interpolation=method), dtype=np.uint8)
    return decode_image(encode_image(resized, ".jpg", _QUALITY), "crop")


def match_heights(
    first: Sequence[Crop], second: Sequence[Crop], count: int, rng: np.random.Generator
) -> tuple[list[Crop], list[Crop]]:
    """At most `count` pairs of crops whose faces were about equally high (within 8 %).

    Greedy, in random order: sharpness after resizing then tells nothing about the source.
    """
    free = sorted((crop.height, k) for k, crop in enumerate(second))
    chosen: tuple[list[Crop], list[Crop]] = ([], [])
    for k in rng.permutation(len(first)):
        if len(chosen[0]) == count or not free:
            break
        nearest = _nearest(free, first[k].height)
        height, partner = free[nearest]
        if max(height / first[k].height, first[k].height / height) <= _TOLERANCE:
            chosen[0].append(first[k])
            chosen[1].append(second[partner])
            del free[nearest]
    return chosen


def _nearest(free: Sequence[tuple[float, int]], height: float) -> int:
    """Position of the height in an ascending, non-empty list that lies nearest."""
    after = bisect_left(free, (height, -1))
    around = [k for k in (after - 1, after) if 0 <= k < len(free)]
    return min(around, key=lambda k: abs(free[k][0] - height))


def check_enough(crops: Sequence[Crop], least: int, what: str) -> None:
    """Raises DatasetError where fewer than `least` crops are left to compare."""
    if len(crops) < least:
        raise DatasetError(
            f"expected at least {least} {what} faces of {MIN_HEIGHT:g} px or more on both sides, "
            f"of like heights, but got {len(crops)}; give larger sets"
        )
