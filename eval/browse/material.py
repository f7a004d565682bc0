"""What is to be browsed: pictures with their true boxes, read without FiftyOne."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from data.boxes import Boxes
from data.dataset import Sample
from data.exceptions import AnnotationError, DatasetError, ImageError
from data.images import read_image, version_of
from data.manifest import FaceRecord
from eval.sets import Records, match_faces, normal_path, open_set, read_truth


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a set.

    Attributes:
        path: its file, absolute.
        width, height: of the upright picture, px.
        version: changes with the file.
        split: "train", "val" or "".
        truth: N true boxes, pixels.
        faces: for each true box what the manifest says of it, None where it says nothing.
    """

    path: Path
    width: int
    height: int
    version: str
    split: str
    truth: Boxes
    faces: tuple[FaceRecord | None, ...]


@dataclass
class Material:
    """What is browsed of a set.

    Attributes:
        pictures: in the set's order.
        every: the files of all its splits, absolute.
        faults: what can't be shown, a line each.
    """

    pictures: list[Picture] = field(default_factory=list)
    every: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def load_material(root: Path, split: str | None, classes: Mapping[str, str]) -> Material:
    """Every picture of a split ("all": of every split; None: of val where there is one).

    Args:
        root: a YOLO set of ours, or a Pascal VOC or COCO set.
        split: "train", "val", "all" or None.
        classes: a VOC or COCO set's class names to ours (`data.formats.parse_classes`).

    Raises:
        DatasetError: if it is no data set, has no such split, or nothing can be read.
        AnnotationError: if a class of a VOC or COCO set has no mapping.
    """
    labelled = open_set(root, split, classes)
    every = [normal_path(sample.image) for sample in labelled.every]
    material = Material([], every, list(labelled.broken))
    # OpenCV decodes outside the interpreter's lock: threads are enough.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(lambda s: _read(s, labelled.records), labelled.chosen):
            if isinstance(outcome, Picture):
                material.pictures.append(outcome)
            else:
                material.faults.append(outcome)
    if not material.pictures:
        first = f"; the first fault: {material.faults[0]}" if material.faults else ""
        raise DatasetError(f"{root}: expected pictures, but none can be read{first}")
    return material


def _read(sample: Sample, known: Records) -> Picture | str:
    """The picture, or what is wrong with it."""
    path = normal_path(sample.image)
    try:
        mtime, size = version_of(sample.image)
        height, width = read_image(sample.image).shape[:2]
        truth = read_truth(sample, width, height)
    except (ImageError, AnnotationError) as error:
        return str(error)
    faces = match_faces(truth, known.get(path, ()))
    return Picture(path, width, height, f"{mtime}-{size}", sample.split, truth, faces)
