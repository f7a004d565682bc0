"""The plan: how often each photo is drawn, in which split, with which seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.splits import identity_to_split
from synth.faces import Face
from synth.plan import Job, make_plan, picture_seed
from synth.recipe import Recipe
from synth.sources import Photo
from tests.heads import turned_points

FACE = Face(np.array([10.0, 10, 60, 70]))


def make_photo(number: int, faces: int = 1, side: int = 300, identity: str = "") -> Photo:
    """A photo of its own person, unless one is named."""
    digest = f"{number:08x}" * 8
    name = f"photo{number}.jpg"
    who = identity or digest[:16]
    return Photo(Path(name), name, digest, who, side, side, (FACE,) * faces, ())


@st.composite
def albums(draw: st.DrawFn) -> list[Photo]:
    """Photos of a few persons, portraits and groups."""
    rows = st.tuples(st.integers(1, 12), st.sampled_from([120, 400, 401, 2000]), st.integers(0, 9))
    return [
        make_photo(number, faces, side, f"person{who}")
        for number, (faces, side, who) in enumerate(draw(st.lists(rows, min_size=1, max_size=30)))
    ]


fractions = st.floats(0, 0.9)
seeds = st.integers(0, 2**32 - 1)


@given(albums(), st.integers(1, 200), seeds, fractions)
def test_counts_sum_to_the_count(
    photos: list[Photo], count: int, seed: int, fraction: float
) -> None:
    jobs = make_plan(photos, count, seed, fraction)
    assert len(jobs) == count
    assert len({job.name for job in jobs}) == count
    assert len({job.seed for job in jobs}) == count


@given(albums(), st.integers(1, 100), seeds, fractions)
def test_each_person_is_in_one_split(
    photos: list[Photo], count: int, seed: int, fraction: float
) -> None:
    """Those of a gallery's other portraits too."""
    splits: dict[str, set[str]] = {}
    for job in make_plan(photos, count, seed, fraction):
        for photo in job.photos:
            splits.setdefault(photo.identity, set()).add(job.split)
    for identity, found in splits.items():
        assert found == {identity_to_split(identity, fraction, seed)}


@given(albums(), st.integers(1, 60), seeds, fractions, st.randoms())
def test_order_of_the_photos_does_not_matter(
    photos: list[Photo], count: int, seed: int, fraction: float, random: object
) -> None:
    shuffled = [photos[i] for i in np.random.default_rng(seed).permutation(len(photos))]
    assert describe(make_plan(photos, count, seed, fraction)) == describe(
        make_plan(shuffled, count, seed, fraction)
    )


def describe(jobs: list[Job]) -> list[tuple[object, ...]]:
    return [(j.name, j.split, j.seed, [p.name for p in j.photos], j.grid) for j in jobs]


@given(albums(), st.integers(1, 60), seeds)
def test_galleries_and_crowds_are_of_portraits(photos: list[Photo], count: int, seed: int) -> None:
    for job in make_plan(photos, count, seed, 0.2):
        rows, columns = job.grid
        if job.kind == "crowd":
            assert len(job.photos) > 1
            joined = job.photos[1:]
        else:
            assert len(job.photos) == rows * columns
            joined = job.photos if job.kind == "gallery" else ()
        assert all(len(p.faces) == 1 for p in joined)
        assert all(max(p.width, p.height) <= 400 for p in joined)


def test_portraits_fill_galleries_of_several_sizes() -> None:
    jobs = make_plan([make_photo(n) for n in range(100)], 400, 0, 0.1)
    grids = {job.grid for job in jobs}
    assert (1, 1) in grids
    assert len(grids) >= 6


def test_every_photo_is_used_about_as_often() -> None:
    photos = [make_photo(n, side=1000) for n in range(30)]
    jobs = make_plan(photos, 100, 5, 0)
    counts = [sum(job.photos[0] is p for job in jobs) for p in photos]
    assert set(counts) == {3, 4}
    few = make_plan(photos, 7, 5, 0)
    assert len({job.photos[0].name for job in few}) == 7


def test_photos_of_more_faces_are_drawn_more_often() -> None:
    jobs = make_plan([make_photo(0, 1, 1000), make_photo(1, 4, 1000)], 300, 0, 0)
    assert sum(job.photos[0].name == "photo1.jpg" for job in jobs) == pytest.approx(200, abs=1)


def turned_face(yaw: float) -> Face:
    return Face(np.array([70.0, 70, 130, 145]), five_points=turned_points(yaw))


@pytest.mark.parametrize(
    ("yaws", "weight"),
    [
        pytest.param([0], 1, id="frontal"),
        pytest.param([25], 1, id="a-little"),
        pytest.param([35], 3, id="right"),
        pytest.param([-50], 3, id="left"),
        pytest.param([0, 10, 20, 40], 1.5, id="one-of-four"),
    ],
)
def test_turned_heads_are_drawn_more_often(yaws: list[float], weight: float) -> None:
    frontal = make_photo(0, len(yaws), 1000)
    other = replace(make_photo(1, 1, 1000), faces=tuple(turned_face(yaw) for yaw in yaws))
    jobs = make_plan([frontal, other], 300, 0, 0, Recipe(turned=3.0))
    share = sum(job.photos[0].name == "photo1.jpg" for job in jobs) / 300
    assert share == pytest.approx(weight / (1 + weight), abs=0.004)
    even = make_plan([frontal, other], 300, 0, 0, Recipe(turned=1.0))
    assert sum(job.photos[0].name == "photo1.jpg" for job in even) == pytest.approx(150, abs=1)


def test_turned_heads_join_galleries_and_crowds_more_often() -> None:
    photos = [
        replace(make_photo(n), faces=(turned_face(45.0 if n < 20 else 0.0),)) for n in range(100)
    ]
    recipe = Recipe(turned=4.0, negatives=0, crowds=0.5, galleries=1.0)
    joined = [p for job in make_plan(photos, 300, 0, 0, recipe) for p in job.photos[1:]]
    turned = np.mean([int(p.name[5:-4]) < 20 for p in joined])
    # 20 * 4 of 20 * 4 + 80; crowds, which show nobody twice, have fewer.
    assert 0.42 < turned < 0.52


def test_faces_whose_pose_cannot_be_told_are_not_turned() -> None:
    line = Face(FACE.box, landmarks=np.linspace([0.0, 0], [60, 60], 68))
    photos = [replace(make_photo(n, side=1000), faces=(line,)) for n in range(2)]
    assert len(make_plan(photos, 10, 0, 0, Recipe(turned=2.0))) == 10


def test_copies_of_a_photo_count_once() -> None:
    jobs = make_plan([make_photo(3), make_photo(3), make_photo(4)], 10, 0, 0)
    firsts = [job.photos[0].name for job in jobs]
    assert firsts.count("photo3.jpg") == firsts.count("photo4.jpg") == 5


def test_seeds_of_pictures() -> None:
    """They depend on the run's seed, the photo's bytes and the variant, and fit in JSON."""
    given_ = [picture_seed(1, "a", 0), picture_seed(2, "a", 0), picture_seed(1, "b", 0)]
    assert len({*given_, picture_seed(1, "a", 1)}) == 4
    assert picture_seed(1, "a", 0) == given_[0]
    assert all(0 <= s < 2**63 for s in given_)


def test_a_plan_grows_at_its_ends() -> None:
    """A larger count keeps the pictures of a smaller one that it draws too."""
    photos = [make_photo(n, side=1000) for n in range(5)]
    small = {job.name: job.seed for job in make_plan(photos, 10, 3, 0.1)}
    large = {job.name: job.seed for job in make_plan(photos, 40, 3, 0.1)}
    assert small.items() <= large.items()


def test_names_fit_into_file_systems() -> None:
    photo = make_photo(1)
    longest = Photo(
        Path("\N{WINKING FACE}" * 60 + ".jpg"), "x", photo.digest, "x", 9, 9, (FACE,), ()
    )
    (job,) = make_plan([longest], 1, 0, 0)
    assert len(f"{job.name}.jpg".encode()) <= 255
