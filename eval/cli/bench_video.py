"""The options of `maskwatch bench video` and `maskwatch bench flicker`, and what they print."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from data.exceptions import UsageError

if TYPE_CHECKING:
    from data.boxes import Boxes
    from data.images import Image
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
    add("--threads", type=int, metavar="N", help="of the model (half of the cores)")
    add("--weights", type=Path, metavar="FILE", help="ONNX file (the shipped weights)")
    add("--alone", action="store_true", help="leave ultralytics out")
    add("--json", type=Path, metavar="FILE", help="write every figure")


def run_video(args: argparse.Namespace) -> int:
    """Time it and print a table."""
    from data.files import write_json
    from eval.bench.video import SIZES, Setting, bench_video, goals_text, to_json, to_table
    from eval.cli.video import half_the_cores
    from eval.report import table_to_text

    _check(args, "frames", "repeats")
    setting = Setting(
        sizes=tuple(args.imgsz or SIZES),
        frames=args.frames,
        repeats=args.repeats,
        threads=args.threads or half_the_cores(),
        weights=str(args.weights) if args.weights else None,
        rival=not args.alone,
    )
    rows, machine = bench_video(args.clip, setting, lambda step: print(step, file=sys.stderr))
    if args.json:
        write_json(args.json, to_json(rows, setting, machine))
    print(table_to_text(to_table(rows)))
    print(f"\n{goals_text(rows)}")
    print(f"This machine: {machine['processor'] or 'processor unknown'}, {machine['cores']} cores.")
    if machine["load"] is not None and machine["load"] > 0.25:
        print(
            f"maskwatch: warning: {machine['load']:.1f} other processes were running as this "
            "began; compare figures beside each other alone",
            file=sys.stderr,
        )
    return 0


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
