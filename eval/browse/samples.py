"""Boxes of ours to FiftyOne's labels and back.

FiftyOne's boxes are [x, y, width, height] as fractions of the picture; it ships no types, so its
objects are `Any` here.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from data.boxes import Boxes, Floats
from data.labels import CLASS_NAMES
from data.manifest import FaceRecord
from eval.browse.material import Picture

TRUTH = "ground_truth"

# What the manifest says of a face, as attributes of its true box.
FACTS = ("style", "texture", "state", "yaw", "pitch", "roll", "occluders")


def to_relative(xyxy: Floats, width: int, height: int) -> list[list[float]]:
    """(N, 4) pixels to N lists [x, y, width, height], fractions of the picture."""
    size = np.array([width, height, width, height], dtype=np.float64)
    corner = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4) / size
    corner[:, 2:] -= corner[:, :2]
    return [[float(v) for v in row] for row in corner]


def to_pixels(relative: Sequence[Sequence[float]], width: int, height: int) -> Floats:
    """N lists [x, y, width, height] of fractions to (N, 4) [x1, y1, x2, y2] pixels."""
    rows = np.array(relative, dtype=np.float64).reshape(-1, 4)
    rows[:, 2:] += rows[:, :2]
    return np.asarray(rows * np.array([width, height, width, height], dtype=np.float64))


def truth_to_labels(fo: Any, picture: Picture) -> Any:
    """True boxes as `fo.Detections`, with each face's height in px and what is known of it."""
    boxes = picture.truth
    rows = to_relative(boxes.xyxy, picture.width, picture.height)
    return fo.Detections(
        detections=[
            fo.Detection(
                label=CLASS_NAMES[label],
                bounding_box=row,
                face_height=float(height),
                **_facts(face),
            )
            for label, row, height, face in zip(
                boxes.class_ids, rows, boxes.heights, picture.faces, strict=True
            )
        ]
    )


def _facts(face: FaceRecord | None) -> dict[str, Any]:
    if face is None:
        return {}
    return {name: value for name in FACTS if (value := getattr(face, name)) not in (None, "", [])}


def found_to_labels(fo: Any, boxes: Boxes, width: int, height: int) -> Any:
    """Found boxes as `fo.Detections`."""
    rows = to_relative(boxes.xyxy, width, height)
    return fo.Detections(
        detections=[
            fo.Detection(label=CLASS_NAMES[label], bounding_box=row, confidence=float(score))
            for label, row, score in zip(boxes.class_ids, rows, boxes.scores, strict=True)
        ]
    )


def truth_digest(labels: Iterable[str], rows: Iterable[Sequence[float]]) -> str:
    """Changes with any box or class; the order doesn't matter.

    Args:
        labels: N class names.
        rows: N boxes [x, y, width, height], fractions; compared to 5 decimals.
    """
    lines = sorted(
        f"{label} {' '.join(f'{v:.5f}' for v in row)}"
        for label, row in zip(labels, rows, strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def picture_digest(picture: Picture) -> str:
    """`truth_digest` of the set's own labels of a picture."""
    boxes = picture.truth
    rows = to_relative(boxes.xyxy, picture.width, picture.height)
    return truth_digest((CLASS_NAMES[i] for i in boxes.class_ids), rows)


def sample_digest(sample: Any) -> str:
    """`truth_digest` of the labels that a sample has now, edited or not."""
    labels = sample[TRUTH].detections if sample[TRUTH] is not None else []
    return truth_digest((d.label for d in labels), (d.bounding_box for d in labels))
