"""Writing data sets in the YOLO layout, one picture at a time."""

from pathlib import Path

from data.boxes import Boxes
from data.dataset import SPLITS, Sample, boxes_to_text, image_to_label, text_to_boxes
from data.exceptions import DatasetError
from data.files import write_bytes, write_text
from data.images import Image, decode_image, encode_image


def write_sample(
    root: Path,
    split: str,
    name: str,
    picture: Image | bytes,
    boxes: Boxes,
    *,
    size: tuple[int, int] | None = None,
    quality: int = 92,
) -> Sample:
    """Write one picture and its label file into the YOLO layout below `root`.

    The label is written first: a picture without one would count as a picture without faces, so
    a crash between the two must leave a label without its picture, which no reader sees.

    Args:
        root: the data set's folder; need not exist yet.
        split: "train" or "val".
        name: file name of the picture with its suffix, no folder; the label takes its stem.
        picture: (H, W, 3) uint8 BGR, or the bytes of an encoded picture, written unchanged.
        boxes: pixels of the upright picture; empty for a picture without faces.
        size: width and height in px of an encoded picture, if known; saves decoding it.
        quality: JPEG or WebP quality, 1 to 100, for an array.

    Raises:
        DatasetError: if split or name make no sense.
        AnnotationError: if a box leaves the picture or is thinner than a millionth of it.
        ImageError: if the picture can't be encoded, or decoded.
        OSError: if the file system refuses.
    """
    if split not in SPLITS:
        raise DatasetError(f"expected a split of {', '.join(SPLITS)}, but got {split!r}")
    if Path(name).name != name or name.startswith(".") or not Path(name).suffix:
        raise DatasetError(f"expected a plain file name with its suffix, but got {name!r}")
    content, (width, height) = _encode(picture, name, size, quality)
    image = root / "images" / split / name
    label = image_to_label(root, image)
    text = boxes_to_text(boxes, width, height)
    text_to_boxes(text, width, height, name)  # what no reader would take isn't written
    write_text(label, text)
    write_bytes(image, content)
    return Sample(image, label, split)


def _encode(
    picture: Image | bytes, name: str, size: tuple[int, int] | None, quality: int
) -> tuple[bytes, tuple[int, int]]:
    """A picture's bytes and its (width, height)."""
    if not isinstance(picture, bytes):
        height, width = picture.shape[:2]
        return encode_image(picture, Path(name).suffix, quality), (width, height)
    if size is None:
        height, width = decode_image(picture, name).shape[:2]
        size = (width, height)
    return picture, size


def require_new(out: Path) -> None:
    """Refuse an output folder that holds something.

    Raises:
        DatasetError: if `out` is a file or a folder that isn't empty.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise DatasetError(
            f"{out}: expected no such folder or an empty one, but it holds something; "
            "choose another --out or remove it"
        )
