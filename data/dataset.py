"""Data sets in the ultralytics YOLO layout: where their pictures and labels lie.

    data.yaml                    path, train, val, names
    images/{train,val}/NAME.jpg
    labels/{train,val}/NAME.txt  "class cx cy w h" a line, fractions of the picture
    manifest.jsonl               how each picture was made (data.manifest)

Sets from elsewhere are read in two more shapes: `images/` and `labels/` without split folders,
with or without lists `train.txt` and `val.txt` beside them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data.boxes import Boxes, clip_xyxy, xyxy_to_yolo, yolo_to_xyxy
from data.exceptions import AnnotationError, DatasetError
from data.files import write_text
from data.images import is_image_name
from data.labels import CLASS_NAMES

SPLITS = ("train", "val")

# Fractions are written with 6 decimals: 0.001 px on a 1,000 px picture.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Sample:
    """One picture of a data set; `split` is "" where the set has none."""

    image: Path
    label: Path
    split: str


def find_samples(root: Path, split: str = "all") -> list[Sample]:
    """The pictures of one split ("train", "val") or of all, in the order of their names.

    Raises:
        DatasetError: if the folder is no data set, or has no such split.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a data set's folder, but there is none")
    samples = _from_yaml(root) if (root / "data.yaml").is_file() else _from_folders(root)
    if not samples:
        raise DatasetError(f"{root}: expected images/ with pictures in it, but found none")
    chosen = [s for s in samples if split in ("all", s.split)]
    if not chosen:
        have = ", ".join(sorted({s.split for s in samples} - {""})) or "no splits"
        raise DatasetError(f"{root}: expected a split {split!r}, but the set has {have}")
    return chosen


def _from_yaml(root: Path) -> list[Sample]:
    config = read_yaml(root)
    given = config.get("path")
    base = root / given if isinstance(given, str) else root
    samples = []
    for split in SPLITS:
        entries = config.get(split)
        for entry in entries if isinstance(entries, list) else [entries or ""]:
            if isinstance(entry, str) and entry:
                samples += _of_entry(base if base.is_dir() else root, entry, split)
    return samples


def read_yaml(root: Path) -> dict[str, Any]:
    """`data.yaml` of a data set, checked: a mapping whose class names are ours, in our order.

    Raises:
        DatasetError: if it is missing, no YAML, or names other classes.
    """
    path = root / "data.yaml"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: expected a data set's data.yaml, but there is none") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: bytes that aren't UTF-8, and dates and numbers that YAML can't build.
        raise DatasetError(f"{path}: expected YAML, but reading failed: {error}") from error
    if not isinstance(config, dict):
        raise DatasetError(f"{path}: expected keys path, train, val, names; got no mapping")
    names = yaml_to_names(config)
    if names != dict(enumerate(CLASS_NAMES)):
        raise DatasetError(
            f"{path}: expected names {list(CLASS_NAMES)}, but got {list(names.values())[:9]}; "
            "bring the set in with: maskwatch convert --from yolo --classes THEIRS=OURS"
        )
    return config


def yaml_to_names(config: Any) -> dict[int, str]:
    """Class names by id from the content of a `data.yaml`; empty where it names none."""
    names = config.get("names") if isinstance(config, dict) else None
    pairs = enumerate(names) if isinstance(names, list) else _items(names)
    return {k: v for k, v in pairs if isinstance(k, int) and isinstance(v, str)}


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _of_entry(root: Path, entry: str, split: str) -> list[Sample]:
    """Samples of one `train:` or `val:` entry: a folder or a list file."""
    path = root / entry
    if not path.exists():
        # Roboflow writes ../train/images for what lies below; ultralytics reads it like this.
        path = root / entry.removeprefix("../")
    if path.is_file() and path.suffix == ".txt":
        return _of_list(root, path, split)
    if not path.is_dir():
        return []
    return [
        Sample(p, image_to_label(root, p), split)
        for p in sorted(path.rglob("*"))
        if is_image_name(p)
    ]


def _from_folders(root: Path) -> list[Sample]:
    lists = [s for s in SPLITS if (root / f"{s}.txt").is_file()]
    if lists:
        return [s for split in lists for s in _of_list(root, root / f"{split}.txt", split)]
    samples = []
    for image in sorted((root / "images").rglob("*")):
        if is_image_name(image):
            first = image.relative_to(root / "images").parts[0]
            split = first if first in SPLITS else ""
            samples.append(Sample(image, image_to_label(root, image), split))
    return samples


def _of_list(root: Path, path: Path, split: str) -> list[Sample]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: expected a list of pictures, but got no UTF-8") from error
    images = [root / line.strip().removeprefix("./") for line in lines if line.strip()]
    return [Sample(p, image_to_label(root, p), split) for p in images]


def image_to_label(root: Path | None, image: Path) -> Path:
    """The label file of a picture: first `images` below the root becomes `labels`.

    For a picture outside the root, or without one, the last one does, as ultralytics has it.
    """
    base = root if root is not None and image.is_relative_to(root) else None
    parts = list((image.relative_to(base) if base else image).parts)
    if "images" in parts:
        index = parts.index("images") if base else -1 - parts[::-1].index("images")
        parts[index] = "labels"
    label = Path(base, *parts) if base else Path(*parts)
    return label.parent / f"{label.stem}.txt"


def read_labels(path: Path, width: int, height: int) -> Boxes:
    """The boxes of a YOLO label file, in pixels; a missing or empty file means no face.

    Raises:
        AnnotationError: naming file and line, if a line isn't five numbers, its class isn't
            ours, or its box is empty or leaves the picture.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Boxes.empty()
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: expected text, but got bytes that aren't UTF-8") from error
    return text_to_boxes(text, width, height, str(path))


def text_to_boxes(text: str, width: int, height: int, name: str = "labels") -> Boxes:
    """YOLO label lines to boxes in pixels; `name` is for messages.

    Raises:
        AnnotationError: as read_labels.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            rows.append(parse_line(line, f"{name}:{number}"))
    if not rows:
        return Boxes.empty()
    table = np.array(rows, dtype=np.float64)
    xyxy = clip_xyxy(yolo_to_xyxy(table[:, 1:], width, height), width, height)
    try:
        return Boxes(xyxy, table[:, 0].astype(np.int64))
    except AnnotationError as error:
        raise AnnotationError(f"{name}: {error}") from error


def parse_numbers(line: str, where: str) -> list[float]:
    """The numbers of one label line, all finite.

    Raises:
        AnnotationError: if one is no number, nan or infinite.
    """
    try:
        values = [float(field) for field in line.split()]
    except ValueError as error:
        raise AnnotationError(
            f"{where}: expected 'class cx cy w h', but got {line[:80]!r}"
        ) from error
    if not np.isfinite(values).all():
        raise AnnotationError(f"{where}: expected finite numbers, but got {line[:80]!r}")
    return values


def parse_line(line: str, where: str) -> list[float]:
    """One label line of ours: [class, cx, cy, w, h].

    Raises:
        AnnotationError: as read_labels.
    """
    values = parse_numbers(line, where)
    if len(values) != 5:
        raise AnnotationError(f"{where}: expected five numbers, but got {line[:80]!r}")
    if values[0] not in range(len(CLASS_NAMES)):
        raise AnnotationError(
            f"{where}: expected a class id 0 to {len(CLASS_NAMES) - 1}, but got {line.split()[0]}"
        )
    cx, cy, w, h = values[1:]
    low, high = min(cx - w / 2, cy - h / 2), max(cx + w / 2, cy + h / 2)
    if w <= 0 or h <= 0 or low < -_ROUNDING or high > 1 + _ROUNDING:
        raise AnnotationError(f"{where}: expected a box inside the picture, but got {line[:80]!r}")
    return values


def boxes_to_text(boxes: Boxes, width: int, height: int) -> str:
    """Boxes in pixels to YOLO label lines."""
    rows = xyxy_to_yolo(boxes.xyxy, width, height)
    return "".join(
        f"{label} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}\n"
        for label, (cx, cy, w, h) in zip(boxes.class_ids, rows, strict=True)
    )


def write_yaml(root: Path) -> None:
    """`data.yaml` of the YOLO layout. `path: .` keeps a set whole when it is moved."""
    write_text(
        root / "data.yaml",
        yaml.safe_dump(
            {
                "path": ".",
                "train": "images/train",
                "val": "images/val",
                "names": dict(enumerate(CLASS_NAMES)),
            },
            sort_keys=False,
        ),
    )
