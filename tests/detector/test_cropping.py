"""Windows of training pictures: their size, scale, reach and boxes, through ultralytics itself."""

import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import write_yaml
from data.writer import write_sample
from detector.config import TrainConfig
from detector.train import resolved_yaml
from detector.worker import trainer_class

IMGSZ, CROP = 256, 128
# Plain squares on black, each of its own colour, as far as pictures go: x, y of their corners.
SIDE = 32
PLACES = [(8, 8), (216, 8), (8, 152), (216, 152), (112, 80)]


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("squares")
    image = np.zeros((192, IMGSZ, 3), np.uint8)
    for x, y in PLACES:
        cv2.rectangle(image, (x, y), (x + SIDE - 1, y + SIDE - 1), (255, 255, 255), -1)
    xyxy = np.array([[x, y, x + SIDE, y + SIDE] for x, y in PLACES], dtype=float)
    boxes = Boxes(xyxy, np.zeros(len(PLACES), dtype=int))
    for split in ("train", "val"):
        for number in range(4):
            write_sample(root, split, f"{split}{number}.png", image, boxes)
    write_yaml(root)
    return root


@pytest.fixture
def trainer(squares: Path, tmp_path: Path) -> Any:
    """A trainer before its first step, with geometry alone and no rotation."""
    yaml = tmp_path / "data.yaml"
    yaml.write_text(resolved_yaml(squares))
    config = TrainConfig(imgsz=IMGSZ, crop=CROP, batch=2, degrees=0.0, hsv_v=0.0, epochs=2)
    overrides = {
        **config.to_ultralytics(),
        "model": "yolo26n.yaml",
        "data": str(yaml),
        "device": "cpu",
        "save_dir": str(tmp_path / "run"),
        "augmentations": [],
        "plots": False,
    }
    made = trainer_class(CROP)(overrides=overrides)
    made.setup_model()
    return made


def draw(dataset: Any, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures (H, W) uint8 and boxes (N, 4) xyxy in px, of a training set as batches get them."""
    random.seed(5)
    drawn = []
    for k in range(count):
        sample = dataset[k % len(dataset)]
        grey = sample["img"].numpy()[0]
        centre, size = np.split(sample["bboxes"].numpy() * grey.shape[0], 2, axis=1)
        drawn.append((grey, np.hstack([centre - size / 2, centre + size / 2])))
    return drawn


def covered(box: np.ndarray, grey: np.ndarray) -> float:
    """Share of a box's pixels that are white, its outermost ones aside."""
    x1, y1, x2, y2 = np.rint(box).astype(int) + np.array([1, 1, -1, -1])
    return float((grey[y1:y2, x1:x2] > 200).mean()) if x2 > x1 and y2 > y1 else 1.0


@pytest.mark.parametrize("mosaic", [True, False], ids=["mosaic", "whole"])
def test_windows_hold_their_squares_at_the_scale_of_prediction(trainer: Any, mosaic: bool) -> None:
    dataset = trainer.build_dataset(trainer.data["train"], batch=2)
    if not mosaic:  # as at the end of a training
        trainer.train_loader = type("Loader", (), {"dataset": dataset})
        trainer._close_dataloader_mosaic()
    drawn = draw(dataset, 300)
    assert {grey.shape for grey, _ in drawn} == {(CROP, CROP)}
    boxes = np.vstack([box for _, box in drawn])
    assert min(covered(box, grey) for grey, found in drawn for box in found) > 0.9
    # Scales are drawn from half to one and a half of that of pictures at imgsz. Cut ones aside,
    # which are large ones mostly:
    inside = boxes[(boxes[:, :2] > 1).all(axis=1) & (boxes[:, 2:] < CROP - 1).all(axis=1)]
    sides = inside[:, 2] - inside[:, 0]
    assert sides.min() < 0.65 * SIDE
    assert sides.max() > 1.35 * SIDE
    assert 0.7 * SIDE < np.median(sides) < 1.2 * SIDE


def test_windows_reach_the_edges_of_a_picture(trainer: Any) -> None:
    """With ultralytics' shift of a tenth, windows at this scale would show the middle square alone:
    they would lie between x = 51 and x = 205."""
    trainer.args.scale = 0.0
    dataset = trainer.build_dataset(trainer.data["train"], batch=2)
    trainer.train_loader = type("Loader", (), {"dataset": dataset})
    trainer._close_dataloader_mosaic()
    assert max(len(found) for _, found in draw(dataset, 100)) >= 2


def test_validation_sees_whole_pictures(trainer: Any) -> None:
    dataset = trainer.build_dataset(trainer.data["val"], mode="val", batch=2)
    assert max(dataset[0]["img"].shape[1:]) >= IMGSZ


def test_without_a_crop_pictures_are_whole(squares: Path, trainer: Any) -> None:
    plain = trainer_class()(overrides=vars(trainer.args))
    plain.setup_model()
    dataset = plain.build_dataset(plain.data["train"], batch=2)
    assert dataset[0]["img"].shape[1:] == (IMGSZ, IMGSZ)
