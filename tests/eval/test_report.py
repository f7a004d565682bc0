"""The whole evaluation, its JSON, plot, tables and page."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.boxes import Boxes
from data.exceptions import DatasetError, ImageError
from eval.eval_page import page_sections
from eval.evaluation import evaluate
from eval.matching import Pair
from eval.plots import plot_evaluation
from eval.report import Card, Picture, Section, Table, render_page, table_to_text
from eval.summary import ap_table, class_note
from eval.tables import error_table


@pytest.fixture(scope="module")
def evaluation(random_pairs):
    return evaluate(random_pairs(np.random.default_rng(0), 40), rounds=50)


def test_json_has_the_documented_keys(evaluation):
    value = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert [size["min_height"] for size in value["sizes"]] == [0, 16, 32]
    assert set(value["sizes"][0]) == {
        *("min_height", "faces", "ap50", "ap75", "ap50_95", "map50", "map75", "map50_95"),
        *("ap50_interval", "map50_interval", "any_face_recall"),
    }
    for size in value["sizes"]:
        low, high = size["map50_interval"]
        assert 0 <= low <= size["map50"] <= high <= 1
    assert value["bootstrap"] == {"rounds": 50, "seed": 0, "level": 0.95}
    assert np.shape(value["confusion"]["matrix"]) == (4, 4)
    assert set(value) == {
        *("classes_with_truth", "sizes", "bootstrap", "confusion"),
        *("thresholds", "errors", "slices"),
    }
    point = value["thresholds"]["chosen"]["with_mask"]
    assert point["recall_interval"][0] <= point["recall"] <= point["recall_interval"][1]


@pytest.mark.parametrize("seed", range(3))
def test_order_of_pictures_does_not_matter(random_pairs, seed):
    pairs = random_pairs(np.random.default_rng(seed), 15)
    shuffled = [pairs[n] for n in np.random.default_rng(seed + 1).permutation(15)]
    assert evaluate(shuffled, rounds=5).to_json() == evaluate(pairs, rounds=5).to_json()


def test_absent_class_is_null_everywhere():
    face = Boxes(np.array([[0.0, 0, 40, 40]]), np.array([0]))
    called_wrong = Boxes(face.xyxy, np.array([2]), np.array([0.9]))
    pairs = [Pair(Path("a"), face, face), Pair(Path("b"), face, called_wrong)]
    result = evaluate(pairs, rounds=20)
    value = result.to_json()
    size = value["sizes"][0]
    assert value["classes_with_truth"] == ["with_mask"]
    assert (size["ap50"]["incorrect"], size["ap50_interval"]["incorrect"]) == (None, None)
    assert size["map50"] == size["ap50"]["with_mask"] == pytest.approx(51 / 101)
    assert "no without_mask and no incorrect" in class_note(result)
    assert ap_table(result).rows[2][:3] == ("incorrect", "0", "-")


def test_errors_are_told_of_each_class():
    """A face of one class called another costs the first alone; a box on nothing its own class."""
    left, right = [0.0, 0, 40, 40], [100.0, 0, 140, 40]
    truth = Boxes(np.array([left, right]), np.array([0, 2]))
    found = Boxes(
        np.array([left, right, [300.0, 0, 340, 40]]), np.array([0, 1, 0]), np.array([0.5, 0.9, 0.8])
    )
    table = error_table(evaluate([Pair(Path("a"), truth, found)], rounds=0))
    assert table.header[2:] == ("mAP50 if mended", "with_mask", "without_mask", "incorrect")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["classification"] == ("1", "+0.500", "+0.000", "-", "+1.000")
    assert rows["background"] == ("1", "+0.250", "+0.500", "-", "+0.000")


def test_nothing_labelled_is_an_error():
    with pytest.raises(DatasetError, match="1 readable pictures have none"):
        evaluate([Pair(Path("a"), Boxes.empty(), Boxes.empty())])


def test_bootstrap_can_be_left_out(random_pairs):
    value = evaluate(random_pairs(np.random.default_rng(0), 5), rounds=0).to_json()
    assert value["sizes"][0]["map50_interval"] is None


def test_plot_is_a_png_with_all_class_colours(evaluation):
    image = cv2.imdecode(np.frombuffer(plot_evaluation(evaluation), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[1] > 1000
    colours = {tuple(c) for c in image.reshape(-1, 3)[:, ::-1].tolist()}
    assert {(0, 158, 115), (213, 94, 0), (240, 180, 0)} <= colours


def test_page_asks_for_nothing_outside(evaluation):
    page = render_page("T", page_sections(evaluation))
    sources = re.findall(r"""(?:src|href)=["']?([^"'> ]*)""", page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r"<script|@import|url\(|https?://", page)
    assert "width=device-width" in page


@pytest.mark.parametrize("folded", [False, True])
def test_page_escapes_what_it_is_given(folded):
    evil = "<script>alert('1')</script>"
    pictures = (Picture(b"\xff\xd8rest", evil), Picture(b"\xff\xd8rest", evil, panel=True))
    tables, cards = (Table((evil,), ((evil,),), evil),), (Card(evil, evil, evil),)
    section = Section(evil, (evil,), tables, pictures, (evil,), cards, folded)
    page = render_page(evil, [section], evil)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 16


def test_page_refuses_what_is_no_picture():
    with pytest.raises(ImageError, match="PNG or JPEG"):
        render_page("T", [Section("S", pictures=(Picture(b"GIF89a"),))])


def test_table_is_aligned():
    table = Table(("class", "AP50"), (("with_mask", "0.5"), ("mean", "-")))
    assert table_to_text(table).splitlines() == [
        "class      AP50",
        "with_mask   0.5",
        "mean          -",
    ]
