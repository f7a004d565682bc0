"""Crowds, streets, queues and selfies put together from persons cut out of portraits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from data.boxes import clip_xyxy
from data.exceptions import UsageError
from data.images import Image
from data.manifest import FaceRecord
from synth.people import FEET, Cutout, mirror_cutout, resize_cutout, stand
from synth.scene import Scene

Floats = NDArray[np.float64]
Ints = NDArray[np.int16]

# A face counts while this share of its box is seen, and this share of its lower half, which
# tells masked from bare.
MIN_SEEN, MIN_SEEN_BELOW = 0.55, 0.5
# Faces from about 8 to 90 px in crowds: log-uniform, as many twice as small as twice as large.
_LARGEST = 90.0
# The same person may be shown again in the far rows, where nobody is known by their face.
_REPEATED_BELOW = 26.0
# Outlines drawn by rule, and enlarged photos, pass at these sizes and factors.
_UNCLEAN_BELOW, _MOST_ENLARGED = 36.0, 1.8
_TRIES = 6
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


@dataclass(frozen=True, eq=False)
class _Placed:
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


@dataclass(frozen=True, eq=False)
class _Air:
    """What one camera and one air do to everybody in a scene.

    Attributes:
        target: (3,) Lab (8 bit) that persons are pulled towards.
        pull: (3,) by which share.
        contrast: exponent of how far their contrast follows the background's.
        spread: standard deviation of the background's L.
        haze: (3,) BGR of the far distance.
        haziness: share of haze on the smallest face.
        focus: face height in pixels that is in focus.
        defocus: blur per doubling of the distance from it, in face heights.
    """

    target: Floats
    pull: Floats
    contrast: float
    spread: float
    haze: Floats
    haziness: float
    focus: float
    defocus: float


def compose_crowd(
    people: Sequence[tuple[Cutout, FaceRecord]],
    background: Image,
    rng: np.random.Generator,
    width: int,
    height: int,
    *,
    smallest: float,
    layout: str | None = None,
) -> Scene:
    """A scene of persons before a background; every face that is seen has a box.

    Persons are put from the front to the back: whoever would show less than MIN_SEEN of the face
    is moved, and left out where that doesn't help. Then they are drawn from the back to the front.

    Args:
        people: cut-outs with their records; far rows may show one twice.
        background: (H, W, 3) uint8 BGR of any size, without faces.
        rng: of everything random.
        width: of the scene, pixels.
        height: of the scene, pixels.
        smallest: height of the smallest face box, pixels.
        layout: a key of LAYOUTS; None draws one.

    Raises:
        UsageError: if the layout is unknown.
    """
    if layout is None:
        layout = str(rng.choice(list(LAYOUTS), p=[share for _, share in LAYOUTS.values()]))
    if layout not in LAYOUTS:
        raise UsageError(f"expected a layout among {', '.join(LAYOUTS)}, but got {layout!r}")
    canvas = _fit(background, width, height, rng)
    slots = LAYOUTS[layout][0](len(people), rng, width, height, smallest) if people else []
    placed = _place_all(people, slots, rng, (height, width), smallest)
    air = _draw_air(canvas, placed, rng)
    image = _lay_ground(canvas.astype(np.float32), placed, rng)
    for person in reversed(placed):
        _draw(image, person, air)
    boxes = clip_xyxy(np.array([p.box for p in placed]).reshape(-1, 4), width, height)
    return Scene(_develop(image, rng), boxes, tuple(_record(p) for p in placed))


def _fit(background: Image, width: int, height: int, rng: np.random.Generator) -> Image:
    """A random part of the background that fills the scene."""
    h, w = background.shape[:2]
    factor = max(width / w, height / h)
    size = max(width, round(w * factor)), max(height, round(h * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    larger = cv2.resize(background, size, interpolation=method)
    left = int(rng.integers(size[0] - width + 1))
    top = int(rng.integers(size[1] - height + 1))
    return np.asarray(larger[top : top + height, left : left + width], dtype=np.uint8)


# Layouts: slots from the front to the back.

Layout = Callable[[int, np.random.Generator, int, int, float], list[Slot]]


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    low = min(low, high)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _audience(
    count: int, rng: np.random.Generator, width: int, height: int, smallest: float
) -> list[Slot]:
    """Dense rows; of several drawn, the one whose seats come nearest to the persons at hand."""
    options = [_rows(rng, width, height, smallest) for _ in range(5)]
    return min(options, key=lambda slots: abs(_persons_needed(slots) - 0.9 * count))


def _persons_needed(slots: Sequence[Slot]) -> int:
    return sum(slot.size >= _REPEATED_BELOW for slot in slots)


def _rows(rng: np.random.Generator, width: int, height: int, smallest: float) -> list[Slot]:
    most = max(smallest, min(_LARGEST, 0.3 * height))
    size = _log_uniform(rng, max(1.5 * smallest, 12.0), most)
    shrink, rise = float(rng.uniform(0.74, 0.95)), float(rng.uniform(0.75, 1.5))
    pitch, top = float(rng.uniform(1.25, 2.4)), float(rng.uniform(0.03, 0.4)) * height
    y = height - float(rng.uniform(0.4, 2.0)) * size
    slots: list[Slot] = []
    while y > top and size >= smallest and len(slots) < _MOST_SLOTS:
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
    number = int(np.clip(round(_log_uniform(rng, 2, 30)), 1, count))
    most = max(smallest, min(_LARGEST, 0.22 * height, 1.2 * width / number**0.5))
    largest = _log_uniform(rng, max(2 * smallest, 18.0), most)
    least = max(smallest, largest / float(rng.uniform(1.5, 6)))
    sizes = sorted((_log_uniform(rng, least, largest) for _ in range(number)), reverse=True)
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
    size = _log_uniform(rng, max(3 * smallest, 30.0), max(smallest, min(_LARGEST, 0.22 * height)))
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
    size = _log_uniform(rng, max(60.0, smallest), most)
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


# Putting persons: who is in front of whom.


def _place_all(
    people: Sequence[tuple[Cutout, FaceRecord]],
    slots: Sequence[Slot],
    rng: np.random.Generator,
    shape: tuple[int, int],
    smallest: float,
) -> list[_Placed]:
    """Persons in the slots, front first, each with a face that is seen."""
    free = [int(i) for i in rng.permutation(len(people))]
    taken = np.zeros(shape, np.bool_)
    placed: list[_Placed] = []
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
    if size < _REPEATED_BELOW:
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
) -> _Placed | None:
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
        placed = _Placed(whole, record, left - int(shift[0]), top - int(shift[1]), seen, slot.legs)
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


def _window(person: _Placed, shape: tuple[int, ...]) -> tuple[slice, slice, slice, slice]:
    """Rows and columns of the picture that a person may cover, and the same of the cut-out."""
    h, w = person.cutout.alpha.shape
    y1, x1 = max(0, person.top), max(0, person.left)
    y2, x2 = max(y1, min(shape[0], person.top + h)), max(x1, min(shape[1], person.left + w))
    own_rows = slice(y1 - person.top, y2 - person.top)
    own_columns = slice(x1 - person.left, x2 - person.left)
    return slice(y1, y2), slice(x1, x2), own_rows, own_columns


def _mark(taken: NDArray[np.bool_], person: _Placed) -> None:
    rows, columns, own_rows, own_columns = _window(person, taken.shape)
    taken[rows, columns] |= person.cutout.alpha[own_rows, own_columns] > 0.4


def _record(person: _Placed) -> FaceRecord:
    """The record, which says where somebody stands before the face."""
    if person.seen > 0.9:
        return person.record
    return replace(person.record, occluders=[*person.record.occluders, "person"])


# Drawing: one light, one air, one camera.


def _draw_air(canvas: Image, placed: Sequence[_Placed], rng: np.random.Generator) -> _Air:
    lab = cv2.cvtColor(
        cv2.resize(canvas, (48, 48), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2LAB
    )
    mean = lab.reshape(-1, 3).mean(0).astype(np.float64)
    people = np.array([_lab_of(p.cutout)[0] for p in placed]).reshape(-1, 3)
    # Halfway between the persons' own mean and the background's: faces are seldom as bright as
    # the sky behind them, and share their light with one another.
    target = mean if len(people) == 0 else (mean + people.mean(0)) / 2
    sizes = [p.cutout.face_height for p in placed] or [1.0]
    focus = _log_uniform(rng, min(sizes), max(sizes)) if rng.random() < 0.4 else max(sizes)
    return _Air(
        target=target,
        pull=np.array([rng.uniform(0.25, 0.7), *([rng.uniform(0.3, 0.8)] * 2)]),
        contrast=float(rng.uniform(0.1, 0.5)),
        spread=float(lab[..., 0].std()),
        haze=np.asarray(canvas[: max(1, len(canvas) // 2)].mean((0, 1)), dtype=np.float64),
        haziness=float(rng.uniform(0, 0.28)) * float(rng.random() < 0.7),
        focus=focus,
        defocus=float(rng.choice([0.006, rng.uniform(0.01, 0.045)])),
    )


def _lay_ground(
    image: NDArray[np.float32], placed: Sequence[_Placed], rng: np.random.Generator
) -> NDArray[np.float32]:
    """The picture with ground under whoever's feet it shows, and their shadows on it."""
    h, w = image.shape[:2]
    standing = [p for p in placed if p.legs and p.feet < h]
    if not standing:
        return image
    size = min(p.cutout.face_height for p in standing)
    first = int(np.clip(min(p.feet for p in standing) - 1.5 * size, 0, h - 2))
    tone = image[first:].mean((0, 1)).mean() * rng.uniform(0.7, 1.1) * rng.normal(1, 0.04, 3)
    share = np.linspace(0, 1, h - first, dtype=np.float32)[:, None, None]
    ground = (tone * (1.1 - 0.25 * share)).astype(np.float32) + np.zeros(
        (h - first, w, 3), np.float32
    )
    # Flecks and joints, longer across than away from the camera, coarser up close.
    for cells in (40, 10):
        grid = max(2, int(cells * (h - first) / w) * 3), cells
        flecks = rng.normal(0, 5, grid).astype(np.float32)
        wide = cv2.resize(flecks, (w, h - first), interpolation=cv2.INTER_CUBIC)
        ground += np.asarray(wide, np.float32)[..., None]
    edge = np.clip(share * (h - first) / max(2.0, 0.7 * size), 0, 1)
    image[first:] += (ground - image[first:]) * edge
    shadow = np.zeros((h, w), np.float32)
    for person in standing:
        own = person.cutout.face_height
        at = round(float(person.box[[0, 2]].mean())), round(person.feet - 0.1 * own)
        axes = max(1, round(1.6 * own)), max(1, round(0.3 * own))
        cv2.ellipse(shadow, at, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    shadow = np.asarray(cv2.GaussianBlur(shadow, (0, 0), max(0.5, 0.3 * size)), np.float32)
    return np.asarray(image * (1 - 0.45 * shadow[..., None]), dtype=np.float32)


def _lab_of(cutout: Cutout) -> tuple[Floats, float]:
    """Mean (3,) of a person's Lab (8 bit) and standard deviation of L, around the face."""
    x1, y1, x2, y2 = (max(0, int(v)) for v in cutout.box)
    part = cutout.image[y1 : max(y2, y1 + 2), x1 : max(x2, x1 + 2)]
    side = max(1, part.shape[0] // 24)
    lab = cv2.cvtColor(np.ascontiguousarray(part[::side, ::side]), cv2.COLOR_BGR2LAB)
    values = lab.reshape(-1, 3).astype(np.float64)
    return np.asarray(values.mean(0)), float(values[:, 0].std())


def _tone(person: _Placed, air: _Air) -> Image:
    """The person's pixels with colour and contrast pulled towards the scene's (mean and spread in
    Lab, as Reinhard et al. 2001, by a share)."""
    mean, spread = _lab_of(person.cutout)
    shift = (air.target - mean) * air.pull
    shift = np.clip(shift, [-60, -14, -16], [45, 14, 16])
    ratio = (max(air.spread, 12.0) / max(spread, 12.0)) ** air.contrast
    gain = float(np.clip(ratio, 0.75, 1.25))
    level = np.arange(256, dtype=np.float64)
    tables = [(level - mean[0]) * gain + mean[0] + shift[0], level + shift[1], level + shift[2]]
    lookup = np.clip(np.stack(tables, -1) + 0.5, 0, 255).astype(np.uint8)[None]
    lab = cv2.LUT(cv2.cvtColor(person.cutout.image, cv2.COLOR_BGR2LAB), lookup)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), dtype=np.uint8)


def _draw(image: NDArray[np.float32], person: _Placed, air: _Air) -> None:
    """Blend a person into the picture, in place."""
    rows, columns, own_rows, own_columns = _window(person, image.shape)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    size = person.cutout.face_height
    colour = _tone(person, air).astype(np.float32)
    alpha = person.cutout.alpha
    distance = abs(float(np.log2(size / air.focus)))
    sigma = min(air.defocus * distance, 0.09) * size
    if sigma > 0.25:
        edge = cv2.BORDER_REPLICATE
        colour = np.asarray(cv2.GaussianBlur(colour, (0, 0), sigma), np.float32)
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma, borderType=edge), np.float32)
    haze = np.float32(air.haziness * np.clip(1 - size / air.focus, 0, 1))
    colour = colour * (1 - haze) + air.haze.astype(np.float32) * haze
    under = image[rows, columns]
    shade = cv2.blur(alpha, (2 * max(1, round(0.14 * size)) + 1,) * 2)
    under = under * (1 - 0.2 * shade[own_rows, own_columns, None])
    share = alpha[own_rows, own_columns, None]
    image[rows, columns] = under + (colour[own_rows, own_columns] - under) * share


def _develop(image: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """One blur and one grain over everything, so that sharpness agrees across outlines."""
    smooth = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 0.85)))
    grain = float(rng.uniform(0.5, 6.0))
    noise = rng.standard_normal(image.shape[:2], dtype=np.float32)[..., None]
    colour = rng.standard_normal(image.shape, dtype=np.float32)
    noisy = smooth + grain * (0.8 * noise + 0.4 * colour)
    return np.asarray(np.clip(noisy + 0.5, 0, 255), dtype=np.uint8)
