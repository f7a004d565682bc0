"""Bringing annotated sets in, and sets of ours out.

Boxes refer to upright pictures, as in labelling tools and in training, which both turn a picture
as its EXIF orientation says; a set whose stated size shows that its boxes were drawn on the
stored pixels has its boxes turned (`data.formats.turn_upright`). Picture files are copied byte
for byte, orientation included.
"""

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from data.boxes import Boxes
from data.exceptions import AnnotationError, DatasetError, ImageError, UsageError
from data.files import atomic_folder
from data.formats import READERS, AnnotatedImage, map_classes, to_boxes, turn_upright
from data.formats.target import TARGETS, Target
from data.formats.wider import FACE
from data.formats.yolo import read_names
from data.images import Image, decode_image
from data.labels import CLASS_NAMES
from data.manifest import FaceRecord, PictureRecord
from data.splits import IDENTITY_PATTERN, identity_to_split, stem_to_identity
from data.writer import require_new

log = logging.getLogger(__name__)

DEFAULT_VAL = 0.1


@dataclass(frozen=True)
class Split:
    """How pictures are divided.

    Attributes:
        val: share of persons for validation; None keeps the set's own splits, and divides by
            DEFAULT_VAL only pictures in none.
        pattern: regular expression whose first group in a file name's stem is the person.
        seed: another seed, another division.
    """

    val: float | None = None
    pattern: str = IDENTITY_PATTERN
    seed: int = 0

    def __post_init__(self) -> None:
        if self.val is not None and not 0 <= self.val <= 1:
            raise UsageError(f"--val: expected a fraction from 0 to 1, but got {self.val}")
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise UsageError(
                f"--split-by: expected a regular expression, but got {self.pattern!r} ({error})"
            ) from error
        if not groups:
            raise UsageError(
                f"--split-by: expected a group that is the person, like '^(.+)_', "
                f"but got {self.pattern!r}"
            )


@dataclass
class Conversion:
    """What came of it: pictures written, boxes by class, boxes left out by reason, faults."""

    records: list[PictureRecord] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    @property
    def boxes(self) -> Counter[str]:
        """Boxes written by class name."""
        return Counter(face.label for record in self.records for face in record.boxes)


def convert(
    source: Path,
    out: Path,
    *,
    source_format: str,
    target_format: str = "yolo",
    classes: Mapping[str, str] | None = None,
    images: Path | None = None,
    split: Split | None = None,
) -> Conversion:
    """Read a set and write it as another; `out` appears when all is written, or not at all.

    Args:
        source: the set's folder or annotation file.
        out: the new set's folder; must not exist, or be empty.
        source_format: "voc", "coco", "wider" or "yolo".
        target_format: "yolo", "coco" or "voc".
        classes: their class names to ours or "drop" (`data.formats.parse_classes`).
        images: folder of the pictures, where they don't lie below the source.
        split: how to divide; by default as the set does.

    Raises:
        DatasetError: if the source has another layout, `out` is in the way, or not one entry
            could be read.
        AnnotationError: if a class has no mapping.
        UsageError: if a format is unknown.
        OSError: if the file system refuses.
    """
    if source_format not in READERS or target_format not in TARGETS:
        raise UsageError(
            f"expected --from {'|'.join(READERS)} --to {'|'.join(TARGETS)}, "
            f"but got {source_format} and {target_format}"
        )
    if not source.exists():
        raise DatasetError(f"{source}: expected a data set, but there is none")
    if images and not images.is_dir():
        raise DatasetError(f"{images}: expected a folder with pictures, but there is none")
    require_new(out)
    result = Conversion()
    entries = []
    for entry in READERS[source_format](source, images):
        if isinstance(entry, AnnotationError):
            result.broken.append(str(entry))
        else:
            entries.append(entry)
    rules = map_classes(
        (name for entry in entries for name in entry.names),
        _default_classes(source, source_format) | dict(classes or {}),
    )
    with atomic_folder(out) as folder:
        _write_all(entries, Target(folder, target_format), rules, split or Split(), result)
    return result


def _default_classes(source: Path, source_format: str) -> dict[str, str]:
    """What names mean that a format gives no meaning to."""
    if source_format == "wider":
        return {FACE: CLASS_NAMES[1]}
    if source_format == "yolo" and not read_names(source):
        log.warning(
            "%s: no file of class names; ids 0, 1, 2 are taken as %s unless --classes says more",
            *(source, ", ".join(CLASS_NAMES)),
        )
        return {str(i): name for i, name in enumerate(CLASS_NAMES)}
    return {}


def _write_all(
    entries: list[AnnotatedImage],
    target: Target,
    rules: Mapping[str, int | None],
    split: Split,
    result: Conversion,
) -> None:
    """Write every entry into `target`, then what describes the whole set."""
    stems = unique_stems(entry.path for entry in entries)

    def work(job: tuple[AnnotatedImage, str]) -> tuple[PictureRecord, Counter[str]] | str:
        try:
            return _bring(*job, target, rules, split)
        except (AnnotationError, ImageError) as error:
            return str(error)

    # OpenCV decodes and hashlib digests outside the interpreter's lock: threads are enough.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(work, zip(entries, stems, strict=True)):
            if isinstance(outcome, str):
                result.broken.append(outcome)
            else:
                result.records.append(outcome[0])
                result.left_out += outcome[1]
    if not result.records:
        first = f"; first fault: {result.broken[0]}" if result.broken else ""
        raise DatasetError(f"expected pictures with annotations, but none could be read{first}")
    target.finish(result.records)


def _bring(
    entry: AnnotatedImage,
    stem: str,
    target: Target,
    rules: Mapping[str, int | None],
    split: Split,
) -> tuple[PictureRecord, Counter[str]]:
    """Read one picture, check it, write it with its boxes; the record and what was left out."""
    try:
        content = entry.path.read_bytes()
    except OSError as error:
        raise ImageError(f"{entry.path}: can't be read ({error.strerror})") from error
    image = decode_image(content, str(entry.path))
    height, width = image.shape[:2]
    if entry.size == (height, width) != (width, height):
        entry = turn_upright(entry, _decode_stored(content), image)
    boxes, left_out = to_boxes(entry, rules, width, height)
    fingerprint = hashlib.sha256(content).hexdigest()
    identity = stem_to_identity(entry.path.stem, fingerprint, split.pattern)
    side = entry.split if entry.split and split.val is None else ""
    val = DEFAULT_VAL if split.val is None else split.val
    side = side or identity_to_split(identity, val, split.seed)
    name = stem + entry.path.suffix.lower()
    path = target.write(side, name, content, boxes, size=(width, height))
    record = PictureRecord(
        file=path.relative_to(target.root).as_posix(),
        width=width,
        height=height,
        split=side,
        source=_printable(entry.path.name),
        source_digest=fingerprint,
        identity=_printable(identity),
        seed=split.seed,
        boxes=_to_faces(boxes),
    )
    return record, left_out


def _decode_stored(content: bytes) -> Image:
    """Pixels as stored, whatever the EXIF orientation says."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), flags), dtype=np.uint8)


def _to_faces(boxes: Boxes) -> list[FaceRecord]:
    """Manifest entries of real faces, of which only class, box and size are known."""
    return [
        FaceRecord(
            label=CLASS_NAMES[label],
            box=[round(float(v), 3) for v in xyxy],
            state="",
            face_height=round(float(xyxy[3] - xyxy[1]), 3),
        )
        for label, xyxy in zip(boxes.class_ids, boxes.xyxy, strict=True)
    ]


def unique_stems(paths: Iterable[Path]) -> list[str]:
    """A stem for each file, none twice: "a", "a-2", ...; without what file systems refuse.

    Compared without regard to case, as some file systems do.
    """
    taken: set[str] = set()
    stems = []
    for path in paths:
        plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", _printable(path.stem)).lstrip(".") or "_"
        stem, number = plain, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{plain}-{number}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _printable(text: str) -> str:
    """Text that UTF-8 can hold; file names on Linux may be any bytes."""
    return text.encode("utf-8", "replace").decode("utf-8")
