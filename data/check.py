"""Validating a data set: every fault with its kind, its file and what is wrong.

Errors make training or scores wrong; warnings are worth a look.
"""

import hashlib
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data.boxes import Boxes
from data.dataset import (
    SPLITS,
    Sample,
    find_samples,
    image_to_label,
    parse_line,
    parse_numbers,
    text_to_boxes,
)
from data.exceptions import AnnotationError, DatasetError, ImageError
from data.images import decode_image
from data.labels import CLASS_NAMES
from data.manifest import MANIFEST, PictureRecord, line_to_record
from data.splits import find_shared

Severity = Literal["error", "warning"]

# Below this height or width in px not even people tell a mask from a chin.
TINY = 4.0
# Borders in px between the size classes of the table.
SIZES = (8, 16, 32, 96)
SIZE_CLASSES = ("<8", "8-16", "16-32", "32-96", ">=96")
# Largest difference in px between manifest and label: six decimals of a fraction, and rounding.
TOLERANCE = 1.0


@dataclass(frozen=True)
class Problem:
    """One fault; `path` is relative to the data set where it lies inside."""

    kind: str
    severity: Severity
    path: str
    message: str


@dataclass
class Report:
    """What a data set holds and what is wrong with it.

    Attributes:
        root: the data set's folder.
        pictures: number of pictures by split ("" where the set has none).
        boxes: number of boxes by (split, class name).
        sizes: number of boxes by (size class, class name); a size class is one of SIZE_CLASSES, of
            the height in px.
        bare: number of pictures without a box.
        problems: in the order of the set.
    """

    root: Path
    pictures: Counter[str] = field(default_factory=Counter)
    boxes: Counter[tuple[str, str]] = field(default_factory=Counter)
    sizes: Counter[tuple[str, str]] = field(default_factory=Counter)
    bare: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many problems are errors."""
        return sum(p.severity == "error" for p in self.problems)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "root": _relative(Path(), self.root),
            "ok": self.errors == 0,
            "pictures": dict(self.pictures),
            "boxes": [{"split": s, "class": c, "count": n} for (s, c), n in self.boxes.items()],
            "sizes": [{"height": h, "class": c, "count": n} for (h, c), n in self.sizes.items()],
            "pictures_without_boxes": self.bare,
            "problems": [vars(p) for p in self.problems],
        }


@dataclass(frozen=True)
class _Checked:
    """One picture after reading: its size (0, 0 if unreadable), digest, boxes, problems."""

    sample: Sample
    size: tuple[int, int]
    digest: str
    boxes: Boxes
    problems: list[Problem]


def check_dataset(root: Path, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read every picture, label and manifest line of a data set and report what is wrong.

    Args:
        root: a folder that `find_samples` reads.
        progress: called with pictures done and pictures in all, from one thread.

    Raises:
        DatasetError: if the folder is no data set at all, or its data.yaml names other classes.
    """
    samples = find_samples(root)
    report = Report(root)
    checked: list[_Checked] = []
    # OpenCV decodes and hashlib digests outside the interpreter's lock: threads are enough.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for item in pool.map(lambda s: _check_sample(root, s), samples):
            checked.append(item)
            _count(report, item)
            if progress:
                progress(len(checked), len(samples))
    for item in checked:
        report.problems += item.problems
    report.problems += _check_layout(root, samples)
    report.problems += _check_duplicates(root, checked)
    report.problems += _check_manifest(root, checked)
    return report


def size_class(height: float) -> str:
    """The size class of a face `height` px high: one of SIZE_CLASSES."""
    return SIZE_CLASSES[bisect_right(SIZES, height)]


def _count(report: Report, item: _Checked) -> None:
    report.pictures[item.sample.split] += 1
    report.bare += not len(item.boxes)
    for label, height in zip(item.boxes.class_ids, item.boxes.heights, strict=True):
        report.boxes[item.sample.split, CLASS_NAMES[label]] += 1
        report.sizes[size_class(height), CLASS_NAMES[label]] += 1


def _check_sample(root: Path, sample: Sample) -> _Checked:
    """Read one picture and its label file."""
    problems: list[Problem] = []
    size, digest, boxes = (0, 0), "", Boxes.empty()
    try:
        content = sample.image.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        height, width = decode_image(content, "picture").shape[:2]
        size = (width, height)
    except OSError as error:
        problems.append(_problem(root, sample.image, "unreadable picture", str(error.strerror)))
    except ImageError as error:
        problems.append(_problem(root, sample.image, "unreadable picture", str(error)))
    if not sample.label.is_file():
        message = f"no {_relative(root, sample.label)}; taken as a picture without faces"
        problems.append(_problem(root, sample.image, "no label file", message, "warning"))
    elif size != (0, 0):
        boxes, faults = _check_label(root, sample.label, *size)
        problems += faults
    return _Checked(sample, size, digest, boxes, problems)


def _check_label(root: Path, path: Path, width: int, height: int) -> tuple[Boxes, list[Problem]]:
    """The good boxes of a label file, and what is wrong with the other lines."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Boxes.empty(), [_problem(root, path, "broken label", f"can't be read: {error}")]
    problems, good = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            parse_line(line, f"line {number}")
            # Only with the picture's size does it show that a box is empty after rounding.
            text_to_boxes(line, width, height, f"line {number}")
        except AnnotationError as error:
            problems.append(_problem(root, path, _kind_of(line), str(error)))
        else:
            good.append(line)
    boxes = text_to_boxes("\n".join(good), width, height)
    sides = (boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).min(axis=1, initial=np.inf)
    for xyxy in boxes.xyxy[sides < TINY]:
        message = f"expected a box of {TINY:g} px or more, but got {_describe(xyxy)}"
        problems.append(_problem(root, path, "tiny box", message, "warning"))
    if repeated := len(good) - len(set(good)):
        message = f"{repeated} box(es) listed twice"
        problems.append(_problem(root, path, "repeated box", message, "warning"))
    return boxes, problems


def _kind_of(line: str) -> str:
    """What is wrong with a label line that `parse_line` refuses."""
    try:
        values = parse_numbers(line, "")
    except AnnotationError:
        return "broken label"
    if len(values) != 5:
        return "broken label"
    return "box out of range" if values[0] in range(len(CLASS_NAMES)) else "wrong class"


def _check_layout(root: Path, samples: list[Sample]) -> Iterator[Problem]:
    """Splits that `data.yaml` promises, and labels without their picture."""
    have = {s.split for s in samples}
    if (root / "data.yaml").is_file():
        for split in (s for s in SPLITS if s not in have):
            message = f"split {split!r} has no pictures"
            yield _problem(root, root / "data.yaml", "empty split", message, "warning")
    twice = [path for path, n in Counter(s.label for s in samples).items() if n > 1]
    for path in twice:
        message = "expected one picture for each label file, but several share this one"
        yield _problem(root, path, "shared label", message)
    known = {s.label for s in samples} | {image_to_label(root, s.image) for s in samples}
    for path in sorted((root / "labels").rglob("*.txt")):
        if path not in known and path.name != "classes.txt":
            yield _problem(root, path, "no picture", "label file without a picture", "warning")


def _check_duplicates(root: Path, checked: list[_Checked]) -> Iterator[Problem]:
    """Pictures that are the same file, byte for byte (SHA-256)."""
    first: dict[str, Sample] = {}
    for item in (c for c in checked if c.digest):
        seen = first.setdefault(item.digest, item.sample)
        if seen is item.sample:
            continue
        message = f"the same picture as {_relative(root, seen.image)}"
        if seen.split != item.sample.split:
            message += f", which is in {seen.split or 'no split'}"
            yield _problem(root, item.sample.image, "duplicate across splits", message)
        else:
            yield _problem(root, item.sample.image, "duplicate picture", message, "warning")


def _check_manifest(root: Path, checked: list[_Checked]) -> Iterator[Problem]:
    """The manifest against pictures and labels, and persons in two splits."""
    if not (root / MANIFEST).is_file():
        return
    records, problems = _read_records(root)
    yield from problems
    by_file = {_relative(root, c.sample.image): c for c in checked}
    for file, record in records.items():
        if file not in by_file:
            yield Problem("missing picture", "error", file, "in the manifest, but not in the set")
        elif by_file[file].size != (0, 0) and (message := _compare(record, by_file[file])):
            yield Problem("manifest disagrees", "error", file, f"manifest has {message}")
    for file in (f for f in by_file if f not in records):
        yield Problem("not in manifest", "warning", file, "no line in the manifest")
    for identity, splits in find_shared(records.values()).items():
        message = f"{identity!r} is in {' and '.join(splits)}; divide again by person"
        yield _problem(root, root / MANIFEST, "person in two splits", message)


def _read_records(root: Path) -> tuple[dict[str, PictureRecord], list[Problem]]:
    """Manifest lines by picture, and the broken and repeated ones."""
    path = root / MANIFEST
    records: dict[str, PictureRecord] = {}
    problems = []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in ((n, t) for n, t in enumerate(lines, start=1) if t.strip()):
        try:
            record = line_to_record(line, f"line {number}")
        except DatasetError as error:
            problems.append(_problem(root, path, "broken manifest", str(error)))
            continue
        if record.file in records:
            message = f"line {number}: {record.file} is listed twice"
            problems.append(_problem(root, path, "broken manifest", message))
        records[record.file] = record
    return records, problems


def _compare(record: PictureRecord, item: _Checked) -> str:
    """How a manifest line differs from the picture and its labels; "" if it doesn't."""
    if (record.width, record.height) != item.size:
        return f"size {record.width}x{record.height}, but the picture is {_join(item.size)}"
    if record.split != item.sample.split:
        return f"split {record.split!r}, but it lies in {item.sample.split!r}"
    if len(record.boxes) != len(item.boxes):
        return f"{len(record.boxes)} boxes, but the label file has {len(item.boxes)}"
    for number, (face, label, xyxy) in enumerate(
        zip(record.boxes, item.boxes.class_ids, item.boxes.xyxy, strict=True), start=1
    ):
        if face.label != CLASS_NAMES[label]:
            return f"box {number} is {face.label}, but {CLASS_NAMES[label]} in the label file"
        if np.abs(np.array(face.box) - xyxy).max() > TOLERANCE:
            return f"box {number} is {face.box}, but {_describe(xyxy)} in the label file"
    return ""


def _problem(
    root: Path, path: Path, kind: str, message: str, severity: Severity = "error"
) -> Problem:
    return Problem(kind, severity, _relative(root, path), message)


def _relative(root: Path, path: Path) -> str:
    """A path as text, relative to the set where it is inside; bytes that are no text escaped."""
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return shown.as_posix().encode("utf-8", "backslashreplace").decode("utf-8")


def _describe(xyxy: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    return str([round(float(v), 1) for v in xyxy])


def _join(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
