"""`maskwatch bench WHAT`: speed, beside others' on the same machine."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from data.exceptions import UsageError
from detector.config import CPU_BATCH, CPU_IMGSZ
from eval.cli import bench_video


class Bench(NamedTuple):
    """One thing that can be timed: its line of help, its options, what runs it."""

    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch bench`, one parser for each thing that can be timed."""
    what = parser.add_subparsers(dest="bench", metavar="WHAT", required=True)
    for name, bench in BENCHES.items():
        sub = what.add_parser(name, help=bench.summary, description=bench.summary)
        bench.add_arguments(sub)


def run(args: argparse.Namespace) -> int:
    """Time it and print a table."""
    return BENCHES[args.bench].run(args)


def _add_synth(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "source",
        nargs="?",
        type=Path,
        metavar="SOURCE",
        help="a folder of portraits, of about 220 px for comparison (default: crops of a sample "
        "photo)",
    )
    add("--pictures", type=int, default=64, metavar="N", help="portraits a run (%(default)s)")
    add("--repeats", type=int, default=5, metavar="N", help="runs of each kind (%(default)s)")
    add("--faces", choices=("auto", "detector", "dlib"), default="auto", help="as synth's")
    add("--face-model", type=Path, metavar="ONNX", help="a YuNet model in the detector's place")
    add("--json", type=Path, metavar="FILE", help="write every figure")


def _run_synth(args: argparse.Namespace) -> int:
    from data.files import write_json
    from eval.bench.synth import METHOD, Setting, bench_synth, to_json, to_table
    from eval.report import table_to_text
    from synth.search import Search

    for option in ("pictures", "repeats"):
        if getattr(args, option) < 1:
            raise UsageError(f"expected --{option} of 1 or more, but got {getattr(args, option)}")
    setting = Setting(args.pictures, args.repeats, Search(args.faces, args.face_model))
    outcome = bench_synth(args.source, setting, lambda step: print(step, file=sys.stderr))
    if args.json:
        write_json(args.json, to_json(outcome, setting, args.source))
    print(table_to_text(to_table(outcome)))
    print(f"\n{METHOD}.")
    _print_machine(outcome.machine)
    return 0


def _add_detect(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "source",
        nargs="?",
        type=Path,
        metavar="SOURCE",
        help="a folder of pictures (default: the sample photos of ultralytics)",
    )
    add("--weights", type=Path, metavar="FILE", help="ONNX file (the shipped weights)")
    add(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="the .pt file that the weights were exported from: time ultralytics on torch, too",
    )
    add("--sizes", default="320,416,640", metavar="PX,...", help="%(default)s")
    add("--pictures", type=int, default=24, metavar="N", help="at most (%(default)s)")
    add("--repeats", type=int, default=5, metavar="N", help="of each picture (%(default)s)")
    add("--threads", type=int, metavar="N", help="CPU threads (physical cores)")
    add("--json", type=Path, metavar="FILE", help="write every figure")


def _run_detect(args: argparse.Namespace) -> int:
    from data.files import write_json
    from eval.bench import detect
    from eval.report import table_to_text
    from eval.view_sizes import parse_sizes
    from weights.registry import find_weights

    if args.pictures < 1:
        raise UsageError(f"expected --pictures of 1 or more, but got {args.pictures}")
    if args.checkpoint and not args.checkpoint.is_file():
        raise UsageError(f"expected --checkpoint FILE.pt, but found no file {args.checkpoint}")
    outcome = detect.bench_detect(
        find_weights(args.weights),
        detect.default_pictures(args.source, args.pictures),
        sizes=parse_sizes(args.sizes),
        repeats=args.repeats,
        threads=args.threads,
        checkpoint=args.checkpoint,
        say=lambda step: print(step, file=sys.stderr),
    )
    if args.json:
        write_json(args.json, detect.to_json(outcome))
    tables = detect.to_table(outcome), detect.to_start_table(outcome)
    print("\n\n".join(table_to_text(table) for table in tables))
    print("\n" + "\n".join(detect.goals(outcome)))
    _print_machine(outcome.machine)
    return 0


def _add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("data", type=Path, metavar="DIR", help="data set: data.yaml, images/, labels/")
    add("--init", default="yolo26n.pt", metavar="FILE", help="start weights (%(default)s)")
    add("--pictures", type=int, default=128, metavar="N", help="an epoch (%(default)s)")
    add("--imgsz", type=int, default=CPU_IMGSZ, metavar="PX", help="%(default)s")
    add("--batch", type=int, default=CPU_BATCH, metavar="B", help="%(default)s")
    add("--repeats", type=int, default=3, metavar="N", help="of each training (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write every figure")


def _run_train(args: argparse.Namespace) -> int:
    from data.files import write_json
    from eval.bench import train
    from eval.report import table_to_text

    outcome = train.bench_train(
        args.data,
        init=args.init,
        pictures=args.pictures,
        imgsz=args.imgsz,
        batch=args.batch,
        repeats=args.repeats,
        say=lambda step: print(step, file=sys.stderr),
    )
    if args.json:
        write_json(args.json, train.to_json(outcome))
    print(table_to_text(train.to_table(outcome)))
    _print_machine(outcome.machine)
    return 0


def _print_machine(machine: dict[str, Any]) -> None:
    """The processor, and a warning where other work makes the figures too low."""
    print(f"This machine: {machine['processor'] or 'processor unknown'}, {machine['cores']} cores.")
    if machine["load"] is not None and machine["load"] > 0.25:
        print(
            f"maskwatch: warning: {machine['load']:.1f} other processes were running as this "
            "began; figures are too low, compare those beside each other alone",
            file=sys.stderr,
        )


BENCHES: dict[str, Bench] = {
    "detect": Bench("Time of detection, beside ultralytics'", _add_detect, _run_detect),
    "synth": Bench("Pictures/s of maskwatch synth, beside MaskTheFace's", _add_synth, _run_synth),
    "train": Bench("Pictures/s of a training on the CPU", _add_train, _run_train),
    "video": Bench(bench_video.VIDEO, bench_video.add_video, bench_video.run_video),
    "flicker": Bench(bench_video.FLICKER, bench_video.add_flicker, bench_video.run_flicker),
}
