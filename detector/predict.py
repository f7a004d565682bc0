"""Pictures in, predictions out: reading ahead, the fixed JSON, names for annotated pictures."""

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from data.boxes import Boxes
from data.exceptions import ImageError, UsageError
from data.images import IMAGE_SUFFIXES, Image, read_image
from data.labels import CLASS_NAMES
from detector.runtime import Detector, check_thresholds

# Decoding a JPEG takes about a fifth of a detection: two readers keep the model fed.
READERS = 2


@dataclass(frozen=True, eq=False)
class Prediction:
    """What was found in one picture.

    Attributes:
        path: the picture's file.
        boxes: in pixels of the upright picture, best first; none where it couldn't be read.
        image: (H, W, 3) uint8 BGR, upright; None where it couldn't be read.
        error: why it couldn't be read, else "".
    """

    path: Path
    boxes: Boxes
    image: Image | None
    error: str = ""


def predict(
    detector: Detector,
    paths: Iterable[Path],
    conf: float = 0.25,
    iou: float = 0.5,
    batch: int = 8,
    *,
    every_class: bool = False,
) -> Iterator[Prediction]:
    """Detections in each picture, one prediction a path, in their order.

    Pictures are read while the model runs; memory holds about three batches of them. `conf`, `iou`
    and `every_class` are those of Detector.detect.

    Raises:
        UsageError: at once, if `conf` or `iou` lies outside 0 to 1.
        WeightsError: while iterating, if the model fails.
    """
    check_thresholds(conf, iou)
    return _predict(
        paths, partial(detector.detect, conf=conf, iou=iou, every_class=every_class), batch
    )


def _predict(
    paths: Iterable[Path], detect: Callable[[list[Image]], list[Boxes]], batch: int
) -> Iterator[Prediction]:
    reading = read_ahead(paths, 2 * batch)
    while window := list(islice(reading, batch)):
        images = [read for _, read in window if not isinstance(read, ImageError)]
        found = iter(detect(images))
        for path, read in window:
            if isinstance(read, ImageError):
                yield Prediction(path, Boxes.empty(), None, str(read))
            else:
                yield Prediction(path, next(found), read)


def read_ahead(paths: Iterable[Path], ahead: int) -> Iterator[tuple[Path, Image | ImageError]]:
    """Each path with its picture, or with why it can't be read, in order; `ahead` are in work."""
    pending: deque[tuple[Path, Future[Image | ImageError]]] = deque()
    coming = iter(paths)
    with ThreadPoolExecutor(READERS, "read") as pool:
        try:
            while True:
                for path in islice(coming, ahead - len(pending)):
                    pending.append((path, pool.submit(_try_read, path)))
                if not pending:
                    return
                path, future = pending.popleft()
                yield path, future.result()
        finally:
            for _, future in pending:
                future.cancel()


def _try_read(path: Path) -> Image | ImageError:
    try:
        return read_image(path)
    except ImageError as error:
        return error


def prediction_to_json(prediction: Prediction) -> dict[str, Any]:
    """One entry of "images"; boxes to 2 decimals of a pixel, scores to 4."""
    entry: dict[str, Any] = {"file": str(prediction.path)}
    if prediction.image is None:
        return {**entry, "error": prediction.error}
    height, width = prediction.image.shape[:2]
    boxes = prediction.boxes
    return {
        **entry,
        "width": width,
        "height": height,
        "detections": [
            {
                "class": CLASS_NAMES[class_id],
                "score": round(float(score), 4),
                "box": [round(float(v), 2) for v in xyxy],
            }
            for xyxy, class_id, score in zip(boxes.xyxy, boxes.class_ids, boxes.scores, strict=True)
        ],
    }


@contextmanager
def json_writer(
    file: TextIO, weights: str
) -> Iterator[Callable[[Prediction | dict[str, Any]], None]]:
    """Writes the document of `predict --json` entry by entry, so that memory stays flat.

    Pure ASCII, whatever the file names: it survives any terminal and any locale. Closed only
    when the block ends well; a torn document is no JSON, so nobody takes it for a whole one.
    """
    separator = "\n"

    def write(found: Prediction | dict[str, Any]) -> None:
        nonlocal separator
        entry = prediction_to_json(found) if isinstance(found, Prediction) else found
        file.write(separator + json.dumps(entry, allow_nan=False))
        separator = ",\n"

    file.write(f'{{"weights": {json.dumps(weights)}, "images": [')
    yield write
    file.write("\n]}\n")


def count_classes(boxes: Iterable[Boxes]) -> Counter[str]:
    """How many boxes of each class there are, class names in their fixed order."""
    counts = Counter(dict.fromkeys(CLASS_NAMES, 0))
    for each in boxes:
        counts.update(CLASS_NAMES[class_id] for class_id in each.class_ids)
    return counts


def counts_to_text(counts: Counter[str]) -> str:
    """Counts as "2 with_mask, 1 incorrect"; "no faces" where nothing was counted."""
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "no faces"


def annotated_paths(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Where each picture's annotated copy goes: its name, and its place below what all share.

    Pictures of one folder land in `folder` itself; of several, in subfolders as they had, so
    equal names don't collide. Formats that can't be written get ".jpg" appended.

    Raises:
        UsageError: if a copy would overwrite an input.
    """
    # Not Path.resolve: ".." has to go, but a link keeps its own name.
    full = [Path(os.path.abspath(p)) for p in paths]  # noqa: PTH100
    try:
        root = Path(os.path.commonpath([p.parent for p in full]))
        names = [p.relative_to(root) for p in full]
    except ValueError:  # several drives, on Windows
        names = [p.relative_to(p.anchor) for p in full]
    targets = [
        folder / (n if n.suffix.lower() in IMAGE_SUFFIXES else n.with_name(n.name + ".jpg"))
        for n in names
    ]
    inputs = {p.resolve() for p in full}
    for target in targets:
        if target.resolve() in inputs:
            raise UsageError(
                f"{folder}: the annotated copy would overwrite {target}; choose another folder"
            )
    return targets
