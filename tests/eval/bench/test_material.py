"""Portraits and scenes that the synthesis is timed on."""

import numpy as np
import pytest

from data.dataset import find_samples, read_labels
from data.exceptions import DatasetError, NoFacesError
from data.files import digest
from data.images import read_image, write_image
from data.pool import open_executor
from eval.bench.material import CROP, FACES, read_portraits, write_portraits, write_scenes
from synth.search import Search, search_photos


def test_sample_portraits_differ_and_show_a_face(tmp_path):
    images = read_portraits(None, 6)
    assert {image.shape for image in images} == {(CROP, CROP, 3)}
    write_portraits(images, tmp_path)
    assert len({digest(p) for p in tmp_path.iterdir()}) == 6
    with open_executor(1) as executor:
        photos, _ = search_photos([tmp_path], Search("dlib"), executor)
    assert [len(photo.faces) for photo in photos] == [1] * 6
    write_scenes(photos, tmp_path / "scenes", 2)
    samples = find_samples(tmp_path / "scenes")
    assert len(samples) == 2
    for sample in samples:
        height, width = read_image(sample.image).shape[:2]
        assert (width, height) == (640, 480)
        boxes = read_labels(sample.label, width, height)
        assert len(boxes) == FACES
        assert boxes.heights.min() > 40


def test_a_folder_is_gone_through_again(tmp_path):
    for number in range(2):
        write_image(tmp_path / f"{number}.png", np.full((9, 9, 3), number, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"x")
    images = read_portraits(tmp_path, 5)
    assert [int(image[0, 0, 0]) for image in images] == [0, 1, 0, 1, 0]


def test_unreadable_and_faceless_sources_are_refused(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"x")
    with pytest.raises(DatasetError, match="no picture there can be read"):
        read_portraits(tmp_path, 3)
    with pytest.raises(NoFacesError, match="none was found"):
        write_scenes([], tmp_path, 1)
