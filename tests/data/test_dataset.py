import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from data.dataset import (
    boxes_to_text,
    find_samples,
    image_to_label,
    read_labels,
    read_yaml,
    text_to_boxes,
    write_yaml,
)
from data.exceptions import AnnotationError, DatasetError
from data.labels import CLASS_NAMES

NAMES = "names: [with_mask, without_mask, incorrect]\n"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("0 0.5 0.5 0.1", id="four-numbers"),
        pytest.param("0 0.5 0.5 0.1 0.1 0.9", id="six-numbers"),
        pytest.param("mask 0.5 0.5 0.1 0.1", id="name-for-class"),
        pytest.param("3 0.5 0.5 0.1 0.1", id="class-3"),
        pytest.param("-1 0.5 0.5 0.1 0.1", id="class-minus-1"),
        pytest.param("0.5 0.5 0.5 0.1 0.1", id="half-a-class"),
        pytest.param("nan 0.5 0.5 0.1 0.1", id="nan-class"),
        pytest.param("0 nan 0.5 0.1 0.1", id="nan"),
        pytest.param("0 inf 0.5 0.1 0.1", id="infinite"),
        pytest.param("0 0.5 0.5 0 0.1", id="no-width"),
        pytest.param("0 0.5 0.5 0.1 -0.1", id="negative-height"),
        pytest.param("0 0.96 0.5 0.1 0.1", id="right-of-the-picture"),
        pytest.param("0 0.5 0.04 0.1 0.1", id="above-the-picture"),
        pytest.param("0 320 240 50 60", id="pixels"),
        pytest.param("0,0.5,0.5,0.1,0.1", id="commas"),
        pytest.param("0 0.5 0.5 1e-300 0.1", id="vanishing"),
    ],
)
def test_broken_line_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(AnnotationError, match=r"^face\.txt"):
        text_to_boxes(f"0 0.5 0.5 0.1 0.1\n{line}\n", 640, 480, "face.txt")


def test_line_number_in_message() -> None:
    with pytest.raises(AnnotationError, match=r"^face\.txt:3: "):
        text_to_boxes("0 0.5 0.5 0.1 0.1\n\nx\n", 640, 480, "face.txt")


@given(
    st.integers(16, 8000),
    st.integers(16, 8000),
    st.lists(st.tuples(st.integers(0, 2), *[st.floats(0, 1)] * 4), max_size=8),
)
def test_text_round_trip_within_rounding(width: int, height: int, rows: list[tuple]) -> None:
    """Six decimals keep an edge to a millionth of the picture, and every class."""
    xyxy, ids = [], []
    for label, a, b, c, d in rows:
        x1, x2 = sorted((a * width, b * width))
        y1, y2 = sorted((c * height, d * height))
        if x2 - x1 > 1e-4 * width and y2 - y1 > 1e-4 * height:
            xyxy.append([x1, y1, x2, y2])
            ids.append(label)
    boxes = Boxes(np.array(xyxy).reshape(-1, 4), np.array(ids, dtype=int))
    read = text_to_boxes(boxes_to_text(boxes, width, height), width, height)
    assert read.class_ids.tolist() == ids
    np.testing.assert_allclose(read.xyxy, boxes.xyxy, atol=1e-6 * max(width, height))


@given(st.text() | st.lists(st.sampled_from("0123456789 .e-+naif\n\t")).map("".join))
def test_hostile_text_gives_boxes_or_one_error(text: str) -> None:
    try:
        boxes = text_to_boxes(text, 64, 48)
    except AnnotationError:
        return
    assert (boxes.xyxy >= 0).all()
    assert (boxes.xyxy <= [64, 48, 64, 48]).all()


def test_missing_and_empty_label_files_mean_no_face(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    assert len(read_labels(tmp_path / "none.txt", 10, 10)) == 0
    assert len(read_labels(tmp_path / "empty.txt", 10, 10)) == 0


def test_label_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnnotationError, match="UTF-8"):
        read_labels(tmp_path / "a.txt", 10, 10)


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("files", "yaml", "expected"),
    [
        pytest.param(
            ["images/train/b.jpg", "images/train/a.png", "images/val/c.jpg"],
            f"path: .\ntrain: images/train\nval: images/val\n{NAMES}",
            [("a.png", "train"), ("b.jpg", "train"), ("c.jpg", "val")],
            id="ours",
        ),
        pytest.param(
            ["images/a.jpg", "images/.hidden.jpg", "images/notes.md"],
            None,
            [("a.jpg", "")],
            id="no-splits",
        ),
        pytest.param(
            ["images/train/a.jpg", "images/val/b.jpg"],
            None,
            [("a.jpg", "train"), ("b.jpg", "val")],
            id="split-folders-without-yaml",
        ),
        pytest.param(
            ["train/images/a.jpg", "valid/images/b.jpg"],
            f"train: ../train/images\nval: ../valid/images\n{NAMES}",
            [("a.jpg", "train"), ("b.jpg", "val")],
            id="roboflow",
        ),
        pytest.param(
            ["set/images/a.jpg"],
            f"path: set\ntrain: [images]\nval: gone\n{NAMES}",
            [("a.jpg", "train")],
            id="path-and-list",
        ),
        pytest.param(
            ["images/a.jpg"],
            f"path: /nowhere/at/all\ntrain: images\n{NAMES}",
            [("a.jpg", "train")],
            id="path-of-another-machine",
        ),
    ],
)
def test_layouts(
    tmp_path: Path, files: list[str], yaml: str | None, expected: list[tuple[str, str]]
) -> None:
    _touch(tmp_path, *files)
    if yaml:
        (tmp_path / "data.yaml").write_text(yaml)
    assert [(s.image.name, s.split) for s in find_samples(tmp_path)] == expected
    for sample in find_samples(tmp_path):
        assert sample.label.parent.parts != sample.image.parent.parts
        assert sample.label.name == f"{sample.image.stem}.txt"


def test_list_files_give_splits(tmp_path: Path) -> None:
    _touch(tmp_path, "images/a.jpg", "images/b.jpg")
    (tmp_path / "train.txt").write_text("./images/b.jpg\n\n")
    (tmp_path / "val.txt").write_text("images/a.jpg\n")
    assert [s.image.name for s in find_samples(tmp_path, "val")] == ["a.jpg"]
    assert find_samples(tmp_path, "train")[0].label == tmp_path / "labels/b.txt"


def test_label_of_a_picture_outside_the_root(tmp_path: Path) -> None:
    outside = tmp_path / "images" / "old" / "images" / "a.b.jpg"
    assert image_to_label(tmp_path / "set", outside) == tmp_path / "images/old/labels/a.b.txt"
    assert image_to_label(None, outside) == tmp_path / "images/old/labels/a.b.txt"
    inside = tmp_path / "images" / "images" / "a.jpg"
    assert image_to_label(tmp_path, inside) == tmp_path / "labels/images/a.txt"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"- a\n- b\n", id="no-mapping"),
        pytest.param(b"names: [a", id="no-yaml"),
        pytest.param(b"\xff\xff", id="no-utf-8"),
        pytest.param(b"names: 2001-99-99", id="no-date"),
        pytest.param(b"a: " + b"[" * 5000, id="deep"),
        pytest.param(b"train: images/train\n", id="no-names"),
        pytest.param(b"names: [without_mask, with_mask, incorrect]", id="other-order"),
        pytest.param(b"names: [with_mask, without_mask]", id="two-names"),
        pytest.param(b"names: {1: with_mask, 2: without_mask, 3: incorrect}", id="other-ids"),
        pytest.param(b"names: {[1]: 2}", id="no-key"),
        pytest.param(
            b"a: &a [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(
                b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9))
                for c in range(ord("b"), ord("k"))
            )
            + b"names: *j\npath: *j\n",
            id="billion-laughs",
        ),
    ],
)
def test_broken_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.yaml").write_bytes(content)
    with pytest.raises(DatasetError, match=r"data\.yaml: expected"):
        read_yaml(tmp_path)


def test_written_yaml_is_read_back(tmp_path: Path) -> None:
    write_yaml(tmp_path)
    assert read_yaml(tmp_path)["names"] == dict(enumerate(CLASS_NAMES))


def test_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="folder"):
        find_samples(tmp_path / "none")
    with pytest.raises(DatasetError, match="images/"):
        find_samples(tmp_path)
    _touch(tmp_path, "images/train/a.jpg")
    with pytest.raises(DatasetError, match="'val', but the set has train"):
        find_samples(tmp_path, "val")


def test_list_that_is_no_text(tmp_path: Path) -> None:
    _touch(tmp_path, "images/a.jpg")
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(DatasetError, match="UTF-8"):
        find_samples(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_file_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    _touch(tmp_path, "images/" + os.fsdecode(b"caf\xe9.jpg"))
    assert len(find_samples(tmp_path)) == 1
