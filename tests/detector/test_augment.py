"""Camera transforms: pixels change, shape and type don't; they survive ultralytics' storage."""

import time

import albumentations
import numpy as np
import pytest

from data.images import Image
from detector.augment import camera_transforms


@pytest.fixture(scope="module")
def transforms() -> list[albumentations.BasicTransform]:
    return camera_transforms()


def test_they_change_pixels_alone(transforms: list, astronaut_image: Image) -> None:
    camera = albumentations.Compose(transforms, seed=1)
    results = [camera(image=astronaut_image)["image"] for _ in range(30)]
    assert {r.shape for r in results} == {astronaut_image.shape}
    assert {r.dtype for r in results} == {np.dtype(np.uint8)}
    changed = [not np.array_equal(r, astronaut_image) for r in results]
    assert any(changed)
    assert not all(changed), "some pictures must stay as they are"


def test_none_moves_boxes(transforms: list) -> None:
    def leaves(transform: object) -> list:
        inner = getattr(transform, "transforms", None)
        return [leaf for t in inner for leaf in leaves(t)] if inner else [transform]

    kinds = [leaf for t in transforms for leaf in leaves(t)]
    assert len(kinds) > 10
    assert all(isinstance(kind, albumentations.ImageOnlyTransform) for kind in kinds)


def test_one_seed_gives_the_same_pictures(transforms: list, astronaut_image: Image) -> None:
    def draw(seed: int) -> list[Image]:
        camera = albumentations.Compose(transforms, seed=seed)
        return [camera(image=astronaut_image)["image"] for _ in range(8)]

    first, again, other = draw(3), draw(3), draw(4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_they_come_back_from_dictionaries(transforms: list, astronaut_image: Image) -> None:
    """ultralytics stores transforms in checkpoints and hands them to other processes so."""
    stored = [albumentations.from_dict(albumentations.to_dict(t)) for t in transforms]
    before = albumentations.Compose(transforms, seed=5)
    after = albumentations.Compose(stored, seed=5)
    for _ in range(10):
        assert np.array_equal(
            before(image=astronaut_image)["image"], after(image=astronaut_image)["image"]
        )


def test_they_are_no_bottleneck(transforms: list, astronaut_image: Image) -> None:
    """A training step takes about 80 ms a picture; 20 ms leave room for a busy machine."""
    camera = albumentations.Compose(transforms, seed=1)
    small = np.ascontiguousarray(astronaut_image[:416, :416])
    start = time.process_time()
    for _ in range(60):
        camera(image=small)
    assert (time.process_time() - start) / 60 < 0.02
