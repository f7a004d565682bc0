"""What becomes a label, what is covered."""

import math

import numpy as np
import pytest

from data.boxes import Boxes
from data.exceptions import UsageError
from data.labels import Label
from detector.ensemble import Fused
from eval.pseudo import Rules, Verdict, cover, judge

FACE = [10.0, 10.0, 50.0, 60.0]
ECHO = [18.0, 10.0, 58.0, 60.0]  # IoU .67 with FACE
APART = [200.0, 10.0, 240.0, 60.0]
TINY = [100.0, 10.0, 104.0, 15.0]

Row = tuple[list[float], float, float]


def make_fused(*rows: Row) -> Fused:
    """Fused boxes of (xyxy, score, agreement)."""
    if not rows:
        return Fused(Boxes.empty(), np.zeros(0), np.zeros(0))
    xyxy, scores, agreement = (np.array(v) for v in zip(*rows, strict=True))
    return Fused(Boxes(xyxy, np.ones(len(rows), int), scores), np.ones(len(rows)), agreement)


@pytest.mark.parametrize(
    ("rows", "sure", "doubtful", "left_out"),
    [
        pytest.param([], [], [], "without a face", id="nothing"),
        pytest.param([(FACE, 0.6, 0.8)], [FACE], [], "", id="just sure"),
        pytest.param([(FACE, 0.59, 1.0)], [], [FACE], "mostly doubtful", id="score too low"),
        pytest.param([(FACE, 0.9, 0.79)], [], [FACE], "mostly doubtful", id="class unsure"),
        pytest.param([(TINY, 0.9, 1.0)], [], [TINY], "mostly doubtful", id="too small to tell"),
        pytest.param([(FACE, 0.14, 1.0)], [], [], "without a face", id="background"),
        pytest.param([(FACE, 0.9, 1.0), (APART, 0.15, 1.0)], [FACE], [APART], "", id="half"),
        pytest.param(
            [(FACE, 0.9, 1.0), (APART, 0.3, 1.0), (TINY, 0.2, 1.0)],
            *([FACE], [APART, TINY], "mostly doubtful"),
            id="more than half doubtful",
        ),
        pytest.param([(FACE, 0.9, 1.0), (ECHO, 0.7, 1.0)], [FACE], [], "", id="sure echo"),
        pytest.param([(FACE, 0.9, 1.0), (ECHO, 0.3, 1.0)], [FACE], [], "", id="doubtful echo"),
        pytest.param(
            [(FACE, 0.9, 0.5), (ECHO, 0.7, 1.0)],
            *([], [FACE], "mostly doubtful"),
            id="echo of a doubtful one",
        ),
    ],
)
def test_verdict(
    rows: list[Row], sure: list[list[float]], doubtful: list[list[float]], left_out: str
) -> None:
    verdict = judge(make_fused(*rows), Rules())
    assert verdict.labels.xyxy.tolist() == sure
    assert verdict.confidence.tolist() == [1.0] * len(sure)
    assert verdict.doubtful.tolist() == doubtful
    assert verdict.left_out == left_out


@pytest.mark.parametrize(
    ("rows", "labels", "doubtful"),
    [
        pytest.param([(FACE, 0.6, 0.8)], [(FACE, 1.0)], [], id="just sure"),
        pytest.param([(FACE, 0.3, 1.0)], [(FACE, 0.5)], [], id="half the score"),
        pytest.param([(FACE, 0.9, 0.4)], [(FACE, 0.5)], [], id="half the agreement"),
        pytest.param([(FACE, 0.3, 0.4)], [(FACE, 0.25)], [], id="half of both"),
        pytest.param([(FACE, 0.14, 1.0)], [], [], id="background"),
        pytest.param([(TINY, 0.9, 1.0)], [], [TINY], id="too small to tell"),
        pytest.param([(FACE, 0.9, 1.0), (ECHO, 0.3, 1.0)], [(FACE, 1.0)], [], id="echo"),
        pytest.param(
            [(FACE, 0.9, 1.0), (APART, 0.15, 1.0)],
            *([(FACE, 1.0), (APART, 0.25)], []),
            id="one of each",
        ),
    ],
)
def test_soft_labels_are_believed_in_part(
    rows: list[Row], labels: list[tuple[list[float], float]], doubtful: list[list[float]]
) -> None:
    verdict = judge(make_fused(*rows), Rules(soft=True))
    assert verdict.labels.xyxy.tolist() == [xyxy for xyxy, _ in labels]
    assert verdict.confidence == pytest.approx([confidence for _, confidence in labels])
    assert verdict.doubtful.tolist() == doubtful


@pytest.mark.parametrize(
    ("doubtful", "grey"),
    [
        pytest.param([], [], id="nothing doubtful"),
        pytest.param([[20.0, 20, 40, 30]], [(18, 19, 42, 31)], id="with a margin"),
        pytest.param([[-9.0, 50, 11, 90]], [(0, 46, 13, 60)], id="cut by the edge"),
        pytest.param([[70.0, 10, 90, 40]], [(68, 7, 80, 43)], id="beside a labelled face"),
        pytest.param([[200.0, 10, 220, 40]], [], id="outside"),
    ],
)
def test_cover(doubtful: list[list[float]], grey: list[tuple[int, int, int, int]]) -> None:
    image = np.full((60, 100, 3), (9, 200, 30), np.uint8)
    sure = Boxes(np.array([[80.0, 0, 100, 60]]), np.zeros(1, int), np.ones(1))
    covered = cover(image, Verdict(sure, np.ones(1), np.array(doubtful).reshape(-1, 4)))
    expected = image.copy()
    for x1, y1, x2, y2 in grey:
        expected[y1:y2, x1:x2] = 114
    assert covered.dtype == np.uint8
    assert (covered == expected).all()
    assert (image == (9, 200, 30)).all()


@pytest.mark.parametrize(
    "values",
    [
        {"doubt": 0.7},
        {"doubt": 0.0},
        {"sure": 1.1},
        {"sure": math.nan},
        {"agreement": -0.1},
        {"val": 1.0},
        {"val": -0.1},
        {"sure_incorrect": 0.1},
        {"sure_incorrect": 1.1},
        {"sure_incorrect": math.nan},
    ],
    ids=str,
)
def test_rules_that_make_no_sense(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Rules(**values)


@pytest.mark.parametrize(
    ("label", "score", "sure"),
    [
        pytest.param(Label.INCORRECT, 0.35, True, id="rare class above its own"),
        pytest.param(Label.INCORRECT, 0.34, False, id="rare class below it"),
        pytest.param(Label.WITH_MASK, 0.59, False, id="others as before"),
        pytest.param(Label.WITHOUT_MASK, 0.6, True, id="others above"),
    ],
)
def test_the_rare_class_may_have_its_own_threshold(label: Label, score: float, sure: bool) -> None:
    boxes = Boxes(np.array([FACE]), np.array([label]), np.array([score]))
    verdict = judge(Fused(boxes, np.ones(1), np.ones(1)), Rules(sure_incorrect=0.35))
    assert (len(verdict.labels), len(verdict.doubtful)) == (int(sure), int(not sure))
