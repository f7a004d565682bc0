"""Faces that fill the picture: `python -m eval.large_faces DIR [--split S] [--weights FILE]`.

Labelled faces of a real set are cut out and enlarged until they fill a given share of a square
picture's height, once looked at and twice (detector.second_look). The enlarged ones are blurred,
as portraits aren't; what is seen is whether the detector knows faces of that size.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from data.boxes import Boxes, Floats, iou
from data.exceptions import MaskwatchError, NoFacesError
from data.images import Image, read_image
from data.labels import CLASS_NAMES
from detector.runtime import Detector
from detector.second_look import SecondLook
from eval.loading import Detect
from eval.matching import IOU_MIN
from eval.report import Table, table_to_text
from eval.sets import open_set, read_truth

SHARES = (0.15, 0.3, 0.5, 0.75)
CONF = 0.25
_SIDE = 640  # px of the pictures
_LEAST = 44.0  # px; smaller faces are too blurred when enlarged
_MOST = 60  # faces of each class


@dataclass(frozen=True, eq=False)
class LargeFace:
    """A labelled face in its picture: (H, W, 3) uint8 BGR, (4,) box in pixels, class."""

    image: Image
    box: Floats
    label: int


def choose_faces(root: Path, split: str | None, least: float, most: int) -> list[LargeFace]:
    """The first `most` faces of each class whose sides are at least `least` px, by file names.

    Raises:
        DatasetError, AnnotationError, ImageError: if the set or a picture can't be read.
        NoFacesError: if no face is large enough.
    """
    chosen: list[LargeFace] = []
    for sample in open_set(root, split, {}).chosen:
        image = read_image(sample.image)
        truth = read_truth(sample, image.shape[1], image.shape[0])
        for box, label in zip(truth.xyxy, truth.class_ids.tolist(), strict=True):
            known = sum(face.label == label for face in chosen)
            if (box[2:] - box[:2]).min() >= least and known < most:
                chosen.append(LargeFace(image, box, label))
    if not chosen:
        raise NoFacesError(f"{root}: expected faces of at least {least:g} px, but found none")
    return chosen


def enlarge(face: LargeFace, share: float) -> tuple[Image, Floats]:
    """A square picture in which the face's longer side fills that share, and its (4,) box there.

    Beyond the picture's edge it is mirrored.
    """
    centre, size = (face.box[:2] + face.box[2:]) / 2, face.box[2:] - face.box[:2]
    side = float(size.max()) / share
    scale = _SIDE / side
    shift = np.array([_SIDE, _SIDE]) / 2 - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    picture = cv2.warpAffine(
        *(face.image, matrix, (_SIDE, _SIDE)),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(picture, dtype=np.uint8), np.tile(shift, 2) + scale * face.box


def count_right(faces: Sequence[LargeFace], share: float, detect: Detect) -> list[tuple[int, int]]:
    """For each class how many of its faces are found as such, and how many there are."""
    right, every = np.zeros(len(CLASS_NAMES), int), np.zeros(len(CLASS_NAMES), int)
    for face in faces:
        picture, box = enlarge(face, share)
        every[face.label] += 1
        right[face.label] += said(detect([picture])[0], box) == face.label
    return list(zip(right.tolist(), every.tolist(), strict=True))


def said(found: Boxes, box: Floats) -> int | None:
    """The class of the best of the boxes that overlap (4,) `box` by IoU 0.5; None for none."""
    over = np.flatnonzero(iou(found.xyxy, box[None])[:, 0] >= IOU_MIN)
    return int(found.class_ids[over[found.scores[over].argmax()]]) if len(over) else None


def to_table(rows: Sequence[tuple[float, str, list[tuple[int, int]]]]) -> Table:
    """A row for each share and way to look."""
    lines = [
        (f"{share:.2f}, {name}", *(f"{r} of {n}" if n else "-" for r, n in counts))
        for share, name, counts in rows
    ]
    return Table(("face's share of the height", *CLASS_NAMES), tuple(lines))


def _rows(
    faces: Sequence[LargeFace], weights: Path | None, imgsz: int | None, shares: Sequence[float]
) -> Iterator[tuple[float, str, list[tuple[int, int]]]]:
    ways: list[tuple[str, Callable[..., Detector]]] = [
        ("one look", Detector),
        ("two looks", SecondLook),
    ]
    looks = [(name, way(weights, imgsz=imgsz)) for name, way in ways]
    for share in shares:
        for name, detector in looks:
            yield share, name, count_right(faces, share, partial(detector.detect, conf=CONF))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m eval.large_faces", description=__doc__)
    add = parser.add_argument
    add("dir", type=Path, metavar="DIR", help="a labelled data set")
    add("--split", choices=("train", "val", "all"))
    add("--weights", type=Path, metavar="FILE")
    add("--imgsz", type=int, metavar="PX")
    add("--shares", type=float, nargs="+", default=list(SHARES), metavar="S")
    args = parser.parse_args()
    try:
        faces = choose_faces(args.dir, args.split, _LEAST, _MOST)
        table = to_table(list(_rows(faces, args.weights, args.imgsz, args.shares)))
    except MaskwatchError as error:
        sys.stderr.write(f"large_faces: {error}\n")
        return 1
    sys.stdout.write(f"{table_to_text(table)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
