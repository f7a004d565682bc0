"""Predictions of other tools: COCO results, YOLO label files, other class names."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from data.convert import convert
from data.dataset import Sample, find_samples
from data.exceptions import AnnotationError, DatasetError
from eval.foreign import CocoNames, parse_coco_results, read_any_predictions, read_coco_names
from eval.loading import Loaded, load_with_predictions, pair_predictions, read_truths
from eval.sets import open_set

ROW = {"image_id": "a", "category_id": 0, "bbox": [10, 10, 30, 40], "score": 0.9}
SAMPLES = [Sample(Path(f"s/images/{n}.jpg"), Path("x.txt"), "val") for n in ("a", "b", "007")]


def parse(*rows, classes=None, names=None):
    predictions = parse_coco_results(rows, SAMPLES, classes or {}, names or CocoNames())
    return {Path(p.file).name: p.boxes for p in predictions.images}


def test_coco_results_by_stem():
    found = parse(ROW, {**ROW, "image_id": 7, "category_id": 2})
    assert found["a.jpg"].xyxy.tolist() == [[10, 10, 40, 50]]
    assert found["007.jpg"].class_ids.tolist() == [2]
    assert len(found["b.jpg"]) == 0


@pytest.mark.parametrize(
    ("row", "names"),
    [
        pytest.param({"image_id": 31, "file_name": "x/a.jpg"}, None, id="file-name-in-row"),
        pytest.param({"image_id": 31}, CocoNames({"31": "a.jpg"}), id="coco-file"),
        pytest.param({"image_id": "a.jpg"}, None, id="id-is-the-name"),
    ],
)
def test_pictures_are_named_in_several_ways(row, names):
    found = parse({**ROW, **row}, names=names)
    assert sorted(found) == ["007.jpg", "a.jpg", "b.jpg"]
    assert len(found["a.jpg"]) == 1


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        pytest.param([0, 1], [0, 1], id="from-0"),
        pytest.param([1, 3], [0, 2], id="from-1"),
    ],
)
def test_bare_category_ids(ids, expected):
    found = parse(*({**ROW, "category_id": i} for i in ids))
    assert found["a.jpg"].class_ids.tolist() == expected


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        pytest.param([1, 2], "count from 0 or 1", id="either"),
        pytest.param([0, 3], "count from 0 or 1", id="neither"),
        pytest.param([17], "--classes '17=drop'", id="unknown"),
        pytest.param([0, 17], "--classes '0=drop,17=drop'", id="ours-and-unknown"),
        pytest.param(["\N{SUPERSCRIPT TWO}"], "drop'", id="a-digit-that-is-no-number"),
        pytest.param(["9" * 5000], "expected classes", id="longer-than-int-reads"),
    ],
)
def test_unclear_category_ids_are_refused(ids, message):
    with pytest.raises(AnnotationError, match=message):
        parse(*({**ROW, "category_id": i} for i in ids))


def test_categories_are_mapped_and_dropped():
    rows = ({**ROW, "category_id": i} for i in (1, 2))
    found = parse(*rows, classes={"1": "incorrect", "2": "drop"})
    assert found["a.jpg"].class_ids.tolist() == [2]
    named = CocoNames(categories={"5": "mask"})
    found = parse({**ROW, "category_id": 5}, classes={"mask": "with_mask"}, names=named)
    assert found["a.jpg"].class_ids.tolist() == [0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param(7, "COCO result", id="a-number"),
        pytest.param({"image_id": "a"}, "COCO result", id="keys-missing"),
        pytest.param({**ROW, "bbox": [1, 2, 3]}, "bbox", id="three-numbers"),
        pytest.param({**ROW, "bbox": [1, 2, 3, float("nan")]}, "bbox", id="nan"),
        pytest.param({**ROW, "bbox": [1, 2, 0, 4]}, "x1 < x2", id="flat"),
        pytest.param({**ROW, "score": 7}, "scores", id="score"),
        pytest.param({**ROW, "bbox": [1, 2, 10**400, 4]}, "COCO result", id="huge"),
    ],
)
def test_broken_results_are_named(row, message):
    with pytest.raises(AnnotationError, match=message):
        parse(row)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["image_id", "category_id", "bbox", "score"]), inner)
    ),
    max_leaves=10,
)


@given(JSON)
def test_any_row_is_read_or_refused(value):
    for row in (value, {**ROW, "image_id": value}, {**ROW, "category_id": value}):
        try:
            assert all(isinstance(boxes, Boxes) for boxes in parse(row).values())
        except (AnnotationError, DatasetError):
            continue


def test_results_for_another_set_are_refused(make_set, tmp_path):
    root = make_set(["val/a.jpg"])
    path = tmp_path / "r.json"
    path.write_text(json.dumps([{**ROW, "image_id": "z"}]))
    every = find_samples(root)
    with pytest.raises(DatasetError, match="none of the 1 entries"):
        load_with_predictions(every, read_any_predictions(path, every), every)


def test_coco_set_with_its_results(make_set, tmp_path):
    """Image and category ids are those of the set's own annotation file."""
    root = tmp_path / "o"
    convert(
        make_set(["val/a.png", "val/b.png", "train/c.png"]), root, source_format="yolo",
        target_format="coco",
    )  # fmt: skip
    content = json.loads((root / "annotations" / "instances_val.json").read_text())
    rows = [
        {**ROW, "image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"]}
        for a in content["annotations"]
    ]
    path = tmp_path / "r.json"
    path.write_text(json.dumps(rows))
    labelled = open_set(root, "val", {})
    names = read_coco_names(root, "val")
    predictions = read_any_predictions(path, labelled.every, {}, names)
    noted = Loaded()
    truths = read_truths(labelled.chosen, noted)
    for pair in pair_predictions(truths, noted, predictions, labelled.every).pairs:
        assert pair.found.xyxy == pytest.approx(pair.truth.xyxy)
        assert pair.found.class_ids.tolist() == pair.truth.class_ids.tolist()


def test_yolo_folder(make_set, tmp_path):
    root = make_set(["val/a.jpg", "val/b.jpg"])
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "a.txt").write_text("2 0.5 0.5 0.25 0.5 0.75\n")
    (folder / "z.txt").write_text("")
    every = find_samples(root)
    loaded = load_with_predictions(every, read_any_predictions(folder, every), every)
    first, second = loaded.pairs
    assert first.found.xyxy.tolist() == [[30, 15, 50, 45]]
    assert (first.found.class_ids.tolist(), first.found.scores.tolist()) == ([2], [0.75])
    assert (len(second.found), loaded.without_prediction, loaded.unknown) == (0, [], ["z.txt"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("0 .5 .5 .2 .2\n", "save_conf=True", id="no-score"),
        pytest.param("5 .5 .5 .2 .2 .9\n", "5=drop", id="unknown-class"),
        pytest.param("0 .5 .5 0 .2 .9\n", "x1 < x2", id="flat"),
        pytest.param("0 .5 .5 x .2 .9\n", r"a\.txt:1", id="no-number"),
    ],
)
def test_broken_yolo_folders_are_named(make_set, tmp_path, text, message):
    every = find_samples(make_set(["val/a.jpg"]))
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(AnnotationError, match=message):
        read_any_predictions(tmp_path, every)


def test_empty_folder_is_refused(make_set, tmp_path):
    every = find_samples(make_set(["val/a.jpg"]))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(AnnotationError, match="found none"):
        read_any_predictions(tmp_path / "nothing", every)


def test_our_format_with_other_names(make_set, tmp_path):
    every = find_samples(make_set(["val/a.jpg"]))
    rows = [{"class": c, "score": 0.9, "box": [10, 10, 40, 50]} for c in ("mask", "hat")]
    entry = {"file": "a.jpg", "width": 80, "height": 60, "detections": rows}
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"weights": "w", "images": [entry]}))
    with pytest.raises(AnnotationError, match="'mask'"):
        read_any_predictions(path, every)
    found = read_any_predictions(path, every, {"mask": "incorrect", "hat": "drop"})
    assert found.images[0].boxes.class_ids.tolist() == [2]
