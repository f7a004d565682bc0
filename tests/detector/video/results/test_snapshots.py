"""One picture for each face and state, of what is shown, and never more than is allowed."""

import logging
import shutil
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import UsageError
from data.images import read_image
from detector.video.results import snapshots as module
from detector.video.results.events import Observer
from detector.video.results.snapshots import Snapshots, crop_around

WANTED = ("incorrect", "without_mask")


def run(snapshots: Snapshots, results, drawn) -> None:
    observer = Observer()
    for result in results:
        snapshots.update(observer.update(result), drawn)


def names(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def warnings_of(caplog) -> list[str]:
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING]


def test_one_for_each_track_and_wanted_state(tmp_path, make_result, zidane_image) -> None:
    folder = tmp_path / "new" / "shots"
    with Snapshots(folder, WANTED) as snapshots:
        run(
            snapshots,
            [
                make_result(0, {1: "unsure", 2: "with_mask"}),
                make_result(1, {1: "incorrect", 2: "with_mask"}),
                make_result(2, {1: "without_mask", 2: "without_mask"}),
                make_result(3, {1: "incorrect", 2: "without_mask"}),
                make_result(4, {2: "without_mask"}, closed=[1]),
            ],
            zidane_image,
        )
        assert not any(key == ("door", 1) for key in snapshots._taken)
    assert names(folder) == [
        "20260921T141320100Z_door_1_incorrect.jpg",
        "20260921T141320200Z_door_1_without_mask.jpg",
        "20260921T141320200Z_door_2_without_mask.jpg",
    ]


def test_it_shows_what_is_shown_and_not_the_frame(tmp_path, make_result, zidane_image) -> None:
    """`drawn` may be pixelated; the frame of the result must not get out."""
    drawn = np.full_like(zidane_image, 128)
    with Snapshots(tmp_path, WANTED) as snapshots:
        run(snapshots, [make_result(0, {1: "incorrect"}, image=zidane_image)], drawn)
    (path,) = tmp_path.iterdir()
    assert np.abs(read_image(path).astype(int) - 128).max() <= 2


@given(
    st.integers(1, 2000), st.integers(1, 2000), st.floats(-50, 2000), st.floats(-50, 2000),
    st.floats(1, 900),
)  # fmt: skip
def test_crop_holds_the_face_and_lies_in_the_picture(height, width, x, y, side) -> None:
    picture = np.broadcast_to(np.uint8(0), (height, width, 3))
    x, y = min(x, width - 1), min(y, height - 1)
    box = (x, y, x + side, y + side)
    crop = crop_around(picture, box)
    assert crop.size > 0
    most = max(320, round(3 * side))
    assert crop.shape[:2] == (min(height, most), min(width, most))


def test_same_name_twice_replaces_nothing(tmp_path, make_result, zidane_image) -> None:
    for _ in range(2):
        with Snapshots(tmp_path, WANTED) as snapshots:
            run(snapshots, [make_result(0, {1: "incorrect"})], zidane_image)
    assert names(tmp_path) == [
        "20260921T141320000Z_door_1_incorrect-2.jpg",
        "20260921T141320000Z_door_1_incorrect.jpg",
    ]


def test_cap_counts_earlier_runs_and_is_named_once(
    tmp_path, make_result, zidane_image, caplog
) -> None:
    for first in (0, 10):
        with Snapshots(tmp_path, WANTED, most=3) as snapshots:
            results = [make_result(first + n, {first + n + 1: "incorrect"}) for n in range(4)]
            run(snapshots, results, zidane_image)
    assert len(names(tmp_path)) == 3
    messages = warnings_of(caplog)
    assert len(messages) == 2  # once in each run
    assert all("no more are taken" in m for m in messages)


def test_full_disk_is_named_once(tmp_path, make_result, zidane_image, caplog, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, module.FREE_BYTES - 1))
    with Snapshots(tmp_path, WANTED) as snapshots:
        run(
            snapshots,
            [make_result(n, {n + 1: "incorrect"}) for n in range(4)],
            zidane_image,
        )
    assert names(tmp_path) == []
    assert [m for m in warnings_of(caplog) if "200 MB" in m] == warnings_of(caplog)
    assert len(warnings_of(caplog)) == 1


def test_folder_that_goes_away_does_not_end_the_video(
    tmp_path, make_result, zidane_image, caplog
) -> None:
    folder = tmp_path / "shots"
    with Snapshots(folder, WANTED) as snapshots:
        folder.rmdir()
        folder.write_text("in the way")
        run(snapshots, [make_result(n, {n + 1: "incorrect"}) for n in range(4)], zidane_image)
    assert len(warnings_of(caplog)) == 1
    assert f"snapshots in {folder}: can't be written (File exists)" in warnings_of(caplog)[0]
    assert snapshots.failures == [f"snapshots in {folder}: 4 of 4 failed (File exists)"]


def test_source_names_are_made_safe(tmp_path, make_result, zidane_image) -> None:
    with Snapshots(tmp_path, WANTED) as snapshots:
        run(snapshots, [make_result(0, {1: "incorrect"}, source="../a b:c")], zidane_image)
    assert names(tmp_path) == ["20260921T141320000Z_a-b-c_1_incorrect.jpg"]


def test_a_file_in_place_of_the_folder(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(UsageError, match="expected a folder for snapshots"):
        Snapshots(path, WANTED)
