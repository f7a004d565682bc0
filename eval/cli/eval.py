"""`maskwatch eval DIR`: score detectors, or their predictions, on a labelled data set."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.exceptions import DatasetError, UsageError
from eval.view_sizes import add_sizes_option, pick_sizes

if TYPE_CHECKING:
    from data.dataset import Sample
    from detector.runtime import Detector
    from eval.evaluation import Evaluation
    from eval.loading import Loaded, Truth
    from eval.sets import LabelledSet
    from eval.side_by_side import Change, Entry

# COCO's AP needs the whole curve, so nearly every box, as ultralytics' own validation takes them.
AP_CONF = 0.001

EPILOG = """\
DIR is a YOLO set, a folder of Pascal VOC files, a COCO set or its .json file. Other class names
than ours are mapped by --classes, in the set and in predictions alike:
  --classes 'mask_weared_incorrect=incorrect,helmet=drop'

--predictions takes what `maskwatch predict --json` writes, COCO results, or a folder of YOLO label
files with scores. AP needs nearly every box, and the second thought about a face beside the first:
write them with --conf 0.001 --every-class, as --weights detects. All else takes one class a face.
Give --weights and --predictions several times to compare detectors: differences are to the first
one.

Exit status: 0 if the set was scored, 1 on an error, 2 on wrong usage.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch eval`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("dir", type=Path, metavar="DIR", help="a labelled data set")
    parser.add_argument(
        "--split",
        choices=("train", "val", "all"),
        help="which pictures (default: val where the set has one, else all)",
    )
    # One list for both, so that the order in which they are given is kept.
    for option, metavar, text in (
        ("--weights", "FILE", "ONNX weights (default: the shipped ones); may be repeated"),
        ("--predictions", "JSON", "score what another run or tool found; may be repeated"),
    ):
        parser.add_argument(
            option,
            dest="detectors",
            action="append",
            type=partial(_detector, option.removeprefix("--")),
            metavar=metavar,
            help=text,
        )
    parser.add_argument("--classes", default="", metavar="MAP", help="THEIRS=OURS,...")
    parser.add_argument("--imgsz", type=int, metavar="PX", help="size that pictures are fed at")
    add_sizes_option(parser)
    parser.add_argument(
        "--one-look",
        action="store_true",
        help="don't look again, at half the size, where a face fills the picture or none is found",
    )
    parser.add_argument(
        "--conf",
        type=_share,
        default=0.25,
        metavar="C",
        help="least score in all that isn't AP, which takes every score (default: %(default)s)",
    )
    parser.add_argument(
        "--min-size",
        type=_height,
        action="append",
        metavar="PX",
        help="score faces at least PX high too; may be repeated (default: 16 and 32)",
    )
    parser.add_argument(
        "--bootstrap",
        type=_count,
        default=1000,
        metavar="N",
        help="rounds for the 95 %% intervals, 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=_count, default=0, help="of the bootstrap (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page for people")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the curves as PNG")


def _detector(kind: str, text: str) -> tuple[str, Path]:
    return kind, Path(text)


def run(args: argparse.Namespace) -> int:
    """Score, print tables, write what was asked for; 0 unless an error is raised."""
    from data.formats import parse_classes
    from eval.loading import Loaded, read_truths
    from eval.sets import open_set
    from eval.side_by_side import compare_entries, name_apart

    detectors: list[tuple[str, Path | None]] = args.detectors or [("weights", None)]
    check_outputs(args)
    if (args.imgsz or args.sizes) and all(kind == "predictions" for kind, _ in detectors):
        raise UsageError("--imgsz and --sizes have no effect on --predictions; leave them out")
    sizes = pick_sizes(args, ("imgsz", "one_look"))
    classes = parse_classes(args.classes)
    labelled = open_set(args.dir, args.split, classes)
    noted = Loaded(broken=list(labelled.broken))
    truths: list[Truth] = []
    if any(kind == "predictions" for kind, _ in detectors):
        truths = read_truths(labelled.chosen, noted, labelled.records)
    names = name_apart([str(path or "shipped weights") for _, path in detectors])
    entries = []
    for (kind, path), name in zip(detectors, names, strict=True):
        if kind == "predictions" and path is not None:
            loaded, weights = _match_predictions(path, labelled, truths, noted, classes)
            source: dict[str, Any] = {"weights": weights, "predictions": str(path)}
        else:
            detector = _load(path, sizes, args)
            loaded = _detect(detector, labelled)
            source = {"weights": detector.name, "predictions": None}
            # As it looked, which figures depend on: a run can be told from another by its JSON.
            source |= {"input_sizes": list(sizes or (detector.imgsz,)), "one_look": args.one_look}
        entries.append(_score(args, labelled, loaded, name, source))
    changes = compare_entries(entries) if len(entries) > 1 else []
    _write(args, entries, changes)  # first: a reader of the tables may hang up (| head)
    _print_result(entries, changes)
    return 0


def check_outputs(args: argparse.Namespace) -> None:
    """Refuse names of output files that can't be, before any work.

    Raises:
        UsageError: if one is a folder, or a plot is no PNG.
    """
    for option in ("json", "html", "plot"):
        path = getattr(args, option)
        if path and path.is_dir():
            raise UsageError(f"--{option} {path}: expected a file to write, but it is a folder")
    if args.plot and args.plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {args.plot}: expected a name that ends in .png")


def choose_samples(root: Path, split: str | None) -> tuple[list["Sample"], list["Sample"], str]:
    """Every picture of a set, the chosen ones, and the split's name.

    Raises:
        DatasetError: if the folder is no data set or has no such split.
    """
    from eval.sets import open_set

    labelled = open_set(root, split, {})
    return labelled.every, labelled.chosen, labelled.split


def _match_predictions(
    path: Path,
    labelled: "LabelledSet",
    truths: Sequence["Truth"],
    noted: "Loaded",
    classes: dict[str, str],
) -> tuple["Loaded", str]:
    """Pairs of true and found boxes, and the name of the weights that the file tells."""
    from eval.foreign import read_any_predictions, read_coco_names
    from eval.loading import pair_predictions

    names = read_coco_names(labelled.root, labelled.split) if labelled.kind == "coco" else None
    predictions = read_any_predictions(path, labelled.every, classes, names)
    return pair_predictions(truths, noted, predictions, labelled.every), predictions.weights


def _load(weights: Path | None, sizes: tuple[int, ...], args: argparse.Namespace) -> "Detector":
    """The detector as the options want it."""
    from detector.farm import Settings
    from eval.loading import BATCH

    options = {"imgsz": args.imgsz, "one_look": args.one_look, "sizes": sizes}
    return Settings(weights, threads=None, batch=BATCH, **options).load()


def _detect(detector: "Detector", labelled: "LabelledSet") -> "Loaded":
    from eval.loading import load_with_detector

    print(f"detecting in {len(labelled.chosen)} pictures with {detector.name}", file=sys.stderr)
    detect = partial(detector.detect, conf=AP_CONF, every_class=True)
    loaded = load_with_detector(labelled.chosen, detect, labelled.records)
    loaded.broken[:0] = labelled.broken
    return loaded


def _score(
    args: argparse.Namespace,
    labelled: "LabelledSet",
    loaded: "Loaded",
    name: str,
    source: dict[str, Any],
) -> "Entry":
    from eval.evaluation import evaluate
    from eval.side_by_side import Entry

    if not loaded.pairs:
        raise DatasetError(
            f"{args.dir}: expected pictures, but none of {len(labelled.chosen)} can be read"
        )
    evaluation = evaluate(
        loaded.pairs,
        conf=args.conf,
        min_heights=[0.0, *sorted(set(args.min_size or (16.0, 32.0)))],
        rounds=args.bootstrap,
        seed=args.seed,
    )
    head = {
        "set": str(args.dir),
        "split": labelled.split,
        **source,
        "pictures": {
            "scored": len(loaded.pairs),
            "unreadable": loaded.unreadable,
            "without_prediction": loaded.without_prediction,
            "unknown": loaded.unknown,
            "broken": loaded.broken,
        },
    }
    return Entry(name, loaded.pairs, evaluation, head)


def _print_result(entries: Sequence["Entry"], changes: Sequence["Change"]) -> None:
    from eval.report import table_to_text
    from eval.tables import change_table, comparison_table

    first = entries[0]
    if len(entries) > 1:
        pictures = first.head["pictures"]["scored"]
        print(f"{first.head['set']} ({first.head['split']}, {pictures} pictures)\n")
        print(table_to_text(comparison_table(entries)))
        print(f"\n{table_to_text(change_table(first.name, changes))}")
        print("* the interval leaves 0 out\n\nThe first one:")
    print(f"{title_of(first.head)}\n")
    _print_one(first.evaluation)
    for entry in entries:
        about = f"{entry.name}: " if len(entries) > 1 else ""
        for line in _notes(entry.head["pictures"]):
            print(f"maskwatch: warning: {about}{line}", file=sys.stderr)


def _print_one(evaluation: "Evaluation") -> None:
    from eval.report import format_interval, table_to_text
    from eval.summary import ap_table, class_note, confusion_table
    from eval.tables import error_table, short_threshold_table, worst_slices

    print(table_to_text(ap_table(evaluation)))
    if evaluation.rounds:
        interval = format_interval(evaluation.sizes[0].map50_interval)
        print(f"\nmAP50, every face: 95 % interval {interval} ({evaluation.rounds} resamplings)")
    print(class_note(evaluation))
    print(f"\nscore >= {evaluation.confusion.conf:g}:")
    print(table_to_text(confusion_table(evaluation)))
    for table in (short_threshold_table(evaluation), error_table(evaluation)):
        print(f"\n{table_to_text(table)}")
    weakest = worst_slices(evaluation.slices)
    if weakest.rows:
        print(f"\n{table_to_text(weakest)}")


def _notes(pictures: dict[str, Any]) -> list[str]:
    """What was left out, a line for each reason."""
    reasons = {
        "unreadable": "picture(s) can't be read: passed over",
        "broken": "annotation(s) can't be used: passed over",
        "without_prediction": "picture(s) have no prediction: counted as if nothing was found",
        "unknown": "picture(s) of the predictions aren't in this set: left out",
    }
    return [
        f"{len(pictures[key])} {reason}, the first: {pictures[key][0]}"
        for key, reason in reasons.items()
        if pictures[key]
    ]


def title_of(head: dict[str, Any]) -> str:
    """One line: what was scored on what."""
    what = head["weights"] or head["predictions"]
    if len(sizes := head.get("input_sizes", ())) > 1:
        what = f"{what} (views of {', '.join(map(str, sizes))} px)"
    return f"{what} on {head['set']} ({head['split']}, {head['pictures']['scored']} pictures)"


def _write(
    args: argparse.Namespace, entries: Sequence["Entry"], changes: Sequence["Change"]
) -> None:
    from data.files import write_bytes, write_json, write_text

    if args.json:
        write_json(args.json, _to_json(entries, changes))
    if args.plot:
        from eval.plots import plot_evaluation

        write_bytes(args.plot, plot_evaluation(entries[0].evaluation))
    if args.html:
        write_text(args.html, _page(entries, changes))
    for path in (args.json, args.plot, args.html):
        if path:
            print(f"wrote {path}", file=sys.stderr)


def _to_json(entries: Sequence["Entry"], changes: Sequence["Change"]) -> dict[str, Any]:
    """The first one's results; the others and the differences beside them."""
    from dataclasses import asdict

    first, *others = ({**entry.head, **entry.evaluation.to_json()} for entry in entries)
    if not others:
        return first
    comparison = {
        "names": [entry.name for entry in entries],
        "others": others,
        "differences": [asdict(change) for change in changes],
    }
    return {**first, "comparison": comparison}


def _page(entries: Sequence["Entry"], changes: Sequence["Change"]) -> str:
    from eval.eval_page import page_sections
    from eval.mistakes import find_mistakes
    from eval.report import render_page
    from eval.summary import mistake_pictures

    first = entries[0]
    found = find_mistakes(first.pairs, first.evaluation.confusion.conf, per_kind=8)
    sections = page_sections(first.evaluation, mistake_pictures(found), entries, changes)
    lead = f"{title_of(first.head)}. {'; '.join(_notes(first.head['pictures']))}".strip()
    return render_page("Evaluation of a face-mask detector", sections, lead)


def _share(text: str) -> float:
    return _number(text, 0, 1, "a number from 0 to 1")


def _height(text: str) -> float:
    return _number(text, 1, 1e6, "a height of at least 1 px")


def _count(text: str) -> int:
    value = _number(text, 0, 1e9, "a whole number of at least 0")
    if not value.is_integer():
        raise argparse.ArgumentTypeError(f"expected a whole number, but got {text}")
    return int(value)


def _number(text: str, low: float, high: float, what: str) -> float:
    """A number of an option, or argparse's error; nan lies in no range."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"expected {what}, but got {text!r}")
    return value
