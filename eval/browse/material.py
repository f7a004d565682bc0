"""What is to be browsed: pictures with their true boxes, read without FiftyOne."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from data.boxes import Boxes, iou
from data.dataset import Sample, find_samples, read_labels
from data.exceptions import AnnotationError, DatasetError, ImageError
from data.formats import READERS, AnnotatedImage, map_classes, to_boxes
from data.images import read_image, version_of
from data.manifest import FaceRecord, read_manifest

# Least overlap of a label with what the manifest says of the same face: both are rounded.
_SAME_FACE = 0.8


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a set.

    Attributes:
        path: its file, absolute.
        width, height: of the upright picture, px.
        version: changes with the file.
        split: "train", "val" or "".
        truth: N true boxes, pixels.
        faces: for each true box what the manifest says of it, None where it says nothing.
    """

    path: Path
    width: int
    height: int
    version: str
    split: str
    truth: Boxes
    faces: tuple[FaceRecord | None, ...]


@dataclass
class Material:
    """What is browsed of a set.

    Attributes:
        pictures: in the set's order.
        every: the files of all its splits, absolute.
        faults: what can't be shown, a line each.
    """

    pictures: list[Picture] = field(default_factory=list)
    every: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def guess_format(root: Path) -> str:
    """Which of "yolo", "voc" and "coco" a folder is, by its files.

    Raises:
        DatasetError: if there is no such folder.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a data set's folder, but there is none")
    if (root / "data.yaml").is_file() or (root / "labels").is_dir():
        return "yolo"
    if next(root.rglob("*.xml"), None) is not None:
        return "voc"
    if next((p for f in (root, root / "annotations") for p in f.glob("*.json")), None) is not None:
        return "coco"
    return "yolo"


@dataclass(frozen=True, eq=False)
class _Entry:
    """A picture before it is read; `to_truth(width, height)` are its true boxes in pixels."""

    path: Path
    split: str
    to_truth: Callable[[int, int], Boxes]


def load_material(root: Path, split: str | None, classes: Mapping[str, str]) -> Material:
    """Every picture of a split ("all": of every split; None: of val where there is one).

    Args:
        root: a YOLO set of ours, or a Pascal VOC or COCO set.
        split: "train", "val", "all" or None.
        classes: a VOC or COCO set's class names to ours (`data.formats.parse_classes`).

    Raises:
        DatasetError: if it is no data set, has no such split, or nothing can be read.
        AnnotationError: if a class of a VOC or COCO set has no mapping.
    """
    kind = guess_format(root)
    material = Material()
    if kind == "yolo":
        entries = [_of_sample(sample) for sample in find_samples(root)]
    else:
        entries = _of_annotations(READERS[kind](root, None), classes, material.faults)
    material.every = [normal_path(entry.path) for entry in entries]
    known = {normal_path(root / record.file): record.boxes for record in read_manifest(root)}
    # OpenCV decodes outside the interpreter's lock: threads are enough.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(lambda e: _read(e, known), _choose(entries, split, root)):
            if isinstance(outcome, Picture):
                material.pictures.append(outcome)
            else:
                material.faults.append(outcome)
    if not material.pictures:
        first = f"; the first fault: {material.faults[0]}" if material.faults else ""
        raise DatasetError(f"{root}: expected pictures, but none can be read{first}")
    return material


def _of_sample(sample: Sample) -> _Entry:
    return _Entry(sample.image, sample.split, partial(read_labels, sample.label))


def _of_annotations(
    read: Iterable[AnnotatedImage | AnnotationError],
    classes: Mapping[str, str],
    faults: list[str],
) -> list[_Entry]:
    """Entries of another format; broken ones are added to `faults`."""
    found = list(read)
    faults += [str(entry) for entry in found if isinstance(entry, AnnotationError)]
    good = [entry for entry in found if isinstance(entry, AnnotatedImage)]
    rules = map_classes((name for entry in good for name in entry.names), classes)
    return [_Entry(e.path, e.split, partial(_to_truth, e, rules)) for e in good]


def _to_truth(
    entry: AnnotatedImage, rules: Mapping[str, int | None], width: int, height: int
) -> Boxes:
    return to_boxes(entry, rules, width, height)[0]


def normal_path(path: Path) -> Path:
    """Absolute, without "..", links kept: as FiftyOne writes paths."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve follows links


def _choose(entries: Sequence[_Entry], split: str | None, root: Path) -> list[_Entry]:
    if split is None:
        split = "val" if any(entry.split == "val" for entry in entries) else "all"
    chosen = [entry for entry in entries if split in ("all", entry.split)]
    if not chosen:
        have = ", ".join(sorted({entry.split for entry in entries} - {""})) or "no splits"
        raise DatasetError(f"{root}: expected a split {split!r}, but the set has {have}")
    return chosen


def _read(entry: _Entry, known: Mapping[Path, Sequence[FaceRecord]]) -> Picture | str:
    """The picture, or what is wrong with it."""
    path = normal_path(entry.path)
    try:
        mtime, size = version_of(entry.path)
        height, width = read_image(entry.path).shape[:2]
        truth = entry.to_truth(width, height)
    except (ImageError, AnnotationError) as error:
        return str(error)
    faces = match_faces(truth, known.get(path, ()))
    return Picture(path, width, height, f"{mtime}-{size}", entry.split, truth, faces)


def match_faces(truth: Boxes, records: Sequence[FaceRecord]) -> tuple[FaceRecord | None, ...]:
    """For each true box the record of the same face, None for one that the manifest lacks."""
    if not records or not len(truth):
        return (None,) * len(truth)
    overlaps = iou(truth.xyxy, np.array([record.box for record in records]))
    return tuple(
        records[int(row.argmax())] if row.max() >= _SAME_FACE else None for row in overlaps
    )
