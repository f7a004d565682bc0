"""The data set in FiftyOne: made, evaluated, brought up to date, exported.

One process does it all (dataset_scenario.py), because FiftyOne takes seconds to start and sets
global state; each test looks at a part of what it said.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data.dataset import find_samples, read_labels
from data.manifest import read_manifest
from detector.train import fingerprint
from eval.browse.dataset import dataset_name
from eval.cli.main import main

SCENARIO = Path(__file__).with_name("dataset_scenario.py")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def said(mistakes, astronaut, out):
    arguments = [mistakes.root, mistakes.first, mistakes.second, astronaut, out]
    done = subprocess.run(
        [sys.executable, str(SCENARIO), *map(str, arguments)],
        env=mistakes.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_first_start_adds_and_evaluates_everything(said):
    assert said["new"] == [2, 5, 0, 0]
    assert said["schemas"] == ["with_mask", "without_mask", "incorrect"]
    assert said["map"] == pytest.approx(1)  # the second model is always right


@pytest.mark.parametrize(
    ("view", "patches"),
    [
        ("first: all mistakes", 3),
        ("first: class confusions", 1),
        ("first: false alarms", 1),
        ("first: missed faces", 1),
        ("first: low-confidence hits", 1),
        ("first: likely label errors", 0),
        ("first: worst pictures first", 3),
        ("first: wrong, faces 96 px and more", 2),
        ("first: wrong, style cloth", 2),
        ("first: wrong, state nose_out", 2),
        ("first: wrong, occluder hand", 2),
        ("second: all mistakes", 0),
    ],
)
def test_saved_views_hold_what_they_say(said, view, patches):
    assert said["views"][view] == patches


def test_slices_without_mistakes_have_no_view(said):
    assert "first: wrong, style cup" not in said["views"]
    assert not [name for name in said["views"] if name.startswith("second: wrong")]


def test_evaluation_is_fiftyones(said):
    assert said["ours"] == said["theirs"]


def test_mistakenness_is_the_mean_of_the_brains(said):
    expected = []
    for opinions in zip(*said["brain"], strict=True):
        known = [value for value in opinions if value is not None]
        expected.append(sum(known) / len(known))
    assert said["mistakenness"] == pytest.approx(expected)


def test_second_start_does_nothing(said):
    assert said["unchanged"] == [0, 0, 0, 0]
    assert said["settled"] == [0, 0, 0, 0]


def test_labels_edited_in_the_app_are_evaluated_again(said):
    assert said["edited"] == [[2, 0, 0, 0], 1, []]


def test_folder_and_predictions_are_followed_tags_and_edits_stay(said, mistakes):
    (runs, added, changed, removed), notes = said["changed"]
    assert (runs, added, changed, removed) == (2, 1, 1, 1)
    gone, both = notes
    assert "1 picture(s) aren't in the folder any more" in gone
    assert "confused.png: edited in the App and on disk: the App's labels stay" in both
    assert said["disk"] == ["with_mask", "incorrect"]
    assert said["kept"] == [["fix"], ["accept"], True]
    assert said["datasets"] == [dataset_name(mistakes.root, None)]


def test_a_killed_update_is_made_up_for(said):
    assert said["repaired"] == [[2, 1, 0, 0], 5]


def test_other_versions_and_strangers(said):
    assert "a newer maskwatch made it (version 99)" in said["newer"]
    assert "made again with the tags of 1 pictures; the old one is kept as" in said["older"]
    assert said["older_tags"] == [[2, 5, 0, 0], ["fix"]]
    assert "FiftyOne has another of that name" in said["strange"]


def test_fixes_are_what_was_tagged_or_edited(said):
    assert set(said["fixes"]) == {"alarm", "confused"}
    assert said["tagged"] == ["alarm"]
    labels, boxes = said["fixes"]["alarm"]
    assert labels == [1, 2]
    assert boxes[1] == pytest.approx([190, 190, 230, 240], abs=0.01)
    assert said["fixes"]["confused"][0] == [2]


@pytest.mark.parametrize(("name", "count"), [("some", 2), ("whole", 5)])
def test_export_passes_check_and_is_taken_by_train(said, out, capsys, name, count):
    assert said[name] == [count, 2, True]
    root = out / name
    assert main(["check", str(root)]) == 0
    assert "0 errors" in capsys.readouterr().out
    assert fingerprint(root)  # what train asks of a set: both splits, our classes
    samples = {s.image.stem: s for s in find_samples(root)}
    assert len(samples) == count
    assert read_labels(samples["alarm"].label, 256, 256).class_ids.tolist() == [1, 2]
    assert read_labels(samples["confused"].label, 256, 256).class_ids.tolist() == [2]
    records = {Path(r.file).stem: r for r in read_manifest(root)}
    assert records["alarm"].boxes[0].style == "cup"
    assert [records["confused"].boxes[0].style, records["confused"].boxes[0].label] == [
        "",
        "incorrect",
    ]
    assert records["alarm"].identity == "alarm"
