"""Annotations of other tools: Pascal VOC, COCO, WIDER FACE and foreign YOLO sets.

Every reader takes a source and, where the pictures lie elsewhere, their folder, and yields one
`AnnotatedImage` a picture, or an `AnnotationError` in the place of a broken entry.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from data.formats.annotation import AnnotatedImage, Entry, to_boxes, turn_upright
from data.formats.classes import map_classes, parse_classes, suggest
from data.formats.coco import read_coco
from data.formats.voc import read_voc
from data.formats.wider import read_wider
from data.formats.yolo import read_yolo

__all__ = [
    "READERS",
    "AnnotatedImage",
    "Entry",
    "map_classes",
    "parse_classes",
    "suggest",
    "to_boxes",
    "turn_upright",
]

READERS: dict[str, Callable[[Path, Path | None], Iterator[Entry]]] = {
    "voc": read_voc,
    "coco": read_coco,
    "wider": read_wider,
    "yolo": read_yolo,
}
