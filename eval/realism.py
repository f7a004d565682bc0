"""How real masks of a generated set look beside those of real photographs, as figures.

    python -m eval.realism SYNTHETIC_SET REAL_SET [REAL_SET ...] [--json FILE] [--sheet PNG]

Faces of equal class and like height are cut out of both and told apart: by a small net on the
crops, by logistic regression on the shipped detector's features (.5 is perfect for both), and by
KID on the same features (0 is perfect). Photographs differ by camera, encoder and people too, so
bare faces of both sources, which nothing was drawn on, are told apart in the same way: what is
above that control is the masks' own share.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.exceptions import MaskwatchError
from data.files import digest, write_json
from data.images import Image, write_image
from data.labels import CLASS_NAMES, Label
from eval.bootstrap import interval
from eval.crops import Crop, check_enough, collect_crops, default_split, match_heights
from eval.features import Extractor
from eval.kid import Kid, kid
from eval.report import Table, format_interval, table_to_text
from eval.two_sample import Told, conv_learner, linear_learner, tell_apart
from weights.registry import find_weights

log = logging.getLogger(__name__)

COUNT = 400
LEAST = 40  # pairs; fewer say nothing
_REAL, _SYNTHETIC = 0, 1


@dataclass(frozen=True, eq=False)
class Comparison:
    """Real and synthetic faces of one class.

    Attributes:
        label: the class.
        real, synthetic: equally many crops of like heights.
        conv, linear: told apart by the net and by features.
        kid: between the features.
    """

    label: Label
    real: list[Crop]
    synthetic: list[Crop]
    conv: Told
    linear: Told
    kid: Kid


def compare(
    real: Sequence[Crop],
    synthetic: Sequence[Crop],
    label: Label,
    extract: Extractor,
    *,
    seed: int = 0,
    count: int = COUNT,
) -> Comparison:
    """Tell real from synthetic faces of one class, `count` pairs at most.

    Raises:
        DatasetError: if fewer than 40 pairs of like height are found.
    """
    rng = np.random.default_rng([seed, int(label)])
    # The scarcer side is matched first, so that all of it can be used.
    first, second = match_heights(
        [c for c in real if c.label == label],
        [c for c in synthetic if c.label == label],
        count,
        rng,
    )
    check_enough(first, LEAST, CLASS_NAMES[label])
    crops = [*first, *second]
    images = np.stack([crop.image for crop in crops])
    labels = np.repeat([_REAL, _SYNTHETIC], len(first))
    groups = [crop.group for crop in crops]
    features = extract([crop.image for crop in crops])
    conv = tell_apart(images, labels, groups, conv_learner, rng)
    linear = tell_apart(features, labels, groups, linear_learner, rng)
    distance = kid(features[labels == _REAL], features[labels == _SYNTHETIC], rng)
    return Comparison(label, first, second, conv, linear, distance)


def own_share(masked: Told, bare: Told) -> tuple[float, tuple[float, float] | None]:
    """Accuracy on masked faces above that on bare ones, with its 95 % interval: what the masks add
    to what tells the photographs apart."""
    return masked.accuracy - bare.accuracy, interval(masked.rounds - bare.rounds)


def measure(
    synthetic: Path, real: Sequence[Path], weights: Path, seed: int = 0, count: int = COUNT
) -> dict[str, Comparison]:
    """Comparisons by class name: with_mask and without_mask, and incorrect where there are enough.

    Raises:
        DatasetError: if a set can't be read or has too few masked or bare faces.
        WeightsError, MissingExtraError: as Extractor and the net.
    """
    extract = Extractor(weights)
    rng = np.random.default_rng(seed)
    real_crops = [c for root in real for c in collect_crops(root, rng, default_split(root))]
    drawn_crops = collect_crops(synthetic, rng)
    done = {}
    for label in (Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT):
        if label == Label.INCORRECT and min(_count(real_crops), _count(drawn_crops)) < LEAST:
            log.info("incorrect is left out: fewer than %d faces on a side", LEAST)
            continue
        log.info("telling %s apart", CLASS_NAMES[label])
        done[CLASS_NAMES[label]] = compare(
            real_crops, drawn_crops, label, extract, seed=seed, count=count
        )
    return done


def _count(crops: Sequence[Crop], label: Label = Label.INCORRECT) -> int:
    return sum(crop.label == label for crop in crops)


def to_table(done: dict[str, Comparison]) -> Table:
    """A row for each class, and one for the masks' own share."""
    header = ("faces", "pairs", "net", "95 %", "features", "95 %", "KID x 1000", "s.d.")
    rows = [
        (
            name,
            str(len(c.real)),
            f"{c.conv.accuracy:.3f}",
            format_interval(c.conv.interval),
            f"{c.linear.accuracy:.3f}",
            format_interval(c.linear.interval),
            f"{1000 * c.kid.mean:.1f}",
            f"{1000 * c.kid.sd:.1f}",
        )
        for name, c in done.items()
    ]
    masked, bare = done["with_mask"], done["without_mask"]
    shares = [own_share(masked.conv, bare.conv), own_share(masked.linear, bare.linear)]
    cells = [text for share, span in shares for text in (f"{share:+.3f}", format_interval(span))]
    more = f"{1000 * (masked.kid.mean - bare.kid.mean):+.1f}"
    return Table(header, (*rows, ("masks' own share", "", *cells, more, "")))


def to_json(done: dict[str, Comparison], head: dict[str, Any]) -> dict[str, Any]:
    """Everything as JSON: `head`, then a key for each class, then `own_share`."""
    masked, bare = done["with_mask"], done["without_mask"]
    shares = {
        kind: dict(zip(("accuracy", "interval"), own_share(a, b), strict=True))
        for kind, a, b in (
            ("net", masked.conv, bare.conv),
            ("features", masked.linear, bare.linear),
        )
    }
    classes = {
        name: {
            "pairs": len(c.real),
            "median_height": float(np.median([crop.height for crop in c.real])),
            "net": {"accuracy": c.conv.accuracy, "interval": c.conv.interval},
            "features": {"accuracy": c.linear.accuracy, "interval": c.linear.interval},
            "kid": {"mean": c.kid.mean, "sd": c.kid.sd},
        }
        for name, c in done.items()
    }
    return {**head, "classes": classes, "own_share": shares}


def draw_sheet(comparison: Comparison, rows: int = 4, columns: int = 16) -> Image:
    """Crops to look at: real ones, then synthetic ones from the least to the most betrayed."""
    half = len(comparison.real)
    order = half + np.argsort(comparison.conv.scores[half:], kind="stable")
    crops = [*comparison.real, *comparison.synthetic]
    picked = [np.arange(half)[: rows * columns], order[: rows * columns], order[-rows * columns :]]
    blocks = [_grid([crops[k].image for k in part], rows, columns) for part in picked]
    gap = np.full((8, blocks[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([blocks[0], gap, blocks[1], gap, blocks[2]])


def _grid(images: Sequence[Image], rows: int, columns: int) -> Image:
    height, width = images[0].shape[:2]
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for k, image in enumerate(images[: rows * columns]):
        y, x = (k // columns) * height, (k % columns) * width
        sheet[y : y + height, x : x + width] = image
    return sheet


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.realism",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("synthetic", type=Path, metavar="SYNTHETIC_SET", help="a generated set")
    add("real", type=Path, nargs="+", metavar="REAL_SET", help="its train split, where it has one")
    add("--count", type=int, default=COUNT, help="most pairs a class (default %(default)s)")
    add("--seed", type=int, default=0, help="of choice, folds and net (default %(default)s)")
    add("--weights", type=Path, metavar="ONNX", help="whose features (the shipped detector's)")
    add("--json", type=Path, metavar="FILE", help="write every figure")
    add("--sheet", type=Path, metavar="PNG", help="draw masked crops: real, then synthetic ones")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 0 if it went well, 1 on an error."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        weights = find_weights(args.weights)
        done = measure(args.synthetic, args.real, weights, args.seed, args.count)
        head = {
            "synthetic": str(args.synthetic),
            "real": [str(root) for root in args.real],
            "weights": digest(weights)[:12],
            "seed": args.seed,
        }
        if args.json:
            write_json(args.json, to_json(done, head))
        if args.sheet:
            write_image(args.sheet, draw_sheet(done["with_mask"]))
    except (MaskwatchError, OSError) as error:
        log.critical("%s", error)
        return 1
    sys.stdout.write(
        f"{table_to_text(to_table(done))}\nfeatures of {weights.name} "
        f"{head['weights']}; .5 and 0 are perfect\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
