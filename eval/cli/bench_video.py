"""The options of `maskwatch bench video` and `maskwatch bench flicker`, and what they print."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.exceptions import UsageError

if TYPE_CHECKING:
    from data.boxes import Boxes
    from data.images import Image
    from eval.bench.crowds import Crowds
    from eval.bench.video import Setting
    from eval.bench.video_runs import Task
    from eval.flicker import Tracks

VIDEO = "Frames/s, latency, CPU and memory of maskwatch video, beside ultralytics' yolo track"
FLICKER = "Label changes of tracks before and after the vote, on clips and on rendered ones"


def add_video(parser: argparse.ArgumentParser) -> None:
    """The options of `bench video`."""
    add = parser.add_argument
    add("clip", nargs="?", type=Path, metavar="CLIP", help="a video (default: a photo, panned)")
    add("--imgsz", type=int, nargs="+", metavar="PX", help="sizes of the input (320 416 640)")
    add("--frames", type=int, default=200, metavar="N", help="frames of a run (%(default)s)")
    add("--repeats", type=int, default=3, metavar="N", help="runs of each kind (%(default)s)")
    add(
        "--seconds",
        type=float,
        default=330.0,
        metavar="S",
        help="after these no further repeat begins (%(default)s)",
    )
    add("--threads", type=int, metavar="N", help="of the model (what each program takes by itself)")
    add("--weights", type=Path, metavar="FILE", help="ONNX file (the shipped weights)")
    add("--alone", action="store_true", help="leave ultralytics out")
    add("--json", type=Path, metavar="FILE", help="write every figure")
    crowds = parser.add_argument_group("crowds", "time of a frame by the number of faces in it")
    add = crowds.add_argument
    add(
        "--crowds",
        type=int,
        nargs="*",
        metavar="N",
        help="render crowds of N faces each, up to 20, and time them, too (1 2 5 10 20)",
    )
    add("--portraits", type=Path, metavar="DIR", help="one bare face each (a sample photo)")
    add(
        "--two-phase",
        type=Path,
        metavar="FILE",
        help="beside the two-phase pipeline with this classifier (maskwatch train --two-phase)",
    )
    add("--face-model", type=Path, metavar="ONNX", help="its YuNet model (dlib's faces)")


def run_video(args: argparse.Namespace) -> int:
    """Time it and print a table or two."""
    from data.files import write_json
    from eval.bench import crowds
    from eval.bench.video import SIZES, Setting, bench_video, goals_text, to_json, to_table
    from eval.report import table_to_text

    _check(args, "frames", "repeats")
    if args.seconds <= 0:
        raise UsageError(f"expected --seconds above 0, but got {args.seconds:g}")
    wanted = _crowds(args)
    setting = Setting(
        sizes=tuple(args.imgsz or SIZES),
        frames=args.frames,
        repeats=args.repeats,
        threads=args.threads,
        weights=str(args.weights) if args.weights else None,
        rival=not args.alone,
        # Two thirds for the clip, where there are crowds, too.
        seconds=args.seconds if wanted is None else args.seconds * 2 / 3,
    )
    ends = time.monotonic() + args.seconds
    rows, machine = bench_video(args.clip, setting, _say)
    value = to_json(rows, setting, machine)
    print(f"{table_to_text(to_table(rows))}\n\n{goals_text(rows)}")
    if wanted is not None:
        task = _crowd_task(setting)
        people = crowds.bench_crowds(wanted, task, setting.repeats, ends, _say)
        value["crowds"] = crowds.to_json(people, wanted)
        print(f"\nCrowds at {task.size} px:\n\n{table_to_text(crowds.to_table(people))}")
    if args.json:
        write_json(args.json, value)
    _print_machine(machine)
    return 0


def _say(step: str) -> None:
    print(step, file=sys.stderr)


def _crowds(args: argparse.Namespace) -> "Crowds | None":
    """Which crowds are wanted; None for none."""
    from eval.bench.crowds import COUNTS, Crowds

    if args.face_model is not None and args.two_phase is None:
        raise UsageError("expected --two-phase FILE with --face-model, but got none")
    if args.crowds is None and args.two_phase is None and args.portraits is None:
        return None
    return Crowds(
        two_phase=str(args.two_phase) if args.two_phase else None,
        face_model=str(args.face_model) if args.face_model else None,
        portraits=args.portraits,
        counts=tuple(args.crowds or COUNTS),
    )


def _crowd_task(setting: "Setting") -> "Task":
    """At the size that `maskwatch video` takes by itself, where it is among those asked for."""
    from eval.bench.crowds import FRAMES
    from eval.bench.video_runs import Task
    from eval.cli.video import IMGSZ

    size = IMGSZ if IMGSZ in setting.sizes else setting.sizes[0]
    frames = min(FRAMES, setting.frames)
    return Task("", size, frames, setting.threads, setting.weights)


def _print_machine(machine: dict[str, Any]) -> None:
    print(f"This machine: {machine['processor'] or 'processor unknown'}, {machine['cores']} cores.")
    if machine["load"] is not None and machine["load"] > 0.25:
        print(
            f"maskwatch: warning: {machine['load']:.1f} other processes were running as this "
            "began; compare figures beside each other alone",
            file=sys.stderr,
        )


def add_flicker(parser: argparse.ArgumentParser) -> None:
    """The options of `bench flicker`."""
    add = parser.add_argument
    add("clip", nargs="*", metavar="CLIP", help="videos, whose truth is unknown")
    add("--rendered", type=int, default=2, metavar="N", help="clips rendered of each sample photo")
    add("--seconds", type=float, default=3.0, metavar="S", help="of each state in them")
    add("--imgsz", type=int, default=416, metavar="PX", help="of the input (%(default)s)")
    add("--weights", type=Path, metavar="FILE", help="ONNX file (the shipped weights)")
    add("--seed", type=int, default=0, metavar="S", help="of the rendering (%(default)s)")


def run_flicker(args: argparse.Namespace) -> int:
    """Measure and print a table."""
    from detector.runtime import Detector
    from detector.video.studio import detect_with
    from eval.cli.video import half_the_cores
    from eval.flicker import to_table
    from eval.report import table_to_text

    if args.rendered < 0 or args.seconds <= 0:
        raise UsageError("expected --rendered of 0 or more and --seconds above 0")
    if not args.clip and not args.rendered:
        raise UsageError("expected a CLIP, or --rendered of 1 or more")
    detector = Detector(args.weights, imgsz=args.imgsz, threads=half_the_cores())
    detect = detect_with(detector, 0.25)
    groups = [*_real(args, detect), *_rendered(args, detect)]
    print(table_to_text(to_table(groups)))
    return 0


def _real(
    args: argparse.Namespace, detect: Callable[["Image"], "Boxes"]
) -> Iterator[tuple[str, "Tracks"]]:
    from detector.video.capture import Notes, read_once
    from detector.video.sources import parse_sources
    from eval.flicker import follow

    for source in parse_sources(args.clip):
        if source.live:
            raise UsageError(f"expected files, but got {source.shown}")
        grabs = read_once(source, Notes(source.name), 1.0)
        shots = ((grab.time or 0.0, grab.to_bgr(), None) for grab in grabs)
        yield source.name, follow(shots, detect)


def _rendered(
    args: argparse.Namespace, detect: Callable[["Image"], "Boxes"]
) -> Iterator[tuple[str, "Tracks"]]:
    import numpy as np

    from eval.flicker import follow
    from eval.rendered import render, sample_photos

    if not args.rendered:
        return
    tracks: Tracks = []
    for number, photo in enumerate(sample_photos()):
        for take in range(args.rendered):
            print(f"rendering {photo.name}, {take + 1} of {args.rendered}", file=sys.stderr)
            rng = np.random.default_rng([args.seed, number, take])
            shots = ((s.time, s.image, s) for s in render(photo, args.seconds, rng))
            tracks += follow(shots, detect)
    yield f"rendered, {args.rendered} of each photo", tracks


def _check(args: argparse.Namespace, *options: str) -> None:
    for option in options:
        if getattr(args, option) < 1:
            raise UsageError(f"expected --{option} of 1 or more, but got {getattr(args, option)}")
