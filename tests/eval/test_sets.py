"""Sets of every format are scored alike; what is broken in them is told."""

import json

import numpy as np
import pytest

from data.boxes import Boxes
from data.convert import convert
from data.exceptions import AnnotationError, DatasetError
from data.manifest import FaceRecord, PictureRecord, write_manifest
from eval.loading import Loaded, load_with_detector, read_truths
from eval.sets import match_faces, open_set

NAMES = ["val/a.png", "val/b.png", "train/c.png"]


def truths_of(root, split=None, classes=None):
    labelled = open_set(root, split, classes or {})
    loaded = Loaded(broken=list(labelled.broken))
    return labelled, read_truths(labelled.chosen, loaded, labelled.records), loaded


@pytest.mark.parametrize("target", ["voc", "coco"])
def test_formats_give_the_same_truth(make_set, tmp_path, target):
    root = make_set(NAMES)
    convert(root, tmp_path / "other", source_format="yolo", target_format=target)
    _, ours, _ = truths_of(root)
    labelled, theirs, _ = truths_of(tmp_path / "other")
    assert (labelled.kind, labelled.split) == (target, "val")
    assert [t.sample.image.name for t in theirs] == [t.sample.image.name for t in ours]
    for a, b in zip(ours, theirs, strict=True):
        assert b.boxes.xyxy == pytest.approx(a.boxes.xyxy, abs=1e-3)
        assert b.boxes.class_ids.tolist() == a.boxes.class_ids.tolist()


def test_a_coco_file_is_a_set(make_set, tmp_path):
    convert(make_set(NAMES), tmp_path / "o", source_format="yolo", target_format="coco")
    labelled, truths, _ = truths_of(tmp_path / "o" / "annotations" / "instances_train.json")
    assert [t.sample.image.name for t in truths] == ["c.png"]
    assert labelled.split == "all"


def test_other_class_names_are_mapped(make_set, tmp_path):
    convert(make_set(NAMES), tmp_path / "o", source_format="yolo", target_format="coco")
    path = tmp_path / "o" / "annotations" / "instances_val.json"
    path.write_text(path.read_text().replace('"with_mask"', '"good"'))
    with pytest.raises(AnnotationError, match="good=with_mask"):
        open_set(tmp_path / "o", None, {})
    _, truths, _ = truths_of(tmp_path / "o", None, {"good": "incorrect"})
    assert [t.boxes.class_ids.tolist() for t in truths] == [[2], [2]]


def test_yolo_sets_with_other_names(make_set):
    root = make_set(NAMES)
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [mask]\n")
    with pytest.raises(DatasetError, match="names"):
        open_set(root, None, {})
    _, truths, _ = truths_of(root, "val", {"mask": "without_mask"})
    assert [t.boxes.class_ids.tolist() for t in truths] == [[1], [1]]


def test_broken_annotations_are_passed_over(make_set, tmp_path):
    convert(make_set(NAMES), tmp_path / "o", source_format="yolo", target_format="voc")
    folder = tmp_path / "o" / "Annotations"
    (folder / "a.xml").write_text("<annotation>")
    text = (folder / "b.xml").read_text()
    (folder / "b.xml").write_text(text.replace("<width>80", "<width>99"))
    labelled, truths, loaded = truths_of(tmp_path / "o", "all")
    assert [t.sample.image.name for t in truths] == ["c.png"]
    assert len(loaded.broken) == 2
    assert len(labelled.broken) == 1


@pytest.mark.parametrize(
    ("split", "message"), [("train", "the set has val"), (None, "expected a data set")]
)
def test_what_is_no_set_is_refused(make_set, tmp_path, split, message):
    root = make_set(["val/a.png"]) if split else tmp_path / "nowhere"
    with pytest.raises(DatasetError, match=message):
        open_set(root, split, {})


def test_the_manifest_tells_of_faces(make_set):
    root = make_set(["val/a.png"])
    face = FaceRecord("with_mask", [10, 10, 40, 50], "cup", [0, 0, 0], "dots", "right", yaw=50.0)
    elsewhere = FaceRecord("with_mask", [60, 10, 70, 20], "cloth")
    record = PictureRecord("images/val/a.png", 80, 60, "val", "s", "d", "i", 1, [elsewhere, face])
    write_manifest(root, [record])
    _, [truth], _ = truths_of(root)
    [facts] = truth.facts
    assert (facts["style"], facts["pose"], facts["colour"]) == (
        ("cup",),
        ("45 to 60°",),
        ("black",),
    )


def test_a_detector_gets_the_facts_too(make_set):
    labelled = open_set(make_set(["val/a.png"]), None, {})
    loaded = load_with_detector(
        labelled.chosen, lambda images: list(map(_nothing, images)), labelled.records
    )
    assert loaded.pairs[0].facts == ({"border": ("inside",)},)


def _nothing(_image):
    return Boxes.empty()


def test_coco_boxes_are_not_rounded(make_set, tmp_path):
    convert(make_set(NAMES), tmp_path / "o", source_format="yolo", target_format="coco")
    content = json.loads((tmp_path / "o" / "annotations" / "instances_val.json").read_text())
    box = np.array(content["annotations"][0]["bbox"])
    _, truths, _ = truths_of(tmp_path / "o")
    assert truths[0].boxes.xyxy[0, 2:] == pytest.approx(box[:2] + box[2:])


def test_boxes_that_the_manifest_lacks():
    face = FaceRecord("with_mask", [0.0, 0, 10, 10])
    boxes = Boxes(np.array([[50.0, 50, 60, 60], [0, 0, 10, 10]]), np.array([0, 0]))
    assert match_faces(boxes, [face]) == (None, face)
    assert match_faces(boxes, []) == (None, None)
    assert match_faces(Boxes.empty(), [face]) == ()
