"""`maskwatch convert`: annotated sets in, sets of ours out."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.convert import Conversion

EPILOG = """\
--classes maps their class names to ours, or leaves them out:
  --classes 'mask_weared_incorrect=incorrect,mask=with_mask,helmet=drop'
A name without a mapping ends the run with a line to copy. WIDER faces are without_mask.

Boxes are taken to refer to the upright picture (EXIF orientation honoured); where the set's own
width and height show that they refer to the stored pixels, they are turned. Picture files are
copied unchanged. Broken entries are named on stderr and passed over.

Without --val, the set's own splits are kept, and pictures in none are divided with 0.1 for
validation. All pictures of one person lie in one split: --split-by says how file names tell.

Exit status: 0 if at least one picture was written, 1 on an error, 2 on wrong usage.
"""

# Broken entries named on stderr; the rest are counted.
SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch convert`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder or annotation file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new set's folder")
    parser.add_argument(
        "--from",
        dest="source_format",
        required=True,
        choices=("voc", "coco", "wider", "yolo"),
        help="format of SOURCE",
    )
    parser.add_argument(
        "--to",
        dest="target_format",
        default="yolo",
        choices=("yolo", "coco", "voc"),
        help="format to write (%(default)s)",
    )
    parser.add_argument("--classes", default="", metavar="MAP", help="THEIRS=OURS,...")
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="the pictures, if not below SOURCE"
    )
    parser.add_argument(
        "--val", type=float, metavar="FRACTION", help="divide anew, this share for validation"
    )
    parser.add_argument(
        "--split-by",
        metavar="PATTERN",
        help="regular expression; its first group in a file name is the person, like '^(.+)_'",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="another division (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Convert, print what was written, passed over and left out."""
    from data.convert import Split, convert
    from data.formats import parse_classes
    from data.splits import IDENTITY_PATTERN

    result = convert(
        args.source,
        args.out,
        source_format=args.source_format,
        target_format=args.target_format,
        classes=parse_classes(args.classes),
        images=args.images,
        split=Split(args.val, args.split_by or IDENTITY_PATTERN, args.seed),
    )
    for fault in result.broken[:SHOWN]:
        print(f"maskwatch: passed over: {' '.join(fault.split())}", file=sys.stderr)
    if len(result.broken) > SHOWN:
        print(f"maskwatch: passed over: {len(result.broken) - SHOWN} more", file=sys.stderr)
    print("\n".join(format_result(args.out, result)))
    return 0


def format_result(out: Path, result: "Conversion") -> list[str]:
    """The lines to print."""
    boxes = ", ".join(f"{n} {name}" for name, n in sorted(result.boxes.items())) or "no boxes"
    splits = [record.split for record in result.records]
    lines = [
        f"{out}: {len(splits)} pictures ({splits.count('train')} train, {splits.count('val')} val)",
        f"boxes: {boxes}",
    ]
    if result.left_out:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(result.left_out.items()))
        lines.append(f"boxes left out: {reasons}")
    if result.broken:
        lines.append(f"entries passed over: {len(result.broken)}")
    return lines
