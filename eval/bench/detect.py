"""Speed of detection beside ultralytics' on the same weights, and beside the model alone.

The contestants see the same pictures, picture by picture in turn, in one process:

- `ours`: `Detector.detect`, from pixels to boxes;
- `model`: onnxruntime's call on a tensor that is ready, nothing before or after it;
- `ultralytics`: `YOLO(weights).predict`, which runs the same file on onnxruntime, too;
- `ultralytics, torch`: the same with the checkpoint that the file was exported from, if one is
  given: what `yolo predict model=best.pt` does after a training.

Cold starts and peak memory are those of whole programs: `maskwatch predict` and ultralytics' `yolo
predict`, one picture each.
"""

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.exceptions import DatasetError, ImageError, UsageError, WeightsError
from data.extras import require
from data.images import Image, find_images, read_image
from detector.environment import private_environment
from detector.letterbox import apply, plan
from detector.runtime import Detector, to_tensor
from detector.session import open_session
from eval.bench.timing import describe_machine
from eval.report import Table

OURS, MODEL, RIVAL, TORCH = "ours", "model", "ultralytics", "ultralytics, torch"
SIZES = (320, 416, 640)
GOALS = {"cold start over ours": 5.0, "ultralytics over ours": 1.5, "ours over model": 1.1}
BATCH = 8
_CONF, _IOU = 0.25, 0.5
# onnxruntime's threads go on spinning for a moment after a run, at the cost of who comes next;
# 0.01 s was too short, more than this changes nothing.
_REST = 0.05  # s


@dataclass(frozen=True)
class Times:
    """Milliseconds a picture.

    Attributes:
        median, p95: of all pictures and repeats.
        ratio: median over pictures of this time over that of `ours` beside it.
    """

    median: float
    p95: float
    ratio: float


@dataclass(frozen=True)
class Start:
    """A whole program on one picture: seconds from start to end, and peak memory, MiB."""

    seconds: float
    memory: float


@dataclass(frozen=True)
class Outcome:
    """Figures of one run.

    Attributes:
        single: for each size, the contestants one picture at a time.
        batch: for each size, those that take several at once, a batch of 8.
        starts: `ours` and `ultralytics` as programs.
        machine: processor, cores, and load before the run.
    """

    single: dict[int, dict[str, Times]]
    batch: dict[int, dict[str, Times]]
    starts: dict[str, Start]
    machine: dict[str, Any]


Contestant = Callable[[Sequence[Image]], object]


def bench_detect(
    weights: Path,
    pictures: Sequence[Path],
    *,
    sizes: Sequence[int] = SIZES,
    repeats: int = 5,
    threads: int | None = None,
    checkpoint: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Time the contestants on pictures from disk, each `repeats` times.

    Args:
        weights: an ONNX file.
        pictures: picture files; those that can't be read are passed over.
        sizes: longer sides in px.
        repeats: how often each picture is shown.
        threads: of onnxruntime; by default one a physical core, as both choose it.
        checkpoint: what the weights were exported from, for ultralytics on torch.
        say: hears what comes next.

    Raises:
        UsageError: if `repeats` or a size is below 1.
        DatasetError: if no picture can be read.
        MissingExtraError: if ultralytics isn't installed.
        WeightsError: if the weights can't be used, or a program fails on them.
    """
    if repeats < 1:
        raise UsageError(f"expected --repeats of 1 or more, but got {repeats}")
    machine = describe_machine()
    images = _read(pictures)
    single, batch = {}, {}
    for size in sizes:
        say(f"{size} px")
        contestants = _contestants(weights, size, threads, images, checkpoint)
        single[size] = _race(contestants, [[image] for image in images], repeats)
        groups = [images[i : i + BATCH] for i in range(0, len(images) - BATCH + 1, BATCH)]
        # The bare model is fed one tensor a picture: no batch of its own.
        several = {name: work for name, work in contestants.items() if name != MODEL}
        batch[size] = _race(several, groups, repeats) if groups else {}
    say("cold starts")
    starts = _starts(weights, pictures[0], sizes[0], repeats, checkpoint)
    return Outcome(single, batch, starts, machine)


def _read(paths: Sequence[Path]) -> list[Image]:
    images = []
    for path in paths:
        with suppress(ImageError):
            images.append(read_image(path))
    if not images:
        raise DatasetError(f"expected pictures, but none of {len(paths)} can be read")
    return images


def _contestants(
    weights: Path,
    size: int,
    threads: int | None,
    images: Sequence[Image],
    checkpoint: Path | None,
) -> dict[str, Contestant]:
    """Each takes pictures; the model's tensors are made before the clock runs."""
    detector = Detector(weights, imgsz=size, threads=threads, batch=BATCH)
    session = open_session(weights, threads, ("CPUExecutionProvider",))
    name = session.get_inputs()[0].name
    tensors = {
        id(image): to_tensor([apply(image, plan(image.shape[:2], size, detector.stride))])
        for image in images
    }
    return {
        OURS: lambda batch: detector.detect(batch, _CONF, _IOU),
        MODEL: lambda batch: session.run(None, {name: tensors[id(batch[0])]}),
        RIVAL: _rival(weights, size),
        **({TORCH: _rival(checkpoint, size)} if checkpoint else {}),
    }


def _rival(weights: Path, size: int) -> Contestant:
    os.environ.update(private_environment())
    ultralytics = require("ultralytics", "train")
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    model = ultralytics.YOLO(str(weights), task="detect")
    return lambda batch: model.predict(
        list(batch), imgsz=size, conf=_CONF, iou=_IOU, rect=True, verbose=False, device="cpu"
    )


def _race(
    contestants: dict[str, Contestant], groups: Sequence[Sequence[Image]], repeats: int
) -> dict[str, Times]:
    """Every contestant on every group in turn, order reversed each time; ms a picture."""
    for work in contestants.values():
        work(groups[0])  # loads what it needs
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(repeats):
        for index, group in enumerate(groups):
            names = list(contestants)
            for name in names if (number + index) % 2 == 0 else reversed(names):
                time.sleep(_REST)
                start = time.perf_counter()
                contestants[name](group)
                taken[name].append(1000 * (time.perf_counter() - start) / len(group))
    ours = np.array(taken[OURS])
    return {
        name: Times(
            float(np.median(values)),
            float(np.quantile(values, 0.95)),
            float(np.median(np.array(values) / ours)),
        )
        for name, values in taken.items()
    }


def _starts(
    weights: Path, picture: Path, size: int, repeats: int, checkpoint: Path | None
) -> dict[str, Start]:
    """The programs on one picture, in turn; medians."""
    shared = ["--imgsz", str(size), "--weights", str(weights)]
    ours = [sys.executable, "-c", _PROGRAM, "predict", str(picture), *shared]
    program = shutil.which("yolo", path=str(Path(sys.executable).parent)) or "yolo"
    rest = [f"source={picture}", f"imgsz={size}"]
    rest += ["device=cpu", "save=False", "task=detect", "verbose=False"]
    commands = {OURS: ours, RIVAL: [program, "predict", f"model={weights}", *rest]}
    if checkpoint:
        commands[TORCH] = [program, "predict", f"model={checkpoint}", *rest]
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(min(repeats, 5)):
        names = list(commands) if number % 2 == 0 else list(commands)[::-1]
        for name in names:
            runs[name].append(_run(commands[name]))
    medians = {name: np.median(np.array(values), axis=0) for name, values in runs.items()}
    return {name: Start(float(m[0]), float(m[1])) for name, m in medians.items()}


_PROGRAM = "import sys; from eval.cli.main import main; sys.exit(main(sys.argv[1:]))"


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak memory, MiB, of a program and those that it started."""
    start = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - a list, no shell
        command,
        env={**os.environ, **private_environment()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        memory = _watch_memory(process)
        said = process.stderr.read() if process.stderr else b""
    seconds = time.perf_counter() - start
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise WeightsError(f"{Path(command[0]).name} failed on the picture: {' '.join(last)}")
    return seconds, memory


def _watch_memory(process: "subprocess.Popen[bytes]") -> float:
    """Peak memory of a process until its end, MiB; nan where the system doesn't tell."""
    status = Path(f"/proc/{process.pid}/status")
    peak = float("nan")
    while process.poll() is None:
        with suppress(OSError, ValueError, IndexError):
            line = status.read_text(encoding="utf-8").partition("VmHWM:")[2]
            peak = int(line.split()[0]) / 1024
        time.sleep(0.005)
    return peak


def to_table(outcome: Outcome) -> Table:
    """Every contestant at every size, ours first."""
    rows = []
    for size, found in outcome.single.items():
        rows += [_row(f"{size} px, one picture, {name}", t) for name, t in found.items()]
    for size, found in outcome.batch.items():
        rows += [_row(f"{size} px, batch of {BATCH}, {name}", t) for name, t in found.items()]
    header = ("", "median ms a picture", "95th percentile", "over ours")
    return Table(header, tuple(rows))


def _row(name: str, times: Times) -> tuple[str, str, str, str]:
    return name, f"{times.median:.1f}", f"{times.p95:.1f}", f"{times.ratio:.2f}x"


def to_start_table(outcome: Outcome) -> Table:
    """Whole programs."""
    ours = outcome.starts[OURS].seconds
    rows = tuple(
        (name, f"{s.seconds:.2f}", f"{s.memory:.0f}", f"{s.seconds / ours:.1f}x")
        for name, s in outcome.starts.items()
    )
    return Table(("one picture from the command line", "s", "peak MiB", "over ours"), rows)


def goals(outcome: Outcome) -> list[str]:
    """One line a goal: the figure that is worst over the sizes, and whether it is reached."""
    cold = outcome.starts[RIVAL].seconds / outcome.starts[OURS].seconds
    faster = min(found[RIVAL].ratio for found in outcome.single.values())
    overhead = max(1 / found[MODEL].ratio for found in outcome.single.values())
    figures = {
        "cold start over ours": (cold, cold >= GOALS["cold start over ours"]),
        "ultralytics over ours": (faster, faster >= GOALS["ultralytics over ours"]),
        "ours over model": (overhead, overhead <= GOALS["ours over model"]),
    }
    names = {
        "cold start over ours": "ultralytics' cold start over ours, goal 5x",
        "ultralytics over ours": "ultralytics' time a picture over ours, least of all sizes, "
        "goal 1.5x",
        "ours over model": "our time over the model's alone, most of all sizes, goal 1.1x",
    }
    lines = [
        f"{names[key]}: {value:.2f}x, {'reached' if good else 'missed'}"
        for key, (value, good) in figures.items()
    ]
    torch = [found[TORCH].ratio for found in outcome.single.values() if TORCH in found]
    if torch:
        lines.append(f"the same, of the checkpoint on torch: {min(torch):.2f}x")
    return lines


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Every figure."""
    return {**asdict(outcome), "goals": goals(outcome)}


def default_pictures(folder: Path | None, count: int) -> list[Path]:
    """Up to `count` pictures of a folder, or the sample photos of ultralytics.

    Raises:
        DatasetError: if the folder holds none.
        MissingExtraError: if ultralytics, which carries the samples, isn't installed.
    """
    if folder is not None:
        return find_images([folder])[:count]
    from data.extras import package_file

    photos = [package_file("ultralytics", f"assets/{n}.jpg", "train") for n in ("zidane", "bus")]
    return (photos * count)[:count]
