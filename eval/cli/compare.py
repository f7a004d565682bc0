"""`maskwatch compare DIR`: the single-stage detector beside the two-phase pipeline."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.exceptions import DatasetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from data.boxes import Boxes
    from data.dataset import Sample
    from eval.compare.comparison import Comparison
    from eval.compare.timing import Timed
    from eval.loading import Loaded

    Detect = Callable[..., Sequence[Boxes]]

# COCO's AP needs the whole curve, so nearly every box; time is taken at the threshold of use.
_AP_CONF, _USE_CONF = 0.001, 0.25
_TIMED_PICTURES = 40
_STEADY = 0.25  # load of other work below which times are what the machine can do


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch compare`."""
    add = parser.add_argument
    add("dir", type=Path, metavar="DIR", help="a labelled data set")
    add(
        "--two-phase",
        type=Path,
        metavar="FILE",
        help="classifier of the two-phase pipeline, as `maskwatch train DIR --two-phase` writes it",
    )
    add(
        "--face-model",
        type=Path,
        metavar="ONNX",
        help="a YuNet model that finds its faces (default: dlib's HOG detector)",
    )
    add("--weights", type=Path, metavar="FILE", help="ONNX weights of the single-stage detector")
    add("--imgsz", type=int, metavar="PX", help="size that pictures are fed to it at")
    add(
        "--split",
        choices=("train", "val", "all"),
        help="which pictures (default: val where the set has one, else all)",
    )
    add("--threads", type=int, default=2, metavar="N", help="CPU threads of both (%(default)s)")
    add(
        "--false-alarms",
        type=float,
        default=0.5,
        metavar="R",
        help="a picture, at which recall is compared (%(default)s)",
    )
    add("--bootstrap", type=int, default=1000, metavar="N", help="rounds (%(default)s)")
    add("--repeats", type=int, default=7, metavar="N", help="of each timing (%(default)s)")
    add("--seed", type=int, default=0, help="of the bootstrap (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write every figure")
    add("--html", type=Path, metavar="FILE", help="write a page")
    add("--plot", type=Path, metavar="FILE", help="write the plots as PNG")


def run(args: argparse.Namespace) -> int:
    """Compare, print tables and verdicts, write what was asked for."""
    from data.extras import require
    from detector.second_look import SecondLook
    from eval.bench.timing import describe_machine
    from eval.cli.eval import choose_samples
    from eval.compare.timing import opencv_threads
    from eval.twophase.pipeline import TwoPhase

    _check(args)
    require("faster_coco_eval", "eval")  # before minutes of work
    _, samples, split = choose_samples(args.dir, args.split)
    machine = describe_machine()
    single = SecondLook(args.weights, imgsz=args.imgsz, threads=args.threads)
    rival = TwoPhase(args.two_phase, face_model=args.face_model, threads=args.threads)
    with opencv_threads(args.threads):
        loaded = [_load(samples, system.name, system.detect) for system in (single, rival)]
        loaded.append(_load(samples, "the face finder alone", rival.find_faces))
        if not any(len(pair.truth) for pair in loaded[0].pairs):
            raise DatasetError(f"{args.dir}: expected labelled faces, but the pictures show none")
        print("timing", file=sys.stderr)
        times = _time(args, samples, (single.detect, rival.detect))
    head = {
        "set": str(args.dir),
        "split": split,
        "pictures": len(loaded[0].pairs),
        "unreadable": loaded[0].unreadable,
        "machine": machine,
        "threads": args.threads,
    }
    _report(args, _compare(args, (single.name, rival.name), loaded), times, head)
    return 0


def _check(args: argparse.Namespace) -> None:
    from eval.cli.eval import check_outputs

    for option, low in (("threads", 1), ("bootstrap", 0), ("repeats", 1), ("seed", 0)):
        value = getattr(args, option)
        if value < low:
            raise UsageError(f"expected --{option} of {low} or more, but got {value}")
    if not 0 <= args.false_alarms <= 1000:
        raise UsageError(f"expected --false-alarms from 0 to 1000, but got {args.false_alarms}")
    check_outputs(args)
    if args.two_phase is None:
        raise UsageError(
            "expected --two-phase FILE, a classifier of your own (none is shipped); train one "
            "with: maskwatch train DIR --two-phase"
        )


def _load(samples: "Sequence[Sample]", name: str, detect: "Detect") -> "Loaded":
    from eval.loading import load_with_detector

    print(f"detecting in {len(samples)} pictures with {name}", file=sys.stderr)
    loaded = load_with_detector(samples, partial(detect, conf=_AP_CONF))
    if not loaded.pairs:
        raise DatasetError(f"expected pictures, but none of {len(samples)} can be read")
    return loaded


def _time(
    args: argparse.Namespace, samples: "Sequence[Sample]", pair: "tuple[Detect, Detect]"
) -> "list[Timed]":
    from data.exceptions import ImageError
    from data.images import read_image
    from eval.compare.timing import time_faces, time_pictures

    use = partial(pair[0], conf=_USE_CONF), partial(pair[1], conf=_USE_CONF)
    images = []
    for sample in samples[:: max(1, len(samples) // _TIMED_PICTURES)][:_TIMED_PICTURES]:
        try:
            images.append(read_image(sample.image))
        except ImageError:  # named as it was detected in
            continue
    own = [time_pictures(use, images, max(1, args.repeats // 2))] if images else []
    return [*time_faces(use, args.repeats), *own]


def _compare(
    args: argparse.Namespace, names: tuple[str, str], loaded: "list[Loaded]"
) -> "Comparison":
    from eval.compare.comparison import compare_pairs

    return compare_pairs(
        args.dir,
        (names[0], loaded[0].pairs),
        (names[1], loaded[1].pairs),
        finder=loaded[2].pairs,
        false_alarms=args.false_alarms,
        rounds=args.bootstrap,
        seed=args.seed,
    )


def _report(
    args: argparse.Namespace, comparison: "Comparison", times: "list[Timed]", head: dict[str, Any]
) -> None:
    from dataclasses import asdict

    from data.files import write_bytes, write_json, write_text
    from eval.compare.page import (
        accuracy_table,
        comparison_sections,
        finder_tables,
        size_tables,
        time_table,
    )
    from eval.compare.plots import plot_comparison
    from eval.compare.verdict import verdicts
    from eval.report import render_page, table_to_text

    lines = verdicts(comparison, times)
    title = (
        f"{comparison.single.name} and {comparison.two_phase.name} on {head['set']} "
        f"({head['split']}, {head['pictures']} pictures, {head['threads']} threads)"
    )
    if args.json:
        timed = {"times": [asdict(t) for t in times], "verdicts": lines}
        write_json(args.json, {**head, **comparison.to_json(), **timed})
    if args.plot or args.html:
        plot = plot_comparison(comparison, times)
        if args.plot:
            write_bytes(args.plot, plot)
        if args.html:
            lead = " ".join(
                [f"{title}.", *(f"{note[0].upper()}{note[1:]}." for note in _notes(head))]
            )
            sections = comparison_sections(comparison, times, plot, lines)
            write_text(args.html, render_page("Single-stage and two-phase", sections, lead))
    for path in (args.json, args.plot, args.html):
        if path:
            print(f"wrote {path}", file=sys.stderr)
    # After the files: a reader of the tables may hang up (| head).
    print(f"{title}\n")
    print(table_to_text(accuracy_table(comparison)))
    for table in (*size_tables(comparison), *finder_tables(comparison)):
        print(f"\n{table.caption}, {comparison.false_alarms:g} false alarms a picture:")
        print(table_to_text(table))
    print(f"\n{table_to_text(time_table(times))}\n")
    print("\n".join(lines))
    for note in _notes(head):
        print(f"maskwatch: warning: {note}", file=sys.stderr)


def _notes(head: dict[str, Any]) -> list[str]:
    """What a reader of the figures has to know."""
    notes = []
    if head["unreadable"]:
        notes.append(
            f"{len(head['unreadable'])} picture(s) can't be read: passed over, the first: "
            f"{head['unreadable'][0]}"
        )
    load = head["machine"]["load"]
    if load is not None and load > _STEADY:
        notes.append(
            f"{load:.1f} other processes were running as this began: times are too long, compare "
            "those beside each other alone"
        )
    return notes
