"""Pascal VOC: one XML file a picture.

    Annotations/NAME.xml   JPEGImages/NAME.jpg   ImageSets/Main/{train,val}.txt

Its pixels count from 1 and both corners belong to the box (Everingham et al. 2010, VOC devkit,
section "annotation"): a box around the first pixel is 1, 1, 1, 1. Ours has edges at pixel
borders, so the same box is [0, 0, 1, 1].
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

import numpy as np

from data.boxes import Boxes, Floats
from data.exceptions import AnnotationError, DatasetError
from data.files import write_bytes, write_text
from data.formats.annotation import MAX_PIXEL, SPLIT_NAMES, AnnotatedImage, Entry
from data.formats.pictures import PictureIndex
from data.labels import CLASS_NAMES
from data.manifest import PictureRecord

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class VocFile:
    """The content of one file; `size` is None where it is missing or 0, `filename` may be ""."""

    filename: str
    size: tuple[int, int] | None
    names: tuple[str, ...]
    boxes: Floats


def read_voc(source: Path, images: Path | None = None) -> Iterator[Entry]:
    """Every XML file below `source`, with the picture of its stem, else the one it names.

    Objects marked `difficult` or `truncated` are faces all the same and kept.

    Raises:
        DatasetError: if `source` holds no XML file.
    """
    files = sorted(source.rglob("*.xml")) if source.is_dir() else []
    if not files:
        raise DatasetError(f"{source}: expected a folder with Pascal VOC .xml files")
    index = PictureIndex(images or source)
    splits = _read_splits(source)
    for path in files:
        try:
            content = parse_voc(_read_text(path), str(path))
            picture = _find(index, path, content.filename)
        except AnnotationError as error:
            yield error
            continue
        split = splits.get(path.stem, "")
        yield AnnotatedImage(picture, content.names, content.boxes, False, content.size, split)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: expected XML in UTF-8, but got other bytes") from error


def _find(index: PictureIndex, path: Path, filename: str) -> Path:
    """By the XML file's stem, which names the picture in VOC; else by what the file says."""
    if filename and PurePosixPath(filename).stem == path.stem:
        return index.find(filename, str(path))
    try:
        return index.find(path.stem, str(path))
    except AnnotationError:
        if not filename:
            raise
        return index.find(filename, str(path))


def _read_splits(source: Path) -> dict[str, str]:
    """Split of each stem, from the lists in ImageSets/Main."""
    splits: dict[str, str] = {}
    for name, split in SPLIT_NAMES.items():
        path = source / "ImageSets" / "Main" / f"{name}.txt"
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            splits |= {line.split()[0]: split for line in lines if line.strip()}
    return splits


def parse_voc(text: str, name: str = "annotation") -> VocFile:
    """XML text to its content; `name` is for messages.

    Raises:
        AnnotationError: if it is no VOC annotation, or declares a document type: entities can
            expand a small file without end, and VOC needs none.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise AnnotationError(f"{name}: expected a VOC annotation, but it declares a document type")
    try:
        root = ET.fromstring(text)  # noqa: S314 - no document type, no entities: refused above
    except (ET.ParseError, ValueError) as error:
        raise AnnotationError(f"{name}: expected XML, but parsing failed: {error}") from error
    if root.tag != "annotation":
        raise AnnotationError(f"{name}: expected <annotation>, but got <{root.tag[:40]}>")
    objects = root.findall("object")
    boxes = np.array([_parse_box(o, name) for o in objects], dtype=np.float64).reshape(-1, 4)
    names = tuple((o.findtext("name") or "").strip() for o in objects)
    if "" in names:
        raise AnnotationError(f"{name}: expected a <name> in every <object>")
    filename = (root.findtext("filename") or "").strip()
    return VocFile(filename, _parse_size(root), names, boxes)


def _parse_size(root: ET.Element) -> tuple[int, int] | None:
    try:
        width = int(root.findtext("size/width") or 0)
        height = int(root.findtext("size/height") or 0)
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _parse_box(element: ET.Element, name: str) -> list[float]:
    """[x1, y1, x2, y2] at pixel borders."""
    texts = [element.findtext(f"bndbox/{corner}") for corner in _CORNERS]
    try:
        x1, y1, x2, y2 = (float(text or "") for text in texts)
    except ValueError as error:
        raise AnnotationError(
            f"{name}: expected numbers xmin, ymin, xmax, ymax, but got {texts}"
        ) from error
    if not all(abs(v) < MAX_PIXEL for v in (x1, y1, x2, y2)) or x2 < x1 or y2 < y1:
        raise AnnotationError(
            f"{name}: expected pixels xmin <= xmax and ymin <= ymax, but got {texts}"
        )
    return [x1 - 1, y1 - 1, x2, y2]


def to_xml(filename: str, width: int, height: int, boxes: Boxes) -> str:
    """Boxes in pixels to the text of a VOC file; corners are rounded to whole pixels."""
    root = ET.Element("annotation")
    ET.SubElement(root, "folder").text = "JPEGImages"
    ET.SubElement(root, "filename").text = filename
    size = ET.SubElement(root, "size")
    for key, length in (("width", width), ("height", height), ("depth", 3)):
        ET.SubElement(size, key).text = str(length)
    ET.SubElement(root, "segmented").text = "0"
    for label, xyxy in zip(boxes.class_ids, boxes.xyxy, strict=True):
        item = ET.SubElement(root, "object")
        ET.SubElement(item, "name").text = CLASS_NAMES[label]
        for key, value in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            ET.SubElement(item, key).text = value
        box = ET.SubElement(item, "bndbox")
        for corner, pixel in zip(_CORNERS, _to_pixels(xyxy, width, height), strict=True):
            ET.SubElement(box, corner).text = str(pixel)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _to_pixels(xyxy: Floats, width: int, height: int) -> list[int]:
    """First and last pixel of a box, from 1, at least one pixel wide and inside the picture."""
    x1, y1, x2, y2 = np.rint(xyxy).astype(int).tolist()
    x1, y1 = min(x1, width - 1), min(y1, height - 1)
    return [x1 + 1, y1 + 1, max(x2, x1 + 1), max(y2, y1 + 1)]


def write_voc_sample(
    root: Path, name: str, content: bytes, boxes: Boxes, *, size: tuple[int, int]
) -> Path:
    """Write one annotation, then its encoded picture; returns the picture's path."""
    image = root / "JPEGImages" / name
    write_text(root / "Annotations" / f"{image.stem}.xml", to_xml(name, *size, boxes))
    write_bytes(image, content)
    return image


def write_voc_splits(root: Path, records: Iterable[PictureRecord]) -> None:
    """Write ImageSets/Main/{train,val}.txt."""
    stems: dict[str, list[str]] = {"train": [], "val": []}
    for record in records:
        stems[record.split].append(Path(record.file).stem)
    for split, members in stems.items():
        text = "".join(f"{stem}\n" for stem in members)
        write_text(root / "ImageSets" / "Main" / f"{split}.txt", text)
