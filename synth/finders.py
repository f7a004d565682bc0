"""Which face finders `--faces MODE` asks, and our own detector's part among them."""

from pathlib import Path

import numpy as np

from data.exceptions import UsageError
from data.images import Image
from data.labels import Label
from synth.faces import (
    DOUBTFUL_SCORE,
    SURE_SCORE,
    Candidate,
    Finder,
    dlib_finder,
    overlaps,
    yunet_finder,
)

# What our own detector doesn't see with this score, at either size, is no face: of 72 such answers
# of YuNet and dlib on group photos 5 were, the others hands, collars and backs of heads, which a
# detector had better see for what they are.
_SEEN_SCORE = 0.05
_SEEN_SIZES = (640, 1088)
# Raised when the part of our own detector changes: older caches of it are searched again.
OWN_SEARCH = 3


def detector_finder(weights: Path | None = None) -> Finder:
    """Faces by our own detector (the shipped weights unless others are given).

    A face that it takes for masked is doubtful: it would wear two masks, or a wrong label.
    """
    from detector.runtime import Detector

    detector = Detector(weights, threads=1)

    def find(image: Image) -> list[Candidate]:
        # Enlarged to 640 px portraits of 200 px lose 4 % of their faces, which then are larger
        # than most that the detector knows; at 1.25 times their size 1 %, in a fifth of the time.
        size = int(np.clip(1.25 * max(image.shape[:2]), 256, detector.imgsz))
        boxes = detector.detect([image], conf=DOUBTFUL_SCORE / 2, imgsz=size)[0]
        # Its scores run lower than a face detector's: .3 is sure enough.
        scores = np.minimum(1.0, 2 * boxes.scores)
        masked = boxes.class_ids != Label.WITHOUT_MASK
        scores = np.where(masked, np.minimum(scores, DOUBTFUL_SCORE), scores)
        return [Candidate(b, float(s)) for b, s in zip(boxes.xyxy, scores, strict=True)]

    return find


def ask_if_in_doubt(first: Finder, second: Finder) -> Finder:
    """The first finder, then the second where the first is sure of no face or in doubt.

    For a slow second finder: dlib, asked about every one of 230 group photos and 130 portraits,
    added 8 faces to our detector's 1,442, all in the 27 % of the photos where this asks it.
    """

    def find(image: Image) -> list[Candidate]:
        found = first(image)
        sure = [c for c in found if c.score >= SURE_SCORE]
        doubt = any(c.score < SURE_SCORE and not overlaps(c, sure) for c in found)
        return [*found, *second(image)] if doubt or not sure else found

    return find


def make_finders(mode: str, face_model: Path | None) -> list[Finder]:
    """The finders of `--faces MODE`, in the order of their say.

    auto: the given face model, then dlib; else our own detector, and dlib where that is in doubt.
    detector, dlib: that one alone.
    labels: none.

    Raises:
        UsageError: if the mode is unknown.
    """
    if mode not in ("auto", "detector", "dlib", "labels"):
        raise UsageError(f"expected --faces auto, detector, dlib or labels, but got {mode!r}")
    if mode == "labels":
        return []
    if mode == "dlib":
        return [dlib_finder]
    if face_model is not None:
        given = yunet_finder(face_model)
        return [given] if mode == "detector" else [given, dlib_finder]
    if mode == "detector":
        return [detector_finder()]
    # A checkout without weights goes on with dlib alone.
    known = shipped_weights() is not None
    return [ask_if_in_doubt(detector_finder(), dlib_finder) if known else dlib_finder]


def make_judge(mode: str, weights: Path | None = None) -> Finder | None:
    """Who decides on doubtful faces in `--faces auto`: what our detector sees, however faintly.

    It is the one that never saw a hand-made label of a mask (or the given weights), so that
    pictures made with its help stay free of them. None in other modes and where no weights are
    shipped.
    """
    weights = synthetic_weights() if weights is None else weights
    if mode != "auto" or weights is None:
        return None
    from detector.runtime import Detector

    detector = Detector(weights, threads=1)

    def find(image: Image) -> list[Candidate]:
        looks = [detector.detect([image], conf=_SEEN_SCORE, imgsz=size)[0] for size in _SEEN_SIZES]
        return [Candidate(box) for boxes in looks for box in boxes.xyxy]

    return find


def synthetic_weights() -> Path | None:
    """The shipped weights without a hand-made label; None in a checkout without them."""
    from weights.registry import FOLDER, SYNTHETIC

    path = FOLDER / SYNTHETIC
    return path if path.is_file() else None


def shipped_weights() -> Path | None:
    """The weights that our detector takes by itself; None in a checkout without them."""
    from weights.registry import DEFAULT, FOLDER

    path = FOLDER / DEFAULT
    return path if path.is_file() else None
