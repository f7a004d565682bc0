"""Which faces were found, whatever class they were given, at equally many false alarms.

Scores of two systems aren't on one scale, and "at every score" would favour the one that reports
more. So each is cut at the score where it raises a given number of false alarms a picture, as FROC
curves do (Bunch et al. 1978); on sets with unlabelled faces those count as false alarms for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.boxes import Floats, Ints, iou
from eval.bootstrap import interval
from eval.matching import IOU_MIN, Bools, Pair, by_score, match_boxes

FALSE_ALARMS = 0.5  # a picture

SIZES = ((0.0, 16.0), (16.0, 32.0), (32.0, 64.0), (64.0, float("inf")))
ALL_SIZES = (0.0, float("inf"))


@dataclass(frozen=True, eq=False)
class Found:
    """What a system made of a set's true faces.

    Attributes:
        scores: (F,) score at which each true face is found, -1 where it never is.
        right: (F,) whether the box that found it names its class; False where none did.
        alarms: (A,) scores of the detections that are of no face, descending.
        pictures: number of pictures.
    """

    scores: Floats
    right: Bools
    alarms: Floats
    pictures: int

    def threshold(self, alarms: float) -> float:
        """Least score at which there are at most so many false alarms a picture; 0 where the
        system never raises that many."""
        allowed = int(alarms * self.pictures)
        if len(self.alarms) <= allowed:
            return 0.0
        return float(np.nextafter(self.alarms[allowed], 2.0))

    def at(self, alarms: float) -> Bools:
        """(F,) the faces found with at most so many false alarms a picture."""
        return np.asarray(self.scores >= self.threshold(alarms))


def find_faces(pairs: Sequence[Pair], iou_min: float = IOU_MIN) -> Found:
    """Match boxes of any class, best first. A match doesn't depend on what scores less, so one
    matching serves every threshold."""
    scores, right, alarms = [], [], [np.zeros(0)]
    for pair in pairs:
        found, truth = by_score(pair.found), pair.truth
        taken = match_boxes(
            iou(found.xyxy, truth.xyxy), np.zeros(len(truth), dtype=np.bool_), iou_min
        )
        hit = taken >= 0
        own, same = np.full(len(truth), -1.0), np.zeros(len(truth), dtype=np.bool_)
        own[taken[hit]] = found.scores[hit]
        same[taken[hit]] = found.class_ids[hit] == truth.class_ids[taken[hit]]
        scores.append(own)
        right.append(same)
        alarms.append(found.scores[~hit])
    return Found(
        np.concatenate(scores) if scores else np.zeros(0),
        np.concatenate(right) if right else np.zeros(0, dtype=np.bool_),
        -np.sort(-np.concatenate(alarms)),
        len(pairs),
    )


@dataclass(frozen=True)
class RecallRow:
    """Faces of one group and size.

    Attributes:
        group: how they are covered; "" for all.
        low, high: heights in px, the upper one left out.
        faces: number of true faces.
        single, two_phase: share that each finds; None where there is no face.
        difference: 95 % interval of single - two_phase, paired over pictures.
    """

    group: str
    low: float
    high: float
    faces: int
    single: float | None
    two_phase: float | None
    difference: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Faces:
    """The true faces of a set, picture by picture: number of the picture, group, height in px."""

    picture: Ints
    group: Sequence[str]
    heights: Floats


def list_faces(pairs: Sequence[Pair], groups: Sequence[Sequence[str]]) -> Faces:
    """Every true face in the order of `find_faces`."""
    numbers = [np.full(len(pair.truth), n, dtype=np.int64) for n, pair in enumerate(pairs)]
    heights = [pair.truth.heights for pair in pairs]
    return Faces(
        np.concatenate([np.zeros(0, np.int64), *numbers]),
        [name for names in groups for name in names],
        np.concatenate([np.zeros(0), *heights]),
    )


def recall_rows(
    faces: Faces,
    order: Sequence[str],
    hits: tuple[Bools, Bools],
    rounds: int,
    rng: np.random.Generator,
) -> list[RecallRow]:
    """A row for each group ("" first: all) at every size, then within each of SIZES.

    Args:
        faces: the true faces.
        order: names of the groups.
        hits: (F,) found by the single-stage detector, and by the two-phase pipeline.
        rounds: of the bootstrap; 0 leaves intervals out.
        rng: draws pictures.
    """
    names = np.array(faces.group, dtype=object)
    rows = []
    for low, high in (ALL_SIZES, *SIZES):
        sized = (faces.heights >= low) & (faces.heights < high)
        for group in ("", *order):
            chosen = sized & (names == group) if group else sized
            row = RecallRow(group, low, high, int(chosen.sum()), None, None, None)
            rows.append(_fill(row, faces.picture[chosen], [h[chosen] for h in hits], rounds, rng))
    return rows


def _fill(
    row: RecallRow, picture: Ints, hits: Sequence[Bools], rounds: int, rng: np.random.Generator
) -> RecallRow:
    if not row.faces:
        return row
    change = hits[0].astype(np.float64) - hits[1]
    difference = difference_interval(picture, change, rounds, rng) if rounds else None
    shares = [float(hit.mean()) for hit in hits]
    return replace(row, single=shares[0], two_phase=shares[1], difference=difference)


def difference_interval(
    picture: Ints, change: Floats, rounds: int, rng: np.random.Generator
) -> tuple[float, float] | None:
    """95 % percentile bootstrap of the mean of (F,) changes, whole pictures drawn."""
    _, number = np.unique(picture, return_inverse=True)
    sums = np.bincount(number, weights=change)
    sizes = np.bincount(number)
    drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=rounds)
    return interval((drawn @ sums) / (drawn @ sizes))
