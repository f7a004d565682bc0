"""`maskwatch compare` end to end, on sample photos, with a classifier that goes by colour."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from data.boxes import Boxes
from data.dataset import write_yaml
from data.images import read_image
from data.writer import write_sample
from eval.cli.main import main
from eval.twophase.network import KIND

# Faces of the photos, by eye, px; all bare. dlib finds one of zidane's two.
FACES = {
    "astronaut": [[177, 72, 274, 185]],
    "zidane": [[930, 130, 1070, 285], [460, 110, 600, 330]],
}
QUICK = ["--repeats", "1", "--bootstrap", "20", "--threads", "1"]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Mean red, green and blue, stretched, as probabilities: a warm picture is without_mask."""
    node = helper.make_node
    order = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], np.float32) * 40
    model = helper.make_model(
        helper.make_graph(
            [
                node("GlobalAveragePool", ["crops"], ["mean"]),
                node("Flatten", ["mean"], ["colour"]),
                node("MatMul", ["colour", "order"], ["logits"]),
                node("Softmax", ["logits"], ["probabilities"]),
            ],
            "red",
            [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["batch", 3, 32, 32])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
            [numpy_helper.from_array(order, "order")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    names = "{0: 'with_mask', 1: 'without_mask', 2: 'incorrect'}"
    facts = {"kind": KIND, "names": names, "imgsz": "[32, 32]", "context": "1.3"}
    helper.set_model_props(model, facts)
    path = tmp_path_factory.mktemp("classifier") / "red.onnx"
    onnx.save(model, str(path))
    return path


@pytest.fixture
def photo_set(tmp_path, astronaut, zidane):
    root = tmp_path / "set"
    for photo in (astronaut, zidane):
        boxes = np.array(FACES[photo.stem], float)
        truth = Boxes(boxes, np.ones(len(boxes), int))
        write_sample(root, "val", f"{photo.stem}.jpg", read_image(photo), truth)
    write_yaml(root)
    return root


def test_both_are_compared_in_words_figures_page_and_plot(photo_set, classifier, tmp_path, capsys):
    out = {kind: tmp_path / "out" / f"c.{kind}" for kind in ("json", "html", "png")}
    outputs = ["--json", str(out["json"]), "--html", str(out["html"]), "--plot", str(out["png"])]
    options = ["--two-phase", str(classifier), *QUICK, *outputs]
    assert main(["compare", str(photo_set), *options]) == 0
    printed = capsys.readouterr().out
    value = json.loads(out["json"].read_text())
    assert (value["split"], value["pictures"], value["threads"]) == ("val", 2, 1)
    assert value["single"]["name"] == "maskwatch-n.onnx"
    assert value["two_phase"]["name"] == "dlib HOG + red.onnx"
    # dlib misses the face that is turned away.
    assert value["single"]["any_face_recall"] >= 0.66
    assert value["two_phase"]["any_face_recall"] == pytest.approx(2 / 3)
    assert value["two_phase"]["class_accuracy"] == 1
    assert value["groups"] == {"by": "class", "order": ["without_mask", "incorrect", "with_mask"]}
    alone = {(row["iou"], row["group"]): row["two_phase"] for row in value["finder"]}
    assert alone[0.5, ""] == alone[0.3, "without_mask"] == pytest.approx(2 / 3)
    assert "the face finder alone by its own score, IoU 0.5" in printed
    assert [t["faces"] for t in value["times"]] == [0, 1, 2, 5, 10, 15, 20, None]
    assert [round(t["found"][1]) for t in value["times"][:7]] == [0, 1, 2, 5, 10, 15, 20]
    assert all(line in printed for line in value["verdicts"])
    page = out["html"].read_text()
    assert "dlib HOG + red.onnx" in page
    assert page.count("data:image/png;base64,") == 1
    assert "<script" not in page
    assert out["png"].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        ([], "train one with: maskwatch train DIR --two-phase", 2),
        (["--two-phase", "none.onnx"], "none.onnx: expected weights", 1),
        (["--two-phase", "CLASSIFIER", "--face-model", "no.onnx"], "no.onnx: expected a YuNet", 1),
        (["--two-phase", "CLASSIFIER", "--weights", "CLASSIFIER"], "red.onnx: expected", 1),
        (["--two-phase", "CLASSIFIER", "--threads", "0"], "--threads of 1 or more", 2),
        (["--two-phase", "CLASSIFIER", "--false-alarms", "-1"], "--false-alarms from 0", 2),
        (["--two-phase", "CLASSIFIER", "--plot", "p.jpg"], "ends in .png", 2),
        (["--two-phase", "CLASSIFIER", "--split", "train"], "expected a split 'train'", 1),
    ],
    ids=[
        *("no classifier", "missing classifier", "missing face model", "classifier as detector"),
        *("threads", "false alarms", "plot", "no such split"),
    ],
)
def test_refused_in_one_line(photo_set, classifier, capsys, options, said, code):
    given = [str(classifier) if option == "CLASSIFIER" else option for option in options]
    assert main(["compare", str(photo_set), *QUICK, *given]) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert said in lines[-1]
    assert len(lines) == 1


def test_a_set_without_faces_or_readable_pictures(classifier, tmp_path, capsys):
    root = tmp_path / "set"
    write_sample(root, "val", "plain.png", np.full((64, 64, 3), 90, np.uint8), Boxes.empty())
    write_yaml(root)
    command = ["compare", str(root), *QUICK, "--two-phase", str(classifier)]
    assert main(command) == 1
    assert "expected labelled faces" in capsys.readouterr().err
    (root / "images/val/plain.png").write_bytes(b"\x89PNG")
    assert main(command) == 1
    assert "none of 1 can be read" in capsys.readouterr().err


def test_video_and_compare_take_the_same_classifier(classifier, astronaut, tmp_path, capsys):
    out = tmp_path / "found.mp4"
    source = ["video", str(astronaut), "--save", str(out), "--threads", "1"]
    assert main([*source, "--two-phase", str(classifier), "--conf", "0.1"]) == 0
    assert "1 frame in" in capsys.readouterr().err
    assert main([*source, "--two-phase", str(classifier), "--weights", "x.onnx"]) == 2
    assert main([*source, "--face-model", "x.onnx"]) == 2
