"""Predictions of one or several models for the pictures of a set."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Boxes
from data.dataset import Sample
from data.exceptions import AnnotationError, DatasetError
from data.files import digest, write_json
from detector.predict import Prediction, predict, prediction_to_json
from detector.second_look import SecondLook
from eval.browse.material import Material, Picture
from eval.foreign import CocoNames, read_any_predictions
from eval.loading import assign
from eval.predictions import Prediction as Predicted
from eval.predictions import parse_predictions

log = logging.getLogger(__name__)

# Lowest score that is kept in the cache, so that another --conf needs no new detection.
_CACHED_CONF = 0.05
# What `maskwatch train` calls every run's weights: the run's folder tells more.
_COMMON_STEMS = ("maskwatch", "best", "last", "model", "predictions", "found")
# Names that FiftyOne or we use for something else.
_TAKEN = ("ground_truth", "filepath", "tags", "metadata", "id", "split", "type", "iou", "crowd")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Model:
    """What one detector found.

    Attributes:
        name: its field in FiftyOne: letters, digits, underscores.
        source: the file that it came from.
        found: boxes by picture; a picture that lacks here had no prediction.
        notes: what was left out, a line each.
    """

    name: str
    source: Path
    found: Mapping[Path, Boxes]
    notes: tuple[str, ...] = field(default=())

    @property
    def digest(self) -> str:
        """Changes with any box."""
        value = hashlib.sha256()
        for path in sorted(self.found):
            boxes = self.found[path]
            value.update(str(path).encode("utf-8", "surrogateescape"))
            for array in (boxes.xyxy, boxes.class_ids, boxes.scores):
                value.update(np.ascontiguousarray(array).tobytes())
        return value.hexdigest()[:16]


def name_models(files: Sequence[Path]) -> list[str]:
    """A field name for each file: its stem, for the names that every run has its folder's; with a
    number where two are alike.

    >>> name_models([Path("runs/n3/maskwatch.onnx"), Path("weights/maskwatch-n.onnx")])
    ['n3', 'maskwatch_n']
    """
    names: list[str] = []
    for file in files:
        common = file.stem.lower() in _COMMON_STEMS
        text = (file.absolute().parent.name if common else "") or file.stem
        plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "model"
        if plain[0].isdigit() or plain in _TAKEN or plain.startswith("eval"):
            plain = f"model_{plain}"
        name, number = plain, 1
        while name in names:
            number += 1
            name = f"{plain}_{number}"
        names.append(name)
    return names


def from_json(
    name: str,
    file: Path,
    material: Material,
    conf: float,
    *,
    classes: Mapping[str, str] | None = None,
    names: CocoNames | None = None,
) -> Model:
    """The predictions of a file that `maskwatch predict --json` or another tool wrote.

    Args:
        name: the model's.
        file: what eval.foreign.read_any_predictions reads.
        material: the set's pictures.
        conf: least score of a box that is kept.
        classes: class names of the predictions to ours.
        names: of the set's COCO annotation file, where it has one.

    Raises:
        AnnotationError: if the file is broken, a class unknown, or a size not the picture's.
        DatasetError: if no entry is for a picture of the set, or two are for one.
        OSError: if there is no such file.
    """
    every = [Sample(path, path, "") for path in material.every]
    entries = read_any_predictions(file, every, classes, names).images
    assigned = assign([entry.file for entry in entries], every)
    by_path = {picture.path: picture for picture in material.pictures}
    found: dict[Path, Boxes] = {}
    unknown = [entry.file for entry in entries if assigned[entry.file] is None]
    for entry in entries:
        owner = assigned[entry.file]
        if owner is None or entry.error or owner.image not in by_path:
            continue
        picture = by_path[owner.image]
        found[picture.path] = at_least(_in_pixels(entry, picture, file), conf)
    if not found:
        raise DatasetError(
            f"{file}: expected predictions for this set's pictures "
            f"({material.pictures[0].path.name}, ...), but none of the {len(entries)} entries "
            "names one that is browsed; predict on this set, or choose another --split"
        )
    return Model(
        name, file, found, tuple(_notes(file, unknown, len(material.pictures) - len(found)))
    )


def _in_pixels(entry: Predicted, picture: Picture, file: Path) -> Boxes:
    boxes, size = entry.boxes, (picture.width, picture.height)
    if entry.relative:
        return Boxes(boxes.xyxy * [*size, *size], boxes.class_ids, boxes.scores)
    if entry.width and (entry.width, entry.height) != size:
        raise AnnotationError(
            f"{file}: expected {picture.width} x {picture.height} px for {entry.file}, but "
            f"got {entry.width} x {entry.height} px; predict again on this set"
        )
    return boxes


def _notes(file: Path, unknown: Sequence[str], missing: int) -> list[str]:
    notes = []
    if unknown:
        notes.append(
            f"{file}: {len(unknown)} of its pictures aren't in this set: left out, the first: "
            f"{unknown[0]}"
        )
    if missing:
        notes.append(f"{file}: {missing} picture(s) have no prediction: shown as if all was missed")
    return notes


def at_least(boxes: Boxes, conf: float) -> Boxes:
    """The boxes whose score is at least `conf`."""
    return boxes.select(boxes.scores >= conf)


def from_weights(
    name: str,
    file: Path,
    pictures: Sequence[Picture],
    *,
    conf: float,
    cache: Path,
    progress: Progress,
) -> Model:
    """What a detector of ours finds; kept in `cache`, by digest of the weights and each picture's
    version, so that only new pictures are looked at the next time.

    Raises:
        WeightsError: if the weights can't be used.
        OSError: if the cache can't be written.
    """
    detector = SecondLook(file)
    floor = min(conf, _CACHED_CONF)
    store = cache / f"{digest(file)[:16]}-{detector.imgsz}px-{floor:g}-2.json"
    known = _read_cache(store)
    new = [p for p in pictures if known.get(str(p.path), {}).get("version") != p.version]
    progress(f"detecting with {detector.name}", 0, len(new))
    versions = {picture.path: picture.version for picture in new}
    for done, prediction in enumerate(predict(detector, list(versions), floor), start=1):
        known[str(prediction.path)] = _to_entry(prediction, versions[prediction.path])
        progress(f"detecting with {detector.name}", done, len(new))
    if new:
        write_json(store, known)
    entries = {"images": [known[str(p.path)] for p in pictures]}
    read = parse_predictions(entries, str(store)).images
    found = {p.path: at_least(e.boxes, conf) for p, e in zip(pictures, read, strict=True)}
    return Model(name, file, found)


def _to_entry(prediction: Prediction, version: str) -> dict[str, Any]:
    return {**prediction_to_json(prediction), "version": version}


def _read_cache(store: Path) -> dict[str, Any]:
    """Entries of `predict --json` by file; an unreadable cache is an empty one."""
    try:
        content = json.loads(store.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log.warning("%s: not read (%s); detecting again", store, error)
        return {}
    return content if isinstance(content, dict) else {}
