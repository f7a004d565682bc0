"""`maskwatch video`: webcams, files, streams and folders of frames, live."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from data.exceptions import MaskwatchError, UsageError, VideoError

if TYPE_CHECKING:
    from detector.video.control import Control
    from detector.video.runner import Summary
    from detector.video.sources import Source
    from detector.video.studio import FindsFaces
    from detector.video.types import Painter, Sink

EPILOG = """\
SOURCE is a webcam's number (0), a video, a URL (rtsp, http, ...), or a folder or pattern of frames;
NAME=SOURCE names it. Of files every frame is seen, in order; of webcams and streams always the
newest, and one that is lost is tried again until it is back.

An output that fails (a full disk, a webhook without an answer) is named once; the others go on.

Exit status: 0 at the end or on q, 1 if a source or an output failed, wholly or in part, 2 on wrong
usage, 130 on Ctrl-C and 143 on SIGTERM, each after every output is finished.
"""

# Faces of a shop's entrance or a room are 40 px and more on 720p: 416 px finds them at twice the
# speed of 640 px.
IMGSZ = 416


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch video`."""
    from eval.cli.video_sinks import add_sink_arguments

    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("source", nargs="+", metavar="SOURCE", help="what to watch; several are watched at once")
    add(
        "--save",
        type=Path,
        metavar="FILE",
        help="write the annotated video (.mp4, .mov, .mkv); several sources: FILE-NAME each",
    )
    add("--show", action="store_true", help="open a window; its key h lists its keys")
    add("--blur", action="store_true", help="pixelate faces before anything is shown or saved")
    add("--conf", type=float, default=0.25, metavar="C", help="lowest score, 0 to 1 (%(default)s)")
    add(
        "--imgsz",
        type=int,
        default=IMGSZ,
        metavar="PX",
        help="longer side that frames are resized to; more finds smaller faces (%(default)s)",
    )
    add("--weights", type=Path, metavar="FILE", help="ONNX file (the shipped weights)")
    add(
        "--two-phase",
        type=Path,
        metavar="FILE",
        help="use the two-phase rival instead, with this classifier (maskwatch train --two-phase)",
    )
    add("--face-model", type=Path, metavar="ONNX", help="its YuNet model (dlib's faces)")
    add("--threads", type=int, metavar="N", help="of the model (half of the cores; files: all)")
    add(
        "--every", type=int, default=1, metavar="N", help="detect in every N-th frame (%(default)s)"
    )
    add("--max-frames", type=int, metavar="N", help="stop after N frames")
    add("--duration", type=float, metavar="S", help="stop after S seconds")
    add(
        "--stall",
        type=float,
        default=10.0,
        metavar="S",
        help="a stream without a picture for so many seconds is lost (%(default)s)",
    )
    add_sink_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Watch until the end, a key or a signal; the status that EPILOG tells."""
    from detector.video.control import Control
    from detector.video.signals import stopping
    from detector.video.sources import parse_sources
    from eval.cli.main import describe_os_error

    _check(args)
    sources = parse_sources(args.source)
    control = Control(args.conf)
    with stopping(control.stop) as caught, _quiet_library():
        summary = _watch(args, sources, control)
    if summary.frames or not summary.errors:
        print(f"maskwatch: {summary_text(summary)}", file=sys.stderr)
    for error in summary.errors:
        if not isinstance(error, (MaskwatchError, OSError)):
            raise error
        text = describe_os_error(error) if isinstance(error, OSError) else error
        print(f"maskwatch: error: {text}", file=sys.stderr)
    return 1 if summary.errors else caught.code


def _check(args: argparse.Namespace) -> None:
    for option in ("every", "max_frames", "duration", "stall"):
        value = getattr(args, option)
        if value is not None and value <= 0:
            name = option.replace("_", "-")
            raise UsageError(f"expected --{name} above 0, but got {value}")


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Keep OpenCV's own warnings (a camera that doesn't answer) off the terminal: ours follow."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _watch(args: argparse.Namespace, sources: Sequence["Source"], control: "Control") -> "Summary":
    import numpy as np

    from detector.video.pipeline import Flow, Pipeline
    from detector.video.reconnect import Patience
    from detector.video.runner import Limits, Run, run_video
    from detector.video.studio import Look, Studio, detect_with
    from eval.cli.video_sinks import failures

    detector, workers = _load(args, live=any(source.live for source in sources))
    detect = detect_with(detector, args.conf)
    flow = Flow(args.every, Patience(stall=args.stall), workers)
    with ExitStack() as stack:
        sinks, painters, idle = _open_outputs(args, sources, control, stack)
        pipeline = Pipeline(sources, detect, flow, np.random.default_rng())
        stack.enter_context(pipeline)
        studio = Studio(sources, Look(args.blur, painters, draw=bool(sinks)))
        run = Run(Limits(args.max_frames, args.duration), idle)
        summary = run_video(pipeline, studio, sinks, control, run)
    summary.errors += [VideoError(text) for text in failures(sinks)]
    return summary


def _load(args: argparse.Namespace, *, live: bool) -> tuple["FindsFaces", int]:
    """The single-stage detector, or the two-phase pipeline; how many pictures it takes at once."""
    from detector.environment import core_count
    from detector.video.pipeline import share_threads

    if args.two_phase is not None:
        from eval.twophase.pipeline import TwoPhase

        if args.weights:
            raise UsageError("expected --weights or --two-phase, but got both")
        threads = args.threads or half_the_cores()
        # Its face finders keep what they are at in themselves: one picture after the other.
        return TwoPhase(args.two_phase, face_model=args.face_model, threads=threads), 1
    if args.face_model is not None:
        raise UsageError("expected --two-phase FILE with --face-model, but got none")
    from detector.runtime import Detector

    threads, workers = share_threads(args.threads, core_count(), live)
    return Detector(args.weights, imgsz=args.imgsz, threads=threads), workers


def half_the_cores() -> int:
    """Threads of the model: decoding, drawing and encoding take the other half.

    On 2 cores one thread is as fast as two that share the cores with the other stages.
    """
    from detector.environment import core_count

    return max(1, core_count() // 2)


def _open_outputs(
    args: argparse.Namespace, sources: Sequence["Source"], control: "Control", stack: ExitStack
) -> tuple[list["Sink"], list["Painter"], Callable[[], None]]:
    """Every sink, entered on `stack`; what draws below the boxes; what keeps a window alive."""
    sinks: list[Sink] = []
    idle: Callable[[], None] = _nothing
    if args.show:
        from detector.video.window import Window

        window = stack.enter_context(Window(control, Path()))
        sinks.append(window)
        idle = window.poll
    if args.save:
        from detector.video.writer import VideoWriter

        for source, path in save_paths(args.save, sources):
            sinks.append(stack.enter_context(VideoWriter(path, source)))
    # Events, counters, snapshots, alerts and the web page: their options and constructors live
    # in video_sinks.
    from eval.cli.video_sinks import open_sinks, painters

    others = open_sinks(args, stack)
    return [*sinks, *others], painters(others), idle


def _nothing() -> None:
    return None


def save_paths(target: Path, sources: Sequence["Source"]) -> list[tuple[str, Path]]:
    """Each source's name and its video: FILE itself for one, "FILE-NAME" for several.

    Raises:
        UsageError: if a source's own file would be overwritten.
    """
    if len(sources) == 1:
        named = [(sources[0].name, target)]
    else:
        named = [
            (s.name, target.with_name(f"{target.stem}-{s.name}{target.suffix}")) for s in sources
        ]
    for _, path in named:
        for source in sources:
            if path.exists() and Path(source.address).exists() and path.samefile(source.address):
                raise UsageError(f"--save {path}: this is a source itself; choose another file")
    return named


def summary_text(summary: "Summary") -> str:
    """One line: frames, faces, time; dropped ones where there are any."""
    frames, faces, dropped = (c.total() for c in (summary.frames, summary.faces, summary.dropped))
    text = f"{frames} {_plural('frame', frames)} in {summary.seconds:.1f} s"
    if summary.seconds > 0:
        text += f" ({frames / summary.seconds:.1f}/s)"
    if dropped:
        text += f", {dropped} passed over for newer ones"
    return f"{text}; {faces} {_plural('face', faces)} seen"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
