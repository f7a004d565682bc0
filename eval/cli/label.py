"""`maskwatch label`: unlabelled photos in, a data set of what the detector is sure of out."""

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.exceptions import DatasetError, UsageError
from eval.cli.progress import ProgressLine
from eval.view_sizes import SIZES, parse_sizes

if TYPE_CHECKING:
    from eval.pseudo import Labelling, Panel

log = logging.getLogger(__name__)

EPILOG = """\
Every picture is searched at several input sizes, plain and mirrored, with each --weights. Boxes
of all views are fused (weighted box fusion); a fused box scores the mean over all views, 0 where
a view lacks it. From --sure on, if its views agree on the class, it becomes a label. From --doubt
to --sure it is covered in grey, so that it is taught neither as a face nor as background. Pictures
without a face, or with more doubtful than sure ones, are left out. With --soft, what is doubtful
becomes a label, too, unless it is under 6 px high, and counts in training as far as it is
believed: by the share that its score has of --sure (`confidence` in manifest.jsonl).

With --keep-classes, classes come from the labels beside the pictures (labels/*.txt beside images/),
and boxes from the detector: sets differ in what a face's box is, and a network trained on one
draws boxes that don't fit the others. A label takes the box that overlaps it most, of those that
score --doubt or more; one that no box is found for is moved by what is usual in the set. What the
detector is sure of and nobody labelled is covered in grey, and a picture with more of that than
labels is left out. Without it, labels that lie beside the pictures are never read.

Exit status: 0 if at least one picture was written (each that couldn't be read is named on
stderr), 1 on an error, 2 on wrong usage.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch label`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("sources", nargs="+", type=Path, metavar="SOURCE", help="photos, folders (searched deep)")
    add("--out", type=Path, required=True, metavar="DIR", help="new set's folder")
    add(
        "--weights",
        type=Path,
        action="append",
        metavar="FILE",
        help="ONNX file (the shipped weights); several times for several that label together",
    )
    add(
        "--sizes",
        default=SIZES,
        metavar="PX,...",
        help="longer sides that pictures are resized to; two views each (%(default)s)",
    )
    add("--sure", type=float, default=0.6, metavar="S", help="lowest score of a label (.6)")
    add(
        "--sure-incorrect",
        type=float,
        metavar="S",
        help="lowest score of an incorrect one, which score lower (as --sure)",
    )
    add(
        "--doubt",
        type=float,
        default=0.15,
        metavar="S",
        help="lowest score of what is covered in grey (.15)",
    )
    add(
        "--soft",
        action="store_true",
        help="make labels of doubtful faces, too, which training takes as far as they are "
        "believed; other programs would take them whole",
    )
    add(
        "--keep-classes",
        action="store_true",
        help="take faces and classes from the labels beside the pictures; only boxes are the "
        "detector's",
    )
    add("--val", type=float, default=0.05, metavar="SHARE", help="of pictures in val (.05)")
    add(
        "--list",
        type=Path,
        metavar="FILE",
        help="take only the pictures named there, one a line, relative to SOURCE, such as a "
        "set's train.txt",
    )
    add("--exclude", type=Path, metavar="FILE", help="pass over those named there, in the same way")
    add("--threads", type=int, metavar="N", help="CPU threads (physical cores)")


def run(args: argparse.Namespace) -> int:
    """Label; say what was written, covered, left out and passed over."""
    from data.writer import require_new
    from eval.pseudo import Rules, label_pictures
    from eval.relabel import relabel_pictures

    if args.keep_classes and (args.soft or args.sure_incorrect is not None):
        raise UsageError(
            "expected --keep-classes without --soft and --sure-incorrect: labels are taken as "
            "they are; leave one of them out"
        )
    rules = Rules(
        args.sure, args.doubt, val=args.val, sure_incorrect=args.sure_incorrect, soft=args.soft
    )
    require_new(args.out)
    pictures = choose_pictures(args.sources, args.list, args.exclude)
    panel = _load(args.weights or [None], parse_sizes(args.sizes), args.threads)
    with ProgressLine() as progress:
        write = relabel_pictures if args.keep_classes else label_pictures
        result = write(pictures, args.out, panel, rules=rules, progress=progress)
    for fault in result.faults:
        print(f"maskwatch: passed over: {' '.join(fault.split())}", file=sys.stderr)
    print("\n".join(format_result(args.out, result)))
    return 0


def _load(weights: Sequence[Path | None], sizes: Sequence[int], threads: int | None) -> "Panel":
    """Each detector once, and the sizes as it takes them, none twice: a repeated view agrees with
    itself.

    Loaded at each size, since a model of a fixed size refuses others only then.
    """
    from detector.runtime import Detector

    panel = []
    for file in dict.fromkeys(weights):
        detectors = [Detector(file, imgsz=size, threads=threads) for size in sizes]
        panel.append((detectors[0], list(dict.fromkeys(d.imgsz for d in detectors))))
    return panel


def choose_pictures(
    sources: Sequence[Path], wanted: Path | None, unwanted: Path | None
) -> list[tuple[Path, str]]:
    """(file, name below its source) of the pictures to label, each once.

    Args:
        sources: pictures, folders or patterns.
        wanted: file of names of the only pictures to take, or None for all.
        unwanted: file of names of pictures to pass over, or None.

    Raises:
        UsageError: if names are to be looked up in a source that is no folder.
        DatasetError: if a list can't be read, a wanted picture is missing, or none is left.
    """
    from synth.sources import list_photos, readable

    if wanted is None:
        pictures = list_photos(sources)
    else:
        found, missing = _look_up(sources, wanted)
        if missing:
            raise DatasetError(
                f"{wanted}: expected names of pictures relative to SOURCE, but {len(missing)} of "
                f"{len(missing) + len(found)} aren't there, the first: {missing[0]}"
            )
        pictures = [(path, readable(name)) for path, name in found.items()]
    if unwanted is not None:
        pictures = _without(pictures, sources, unwanted)
    if not pictures:
        raise DatasetError("expected pictures to label, but --list and --exclude leave none")
    return pictures


def _without(
    pictures: Iterable[tuple[Path, str]], sources: Sequence[Path], unwanted: Path
) -> list[tuple[Path, str]]:
    """The pictures that the file doesn't name. A list that fits nothing is a mistake that would
    put pictures kept for testing into training."""
    found, missing = _look_up(sources, unwanted)
    if missing and not found:
        raise DatasetError(
            f"{unwanted}: expected names of pictures relative to SOURCE, but none of "
            f"{len(missing)} is there, the first: {missing[0]}"
        )
    if missing:
        log.warning("%s: %d names fit no picture: %s ...", unwanted, len(missing), missing[0])
    excluded = {path.resolve() for path in found}
    return [(path, name) for path, name in pictures if path.resolve() not in excluded]


def _look_up(sources: Sequence[Path], file: Path) -> tuple[dict[Path, str], list[str]]:
    """The files that a list names below the sources, with their names, and names without one."""
    for source in sources:
        if not source.is_dir():
            raise UsageError(f"{source}: expected a folder, which the names in {file} are below")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DatasetError(f"{file}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: expected a list of pictures, but got no UTF-8") from error
    found: dict[Path, str] = {}
    missing = []
    for name in filter(None, (line.strip().removeprefix("./") for line in lines)):
        paths = [source / name for source in sources if (source / name).is_file()]
        if paths:
            found.setdefault(paths[0], name)
        else:
            missing.append(name)
    return found, missing


def format_result(out: Path, result: "Labelling") -> list[str]:
    """The lines to print."""
    splits = [record.split for record in result.records]
    boxes = ", ".join(f"{n} {name}" for name, n in sorted(result.boxes.items()))
    left_out = ", ".join(f"{n} {reason}" for reason, n in sorted(result.left_out.items()))
    return [
        f"{out}: {len(splits)} pictures ({splits.count('train')} train, "
        f"{splits.count('val')} val), {boxes}",
        f"covered: {result.covered} doubtful boxes; pictures left out: {left_out or 'none'}; "
        f"passed over: {len(result.faults)} unreadable",
    ]
