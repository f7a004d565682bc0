"""How sure a score is: percentile bootstrap over pictures (Efron 1979).

Pictures, not faces, are drawn, because the faces of one picture share its light and camera.
Detections are matched once; each round only weighs them by how often their picture was drawn.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from data.boxes import Floats, Ints
from eval.matching import Curve

RECALLS: Floats = np.linspace(0.0, 1.0, 101)  # COCO's 101-point interpolation (Lin et al. 2014)
LEVEL = 0.95

_CHUNK = 50  # rounds that are summed at once: few megabytes for 10,000 pictures


def average_precision(curve: Curve, weights: Ints | None = None) -> float:
    """AP of a curve, 101 points, 0 to 1; nan where there is no true box.

    `weights` (P,) says how often each picture counts, once by default. Precision is needed at the
    correct detections only: between two of them it just falls.
    """
    times = np.ones(len(curve.truths), dtype=np.int64) if weights is None else weights
    total = int(times @ curve.truths)
    if total == 0:
        return float("nan")
    weight = times[curve.picture]
    seen = np.cumsum(weight)[curve.correct]
    right = np.cumsum(weight[curve.correct])
    precision = right / np.maximum(seen, 1)
    return float(_interpolate(right / total, precision).mean())


def precision_recall(curve: Curve) -> tuple[Floats, Floats]:
    """Recall (101,) and the interpolated precision (101,) there, for plots.

    Precision is 0 beyond the reached recall, and nan everywhere where there is no true box.
    """
    total = int(curve.truths.sum())
    if total == 0:
        return RECALLS, np.full(len(RECALLS), np.nan)
    right = np.cumsum(curve.correct)[curve.correct]
    seen = np.flatnonzero(curve.correct) + 1
    return RECALLS, _interpolate(right / total, right / seen)


def _interpolate(recall: Floats, precision: Floats) -> Floats:
    """Best precision at each of RECALLS or beyond; recall (H,) ascending, precision (H,)."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return np.append(envelope, 0.0)[np.searchsorted(recall, RECALLS, side="left")]


def bootstrap(curves: Sequence[Curve], rounds: int, rng: np.random.Generator) -> Floats:
    """AP of each curve in each round of resampling: (rounds, K), nan where a class is absent.

    All curves are of the same pictures, and each round draws the same pictures for all.
    """
    # What comes after the last correct detection lowers no precision that counts.
    ends = [int(np.flatnonzero(c.correct)[-1]) + 1 if c.correct.any() else 0 for c in curves]
    short = [
        Curve(c.picture[:end], c.scores[:end], c.correct[:end], c.truths)
        for c, end in zip(curves, ends, strict=True)
    ]
    result = np.empty((rounds, len(curves)))
    for row, drawn in zip(result, _draws(len(curves[0].truths), rounds, rng), strict=True):
        row[:] = [average_precision(curve, drawn) for curve in short]
    return result


def _draws(pictures: int, rounds: int, rng: np.random.Generator) -> Iterator[Ints]:
    """How often each of the pictures is drawn, (P,), once for each round."""
    for _ in range(rounds):
        yield np.bincount(rng.integers(0, pictures, pictures), minlength=pictures)


def resample(counts: Ints, rounds: int, rng: np.random.Generator) -> Floats:
    """Sums of (P, C) counts of pictures over each round's drawn pictures: (rounds, C).

    With the same generator state, the rounds draw the same pictures as those of `bootstrap`.
    """
    drawn = _draws(len(counts), rounds, rng)
    values = counts.astype(np.float64)  # exact up to 2**53, and multiplied by BLAS
    parts = []
    while chunk := list(islice(drawn, _CHUNK)):
        parts.append(np.array(chunk, dtype=np.float64) @ values)
    return np.concatenate([np.zeros((0, counts.shape[1])), *parts])


def ratio_intervals(
    part: Ints, whole: Ints, rounds: int, rng: np.random.Generator
) -> list[tuple[float, float] | None]:
    """Interval of each share sum(part) / sum(whole) over pictures; both (P, C) counts."""
    sums = resample(np.concatenate([part, whole], axis=1), rounds, rng)
    above, below = sums[:, : part.shape[1]], sums[:, part.shape[1] :]
    shares = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return [interval(column) for column in shares.T]


def paired_bootstrap(
    first: Sequence[Curve], second: Sequence[Curve], rounds: int, rng: np.random.Generator
) -> Floats:
    """Change from one detector to another in each round: (rounds, K + 1), K classes and their mean.

    Both have been asked about the same pictures, in one order; each round draws the same pictures
    for both, so that what makes a picture hard for either falls out of the difference.
    """
    drawn = bootstrap([*first, *second], rounds, rng)
    before, after = drawn[:, : len(first)], drawn[:, len(first) :]
    means = mean_over_present(after) - mean_over_present(before)
    return np.column_stack([after - before, means])


def interval(values: Floats, level: float = LEVEL) -> tuple[float, float] | None:
    """Percentile interval of (rounds,) values, nan left out; None where none are left."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_over_present(values: Floats) -> Floats:
    """(rounds, K) APs to (rounds,) means over the classes that each round has (nan if none)."""
    present = np.isfinite(values)
    counts = present.sum(axis=1)
    sums = np.where(present, values, 0.0).sum(axis=1)
    mean = np.full(len(values), np.nan)
    np.divide(sums, counts, out=mean, where=counts > 0)
    return mean
