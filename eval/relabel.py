"""A labelled set with a detector's boxes: whether a face is masked is the label's word, where it
begins and ends the detector's.

Sets differ in what a face's box is: from the brows to the chin in one, from the hairline or with
the ears in another. A network that learns from one of them draws boxes that don't fit the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.boxes import Boxes, Floats, Ints, clip_xyxy, iou
from data.dataset import image_to_label, read_labels
from data.exceptions import AnnotationError, DatasetError, ImageError
from data.images import Image
from detector.ensemble import Fused
from detector.predict import read_ahead
from eval.pseudo import (
    AHEAD,
    Labelling,
    Panel,
    Rules,
    Verdict,
    are_standing,
    look_at,
    write_labelled,
)

# Least overlap of a label with the box that the detector draws around the same face: a box from
# the crown, with ears, has one of about .4 with a box from the brows.
LEAST_OVERLAP = 0.3


@dataclass(frozen=True, eq=False)
class Seen:
    """One picture's T labels, what the detector found, F boxes, and which of these each label
    takes: (T,) positions, -1 for none."""

    truth: Boxes
    found: Boxes
    taken: Ints


def pair_up(truth: Floats, found: Floats, least: float = LEAST_OVERLAP) -> Ints:
    """Which of (F, 4) found boxes each of (T, 4) labelled ones takes, one each, the pairs that
    overlap most first.

    Returns:
        (T,) int64 positions, -1 where none overlaps by `least` IoU.
    """
    overlap = iou(truth, found)
    taken = np.full(len(overlap), -1, dtype=np.int64)
    while overlap.size and overlap.max() >= least:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        taken[row] = column
        overlap[row], overlap[:, column] = 0, 0
    return taken


def measure_shift(seen: Sequence[Seen]) -> Floats:
    """(4,) by how much the detector's corners lie from the labels', medians over all pairs, in
    widths (x) and heights (y) of the label; zeros where there is no pair."""
    shifts = [
        (pair.found.xyxy[pair.taken[kept]] - pair.truth.xyxy[kept]) / _sides(pair.truth.xyxy[kept])
        for pair in seen
        for kept in [pair.taken >= 0]
    ]
    rows = np.concatenate([np.zeros((0, 4)), *shifts])
    return np.asarray(np.median(rows, axis=0)) if len(rows) else np.zeros(4)


def rebox(seen: Seen, shift: Floats, sure: float, shape: tuple[int, int]) -> Verdict:
    """The labels with the detector's boxes.

    A label that no box was found for is moved by `shift`, as of measure_shift, within the picture
    of `shape` (height, width). What the detector is `sure` of and nobody labelled is to be covered,
    since it would be taught as background.
    """
    moved = clip_xyxy(seen.truth.xyxy + shift * _sides(seen.truth.xyxy), shape[1], shape[0])
    empty = np.any(moved[:, 2:] <= moved[:, :2], axis=1, keepdims=True)
    xyxy = np.where(empty, seen.truth.xyxy, moved)
    kept = seen.taken >= 0
    xyxy[kept] = clip_xyxy(seen.found.xyxy[seen.taken[kept]], shape[1], shape[0])
    extra = np.array(seen.found.scores >= sure, dtype=np.bool_)
    extra[seen.taken[kept]] = False
    labels = Boxes(xyxy, seen.truth.class_ids)
    return Verdict(labels, np.ones(len(labels)), seen.found.xyxy[extra])


def relabel_pictures(
    pictures: Sequence[tuple[Path, str]],
    out: Path,
    panel: Panel,
    *,
    rules: Rules,
    progress: Callable[[str, int, int], None],
) -> Labelling:
    """Write a YOLO data set of the labels that lie beside the pictures, with the panel's boxes.

    Arguments, and errors beside these, are those of eval.pseudo.label_pictures; of `rules` `sure`,
    `doubt` (the lowest score of a box that a label may take) and `val` count. Pictures whose
    label file is broken are faults.

    Raises:
        DatasetError: if no picture has a label file.
    """
    files = {path: image_to_label(None, path.resolve()) for path, _ in pictures}
    if not any(label.is_file() for label in files.values()):
        raise DatasetError(
            f"expected YOLO labels beside {len(files)} pictures, but found none, the first at "
            f"{next(iter(files.values()))}; bring the set into our layout with: maskwatch convert"
        )
    seen: dict[Path, Seen | AnnotationError] = {}
    for done, (path, image) in enumerate(read_ahead(list(files), AHEAD), start=1):
        if not isinstance(image, ImageError):
            fused = look_at(panel, image)
            try:
                seen[path] = _see(files[path], image, fused, rules.doubt)
            except AnnotationError as error:
                seen[path] = error
        progress("faces", done, len(files))
    shift = measure_shift([each for each in seen.values() if isinstance(each, Seen)])

    def look(path: Path, image: Image) -> Verdict:
        each = seen[path]
        if isinstance(each, AnnotationError):
            raise each
        return rebox(each, shift, rules.sure, (image.shape[0], image.shape[1]))

    return write_labelled(pictures, out, look, rules.val, progress)


def _see(label: Path, image: Image, fused: Fused, least: float) -> Seen:
    """The labels of a picture, and what was found with a score of `least` or more."""
    truth = read_labels(label, image.shape[1], image.shape[0])
    boxes = fused.boxes
    found = boxes.select(are_standing(boxes) & (boxes.scores >= least))
    return Seen(truth, found, pair_up(truth.xyxy, found.xyxy))


def _sides(xyxy: Floats) -> Floats:
    """(N, 4) width, height, width, height of (N, 4) boxes."""
    return np.tile(xyxy[:, 2:] - xyxy[:, :2], 2)
