"""A handful of labelled pictures to train on."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import write_yaml
from data.images import read_image
from data.writer import write_sample

# Faces, placed by hand on the photos at half their size: [x1, y1, x2, y2] px and class.
FACES = {
    "astronaut": ([[85, 30, 140, 100]], [1]),
    "zidane": ([[190, 30, 265, 130], [370, 25, 455, 130]], [0, 2]),
    "bus": ([[52, 205, 70, 228], [136, 207, 150, 226], [362, 200, 380, 222]], [1, 0, 2]),
}


@pytest.fixture(scope="session")
def training_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's cache folder stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_set(
    training_cache: None,
    tmp_path_factory: pytest.TempPathFactory,
    astronaut: Path,
    zidane: Path,
    bus: Path,
) -> Path:
    """Six pictures for training and three for validation; to be read only."""
    root = tmp_path_factory.mktemp("tiny")
    for photo in (astronaut, zidane, bus):
        image = cv2.resize(read_image(photo), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        xyxy, classes = FACES[photo.stem]
        boxes = Boxes(np.array(xyxy, dtype=float), np.array(classes))
        for split, copies in (("train", 2), ("val", 1)):
            for number in range(copies):
                write_sample(root, split, f"{photo.stem}_{split}{number}.jpg", image, boxes)
    write_yaml(root)
    return root
