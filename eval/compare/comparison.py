"""One comparison: everything that `maskwatch compare` says.

Keys of its JSON, which scripts may rely on (a value that can't be had is null, never 0):

    set, split, pictures, unreadable     what both have seen
    single, two_phase  name, ap50 and ap50_interval (class -> value), map50, map50_interval,
                       map50_told (classes of found faces told: a perfect second phase),
                       any_face_recall (IoU 0.5, every score), any_face_recall_loose (IoU 0.3),
                       threshold (score at `false_alarms` a picture), recall, class_accuracy (of the
                       faces found there)
    ap50_change        class, and "mean" -> 95 % interval of single - two_phase, paired
    false_alarms       a picture, at which recall is compared
    recall[]           group, low, high (px), faces, single, two_phase, difference (interval)
    finder[]           iou, and of `recall` the keys, every size: two_phase is the face finder alone
                       there, by its own score, cut alike
    groups             the groups in the order of how much is covered; by: "manifest" or "class"
    times[]            faces (null: the set's own pictures), single, two_phase (median, low, high,
                       repeats; ms), cpu (both), ratio,
                       middle (half of the ratios), found (both)
    machine, threads   what the times were taken on
    verdicts           sentences
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Boxes, iou
from data.labels import CLASS_NAMES
from eval.bootstrap import bootstrap, interval, mean_over_present, paired_bootstrap
from eval.compare.coverage import BY_MANIFEST, cover_faces
from eval.compare.recall import ALL_SIZES, Found, RecallRow, find_faces, list_faces, recall_rows
from eval.matching import IOU_MIN, Pair, by_score, collect_curve, match_boxes
from eval.metrics import coco_scores

Interval = tuple[float, float] | None

# Boxes by another convention overlap less: what is found at this IoU, was found.
LOOSE = 0.3
MEAN = "mean"


@dataclass(frozen=True)
class Side:
    """The scores of one system; keys as in the module's text."""

    name: str
    ap50: dict[str, float | None]
    ap50_interval: dict[str, Interval]
    map50: float | None
    map50_interval: Interval
    map50_told: float | None
    any_face_recall: float | None
    any_face_recall_loose: float | None
    threshold: float
    recall: float | None
    class_accuracy: float | None


@dataclass(frozen=True)
class Comparison:
    """Both systems on one set.

    Attributes:
        single, two_phase: scores.
        ap50_change: class name and "mean" to the interval of single - two_phase.
        rows: recall by coverage and size.
        groups: coverage groups in order.
        false_alarms: a picture, of the recall.
        finder: least IoU to rows of every size, in which the face finder alone, by its own score,
            stands in the place of the two-phase pipeline.
    """

    single: Side
    two_phase: Side
    ap50_change: dict[str, Interval]
    rows: tuple[RecallRow, ...]
    groups: tuple[str, ...]
    false_alarms: float
    finder: dict[float, tuple[RecallRow, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The part of the JSON that follows from the boxes alone."""
        return {
            "single": asdict(self.single),
            "two_phase": asdict(self.two_phase),
            "ap50_change": self.ap50_change,
            "false_alarms": self.false_alarms,
            "recall": [_row_to_json(row) for row in self.rows],
            "finder": [
                {"iou": iou_min, **_row_to_json(row)}
                for iou_min, rows in self.finder.items()
                for row in rows
            ],
            "groups": {
                "by": "manifest" if self.groups == BY_MANIFEST else "class",
                "order": list(self.groups),
            },
        }


def _row_to_json(row: RecallRow) -> dict[str, Any]:
    # JSON knows no infinity.
    return {**asdict(row), "high": None if row.high == float("inf") else row.high}


def compare_pairs(
    root: Path,
    single: tuple[str, Sequence[Pair]],
    two_phase: tuple[str, Sequence[Pair]],
    *,
    finder: Sequence[Pair] = (),
    false_alarms: float,
    rounds: int,
    seed: int,
) -> Comparison:
    """Score both, each given as its name and its pairs of the same pictures in the same order.

    `finder` has pairs of the face finder alone, if these are to be told, too.

    Raises:
        DatasetError: if the set's manifest is broken.
        MissingExtraError: if faster-coco-eval isn't installed.
    """
    groups, order = cover_faces(root, single[1])
    found = find_faces(single[1]), find_faces(two_phase[1])
    rng = np.random.default_rng(seed)
    faces = list_faces(single[1], groups)
    rows = recall_rows(
        faces, order, (found[0].at(false_alarms), found[1].at(false_alarms)), rounds, rng
    )
    alone = {}
    for iou_min in (IOU_MIN, LOOSE) if finder else ():
        hits = [find_faces(pairs, iou_min).at(false_alarms) for pairs in (single[1], finder)]
        every = recall_rows(faces, order, (hits[0], hits[1]), rounds, rng)
        alone[iou_min] = tuple(row for row in every if (row.low, row.high) == ALL_SIZES)
    sides = [
        score_side(name, pairs, one, false_alarms=false_alarms, rounds=rounds, seed=seed)
        for (name, pairs), one in zip((single, two_phase), found, strict=True)
    ]
    change = ap_change(single[1], two_phase[1], rounds, seed)
    return Comparison(sides[0], sides[1], change, tuple(rows), order, false_alarms, alone)


def score_side(
    name: str,
    pairs: Sequence[Pair],
    found: Found,
    *,
    false_alarms: float,
    rounds: int,
    seed: int,
) -> Side:
    """The scores of one system; `found` is what `find_faces` makes of its pairs."""
    scores = coco_scores(pairs)[0]
    told = coco_scores([tell_classes(pair) for pair in pairs])[0]
    hits = found.at(false_alarms)
    loose = find_faces(pairs, LOOSE).scores >= 0
    drawn = (
        bootstrap(_curves(pairs), rounds, np.random.default_rng(seed))
        if rounds
        else np.zeros((0, len(CLASS_NAMES)))
    )
    return Side(
        name=name,
        ap50=scores.ap50,
        ap50_interval={c: interval(drawn[:, k]) for k, c in enumerate(CLASS_NAMES)},
        map50=scores.map50,
        map50_interval=interval(mean_over_present(drawn)),
        map50_told=told.map50,
        any_face_recall=scores.any_face_recall,
        any_face_recall_loose=float(loose.mean()) if len(loose) else None,
        threshold=found.threshold(false_alarms),
        recall=float(hits.mean()) if len(hits) else None,
        class_accuracy=float(found.right[hits].mean()) if hits.any() else None,
    )


def _curves(pairs: Sequence[Pair]) -> list[Any]:
    return [collect_curve(pairs, k) for k in range(len(CLASS_NAMES))]


def ap_change(
    single: Sequence[Pair], two_phase: Sequence[Pair], rounds: int, seed: int
) -> dict[str, Interval]:
    """Class name and "mean" to the 95 % interval of how much better the first is."""
    names = (*CLASS_NAMES, MEAN)
    if not rounds:
        return dict.fromkeys(names)
    rng = np.random.default_rng(seed)
    drawn = paired_bootstrap(_curves(two_phase), _curves(single), rounds, rng)
    return {name: interval(drawn[:, k]) for k, name in enumerate(names)}


def tell_classes(pair: Pair) -> Pair:
    """The same boxes, those of a true face with its class: what a perfect classifier would say."""
    found = by_score(pair.found)
    taken = match_boxes(iou(found.xyxy, pair.truth.xyxy), np.zeros(len(pair.truth), dtype=np.bool_))
    ids = found.class_ids.copy()
    ids[taken >= 0] = pair.truth.class_ids[taken[taken >= 0]]
    return replace(pair, found=Boxes(found.xyxy, ids, found.scores), every=None)
