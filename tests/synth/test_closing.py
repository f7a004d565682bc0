"""What a finished set says of itself, in each format."""

from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.check import check_dataset
from data.convert import convert
from data.dataset import find_samples, read_labels
from data.files import digest, write_json
from data.formats.target import TARGETS, Target
from data.images import read_image
from data.manifest import PictureRecord, read_manifest, record_to_line
from data.pool import open_executor
from synth.closing import REPORT, close_set
from synth.generate import Config, generate
from synth.recipe import Recipe
from synth.search import Search


def make(source: Path, out: Path, name: str) -> Path:
    config = Config(count=5, search=Search("dlib"), recipe=Recipe(camera=0.0), format=name)
    with open_executor(1) as executor:
        assert generate([source], out, config, executor).pictures == 5
    return out


@pytest.fixture
def plain(folder: Path, tmp_path: Path) -> Path:
    """A set in the YOLO layout."""
    return make(folder, tmp_path / "plain", "yolo")


def read_boxes(root: Path) -> dict[str, Boxes]:
    found = {}
    for sample in find_samples(root):
        height, width = read_image(sample.image).shape[:2]
        found[sample.image.name] = read_labels(sample.label, width, height)
    return found


@pytest.mark.parametrize(("name", "tolerance"), [("coco", 0.01), ("voc", 1.0)])
def test_other_formats_read_back_as_the_same_set(
    name: str, tolerance: float, plain: Path, folder: Path, tmp_path: Path
) -> None:
    made = make(folder, tmp_path / "made", name)
    assert not (made / "labels").exists()
    assert not (made / "data.yaml").exists()
    assert not (made / ".parts").exists()
    result = convert(made, tmp_path / "back", source_format=name)
    assert result.broken == []
    assert check_dataset(tmp_path / "back").errors == 0
    wanted, got = find_samples(plain), find_samples(tmp_path / "back")
    assert [(s.image.name, s.split) for s in got] == [(s.image.name, s.split) for s in wanted]
    assert [digest(s.image) for s in got] == [digest(s.image) for s in wanted]
    before, after = read_boxes(plain), read_boxes(tmp_path / "back")
    for picture, boxes in before.items():
        assert after[picture].class_ids.tolist() == boxes.class_ids.tolist()
        np.testing.assert_allclose(after[picture].xyxy, boxes.xyxy, atol=tolerance)


@pytest.mark.parametrize("name", TARGETS)
def test_manifest_of_each_format(name: str, plain: Path, folder: Path, tmp_path: Path) -> None:
    made = make(folder, tmp_path / "made", name)
    wanted, records = list(read_manifest(plain)), list(read_manifest(made))
    assert [r.boxes for r in records] == [r.boxes for r in wanted]
    assert all((made / record.file).is_file() for record in records)


@pytest.mark.parametrize("source", ["a\u2028b.jpg", "a\x85b.jpg", 'a"\\.jpg'], ids=repr)
def test_names_with_odd_ends_of_lines(source: str, tmp_path: Path) -> None:
    record = PictureRecord("images/train/a.jpg", 9, 9, "train", source, "0" * 64, "a", 1)
    part = tmp_path / "shard-000000.jsonl"
    part.write_text(record_to_line(record) + "\n", encoding="utf-8")
    write_json(part.with_suffix(REPORT), {"faults": ["one"], "blurred": 2})
    drawn = close_set(Target(tmp_path, "yolo"), [part])
    assert (drawn.pictures, drawn.boxes, drawn.faults, drawn.blurred) == (1, {}, ["one"], 2)
    assert list(read_manifest(tmp_path)) == [record]
