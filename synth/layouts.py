"""Where persons stand or sit in a scene: slots from the front to the back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# The same person may be shown again in the far rows, where nobody is known by their face.
REPEATED_BELOW = 26.0
# Faces from about 8 to 90 px in crowds: log-uniform, as many twice as small as twice as large.
_LARGEST = 90.0
_MOST_SLOTS = 140


@dataclass(frozen=True)
class Slot:
    """Where a person may be put.

    Attributes:
        x, y: centre of the face box, pixels.
        size: height of the face box, pixels.
        legs: whether the figure ends at feet; otherwise it goes on to the picture's bottom.
    """

    x: float
    y: float
    size: float
    legs: bool


Layout = Callable[[int, np.random.Generator, int, int, float], list[Slot]]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number from `low` (at most `high`) to `high`, each doubling as likely as the next."""
    low = min(low, high)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _audience(
    count: int, rng: np.random.Generator, width: int, height: int, smallest: float
) -> list[Slot]:
    """Dense rows; of several drawn, the one whose seats come nearest to the persons at hand."""
    options = [_rows(rng, width, height, smallest) for _ in range(5)]
    return min(options, key=lambda slots: abs(_persons_needed(slots) - 0.9 * count))


def _persons_needed(slots: Sequence[Slot]) -> int:
    return sum(slot.size >= REPEATED_BELOW for slot in slots)


def _rows(rng: np.random.Generator, width: int, height: int, smallest: float) -> list[Slot]:
    most = max(smallest, min(_LARGEST, 0.3 * height))
    size = log_uniform(rng, max(1.5 * smallest, 14.0), most)
    # Rows end where the hall does, not all of them where faces are as small as can be.
    end = smallest if rng.random() < 0.4 else log_uniform(rng, 2 * smallest, 40.0)
    least = max(smallest, min(end, 0.75 * size))
    shrink, rise = float(rng.uniform(0.74, 0.95)), float(rng.uniform(0.75, 1.5))
    pitch, top = float(rng.uniform(1.25, 2.4)), float(rng.uniform(0.03, 0.4)) * height
    y = height - float(rng.uniform(0.4, 2.0)) * size
    slots: list[Slot] = []
    while y > top and size >= least and len(slots) < _MOST_SLOTS:
        x = float(rng.uniform(-0.5, 0.5)) * pitch * size
        row = []
        while x < width + 0.3 * size:
            own = size * float(np.exp(rng.normal(0, 0.07)))
            dx, dy = rng.normal(0, 0.14, 2) * size
            row.append(Slot(x + dx, y + dy, max(own, smallest), legs=False))
            x += pitch * size * float(rng.uniform(0.85, 1.25))
        slots += [row[i] for i in rng.permutation(len(row))]
        y -= rise * size
        size *= shrink
    return slots[:_MOST_SLOTS]


def _street(
    count: int, rng: np.random.Generator, width: int, height: int, smallest: float
) -> list[Slot]:
    """Few or many persons at differing depths on one ground."""
    number = int(np.clip(round(log_uniform(rng, 2, 30)), 1, count))
    most = max(smallest, min(_LARGEST, 0.22 * height, 1.2 * width / number**0.5))
    largest = log_uniform(rng, max(2 * smallest, 18.0), most)
    least = max(smallest, largest / float(rng.uniform(1.5, 6)))
    sizes = sorted((log_uniform(rng, least, largest) for _ in range(number)), reverse=True)
    place = _ground(rng, height, largest)
    spots = (rng.permutation(number) + rng.uniform(0.1, 0.9, number)) / number * width
    return [
        Slot(float(x), place(size), size, legs=True) for x, size in zip(spots, sizes, strict=True)
    ]


def _ground(rng: np.random.Generator, height: int, largest: float) -> Callable[[float], float]:
    """Face height to where the face's centre lies, for persons on level ground.

    The horizon lies at the camera's height: faces of persons as tall as that lie on it, and
    others `lift` face heights lower or higher, whatever their distance.
    """
    lift = float(rng.choice([rng.uniform(-0.4, 0.8), rng.uniform(0.8, 4.0)]))
    horizon = min(float(rng.uniform(0.2, 0.85)) * height, height - largest * (1.5 + lift))

    def place(size: float) -> float:
        return max(0.8 * size, horizon + size * (lift + float(rng.normal(0, 0.22))))

    return place


def _queue(
    count: int, rng: np.random.Generator, width: int, height: int, smallest: float
) -> list[Slot]:
    """Persons one behind the other along a diagonal."""
    size = log_uniform(rng, max(3 * smallest, 30.0), max(smallest, min(_LARGEST, 0.22 * height)))
    shrink, step = float(rng.uniform(0.78, 0.94)), float(rng.uniform(0.8, 2.2))
    place = _ground(rng, height, size)
    x, side = float(rng.uniform(0.05, 0.35)) * width, bool(rng.random() < 0.5)
    slots: list[Slot] = []
    while x < width and size >= smallest and len(slots) < count:
        slots.append(Slot(width - x if side else x, place(size), size, legs=True))
        x += step * size
        size *= shrink
    return slots


def _selfie(
    count: int, rng: np.random.Generator, width: int, height: int, smallest: float
) -> list[Slot]:
    """One to three large faces."""
    number = min(count, int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2])))
    most = max(smallest, min(250.0, 0.55 * height, 0.95 * width / number))
    size = log_uniform(rng, max(60.0, smallest), most)
    centre = width * (np.arange(number) + 0.5) / number
    spread = float(rng.uniform(0.6, 1.0))
    slots = []
    for x in (centre - width / 2) * spread + width / 2:
        own = max(smallest, size * float(rng.uniform(0.8, 1.0)))
        y = max(0.75 * own, height - own * float(rng.uniform(1.0, 3.2)))
        slots.append(Slot(float(x + rng.normal(0, 0.08 * width)), y, own, legs=False))
    return sorted(slots, key=lambda slot: -slot.size)


# Name: slots, and how often.
LAYOUTS: dict[str, tuple[Layout, float]] = {
    "audience": (_audience, 0.36),
    "street": (_street, 0.36),
    "queue": (_queue, 0.12),
    "selfie": (_selfie, 0.16),
}
