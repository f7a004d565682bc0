"""Landmark error and the fit of outlines, where both are known."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from eval.landmarks import compare_masks, landmark_error, main
from eval.outline import cover, covers, eye_distance, frame_of, outline_distance, overlap
from synth.face_model import place_by_landmarks
from synth.shapes import SHAPES

CSV = Path(__file__).parents[1] / "synth" / "astronaut68.csv"


@pytest.fixture(scope="module")
def truth():
    """(68, 2) landmarks of the astronaut."""
    return np.loadtxt(CSV, delimiter=",", skiprows=1)


@pytest.fixture
def folder(tmp_path, astronaut, truth):
    """One photo with hand-made landmarks."""
    (tmp_path / "images").mkdir()
    shutil.copyfile(astronaut, tmp_path / "images" / "astronaut.png")
    numbers = ",".join(f"{v:.2f}" for v in truth.ravel())
    (tmp_path / "keypoints68.csv").write_text(f"astronaut.png,{numbers}\n")
    return tmp_path


@pytest.mark.parametrize("moved", [0.0, 0.05, 0.3])
def test_error_is_a_share_of_the_eye_distance(truth, moved):
    found = truth + np.array([moved * eye_distance(truth), 0])
    assert landmark_error(found, truth) == pytest.approx(100 * moved)


@pytest.mark.parametrize("style", SHAPES)
def test_moved_outline(truth, style):
    """All points 10 % of the eye distance to the right: sides lie 10 off, edges along less."""
    frame = frame_of(truth)
    here, there = (
        cover(
            SHAPES[style],
            place_by_landmarks(truth + np.array([by * eye_distance(truth), 0])),
            frame,
        )
        for by in (0.0, 0.1)
    )
    assert here.sum() > 3000
    assert overlap(here, here) == 1
    assert outline_distance(here, here) == 0
    assert 1 < outline_distance(here, there) < 10
    assert 0.5 < overlap(here, there) < 0.95


def test_distance_of_an_empty_outline_is_unknown():
    full = np.ones((480, 480), np.bool_)
    assert np.isnan(outline_distance(full, ~full))
    assert overlap(~full, ~full) == 1


def test_what_a_right_mask_covers(truth):
    fits = compare_masks({"hand": place_by_landmarks(truth)}, truth)["hand"]
    for fit in fits.values():
        assert (fit.distance, fit.iou, fit.mouth, fit.nose) == (0, 1, True, True)
        assert 0 < fit.upper < 1
    raster = cover(SHAPES["surgical"], place_by_landmarks(truth), frame_of(truth))
    inside = covers(raster, frame_of(truth)(truth))
    assert not inside[36:48].any()  # eyes
    assert inside[48:].all()  # mouth


def test_program(folder, tmp_path, capsys):
    out = tmp_path / "l.json"
    assert main([str(folder), "--faces", "dlib", "--json", str(out)]) == 0
    text = capsys.readouterr().out
    assert "with landmarks" in text
    (value,) = json.loads(out.read_text())
    # dlib against landmarks that dlib found: as good as it gets.
    assert value["found"]
    assert value["error"] < 3
    assert set(value["fits"]) == {"hand", "placed", "landmarks", "box"}
    assert value["fits"]["placed"]["surgical"]["iou"] > 0.9
    assert value["fits"]["box"]["surgical"]["iou"] < value["fits"]["placed"]["surgical"]["iou"]


def test_folder_without_landmarks_is_refused(folder, caplog):
    (folder / "keypoints68.csv").unlink()
    assert main([str(folder), "--faces", "dlib"]) == 1
    assert "keypoints68.csv" in caplog.text
