"""Predictions from other tools: COCO results and folders of YOLO label files with scores.

A COCO results file is a list of {"image_id", "category_id", "bbox": [x, y, w, h], "score"}
(https://cocodataset.org/#format-results). An image is named by "file_name" where a row has one
(ultralytics' save_json), by the set's COCO file, or its id is the picture's name without suffix.
YOLO label files hold "class cx cy w h score" a line (ultralytics' save_txt with save_conf), and
none is written for a picture in which nothing was found.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Boxes, xywh_to_xyxy, yolo_to_xyxy
from data.dataset import Sample, parse_numbers
from data.exceptions import AnnotationError
from data.formats import map_classes
from data.labels import CLASS_NAMES
from eval.loading import assign
from eval.predictions import Prediction, Predictions, parse_predictions


@dataclass(frozen=True)
class CocoNames:
    """What a COCO annotation file calls its images and categories, by id."""

    images: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)


def read_any_predictions(
    path: Path,
    samples: Sequence[Sample],
    classes: Mapping[str, str] | None = None,
    names: CocoNames | None = None,
) -> Predictions:
    """Read a predictions file or folder, whoever wrote it.

    Args:
        path: JSON of `maskwatch predict --json`, COCO results, or a folder of YOLO label files.
        samples: the set's pictures, of all splits.
        classes: their class names, or ids as text, to ours or "drop".
        names: of the set's COCO annotation file, where it has one.

    Raises:
        AnnotationError: naming file and entry, if the content has another format, or a class has
            no mapping.
    """
    given = dict(classes or {})
    if path.is_dir():
        return _read_folder(path, samples, given)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(
            f"{path}: expected JSON as maskwatch predict --json writes it, or COCO results, but "
            f"reading failed: {error}"
        ) from error
    if isinstance(content, list):
        return parse_coco_results(content, samples, given, names or CocoNames(), str(path))
    return parse_predictions(_rename_classes(content, given), str(path))


def _rename_classes(content: Any, given: Mapping[str, str]) -> Any:
    """Our format with classes renamed, those to drop left out; anything else as it is."""
    if not given or not isinstance(content, dict) or not isinstance(content.get("images"), list):
        return content
    return {**content, "images": [_rename_in(entry, given) for entry in content["images"]]}


def _rename_in(entry: Any, given: Mapping[str, str]) -> Any:
    rows = entry.get("detections") if isinstance(entry, dict) else None
    if not isinstance(rows, list):
        return entry
    renamed = [_rename(row, given) for row in rows]
    return {**entry, "detections": [row for row in renamed if row is not None]}


def _rename(row: Any, given: Mapping[str, str]) -> Any:
    name = row.get("class") if isinstance(row, dict) else None
    ours = given.get(name) if isinstance(name, str) else None
    if ours is None:
        return row
    return {**row, "class": ours} if ours in CLASS_NAMES else None


def read_coco_names(root: Path, split: str) -> CocoNames:
    """Names of images and categories from the annotation files of a COCO set.

    An id that stands for different pictures in several files is left out, unless only one of the
    files is of `split`.

    Raises:
        AnnotationError: if a file is no JSON.
    """
    files = [root] if root.is_file() else sorted(root.glob("*.json"))
    files = files or sorted((root / "annotations").glob("*.json"))
    files = [f for f in files if split in f.stem] or files
    images: dict[str, set[str]] = defaultdict(set)
    categories: dict[str, str] = {}
    for file in files:
        try:
            content = json.loads(file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise AnnotationError(f"{file}: expected COCO JSON, but got: {error}") from error
        for row in _rows(content, "images", "file_name"):
            images[str(row["id"])].add(row["file_name"])
        categories |= {str(row["id"]): row["name"] for row in _rows(content, "categories", "name")}
    unique = {key: next(iter(own)) for key, own in images.items() if len(own) == 1}
    return CocoNames(unique, categories)


def _rows(content: Any, key: str, field_name: str) -> Iterable[dict[str, Any]]:
    rows = content.get(key) if isinstance(content, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and "id" in row and isinstance(row.get(field_name), str):
            yield row


def parse_coco_results(
    rows: Sequence[Any],
    samples: Sequence[Sample],
    classes: Mapping[str, str],
    names: CocoNames,
    where: str = "results",
) -> Predictions:
    """COCO results to predictions; a picture without a row has no face found in it.

    Raises:
        AnnotationError: naming the row, if it isn't one, or a category has no mapping.
    """
    parsed = [_parse_result(row, f"{where}: [{n}]") for n, row in enumerate(rows)]
    called = {key: names.categories.get(key, key) for _, _, key, _, _ in parsed}
    rules = _category_rules(set(called.values()), dict(classes), where)
    by_stem = _StemIndex(samples)
    found: dict[str, list[tuple[int, float, list[float]]]] = defaultdict(list)
    for image_id, file_name, category, score, xywh in parsed:
        file = file_name or names.images.get(image_id) or by_stem.find(image_id) or image_id
        class_id = rules[called[category]]
        own = found[file]
        if class_id is not None:
            own.append((class_id, score, xywh))
    boxes = {file: _boxes(own, f"{where}: {file}") for file, own in found.items()}
    return Predictions("", _with_empty(boxes, samples, relative=False))


def _with_empty(
    found: Mapping[str, Boxes], samples: Sequence[Sample], *, relative: bool
) -> tuple[Prediction, ...]:
    """Entries for what was found, and empty ones for the pictures in which nothing was.

    None are added where nothing fits this set: the predictions are for another one.
    """
    entries = [Prediction(file, 0, 0, boxes, relative=relative) for file, boxes in found.items()]
    seen = {sample.image for sample in assign(found, samples).values() if sample is not None}
    if seen:
        others = (str(s.image) for s in samples if s.image not in seen)
        entries += [Prediction(file, 0, 0, Boxes.empty()) for file in others]
    return tuple(entries)


def _parse_result(row: Any, where: str) -> tuple[str, str, str, float, list[float]]:
    """Image id, file name or "", category id, score, [x, y, w, h]."""
    try:
        image_id, category = row["image_id"], row["category_id"]
        score, box = float(row["score"]), [float(v) for v in row["bbox"]]
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise AnnotationError(
            f"{where}: expected a COCO result with image_id, category_id, bbox and score, "
            f"but got {repr(row)[:60]}"
        ) from error
    if len(box) != 4 or not np.isfinite([*box, score]).all():
        raise AnnotationError(f"{where}: expected bbox [x, y, width, height], but got {box[:5]}")
    file = row.get("file_name")
    return str(image_id), file if isinstance(file, str) else "", str(category), score, box


def _category_rules(
    called: set[str], classes: dict[str, str], where: str
) -> Mapping[str, int | None]:
    """Class id for each category's name; bare ids are ours, counted from 0 or from 1, if clear."""
    count = len(CLASS_NAMES)
    ids = {str(number): number for number in range(count + 1)}
    unmapped = called - classes.keys()
    numbers = {ids[name] for name in unmapped if name in ids}
    if numbers and not any(name.isdecimal() for name in unmapped - ids.keys()):
        # An id of 0 or 3 tells from where they count; without either, guessing would be a risk.
        if (0 in numbers) == (count in numbers):
            raise AnnotationError(
                f"{where}: expected category ids that tell whether they count from 0 or 1, but got "
                f"{sorted(numbers)}; add --classes '1=with_mask,2=without_mask,3=incorrect' or "
                "'0=with_mask,1=without_mask,2=incorrect'"
            )
        first = 0 if 0 in numbers else 1
        classes = {str(i): name for i, name in enumerate(CLASS_NAMES, first)} | classes
    return map_classes(called, classes)


class _StemIndex:
    """Pictures by their names without suffix, also where these are numbers with zeros before."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for sample in samples:
            stem = sample.image.stem
            for key in {stem, str(int(stem))} if stem.isdecimal() else {stem}:
                self._by_stem[key].append(str(sample.image))

    def find(self, name: str) -> str:
        """The path of the one picture of that stem, "" where there is none or several."""
        found = self._by_stem.get(name, [])
        return found[0] if len(found) == 1 else ""


def _boxes(rows: Sequence[tuple[int, float, list[float]]], where: str) -> Boxes:
    if not rows:
        return Boxes.empty()
    ids, scores, xywh = zip(*rows, strict=True)
    try:
        return Boxes(xywh_to_xyxy(np.array(xywh)), np.array(ids), np.array(scores))
    except AnnotationError as error:
        raise AnnotationError(f"{where}: {error}") from error


def _read_folder(path: Path, samples: Sequence[Sample], classes: dict[str, str]) -> Predictions:
    files = sorted(path.glob("*.txt")) or sorted((path / "labels").glob("*.txt"))
    if not files:
        raise AnnotationError(f"{path}: expected a folder of YOLO label files, but found none")
    tables = {file.stem: _parse_scored(file) for file in files}
    called = {str(int(row[0])) for rows in tables.values() for row in rows}
    defaults = {str(i): name for i, name in enumerate(CLASS_NAMES)}
    rules = map_classes(called, defaults | classes)
    by_stem = _StemIndex(samples)
    found: dict[str, Boxes] = {}
    for stem, rows in tables.items():
        table = np.array([r for r in rows if rules[str(int(r[0]))] is not None]).reshape(-1, 6)
        ids = np.array([rules[str(int(i))] for i in table[:, 0]], dtype=np.int64)
        try:
            boxes = Boxes(yolo_to_xyxy(table[:, 1:5], 1, 1), ids, table[:, 5])
        except AnnotationError as error:
            raise AnnotationError(f"{path / stem}.txt: {error}") from error
        found[by_stem.find(stem) or f"{stem}.txt"] = boxes
    return Predictions("", _with_empty(found, samples, relative=True))


def _parse_scored(file: Path) -> list[list[float]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{file}: expected text, but got bytes that aren't UTF-8") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        values = parse_numbers(line, f"{file}:{number}")
        if len(values) != 6 or values[0] < 0 or values[0] % 1:
            raise AnnotationError(
                f"{file}:{number}: expected 'class cx cy w h score' (ultralytics: save_conf=True), "
                f"but got {line[:60]!r}"
            )
        rows.append(values)
    return rows
