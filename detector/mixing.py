"""Further sets mixed into training: real photographs, labelled by hand or by `maskwatch label`."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.dataset import Sample, find_samples, parse_line
from data.exceptions import AnnotationError, DatasetError, UsageError
from data.labels import Label


@dataclass(frozen=True)
class Extra:
    """Training pictures of another set, mixed with those of the first.

    Attributes:
        root: the set's folder; the pictures of its `train` split are taken, all of them where it
            has no splits.
        count: so many of them alone, drawn by `seed`; fewer ones are among more. None for all.
        repeat: how often an epoch shows each.
        rare: how many times as often it shows those with a mask worn wrongly, the rare class of
            photographs (repeat factors: Gupta et al. 2019, "LVIS", CVPR).
        exclude: names of pictures that are never taken, such as twins of pictures to be tested on.
        seed: of the draw.

    Raises:
        UsageError: at birth, if a number makes no sense.
    """

    root: Path
    count: int | None = None
    repeat: int = 1
    exclude: frozenset[str] = frozenset()
    seed: int = 0
    rare: int = 1

    def __post_init__(self) -> None:
        for option, value in (("repeat", self.repeat), ("rare", self.rare)):
            if value < 1:
                raise UsageError(f"expected --real-{option} of 1 or more, but got {value}")
        if self.count is not None and self.count < 1:
            raise UsageError(f"expected --real-count of 1 or more, but got {self.count}")


def choose_samples(extra: Extra) -> list[Sample]:
    """The pictures of an extra set that are trained on, each once, in the order of their names.

    Raises:
        DatasetError: if the folder is no set, lacks labels, or holds fewer than `count`.
        AnnotationError: if a label file is broken or of other classes.
    """
    samples = find_samples(extra.root)
    if any(sample.split for sample in samples):
        samples = find_samples(extra.root, "train")
    kept = (s for s in samples if s.image.name not in extra.exclude)
    samples = sorted(kept, key=lambda s: s.image.name)
    if extra.count is not None:
        samples = draw_samples(samples, extra.count, extra.seed, extra.root)
    if not any(sample.label.is_file() for sample in samples):
        raise DatasetError(
            f"{extra.root}: expected labels beside the pictures, but found none; "
            "label them, or let the detector do it with: maskwatch label"
        )
    for sample in samples:
        _check(sample)
    return samples


def draw_samples(samples: Sequence[Sample], count: int, seed: int, root: Path) -> list[Sample]:
    """`count` pictures at random, in the order of their names; fewer ones are among more.

    Raises:
        DatasetError: if there are fewer; `root` is for the message.
    """
    if count > len(samples):
        raise DatasetError(
            f"{root}: expected at least {count} training pictures, but got {len(samples)}; "
            "ask for fewer"
        )
    shuffled = sorted(samples, key=lambda s: s.image.name)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - no secret
    return sorted(shuffled[:count], key=lambda s: s.image.name)


def _check(sample: Sample) -> None:
    """Refuse what ultralytics would skip or look for elsewhere without a word."""
    if not sample.image.is_file():
        raise DatasetError(f"{sample.image}: expected a picture, but there is none")
    parts = list(sample.image.resolve().parts)
    if "images" not in parts:
        raise DatasetError(
            f"{sample.image}: expected pictures in a folder images/; bring the set into our "
            "layout with: maskwatch convert"
        )
    parts[-1 - parts[::-1].index("images")] = "labels"
    label = Path(*parts).with_suffix(".txt")
    if label != sample.label.resolve():
        raise DatasetError(f"{sample.image}: expected its labels at {label}; rename the folders")
    if label.is_file():
        _read_classes(label)


def _read_classes(label: Path) -> set[float]:
    """The class ids in a label file, each line of which is checked."""
    try:
        lines = label.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{label}: expected text, but got bytes that aren't UTF-8") from error
    numbered = enumerate(lines, start=1)
    return {parse_line(line, f"{label}:{n}")[0] for n, line in numbered if line.strip()}


def mixed_list(data: Path, extras: Sequence[Extra], count: int | None = None) -> str:
    """The list of training pictures that ultralytics reads: a path a line, repeats included.

    Args:
        data: the first set; its `train` split is taken.
        extras: what is mixed in.
        count: so many pictures of the first set alone, drawn as Extra draws; None for all.

    Raises:
        DatasetError, AnnotationError: as choose_samples; if a set is mixed with itself.
    """
    own = find_samples(data, "train")
    if count is not None:
        own = draw_samples(own, count, 0, data)
    lines = [str(s.image.resolve()) for s in own]
    for extra in extras:
        if extra.root.resolve() == data.resolve():
            raise DatasetError(f"{extra.root}: expected another set to mix in, but got the same")
        for sample in choose_samples(extra):
            often = extra.rare if extra.rare > 1 and _has_rare(sample) else 1
            lines += [str(sample.image.resolve())] * (extra.repeat * often)
    return "".join(f"{line}\n" for line in lines)


def _has_rare(sample: Sample) -> bool:
    """Whether a picture is labelled with a mask worn wrongly."""
    return sample.label.is_file() and Label.INCORRECT in _read_classes(sample.label)


def fingerprint_of_extras(extras: Sequence[Extra]) -> str:
    """64 hex digits that change with the pictures chosen, their sizes, labels or repeats; "" for
    no extras."""
    if not extras:
        return ""
    value = hashlib.sha256()
    for extra in extras:
        often = str(extra.repeat) if extra.rare == 1 else f"{extra.repeat} {extra.rare}"
        value.update(f"{often}\n".encode())
        for sample in choose_samples(extra):
            value.update(f"{sample.image.name} {sample.image.stat().st_size}\n".encode())
            if sample.label.is_file():
                value.update(sample.label.read_bytes())
    return value.hexdigest()


def extra_to_json(extra: Extra) -> dict[str, Any]:
    """As `run.json` keeps it."""
    return {
        "root": str(extra.root.resolve()),
        "count": extra.count,
        "repeat": extra.repeat,
        "exclude": sorted(extra.exclude),
        "seed": extra.seed,
        "rare": extra.rare,
    }


def json_to_extra(value: dict[str, Any]) -> Extra:
    """The inverse of extra_to_json."""
    return Extra(
        Path(value["root"]),
        value["count"],
        value["repeat"],
        frozenset(value["exclude"]),
        value["seed"],
        value.get("rare", 1),  # trainings begun before there was one can still be resumed
    )
