"""Sample photos from installed packages, and a small real data set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import write_yaml
from data.extras import package_file
from data.images import Image, read_image
from data.writer import write_sample


@pytest.fixture(scope="session")
def astronaut() -> Path:
    """512 x 512 px, public domain, one frontal face."""
    return package_file("skimage", "data/astronaut.png", "demo")


@pytest.fixture(scope="session")
def zidane() -> Path:
    """1280 x 720 px, two faces."""
    return package_file("ultralytics", "assets/zidane.jpg", "train")


@pytest.fixture(scope="session")
def bus() -> Path:
    """810 x 1080 px, a street with small faces."""
    return package_file("ultralytics", "assets/bus.jpg", "train")


@pytest.fixture
def astronaut_image(astronaut: Path) -> Image:
    """(512, 512, 3) uint8 BGR, a fresh copy."""
    return read_image(astronaut)


@pytest.fixture
def zidane_image(zidane: Path) -> Image:
    """(720, 1280, 3) uint8 BGR, a fresh copy."""
    return read_image(zidane)


@pytest.fixture
def bus_image(bus: Path) -> Image:
    """(1080, 810, 3) uint8 BGR, a fresh copy."""
    return read_image(bus)


SetBuilder = Callable[..., Path]


@pytest.fixture
def make_set(tmp_path: Path, astronaut: Path) -> SetBuilder:
    """Builds a YOLO set of differing crops of one photo, each with one box of each class.

    `make_set(train=3, val=2, name="set")` returns its root.
    """
    photo = read_image(astronaut)

    def build(train: int = 3, val: int = 2, name: str = "set") -> Path:
        root = tmp_path / name
        boxes = Boxes(
            np.array([[10.0, 12, 60, 70], [100, 20, 140.5, 66.25], [0, 150, 30, 200]]),
            np.array([0, 1, 2]),
        )
        for number in range(train + val):
            split = "train" if number < train else "val"
            crop = np.ascontiguousarray(photo[number : number + 200, 40:280])
            write_sample(root, split, f"{split}_{number:03d}.jpg", crop, boxes)
        write_yaml(root)
        return root

    return build
