"""`maskwatch train`: train a detector on a data set and export it."""

import argparse
from dataclasses import replace
from pathlib import Path

from data.exceptions import UsageError
from detector.config import PRESETS, TrainConfig
from detector.mixing import Extra
from detector.train import pick_device, train
from eval.twophase.train import ClassifierConfig, train_classifier

TWO_PHASE = ClassifierConfig()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch train`."""
    default = TrainConfig()
    add = parser.add_argument
    add("data", type=Path, metavar="DIR", help="data set: data.yaml, images/, labels/")
    add(
        "--two-phase",
        action="store_true",
        help="train the rival's classifier instead: MobileNetV2 on crops of the faces; --init "
        "imagenet, random or a .pth file of torchvision's mobilenet_v2, --count N faces, "
        f"--imgsz PX of a crop (defaults: {TWO_PHASE.epochs} epochs, {TWO_PHASE.crops} faces, "
        f"{TWO_PHASE.imgsz} px; ImageNet weights where torchvision can have them)",
    )
    presets = "; ".join(f"{name}: {preset.summary}" for name, preset in PRESETS.items())
    add("--preset", choices=PRESETS, default="nano", help=f"{presets} (default: %(default)s)")
    add(
        "--init",
        metavar="FILE",
        help="start weights: a checkpoint, an ONNX file of ours or the name of a shipped one "
        "(maskwatch-n, to go on from), a name that is downloaded, or a model's .yaml to "
        f"start from nothing (default: the preset's, {PRESETS['nano'].init})",
    )
    add(
        "--teacher",
        action="append",
        default=[],
        metavar="FILE",
        help="learn the answers of this mask detector beside the labels, half and half: a larger "
        "one teaches a smaller one (maskwatch-s, an ONNX file of ours or a checkpoint); may be "
        "given several times, then the mean of their answers is learnt",
    )
    add(
        "--teacher-classes",
        action="store_true",
        help="learn the teacher's classes alone, boxes from the labels: sets differ in what a "
        "face's box is, and a teacher keeps to that of its own",
    )
    add(
        "--teacher-mirrored",
        action="store_true",
        help="ask each teacher about the mirror image, too, and learn the mean: what it isn't sure "
        "of counts less; twice its time",
    )
    add("--count", type=int, metavar="N", help="train on N pictures of DIR alone (all)")
    add(
        "--real",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="mix in the training pictures of this set, too: real photographs, labelled by hand "
        "or by `maskwatch label`; may be given several times",
    )
    add("--real-count", type=int, metavar="N", help="so many pictures of each --real (all)")
    add(
        "--real-repeat",
        type=_repeats,
        default=(1,),
        metavar="R[,R...]",
        help="show each R times an epoch; one number, or one for every --real in turn (1)",
    )
    add(
        "--real-rare",
        type=_repeats,
        default=(1,),
        metavar="R[,R...]",
        help="show those with a mask worn wrongly R times as often as that; alike (1)",
    )
    add(
        "--real-exclude",
        type=Path,
        metavar="FILE",
        help="names of pictures of --real that are never taken, one a line: twins of those to be "
        "tested on",
    )
    add("--epochs", type=int, metavar="N", help=f"default: {default.epochs}")
    add(
        "--imgsz",
        type=int,
        default=0,
        metavar="PX",
        help="default: 416 on a CPU, 640 on a GPU or with --crop",
    )
    add(
        "--crop",
        type=int,
        default=default.crop,
        metavar="PX",
        help="train on windows of this size out of pictures at --imgsz: at the scale of "
        "prediction, as fast as with --imgsz PX (default: whole pictures)",
    )
    add("--batch", type=int, default=0, metavar="B", help="default: 16 on a CPU, 32 on a GPU")
    add(
        "--nbs",
        type=int,
        default=default.nbs,
        metavar="B",
        help="pictures between two steps of the optimiser, whose gradients are summed up; fewer "
        "make more of a short run (default: %(default)s)",
    )
    add(
        "--lr0",
        type=float,
        metavar="L",
        help="highest learning rate; about half of the default to go on from trained weights "
        f"(default: the preset's, {PRESETS['nano'].lr0})",
    )
    add(
        "--bfloat16",
        action="store_true",
        help="do convolutions in 16 bits, on a CPU with instructions for them (AVX512-BF16, AMX): "
        "1.2 to 1.4 times as fast; GPUs do so by themselves",
    )
    add(
        "--freeze-bn",
        action="store_true",
        help="keep the statistics of all normalisations: to go on from trained weights, faster on "
        "a CPU (bench train)",
    )
    add(
        "--one-head",
        action="store_true",
        help="train the head that is exported alone, not YOLO26's end-to-end one beside it",
    )
    add("--device", metavar="D", help="cpu, 0, 0,1, mps; default: a GPU if there is one")
    add(
        "--resume",
        action="store_true",
        help="go on with the interrupted run in --out, with its numbers",
    )
    add("--out", type=Path, default=Path("runs/train"), metavar="DIR", help="default: %(default)s")
    add("--seed", type=int, default=default.seed, metavar="S", help="default: %(default)s")
    add(
        "--workers",
        type=int,
        default=default.workers,
        metavar="W",
        help="loading processes on a GPU (default: %(default)s)",
    )
    add(
        "--patience",
        type=int,
        default=default.patience,
        metavar="N",
        help="stop after N epochs without a better score (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Train and say where the results are."""
    if args.two_phase:
        return _run_two_phase(args)
    preset = PRESETS[args.preset]
    if args.count is not None and args.count < 1:
        raise UsageError(f"expected --count of 1 or more, but got {args.count}")
    for option in ("teacher_classes", "teacher_mirrored"):
        if getattr(args, option) and not args.teacher:
            name = option.replace("_", "-")
            raise UsageError(f"expected --teacher FILE with --{name}, but got none")
    config = TrainConfig(
        epochs=TrainConfig.epochs if args.epochs is None else args.epochs,
        imgsz=args.imgsz,
        crop=args.crop,
        batch=args.batch or (preset.batch if pick_device(args.device) == "cpu" else 0),
        nbs=args.nbs,
        lr0=preset.lr0 if args.lr0 is None else args.lr0,
        bfloat16=args.bfloat16,
        freeze_bn=args.freeze_bn,
        one_head=args.one_head,
        teacher_boxes=not args.teacher_classes,
        teacher_mirrored=args.teacher_mirrored,
        seed=args.seed,
        workers=args.workers,
        patience=args.patience,
    )
    result = train(
        args.data,
        args.out,
        config,
        init=args.init or preset.init,
        teachers=args.teacher,
        extras=_extras(args),
        count=args.count,
        device=args.device,
        resume=args.resume,
    )
    print(f"weights: {result.onnx}")
    print(f"card:    {result.card}")
    print(f"curves:  {result.curves}")
    print(f"next:    maskwatch eval {args.data} --weights {result.onnx}")
    return 0


def _run_two_phase(args: argparse.Namespace) -> int:
    """Train the classifier and say where the results are."""
    ours = args.real or args.crop or args.freeze_bn or args.one_head or args.teacher
    if ours or args.preset != "nano":
        raise UsageError(
            "--real, --crop, --freeze-bn, --one-head, --teacher, --preset have no effect on "
            "--two-phase; leave them out"
        )
    given = {
        "epochs": args.epochs,
        "imgsz": args.imgsz or None,
        "batch": args.batch or None,
        "lr0": args.lr0,
        "crops": args.count,
        "start": args.init,
        "seed": args.seed,
    }
    config = replace(TWO_PHASE, **{k: v for k, v in given.items() if v is not None})
    result = train_classifier(args.data, args.out, config, device=args.device, resume=args.resume)
    print(f"classifier: {result.onnx}")
    print(f"card:       {result.card}")
    print(f"curves:     {result.curves}")
    print(f"next:       maskwatch compare {args.data} --two-phase {result.onnx}")
    return 0


def _extras(args: argparse.Namespace) -> list[Extra]:
    """The sets of --real, each by the same rules."""
    if not args.real:
        for option in ("count", "exclude"):
            if getattr(args, f"real_{option}") is not None:
                raise UsageError(f"expected --real DIR with --real-{option}, but got none")
    repeats = _for_each(args.real_repeat, "repeat", len(args.real))
    rares = _for_each(args.real_rare, "rare", len(args.real))
    excluded = _read_names(args.real_exclude) if args.real_exclude else frozenset()
    return [
        Extra(root, args.real_count, repeat, excluded, args.seed, rare)
        for root, repeat, rare in zip(args.real, repeats, rares, strict=True)
    ]


def _for_each(values: tuple[int, ...], option: str, count: int) -> tuple[int, ...]:
    """One number for every --real."""
    values = values * count if len(values) == 1 else values
    if len(values) != count:
        raise UsageError(
            f"expected --real-{option} with one number or {count}, one for each --real, "
            f"but got {len(values)}"
        )
    return values


def _repeats(text: str) -> tuple[int, ...]:
    """Whole numbers from "2" or "1,4,4"."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        problem = f"expected whole numbers such as 2 or 1,4,4, but got {text!r}"
        raise argparse.ArgumentTypeError(problem) from None


def _read_names(path: Path) -> frozenset[str]:
    """Names of files, one a line; folders before them don't count.

    Raises:
        UsageError: if the list can't be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected a list of names, but {error}") from error
    return frozenset(Path(line.strip()).name for line in lines if line.strip())
