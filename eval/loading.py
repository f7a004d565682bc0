"""Pictures of a data set with what is true and what was found, ready to be scored.

What was found comes from a predictions file or from a detector.
"""

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path, PureWindowsPath

from data.boxes import Boxes
from data.dataset import Sample
from data.exceptions import AnnotationError, DatasetError, ImageError
from data.images import Image, read_image
from eval.facts import face_facts
from eval.matching import Facts, Pair, one_class_a_face
from eval.predictions import Prediction, Predictions
from eval.sets import ForeignSample, Records, match_faces, normal_path, read_truth

log = logging.getLogger(__name__)

BATCH = 8

_READ_AHEAD = 32  # pictures decoded at once, by threads

Detect = Callable[[Sequence[Image]], Sequence[Boxes]]


@dataclass
class Loaded:
    """Pictures ready to be scored, and what went wrong on the way.

    Attributes:
        pairs: true and found boxes of each readable picture.
        unreadable: pictures that were passed over.
        without_prediction: pictures that count as if nothing had been found in them.
        unknown: entries of the predictions file that belong to no picture of the set.
        broken: what is wrong with annotations of other tools that were passed over.
    """

    pairs: list[Pair] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    without_prediction: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of one picture: its size in px, its boxes, and facts of each of them."""

    sample: Sample
    width: int
    height: int
    boxes: Boxes
    facts: tuple[Facts, ...]


def assign(files: Iterable[str], samples: Sequence[Sample]) -> dict[str, Sample | None]:
    """Which picture of the set each file name of a predictions file means, None for no picture.

    A file is the picture of its name; where folders hold pictures of the same name, the one that
    shares most folders with it, counted from the end.

    Raises:
        DatasetError: if a file fits two pictures, or two files fit one picture, equally well.
    """
    by_name: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_name[sample.image.name].append(sample)
    result: dict[str, Sample | None] = {}
    claims: dict[Path, list[tuple[int, str]]] = defaultdict(list)
    for file in files:
        best, shared = _best_sample(file, by_name.get(_parts(file)[-1], []))
        result[file] = best
        if best is not None:
            claims[best.image].append((shared, file))
    for image, claimants in claims.items():
        claimants.sort(reverse=True)
        if len(claimants) > 1 and claimants[0][0] == claimants[1][0]:
            raise DatasetError(
                f"expected one prediction for {image}, but {claimants[0][1]!r} and "
                f"{claimants[1][1]!r} both fit; predict with paths that contain the set's folders"
            )
        result.update((file, None) for _, file in claimants[1:])
    return result


def _parts(file: str) -> tuple[str, ...]:
    """Path parts, whichever system's separators the file was written with."""
    return PureWindowsPath(file).parts or ("",)


def _best_sample(file: str, candidates: Sequence[Sample]) -> tuple[Sample | None, int]:
    """The candidate that shares the longest end of its path with `file`, and its length."""
    if not candidates:
        return None, 0
    lengths = [_shared_end(_parts(file), _parts(str(s.image))) for s in candidates]
    longest = max(lengths)
    fitting = [s for s, n in zip(candidates, lengths, strict=True) if n == longest]
    if len(fitting) > 1:
        raise DatasetError(
            f"expected {file!r} to mean one picture, but it fits {fitting[0].image} and "
            f"{fitting[1].image}; predict with paths that contain the set's folders"
        )
    return fitting[0], longest


def _shared_end(a: Sequence[str], b: Sequence[str]) -> int:
    pairs = zip(reversed(a), reversed(b), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def load_with_predictions(
    samples: Sequence[Sample], predictions: Predictions, every: Sequence[Sample]
) -> Loaded:
    """Pairs of `samples` with their predictions; `every` are the pictures of all splits.

    Raises:
        DatasetError: if no picture has a prediction, or names are ambiguous.
        AnnotationError: if a label file is broken, or a prediction is for another picture size.
    """
    loaded = Loaded()
    return pair_predictions(read_truths(samples, loaded), loaded, predictions, every)


def read_truths(
    samples: Sequence[Sample], loaded: Loaded, records: Records | None = None
) -> list[Truth]:
    """What is true of each readable picture; the others are noted in `loaded`.

    Raises:
        AnnotationError: if a label file of ours is broken.
    """
    return [truth for truth, _ in _read(samples, loaded, records or {})]


def pair_predictions(
    truths: Sequence[Truth], noted: Loaded, predictions: Predictions, every: Sequence[Sample]
) -> Loaded:
    """Pairs of what is true with what was found, beside what was `noted` in reading truths.

    Raises:
        DatasetError, AnnotationError: as load_with_predictions.
    """
    assigned = assign([p.file for p in predictions.images], every)
    loaded = Loaded(
        unreadable=list(noted.unreadable),
        unknown=[file for file, sample in assigned.items() if sample is None],
        broken=list(noted.broken),
    )
    by_image = {
        owner.image: prediction
        for prediction in predictions.images
        if (owner := assigned[prediction.file]) is not None
    }
    if truths and not any(truth.sample.image in by_image for truth in truths):
        raise DatasetError(
            f"expected predictions for this set's pictures ({truths[0].sample.image.name}, ...), "
            f"but none of the {len(predictions.images)} entries names one of them"
        )
    for truth in truths:
        found = _found(truth, by_image, loaded)
        loaded.pairs.append(_pair(truth, found))
    return loaded


def _pair(truth: Truth, every: Boxes) -> Pair:
    """What is true with what was found, which may be several classes of one face."""
    found = one_class_a_face(every)
    return Pair(truth.sample.image, truth.boxes, found, truth.facts, every)


def _found(truth: Truth, by_image: Mapping[Path, Prediction], loaded: Loaded) -> Boxes:
    image = truth.sample.image
    prediction = by_image.get(image)
    if prediction is None or prediction.error:
        loaded.without_prediction.append(str(image))
        return Boxes.empty()
    width, height, boxes = truth.width, truth.height, prediction.boxes
    if prediction.relative:
        return Boxes(boxes.xyxy * [width, height, width, height], boxes.class_ids, boxes.scores)
    if prediction.width and (prediction.width, prediction.height) != (width, height):
        raise AnnotationError(
            f"{image}: expected predictions for {width} x {height} px, but they are for "
            f"{prediction.width} x {prediction.height} px; predict again on this set"
        )
    return boxes


def load_with_detector(
    samples: Sequence[Sample], detect: Detect, records: Records | None = None
) -> Loaded:
    """Pairs of `samples` with what `detect` finds: BGR pictures in, boxes in pixels out.

    Raises:
        AnnotationError: if a label file is broken.
    """
    loaded = Loaded()
    readable = _read(samples, loaded, records or {})
    while batch := list(islice(readable, BATCH)):
        found = detect([image for _, image in batch])
        for (truth, _), boxes in zip(batch, found, strict=True):
            loaded.pairs.append(_pair(truth, boxes))
        log.info("%d of %d pictures", len(loaded.pairs), len(samples))
    return loaded


def _read(
    samples: Sequence[Sample], loaded: Loaded, records: Records
) -> Iterator[tuple[Truth, Image]]:
    """Readable pictures with what is true of them; the others are noted in `loaded`."""

    def work(sample: Sample) -> tuple[Truth, Image] | ImageError:
        try:
            image = read_image(sample.image)
        except ImageError as error:
            return error
        return _to_truth(sample, image, records), image

    # OpenCV decodes outside the interpreter's lock: threads are enough.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(samples), _READ_AHEAD):
            some = samples[start : start + _READ_AHEAD]
            jobs = [pool.submit(work, sample) for sample in some]
            for sample, job in zip(some, jobs, strict=True):
                try:
                    outcome = job.result()
                except AnnotationError as error:
                    # A set of ours must be whole; another tool's is taken as it is.
                    if not isinstance(sample, ForeignSample):
                        raise
                    log.warning("%s; passed over", error)
                    loaded.broken.append(str(error))
                    continue
                if isinstance(outcome, ImageError):
                    log.warning("%s; passed over", outcome)
                    loaded.unreadable.append(str(sample.image))
                    continue
                yield outcome


def _to_truth(sample: Sample, image: Image, records: Records) -> Truth:
    height, width = image.shape[:2]
    boxes = read_truth(sample, width, height)
    known = match_faces(boxes, records.get(normal_path(sample.image), ()))
    return Truth(sample, width, height, boxes, face_facts(image, boxes, known))
