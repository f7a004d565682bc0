"""The user's own cut-outs of things that people hold before their faces or wear on them."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.exceptions import ImageError, UsageError
from data.images import Image, version_of
from synth.face_model import Placement
from synth.occlusion.layer import Floats, Layer, lay, make_canvas

_LARGEST = 512  # pixels: finer than is shown
_CACHED = 64  # cut-outs of at most 1 MiB each in a process
# File names that begin so go over the eyes; all others before the mouth.
_OVER_EYES = ("eyes", "glasses", "sunglasses")


def check_cutouts(folder: Path) -> tuple[str, ...]:
    """Paths of every cut-out in a folder, sorted; hidden files and folders are passed over.

    Raises:
        UsageError: if the folder doesn't exist or is empty, or a file in it is no picture with
            transparency.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder of cut-outs; name one that exists")
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    if not files:
        raise UsageError(f"{folder}: expected cut-outs (PNG, WebP), but the folder is empty")
    for path in files:
        try:
            _read(path)
        except ImageError as error:
            raise UsageError(f"{error}; move that file elsewhere") from error
    return tuple(str(path) for path in files)


def _read(path: Path) -> Image:
    """(H, W, 4) uint8 BGRA, trimmed to what isn't wholly transparent."""
    expected = "expected a picture with a transparent background (PNG, WebP), but"
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ImageError(f"{path}: {expected} {error.strerror or error}") from error
    try:
        image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if len(content) else None
    except cv2.error as error:
        raise ImageError(f"{path}: {expected} {error.err}") from error
    if image is None:
        raise ImageError(f"{path}: {expected} it is no picture")
    if image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        raise ImageError(f"{path}: {expected} it has no 8-bit alpha channel")
    rows, columns = np.nonzero(image[..., 3] > 8)
    if not len(rows) or image[..., 3].min() > 247:
        raise ImageError(f"{path}: {expected} it is transparent everywhere or nowhere")
    trimmed = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return np.asarray(trimmed, dtype=np.uint8)


def read_cutout(path: str) -> Floats:
    """A cut-out as (H, W, 4) float32 RGBA 0 to 1, at most 512 px long; its file is read again
    where it has changed.

    Raises:
        ImageError: if it can't be read (any more).
    """
    bgra = _read_small(Path(path), *version_of(Path(path)))
    return bgra[..., [2, 1, 0, 3]].astype(np.float32) / np.float32(255)


@lru_cache(maxsize=_CACHED)
def _read_small(path: Path, *_: int) -> Image:
    image = _read(path)
    shrink = _LARGEST / max(image.shape[:2])
    if shrink < 1:
        width, height = (max(1, round(side * shrink)) for side in image.shape[1::-1])
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    return np.asarray(image, dtype=np.uint8)


def draw_cutout(
    image: Image,
    placement: Placement,
    box: NDArray[np.float64],
    path: str,
    rng: np.random.Generator,
) -> Image:
    """A copy of the picture with the cut-out before the mouth, or over the eyes where its file
    name begins with eyes, glasses or sunglasses; turned, mirrored and scaled a little at random.

    Args:
        image: (H, W, 3) uint8 BGR.
        placement: where the face lies.
        box: (4,) face box [x1, y1, x2, y2] in pixels.
        path: of the cut-out.
        rng: for its size and place.

    Raises:
        ImageError: if the file can't be read any more.
    """
    canvas = make_canvas(image, placement, box)
    rgba = read_cutout(path)
    over_eyes = Path(path).stem.lower().startswith(_OVER_EYES)
    at = np.array([[0.0, 0.0 if over_eyes else 0.58, 0.1]])
    middle = canvas.project(at)[0] + rng.normal(0, 0.04 * canvas.unit, 2)
    width = (1.05 if over_eyes else float(rng.uniform(0.6, 1.1))) * canvas.unit
    turn = np.degrees(canvas.turn) + (0 if over_eyes else float(rng.normal(0, 12)))
    h, w = rgba.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), -turn, width / w)
    matrix[:, 2] += middle - np.array([w / 2, h / 2])
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, w], [0, 1, 0], [0, 0, 1.0]])
    premultiplied = np.dstack([rgba[..., :3] * rgba[..., 3:], rgba[..., 3]])
    side = (canvas.size, canvas.size)
    laid = cv2.warpAffine(premultiplied, matrix, side, flags=cv2.INTER_AREA)
    alpha = np.clip(laid[..., 3], 0, 1).astype(np.float32)
    colour = (laid[..., :3] / np.maximum(alpha, 1e-4)[..., None]).astype(np.float32)
    return lay(image, canvas, Layer(colour, alpha), placement, rng)
