"""`maskwatch export`: convert trained weights to ONNX."""

import argparse
from pathlib import Path

from detector.export import HEADS, export_onnx


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch export`."""
    add = parser.add_argument
    add("weights", type=Path, metavar="WEIGHTS.pt", help="a trained checkpoint")
    add("--format", choices=["onnx"], default="onnx", help="default: %(default)s")
    add("--imgsz", type=int, default=640, metavar="PX", help="default: %(default)s")
    add("--head", choices=HEADS, default=HEADS[0], help="default: %(default)s")
    add("--fixed", action="store_true", help="accept one picture of imgsz x imgsz px alone")
    add("--out", type=Path, metavar="FILE", help="default: beside the checkpoint")


def run(args: argparse.Namespace) -> int:
    """Export and say where the file is."""
    out = args.out or args.weights.with_suffix(".onnx")
    print(export_onnx(args.weights, out, args.imgsz, dynamic=not args.fixed, head=args.head))
    return 0
