"""Pictures by kind: what each shows, and that it depends on its job alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.exceptions import ImageError
from data.images import write_image
from synth.picture import draw_scene
from synth.plan import Job, make_plan
from synth.recipe import Recipe
from synth.scene import Scene
from synth.sources import Photo

KINDS = {
    "photo": Recipe(negatives=0, crowds=0, galleries=0, closeups=0.5),
    "gallery": Recipe(negatives=0, crowds=0, galleries=1),
    "crowd": Recipe(negatives=0, crowds=1),
    "negative": Recipe(negatives=1, crowds=0),
}


@pytest.fixture(scope="session")
def photos(portrait_photo: Photo) -> list[Photo]:
    """Six persons with one face."""
    return [replace(portrait_photo, digest=f"{n}" * 64, identity=f"p{n}") for n in range(6)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_recipe_decides_the_kind(kind: str, photos: list[Photo]) -> None:
    jobs = make_plan(photos, 30, 1, 0, KINDS[kind])
    assert {job.kind for job in jobs} == {kind}


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_are_whole_and_depend_on_their_job_alone(kind: str, photos: list[Photo]) -> None:
    for job in make_plan(photos, 3, 1, 0, KINDS[kind]):
        first, again = (draw(job, KINDS[kind]) for _ in range(2))
        assert (first.image == again.image).all()
        assert (first.boxes == again.boxes).all()
        assert len(first.boxes) == len(first.records)
        height, width = first.image.shape[:2]
        assert (first.boxes >= 0).all()
        assert (first.boxes <= [width, height, width, height]).all()
        assert (len(first.boxes) == 0) == (kind == "negative")


def draw(job: Job, recipe: Recipe) -> Scene:
    return draw_scene(job, recipe, np.random.default_rng(job.seed))


def test_small_faces_can_be_left_out(photos: list[Photo]) -> None:
    recipe = Recipe(negatives=0, crowds=0.5, smallest=48)
    heights = [
        box[3] - box[1]
        for job in make_plan(photos, 8, 2, 0, recipe)
        for box in draw(job, recipe).boxes
    ]
    assert min(heights) >= 48


def test_shares_of_the_kinds(photos: list[Photo]) -> None:
    recipe = Recipe(negatives=0.1, crowds=0.3, galleries=0.5)
    jobs = make_plan(photos, 2000, 3, 0, recipe)
    shares = {kind: np.mean([job.kind == kind for job in jobs]) for kind in KINDS}
    expected = {"negative": 0.1, "crowd": 0.3, "gallery": 0.3, "photo": 0.3}
    assert shares == pytest.approx(expected, abs=0.04)


def test_crowds_hold_different_people(photos: list[Photo]) -> None:
    for job in make_plan(photos, 40, 4, 0, KINDS["crowd"]):
        people = [p.digest for p in job.photos[1:]]
        assert len(set(people)) == len(people)


def test_a_photo_that_has_changed_is_refused(photos: list[Photo], tmp_path: Path) -> None:
    """Its faces lie elsewhere now: labels would be wrong."""
    path = tmp_path / "head.png"
    write_image(path, np.zeros((100, 100, 3), np.uint8))
    changed = [replace(photo, path=path) for photo in photos]
    for kind, recipe in KINDS.items():
        (job,) = make_plan(changed, 1, 1, 0, recipe)
        rng = np.random.default_rng(0)
        with pytest.raises(ImageError, match="has changed"):
            draw_scene(job, recipe, rng)
        assert job.kind == kind
