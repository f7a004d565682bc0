"""`maskwatch eval DIR`: score a detector, or its predictions, on a labelled data set."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.exceptions import DatasetError, UsageError

if TYPE_CHECKING:
    from data.dataset import Sample
    from eval.evaluation import Evaluation
    from eval.loading import Loaded

# COCO's AP needs the whole curve, so nearly every box, as ultralytics' own validation takes them.
AP_CONF = 0.001


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch eval`."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="a labelled data set")
    parser.add_argument(
        "--split",
        choices=("train", "val", "all"),
        help="which pictures (default: val where the set has one, else all)",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--weights", type=Path, metavar="FILE", help="ONNX weights (default: the shipped ones)"
    )
    source.add_argument(
        "--predictions", type=Path, metavar="JSON", help="score what predict --json wrote instead"
    )
    parser.add_argument("--imgsz", type=int, metavar="PX", help="size that pictures are fed at")
    parser.add_argument(
        "--conf",
        type=_share,
        default=0.25,
        metavar="C",
        help="least score in the confusion matrix (default: %(default)s); AP takes every score",
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
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the curves as PNG")


def run(args: argparse.Namespace) -> int:
    """Score, print a table, write what was asked for; 0 unless an error is raised."""
    from eval.evaluation import evaluate

    if args.plot and args.plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {args.plot}: expected a name that ends in .png")
    if args.predictions and args.imgsz:
        raise UsageError("--imgsz has no effect on --predictions; leave one of them out")
    every, samples, split = choose_samples(args.dir, args.split)
    loaded, weights = _load(args, every, samples)
    if not loaded.pairs:
        raise DatasetError(f"{args.dir}: expected pictures, but none of {len(samples)} can be read")
    evaluation = evaluate(
        loaded.pairs,
        conf=args.conf,
        min_heights=[0.0, *sorted(set(args.min_size or (16.0, 32.0)))],
        rounds=args.bootstrap,
        seed=args.seed,
    )
    head = {
        "set": str(args.dir),
        "split": split,
        "weights": weights,
        "predictions": str(args.predictions) if args.predictions else None,
        "pictures": {
            "scored": len(loaded.pairs),
            "unreadable": loaded.unreadable,
            "without_prediction": loaded.without_prediction,
            "unknown": loaded.unknown,
        },
    }
    _print_result(evaluation, head)
    _write(args, evaluation, loaded, head)
    return 0


def choose_samples(root: Path, split: str | None) -> tuple[list["Sample"], list["Sample"], str]:
    """Every picture of a set, the chosen ones, and the split's name.

    Raises:
        DatasetError: if the folder is no data set or has no such split.
    """
    from data.dataset import find_samples

    every = find_samples(root, "all")
    if split is None:
        split = "val" if any(sample.split == "val" for sample in every) else "all"
    return every, find_samples(root, split), split


def _load(
    args: argparse.Namespace, every: list["Sample"], samples: list["Sample"]
) -> tuple["Loaded", str]:
    """Pairs of true and found boxes, and the name of the weights."""
    from eval.loading import load_with_detector, load_with_predictions
    from eval.predictions import read_predictions

    if args.predictions:
        predictions = read_predictions(args.predictions)
        return load_with_predictions(samples, predictions, every), predictions.weights
    from detector.runtime import Detector

    detector = Detector(args.weights, imgsz=args.imgsz)
    print(f"detecting in {len(samples)} pictures with {detector.name}", file=sys.stderr)
    return load_with_detector(samples, partial(detector.detect, conf=AP_CONF)), detector.name


def _print_result(evaluation: "Evaluation", head: dict[str, Any]) -> None:
    from eval.report import format_interval, table_to_text
    from eval.summary import ap_table, class_note, confusion_table

    print(f"{title_of(head)}\n")
    print(table_to_text(ap_table(evaluation)))
    if evaluation.rounds:
        interval = format_interval(evaluation.sizes[0].map50_interval)
        print(f"\nmAP50, every face: 95 % interval {interval} ({evaluation.rounds} resamplings)")
    print(class_note(evaluation))
    print(f"\nscore >= {evaluation.confusion.conf:g}:")
    print(table_to_text(confusion_table(evaluation)))
    for line in _notes(head["pictures"]):
        print(f"maskwatch: warning: {line}", file=sys.stderr)


def _notes(pictures: dict[str, Any]) -> list[str]:
    """What was left out, a line for each reason."""
    reasons = {
        "unreadable": "can't be read: passed over",
        "without_prediction": "have no prediction: counted as if nothing had been found",
        "unknown": "of the predictions aren't in this set: left out",
    }
    return [
        f"{len(pictures[key])} picture(s) {reason}, the first: {pictures[key][0]}"
        for key, reason in reasons.items()
        if pictures[key]
    ]


def title_of(head: dict[str, Any]) -> str:
    """One line: what was scored on what."""
    what = head["weights"] or head["predictions"]
    return f"{what} on {head['set']} ({head['split']}, {head['pictures']['scored']} pictures)"


def _write(
    args: argparse.Namespace,
    evaluation: "Evaluation",
    loaded: "Loaded",
    head: dict[str, Any],
) -> None:
    from data.files import write_bytes, write_json, write_text

    if args.json:
        write_json(args.json, {**head, **evaluation.to_json()})
    if args.plot or args.html:
        from eval.plots import plot_evaluation

        plot = plot_evaluation(evaluation)
        if args.plot:
            write_bytes(args.plot, plot)
        if args.html:
            write_text(args.html, _page(evaluation, loaded, head, plot))
    for path in (args.json, args.plot, args.html):
        if path:
            print(f"wrote {path}", file=sys.stderr)


def _page(evaluation: "Evaluation", loaded: "Loaded", head: dict[str, Any], plot: bytes) -> str:
    from eval.mistakes import find_mistakes
    from eval.report import render_page
    from eval.summary import evaluation_sections, mistake_pictures

    mistakes = mistake_pictures(find_mistakes(loaded.pairs, evaluation.confusion.conf))
    sections = evaluation_sections(evaluation, plot, mistakes)
    lead = f"{title_of(head)}. {'; '.join(_notes(head['pictures']))}".strip()
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
