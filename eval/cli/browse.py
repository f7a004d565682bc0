"""`maskwatch browse DIR`: a detector's mistakes in FiftyOne, and corrected labels back out."""

import argparse
import sys
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.exceptions import UsageError
from eval.cli.progress import ProgressLine

if TYPE_CHECKING:
    from eval.browse.dataset import Update
    from eval.browse.material import Material
    from eval.browse.models import Model

EPILOG = """\
Opens FiftyOne's App at the mistakes of the first model named; saved views (top left in the App)
hold them by kind: class confusions, false alarms, missed faces, low-confidence hits, likely label
errors, worst pictures first, and by size and what the manifest knows. Ctrl-C ends it. Tags and
edits stay, and the next start brings the data set up to date.

Fix labels in the App (Annotate), or tag boxes: "drop" takes a true box away, a class name gives it
that class, "accept" makes a found box a true one. Then write them out:

  maskwatch browse DIR --export FIXED            the pictures that you tagged or fixed
  maskwatch browse DIR --export FIXED --whole    the whole set, with what you fixed

See docs/browse.md.
"""

# The browser has the machine to itself until its first pictures are there.
SETTLE_SECONDS = 15.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch browse`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("dir", type=Path, metavar="DIR", help="a labelled data set: YOLO, Pascal VOC or COCO")
    add(
        "--weights",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="ONNX weights to detect with; may be repeated (default: the shipped ones)",
    )
    add(
        "--predictions",
        type=Path,
        action="append",
        default=[],
        metavar="JSON",
        help="what predict --json wrote, COCO results, or a folder of YOLO label files with "
        "scores; may be repeated",
    )
    add("--split", choices=("train", "val", "all"), help="default: val where there is one")
    add(
        "--classes",
        metavar="MAP",
        help="a VOC or COCO set's classes, and the predictions': THEIRS=OURS",
    )
    add("--conf", type=float, default=0.25, metavar="C", help="least score (%(default)s)")
    add("--port", type=int, metavar="P", help="default: 5151, or a free one")
    add(
        "--address",
        "--host",
        default=LOOPBACK[0],
        metavar="A",
        help="who may look: %(default)s is this machine alone (default)",
    )
    add("--no-open", action="store_true", help="don't open a browser")
    add("--name", help="of the data set in FiftyOne (default: from DIR and --split)")
    add("--export", type=Path, metavar="OUT", help="write what was tagged or fixed as a YOLO set")
    add("--tag", help="with --export: only pictures with this tag, or with a box with it")
    add("--whole", action="store_true", help="with --export: every picture of the set")


def run(args: argparse.Namespace) -> int:
    """Browse until Ctrl-C, or export; 0 unless an error is raised."""
    from data.formats import parse_classes

    if args.export is None and (args.tag or args.whole):
        raise UsageError("--tag and --whole say what to write; name a folder with --export OUT")
    if not 0 <= args.conf <= 1:
        raise UsageError(f"expected --conf from 0 to 1, but got {args.conf}")
    if args.port is not None and not 0 < args.port < 65536:
        raise UsageError(f"expected --port from 1 to 65535, but got {args.port}")
    classes = parse_classes(args.classes or "")
    return _browse(args, classes) if args.export is None else _export(args, classes)


def _browse(args: argparse.Namespace, classes: Mapping[str, str]) -> int:
    _check_address(args.address)
    from eval.browse.dataset import dataset_name, open_dataset, update_dataset
    from eval.browse.locks import locked
    from eval.browse.material import load_material
    from eval.browse.mongod import browse_folder
    from eval.browse.session import choose_port, serving, start_fiftyone
    from eval.browse.views import mistakes_name, save_views

    port = choose_port(args.address, args.port)
    material = load_material(args.dir, args.split, classes)
    _warn(f"{len(material.faults)} picture(s) left out, the first: ", material.faults)
    models = _load_models(args, material, classes)
    _tell(f"{len(material.pictures)} pictures; starting FiftyOne")
    folder = browse_folder()
    fo = start_fiftyone(folder)
    name = args.name or dataset_name(args.dir, args.split)
    with serving(fo, args.address, port, folder / "app.log") as show:
        with locked(folder / "update.lock", seconds=900):
            dataset, note = open_dataset(fo, name, args.dir)
            _warn("", [note] if note else [])
            update = update_dataset(fo, dataset, material.pictures, models)
            if update.runs:
                save_views(dataset, [run.model for run in update.runs])
        _report(name, update)
        show(dataset, mistakes_name(models[0].name))
        url = f"http://{args.address}:{port}"
        try:  # from the moment that the address can be read, Ctrl-C is a good end
            print(f"{name}: mistakes of {models[0].name} at {url} (Ctrl-C ends)", flush=True)
            if not args.no_open:
                webbrowser.open(url)
            _wait(dataset, update)
        except KeyboardInterrupt:
            print(file=sys.stderr)
        return 0


def _check_address(address: str) -> None:
    if address not in LOOPBACK:
        _warn(
            "",
            [
                f"at {address} whoever reaches this machine can see the pictures, change the "
                "labels and read your files: FiftyOne asks for no password"
            ],
        )


def _export(args: argparse.Namespace, classes: Mapping[str, str]) -> int:
    from data.writer import require_new
    from eval.browse.export import collect_fixes, export, our_datasets
    from eval.browse.material import load_material
    from eval.browse.mongod import browse_folder
    from eval.browse.session import start_fiftyone

    require_new(args.export)
    material = load_material(args.dir, "all", classes)
    fo = start_fiftyone(browse_folder())
    fixes = collect_fixes(our_datasets(fo, args.dir, args.name), material, args.tag)
    result = export(args.export, args.dir, material, fixes, whole=args.whole)
    sides = [record.split for record in result.records]
    print(
        f"{args.export}: {len(sides)} pictures ({sides.count('train')} train, "
        f"{sides.count('val')} val), the labels of {result.corrected} corrected"
    )
    if result.divided:
        _tell("divided anew into train and val: training needs both")
    return 0


def _wait(dataset: Any, update: "Update") -> None:
    """Until Ctrl-C, which is how this ends; curves for the App's panel when that has settled."""
    from eval.browse.evaluation import add_curves

    end = threading.Event()
    end.wait(SETTLE_SECONDS)
    for run in update.runs:
        add_curves(dataset, run)
    end.wait()


def _load_models(
    args: argparse.Namespace, material: "Material", classes: Mapping[str, str]
) -> list["Model"]:
    from eval.browse.models import from_json, from_weights, name_models
    from eval.browse.mongod import browse_folder
    from eval.foreign import read_coco_names
    from eval.sets import guess_format
    from weights.registry import default_weights, find_weights

    weights = [find_weights(path) for path in args.weights]
    if not weights and not args.predictions:
        weights = [default_weights()]
    names = name_models([*weights, *args.predictions])
    models = []
    with ProgressLine() as line:
        for name, file in zip(names, weights, strict=False):
            cache = browse_folder() / "predictions"
            models.append(
                from_weights(
                    name, file, material.pictures, conf=args.conf, cache=cache, progress=line
                )
            )
    foreign = guess_format(args.dir) == "coco" and bool(args.predictions)
    called = read_coco_names(args.dir, args.split or "val") if foreign else None
    for name, file in zip(names[len(weights) :], args.predictions, strict=True):
        models.append(from_json(name, file, material, args.conf, classes=classes, names=called))
    for model in models:
        for note in model.notes:
            _warn("", [note])
    return models


def _report(name: str, update: "Update") -> None:
    if not update.runs:
        _tell(f"{name}: nothing has changed since the last start")
        return
    _tell(
        f"{name}: {update.added} pictures added, {update.changed} changed, {update.removed} removed"
    )
    _warn("", update.notes[:3])


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _warn(lead: str, lines: Sequence[str]) -> None:
    if lines:
        for line in lines if not lead else lines[:1]:
            _tell(f"maskwatch: warning: {lead}{line}")
