"""`maskwatch eval` end to end, on sample photographs that installed packages carry."""

import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import boxes_to_text, write_yaml
from data.extras import package_file
from data.files import write_text
from data.images import read_image, write_image
from eval.cli.main import main

# Faces of the photos, by eye, px; all bare; of two in `zidane` the one who shouts.
PHOTOS = {
    "astronaut": ("skimage", "data/astronaut.png", "demo", [[175, 65, 275, 205]]),
    "zidane": ("ultralytics", "assets/zidane.jpg", "train", [[530, 274, 665, 448]]),
}


@pytest.fixture
def photo_set(tmp_path):
    """A set of two photos in `val`, and predictions that find one face of two."""
    root = tmp_path / "set"
    write_yaml(root)
    entries = []
    for name, (module, relative, extra, faces) in PHOTOS.items():
        image = read_image(package_file(module, relative, extra))
        height, width = image.shape[:2]
        write_image(root / f"images/val/{name}.jpg", image)
        truth = Boxes(np.array(faces, float), np.ones(len(faces), int))
        write_text(root / f"labels/val/{name}.txt", boxes_to_text(truth, width, height))
        label = "without_mask" if name == "astronaut" else "with_mask"
        found = [{"class": label, "score": 0.9, "box": [float(v) for v in faces[0]]}]
        entries.append(
            {"file": f"{name}.jpg", "width": width, "height": height, "detections": found}
        )
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps({"weights": "some.onnx", "images": entries}))
    return root, predictions


def test_files_are_written_though_the_reader_hangs_up(photo_set, tmp_path):
    root, predictions = photo_set
    out = tmp_path / "r.json"
    program = "import sys; from eval.cli.main import main; sys.exit(main(sys.argv[1:]))"
    options = ["--predictions", str(predictions), "--bootstrap", "0", "--json", str(out)]
    command = [sys.executable, "-c", program, "eval", str(root), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert json.loads(out.read_text())["pictures"]["scored"] == 2


def test_writes_table_json_html_and_plot(photo_set, tmp_path, capsys):
    root, predictions = photo_set
    out = {kind: tmp_path / "out" / f"r.{kind}" for kind in ("json", "html", "png")}
    outputs = ["--json", str(out["json"]), "--html", str(out["html"]), "--plot", str(out["png"])]
    source = ["--predictions", str(predictions), "--min-size", "150"]
    assert main(["eval", str(root), *source, *outputs]) == 0
    value = json.loads(out["json"].read_text())
    assert (value["split"], value["weights"]) == ("val", "some.onnx")
    assert value["pictures"]["scored"] == 2
    assert value["classes_with_truth"] == ["without_mask"]
    assert [size["min_height"] for size in value["sizes"]] == [0, 150]
    assert value["sizes"][0]["map50"] == pytest.approx(51 / 101)
    assert value["sizes"][0]["any_face_recall"] == 1
    # Only zidane's face is so high, and it was called masked.
    assert value["sizes"][1]["map50"] == 0
    assert value["confusion"]["matrix"][1] == [1, 1, 0, 0]
    assert cv2.imread(str(out["png"])) is not None
    page = out["html"].read_text()
    assert "without_mask taken for with_mask, score 0.90 (zidane.jpg)" in page
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.count("data:image/png;base64,") == 5
    assert value["errors"]["counts"]["classification"] == 1
    assert value["thresholds"]["chosen"]["without_mask"]["recall"] == 0.5
    skin = [s["faces"] for s in value["slices"] if s["attribute"] == "skin"]
    assert sum(skin) == 2
    printed = capsys.readouterr().out
    assert "some.onnx" in printed
    assert re.search(r"without_mask +2 +0\.505 ", printed)
    assert "Means are over without_mask" in printed


def test_several_are_compared(photo_set, tmp_path, capsys):
    root, predictions = photo_set
    value = json.loads(predictions.read_text())
    value["images"][1]["detections"][0]["class"] = "without_mask"
    better = tmp_path / "better.json"
    better.write_text(json.dumps(value))
    report, page = tmp_path / "r.json", tmp_path / "r.html"
    both = ["--predictions", str(predictions), "--predictions", str(better)]
    outputs = ["--json", str(report), "--html", str(page), "--bootstrap", "50"]
    assert main(["eval", str(root), *both, *outputs]) == 0
    value = json.loads(report.read_text())
    comparison = value["comparison"]
    assert comparison["names"] == ["predictions.json", "better.json"]
    assert value["sizes"][0]["map50"] == pytest.approx(51 / 101)
    [other] = comparison["others"]
    assert other["sizes"][0]["map50"] == pytest.approx(1)
    [change] = comparison["differences"]
    assert change["map50"][0] == pytest.approx(50 / 101)
    assert change["right_class"][0] == 0.5
    printed = capsys.readouterr().out
    assert re.search(r"^better\.json +1\.000 ", printed, re.MULTILINE)
    assert "better.json against predictions.json" in printed
    assert re.search(r"^mAP50 +\+0\.495 ", printed, re.MULTILINE)
    assert "Side by side" in page.read_text()


def test_predictions_of_every_class_score_as_the_weights_do(photo_set, tmp_path):
    root, _ = photo_set
    # A bare face labelled otherwise: found by the second thought about it alone.
    label = root / "labels/val/astronaut.txt"
    label.write_text(label.read_text().replace("1 ", "2 ", 1))
    found, best = tmp_path / "every.json", tmp_path / "best.json"
    asked = ["predict", str(root / "images"), "--conf", "0.001", "--json"]
    assert main([*asked, str(found), "--every-class"]) == 0
    assert main([*asked, str(best)]) == 0
    scores = {}
    for kind, options in {
        "weights": [],
        "every": ["--predictions", str(found)],
        "best": ["--predictions", str(best)],
    }.items():
        report = tmp_path / f"{kind}-report.json"
        assert main(["eval", str(root), *options, "--bootstrap", "0", "--json", str(report)]) == 0
        scores[kind] = json.loads(report.read_text())["sizes"][0]["ap50"]
    # Written boxes have two decimals, scores four.
    assert scores["every"] == pytest.approx(scores["weights"], abs=1e-3)
    assert scores["weights"]["incorrect"] > scores["best"]["incorrect"]


@pytest.mark.parametrize(
    ("options", "sizes", "title"),
    [
        pytest.param(["--imgsz", "320"], [320], "maskwatch-n.onnx on", id="one look"),
        pytest.param(["--sizes", "320,416"], [320, 416], r"views of 320, 416 px\) on", id="views"),
    ],
)
def test_it_says_at_which_sizes_it_looked(photo_set, tmp_path, capsys, options, sizes, title):
    report = tmp_path / "r.json"
    command = ["eval", str(photo_set[0]), "--bootstrap", "0", "--json", str(report)]
    assert main([*command, *options]) == 0
    value = json.loads(report.read_text())
    assert (value["input_sizes"], value["one_look"]) == (sizes, False)
    assert re.search(title, capsys.readouterr().out)


def test_unreadable_and_unpredicted_pictures_are_told(photo_set, tmp_path, capsys):
    root, predictions = photo_set
    (root / "images/val/broken.jpg").write_bytes(b"\xff\xd8\xff")
    (root / "images/val/new.png").write_bytes((root / "images/val/zidane.jpg").read_bytes())
    report = tmp_path / "r.json"
    arguments = ["--predictions", str(predictions), "--json", str(report), "--bootstrap", "0"]
    assert main(["eval", str(root), *arguments]) == 0
    pictures = json.loads(report.read_text())["pictures"]
    assert pictures["scored"] == 3
    assert [p.rsplit("/", 1)[-1] for p in pictures["unreadable"]] == ["broken.jpg"]
    assert [p.rsplit("/", 1)[-1] for p in pictures["without_prediction"]] == ["new.png"]
    errors = capsys.readouterr().err
    assert "1 picture(s) can't be read" in errors
    assert "1 picture(s) have no prediction" in errors


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["nowhere"], 1, "nowhere: expected a data set", id="no-folder"),
        pytest.param(["{set}", "--split", "train"], 1, "split 'train'", id="no-such-split"),
        pytest.param(["{set}", "--predictions", "no.json"], 1, "no.json", id="no-predictions"),
        pytest.param(["{set}", "--weights", "no.onnx"], 1, "no.onnx", id="no-weights"),
        pytest.param(["{set}", "--plot", "x.pdf"], 2, ".png", id="plot-no-png"),
        pytest.param(["{set}", "--html", "{set}"], 2, "but it is a folder", id="page-is-folder"),
        pytest.param(
            ["{set}", "--predictions", "p", "--imgsz", "640"], 2, "--imgsz", id="imgsz-unused"
        ),
        pytest.param(
            ["{set}", "--predictions", "p", "--sizes", "640"], 2, "--sizes", id="sizes-unused"
        ),
        pytest.param(["{set}", "--sizes", "a"], 2, "expected --sizes such as", id="sizes"),
        pytest.param(["{set}", "--classes", "mask"], 2, "--classes", id="classes-no-map"),
    ],
)
def test_wrong_input_is_one_line(photo_set, capsys, arguments, code, message):
    root, _ = photo_set
    assert main(["eval", *(a.format(set=root) for a in arguments)]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "option",
    [
        ("--conf", "2"),
        ("--conf", "nan"),
        ("--bootstrap", "-1"),
        ("--bootstrap", "1.5"),
        ("--min-size", "0"),
        ("--min-size", "x"),
    ],
    ids="=".join,
)
def test_wrong_options_are_usage_errors(option, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["eval", "set", *option])
    assert stopped.value.code == 2
    assert "expected a" in capsys.readouterr().err


def test_broken_predictions_leave_earlier_reports_whole(photo_set, tmp_path):
    root, predictions = photo_set
    predictions.write_text('{"images": [')
    report = tmp_path / "r.json"
    report.write_text("earlier")
    assert main(["eval", str(root), "--predictions", str(predictions), "--json", str(report)]) == 1
    assert report.read_text() == "earlier"


def test_predictions_are_scored_without_torch(photo_set):
    root, predictions = photo_set
    code = (
        "import sys; from eval.cli.main import main; code = main(sys.argv[1:]); "
        "sys.exit(3 if {'torch', 'ultralytics', 'onnxruntime'} & set(sys.modules) else code)"
    )
    command = [sys.executable, "-c", code, "eval", str(root), "--predictions", str(predictions)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
