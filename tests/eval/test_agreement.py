"""Our AP50 against ultralytics' validator: the same boxes are right, the integral nearly alike."""

import numpy as np
import pytest

from data.boxes import Boxes
from eval.agreement import Agreement, compare_implementations
from eval.matching import Pair


@pytest.fixture
def quiet(monkeypatch, tmp_path):
    for name in ("YOLO_CONFIG_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path))


def detector_like(pairs, rng):
    """Scores as a detector gives them: right boxes high, alarms low, none alike."""
    return [
        Pair(p.image, p.truth, Boxes(p.found.xyxy, p.found.class_ids, rng.random(len(p.found))))
        for p in pairs
    ]


@pytest.mark.usefixtures("quiet")
def test_implementations_agree(random_pairs):
    rng = np.random.default_rng(3)
    rows = compare_implementations(detector_like(random_pairs(rng, 600), rng))
    assert [row.name for row in rows] == ["with_mask", "without_mask", "incorrect"]
    for row in rows:
        assert row.ours == pytest.approx(row.coco, abs=1e-6)
        assert row.ultralytics == pytest.approx(row.coco, abs=0.006)
        if row.pycocotools is not None:
            assert row.pycocotools == pytest.approx(row.coco, abs=1e-6)
        assert 0.1 < row.coco < 0.95


@pytest.mark.parametrize(
    ("row", "difference"),
    [
        (Agreement("c", 0.5, 0.5, None, 0.51), 0.01),
        (Agreement("c", 0.5, 0.5, 0.5, 0.51), 0.0),
        (Agreement("c", 0.5, 0.52, 0.5, 0.51), 0.02),
    ],
)
def test_difference_is_to_coco_s_own_code_where_it_is(row, difference):
    assert row.difference == pytest.approx(difference)
