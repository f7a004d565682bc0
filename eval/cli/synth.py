"""`maskwatch synth`: bare faces in, labelled data set out."""

import argparse
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.exceptions import UsageError
from data.splits import IDENTITY_PATTERN
from eval.cli.progress import ProgressLine
from eval.cli.workers import add_worker_options, check_worker_options, open_workers

if TYPE_CHECKING:
    from synth.recipe import Recipe


# Files and folders beside the sources that workers read.
_READ = ("face_model", "textures", "occluders")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `maskwatch synth`."""
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="photos, folders")
    parser.add_argument("--out", type=Path, help="folder of the data set")
    parser.add_argument("--count", type=int, default=1000, help="pictures (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (default 0)")
    add_worker_options(parser, "one a core")
    parser.add_argument(
        "--faces",
        choices=("auto", "detector", "dlib", "labels"),
        default="auto",
        help="how faces are found: the source's labels always count; auto adds the detector's "
        "and dlib's, labels adds none",
    )
    parser.add_argument(
        "--face-model", type=Path, metavar="ONNX", help="a YuNet model in the detector's place"
    )
    parser.add_argument(
        "--mix",
        metavar="W,N,I",
        help="shares of with_mask, without_mask, incorrect (default 54,30,16)",
    )
    parser.add_argument(
        "--config", type=Path, metavar="TOML", help="recipe: how often each thing is shown"
    )
    parser.add_argument(
        "--textures", type=Path, metavar="DIR", help="your own pictures, printed on masks"
    )
    parser.add_argument(
        "--occluders",
        type=Path,
        metavar="DIR",
        help="your own cut-outs (with transparency) of things before faces that are no masks",
    )
    parser.add_argument(
        "--val", type=float, default=0.1, help="share of persons for validation (default .1)"
    )
    parser.add_argument(
        "--identity",
        default=IDENTITY_PATTERN,
        metavar="REGEX",
        help="its first group in a file name is the person (default: VGGFace2 and LFW names)",
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="PNG",
        help="instead of a set, draw every style and state on the largest face of one photo",
    )
    parser.add_argument(
        "--format",
        choices=("yolo", "coco", "voc"),
        default="yolo",
        help="layout of the set (default yolo, which check, train and eval read)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with a run broken off")


def run(args: argparse.Namespace) -> int:
    """Generate; say what was made and what was passed over."""
    from synth.generate import Config, generate
    from synth.search import Search

    _check(args)
    check_worker_options(args, ("sources", "out", *_READ))
    if args.sheet is not None:
        return _draw_sheet(args.sources, args.sheet, args.seed)
    config = Config(
        count=args.count,
        seed=args.seed,
        recipe=_recipe(args),
        val_fraction=args.val,
        identity_pattern=args.identity,
        search=Search(args.faces, args.face_model),
        format=args.format,
    )
    reads = [*args.sources, *(getattr(args, name) for name in _READ if getattr(args, name))]
    cores = os.cpu_count() or 1
    with open_workers(args, reads, args.out, cores) as executor, ProgressLine() as progress:
        summary = generate(
            args.sources, args.out, config, executor, resume=args.resume, progress=progress
        )
    for fault in summary.faults:
        print(f"maskwatch: passed over: {fault}", file=sys.stderr)
    counts = ", ".join(f"{n} {name}" for name, n in sorted(summary.boxes.items()))
    print(f"{args.out}: {summary.pictures} pictures, {counts}")
    print(
        f"passed over: {len(summary.faults)} unreadable photos, {summary.faceless} without a face; "
        f"blurred out: {summary.blurred} faces too small, cut or doubtful"
    )
    return 0


def _recipe(args: argparse.Namespace) -> "Recipe":
    """The recipe that file and options ask for; options win."""
    from synth.occlusion.cutouts import check_cutouts
    from synth.recipe import Recipe, read_recipe
    from synth.states import text_to_mix
    from synth.user_textures import check_textures

    recipe = Recipe() if args.config is None else read_recipe(args.config)
    if args.mix is not None:
        recipe = replace(recipe, mix=text_to_mix(args.mix))
    if args.textures is not None:
        recipe = replace(recipe, textures=check_textures(args.textures))
    if args.occluders is not None:
        recipe = replace(recipe, cutouts=check_cutouts(args.occluders))
    return recipe


def _draw_sheet(sources: list[Path], out: Path, seed: int) -> int:
    from data.images import find_images, write_image
    from synth.sheet import sheet_of

    write_image(out, sheet_of(find_images(sources)[0], seed))
    print(f"{out}: every style in every state")
    return 0


def _check(args: argparse.Namespace) -> None:
    if (args.out is None) == (args.sheet is None):
        raise UsageError("expected --out DIR for a data set, or --sheet PNG for a contact sheet")
    if args.count < 1:
        raise UsageError(f"expected --count of 1 or more, but got {args.count}")
    if args.seed < 0:
        raise UsageError(f"expected --seed of 0 or more, but got {args.seed}")
    if not 0 <= args.val < 1:
        raise UsageError(f"expected --val from 0 to below 1, but got {args.val}")
    try:
        re.compile(args.identity)
    except re.error as error:
        raise UsageError(
            f"expected --identity REGEX, but got {args.identity!r}: {error}"
        ) from error
