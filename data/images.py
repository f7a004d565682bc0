"""Reading and writing pictures: BGR, uint8, upright."""

import glob
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from data.exceptions import DatasetError, ImageError
from data.files import write_bytes

Image = NDArray[np.uint8]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

log = logging.getLogger(__name__)


def version_of(path: Path) -> tuple[int, int]:
    """What changes with a file's content, for caches: its time stamp (ns) and its size (bytes).

    Raises:
        ImageError: if there is no such file.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(f"{path}: expected a picture, but {error.strerror or error}") from error
    return status.st_mtime_ns, status.st_size


def read_image(path: Path) -> Image:
    """A picture as (H, W, 3) uint8 BGR, turned upright as its EXIF orientation says.

    Raises:
        ImageError: if the file is missing, empty, truncated or no picture.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: can't be read ({error.strerror})") from error
    return decode_image(content, str(path))


def decode_image(content: bytes, name: str) -> Image:
    """An encoded picture as (H, W, 3) uint8 BGR, upright; `name` is for the message.

    Raises:
        ImageError: if the bytes are empty, truncated or no picture.
    """
    if not content:
        raise ImageError(f"{name}: expected a picture, but the file is empty")
    if is_truncated(content):
        raise ImageError(f"{name}: the picture is truncated; copy it again")
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(
            f"{name}: expected a picture, but decoding failed ({error.err})"
        ) from error
    if image is None or image.size == 0:
        raise ImageError(f"{name}: expected a picture (JPEG, PNG, ...), but it can't be decoded")
    return np.asarray(image, dtype=np.uint8)


def is_truncated(content: bytes) -> bool:
    """Whether a JPEG or PNG ends too early; decoders fill such pictures with grey and go on.

    In JPEG scan data 0xff is always stuffed, so an end marker after the last start of scan is
    the picture's own (ITU-T T.81, B.1.1.2); a PNG ends in an IEND chunk.
    """
    if content.startswith(b"\xff\xd8"):
        return content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")
    if content.startswith(b"\x89PNG"):
        return b"IEND" not in content[-64:]
    return False


def write_image(path: Path, image: Image, quality: int = 92) -> None:
    """Write (H, W, 3) uint8 BGR to `path`, whole or not at all; the suffix names the format.

    Raises:
        OSError: if the file system refuses.
        ImageError: if the format can't hold the picture.
    """
    write_bytes(path, encode_image(image, path.suffix, quality))


def encode_image(image: Image, suffix: str, quality: int = 92) -> bytes:
    """(H, W, 3) uint8 BGR as bytes of the format that `suffix` (".jpg", ".png") names."""
    try:
        done, content = cv2.imencode(suffix, image, _options(suffix, quality))
    except cv2.error as error:
        raise ImageError(f"can't encode a picture as {suffix!r} ({error.err})") from error
    if not done:
        raise ImageError(f"can't encode a picture of shape {image.shape} as {suffix!r}")
    return content.tobytes()


def _options(suffix: str, quality: int) -> list[int]:
    """The encoder's options; a format that has no quality warns if it gets one."""
    keys = {
        ".jpg": cv2.IMWRITE_JPEG_QUALITY,
        ".jpeg": cv2.IMWRITE_JPEG_QUALITY,
        ".webp": cv2.IMWRITE_WEBP_QUALITY,
    }
    key = keys.get(suffix.lower())
    return [] if key is None else [key, quality]


def find_images(sources: Iterable[Path | str]) -> list[Path]:
    """Every picture that pictures, folders (searched deep) and glob patterns name.

    Each source's pictures come sorted, sources in the order given, none twice. A named file is
    taken whatever its suffix, so that its reader can say what is wrong with it.

    Raises:
        DatasetError: if a source doesn't exist or holds no picture.
    """
    found: dict[Path, None] = {}
    for source in sources:
        found.update(dict.fromkeys(_images_of(Path(source))))
    return list(found)


def _images_of(source: Path) -> Sequence[Path]:
    if source.is_file():
        return [source]
    if source.is_dir():
        images = sorted(p for p in source.rglob("*") if is_image_name(p) and p.is_file())
        if not images:
            raise DatasetError(f"{source}: expected pictures in this folder, but found none")
        return images
    matches = [Path(p) for p in sorted(glob.glob(str(source), recursive=True))]
    images = [p for p in matches if p.is_file()]
    for folder in (p for p in matches if p.is_dir()):
        images.extend(_images_of(folder))
    if not images:
        raise DatasetError(f"{source}: expected a picture, a folder or a pattern, but found none")
    return images


def is_image_name(path: Path) -> bool:
    """Whether a file's suffix is a picture's and the file isn't hidden (a temporary one)."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
