"""What will be drawn: which photos, how often, in which split, with which seed."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.boxes import clip_xyxy
from data.exceptions import NoFacesError
from data.splits import identity_to_split
from synth.faces import Face
from synth.recipe import Recipe
from synth.sources import Photo

# Photos with more faces show more in one picture; beyond this many they count alike.
_MOST_FACES = 6
# A portrait: one face, on a photo not larger than this; several of them fill one picture.
_PORTRAIT_SIDE = 400
_PORTRAIT_FACE = 16  # px of the face's shorter side, what there is of it on the photo
_MOST_PEOPLE = 28  # in a crowd: each costs the time of a portrait
_TURNED = 30.0  # degrees of yaw; Recipe.turned
_GRIDS = ((1, 2), (2, 2), (2, 3), (3, 3), (3, 4), (4, 5), (5, 6))


@dataclass(frozen=True)
class Job:
    """One picture to draw; carries all it needs, so that any process on any machine can.

    Attributes:
        name: file name without suffix.
        split: "train" or "val".
        seed: of everything random in it.
        photos: the photo, or the portraits of a gallery, row by row.
        grid: rows and columns of a gallery, (1, 1) for one photo.
        kind: how they are arranged: "photo", "gallery", "crowd", or "negative" (without faces).
    """

    name: str
    split: str
    seed: int
    photos: tuple[Photo, ...]
    grid: tuple[int, int] = (1, 1)
    kind: str = "photo"


def picture_seed(seed: int, digest: str, variant: int) -> int:
    """Seed of one picture: 63 bits of a hash of what makes it, so that it doesn't depend on the
    other pictures, their order or the number of workers."""
    content = hashlib.sha256(f"{seed}:{digest}:{variant}".encode()).digest()
    return int.from_bytes(content[:8]) >> 1


def make_plan(
    photos: Sequence[Photo],
    count: int,
    seed: int,
    val_fraction: float,
    recipe: Recipe | None = None,
) -> list[Job]:
    """All jobs of iterate_plan at once."""
    return list(iterate_plan(photos, count, seed, val_fraction, recipe))


def iterate_plan(
    photos: Sequence[Photo],
    count: int,
    seed: int,
    val_fraction: float,
    recipe: Recipe | None = None,
) -> Iterator[Job]:
    """`count` jobs over the photos, those with more faces more often; each person in one split.

    One by one, 35 us each: a million of them would take 0.4 GB.
    """
    recipe = recipe or Recipe()
    unique = {photo.digest: photo for photo in photos}
    pool = [unique[digest] for digest in sorted(unique)]
    by_split: dict[str, list[Photo]] = {"train": [], "val": []}
    for photo in pool:
        by_split[identity_to_split(photo.identity, val_fraction, seed)].append(photo)
    weights = {photo.digest: _weight(photo, recipe.turned) for photo in pool}
    portraits = {
        split: Album(tuple(p for p in own if _is_portrait(p)), weights)
        for split, own in by_split.items()
    }
    split_of = {p.digest: split for split, own in by_split.items() for p in own}
    for photo, share in zip(pool, _apportion(pool, weights, count, seed), strict=True):
        split = split_of[photo.digest]
        for variant in range(share):
            base = _base_job(photo, variant, split, seed)
            yield _arrange(base, portraits[split], recipe)


def _is_portrait(photo: Photo) -> bool:
    if len(photo.faces) != 1 or max(photo.width, photo.height) > _PORTRAIT_SIDE:
        return False
    (box,) = clip_xyxy(photo.faces[0].box[None], photo.width, photo.height)
    return bool((box[2:] - box[:2]).min() >= _PORTRAIT_FACE)


def _weight(photo: Photo, turned: float) -> float:
    """How often a photo is wanted, as against one that shows nobody turned: by what share of its
    faces are turned away."""
    if turned == 1 or not photo.faces:
        return 1.0
    return 1 + (turned - 1) * sum(map(_is_turned, photo.faces)) / len(photo.faces)


def _is_turned(face: Face) -> bool:
    try:
        return abs(face.place().angles[0]) >= _TURNED
    except NoFacesError:  # landmarks of the source on one line: told when it is drawn
        return False


class Album:
    """Portraits, to be drawn by their weights: quickly, as each crowd draws up to 28."""

    def __init__(self, photos: Sequence[Photo], weights: Mapping[str, float]) -> None:
        self.photos = photos
        self._ends = np.cumsum([weights[photo.digest] for photo in photos])

    def __len__(self) -> int:
        return len(self.photos)

    def draw(self, rng: np.random.Generator, count: int) -> list[Photo]:
        """`count` of them, some perhaps twice."""
        if not self.photos:
            return []
        at = rng.random(count) * self._ends[-1]
        return [self.photos[i] for i in np.searchsorted(self._ends, at, side="right")]


def _apportion(
    photos: Sequence[Photo], weights: Mapping[str, float], count: int, seed: int
) -> list[int]:
    """How many pictures each photo gives: systematic sampling (Madow & Madow 1944), which keeps
    every photo within one picture of its exact share, also where there are fewer pictures than
    photos."""
    rng = np.random.default_rng(seed)
    faces = np.array([min(len(p.faces), _MOST_FACES) for p in photos], dtype=np.float64)
    wanted = faces**0.5 * [weights[photo.digest] for photo in photos]
    order = rng.permutation(len(photos))
    ends = np.cumsum(wanted[order]) / wanted.sum() * count
    ends[-1] = count
    picked = np.floor(ends - rng.random() + 1)
    shares = np.zeros(len(photos), dtype=np.int64)
    shares[order] = np.diff(picked, prepend=0.0).astype(np.int64)
    return [int(s) for s in shares]


def _base_job(photo: Photo, variant: int, split: str, seed: int) -> Job:
    """The photo alone."""
    # Only letters, digits and signs that no shell minds; file systems hold names of 255 bytes, up
    # to four of them a character.
    stem = re.sub(r"[^\w.-]+", "_", photo.path.stem)[:58].lstrip(".") or "photo"
    name = f"{stem}-{photo.digest[:8]}-{variant:04d}"
    return Job(name, split, picture_seed(seed, photo.digest, variant), (photo,))


def _arrange(job: Job, portraits: Album, recipe: Recipe) -> Job:
    """The job with its kind, and the portraits that join it, by the recipe."""
    rng = np.random.default_rng([job.seed, 1])
    kind = rng.random()
    if kind < recipe.negatives:
        return replace(job, kind="negative")
    if kind < recipe.negatives + recipe.crowds and len(portraits) > 1:
        return _crowd(job, portraits, rng)
    if not _is_portrait(job.photos[0]) or len(portraits) < 2 or rng.random() > recipe.galleries:
        return job
    fitting = [g for g in _GRIDS if g[0] * g[1] <= 2 * len(portraits)]
    grid = fitting[int(rng.integers(len(fitting)))] if fitting else (1, 2)
    photos = (*job.photos, *portraits.draw(rng, grid[0] * grid[1] - 1))
    return replace(job, photos=photos, grid=grid, kind="gallery")


def _crowd(job: Job, portraits: Album, rng: np.random.Generator) -> Job:
    """Portraits of different persons before the first photo, whose own faces don't show."""
    most = min(len(portraits), _MOST_PEOPLE)
    people = int(np.exp(rng.uniform(np.log(2), np.log(most + 1))))
    several = {photo.digest: photo for photo in portraits.draw(rng, 2 * people)}
    drawn = list(several.values())[:people]
    first = job.photos[0].identity
    others = [photo for photo in drawn if photo.identity != first] or drawn[:1]
    return replace(job, photos=(*job.photos, *others), kind="crowd")
