"""Milliseconds a picture, beside each other: of scenes with more and more faces, of the set's own.

Both contestants see each picture in turn, the order reversed each time, so that a busy machine
slows both alike; then the median of their ratios says more than the medians themselves.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from data.images import Image
from eval.bench.material import read_portraits
from eval.bench.timing import Spread, spread
from eval.loading import Detect

COUNTS = (0, 1, 2, 5, 10, 15, 20)
_COLUMNS, _ROWS, _CELL = 5, 4, 160  # a scene of 800 x 640 px
_GREY = 96
# onnxruntime's threads go on spinning for a moment after a run, at the cost of who comes next.
_REST = 0.01  # s


@dataclass(frozen=True)
class Timed:
    """One kind of picture.

    Attributes:
        faces: faces in the picture; None for the set's own pictures.
        single, two_phase: milliseconds a picture: median, lowest, highest.
        cpu: median milliseconds of all cores together, of both; they hold on a busy machine, too.
        ratio: median of two_phase over single, pair by pair.
        middle: the middle half of these ratios.
        found: faces that each finds, mean over the pictures.
    """

    faces: int | None
    single: Spread
    two_phase: Spread
    cpu: tuple[float, float]
    ratio: float
    middle: tuple[float, float]
    found: tuple[float, float]


@contextmanager
def opencv_threads(count: int | None) -> Iterator[None]:
    """Give OpenCV (YuNet, resizing) so many threads; None leaves them alone."""
    before = cv2.getNumThreads()
    if count is not None:
        cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def draw_scene(portraits: Sequence[Image], count: int) -> Image:
    """(640, 800, 3) uint8 BGR: the first `count` of at most 20 square portraits on grey."""
    scene = np.full((_ROWS * _CELL, _COLUMNS * _CELL, 3), _GREY, dtype=np.uint8)
    for place, portrait in enumerate(portraits[:count]):
        top, left = (side * _CELL for side in divmod(place, _COLUMNS))
        cell = cv2.resize(portrait, (_CELL, _CELL), interpolation=cv2.INTER_AREA)
        scene[top : top + _CELL, left : left + _CELL] = cell
    return scene


def time_faces(pair: tuple[Detect, Detect], repeats: int) -> list[Timed]:
    """Scenes of 0 to 20 faces of the sample photo, each `repeats` times.

    Raises:
        MissingExtraError: if scikit-image, which carries the photo, isn't installed.
    """
    portraits = read_portraits(None, max(COUNTS))
    scenes = {count: [draw_scene(portraits, count)] for count in COUNTS}
    # Rounds go over all scenes, not scene by scene: a load that comes and goes hits them alike.
    taken = race(pair, scenes, repeats)
    return [to_timed(count, taken[count]) for count in COUNTS]


def time_pictures(pair: tuple[Detect, Detect], images: Sequence[Image], repeats: int) -> Timed:
    """The set's own pictures."""
    return to_timed(None, race(pair, {0: images}, repeats)[0])


@dataclass(frozen=True)
class Shot:
    """One contestant on one picture: ms by the clock, ms of all cores together, faces found."""

    clock: float
    cpu: float
    found: int


Shots = tuple[list[Shot], list[Shot]]


def race(
    pair: tuple[Detect, Detect], groups: Mapping[int, Sequence[Image]], repeats: int
) -> dict[int, Shots]:
    """Both contestants on every picture in turn, `repeats` times: shots of both, by group."""
    first = next(iter(groups.values()))[0]
    for detect in pair:
        detect([first])  # loads what it needs
    taken: dict[int, Shots] = {name: ([], []) for name in groups}
    for number in range(repeats):
        for name, images in groups.items():
            for place, image in enumerate(images):
                for k in (0, 1) if (number + place) % 2 == 0 else (1, 0):
                    taken[name][k].append(_shoot(pair[k], image))
    return taken


def _shoot(detect: Detect, image: Image) -> Shot:
    time.sleep(_REST)
    clock, cpu = time.perf_counter(), time.process_time()
    found = detect([image])[0]
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    return Shot(1000 * clock, 1000 * cpu, len(found))


def to_timed(faces: int | None, shots: Shots) -> Timed:
    """Shots, pair by pair, to their medians."""
    clocks = [[shot.clock for shot in one] for one in shots]
    ratios = np.array(clocks[1]) / np.array(clocks[0])
    low, middle, high = (float(v) for v in np.quantile(ratios, (0.25, 0.5, 0.75)))
    cpu = [float(np.median([shot.cpu for shot in one])) for one in shots]
    found = [float(np.mean([shot.found for shot in one])) for one in shots]
    return Timed(
        faces,
        spread(clocks[0]),
        spread(clocks[1]),
        (cpu[0], cpu[1]),
        middle,
        (low, high),
        (found[0], found[1]),
    )
