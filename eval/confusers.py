"""What is no mask, and was called one: `python -m eval.confusers SOURCE... [--weights FILE]`.

SOURCE is

- a set made by `maskwatch synth` (with a recipe of `instead = 1` and bare faces alone, nearly every
  face has a hand, a scarf, a cup ... before it): counted are its bare faces with such a thing;
- or a folder of photographs in which nobody wears a mask, apart from those named by --masked:
  counted are pictures, each as its worst box, since nothing says where the faces are.

Intervals are Wilson's (1927) for shares, which hold at few and at no cases.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from data.exceptions import MaskwatchError, NoFacesError
from data.images import find_images, read_image
from data.labels import Label
from data.manifest import MANIFEST
from detector.farm import Settings
from detector.runtime import Detector
from eval.confusion import match_picture
from eval.loading import BATCH, load_with_detector
from eval.matching import Pair
from eval.report import Table, table_to_text
from eval.sets import open_set
from eval.view_sizes import add_sizes_option, pick_sizes
from synth.occlusion.choice import INSTEAD

CONF = 0.25  # the default threshold of `predict` and `video`
PICTURES = "pictures"
EVERY = "all"


@dataclass
class Count:
    """Bare faces (or pictures of them) with one thing, and as what they were found."""

    bare: int = 0
    with_mask: int = 0
    incorrect: int = 0
    missed: int = 0

    def add(self, said: int | None) -> None:
        """One more, found as class `said`; None for not at all."""
        self.bare += 1
        self.with_mask += said == Label.WITH_MASK
        self.incorrect += said == Label.INCORRECT
        self.missed += said is None


def wilson(part: int, whole: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927).

    >>> [round(v, 3) for v in wilson(2, 39)]
    [0.014, 0.169]
    """
    z = 1.959964
    centre = (part + z * z / 2) / (whole + z * z)
    half = z / (whole + z * z) * sqrt(part * (whole - part) / whole + z * z / 4)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def count_faces(pairs: Sequence[Pair], conf: float) -> dict[str, Count]:
    """Thing before the face to its count, of the bare faces of a generated set that have one."""
    counts: dict[str, Count] = defaultdict(Count)
    for pair in pairs:
        found, taken = match_picture(pair, conf)
        said = {int(t): int(k) for k, t in zip(found.class_ids, taken, strict=True) if t >= 0}
        for face, facts in enumerate(pair.facts or ()):
            if facts.get("state") != ("bare",):
                continue
            for thing in set(facts.get("occluders", ())) & set(INSTEAD):
                counts[thing].add(said.get(face))
    return dict(counts)


def count_pictures(images: Iterable[Path], detector: Detector, conf: float) -> Count:
    """Pictures in which nobody wears a mask, each as its worst box: `with_mask` before
    `incorrect` before `without_mask`."""
    count = Count()
    for path in images:
        said = detector.detect([read_image(path)], conf)[0].class_ids.tolist()
        order = (Label.WITH_MASK, Label.INCORRECT, Label.WITHOUT_MASK)
        count.add(next((label for label in order if label in said), None))
    return count


def count_source(
    source: Path, detector: Detector, masked: frozenset[str], conf: float = CONF
) -> dict[str, Count]:
    """Counts of a generated set or of a folder of photographs, see the module's text.

    Raises:
        DatasetError, ImageError: if something can't be read.
        NoFacesError: if nothing is left to be counted.
    """
    if not (source / MANIFEST).is_file():
        images = [path for path in find_images([source]) if path.name not in masked]
        counts = {PICTURES: count_pictures(images, detector, conf)}
    else:
        labelled = open_set(source, "all", {})
        loaded = load_with_detector(
            labelled.chosen, lambda pictures: detector.detect(pictures, conf), labelled.records
        )
        counts = count_faces(loaded.pairs, conf)
    if not sum(count.bare for count in counts.values()):
        raise NoFacesError(
            f"{source}: expected bare faces with things before them, but found none; "
            "draw them with a recipe of instead = 1 and [mix] without_mask = 1"
        )
    return counts


def to_table(counts: dict[str, Count]) -> Table:
    """A row a thing, those most often called masks first, after all of them together."""
    every = Count(
        *(
            sum(getattr(count, name) for count in counts.values())
            for name in ("bare", "with_mask", "incorrect", "missed")
        )
    )
    rest = sorted(counts.items(), key=lambda item: (-item[1].with_mask / item[1].bare, item[0]))
    rows = [(EVERY, every), *rest] if len(counts) > 1 else rest
    return Table(
        ("bare, with", "number", "with_mask", "share", "95 %", "incorrect", "missed"),
        tuple(_to_row(name, count) for name, count in rows),
    )


def _to_row(name: str, count: Count) -> tuple[str, ...]:
    low, high = wilson(count.with_mask, count.bare)
    return (
        name,
        str(count.bare),
        str(count.with_mask),
        f"{count.with_mask / count.bare:.3f}",
        f"{low:.3f} to {high:.3f}",
        str(count.incorrect),
        str(count.missed),
    )


def _lines(args: argparse.Namespace) -> Iterator[str]:
    masked = frozenset(filter(None, args.masked.split(",")))
    for weights in args.weights or [None]:
        sizes = pick_sizes(args, ("imgsz",))
        detector = Settings(weights, args.imgsz, threads=None, batch=BATCH, sizes=sizes).load()
        for source in args.sources:
            yield f"{source}, {detector.name}"
            yield table_to_text(to_table(count_source(source, detector, masked, args.conf)))


def main() -> int:
    """Print a table for each source and each weights file."""
    parser = argparse.ArgumentParser(prog="python -m eval.confusers", description=__doc__)
    add = parser.add_argument
    add("sources", nargs="+", type=Path, metavar="SOURCE")
    add("--weights", type=Path, action="append", metavar="FILE", help="may be repeated")
    add("--masked", default="", metavar="NAME,...", help="pictures in which a mask is worn")
    add("--imgsz", type=int, metavar="PX")
    add_sizes_option(parser)
    add("--conf", type=float, default=CONF, metavar="C")
    args = parser.parse_args()
    try:
        for line in _lines(args):
            sys.stdout.write(f"{line}\n")
    except MaskwatchError as error:
        sys.stderr.write(f"confusers: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
