"""How much of a face is covered: by the manifest of a generated set, else by the face's class.

Groups stand in the order of how much of the lower face is hidden.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.boxes import iou
from data.labels import CLASS_NAMES, Label
from data.manifest import FaceRecord, PictureRecord, read_manifest
from eval.matching import Pair

BARE, CHIN, NOSE_OUT, WORN = "bare", "mask below the lip", "nose out", "worn rightly"
HELD, WORN_HELD = "bare, something before it", "worn rightly, something before it"
BY_MANIFEST = (BARE, CHIN, NOSE_OUT, WORN, HELD, WORN_HELD)

# A real set says no more than this; `incorrect` there is mostly the nose out or the chin covered.
BY_CLASS = tuple(
    CLASS_NAMES[label] for label in (Label.WITHOUT_MASK, Label.INCORRECT, Label.WITH_MASK)
)

# Wearing states (synth.states) that leave nose and mouth free.
_BELOW_LIP = frozenset({"under_lip", "under_chin", "hanging", "forehead"})
# They are before a face, but leave its lower half to be seen.
_HARMLESS = frozenset(
    {"person", "glasses", "sunglasses", "bare_sunglasses", "hat", "strands", "phone_ear"}
    | {"earphones", "headset", "hood", "microphone_low", "jacket", "helmet", "neck_towel"}
)


def name_coverage(face: FaceRecord) -> str:
    """The group of BY_MANIFEST of a generated face.

    >>> name_coverage(FaceRecord("incorrect", [0, 0, 9, 9], state="nose_tip_out"))
    'nose out'
    """
    hidden = bool(set(face.occluders) - _HARMLESS)
    if face.label == CLASS_NAMES[Label.WITHOUT_MASK]:
        return HELD if hidden else BARE
    if face.label == CLASS_NAMES[Label.WITH_MASK]:
        return WORN_HELD if hidden else WORN
    return CHIN if face.state in _BELOW_LIP else NOSE_OUT


def cover_faces(root: Path, pairs: Sequence[Pair]) -> tuple[list[list[str]], tuple[str, ...]]:
    """For each picture the group of each true box, and the groups' order.

    A manifest counts where it knows every true box of every picture; else the classes do.

    Raises:
        DatasetError: if a line of the manifest is broken.
    """
    records = {record.file: record for record in read_manifest(root)}
    known = [_records_of(pair, _record_of(pair, root, records)) for pair in pairs]
    if records and all(faces is not None for faces in known):
        return [[name_coverage(f) for f in faces or ()] for faces in known], BY_MANIFEST
    return [[CLASS_NAMES[k] for k in pair.truth.class_ids] for pair in pairs], BY_CLASS


def _record_of(pair: Pair, root: Path, records: dict[str, PictureRecord]) -> PictureRecord | None:
    inside = pair.image.is_relative_to(root)
    return records.get(pair.image.relative_to(root).as_posix()) if inside else None


def _records_of(pair: Pair, record: PictureRecord | None) -> list[FaceRecord] | None:
    """The manifest's faces in the order of the true boxes; None where one is unknown to it."""
    if not len(pair.truth):
        return []
    if record is None or not record.boxes:
        return None
    overlap = iou(pair.truth.xyxy, np.array([face.box for face in record.boxes]))
    best = overlap.argmax(axis=1)
    # Labels round to 6 decimals of the picture's size, the manifest to hundredths of a pixel.
    if (overlap.max(axis=1) < 0.8).any():
        return None
    return [record.boxes[k] for k in best]
