"""Detections in many pictures by several processes, here or on a cluster (data.pool).

Workers get paths and give back entries of the JSON document; pictures don't travel, annotated
ones are written where they are drawn.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import tee
from pathlib import Path
from typing import Any

from data.images import write_image
from data.pool import count_workers, map_ordered
from detector.draw import draw_boxes
from detector.predict import Prediction, predict, prediction_to_json
from detector.runtime import Detector, check_thresholds
from detector.second_look import SecondLook
from detector.tiling import TiledDetector
from detector.views import ManyViews

CHUNK = 64  # pictures a task: seconds of work, kilobytes of result


@dataclass(frozen=True)
class Settings:
    """How a worker detects.

    Attributes:
        weights: ONNX file; None for the shipped weights.
        imgsz, threads, batch: as of Detector.
        conf, iou, every_class: as of Detector.detect.
        tile: side of the tiles that large pictures are searched in, too, px; None for none.
        sizes: of views to be fused (detector.views), px; none for one view at `imgsz`.
        one_look: whether large faces are looked at once only (detector.second_look).
        content: digest of the weights, so that a worker that goes on notices changed ones.
    """

    weights: Path | None = None
    imgsz: int | None = None
    threads: int | None = 1
    batch: int = 1
    conf: float = 0.25
    iou: float = 0.5
    tile: int | None = None
    sizes: tuple[int, ...] = ()
    one_look: bool = False
    every_class: bool = False
    content: str = ""

    def load(self) -> Detector:
        """The detector.

        Raises:
            UsageError: if an option makes no sense for these weights.
            WeightsError: if there are no such weights.
        """
        options: dict[str, Any] = {"threads": self.threads, "batch": self.batch}
        if self.sizes:
            return ManyViews(self.weights, sizes=self.sizes, **options)
        options["imgsz"] = self.imgsz
        if self.tile is not None:
            return TiledDetector(self.weights, tile=self.tile, **options)
        return (Detector if self.one_look else SecondLook)(self.weights, **options)


Entry = dict[str, Any]
Pair = tuple[Path, Path | None]


def detect_entries(
    detector: Detector, pairs: Iterable[Pair], settings: Settings
) -> Iterator[Entry]:
    """One entry of "images" (detector.predict.prediction_to_json) for each picture, in order;
    where a second path is beside it, the annotated copy is written there.

    Raises:
        UsageError: at once, if a threshold lies outside 0 to 1.
        WeightsError, OSError: while iterating.
    """
    pairs, again = tee(pairs)
    paths = (path for path, _ in pairs)
    found = predict(
        detector,
        paths,
        settings.conf,
        settings.iou,
        settings.batch,
        every_class=settings.every_class,
    )
    return (_to_entry(p, target) for p, (_, target) in zip(found, again, strict=True))


def _to_entry(prediction: Prediction, target: Path | None) -> Entry:
    if target is not None and prediction.image is not None:
        write_image(target, draw_boxes(prediction.image, prediction.boxes))
    return prediction_to_json(prediction)


def farm_out(executor: Executor, pairs: Sequence[Pair], settings: Settings) -> Iterator[Entry]:
    """As detect_entries, by the workers of an executor; each process loads the model once.

    Raises:
        UsageError: at once, if a threshold lies outside 0 to 1.
        WeightsError, OSError, WorkerError: while iterating, from the workers.
    """
    check_thresholds(settings.conf, settings.iou)
    # Of few pictures, each worker gets a share.
    size = max(1, min(CHUNK, len(pairs) // (2 * count_workers(executor))))
    chunks = (pairs[i : i + size] for i in range(0, len(pairs), size))
    work = partial(_detect_chunk, settings=settings)
    return (entry for entries in map_ordered(executor, work, chunks) for entry in entries)


@lru_cache(maxsize=1)
def _detector(settings: Settings) -> Detector:
    """The model, loaded once in each process."""
    return settings.load()


def _detect_chunk(pairs: Sequence[Pair], settings: Settings) -> list[Entry]:
    return list(detect_entries(_detector(settings), pairs, settings))
