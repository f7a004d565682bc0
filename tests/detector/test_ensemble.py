"""Fusing the boxes of several views."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.boxes import Boxes
from data.images import Image, read_image
from detector.ensemble import detect_views, fuse, mirror
from detector.runtime import Detector

FACE = [10.0, 10.0, 50.0, 60.0]
NEAR = [14.0, 10.0, 54.0, 60.0]  # IoU .82 with FACE
FAR = [200.0, 10.0, 240.0, 60.0]


def make_boxes(*rows: tuple[list[float], int, float]) -> Boxes:
    """Boxes of (xyxy, class, score)."""
    if not rows:
        return Boxes.empty()
    xyxy, class_ids, scores = zip(*rows, strict=True)
    return Boxes(np.array(xyxy), np.array(class_ids), np.array(scores))


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        pytest.param([], [], id="no view"),
        pytest.param([[], []], [], id="nothing in any view"),
        pytest.param([[(FACE, 0, 0.8)]], [(FACE, 0, 0.8, 1.0, 1.0)], id="one view"),
        pytest.param([[(FACE, 0, 0.8)]] * 3, [(FACE, 0, 0.8, 1.0, 1.0)], id="all alike"),
        pytest.param(
            [[(FACE, 0, 0.9)], [], []], [(FACE, 0, 0.3, 1 / 3, 1.0)], id="one view of three"
        ),
        pytest.param(
            [[(FACE, 0, 0.9)], [(NEAR, 0, 0.3)]],
            [([11.0, 10.0, 51.0, 60.0], 0, 0.6, 1.0, 1.0)],
            id="corners weighted by scores",
        ),
        pytest.param(
            [[(FACE, 0, 0.4)], [(FACE, 0, 0.3)], [(FACE, 2, 0.6)]],
            [(FACE, 0, 1.3 / 3, 1.0, 0.7 / 1.3)],
            id="class by summed scores, not by the best",
        ),
        pytest.param(
            [[(FACE, 0, 0.5)], [(FAR, 1, 0.7)]],
            [(FAR, 1, 0.35, 0.5, 1.0), (FACE, 0, 0.25, 0.5, 1.0)],
            id="two faces, best first",
        ),
        pytest.param(
            [[(FACE, 0, 0.9), (NEAR, 1, 0.8)], []],
            [(FACE, 0, 0.45, 0.5, 1.0), (NEAR, 1, 0.4, 0.5, 1.0)],
            id="a view has one vote a face",
        ),
        pytest.param(
            [[(FACE, 0, 0.9), (NEAR, 1, 0.8)]] * 2,
            [(FACE, 0, 0.9, 1.0, 1.0), (NEAR, 1, 0.8, 1.0, 1.0)],
            id="neighbours stay apart",
        ),
        pytest.param([[(FACE, 1, 0.0)]] * 2, [(FACE, 1, 0.0, 1.0, 1.0)], id="scores of 0"),
    ],
)
def test_fusion(
    views: list[list[tuple[list[float], int, float]]],
    expected: list[tuple[list[float], int, float, float, float]],
) -> None:
    fused = fuse([make_boxes(*rows) for rows in views])
    assert len(fused.boxes) == len(fused.views) == len(fused.agreement) == len(expected)
    for i, (xyxy, class_id, score, share, agreement) in enumerate(expected):
        assert fused.boxes.xyxy[i] == pytest.approx(xyxy)
        assert fused.boxes.class_ids[i] == class_id
        assert fused.boxes.scores[i] == pytest.approx(score)
        assert fused.views[i] == pytest.approx(share)
        assert fused.agreement[i] == pytest.approx(agreement)


def test_the_more_a_box_overlaps_the_sooner_it_joins() -> None:
    other = [30.0, 10.0, 70.0, 60.0]
    fused = fuse([make_boxes((FACE, 0, 0.9), (other, 0, 0.8)), make_boxes((NEAR, 0, 0.7))])
    assert fused.views.tolist() == [1.0, 0.5]
    assert fused.boxes.xyxy[1].tolist() == other


# Few places and scores, so that boxes overlap, and tie, often.
CORNERS = st.integers(0, 6).map(lambda v: 5.0 * v)
SIDES = st.integers(4, 8).map(lambda v: 5.0 * v)
SCORES = st.sampled_from([0.0, 0.1, 0.3, 0.3000001, 0.9, 1.0])


@st.composite
def boxes(draw: st.DrawFn) -> Boxes:
    rows = draw(
        st.lists(st.tuples(CORNERS, CORNERS, SIDES, SIDES, st.integers(0, 2), SCORES), max_size=5)
    )
    return make_boxes(*(([x, y, x + w, y + h], c, s) for x, y, w, h, c, s in rows))


def to_rows(found: Boxes) -> list[tuple[float, ...]]:
    return [
        (*xyxy, class_id, score)
        for xyxy, class_id, score in zip(
            found.xyxy.tolist(), found.class_ids.tolist(), found.scores.tolist(), strict=True
        )
    ]


@given(st.lists(boxes(), max_size=5), st.randoms(use_true_random=False))
def test_order_of_views_and_boxes_does_not_matter(views: list[Boxes], random) -> None:
    shuffled = [v.select(np.array(random.sample(range(len(v)), len(v)), int)) for v in views]
    random.shuffle(shuffled)
    first, second = fuse(views), fuse(shuffled)
    assert to_rows(first.boxes) == to_rows(second.boxes)
    assert first.views.tolist() == second.views.tolist()
    assert first.agreement.tolist() == second.agreement.tolist()


@given(boxes())
def test_one_view_is_itself(view: Boxes) -> None:
    fused = fuse([view])
    assert sorted(to_rows(fused.boxes)) == sorted(to_rows(view))
    assert (np.diff(fused.boxes.scores) <= 0).all()
    assert (fused.views == 1).all()
    assert (fused.agreement == 1).all()


@given(st.lists(boxes(), min_size=1, max_size=5))
def test_every_vote_counts_once_and_nothing_leaves_the_hull(views: list[Boxes]) -> None:
    fused = fuse(views)
    votes = sum(len(v) for v in views)
    assert (fused.views * len(views)).sum() == pytest.approx(votes)
    assert fused.boxes.scores.sum() * len(views) == pytest.approx(
        sum(v.scores.sum() for v in views)
    )
    assert ((fused.boxes.scores >= 0) & (fused.boxes.scores <= fused.views + 1e-12)).all()
    assert ((fused.agreement > 1 / 3 - 1e-12) & (fused.agreement <= 1)).all()
    if votes:
        corners = np.concatenate([v.xyxy for v in views])
        assert (fused.boxes.xyxy >= corners.min(axis=0)).all()
        assert (fused.boxes.xyxy <= corners.max(axis=0)).all()


@given(boxes())
def test_mirrored_twice_is_itself(view: Boxes) -> None:
    assert to_rows(mirror(mirror(view, 70), 70)) == to_rows(view)


def test_a_mirrored_picture_gives_mirrored_faces(zidane: Path, bus: Path) -> None:
    """The views of a picture are those of its mirror image: padding is even at these sizes."""
    detector = Detector(threads=1)
    for path in (zidane, bus):
        image = read_image(path)
        flipped: Image = np.ascontiguousarray(image[:, ::-1])
        plain, mirrored = (
            fuse(detect_views(detector, i, [320, 416], 0.25)).boxes for i in (image, flipped)
        )
        assert len(plain) == len(mirrored) > 0
        back = mirror(mirrored, image.shape[1])
        assert back.class_ids.tolist() == plain.class_ids.tolist()
        assert back.xyxy == pytest.approx(plain.xyxy, abs=0.5)
        assert back.scores == pytest.approx(plain.scores, abs=0.02)
