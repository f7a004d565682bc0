"""Several detectors on the same pictures, side by side.

Differences are to the first one, with 95 % intervals of a paired bootstrap (Efron & Tibshirani
1993, chapter 8): each round draws the same pictures for both, so what makes a picture hard for
either falls out. Keys of the JSON, under `comparison` of the first one's results:

    names          of all, the first one's first
    others[]       results of each other one, keys as of an evaluation
    differences[]  for each other one: name; ap50: class -> [difference, low, high] or null;
                   map50, any_face_recall, right_class: the same (the last two at `conf`)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Floats, Ints
from data.exceptions import DatasetError
from data.labels import CLASS_NAMES
from eval.bootstrap import average_precision, interval, paired_bootstrap, resample
from eval.confusion import match_picture
from eval.evaluation import Evaluation
from eval.matching import Curve, Pair

# Difference to the first detector with its interval's ends; None where there is nothing to score.
Difference = tuple[float, float | None, float | None] | None


@dataclass(frozen=True)
class Entry:
    """One detector: its name, what it found, its results, and the head of its JSON."""

    name: str
    pairs: Sequence[Pair]
    evaluation: Evaluation
    head: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """From the first detector to another."""

    name: str
    ap50: dict[str, Difference]
    map50: Difference
    any_face_recall: Difference
    right_class: Difference


def name_apart(names: Sequence[str]) -> list[str]:
    """Names of detectors, shortest ends of their paths by which all differ; numbered if alike.

    >>> name_apart(["runs/a/best.onnx", "runs/b/best.onnx"])
    ['a/best.onnx', 'b/best.onnx']
    >>> name_apart(["x.onnx", "x.onnx"])
    ['x.onnx', 'x.onnx (2)']
    """
    parts = [Path(name).parts or (name,) for name in names]
    deepest = max(len(p) for p in parts)
    ends = ["/".join(p[-1:]) for p in parts]
    for depth in range(2, deepest + 1):
        if len(set(ends)) == len(ends):
            break
        ends = ["/".join(p[-depth:]) for p in parts]
    return [
        name if ends[:n].count(name) == 0 else f"{name} ({ends[:n].count(name) + 1})"
        for n, name in enumerate(ends)
    ]


def compare_entries(entries: Sequence[Entry]) -> list[Change]:
    """Differences of all but the first entry to the first.

    Raises:
        DatasetError: if they were scored on different pictures.
    """
    first, *others = entries
    images = sorted(str(pair.image) for pair in first.pairs)
    for other in others:
        if sorted(str(pair.image) for pair in other.pairs) != images:
            raise DatasetError(
                f"expected the same pictures for all, but {first.name} and {other.name} were "
                "scored on different ones; the files changed meanwhile: run again"
            )
    return [_change(first, other) for other in others]


def _change(first: Entry, other: Entry) -> Change:
    rounds, seed = other.evaluation.rounds, other.evaluation.seed
    before, after = _curves(first.evaluation), _curves(other.evaluation)
    drawn = paired_bootstrap(before, after, rounds, np.random.default_rng(seed))
    scores = np.array([[average_precision(c) for c in curves] for curves in (before, after)])
    change = scores[1] - scores[0]
    present = np.isfinite(change)
    ap50 = {
        name: _difference(change[k], drawn[:, k]) if present[k] else None
        for k, name in enumerate(CLASS_NAMES)
    }
    map50 = _difference(float(change[present].mean()), drawn[:, -1])
    counts = [_face_counts(e.pairs, e.evaluation.confusion.conf) for e in (first, other)]
    found, right = (_share_difference(counts[0], counts[1], n, rounds, seed) for n in (0, 1))
    return Change(other.name, ap50, map50, found, right)


def _curves(evaluation: Evaluation) -> list[Curve]:
    return [evaluation.curves[name] for name in CLASS_NAMES]


def _difference(value: float, drawn: Floats) -> Difference:
    low, high = interval(drawn) or (None, None)
    return float(value), low, high


def _face_counts(pairs: Sequence[Pair], conf: float) -> Ints:
    """(P, 3) true faces of each picture: found, found with the right class, all."""
    rows = []
    for pair in sorted(pairs, key=lambda pair: str(pair.image)):
        found, taken = match_picture(pair, conf)
        hit = taken >= 0
        right = pair.truth.class_ids[taken[hit]] == found.class_ids[hit]
        rows.append((np.count_nonzero(hit), np.count_nonzero(right), len(pair.truth)))
    return np.array(rows, dtype=np.int64)


def _share_difference(before: Ints, after: Ints, column: int, rounds: int, seed: int) -> Difference:
    total = before[:, 2]
    gained = after[:, column] - before[:, column]
    drawn = resample(np.stack([gained, total], axis=1), rounds, np.random.default_rng(seed))
    shares = np.divide(
        drawn[:, 0], drawn[:, 1], out=np.full(len(drawn), np.nan), where=drawn[:, 1] > 0
    )
    return _difference(float(gained.sum() / total.sum()), shares)
