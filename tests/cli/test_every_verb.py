"""Every verb in the order that a user meets them, on sample photos, each fed by the one before."""

import json
import shutil
from itertools import count
from pathlib import Path

import cv2
import pytest

from data.dataset import find_samples
from data.files import digest
from data.splits import identity_to_split, stem_to_identity
from detector.runtime import Detector
from eval.cli.main import main


@pytest.fixture(scope="module")
def photos(
    tmp_path_factory: pytest.TempPathFactory, astronaut: Path, zidane: Path, bus: Path
) -> Path:
    """The sample photos in a folder, as a user's own would lie there."""
    folder = tmp_path_factory.mktemp("photos")
    for photo in (astronaut, zidane, bus):
        shutil.copyfile(photo, folder / photo.name)
    return folder


@pytest.fixture(scope="module")
def synthesised(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`maskwatch synth`, with a seed that puts one photo in `val`."""
    out = tmp_path_factory.mktemp("synth") / "set"
    who = [stem_to_identity(p.stem, digest(p)) for p in photos.iterdir()]
    seed = next(
        s for s in count() if [identity_to_split(w, 0.34, s) for w in who].count("val") == 1
    )
    size = ["--count", "12", "--workers", "1", "--val", "0.34", "--seed", str(seed)]
    assert main(["synth", str(photos), "--out", str(out), *size]) == 0
    return out


@pytest.fixture(scope="module")
def trained(synthesised: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`maskwatch train`: one epoch from random weights."""
    out = tmp_path_factory.mktemp("train") / "run"
    numbers = ["--epochs", "1", "--imgsz", "64", "--batch", "4", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(out.parent / "cache"))
        start = ["--init", "yolo26n.yaml", "--out", str(out)]
        assert main(["train", str(synthesised), *start, *numbers]) == 0
    return out


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    """`maskwatch export`."""
    out = trained.parent / "exported.onnx"
    weights = trained / "weights" / "best.pt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(trained.parent / "cache"))
        assert main(["export", str(weights), "--imgsz", "64", "--out", str(out)]) == 0
    return out


def test_synth_then_check(synthesised, capsys):
    assert main(["check", str(synthesised)]) == 0
    assert "fine: 0 errors" in capsys.readouterr().out


def test_convert_there_and_back(synthesised, tmp_path):
    coco, back = tmp_path / "coco", tmp_path / "back"
    there = ["--from", "yolo", "--to", "coco"]
    assert main(["convert", str(synthesised), "--out", str(coco), *there]) == 0
    again = ["--from", "coco", "--to", "yolo"]
    assert main(["convert", str(coco), "--out", str(back), *again]) == 0
    assert main(["check", str(back)]) == 0
    for split in ("train", "val"):
        names = [sorted(s.image.name for s in find_samples(r, split)) for r in (synthesised, back)]
        assert names[0] == names[1]


def test_label_then_check(photos, tmp_path, capsys):
    out = tmp_path / "labelled"
    assert main(["label", str(photos), "--out", str(out), "--sizes", "416,512"]) == 0
    assert main(["check", str(out)]) == 0
    assert "fine: 0 errors" in capsys.readouterr().out
    labelled = {s.image.name for s in find_samples(out)}
    assert "astronaut.png" in labelled


def test_train_leaves_weights_card_and_curves(trained):
    for name in ("maskwatch.onnx", "README.md", "curves.png", "weights/best.pt"):
        assert (trained / name).stat().st_size > 0


def test_export_can_be_loaded(exported):
    assert Detector(exported).imgsz == 64


def test_predict_with_shipped_and_own_weights(photos, exported, tmp_path):
    found = {}
    for name, weights in (("shipped", []), ("own", ["--weights", str(exported)])):
        out = tmp_path / f"{name}.json"
        save = ["--save", str(tmp_path / name)]
        assert main(["predict", str(photos), "--json", str(out), *save, *weights]) == 0
        value = json.loads(out.read_text())
        assert len(value["images"]) == 3
        assert cv2.imread(str(tmp_path / name / "bus.jpg")) is not None
        found[name] = value
    assert found["own"]["weights"] == "exported.onnx"
    astronaut = next(e for e in found["shipped"]["images"] if "astronaut" in e["file"])
    assert astronaut["detections"][0]["class"] == "without_mask"


def test_eval_with_weights_and_with_predictions_agree_on_the_truth(synthesised, exported, tmp_path):
    values = []
    predictions = tmp_path / "p.json"
    val = str(synthesised / "images" / "val")
    assert main(["predict", val, "--json", str(predictions), "--conf", "0.001"]) == 0
    for name, source in (
        ("shipped", []),
        ("own", ["--weights", str(exported)]),
        ("json", ["--predictions", str(predictions)]),
    ):
        out = tmp_path / f"{name}.json"
        html = tmp_path / f"{name}.html"
        outputs = ["--json", str(out), "--html", str(html), "--bootstrap", "0"]
        assert main(["eval", str(synthesised), *source, *outputs]) == 0
        assert html.stat().st_size > 0
        values.append(json.loads(out.read_text())["sizes"][0])
    shipped, own, from_json = values
    assert shipped["faces"] == own["faces"] == from_json["faces"]
    # The same detections by two ways; the file rounds boxes to hundredths of a pixel.
    assert from_json["map50"] == pytest.approx(shipped["map50"], abs=0.02)
    assert own["map50"] <= shipped["map50"]
