"""`maskwatch predict`: find faces and masks in pictures."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from data.files import atomic_path
from data.images import find_images, write_image

if TYPE_CHECKING:
    from detector.predict import Prediction

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
        "--batch", type=int, default=1, metavar="N", help="pictures in one run (%(default)s)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (physical cores)")


def run(args: argparse.Namespace) -> int:
    """Run the verb; 1 if no picture could be read."""
    from detector.draw import draw_boxes
    from detector.predict import annotated_paths, count_classes, counts_to_text, predict
    from detector.runtime import Detector

    paths = find_images(args.source)
    targets = annotated_paths(paths, args.save) if args.save else []
    detector = Detector(args.weights, imgsz=args.imgsz, threads=args.threads, batch=args.batch)
    found = predict(detector, paths, args.conf, args.iou, args.batch)
    talk = not args.json and not args.save
    counts, failed, started = count_classes([]), 0, time.perf_counter()
    with ExitStack() as stack:
        write = stack.enter_context(_json_sink(args.json, detector.name))
        for index, prediction in enumerate(found):
            write(prediction)
            if prediction.image is None:
                failed += 1
                print(f"maskwatch: {prediction.error}; passed over", file=sys.stderr)
                continue
            here = count_classes([prediction.boxes])
            counts.update(here)
            if targets:
                write_image(targets[index], draw_boxes(prediction.image, prediction.boxes))
            if talk:
                print(f"{_printable(prediction.path)}: {counts_to_text(here)}")
    if args.json != "-":
        seconds = time.perf_counter() - started
        print(_summary(len(paths), failed, counts_to_text(counts), seconds, args))
    return 1 if failed == len(paths) else 0


@contextmanager
def _json_sink(target: str | None, weights: str) -> Iterator[Callable[["Prediction"], None]]:
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


def _printable(path: Path) -> str:
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
