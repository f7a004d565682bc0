"""COCO detection JSON: one file a split.

    annotations/instances_{train,val}.json   images/{train,val}/NAME.jpg

Boxes are [x, y, width, height] in pixels with edges at pixel borders, counted from 0 (Lin et al.
2014, https://cocodataset.org/#format-data).
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from data.boxes import xywh_to_xyxy, xyxy_to_xywh
from data.dataset import SPLITS
from data.exceptions import AnnotationError, DatasetError
from data.files import atomic_path, write_bytes
from data.formats.annotation import MAX_PIXEL, SPLIT_NAMES, AnnotatedImage, Entry
from data.formats.pictures import PictureIndex
from data.labels import CLASS_NAMES
from data.manifest import PictureRecord


@dataclass
class CocoPicture:
    """One entry of `images` with its annotations: names, [x, y, w, h] boxes, crowd regions."""

    file_name: str
    size: tuple[int, int] | None
    names: list[str] = field(default_factory=list)
    boxes: list[list[float]] = field(default_factory=list)
    crowds: int = 0
    fault: str = ""


def read_coco(source: Path, images: Path | None = None) -> Iterator[Entry]:
    """Every picture of a JSON file, or of all JSON files of a folder or its `annotations`.

    Pictures without annotations are pictures without faces. A crowd region is no box of one
    face: it is left out and counted.

    Raises:
        DatasetError: if there is no JSON file.
        AnnotationError: if one is no COCO file.
    """
    files = [source] if source.is_file() else _find_files(source)
    if not files:
        raise DatasetError(f"{source}: expected a COCO .json file, or a folder with such files")
    folder = source.parent if source.is_file() else source
    if folder.name == "annotations":
        folder = folder.parent
    index = PictureIndex(images or folder)
    for path in files:
        words = re.split(r"[^a-z]+", path.stem.lower())
        split = next((SPLIT_NAMES[w] for w in words if w in SPLIT_NAMES), "")
        for picture in parse_coco(path.read_bytes(), str(path)):
            yield _to_entry(picture, index, split, str(path))


def _find_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json")) or sorted((folder / "annotations").glob("*.json"))


def _to_entry(picture: CocoPicture, index: PictureIndex, split: str, where: str) -> Entry:
    if picture.fault:
        return AnnotationError(f"{where}: {picture.file_name[:80]}: {picture.fault}")
    try:
        path = index.find(picture.file_name, where)
    except AnnotationError as error:
        return error
    xyxy = xywh_to_xyxy(np.array(picture.boxes, dtype=np.float64).reshape(-1, 4))
    skipped = +Counter({"crowd region": picture.crowds})
    return AnnotatedImage(path, tuple(picture.names), xyxy, False, picture.size, split, skipped)


def parse_coco(content: bytes, name: str = "annotations") -> list[CocoPicture]:
    """A COCO file's pictures in its order; `name` is for messages.

    Raises:
        AnnotationError: if it is no COCO file; a single broken annotation only sets the `fault`
            of its picture, because a face without its box would teach to overlook faces.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{name}: expected JSON, but parsing failed: {error}") from error
    images, annotations, categories = (
        _get_list(document, key, name) for key in ("images", "annotations", "categories")
    )
    try:
        names = {_key(c["id"]): str(_key(c["name"])) for c in categories}
        pictures = {
            _key(i["id"]): CocoPicture(str(_key(i["file_name"])), _parse_size(i)) for i in images
        }
    except (KeyError, TypeError) as error:
        raise AnnotationError(
            f"{name}: expected id and name or file_name in every category and image ({error})"
        ) from error
    for annotation in annotations:
        _add(annotation, pictures, names, name)
    return list(pictures.values())


def _get_list(document: Any, key: str, name: str) -> list[Any]:
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, list):
        raise AnnotationError(f"{name}: expected COCO keys images, annotations and categories")
    return value


def _key(value: Any) -> int | str:
    if not isinstance(value, int | str):
        raise TypeError(f"got {type(value).__name__}")
    return value


def _parse_size(image: dict[str, Any]) -> tuple[int, int] | None:
    width, height = image.get("width"), image.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None


def _add(
    annotation: Any,
    pictures: dict[int | str, CocoPicture],
    names: dict[int | str, str],
    where: str,
) -> None:
    """Add one annotation to its picture."""
    try:
        picture = pictures[_key(annotation["image_id"])]
    except (KeyError, TypeError) as error:
        raise AnnotationError(f"{where}: expected an annotation of a listed image_id") from error
    if annotation.get("iscrowd"):
        picture.crowds += 1
        return
    try:
        box = [float(v) for v in list(annotation["bbox"])]
        category = names[_key(annotation["category_id"])]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        picture.fault = f"expected a bbox and a known category_id ({type(error).__name__} {error})"
        return
    if len(box) != 4 or not all(abs(v) < MAX_PIXEL for v in box) or box[2] < 0 or box[3] < 0:
        picture.fault = f"expected bbox [x, y, width, height], but got {box[:5]}"
        return
    picture.names.append(category)
    picture.boxes.append(box)


def write_coco_sample(root: Path, split: str, name: str, content: bytes) -> Path:
    """Write one encoded picture; its annotations follow in `write_coco_annotations`."""
    image = root / "images" / split / name
    write_bytes(image, content)
    return image


def write_coco_annotations(root: Path, records: Iterable[PictureRecord]) -> None:
    """Write annotations/instances_{train,val}.json for the pictures of a manifest.

    Line by line, annotations set aside in a temporary file: memory doesn't grow with the set.
    """
    with ExitStack() as stack:
        add = {
            split: stack.enter_context(_document(root / "annotations" / f"instances_{split}.json"))
            for split in SPLITS
        }
        for record in records:
            add[record.split](record)


@contextmanager
def _document(path: Path) -> Iterator[Callable[[PictureRecord], None]]:
    """A function that adds a picture to a COCO file, whole when the block ends well."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8") as file,
        TemporaryFile("w+", encoding="utf-8", dir=path.parent) as later,
    ):
        pictures = faces = 0

        def add(record: PictureRecord) -> None:
            nonlocal pictures, faces
            image, annotations = to_coco(record, pictures + 1, faces + 1)
            file.write((",\n" if pictures else "\n") + json.dumps(image))
            pictures += 1
            for annotation in annotations:
                later.write((",\n" if faces else "\n") + json.dumps(annotation))
                faces += 1

        file.write('{"images": [')
        yield add
        file.write('\n], "annotations": [')
        later.seek(0)
        shutil.copyfileobj(later, file)
        file.write(f'\n], "categories": {json.dumps(_CATEGORIES)}}}\n')


# Ids are ours plus 1: 0 is the background.
_CATEGORIES = [
    {"id": i, "name": name, "supercategory": "face"} for i, name in enumerate(CLASS_NAMES, 1)
]


def to_coco(
    record: PictureRecord, image_id: int, first: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The entry of `images`, and the annotations, numbered from `first`, of one picture."""
    image = {
        "id": image_id,
        "file_name": Path(record.file).name,
        "width": record.width,
        "height": record.height,
    }
    annotations = []
    for annotation_id, face in enumerate(record.boxes, start=first):
        box = [round(float(v), 3) for v in xyxy_to_xywh(face.box)]
        annotations.append(
            {
                "id": annotation_id,
                "image_id": image_id,
                "category_id": CLASS_NAMES.index(face.label) + 1,
                "bbox": box,
                "area": round(box[2] * box[3], 3),
                "iscrowd": 0,
            }
        )
    return image, annotations
