"""Speed of live video beside `yolo track`: paired runs, medians."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from data.extras import package_file
from data.images import Image, read_image
from detector.video.types import Frame, Result
from detector.video.writer import VideoWriter
from eval.bench.timing import Spread, describe_machine, spread
from eval.bench.video_runs import Task, Timed, in_process
from eval.report import Table

SIZES = (320, 416, 640)
GOALS = {"rate": 30.0, "ratio": 2.0, "p95": 0.080}  # frames/s and times at 416 px, s


@dataclass(frozen=True)
class Setting:
    """How much is measured.

    Attributes:
        sizes: longer sides of the model's input, px.
        frames: of one run, at most.
        repeats: runs of each kind, one after the other in turn.
        threads: of the model, ours and theirs; None for what each takes by itself.
        weights: an ONNX file; None for the shipped one.
        rival: whether to run ultralytics, too.
        seconds: after so long no further repeat begins; the first of each is always finished.
    """

    sizes: tuple[int, ...] = SIZES
    frames: int = 200
    repeats: int = 3
    threads: int | None = None
    weights: str | None = None
    rival: bool = True
    seconds: float = 180.0


@dataclass(frozen=True)
class Row:
    """The figures of one size.

    Attributes:
        size: px.
        rate: frames/s, file to annotated file.
        rival: the same of `yolo track`; None where it wasn't run.
        ratio: ours over theirs, of each pair.
        cpu: CPU ms a frame, ours; theirs.
        memory: peak MiB, ours; theirs.
        p50, p95: s from arrival to result, of a clip in real time.
        dropped: share of its frames that were passed over.
    """

    size: int
    rate: Spread
    rival: Spread | None
    ratio: Spread | None
    cpu: tuple[float, float | None]
    memory: tuple[float, float | None]
    p50: Spread
    p95: Spread
    dropped: float


def bench_video(
    clip: Path | None, setting: Setting, say: Callable[[str], None] = lambda _: None
) -> tuple[list[Row], dict[str, Any]]:
    """Measure on a clip, or on a sample photo panned over; the rows, and what machine it was.

    Raises:
        VideoError: if a run fails, as on a clip that can't be read.
        MissingExtraError: if ultralytics isn't installed.
    """
    machine = describe_machine()  # before our own work is part of the load
    with _material(clip) as path:
        taken = _measure(str(path), setting, say)
    rows = [
        summarise(size, runs["file"], runs.get("ultralytics", []), runs["live"])
        for size, runs in taken.items()
    ]
    return rows, machine


def _measure(
    clip: str, setting: Setting, say: Callable[[str], None]
) -> dict[int, dict[str, list[Timed]]]:
    """Runs of each size by their names."""
    names = ("file", "live", "ultralytics") if setting.rival else ("file", "live")
    taken = {size: {name: list[Timed]() for name in names} for size in setting.sizes}
    deadline = time.monotonic() + setting.seconds
    for number in range(setting.repeats):
        for size, runs in taken.items():
            if number and time.monotonic() > deadline:
                return taken
            say(f"{size} px, run {number + 1} of {setting.repeats}")
            task = Task(clip, size, setting.frames, setting.threads, setting.weights)
            # In opposite order each other time, so that a machine that gets busier meets all alike.
            for name in names if number % 2 == 0 else reversed(names):
                runs[name].append(in_process(name, task))
    return taken


def summarise(
    size: int, ours: Sequence[Timed], theirs: Sequence[Timed], live: Sequence[Timed]
) -> Row:
    """Medians of the runs of one size; `theirs` may be empty."""
    pairs = [a.rate / b.rate for a, b in zip(ours, theirs, strict=False)]
    late = [np.quantile(run.latencies, (0.5, 0.95)) for run in live]
    seen = sum(run.frames for run in live)
    dropped = sum(run.dropped for run in live)
    return Row(
        size=size,
        rate=spread([run.rate for run in ours]),
        rival=spread([run.rate for run in theirs]) if theirs else None,
        ratio=spread(pairs) if pairs else None,
        cpu=(_cpu(ours), _cpu(theirs) if theirs else None),
        memory=(_memory(ours), _memory(theirs) if theirs else None),
        p50=spread([float(values[0]) for values in late]),
        p95=spread([float(values[1]) for values in late]),
        dropped=dropped / max(seen + dropped, 1),
    )


def _cpu(runs: Sequence[Timed]) -> float:
    return float(np.median([1000 * run.cpu / run.frames for run in runs]))


def _memory(runs: Sequence[Timed]) -> float:
    return float(np.median([run.memory for run in runs]))


@contextmanager
def _material(clip: Path | None) -> Iterator[Path]:
    if clip is not None:
        yield clip
        return
    with TemporaryDirectory(prefix="maskwatch-bench-") as folder:
        path = Path(folder) / "clip.mp4"
        write_pan(read_image(package_file("ultralytics", "assets/zidane.jpg", "train")), path)
        yield path


def write_pan(photo: Image, path: Path, frames: int = 200) -> None:
    """A clip of a photo that moves a little, 25 frames/s."""
    with VideoWriter(path, "pan") as write:
        for number in range(frames):
            shift = (round(30 * np.sin(number / 20)), round(60 * np.sin(number / 31)))
            image = np.roll(photo, shift, axis=(0, 1))
            write(Result(Frame("pan", number, number / 25, 0.0, 0.0, image), ()), image)


def to_table(rows: Sequence[Row]) -> Table:
    """Rates, ratios, CPU, memory and latencies of each size."""
    header = (
        "input px", "frames/s", "yolo track", "times it", "CPU ms/frame", "theirs",
        "peak MiB", "theirs ", "live p50 ms", "p95 ms", "passed over",
    )  # fmt: skip
    return Table(header, tuple(_cells(row) for row in rows))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row.size),
        str(row.rate),
        "" if row.rival is None else str(row.rival),
        "" if row.ratio is None else f"{row.ratio.median:.2f}",
        f"{row.cpu[0]:.0f}",
        "" if row.cpu[1] is None else f"{row.cpu[1]:.0f}",
        f"{row.memory[0]:.0f}",
        "" if row.memory[1] is None else f"{row.memory[1]:.0f}",
        f"{1000 * row.p50.median:.0f}",
        f"{1000 * row.p95.median:.0f}",
        f"{100 * row.dropped:.0f} %",
    )


def goals_text(rows: Sequence[Row]) -> str:
    """Which goals are reached at 416 px; empty where that wasn't measured."""
    row = next((row for row in rows if row.size == 416), None)
    if row is None:
        return ""
    parts = [
        f"{GOALS['rate']:g} frames/s: {_reached(row.rate.median >= GOALS['rate'])}",
        f"p95 of {1000 * GOALS['p95']:g} ms: {_reached(row.p95.median <= GOALS['p95'])}",
    ]
    if row.ratio is not None:
        parts.append(
            f"{GOALS['ratio']:g} times yolo track: {_reached(row.ratio.median >= GOALS['ratio'])}"
        )
    return "Goals at 416 px: " + "; ".join(parts)


def _reached(yes: bool) -> str:
    return "reached" if yes else "missed"


def to_json(rows: Sequence[Row], setting: Setting, machine: dict[str, Any]) -> dict[str, Any]:
    """Every figure."""
    return {
        "rows": [asdict(row) for row in rows],
        "setting": asdict(setting),
        "machine": machine,
        "goals": GOALS,
    }
