"""Readers of other tools' annotations: what they read, and what they make of broken files."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from data.exceptions import AnnotationError, DatasetError
from data.formats import READERS, AnnotatedImage, to_boxes, turn_upright
from data.formats.coco import parse_coco
from data.formats.pictures import PictureIndex
from data.formats.voc import parse_voc, to_xml
from data.formats.wider import parse_wider
from data.formats.yolo import parse_yolo, read_names

VOC = """<annotation><filename>a.png</filename>
<size><width>100</width><height>80</height><depth>3</depth></size>
<object><name>with_mask</name><difficult>1</difficult>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object>
<object><name>bad</name><bndbox><ymin>11.0</ymin><xmax>100</xmax><xmin>51</xmin><ymax>80</ymax>
</bndbox></object></annotation>"""
COCO = json.dumps(
    {
        "images": [
            {"id": 7, "file_name": "x/a.png", "width": 100, "height": 80},
            {"id": "s", "file_name": "none.png"},
        ],
        "annotations": [
            {"image_id": 7, "category_id": 3, "bbox": [50, 10, 50, 70]},
            {"image_id": 7, "category_id": 3, "bbox": [0, 0, 100, 80], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "mask"}],
    }
)
WIDER = (
    "0--P/a.png\n2\n50 10 50 70 0 0 0 0 0 0 \n0 0 9 9 0 0 0 1 0 0\n"
    "b.png\n0\n0 0 0 0 0 0 0 0 0 0 \nc.png\n1\n3 4 0 5 0 0 0 0 0 0\n"
)
YOLO = "2 0.75 0.5625 0.5 0.875\n\n7 0.1 0.1 0.3 0.1 0.3 0.4\n"


def test_voc_pixels_count_from_one_and_include_the_last() -> None:
    content = parse_voc(VOC)
    assert (content.filename, content.size) == ("a.png", (100, 80))
    assert content.names == ("with_mask", "bad")
    assert content.boxes.tolist() == [[0, 0, 1, 1], [50, 10, 100, 80]]


def test_coco_boxes_and_crowds() -> None:
    first, second = parse_coco(COCO.encode())
    assert (first.size, first.names, first.boxes) == ((100, 80), ["mask"], [[50, 10, 50, 70]])
    assert first.crowds == 1
    assert (second.size, second.boxes, second.fault) == (None, [], "")


def test_wider_blocks() -> None:
    first, second, third = parse_wider(WIDER)
    assert first.boxes.tolist() == [[50, 10, 100, 80]]
    assert first.skipped == {"marked invalid": 1}
    assert (second.file, len(second.boxes), second.fault) == ("b.png", 0, "")
    assert third.skipped == {"empty box": 1}


def test_wider_without_the_line_of_zeros() -> None:
    assert [b.file for b in parse_wider("a.jpg\n0\nb.jpg\n0\n")] == ["a.jpg", "b.jpg"]


def test_yolo_boxes_and_outlines() -> None:
    ids, boxes = parse_yolo(YOLO)
    assert ids == (2, 7)
    np.testing.assert_allclose(boxes, [[0.75, 0.5625, 0.5, 0.875], [0.2, 0.25, 0.2, 0.3]])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("<annotation>", id="half"),
        pytest.param("<html></html>", id="html"),
        pytest.param("<annotation><object/></annotation>", id="hollow-object"),
        pytest.param(VOC.replace("<name>bad</name>", ""), id="no-name"),
        pytest.param(VOC.replace("51", "a"), id="letters"),
        pytest.param(VOC.replace("51", "nan"), id="nan"),
        pytest.param(VOC.replace("51", "101"), id="crossed"),
        pytest.param(VOC.replace("51", "-1e308"), id="huge"),
        pytest.param(VOC.replace("<xmin>51</xmin>", ""), id="no-xmin"),
        pytest.param("<a>" * 20_000, id="deep"),
        pytest.param("<?xml version='1.0' encoding='nonsense'?><a/>", id="encoding"),
        pytest.param("<?xml version='1.0' encoding='utf-16'?><a/>", id="utf-16"),
        pytest.param(
            "<!DOCTYPE annotation [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;'>]>"
            "<annotation><filename>&b;</filename></annotation>",
            id="entities",
        ),
        pytest.param(
            "<!DOCTYPE annotation [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
            "<annotation><filename>&f;</filename></annotation>",
            id="outer-entity",
        ),
        pytest.param("\ud800", id="surrogate"),
    ],
)
def test_broken_voc(text: str) -> None:
    with pytest.raises(AnnotationError, match=r"^it: expected"):
        parse_voc(text, "it")


@pytest.mark.parametrize("size", ["", "<size/>", "<size><width>0</width><height>0</height></size>"])
def test_voc_without_size(size: str) -> None:
    assert parse_voc(f"<annotation>{size}</annotation>").size is None


def _coco(**changes: object) -> bytes:
    return json.dumps(json.loads(COCO) | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="no-text"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"images": [], "annotations": []}', id="no-categories"),
        pytest.param(_coco(images={}), id="images-mapping"),
        pytest.param(_coco(images=[3]), id="image-number"),
        pytest.param(_coco(images=[{"id": 1}]), id="no-file-name"),
        pytest.param(_coco(images=[{"id": 1, "file_name": []}]), id="file-name-list"),
        pytest.param(_coco(categories=[{"id": [], "name": "a"}]), id="id-list"),
        pytest.param(_coco(annotations=[None]), id="null-annotation"),
        pytest.param(_coco(annotations=[{"image_id": 99}]), id="image-not-listed"),
    ],
)
def test_broken_coco(content: bytes) -> None:
    with pytest.raises(AnnotationError, match=r"^it: expected"):
        parse_coco(content, "it")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"bbox": None}, id="no-box"),
        pytest.param({"bbox": [1, 2, 3]}, id="three-numbers"),
        pytest.param({"bbox": [1, 2, -3, 4]}, id="negative"),
        pytest.param({"bbox": [1, 2, 3, float("nan")]}, id="nan"),
        pytest.param({"bbox": [1, 2, 3, 10**400]}, id="huge"),
        pytest.param({"bbox": {"x": 1}}, id="mapping"),
        pytest.param({"category_id": 4}, id="unknown-category"),
        pytest.param({"category_id": []}, id="category-list"),
    ],
)
def test_one_broken_coco_annotation_condemns_its_picture_alone(change: dict) -> None:
    good = {"image_id": "s", "category_id": 3, "bbox": [0, 0, 1, 1]}
    bad = {"image_id": 7, "category_id": 3, "bbox": [0, 0, 1, 1]} | change
    first, second = parse_coco(_coco(annotations=[bad, good]))
    assert first.fault
    assert (second.fault, len(second.boxes)) == ("", 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a.jpg", id="no-count"),
        pytest.param("a.jpg\nb.jpg\n1\n", id="count-missing"),
        pytest.param("a.jpg\n3\n1 2 3 4\n", id="cut-off"),
        pytest.param("a.jpg\n-1\n", id="negative-count"),
        pytest.param("a.jpg\n99999999999\n", id="huge-count"),
    ],
)
def test_broken_wider(text: str) -> None:
    with pytest.raises(AnnotationError, match=r"^it:1: expected"):
        parse_wider(text, "it")


@pytest.mark.parametrize("line", ["1 2 3", "a b c d", "nan 0 1 1", "1e308 0 1e308 1"])
def test_one_broken_wider_line_condemns_its_picture_alone(line: str) -> None:
    first, second = parse_wider(f"a.jpg\n1\n{line}\nb.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n")
    assert first.fault
    assert (second.fault, len(second.boxes)) == ("", 1)


@pytest.mark.parametrize(
    "line",
    ["0 0.5 0.5 0.1", "x 0 0 1 1", "-1 0 0 1 1", "1.5 0 0 1 1", "0 320 240 50 60", "0 0 0 -1 1"],
)
def test_broken_yolo(line: str) -> None:
    with pytest.raises(AnnotationError, match=r"^it:2: expected"):
        parse_yolo(f"0 0.5 0.5 1 1\n{line}", "it")


def _mutate(content: str) -> st.SearchStrategy[str]:
    """A good file with a stretch of it replaced."""
    ends = st.integers(0, len(content))
    junk = st.text(max_size=8) | st.sampled_from(["<", "&x;", "[", "null", "1e999", "-", "\0"])
    return st.tuples(ends, ends, junk).map(
        lambda t: content[: min(t[:2])] + t[2] + content[max(t[:2]) :]
    )


FILES = {"voc": ("a.xml", VOC), "coco": ("a.json", COCO), "wider": ("x_bbx_gt.txt", WIDER)}
FILES["yolo"] = ("a.txt", YOLO)


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_hostile_files_give_entries_or_one_error(name: str, data: st.DataObject) -> None:
    file, good = FILES[name]
    content = data.draw(st.binary(max_size=64) | _mutate(good).map(_to_bytes))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "a.png").write_bytes(b"x")
        (root / file).write_bytes(content)
        try:
            entries = list(READERS[name](root, None))
        except (AnnotationError, DatasetError):
            return
    for entry in entries:
        if isinstance(entry, AnnotatedImage):
            assert entry.path.parent == root
            boxes, _ = to_boxes(entry, dict.fromkeys(entry.names, 0), *(entry.size or (100, 80)))
            assert len(boxes) <= len(entry.names)


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("names: [a, b]\n", id="list"),
        pytest.param("names: {0: a, 1: b}\n", id="mapping"),
    ],
)
def test_yolo_names_from_yaml(tmp_path: Path, content: str) -> None:
    (tmp_path / "mask.yaml").write_text(content)
    assert read_names(tmp_path) == {0: "a", 1: "b"}


@pytest.mark.parametrize("file", ["classes.txt", "obj.names", "labels/classes.txt"])
def test_yolo_names_from_text(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("a\nb\n")
    assert read_names(tmp_path) == {0: "a", 1: "b"}
    assert read_names(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("image", "label", "split"),
    [
        pytest.param("images/a.jpg", "labels/a.txt", "", id="ultralytics"),
        pytest.param("images/val/a.jpg", "labels/val/a.txt", "val", id="split-below"),
        pytest.param("train/images/a.jpg", "train/labels/a.txt", "train", id="roboflow"),
        pytest.param("test/images/a.jpg", "test/labels/a.txt", "val", id="test-is-held-out"),
        pytest.param("obj_train_data/a.jpg", "obj_train_data/a.txt", "", id="darknet"),
        pytest.param("a.jpg", "labels/a.txt", "", id="flat"),
    ],
)
def test_yolo_layouts(tmp_path: Path, image: str, label: str, split: str) -> None:
    for name, content in ((image, "x"), (label, "1 0.5 0.5 1 1\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (entry,) = READERS["yolo"](tmp_path, None)
    assert isinstance(entry, AnnotatedImage)
    assert (entry.names, entry.split) == (("1",), split)


@pytest.mark.parametrize("name", READERS)
def test_empty_folder_is_no_set(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="expected"):
        list(READERS[name](tmp_path, None))


def test_picture_index(tmp_path: Path) -> None:
    for name in ("x/a.jpg", "y/a.jpg", "y/b.png", "c.d.jpg", "../outside.jpg"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_bytes(b"x")
    index = PictureIndex(tmp_path / "root")
    for name, found in {
        "x/a.jpg": "x/a.jpg",
        "C:\\data\\y\\a.jpg": "y/a.jpg",
        "/else/where/b.jpg": "y/b.png",
        "b": "y/b.png",
        "c.d": "c.d.jpg",
    }.items():
        assert index.find(name, "it") == tmp_path / "root" / found
    for name in ("a.jpg", "none.jpg", "", "..", "../outside.jpg", "c", "a\0b"):
        with pytest.raises(AnnotationError, match=r"^it: expected"):
            index.find(name, "it")


@given(st.integers(2, 3000), st.integers(2, 3000), st.lists(st.tuples(*[st.floats(0, 1)] * 4)))
def test_voc_round_trip_within_half_a_pixel(width: int, height: int, rows: list) -> None:
    xyxy = []
    for a, b, c, d in rows:
        x1, x2 = sorted((a * width, b * width))
        y1, y2 = sorted((c * height, d * height))
        if x2 - x1 >= 1 and y2 - y1 >= 1:
            xyxy.append([x1, y1, x2, y2])
    boxes = Boxes(np.array(xyxy).reshape(-1, 4), np.zeros(len(xyxy), dtype=int))
    content = parse_voc(to_xml("a & <b>.jpg", width, height, boxes))
    assert (content.filename, content.size) == ("a & <b>.jpg", (width, height))
    np.testing.assert_allclose(content.boxes, boxes.xyxy, atol=0.5 + 1e-9)
    assert (content.boxes[:, :2] >= 0).all()
    assert (content.boxes[:, 2:] <= [width, height]).all()


def test_voc_box_thinner_than_a_pixel_stays_inside() -> None:
    boxes = Boxes([[9.6, 9.6, 9.9, 10.0], [0.1, 0.1, 0.2, 0.2]], [0, 0])
    content = parse_voc(to_xml("a.jpg", 10, 10, boxes))
    assert content.boxes.tolist() == [[9, 9, 10, 10], [0, 0, 1, 1]]


def test_to_boxes_cuts_drops_and_counts() -> None:
    entry = AnnotatedImage(
        Path("a.jpg"),
        ("m", "m", "m", "x"),
        np.array([[-5.0, 2, 5, 8], [20, 20, 30, 30], [1, 1, 2, 2], [1, 1, 3, 3]]),
        skipped={"crowd region": 2},
    )
    boxes, left_out = to_boxes(entry, {"m": 1, "x": None}, 10, 10)
    assert boxes.xyxy.tolist() == [[0, 2, 5, 8], [1, 1, 2, 2]]
    assert left_out == {"crowd region": 2, "empty box": 1, "class dropped": 1}


def test_picture_of_another_size_is_refused() -> None:
    entry = AnnotatedImage(Path("a.jpg"), (), np.zeros((0, 4)), size=(20, 10))
    with pytest.raises(AnnotationError, match=r"expected 20x10 px .* but got 10x10"):
        to_boxes(entry, {}, 10, 10)


def _mark(height: int, width: int, box: list[int]) -> np.ndarray:
    """A textured picture with one white box, lossless."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 100, (height, width, 3), dtype=np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = 255
    return image


@pytest.mark.parametrize("turn", ["transpose", "clockwise", "transverse", "anticlockwise"])
def test_boxes_on_stored_pixels_are_turned(turn: str) -> None:
    stored = _mark(30, 50, [5, 10, 12, 28])
    turns: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "transpose": lambda a: a.transpose(1, 0, 2),
        "clockwise": lambda a: np.rot90(a, -1),
        "transverse": lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        "anticlockwise": np.rot90,
    }
    upright = np.ascontiguousarray(turns[turn](stored))
    entry = AnnotatedImage(Path("a"), ("m",), np.array([[5.0, 10, 12, 28]]), size=(50, 30))
    turned = turn_upright(entry, stored, upright)
    assert turned.size == (30, 50)
    x1, y1, x2, y2 = turned.boxes[0].astype(int)
    assert (upright[y1:y2, x1:x2] == 255).all()
    assert (upright == 255).all(axis=2).sum() == (x2 - x1) * (y2 - y1)
