"""Closing a set that is drawn: its manifest, what its format wants beside, what is in it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.dataset import write_yaml
from data.formats.target import Target
from data.manifest import PictureRecord, line_to_record, read_manifest, write_manifest
from data.splits import assert_disjoint

# Beside the manifest lines of a shard: what was passed over in it.
REPORT = ".report.json"


@dataclass(frozen=True)
class Drawn:
    """What was drawn and passed over.

    Attributes:
        pictures: how many.
        boxes: by class name.
        faults: a message for each picture that could not be drawn.
        blurred: faces blurred out.
    """

    pictures: int
    boxes: dict[str, int]
    faults: list[str]
    blurred: int


def close_set(target: Target, parts: Sequence[Path]) -> Drawn:
    """Write what describes the whole set, from the manifest lines of its shards.

    The lines are gone through one at a time: memory grows with the persons, not the pictures.

    Args:
        target: where the pictures are.
        parts: files of manifest lines, in the order of the shards, each with its REPORT.

    Raises:
        DatasetError: if a line is broken, or a person lies in two splits.
        OSError: if the file system refuses.
    """
    boxes: Counter[str] = Counter()

    def count(records: Iterable[PictureRecord]) -> Iterator[PictureRecord]:
        for record in records:
            boxes.update(face.label for face in record.boxes)
            boxes[""] += 1
            yield record

    write_manifest(target.root, count(_read(parts)))
    assert_disjoint(read_manifest(target.root))
    if target.name == "yolo":
        write_yaml(target.root)
    else:
        target.finish(read_manifest(target.root))
    reports = [json.loads(p.with_suffix(REPORT).read_text(encoding="utf-8")) for p in parts]
    return Drawn(
        pictures=boxes.pop("", 0),
        boxes=dict(boxes),
        faults=[fault for report in reports for fault in report["faults"]],
        blurred=sum(report["blurred"] for report in reports),
    )


def _read(parts: Iterable[Path]) -> Iterator[PictureRecord]:
    for part in parts:
        # Not splitlines: names of photos may hold what it takes for an end of line.
        with part.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line_to_record(line, str(part))
