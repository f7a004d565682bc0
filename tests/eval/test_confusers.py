"""Things that are no masks: what is counted, and how sure a share is."""

from pathlib import Path

import numpy as np
import pytest

from data.boxes import Boxes
from data.exceptions import NoFacesError
from data.images import Image, write_image
from data.labels import Label
from detector.runtime import Detector
from eval.confusers import Count, count_faces, count_source, main, to_table, wilson
from eval.matching import Facts, Pair

FACES = np.array([[10.0, 10, 50, 60], [100, 10, 140, 60], [200, 10, 240, 60]])


def make_pair(facts: list[Facts], found: list[tuple[int, Label, float]]) -> Pair:
    """Bare faces with facts; found are the numbers of those that got a box, class and score."""
    boxes = FACES[[n for n, _, _ in found]].reshape(-1, 4)
    ids = np.array([k for _, k, _ in found], dtype=int)
    scores = np.array([s for _, _, s in found], dtype=float)
    truth = Boxes(FACES[: len(facts)], np.full(len(facts), Label.WITHOUT_MASK))
    return Pair(Path("a.jpg"), truth, Boxes(boxes, ids, scores), tuple(facts))


def bare(*things: str) -> Facts:
    return {"state": ("bare",), "occluders": things or ("nothing",)}


@pytest.mark.parametrize(
    ("facts", "found", "expected"),
    [
        pytest.param(
            [bare("towel")], [(0, Label.WITH_MASK, 0.9)], {"towel": Count(1, 1, 0, 0)}, id="fooled"
        ),
        pytest.param(
            [bare("towel")], [(0, Label.WITHOUT_MASK, 0.9)], {"towel": Count(1)}, id="right"
        ),
        pytest.param([bare("towel")], [], {"towel": Count(1, missed=1)}, id="missed"),
        pytest.param(
            [bare("towel")], [(0, Label.WITH_MASK, 0.1)], {"towel": Count(1, missed=1)}, id="low"
        ),
        pytest.param(
            [bare("towel"), bare("cup_hand")],
            [(0, Label.INCORRECT, 0.5), (1, Label.WITHOUT_MASK, 0.5)],
            {"towel": Count(1, incorrect=1), "cup_hand": Count(1)},
            id="by thing",
        ),
        pytest.param([bare()], [(0, Label.WITH_MASK, 0.9)], {}, id="nothing before it"),
        pytest.param([bare("glasses")], [(0, Label.WITH_MASK, 0.9)], {}, id="only in front"),
        pytest.param(
            [{"state": ("right",), "occluders": ("towel",)}],
            [(0, Label.WITH_MASK, 0.9)],
            {},
            id="masked",
        ),
    ],
)
def test_bare_faces_are_counted_by_what_is_before_them(
    facts: list[Facts],
    found: list[tuple[int, Label, float]],
    expected: dict[str, Count],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eval.confusers.INSTEAD", {"towel": None, "cup_hand": None})
    assert count_faces([make_pair(facts, found)], 0.25) == expected


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # 2 of 39 as statsmodels' proportion_confint(2, 39, method="wilson") has it.
    [(0, 10, 0.0, 0.278), (2, 39, 0.014, 0.169), (10, 10, 0.722, 1.0), (5, 10, 0.237, 0.763)],
)
def test_wilson(part: int, whole: int, low: float, high: float) -> None:
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-4)


def test_photographs_count_unless_a_mask_is_worn_there(
    tmp_path: Path, astronaut_image: Image
) -> None:
    for name in ("bare.png", "worn.png"):
        write_image(tmp_path / name, astronaut_image)
    write_image(tmp_path / "empty.png", np.full((64, 64, 3), 128, np.uint8))
    detector = Detector(imgsz=320)
    counts = count_source(tmp_path, detector, frozenset({"worn.png"}))
    assert counts == {"pictures": Count(bare=2, missed=1)}
    with pytest.raises(NoFacesError, match="instead = 1"):
        count_source(tmp_path, detector, frozenset({"worn.png", "bare.png", "empty.png"}))


def test_the_worst_comes_first_after_all_together() -> None:
    table = to_table({"cup": Count(10, 1), "towel": Count(4, 2, 1, 1)})
    assert [row[0] for row in table.rows] == ["all", "towel", "cup"]
    assert table.rows[0][1:4] == ("14", "3", "0.214")
    assert [row[0] for row in to_table({"pictures": Count(3)}).rows] == ["pictures"]


@pytest.mark.parametrize("options", [[], ["--sizes", "320,416"]], ids=["one", "several views"])
def test_what_is_printed(
    options: list[str],
    tmp_path: Path,
    astronaut_image: Image,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_image(tmp_path / "bare.png", astronaut_image)
    monkeypatch.setattr("sys.argv", ["confusers", str(tmp_path), *options])
    assert main() == 0
    place, *table = capsys.readouterr().out.splitlines()
    assert place == f"{tmp_path}, maskwatch-n.onnx"
    assert table[-1].split()[:3] == ["pictures", "1", "0"]


def test_options_that_exclude_each_other_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["confusers", str(tmp_path), "--sizes=320", "--imgsz=320"])
    assert main() == 1
    said = capsys.readouterr().err
    assert said.startswith("confusers: expected --sizes or --imgsz, but got both")
    assert said.count("\n") == 1
