import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from data.exceptions import ImageError, UsageError
from data.images import write_image
from detector.predict import (
    Prediction,
    annotated_paths,
    count_classes,
    counts_to_text,
    json_writer,
    predict,
    prediction_to_json,
    read_ahead,
)
from detector.runtime import Detector

OnnxBuilder = Callable[..., Path]

PICTURE = np.zeros((20, 40, 3), np.uint8)
BOXES = Boxes(
    np.array([[1.234567, 2, 3.999, 19.5], [0, 0, 40, 20]]),
    np.array([2, 0]),
    np.array([0.87654321, 0.25]),
)


def square_at(path: Path, x: int) -> Path:
    """A 128 x 64 px PNG with a red 16 px square."""
    image = np.zeros((64, 128, 3), np.uint8)
    image[16:32, x : x + 16] = (0, 0, 255)
    write_image(path, image)
    return path


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
def test_one_prediction_a_picture_in_order(
    tiny_onnx: OnnxBuilder, tmp_path: Path, batch: int
) -> None:
    paths = [square_at(tmp_path / f"{x}.png", x) for x in (48, 0, 96, 16)]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 not a picture")
    paths[2:2] = [broken, tmp_path / "gone.png"]
    found = list(predict(Detector(tiny_onnx()), paths, batch=batch))
    assert [p.path for p in found] == paths
    assert [bool(p.error) for p in found] == [False, False, True, True, False, False]
    assert [round(float(p.boxes.xyxy[0, 2])) for p in found if not p.error] == [68, 20, 116, 36]
    assert found[2].image is None
    assert len(found[3].boxes) == 0


def exif_oriented(image: np.ndarray, orientation: int) -> bytes:
    """A JPEG with an EXIF APP1 segment whose one entry is Orientation (0x0112)."""
    content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    tiff = b"MM\x00*\x00\x00\x00\x08" + b"\x00\x01"  # big-endian TIFF, one entry in its directory
    tiff += b"\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation, 0, 0]) + bytes(4)
    body = b"Exif\x00\x00" + tiff
    return content[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + content[2:]


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, lambda upright: upright),
        (3, lambda upright: np.rot90(upright, 2)),
        (6, np.rot90),  # stored 90° counterclockwise, to be turned clockwise
        (8, lambda upright: np.rot90(upright, -1)),
        (2, np.fliplr),
    ],
    ids=["upright", "180", "clockwise", "counterclockwise", "mirrored"],
)
def test_exif_orientation_is_honoured(
    tiny_onnx: OnnxBuilder,
    tmp_path: Path,
    orientation: int,
    stored: Callable[[np.ndarray], np.ndarray],
) -> None:
    upright = np.zeros((64, 128, 3), np.uint8)
    upright[16:32, 96:112] = (255, 255, 255)
    upright[16:32, 96:112, :2] = 0
    path = tmp_path / "photo.jpg"
    path.write_bytes(exif_oriented(np.ascontiguousarray(stored(upright)), orientation))
    (found,) = predict(Detector(tiny_onnx()), [path])
    entry = prediction_to_json(found)
    assert (entry["width"], entry["height"]) == (128, 64)
    (detection,) = entry["detections"]
    assert detection["class"] == "with_mask"
    assert detection["box"] == [92, 12, 116, 36]


def test_reading_ahead_keeps_the_order_and_stops_cleanly(tmp_path: Path) -> None:
    paths = [square_at(tmp_path / f"{i}.png", i) for i in range(9)]
    asked: list[Path] = []

    def listing() -> object:
        for path in paths:
            asked.append(path)
            yield path

    reading = read_ahead(listing(), ahead=3)
    path, image = next(reading)
    assert path == paths[0]
    assert not isinstance(image, ImageError)
    assert asked == paths[:3]  # no further than asked: memory stays flat
    assert [p for p, _ in reading] == paths[1:]
    again = read_ahead(paths, ahead=3)
    next(again)
    again.close()


def test_json_entry() -> None:
    assert prediction_to_json(Prediction(Path("a/b.jpg"), BOXES, PICTURE)) == {
        "file": "a/b.jpg",
        "width": 40,
        "height": 20,
        "detections": [
            {"class": "incorrect", "score": 0.8765, "box": [1.23, 2.0, 4.0, 19.5]},
            {"class": "with_mask", "score": 0.25, "box": [0.0, 0.0, 40.0, 20.0]},
        ],
    }


def test_json_entry_of_an_unreadable_picture() -> None:
    entry = prediction_to_json(Prediction(Path("x.jpg"), Boxes.empty(), None, "x.jpg: empty"))
    assert entry == {"file": "x.jpg", "error": "x.jpg: empty"}


names = st.text(st.characters(exclude_characters="\x00/"), min_size=1).filter(
    lambda n: n not in {".", ".."}
)


@given(weights=names, files=st.lists(names, max_size=5))
def test_any_file_name_makes_a_valid_document(weights: str, files: list[str]) -> None:
    out = io.StringIO()
    with json_writer(out, weights) as write:
        for name in files:
            write(Prediction(Path(name), BOXES, PICTURE))
    assert out.getvalue().isascii()
    document = json.loads(out.getvalue())
    assert list(document) == ["weights", "images"]
    assert document["weights"] == weights
    assert [entry["file"] for entry in document["images"]] == [str(Path(n)) for n in files]


def interrupted_after_one(out: io.StringIO) -> None:
    with json_writer(out, "w.onnx") as write:
        write(Prediction(Path("a.jpg"), BOXES, PICTURE))
        raise KeyboardInterrupt


def test_a_document_cut_short_is_no_json() -> None:
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        interrupted_after_one(out)
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.getvalue())


def test_counts() -> None:
    assert counts_to_text(count_classes([BOXES, BOXES.select([0])])) == "1 with_mask, 2 incorrect"
    assert counts_to_text(count_classes([])) == "no faces"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["in/a.jpg"], ["a.jpg"]),
        (["in/a.jpg", "in/b.png"], ["a.jpg", "b.png"]),
        (["in/x/a.jpg", "in/y/a.jpg"], ["x/a.jpg", "y/a.jpg"]),
        (["in/a.jpg", "in/deep/er/a.jpg"], ["a.jpg", "deep/er/a.jpg"]),
        (["in/../other/a.jpg", "in/a.jpg"], ["other/a.jpg", "in/a.jpg"]),
        (["in/a.gif", "in/photo"], ["a.gif.jpg", "photo.jpg"]),
    ],
    ids=["one", "folder", "equal-names", "deep", "dots", "formats"],
)
def test_annotated_copies_never_collide(
    tmp_path: Path, paths: list[str], expected: list[str]
) -> None:
    out = tmp_path / "out"
    found = annotated_paths([tmp_path / p for p in paths], out)
    assert found == [out / e for e in expected]


def test_annotated_copies_never_overwrite_an_input(tmp_path: Path) -> None:
    path = square_at(tmp_path / "a.png", 0)
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (tmp_path, tmp_path / "link", tmp_path / "sub" / ".."):
        with pytest.raises(UsageError, match="would overwrite"):
            annotated_paths([path], folder)
