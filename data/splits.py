"""Splitting by person: whoever is seen in training is never seen in validation."""

import hashlib
import re
from collections.abc import Iterable

from data.exceptions import DatasetError
from data.manifest import PictureRecord

# VGGFace2 and CelebA-like "n000123_0042_01", LFW-like "First_Last_0003": the person is the part
# before the running number. One word and a number ("IMG_0001") is a camera's name, not a person.
IDENTITY_PATTERN = r"^(n\d{6})_|^([^\W\d_]+(?:[_.-]+[^\W\d_]+)+)_\d+(?:_resized)?$"


def stem_to_identity(stem: str, digest: str, pattern: str = IDENTITY_PATTERN) -> str:
    """Who is on a photo.

    The first group of `pattern` that matches its file name's stem,
    else the photo itself, by its content digest, so copies of one photo stay together.
    """
    match = re.search(pattern, stem)
    groups = [g for g in match.groups() if g] if match else []
    return groups[0] if groups else digest[:16]


def identity_to_split(identity: str, val_fraction: float, seed: int) -> str:
    """The split of a person, "train" or "val".

    Decided by a hash of the person and the seed alone, so that adding photos never moves
    anybody to the other side.
    """
    value = hashlib.sha256(f"{seed}:{identity}".encode()).digest()
    share = int.from_bytes(value[:8]) / 2**64
    return "val" if share < val_fraction else "train"


def assert_disjoint(records: Iterable[PictureRecord]) -> None:
    """Assert that no person lies in two splits.

    Raises:
        DatasetError: naming the first person that does.
    """
    for identity, splits in find_shared(records).items():
        raise DatasetError(
            f"expected each person in one split, but {identity!r} is in {' and '.join(splits)}"
        )


def find_shared(records: Iterable[PictureRecord]) -> dict[str, list[str]]:
    """Persons that lie in more than one split, and the splits, in the order they are met."""
    seen: dict[str, list[str]] = {}
    for record in records:
        for identity in {record.identity, *(face.identity for face in record.boxes)} - {""}:
            splits = seen.setdefault(identity, [])
            if record.split not in splits:
                splits.append(record.split)
    return {identity: splits for identity, splits in seen.items() if len(splits) > 1}
