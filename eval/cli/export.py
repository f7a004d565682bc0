"""`maskwatch export`: trained weights to ONNX, 8-bit ONNX or OpenVINO, or several to one."""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.exceptions import UsageError
from detector.export import HEADS, export_onnx
from weights.registry import find_weights

FORMATS = ("onnx", "int8", "openvino", "pt")
PICTURES = 256  # for calibration; ranges hardly change beyond

EPILOG = """\
Formats:
  onnx      what `maskwatch predict --weights` takes
  int8      ONNX with 8-bit convolutions, calibrated on the pictures of --calibrate; a third of
            the size, with a small loss: score both with `maskwatch eval`
  openvino  a folder NAME_openvino_model for OpenVINO and ultralytics
  pt        several checkpoints as one, to train on from
int8 and openvino also take an .onnx file that was exported before, or the name of a shipped one
(maskwatch-n), and write where you stand then.

With --widen, two nano checkpoints lie side by side in one small network (four times the weights),
which answers with the mean of both. By itself it is hardly better than their average and slower:
it is a start for `maskwatch train --preset small --init` where yolo26s.pt can't be had.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch export`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add(
        "weights",
        type=Path,
        nargs="+",
        metavar="WEIGHTS",
        help="a trained checkpoint (.pt); of several from one start, their average is exported, "
        "which is often better than each",
    )
    add("--shares", metavar="A,B", help="of each checkpoint in the average (default: equal)")
    add("--widen", action="store_true", help="two nano checkpoints to one small network")
    add("--format", choices=FORMATS, default=FORMATS[0], help="default: %(default)s")
    add("--imgsz", type=int, default=640, metavar="PX", help="default: %(default)s")
    add("--head", choices=HEADS, default=HEADS[0], help="default: %(default)s")
    add("--fixed", action="store_true", help="accept one picture of imgsz x imgsz px alone")
    add(
        "--calibrate",
        type=Path,
        metavar="DIR",
        help=f"for int8: pictures as the model will see them, {PICTURES} of which are used; none "
        "that it is tested on",
    )
    add(
        "--half",
        action="store_true",
        help="for onnx and openvino: store weights in 16 bits, half the size; scores change in the "
        "third decimal",
    )
    add("--out", type=Path, metavar="FILE", help="default: beside the weights")


def run(args: argparse.Namespace) -> int:
    """Export and say where the file is."""
    _check(args)
    given = args.weights[0]
    args.weights = [find_weights(path) for path in args.weights]
    # Beside the weights, but not within this installation.
    args.base = given if given == args.weights[0] else Path(args.weights[0].name)
    if args.format == "pt":
        print(_to_checkpoint(args))
        return 0
    if args.format == "onnx":
        out = args.out or args.base.with_suffix(".onnx")
        print(_to_onnx(args, out))
        return 0
    with _as_onnx(args) as onnx:
        print(_to_int8(args, onnx) if args.format == "int8" else _to_openvino(args, onnx))
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.shares is not None and len(args.weights) < 2:
        raise UsageError("expected several checkpoints with --shares, but got one; name the others")
    if args.half and args.format not in ("onnx", "openvino"):
        raise UsageError(f"expected --half with onnx or openvino, but got --format {args.format}")
    if args.format == "int8" and args.calibrate is None:
        raise UsageError("expected --calibrate DIR with --format int8, but got none")
    if args.format == "pt" and (len(args.weights) < 2 or args.out is None):
        raise UsageError("expected several checkpoints and --out FILE.pt with --format pt")


def _to_onnx(args: argparse.Namespace, out: Path) -> Path:
    first, *others = args.weights
    return export_onnx(
        first,
        out,
        args.imgsz,
        dynamic=not args.fixed,
        head=args.head,
        others=others,
        shares=args.shares,
        side_by_side=args.widen,
        half=args.half and args.format == "onnx",
    )


@contextmanager
def _as_onnx(args: argparse.Namespace) -> Iterator[Path]:
    """The ONNX file given, or one made for the moment."""
    first, *others = args.weights
    if first.suffix == ".onnx":
        if others:
            raise UsageError("expected checkpoints (.pt) to average, but got an .onnx file")
        yield first
        return
    with tempfile.TemporaryDirectory(prefix="maskwatch-export-") as folder:
        yield _to_onnx(args, Path(folder) / f"{first.stem}.onnx")


def _to_int8(args: argparse.Namespace, onnx: Path) -> Path:
    from data.images import find_images
    from detector.quantise import quantise, spread_out

    pictures = spread_out(find_images([str(args.calibrate)]), PICTURES)
    out = args.out or args.base.with_name(f"{args.base.stem}-int8.onnx")
    return quantise(onnx, pictures, out)


def _to_openvino(args: argparse.Namespace, onnx: Path) -> Path:
    from detector.openvino import SUFFIX, export_openvino

    out = args.out or args.base.with_name(f"{args.base.stem}{SUFFIX}")
    return export_openvino(onnx, out, half=args.half)


def _to_checkpoint(args: argparse.Namespace) -> Path:
    from data.files import atomic_path
    from detector.export import combine_checkpoints

    with tempfile.TemporaryDirectory(prefix="maskwatch-export-") as folder:
        made = combine_checkpoints(
            args.weights, args.shares, Path(folder) / "combined.pt", side_by_side=args.widen
        )
        with atomic_path(args.out) as temporary:
            shutil.copyfile(made, temporary)
    return Path(args.out)
