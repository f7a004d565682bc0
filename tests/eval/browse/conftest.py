"""A small set with every kind of mistake, and an environment of its own for FiftyOne."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import write_yaml
from data.images import read_image
from data.manifest import FaceRecord, PictureRecord, write_manifest
from data.writer import write_sample

FACE = [60.0, 45.0, 160.0, 185.0]
ELSEWHERE = [190.0, 190.0, 230.0, 240.0]
SIDE = 256

# Of model "first": nothing but one kind of mistake in each of the middle ones.
FIRST: dict[str, list[tuple[str, float, list[float]]]] = {
    "hit": [("without_mask", 0.9, FACE)],
    "confused": [("with_mask", 0.8, FACE)],
    "alarm": [("without_mask", 0.3, FACE), ("incorrect", 0.7, ELSEWHERE)],
    "missed": [],
    "sure": [("without_mask", 0.95, FACE)],
}


@dataclass(frozen=True)
class Mistakes:
    """The set's folder, predictions of two models, an environment with a cache of its own."""

    root: Path
    first: Path
    second: Path
    environment: dict[str, str]


def write_predictions(path: Path, found: dict[str, list[tuple[str, float, list[float]]]]) -> Path:
    images: list[dict[str, Any]] = [
        {
            "file": f"val/{name}.png",
            "width": SIDE,
            "height": SIDE,
            "detections": [{"class": c, "score": s, "box": box} for c, s, box in boxes],
        }
        for name, boxes in found.items()
    ]
    path.write_text(json.dumps({"weights": "w.onnx", "images": images}))
    return path


def write_picture(root: Path, name: str, photo: Path, shade: int) -> None:
    """A darkened crop of a portrait, with one bare face."""
    image = (read_image(photo)[:SIDE, 116 : 116 + SIDE] * (1 - shade / 20)).astype(np.uint8)
    write_sample(root, "val", f"{name}.png", image, Boxes(np.array([FACE]), np.array([1])))


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory: pytest.TempPathFactory, astronaut: Path) -> Mistakes:
    """The set; module-wide, because FiftyOne takes seconds to start."""
    folder = tmp_path_factory.mktemp("mistakes")
    root = folder / "set"
    write_yaml(root)
    records = []
    for shade, name in enumerate(FIRST):
        write_picture(root, name, astronaut, shade)
        style = "cloth" if name in ("confused", "missed") else "cup"
        face = FaceRecord("without_mask", FACE, style=style, state="nose_out", occluders=["hand"])
        file = f"images/val/{name}.png"
        records.append(PictureRecord(file, SIDE, SIDE, "val", name, "d", name, 0, [face]))
    write_manifest(root, records)
    right = {name: [("without_mask", 0.9, FACE)] for name in FIRST}
    home = folder / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIFTYONE")}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(home)}
    return Mistakes(
        root,
        write_predictions(folder / "first.json", FIRST),
        write_predictions(folder / "second.json", right),
        environment,
    )
