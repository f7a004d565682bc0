"""The user's own pictures as prints on fabric."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from data.exceptions import ImageError, UsageError
from data.images import Image, read_image, version_of

_LARGEST = 512  # pixels: finer than any mask shows
_CACHED = 64  # pictures of at most 0.75 MiB each, so 48 MiB a process


def check_textures(folder: Path) -> tuple[str, ...]:
    """Paths of every picture in a folder, sorted; hidden files and folders are passed over.

    Raises:
        UsageError: if the folder doesn't exist or is empty, or a file in it is no picture.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder of pictures; name one that exists")
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    if not files:
        raise UsageError(f"{folder}: expected pictures to print on masks, but the folder is empty")
    for path in files:
        try:
            read_image(path)
        except ImageError as error:
            raise UsageError(
                f"expected pictures alone in {folder}, but got {error}; move that file elsewhere"
            ) from error
    return tuple(str(path) for path in files)


def read_texture(path: str | Path) -> Image:
    """A picture as (H, W, 3) uint8 BGR, at most 512 px long, read-only; kept for the next mask
    while the file stays as it is.

    Raises:
        ImageError: if it can't be read (any more).
    """
    return _read_texture(Path(path), *version_of(Path(path)))


@lru_cache(maxsize=_CACHED)
def _read_texture(path: Path, *_: int) -> Image:
    image = read_image(path)
    shrink = _LARGEST / max(image.shape[:2])
    if shrink < 1:
        height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    image.setflags(write=False)
    return np.asarray(image, dtype=np.uint8)
