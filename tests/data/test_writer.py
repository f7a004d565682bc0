from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.dataset import read_labels
from data.exceptions import AnnotationError, DatasetError, ImageError
from data.images import Image, encode_image, read_image
from data.writer import require_new, write_sample

BOXES = Boxes([[10, 20, 50.5, 80.25], [0, 0, 512, 512]], [2, 0])


def test_array_is_encoded_and_labelled(tmp_path: Path, astronaut_image: Image) -> None:
    sample = write_sample(tmp_path, "val", "a.png", astronaut_image, BOXES)
    assert sample.image == tmp_path / "images/val/a.png"
    assert sample.label == tmp_path / "labels/val/a.txt"
    assert np.array_equal(read_image(sample.image), astronaut_image)
    read = read_labels(sample.label, 512, 512)
    assert read.class_ids.tolist() == [2, 0]
    np.testing.assert_allclose(read.xyxy, BOXES.xyxy, atol=1e-3)


@pytest.mark.parametrize("size", [None, (512, 512)], ids=["size-decoded", "size-given"])
def test_bytes_stay_as_they_are(
    tmp_path: Path, astronaut_image: Image, size: tuple[int, int] | None
) -> None:
    content = encode_image(astronaut_image, ".jpg")
    sample = write_sample(tmp_path, "train", "a.jpg", content, BOXES, size=size)
    assert sample.image.read_bytes() == content
    assert len(read_labels(sample.label, 512, 512)) == 2


def test_no_faces_write_an_empty_label(tmp_path: Path, astronaut_image: Image) -> None:
    sample = write_sample(tmp_path, "train", "a.jpg", astronaut_image, Boxes.empty())
    assert sample.label.read_text() == ""


def test_picture_never_stands_without_its_label(tmp_path: Path, astronaut_image: Image) -> None:
    """A folder in the picture's place makes its write fail; its label is there already."""
    (tmp_path / "images/train/a.png").mkdir(parents=True)
    with pytest.raises(OSError, match=r"(?i)directory|denied"):
        write_sample(tmp_path, "train", "a.png", astronaut_image, BOXES)
    assert (tmp_path / "labels/train/a.txt").is_file()


@pytest.mark.parametrize(
    ("split", "name", "boxes", "error"),
    [
        pytest.param("test", "a.jpg", BOXES, DatasetError, id="other-split"),
        pytest.param("val", "b/a.jpg", BOXES, DatasetError, id="folder-in-name"),
        pytest.param("val", "../a.jpg", BOXES, DatasetError, id="way-out"),
        pytest.param("val", ".a.jpg", BOXES, DatasetError, id="hidden"),
        pytest.param("val", "a", BOXES, DatasetError, id="no-suffix"),
        pytest.param("val", "", BOXES, DatasetError, id="no-name"),
        pytest.param("val", "a.xyz", BOXES, ImageError, id="unknown-format"),
        pytest.param("val", "a.jpg", Boxes([[0, 0, 513, 9]], [0]), AnnotationError, id="leaves"),
        pytest.param("val", "a.jpg", Boxes([[0, 0, 1e-5, 9]], [0]), AnnotationError, id="thin"),
    ],
)
def test_nonsense_writes_nothing(
    tmp_path: Path,
    astronaut_image: Image,
    split: str,
    name: str,
    boxes: Boxes,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        write_sample(tmp_path, split, name, astronaut_image, boxes)
    assert list(tmp_path.iterdir()) == []


def test_require_new(tmp_path: Path) -> None:
    require_new(tmp_path / "none")
    require_new(tmp_path)
    (tmp_path / "a").write_text("x")
    for path in (tmp_path, tmp_path / "a"):
        with pytest.raises(DatasetError, match="--out"):
            require_new(path)
