"""Predictions for a set: from JSON, or by a detector whose findings are kept."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from data.exceptions import AnnotationError, DatasetError
from data.images import write_image
from eval.browse.material import load_material
from eval.browse.models import from_json, from_weights, name_models

FOUND = [{"class": "incorrect", "score": 0.5, "box": [1, 2, 30, 40]}]


def entry(file, *, detections=None, width=80, height=60, **more):
    found = FOUND if detections is None else detections
    return {"file": file, "width": width, "height": height, "detections": found, **more}


@pytest.fixture
def predictions(tmp_path):
    def write(*entries):
        path = tmp_path / "p.json"
        path.write_text(json.dumps({"weights": "w.onnx", "images": entries}))
        return path

    return write


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.json", "b.json"], ["a", "b"]),
        (["runs/n3/maskwatch.onnx", "weights/maskwatch-n.onnx"], ["n3", "maskwatch_n"]),
        (["x/a.json", "y/a.json", "z/A.JSON"], ["a", "a_2", "a_3"]),
        (["2024.json", "tags.json", "eval_a.json"], ["model_2024", "model_tags", "model_eval_a"]),
        (["ünï.json", "---.json"], ["n", "model"]),
    ],
)
def test_names_are_fields(files, names):
    assert name_models([Path(file) for file in files]) == names
    assert all(name.isidentifier() for name in names)


def test_other_tools_predictions_are_read(make_set, tmp_path):
    material = load_material(make_set(["val/a.png", "val/b.png"]), None, {})
    results = tmp_path / "results.json"
    row = {"image_id": "a", "category_id": 7, "bbox": [1, 2, 29, 38], "score": 0.5}
    results.write_text(json.dumps([row]))
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "a.txt").write_text("0 0.5 0.5 0.25 0.5 0.9\n")
    first = from_json("m", results, material, 0.25, classes={"7": "incorrect"})
    second = from_json("n", folder, material, 0.25)
    (a, b) = sorted(first.found)
    assert first.found[a].class_ids.tolist() == [2]
    assert first.found[a].xyxy.tolist() == [[1, 2, 30, 40]]
    assert len(first.found[b]) == 0
    width, height = next((p.width, p.height) for p in material.pictures if p.path == a)
    expected = [[0.375 * width, 0.25 * height, 0.625 * width, 0.75 * height]]
    assert second.found[a].xyxy.tolist() == expected


def test_json_is_read_and_cut_at_the_least_score(make_set, predictions):
    material = load_material(make_set(["val/a.png", "val/b.png"]), None, {})
    file = predictions(
        entry("elsewhere/a.png", detections=[*FOUND, {**FOUND[0], "score": 0.2}]),
        entry("b.png", error="unreadable"),
        entry("other.png"),
    )
    model = from_json("m", file, material, 0.25)
    (path,) = model.found
    assert path.name == "a.png"
    assert model.found[path].scores.tolist() == [0.5]
    unknown, missing = model.notes
    assert "1 of its pictures aren't in this set" in unknown
    assert "1 picture(s) have no prediction" in missing
    assert model.digest != from_json("m", file, material, 0.1).digest


def test_predictions_of_another_split_are_no_strangers(make_set, predictions):
    material = load_material(make_set(["train/a.png", "val/a.png"]), None, {})
    file = predictions(entry("images/train/a.png"), entry("images/val/a.png"))
    model = from_json("m", file, material, 0.25)
    assert [path.parent.name for path in model.found] == ["val"]
    assert model.notes == ()


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        pytest.param([entry("x.png")], DatasetError, "none of the 1 entries", id="strangers"),
        pytest.param(
            [entry("a.png", detections=[{**FOUND[0], "class": "helmet"}])],
            AnnotationError,
            "'helmet'",
            id="unknown-class",
        ),
        pytest.param([entry("a.png", width=81)], AnnotationError, "81 x 60 px", id="size"),
    ],
)
def test_wrong_predictions_are_refused(make_set, predictions, entries, error, message):
    material = load_material(make_set(["val/a.png"]), None, {})
    with pytest.raises(error, match=message):
        from_json("m", predictions(*entries), material, 0.25)


def test_detector_looks_at_a_picture_once_until_it_changes(make_set, tiny_onnx, tmp_path):
    root = make_set(["val/a.png", "val/b.png"])
    image = np.zeros((60, 80, 3), np.uint8)
    image[16:32, 16:32] = (0, 0, 255)
    write_image(root / "images/val/a.png", image)
    asked = []

    def detect(conf=0.25):
        asked.clear()
        pictures = load_material(root, None, {}).pictures
        return from_weights(
            *("m", tiny_onnx(), pictures),
            conf=conf,
            cache=tmp_path / "cache",
            progress=lambda step, done, total: asked.append(total),
        )

    first = detect()
    assert [len(boxes) for boxes in first.found.values()] == [1, 0]
    assert max(asked) == 2
    assert detect().digest == first.digest
    assert max(asked) == 0
    write_image(root / "images/val/b.png", image)
    os.utime(root / "images/val/b.png", (1, 1))
    again = detect()
    assert max(asked) == 1
    assert [len(boxes) for boxes in again.found.values()] == [1, 1]
    (store,) = (tmp_path / "cache").iterdir()
    store.write_text("torn")
    assert detect().digest == again.digest
    assert max(asked) == 2
