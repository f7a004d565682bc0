"""What the synthesis is timed on: portraits, and scenes put together from them."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from data.boxes import Boxes, Floats, Ints
from data.dataset import boxes_to_text
from data.exceptions import DatasetError, ImageError, NoFacesError
from data.extras import package_file
from data.files import write_text
from data.images import Image, find_images, read_image, write_image
from synth.sources import Photo

CROP = 220  # px, as the crops that MaskTheFace was timed on
FACES = 10  # of a scene
_WIDTH, _HEIGHT = 640, 480
_COLUMNS, _CELL = 4, 160


def read_portraits(source: Path | None, count: int) -> list[Image]:
    """`count` portraits: a folder's pictures, from the start again where they are too few, or
    crops of 220 px around the face of a sample photo.

    Raises:
        DatasetError: if no picture there can be read.
        MissingExtraError: if scikit-image, which carries the sample photo, isn't installed.
    """
    if source is None:
        return _sample_portraits(count)
    images: list[Image] = []
    for path in find_images([source]):
        try:
            images.append(read_image(path))
        except ImageError:
            continue
        if len(images) == count:
            break
    if not images:
        raise DatasetError(f"{source}: expected portraits, but no picture there can be read")
    return [images[k % len(images)] for k in range(count)]


def _sample_portraits(count: int) -> list[Image]:
    """The astronaut's head (512 x 512 px, NASA, public domain), cut out a little otherwise each
    time."""
    photo = read_image(package_file("skimage", "data/astronaut.png", "demo"))
    rng = np.random.default_rng(0)
    portraits = []
    for _ in range(count):
        side = int(rng.integers(190, 251))
        left, top = (int(rng.integers(low, high)) for low, high in ((100, 121), (0, 11)))
        square = photo[top : top + side, left : left + side]
        portraits.append(np.asarray(cv2.resize(square, (CROP, CROP)), dtype=np.uint8))
    return portraits


def write_portraits(images: Sequence[Image], folder: Path) -> None:
    """Write portraits; the same picture twice becomes two, as its name and bytes differ."""
    for number, image in enumerate(images):
        # No two files alike: the generator takes copies for one photo.
        write_image(folder / f"{number:04d}.jpg", image, quality=95 - number % 8)


def write_scenes(photos: Sequence[Photo], folder: Path, count: int) -> None:
    """Write `count` scenes of 640 x 480 px with ten labelled faces each, a portrait in each cell.

    Raises:
        NoFacesError: if no photo has a face.
    """
    portraits = [photo for photo in photos if photo.faces]
    if not portraits:
        raise NoFacesError("expected faces in the portraits, but none was found; use other ones")
    for number in range(count):
        scene = np.full((_HEIGHT, _WIDTH, 3), 96, np.uint8)
        boxes = []
        for place in range(FACES):
            photo = portraits[(number * FACES + place) % len(portraits)]
            row, column = divmod(place, _COLUMNS)
            corner = np.array([column * _CELL, row * _CELL])
            boxes.append(_put(scene, photo, corner))
        faces = Boxes(np.array(boxes), np.ones(FACES, np.int64))
        name = f"scene{number:04d}"
        write_image(folder / "images" / f"{name}.jpg", scene)
        text = boxes_to_text(faces, _WIDTH, _HEIGHT)
        write_text(folder / "labels" / f"{name}.txt", text)


def _put(scene: Image, photo: Photo, corner: Ints) -> Floats:
    """Fit a portrait into a cell; its first face's (4,) box in the scene, pixels."""
    image = read_image(photo.path)
    scale = _CELL / max(image.shape[:2])
    height, width = (max(1, math.floor(side * scale)) for side in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    scene[corner[1] : corner[1] + height, corner[0] : corner[0] + width] = small
    factor = np.array([width / image.shape[1], height / image.shape[0]] * 2)
    box = photo.faces[0].box * factor
    low = np.clip(box[:2], 0, [width - 2, height - 2])
    high = np.clip(box[2:], low + 2, [width, height])
    return np.asarray(np.concatenate([low, high]) + np.tile(corner, 2))
