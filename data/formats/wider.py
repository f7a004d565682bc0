"""WIDER FACE text files: all pictures of a split in one (Yang et al. 2016).

    0--Parade/0_Parade_marchingband_1_849.jpg
    1
    449 330 122 149 0 0 0 0 0 0

A picture's file, its number of faces N, then N lines `x y w h blur expression illumination
invalid occlusion pose`, in pixels from 0. A picture with N = 0 still has one line of zeros.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.boxes import Floats, xywh_to_xyxy
from data.exceptions import AnnotationError, DatasetError
from data.formats.annotation import MAX_PIXEL, SPLIT_NAMES, AnnotatedImage, Entry
from data.formats.pictures import PictureIndex

FACE = "face"  # the one class; its faces are bare
_INVALID = 7  # column of the flag that marks what even people can't make out as a face


@dataclass(frozen=True)
class WiderPicture:
    """One block: file, (N, 4) boxes [x1, y1, x2, y2] in pixels, boxes left out by reason."""

    file: str
    boxes: Floats
    skipped: Counter[str]
    fault: str = ""


def read_wider(source: Path, images: Path | None = None) -> Iterator[Entry]:
    """Every picture of a WIDER text file, or of all such files of a folder.

    Raises:
        DatasetError: if there is no such file.
        AnnotationError: if a file's blocks can't be told apart.
    """
    files = [source] if source.is_file() else sorted(source.rglob("*bbx_gt.txt"))
    if not files:
        raise DatasetError(f"{source}: expected a WIDER file, or a folder with *_bbx_gt.txt")
    index = PictureIndex(images or (source.parent if source.is_file() else source))
    for path in files:
        words = re.split(r"[^a-z]+", path.stem.lower())
        split = next((SPLIT_NAMES[w] for w in words if w in SPLIT_NAMES), "")
        text = path.read_text(encoding="utf-8", errors="replace")
        for block in parse_wider(text, str(path)):
            yield _to_entry(block, index, split, str(path))


def _to_entry(block: WiderPicture, index: PictureIndex, split: str, where: str) -> Entry:
    if block.fault:
        return AnnotationError(f"{where}: {block.file[:80]}: {block.fault}")
    try:
        path = index.find(block.file, where)
    except AnnotationError as error:
        return error
    names = (FACE,) * len(block.boxes)
    return AnnotatedImage(path, names, block.boxes, split=split, skipped=block.skipped)


def parse_wider(text: str, name: str = "annotations") -> list[WiderPicture]:
    """The blocks of a WIDER file; `name` is for messages.

    Raises:
        AnnotationError: if a file name isn't followed by a number of faces and as many lines;
            a broken line only sets the `fault` of its picture.
    """
    lines = [(n, t.strip()) for n, t in enumerate(text.splitlines(), 1) if t.strip()]
    pictures, at = [], 0
    while at < len(lines):
        number, file = lines[at]
        count = lines[at + 1][1] if at + 1 < len(lines) else ""
        if not re.fullmatch(r"[0-9]{1,6}", count):
            raise AnnotationError(
                f"{name}:{number}: expected the number of faces after {file[:80]!r}, "
                f"but got {count[:80]!r}"
            )
        # Pictures without faces carry one line of zeros, though not in every copy of the set.
        first, last = at + 2, at + 2 + int(count)
        if int(count) == 0 and first < len(lines) and _is_zeros(lines[first][1]):
            first = last = first + 1
        if last > len(lines):
            raise AnnotationError(
                f"{name}:{number}: expected {count} boxes, but got {len(lines) - first}; "
                "the file is cut off"
            )
        pictures.append(_parse_block(file, [line for _, line in lines[first:last]]))
        at = last
    return pictures


def _is_zeros(line: str) -> bool:
    return len(line.split()) >= 4 and not line.replace("0", "").strip()


def _parse_block(file: str, lines: list[str]) -> WiderPicture:
    boxes, skipped = [], Counter[str]()
    for line in lines:
        try:
            values = [float(field) for field in line.split()]
        except ValueError:
            values = []
        if len(values) < 4 or not all(abs(v) < MAX_PIXEL for v in values):
            fault = f"expected x y w h and six flags, but got {line[:80]!r}"
            return WiderPicture(file, np.zeros((0, 4)), skipped, fault)
        if len(values) > _INVALID and values[_INVALID]:
            skipped["marked invalid"] += 1
        elif values[2] <= 0 or values[3] <= 0:
            skipped["empty box"] += 1
        else:
            boxes.append(values[:4])
    xyxy = xywh_to_xyxy(np.array(boxes, dtype=np.float64).reshape(-1, 4))
    return WiderPicture(file, xyxy, skipped)
