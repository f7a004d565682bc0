"""Sets of every format, read without FiftyOne."""

from dataclasses import replace

import numpy as np
import pytest

from data.convert import convert
from data.exceptions import AnnotationError, DatasetError
from data.manifest import FaceRecord, PictureRecord, write_manifest
from eval.browse.material import load_material
from eval.sets import guess_format


@pytest.mark.parametrize("target", ["yolo", "voc", "coco"])
def test_formats_give_the_same_boxes(make_set, tmp_path, target):
    source = make_set(["train/a.png", "val/b.png"])
    out = tmp_path / "converted"
    convert(source, out, source_format="yolo", target_format=target)
    assert guess_format(out) == target
    material = load_material(out, "all", {})
    assert [p.path.name for p in material.pictures] == ["a.png", "b.png"]
    for picture in material.pictures:
        assert (picture.width, picture.height) == (80, 60)
        assert picture.path.is_absolute()
        np.testing.assert_allclose(picture.truth.xyxy, [[10, 10, 40, 50]], atol=1e-3)
        assert picture.truth.class_ids.tolist() == [0]
    (val,) = load_material(out, None, {}).pictures
    assert val.path.name == "b.png"
    assert len(load_material(out, None, {}).every) == 2


def test_what_cannot_be_shown_is_told(make_set):
    root = make_set(["val/a.png", "val/b.png", "val/c.png"])
    (root / "images/val/b.png").write_bytes(b"nonsense")
    (root / "labels/val/c.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    material = load_material(root, None, {})
    assert [p.path.name for p in material.pictures] == ["a.png"]
    assert ["b.png" in f or "c.txt" in f for f in material.faults] == [True, True]


def test_pictures_that_a_list_names_but_are_missing(make_set):
    root = make_set(["val/a.png"])
    (root / "data.yaml").unlink()
    (root / "val.txt").write_text("images/val/a.png\nimages/val/gone.png\n")
    material = load_material(root, "val", {})
    (fault,) = material.faults
    assert "gone.png" in fault


def test_nothing_to_show(make_set, tmp_path):
    with pytest.raises(DatasetError, match="there is none"):
        load_material(tmp_path / "nowhere", None, {})
    root = make_set(["val/a.png"])
    with pytest.raises(DatasetError, match="the set has val"):
        load_material(root, "train", {})
    (root / "images/val/a.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"first fault.*a\.png"):
        load_material(root, None, {})


def test_classes_of_other_tools(make_set, tmp_path):
    out = tmp_path / "voc"
    convert(make_set(["val/a.png"]), out, source_format="yolo", target_format="voc")
    (xml,) = out.rglob("*.xml")
    xml.write_text(xml.read_text().replace("with_mask", "masked"))
    with pytest.raises(AnnotationError, match="masked=with_mask"):
        load_material(out, None, {})
    (picture,) = load_material(out, None, {"masked": "incorrect"}).pictures
    assert picture.truth.class_ids.tolist() == [2]


def test_manifest_is_brought_to_its_boxes(make_set):
    root = make_set(["val/a.png"])
    face = FaceRecord("with_mask", [10.2, 10, 40, 49.8], style="cloth", state="right")
    other = replace(face, box=[60.0, 0, 70, 10], style="cup")
    record = PictureRecord("images/val/a.png", 80, 60, "", "s", "d", "i", 0, [other, face])
    write_manifest(root, [record])
    (picture,) = load_material(root, None, {}).pictures
    assert picture.faces == (face,)
