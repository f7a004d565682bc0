"""`maskwatch predict`: find faces and masks in pictures."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from data.exceptions import UsageError
from data.files import atomic_path, digest
from data.images import find_images
from eval.cli.progress import ProgressLine
from eval.cli.workers import add_worker_options, check_worker_options, open_workers
from eval.view_sizes import add_sizes_option, pick_sizes

MANY = 500  # pictures from which on progress is told

EPILOG = """\
--json writes {"weights": NAME, "images": [{"file", "width", "height", "detections":
[{"class", "score", "box": [x1, y1, x2, y2]}]}]}, one entry per picture in the order of the
inputs, boxes in pixels of the upright picture; a picture that can't be read has "error" instead.

Exit status: 0 if at least one picture was read (each that wasn't is named on stderr),
1 if none was or on any other error, 2 on wrong usage.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch predict`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "source", nargs="+", metavar="SOURCE", help="picture, folder (searched deep) or pattern"
    )
    parser.add_argument("--json", metavar="FILE", help="write detections as JSON; - for stdout")
    parser.add_argument("--save", metavar="DIR", type=Path, help="write annotated pictures there")
    parser.add_argument(
        "--conf", type=float, default=0.25, metavar="C", help="lowest score, 0 to 1 (%(default)s)"
    )
    parser.add_argument(
        "--iou",
        type=float,
        default=0.5,
        metavar="T",
        help="overlap above which the weaker of two boxes is dropped, 0 to 1 (%(default)s)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="ONNX file (the shipped weights)"
    )
    parser.add_argument(
        "--imgsz",
        type=int,
        metavar="PX",
        help="longer side that pictures are resized to; more finds smaller faces (the model's)",
    )
    parser.add_argument(
        "--tile",
        type=int,
        metavar="PX",
        help="search tiles of PX x PX of larger pictures, too: finds the small faces of crowds and "
        "takes a multiple of the time",
    )
    add_sizes_option(parser)
    parser.add_argument(
        "--one-look",
        action="store_true",
        help="don't look again, at half the size, where a face fills the picture or none is found",
    )
    parser.add_argument(
        "--every-class",
        action="store_true",
        help="write each class that a face may be of, with its score, for average precision: with "
        "--json and --conf 0.001",
    )
    parser.add_argument(
        "--batch", type=int, default=1, metavar="N", help="pictures in one run (%(default)s)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="CPU threads of each process (physical cores, shared among the workers)",
    )
    add_worker_options(parser, "1")


def run(args: argparse.Namespace) -> int:
    """Run the verb; 1 if no picture could be read."""
    from detector.predict import annotated_paths, count_classes, counts_to_text

    check_worker_options(args, ("source", "save", "weights"))
    if args.every_class and not args.json:
        raise UsageError("expected --json FILE with --every-class, which is for scoring alone")
    if args.every_class and args.save:
        raise UsageError("expected --every-class without --save, which draws one box a face")
    paths = find_images(args.source)
    targets = annotated_paths(paths, args.save) if args.save else [None] * len(paths)
    talk = not args.json and not args.save
    counts, failed, started = count_classes([]), 0, time.perf_counter()
    with ExitStack() as stack:
        name, found = stack.enter_context(_detections(args, paths, targets))
        write = stack.enter_context(_json_sink(args.json, name))
        progress = stack.enter_context(ProgressLine()) if len(paths) >= MANY and not talk else None
        for done, entry in enumerate(found):
            write(entry)
            if progress:
                progress("pictures", done, len(paths))
            if "error" in entry:
                failed += 1
                print(f"maskwatch: {entry['error']}; passed over", file=sys.stderr)
                continue
            here = Counter(face["class"] for face in entry["detections"])
            counts.update(here)
            if talk:
                in_order = Counter({c: here[c] for c in counts})
                print(f"{_printable(entry['file'])}: {counts_to_text(in_order)}")
        if progress:
            progress("pictures", len(paths), len(paths))
    if args.json != "-":
        seconds = time.perf_counter() - started
        print(_summary(len(paths), failed, counts_to_text(counts), seconds, args))
    return 1 if failed == len(paths) else 0


@contextmanager
def _detections(
    args: argparse.Namespace, paths: Sequence[Path], targets: Sequence[Path | None]
) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """The model's name and one entry a picture, by this process or by the workers asked for."""
    from detector.farm import Settings, detect_entries, farm_out

    pairs = list(zip(paths, targets, strict=True))
    alone = args.cluster is None and args.workers in (None, 1)
    settings = Settings(
        weights=args.weights,
        imgsz=args.imgsz,
        threads=args.threads if alone or args.threads is not None else _share(args),
        batch=args.batch,
        conf=args.conf,
        iou=args.iou,
        tile=args.tile,
        sizes=pick_sizes(args, ("imgsz", "tile", "one_look")),
        one_look=args.one_look,
        every_class=args.every_class,
        content=digest(args.weights) if args.weights and args.weights.is_file() else "",
    )
    detector = settings.load()  # here, too: what is wrong with it is known before workers start
    if alone:
        yield detector.name, detect_entries(detector, pairs, settings)
        return
    reads = {p if p.is_dir() else p.parent for p in map(Path, args.source)}
    reads |= {args.weights} if args.weights else set()
    with open_workers(args, sorted(reads), args.save, 1) as executor:
        yield detector.name, farm_out(executor, pairs, settings)


def _share(args: argparse.Namespace) -> int:
    """Threads of one worker: its share of the cores; on a cluster, a worker is one core."""
    return 1 if args.cluster else max(1, (os.cpu_count() or 1) // args.workers)


@contextmanager
def _json_sink(target: str | None, weights: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Where predictions go as JSON: stdout, a file written whole or not at all, or nowhere."""
    from detector.predict import json_writer

    if target is None:
        yield lambda _: None
    elif target == "-":
        with json_writer(sys.stdout, weights) as write:
            yield write
    else:
        with (
            atomic_path(Path(target)) as path,
            path.open("w", encoding="utf-8") as file,
            json_writer(file, weights) as write,
        ):
            yield write


def _printable(path: str) -> str:
    """A path for the terminal; bytes of its name that aren't UTF-8 would stop print."""
    return os.fsencode(path).decode("utf-8", "replace")


def _summary(total: int, failed: int, found: str, seconds: float, args: argparse.Namespace) -> str:
    read = total - failed
    text = f"{total} {'picture' if total == 1 else 'pictures'} in {seconds:.2f} s"
    if read:
        text += f" ({1000 * seconds / read:.0f} ms each): {found}"
    if failed:
        text += f"; {failed} couldn't be read"
    written = [str(p) for p in (args.json, args.save) if p]
    return text + (f"; written: {', '.join(written)}" if written else "")
