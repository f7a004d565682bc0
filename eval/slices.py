"""Results by what the faces are: size, class, neighbours, and whatever eval.facts knows of them.

Faces are matched whatever their class, at one score threshold and IoU 0.5, as in the confusion
matrix. False alarms belong to no face, so AP is only told for slices that detections have, too:
by size, and by how many faces a picture has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from data.boxes import Ints
from data.labels import CLASS_NAMES
from eval.bootstrap import average_precision, ratio_intervals
from eval.confusion import match_picture
from eval.facts import SKIN_GROUPS
from eval.matching import Bools, Curve, Pair, collect_curves, of_pictures

SIZE_EDGES = (0.0, 16.0, 32.0, 64.0, 128.0, np.inf)  # px of height
CROWD_EDGES = (1, 2, 5, 10, 25, 10**9)  # faces in a picture

# Order in which attributes are shown; unknown ones follow.
ATTRIBUTES = (
    *("size", "class", "faces in the picture", "border", "skin"),
    *("pose", "style", "state", "texture", "colour", "occluders"),
)

_MISSED = -1


@dataclass(frozen=True)
class Slice:
    """The faces that share one value of one attribute.

    Attributes:
        attribute, value: such as "size" and "16 to 32 px".
        faces: how many.
        found: share that a box of any class found; found_interval: 95 % bootstrap, or None.
        right: share found with the right class; right_interval alike.
        ap50: mean AP50 over the classes that the slice has, None where it can't be told.
        confusion: the most frequent mistake of class: true name, found name, count; or None.
    """

    attribute: str
    value: str
    faces: int
    found: float
    found_interval: tuple[float, float] | None
    right: float
    right_interval: tuple[float, float] | None
    ap50: float | None
    confusion: tuple[str, str, int] | None


@dataclass(frozen=True)
class _Faces:
    """All true faces, (F,) each: picture, class, class they were found as, _MISSED for none."""

    picture: Ints
    true: Ints
    found: Ints


def slice_results(
    pairs: Sequence[Pair], conf: float, rounds: int, rng: np.random.Generator
) -> list[Slice]:
    """Every slice with at least one face, attributes and values in a fixed order.

    Args:
        pairs: of the whole set.
        conf: least score of a detection that counts for `found` and `right`.
        rounds: of the bootstrap over pictures, 0 for no intervals.
        rng: draws the pictures.
    """
    faces = _collect(pairs, conf)
    groups = group_faces(pairs)
    if not groups:
        return []
    part, whole = _counts(faces, list(groups.values()), len(pairs))
    intervals = ratio_intervals(part, whole, rounds, rng) if rounds else [None] * part.shape[1]
    half = len(groups)
    ranges = [(0.0, np.inf), *pairwise(SIZE_EDGES)]
    curves = [collect_curves(pairs, k, ranges) for k in range(len(CLASS_NAMES))]
    ap50 = _ap_by_size(curves) | _ap_by_crowd(pairs, [own[0] for own in curves])
    return [
        Slice(
            attribute,
            value,
            len(members),
            float((faces.found[members] != _MISSED).mean()),
            intervals[n],
            float((faces.found[members] == faces.true[members]).mean()),
            intervals[half + n],
            ap50.get((attribute, value)),
            _worst_confusion(faces, members),
        )
        for n, ((attribute, value), members) in enumerate(groups.items())
    ]


def group_faces(pairs: Sequence[Pair]) -> dict[tuple[str, str], Ints]:
    """(attribute, value) to the positions of its faces, counted through all pictures.

    A face lies in several groups of one attribute where it has several values (occluders).
    """
    members: dict[tuple[str, str], list[int]] = {}
    number = 0
    for pair in pairs:
        crowd = _name_range(len(pair.truth), CROWD_EDGES, "")
        facts = pair.facts or ({},) * len(pair.truth)
        for height, label, own in zip(pair.truth.heights, pair.truth.class_ids, facts, strict=True):
            members.setdefault(("size", size_range(float(height))), []).append(number)
            members.setdefault(("class", CLASS_NAMES[label]), []).append(number)
            members.setdefault(("faces in the picture", crowd), []).append(number)
            for attribute, values in own.items():
                for value in values:
                    members.setdefault((attribute, value), []).append(number)
            number += 1
    order = sorted(members, key=lambda key: (_rank(key[0]), *_value_rank(*key)))
    return {key: np.array(members[key], dtype=np.int64) for key in order}


def size_range(height: float) -> str:
    """The range of heights that a face belongs to.

    >>> size_range(8), size_range(16), size_range(500)
    ('under 16 px', '16 to 32 px', '128 px and more')
    """
    return _name_range(height, SIZE_EDGES, " px")


def _name_range(value: float, edges: Sequence[float], unit: str) -> str:
    at = max(int(np.searchsorted(edges, value, side="right")) - 1, 0)
    low, high = edges[at], edges[at + 1]
    if at == len(edges) - 2:
        return f"{low:g}{unit} and more"
    if low == 0:
        return f"under {high:g}{unit}"
    if unit:
        return f"{low:g} to {high:g}{unit}"
    return f"{low:g}" if high == low + 1 else f"{low:g} to {high - 1:g}"


def _rank(attribute: str) -> tuple[int, str]:
    known = attribute in ATTRIBUTES
    return (ATTRIBUTES.index(attribute) if known else len(ATTRIBUTES), attribute)


def _value_rank(attribute: str, value: str) -> tuple[float, str]:
    """Ranges by their lower end, classes by their ids, skin light to dark, others by name."""
    if attribute == "class":
        return CLASS_NAMES.index(value), value
    if attribute == "skin":
        return SKIN_GROUPS.index(value), value
    first = value.removeprefix("under ").split(" ")[0].rstrip("°")
    low = float(first) if first.replace(".", "", 1).isdecimal() else 0.0
    return (-1.0 if value.startswith("under ") else low), value


def _collect(pairs: Sequence[Pair], conf: float) -> _Faces:
    pictures, true, found = [], [], []
    for number, pair in enumerate(pairs):
        detections, taken = match_picture(pair, conf)
        said = np.full(len(pair.truth), _MISSED, dtype=np.int64)
        said[taken[taken >= 0]] = detections.class_ids[taken >= 0]
        pictures.append(np.full(len(pair.truth), number, dtype=np.int64))
        true.append(pair.truth.class_ids)
        found.append(said)
    return _Faces(*(np.concatenate(column) for column in (pictures, true, found)))


def _counts(faces: _Faces, groups: Sequence[Ints], pictures: int) -> tuple[Ints, Ints]:
    """(P, 2 S) faces of each picture and slice that were found, then rightly; and (P, 2 S) all."""

    def per_picture(counted: Bools) -> Ints:
        columns = [
            np.bincount(faces.picture[members[counted[members]]], minlength=pictures)
            for members in groups
        ]
        return np.stack(columns, axis=1)

    every = per_picture(np.ones(len(faces.true), dtype=np.bool_))
    found, right = per_picture(faces.found != _MISSED), per_picture(faces.found == faces.true)
    return np.concatenate([found, right], axis=1), np.concatenate([every, every], axis=1)


def _worst_confusion(faces: _Faces, members: Ints) -> tuple[str, str, int] | None:
    true, found = faces.true[members], faces.found[members]
    wrong = (found != _MISSED) & (found != true)
    if not wrong.any():
        return None
    table = np.zeros((len(CLASS_NAMES), len(CLASS_NAMES)), dtype=np.int64)
    np.add.at(table, (true[wrong], found[wrong]), 1)
    t, f = divmod(int(table.argmax()), len(CLASS_NAMES))
    return CLASS_NAMES[t], CLASS_NAMES[f], int(table[t, f])


def _ap_by_size(curves: Sequence[Sequence[Curve]]) -> dict[tuple[str, str], float]:
    """Mean AP50 of the faces of each size; others are ignored, as COCO's areas are.

    `curves` has a row a class: that of every face, then one for each range of SIZE_EDGES.
    """
    sizes = enumerate(SIZE_EDGES[:-1], start=1)
    return _mean_ap({("size", size_range(low)): [own[n] for own in curves] for n, low in sizes})


def _ap_by_crowd(pairs: Sequence[Pair], curves: Sequence[Curve]) -> dict[tuple[str, str], float]:
    """Mean AP50 of the pictures with so many faces."""
    names = np.array([_name_range(len(pair.truth), CROWD_EDGES, "") for pair in pairs])
    bare = np.array([len(pair.truth) == 0 for pair in pairs])
    return _mean_ap(
        {
            ("faces in the picture", name): [
                of_pictures(c, (names == name) & ~bare) for c in curves
            ]
            for name in sorted(set(names[~bare].tolist()))
        }
    )


def _mean_ap(curves: Mapping[tuple[str, str], Sequence[Curve]]) -> dict[tuple[str, str], float]:
    means = {}
    for key, of_classes in curves.items():
        scores = [average_precision(curve) for curve in of_classes]
        if np.isfinite(scores).any():
            means[key] = float(np.nanmean(scores))
    return means
