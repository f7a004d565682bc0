"""Videos with known truth: photos whose masks go on, slip and come off before a moving camera.

Each photo is dressed once for each class by the synthesis; a camera pans, zooms and shakes over
it, with sensor noise and JPEG compression of each frame, while the state changes every few
seconds. So it is known in each frame where each face is and what it wears.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats
from data.exceptions import NoFacesError
from data.extras import package_file
from data.images import Image, decode_image, encode_image, read_image
from data.labels import Label, name_to_id
from data.pool import open_executor
from synth.dress import dress
from synth.recipe import Recipe
from synth.search import Search, search_photos
from synth.sources import Photo
from synth.states import Mix

Ints = NDArray[np.int64]

SIZE = (360, 640)  # height, width of what the camera shows, px
RATE = 25.0  # frames/s
_BLEND = 0.2  # s that a change takes
# A right mask, one that slips, none, and back: each kind of change once.
_STORY = (Label.WITHOUT_MASK, Label.WITH_MASK, Label.INCORRECT, Label.WITH_MASK, Label.INCORRECT)


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame with its truth.

    Attributes:
        time: seconds.
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) float64, px; faces that are seen by half at least.
        class_ids: (N,) int64.
        faces: (N,) int64 which face of the photo each is.
    """

    time: float
    image: Image
    boxes: Floats
    class_ids: Ints
    faces: Ints


@dataclass(frozen=True, eq=False)
class _Still:
    """A photo in one state: (H, W, 3) uint8, (N, 4) boxes and (N,) classes of its N faces."""

    image: Image
    boxes: Floats
    class_ids: Ints


def sample_photos() -> list[Photo]:
    """The sample photos of installed packages with their faces; copied, for the search keeps
    notes beside them.

    Raises:
        MissingExtraError: if a package isn't installed.
    """
    samples = [
        package_file("skimage", "data/astronaut.png", "demo"),
        package_file("ultralytics", "assets/zidane.jpg", "train"),
    ]
    return read_photos(samples)


def read_photos(paths: Sequence[Path]) -> list[Photo]:
    """Photos with bare faces, searched in a temporary copy.

    Raises:
        NoFacesError: if there is no face.
    """
    folder = Path(tempfile.mkdtemp(prefix="maskwatch-photos-"))
    for path in paths:
        shutil.copyfile(path, folder / path.name)
    with open_executor(1) as executor:
        photos, _ = search_photos([folder], Search(), executor)
    found = [photo for photo in photos if photo.faces]
    if not found:
        raise NoFacesError("expected photos with faces, but found none; use other ones")
    return found


def render(photo: Photo, seconds: float, rng: np.random.Generator) -> Iterator[Shot]:
    """A clip of one photo: every state for `seconds`, as `_STORY` has it."""
    stills = [_dress(photo, label, rng) for label in _STORY]
    path = _Path(stills[0], rng)
    noise = float(rng.uniform(2, 9))
    quality = int(rng.integers(40, 85))
    for number in range(round(seconds * len(stills) * RATE)):
        time = number / RATE
        part = min(int(time / seconds), len(stills) - 1)
        image, still = _mixed(stills, part, time - part * seconds)
        window = path.window(time)
        shot = _photograph(image, window, noise, quality, rng)
        yield Shot(time, shot, *_seen(still, window))


def _dress(photo: Photo, label: Label, rng: np.random.Generator) -> _Still:
    shares = [float(label == each) for each in Label]
    recipe = Recipe(mix=Mix(*shares), instead=0.0, front=0.0)
    for _ in range(8):
        scene = dress(read_image(photo.path), photo, recipe, rng)
        class_ids = np.array([name_to_id(r.label) for r in scene.records], dtype=np.int64)
        # Faces too small or turned for a mask stay as they are: their truth says so.
        if (class_ids == label).any():
            break
    return _Still(scene.image, scene.boxes, class_ids)


def _mixed(stills: Sequence[_Still], part: int, since: float) -> tuple[Image, _Still]:
    """The picture `since` seconds into a part; the first moments blend from the part before."""
    share = since / _BLEND
    if part == 0 or share >= 1:
        return stills[part].image, stills[part]
    blended = cv2.addWeighted(stills[part].image, share, stills[part - 1].image, 1 - share, 0)
    truth = stills[part] if share >= 0.5 else stills[part - 1]
    return np.asarray(blended, dtype=np.uint8), truth


class _Path:
    """Where the camera looks: slow waves of pan and zoom around the faces, and a shaking hand."""

    def __init__(self, still: _Still, rng: np.random.Generator) -> None:
        self._size = np.array(still.image.shape[1::-1], dtype=np.float64)
        centres = (still.boxes[:, :2] + still.boxes[:, 2:]) / 2
        self._centre = centres.mean(axis=0)
        self._phases = rng.uniform(0, 2 * np.pi, 5)
        self._far = float(rng.uniform(0.9, 1.6))
        self._shake = float(rng.uniform(0.5, 2.5))
        self._rng = rng

    def window(self, time: float) -> Floats:
        """(4,) [x, y, width, height] in the photo, px; may reach beyond it."""
        wave = np.sin(self._phases + 2 * np.pi * time / np.array([7.0, 9.0, 11.0, 5.0, 13.0]))
        height = self._size[1] * self._far * (1 + 0.35 * wave[0])
        size = np.array([height * SIZE[1] / SIZE[0], height])
        pan = 0.12 * size * wave[1:3] + self._rng.normal(0, self._shake, 2) * size[1] / SIZE[0]
        return np.concatenate([self._centre + pan - size / 2, size])


def _photograph(
    image: Image, window: Floats, noise: float, quality: int, rng: np.random.Generator
) -> Image:
    scale = SIZE[0] / window[3]
    move = np.array([[scale, 0, -window[0] * scale], [0, scale, -window[1] * scale]])
    if scale < 0.7:  # a lens that is far away averages; a warp would pick single pixels
        image = np.asarray(cv2.blur(image, (round(1 / scale), round(1 / scale))), dtype=np.uint8)
    shot = cv2.warpAffine(image, move, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
    noisy = cv2.add(shot, _grain(noise, rng), dtype=cv2.CV_8U)
    return decode_image(encode_image(np.asarray(noisy, np.uint8), ".jpg", quality), "rendered")


def _grain(noise: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """(*SIZE, 3) normal noise: a drawn tile, shifted by chance, for 700,000 draws take 10 ms."""
    tile = rng.normal(0, noise, (64, 64, 3)).round().astype(np.int16)
    rows, columns = -(-SIZE[0] // 64) + 1, -(-SIZE[1] // 64) + 1
    top, left = rng.integers(64, size=2)
    return np.tile(tile, (rows, columns, 1))[top : top + SIZE[0], left : left + SIZE[1]]


def _seen(still: _Still, window: Floats) -> tuple[Floats, Ints, Ints]:
    scale = SIZE[0] / window[3]
    boxes = (still.boxes - np.tile(window[:2], 2)) * scale
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centre > 0) & (centre < SIZE[::-1])).all(axis=1)
    index = np.flatnonzero(inside)
    return boxes[index], still.class_ids[index], index.astype(np.int64)
