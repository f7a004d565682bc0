"""Labels that are believed in part, and a loss that takes them so.

A confidence of .4 makes .4 of the score that a sure label would ask for the target, and gives the
box .4 of its weight: soft targets (Hinton et al. 2015, "Distilling the knowledge in a neural
network"). On its way through ultralytics' mosaics it travels as the fraction of the class number.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.exceptions import DatasetError
from data.manifest import MANIFEST, read_manifest

# Of a class number's fraction: 0 for a sure label, and below 1 for any, so that the class stays.
_ROOM = 0.98


def read_confidences(roots: Sequence[Path]) -> dict[str, list[float]]:
    """What the manifests of data sets say of how far labels are believed.

    Returns:
        For each picture with a label that isn't sure, by its absolute path: the confidence of
        every label, above 0 to 1, in their order.

    Raises:
        DatasetError: if a line of a manifest is broken.
    """
    found = {}
    for root in roots:
        if not _mentions(root / MANIFEST):
            continue
        for record in read_manifest(root):
            values = [face.confidence for face in record.boxes]
            if any(value < 1 for value in values):
                found[str((root / record.file).resolve())] = values
    return found


def _mentions(path: Path) -> bool:
    """Whether any line has a confidence: reading the lines of a million drawn pictures for nothing
    takes a minute."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return any(b'"confidence"' in line for line in file)


def soften(labels: Sequence[dict[str, Any]], confidences: Mapping[str, Sequence[float]]) -> None:
    """Put confidences into the class numbers of ultralytics' labels, in place.

    Args:
        labels: of a data set, a picture each: "im_file", and "cls", (N, 1) float32.
        confidences: by absolute path, as of `read_confidences`.

    Raises:
        DatasetError: if a picture has other labels than its manifest says.
    """
    for label in labels:
        values = confidences.get(str(Path(label["im_file"]).resolve()))
        if values is None:
            continue
        if len(values) != len(label["cls"]):
            raise DatasetError(
                f"{label['im_file']}: expected {len(values)} labels, as the manifest says, but "
                f"got {len(label['cls'])}; label the set again or remove its {MANIFEST}"
            )
        doubt = (1 - np.array(values, dtype=np.float32)) * _ROOM
        label["cls"] = label["cls"] + doubt[:, None]


class SoftAssigner:
    """An assigner of ultralytics whose targets are as high as the labels are believed."""

    def __init__(self, assigner: Any) -> None:
        self.assigner = assigner

    def __call__(
        self,
        scores: Any,
        boxes: Any,
        anchors: Any,
        labels: Any,
        *others: Any,
        **options: Any,
    ) -> tuple[Any, ...]:
        """As TaskAlignedAssigner; `labels`, (B, N, 1), are softened class numbers."""
        classes = labels.floor()
        found = self.assigner(scores, boxes, anchors, classes, *others, **options)
        if not labels.shape[1]:
            return tuple(found)
        targets, target_boxes, target_scores, chosen, indices = found
        confidence = (1 - (labels - classes) / _ROOM).squeeze(-1).gather(1, indices.long())
        return targets, target_boxes, target_scores * confidence[..., None], chosen, indices


def soften_loss(module: Any) -> None:
    """Let the loss of a network in training, which has none yet, take labels as far as they are
    believed; changed in place."""
    module.criterion = module.init_criterion()
    heads = (getattr(module.criterion, name, None) for name in ("one2many", "one2one"))
    for loss in [loss for loss in heads if loss is not None] or [module.criterion]:
        loss.assigner = SoftAssigner(loss.assigner)
