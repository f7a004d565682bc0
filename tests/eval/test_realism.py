"""The realism figure, from folders to table and JSON."""

import json

import cv2
import numpy as np
import pytest

import eval.realism
from data.boxes import Boxes
from data.dataset import write_yaml
from data.exceptions import WeightsError
from data.writer import write_sample
from eval.features import Extractor
from eval.realism import main
from weights.registry import default_weights

IDS = np.arange(3)


@pytest.fixture
def make_faces(tmp_path, astronaut_image):
    """Builds a set of differing crops of one photo, each with one box of each class."""
    boxes = Boxes(np.array([[20.0, 22, 60, 70], [100, 20, 140.5, 66.25], [60, 150, 90, 200]]), IDS)

    def build(name, train, val=0):
        root = tmp_path / name
        for number in range(train + val):
            crop = astronaut_image[number : number + 220, 40:280]
            split = "train" if number < train else "val"
            write_sample(root, split, f"{split}{number:03d}.jpg", np.ascontiguousarray(crop), boxes)
        write_yaml(root)
        return root

    return build


@pytest.fixture
def sets(make_faces, monkeypatch):
    """Two sets of crops of one photo; few faces have to do."""
    monkeypatch.setattr(eval.realism, "LEAST", 6)
    monkeypatch.setattr("eval.two_sample.EPOCHS", 1)
    return str(make_faces("synthetic", 8, 2)), str(make_faces("real", 9))


def test_table_json_and_sheet(sets, tmp_path, capsys):
    out, sheet = tmp_path / "r.json", tmp_path / "s.png"
    assert main([*sets, "--json", str(out), "--sheet", str(sheet)]) == 0
    table = capsys.readouterr().out
    assert table.startswith("faces")
    assert "masks' own share" in table
    value = json.loads(out.read_text())
    assert set(value["classes"]) == {"with_mask", "without_mask", "incorrect"}
    assert 0 <= value["classes"]["with_mask"]["net"]["accuracy"] <= 1
    assert cv2.imread(str(sheet)) is not None
    first = out.read_bytes()
    assert main([*sets, "--json", str(out)]) == 0
    assert out.read_bytes() == first


def test_too_few_faces_are_an_error_in_one_line(sets, make_faces, caplog):
    few = str(make_faces("few", 1))
    assert main([sets[0], few]) == 1
    assert "expected at least 6 with_mask faces" in caplog.text


def test_features_do_not_depend_on_the_batch():
    crops = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8)
    extract = Extractor(default_weights())
    many = extract(crops)
    np.testing.assert_allclose(extract(crops[35:36]), many[35:36], rtol=1e-3, atol=1e-4)
    assert many.shape[0] == 40


def test_another_model_is_refused(tiny_onnx):
    with pytest.raises(WeightsError, match="expected a YOLO26 backbone"):
        Extractor(tiny_onnx())
