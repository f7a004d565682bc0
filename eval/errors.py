"""Which kinds of errors a detector makes, and what mending each kind would be worth.

The kinds and their order are those of TIDE (Bolya, Foley, Hays & Hoffman 2020, "TIDE: A General
Toolbox for Identifying Object Detection Errors", section 2.2), written anew for our boxes. A
detection that is not right (eval.matching, IoU 0.5) is, the first that fits:

    localisation     overlaps a true box of its class, by an IoU of 0.1 to 0.5
    classification   overlaps a true box of another class, by 0.5 or more
    duplicate        overlaps a true box of its class by 0.5 or more, which a surer one has taken
    background       overlaps no true box by more than 0.1
    both             the rest: badly placed and of the wrong class

and a true box that nothing has taken is `missed`, unless an error of localisation or
classification is about it: it was seen, then.

Mending (section 2.3) of localisation or classification makes the detection right; of several
about one true box the surest, and none where the box has been found. Duplicate, background and
both are mended by leaving the detections out, missed by leaving the true boxes out. The gain of a
kind is AP50 with only this kind mended, less AP50. Gains don't add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.boxes import Boxes, Floats, Ints, iou
from data.labels import CLASS_NAMES
from eval.bootstrap import average_precision
from eval.matching import IOU_MIN, MAX_DETECTIONS, Bools, Curve, Pair, by_score, match_boxes
from eval.metrics import PerClass, mean_present

KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")
_CLASS, _PLACE, _BOTH, _DUPLICATE, _BACKGROUND, _MISSED = range(len(KINDS))
_RIGHT = -1

IOU_BACKGROUND = 0.1  # TIDE's lower threshold: less is no overlap worth the name


@dataclass(frozen=True)
class Errors:
    """Errors told apart.

    Attributes:
        conf: least score of a detection that is counted.
        counts: kind to how many there are at `conf`.
        right: detections at `conf` that are right.
        gain: kind to what mending it adds to mAP50, over all scores as AP is; None without truth.
        class_gain: kind to class name to the same of AP50.
    """

    conf: float
    counts: dict[str, int]
    right: int
    gain: dict[str, float | None]
    class_gain: dict[str, PerClass]


@dataclass(frozen=True)
class _Judged:
    """Detections (D,), each picture's best first, and true boxes (T,) of a whole set.

    Attributes:
        picture, scores, said: of the detections.
        kind: _RIGHT, or the index in KINDS.
        target: the true box that the detection is about, -1 for none.
        truth_picture, truth_class: of the true boxes.
    """

    picture: Ints
    scores: Floats
    said: Ints
    kind: Ints
    target: Ints
    truth_picture: Ints
    truth_class: Ints
    pictures: int


def tell_errors(pairs: Sequence[Pair], conf: float) -> Errors:
    """Errors by kind: how many at score threshold `conf`, and what mending each is worth."""
    said = _judge(pairs, [pair.found for pair in pairs])
    kept = said.scores >= conf
    counts = np.bincount(said.kind[kept & (said.kind >= 0)], minlength=len(KINDS))
    counts[_MISSED] = np.count_nonzero(_missed(said, kept))
    judged = _judge(pairs, [pair.ranked for pair in pairs])
    before = _class_ap(judged, judged.kind == _RIGHT, judged.said, _none_of(judged))
    class_gain = {}
    for k, name in enumerate(KINDS):
        after = _mended_ap(judged, k)
        class_gain[name] = {
            label: None if np.isnan(before[c]) else _gain(before[c], after[c])
            for c, label in enumerate(CLASS_NAMES)
        }
    return Errors(
        conf,
        dict(zip(KINDS, counts.tolist(), strict=True)),
        int(np.count_nonzero(said.kind[kept] == _RIGHT)),
        {name: mean_present(gains) for name, gains in class_gain.items()},
        class_gain,
    )


def _gain(before: float, after: float) -> float:
    # Without a true box left, nothing is left to be missed: a perfect score.
    return float((1.0 if np.isnan(after) else after) - before)


def _judge(pairs: Sequence[Pair], boxes: Sequence[Boxes]) -> _Judged:
    parts, truths, offset = [], [], 0
    for number, (pair, unsorted) in enumerate(zip(pairs, boxes, strict=True)):
        found = _keep_best(by_score(unsorted))
        kind, target = judge_picture(found, pair.truth)
        target = np.where(target >= 0, target + offset, -1)
        picture = np.full(len(found), number, dtype=np.int64)
        parts.append((picture, found.scores, found.class_ids, kind, target))
        truths.append((np.full(len(pair.truth), number), pair.truth.class_ids))
        offset += len(pair.truth)
    picture, scores, said, kind, target = (np.concatenate(c) for c in zip(*parts, strict=True))
    places, classes = (np.concatenate(c) for c in zip(*truths, strict=True))
    return _Judged(picture, scores, said, kind, target, places, classes, len(pairs))


def _keep_best(found: Boxes) -> Boxes:
    """The best MAX_DETECTIONS of each class, as for AP."""
    if len(found) <= MAX_DETECTIONS:
        return found
    rank = np.zeros(len(found), dtype=np.int64)
    for k in range(len(CLASS_NAMES)):
        of_class = found.class_ids == k
        rank[of_class] = np.arange(np.count_nonzero(of_class))
    return found.select(rank < MAX_DETECTIONS)


def judge_picture(found: Boxes, truth: Boxes) -> tuple[Ints, Ints]:
    """Kind of each detection and the true box that it is about.

    Args:
        found: D detections, best score first.
        truth: T true boxes.

    Returns:
        (D,) int64: -1 for a right one, else the index in KINDS; (D,) int64 index of the true box
        that it found, mistook or placed badly, -1 for none.
    """
    overlap = iou(found.xyxy, truth.xyxy)
    same = found.class_ids[:, None] == truth.class_ids[None, :]
    taken = np.full(len(found), -1, dtype=np.int64)
    for k in range(len(CLASS_NAMES)):
        d, t = np.flatnonzero(found.class_ids == k), np.flatnonzero(truth.class_ids == k)
        matched = match_boxes(overlap[np.ix_(d, t)], np.zeros(len(t), dtype=np.bool_))
        taken[d] = np.append(t, -1)[matched]
    own, own_at = _best(np.where(same, overlap, 0.0))
    other, other_at = _best(np.where(same, 0.0, overlap))
    conditions = [
        taken >= 0,
        (own >= IOU_BACKGROUND) & (own < IOU_MIN),
        other >= IOU_MIN,
        own >= IOU_MIN,
        np.maximum(own, other) <= IOU_BACKGROUND,
    ]
    kinds = [_RIGHT, _PLACE, _CLASS, _DUPLICATE, _BACKGROUND]
    kind = np.select(conditions, kinds, default=_BOTH).astype(np.int64)
    target = np.select([kind == k for k in (_RIGHT, _PLACE, _CLASS)], [taken, own_at, other_at], -1)
    return kind, target.astype(np.int64)


def _best(overlap: Floats) -> tuple[Floats, Ints]:
    """Largest value of each row of (D, T) and its column; 0 and -1 where there is no column."""
    if overlap.shape[1] == 0:
        return np.zeros(len(overlap)), np.full(len(overlap), -1, dtype=np.int64)
    return overlap.max(axis=1), overlap.argmax(axis=1)


def _none_of(judged: _Judged) -> Bools:
    return np.zeros(len(judged.truth_class), dtype=np.bool_)


def _about(judged: _Judged, detections: Bools) -> Bools:
    """(T,) which true boxes these detections are about."""
    marked = _none_of(judged)
    targets = judged.target[detections]
    marked[targets[targets >= 0]] = True
    return marked


def _missed(judged: _Judged, kept: Bools) -> Bools:
    return ~_about(judged, kept)


def _mended_ap(judged: _Judged, kind: int) -> Floats:
    """(K,) AP50 with one kind mended."""
    of_kind = judged.kind == kind
    right = judged.kind == _RIGHT
    if kind == _MISSED:
        lost = _missed(judged, np.ones(len(of_kind), dtype=np.bool_))
        return _class_ap(judged, right, judged.said, lost)
    if kind not in (_CLASS, _PLACE):
        return _class_ap(judged, right, judged.said, _none_of(judged), left_out=of_kind)
    mended = of_kind & ~np.append(_about(judged, right), True)[judged.target]
    mended[mended] = _surest(judged.scores[mended], judged.target[mended])
    said = judged.said.copy()
    said[mended] = judged.truth_class[judged.target[mended]]
    none = _none_of(judged)
    return _class_ap(judged, right | mended, said, none, left_out=of_kind & ~mended)


def _surest(scores: Floats, targets: Ints) -> Bools:
    """Whether each detection is the best about its target; of equal ones the first."""
    order = np.lexsort((np.arange(len(scores)), -scores))
    _, first = np.unique(targets[order], return_index=True)
    best = np.zeros(len(scores), dtype=np.bool_)
    best[order[first]] = True
    return best


def _class_ap(
    judged: _Judged, right: Bools, said: Ints, lost: Bools, left_out: Bools | None = None
) -> Floats:
    """(K,) AP50 of detections (D,) given as `right` and `said`, true boxes `lost` (T,) apart."""
    kept = np.ones(len(said), dtype=np.bool_) if left_out is None else ~left_out
    scores = []
    for k in range(len(CLASS_NAMES)):
        chosen = np.flatnonzero(kept & (said == k))
        chosen = chosen[np.argsort(-judged.scores[chosen], kind="stable")]
        places = judged.truth_picture[~lost & (judged.truth_class == k)]
        truths = np.bincount(places, minlength=judged.pictures)
        curve = Curve(judged.picture[chosen], judged.scores[chosen], right[chosen], truths)
        scores.append(average_precision(curve))
    return np.array(scores)
