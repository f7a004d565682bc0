"""Labelled sets to score on, in any format: YOLO sets (ours and others), Pascal VOC, COCO."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.boxes import Boxes, iou
from data.dataset import Sample, find_samples, read_labels
from data.exceptions import AnnotationError, DatasetError
from data.formats import READERS, AnnotatedImage, map_classes, to_boxes
from data.formats.annotation import Entry
from data.manifest import FaceRecord, read_manifest

# Least overlap of a label with what the manifest says of the same face: both are rounded.
_SAME_FACE = 0.8

# Absolute path of a picture to what the manifest says of its faces.
Records = Mapping[Path, Sequence[FaceRecord]]


@dataclass(frozen=True, eq=False)
class ForeignSample(Sample):
    """A picture whose boxes another tool's annotation holds; `label` is the picture itself."""

    entry: AnnotatedImage
    classes: Mapping[str, int | None]


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """A set and the part of it that is scored.

    Attributes:
        root: its folder or annotation file.
        every: the pictures of all splits.
        chosen: those of the split.
        split: "train", "val" or "all".
        kind: "yolo", "voc" or "coco".
        records: what the manifest says of faces; empty where there is none.
        broken: annotations that can't be read, a line each.
    """

    root: Path
    every: list[Sample]
    chosen: list[Sample]
    split: str
    kind: str
    records: Records
    broken: list[str]


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


def open_set(root: Path, split: str | None, classes: Mapping[str, str]) -> LabelledSet:
    """The pictures of a set; of split None those of val where there is one, else all.

    Args:
        root: a set's folder, or a COCO annotation file.
        split: "train", "val", "all" or None.
        classes: the set's class names to ours (data.formats.parse_classes); a YOLO set of ours
            needs none.

    Raises:
        DatasetError: if it is no data set, or has no such split.
        AnnotationError: if a class has no mapping, or a file is broken as a whole.
    """
    kind = "coco" if root.is_file() and root.suffix.lower() == ".json" else guess_format(root)
    broken: list[str] = []
    if kind == "yolo" and not classes:
        every = find_samples(root)
    else:
        every = _foreign_samples(READERS[kind](root, None), classes, broken)
        if not every:
            first = f"; the first fault: {broken[0]}" if broken else ""
            raise DatasetError(f"{root}: expected annotated pictures, but found none{first}")
    if split is None:
        split = "val" if any(sample.split == "val" for sample in every) else "all"
    chosen = [sample for sample in every if split in ("all", sample.split)]
    if not chosen:
        have = ", ".join(sorted({sample.split for sample in every} - {""})) or "no splits"
        raise DatasetError(f"{root}: expected a split {split!r}, but the set has {have}")
    records = {normal_path(root / record.file): record.boxes for record in read_manifest(root)}
    return LabelledSet(root, every, chosen, split, kind, records, broken)


def _foreign_samples(
    entries: Iterable[Entry], classes: Mapping[str, str], broken: list[str]
) -> list[Sample]:
    """Samples of another tool's set; what is wrong with the others is added to `broken`."""
    found = list(entries)
    broken += [str(entry) for entry in found if isinstance(entry, AnnotationError)]
    good = [entry for entry in found if isinstance(entry, AnnotatedImage)]
    rules = map_classes((name for entry in good for name in entry.names), classes)
    samples = [ForeignSample(e.path, e.path, e.split, e, rules) for e in good]
    return sorted(samples, key=lambda sample: str(sample.image))


def read_truth(sample: Sample, width: int, height: int) -> Boxes:
    """The true boxes of a `width` x `height` px picture, in pixels.

    Raises:
        AnnotationError: if a label file is broken, or an annotation is for another picture size.
    """
    if isinstance(sample, ForeignSample):
        return to_boxes(sample.entry, sample.classes, width, height)[0]
    return read_labels(sample.label, width, height)


def normal_path(path: Path) -> Path:
    """Absolute, without "..", links kept: as FiftyOne writes paths."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve follows links


def match_faces(truth: Boxes, records: Sequence[FaceRecord]) -> tuple[FaceRecord | None, ...]:
    """For each true box the record of the same face, None for one that the manifest lacks."""
    if not records or not len(truth):
        return (None,) * len(truth)
    overlaps = iou(truth.xyxy, np.array([record.box for record in records]))
    return tuple(
        records[int(row.argmax())] if row.max() >= _SAME_FACE else None for row in overlaps
    )
