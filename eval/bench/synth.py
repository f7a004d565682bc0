"""Speed of the synthesis beside MaskTheFace's.

Whole runs of `synth.generate` are timed, from photos on disk to a finished data set on disk, in a
temporary folder; the user's own stays as it is.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import cv2

from data.extras import package_file, require
from data.images import Image, find_images
from data.pool import open_executor
from eval.bench.material import CROP, FACES, read_portraits, write_portraits, write_scenes
from eval.bench.timing import Spread, Work, describe_machine, measure_rates, spread
from eval.report import Table
from synth.generate import Config, generate
from synth.recipe import Recipe
from synth.search import Search, search_photos
from synth.sources import CACHE_NAME

# Anwar & Raychowdhury 2020, as recorded here: see METHOD. It wrote 87 pictures, and no boxes.
MASK_THE_FACE = 16.0  # pictures/s
METHOD = (
    "MaskTheFace, recorded 2026-11-21 on a 2-core AMD EPYC: 100 VGGFace2 crops of about 220 px in "
    "8.4 s with start, about 16 pictures/s without; one process, dlib and PIL, face search included"
)
GOALS = {"searched": 3.0, "cached": 10.0}  # times MaskTheFace
SCENES_GOAL = 15.0  # pictures/s per core
SCALING_GOAL = 1.8  # two workers over one
# One portrait, one picture, as MaskTheFace has it.
_ONE_EACH = Recipe(galleries=0.0, crowds=0.0, negatives=0.0)
_LABELS = Search("labels")


@dataclass(frozen=True)
class Setting:
    """How much is measured.

    Attributes:
        pictures: portraits in one run.
        repeats: runs of each kind.
        search: how faces are searched.
    """

    pictures: int = 64
    repeats: int = 5
    search: Search = field(default_factory=Search)


@dataclass(frozen=True)
class Outcome:
    """Pictures/s, of one process unless it says otherwise.

    Attributes:
        searched: portraits, their faces searched first.
        cached: the same portraits, their faces known.
        scenes: 640 px scenes with ten known faces each.
        dlib: dlib's face search and landmarks alone, on the same portraits: a part of what
            MaskTheFace does, so that it can't be faster on this machine.
        two_workers: `cached` with two processes; None on a single core.
        scaling: two workers over one in each repeat; None on a single core.
        machine: processor, cores, and load before the run.
    """

    searched: Spread
    cached: Spread
    scenes: Spread
    dlib: Spread
    two_workers: Spread | None
    scaling: Spread | None
    machine: dict[str, Any]


def bench_synth(
    source: Path | None, setting: Setting, say: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Measure on a folder of portraits or, without one, on crops of a sample photo; `say` hears
    what comes next.

    Raises:
        DatasetError: if no picture of the source can be read.
        NoFacesError: if no face is found in them.
        UsageError: if the numbers make no sense.
        MissingExtraError: if dlib, or without a source scikit-image, isn't installed.
    """
    machine = describe_machine()  # before our own work is part of the load
    images = read_portraits(source, setting.pictures)
    with tempfile.TemporaryDirectory(prefix="maskwatch-bench-") as folder:
        runs = _Runs(Path(folder), setting)
        write_portraits(images, runs.portraits)
        with open_executor(1) as one:
            say("preparing")
            runs.prepare(one)
            say("timing one process")
            works: list[Work] = [
                lambda: runs.searched(one),
                lambda: runs.cached(one, len(images)),
                lambda: runs.draw_scenes(one),
                dlib_alone(images),
            ]
            searched, cached, scenes, dlib = map(spread, measure_rates(works, setting.repeats))
            together, scaling = _scale(runs, one, setting, say)
    return Outcome(searched, cached, scenes, dlib, together, scaling, machine)


def _scale(
    runs: "_Runs", one: Executor, setting: Setting, say: Callable[[str], None]
) -> tuple[Spread | None, Spread | None]:
    """Rate of two workers, and what it is over one worker's in each repeat."""
    if (os.cpu_count() or 1) < 2:
        return None, None
    say("timing two processes against one")
    pictures = 4 * setting.pictures  # shards enough for both to be busy to the end
    with open_executor(2) as two:
        runs.cached(two, setting.pictures)  # both start, and load what they need
        works = [lambda: runs.cached(one, pictures), lambda: runs.cached(two, pictures)]
        alone, together = measure_rates(works, setting.repeats)
    return spread(together), spread([b / a for a, b in zip(alone, together, strict=True)])


class _Runs:
    """Runs of the generator, each into a folder of its own."""

    def __init__(self, root: Path, setting: Setting) -> None:
        self.portraits, self._scenes = root / "portraits", root / "scenes"
        self._setting = setting
        self._outs = (root / f"out{number}" for number in count())

    def prepare(self, executor: Executor) -> None:
        """Search faces, build scenes of them, and draw everything once: models are loaded then."""
        photos, _ = search_photos([self.portraits], self._setting.search, executor)
        write_scenes(photos, self._scenes, max(4, self._setting.pictures // 8))
        self.draw_scenes(executor)
        self.cached(executor, 4)

    def searched(self, executor: Executor) -> int:
        """Every portrait once, their faces searched."""
        (self.portraits / CACHE_NAME).unlink()
        return self.cached(executor, self._setting.pictures)

    def cached(self, executor: Executor, pictures: int) -> int:
        """Portraits, their faces known from a search before."""
        return self._generate(executor, self.portraits, pictures, self._setting.search)

    def draw_scenes(self, executor: Executor) -> int:
        """Every scene twice, their faces known after the first run."""
        pictures = 2 * len(find_images([self._scenes / "images"]))
        return self._generate(executor, self._scenes, pictures, _LABELS)

    def _generate(self, executor: Executor, source: Path, pictures: int, search: Search) -> int:
        config = Config(count=pictures, recipe=_ONE_EACH, search=search)
        return generate([source], next(self._outs), config, executor).pictures


def dlib_alone(images: Sequence[Image]) -> Work:
    """The HOG search of dlib, enlarged once, and 68 landmarks on the first face, as MaskTheFace
    asks for them; pictures are in memory already."""
    dlib = require("dlib", "synth")
    model = "models/shape_predictor_68_face_landmarks.dat"
    predict = dlib.shape_predictor(str(package_file("face_recognition_models", model, "synth")))
    find = dlib.get_frontal_face_detector()
    rgb = [cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in images]

    def work() -> int:
        for image in rgb:
            faces = find(image, 1)
            if len(faces):
                predict(image, faces[0])
        return len(rgb)

    return work


def to_table(outcome: Outcome) -> Table:
    """Pictures/s beside MaskTheFace's, dlib's and the goals."""
    searched, cached, dlib = outcome.searched, outcome.cached, outcome.dlib
    rows = [
        (f"{CROP} px portraits, faces searched", *_beside(searched, dlib, GOALS["searched"])),
        ("the same, faces known", *_beside(cached, dlib, GOALS["cached"])),
        (
            f"640 px scenes, {FACES} faces each, known",
            str(outcome.scenes),
            *("", ""),
            f"{SCENES_GOAL:g}/s: {_reached(outcome.scenes.median, SCENES_GOAL)}",
        ),
        ("dlib's search and landmarks alone", str(dlib), _times(dlib), "1.0x", ""),
    ]
    if outcome.two_workers is not None and outcome.scaling is not None:
        times = outcome.scaling
        text = f"{times.median:.2f}x ({times.low:.2f} to {times.high:.2f}) of one"
        goal = f"{SCALING_GOAL:g}x of one: {_reached(times.median, SCALING_GOAL)}"
        rows.append((f"two workers, {text}", str(outcome.two_workers), "", "", goal))
    header = ("one process", "pictures/s (range)", "over MaskTheFace", "over dlib alone", "goal")
    return Table(header, tuple(rows))


def _beside(rate: Spread, dlib: Spread, goal: float) -> tuple[str, str, str, str]:
    reached = f"{goal:g}x: {_reached(rate.median / MASK_THE_FACE, goal)}"
    return str(rate), _times(rate), f"{rate.median / dlib.median:.1f}x", reached


def _times(rate: Spread) -> str:
    return f"{rate.median / MASK_THE_FACE:.1f}x"


def _reached(value: float, goal: float) -> str:
    return "reached" if value >= goal else "missed"


def to_json(outcome: Outcome, setting: Setting, source: Path | None) -> dict[str, Any]:
    """Every figure; MaskTheFace's as recorded."""
    return {
        **asdict(outcome),
        "source": None if source is None else str(source),
        "pictures": setting.pictures,
        "search": setting.search.name(),
        "mask_the_face": {"pictures_per_s": MASK_THE_FACE, "method": METHOD},
        "goals": {**GOALS, "scenes_per_s": SCENES_GOAL, "scaling": SCALING_GOAL},
    }
