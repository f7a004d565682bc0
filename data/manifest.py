"""`manifest.jsonl`: one line a picture, saying how it was made."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data.exceptions import DatasetError
from data.files import atomic_path
from data.labels import CLASS_NAMES

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class FaceRecord:
    """What the generator knows of one box.

    Attributes:
        label: class name.
        box: [x1, y1, x2, y2], pixels of the written picture.
        style: mask style ("surgical", ...), "" where no mask was drawn.
        colour: [r, g, b] of the fabric, 0 to 255; empty where no mask was drawn.
        texture: print ("plain", "stripes", ...), "" where no mask was drawn.
        state: how it is worn ("right", "nose_out", ..., "bare").
        displacement: how far the mask lies from where it belongs, in face units (nose bridge to
            chin is one); 0 where it is worn rightly or not at all.
        face_height: height of the box in px.
        yaw, pitch, roll: head pose in degrees, None where landmarks couldn't be had.
        occluders: names of things before the face.
        aligned: whether landmarks were found, or a canonical layout stood in for them.
        identity: the person or source photo that the face is from.
        confidence: how far the label is believed, above 0 to 1; written where below 1, which
            `maskwatch label --soft` alone says. Training takes a label as far as it is believed.
    """

    label: str
    box: list[float]
    style: str = ""
    colour: list[int] = field(default_factory=list)
    texture: str = ""
    state: str = "bare"
    displacement: float = 0.0
    face_height: float = 0.0
    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None
    occluders: list[str] = field(default_factory=list)
    aligned: bool = True
    identity: str = ""
    confidence: float = 1.0


@dataclass(frozen=True)
class PictureRecord:
    """One line: the picture's file (relative, posix), its size, where it came from, its faces.

    `identity` names the person or source photo; all pictures of one lie in one split.
    """

    file: str
    width: int
    height: int
    split: str
    source: str
    source_digest: str
    identity: str
    seed: int
    boxes: list[FaceRecord] = field(default_factory=list)


def record_to_line(record: PictureRecord) -> str:
    """One JSON line, keys in the order of the fields; `label` is written as `class`."""
    value = asdict(record)
    value["boxes"] = [{"class": b.pop("label"), **b} for b in value["boxes"]]
    for box in value["boxes"]:
        if box["confidence"] == 1:
            del box["confidence"]
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def line_to_record(line: str, where: str = "manifest") -> PictureRecord:
    """A JSON line to its record; `where` is for messages.

    Raises:
        DatasetError: if the line is no JSON or has other fields.
    """
    try:
        value: dict[str, Any] = json.loads(line)
        boxes = [FaceRecord(label=b.pop("class"), **b) for b in value.pop("boxes")]
        record = PictureRecord(**value, boxes=boxes)
        _check_record(record)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f"{where}: expected a manifest line of this version, but got {line[:60]!r} ({error}); "
            "generate the set again or remove the manifest"
        ) from error
    return record


def _check_record(record: PictureRecord) -> None:
    """Refuse what JSON lets through but no reader expects; ValueError or TypeError."""
    for name in ("file", "split", "source", "source_digest", "identity"):
        if not isinstance(getattr(record, name), str):
            raise TypeError(f"{name} is no text")
    if not all(isinstance(n, int) for n in (record.width, record.height, record.seed)):
        raise TypeError("width, height or seed is no whole number")
    for face in record.boxes:
        if face.label not in CLASS_NAMES:
            raise ValueError(f"no class {face.label!r}")
        if len(face.box) != 4 or not all(abs(float(v)) < math.inf for v in face.box):
            raise ValueError(f"no box {face.box!r}")
        if not 0 < face.confidence <= 1:
            raise ValueError(f"no confidence {face.confidence!r}")


def write_manifest(root: Path, records: Iterable[PictureRecord]) -> None:
    """Write `manifest.jsonl`, whole or not at all."""
    with atomic_path(root / MANIFEST) as path, path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(record_to_line(record) + "\n")


def read_manifest(root: Path) -> Iterator[PictureRecord]:
    """The records of a data set; none where there is no manifest.

    Raises:
        DatasetError: if a line is broken, naming it.
    """
    path = root / MANIFEST
    if not path.is_file():
        return
    # Bytes that aren't UTF-8 become a broken line with its number, not an error without one.
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield line_to_record(line, f"{path}:{number}")
