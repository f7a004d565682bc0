"""Pictures of a data set with what is true and what was found, ready to be scored.

What was found comes from a predictions file or from a detector.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path, PureWindowsPath

from data.boxes import Boxes
from data.dataset import Sample, read_labels
from data.exceptions import AnnotationError, DatasetError, ImageError
from data.images import Image, read_image
from eval.matching import Pair
from eval.predictions import Prediction, Predictions

log = logging.getLogger(__name__)

BATCH = 8

Detect = Callable[[Sequence[Image]], Sequence[Boxes]]


@dataclass
class Loaded:
    """Pictures ready to be scored, and what went wrong on the way.

    Attributes:
        pairs: true and found boxes of each readable picture.
        unreadable: pictures that were passed over.
        without_prediction: pictures that count as if nothing had been found in them.
        unknown: entries of the predictions file that belong to no picture of the set.
    """

    pairs: list[Pair] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    without_prediction: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


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
    assigned = assign([p.file for p in predictions.images], every)
    loaded = Loaded(unknown=[file for file, sample in assigned.items() if sample is None])
    by_image = {
        owner.image: prediction
        for prediction in predictions.images
        if (owner := assigned[prediction.file]) is not None
    }
    if not any(s.image in by_image for s in samples):
        raise DatasetError(
            f"expected predictions for this set's pictures ({samples[0].image.name}, ...), but "
            f"none of the {len(predictions.images)} entries names one of them"
        )
    for sample, image, truth in _read(samples, loaded):
        loaded.pairs.append(Pair(sample.image, truth, _found(sample, image, by_image, loaded)))
    return loaded


def _found(
    sample: Sample, image: Image, by_image: Mapping[Path, Prediction], loaded: Loaded
) -> Boxes:
    prediction = by_image.get(sample.image)
    if prediction is None or prediction.error:
        loaded.without_prediction.append(str(sample.image))
        return Boxes.empty()
    height, width = image.shape[:2]
    if (prediction.width, prediction.height) != (width, height):
        raise AnnotationError(
            f"{sample.image}: expected predictions for {width} x {height} px, but they are for "
            f"{prediction.width} x {prediction.height} px; predict again on this set"
        )
    return prediction.boxes


def load_with_detector(samples: Sequence[Sample], detect: Detect) -> Loaded:
    """Pairs of `samples` with what `detect` finds: BGR pictures in, boxes in pixels out.

    Raises:
        AnnotationError: if a label file is broken.
    """
    loaded = Loaded()
    readable = _read(samples, loaded)
    while batch := list(islice(readable, BATCH)):
        found = detect([image for _, image, _ in batch])
        for (sample, _, truth), boxes in zip(batch, found, strict=True):
            loaded.pairs.append(Pair(sample.image, truth, boxes))
        log.info("%d of %d pictures", len(loaded.pairs), len(samples))
    return loaded


def _read(samples: Sequence[Sample], loaded: Loaded) -> Iterator[tuple[Sample, Image, Boxes]]:
    """Readable pictures with their true boxes; the others are noted in `loaded`."""
    for sample in samples:
        try:
            image = read_image(sample.image)
        except ImageError as error:
            log.warning("%s; passed over", error)
            loaded.unreadable.append(str(sample.image))
            continue
        height, width = image.shape[:2]
        yield sample, image, read_labels(sample.label, width, height)
