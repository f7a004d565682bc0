"""One way to write all the formats that sets can leave in."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data.boxes import Boxes
from data.dataset import SPLITS, write_yaml
from data.formats.coco import write_coco_annotations, write_coco_sample
from data.formats.voc import write_voc_sample, write_voc_splits
from data.manifest import PictureRecord, write_manifest
from data.writer import write_sample

TARGETS = ("yolo", "coco", "voc")


@dataclass(frozen=True)
class Target:
    """A set being written below `root` in the format `name`, one of TARGETS.

    `write` may be called from many threads; `finish` once, when all pictures are written.
    """

    root: Path
    name: str

    def write(
        self, split: str, name: str, content: bytes, boxes: Boxes, *, size: tuple[int, int]
    ) -> Path:
        """Write one encoded picture of `size` (width, height) px; returns its path."""
        if self.name == "voc":
            return write_voc_sample(self.root, name, content, boxes, size=size)
        if self.name == "coco":
            return write_coco_sample(self.root, split, name, content)
        return write_sample(self.root, split, name, content, boxes, size=size).image

    def finish(self, records: Iterable[PictureRecord]) -> None:
        """Write what describes the whole set; the records are gone through once."""
        if self.name == "voc":
            write_voc_splits(self.root, records)
        elif self.name == "coco":
            write_coco_annotations(self.root, records)
        else:
            for split in SPLITS:
                (self.root / "images" / split).mkdir(parents=True, exist_ok=True)
                (self.root / "labels" / split).mkdir(parents=True, exist_ok=True)
            write_yaml(self.root)
            write_manifest(self.root, records)
