"""The user's own cut-outs: which files do, and where they land."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data.exceptions import UsageError
from data.images import Image
from synth.face_model import mean_face
from synth.faces import Face
from synth.occlusion.cutouts import check_cutouts, draw_cutout, read_cutout


def write(path: Path, image: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), np.asarray(image))
    return path


def disc(side: int = 80) -> Image:
    """A green disc on nothing, with wide empty margins."""
    y, x = np.mgrid[:side, :side] + 0.5 - side / 2
    image = np.zeros((side, side, 4), np.uint8)
    image[np.hypot(x, y) < side / 4] = (0, 255, 0, 255)
    return image


def test_cutouts_are_listed_sorted_and_trimmed(tmp_path: Path) -> None:
    write(tmp_path / "own" / "b.png", disc())
    write(tmp_path / "own" / "a.webp", disc())
    (tmp_path / "own" / ".DS_Store").write_text("x")
    paths = check_cutouts(tmp_path / "own")
    assert [Path(p).name for p in paths] == ["a.webp", "b.png"]
    assert read_cutout(paths[1]).shape == (40, 40, 4)


def test_large_cutouts_are_shrunk(tmp_path: Path) -> None:
    path = write(tmp_path / "own" / "large.png", disc(1600))
    assert max(read_cutout(str(path)).shape) == 512


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("text.png", "text", "it is no picture", id="text"),
        pytest.param("empty.png", "", "it is no picture", id="empty"),
        pytest.param("flat.png", np.zeros((9, 9, 3), np.uint8), "alpha channel", id="no alpha"),
        pytest.param("deep.png", np.zeros((9, 9, 4), np.uint16), "8-bit", id="16 bit"),
        pytest.param("none.png", np.zeros((9, 9, 4), np.uint8), "everywhere", id="all clear"),
        pytest.param("full.png", np.full((9, 9, 4), 255, np.uint8), "nowhere", id="none clear"),
    ],
)
def test_what_is_no_cutout_is_named(
    name: str, content: object, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "own" / name
    if isinstance(content, str):
        path.parent.mkdir()
        path.write_text(content)
    else:
        write(path, content)
    with pytest.raises(UsageError, match=message) as caught:
        check_cutouts(path.parent)
    assert name in str(caught.value)


@pytest.mark.parametrize("folder", ["none", "empty"])
def test_no_folder_and_an_empty_one_are_refused(folder: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="expected"):
        check_cutouts(tmp_path / folder)


@pytest.mark.parametrize(
    ("name", "landmarks"), [("cup", slice(48, 68)), ("glasses", slice(36, 48))]
)
def test_cutouts_lie_over_the_mouth_or_the_eyes(
    name: str, landmarks: slice, tmp_path: Path, portrait: Image, head: Face
) -> None:
    path = write(tmp_path / f"{name}.png", disc())
    expected = head.placement.project(mean_face()[landmarks]).mean(0)
    height = head.box[3] - head.box[1]
    for seed in range(5):
        rng = np.random.default_rng(seed)
        drawn = draw_cutout(portrait, head.placement, head.box, str(path), rng)
        assert (drawn != portrait).any()
        bgr = drawn.astype(int)
        rows, columns = np.nonzero(bgr[..., 1] > bgr[..., [0, 2]].max(-1) + 60)
        middle = [columns.mean(), rows.mean()]
        assert middle == pytest.approx(expected, abs=0.15 * height)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "cup.png", disc(80))
    assert read_cutout(str(path)).shape == (40, 40, 4)
    write(path, disc(160))
    assert read_cutout(str(path)).shape == (80, 80, 4)
