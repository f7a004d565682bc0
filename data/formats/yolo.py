"""YOLO sets of other tools: other class names and orders, other folders.

Read are the layouts of ultralytics (`images/`, `labels/`), Roboflow (`train/images/`) and darknet
(label beside the picture), with names from a YAML file, `classes.txt`, `obj.names` or `_darknet
.labels`. Without any of these, ids are taken as they are: "0", "1", ...
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data.boxes import Floats
from data.dataset import parse_numbers, yaml_to_names
from data.exceptions import AnnotationError, DatasetError
from data.formats.annotation import SPLIT_NAMES, AnnotatedImage, Entry
from data.images import find_images

# Boxes may leave the picture somewhat; numbers beyond are pixels, not fractions.
_MAX_FRACTION = 4.0
_NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels")


def read_yolo(source: Path, images: Path | None = None) -> Iterator[Entry]:
    """Every picture below `source` (or `images`); one without a label file has no face.

    Raises:
        DatasetError: if there is no picture, or not one label file.
    """
    if not source.is_dir():
        raise DatasetError(f"{source}: expected a folder with a YOLO set")
    names = read_names(source)
    listed = _read_lists(source)
    folder = images or source
    pairs = [(p, _find_label(source, folder, p)) for p in find_images([folder])]
    if not any(label for _, label in pairs):
        raise DatasetError(f"{source}: expected YOLO label files, but no picture has one")
    for path, label in pairs:
        try:
            ids, boxes = parse_yolo(_read_text(label), str(label)) if label else ((), _NO_BOXES)
        except AnnotationError as error:
            yield error
            continue
        split = listed.get(path.stem) or _split_of(path.relative_to(folder))
        yield AnnotatedImage(
            path, tuple(names.get(i, str(i)) for i in ids), boxes, relative=True, split=split
        )


_NO_BOXES = np.zeros((0, 4))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: expected a label file, but reading failed: {error}") from (
            error
        )


def _find_label(source: Path, folder: Path, image: Path) -> Path | None:
    """The label of a picture: `labels` for `images` in its path, its own folder, or `labels/`."""
    relative = image.relative_to(folder).with_suffix(".txt")
    parts = list(relative.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    places = (
        source.joinpath(*parts),
        image.with_suffix(".txt"),
        source / "labels" / relative,
        source / "labels" / relative.name,
    )
    return next((p for p in places if p.is_file()), None)


def _split_of(relative: Path) -> str:
    return next((SPLIT_NAMES[p] for p in relative.parts[:-1] if p in SPLIT_NAMES), "")


def _read_lists(source: Path) -> dict[str, str]:
    """Split of each stem, from lists of pictures beside the folders."""
    splits: dict[str, str] = {}
    for name, split in SPLIT_NAMES.items():
        path = source / f"{name}.txt"
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            splits |= {Path(line.strip()).stem: split for line in lines if line.strip()}
    return splits


def read_names(source: Path) -> dict[int, str]:
    """Class names by id of a YOLO set; empty where it has no file of names.

    Raises:
        DatasetError: if a YAML file at its top can't be read.
    """
    for path in sorted((*source.glob("*.yaml"), *source.glob("*.yml"))):
        if names := yaml_to_names(_read_yaml(path)):
            return names
    for folder in (source, source / "labels", source / "data", source / "train"):
        for name in _NAME_FILES:
            if (folder / name).is_file():
                text = (folder / name).read_text(encoding="utf-8", errors="replace")
                return dict(enumerate(filter(None, (t.strip() for t in text.splitlines()))))
    return {}


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: expected YAML, but reading failed: {error}") from error


def parse_yolo(text: str, name: str = "labels") -> tuple[tuple[int, ...], Floats]:
    """Label lines of any classes to ids and (N, 4) [cx, cy, w, h] fractions.

    A line of a class and three or more points is an outline; its bounding box is taken.

    Raises:
        AnnotationError: naming file and line, if a line is neither.
    """
    ids, boxes = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        values = parse_numbers(line, where)
        outline = len(values) >= 7 and len(values) % 2 == 1
        if not (outline or len(values) == 5) or values[0] < 0 or values[0] % 1:
            raise AnnotationError(f"{where}: expected 'class cx cy w h', but got {line[:80]!r}")
        box = _outline_to_box(values[1:]) if outline else values[1:]
        if box[2] < 0 or box[3] < 0 or max(map(abs, box)) > _MAX_FRACTION:
            raise AnnotationError(
                f"{where}: expected fractions of the picture, but got {line[:80]!r}"
            )
        ids.append(int(values[0]))
        boxes.append(box)
    return tuple(ids), np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _outline_to_box(flat: list[float]) -> list[float]:
    points = np.array(flat).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return [*((low + high) / 2), *(high - low)]
