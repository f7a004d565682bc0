"""Whole sets through `convert`, with real pictures."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes, iou
from data.check import check_dataset
from data.convert import Conversion, Split, convert, unique_stems
from data.dataset import find_samples, read_labels
from data.exceptions import AnnotationError, DatasetError, UsageError
from data.files import digest
from data.formats.voc import to_xml
from data.images import Image, encode_image, read_image
from data.manifest import read_manifest


def _boxes_by_stem(root: Path) -> dict[str, Boxes]:
    result = {}
    for sample in find_samples(root):
        height, width = read_image(sample.image).shape[:2]
        result[sample.image.stem] = read_labels(sample.label, width, height)
    return result


def _bring(source: Path, out: Path, source_format: str, **options: object) -> Conversion:
    return convert(source, out, source_format=source_format, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("middle", "tolerance"), [("voc", 0.5), ("coco", 0.01), ("yolo", 0.01)])
def test_round_trip(
    tmp_path: Path, make_set: Callable[..., Path], middle: str, tolerance: float
) -> None:
    source = make_set(train=3, val=2)
    _bring(source, tmp_path / "there", "yolo", target_format=middle)
    result = _bring(tmp_path / "there", tmp_path / "back", middle)
    assert not result.broken
    before, after = find_samples(source), find_samples(tmp_path / "back")
    assert [(s.image.name, s.split) for s in after] == [(s.image.name, s.split) for s in before]
    assert [digest(s.image) for s in after] == [digest(s.image) for s in before]
    wanted, got = _boxes_by_stem(source), _boxes_by_stem(tmp_path / "back")
    for stem, boxes in wanted.items():
        assert got[stem].class_ids.tolist() == boxes.class_ids.tolist()
        np.testing.assert_allclose(got[stem].xyxy, boxes.xyxy, atol=tolerance + 1e-3)
    assert check_dataset(tmp_path / "back").problems == []


def test_records_agree_with_the_set(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    result = _bring(make_set(), tmp_path / "out", "yolo")
    assert list(read_manifest(tmp_path / "out")) == result.records
    assert result.boxes == {"with_mask": 5, "without_mask": 5, "incorrect": 5}


def test_val_divides_anew_and_repeatably(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    source = make_set(train=12, val=0)
    splits = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        result = _bring(source, tmp_path / name, "yolo", split=Split(val=0.5, seed=seed))
        splits.append([r.split for r in result.records])
    assert splits[0] == splits[1] != splits[2]
    assert set(splits[0]) == {"train", "val"}


def test_one_person_stays_in_one_split(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    """All names begin with train_, so a pattern for that makes one person of them."""
    split = Split(val=0.5, pattern=r"^([a-z]+)_")
    result = _bring(make_set(train=8, val=0), tmp_path / "out", "yolo", split=split)
    assert len({r.split for r in result.records}) == 1
    assert {r.identity for r in result.records} == {"train"}


def test_broken_entries_are_passed_over_and_named(
    tmp_path: Path, make_set: Callable[..., Path]
) -> None:
    source = make_set(train=4, val=1)
    cut = source / "images/train/train_000.jpg"
    cut.write_bytes(cut.read_bytes()[:900])
    (source / "labels/train/train_001.txt").write_text("0 0.5 0.5")
    result = _bring(source, tmp_path / "out", "yolo")
    assert sorted(r.file for r in result.records) == [
        "images/train/train_002.jpg",
        "images/train/train_003.jpg",
        "images/val/val_004.jpg",
    ]
    assert len(result.broken) == 2
    assert any("train_000.jpg" in fault and "truncated" in fault for fault in result.broken)
    assert any("train_001.txt:1" in fault for fault in result.broken)


def test_nothing_readable_writes_nothing(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    source = make_set(train=2, val=0)
    for path in source.glob("images/*/*.jpg"):
        path.write_bytes(b"x")
    with pytest.raises(DatasetError, match="none could be read; first fault"):
        _bring(source, tmp_path / "out", "yolo")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


@pytest.mark.parametrize("make", ["file", "folder"])
def test_output_in_the_way_is_left_alone(
    tmp_path: Path, make_set: Callable[..., Path], make: str
) -> None:
    out = tmp_path / "out"
    if make == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "mine").write_text("mine")
    with pytest.raises(DatasetError, match="--out"):
        _bring(make_set(), out, "yolo")
    assert (out if make == "file" else out / "mine").read_text() == "mine"


def test_empty_output_folder_is_used(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    (tmp_path / "out").mkdir()
    _bring(make_set(), tmp_path / "out", "yolo")
    assert len(find_samples(tmp_path / "out")) == 5


def test_classes_are_mapped_and_dropped(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    source = make_set(train=1, val=0)
    (source / "data.yaml").write_text("names: [helmet, face, bad]\n")
    with pytest.raises(AnnotationError, match="--classes 'bad=incorrect,face=without_mask,helmet="):
        _bring(source, tmp_path / "out", "yolo")
    rules = {"helmet": "drop", "face": "without_mask", "bad": "incorrect"}
    result = _bring(source, tmp_path / "out", "yolo", classes=rules)
    assert result.boxes == {"without_mask": 1, "incorrect": 1}
    assert result.left_out == {"class dropped": 1}


def test_ids_without_names_are_ours_unless_mapped(
    tmp_path: Path, make_set: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    source = make_set(train=1, val=0)
    (source / "data.yaml").unlink()
    result = _bring(source, tmp_path / "a", "yolo")
    assert "no file of class names" in caplog.text
    assert result.boxes == {"with_mask": 1, "without_mask": 1, "incorrect": 1}
    result = _bring(source, tmp_path / "b", "yolo", classes={"0": "incorrect"})
    assert result.boxes == {"incorrect": 2, "without_mask": 1}


def test_wider_faces_are_bare(tmp_path: Path, bus_image: Image) -> None:
    folder = tmp_path / "wider" / "WIDER_val" / "images" / "0--Street"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(encode_image(bus_image, ".jpg"))
    (tmp_path / "wider" / "wider_face_val_bbx_gt.txt").write_text(
        "0--Street/a.jpg\n2\n10 20 30 40 0 0 0 0 0 0\n5 5 0 9 0 0 0 0 0 0\n"
    )
    result = _bring(tmp_path / "wider", tmp_path / "out", "wider")
    assert result.left_out == {"empty box": 1}
    boxes = _boxes_by_stem(tmp_path / "out")["a"]
    assert boxes.class_ids.tolist() == [1]
    np.testing.assert_allclose(boxes.xyxy, [[10, 20, 40, 60]], atol=1e-3)
    assert [s.split for s in find_samples(tmp_path / "out")] == ["val"]


@pytest.mark.parametrize("said", ["stored", "upright"])
def test_exif_rotated_picture(
    tmp_path: Path,
    astronaut_image: Image,
    oriented_jpeg: Callable[[Image, int], bytes],
    said: str,
) -> None:
    """A camera held upright stores its picture lying; boxes may have been drawn on either."""
    lying = astronaut_image[:200, :300]
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "a.jpg").write_bytes(oriented_jpeg(lying, 6))
    on_stored, on_upright = [20, 30, 120, 90], [200 - 90, 20, 200 - 30, 120]
    size, box = ((300, 200), on_stored) if said == "stored" else ((200, 300), on_upright)
    (tmp_path / "voc" / "a.xml").write_text(to_xml("a.jpg", *size, Boxes([box], [0])))
    result = _bring(tmp_path / "voc", tmp_path / "out", "voc")
    assert (result.records[0].width, result.records[0].height) == (200, 300)
    boxes = _boxes_by_stem(tmp_path / "out")["a"]
    assert iou(boxes.xyxy, [on_upright])[0, 0] == pytest.approx(1, abs=1e-4)


def test_picture_converted_since_is_found_and_kept(tmp_path: Path, astronaut_image: Image) -> None:
    source = tmp_path / "voc"
    source.mkdir()
    (source / "a.bmp").write_bytes(encode_image(astronaut_image, ".bmp"))
    (source / "a.xml").write_text(to_xml("a.jpg", 512, 512, Boxes([[1, 1, 9, 9]], [0])))
    result = _bring(source, tmp_path / "out", "voc")
    assert result.records[0].file.endswith("/a.bmp")
    assert digest(tmp_path / "out" / result.records[0].file) == digest(source / "a.bmp")


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_file_names_of_any_bytes(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    source = make_set(train=1, val=0)
    name = os.fsdecode(b"caf\xe9")
    (source / "images/train/train_000.jpg").rename(source / f"images/train/{name}.jpg")
    (source / "labels/train/train_000.txt").rename(source / f"labels/train/{name}.txt")
    result = _bring(source, tmp_path / "out", "yolo")
    assert [r.file for r in result.records] == ["images/train/caf?.jpg".replace("?", "_")]


def test_unique_stems() -> None:
    paths = [Path(p) for p in ("a.jpg", "b/a.png", "A.jpg", "a-2.jpg", ".x.jpg", "q:r?.jpg")]
    assert unique_stems(paths) == ["a", "a-2", "A-3", "a-2-2", "x", "q_r_"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"val": -0.1}, "--val", id="negative-share"),
        pytest.param({"val": float("nan")}, "--val", id="nan-share"),
        pytest.param({"pattern": "("}, "--split-by", id="no-pattern"),
        pytest.param({"pattern": "abc"}, "--split-by", id="no-group"),
    ],
)
def test_senseless_splits(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Split(**options)


def test_unknown_formats_and_missing_sources(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--from"):
        _bring(tmp_path, tmp_path / "out", "excel")
    with pytest.raises(DatasetError, match="there is none"):
        _bring(tmp_path / "none", tmp_path / "out", "voc")
    with pytest.raises(DatasetError, match="there is none"):
        _bring(tmp_path, tmp_path / "out", "voc", images=tmp_path / "none")
