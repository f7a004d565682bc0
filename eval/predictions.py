"""Reading the JSON that `maskwatch predict --json` writes, whoever wrote it."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from data.boxes import Boxes
from data.exceptions import AnnotationError
from data.labels import CLASS_NAMES


@dataclass(frozen=True)
class Prediction:
    """One entry of a predictions file.

    Attributes:
        file: the picture's name or path.
        width, height: of the picture, px; 0 where the file doesn't say.
        boxes: in pixels, or as fractions of the picture where `relative`.
        error: "" unless the picture couldn't be read.
    """

    file: str
    width: int
    height: int
    boxes: Boxes
    error: str = ""
    relative: bool = False


@dataclass(frozen=True)
class Predictions:
    """A predictions file: the name of the weights and its pictures."""

    weights: str
    images: tuple[Prediction, ...]


def read_predictions(path: Path) -> Predictions:
    """Read the JSON that `maskwatch predict --json` writes.

    Raises:
        AnnotationError: naming file, picture and detection, if the content isn't in that format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(
            f"{path}: expected JSON as maskwatch predict --json writes it, but reading failed: "
            f"{error}"
        ) from error
    return parse_predictions(content, str(path))


def parse_predictions(content: Any, name: str = "predictions") -> Predictions:
    """Decoded JSON to predictions; `name` is for messages.

    Raises:
        AnnotationError: as read_predictions.
    """
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise AnnotationError(
            f'{name}: expected {{"weights": ..., "images": [...]}}, but got {_short(content)}; '
            "write it with: maskwatch predict --json"
        )
    images = tuple(
        _parse_image(entry, f"{name}: images[{n}]") for n, entry in enumerate(content["images"])
    )
    twice = [file for file, count in Counter(p.file for p in images).items() if count > 1]
    if twice:
        raise AnnotationError(f"{name}: expected each picture once, but {twice[0]!r} comes again")
    return Predictions(str(content.get("weights", "")), images)


def _parse_image(entry: Any, where: str) -> Prediction:
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str) or not entry["file"]:
        raise AnnotationError(f'{where}: expected an object with "file", but got {_short(entry)}')
    where = f"{where} ({entry['file']})"
    if entry.get("error"):
        return Prediction(entry["file"], 0, 0, Boxes.empty(), str(entry["error"]))
    width, height = entry.get("width"), entry.get("height")
    if not (_is_side(width) and _is_side(height)):
        got = _short([width, height])
        raise AnnotationError(f"{where}: expected width and height in px, but got {got}")
    if not isinstance(entry.get("detections"), list):
        raise AnnotationError(
            f'{where}: expected a list "detections", but got {_short(entry.get("detections"))}'
        )
    rows = [
        _parse_detection(row, f"{where} detections[{n}]")
        for n, row in enumerate(entry["detections"])
    ]
    return Prediction(entry["file"], width, height, _to_boxes(rows, where))


def _to_boxes(rows: list[tuple[int, float, list[float]]], where: str) -> Boxes:
    if not rows:
        return Boxes.empty()
    class_ids, scores, xyxy = zip(*rows, strict=True)
    try:
        return Boxes(np.array(xyxy), np.array(class_ids), np.array(scores))
    except AnnotationError as error:
        raise AnnotationError(f"{where}: {error}") from error


def _parse_detection(row: Any, where: str) -> tuple[int, float, list[float]]:
    if not isinstance(row, dict) or row.get("class") not in CLASS_NAMES:
        got = row.get("class") if isinstance(row, dict) else row
        raise AnnotationError(
            f"{where}: expected a class of {', '.join(CLASS_NAMES)}, but got {_short(got)}; map "
            "others with --classes THEIRS=OURS, or =drop"
        )
    box = row.get("box")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise AnnotationError(f"{where}: expected box [x1, y1, x2, y2], but got {_short(box)}")
    if not _is_number(row.get("score")):
        raise AnnotationError(
            f"{where}: expected a score from 0 to 1, but got {_short(row.get('score'))}"
        )
    return CLASS_NAMES.index(row["class"]), float(row["score"]), [float(v) for v in box]


def _is_side(value: Any) -> TypeGuard[int]:
    return type(value) is int and value > 0


def _is_number(value: Any) -> bool:
    """Whether a JSON value is a number that a float holds."""
    return type(value) is float or (type(value) is int and abs(value) < 2**53)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
