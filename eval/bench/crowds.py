"""How the time of a frame grows with the faces in it: the detector beside the two-phase pipeline.

Crowds are rendered from portraits of bare faces, because finders of faces know those best; the
table also says how many each found.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from data.exceptions import UsageError
from data.images import Image
from detector.video.types import Frame, Result
from detector.video.writer import VideoWriter
from eval.bench.material import read_portraits
from eval.bench.timing import Spread, spread
from eval.bench.video_runs import Task, Timed, in_process
from eval.report import Table

COUNTS = (1, 2, 5, 10, 20)
MOST = 20
FRAMES = 30  # of a clip; dlib takes a fifth of a second for each
_HEIGHT, _WIDTH = 720, 1280
_COLUMNS, _ROWS = 5, 4
_SIDE = 168  # px, of a portrait; its cell leaves it some room to move
_GREY = 96


@dataclass(frozen=True)
class Crowds:
    """What is measured.

    Attributes:
        two_phase: the classifier, an ONNX file; None for the single-stage detector alone.
        face_model: its YuNet model; None for dlib.
        portraits: a folder of pictures with one bare face each; None for a sample photo.
        counts: faces in the clips, 1 to 20 each.

    Raises:
        UsageError: if a count is none of these.
    """

    two_phase: str | None = None
    face_model: str | None = None
    portraits: Path | None = None
    counts: tuple[int, ...] = COUNTS

    def __post_init__(self) -> None:
        if wrong := [count for count in self.counts if not 1 <= count <= MOST]:
            raise UsageError(f"expected crowds of 1 to {MOST} faces, but got {wrong[0]}")


@dataclass(frozen=True)
class Side:
    """One contestant on one crowd.

    Attributes:
        milliseconds: to detect in one picture after the other, on as many threads as live video
            takes; medians of each run.
        cpu: the same of all cores together.
        rate: frames/s, file to annotated file.
        found: faces in a picture, mean.
    """

    milliseconds: Spread
    cpu: float
    rate: Spread
    found: float


@dataclass(frozen=True)
class CrowdRow:
    """Both on a crowd of `faces`; the rival is None where there is no classifier.

    `ratio` is the median of its milliseconds over the detector's, pair by pair.
    """

    faces: int
    single: Side
    two_phase: Side | None = None
    ratio: float | None = None


def draw_crowd(portraits: Sequence[Image], faces: int, moment: float) -> Image:
    """(720, 1280, 3) uint8 BGR: square portraits of 168 px on grey, each swaying on its own.

    Args:
        portraits: as many as there are faces, or more; (H, W, 3) uint8 BGR of any sizes.
        faces: 1 to 20.
        moment: seconds.
    """
    scene = np.full((_HEIGHT, _WIDTH, 3), _GREY, dtype=np.uint8)
    cell = np.array([_HEIGHT // _ROWS, _WIDTH // _COLUMNS])
    room = (cell - _SIDE) / 2
    # From the middle row outwards, so that few faces don't sit in a corner.
    order = np.argsort(np.abs(np.arange(MOST) - (MOST - 1) / 2), kind="stable")
    for number, place in enumerate(order[:faces]):
        sway = np.sin([1.3 * moment + number, 0.9 * moment + 2 * number])
        corner = np.array(divmod(int(place), _COLUMNS)) * cell + room * (1 + sway)
        top, left = corner.astype(int)
        scene[top : top + _SIDE, left : left + _SIDE] = _square(portraits[number])
    return scene


def _square(portrait: Image) -> Image:
    """The middle of a picture, 168 x 168 px."""
    side = min(portrait.shape[:2])
    top, left = ((length - side) // 2 for length in portrait.shape[:2])
    middle = portrait[top : top + side, left : left + side]
    resized = cv2.resize(middle, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)


def write_crowd(portraits: Sequence[Image], faces: int, path: Path, frames: int) -> None:
    """A clip of a crowd, 25 frames/s."""
    with VideoWriter(path, "crowd") as write:
        for number in range(frames):
            image = draw_crowd(portraits, faces, number / 25)
            write(Result(Frame("crowd", number, number / 25, 0.0, 0.0, image), ()), image)


def bench_crowds(
    crowds: Crowds, task: Task, repeats: int, deadline: float, say: Callable[[str], None]
) -> list[CrowdRow]:
    """Measure on every crowd.

    Args:
        crowds: what is measured.
        task: size, frames, threads and weights of the runs; its clip is replaced.
        repeats: runs of each kind, interleaved.
        deadline: `time.monotonic()` after which no further repeat begins.
        say: is told how far it is.

    Raises:
        DatasetError, MissingExtraError: if there are no portraits.
        VideoError: if a run fails.
    """
    portraits = read_portraits(crowds.portraits, max(crowds.counts))
    with TemporaryDirectory(prefix="maskwatch-crowds-") as folder:
        tasks = {}
        for count in crowds.counts:
            clip = Path(folder) / f"{count}.mp4"
            write_crowd(portraits, count, clip, task.frames)
            tasks[count] = _tasks(replace(task, clip=str(clip)), crowds)
        runs = _run_all(tasks, repeats, deadline, say)
    return [_row(count, runs[count]) for count in crowds.counts]


def _tasks(task: Task, crowds: Crowds) -> list[Task]:
    """The single-stage detector's task, and the rival's where there is one."""
    if crowds.two_phase is None:
        return [task]
    return [task, replace(task, two_phase=crowds.two_phase, face_model=crowds.face_model)]


# Of each contestant: what `alone` and `file` took in each repeat.
_Runs = list[tuple[list[Timed], list[Timed]]]


def _run_all(
    tasks: dict[int, list[Task]], repeats: int, deadline: float, say: Callable[[str], None]
) -> dict[int, _Runs]:
    taken: dict[int, _Runs] = {count: [([], []) for _ in pair] for count, pair in tasks.items()}
    for number in range(repeats):
        for count, pair in tasks.items():
            if number and time.monotonic() > deadline:
                return taken
            say(f"{count} faces, run {number + 1} of {repeats}")
            # In opposite order each other time: a machine that gets busier meets both alike.
            for k in range(len(pair)) if number % 2 == 0 else reversed(range(len(pair))):
                taken[count][k][0].append(in_process("alone", pair[k]))
                taken[count][k][1].append(in_process("file", pair[k]))
    return taken


def _row(count: int, runs: _Runs) -> CrowdRow:
    sides = [_side(alone, file) for alone, file in runs]
    if len(sides) == 1:
        return CrowdRow(count, sides[0])
    medians = [[float(np.median(run.latencies)) for run in alone] for alone, _ in runs]
    ratio = float(np.median([b / a for a, b in zip(*medians, strict=True)]))
    return CrowdRow(count, sides[0], sides[1], ratio)


def _side(alone: Sequence[Timed], file: Sequence[Timed]) -> Side:
    return Side(
        milliseconds=spread([1000 * float(np.median(run.latencies)) for run in alone]),
        cpu=float(np.median([1000 * run.cpu / run.frames for run in alone])),
        rate=spread([run.rate for run in file]),
        found=float(np.mean([run.found for run in alone])),
    )


def to_table(rows: Sequence[CrowdRow]) -> Table:
    """Milliseconds, CPU and frames/s of both by faces."""
    header = (
        "faces", "ms/frame", "two-phase", "times it", "CPU ms", "its CPU ms",
        "frames/s", "its frames/s", "found", "it found",
    )  # fmt: skip
    return Table(header, tuple(_cells(row) for row in rows))


def _cells(row: CrowdRow) -> tuple[str, ...]:
    one, two = row.single, row.two_phase
    return (
        str(row.faces),
        str(one.milliseconds),
        "" if two is None else str(two.milliseconds),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        f"{one.cpu:.0f}",
        "" if two is None else f"{two.cpu:.0f}",
        f"{one.rate.median:.1f}",
        "" if two is None else f"{two.rate.median:.1f}",
        f"{one.found:.1f}",
        "" if two is None else f"{two.found:.1f}",
    )


def to_json(rows: Sequence[CrowdRow], crowds: Crowds) -> dict[str, Any]:
    """Every figure; the portraits' folder by its name alone."""
    folder = None if crowds.portraits is None else crowds.portraits.name
    return {
        "rows": [asdict(row) for row in rows],
        "crowds": {**asdict(crowds), "portraits": folder},
    }
