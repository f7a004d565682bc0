"""What `bench video` times, each in a process of its own, so that CPU time and memory are its own.

A run prints one line of JSON: frames, wall and CPU seconds from the first frame to the finished
file (models are loaded before), peak memory, and for live runs the latencies.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from data.exceptions import VideoError
from data.images import Image
from detector.environment import core_count, private_environment
from detector.runtime import Detector
from detector.video.capture import Grab, Notes, read_file
from detector.video.control import Control
from detector.video.pipeline import Flow, Pipeline, share_threads
from detector.video.runner import Limits, Run, run_video
from detector.video.sources import Kind, Source
from detector.video.studio import FindsFaces, Look, Studio, detect_with
from detector.video.types import Result, Sink
from detector.video.writer import VideoWriter
from eval.twophase.pipeline import TwoPhase
from weights.registry import default_weights

CONF = 0.25


@dataclass(frozen=True)
class Task:
    """One run.

    Attributes:
        clip: the video.
        size: longer side of the model's input, px.
        frames: how many at most.
        threads: of the model; None for what each program takes by itself.
        weights: an ONNX file; None for the shipped one.
        two_phase: the rival's classifier, an ONNX file, which is then used in our detector's place.
        face_model: its YuNet model; None for dlib.
    """

    clip: str
    size: int
    frames: int
    threads: int | None = None
    weights: str | None = None
    two_phase: str | None = None
    face_model: str | None = None


@dataclass(frozen=True)
class Timed:
    """What one run took.

    Attributes:
        frames: pictures that came out.
        seconds: wall time.
        cpu: CPU seconds.
        memory: peak of resident memory, MiB.
        latencies: s from a frame's arrival to its result, drawn, of live runs; s of each detection
            where nothing else was done.
        dropped: frames passed over for newer ones.
        found: faces in a picture, mean, where nothing but detection was done.
    """

    frames: int
    seconds: float
    cpu: float
    memory: float
    latencies: tuple[float, ...] = field(default=())
    dropped: int = 0
    found: float = 0.0

    @property
    def rate(self) -> float:
        """Frames/s."""
        return self.frames / self.seconds


class _Stopwatch:
    """Wall and CPU time of this process, from `start` on."""

    def start(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, frames: int) -> Timed:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Timed(frames, wall, cpu, _peak_memory())


def _peak_memory() -> float:
    """MiB of this process; nan on Windows, which doesn't say it to Python."""
    if sys.platform == "win32":
        return float("nan")
    import resource  # POSIX only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere (getrusage(2)).
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


class _Latencies:
    """A sink that notes how old each result is."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def __call__(self, result: Result, _: Image) -> None:
        self.values.append(time.monotonic() - result.frame.arrived)


def file_to_file(task: Task) -> Timed:
    """Ours: a clip to an annotated file, as `maskwatch video CLIP --save FILE` does it."""
    source = Source("clip", Kind.FILE, task.clip)
    with tempfile.TemporaryDirectory() as folder:
        return _run(task, source, [VideoWriter(Path(folder) / "out.mp4", "clip")], read_once_file)


def live(task: Task) -> Timed:
    """Ours: the clip played in real time as a live source; tracked and drawn, nothing saved."""
    source = Source("clip", Kind.STREAM, task.clip)
    sink = _Latencies()
    timed = _run(task, source, [sink], _paced)
    return replace(timed, latencies=tuple(sink.values))


def read_once_file(source: Source, notes: Notes, _stall: float) -> Iterator[Grab]:
    """Every picture of the clip."""
    return read_file(source, notes)


def _paced(source: Source, notes: Notes, _stall: float) -> Iterator[Grab]:
    """The clip's pictures when its time stamps say, over and over, as a camera gives them."""
    began = time.monotonic()
    while True:
        last = 0.0
        for grab in read_file(source, notes):
            last = grab.time or 0.0
            time.sleep(max(0.0, began + last - time.monotonic()))
            now = time.monotonic()
            yield replace(grab, time=None, arrived=now)
        began += last + 0.04


def _run(
    task: Task,
    source: Source,
    sinks: list[Any],
    read: Callable[[Source, Notes, float], Iterator[Grab]],
) -> Timed:
    detector, workers = load(task, live=source.live)
    watch = _Stopwatch()
    watch.start()
    with ExitStack() as stack:
        entered: list[Sink] = [stack.enter_context(sink) for sink in sinks]
        detect, flow = detect_with(detector, CONF), Flow(workers=workers)
        pipeline = Pipeline([source], detect, flow, np.random.default_rng(0), read)
        stack.enter_context(pipeline)
        studio = Studio([source], Look())
        limits = Limits(frames=task.frames)
        summary = run_video(pipeline, studio, entered, Control(CONF), Run(limits))
    for error in summary.errors:
        raise error
    return replace(watch.stop(summary.frames.total()), dropped=summary.dropped.total())


def load(task: Task, *, live: bool) -> tuple[FindsFaces, int]:
    """The detector or its rival, as `maskwatch video` opens it, and how many pictures at once."""
    live = live or task.two_phase is not None
    threads, workers = share_threads(task.threads, core_count(), live)
    detector: FindsFaces
    if task.two_phase is None:
        weights = None if task.weights is None else Path(task.weights)
        detector = Detector(weights, imgsz=task.size, threads=threads)
    else:
        finder = None if task.face_model is None else Path(task.face_model)
        detector = TwoPhase(Path(task.two_phase), face_model=finder, threads=threads)
    detector.detect([np.zeros((720, 1280, 3), np.uint8)], CONF)  # the first run allocates
    return detector, workers


def alone(task: Task) -> Timed:
    """Detection, one picture after the other, timed without decoding, as live video asks for it.

    OpenCV, on which YuNet runs, gets as many threads as onnxruntime.
    """
    cv2.setNumThreads(share_threads(task.threads, core_count(), live=True)[0])
    detect = detect_with(load(task, live=True)[0], CONF)
    source = Source("clip", Kind.FILE, task.clip)
    latencies, found, cpu = list[float](), 0, 0.0
    for grab in islice(read_file(source, Notes("clip")), task.frames):
        image = grab.to_bgr()
        wall, busy = time.perf_counter(), time.process_time()
        faces = detect(image)
        cpu += time.process_time() - busy
        latencies.append(time.perf_counter() - wall)
        found += int((faces.scores >= CONF).sum())
    count = len(latencies)
    return Timed(
        count, sum(latencies), cpu, _peak_memory(), tuple(latencies), found=found / max(count, 1)
    )


def ultralytics_track(task: Task) -> Timed:
    """`yolo track source=CLIP model=WEIGHTS imgsz=SIZE save=True`: same weights, same runtime.

    The rest is as ultralytics has it, its tracker and onnxruntime's threads among it; only that
    it prints no line a frame and keeps no results in memory, which would cost it time.

    Raises:
        MissingExtraError: if ultralytics isn't installed.
    """
    from data.extras import require

    yolo = require("ultralytics", "train").YOLO
    if task.threads is not None:
        _limit_threads(task.threads)
    model = yolo(task.weights or str(default_weights()), task="detect")
    blank = np.zeros((720, 1280, 3), np.uint8)
    model.predict(blank, imgsz=task.size, verbose=False)
    watch, frames = _Stopwatch(), 0
    with tempfile.TemporaryDirectory() as folder:
        watch.start()
        results = model.track(
            task.clip, imgsz=task.size, stream=True, save=True, verbose=False, project=folder
        )
        for _ in results:
            frames += 1
            if frames == task.frames:
                break
        results.close()
        return watch.stop(frames)


def _limit_threads(threads: int) -> None:
    """Left alone, ultralytics takes onnxruntime's default, all cores."""
    import onnxruntime

    plain = onnxruntime.InferenceSession

    def limited(path: Any, sess_options: Any = None, **options: Any) -> Any:
        sess_options = sess_options or onnxruntime.SessionOptions()
        sess_options.intra_op_num_threads = threads
        return plain(path, sess_options, **options)

    onnxruntime.InferenceSession = limited


# Another pipeline to compare with is one more function here: `bench video` runs it beside ours.
RUNS: dict[str, Callable[[Task], Timed]] = {
    "file": file_to_file,
    "live": live,
    "alone": alone,
    "ultralytics": ultralytics_track,
}


def in_process(name: str, task: Task, timeout: float = 600.0) -> Timed:
    """Do a run in a process of its own.

    Raises:
        VideoError: if it fails.
    """
    code = "import sys; from eval.bench.video_runs import main; main(*sys.argv[1:])"
    command = [sys.executable, "-P", "-c", code, name, json.dumps(asdict(task))]
    environment = {**os.environ, **private_environment()}
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        command, capture_output=True, text=True, timeout=timeout, check=False, env=environment
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise VideoError(f"the run {name!r} failed: {reason}")
    value = json.loads(lines[-1])
    return Timed(**{**value, "latencies": tuple(value["latencies"])})


def main(name: str, task: str) -> None:
    """What the process runs: one line of JSON to stdout."""
    timed = RUNS[name](Task(**json.loads(task)))
    sys.stdout.write(json.dumps(asdict(timed)) + "\n")
