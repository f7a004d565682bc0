"""`maskwatch export`: convert trained weights to ONNX."""

import argparse
from pathlib import Path

from data.exceptions import UsageError
from detector.export import HEADS, export_onnx


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch export`."""
    add = parser.add_argument
    add(
        "weights",
        type=Path,
        nargs="+",
        metavar="WEIGHTS.pt",
        help="a trained checkpoint; of several from one start, their average is exported, which "
        "is often better than each",
    )
    add("--shares", metavar="A,B", help="of each checkpoint in the average (default: equal)")
    add("--format", choices=["onnx"], default="onnx", help="default: %(default)s")
    add("--imgsz", type=int, default=640, metavar="PX", help="default: %(default)s")
    add("--head", choices=HEADS, default=HEADS[0], help="default: %(default)s")
    add("--fixed", action="store_true", help="accept one picture of imgsz x imgsz px alone")
    add("--out", type=Path, metavar="FILE", help="default: beside the checkpoint")


def run(args: argparse.Namespace) -> int:
    """Export and say where the file is."""
    first, *others = args.weights
    if args.shares is not None and not others:
        raise UsageError("expected several checkpoints with --shares, but got one; name the others")
    out = args.out or first.with_suffix(".onnx")
    options = {"dynamic": not args.fixed, "head": args.head}
    print(export_onnx(first, out, args.imgsz, **options, others=others, shares=args.shares))
    return 0
