"""Who is in front of whom: persons put into slots, front first, each with a face that is seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.manifest import FaceRecord
from synth.bodies import FEET, stand
from synth.layouts import REPEATED_BELOW, Slot
from synth.people import Cutout, mirror_cutout, resize_cutout

Floats = NDArray[np.float64]

# A face counts while this share of its box is seen, and this share of its lower half, which
# tells masked from bare.
MIN_SEEN, MIN_SEEN_BELOW = 0.55, 0.5
# Outlines drawn by rule, and enlarged photos, pass at these sizes and factors.
_UNCLEAN_BELOW, _MOST_ENLARGED = 36.0, 1.8
_TRIES = 6


@dataclass(frozen=True, eq=False)
class Placed:
    """A person at final size, where its top left corner lies, and how much of its face is seen."""

    cutout: Cutout
    record: FaceRecord
    left: int
    top: int
    seen: float
    legs: bool

    @property
    def box(self) -> Floats:
        """(4,) the face box in the picture, not cut at its edges."""
        return np.asarray(self.cutout.box + np.array([self.left, self.top, self.left, self.top]))

    @property
    def feet(self) -> float:
        """Row on which the figure stands."""
        return self.top + float(self.cutout.box[3]) + FEET * self.cutout.face_height


def place_all(
    people: Sequence[tuple[Cutout, FaceRecord]],
    slots: Sequence[Slot],
    rng: np.random.Generator,
    shape: tuple[int, int],
    smallest: float,
) -> list[Placed]:
    """Persons in the slots, front first, each with a face that is seen.

    Args:
        people: cut-outs with their records; far rows may show one twice.
        slots: from the front to the back.
        rng: of who stands where.
        shape: of the scene, rows and columns.
        smallest: height of the smallest face box, pixels.
    """
    free = [int(i) for i in rng.permutation(len(people))]
    taken = np.zeros(shape, np.bool_)
    placed: list[Placed] = []
    for slot in slots:
        choice, size = _choose(people, free, slot.size, rng)
        if choice is None or size < smallest:
            continue
        person = _try_places(people[choice], replace(slot, size=size), taken, rng, smallest)
        if person is None:
            continue
        placed.append(person)
        if choice in free:
            free.remove(choice)
    return placed


def _choose(
    people: Sequence[tuple[Cutout, FaceRecord]],
    free: Sequence[int],
    size: float,
    rng: np.random.Generator,
) -> tuple[int | None, float]:
    """The next person who passes at that size, in far rows anybody, else whoever passes at nearly
    that size; and the size."""
    most = {index: _largest_size(people[index][0]) for index in free}
    for index in free:
        if most[index] >= size:
            return index, size
    if size < REPEATED_BELOW:
        return int(rng.integers(len(people))), size
    widest = max(free, key=lambda i: most[i], default=None)
    if widest is None or most[widest] < 0.5 * size:
        return None, size
    return widest, most[widest]


def _largest_size(cutout: Cutout) -> float:
    """Up to which face height, in pixels, a cut-out passes."""
    most = _MOST_ENLARGED * cutout.face_height
    return most if cutout.clean else min(most, _UNCLEAN_BELOW)


def _try_places(
    person: tuple[Cutout, FaceRecord],
    slot: Slot,
    taken: NDArray[np.bool_],
    rng: np.random.Generator,
    smallest: float,
) -> Placed | None:
    """The person at the slot or a little beside it, marked as taken; None where it isn't seen."""
    (cutout, record), height, size = person, taken.shape[0], slot.size
    # Half a pixel more: sizes are rounded to whole pixels.
    small = resize_cutout(cutout, (size + 0.5) / cutout.face_height)
    if rng.random() < 0.5:
        small = mirror_cutout(small)
        yaw, roll = (None if v is None else -v for v in (record.yaw, record.roll))
        record = replace(record, yaw=yaw, roll=roll)
    spots = [(slot.x, slot.y)]
    for k in range(1, _TRIES):
        # Further aside with each try; without feet on the ground also higher.
        dx, dy = rng.normal(0, 0.45 * k * size), -rng.uniform(0, 0.2 * k) * size * (not slot.legs)
        spots.append((slot.x + float(dx), slot.y + float(dy)))
    for x, y in spots:
        left = round(x - float(small.box[0] + small.box[2]) / 2)
        top = round(y - float(small.box[1] + small.box[3]) / 2)
        box = small.box + np.array([left, top, left, top])
        shown = min(float(box[3]), height) - max(float(box[1]), 0.0)
        seen, below = _seen(box, taken)
        if seen < MIN_SEEN or below < MIN_SEEN_BELOW or shown < smallest:
            continue
        length = _open_rows(box, taken) - float(box[3]) + 2
        whole = stand(small, rng, length, legs=slot.legs)
        shift = (whole.box - small.box).round().astype(int)
        placed = Placed(whole, record, left - int(shift[0]), top - int(shift[1]), seen, slot.legs)
        _mark(taken, placed)
        return placed
    return None


def _open_rows(box: Floats, taken: NDArray[np.bool_]) -> float:
    """Down to which row the body below a face is not wholly behind others."""
    reach = 1.2 * float(box[2] - box[0])
    columns = taken[:, max(0, int(box[0] - reach)) : max(1, int(box[2] + reach) + 1)]
    rows = np.flatnonzero(~columns.all(1))
    return float(max(rows[-1] + 1 if len(rows) else 0, box[3]))


def _seen(box: Floats, taken: NDArray[np.bool_]) -> tuple[float, float]:
    """Share of a box, and of its lower half, that lies in the picture behind nobody."""
    x1, y1, x2, y2 = (int(v) for v in np.round(box))
    if x2 <= x1 or y2 <= y1:
        return 0.0, 0.0
    middle = (y1 + y2) // 2

    def share(top: int) -> float:
        part = taken[max(0, top) : max(0, y2), max(0, x1) : max(0, x2)]
        return float((~part).sum()) / ((x2 - x1) * max(1, y2 - top))

    return share(y1), share(middle)


def window(person: Placed, shape: tuple[int, ...]) -> tuple[slice, slice, slice, slice]:
    """Rows and columns of the picture that a person may cover, and the same of the cut-out."""
    h, w = person.cutout.alpha.shape
    y1, x1 = max(0, person.top), max(0, person.left)
    y2, x2 = max(y1, min(shape[0], person.top + h)), max(x1, min(shape[1], person.left + w))
    own_rows = slice(y1 - person.top, y2 - person.top)
    own_columns = slice(x1 - person.left, x2 - person.left)
    return slice(y1, y2), slice(x1, x2), own_rows, own_columns


def _mark(taken: NDArray[np.bool_], person: Placed) -> None:
    rows, columns, own_rows, own_columns = window(person, taken.shape)
    taken[rows, columns] |= person.cutout.alpha[own_rows, own_columns] > 0.4


def describe(person: Placed) -> FaceRecord:
    """The record, which says where somebody stands before the face."""
    if person.seen > 0.9:
        return person.record
    return replace(person.record, occluders=[*person.record.occluders, "person"])
