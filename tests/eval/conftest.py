"""Random scenes and a small data set of plain pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes, xywh_to_xyxy
from data.dataset import boxes_to_text, write_yaml
from data.files import write_text
from data.images import write_image
from eval.matching import Pair

MakePairs = Callable[[np.random.Generator, int], list[Pair]]


def _random_pair(rng: np.random.Generator, number: int) -> Pair:
    faces = int(rng.integers(0, 6))
    corner = rng.integers(0, 160, (faces, 2)).astype(float)
    size = rng.integers(6, 48, (faces, 2)).astype(float)
    truth = Boxes(
        xywh_to_xyxy(np.concatenate([corner, size], axis=1)),
        rng.choice(3, faces, p=[0.6, 0.3, 0.1]),
    )
    copies = np.repeat(np.arange(faces), rng.integers(0, 3, faces))
    jitter = rng.normal(0, 0.1, (len(copies), 4)) * np.tile(size[copies], 2)
    extra = int(rng.integers(0, 4))
    noise = np.concatenate([rng.uniform(0, 160, (extra, 2)), rng.uniform(6, 48, (extra, 2))], 1)
    xyxy = np.concatenate([truth.xyxy[copies] + jitter, xywh_to_xyxy(noise)])
    xyxy[:, 2:] = np.maximum(xyxy[:, 2:], xyxy[:, :2] + 1)
    ids = np.concatenate([truth.class_ids[copies], rng.integers(0, 3, extra)])
    ids = np.where(rng.random(len(ids)) < 0.2, rng.integers(0, 3, len(ids)), ids)
    # Two decimals, so that equal scores occur within and across pictures.
    return Pair(Path(f"{number:04d}.jpg"), truth, Boxes(xyxy, ids, rng.random(len(ids)).round(2)))


@pytest.fixture(scope="session")
def random_pairs() -> MakePairs:
    """Builds `count` pictures with true boxes and a noisy detector's boxes."""
    return lambda rng, count: [_random_pair(rng, n) for n in range(count)]


MakeSet = Callable[[Sequence[str]], Path]


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """Builds a set of 80 x 60 px pictures, one masked face in each, at `images/NAME`."""

    def build(names: Sequence[str]) -> Path:
        root = tmp_path / "set"
        write_yaml(root)
        face = Boxes(np.array([[10.0, 10, 40, 50]]), np.array([0]))
        for shade, name in enumerate(names):
            image = np.full((60, 80, 3), 40 + 20 * shade, dtype=np.uint8)
            write_image(root / "images" / name, image)
            label = (root / "labels" / name).with_suffix(".txt")
            write_text(label, boxes_to_text(face, 80, 60))
        return root

    return build
